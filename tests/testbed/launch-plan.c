/* launch-plan IMAGE-DIR [underlay] >PLAN: a plan for gridwrap-init that uses every kind of operation and runs /bin/true in the image, as the caller. */
#include "../../src/init/plan.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char bytes[1 << 16];
static size_t used;

static void word(uint32_t value)
{
    memcpy(bytes + used, &value, 4);
    used += 4;
}

static void text(const char *t)
{
    if (t == NULL) {
        word(UINT32_MAX);
        return;
    }
    size_t length = strlen(t);
    word((uint32_t)length);
    memcpy(bytes + used, t, length);
    memset(bytes + used + length, 0, 4 - length % 4);
    used += length + 4 - length % 4;
}

static uint32_t count;

static void operation(uint32_t kind, uint32_t flags, const char *source, const char *target, const char *data)
{
    word(kind);
    word(flags);
    text(source);
    text(target);
    text(data);
    count++;
}

int main(int argc, char **argv)
{
    const uint32_t head[11] = { PLAN_MAGIC, PLAN_VERSION, 0, PLAN_PID_NAMESPACE | PLAN_DENY | PLAN_FAKE_ROOT, 0, 0, 1, 1, 100, 256, 1 };
    char uids[32], gids[32], inner_uids[32], inner_gids[32];
    if (argc < 2)
        return fprintf(stderr, "usage: launch-plan IMAGE-DIR [underlay]\n"), 64;
    int underlay = argc > 2 && strcmp(argv[2], "underlay") == 0;
    snprintf(uids, sizeof uids, "%u %u 1\n", getuid(), getuid());
    snprintf(gids, sizeof gids, "%u %u 1\n", getgid(), getgid());
    snprintf(inner_uids, sizeof inner_uids, "0 %u 1\n", getuid());
    snprintf(inner_gids, sizeof inner_gids, "0 %u 1\n", getgid());
    for (int i = 0; i < 11; i++)
        word(head[i]);
    const char *const strings[] = { uids, gids, "/", NULL, NULL, NULL, inner_uids, inner_gids, "/bin/true", "PATH=/bin" };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        text(strings[i]);
    const uint32_t limit[5] = { 4, 0, 0, 0, 0 }; /* no core files */
    for (int i = 0; i < 5; i++)
        word(limit[i]);
    operation(OP_SLAVE, 0, NULL, NULL, NULL);
    operation(OP_BASE, 0, NULL, "/tmp", NULL);
    if (underlay)
        operation(OP_UNDERLAY, 0, argv[1], NULL, NULL);
    operation(OP_SCAFFOLD, 0, NULL, "/made/by/us", NULL);
    operation(OP_SCAFFOLD, OP_FILE, NULL, "/etc/made", NULL);
    if (!underlay) {
        operation(OP_OVERLAY_TEST, 0, NULL, NULL, "");
        operation(OP_LAYER, 0, argv[1], NULL, NULL);
        operation(OP_OVERLAY, OP_READONLY, NULL, NULL, "");
    }
    operation(OP_PROC, 0, NULL, "/proc", NULL);
    operation(OP_DEVICES, 0, "/dev", "/dev", NULL);
    operation(OP_MASK, 0, NULL, "/proc/keys", NULL);
    operation(OP_BIND, OP_READONLY, "/usr", "/made/by/us", NULL);
    operation(OP_BIND, OP_OPTIONAL, "/there/is/none", "/made/not", NULL);
    operation(OP_TMPFS, 0, NULL, "/tmp", "mode=1777,size=1m");
    operation(OP_WRITE, 0, NULL, "/etc/made", "content\n");
    operation(OP_COPY, OP_OPTIONAL, "/etc/hostname", "/etc/hostname", NULL);
    operation(OP_IDENTITY, OP_OPTIONAL, NULL, "/etc/passwd", "me:x:1:1:::\n");
    operation(OP_READ_ONLY, 0, NULL, NULL, NULL);
    operation(OP_ENTER, 0, NULL, NULL, NULL);
    memcpy(bytes + 8, &(uint32_t){ (uint32_t)used }, 4);
    memcpy(bytes + 20, &count, 4);
    return fwrite(bytes, 1, used, stdout) != used;
}
