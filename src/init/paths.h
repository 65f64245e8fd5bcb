/* Paths inside the new root. None leads out of it, whatever links the image holds; results are descriptors, -1 with errno on failure. */
#ifndef GRIDWRAP_PATHS_H
#define GRIDWRAP_PATHS_H

#ifdef GRIDWRAP_OLD_KERNEL /* a test build: as if the kernel had neither openat2 nor the newer mount calls */
enum { OLD_KERNEL = 1 };
#else
enum { OLD_KERNEL = 0 };
#endif

/* An existing path, links followed. */
int resolve(const char *path);

/* A directory, it and its parents made if missing where the root can be written. */
int directory(const char *path);

/* A file to be mounted on: the entry itself, even if it is a symbolic link. Made if missing where that is possible. */
int file_entry(const char *path);

struct stat;

/* What a path is, without following a link at its end. 0 or errno. */
int entry_status(const char *path, struct stat *st);

#endif
