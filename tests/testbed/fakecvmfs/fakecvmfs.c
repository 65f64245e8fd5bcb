/*
 * A FUSE server that looks like a CVMFS client and can be made to fail: it shows a directory tree read-only, answers the magic attributes,
 * and hangs or errs below given paths. It speaks the raw protocol on /dev/fuse so that nothing needs to be installed.
 *
 * Build: cc -O1 -Wall -Wextra -o fakecvmfs fakecvmfs.c
 * Use:   fakecvmfs [--fqrn NAME] [--hang PATH] [--eio PATH] [--nioerr-rises] [--attribute NAME=VALUE]... SOURCE MOUNTPOINT
 *
 * --hang PATH: requests at or below PATH (as seen from the mount's root, "/" for all) are read and never answered, so the caller becomes unkillable.
 * --eio PATH: they are answered with EIO.
 * SIGSTOP gives a hang that can be killed, SIGKILL gives ENOTCONN. Needs to be root (or root of a user namespace with its own mount namespace).
 * Writes "ready" when mounted. The mount is left to the caller to detach.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_NODES 65536
#define MAX_ATTRIBUTES 64
#define CVMFS_UID 993

static const char *source, *hang_path, *eio_path;
static char *nodes[MAX_NODES]; /* path below the mount's root, "" for the root itself */
static uint64_t node_count = 2;
static char *attributes[MAX_ATTRIBUTES];
static int attribute_count, nioerr_rises, nioerr;
static int device;

static void reply(uint64_t unique, int error, const void *data, size_t size)
{
    char buffer[sizeof(struct fuse_out_header) + (1 << 17)];
    struct fuse_out_header header = { .len = sizeof header + (error ? 0 : size), .error = -error, .unique = unique };
    memcpy(buffer, &header, sizeof header);
    if (!error && size)
        memcpy(buffer + sizeof header, data, size);
    if (write(device, buffer, header.len) < 0 && errno != ENOENT)
        exit(0);
}

static int below(const char *path, const char *prefix)
{
    size_t length;
    if (!prefix)
        return 0;
    length = strcmp(prefix, "/") == 0 ? 0 : strlen(prefix);
    return strncmp(path, prefix, length) == 0 && (path[length] == 0 || path[length] == '/' || length == 0);
}

static const char *real(const char *path)
{
    static char full[8192];
    snprintf(full, sizeof full, "%s%s", source, path);
    return full;
}

static uint64_t node_of(const char *path)
{
    for (uint64_t i = 1; i < node_count; i++)
        if (strcmp(nodes[i], path) == 0)
            return i;
    if (node_count == MAX_NODES)
        exit(3);
    nodes[node_count] = strdup(path);
    return node_count++;
}

static int fill(const char *path, struct fuse_attr *attr)
{
    struct stat st;
    if (lstat(real(path), &st) != 0)
        return errno;
    memset(attr, 0, sizeof *attr);
    attr->ino = st.st_ino;
    attr->size = S_ISDIR(st.st_mode) ? 4096 : st.st_size;
    attr->blocks = st.st_blocks;
    attr->mtime = attr->atime = attr->ctime = st.st_mtime;
    attr->mode = st.st_mode;
    attr->nlink = 1;
    attr->uid = attr->gid = CVMFS_UID;
    attr->blksize = 4096;
    return 0;
}

static void do_lookup(struct fuse_in_header *in, const char *name)
{
    char path[8192];
    struct fuse_entry_out out = { .entry_valid = 0, .attr_valid = 0 };
    int error;
    snprintf(path, sizeof path, "%s/%s", nodes[in->nodeid], name);
    if (below(path, hang_path))
        return;
    error = below(path, eio_path) ? EIO : fill(path, &out.attr);
    if (!error)
        out.nodeid = node_of(path);
    reply(in->unique, error, &out, sizeof out);
}

static void do_readdir(struct fuse_in_header *in, struct fuse_read_in *arg)
{
    char buffer[4096];
    size_t used = 0;
    uint64_t index = 0;
    DIR *dir = opendir(real(nodes[in->nodeid]));
    struct dirent *entry;
    if (!dir) {
        reply(in->unique, errno, NULL, 0);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        size_t length = strlen(entry->d_name);
        size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
        struct fuse_dirent *out = (struct fuse_dirent *)(buffer + used);
        if (index++ < arg->offset)
            continue;
        if (used + size > sizeof buffer || used + size > arg->size)
            break;
        memset(out, 0, size);
        out->ino = entry->d_ino;
        out->off = index;
        out->namelen = length;
        out->type = entry->d_type;
        memcpy(out->name, entry->d_name, length);
        used += size;
    }
    closedir(dir);
    reply(in->unique, 0, buffer, used);
}

static void do_read(struct fuse_in_header *in, struct fuse_read_in *arg)
{
    static char buffer[1 << 17];
    int fd = open(real(nodes[in->nodeid]), O_RDONLY | O_NOFOLLOW);
    ssize_t count;
    if (fd < 0) {
        reply(in->unique, errno, NULL, 0);
        return;
    }
    count = pread(fd, buffer, arg->size < sizeof buffer ? arg->size : sizeof buffer, arg->offset);
    reply(in->unique, count < 0 ? errno : 0, buffer, count < 0 ? 0 : count);
    close(fd);
}

