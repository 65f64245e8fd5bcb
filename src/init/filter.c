/* Seccomp filters, built by hand: which system calls of the payload are refused, and which are answered with success although nothing is done.
 *
 * A filter looks at the architecture first. 32-bit programs have other numbers: where the list of calls is refused they cannot be let through, so they are killed;
 * otherwise they run as they are, but for the keyrings. So with x32, which shares the architecture of x86-64 and is told by a bit of the number.
 */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* linux/filter.h, linux/seccomp.h, linux/audit.h: not among musl's headers. */
struct instruction {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t k;
};

struct program {
    unsigned short length;
    struct instruction *first;
};

struct call {
    int number;
    uint32_t architecture;
    uint64_t address;
    uint64_t arguments[6];
};

enum {
    LOAD = 0x20,       /* BPF_LD | BPF_W | BPF_ABS */
    JUMP_EQUAL = 0x15, /* BPF_JMP | BPF_JEQ | BPF_K */
    JUMP_SET = 0x45,   /* BPF_JMP | BPF_JSET | BPF_K */
    AND = 0x54,        /* BPF_ALU | BPF_AND | BPF_K */
    RETURN = 0x06,     /* BPF_RET | BPF_K */
    FILTER_MODE = 2,
    X32_BIT = 0x40000000,
    SYS_OPEN_TREE_ATTR = 467,
};

#define ALLOW 0x7fff0000u
#define KILL 0x80000000u
#define ANSWER(error) (0x00050000u | (error))

#if defined(__x86_64__)
#define ARCHITECTURE 0xc000003eu
static const int narrow_keyrings[] = { 286, 287, 288 }; /* add_key, request_key, keyctl of i386 */
#elif defined(__aarch64__)
#define ARCHITECTURE 0xc00000b7u
static const int narrow_keyrings[] = { 309, 310, 311 }; /* of 32-bit ARM */
#else
#error "the filters know x86-64 and aarch64"
#endif

static struct instruction code[256];
static unsigned short length;

static void emit(uint16_t operation, uint32_t k, uint8_t if_true, uint8_t if_false)
{
    if (length < sizeof code / sizeof *code)
        code[length++] = (struct instruction){ operation, if_true, if_false, k };
}

static void load(size_t offset)
{
    emit(LOAD, (uint32_t)offset, 0, 0);
}

static void answer_all(const int *calls, size_t count, uint32_t result)
{
    for (size_t i = 0; i < count; i++) {
        emit(JUMP_EQUAL, (uint32_t)calls[i], 0, 1);
        emit(RETURN, result, 0, 0);
    }
}

/* The call is answered when its argument, masked, is the value; the number is loaded again afterwards. Only the low half: no flag lies above it. */
static void answer_if(int number, int argument, uint32_t mask, const uint32_t *values, uint8_t count, uint32_t result)
{
    emit(JUMP_EQUAL, (uint32_t)number, 0, (uint8_t)(3 + 2 * count));
    load(offsetof(struct call, arguments) + (size_t)argument * 8);
    emit(AND, mask, 0, 0);
    for (uint8_t i = 0; i < count; i++) {
        emit(JUMP_EQUAL, values[i], 0, 1);
        emit(RETURN, result, 0, 0);
    }
    load(offsetof(struct call, number));
}

/* The keys of a user are one store for all its processes, and whoever knows a number may use what the key allows the user: a session keyring of one's own does not
 * keep the caller's Kerberos tickets from a payload with the same user id. So there are no keyrings at all, as on a kernel without them. */
static void refuse_keyrings(void)
{
    static const int calls[] = { SYS_add_key, SYS_request_key, SYS_keyctl };
    answer_all(calls, 3, ANSWER(ENOSYS));
}

/* What comes with other numbers than this architecture's, behind a check that jumps over the result for the rest: keyrings are refused there too. */
static void answer_foreign(const int *keyrings, uint32_t result)
{
    answer_all(keyrings, 3, ANSWER(ENOSYS));
    emit(RETURN, result, 0, 0);
}

enum { FOREIGN_LENGTH = 7 };

/* Ownership and identity: 0, and nothing done. Making a device node likewise; other nodes are made. */
static void fake_root(void)
{
    static const int calls[] = {
#ifdef SYS_chown
        SYS_chown, SYS_lchown,
#endif
        SYS_fchown, SYS_fchownat, SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_setfsuid, SYS_setfsgid, SYS_capset,
    };
    static const uint32_t devices[] = { S_IFCHR, S_IFBLK };
    answer_all(calls, sizeof calls / sizeof *calls, ANSWER(0));
#ifdef SYS_mknod
    answer_if(SYS_mknod, 1, S_IFMT, devices, 2, ANSWER(0));
#endif
    answer_if(SYS_mknodat, 2, S_IFMT, devices, 2, ANSWER(0));
}

/* What no job needs and what attacks on kernels have begun with. clone3 hides its flags behind a pointer: the C library falls back to clone. */
static void deny(void)
{
    static const int calls[] = {
        SYS_keyctl, SYS_add_key, SYS_request_key, SYS_bpf, SYS_userfaultfd, SYS_perf_event_open, SYS_open_by_handle_at,
        SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl,
        SYS_syslog, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_lookup_dcookie, SYS_nfsservctl, SYS_vhangup, SYS_io_uring_setup,
        SYS_io_uring_enter, SYS_io_uring_register, SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree,
        SYS_OPEN_TREE_ATTR, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr,
#ifdef SYS_uselib
        SYS_uselib, SYS_ustat, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_create_module,
#endif
    };
    static const int absent[] = { SYS_clone3 };
    static const uint32_t user_namespace[] = { CLONE_NEWUSER };
    answer_all(calls, sizeof calls / sizeof *calls, ANSWER(EPERM));
    answer_all(absent, 1, ANSWER(ENOSYS));
    answer_if(SYS_clone, 0, CLONE_NEWUSER, user_namespace, 1, ANSWER(EPERM));
}

int install_filters(void)
{
    const uint32_t asked = plan.flags & (PLAN_DENY | PLAN_FAKE_ROOT), foreign = plan.flags & PLAN_DENY ? KILL : ALLOW;
    static const int none[] = { -1, -1, -1 };
    const int *narrow = plan.flags & PLAN_KEEP_KEYRING ? none : narrow_keyrings;
    if (plan.flags & PLAN_HOST || (!asked && plan.flags & PLAN_KEEP_KEYRING))
        return 0;
    length = 0;
    load(offsetof(struct call, architecture));
    emit(JUMP_EQUAL, ARCHITECTURE, FOREIGN_LENGTH + 1, 0);
    load(offsetof(struct call, number));
    answer_foreign(narrow, foreign);
    load(offsetof(struct call, number));
#ifdef __x86_64__
    static const int wide_keyrings[] = { X32_BIT | SYS_add_key, X32_BIT | SYS_request_key, X32_BIT | SYS_keyctl };
    emit(JUMP_SET, X32_BIT, 0, FOREIGN_LENGTH);
    answer_foreign(plan.flags & PLAN_KEEP_KEYRING ? none : wide_keyrings, foreign);
#endif
    if (!(plan.flags & PLAN_KEEP_KEYRING))
        refuse_keyrings();
    if (plan.flags & PLAN_FAKE_ROOT)
        fake_root();
    if (plan.flags & PLAN_DENY)
        deny();
    emit(RETURN, ALLOW, 0, 0);
    struct program program = { length, code };
    if (prctl(PR_SET_SECCOMP, FILTER_MODE, &program) == 0)
        return 0;
    /* A kernel without filters still runs payloads that nobody asked a filter for. */
    return asked ? errno : 0;
}
