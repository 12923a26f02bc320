/*
 * Between the parts of the nft backend:
 *   nft.c         the file: header, tables, hooks, what is always let through
 *   nft_part.c    chains and sets of one side while they are written, and their text
 *   nft_union.c   sets and rules for "these keys may use those ports"
 *   nft_masks.c   the same for very many keys: ports as bits
 *   nft_class.c   a chain per target class
 *   nft_shared.c  what target classes share where they are very many
 *   nft_nets.c    CIDRs as classes of addresses
 *   nft_map.c     the side file that says where everything comes from
 *   nft_raw.c     text that the user wants at the end
 *   nft_delta.c   what leads from one output to another; nft_text.c reads them
 *   nft_ports.c   ports as matches and elements
 *
 * A *part* is what one family and direction puts into its table.
 */
#ifndef NPC_BACKENDS_NFT_PRIV_H
#define NPC_BACKENDS_NFT_PRIV_H

#include "backends/backend.h"
#include "backends/kernel_comment.h"
#include "backends/nft_ports.h"

/* Rules over sets of addresses, and the addresses in them, that beat the class look-up. */
struct nft_direct {
    size_t rules, addrs;
};

enum { NFT_DIRECTS = 2 };

/* Where one way of writing rules begins to cost more than another. Measured; tests set other values
 * to see every layout on small input. */
struct nft_tuning {
    size_t expand_most;     /* port ranges up to this size become elements of a hash … */
    size_t expand_elements; /* … if that makes no more elements, or rules would be too many; */
    size_t small_range;     /* those up to this size always do */
    size_t plain_nets;      /* CIDR rules of a chain beyond which they become a map */
    size_t plain_open;      /* rules for any peer beyond which they become a set */
    size_t plain_ranges;    /* wide port ranges beyond which they become an interval set … */
    size_t range_elements;  /* … of at most so many elements, */
    size_t most_ranges;     /* or, larger, beyond so many ranges: it takes minutes to load */
    struct nft_direct direct[NFT_DIRECTS]; /* where the first makes too many sets, the second */
    size_t direct_spread; /* addresses for a class where they are more than the second allows */
    size_t host_rules;    /* rules over addresses of a host, which has no class look-up */
    size_t part_sets;     /* sets of a part: the kernel's cost is quadratic in them */
    size_t map_checks;    /* elements of a map times chains that ask it, all of which are checked */
    size_t register_targets; /* that share a register with the peer's class, if it has the room */
    size_t
        mask_saves; /* elements that ports as bits must save to be worth a look-up more; 0: any */
    size_t mask_ports;  /* of an atom, which are elements of a map; beyond that it has a rule */
    size_t mask_visits; /* targets times ports: older kernels check the ports again for each */
};
extern const struct nft_tuning nft_tuning_default;

/* emit() of the backend, with other values. */
bool nft_emit(struct emit *e, const struct nft_tuning *tuning);

/* Elements of one command where the key is an interval and has a field in the host's byte order:
 * nft 1.0.6 swaps one element of each netlink message twice, so that a set must not need a second.
 */
enum { NFT_CHUNK = 250 };

enum { NFT_CLASS_BITS = 32 }; /* of the register that holds a class: the packet's priority */

struct nft_set {
    struct str name, type; /* type as nft writes it: "ipv4_addr . inet_service" */
    bool map, interval, chunked;
    size_t n;
    struct buf *elements;
    size_t line, in_chunk; /* where the line began; elements of the chunk */
    struct id_vec chains;  /* that use it, for the side file */
};

struct nft_chain {
    struct str name;
    const struct target_class *class; /* NULL: a chain for all */
    bool denies;                      /* at its end */
};

struct nft_part {
    struct ctx *ctx;
    struct arena *arena;
    const struct bound_side *side;
    enum family family;
    enum direction direction;
    bool host;         /* input or output hook of one machine */
    const char *peer;  /* "ip saddr": where the peer's address is in a packet */
    const char *local; /* "ip daddr" */
    const char *addr_type;
    const char *prefix;   /* of all names: "i" or "e" */
    struct str owner;     /* of the sets to come: what their names begin with */
    unsigned class_bits;  /* of a value of 32 that are the peer's class; the others the target's */
    struct id_vec values; /* of classes, by id; nets are numbered behind the peers */
    struct intern taken;  /* those values */
    struct intern taken_by_targets;
    const char *allow; /* verdict */
    const char *deny;  /* goto of where denied packets end; with log a jump: they come back */
    uint32_t log_rate; /* log lines a second; 0: no log */
    const struct nft_tuning *tuning;
    size_t max_elements, elements;

