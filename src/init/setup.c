/* Interpreter of the operations: it builds a root filesystem in a private mount namespace.
 *
 * Host paths are opened as descriptors before any root changes (setup_open_sources). Targets are resolved inside the new root, so that a symbolic link in
 * an image cannot lead out of it (paths.c); what is mounted on is a descriptor, never a path that could change its meaning (mounts.c).
 * Between OP_BASE and OP_ENTER the root is a tmpfs holding: /old (the host), /root (the new root), /bottom (scaffold), /l (layers N and opened directories uN of
 * an underlay), /f (layers again, for fuse-overlayfs), /up (upper and work directory), /files (written files), /empty.
 */
#define _GNU_SOURCE
#include "setup.h"
#include "expect.h"
#include "files.h"
#include "fuse.h"
#include "image.h"
#include "mounts.h"
#include "paths.h"
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MAX_LAYERS = 499, /* the kernel takes 500, and one is the scaffold */
};

static int based, entered, pivots, underlaid;
static unsigned layers;
static char options[4096];

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
    int error = bind_fd(op->fd, target, op->flags & OP_READONLY ? BIND_READ_ONLY : 0);
    close(target);
    return op->flags & OP_OPTIONAL ? 0 : error;
}

static int mount_at(const char *type, const char *target, unsigned long flags, const char *data)
{
    int fd = directory(target);
    if (fd < 0)
        return fail();
    int error = mount_on(fd, type, flags, data);
    close(fd);
    return error;
}

/* Where the host's root cannot be exchanged (diskless nodes run from their initial root file system, which is nobody's child; and filters may refuse the call):
 * the host is shown a second time in the new tree, which then goes over the old root. */
static int cover_root(void)
{
    if (mount("/", "old", "", MS_BIND | MS_REC, NULL) || mount(".", "/", "", MS_MOVE, NULL) || chroot("."))
        return fail();
    return 0;
}

