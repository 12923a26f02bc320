/* Capabilities, by the system calls themselves: the few lines are not worth a library. */
#include "apply/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool drop_bounding(uint64_t kept)
{
    for (unsigned cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        bool keep = cap < 64 && (kept >> cap & 1) != 0;
        if (!keep && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EPERM) {
            return false; /* EPERM: not root to begin with, so there is no bound to fear */
        }
    }
    return true;
}

bool privilege_drop(bool raw)
{
    const uint64_t admin = UINT64_C(1) << CAP_NET_ADMIN;
    const uint64_t kept = raw ? admin | UINT64_C(1) << CAP_NET_RAW : admin;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{(uint32_t)kept, (uint32_t)kept, (uint32_t)kept},
                                             {0, 0, 0}};
    /* No program that is run from now on gains what its file or its user would give it. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !drop_bounding(kept) ||
        syscall(SYS_capset, &header, data) != 0) {
        return false;
    }
    for (unsigned cap = 0; cap < 64; cap++) {
        /* Ambient ones reach the loaders also where the user is not root. */
        if ((kept >> cap & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0) {
            return false;
        }
    }
    return true;
}
