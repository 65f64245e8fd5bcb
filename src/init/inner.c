/* The inner process: builds the root, starts the payload, hands signals to it, reaps, and ends what is left. */
#define _GNU_SOURCE
#include "init.h"
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

/* The payload leads a group of its own. Another runtime hands signals on by itself; its group holds more than that process. */
static pid_t addressee(pid_t payload)
{
    return plan.flags & PLAN_HOST ? payload : -payload;
}

/* A session of its own has no shell that could let it go on, so the kernel lets no stop from a terminal stop it. */
static int sent(int sig)
{
    if (sig == SIGNAL_KILL_ALL)
        return SIGKILL;
    return sig == SIGTSTP && !(plan.flags & PLAN_HOST) ? SIGSTOP : sig;
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
            kill(addressee(payload), sent(sig));
            if (sig == SIGNAL_KILL_ALL)
                signal_rest(SIGKILL);
        }
    }
    end_rest(all);
    report_end(status);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static _Noreturn void probe(int proc_error)
{
    for (uint32_t i = 0; i < plan.op_count; i++) {
        int refused = plan.ops[i].kind == OP_PROC ? proc_error : 0;
        send_report((struct report){ .type = STEP, .step = i, .error = refused ? refused : setup_execute(&plan.ops[i]) });
    }
    _exit(0);
}

_Noreturn void inner(int life, int proc_error, const sigset_t *all)
{
    die_with_parent(SIGKILL);
    struct pollfd parent = { .fd = life, .events = POLLIN };
    if (poll(&parent, 1, 0) > 0)
        _exit(125); /* the outer process died before the line above */
    if (!(plan.flags & PLAN_PID_NAMESPACE))
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    mode_t mask = umask(022);
    uint32_t step;
    int error;
    if (setup_open_sources(&plan, &step, &error))
        give_up(step, error);
    if (plan.flags & PLAN_PROBE)
        probe(proc_error);
    for (uint32_t i = 0; i < plan.op_count; i++)
        if ((error = setup_execute(&plan.ops[i])))
            give_up(i, error);
    /* The payload has the same user id: without this it could look at this process through /proc. */
    prctl(PR_SET_DUMPABLE, 0);
    supervise(start_payload(mask), all);
}
