/* probe QUESTION [ARG…]: answers one question about the process's surroundings in one short line on stdout; what a shell cannot ask.
 * "with-key COMMAND…" and "hold-…" prepare something on the host for the questions to look for. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY_NAME "gridwrap-conformance"

/* From linux/keyctl.h, which the C library of the build does not bring. */
#define KEYCTL_JOIN_SESSION_KEYRING 1
#define KEYCTL_SEARCH 10
#define KEYCTL_READ 11
#define KEY_SPEC_SESSION_KEYRING (-3)
#define KEY_SPEC_USER_KEYRING (-4)

static int say(const char *text)
{
    puts(text);
    return 0;
}

static int refused(void)
{
    printf("refused: %s\n", strerror(errno));
    return 0;
}

static int fds(char **arguments)
{
    (void)arguments;
    int found = 0;
    for (int fd = 3; fd < 4096; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            continue;
        }

        char link[64];
        char target[256];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        printf("%s%d=%.*s", found++ ? " " : "", fd, length > 0 ? (int)length : 1, length > 0 ? target : "?");
    }

    return say(found ? "" : "none");
}

static int with_key(char **arguments)
{
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0
        || syscall(SYS_add_key, "user", KEY_NAME, "secret", (size_t)6, KEY_SPEC_SESSION_KEYRING) < 0
        || syscall(SYS_add_key, "user", KEY_NAME, "secret", (size_t)6, KEY_SPEC_USER_KEYRING) < 0) {
        perror("add_key");
        return 1;
    }

    execvp(arguments[0], arguments);
    perror(arguments[0]);
    return 127;
}

static int key_in(int keyring)
{
    char secret[16];
    long found = syscall(SYS_keyctl, KEYCTL_SEARCH, keyring, "user", KEY_NAME, 0);
    if (found < 0) {
        return say("not found");
    }

    return say(syscall(SYS_keyctl, KEYCTL_READ, found, secret, sizeof secret) == 6 ? "read" : "found");
}

static int key(char **arguments)
{
    (void)arguments;
    return key_in(KEY_SPEC_SESSION_KEYRING);
}

static int user_key(char **arguments)
{
    (void)arguments;
    return key_in(KEY_SPEC_USER_KEYRING);
}

static int user_namespace(char **arguments)
{
    (void)arguments;
    return unshare(CLONE_NEWUSER) == 0 ? say("possible") : refused();
}

static int trace_child(char **arguments)
{
    (void)arguments;
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(7);
    }

    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
        return say("the child did not stop");
    }

    if (ptrace(PTRACE_CONT, child, NULL, NULL) != 0) {
        return refused();
    }

    waitpid(child, &status, 0);
    return say(WIFEXITED(status) && WEXITSTATUS(status) == 7 ? "works" : "lost the child");
}

static int watch(char **arguments)
{
    int fd = inotify_init1(IN_NONBLOCK);
    char name[512];
    char buffer[4096];
    if (fd < 0 || inotify_add_watch(fd, arguments[0], IN_CREATE) < 0) {
        return refused();
    }

    snprintf(name, sizeof name, "%s/inotify-%ld", arguments[0], (long)getpid());
    close(open(name, O_CREAT | O_WRONLY, 0600));
    unlink(name);
    return say(read(fd, buffer, sizeof buffer) > 0 ? "works" : "no event");
}

static int queue(char **arguments)
{
    char name[64];
    snprintf(name, sizeof name, "/gridwrap-%ld", (long)getpid());
    (void)arguments;
    mqd_t mq = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
    if (mq < 0) {
        return refused();
    }

    char buffer[8192];
    int sent = mq_send(mq, "x", 1, 0);
    int received = (int)mq_receive(mq, buffer, sizeof buffer, NULL);
    mq_unlink(name);
    return say(sent == 0 && received == 1 ? "works" : "lost the message");
}

static int host_queue(char **arguments) { return say(mq_open(arguments[0], O_RDONLY) < 0 ? "not found" : "opened"); }

static int host_segment(char **arguments) { return say(shmget((key_t)atoi(arguments[0]), 1, 0) < 0 ? "not found" : "found"); }

static int own_segment(char **arguments)
{
    (void)arguments;
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    void *at = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
    if (at == (void *)-1) {
        return refused();
    }

    shmctl(id, IPC_RMID, NULL);
    return say("works");
}

static int abstract_socket(int listening, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    if (fd < 0 || (listening ? bind(fd, (struct sockaddr *)&address, length) : connect(fd, (struct sockaddr *)&address, length)) != 0) {
        return -1;
    }

    return listening && listen(fd, 1) != 0 ? -1 : fd;
}

static int connect_abstract(char **arguments) { return say(abstract_socket(0, arguments[0]) < 0 ? "not reachable" : "reachable"); }

/* A listener on a free port of the loopback, or a connection to a port there. */
static int loopback(int listening, int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || (listening ? bind(fd, (struct sockaddr *)&address, length) : connect(fd, (struct sockaddr *)&address, length)) != 0) {
        return -1;
    }

    if (listening && (listen(fd, 8) != 0 || getsockname(fd, (struct sockaddr *)&address, &length) != 0)) {
        return -1;
    }

    *port = ntohs(address.sin_port);
    return fd;
}

