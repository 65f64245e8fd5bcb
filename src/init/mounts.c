#define _GNU_SOURCE
#include "mounts.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MS_RELATIME
#define MS_RELATIME (1 << 21)
#endif
#ifndef MS_STRICTATIME
#define MS_STRICTATIME (1 << 24)
#endif

enum {
    SYS_OPEN_TREE = 428,
    SYS_MOVE_MOUNT = 429,
    SYS_MOUNT_SETATTR = 442,
    OPEN_TREE_CLONE_FLAG = 1,
    MOVE_MOUNT_FROM_FD = 4,
    MOVE_MOUNT_TO_FD = 0x40,
    ATTR_RDONLY = 1,
    ATTR_NOSUID = 2,
    ATTR_NODEV = 4,
    AT_RECURSIVE_FLAG = 0x8000,
    NO_SYMLINKS_STATE = 0x2000, /* ST_NOSYMFOLLOW */
    NO_SYMLINKS_FLAG = 0x100,   /* MS_NOSYMFOLLOW */
};

struct mount_attributes {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

int fail(void)
{
    return errno ? errno : EIO;
}

const char *fd_path(int fd, char *buffer, size_t size)
{
    snprintf(buffer, size, "/old/proc/self/fd/%d", fd);
    return buffer;
}

int is_directory(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- read-only ---- */

/* What a remount must repeat. Flags that came from the host are locked: leaving one out would clear it, which is refused. Access times are one of three, and
 * strict is the one that has to be asked for. */
static unsigned long kept_flags(unsigned long state)
{
    unsigned long keep = state & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME);
    if (state & ST_RELATIME)
        keep |= MS_RELATIME;
    else if (!(state & ST_NOATIME))
        keep |= MS_STRICTATIME;
    return state & NO_SYMLINKS_STATE ? keep | NO_SYMLINKS_FLAG : keep;
}

static int read_only_one(const char *path, unsigned long more)
{
    struct statvfs st;
    if (statvfs(path, &st))
        return fail();
    return mount(NULL, path, "", MS_BIND | MS_REMOUNT | MS_RDONLY | more | kept_flags(st.f_flag), NULL) ? fail() : 0;
}

/* The fifth field of a line of mountinfo, with its \ooo escapes undone, in place. */
static char *mount_point(char *line)
{
    for (int skip = 0; skip < 4; skip++) {
        line = strchr(line, ' ');
        if (line == NULL)
            return NULL;
        line++;
    }
    char *out = line, *in = line;
    while (*in && *in != ' ') {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] && in[3]) {
            *out++ = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
            in += 4;
        } else {
            *out++ = *in++;
        }
    }
    *out = '\0';
    return line;
}

/* Before Linux 5.12: mount by mount. One below that cannot be changed (its file system is gone, or hidden by another) stays as it is. */
static int read_only_each(int fd, unsigned long more)
{
    char link[48], top[4096];
    static char line[16384];
    ssize_t n = readlink(fd_path(fd, link, sizeof link), top, sizeof top - 1);
    if (n < 0)
        return fail();
    top[n] = '\0';
    int error = read_only_one(link, more);
    FILE *list = error ? NULL : fopen("/old/proc/self/mountinfo", "re");
    if (list == NULL)
        return error ? error : fail();
    while (fgets(line, sizeof line, list)) {
        char *point = mount_point(line);
        if (point && strncmp(point, top, (size_t)n) == 0 && point[n] == '/')
            read_only_one(point, more);
    }
    fclose(list);
    return 0;
}

static int set_attributes(int fd, int flags)
{
    struct mount_attributes attr = { .attr_set = ATTR_RDONLY | (flags & BIND_NO_DEVICES ? ATTR_NOSUID | ATTR_NODEV : 0) };
    return OLD_KERNEL || syscall(SYS_MOUNT_SETATTR, fd, "", AT_EMPTY_PATH | AT_RECURSIVE_FLAG, &attr, sizeof attr) ? -1 : 0;
}

int make_read_only(int fd)
{
    return set_attributes(fd, 0) ? read_only_each(fd, 0) : 0;
}

/* ---- binds ---- */

/* Since Linux 5.2: a copy of the tree that is nowhere yet, changed where it is, and put into its place at once. */
static int bind_tree(int source, int target, int flags)
{
    int tree = OLD_KERNEL ? -1 : (int)syscall(SYS_OPEN_TREE, source, "", AT_EMPTY_PATH | AT_RECURSIVE_FLAG | OPEN_TREE_CLONE_FLAG | O_CLOEXEC);
    if (tree < 0)
        return -1;
    int result = flags ? set_attributes(tree, flags) : 0;
    if (result == 0)
        result = (int)syscall(SYS_MOVE_MOUNT, tree, "", target, "", MOVE_MOUNT_FROM_FD | MOVE_MOUNT_TO_FD);
    close(tree);
    return result;
}

int bind_fd(int source, int target, int flags)
{
    char from[48], to[48];
    if (bind_tree(source, target, flags) == 0)
        return 0;
    /* A kernel, or a filter around us, without those calls; or an error that the older call will tell again. */
    if (mount(fd_path(source, from, sizeof from), fd_path(target, to, sizeof to), "", MS_BIND | MS_REC, NULL))
        return fail();
    if (flags == 0)
        return 0;
    /* What was mounted covers the target: its path leads to it, the descriptor does not. */
    char top[4096];
    ssize_t n = readlink(to, top, sizeof top - 1);
    if (n < 0)
        return fail();
    top[n] = '\0';
    int mounted = open(top, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (mounted < 0)
        return fail();
    int error = set_attributes(mounted, flags) ? read_only_each(mounted, flags & BIND_NO_DEVICES ? MS_NOSUID | MS_NODEV : 0) : 0;
    close(mounted);
    return error;
}

int mount_on(int fd, const char *type, unsigned long flags, const char *data)
{
    /* "." is this directory and no other, on every kernel and without /proc. */
    if (fchdir(fd))
        return fail();
    int error = mount(type, ".", type, flags, data) ? fail() : 0;
    return chdir("/") ? fail() : error;
}
