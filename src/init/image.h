/* An image file served by a program of the host's (squashfuse): OP_IMAGE. */
#ifndef GRIDWRAP_IMAGE_H
#define GRIDWRAP_IMAGE_H

#include "plan.h"

/* By the server (server.h): waits for its turn, and becomes the program. */
_Noreturn void image_serve(int from, const struct op *op);

/* By the inner process: OP_IMAGE, OP_FUSE_TEST. 0 or errno. */
int image_mount(const struct op *op);
int image_test(void);

/* Whether it is a layer that will be there once something is mounted at a place. */
int is_layer_in(const struct op *op, const char *point);

/* Sources that were opened before something was mounted there, and layers in it: 0 or errno. */
int open_again(const char *point);

#endif
