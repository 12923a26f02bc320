/* npc status: what is in force, and whether it still is what npc loaded. Changes nothing. */
#include "apply/guard.h"
#include "apply/work.h"

#include "apply/machine.h"

#include <string.h>

struct report {
    bool loaded;  /* npc put rules in force */
    bool damaged; /* … and what it wrote about them is no more to be read */
    struct loaded now;
    bool pending; /* they wait for a confirmation */
    bool loading; /* … or are being loaded right now */
    uint64_t seconds_left;
    bool interrupted;     /* nobody watches over the way back */
    unsigned drift;       /* bits by enum part */
    bool unseen;          /* a pod is on a bridge that the rules do not see */
    struct places others; /* where else rules of npc's are in force, of which there is no record */
    struct str reason;    /* unless the kernel could be read */
};

static void find_pending(struct apply *a, struct report *r)
{
    struct pending p;
    if (pending_read(a, &p) == STORE_NONE) {
        return;
    }
    const uint64_t now = now_ms();
    r->pending = true;
    r->loading = p.deadline == 0;
    r->interrupted = !guard_lives(a);
    r->seconds_left = p.deadline > now ? (p.deadline - now + 999) / 1000 : 0;
}

static void find_drift(struct apply *a, struct report *r)
{
    struct ruleset live;
    if (ruleset_read(&r->now.kernel, r->now.target, &live, &r->reason)) {
        r->reason = STR("");
        r->drift = loaded_drift(a, &r->now, &live);
    }
}

static void find_bridges(struct apply *a, struct report *r)
{
    const char *name;
    r->unseen = machine_unseen(&a->arena, bundle_get(&r->now.bundle, "pods"), &name).n > 0;
}

/* What cannot be read says nothing: not that there is none, nor that it is damaged. */
static bool readable(struct apply *a)
{
    struct str bytes;
    return store_get(a, a->run_dir, FILE_LOADED, &bytes) &&
           store_get(a, a->run_dir, FILE_PENDING, &bytes);
}

static struct report find(struct apply *a)
{
    struct report r = {0};
    struct bundle b;
    const enum store_result found = store_read(a, a->run_dir, FILE_LOADED, &b);
    r.damaged = found == STORE_DAMAGED;
    r.loaded = found == STORE_OK && loaded_of(a, &b, &r.now);
    find_pending(a, &r);
    const struct place here = {.target = r.now.target, .kernel = r.now.kernel};
    if (r.loaded) {
        find_drift(a, &r);
        find_bridges(a, &r);
    }
    if (!r.loading) { /* else both may be there for a moment */
        places_find(&a->kernel, r.loaded ? &here : NULL, &r.others);
    }
    return r;
}

/* ---- text ---- */

static void put_inputs(struct buf *out, struct str inputs, const char *separator, bool json)
{
    for (size_t at = 0; at < inputs.n;) {
        const struct str name = str_of(inputs.p + at);
        buf_puts(out, at > 0 ? separator : "");
        if (json) {
            buf_json_string(out, name);
        } else {
            buf_shown(out, name);
        }
        at += name.n + 1;
    }
}

static const char *state_of(const struct report *r)
{
    if (r->pending) {
        return r->interrupted ? "interrupted" : r->loading ? "loading" : "pending";
    }
    return r->damaged        ? "damaged"
           : r->loaded       ? "confirmed"
           : r->others.n > 0 ? "unrecorded"
                             : "none";
}

static void put_text(const struct report *r, struct buf *out)
{
    const struct bundle *b = &r->now.bundle;
    buf_printf(out, "state    %s", state_of(r));
    if (r->pending && !r->interrupted && !r->loading) {
        buf_printf(out, ", %llu s left", (unsigned long long)r->seconds_left);
    }
    buf_putc(out, '\n');
    for (size_t i = 0; i < r->others.n; i++) {
        buf_printf(out, "also     rules of npc's, by %s, of which it has no record\n",
                   place_name(&r->others.list[i]));
    }
    if (!r->loaded) {
        return;
    }
    buf_printf(out, "rules    for " STR_FMT ", by %s", STR_ARG(bundle_get(b, "scope")),
               target_names[r->now.target]);
    if (r->now.kernel.variant != NULL) {
        buf_printf(out, "-%s", r->now.kernel.variant);
    }
    buf_puts(out, "\nfrom     ");
    put_inputs(out, bundle_get(b, "inputs"), " ", false);
    buf_printf(out, "\nsince    " STR_FMT "\n", STR_ARG(bundle_get(b, "time")));
    if (r->reason.n > 0) {
        buf_printf(out, "drift    unknown: " STR_FMT "\n", STR_ARG(r->reason));
    }
    for (size_t i = 0; i < PARTS; i++) {
        if ((r->drift >> i & 1) != 0) {
            buf_printf(out, "drift    %s\n", part_phrases[i]);
        }
    }
    if (r->unseen) {
        buf_puts(out, "bridge   traffic on a bridge is not seen: bridge-nf-call-iptables is off\n");
    }
}

/* ---- JSON ---- */

static void put_member(struct buf *out, const char *key, struct str text)
{
    buf_printf(out, ",\"%s\":", key);
    buf_json_string(out, text);
}

static void put_json(const struct report *r, struct buf *out)
{
    const struct bundle *b = &r->now.bundle;
    buf_printf(out, "{\"version\":1,\"state\":\"%s\"", state_of(r));
    if (r->pending && !r->loading) {
        buf_printf(out, ",\"secondsLeft\":%llu", (unsigned long long)r->seconds_left);
    }
    if (r->others.n > 0) {
        buf_puts(out, ",\"unrecorded\":[");
        for (size_t i = 0; i < r->others.n; i++) {
            buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", place_name(&r->others.list[i]));
        }
        buf_putc(out, ']');
    }
    if (r->loaded) {
        put_member(out, "target", str_of(target_names[r->now.target]));
        put_member(out, "variant", str_of(r->now.kernel.variant));
        put_member(out, "scope", bundle_get(b, "scope"));
        put_member(out, "since", bundle_get(b, "time"));
        buf_puts(out, ",\"inputs\":[");
        put_inputs(out, bundle_get(b, "inputs"), ",", true);
        buf_puts(out, "],\"drift\":[");
        const char *separator = "";
        for (size_t i = 0; i < PARTS; i++) {
            if ((r->drift >> i & 1) != 0) {
                buf_printf(out, "%s\"%s\"", separator, part_names[i]);
                separator = ",";
            }
        }
        buf_printf(out, "],\"bridgeUnseen\":%s", r->unseen ? "true" : "false");
    }
    buf_puts(out, "}\n");
}

enum npc_status apply_status(struct apply *a, bool json, const char **text, size_t *size)
{
    if (!readable(a)) {
        return NPC_FAULT;
    }
    const struct report r = find(a);
    struct buf *out = buf_new(&a->arena);
    if (json) {
        put_json(&r, out);
    } else {
        put_text(&r, out);
    }
    *text = buf_text(out).p;
    *size = out->n;
    if (r.reason.n > 0) {
        tell(a, NPC_ERROR, 701, NULL, STR_FMT, STR_ARG(r.reason));
        return NPC_FAULT;
    }
    return r.loaded && !r.interrupted && r.drift == 0 && !r.unseen && r.others.n == 0 ? NPC_OK
                                                                                      : NPC_NO;
}
