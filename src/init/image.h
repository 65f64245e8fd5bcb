/* An image file served by a program of the host's (squashfuse): OP_IMAGE. The program runs outside of the payload's pid namespace, so that nothing inside can end it,
 * and ends with the outer process. */
#ifndef GRIDWRAP_IMAGE_H
#define GRIDWRAP_IMAGE_H

#include "plan.h"

int image_is_planned(void);

/* By the outer process, in the new user and mount namespaces and before the pid namespace: a process that waits for its turn to become the program. */
void image_start(void);

/* By the outer process, when all else has ended. */
void image_end(void);

/* By the inner process: OP_IMAGE, OP_FUSE_TEST. 0 or errno. */
int image_mount(const struct op *op);
int image_test(void);

#endif
