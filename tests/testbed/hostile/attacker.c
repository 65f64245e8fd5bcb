/* attacker ATTEMPT [ARG…]: one attempt at what a payload must not be able to do; says "refused" with the reason, or what it got. For the attempts that a shell cannot make. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int refused(void)
{
    printf("refused: %s\n", strerror(errno));
    return 0;
}

static int got(const char *what)
{
    printf("GOT %s\n", what);
    return 0;
}

static int attach(char **arguments)
{
    pid_t pid = atoi(arguments[0]);
    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) != 0) {
        return refused();
    }

    waitpid(pid, NULL, __WALL);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return got("the process");
}

/* The address of the first mapping is as good as any; where the map cannot be read, one that static programs have. */
static unsigned long address_in(const char *pid)
{
    char path[64];
    unsigned long address = 0x400000;
    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    FILE *maps = fopen(path, "r");
    if (maps != NULL) {
        if (fscanf(maps, "%lx", &address) != 1) {
            address = 0x400000;
        }

        fclose(maps);
    }

    return address;
}

static int read_memory(char **arguments)
{
    char bytes[16];
    struct iovec here = {bytes, sizeof bytes};
    struct iovec there = {(void *)address_in(arguments[0]), sizeof bytes};
    return process_vm_readv(atoi(arguments[0]), &here, 1, &there, 1, 0) < 0 ? refused() : got("memory");
}

static int open_memory(char **arguments)
{
    char path[64];
    char bytes[16];
    snprintf(path, sizeof path, "/proc/%s/mem", arguments[0]);
    int fd = open(path, O_RDWR);
    if (fd < 0 || pread(fd, bytes, sizeof bytes, (off_t)address_in(arguments[0])) <= 0) {
        return refused();
    }

    return got("memory");
}

static int open_to_write(char **arguments)
{
    int fd = open(arguments[0], O_WRONLY);
    if (fd < 0) {
        return refused();
    }

    return write(fd, "", 0) < 0 ? refused() : got("a file that can be written");
}

static int connect_to(char **arguments)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(address.sun_path, arguments[0], sizeof address.sun_path - 1);
    return fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ? refused() : got("a connection");
}

/* The old way out of a chroot, with the capabilities that a nested user namespace gives: is there anything above the root? */
static int leave_root(char **arguments)
{
    if (unshare(CLONE_NEWUSER) != 0) {
        return refused();
    }

    int fd = open("/", O_RDONLY | O_DIRECTORY);
    if (chdir("/tmp") != 0 || chroot("/tmp") != 0 || fchdir(fd) != 0) {
        return refused();
    }

    for (int i = 0; i < 64; i++) {
        if (chdir("..") != 0) {
            return refused();
        }
    }

    if (chroot(".") != 0 || access(arguments[0], F_OK) != 0) {
        return refused();
    }

    return got(arguments[0]);
}

/* A file of the host's file system by its handle instead of by a path: inode 2 is the root of an ext4. */
static int by_handle(char **arguments)
{
    struct {
        struct file_handle handle;
        unsigned int bytes[32];
    } file = {.handle = {.handle_bytes = sizeof file.bytes}};
    int mount_id;
    int fd = open(arguments[0], O_RDONLY | O_DIRECTORY);
    (void)unshare(CLONE_NEWUSER);
    if (fd < 0 || name_to_handle_at(AT_FDCWD, arguments[0], &file.handle, &mount_id, 0) != 0) {
        return refused();
    }

    file.bytes[0] = 2;
    file.bytes[1] = 0;
    return open_by_handle_at(fd, &file.handle, O_RDONLY) < 0 ? refused() : got("the root of the file system");
}

static int raise_priority(char **arguments) { return setpriority(PRIO_PROCESS, (id_t)atoi(arguments[0]), 19) != 0 ? refused() : got("its priority"); }

static int limit_of(char **arguments)
{
    struct rlimit limit = {0, 0};
    return prlimit(atoi(arguments[0]), RLIMIT_FSIZE, &limit, NULL) != 0 ? refused() : got("its limits");
}

/* Its number stands in /proc/keys for everybody of the same uid. */
static int read_key(char **arguments)
{
    const int keyctl_read = 11;
    char secret[64];
    return syscall(SYS_keyctl, keyctl_read, atoi(arguments[0]), secret, sizeof secret) < 0 ? refused() : got("the key");
}

static int kill_process(char **arguments) { return kill(atoi(arguments[0]), SIGKILL) != 0 ? refused() : got("it killed"); }

/* To everything that can be reached: the caller alone survives, and its init. */
static int kill_all(char **arguments)
{
    (void)arguments;
    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_IGN);
    }

    kill(-1, SIGKILL);
    usleep(100 * 1000);
    puts("harmless: only this container's processes");
    return 0;
}

static const struct {
    const char *name;
    int arguments;
    int (*attempt)(char **arguments);
} attempts[] = {
    {"attach", 1, attach}, {"read-memory", 1, read_memory}, {"open-memory", 1, open_memory}, {"open-to-write", 1, open_to_write}, {"connect", 1, connect_to},
    {"leave-root", 1, leave_root}, {"by-handle", 1, by_handle}, {"priority", 1, raise_priority}, {"limits", 1, limit_of}, {"read-key", 1, read_key}, {"kill", 1, kill_process}, {"kill-all", 0, kill_all},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof attempts / sizeof attempts[0]; i++) {
        if (strcmp(argv[1], attempts[i].name) == 0 && argc - 2 >= attempts[i].arguments) {
            return attempts[i].attempt(argv + 2);
        }
    }

    fprintf(stderr, "usage: attacker ATTEMPT [ARG…]\n");
    return 64;
}
