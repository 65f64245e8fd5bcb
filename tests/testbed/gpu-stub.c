/* A libcuda.so.1 without a card, for nodes that have none: as much of the driver's interface as gpu-check.c calls, with the memory of the card in the process. */
#include <stdlib.h>
#include <string.h>

int cuInit(unsigned flags) { return (int)flags; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int length, int device) { (void)device; strncpy(name, "stub", (size_t)length); return 0; }
int cuCtxCreate_v2(void **context, unsigned flags, int device) { (void)flags; (void)device; *context = NULL; return 0; }
int cuMemAlloc_v2(unsigned long long *memory, size_t size) { *memory = (unsigned long long)(size_t)malloc(size); return *memory ? 0 : 2; }
int cuMemcpyHtoD_v2(unsigned long long to, const void *from, size_t size) { memcpy((void *)(size_t)to, from, size); return 0; }
int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t size) { memcpy(to, (void *)(size_t)from, size); return 0; }
int cuMemFree_v2(unsigned long long memory) { free((void *)(size_t)memory); return 0; }
