/*
 * A tiny universe, and all policies about it: what there is to enumerate, in numbers only. Shared
 * by everything that reads or evaluates a policy here, and written from the text of the Kubernetes
 * API (networking/v1 types.go). Nothing of npc is known here, nor in naive.c and yaml.c.
 *
 * The universe: namespaces "one" (a=x) and "two" (b=""); pods p1 and p2 in "one", p3 in "two",
 * whose labels a and b are each once absent, once "x" and once ""; addresses 10.0.0.0 to .2 and,
 * but for p2, fd00:: to fd00::2; all else is outside.
 */
#ifndef NPC_TESTS_SPACE_H
#define NPC_TESTS_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAMESPACES = 2, PODS = 3 };
enum { IPV4, IPV6, VERSIONS };
enum { INGRESS, EGRESS, WAYS };

/* ---- labels ---- */

enum {
    KEY_A,
    KEY_B,
    KEY_NAME,
    KEYS
};                              /* KEY_NAME: kubernetes.io/metadata.name, of namespaces only */
enum { ABSENT, FIRST, SECOND }; /* what a label can be: of a and b "x" and "" */

extern const uint8_t namespace_labels[NAMESPACES][KEYS];
extern const uint8_t pod_labels[PODS][KEYS];
extern const uint8_t pod_namespace[PODS];

/* ---- selectors ---- */

enum op { OP_EQUAL, OP_IN, OP_NOT_IN, OP_EXISTS, OP_DOES_NOT_EXIST };

struct requirement {
    enum op op;
    uint8_t key;
    uint8_t values; /* a set: bit 0 the first value, bit 1 the second */
};

enum { REQUIREMENTS = 2 };

struct selection { /* a LabelSelector; n == 0: {} */
    uint8_t n;
    struct requirement v[REQUIREMENTS];
};

/* ---- addresses ---- */

/* Addresses that are asked about, as the offset to 10.0.0.0 or fd00::, and one below and one above.
 */
enum { LOWEST = -1, HIGHEST = 4, BLOCK = 4 };

struct prefix {
    uint8_t version;
    uint8_t first; /* offset */
    uint8_t size;  /* 4, 2 or 1 addresses; 0: everything, /0 */
};

bool pod_has_address(size_t pod, size_t version);

/* ---- packets ---- */

enum { TCP, UDP, SCTP, ICMP, OTHER, NO_PROTOCOL }; /* NO_PROTOCOL: a port without `protocol` */

struct probe {
    uint8_t protocol;
    uint16_t port;
};

enum { PROBES = 11 };
extern const struct probe probes[PROBES];

struct declared_port { /* of a pod */
    uint8_t pod, name, protocol;
    uint16_t number;
};

enum { WEB, DNS, NAMES };
enum { DECLARED = 4 };
extern const struct declared_port declared[DECLARED];

/* ---- policies ---- */

enum port_kind { PORT_ABSENT, PORT_NUMBER, PORT_NAME, PORT_SPAN };

struct port_spec {
    uint8_t protocol;
    enum port_kind kind;
    uint16_t first, last; /* PORT_SPAN: port and endPort */
    uint8_t name;
};

enum peer_kind_spec { BY_POD, BY_NAMESPACE, BY_BOTH, BY_BLOCK };

enum { EXCEPTS = 2, PEERS = 2, PORTS = 2, RULES = 2 };

struct peer_spec {
    enum peer_kind_spec kind;
    struct selection ns, pods;
    struct prefix block, except[EXCEPTS];
    uint8_t nexcept;
};

struct rule_spec { /* lists may be absent or empty, which is the same; `empty` says which is written
                    */
    bool empty;
    uint8_t npeers, nports;
    struct peer_spec peers[PEERS];
    struct port_spec ports[PORTS];
};

enum { NIL, EMPTY, LIST }; /* how `ingress` or `egress` is given */

struct policy_spec {
    uint8_t ns;
    struct selection target;
    uint8_t types;       /* bit INGRESS, bit EGRESS; 0: no policyTypes */
    uint8_t form[WAYS];  /* NIL, EMPTY or LIST */
    uint8_t count[WAYS]; /* LIST: rules */
    struct rule_spec rules[WAYS][RULES];
};

enum { POLICIES = 2 };

struct program_spec {
    struct policy_spec v[POLICIES];
    size_t n;
    bool external; /* ipBlock matches no pod */
};

/* ---- the spaces ---- */

/* A complete product of choices. Programs are numbered from 0. */
struct space {
    const char *name;
    const char *text; /* what is in it */
    bool large;       /* not for every day */
    bool as_text;     /* what is looked at is in the text: read it as YAML */
    void (*build)(struct program_spec *p, uint64_t *number, uint64_t *size);
};

extern const struct space spaces[];
extern const size_t nspaces;

uint64_t space_size(const struct space *s);
void space_get(const struct space *s, uint64_t number, struct program_spec *p);

/* ---- evaluation (naive.c) ---- */

/* What policies let through between a pod and an address in one direction: a set of probes. The pod
 * has an address of that version; `peer` is an offset. */
uint32_t naive_allowed(const struct program_spec *p, size_t way, size_t pod, size_t version,
                       int peer);
/* The pod that has the address, or PODS. */
size_t naive_owner(size_t version, int address);

/* ---- text (yaml.c) ---- */

/* Everything that lives in the universe, as YAML documents. Text is written at most to `room`. */
size_t universe_yaml(char *out, size_t room);
/* The policies, as YAML documents. */
size_t program_yaml(const struct program_spec *p, char *out, size_t room);

#endif