static int do_base(const struct op *op)
{
    static const char *const made[] = { "root", "bottom", "l", "up", "up/upper", "up/work", "files", "empty" };
    if (mount("tmpfs", op->target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"))
        return fail();
    if (chdir(op->target) || mkdir("old", 0755))
        return fail();
    pivots = syscall(SYS_pivot_root, ".", "old") == 0;
    int error = pivots ? 0 : cover_root();
    if (error || chdir("/"))
        return error ? error : fail();
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (mkdir(made[i], 0755))
            return fail();
    based = 1;
    return 0;
}

static int do_underlay(const struct op *op)
{
    int error = start_underlay(op->fd);
    underlaid = error == 0;
    return error;
}

/* Without a layer below the image for what it lacks: in the image itself. */
static int scaffold_inside(const struct op *op)
{
    int dir = op->source ? is_directory(op->fd) : !(op->flags & OP_FILE);
    int fd = dir ? directory(op->target) : file_entry(op->target);
    if (fd < 0)
        return fail();
    close(fd);
    return 0;
}

static int do_scaffold(const struct op *op)
{
    static char path[4096 + 16];
    if (op->source && op->fd < 0)
        return 0; /* what would be mounted there is optional and missing */
    if (underlaid)
        return scaffold_inside(op);
    if ((size_t)snprintf(path, sizeof path, "/bottom%s", op->target) >= sizeof path)
        return ENAMETOOLONG;
    for (char *slash = strchr(path + 8, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) && errno != EEXIST)
            return fail();
        *slash = '/';
    }
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

/* A device of the host's in the new /dev; one that the host lacks is left out. */
static int show_device(int host, int dev, const char *name)
{
    int source = openat(host, name, O_PATH | O_CLOEXEC);
    if (source < 0)
        return 0;
    int made = openat(dev, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int target = openat(dev, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int error = target < 0 ? fail() : bind_fd(source, target, 0);
    close(source);
    if (made >= 0)
        close(made);
    if (target >= 0)
        close(target);
    return error;
}

static int mount_in_dev(int dev, const char *name, const char *type, unsigned long flags, const char *data)
{
    if (mkdirat(dev, name, 0755))
        return fail();
    int sub = openat(dev, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (sub < 0)
        return fail();
    int error = mount_on(sub, type, MS_NOSUID | MS_NOEXEC | flags, data);
    close(sub);
    return error;
}

static int do_devices(const struct op *op)
{
    static const char *const nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };
    static const char *const links[][2] = {
        { "/proc/self/fd", "fd" }, { "/proc/self/fd/0", "stdin" }, { "/proc/self/fd/1", "stdout" },
        { "/proc/self/fd/2", "stderr" }, { "pts/ptmx", "ptmx" }, { "/proc/kcore", "core" },
    };
    int error = mount_at("tmpfs", op->target, MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k");
    if (error)
        return error;
    int dev = resolve(op->target);
    if (dev < 0)
        return fail();
    for (size_t i = 0; !error && i < sizeof nodes / sizeof *nodes; i++)
        error = show_device(op->fd, dev, nodes[i]);
    for (size_t i = 0; !error && i < sizeof links / sizeof *links; i++)
        error = symlinkat(links[i][0], dev, links[i][1]) ? fail() : 0;
    if (!error)
        error = mount_in_dev(dev, "shm", "tmpfs", MS_NODEV, "mode=1777");
    if (!error) {
        /* Terminals and message queues are conveniences: a node that refuses them still runs payloads. */
        mount_in_dev(dev, "pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620");
        mount_in_dev(dev, "mqueue", "mqueue", MS_NODEV, NULL);
    }
    close(dev);
    return error;
}

/* A file of the kernel's out of sight: nothing can be read from it or written to it. What the kernel does not have needs no hiding. */
static int do_mask(const struct op *op)
{
    int target = resolve(op->target);
    if (target < 0)
        return 0;
    int source = open(is_directory(target) ? "/empty" : "/old/dev/null", O_PATH | O_CLOEXEC);
    int error = source < 0 ? fail() : bind_fd(source, target, BIND_READ_ONLY);
    close(target);
    if (source >= 0)
        close(source);
    return error;
}

static int do_read_only(void)
{
    if (underlaid)
        return close_underlay();
    return mount(NULL, "/root", "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) ? fail() : 0;
}

static int do_enter(void)
{
    if (chdir("/root"))
        return fail();
    if (syscall(SYS_pivot_root, ".", ".") == 0) {
        if (umount2(".", MNT_DETACH))
            return fail();
    } else if (pivots || umount2("/old", MNT_DETACH) || mount(".", "/", "", MS_MOVE, NULL) || chroot(".")) {
        return fail();
    }
    if (chdir("/"))
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
    return kind == OP_SLAVE || kind == OP_BASE || kind == OP_IMAGE || kind == OP_SERVE ? !based : based && !entered;
}

int setup_execute(const struct op *op)
{
    if (!is_due(op->kind))
        return ECANCELED;
    errno = 0;
    switch (op->kind) {
    case OP_SLAVE:
        return mount(NULL, "/", "", MS_REC | MS_SLAVE, NULL) ? fail() : 0;
    case OP_BASE:
        return do_base(op);
    case OP_SCAFFOLD:
        return do_scaffold(op);
    case OP_LAYER:
        return do_layer(op);
    case OP_OVERLAY:
        return do_overlay(op);
    case OP_UNDERLAY:
        return do_underlay(op);
    case OP_FUSE_OVERLAY:
        return fuse_overlay(op);
    case OP_EXPECT:
        return expect(op);
    case OP_IMAGE:
        return image_mount(op);
    case OP_FUSE_TEST:
        return image_test();
    case OP_SERVE:
        return serve_mount(op);
    case OP_MASK:
        return do_mask(op);
    case OP_BIND:
        return do_bind(op);
    case OP_TMPFS:
        return mount_at("tmpfs", op->target, MS_NOSUID | MS_NODEV, op->data);
    case OP_PROC:
        return mount_at("proc", op->target, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    case OP_DEVICES:
        return do_devices(op);
    case OP_WRITE:
        return file_write(op);
    case OP_COPY:
        return file_copy(op);
    case OP_IDENTITY:
        return file_identity(op);
    case OP_READ_ONLY:
        return do_read_only();
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
        if (op->source == NULL || serve_has(op))
            continue;
        int directory_only = op->kind == OP_LAYER || op->kind == OP_UNDERLAY || op->kind == OP_DEVICES ? O_DIRECTORY : 0;
        op->fd = open(op->source, O_PATH | O_CLOEXEC | directory_only);
        if (op->fd < 0 && !(op->flags & OP_OPTIONAL)) {
            *index = i;
            *error = fail();
            return -1;
        }
    }
    return 0;
}
