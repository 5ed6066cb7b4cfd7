// The process that holds a key on a token, for the service that asks it for signatures. In C
// because what lies behind it is: engines and providers that libcrypto loads, whose faults and
// waits must stay in a process that can be killed.
#ifndef SLIPWAY_TOKEN_H
#define SLIPWAY_TOKEN_H

#include <stddef.h>
#include <sys/types.h>

// The descriptor the process finds its end of the socket pair at.
#define SLIPWAY_TOKEN_DESCRIPTOR 3

// What a frame may have. A frame is its length (4 bytes, big-endian), a byte that says what it is,
// and sections, each with its length (4) before it.
#define SLIPWAY_TOKEN_FRAME_MAX 65536

// To the process: SLIPWAY_TOKEN_OPEN once (URI, PKCS#11 module, providers, PIN; each but the first
// may be empty), then SLIPWAY_TOKEN_SIGN again and again (the digest's name, and it).
// From the process: SLIPWAY_TOKEN_KEY (SubjectPublicKeyInfo), SLIPWAY_TOKEN_SIGNATURE (it), or
// SLIPWAY_TOKEN_FAILURE (one of the words below, and a sentence without anything secret).
enum {
    SLIPWAY_TOKEN_OPEN = 'O',
    SLIPWAY_TOKEN_SIGN = 'S',
    SLIPWAY_TOKEN_KEY = 'K',
    SLIPWAY_TOKEN_SIGNATURE = 'G',
    SLIPWAY_TOKEN_FAILURE = 'F',
};

// "absent": there is no such module, token or key. "pin": the token refused the PIN, and must not
// be asked again with the same, since it locks itself. "failed": anything else.
#define SLIPWAY_TOKEN_ABSENT "absent"
#define SLIPWAY_TOKEN_PIN "pin"
#define SLIPWAY_TOKEN_FAILED "failed"

// Starts the program with this environment, a session of its own, default signals, /dev/null for 0,
// 1 and 2, and one end of a new socket pair as its only other descriptor. The other end, closed on
// exec, is the caller's. Returns 0 or an errno value. The calling thread must outlive the process,
// which is killed when its parent thread ends (prctl(2), PR_SET_PDEATHSIG).
int slipway_token_spawn(
    const char *path, char *const arguments[], char *const environment[], pid_t *process,
    int *descriptor);

// The process itself: never returns.
void slipway_token_serve(int descriptor) __attribute__((noreturn));

#endif
