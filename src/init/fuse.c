#define _GNU_SOURCE
#include "fuse.h"
#include "init.h"
#include "mounts.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SERVED_FD = 3, /* of the program: /dev/fuse, mounted already */
    MAX_OPTIONS = 16384,
    /* What the program needs to act for more than one id: chown, reading and changing whatever the ids of the map own, set-id bits, devices. */
    CAPABILITIES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 27,
};

/* ---- the server ---- */

/* Descriptors and one text over a socket. */
static union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
} control;

static int receive(int from, char *text, size_t size, int fds[2])
{
    struct iovec part = { text, size - 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
    ssize_t n = recvmsg(from, &message, 0);
    struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header == NULL || header->cmsg_len != CMSG_LEN(2 * sizeof(int)))
        return -1;
    text[n] = '\0';
    memcpy(fds, CMSG_DATA(header), 2 * sizeof(int));
    return 0;
}

static int hand_over(int to, const char *text, const int fds[2])
{
    struct iovec part = { (char *)text, strlen(text) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
    control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(2 * sizeof(int)) };
    memcpy(CMSG_DATA(&control.header), fds, 2 * sizeof(int));
    return sendmsg(to, &message, MSG_NOSIGNAL) < 0 ? fail() : 0;
}

/* What a program of the host's needs to start, at its place in the tree that holds the layers. Seen by this process only. */
static void show_host(void)
{
    static const char *const names[] = { "usr", "lib", "lib32", "lib64", "libx32", "bin", "sbin", "etc", "proc", "dev", "nix", "gnu" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char from[32], link[PATH_MAX];
        struct stat st;
        snprintf(from, sizeof from, "/old/%s", names[i]);
        if (lstat(from, &st))
            continue;
        ssize_t n = S_ISLNK(st.st_mode) ? readlink(from, link, sizeof link - 1) : -1;
        if (n >= 0) {
            link[n] = '\0';
            if (symlink(link, from + 4))
                continue;
        } else if (mkdir(from + 4, 0755) == 0) {
            mount(from, from + 4, "", MS_BIND | MS_REC, NULL);
        }
    }
}

/* Every layer is a descriptor, and every open file another. */
static void raise_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

_Noreturn void fuse_serve(int from, const struct op *op)
{
    static char text[MAX_OPTIONS], program[PATH_MAX + 8];
    int fds[2];
    if (receive(from, text, sizeof text, fds))
        _exit(0); /* whoever would have asked has ended */
    if (fchdir(fds[1]) || chroot(".") || unshare(CLONE_NEWNS))
        _exit(1);
    umount2("/root", MNT_DETACH); /* it must not hold what it serves */
    show_host();
    raise_limit();
    if (dup2(fds[0], SERVED_FD) < 0)
        _exit(1);
    snprintf(program, sizeof program, "/old%s", op->source);
    char *const argv[] = { "fuse-overlayfs", "-f", "-o", text, "/dev/fd/3", NULL };
    server_become(program, argv, (char *[]){ NULL }, CAPABILITIES);
}

/* ---- the inner process ---- */

/* The layers by short names, topmost first, over the scaffold, under a layer that can be written. */
static int name_layers(char *text, size_t size)
{
    char name[16], target[PATH_MAX + 8];
    unsigned count = 0;
    size_t n = (size_t)snprintf(text, size, "noacl,upperdir=/up/upper,workdir=/up/work,lowerdir=");
    if (mkdir("/f", 0755))
        return fail();
    for (uint32_t i = 0; i < plan.op_count; i++) {
        if (plan.ops[i].kind != OP_LAYER)
            continue;
        snprintf(name, sizeof name, "/f/%u", count++);
        if ((size_t)snprintf(target, sizeof target, "/old%s", plan.ops[i].source) >= sizeof target)
            return ENAMETOOLONG;
        if (symlink(target, name))
            return fail();
        n += (size_t)snprintf(text + n, n < size ? size - n : 0, "%s:", name);
    }
    n += (size_t)snprintf(text + n, n < size ? size - n : 0, "/bottom");
    return n < size ? 0 : E2BIG;
}

int fuse_overlay(const struct op *op)
{
    static char text[MAX_OPTIONS];
    char options[160];
    struct stat st;
    int server = server_socket(op->kind);
    int error = server < 0 ? ENOSYS : name_layers(text, sizeof text);
    if (error)
        return error;
    /* Opened here: the kernel wants the device opened and mounted in one user namespace. */
    int fds[2] = { open("/old/dev/fuse", O_RDWR | O_CLOEXEC), open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) };
    if (fds[0] < 0 || fds[1] < 0)
        return fail();
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions,allow_other", fds[0], (unsigned)geteuid(), (unsigned)getegid());
    error = mount("fuse-overlayfs", "/root", "fuse.fuse-overlayfs", MS_NOSUID | MS_NODEV, options) ? fail() : hand_over(server, text, fds);
    close(fds[0]);
    close(fds[1]);
    close(server);
    /* Answered by the program, or, when it has ended, by the kernel. */
    return error ? error : stat("/root", &st) ? fail() : 0;
}
