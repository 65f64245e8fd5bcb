/* What the parts of gridwrap-init share: the plan, the reports, and the few calls that every part makes. */
#ifndef GRIDWRAP_INIT_H
#define GRIDWRAP_INIT_H

#include "plan.h"

#include <signal.h>
#include <sys/types.h>

enum {
    PLAN_FD = 3,
    REPORT_FD = 4,
    SIGNAL_KILL_ALL = 40, /* from the caller: kill the payload and everything it left, then report as usual */
};

enum report_type { SETUP_FAILED = 1, STARTED, EXEC_FAILED, EXITED, STEP, BAD_PLAN };

/* Steps that are not operations of the plan; named in Launching/InitReport.cs. */
enum {
    STEP_PARENT = 0x10000,
    STEP_NAMESPACES,
    STEP_SETGROUPS,
    STEP_UID_MAP,
    STEP_GID_MAP,
    STEP_FORK,
    STEP_DIRECTORY,
    STEP_PRIVILEGES,
    STEP_CGROUP,
    STEP_TERMINAL,
    STEP_LIMITS,
    STEP_INNER_NAMESPACE,
    STEP_INNER_MAPS,
    STEP_FILTER,
};

struct report {
    uint32_t type;
    uint32_t step;
    int32_t error;
    int32_t status; /* as wait(2) gives it */
    uint64_t user_us;
    uint64_t system_us;
    uint64_t max_rss_kb;
};

extern struct plan plan;

void send_report(struct report r);
_Noreturn void give_up(uint32_t step, int error);
int write_file(const char *path, const char *text); /* in one write; 0 or errno */
void die_with_parent(int sig);
void close_standard_streams(void); /* for what another program says that nobody reads: they lead to /dev/null */

/* Starts the payload and reports it; returns its pid, or does not return. */
pid_t start_payload(mode_t mask);

/* The inner process from its birth to its end. life: read end of a pipe whose other end only the outer process holds. */
_Noreturn void inner(int life, int proc_error, const sigset_t *all);

long long now_ms(void);

/* With PLAN_HOST, in the payload: its descriptors; returns what the given one is now. With PLAN_GUEST, in the first process. */
int hand_through(int failure_fd);
void take_over(void);

/* Puts the filters that the plan asks for on the calling process; 0 or errno. */
int install_filters(void);

#endif
