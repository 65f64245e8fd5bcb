/* gridwrap-init: enters the namespaces, builds the root from a plan, and is the first process inside.
 *
 * It decides nothing: the plan (plan.h) says everything, and everything that happens is reported as fixed-size records.
 * Descriptors on entry: 3 = the plan (a file), 4 = the pipe for the reports. Both are closed to the payload.
 *
 * Processes: the outer one (in the caller's pid namespace; waits, forwards signals), the inner one (pid 1 of the new pid namespace, or a subreaper;
 * builds the root, reaps) and the payload. When the caller dies, the outer one is told by the kernel: with a pid namespace it is killed, then the inner
 * one, then all; without one the outer one has the inner one kill what it can see.
 */
#define _GNU_SOURCE
#include "plan.h"
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PLAN_FD = 3,
    REPORT_FD = 4,
    SIGNAL_KILL_ALL = 40, /* from the caller: kill the payload and everything it left, then report as usual */
    SYS_CLOSE_RANGE = 436,
    CLOSE_RANGE_CLOEXEC_FLAG = 4,
    CAPABILITY_VERSION_3 = 0x20080522,
    LAST_CAPABILITY = 63,
    KEYCTL_JOIN_SESSION = 1,
};

enum report_type { SETUP_FAILED = 1, STARTED, EXEC_FAILED, EXITED, STEP, BAD_PLAN };

/* Steps that are not operations of the plan. */
enum { STEP_PARENT = 0x10000, STEP_NAMESPACES, STEP_SETGROUPS, STEP_UID_MAP, STEP_GID_MAP, STEP_FORK, STEP_DIRECTORY, STEP_PRIVILEGES, STEP_CGROUP, STEP_TERMINAL, STEP_LIMITS };

struct report {
    uint32_t type;
    uint32_t step;
    int32_t error;
    int32_t status; /* as wait(2) gives it */
    uint64_t user_us;
    uint64_t system_us;
    uint64_t max_rss_kb;
};

static struct plan plan;
static mode_t callers_umask;

static void send_report(struct report r)
{
    /* A record is far below PIPE_BUF, so it is written whole or not at all. */
    while (write(REPORT_FD, &r, sizeof r) < 0 && errno == EINTR)
        continue;
}

static _Noreturn void give_up(uint32_t step, int error)
{
    send_report((struct report){ .type = SETUP_FAILED, .step = step, .error = error });
    _exit(125);
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    /* The maps must come in one write. */
    int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return error;
}

/* Before the namespaces: afterwards the file belongs to somebody else. */
static void join_cgroup(void)
{
    char path[PATH_MAX];
    if (plan.cgroup == NULL)
        return;
    int error = ENAMETOOLONG;
    if ((size_t)snprintf(path, sizeof path, "%s/cgroup.procs", plan.cgroup) < sizeof path)
        error = write_file(path, "0");
    if (error)
        give_up(STEP_CGROUP, error);
}

static void enter_namespaces(void)
{
    int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
    if (plan.flags & PLAN_PID_NAMESPACE)
        flags |= CLONE_NEWPID;
    if (unshare(flags))
        give_up(STEP_NAMESPACES, errno);
    int error = write_file("/proc/self/setgroups", "deny");
    if (error && error != ENOENT)
        give_up(STEP_SETGROUPS, error);
    if ((error = write_file("/proc/self/uid_map", plan.uid_map)))
        give_up(STEP_UID_MAP, error);
    if ((error = write_file("/proc/self/gid_map", plan.gid_map)))
        give_up(STEP_GID_MAP, error);
}

static void die_with_parent(int sig)
{
    prctl(PR_SET_PDEATHSIG, sig);
}

/* The caller's death counts whether it came before or after the line above. */
static void check_parent(void)
{
    if (plan.parent && getppid() != (pid_t)plan.parent)
        give_up(STEP_PARENT, ESRCH);
}

/* ---- the payload ---- */

struct capability_header {
    uint32_t version;
    int pid;
};

struct capability_data {
    uint32_t effective, permitted, inheritable;
};

static int drop_privileges(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return errno;
    for (int cap = 0; cap <= LAST_CAPABILITY; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno != EINVAL)
            return errno;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct capability_header header = { CAPABILITY_VERSION_3, 0 };
    struct capability_data none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
    return syscall(SYS_capset, &header, none) ? errno : 0;
}

