/* A root put together by fuse-overlayfs, where the kernel's own overlay cannot do it. */
#ifndef GRIDWRAP_FUSE_H
#define GRIDWRAP_FUSE_H

#include "plan.h"

/* By the server (server.h): waits to be told what to serve, and becomes the program. */
_Noreturn void fuse_serve(int from, const struct op *op);

/* By the inner process: OP_FUSE_OVERLAY. 0 or errno. */
int fuse_overlay(const struct op *op);

#endif
