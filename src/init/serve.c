#define _GNU_SOURCE
#include "serve.h"
#include "image.h"
#include "init.h"
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SERVE_FD = 8, /* the socket to the caller */
    PATIENCE_MS = 30000,
    SOURCE_DIRECTORY = 1,
    SOURCE_OTHER = 2,
};

/* What goes with the descriptor: how the mount's user namespace numbers the one whom everything belongs to, and what the source of each operation is, since some can only be
 * looked at from here. */
static struct {
    uint32_t uid, gid;
    unsigned char sources[PLAN_MAX_OPERATIONS];
} message;

static int is_planned(void)
{
    for (uint32_t i = 0; i < plan.op_count; i++)
        if (plan.ops[i].kind == OP_SERVE)
            return 1;
    return 0;
}

int serve_has(const struct op *op)
{
    for (uint32_t i = 0; i < plan.op_count; i++)
        if (plan.ops[i].kind == OP_SERVE && is_layer_in(op, plan.ops[i].target))
            return 1;
    return 0;
}

void serve_keep(void)
{
    if (is_planned())
        fcntl(SERVE_FD, F_SETFD, FD_CLOEXEC);
}

void serve_leave(void)
{
    if (is_planned())
        close(SERVE_FD);
}

static int send_device(int fd)
{
    static union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    message.uid = (uint32_t)geteuid();
    message.gid = (uint32_t)getegid();
    for (uint32_t i = 0; i < plan.op_count; i++)
        if (plan.ops[i].fd >= 0)
            message.sources[i] = is_directory(plan.ops[i].fd) ? SOURCE_DIRECTORY : SOURCE_OTHER;
    struct iovec part = { &message, sizeof message - sizeof message.sources + plan.op_count };
    struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
    control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(SERVE_FD, &m, MSG_NOSIGNAL) < 0 ? fail() : 0;
}

/* The caller says a byte when the kernel has its terms: before, whoever touches the mount waits. */
static int wait_for_answer(void)
{
    char byte;
    struct pollfd answer = { .fd = SERVE_FD, .events = POLLIN };
    int n;
    do {
        n = poll(&answer, 1, PATIENCE_MS);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? fail() : ETIMEDOUT;
    return read(SERVE_FD, &byte, 1) == 1 ? 0 : ENOTCONN;
}

/* No copy of the device stays here: when the caller ends, so does the mount. */
int serve_mount(const struct op *op)
{
    char options[160];
    struct stat st;
    /* Opened here: the kernel wants the device opened and mounted in one user namespace. */
    int fd = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fail();
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions,allow_other,max_read=1048576", fd, (unsigned)geteuid(), (unsigned)getegid());
    int error = mount("gridwrap", op->target, "fuse.gridwrap", MS_RDONLY | MS_NOSUID | MS_NODEV, options) ? fail() : send_device(fd);
    close(fd);
    if (!error)
        error = wait_for_answer();
    close(SERVE_FD);
    if (error)
        return error;
    return stat(op->target, &st) ? fail() : open_again(op->target);
}
