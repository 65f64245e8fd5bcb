#define _GNU_SOURCE
#include "files.h"
#include "mounts.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_LIMIT = 1 << 20 };

static unsigned written;
static char content[FILE_LIMIT];

/* The first bytes of content as a file that is bound on the target. */
static int put_file(const char *target, size_t length, int optional)
{
    char name[32];
    snprintf(name, sizeof name, "/files/%u", written++);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail();
    for (size_t n = 0; n < length;) {
        ssize_t w = write(fd, content + n, length - n);
        if (w < 0) {
            int error = fail();
            close(fd);
            return error;
        }
        n += (size_t)w;
    }
    close(fd);
    int source = open(name, O_PATH | O_CLOEXEC);
    int entry = file_entry(target);
    int error = source < 0 || entry < 0 ? fail() : bind_fd(source, entry, 0);
    if (source >= 0)
        close(source);
    if (entry >= 0)
        close(entry);
    return optional ? 0 : error;
}

static size_t read_all(int fd, size_t at)
{
    ssize_t n;
    while (at < sizeof content && (n = read(fd, content + at, sizeof content - at)) > 0)
        at += (size_t)n;
    return at;
}

int file_write(const struct op *op)
{
    if (op->data_length > sizeof content)
        return EFBIG;
    memcpy(content, op->data, op->data_length);
    return put_file(op->target, op->data_length, op->flags & OP_OPTIONAL);
}

static int reopen(int fd)
{
    char path[48];
    return open(fd_path(fd, path, sizeof path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

int file_copy(const struct op *op)
{
    if (op->fd < 0)
        return 0;
    int fd = reopen(op->fd);
    if (fd < 0)
        return op->flags & OP_OPTIONAL ? 0 : fail();
    size_t length = read_all(fd, 0);
    close(fd);
    return put_file(op->target, length, op->flags & OP_OPTIONAL);
}

int file_identity(const struct op *op)
{
    if (op->data_length > sizeof content / 2)
        return EFBIG;
    memcpy(content, op->data, op->data_length);
    size_t length = op->data_length;
    int fd = resolve(op->target);
    if (fd >= 0) {
        int file = is_directory(fd) ? -1 : reopen(fd);
        close(fd);
        if (file >= 0) {
            length = read_all(file, length);
            close(file);
        }
    }
    return put_file(op->target, length, op->flags & OP_OPTIONAL);
}
