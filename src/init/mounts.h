/* Mounting on descriptors: never on a path that could change its meaning. Each call returns 0 or an errno. */
#ifndef GRIDWRAP_MOUNTS_H
#define GRIDWRAP_MOUNTS_H

#include <stddef.h>

/* errno, never 0. */
int fail(void);

/* /old/proc/self/fd/N: how a descriptor is named to calls that only take paths, while the host's tree is at /old. */
const char *fd_path(int fd, char *buffer, size_t size);

int is_directory(int fd);

enum { BIND_READ_ONLY = 1, BIND_NO_DEVICES = 2 };

/* The tree at source, with what is mounted in it, on target. */
int bind_fd(int source, int target, int flags);

/* Read-only for a mount and what is mounted below it. */
int make_read_only(int fd);

/* A file system on a directory. */
int mount_on(int fd, const char *type, unsigned long flags, const char *data);

/* Where overlay does not work: the image itself, read-only, becomes the root. Afterwards open_underlay gives one of its directories room for new entries: a tmpfs
 * takes its place in which every entry is shown by a bind. EROFS where the root is of another kind. */
int start_underlay(int image);
int open_underlay(int dir);
int close_underlay(void); /* nothing more is added: all those directories read-only */

#endif
