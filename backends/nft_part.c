/*
 * The text of chains and sets while they are written. Equal sets are written once: the kernel's
 * cost of a transaction is quadratic in its sets. Knows nothing of policies but for comments.
 */
#include "backends/nft_priv.h"

#include "backends/kernel_names.h"

#include <inttypes.h>

const struct nft_tuning nft_tuning_default = {
    .small_range = 4,
    .expand_elements = 1024,
    .expand_most = 32,
    .plain_nets = 24,
    .plain_open = 4,
    .plain_ranges = 8,
    .range_elements = 10000,
    .most_ranges = 64,
    .direct = {{.rules = 16, .addrs = 1024}, {.rules = 4, .addrs = 256}},
    .direct_spread = 8,
    .host_rules = 8,
    .part_sets = 300,
    .map_checks = 1 << 22,
    .register_targets = SIZE_MAX,
    .mask_saves = 200000,
    .mask_ports = 32,
    .mask_visits = 1 << 24,
};

void nft_part_init(struct nft_part *p, const struct emit *e, const struct nft_tuning *tuning,
                   enum family f, enum direction d, unsigned class_bits)
{
    static const char *const source[FAMILIES] = {"ip saddr", "ip6 saddr"};
    static const char *const target[FAMILIES] = {"ip daddr", "ip6 daddr"};
    bool ingress = d == DIR_INGRESS, host = e->bound->host != NULL;
    size_t limit = e->options->bind.max_elements;
    *p = (struct nft_part){
        .ctx = e->ctx,
        .arena = &e->ctx->arena,
        .side = &e->bound->side[f][d],
        .family = f,
        .direction = d,
        .host = host,
        .peer = ingress ? source[f] : target[f],
        .local = ingress ? target[f] : source[f],
        .addr_type = f == FAM_IP4 ? "ipv4_addr" : "ipv6_addr",
        .prefix = ingress ? "i" : "e",
        /* Egress of a pod is decided before ingress of the other: it goes on where it is allowed.
         */
        .allow = ingress || host ? "accept" : "return",
        .deny = str_printf(&e->ctx->arena, "%s npc_deny%s", e->options->log ? "jump" : "goto",
                           !host     ? ""
                           : ingress ? "_in"
                                     : "_out")
                    .p,
        .log_rate = emit_log_rate(e->options),
        .tuning = tuning,
        .class_bits = class_bits,
        .max_elements = limit > 0 ? limit : e->ctx->limits.elements,
    };
    p->text = buf_new(p->arena);
    p->owner = str_of(p->prefix);
    intern_init(&p->set_ids, p->arena);
    intern_init(&p->taken, p->arena);
    intern_init(&p->taken_by_targets, p->arena);
    strmap_init(&p->set_counts, p->arena);
    vec_push(p->arena, &p->values, ID_NONE); /* ids are from 1 */
    for (size_t i = 0; i < p->side->npeers; i++) {
        nft_class_new(p, p->side->peers[i].addrs.v[0]);
    }
}

/* ---- names that stay ---- */

/* A number that stays while other addresses come and go, and that few others have. */
static uint32_t mixed(struct ip ip)
{
    uint64_t x = ip.hi * 0x9e3779b97f4a7c15u + ip.lo;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    return (uint32_t)(x >> 32);
}

/* The first value from `wanted` on, up to `last` and then from 1 on, that is not taken. */
static uint32_t take(struct intern *taken, uint32_t wanted, uint32_t last)
{
    uint32_t value = wanted;
    while (value == 0 || value > last ||
           intern_find(taken, (struct str){(const char *)&value, sizeof value}) != ID_NONE) {
        value = value >= last ? 1 : value + 1;
    }
    intern_ids(taken, &value, 1);
    return value;
}

/* The highest number of so many bits. */
static uint32_t highest(unsigned bits)
{
    return UINT32_MAX >> (32 - bits);
}

/* nft writes 0 and the highest number as words: no class is either, with or without a target. */
uint32_t nft_class_new(struct nft_part *p, struct ip lowest)
{
    bool whole = p->class_bits == NFT_CLASS_BITS; /* then an IPv4 address is its own number */
    uint32_t wanted = whole && p->family == FAM_IP4 ? (uint32_t)lowest.lo : mixed(lowest);
    uint32_t last = highest(p->class_bits);
    vec_push(p->arena, &p->values, take(&p->taken, wanted & last, whole ? last - 1 : last));
    return (uint32_t)p->values.n - 1;
}

uint32_t nft_target_value(struct nft_part *p, struct ip lowest)
{
    uint32_t last = highest(NFT_CLASS_BITS - p->class_bits);
    return take(&p->taken_by_targets, mixed(lowest) & last, last - 1) << p->class_bits;
}

struct str nft_register_text(struct arena *a, uint32_t value)
{
    return str_printf(a, "%x:%x", value >> 16, value & 0xffff);
}

