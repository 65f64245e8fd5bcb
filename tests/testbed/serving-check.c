/*
 * What a payload can find wrong with a served root. Runs inside, static, so that it needs nothing of the image. Exit 0 and "ok", or a line that names the first fault.
 *
 * Build: cc -O1 -static -Wall -Wextra -pthread -o serving-check serving-check.c
 * Use:   serving-check reads FILE SEED COUNT    random reads, by read and by mmap, against the pattern that the file holds
 *        serving-check writes DIRECTORY         everything that changes something is refused with EROFS
 *        serving-check misses DIRECTORY COUNT   as many looks at one missing name
 *        serving-check many FILE SEED COUNT     16 processes at once, each as "reads"
 *        serving-check interrupt FILE           a read that waits ends with EINTR when a signal comes
 *        serving-check kill FILE                a process in a read that waits can be killed
 *        serving-check times DIRECTORY COUNT FILE   microseconds of stat (cold, warm), open and close, read of 4 KiB; MB/s of FILE cold and warm
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static int fault(const char *what, long long value)
{
    printf("%s: %lld (%s)\n", what, value, strerrorname_np(errno));
    fflush(stdout);
    return 1;
}

static unsigned char at(uint64_t offset, uint64_t seed)
{
    uint64_t x = (offset / 8 + seed) * 0x9E3779B97F4A7C15u;
    x ^= x >> 32;
    return (unsigned char)(x >> 8 * (offset % 8));
}

static int reads(const char *path, uint64_t seed, long count, unsigned chance)
{
    static unsigned char buffer[3 << 20];
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st))
        return fault("open", 0);
    unsigned char *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return fault("mmap", st.st_size);
    for (long i = 0; i < count; i++) {
        long long offset = ((long long)rand_r(&chance) << 20 ^ rand_r(&chance)) % (st.st_size + 5000);
        size_t size = i % 8 == 0 ? (size_t)rand_r(&chance) % sizeof buffer : (size_t)rand_r(&chance) % 9000;
        ssize_t expected = offset >= st.st_size ? 0 : offset + (long long)size > st.st_size ? (ssize_t)(st.st_size - offset) : (ssize_t)size;
        if (i % 3 == 2) {
            for (ssize_t k = 0; k < expected; k += 997)
                if (map[offset + k] != at((uint64_t)(offset + k), seed))
                    return fault("mapped byte", offset + k);
            continue;
        }
        if (i % 50 == 0)
            posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        ssize_t n = pread(fd, buffer, size, offset);
        if (n != expected)
            return fault("length", n);
        for (ssize_t k = 0; k < n; k++)
            if (buffer[k] != at((uint64_t)(offset + k), seed))
                return fault("byte", offset + k);
    }
    return 0;
}

static int many(const char *path, uint64_t seed, long count)
{
    int bad = 0, status;
    for (unsigned i = 0; i < 16; i++)
        if (fork() == 0)
            _exit(reads(path, seed, count, i + 1));
    while (wait(&status) > 0)
        bad |= status;
    return bad ? fault("one of many", bad) : 0;
}

#define REFUSED(call) \
    do { \
        errno = 0; \
        if ((call) != -1 || errno != EROFS) \
            return fault(#call, errno); \
    } while (0)

/* The directory holds a file f, a directory d, a link l and a directory e with something in it. */
static int writes(const char *directory)
{
    struct timespec times[2] = { { 1, 0 }, { 2, 0 } };
    if (chdir(directory))
        return fault("chdir", 0);
    REFUSED(open("f", O_WRONLY));
    REFUSED(open("f", O_RDWR));
    REFUSED(open("f", O_RDONLY | O_TRUNC));
    REFUSED(open("f", O_WRONLY | O_APPEND));
    REFUSED(open("new", O_WRONLY | O_CREAT, 0644));
    REFUSED(open("new", O_RDWR | O_CREAT | O_EXCL, 0644));
    REFUSED(open(".", O_TMPFILE | O_RDWR, 0644));
    REFUSED(truncate("f", 1));
    REFUSED(mkdir("new", 0755));
    REFUSED(mknod("new", S_IFIFO | 0644, 0));
    REFUSED(symlink("x", "new"));
    REFUSED(link("f", "new"));
    REFUSED(unlink("f"));
    REFUSED(unlink("l"));
    REFUSED(rmdir("d"));
    REFUSED(rmdir("e"));
    REFUSED(rename("f", "new"));
    REFUSED(rename("d", "new"));
    REFUSED(renameat2(AT_FDCWD, "f", AT_FDCWD, "d", RENAME_EXCHANGE));
    REFUSED(chmod("f", 0600));
    REFUSED(chmod("d", 0700));
    REFUSED(chown("f", getuid(), getgid()));
    REFUSED(lchown("l", getuid(), getgid()));
    REFUSED(utimensat(AT_FDCWD, "f", times, 0));
    REFUSED(utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
    REFUSED(setxattr("f", "user.new", "x", 1, 0));
    REFUSED(removexattr("f", "user.one"));
    REFUSED(access("f", W_OK));
    REFUSED(access("d", W_OK));
    int fd = open("f", O_RDONLY);
    char byte;
    errno = 0;
    if (fd < 0 || read(fd, &byte, 1) != 1 || write(fd, "x", 1) != -1 || errno != EBADF)
        return fault("a descriptor for reading", fd);
    REFUSED(fchmod(fd, 0600));
    errno = 0;
    if (mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED || errno != EACCES)
        return fault("a writable shared map", errno);
    return 0;
}

static int misses(const char *directory, long count)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s/there-is-none", directory);
    for (long i = 0; i < count; i++)
        if (stat(path, &st) != -1 || errno != ENOENT)
            return fault("stat", i);
    return 0;
}

