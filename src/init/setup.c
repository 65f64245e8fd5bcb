/* Interpreter of the operations: it builds a root filesystem in a private mount namespace.
 *
 * Host paths are opened as descriptors before any root changes (setup_open_sources). Targets are resolved inside the new root, so that a symbolic link in
 * an image cannot lead out of it; what is mounted on is a descriptor (/old/proc/self/fd/N), never a path that could change its meaning.
 * Between OP_BASE and OP_ENTER the root is a tmpfs holding: /old (the host), /root (the new root), /bottom (scaffold), /l/N (layers), /up (upper and work
 * directory), /files (written files).
 */
#define _GNU_SOURCE
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
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

enum {
    SYS_OPENAT2 = 437,
    SYS_MOUNT_SETATTR = 442,
    RESOLVE_NO_MAGICLINKS = 2,
    RESOLVE_IN_ROOT = 16,
    ATTR_RDONLY = 1,
    AT_RECURSIVE_FLAG = 0x8000,
    MAX_LINKS = 40,
    MAX_LAYERS = 499, /* the kernel takes 500, and one is the scaffold */
    FILE_LIMIT = 1 << 20,
};

struct open_how {
    uint64_t flags, mode, resolve;
};

struct mount_attributes {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

static int based, entered;
static unsigned layers;
static unsigned written;
static char content[FILE_LIMIT];
static char options[4096];

static int fail(void)
{
    return errno ? errno : EIO;
}

static const char *fd_path(int fd, char *buffer, size_t size)
{
    snprintf(buffer, size, "/old/proc/self/fd/%d", fd);
    return buffer;
}

static int bind_fd(int source, int target, unsigned long flags)
{
    char from[48], to[48];
    return mount(fd_path(source, from, sizeof from), fd_path(target, to, sizeof to), NULL, MS_BIND | flags, NULL) ? fail() : 0;
}

/* ---- paths inside the new root ---- */

/* The same as openat2 with RESOLVE_IN_ROOT, for kernels before 5.6: one component after the other, links re-read as text. */
static int walk(const char *path)
{
    static char rest[4096 * 2], link[4096], done[4096];
    int links = 0;
    done[0] = '\0';
    if (strlen(path) >= sizeof rest / 2)
        return errno = ENAMETOOLONG, -1;
    strcpy(rest, path);
    for (;;) {
        char *name = rest + strspn(rest, "/");
        size_t length = strcspn(name, "/");
        if (length == 0)
            return open(done[0] ? done : "/root", O_PATH | O_CLOEXEC | O_NOFOLLOW);
        if (length == 1 && name[0] == '.') {
            memmove(rest, name + 1, strlen(name + 1) + 1);
            continue;
        }
        if (done[0] == '\0')
            strcpy(done, "/root");
        size_t kept = strlen(done);
        if (length == 2 && name[0] == '.' && name[1] == '.') {
            char *slash = strrchr(done, '/');
            if (slash != done)
                *slash = '\0'; /* never above /root */
            memmove(rest, name + 2, strlen(name + 2) + 1);
            continue;
        }
        if (kept + 1 + length >= sizeof done)
            return errno = ENAMETOOLONG, -1;
        done[kept] = '/';
        memcpy(done + kept + 1, name, length);
        done[kept + 1 + length] = '\0';
        ssize_t n = readlink(done, link, sizeof link - 1);
        if (n < 0) {
            struct stat st;
            if (lstat(done, &st))
                return -1;
            memmove(rest, name + length, strlen(name + length) + 1);
            continue;
        }
        link[n] = '\0';
        if (++links > MAX_LINKS)
            return errno = ELOOP, -1;
        size_t tail = strlen(name + length);
        if ((size_t)n + tail >= sizeof rest)
            return errno = ENAMETOOLONG, -1;
        memmove(rest + n, name + length, tail + 1);
        memcpy(rest, link, (size_t)n);
        if (link[0] == '/')
            strcpy(done, "/root");
        else
            done[kept] = '\0';
    }
}

#ifdef GRIDWRAP_OLD_KERNEL /* a test build: as if the kernel had neither openat2 nor mount_setattr */
static const int old_kernel = 1;
#else
static const int old_kernel = 0;
#endif

/* A descriptor of an existing path inside the new root, links followed inside it; -1 and errno. */
static int resolve(const char *path)
{
    if (old_kernel)
        return walk(path);
    int root = open("/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
    const char *relative = path + strspn(path, "/");
    int fd, error, tries = 0;
    do {
        fd = (int)syscall(SYS_OPENAT2, root, *relative ? relative : ".", &how, sizeof how);
        error = errno;
        /* EAGAIN: something was renamed or mounted anywhere on the node while a ".." was being followed. */
    } while (fd < 0 && error == EAGAIN && ++tries < 100);
    close(root);
    if (fd < 0 && (error == ENOSYS || error == EPERM || error == EAGAIN))
        return walk(path);
    errno = error;
    return fd;
}

static int make_through(const char *path, int links);

/* One missing component of a path: made, or, where a link of the image leads nowhere, what it leads to. */
static int make_component(int parent, const char *path, size_t start, int links)
{
    char link[4096], to[2 * 4096];
    if (mkdirat(parent, path + start, 0755) == 0)
        return resolve(path);
    if (errno != EEXIST)
        return -1;
    ssize_t n = readlinkat(parent, path + start, link, sizeof link - 1);
    if (n < 0)
        return resolve(path); /* somebody else made it meanwhile */
    if (links == 0)
        return errno = ELOOP, -1;
    link[n] = '\0';
    snprintf(to, sizeof to, "%.*s%s", link[0] == '/' ? 0 : (int)start, path, link);
    return make_through(to, links - 1);
}

static int make_through(const char *path, int links)
{
    char part[4096];
    if (strlen(path) >= sizeof part)
        return errno = ENAMETOOLONG, -1;
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
        int error = errno;
        close(parent);
        errno = error;
        parent = fd;
        at = end;
    }
    return parent;
}

/* A directory inside the new root, it and its parents made if missing where the root can be written. */
static int directory(const char *path)
{
    int fd = resolve(path);
    return fd >= 0 || errno != ENOENT ? fd : make_through(path, 8);
}

/* Splits at the last slash: the descriptor of the parent, made if missing, and the name. */
static int parent_of(const char *path, const char **name)
{
    static char head[4096];
    static char last[256];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t cut = length;
    while (cut > 0 && path[cut - 1] != '/')
        cut--;
    if (length - cut >= sizeof last || cut >= sizeof head)
        return errno = ENAMETOOLONG, -1;
    memcpy(last, path + cut, length - cut);
    last[length - cut] = '\0';
    *name = last;
    memcpy(head, path, cut);
    head[cut] = '\0';
    return directory(cut > 1 ? head : "/");
}

/* A file inside the new root to be mounted on: the entry itself, even if it is a symbolic link. Made if missing where that is possible. */
static int file_entry(const char *path)
{
    const char *name;
    int parent = parent_of(path, &name);
    if (parent < 0)
        return -1;
    int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        int made = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (made >= 0) {
            close(made);
            fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        }
    }
    int error = errno;
    close(parent);
    errno = error;
    return fd;
}

