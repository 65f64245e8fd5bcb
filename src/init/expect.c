#define _GNU_SOURCE
#include "expect.h"
#include "mounts.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int expect_gone(const char *path)
{
    struct stat st;
    int error = entry_status(path, &st);
    return error == ENOENT || error == ENOTDIR ? 0 : error ? error : EEXIST;
}

/* Closed to this user it may be; dead it may not. */
static int expect_readable(int fd, long long size)
{
    char path[48], byte;
    int file = open(fd_path(fd, path, sizeof path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return errno == EACCES || errno == EPERM ? 0 : fail();
    ssize_t n = read(file, &byte, 1);
    int error = n < 0 ? fail() : n == (size > 0) ? 0 : EUCLEAN;
    close(file);
    return error;
}

static int expect_file(const char *path, long long size)
{
    struct stat st;
    int error = entry_status(path, &st);
    if (error)
        return error;
    if (!S_ISREG(st.st_mode) || (long long)st.st_size != size)
        return EUCLEAN;
    int fd = resolve(path);
    if (fd < 0)
        return fail();
    error = expect_readable(fd, size);
    close(fd);
    return error;
}

/* To its end: a server of files may fail on one entry. */
static int expect_listed(int fd)
{
    static char list[32768];
    char path[48];
    int dir = open(fd_path(fd, path, sizeof path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return errno == EACCES || errno == EPERM ? 0 : fail();
    long n;
    while ((n = syscall(SYS_getdents64, dir, list, sizeof list)) > 0)
        continue;
    int error = n < 0 ? fail() : 0;
    close(dir);
    return error;
}

static int expect_directory(const char *path)
{
    int fd = resolve(path);
    if (fd < 0)
        return fail();
    int error = is_directory(fd) ? expect_listed(fd) : EUCLEAN;
    close(fd);
    return error;
}

/* A directory and a file of our own, which leave no trace. */
static int expect_writable(const char *path)
{
    static const char name[] = ".gridwrap-check";
    int fd = resolve(path);
    if (fd < 0)
        return fail();
    if (mkdirat(fd, name, 0700)) {
        int error = fail();
        close(fd);
        return error;
    }
    int dir = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC), error = dir < 0 ? fail() : 0;
    int file = error ? -1 : openat(dir, "1", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (!error && (file < 0 || write(file, "1", 1) != 1 || renameat(dir, "1", dir, "2") || unlinkat(dir, "2", 0)))
        error = fail();
    if (unlinkat(fd, name, AT_REMOVEDIR) && !error)
        error = fail();
    if (file >= 0)
        close(file);
    if (dir >= 0)
        close(dir);
    close(fd);
    return error;
}

/* A file of a layer gets the mode that it has: it must first be copied to where it can be changed. Others' files cannot be, by anybody here. */
static int expect_copied(const char *path)
{
    struct stat st;
    char proc[48];
    int error = entry_status(path, &st), fd = error ? -1 : resolve(path);
    if (error || fd < 0)
        return error ? error : fail();
    if (st.st_uid == geteuid() && chmod(fd_path(fd, proc, sizeof proc), st.st_mode & 07777))
        error = fail();
    close(fd);
    return error;
}

int expect(const struct op *op)
{
    if (strcmp(op->data, "gone") == 0)
        return expect_gone(op->target);
    if (strcmp(op->data, "directory") == 0)
        return expect_directory(op->target);
    if (strcmp(op->data, "write") == 0)
        return expect_writable(op->target);
    if (strcmp(op->data, "copy-up") == 0)
        return expect_copied(op->target);
    return strncmp(op->data, "size=", 5) == 0 ? expect_file(op->target, strtoll(op->data + 5, NULL, 10)) : EINVAL;
}
