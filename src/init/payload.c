/* The payload between fork and execve: its session, limits, user namespace, privileges and descriptors. */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SYS_CLOSE_RANGE = 436,
    CLOSE_RANGE_CLOEXEC_FLAG = 4,
    CAPABILITY_VERSION_3 = 0x20080522,
    LAST_CAPABILITY = 63,
    KEYCTL_JOIN_SESSION = 1,
    MAX_FD_WITHOUT_LIST = 65536,
};

struct capability_header {
    uint32_t version;
    int pid;
};

struct capability_data {
    uint32_t effective, permitted, inheritable;
};

struct start_failure {
    uint32_t step; /* 0 = execve itself */
    int32_t error;
};

static struct start_failure failure_of(uint32_t step, int error)
{
    return (struct start_failure){ step, error };
}

/* Nothing to lose later, and nothing to gain by a set-user-id file. In a user namespace of its own the payload keeps what it has there, which reaches no mount
 * and no process outside that namespace. */
static int drop_privileges(void)
{
    if (plan.flags & PLAN_HOST)
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return errno;
    if (plan.inner_uid_map)
        return 0;
    for (int cap = 0; cap <= LAST_CAPABILITY; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno != EINVAL && !(errno == EPERM && plan.flags & PLAN_GUEST))
            return errno;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct capability_header header = { CAPABILITY_VERSION_3, 0 };
    struct capability_data none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
    return syscall(SYS_capset, &header, none) ? errno : 0;
}

/* Before Linux 5.11: those that /proc lists, or, without it, as many as there may be. Entries of getdents64: inode, offset, length, type, name. */
static void close_listed(void)
{
    static char entries[8192];
    int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int fd = 3; list < 0 && fd < MAX_FD_WITHOUT_LIST; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    for (long n; list >= 0 && (n = syscall(SYS_getdents64, list, entries, sizeof entries)) > 0;)
        for (long at = 0; at < n;) {
            uint16_t length;
            memcpy(&length, entries + at + 16, sizeof length);
            long fd = strtol(entries + at + 19, NULL, 10);
            if (fd > STDERR_FILENO)
                fcntl((int)fd, F_SETFD, FD_CLOEXEC);
            at += length;
        }
    if (list >= 0)
        close(list);
}

static void close_others(void)
{
    if (syscall(SYS_CLOSE_RANGE, 3, ~0U, CLOSE_RANGE_CLOEXEC_FLAG))
        close_listed();
}