struct str nft_class_text(const struct nft_part *p, uint32_t target, uint32_t id)
{
    return nft_register_text(p->arena, target | (id > 0 ? p->values.v[id] : 0));
}

struct str nft_address_name(struct arena *a, enum family f, struct ip ip)
{
    struct buf *b = buf_new(a);
    struct str text = ip_text(a, f, ip);
    for (size_t i = 0; i < text.n; i++) {
        buf_putc(b, text.p[i] == ':' ? '-' : text.p[i]); /* no name of nft's has a colon */
    }
    return buf_text(b);
}

struct str nft_target_name(const struct nft_part *p, const struct target_class *t)
{
    struct str ip = nft_address_name(p->arena, p->family, t->addrs.v[0]);
    return str_printf(p->arena, "%s" STR_FMT, p->prefix, STR_ARG(ip));
}

struct str nft_part_name(const struct nft_part *p, const char *what)
{
    return str_printf(p->arena, "%s_%s", p->prefix, what);
}

struct str nft_dispatch_name(const struct nft_part *p)
{
    return p->direction == DIR_INGRESS ? STR("ing") : STR("egr");
}

/* ---- sets ---- */

struct nft_set *nft_set_new(struct nft_part *p, const char *type)
{
    struct nft_set *s = ARENA_NEW(p->arena, struct nft_set);
    s->type = str_dup(p->arena, str_of(type));
    s->elements = buf_new(p->arena);
    return s;
}

struct buf *nft_set_element(struct nft_set *s)
{
    enum { WIDTH = 88 };
    struct buf *b = s->elements;
    bool cut = s->chunked && s->in_chunk == NFT_CHUNK;
    if (cut) {
        buf_putc(b, '\f'); /* nft_part_chunks() begins a new command here */
        s->in_chunk = 0;
        s->line = b->n;
    } else if (s->n > 0 && b->n - s->line > WIDTH) {
        buf_puts(b, ",\n\t\t\t");
        s->line = b->n;
    } else if (s->n > 0) {
        buf_puts(b, ", ");
    }
    s->n++;
    s->in_chunk++;
    return b;
}

void nft_set_used(struct nft_part *p, struct nft_set *s)
{
    if (p->chains.n > 0) {
        vec_push(p->arena, &s->chains, (uint32_t)p->chains.n - 1);
    }
}

struct str nft_set_end(struct nft_part *p, struct nft_set *s, const char *kind)
{
    struct str content = buf_text(s->elements);
    struct str key = str_printf(p->arena, STR_FMT " %d " STR_FMT, STR_ARG(s->type), s->interval,
                                STR_ARG(content));
    uint32_t id = intern_add(&p->set_ids, key);
    if (id < p->sets.n) {
        nft_set_used(p, p->sets.v[id]);
        return p->sets.v[id]->name;
    }
    s->name = str_printf(p->arena, STR_FMT "_%s", STR_ARG(p->owner), kind);
    size_t *count = strmap_get(&p->set_counts, s->name);
    if (count == NULL) {
        count = ARENA_NEW(p->arena, size_t);
        strmap_put(&p->set_counts, s->name, count);
    }
    if (++*count > 1) {
        s->name = str_printf(p->arena, STR_FMT "_%zu", STR_ARG(s->name), *count);
    }
    vec_push(p->arena, &p->sets, s);
    nft_set_used(p, s);
    return s->name;
}

void nft_set_named(struct nft_part *p, struct nft_set *s, struct str name)
{
    s->name = name;
    intern_add(&p->set_ids, name); /* keeps the numbers of set_ids those of sets */
    vec_push(p->arena, &p->sets, s);
}

bool nft_part_reserve(struct nft_part *p, size_t n, struct span at)
{
    if (!__builtin_add_overflow(p->elements, n, &p->elements) && p->elements <= p->max_elements) {
        return true;
    }
    if (p->may_retry) {
        return false;
    }
    struct diags *d = &p->ctx->diags;
    struct diag *rec =
        diag_error(d, NPC605, at, "the rules expand to %zu set elements or more; the limit is %zu",
                   p->elements, p->max_elements);
    diag_hint(d, rec, "compile for one node (--node), or raise --max-elements");
    return false;
}

/* Room for a third more elements than there are (an interval counts as two in some kernels),
 * rounded up to 3/4 of a power of two. The kernel makes a hash of the power of two that is not
 * below 4/3 of the size: so all of it is used, and the size stays while a set changes a little, for
 * a set of another size is another set. Without a size sets are slower by half, and beyond it the
 * error is misleading.
 */
static size_t room(const struct nft_set *s)
{
    size_t n = s->interval ? 2 * s->n : s->n, size = 12;
    while (size < n + n / 3) {
        size *= 2;
    }
    return size;
}

