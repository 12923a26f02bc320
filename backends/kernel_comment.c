/* Comments in kernel rules. Knows the policies' names and places, and nothing of any layout. */
#include "backends/kernel_comment.h"

#include "base/utf8.h"

#include <string.h>

static bool is_plain(unsigned char c)
{
    return ch_is_alnum(c) || (c != '\0' && strchr(" ._/:@+,()[]-", c) != NULL);
}

void kernel_comment_filter(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n;) {
        uint32_t code_point;
        size_t n = utf8_decode((struct str){s.p + i, s.n - i}, &code_point);
        unsigned char c = (unsigned char)s.p[i];
        buf_putc(b, is_plain(c) ? (char)c : '?');
        i += n == 0 ? 1 : n;
    }
}

struct str kernel_policy_name(struct arena *a, const struct npolicy *p)
{
    if (policy_is_cluster(p->origin)) {
        return p->origin->name;
    }
    const struct sel_req *names = selector_ns_names(p->target_ns);
    struct str ns = p->origin->ns.n > 0 || names == NULL ? p->origin->ns : names->values[0];
    return str_path(a, ns, p->origin->name);
}

struct str kernel_rule_name(struct arena *a, const struct nrule *r)
{
    const char *direction = direction_name(r->direction);
    return r->index == GRANT_BY_DEFAULT ? str_printf(a, "%s by default", direction)
                                        : str_printf(a, "%s[%zu]", direction, r->index);
}

/* " FILE:LINE", if the place is known. */
static void put_place(const struct ctx *c, struct buf *b, struct span at)
{
    if (at.file == 0) {
        return;
    }
    buf_putc(b, ' ');
    kernel_comment_filter(b, sources_get(&c->sources, at.file)->name);
    buf_putc(b, ':');
    buf_u64(b, at.line);
}

/* Cuts to `max` bytes (every byte is ASCII by now), with the count of others always visible. */
static struct str cut_comment(struct arena *a, struct buf *b, size_t more, size_t max)
{
    struct str count = more > 0 ? str_printf(a, " +%zu", more) : (struct str){NULL, 0};
    if (b->n + count.n > max) {
        buf_cut(b, max - count.n);
    }
    buf_str(b, count);
    return buf_text(b);
}

struct str kernel_comment_rule(const struct ctx *c, struct arena *a, const struct npolicy *p,
                               const struct nrule *r, size_t more, size_t max)
{
    struct buf *b = buf_new(a);
    kernel_comment_filter(b, kernel_policy_name(a, p));
    buf_printf(b, " " STR_FMT, STR_ARG(kernel_rule_name(a, r)));
    put_place(c, b, r->origin->at);
    return cut_comment(a, b, more, max);
}

struct str kernel_comment_isolation(const struct ctx *c, struct arena *a, const struct npolicy *p,
                                    enum direction d, size_t more, size_t max)
{
    struct buf *b = buf_new(a);
    kernel_comment_filter(b, kernel_policy_name(a, p));
    const char *does = policy_is_cluster(p->origin) ? "decides" : "isolates";
    buf_printf(b, " %s %s", does, direction_name(d));
    put_place(c, b, p->origin->at);
    return cut_comment(a, b, more, max);
}