static void close_others(int keep)
{
    if (syscall(SYS_CLOSE_RANGE, 3, ~0U, CLOSE_RANGE_CLOEXEC_FLAG) == 0)
        return;
    for (int fd = 3; fd < 65536; fd++)
        if (fd != keep)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
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

struct start_failure {
    uint32_t step; /* 0 = execve itself */
    int32_t error;
};

static _Noreturn void become_payload(int failure_fd)
{
    struct start_failure failure = { 0, 0 };
    if (!(plan.flags & PLAN_INTERACTIVE) || plan.flags & PLAN_TERMINAL)
        setsid();
    if (!(plan.flags & PLAN_PID_NAMESPACE))
        die_with_parent(SIGKILL);
    umask(callers_umask);
    for (int s = 1; s < 65; s++)
        signal(s, SIG_DFL);
    renew_keyring();
    if (chdir(plan.directory)) {
        failure = (struct start_failure){ STEP_DIRECTORY, errno };
    } else if ((failure.error = take_terminal())) {
        failure.step = STEP_TERMINAL;
    } else if ((failure.error = set_limits())) {
        failure.step = STEP_LIMITS;
    } else if ((failure.error = drop_privileges())) {
        failure.step = STEP_PRIVILEGES;
    } else {
        close_others(failure_fd);
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

/* Starts the payload; returns its pid, or does not return. End of file on the pipe means that execve succeeded. */
static pid_t start_payload(void)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC))
        give_up(STEP_FORK, errno);
    pid_t pid = fork();
    if (pid < 0)
        give_up(STEP_FORK, errno);
    if (pid == 0)
        become_payload(fds[1]);
    close(fds[1]);
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

/* ---- the inner process ---- */

/* Without a pid namespace everything that the payload left is, sooner or later, a child of this subreaper. */
static void signal_children(int sig)
{
    char list[4096];
    snprintf(list, sizeof list, "/proc/self/task/%d/children", (int)syscall(SYS_gettid));
    int fd = open(list, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = read(fd, list, sizeof list - 1);
    close(fd);
    list[n > 0 ? n : 0] = '\0';
    for (char *next = list; *next;) {
        char *end;
        long pid = strtol(next, &end, 10);
        if (end == next)
            break;
        kill((pid_t)pid, sig);
        next = *end ? end + 1 : end;
    }
}

static void signal_rest(int sig)
{
    if (plan.flags & PLAN_PID_NAMESPACE)
        kill(-1, sig);
    else
        signal_children(sig);
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Ends what the payload left behind: TERM, a moment, KILL. */
static void end_rest(const sigset_t *all)
{
    const long long given_up = now_ms() + plan.linger_ms + 5000;
    long long deadline = now_ms() + plan.linger_ms;
    int sig = SIGTERM;
    signal_rest(sig);
    for (;;) {
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            continue;
        if (pid < 0)
            return;
        long long left = deadline - now_ms();
        if (left <= 0) {
            if (sig == SIGKILL && (plan.flags & PLAN_PID_NAMESPACE || now_ms() > given_up))
                return; /* the end of pid 1 kills the rest; without one, what hangs in the kernel cannot be helped */
            sig = SIGKILL;
            signal_rest(sig);
            left = 50;
            deadline = now_ms() + left;
        }
        struct timespec wait = { left / 1000, left % 1000 * 1000000 };
        sigtimedwait(all, NULL, &wait);
    }
}

static void report_end(int status)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    send_report((struct report){
        .type = EXITED,
        .status = status,
        .user_us = (uint64_t)u.ru_utime.tv_sec * 1000000 + (uint64_t)u.ru_utime.tv_usec,
        .system_us = (uint64_t)u.ru_stime.tv_sec * 1000000 + (uint64_t)u.ru_stime.tv_usec,
        .max_rss_kb = (uint64_t)u.ru_maxrss,
    });
}

/* True for a signal that is to be handed on: the outer process sent it. What a terminal sends has reached the payload already; what the payload sends to its
 * pid 1 has no effect there, as on any system. */
static int is_from_outside(const siginfo_t *info)
{
    if (info->si_code > 0)
        return 0;
    return !(plan.flags & PLAN_PID_NAMESPACE) || info->si_pid == 0;
}

static _Noreturn void supervise(pid_t payload, const sigset_t *all)
{
    int status = 0, ended = 0;
    while (!ended) {
        siginfo_t info;
        int sig = sigwaitinfo(all, &info);
        if (sig == SIGCHLD) {
            int other;
            for (pid_t pid; (pid = waitpid(-1, &other, WNOHANG)) > 0;)
                if (pid == payload) {
                    status = other;
                    ended = 1;
                }
        } else if (sig > 0 && is_from_outside(&info)) {
            kill((plan.flags & (PLAN_INTERACTIVE | PLAN_TERMINAL)) == PLAN_INTERACTIVE ? payload : -payload, sig == SIGNAL_KILL_ALL ? SIGKILL : sig);
            if (sig == SIGNAL_KILL_ALL)
                signal_rest(SIGKILL);
        }
    }
    end_rest(all);
    report_end(status);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static _Noreturn void probe(void)
{
    for (uint32_t i = 0; i < plan.op_count; i++)
        send_report((struct report){ .type = STEP, .step = i, .error = setup_execute(&plan.ops[i]) });
    _exit(0);
}

static _Noreturn void inner(int life, const sigset_t *all)
{
    die_with_parent(SIGKILL);
    struct pollfd parent = { .fd = life, .events = POLLIN };
    if (poll(&parent, 1, 0) > 0)
        _exit(125); /* the outer process died before the line above */
    if (!(plan.flags & PLAN_PID_NAMESPACE))
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    callers_umask = umask(022);
    uint32_t step;
    int error;
    if (setup_open_sources(&plan, &step, &error))
        give_up(step, error);
    if (plan.flags & PLAN_PROBE)
        probe();
    for (uint32_t i = 0; i < plan.op_count; i++)
        if ((error = setup_execute(&plan.ops[i])))
            give_up(i, error);
    supervise(start_payload(), all);
}

/* ---- the outer process ---- */

static void load_plan(void)
{
    struct stat st;
    char *block = MAP_FAILED;
    if (fstat(PLAN_FD, &st) == 0 && st.st_size > 0 && st.st_size <= PLAN_MAX_SIZE)
        block = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, PLAN_FD, 0);
    int refused = block == MAP_FAILED ? 1 : plan_decode(block, (size_t)st.st_size, &plan);
    if (refused) {
        send_report((struct report){ .type = BAD_PLAN, .step = (uint32_t)refused, .error = EINVAL });
        _exit(64);
    }
    close(PLAN_FD);
}

/* Hands signals on until the inner process has ended. */
static _Noreturn void relay(pid_t child, const sigset_t *all)
{
    long long patience = 0; /* when the inner process is killed, once the caller is dead */
    for (;;) {
        siginfo_t info;
        struct timespec wait = { patience ? 0 : 3600, 100000000 };
        int status, sig = sigtimedwait(all, &info, &wait);
        if (sig == SIGCHLD) {
            if (waitpid(child, &status, WNOHANG) == child)
                _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        } else if (sig > 0 && info.si_code <= 0) {
            kill(child, sig);
        }
        if (sig == SIGNAL_KILL_ALL && plan.parent && getppid() != (pid_t)plan.parent)
            patience = patience ? patience : now_ms() + 3000;
        if (patience && now_ms() > patience)
            kill(child, SIGKILL);
    }
}

/* The caller may have closed any of the first three; what is opened here must not take their numbers. */
static void fill_standard_descriptors(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    if (fd >= 0)
        close(fd);
}

int main(void)
{
    fcntl(PLAN_FD, F_SETFD, FD_CLOEXEC);
    fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
    fill_standard_descriptors();
    load_plan();
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    die_with_parent(SIGKILL);
    check_parent();
    /* Whoever signals the caller's process group means the caller, which hands signals on: they should not come twice. */
    if (!(plan.flags & PLAN_INTERACTIVE))
        setpgid(0, 0);
    join_cgroup();
    enter_namespaces();
    /* The change of credentials has cleared it. */
    die_with_parent(plan.flags & PLAN_PID_NAMESPACE ? SIGKILL : SIGNAL_KILL_ALL);
    check_parent();
    int life[2];
    if (pipe2(life, O_CLOEXEC))
        give_up(STEP_FORK, errno);
    pid_t child = fork();
    if (child < 0)
        give_up(STEP_FORK, errno);
    if (child == 0) {
        close(life[1]);
        inner(life[0], &all);
    }
    /* The pipe stays open here as well: its end tells the caller that this process has ended. */
    relay(child, &all);
}
