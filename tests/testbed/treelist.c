/*
 * Lists a tree for comparison: one line per entry, path, type, permission bits, size, modification time, link target or a hash of the content. Bytes outside of
 * printable ASCII are written as \xHH. It runs as the payload of a container, too, so it is static and needs nothing of the image.
 *
 * Build: cc -O1 -static -Wall -Wextra -o treelist treelist.c
 * Use:   treelist DIRECTORY [NAME]...   names in DIRECTORY itself that are left out; the directory's own line is never printed
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int skipped_count;
static char **skipped;

static void text(const char *bytes)
{
    for (const unsigned char *c = (const unsigned char *)bytes; *c; c++)
        if (*c > 32 && *c < 127 && *c != '\\')
            putchar(*c);
        else
            printf("\\x%02x", *c);
}

static void content(int parent, const char *name)
{
    uint64_t hash = 14695981039346656037ull;
    unsigned char buffer[65536];
    ssize_t n;
    int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW);
    if (fd < 0) {
        printf(" unreadable:%s", strerrorname_np(errno));
        return;
    }
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        for (ssize_t i = 0; i < n; i++)
            hash = (hash ^ buffer[i]) * 1099511628211ull;
    close(fd);
    printf(" %016llx", (unsigned long long)hash);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(int parent, const char *directory, const char *path)
{
    char *names[65536], below[16384], link[4097];
    size_t count = 0;
    int fd = openat(parent, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *open = fd < 0 ? NULL : fdopendir(fd);
    if (!open) {
        text(path);
        printf(" unlistable:%s\n", strerrorname_np(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(open)) && count < sizeof names / sizeof *names;) {
        int skip = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
        for (int i = 0; i < skipped_count && !*path; i++)
            skip |= !strcmp(entry->d_name, skipped[i]);
        if (!skip)
            names[count++] = strdup(entry->d_name);
    }
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        struct stat st;
        snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", names[i]);
        text(below);
        if (fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW)) {
            printf(" nostat:%s\n", strerrorname_np(errno));
            continue;
        }
        printf(" %c", S_ISREG(st.st_mode) ? 'f' : S_ISDIR(st.st_mode) ? 'd' : S_ISLNK(st.st_mode) ? 'l' : S_ISFIFO(st.st_mode) ? 'p' : S_ISCHR(st.st_mode) ? 'c' : 'x');
        if (!S_ISLNK(st.st_mode))
            printf(" %04o", st.st_mode & 07777);
        printf(" %lld", (long long)st.st_mtim.tv_sec);
        if (S_ISREG(st.st_mode)) {
            printf(" %lld", (long long)st.st_size);
            content(fd, names[i]);
        } else if (S_ISLNK(st.st_mode)) {
            ssize_t n = readlinkat(fd, names[i], link, sizeof link - 1);
            link[n < 0 ? 0 : n] = 0;
            printf(" -> ");
            text(link);
        }
        putchar('\n');
        if (S_ISDIR(st.st_mode))
            list(fd, names[i], below);
        free(names[i]);
    }
    closedir(open);
}

int main(int argc, char **argv)
{
    skipped = argv + 2;
    skipped_count = argc > 2 ? argc - 2 : 0;
    if (argc < 2)
        return 64;
    list(AT_FDCWD, argv[1], "");
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
