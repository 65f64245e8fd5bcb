/* The operations of a plan. Each returns 0 or an errno. */
#ifndef GRIDWRAP_SETUP_H
#define GRIDWRAP_SETUP_H

#include "plan.h"

/* Opens the sources of all operations while the host's tree is still the root. Returns 0, or -1 with *index and *error set. */
int setup_open_sources(struct plan *plan, uint32_t *index, int *error);

/* Executes one operation. */
int setup_execute(const struct op *op);

#endif
