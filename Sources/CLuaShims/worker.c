#define _GNU_SOURCE
#include "slipway_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int prepare_descriptors(posix_spawn_file_actions_t *actions, int end) {
    int error = posix_spawn_file_actions_adddup2(actions, end, SLIPWAY_WORKER_DESCRIPTOR);
    for (int standard = 0; error == 0 && standard < 3; standard += 1) {
        error = posix_spawn_file_actions_addopen(actions, standard, "/dev/null", O_RDWR, 0);
    }
    if (error == 0) {
        error = posix_spawn_file_actions_addclosefrom_np(actions, SLIPWAY_WORKER_DESCRIPTOR + 1);
    }
    if (error == 0) error = posix_spawn_file_actions_addchdir_np(actions, "/");
    return error;
}

// A session of its own: Ctrl-C at the terminal is for the service, which drains its workers.
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

int slipway_worker_spawn(
    const char *path, char *const arguments[], pid_t *worker, int *descriptor
) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return errno;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawnattr_init(&attributes);
        if (error == 0) {
            char *const environment[] = {NULL};
            error = prepare_descriptors(&actions, ends[1]);
            if (error == 0) error = prepare_signals(&attributes);
            if (error == 0) {
                error = posix_spawn(worker, path, &actions, &attributes, arguments, environment);
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

static bool limit(int resource, rlim_t most) {
    struct rlimit now;
    if (getrlimit(resource, &now) != 0) return false;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most) most = now.rlim_max;
    struct rlimit lowered = {.rlim_cur = most, .rlim_max = most};
    return setrlimit(resource, &lowered) == 0;
}

// Pages mapped now, from the first number of /proc/self/statm; 0 where it cannot be read.
static size_t mapped_bytes(void) {
    char text[64] = {0};
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    unsigned long long pages = 0;
    if (length <= 0 || sscanf(text, "%llu", &pages) != 1) return 0;
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static bool drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    memset(none, 0, sizeof none);
    return syscall(SYS_capset, &header, none) == 0;
}

static bool contain_process(const slipway_worker_limits *limits) {
    size_t mapped = mapped_bytes();
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0
        && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
        && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        && drop_capabilities()
        && mapped > 0 && limit(RLIMIT_AS, mapped + limits->memory_bytes_more)
        && limit(RLIMIT_CPU, limits->cpu_seconds)
        && limit(RLIMIT_CORE, 0)
        && limit(RLIMIT_FSIZE, 0)
        && limit(RLIMIT_NPROC, 0)
        // 0 to 3 are open; there will be no fourth.
        && limit(RLIMIT_NOFILE, SLIPWAY_WORKER_DESCRIPTOR + 1);
}

#if defined(__x86_64__)
#define WORKER_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define WORKER_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef WORKER_ARCHITECTURE
#define FIELD(name) \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, name))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define ALLOW_CALL(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), ALLOW
// The low half of the third argument, which is where the protection bits are on these
// little-endian machines.
#define ALLOW_WITHOUT_EXECUTION(name) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 4), \
    FIELD(args[2]), \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), KILL, ALLOW

// What a worker still does: speak on its socket, take and give back memory, look at the time, end.
// Anything else ends the process at once.
static bool filter_system_calls(void) {
    struct sock_filter rules[] = {
        FIELD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORKER_ARCHITECTURE, 1, 0),
        KILL,
        FIELD(nr),
        ALLOW_CALL(read),
        ALLOW_CALL(write),
        ALLOW_CALL(futex),
        ALLOW_CALL(brk),
        ALLOW_CALL(munmap),
        ALLOW_CALL(mremap),
        ALLOW_CALL(madvise),
        ALLOW_CALL(clock_gettime),
        ALLOW_CALL(getrandom),
        ALLOW_CALL(rt_sigreturn),
        ALLOW_CALL(restart_syscall),
        ALLOW_CALL(exit),
        ALLOW_CALL(exit_group),
        ALLOW_WITHOUT_EXECUTION(mmap),
        ALLOW_WITHOUT_EXECUTION(mprotect),
        KILL,
    };
    struct sock_fprog program = {
        .len = (unsigned short)(sizeof rules / sizeof *rules), .filter = rules,
    };
    return syscall(
        SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}
#else
static bool filter_system_calls(void) { return false; }
#endif

int slipway_worker_contain(const slipway_worker_limits *limits) {
    int contained = 0;
    if (contain_process(limits)) contained |= SLIPWAY_CONTAINED_PROCESS;
    if (filter_system_calls()) contained |= SLIPWAY_CONTAINED_SYSTEM_CALLS;
    return contained;
}

int64_t slipway_thread_cpu_nanoseconds(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return 0;
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