/* ---- mounting ---- */

/* Read-only for one mount. Flags that the host locked (nosuid, noexec, atime…) must be repeated. */
static int read_only_one(const char *path)
{
    struct statvfs st;
    if (statvfs(path, &st))
        return fail();
    unsigned long keep = st.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME);
    if (st.f_flag & ST_RELATIME)
        keep |= MS_RELATIME;
    return mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | keep, NULL) ? fail() : 0;
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
static int read_only_each(int fd)
{
    char link[48], top[4096];
    static char line[16384];
    ssize_t n = readlink(fd_path(fd, link, sizeof link), top, sizeof top - 1);
    if (n < 0)
        return fail();
    top[n] = '\0';
    int error = read_only_one(link);
    FILE *list = error ? NULL : fopen("/old/proc/self/mountinfo", "re");
    if (list == NULL)
        return error ? error : fail();
    while (fgets(line, sizeof line, list)) {
        char *point = mount_point(line);
        if (point && strncmp(point, top, (size_t)n) == 0 && point[n] == '/')
            read_only_one(point);
    }
    fclose(list);
    return 0;
}

/* Read-only for a mount and what is below it. */
static int read_only(int fd)
{
    char path[48];
    struct mount_attributes attr = { .attr_set = ATTR_RDONLY };
    if (!old_kernel && syscall(SYS_MOUNT_SETATTR, AT_FDCWD, fd_path(fd, path, sizeof path), AT_RECURSIVE_FLAG, &attr, sizeof attr) == 0)
        return 0;
    return read_only_each(fd);
}

