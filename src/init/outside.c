/* Without namespaces of our own, where another runtime makes the container: this program is its parent on the host (PLAN_HOST), and the first program in the container
 * (PLAN_GUEST), where it starts and watches the payload as in a container of ours. The runtime in between inherits the second one's plan, its pipe for reports, the payload's
 * standard error (the runtime's own goes elsewhere) and the program itself.
 */
#define _GNU_SOURCE
#include "init.h"

#include <fcntl.h>
#include <unistd.h>

enum {
    GUESTS_PLAN_FD = 5,
    GUESTS_REPORT_FD = 6,
    GUESTS_ERROR_FD = 7,
    ERROR_FD = 5, /* the same inside */
    PROGRAM_FD = 10,
    OUT_OF_THE_WAY = 20,
};

int hand_through(int failure_fd)
{
    int moved = fcntl(failure_fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
    dup2(GUESTS_PLAN_FD, PLAN_FD);
    dup2(GUESTS_REPORT_FD, REPORT_FD);
    dup2(GUESTS_ERROR_FD, ERROR_FD);
    fcntl(PROGRAM_FD, F_SETFD, 0);
    return moved;
}

void take_over(void)
{
    dup2(ERROR_FD, STDERR_FILENO);
    close(ERROR_FD);
    close(PROGRAM_FD);
    if (plan.envp[0] == NULL)
        plan.envp = environ; /* what the scripts of the image have set */
}
