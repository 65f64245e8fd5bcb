#define _GNU_SOURCE
#include "server.h"
#include "fuse.h"
#include "image.h"
#include "init.h"
#include "serve.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    END_MS = 2000,
    CAPABILITY_VERSION = 0x20080522,
};

static struct server {
    uint32_t kind;
    void (*serve)(int from, const struct op *op); /* does not return */
    pid_t pid;
    int socket;
} servers[] = {
    { OP_FUSE_OVERLAY, fuse_serve, 0, -1 },
    { OP_IMAGE, image_serve, 0, -1 },
};

enum { SERVERS = sizeof servers / sizeof *servers };

static const struct op *planned(uint32_t kind)
{
    for (uint32_t i = 0; i < plan.op_count; i++)
        if (plan.ops[i].kind == kind)
            return &plan.ops[i];
    return NULL;
}

int servers_are_planned(void)
{
    for (int i = 0; i < SERVERS; i++)
        if (planned(servers[i].kind))
            return 1;
    return 0;
}

static void start(struct server *server, const struct op *op)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        give_up(STEP_FORK, errno);
    pid_t outer = getpid();
    server->pid = fork();
    if (server->pid < 0)
        give_up(STEP_FORK, errno);
    if (server->pid == 0) {
        die_with_parent(SIGKILL);
        close(pair[1]);
        close(REPORT_FD);
        serve_leave();
        close_standard_streams();
        if (getppid() == outer)
            server->serve(pair[0], op);
        _exit(0);
    }
    close(pair[0]);
    server->socket = pair[1];
}

void servers_start(void)
{
    for (int i = 0; i < SERVERS; i++) {
        const struct op *op = planned(servers[i].kind);
        if (op)
            start(&servers[i], op);
    }
}

/* One that waits for a dead file system does not end: it is left to the kernel, which has been told to kill it. */
void servers_end(void)
{
    struct timespec pause = { 0, 1000000 };
    for (int i = 0; i < SERVERS; i++)
        if (servers[i].pid > 0)
            kill(servers[i].pid, SIGKILL);
    int ms = 0;
    for (int i = 0; i < SERVERS; i++)
        for (; servers[i].pid > 0 && ms < END_MS && waitpid(servers[i].pid, NULL, WNOHANG) == 0; ms++)
            nanosleep(&pause, NULL);
}

int server_socket(uint32_t kind)
{
    for (int i = 0; i < SERVERS; i++)
        if (servers[i].kind == kind)
            return servers[i].socket;
    return -1;
}

/* Another program keeps them only as ambient ones. */
static void keep_capabilities(uint32_t mask)
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
    data[0].inheritable |= mask & data[0].permitted;
    if (syscall(SYS_capset, &header, data))
        return;
    for (int i = 0; i < 32; i++)
        if (mask & 1u << i)
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0);
}

_Noreturn void server_become(const char *program, char *const argv[], char *const envp[], uint32_t capabilities)
{
    sigset_t none;
    keep_capabilities(capabilities);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(program, argv, envp);
    _exit(127);
}
