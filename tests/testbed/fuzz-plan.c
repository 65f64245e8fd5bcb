/* fuzz-plan SECONDS [SEED]: damages a valid plan in random ways and decodes it, with the sanitizers watching. Built and run by fuzz-plan.sh.
 * Whatever is accepted is read to its end, as the helper would. fuzz-plan write FILE: the valid plan alone. With GRIDWRAP_LIBFUZZER it is a target for
 * clang's fuzzer instead. */
#include "../../src/init/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef GRIDWRAP_LIBFUZZER
static char valid[1 << 16];
static size_t used;

static void word(uint32_t value)
{
    memcpy(valid + used, &value, 4);
    used += 4;
}

static void text(const char *t)
{
    size_t length = strlen(t);
    word((uint32_t)length);
    memcpy(valid + used, t, length);
    memset(valid + used + length, 0, 4 - length % 4);
    used += length + 4 - length % 4;
}

static void operation(uint32_t kind, const char *source, const char *target, const char *data)
{
    const char *const strings[] = { source, target, data };
    word(kind);
    word(0);
    for (int i = 0; i < 3; i++)
        if (strings[i])
            text(strings[i]);
        else
            word(UINT32_MAX);
}

static void build(void)
{
    const uint32_t head[11] = { PLAN_MAGIC, PLAN_VERSION, 0, PLAN_PID_NAMESPACE, 0, OP_LAST, 3, 2, 1000, 1024, 2 };
    for (int i = 0; i < 11; i++)
        word(head[i]);
    text("1000 1000 1\n");
    text("1000 1000 1\n");
    text("/work");
    text("/sys/fs/cgroup/job");
    text("/usr/bin/newuidmap");
    text("/usr/bin/newgidmap");
    text("0 1000 1\n");
    text("0 1000 1\n");
    text("/bin/sh");
    text("-c");
    text("echo a word");
    text("PATH=/bin");
    text("HOME=/work");
    for (uint32_t i = 0; i < 10; i++)
        word(i);
    for (uint32_t kind = 1; kind <= OP_LAST; kind++)
        operation(kind, "/a/source", "/a/target", "some data");
    memcpy(valid + 8, &(uint32_t){ (uint32_t)used }, 4);
}

static size_t damage(char *plan)
{
    static const uint32_t odd[] = { 0, 1, 3, 4, 5, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, PLAN_MAX_SIZE, PLAN_MAX_SIZE + 1, PLAN_MAX_STRINGS, PLAN_MAX_OPERATIONS };
    size_t size = used;
    for (int times = 1 + rand() % 4; times > 0; times--) {
        switch (rand() % 4) {
        case 0:
            size = (size_t)rand() % (size + 1);
            break;
        case 1:
            if (size >= 4)
                memcpy(plan + (size_t)rand() % (size / 4) * 4, &odd[(size_t)rand() % (sizeof odd / sizeof *odd)], 4);
            break;
        case 2:
            if (size)
                plan[(size_t)rand() % size] ^= (char)(1 << rand() % 8);
            break;
        default:
            if (size)
                plan[(size_t)rand() % size] = (char)rand();
        }
    }
    if (size >= 12 && rand() % 4)
        memcpy(plan + 8, &(uint32_t){ (uint32_t)size }, 4);
    return size;
}
#endif

static size_t read_all(const struct plan *plan)
{
    size_t sum = strlen(plan->uid_map) + strlen(plan->gid_map) + strlen(plan->directory);
    const char *const optional[] = { plan->cgroup, plan->uid_mapper, plan->gid_mapper, plan->inner_uid_map, plan->inner_gid_map };
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
        sum += optional[i] ? strlen(optional[i]) : 0;
    for (uint32_t i = 0; i < plan->limit_count; i++)
        sum += plan->limits[i].resource + plan->limits[i].soft + plan->limits[i].hard;
    for (char **word = plan->argv; *word; word++)
        sum += strlen(*word);
    for (char **word = plan->envp; *word; word++)
        sum += strlen(*word);
    for (uint32_t i = 0; i < plan->op_count; i++) {
        const struct op *op = &plan->ops[i];
        sum += (op->source ? strlen(op->source) : 0) + (op->target ? strlen(op->target) : 0);
        for (size_t at = 0; op->data && at <= op->data_length; at++)
            sum += (unsigned char)op->data[at];
    }
    return sum;
}

#ifdef GRIDWRAP_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *plan = malloc(size ? size : 1);
    memcpy(plan, data, size);
    struct plan decoded;
    /* The size is a matter of the file, not of luck: it is put right, so that the fuzzer gets behind it. */
    if (size >= 12)
        memcpy(plan + 8, &(uint32_t){ (uint32_t)size }, 4);
    volatile size_t sum = plan_decode(plan, size, &decoded) == 0 ? read_all(&decoded) : 0;
    (void)sum;
    free(plan);
    return 0;
}
#else
static int write_valid(const char *path)
{
    FILE *file = fopen(path, "w");
    build();
    return file == NULL || fwrite(valid, 1, used, file) != used || fclose(file);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "write") == 0)
        return write_valid(argv[2]);
    long seconds = argc > 1 ? atol(argv[1]) : 10, tried = 0, accepted = 0;
    srand(argc > 2 ? (unsigned)atol(argv[2]) : 1);
    build();
    size_t sum = 0;
    for (time_t end = time(NULL) + seconds; time(NULL) < end;) {
        for (int i = 0; i < 1000; i++, tried++) {
            /* Exactly as large as the plan, so that one byte too far is seen. */
            char *copy = malloc(used);
            memcpy(copy, valid, used);
            size_t size = tried ? damage(copy) : used;
            char *plan = malloc(size ? size : 1);
            memcpy(plan, copy, size);
            free(copy);
            struct plan decoded;
            if (plan_decode(plan, size, &decoded) == 0) {
                accepted++;
                sum += read_all(&decoded);
            } else if (tried == 0) {
                return fprintf(stderr, "the valid plan was refused\n"), 1;
            }
            free(plan);
        }
    }
    printf("%ld plans, %ld accepted, checksum %zu\n", tried, accepted, sum);
    return 0;
}
#endif
