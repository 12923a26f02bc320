/*
 * A boot: the rules that were confirmed last. Where they are damaged, no one can say any more what
 * they allowed, so everything is closed but established connections and what an administrator needs
 * to come in: never wider than the policy was.
 */
#include "apply/work.h"

#include "apply/lines.h"
#include "apply/privilege.h"

#include <errno.h>
#include <string.h>

/* Takes the next "PROTO/PORT" off the list. */
static bool next_port(struct str *rest, struct str *proto, uint32_t *port)
{
    if (rest->n == 0) {
        return false;
    }
    const char *comma = memchr(rest->p, ',', rest->n);
    const size_t n = comma != NULL ? (size_t)(comma - rest->p) : rest->n;
    const char *slash = memchr(rest->p, '/', n);
    const size_t word = slash != NULL ? (size_t)(slash - rest->p) : 0;
    *proto = (struct str){rest->p, word};
    const size_t used = comma != NULL ? n + 1 : n;
    const bool ok = (str_is(*proto, "tcp") || str_is(*proto, "udp") || str_is(*proto, "sctp")) &&
                    str_to_u32((struct str){rest->p + word + 1, n - word - 1}, 65535, port);
    *rest = (struct str){rest->p + used, rest->n - used};
    return ok;
}

static struct str minimal_nft(struct arena *a, struct str ports)
{
    struct buf *b = buf_new(a);
    buf_str(b, ruleset_nothing(TARGET_NFT).part[PART_NFT]);
    buf_puts(b, "table inet npc {\n"
                "\tchain npc_input {\n"
                "\t\ttype filter hook input priority 0; policy drop;\n"
                "\t\tiifname \"lo\" accept\n"
                "\t\tct state established,related accept\n"
                "\t\ticmp type 3 icmp code 4 accept\n"
                "\t\ticmpv6 type { 2, 130, 131, 132, 133, 134, 135, 136, 143 } accept\n"
                "\t\tudp sport 67 udp dport 68 accept\n"
                "\t\tudp sport 547 udp dport 546 accept\n");
    struct str proto;
    uint32_t port;
    while (next_port(&ports, &proto, &port)) {
        buf_printf(b, "\t\t" STR_FMT " dport %u accept\n", STR_ARG(proto), port);
    }
    buf_puts(b, "\t}\n"
                "\tchain npc_output {\n"
                "\t\ttype filter hook output priority 0; policy drop;\n"
                "\t\toifname \"lo\" accept\n"
                "\t\tct state established,related accept\n"
                "\t\ticmp type 3 icmp code 4 accept\n"
                "\t\ticmpv6 type { 2, 130, 131, 132, 133, 134, 135, 136, 143 } accept\n"
                "\t\tudp sport 68 udp dport 67 accept\n"
                "\t\tudp sport 546 udp dport 547 accept\n"
                "\t}\n"
                "\tchain npc_forward {\n"
                "\t\ttype filter hook forward priority 0; policy drop;\n"
                "\t\tct state established,related accept\n"
                "\t\ticmpv6 type { 2, 135, 136 } accept\n"
                "\t}\n"
                "}\n");
    return buf_text(b);
}

static void put_icmp6(struct buf *b, const char *chain)
{
    static const unsigned types[] = {2, 130, 131, 132, 133, 134, 135, 136, 143};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        buf_printf(b, "-A %s -p ipv6-icmp --icmpv6-type %u -j RETURN\n", chain, types[i]);
    }
}

