/* FUSE programs of the host's that serve the root, or what it is made of, to the payload. Each runs outside of the payload's pid namespace, so that nothing inside can end
 * it; it ends with the outer process. What it serves is the matter of fuse.c and image.c. */
#ifndef GRIDWRAP_SERVER_H
#define GRIDWRAP_SERVER_H

#include <stdint.h>

/* Whether the plan has operations that need one. */
int servers_are_planned(void);

/* By the outer process, in the new user and mount namespaces and before the pid namespace: for each such operation a process that waits to be told to become the program. */
void servers_start(void);

/* By the outer process, when all else has ended. */
void servers_end(void);

/* By the inner process: the socket to the server of an operation of this kind, -1 where there is none. Its other end is open as long as the server wants it to be. */
int server_socket(uint32_t kind);

/* By the server, which becomes the program, with its standard streams closed and these capabilities (a mask) of the namespace's own. */
_Noreturn void server_become(const char *program, char *const argv[], char *const envp[], uint32_t capabilities);

#endif
