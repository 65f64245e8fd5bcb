/* A root put together by fuse-overlayfs, where the kernel's own overlay cannot do it. The program serves the root from outside of the payload's pid namespace, so that
 * nothing inside can end it; it ends with the outer process. */
#ifndef GRIDWRAP_FUSE_H
#define GRIDWRAP_FUSE_H

#include "plan.h"

/* Whether the plan puts its root together so. */
int fuse_is_planned(void);

/* By the outer process, in the new user and mount namespaces and before the pid namespace: a process that waits to be told what to serve. Nothing where the plan has no use for it. */
void fuse_start(void);

/* By the outer process, when all else has ended. */
void fuse_end(void);

/* By the inner process: OP_FUSE_OVERLAY. 0 or errno. */
int fuse_overlay(const struct op *op);

#endif