/* The runtime of the caller raises its own soft limit as far as it may; programs that walk through all descriptors suffer from that. */
static void limit_open_files(void)
{
    struct rlimit limit;
    if (plan.open_files && getrlimit(RLIMIT_NOFILE, &limit) == 0 && plan.open_files < limit.rlim_cur) {
        limit.rlim_cur = plan.open_files;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A session keyring of its own, with nothing of the caller's in it. Kernels without keyrings, and filters that deny them, leave nothing to protect. */
static void renew_keyring(void)
{
    if (!(plan.flags & PLAN_KEEP_KEYRING))
        syscall(SYS_keyctl, KEYCTL_JOIN_SESSION, NULL, 0, 0, 0);
}

/* The payload's terminal is the one that its standard input is; whatever session that was the terminal of before has ended. */
static int take_terminal(void)
{
    return plan.flags & PLAN_TERMINAL && ioctl(STDIN_FILENO, TIOCSCTTY, 0) ? errno : 0;
}

static int set_limits(void)
{
    for (uint32_t i = 0; i < plan.limit_count; i++) {
        struct rlimit limit = { .rlim_cur = plan.limits[i].soft, .rlim_max = plan.limits[i].hard };
        if (setrlimit((int)plan.limits[i].resource, &limit))
            return errno;
    }
    return 0;
}

/* execve with a search through PATH of the payload's environment when the name has no slash. Returns the errno that tells most. */
static int execute(void)
{
    static char path[PATH_MAX];
    const char *name = plan.argv[0], *list = "/usr/local/bin:/usr/bin:/bin";
    if (strchr(name, '/')) {
        execve(name, plan.argv, plan.envp);
        return errno;
    }
    for (char **entry = plan.envp; *entry; entry++)
        if (strncmp(*entry, "PATH=", 5) == 0)
            list = *entry + 5;
    int result = ENOENT;
    while (*list && *name) {
        size_t length = strcspn(list, ":");
        /* An empty entry is the current directory. */
        if ((size_t)snprintf(path, sizeof path, "%.*s/%s", length ? (int)length : 1, length ? list : ".", name) < sizeof path) {
            execve(path, plan.argv, plan.envp);
            if (errno != ENOENT && errno != ENOTDIR)
                result = errno;
        }
        list += length + (list[length] == ':');
    }
    return result;
}

/* ---- the payload's own user namespace ---- */

/* In the payload: a namespace below the one that owns the mounts; its maps are written by the inner process, which has the right to. */
static struct start_failure enter_inner_namespace(int talk)
{
    int32_t error;
    if (plan.inner_uid_map == NULL)
        return failure_of(0, 0);
    /* The files in /proc of a process that must not be looked at belong to root, who is nobody here. */
    prctl(PR_SET_DUMPABLE, 1);
    if (unshare(CLONE_NEWUSER))
        return failure_of(STEP_INNER_NAMESPACE, errno);
    if (write(talk, "", 1) != 1 || read(talk, &error, sizeof error) != (ssize_t)sizeof error)
        return failure_of(STEP_INNER_MAPS, EPIPE);
    if (error)
        return failure_of(STEP_INNER_MAPS, error);
    return failure_of(0, 0);
}

/* In the inner process: writes the maps once the payload has its namespace. */
static void serve_inner_maps(pid_t pid, int talk)
{
    char byte, path[48];
    if (plan.inner_uid_map == NULL || read(talk, &byte, 1) != 1)
        return;
    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
    int32_t error = write_file(path, plan.inner_uid_map);
    snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
    if (error == 0)
        error = write_file(path, plan.inner_gid_map);
    while (write(talk, &error, sizeof error) < 0 && errno == EINTR)
        continue;
}

/* ---- start ---- */

/* Everything up to execve; returns only what stood in its way. */
static struct start_failure prepare(int talk)
{
    int error;
    renew_keyring();
    if (chdir(plan.directory))
        return failure_of(STEP_DIRECTORY, errno);
    if ((error = take_terminal()))
        return failure_of(STEP_TERMINAL, error);
    struct start_failure failure = enter_inner_namespace(talk);
    if (failure.step)
        return failure;
    if (!(plan.flags & PLAN_PID_NAMESPACE))
        die_with_parent(SIGKILL);
    if ((error = set_limits()))
        return failure_of(STEP_LIMITS, error);
    if ((error = drop_privileges()))
        return failure_of(STEP_PRIVILEGES, error);
    if ((error = install_filters()))
        return failure_of(STEP_FILTER, error);
    return failure_of(0, 0);
}

static _Noreturn void become_payload(int failure_fd, int talk, mode_t mask)
{
    setsid();
    umask(mask);
    for (int s = 1; s < 65; s++)
        signal(s, SIG_DFL);
    struct start_failure failure = prepare(talk);
    if (failure.step == 0) {
        close_others();
        if (plan.flags & PLAN_HOST)
            failure_fd = hand_through(failure_fd);
        limit_open_files();
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        failure.error = execute();
    }
    while (write(failure_fd, &failure, sizeof failure) < 0 && errno == EINTR)
        continue;
    _exit(127);
}

/* End of file on the pipe means that execve succeeded. */
pid_t start_payload(mode_t mask)
{
    int fds[2], talk[2];
    if (pipe2(fds, O_CLOEXEC) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk))
        give_up(STEP_FORK, errno);
    pid_t pid = fork();
    if (pid < 0)
        give_up(STEP_FORK, errno);
    if (pid == 0) {
        close(talk[0]);
        become_payload(fds[1], talk[1], mask);
    }
    close(fds[1]);
    close(talk[1]);
    serve_inner_maps(pid, talk[0]);
    close(talk[0]);
    struct start_failure failure;
    ssize_t n;
    while ((n = read(fds[0], &failure, sizeof failure)) < 0 && errno == EINTR)
        continue;
    close(fds[0]);
    if (n == (ssize_t)sizeof failure) {
        if (failure.step)
            give_up(failure.step, failure.error);
        send_report((struct report){ .type = EXEC_FAILED, .error = failure.error });
        _exit(127);
    }
    send_report((struct report){ .type = STARTED, .status = pid });
    return pid;
}