static int is_directory(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A source can be opened and still be dead: FUSE answers ENOTCONN to whatever comes next. */
static int source_state(const struct op *op)
{
    struct stat st;
    return fstat(op->fd, &st) ? fail() : 0;
}

static int do_bind(const struct op *op)
{
    if (op->fd < 0)
        return 0; /* optional and not there */
    int state = source_state(op);
    if (state)
        return op->flags & OP_OPTIONAL ? 0 : state;
    int dir = is_directory(op->fd);
    int target = dir ? directory(op->target) : file_entry(op->target);
    if (target < 0)
        return op->flags & OP_OPTIONAL ? 0 : fail();
    int error = bind_fd(op->fd, target, MS_REC);
    close(target);
    if (error)
        return op->flags & OP_OPTIONAL ? 0 : error;
    if (op->flags & OP_READONLY) {
        int mounted = dir ? resolve(op->target) : file_entry(op->target);
        if (mounted < 0)
            return fail();
        error = read_only(mounted);
        close(mounted);
    }
    return error;
}

static int mount_at(const char *type, const char *target, unsigned long flags, const char *data)
{
    char path[48];
    int fd = directory(target);
    if (fd < 0)
        return fail();
    int error = mount(type, fd_path(fd, path, sizeof path), type, flags, data) ? fail() : 0;
    close(fd);
    return error;
}

static int do_base(const struct op *op)
{
    if (mount("tmpfs", op->target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"))
        return fail();
    if (chdir(op->target) || mkdir("old", 0755))
        return fail();
    if (syscall(SYS_pivot_root, ".", "old") || chdir("/"))
        return fail();
    static const char *const made[] = { "root", "bottom", "l", "up", "up/upper", "up/work", "files" };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (mkdir(made[i], 0755))
            return fail();
    based = 1;
    return 0;
}

static int do_scaffold(const struct op *op)
{
    static char path[4096 + 16];
    if ((size_t)snprintf(path, sizeof path, "/bottom%s", op->target) >= sizeof path)
        return ENAMETOOLONG;
    for (char *slash = strchr(path + 8, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) && errno != EEXIST)
            return fail();
        *slash = '/';
    }
    if (op->source && op->fd < 0)
        return 0; /* what would be mounted there is optional and missing */
    if (op->source ? is_directory(op->fd) : !(op->flags & OP_FILE))
        return mkdir(path, 0755) && errno != EEXIST ? fail() : 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail();
    close(fd);
    return 0;
}

static int do_layer(const struct op *op)
{
    char name[16], target[48];
    if (layers >= MAX_LAYERS)
        return E2BIG;
    snprintf(name, sizeof name, "/l/%u", layers++);
    return symlink(fd_path(op->fd, target, sizeof target), name) ? fail() : 0;
}

/* The kernel copies one page of options and cuts silently, so the length is ours to watch. */
static int do_overlay(const struct op *op)
{
    size_t n = (size_t)snprintf(options, sizeof options, "%s%slowerdir=", op->data, op->data[0] ? "," : "");
    for (unsigned i = 0; i < layers && n < sizeof options; i++)
        n += (size_t)snprintf(options + n, sizeof options - n, "l/%u:", i);
    if (n < sizeof options)
        n += (size_t)snprintf(options + n, sizeof options - n, "bottom");
    size_t without_upper = n;
    if (n < sizeof options)
        n += (size_t)snprintf(options + n, sizeof options - n, ",upperdir=up/upper,workdir=up/work");
    if (n >= sizeof options)
        return E2BIG;
    if (mount("overlay", "/root", "overlay", MS_NOSUID | MS_NODEV, options) == 0)
        return 0;
    /* Where a writable layer is refused (some file systems below), a read-only root is still good. */
    int error = fail();
    if (!(op->flags & OP_READONLY))
        return error;
    options[without_upper] = '\0';
    return mount("overlay", "/root", "overlay", MS_NOSUID | MS_NODEV, options) ? error : 0;
}

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

static int do_write(const struct op *op)
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

static int do_copy(const struct op *op)
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

static int do_identity(const struct op *op)
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

static int do_devices(const struct op *op)
{
    static const char *const nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };
    static const char *const links[][2] = {
        { "/proc/self/fd", "fd" }, { "/proc/self/fd/0", "stdin" }, { "/proc/self/fd/1", "stdout" },
        { "/proc/self/fd/2", "stderr" }, { "pts/ptmx", "ptmx" }, { "/proc/kcore", "core" },
    };
    char path[64];
    int error = mount_at("tmpfs", op->target, MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k");
    if (error)
        return error;
    int dev = resolve(op->target);
    if (dev < 0)
        return fail();
    for (size_t i = 0; !error && i < sizeof nodes / sizeof *nodes; i++) {
        int source = openat(op->fd, nodes[i], O_PATH | O_CLOEXEC);
        int made = openat(dev, nodes[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (made >= 0)
            close(made);
        int target = openat(dev, nodes[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (source >= 0)
            error = target < 0 ? fail() : bind_fd(source, target, 0);
        if (source >= 0)
            close(source);
        if (target >= 0)
            close(target);
    }
    for (size_t i = 0; !error && i < sizeof links / sizeof *links; i++)
        if (symlinkat(links[i][0], dev, links[i][1]))
            error = fail();
    for (size_t i = 0; !error && i < 3; i++) {
        static const char *const dirs[] = { "shm", "pts", "mqueue" };
        static const char *const types[] = { "tmpfs", "devpts", "mqueue" };
        static const char *const data[] = { "mode=1777", "newinstance,ptmxmode=0666,mode=0620", NULL };
        if (mkdirat(dev, dirs[i], 0755)) {
            error = fail();
            break;
        }
        int sub = openat(dev, dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        /* Terminals and message queues are conveniences: a node that refuses them still runs payloads. */
        if (sub < 0 || mount(types[i], fd_path(sub, path, sizeof path), types[i], MS_NOSUID | MS_NOEXEC | (i == 1 ? 0 : MS_NODEV), data[i]))
            error = i == 0 ? fail() : 0;
        if (sub >= 0)
            close(sub);
    }
    close(dev);
    return error;
}

static int do_enter(void)
{
    if (chdir("/root") || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
        return fail();
    entered = 1;
    return 0;
}

static int do_overlay_test(const struct op *op)
{
    static unsigned serial;
    char base[32], text[256];
    snprintf(base, sizeof base, "/up/test%u", serial++);
    if (mkdir(base, 0755) || chdir(base))
        return fail();
    static const char *const dirs[] = { "a", "b", "u", "w", "m" };
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        if (mkdir(dirs[i], 0755))
            return fail();
    snprintf(text, sizeof text, "%s%slowerdir=a:b,upperdir=u,workdir=w", op->data, op->data[0] ? "," : "");
    int error = mount("overlay", "m", "overlay", 0, text) ? fail() : 0;
    if (!error) {
        int fd = open("m/one", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 || write(fd, "1", 1) != 1 || rename("m/one", "m/two") || unlink("m/two"))
            error = fail();
        if (fd >= 0)
            close(fd);
        umount2("m", MNT_DETACH);
    }
    return chdir("/") ? fail() : error;
}

/* Before OP_BASE "/root" and "/files" are the host's, and after OP_ENTER the image's: nothing may be done then. */
static int is_due(uint32_t kind)
{
    return kind == OP_SLAVE || kind == OP_BASE ? !based : based && !entered;
}

int setup_execute(const struct op *op)
{
    if (!is_due(op->kind))
        return ECANCELED;
    errno = 0;
    switch (op->kind) {
    case OP_SLAVE:
        return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ? fail() : 0;
    case OP_BASE:
        return do_base(op);
    case OP_SCAFFOLD:
        return do_scaffold(op);
    case OP_LAYER:
        return do_layer(op);
    case OP_OVERLAY:
        return do_overlay(op);
    case OP_BIND:
        return do_bind(op);
    case OP_TMPFS:
        return mount_at("tmpfs", op->target, MS_NOSUID | MS_NODEV, op->data);
    case OP_PROC:
        return mount_at("proc", op->target, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    case OP_DEVICES:
        return do_devices(op);
    case OP_WRITE:
        return do_write(op);
    case OP_COPY:
        return do_copy(op);
    case OP_IDENTITY:
        return do_identity(op);
    case OP_READ_ONLY:
        return mount(NULL, "/root", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) ? fail() : 0;
    case OP_ENTER:
        return do_enter();
    case OP_OVERLAY_TEST:
        return do_overlay_test(op);
    default:
        return ENOSYS;
    }
}

int setup_open_sources(struct plan *plan, uint32_t *index, int *error)
{
    for (uint32_t i = 0; i < plan->op_count; i++) {
        struct op *op = &plan->ops[i];
        if (op->source == NULL)
            continue;
        int directory_only = op->kind == OP_LAYER || op->kind == OP_DEVICES ? O_DIRECTORY : 0;
        op->fd = open(op->source, O_PATH | O_CLOEXEC | directory_only);
        if (op->fd < 0 && !(op->flags & OP_OPTIONAL)) {
            *index = i;
            *error = fail();
            return -1;
        }
    }
    return 0;
}
