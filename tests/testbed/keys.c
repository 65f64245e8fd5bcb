/* keys add CMD [ARG…]: puts a key that its user may read into a session keyring of its own and runs CMD, with "@KEY" in its words replaced by the key's number.
 * keys read NUMBER: prints the key, or the name of the error. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { JOIN_SESSION = 1, SET_PERMISSIONS = 5, READ = 11, SESSION = -3, POSSESSOR_AND_USER = 0x3f3f0000 };

static int read_key(long key)
{
    char text[64] = "";
    long n = syscall(SYS_keyctl, READ, key, text, sizeof text - 1);
    puts(n >= 0 ? text : errno == ENOSYS ? "ENOSYS" : errno == EACCES ? "EACCES" : strerror(errno));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "read") == 0)
        return read_key(atol(argv[2]));
    if (argc < 3 || strcmp(argv[1], "add"))
        return 64;
    char number[24];
    syscall(SYS_keyctl, JOIN_SESSION, "the pilot's");
    long key = syscall(SYS_add_key, "user", "gridwrap-test", "the pilot's", strlen("the pilot's"), SESSION);
    if (key < 0 || syscall(SYS_keyctl, SET_PERMISSIONS, key, POSSESSOR_AND_USER))
        return perror("add_key"), 1;
    snprintf(number, sizeof number, "%ld", key);
    for (int i = 2; i < argc; i++) {
        char *place = strstr(argv[i], "@KEY");
        if (place) {
            char *word = malloc(strlen(argv[i]) + sizeof number);
            sprintf(word, "%.*s%s%s", (int)(place - argv[i]), argv[i], number, place + 4);
            argv[i] = word;
        }
    }
    execvp(argv[2], argv + 2);
    return perror(argv[2]), 1;
}
