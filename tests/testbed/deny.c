/* deny RULE[,RULE…] CMD [ARG…]: runs CMD on a kernel that lacks something. Needs no privileges; what CMD starts is under the same rules.
 *   NAME          the system call fails with EPERM, as under the filter of a container engine
 *   NAME=ENOSYS   it does not exist
 *   overlay       mounting a file system of the type "overlay" fails with ENODEV; all other mounts are made
 *   stacks        the same, but only of gridwrap's overlays of more than one layer: its probe finds that overlay works, and the launch finds that it does not
 * Exit code: CMD's, 128 + signal, or 124 when the rules cannot be put in force. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name;
    int number;
} calls[] = {
    { "unshare", SYS_unshare },       { "clone3", SYS_clone3 },       { "mount", SYS_mount },           { "umount2", SYS_umount2 },       { "pivot_root", SYS_pivot_root },
    { "openat2", 437 },               { "close_range", 436 },         { "open_tree", 428 },             { "move_mount", 429 },            { "fsopen", 430 },
    { "mount_setattr", 442 },         { "memfd_create", SYS_memfd_create }, { "keyctl", SYS_keyctl },    { "prctl", SYS_prctl },           { "setns", SYS_setns },
    { "seccomp", SYS_seccomp },       { "chroot", SYS_chroot },       { "capset", SYS_capset },         { "pidfd_open", 434 },            { "statx", SYS_statx },
};

static struct sock_filter code[128];
static unsigned short length;

static _Noreturn void stop(const char *what)
{
    perror(what);
    _exit(124);
}

static void emit(uint16_t operation, uint32_t k, uint8_t if_true, uint8_t if_false)
{
    code[length++] = (struct sock_filter){ operation, if_true, if_false, k };
}

static void rule(int number, uint32_t result)
{
    emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1);
    emit(BPF_RET | BPF_K, result, 0, 0);
}

enum { NO_MOUNTS, ALL_OVERLAYS, STACKS };

/* Returns which mounts are to be looked at one by one. */
static int compile(char *rules)
{
    int looked_at = NO_MOUNTS;
    emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    for (char *one = strtok(rules, ","); one; one = strtok(NULL, ",")) {
        char *error = strchr(one, '=');
        if (error)
            *error++ = '\0';
        if (strcmp(one, "overlay") == 0 || strcmp(one, "stacks") == 0) {
            looked_at = *one == 'o' ? ALL_OVERLAYS : STACKS;
            rule(SYS_mount, SECCOMP_RET_USER_NOTIF);
            continue;
        }
        size_t i = 0;
        while (i < sizeof calls / sizeof *calls && strcmp(calls[i].name, one))
            i++;
        if (i == sizeof calls / sizeof *calls || (error && strcmp(error, "ENOSYS"))) {
            fprintf(stderr, "deny: no such rule: %s\n", one);
            _exit(124);
        }
        rule(calls[i].number, SECCOMP_RET_ERRNO | (error ? ENOSYS : EPERM));
    }
    emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    return looked_at;
}

static void send_fd(int socket, int fd)
{
    char control[CMSG_SPACE(sizeof fd)] = { 0 };
    struct iovec one = { "", 1 };
    struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd) };
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (sendmsg(socket, &message, 0) != 1)
        stop("sendmsg");
}

static int take_fd(int socket)
{
    int fd;
    char control[CMSG_SPACE(sizeof fd)], byte;
    struct iovec one = { &byte, 1 };
    struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || CMSG_FIRSTHDR(&message) == NULL)
        _exit(124);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

/* Text of another process; shorter at the end of its memory. */
static void read_text(uint32_t pid, uint64_t from, char *text, size_t size)
{
    struct iovec here = { text, size - 1 }, there = { (void *)(uintptr_t)from, size - 1 };
    while (from && there.iov_len > 0 && process_vm_readv((pid_t)pid, &here, 1, &there, 1, 0) < 0)
        there.iov_len /= 2;
}

static int is_refused(const struct seccomp_notif *call, int looked_at)
{
    char type[8] = "", options[4096] = "";
    read_text(call->pid, call->data.args[2], type, sizeof type);
    read_text(call->pid, call->data.args[4], options, sizeof options);
    return strncmp(type, "overlay", 7) == 0 && (looked_at == ALL_OVERLAYS || strstr(options, "l/1:"));
}

/* Answers each mount: ENODEV for an overlay, the kernel's own answer for the rest. Ends when nobody is left under the filter. */
static void serve(int listener, int looked_at)
{
    for (;;) {
        struct pollfd p = { listener, POLLIN, 0 };
        struct seccomp_notif call = { 0 };
        if (poll(&p, 1, -1) < 0 || !(p.revents & POLLIN))
            return;
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
            continue;
        struct seccomp_notif_resp answer = { .id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        if (is_refused(&call, looked_at))
            answer = (struct seccomp_notif_resp){ .id = call.id, .error = -ENODEV };
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return fprintf(stderr, "usage: deny RULE[,RULE…] CMD [ARG…]\n"), 124;
    int looked_at = compile(argv[1]), pair[2];
    struct sock_fprog program = { length, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        stop("no_new_privs");
    if (looked_at == NO_MOUNTS) {
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
            stop("seccomp");
        execvp(argv[2], argv + 2);
        stop(argv[2]);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        stop("socketpair");
    pid_t child = fork();
    if (child == 0) {
        int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
        if (listener < 0)
            stop("seccomp");
        send_fd(pair[1], listener);
        close(listener);
        execvp(argv[2], argv + 2);
        stop(argv[2]);
    }
    close(pair[1]);
    serve(take_fd(pair[0]), looked_at);
    int status;
    if (waitpid(child, &status, 0) != child)
        return 124;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
