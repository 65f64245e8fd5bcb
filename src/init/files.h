/* Files of our making shown in the new root. Each call executes an operation of the plan and returns 0 or an errno. */
#ifndef GRIDWRAP_FILES_H
#define GRIDWRAP_FILES_H

#include "plan.h"

int file_write(const struct op *op);
int file_copy(const struct op *op);
int file_identity(const struct op *op);

#endif