void nft_part_sets(const struct nft_part *p, struct buf *out)
{
    for (size_t i = 0; i < p->sets.n; i++) {
        const struct nft_set *s = p->sets.v[i];
        buf_printf(out, "\n\t%s " STR_FMT " {\n\t\ttype " STR_FMT "\n", s->map ? "map" : "set",
                   STR_ARG(s->name), STR_ARG(s->type));
        buf_printf(out, "\t\tsize %zu\n", room(s));
        buf_puts(out, s->interval ? "\t\tflags interval\n" : "");
        if (!s->chunked) {
            buf_puts(out, "\t\telements = {\n\t\t\t");
            buf_str(out, buf_text(s->elements));
            buf_puts(out, "\n\t\t}\n");
        }
        buf_puts(out, "\t}\n");
    }
}

static void put_chunk(const struct nft_part *p, const struct nft_set *s, struct str chunk,
                      struct buf *out)
{
    buf_printf(out, "add element %s npc " STR_FMT " {\n\t\t\t", p->family == FAM_IP4 ? "ip" : "ip6",
               STR_ARG(s->name));
    buf_str(out, chunk);
    buf_puts(out, "\n}\n");
}

void nft_part_chunks(const struct nft_part *p, struct buf *out)
{
    for (size_t i = 0; i < p->sets.n; i++) {
        const struct nft_set *s = p->sets.v[i];
        struct str text = buf_text(s->elements);
        size_t from = 0;
        for (size_t k = 0; s->chunked && k <= text.n; k++) {
            if (k == text.n || text.p[k] == '\f') {
                put_chunk(p, s, (struct str){text.p + from, k - from}, out);
                from = k + 1;
            }
        }
    }
}

/* ---- chains and rules ---- */

void nft_chain_begin(struct nft_part *p, struct str name, const struct target_class *class,
                     struct str about)
{
    vec_push(p->arena, &p->chains, (struct nft_chain){.name = name, .class = class});
    buf_putc(p->text, '\n');
    if (about.n > 0) {
        buf_printf(p->text, "\t# " STR_FMT "\n", STR_ARG(about));
    }
    buf_printf(p->text, "\tchain " STR_FMT " {\n", STR_ARG(name));
}

void nft_chain_end(struct nft_part *p)
{
    buf_puts(p->text, "\t}\n");
}

struct buf *nft_rule(struct nft_part *p)
{
    buf_puts(p->text, "\t\t");
    return p->text;
}

void nft_rule_end(struct nft_part *p, const char *verdict, struct str comment)
{
    buf_puts(p->text, verdict);
    if (comment.n > 0) {
        buf_printf(p->text, " comment \"" STR_FMT "\"", STR_ARG(comment));
    }
    buf_putc(p->text, '\n');
}

void nft_deny_end(struct nft_part *p, const struct target_class *t, struct str comment)
{
    nft_rule(p);
    nft_rule_end(p, p->deny, comment);
    if (p->chains.n > 0) { /* else the hook of a machine */
        p->chains.v[p->chains.n - 1].denies = true;
    }
    if (p->log_rate > 0) {
        const struct str class = kernel_log_class(p->arena, p->family, t);
        const struct str prefix = kernel_log_prefix(p->arena, p->direction, class);
        buf_printf(p->text,
                   "\t\tlimit rate %" PRIu32 "/second burst %" PRIu32
                   " packets log prefix \"" STR_FMT "\"\n\t\tdrop\n",
                   p->log_rate, 2 * p->log_rate, STR_ARG(prefix));
    }
}

struct str nft_comment(const struct nft_part *p, const struct grant *g)
{
    return kernel_comment_rule(p->ctx, p->arena, g->policy, g->rule, 0, KERNEL_COMMENT_NFT);
}

/* ---- addresses ---- */

/* The length of the prefix that is exactly the range, or -1. */
static int prefix_length(enum family f, struct ip_range r)
{
    for (int len = f == FAM_IP4 ? 32 : 128; len >= 0; len--) {
        struct cidr c = cidr_shorten((struct cidr){.family = f, .first = r.first}, (uint8_t)len);
        if (ip_cmp(c.first, r.first) == 0 && ip_cmp(cidr_last(c), r.last) == 0) {
            return len;
        }
    }
    return -1;
}

void nft_range_text(struct buf *b, enum family f, struct ip_range r)
{
    int len = prefix_length(f, r);
    if (ip_cmp(r.first, r.last) == 0) {
        ip_print(b, f, r.first);
    } else if (len >= 0) {
        cidr_print(b, (struct cidr){f, r.first, (uint8_t)len});
    } else {
        ip_print(b, f, r.first);
        buf_putc(b, '-');
        ip_print(b, f, r.last);
    }
}

void nft_range_match(struct buf *b, const struct nft_part *p, struct ip_range r)
{
    if (ip_cmp(r.first, (struct ip){0, 0}) == 0 && ip_cmp(r.last, ip_max(p->family)) == 0) {
        return;
    }
    buf_puts(b, p->peer);
    buf_putc(b, ' ');
    nft_range_text(b, p->family, r);
    buf_putc(b, ' ');
}
