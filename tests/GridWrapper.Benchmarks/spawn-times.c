/* spawn-times ROUNDS HELPER PLAN SCRATCH -- COMMAND…: from posix_spawn(3) to the payload's first instruction, by gridwrap-init with that plan and by COMMAND, in turns.
 * The payload of both is this program called without arguments: it writes the time at which it began to its stdout. SCRATCH is made again for each launch of the
 * helper, as gridwrap does. Prints "WHO MICROSECONDS-TO-PAYLOAD MICROSECONDS-TO-END" lines, WHO being helper or other. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

/* plan: NULL for a command that wants no descriptors. */
static void measure(const char *who, char **argv, const char *plan)
{
    int ends[2];
    long long began;
    int status;
    pid_t pid;
    char *environment[] = {"PATH=/usr/bin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        die("pipe2");
    }

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    if (plan != NULL) {
        posix_spawn_file_actions_addopen(&actions, 3, plan, O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 4, "/dev/null", O_WRONLY, 0);
    }

    long long start = now();
    errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environment);
    if (errno != 0) {
        die(argv[0]);
    }

    close(ends[1]);
    ssize_t n = read(ends[0], &began, sizeof began);
    if (waitpid(pid, &status, 0) != pid || status != 0 || n != sizeof began) {
        fprintf(stderr, "%s: status %x, %zd bytes\n", argv[0], (unsigned)status, n);
        exit(1);
    }

    long long end = now();
    close(ends[0]);
    posix_spawn_file_actions_destroy(&actions);
    if (who != NULL) {
        printf("%s %.1f %.1f\n", who, (double)(began - start) / 1000, (double)(end - start) / 1000);
    }
}

int main(int argc, char **argv)
{
    long long began = now();
    if (argc == 1) {
        return write(1, &began, sizeof began) == sizeof began ? 0 : 1;
    }

    if (argc < 7 || strcmp(argv[5], "--") != 0) {
        fprintf(stderr, "usage: spawn-times ROUNDS HELPER PLAN SCRATCH -- COMMAND…\n");
        return 64;
    }

    char *helper[] = {argv[2], NULL};
    int rounds = atoi(argv[1]);
    /* Two that do not count. */
    for (int i = -2; i < rounds; i++) {
        for (int turn = 0; turn < 2; turn++) {
            mkdir(argv[4], 0700);
            if ((turn + i) & 1) {
                measure(i < 0 ? NULL : "helper", helper, argv[3]);
            } else {
                measure(i < 0 ? NULL : "other", argv + 6, NULL);
            }
        }
    }

    return 0;
}
