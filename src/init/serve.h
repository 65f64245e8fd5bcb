/* A root filesystem served by the caller itself: OP_SERVE. */
#ifndef GRIDWRAP_SERVE_H
#define GRIDWRAP_SERVE_H

#include "plan.h"

/* By whoever inherits the socket to the caller: it is for the inner process alone, and for no program. Nothing where no such operation is planned. */
void serve_keep(void);
void serve_leave(void);

/* Whether the source of an operation is a layer that the caller serves: it cannot be opened before that. */
int serve_has(const struct op *op);

/* By the inner process: OP_SERVE. 0 or errno. */
int serve_mount(const struct op *op);

#endif