    bool may_retry;   /* NPC605 is not to be reported: it is written in another way then */
    struct buf *text; /* chains */
    VEC(struct nft_chain) chains;
    VEC(struct nft_set *) sets;
    struct intern set_ids;    /* by content */
    struct strmap set_counts; /* by name without a number: how many there are */
};

void nft_part_init(struct nft_part *p, const struct emit *e, const struct nft_tuning *tuning,
                   enum family f, enum direction d, unsigned class_bits);

/* ---- sets ---- */

/* A new set; add elements, then end it. */
struct nft_set *nft_set_new(struct nft_part *p, const char *type);
/* Where to append the text of one more element; elements must come in a fixed order. */
struct buf *nft_set_element(struct nft_set *s);
/* Names the set after its owner and kind, or finds one of equal content, and returns the name. */
struct str nft_set_end(struct nft_part *p, struct nft_set *s, const char *kind);
/* The chain at hand uses a set: for the side file. */
void nft_set_used(struct nft_part *p, struct nft_set *s);
/* Names a set otherwise, such as a dispatch map. */
void nft_set_named(struct nft_part *p, struct nft_set *s, struct str name);
/* Makes sure that n more elements are within the limit: else false, and NPC605 at `at`, unless it
 * may_retry. */
bool nft_part_reserve(struct nft_part *p, size_t n, struct span at);
/* Prints all sets; what has to be added in chunks goes to nft_part_chunks(), after the table. */
void nft_part_sets(const struct nft_part *p, struct buf *out);
void nft_part_chunks(const struct nft_part *p, struct buf *out);

/* ---- chains and rules ---- */

/* Begins a chain; `about` follows as a comment line (filtered already). */
void nft_chain_begin(struct nft_part *p, struct str name, const struct target_class *class,
                     struct str about);
void nft_chain_end(struct nft_part *p);
/* Begins a rule (indentation only); the caller appends matches, each with a blank behind it. */
struct buf *nft_rule(struct nft_part *p);
/* Ends a rule with the verdict and a comment (may be empty). */
void nft_rule_end(struct nft_part *p, const char *verdict, struct str comment);
/* The end of a chain: what it has not allowed is denied, and logged if it is to be. The class is
 * NULL where the chain is of all. */
void nft_deny_end(struct nft_part *p, const struct target_class *t, struct str comment);
/* The comment of a rule that comes from this grant. */
struct str nft_comment(const struct nft_part *p, const struct grant *g);

/* ---- what a chain is made of ---- */

struct nft_keyed {  /* whoever has this key may use these ports */
    struct str key; /* text of an element: "10.0.0.1", "0:10", "10.0.0.7 . 0:10" */
    uint32_t ports; /* in struct nft_portsets */
};

/* Port sets by number, with their union and items kept. */
struct nft_portsets {
    struct arena *arena;
    enum family family;
    struct intern ids;
    VEC(struct portset) sets;
    VEC(struct nft_items) items;
    struct buf *key;      /* reused */
    struct intern unions; /* pairs; the number is an index in union_of */
    struct id_vec union_of;
};
void nft_portsets_init(struct nft_portsets *s, const struct nft_part *p);
uint32_t nft_portsets_add(struct nft_portsets *s, struct portset ports);
/* The items of a port set. */
struct nft_items nft_portsets_items(struct nft_portsets *s, struct portset ports);
uint32_t nft_portsets_union(struct nft_portsets *s, uint32_t x, uint32_t y); /* ID_NONE is empty */

struct nft_origins { /* grants that a list of entries comes from, in order; for comments */
    const struct grant **v;
    size_t n, cap;
};
/* The comment of a rule for items of this kind, or for `item` alone if it is not NULL: the first
 * origin that has such items, and how many further rules do. */
struct str nft_origins_comment(const struct nft_part *p, struct nft_portsets *ports,
                               const struct nft_origins *o, enum nft_item_kind kind,
                               const struct nft_item *item);

/* How the key of the packet at hand is found and compared. */
struct nft_key {
    const char *expr; /* "meta priority"; "" if there is no key: then one entry with key "" */
    const char *type; /* "classid" */
    bool host_endian; /* the key has a field of that kind */
};

