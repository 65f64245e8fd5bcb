/* The self-test of a root: OP_EXPECT says what the new root shows at one place. Returns 0, or why not: ENOENT what should be there is not, EEXIST what should be gone is there,
 * EUCLEAN it is another thing, or what the system call said. */
#ifndef GRIDWRAP_EXPECT_H
#define GRIDWRAP_EXPECT_H

#include "plan.h"

int expect(const struct op *op);

#endif