static void do_getxattr(struct fuse_in_header *in, struct fuse_getxattr_in *arg)
{
    const char *name = (const char *)(arg + 1);
    const char *value = NULL;
    char number[16];
    size_t length = strlen(name);
    for (int i = 0; i < attribute_count; i++)
        if (strncmp(attributes[i], name, length) == 0 && attributes[i][length] == '=')
            value = attributes[i] + length + 1;
    if (strcmp(name, "user.nioerr") == 0 && nioerr_rises) {
        snprintf(number, sizeof number, "%d", nioerr++);
        value = number;
    }
    if (!value) {
        reply(in->unique, ENODATA, NULL, 0);
    } else if (arg->size == 0) {
        struct fuse_getxattr_out out = { .size = strlen(value) };
        reply(in->unique, 0, &out, sizeof out);
    } else {
        reply(in->unique, arg->size < strlen(value) ? ERANGE : 0, value, strlen(value));
    }
}

static void serve(struct fuse_in_header *in, void *body)
{
    const char *path = in->nodeid > 0 && in->nodeid < node_count ? nodes[in->nodeid] : "";
    if (in->opcode == FUSE_INIT) {
        struct fuse_init_in *init = body;
        struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION, .minor = init->minor < 31 ? init->minor : 31, .max_readahead = init->max_readahead, .max_background = 12, .congestion_threshold = 9, .max_write = 65536, .time_gran = 1 };
        reply(in->unique, 0, &out, sizeof out);
        return;
    }
    if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET || in->opcode == FUSE_INTERRUPT)
        return;
    if (in->opcode == FUSE_LOOKUP) {
        do_lookup(in, body);
        return;
    }
    if (below(path, hang_path))
        return;
    if (below(path, eio_path)) {
        reply(in->unique, EIO, NULL, 0);
        return;
    }
    switch (in->opcode) {
    case FUSE_GETATTR: {
        struct fuse_attr_out out = { .attr_valid = 0 };
        int error = fill(path, &out.attr);
        reply(in->unique, error, &out, sizeof out);
        break;
    }
    case FUSE_READLINK: {
        char target[4096];
        ssize_t length = readlink(real(path), target, sizeof target);
        reply(in->unique, length < 0 ? errno : 0, target, length < 0 ? 0 : length);
        break;
    }
    case FUSE_OPEN:
    case FUSE_OPENDIR: {
        struct fuse_open_out out = { 0 };
        reply(in->unique, 0, &out, sizeof out);
        break;
    }
    case FUSE_READ:
        do_read(in, body);
        break;
    case FUSE_READDIR:
        do_readdir(in, body);
        break;
    case FUSE_STATFS: {
        struct fuse_statfs_out out = { .st = { .blocks = 1 << 24, .bfree = 1 << 23, .bavail = 1 << 23, .bsize = 512, .frsize = 512, .namelen = 0 } };
        reply(in->unique, 0, &out, sizeof out);
        break;
    }
    case FUSE_GETXATTR:
        do_getxattr(in, body);
        break;
    case FUSE_FLUSH:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
        reply(in->unique, 0, NULL, 0);
        break;
    default:
        reply(in->unique, ENOSYS, NULL, 0);
    }
}

int main(int argc, char **argv)
{
    static char buffer[1 << 18] __attribute__((aligned(8)));
    char options[256];
    int i = 1;
    for (; i + 2 < argc; i++) {
        if (strcmp(argv[i], "--hang") == 0)
            hang_path = argv[++i];
        else if (strcmp(argv[i], "--eio") == 0)
            eio_path = argv[++i];
        else if (strcmp(argv[i], "--nioerr-rises") == 0)
            nioerr_rises = 1;
        else if (strcmp(argv[i], "--attribute") == 0 && attribute_count < MAX_ATTRIBUTES)
            attributes[attribute_count++] = argv[++i];
        else if (strcmp(argv[i], "--fqrn") == 0 && attribute_count < MAX_ATTRIBUTES) {
            if (asprintf(&attributes[attribute_count++], "user.fqrn=%s", argv[++i]) < 0)
                return 1;
        } else
            break;
    }
    if (argc - i != 2) {
        fprintf(stderr, "usage: fakecvmfs [options] SOURCE MOUNTPOINT\n");
        return 64;
    }
    source = argv[i];
    nodes[1] = strdup("");
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=0,group_id=0,default_permissions,allow_other", device);
    if (device < 0 || mount("cvmfs2", argv[i + 1], "fuse", MS_NOSUID | MS_NODEV | MS_RDONLY, options) != 0) {
        perror("fakecvmfs");
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        ssize_t count = read(device, buffer, sizeof buffer);
        if (count < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
            continue;
        if (count < (ssize_t)sizeof(struct fuse_in_header))
            return 0;
        serve((struct fuse_in_header *)buffer, buffer + sizeof(struct fuse_in_header));
    }
}
