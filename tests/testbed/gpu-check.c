/* Proof that a GPU can be used, without any CUDA installation: the driver's library is opened by name, and bytes go to the card and back.
 * Prints one line "gpu-check: N GPUs, NAME" and exits 0, or one line with the call that failed and exits 1. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef int (*call_init)(unsigned);
typedef int (*call_count)(int *);
typedef int (*call_device)(int *, int);
typedef int (*call_name)(char *, int, int);
typedef int (*call_context)(void **, unsigned, int);
typedef int (*call_allocate)(unsigned long long *, size_t);
typedef int (*call_to_card)(unsigned long long, const void *, size_t);
typedef int (*call_from_card)(void *, unsigned long long, size_t);
typedef int (*call_free)(unsigned long long);

enum { BYTES = 1 << 20 };

static void *library;
static unsigned char sent[BYTES], received[BYTES];

static void *find(const char *name)
{
    void *found = dlsym(library, name);
    if (found == NULL)
        printf("gpu-check: %s is not in libcuda.so.1\n", name);
    return found;
}

static int failed(const char *call, int error)
{
    if (error)
        printf("gpu-check: %s returned %d\n", call, error);
    return error;
}

static int copy_there_and_back(int device)
{
    call_context context_create = (call_context)find("cuCtxCreate_v2");
    call_allocate allocate = (call_allocate)find("cuMemAlloc_v2");
    call_to_card to_card = (call_to_card)find("cuMemcpyHtoD_v2");
    call_from_card from_card = (call_from_card)find("cuMemcpyDtoH_v2");
    call_free release = (call_free)find("cuMemFree_v2");
    void *context;
    unsigned long long memory;
    if (!context_create || !allocate || !to_card || !from_card || !release)
        return 1;
    for (size_t i = 0; i < BYTES; i++)
        sent[i] = (unsigned char)(i * 31 + 7);
    if (failed("cuCtxCreate", context_create(&context, 0, device)) || failed("cuMemAlloc", allocate(&memory, BYTES))
        || failed("cuMemcpyHtoD", to_card(memory, sent, BYTES)) || failed("cuMemcpyDtoH", from_card(received, memory, BYTES)))
        return 1;
    release(memory);
    if (memcmp(sent, received, BYTES) != 0) {
        printf("gpu-check: other bytes came back\n");
        return 1;
    }
    return 0;
}

int main(void)
{
    library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == NULL) {
        printf("gpu-check: %s\n", dlerror());
        return 1;
    }
    call_init init = (call_init)find("cuInit");
    call_count count = (call_count)find("cuDeviceGetCount");
    call_device get = (call_device)find("cuDeviceGet");
    call_name name = (call_name)find("cuDeviceGetName");
    int devices = 0, device = 0;
    char text[128] = "";
    if (!init || !count || !get || !name)
        return 1;
    if (failed("cuInit", init(0)) || failed("cuDeviceGetCount", count(&devices)) || failed("cuDeviceGet", get(&device, 0)) || failed("cuDeviceGetName", name(text, sizeof text, device)))
        return 1;
    if (copy_there_and_back(device))
        return 1;
    printf("gpu-check: %d GPUs, %s\n", devices, text);
    return 0;
}