static struct str minimal_family(struct arena *a, struct str ports, bool v6)
{
    static const char *const chains[] = {"NPC-FORWARD", "NPC-INPUT", "NPC-OUTPUT"};
    struct buf *b = buf_new(a);
    buf_puts(b, "*filter\n:NPC-FORWARD - [0:0]\n:NPC-INPUT - [0:0]\n:NPC-OUTPUT - [0:0]\n");
    buf_puts(b, "-A NPC-INPUT -i lo -j RETURN\n-A NPC-OUTPUT -o lo -j RETURN\n");
    for (size_t i = 0; i < 3; i++) {
        buf_printf(b, "-A %s -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n", chains[i]);
        if (v6) {
            put_icmp6(b, chains[i]);
        } else {
            buf_printf(b, "-A %s -p icmp --icmp-type 3/4 -j RETURN\n", chains[i]);
        }
    }
    buf_puts(b, v6 ? "-A NPC-INPUT -p udp --sport 547 --dport 546 -j RETURN\n"
                     "-A NPC-OUTPUT -p udp --sport 546 --dport 547 -j RETURN\n"
                   : "-A NPC-INPUT -p udp --sport 67 --dport 68 -j RETURN\n"
                     "-A NPC-OUTPUT -p udp --sport 68 --dport 67 -j RETURN\n");
    struct str proto;
    uint32_t port;
    while (next_port(&ports, &proto, &port)) {
        buf_printf(b, "-A NPC-INPUT -p " STR_FMT " --dport %u -j RETURN\n", STR_ARG(proto), port);
    }
    for (size_t i = 0; i < 3; i++) {
        buf_printf(b, "-A %s -j DROP\n", chains[i]);
    }
    buf_puts(b, "-I FORWARD 1 -j NPC-FORWARD\n-I INPUT 1 -j NPC-INPUT\n"
                "-I OUTPUT 1 -j NPC-OUTPUT\nCOMMIT\n");
    return buf_text(b);
}

/* By nft, or where there is none by iptables. Nothing is rehearsed: anything is better than rules
 * that nobody knows. */
static bool load_minimal(struct apply *a)
{
    const struct str ports = str_of(a->failsafe);
    const enum target t = loader_exists(&a->kernel.loaders, "nft") ? TARGET_NFT : TARGET_IPTABLES;
    const struct places nowhere = {.n = 0};
    struct place here = {.target = t, .kernel = a->kernel};
    struct ruleset wanted = {0}, got;
    struct str why;
    if (t == TARGET_NFT) {
        wanted.part[PART_NFT] = minimal_nft(&a->arena, ports);
    } else {
        wanted.part[PART_V4] = minimal_family(&a->arena, ports, false);
        wanted.part[PART_V6] = minimal_family(&a->arena, ports, true);
    }
    if (!ruleset_read(&here.kernel, t, &here.live, &why)) {
        tell(a, NPC_ERROR, 701, NULL, "nothing can be loaded: " STR_FMT, STR_ARG(why));
        return false;
    }
    return load_alone(a, &here, &wanted, &nowhere, NULL, &got);
}

/* NULL, or what is wrong with the rules that were confirmed. */
static const char *load_confirmed(struct apply *a)
{
    struct bundle b;
    switch (store_read(a, a->state_dir, FILE_CONFIRMED, &b)) {
    case STORE_NONE:
        tell(a, NPC_INFO, 710, NULL, "no rules were ever confirmed: none are loaded");
        return NULL;
    case STORE_DAMAGED:
        return "are damaged";
    case STORE_OK:
        break;
    }
    return load_bundle(a, &b) ? NULL : "do not load";
}

static void load_step(struct apply *a, void *problem)
{
    *(const char **)problem = load_confirmed(a);
}

/* The same, where memory may be exhausted. */
static const char *load_confirmed_safely(struct apply *a)
{
    const char *problem;
    if (!apply_step(a, load_step, &problem)) {
        arena_free(&a->arena);
        return "need more memory than there is";
    }
    return problem;
}

enum npc_status apply_boot(struct apply *a)
{
    const char *problem = load_confirmed_safely(a);
    if (problem == NULL) {
        return NPC_OK;
    }
    const bool closed = load_minimal(a);
    tell(a, NPC_ERROR, 709, "npc apply loads new ones", "the confirmed rules %s%s", problem,
         closed ? ": only established connections and management pass"
                : ", and neither do those that would let only an administrator in");
    return NPC_FAULT;
}
