#define _GNU_SOURCE
#include "slipway_token.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

static int prepare_descriptors(posix_spawn_file_actions_t *actions, int end) {
    int error = posix_spawn_file_actions_adddup2(actions, end, SLIPWAY_TOKEN_DESCRIPTOR);
    for (int standard = 0; error == 0 && standard < 3; standard += 1) {
        error = posix_spawn_file_actions_addopen(actions, standard, "/dev/null", O_RDWR, 0);
    }
    if (error == 0) {
        error = posix_spawn_file_actions_addclosefrom_np(actions, SLIPWAY_TOKEN_DESCRIPTOR + 1);
    }
    if (error == 0) error = posix_spawn_file_actions_addchdir_np(actions, "/");
    return error;
}

// A session of its own: Ctrl-C at the terminal is for the service, and no module finds a terminal
// to ask for a PIN at.
static int prepare_signals(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0) error = posix_spawnattr_setsigdefault(attributes, &all);
    if (error == 0) {
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    return error;
}

int slipway_token_spawn(
    const char *path, char *const arguments[], char *const environment[], pid_t *process,
    int *descriptor
) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return errno;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawnattr_init(&attributes);
        if (error == 0) {
            error = prepare_descriptors(&actions, ends[1]);
            if (error == 0) error = prepare_signals(&attributes);
            if (error == 0) {
                error = posix_spawn(process, path, &actions, &attributes, arguments, environment);
            }
            posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return error;
    }
    *descriptor = ends[0];
    return 0;
}
