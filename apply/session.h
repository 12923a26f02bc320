/* The SSH connection that a command was typed in. */
#ifndef NPC_APPLY_SESSION_H
#define NPC_APPLY_SESSION_H

#include "base/str.h"

struct session {
    bool found;
    struct str text;    /* SSH_CONNECTION as sshd set it: tells connections apart */
    const char *client; /* address of the other side, without a zone */
    const char *server; /* address of this machine */
    uint16_t port;      /* of this machine */
    uint16_t client_port;
    uint64_t since; /* clock ticks since boot at which the first process of it began */
};

/* Finds SSH_CONNECTION in the environment of this process, else of its parents: sudo drops it. One
 * that is not over IP (sshd says UNKNOWN) is none: no rules can cut it. */
struct session session_find(struct arena *a);

#endif
