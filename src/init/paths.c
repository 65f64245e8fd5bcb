#define _GNU_SOURCE
#include "paths.h"
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SYS_OPENAT2 = 437,
    RESOLVE_NO_MAGICLINKS = 2,
    RESOLVE_IN_ROOT = 16,
    MAX_LINKS = 40,
    MAX_LINKS_MADE = 8, /* of links that lead nowhere and are followed by making what they lead to */
    MAX_PATH = 4096,
};

struct open_how {
    uint64_t flags, mode, resolve;
};

static int refuse(int error)
{
    errno = error;
    return -1;
}

/* A descriptor that is closed, whatever errno says kept. */
static void close_quietly(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
}

/* Cuts the last component, never above /root. */
static void cut(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != path)
        *slash = '\0';
}

/* The same as openat2 with RESOLVE_IN_ROOT, for kernels before 5.6: one component after the other, links re-read as text. */
static int walk(const char *path)
{
    static char rest[2 * MAX_PATH], link[MAX_PATH], done[MAX_PATH];
    int links = 0;
    if (strlen(path) >= MAX_PATH)
        return refuse(ENAMETOOLONG);
    strcpy(rest, path);
    strcpy(done, "/root");
    for (;;) {
        char *name = rest + strspn(rest, "/"), *tail = name + strcspn(name, "/");
        size_t length = (size_t)(tail - name), kept = strlen(done);
        struct stat st;
        if (length == 0)
            return open(done, O_PATH | O_CLOEXEC | O_NOFOLLOW);
        if (length == 2 && name[0] == '.' && name[1] == '.')
            cut(done);
        if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'))) {
            memmove(rest, tail, strlen(tail) + 1);
            continue;
        }
        if (kept + 1 + length >= sizeof done)
            return refuse(ENAMETOOLONG);
        snprintf(done + kept, sizeof done - kept, "/%.*s", (int)length, name);
        if (lstat(done, &st))
            return -1;
        if (!S_ISLNK(st.st_mode)) {
            if (*tail && !S_ISDIR(st.st_mode))
                return refuse(ENOTDIR);
            memmove(rest, tail, strlen(tail) + 1);
            continue;
        }
        ssize_t n = readlink(done, link, sizeof link - 1);
        if (n < 0)
            return -1;
        if (++links > MAX_LINKS)
            return refuse(ELOOP);
        if ((size_t)n + strlen(tail) >= sizeof rest)
            return refuse(ENAMETOOLONG);
        memmove(rest + n, tail, strlen(tail) + 1);
        memcpy(rest, link, (size_t)n);
        if (link[0] == '/')
            kept = strlen("/root");
        done[kept] = '\0';
    }
}

int resolve(const char *path)
{
    if (OLD_KERNEL)
        return walk(path);
    int root = open("/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
    const char *relative = path + strspn(path, "/");
    int fd, tries = 0;
    do {
        fd = (int)syscall(SYS_OPENAT2, root, *relative ? relative : ".", &how, sizeof how);
        /* EAGAIN: something was renamed or mounted anywhere on the node while a ".." was being followed. */
    } while (fd < 0 && errno == EAGAIN && ++tries < 100);
    close_quietly(root);
    return fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN) ? walk(path) : fd;
}

/* Room for a new entry in a directory that cannot be written, where the root is put together from binds. The directory is another one afterwards. */
static int reopened(int parent, const char *path, size_t length)
{
    char head[MAX_PATH];
    if (errno != EROFS)
        return -1;
    int error = open_underlay(parent);
    if (error)
        return refuse(error);
    snprintf(head, sizeof head, "%.*s", (int)length, path);
    return resolve(length ? head : "/");
}

static int make_directory(int parent, const char *path, size_t start)
{
    if (mkdirat(parent, path + start, 0755) == 0)
        return 0;
    int fresh = reopened(parent, path, start);
    if (fresh < 0)
        return -1;
    int result = mkdirat(fresh, path + start, 0755);
    close_quietly(fresh);
    return result;
}

static int make_through(const char *path, int links);

/* One missing component of a path: made, or, where a link of the image leads nowhere, what it leads to. */
static int make_component(int parent, const char *path, size_t start, int links)
{
    char link[MAX_PATH], to[2 * MAX_PATH];
    if (make_directory(parent, path, start) == 0)
        return resolve(path);
    if (errno != EEXIST)
        return -1;
    ssize_t n = readlinkat(parent, path + start, link, sizeof link - 1);
    if (n < 0)
        return resolve(path); /* somebody else made it meanwhile */
    if (links == 0)
        return refuse(ELOOP);
    link[n] = '\0';
    snprintf(to, sizeof to, "%.*s%s", link[0] == '/' ? 0 : (int)start, path, link);
    return make_through(to, links - 1);
}

static int make_through(const char *path, int links)
{
    char part[MAX_PATH];
    if (strlen(path) >= sizeof part)
        return refuse(ENAMETOOLONG);
    int parent = resolve("/");
    for (size_t at = 0; parent >= 0;) {
        at += strspn(path + at, "/");
        size_t end = at + strcspn(path + at, "/");
        if (end == at)
            break;
        memcpy(part, path, end);
        part[end] = '\0';
        int fd = resolve(part);
        if (fd < 0 && errno == ENOENT)
            fd = make_component(parent, part, at, links);
        close_quietly(parent);
        parent = fd;
        at = end;
    }
    return parent;
}

int directory(const char *path)
{
    int fd = resolve(path);
    return fd >= 0 || errno != ENOENT ? fd : make_through(path, MAX_LINKS_MADE);
}

/* Length of the path up to its last slash, and the name behind it. */
static size_t split(const char *path, char *name, size_t size)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t head = length;
    while (head > 0 && path[head - 1] != '/')
        head--;
    if ((size_t)snprintf(name, size, "%.*s", (int)(length - head), path + head) >= size)
        name[0] = '\0';
    return head;
}

static int make_file(int parent, const char *name)
{
    int made = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (made < 0)
        return -1;
    close(made);
    return openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

int file_entry(const char *path)
{
    char head[MAX_PATH], name[256];
    size_t length = split(path, name, sizeof name);
    if (length >= sizeof head || (name[0] == '\0' && length != strlen(path)))
        return refuse(ENAMETOOLONG);
    snprintf(head, sizeof head, "%.*s", (int)length, path);
    int parent = directory(head);
    if (parent < 0)
        return -1;
    int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        fd = make_file(parent, name);
    int fresh = fd < 0 ? reopened(parent, path, length) : -1;
    if (fresh >= 0) {
        fd = make_file(fresh, name);
        close_quietly(fresh);
    }
    close_quietly(parent);
    return fd;
}

int entry_status(const char *path, struct stat *st)
{
    char head[MAX_PATH], name[256];
    size_t length = split(path, name, sizeof name);
    if (length >= sizeof head || name[0] == '\0')
        return ENAMETOOLONG;
    snprintf(head, sizeof head, "%.*s", (int)length, path);
    int parent = resolve(head);
    if (parent < 0)
        return fail();
    int error = fstatat(parent, name, st, AT_SYMLINK_NOFOLLOW) ? fail() : 0;
    close(parent);
    return error;
}