static void nothing(int sig)
{
    (void)sig;
}

static int interrupt(const char *path)
{
    struct itimerval soon = { { 0, 300000 }, { 0, 300000 } }; /* again: the first may come before the read */
    struct sigaction action = { .sa_handler = nothing };
    char buffer[100];
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return fault("open", 0);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    ssize_t n = read(fd, buffer, sizeof buffer);
    return n == -1 && errno == EINTR ? 0 : fault("read", n);
}

static int kill_reader(const char *path)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        char buffer[100];
        int fd = open(path, O_RDONLY);
        _exit(read(fd, buffer, sizeof buffer) == sizeof buffer);
    }
    usleep(300000);
    kill(child, SIGKILL);
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) ? 0 : fault("the end of the reader", status);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The directory holds files 0, 1, ... of at least 4 KiB. */
static int times(const char *directory, long count, const char *file)
{
    static char buffer[1 << 20];
    struct stat st;
    char path[4096];
    double took[6] = { 0 };
    for (int round = 0; round < 2; round++) {
        double began = now();
        for (long i = 0; i < count; i++) {
            snprintf(path, sizeof path, "%s/%ld", directory, i);
            if (stat(path, &st))
                return fault("stat", i);
        }
        took[round] = (now() - began) / (double)count;
        began = now();
        for (long i = 0; i < count; i++) {
            snprintf(path, sizeof path, "%s/%ld", directory, i);
            int fd = open(path, O_RDONLY);
            if (fd < 0 || read(fd, buffer, 4096) != 4096)
                return fault("read", i);
            close(fd);
        }
        took[2 + round] = (now() - began) / (double)count;
        began = now();
        long long bytes = 0;
        int fd = open(file, O_RDONLY);
        for (ssize_t n; fd >= 0 && (n = read(fd, buffer, sizeof buffer)) > 0;)
            bytes += n;
        close(fd);
        took[4 + round] = (double)bytes / (now() - began);
    }
    printf("stat %.1f %.1f us, open+read+close %.1f %.1f us, sequential %.0f %.0f MB/s (first, second time)\n", took[0], took[1], took[2], took[3], took[4], took[5]);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 64;
    const char *what = argv[1], *path = argv[2];
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    long count = argc > 4 ? atol(argv[4]) : 0;
    int bad = !strcmp(what, "reads") ? reads(path, seed, count, 1)
        : !strcmp(what, "many") ? many(path, seed, count)
        : !strcmp(what, "writes") ? writes(path)
        : !strcmp(what, "misses") ? misses(path, (long)seed)
        : !strcmp(what, "times") ? times(path, (long)seed, argc > 4 ? argv[4] : path)
        : !strcmp(what, "interrupt") ? interrupt(path)
        : !strcmp(what, "kill") ? kill_reader(path) : 64;
    if (!bad)
        puts("ok");
    return bad;
}
