// The process around the sandbox: how a worker is started, and how it gives up everything it does
// not need before the first script. In C because prctl is variadic and a system call filter is a
// table of macros.
#ifndef SLIPWAY_WORKER_H
#define SLIPWAY_WORKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The descriptor a worker finds its end of the socket pair at.
#define SLIPWAY_WORKER_DESCRIPTOR 3

// Starts the program with an empty environment, a session of its own, default signals, /dev/null
// for 0, 1 and 2, and one end of a new socket pair as its only other descriptor. The other end,
// closed on exec, is the caller's. Returns 0 or an errno value. The calling thread must outlive the
// worker, which is killed when its parent thread ends (prctl(2), PR_SET_PDEATHSIG).
int slipway_worker_spawn(
    const char *path, char *const arguments[], pid_t *worker, int *descriptor);

typedef struct slipway_worker_limits {
    // Address space above what the process has mapped at this moment.
    size_t memory_bytes_more;
    // CPU seconds over the process's whole life.
    uint32_t cpu_seconds;
} slipway_worker_limits;

// What a worker has given up.
enum {
    SLIPWAY_CONTAINED_PROCESS = 1,
    SLIPWAY_CONTAINED_SYSTEM_CALLS = 2,
};

// For the worker itself, once, before the first script. Returns the flags above: the first is
// missing where a limit was refused, the second where the kernel has no system call filters.
int slipway_worker_contain(const slipway_worker_limits *limits);

// CPU time of the calling thread.
int64_t slipway_thread_cpu_nanoseconds(void);

#endif