static int connect_tcp(char **arguments)
{
    int port = atoi(arguments[0]);
    return say(loopback(0, &port) < 0 ? "not reachable" : "reachable");
}

/* hold NUMBER NAME: a System V segment, a message queue, an abstract socket and a TCP port (which it prints) of the host, until stdin ends. */
static int hold(char **arguments)
{
    int id = shmget((key_t)atoi(arguments[0]), 4096, IPC_CREAT | 0600);
    char name[128];
    snprintf(name, sizeof name, "/%s", arguments[1]);
    mqd_t mq = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
    int fd = abstract_socket(1, arguments[1]);
    int port = 0;
    if (id < 0 || mq < 0 || fd < 0 || loopback(1, &port) < 0) {
        perror("hold");
        return 1;
    }

    printf("%d\n", port);
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {
    }

    mq_unlink(name);
    return shmctl(id, IPC_RMID, NULL);
}

static int type_ahead(char **arguments)
{
    const char *text = arguments[0];
    for (; *text != '\0'; text++) {
        if (ioctl(0, TIOCSTI, text) != 0) {
            return refused();
        }
    }

    return say("typed");
}

static int session(char **arguments)
{
    pid_t mine = getsid(0);
    return say(mine != 0 && mine == atoi(arguments[0]) ? "the caller's" : "own");
}

static int user_name(char **arguments)
{
    (void)arguments;
    struct passwd *entry = getpwuid(getuid());
    printf("%s %s\n", entry != NULL ? entry->pw_name : "none", entry != NULL ? entry->pw_dir : "none");
    return 0;
}

/* Orphans that end must be reaped by somebody. */
static int orphan(char **arguments)
{
    (void)arguments;
    int ends[2];
    pid_t grandchild = 0;
    char path[64];
    if (pipe(ends) != 0) {
        return refused();
    }

    pid_t child = fork();
    if (child == 0) {
        pid_t made = fork();
        if (made == 0) {
            usleep(100 * 1000);
            _exit(0);
        }

        _exit(write(ends[1], &made, sizeof made) == sizeof made ? 0 : 1);
    }

    waitpid(child, NULL, 0);
    if (read(ends[0], &grandchild, sizeof grandchild) != sizeof grandchild) {
        return refused();
    }

    snprintf(path, sizeof path, "/proc/%ld", (long)grandchild);
    for (int i = 0; i < 30; i++) {
        usleep(50 * 1000);
        if (access(path, F_OK) != 0) {
            return say("reaped");
        }
    }

    return say("left as a zombie");
}

/* Says that it holds the signals and prints each that arrives; ends with code 42 at the one that ends it. */
static int await_signals(char **arguments)
{
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    int ready = open(arguments[0], O_CREAT | O_WRONLY, 0600);
    close(ready);
    for (int i = 0; i < 40; i++) {
        struct timespec second = {.tv_sec = 0, .tv_nsec = 500 * 1000 * 1000};
        siginfo_t info;
        int signal = sigtimedwait(&set, &info, &second);
        if (signal == SIGWINCH || signal == SIGCHLD) {
            continue;
        }

        if (signal > 0) {
            printf("%s\n", strsignal(signal));
            fflush(stdout);
            return 42;
        }
    }

    return say("nothing");
}

/* default-signals COMMAND…: a shell starts what it runs in the background with INT and QUIT ignored. */
static int default_signals(char **arguments)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    execvp(arguments[0], arguments);
    perror(arguments[0]);
    return 127;
}

static int ignored(char **arguments)
{
    (void)arguments;
    sigset_t blocked;
    int count = 0;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int number = 1; number < 32; number++) {
        struct sigaction now;
        if (sigaction(number, NULL, &now) == 0 && (now.sa_handler == SIG_IGN || sigismember(&blocked, number) == 1)) {
            printf("%s%d", count++ ? " " : "", number);
        }
    }

    return say(count ? "" : "none");
}

static const struct {
    const char *name;
    int arguments;
    int (*answer)(char **arguments);
} questions[] = {
    {"fds", 0, fds}, {"with-key", 1, with_key}, {"key", 0, key}, {"user-key", 0, user_key}, {"userns", 0, user_namespace}, {"ptrace", 0, trace_child}, {"inotify", 1, watch}, {"mqueue", 0, queue},
    {"host-mqueue", 1, host_queue}, {"host-shm", 1, host_segment}, {"shm", 0, own_segment}, {"abstract", 1, connect_abstract}, {"tcp", 1, connect_tcp}, {"hold", 2, hold}, {"tiocsti", 1, type_ahead},
    {"session", 1, session}, {"pwuid", 0, user_name}, {"orphan", 0, orphan}, {"await", 1, await_signals}, {"default-signals", 1, default_signals}, {"ignored", 0, ignored},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof questions / sizeof questions[0]; i++) {
        if (strcmp(argv[1], questions[i].name) == 0 && argc - 2 >= questions[i].arguments) {
            return questions[i].answer(argv + 2);
        }
    }

    fprintf(stderr, "usage: probe QUESTION [ARG…]\n");
    return 64;
}