/* Rules for entries that are sorted by key. False: NPC605 was reported at `at`. */
bool nft_union(struct nft_part *p, struct nft_portsets *ports, struct nft_key key,
               const struct nft_keyed *entries, size_t n, const char *verdict,
               const struct nft_origins *origins, struct span at);

/* How many elements those would be. */
size_t nft_union_elements(struct nft_part *p, struct nft_portsets *ports,
                          const struct nft_keyed *entries, size_t n);

/* The same with ports as bits: one element for a key. */
struct nft_masks {
    struct nft_part *part;
    struct nft_portsets *ports;
    size_t nsets; /* of ports, that entries may have */
    const struct nft_keyed *entries;
    size_t n;
    struct nft_keyed *rest;     /* what is no port, for nft_union() */
    VEC(struct nft_item) atoms; /* ports that all entries have together or not at all, rising */
    size_t words;               /* that have a bit for each */
    uint32_t *bits;             /* words by port set */
    size_t elements;            /* of maps */

    struct str name; /* of the chain */
    struct nft_key key;
    const char *verdict;
    const struct nft_origins *origins;
    struct nft_set **maps; /* by word */
};
/* Whether bits pay; if so, nft_masks_rules() writes the rules, where nft_union() would. */
bool nft_masks_plan(struct nft_masks *m, struct nft_part *p, struct nft_portsets *ports,
                    const struct nft_keyed *entries, size_t n);
/* Rules for the chain of that name. Packets to ports that nobody may use come through; all others
 * end here or in the chain that nft_masks_chains() is told, without the key. False: NPC605 was
 * reported at `at`. */
bool nft_masks_rules(struct nft_masks *m, struct str name, struct nft_key key, const char *verdict,
                     const struct nft_origins *origins, struct span at);
/* The chains of the atoms, behind that one. */
void nft_masks_chains(const struct nft_masks *m, struct str denied);

/* A rule that asks for an item and a peer. */
struct nft_item_rule {
    struct nft_item item;
    struct addr_list addrs;     /* of the peer; if there are none: */
    const struct ip_range *net; /* NULL: any peer */
    struct str comment;
    struct span at; /* what NPC605 names, where the addresses are a set that it is too much for */
};

struct nft_rules {
    struct nft_item_rule *v;
    size_t n, cap;
};
/* Writes them as they are. False: they have too many elements (nft_part_reserve()). */
bool nft_rules_put(struct nft_part *p, const struct nft_rules *rules);
/* The same for the last rules of a chain, and its end as nft_deny_end() writes it. A protocol that
 * several ask for is asked once; then the chain at hand may afterwards be another, with the same
 * end. */
bool nft_rules_put_all(struct nft_part *p, const struct nft_rules *rules,
                       const struct target_class *t, struct str comment);

/* Appends the match of a range of addresses with a blank behind it; nothing if it is all. */
void nft_range_match(struct buf *b, const struct nft_part *p, struct ip_range r);
/* Appends a range as an element: "10.0.0.0-10.0.0.9", or as a prefix or an address if it is one. */
void nft_range_text(struct buf *b, enum family f, struct ip_range r);

/* Addresses that no CIDR of the grants can tell apart, numbered behind the peer classes. */
struct nft_nets {
    struct nft_part *part;
    VEC(struct ipset) sets; /* as given */
    struct intern ids;
    struct id_vec *classes; /* by set; after nft_nets_build() */
    size_t nclasses;
};
void nft_nets_init(struct nft_nets *n, struct nft_part *p);
uint32_t nft_nets_add(struct nft_nets *n, struct ipset nets);
/* Writes the map from addresses to classes. False: NPC605 was reported. */
bool nft_nets_build(struct nft_nets *n, struct str map_name);
struct id_list nft_nets_classes(const struct nft_nets *n, struct ipset nets);

/* Numbers one more class, behind those that are there (first the peers), and returns its id. Its
 * value comes from its lowest address, so that it stays while other classes come and go. */
uint32_t nft_class_new(struct nft_part *p, struct ip lowest);
/* The value of one more target, in the bits that are not the peer's class; known by its lowest
 * address likewise. */
