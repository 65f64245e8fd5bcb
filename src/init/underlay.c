/* The root where overlay does not work: see mounts.h. */
#define _GNU_SOURCE
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MAX_OPENED = 256,
    MAX_ENTRIES = 8192, /* of all directories that were opened: each is a mount, and a namespace takes 100,000 */
};

static int started;
static int opened[MAX_OPENED]; /* the tmpfs of each opened directory */
static unsigned opened_count, entries;

int start_underlay(int image)
{
    int root = open("/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fail();
    int error = bind_fd(image, root, BIND_READ_ONLY | BIND_NO_DEVICES);
    close(root);
    started = error == 0;
    return error;
}

static int show_link(int from, int to, const char *name, const struct stat *st)
{
    const struct timespec times[2] = { st->st_atim, st->st_mtim };
    char text[4096];
    ssize_t n = readlinkat(from, name, text, sizeof text - 1);
    if (n < 0)
        return fail();
    text[n] = '\0';
    return symlinkat(text, to, name) || utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) ? fail() : 0;
}

/* One entry of a directory in its tmpfs: links are made again, everything else is bound. */
static int show_entry(int from, int to, const char *name)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
        return fail();
    if (S_ISLNK(st.st_mode))
        return show_link(from, to, name, &st);
    int made = S_ISDIR(st.st_mode) ? mkdirat(to, name, 0755) : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (made < 0)
        return fail();
    if (!S_ISDIR(st.st_mode))
        close(made);
    int source = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), target = openat(to, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int error = source < 0 || target < 0 ? fail() : bind_fd(source, target, 0);
    if (source >= 0)
        close(source);
    if (target >= 0)
        close(target);
    return error;
}

/* Entries of getdents64: inode, offset, length, type, name. */
static int show_entries(int from, int to)
{
    static char list[32768];
    long n;
    int dir = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = dir < 0 ? fail() : 0;
    while (!error && (n = syscall(SYS_getdents64, dir, list, sizeof list)) != 0) {
        if (n < 0)
            error = fail();
        for (long at = 0; !error && at < n;) {
            uint16_t length;
            const char *name = list + at + 19;
            memcpy(&length, list + at + 16, sizeof length);
            if (strcmp(name, ".") && strcmp(name, ".."))
                error = ++entries > MAX_ENTRIES ? E2BIG : show_entry(from, to, name);
            at += length;
        }
    }
    if (dir >= 0)
        close(dir);
    return error;
}

int open_underlay(int dir)
{
    char name[24], to[48];
    struct stat st;
    if (!started)
        return EROFS;
    if (opened_count == MAX_OPENED)
        return E2BIG;
    snprintf(name, sizeof name, "/l/u%u", opened_count);
    if (fstat(dir, &st) || mkdir(name, 0755) || mount("tmpfs", name, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"))
        return fail();
    int made = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (made < 0)
        return fail();
    int error = show_entries(dir, made);
    if (!error && (chmod(name, st.st_mode & 07777) || mount(name, fd_path(dir, to, sizeof to), "", MS_MOVE, NULL)))
        error = fail();
    if (error)
        close(made);
    else
        opened[opened_count++] = made;
    return error;
}

int close_underlay(void)
{
    char path[48];
    if (!started)
        return EINVAL;
    for (unsigned i = 0; i < opened_count; i++)
        if (mount(NULL, fd_path(opened[i], path, sizeof path), "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL))
            return fail();
    return 0;
}
