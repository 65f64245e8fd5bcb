/* The plan: what gridwrap-init is told to do, as one block of bytes. Written by Launching/PlanEncoder.cs, decoded here.
 *
 * Little-endian. Header of eleven 32-bit words: magic, version, size of the whole in bytes, flags, parent's pid, number of operations,
 * number of arguments, number of environment entries, linger in ms, the payload's soft limit of open files (0 = as inherited), number of resource limits.
 * Then strings: uid map, gid map, working directory; then strings that may be "none": cgroup directory, program that writes the uid map, program that writes the
 * gid map, the payload's own uid map, its own gid map. Then the arguments, the environment, the resource limits (each five words: resource, soft low, soft high,
 * hard low, hard high). Then the operations, each: kind, flags, source, target, data.
 * A string is a 32-bit length, that many bytes without NUL, a NUL, and padding to a multiple of four; length 0xffffffff (and nothing more) is "none".
 */
#ifndef GRIDWRAP_PLAN_H
#define GRIDWRAP_PLAN_H

#include <stddef.h>
#include <stdint.h>

enum {
    PLAN_MAGIC = 0x50495747,
    PLAN_VERSION = 2,
    PLAN_MAX_OPERATIONS = 2048,
    PLAN_MAX_STRINGS = 1 << 17,
    PLAN_MAX_SIZE = 16 << 20,
    PLAN_MAX_LIMITS = 16,
};

enum plan_flags {
    PLAN_PID_NAMESPACE = 1,
    PLAN_HOST = 2,        /* no namespaces: the payload is another runtime, which keeps its privileges and hands descriptors through (outside.c) */
    PLAN_PROBE = 4,       /* report every operation, go on after a failure, run nothing */
    PLAN_TERMINAL = 8,    /* the payload leads a session of its own, whose terminal is its standard input */
    PLAN_KEEP_KEYRING = 16, /* the payload shares the caller's session keyring */
    PLAN_DENY = 32,         /* a filter refuses the system calls that jobs have no need of (filter.c) */
    PLAN_FAKE_ROOT = 64,    /* a filter answers 0 to changes of ownership and identity, which it does not make */
    PLAN_GUEST = 128,       /* no namespaces: started in another runtime's container (outside.c) */
    PLAN_FLAGS = 255,
};

enum op_kind {
    OP_SLAVE = 1,    /* make the whole tree a slave of the host's: mounts still arrive, none goes out */
    OP_BASE,         /* tmpfs on target, becomes the root; the host's tree moves aside until OP_ENTER */
    OP_SCAFFOLD,     /* target in the bottom layer of the root: a directory, with OP_FILE an empty file, with a source whatever that is */
    OP_LAYER,        /* host directory source is the next lower layer, topmost first */
    OP_OVERLAY,      /* assemble the layers on the new root; data = extra mount options */
    OP_BIND,         /* host path source on target */
    OP_TMPFS,        /* tmpfs on target; data = mount options */
    OP_PROC,         /* a fresh proc of the own pid namespace on target */
    OP_DEVICES,      /* a minimal /dev on target, from host directory source */
    OP_WRITE,        /* file target with the content data */
    OP_COPY,         /* file target with the content of host file source */
    OP_IDENTITY,     /* file target of the image with the line data put before its first line */
    OP_READ_ONLY,    /* make the root mount read-only */
    OP_ENTER,        /* the new root becomes /, everything else is detached */
    OP_OVERLAY_TEST, /* probe: an overlay of two directories, a file written, renamed and removed; data = extra mount options */
    OP_UNDERLAY,     /* without overlay: host directory source is the root, read-only; OP_SCAFFOLD then adds to it what it lacks */
    OP_MASK,         /* target, a file or directory of the kernel's, is replaced by an empty one */
    OP_FUSE_OVERLAY, /* assemble the layers on the new root by host program source (fuse-overlayfs), where the kernel's overlay cannot */
    OP_EXPECT,       /* the new root shows at target what data says: "gone", "directory", "size=N" (a file), "write", "copy-up" */
    OP_IMAGE,        /* before OP_BASE: host file source, a squashfs, on host directory target in this namespace; data = the program that serves it, a blank, its options */
    OP_FUSE_TEST,    /* probe: a FUSE file system is mounted and unmounted */
    OP_SERVE,        /* before OP_BASE: what the caller serves on host directory target in this namespace; /dev/fuse goes to it over descriptor 8 (serve.c) */
    OP_LAST = OP_SERVE,
};

enum op_flags {
    OP_READONLY = 1,
    OP_OPTIONAL = 2, /* a missing source or an impossible target is passed over */
    OP_FILE = 4,
};

struct op {
    uint32_t kind;
    uint32_t flags;
    const char *source; /* NULL = none */
    const char *target;
    const char *data;
    size_t data_length; /* data may hold NULs */
    int fd;             /* of the source, opened before the roots change; -1 = none */
};

/* One limit as setrlimit(2) takes it. */
struct limit {
    uint32_t resource;
    uint64_t soft, hard;
};

struct plan {
    uint32_t flags;
    uint32_t parent;
    uint32_t linger_ms;
    uint32_t open_files;
    const char *uid_map;
    const char *gid_map;
    const char *directory;
    const char *cgroup;        /* NULL = the caller's; else the directory of the cgroup to join before anything else */
    const char *uid_mapper;    /* NULL = the helper writes the uid map itself; else the program (newuidmap) that may write more than one id */
    const char *gid_mapper;
    const char *inner_uid_map; /* NULL = none; else the payload gets a user namespace of its own below the one that owns the mounts */
    const char *inner_gid_map;
    const struct limit *limits;
    uint32_t limit_count;
    char **argv;
    char **envp;
    struct op *ops;
    uint32_t op_count;
    uint32_t argc;
};

/* Checks the whole block before anything is used. Returns 0, or the line number of the check that failed. The block must stay mapped. */
int plan_decode(char *block, size_t size, struct plan *plan);

#endif
