/* gridwrap-init: enters the namespaces, builds the root from a plan, and is the first process inside.
 *
 * It decides nothing: the plan (plan.h) says everything, and everything that happens is reported as fixed-size records.
 * Descriptors on entry: 3 = the plan (a file), 4 = the pipe for the reports. Both are closed to the payload.
 *
 * Processes: the outer one (in the caller's pid namespace; waits, forwards signals; this file), the inner one (pid 1 of the new pid namespace, or a
 * subreaper; builds the root, reaps; inner.c) and the payload (payload.c). When the caller dies, the outer one is told by the kernel: with a pid namespace it
 * is killed, then the inner one, then all; without one the outer one has the inner one kill what it can see.
 */
#define _GNU_SOURCE
#include "init.h"
#include "serve.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct plan plan;

void send_report(struct report r)
{
    /* A record is far below PIPE_BUF, so it is written whole or not at all. */
    while (write(REPORT_FD, &r, sizeof r) < 0 && errno == EINTR)
        continue;
}

_Noreturn void give_up(uint32_t step, int error)
{
    send_report((struct report){ .type = SETUP_FAILED, .step = step, .error = error });
    _exit(125);
}

int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    /* The maps must come in one write. */
    int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return error;
}

void die_with_parent(int sig)
{
    prctl(PR_SET_PDEATHSIG, sig);
}

long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void close_standard_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    close(null);
}

/* The caller's death counts whether it came before or after die_with_parent. */
static void check_parent(void)
{
    if (plan.parent && getppid() != (pid_t)plan.parent)
        give_up(STEP_PARENT, ESRCH);
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

/* ---- identity maps ---- */

/* Runs newuidmap or newgidmap: program, pid, then the words of the map. It must come from the user namespace above the one that it writes for. */
static int run_mapper(const char *program, const char *pid, const char *map)
{
    static char text[4096];
    static char *words[3 + 3 * 340];
    int count = 0;
    if (strlen(map) >= sizeof text)
        return -1;
    strcpy(text, map);
    words[count++] = (char *)program;
    words[count++] = (char *)pid;
    for (char *word = strtok(text, " \n"); word && count < (int)(sizeof words / sizeof *words) - 1; word = strtok(NULL, " \n"))
        words[count++] = word;
    words[count] = NULL;
    pid_t child = fork();
    if (child == 0) {
        close_standard_streams();
        execve(program, words, (char *[]){ NULL });
        _exit(127);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct {
    pid_t pid;
    int start; /* write end of a pipe: a byte lets the mapper go */
} mapper;

/* A process left behind in the caller's user namespace. It writes the maps of this one when it is told to, and ends with 1 or 2 if the first or second fails. */
static void start_mapper(void)
{
    int fds[2];
    char self[16], byte;
    if (plan.uid_mapper == NULL)
        return;
    snprintf(self, sizeof self, "%d", (int)getpid());
    if (pipe2(fds, O_CLOEXEC))
        give_up(STEP_FORK, errno);
    mapper.pid = fork();
    if (mapper.pid < 0)
        give_up(STEP_FORK, errno);
    if (mapper.pid == 0) {
        close(fds[1]);
        serve_leave();
        if (read(fds[0], &byte, 1) != 1)
            _exit(3);
        _exit(run_mapper(plan.uid_mapper, self, plan.uid_map) ? 1 : run_mapper(plan.gid_mapper, self, plan.gid_map) ? 2 : 0);
    }
    close(fds[0]);
    mapper.start = fds[1];
}

static void finish_mapper(void)
{
    int status = -1;
    if (write(mapper.start, "", 1) != 1 || waitpid(mapper.pid, &status, 0) != mapper.pid)
        give_up(STEP_UID_MAP, ECHILD);
    close(mapper.start);
    if (status)
        give_up(WIFEXITED(status) && WEXITSTATUS(status) == 2 ? STEP_GID_MAP : STEP_UID_MAP, EPERM);
}

static void write_maps(void)
{
    if (plan.uid_mapper) {
        finish_mapper();
        return;
    }
    int error = write_file("/proc/self/setgroups", "deny");
    if (error && error != ENOENT)
        give_up(STEP_SETGROUPS, error);
    if ((error = write_file("/proc/self/uid_map", plan.uid_map)))
        give_up(STEP_UID_MAP, error);
    if ((error = write_file("/proc/self/gid_map", plan.gid_map)))
        give_up(STEP_GID_MAP, error);
}

/* A node may refuse single kinds of namespaces (user.max_*_namespaces = 0). User and mount namespaces are needed, those of IPC and host name are not. Of the pid
 * namespace depends what /proc can be, so that is the caller's to know: returned is the errno, for the probe; a launch that was planned with it fails. */
static int enter_namespaces(void)
{
    const int needed = CLONE_NEWUSER | CLONE_NEWNS, extra = CLONE_NEWIPC | CLONE_NEWUTS;
    int pid_kind = plan.flags & PLAN_PID_NAMESPACE ? CLONE_NEWPID : 0, apart = servers_are_planned(), error = 0;
    if (unshare(needed | extra | (apart ? 0 : pid_kind))) {
        if (unshare(needed))
            give_up(STEP_NAMESPACES, errno);
        unshare(CLONE_NEWIPC);
        unshare(CLONE_NEWUTS);
        apart = 1;
    }
    write_maps();
    servers_start();
    if (apart && pid_kind && unshare(CLONE_NEWPID))
        error = errno;
    if (error && !(plan.flags & PLAN_PROBE))
        give_up(STEP_NAMESPACES, error);
    return error;
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
            if (waitpid(child, &status, WNOHANG) == child) {
                servers_end();
                _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
            }
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
    serve_keep();
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    die_with_parent(SIGKILL);
    check_parent();
    /* Whoever signals the caller's process group means the caller, which hands signals on: they should not come twice. */
    setpgid(0, 0);
    join_cgroup();
    start_mapper();
    if (plan.flags & PLAN_GUEST)
        take_over();
    int proc_error = plan.flags & (PLAN_HOST | PLAN_GUEST) ? 0 : enter_namespaces();
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
        inner(life[0], proc_error, &all);
    }
    serve_leave();
    /* Nobody inside has business with this process; the maps were the last that needed its files. */
    prctl(PR_SET_DUMPABLE, 0);
    /* The pipe stays open here as well: its end tells the caller that this process has ended. */
    relay(child, &all);
}
