#define _GNU_SOURCE
#include "image.h"
#include "init.h"
#include "mounts.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    FUSE_MAGIC = 0x65735546,
    PATIENCE_MS = 30000,
    CAPABILITIES = 1 << 21, /* what mount(2) asks for */
};

/* ---- the server ---- */

/* A byte lets it go. data is "PROGRAM OPTIONS". The program says nothing to anybody: before the payload runs, that nothing was mounted tells enough. */
_Noreturn void image_serve(int from, const struct op *op)
{
    static char program[PATH_MAX];
    char byte;
    if (read(from, &byte, 1) != 1)
        _exit(0); /* whoever would have asked has ended */
    const char *blank = strchr(op->data, ' ');
    if (blank == NULL || (size_t)(blank - op->data) >= sizeof program)
        _exit(1);
    memcpy(program, op->data, (size_t)(blank - op->data));
    fcntl(from, F_SETFD, 0); /* open as long as the program lives */
    char *const argv[] = { program, "-f", "-o", (char *)blank + 1, (char *)op->source, (char *)op->target, NULL };
    server_become(program, argv, (char *[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL }, CAPABILITIES);
}

/* ---- the inner process ---- */

/* Answered by the program, or, when it has ended, by the kernel. */
static int is_mounted(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == FUSE_MAGIC;
}

/* What was opened before lies below what is mounted now; layers in it could not be opened at all. */
int open_again(const char *point)
{
    for (uint32_t i = 0; i < plan.op_count; i++) {
        struct op *op = &plan.ops[i];
        if (op->source == NULL || !(op->fd >= 0 ? strcmp(op->source, point) == 0 : is_layer_in(op, point)))
            continue;
        if (op->fd >= 0)
            close(op->fd);
        op->fd = open(op->source, O_PATH | O_CLOEXEC | O_DIRECTORY);
        if (op->fd < 0)
            return fail();
    }
    return 0;
}

int is_layer_in(const struct op *op, const char *point)
{
    size_t n = strlen(point);
    return op->kind == OP_LAYER && op->source && strncmp(op->source, point, n) == 0 && op->source[n] == '/';
}

int image_mount(const struct op *op)
{
    int server = server_socket(op->kind);
    if (server < 0 || write(server, "", 1) != 1)
        return ENOSYS;
    long long deadline = now_ms() + PATIENCE_MS;
    struct pollfd end = { .fd = server, .events = POLLIN };
    while (!is_mounted(op->target)) {
        if (poll(&end, 1, 1) > 0)
            return ENODEV; /* the program has ended */
        if (now_ms() > deadline)
            return ETIMEDOUT;
    }
    struct stat st;
    return stat(op->target, &st) ? fail() : open_again(op->target);
}

/* Probe: whether the kernel lets this user mount a FUSE file system. */
int image_test(void)
{
    char options[96];
    int fd = open("/old/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return fail();
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fd, (unsigned)geteuid(), (unsigned)getegid());
    int error = mount("gridwrap", "/empty", "fuse", MS_NOSUID | MS_NODEV, options) ? fail() : 0;
    if (!error)
        umount2("/empty", MNT_DETACH);
    close(fd);
    return error;
}
