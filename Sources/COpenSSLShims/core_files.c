#include "slipway_openssl.h"

#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

int slipway_forbid_core_files(void) {
    struct rlimit none = {0, 0};
    int granted = setrlimit(RLIMIT_CORE, &none) == 0;
#ifdef __linux__
    // The limit alone does not hold where the kernel pipes core files to a program (core(5)).
    granted = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && granted;
#endif
    return granted;
}
