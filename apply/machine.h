/* What this machine is: its addresses, and the bridges its pods are on. */
#ifndef NPC_APPLY_MACHINE_H
#define NPC_APPLY_MACHINE_H

#include "base/str.h"

/* An address of either family, as the kernel takes it. */
struct machine_address {
    int family; /* AF_INET, AF_INET6 */
    unsigned char bytes[16];
    size_t n; /* 4, 16 */
};
/* Reads an address in numbers; false if it is none. */
bool machine_address_read(const char *text, struct machine_address *out);

/* Addresses as text, a line each. */
struct str address_lines(struct arena *a, const char *const *addresses, size_t n);

/* Whether one of its interfaces has this address. False and errno if that cannot be known. */
bool machine_has(const char *address, bool *has);

/* All addresses of its interfaces that others can reach, a line each: not 127.0.0.0/8 nor ::1. */
struct str machine_addresses(struct arena *a);

/* The first of the addresses (a line each) that this machine reaches through a bridge whose traffic
 * its forward hook does not see, because br_netfilter is not there or is off; *bridge is its name.
 * Empty if there is none. */
struct str machine_unseen(struct arena *a, struct str addresses, const char **bridge);

#endif
