#define _GNU_SOURCE
#include "image.h"
#include "init.h"
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    FUSE_MAGIC = 0x65735546,
    PATIENCE_MS = 30000,
    END_MS = 2000,
    CAPABILITY_ADMIN = 21, /* what mount(2) asks for */
    CAPABILITY_VERSION = 0x20080522,
};

static pid_t server;
static int talk = -1; /* a byte lets the server go; its other end is open as long as the server lives */

/* ---- the server ---- */

/* Another program keeps it only as an ambient one. */
static void keep_admin(void)
{
    struct {
        uint32_t version;
        int pid;
    } header = { CAPABILITY_VERSION, 0 };
    struct {
        uint32_t effective, permitted, inheritable;
    } data[2];
    if (syscall(SYS_capget, &header, data))
        return;
    data[0].inheritable |= 1u << CAPABILITY_ADMIN;
    if (syscall(SYS_capset, &header, data) == 0)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAPABILITY_ADMIN, 0, 0);
}

/* data is "PROGRAM OPTIONS". It says what it has to say to nobody: before the payload runs, that nothing was mounted tells enough. */
static _Noreturn void serve(int from, const struct op *op)
{
    static char program[PATH_MAX];
    char byte;
    if (read(from, &byte, 1) != 1)
        _exit(0); /* whoever would have asked has ended */
    const char *blank = strchr(op->data, ' ');
    if (blank == NULL || (size_t)(blank - op->data) >= sizeof program)
        _exit(1);
    memcpy(program, op->data, (size_t)(blank - op->data));
    keep_admin();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd < 3; fd++)
        dup2(null, fd);
    fcntl(from, F_SETFD, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *const argv[] = { program, "-f", "-o", (char *)blank + 1, (char *)op->source, (char *)op->target, NULL };
    execve(program, argv, (char *[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL });
    _exit(127);
}

static const struct op *planned(void)
{
    for (uint32_t i = 0; i < plan.op_count; i++)
        if (plan.ops[i].kind == OP_IMAGE)
            return &plan.ops[i];
    return NULL;
}

int image_is_planned(void)
{
    return planned() != NULL;
}

void image_start(void)
{
    const struct op *op = planned();
    int pair[2];
    if (op == NULL)
        return;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        give_up(STEP_FORK, errno);
    pid_t outer = getpid();
    server = fork();
    if (server < 0)
        give_up(STEP_FORK, errno);
    if (server == 0) {
        die_with_parent(SIGKILL);
        close(pair[1]);
        close(REPORT_FD);
        if (getppid() == outer)
            serve(pair[0], op);
        _exit(0);
    }
    close(pair[0]);
    talk = pair[1];
}

/* One that waits for a dead file system does not end: it is left to the kernel, which has been told to kill it. */
void image_end(void)
{
    struct timespec pause = { 0, 1000000 };
    if (server <= 0)
        return;
    kill(server, SIGKILL);
    for (int ms = 0; ms < END_MS && waitpid(server, NULL, WNOHANG) == 0; ms++)
        nanosleep(&pause, NULL);
}

/* ---- the inner process ---- */

/* Answered by the program, or, when it has ended, by the kernel. */
static int is_mounted(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == FUSE_MAGIC;
}

/* What was opened before lies below what is mounted now. */
static int open_again(const char *point)
{
    for (uint32_t i = 0; i < plan.op_count; i++) {
        struct op *op = &plan.ops[i];
        if (op->fd < 0 || op->source == NULL || strcmp(op->source, point))
            continue;
        close(op->fd);
        op->fd = open(point, O_PATH | O_CLOEXEC | O_DIRECTORY);
        if (op->fd < 0)
            return fail();
    }
    return 0;
}

int image_mount(const struct op *op)
{
    if (talk < 0 || write(talk, "", 1) != 1)
        return ENOSYS;
    long long deadline = now_ms() + PATIENCE_MS;
    struct pollfd end = { .fd = talk, .events = POLLIN };
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