uint32_t nft_target_value(struct nft_part *p, struct ip lowest);
/* A value of the register as nft writes a priority. */
struct str nft_register_text(struct arena *a, uint32_t value);
/* The value of a class (0: none) on a target (0: none). */
struct str nft_class_text(const struct nft_part *p, uint32_t target, uint32_t id);
/* An address as part of a name. */
struct str nft_address_name(struct arena *a, enum family f, struct ip ip);
/* The chain of a target class: named after its lowest address. */
struct str nft_target_name(const struct nft_part *p, const struct target_class *t);

/* ---- layouts ---- */

/* What there is one of in the part: "i_pod". */
struct str nft_part_name(const struct nft_part *p, const char *what);
/* The map or set of the targets' addresses, where a part begins: "ing" or "egr". */
struct str nft_dispatch_name(const struct nft_part *p);
/* Writes the map from the peers' addresses to their classes. False: NPC605 was reported. */
bool nft_pod_map(struct nft_part *p, struct str name);

/* A chain per target class, with sets of its own, or, if `direct` is NULL, with those of all.
 * False: an error was reported, or the part may_retry; *too_many: nothing was, but there are too
 * many sets for one transaction; *fewer: another `direct` may make fewer. */
bool nft_classes(struct nft_part *p, const struct nft_direct *direct, bool *too_many, bool *fewer);

/* The key where a class decides, and the verdict there. */
extern const struct nft_key nft_class_key;
const char *nft_class_allow(const struct nft_part *p);

/* Grants in the order of their rules, where targets share a chain: one rule may have several. */
struct nft_shared_origin {
    uint32_t rule;
    const struct grant *grant;
};

/* A chain that decides for all targets. */
struct nft_decider {
    VEC(struct nft_keyed) entries;
    struct intern rules; /* that take part, by object */
    VEC(struct nft_shared_origin) origins;
};

/* The maps from a peer's address to its class: pods, and networks that are too many for rules. */
enum nft_map { NFT_MAP_PODS, NFT_MAP_NETS, NFT_MAPS };
extern const char *const nft_map_names[NFT_MAPS];
/* Appends the statement that looks for the class. */
void nft_map_look_up(struct buf *b, const struct nft_part *p, enum nft_map map);

struct nft_shared {
    struct nft_part *part;
    bool by_address; /* the register has no room for the target */
    struct {
        bool is_asked; /* by some target … */
        bool by_one;   /* … through one chain */
    } map[NFT_MAPS];
    struct nft_decider classes,
        open;               /* by the peer's class; for any peer, by the target's address */
    struct intern policies; /* that take part, by object */
    const struct npolicy *first;
};
/* The class_bits with which all targets of the part can share a chain; NFT_CLASS_BITS if they and
 * the classes are too many for the register. */
unsigned nft_shared_bits(const struct nft_part *p);
void nft_shared_init(struct nft_shared *s, struct nft_part *p);
/* The chain that decides by class: "i_all". */
struct str nft_shared_name(const struct nft_part *p);
/* The chain that asks a map for all targets: "i_pod_class". */
struct str nft_shared_asking(const struct nft_part *p, enum nft_map map);
/* What classes may do on one more target, with the grants that it comes from. False: NPC605 was
 * reported. */
bool nft_shared_add(struct nft_shared *s, const struct target_class *t,
                    const struct nft_origins *origins, const struct nft_keyed *entries, size_t n);
/* The ports of one more target that any peer may use. Its chain ends with the rule that
 * nft_shared_goto_open() writes, and not with one that denies. */
void nft_shared_open(struct nft_shared *s, const struct target_class *t,
                     const struct nft_origins *origins, uint32_t ports);
/* Goes to the chain of open ports. */
void nft_shared_goto_open(const struct nft_shared *s);
/* Writes the chains that targets share. False: NPC605 was reported. */
bool nft_shared_end(struct nft_shared *s, struct nft_portsets *ports);
/* The rules of a host in one direction, in a chain that the caller has begun; the last one goes to
 * npc_deny_in or npc_deny_out, unless everything is allowed. */
bool nft_host_rules(struct nft_part *p, const struct target_class *t);

/* ---- the side file and raw text ---- */

void nft_map_write(const struct emit *e, const struct nft_part *const *parts, size_t n,
                   struct buf *out);
/* Appends the `raw nft` texts of the program. False: NPC042 was reported. */
bool nft_raw_write(const struct emit *e, struct buf *out);

#endif
