/* npc apply: what is asked before the rules go on their way (job.h). */
#include "apply/conntrack.h"
#include "apply/job.h"
#include "apply/lines.h"
#include "apply/machine.h"
#include "apply/sources.h"

#include <errno.h>
#include <string.h>

/* ---- the call ---- */

/* Rolls back what an interrupted npc left; refuses if a guard still watches over it. */
static enum npc_status clear_pending(const struct job *j)
{
    struct apply *a = j->a;
    struct pending p;
    const enum store_result there = pending_read(a, &p);
    if (there == STORE_NONE) {
        return NPC_OK;
    }
    if (guard_lives(a)) {
        tell(a, NPC_ERROR, 702, "npc confirm keeps them, npc rollback takes them away",
             "rules that were loaded before wait for a confirmation");
        return NPC_NO;
    }
    if (there == STORE_DAMAGED) {
        tell(a, NPC_ERROR, 709, "remove it; what it would restore is lost",
             "%s/" FILE_PENDING " is damaged", a->run_dir);
        return NPC_FAULT;
    }
    if (j->o->dry_run) {
        tell(a, NPC_ERROR, 707, "npc rollback undoes it", "an npc apply was interrupted");
        return NPC_NO;
    }
    tell(a, NPC_WARNING, 707, NULL,
         "an npc apply was interrupted: what it did is rolled back first");
    return pending_go_back(a, &p) ? NPC_OK : NPC_FAULT;
}

/* Over SSH, a person who errs has no other way in. */
static enum npc_status check_person(const struct job *j)
{
    const struct apply_options *o = j->o;
    if (!o->terminal || !j->session.found || o->dry_run || j->confirm > 0 || o->nkeep > 0) {
        return NPC_OK;
    }
    tell(j->a, NPC_ERROR, 901,
         "--confirm 30 rolls back unless npc confirm comes; --keep ADDR:PORT names what must stay "
         "reachable",
         "on a terminal over SSH, --confirm SECONDS or --keep ADDR:PORT is needed");
    return NPC_BAD;
}

/* ---- the machine ---- */

static enum npc_status has_address(struct apply *a, const char *address, bool *has)
{
    if (machine_has(address, has)) {
        return NPC_OK;
    }
    tell(a, NPC_ERROR, 1, NULL, "the addresses of this machine cannot be read: %s",
         strerror(errno));
    return NPC_FAULT;
}

static enum npc_status check_machine(struct apply *a, const struct npc_scope *s)
{
    enum npc_status status = NPC_OK;
    bool has = s->kind != NPC_SCOPE_HOST;
    for (size_t i = 0; i < s->naddresses && !has && status == NPC_OK; i++) {
        status = has_address(a, s->addresses[i], &has);
    }
    if (has || status != NPC_OK) {
        return status;
    }
    tell(a, NPC_ERROR, 704, NULL, "this machine is not %s: it has none of its addresses", s->name);
    return NPC_NO;
}

static bool sees_bridges(struct apply *a, const struct npc_scope *s)
{
    const char *bridge;
    if (s->kind == NPC_SCOPE_HOST) {
        return true;
    }
    const struct str pods = address_lines(&a->arena, s->addresses, s->naddresses);
    const struct str pod = machine_unseen(&a->arena, pods, &bridge);
    if (pod.n == 0) {
        return true;
    }
    tell(a, NPC_ERROR, 705,
         "load br_netfilter and set net.bridge.bridge-nf-call-iptables and -ip6tables to 1",
         "the pod at " STR_FMT " is on the bridge %s, whose traffic the rules would not see",
         STR_ARG(pod), bridge);
    return false;
}

/* ---- lockout ---- */

/* `n`: the program that was compiled. */
static enum npc_status check_flow(const struct job *j, struct npc *n, const struct npc_output *out,
                                  const struct npc_flow *flow, const char *what)
{
    const char *policies;
    const enum npc_status status = npc_admits(n, out, flow, &policies);
    if (status != NPC_NO) {
        return status;
    }
    tell(j->a, j->o->allow_lockout ? NPC_WARNING : NPC_ERROR, 604,
         j->o->allow_lockout ? NULL : "--allow-lockout loads them all the same",
         "these rules would cut %s, %s to %s port %u: denied by %s", what, flow->source,
         flow->destination, flow->port, policies);
    return j->o->allow_lockout ? NPC_OK : NPC_NO;
}

/* ADDR:PORT, [ADDR]:PORT. */
static bool read_keep(struct arena *a, struct str text, struct npc_flow *flow)
{
    size_t colon = text.n;
    while (colon > 0 && text.p[colon - 1] != ':') {
        colon--;
    }
    uint32_t port;
    struct str address = {text.p, colon > 0 ? colon - 1 : 0};
    const bool v6 = address.n > 2 && address.p[0] == '[' && address.p[address.n - 1] == ']';
    if (v6) {
        address = (struct str){address.p + 1, address.n - 2};
    }
    struct machine_address ignored;
    flow->destination = str_dup(a, address).p;
    if (!str_to_u32((struct str){text.p + colon, text.n - colon}, 65535, &port) || port == 0 ||
        !machine_address_read(flow->destination, &ignored) || (ignored.n == 16) != v6) {
        return false;
    }
    flow->port = (uint16_t)port;
    return true;
}

/* What --keep names: a port of this machine, for whoever is at the other end of the session; or one
 * elsewhere, for this machine. */
static enum npc_status check_keep(struct job *j, const struct npc_output *out, const char *keep,
                                  bool host)
{
    struct npc_flow flow = {.protocol = "tcp"};
    if (!read_keep(&j->a->arena, str_of(keep), &flow)) {
        tell(j->a, NPC_ERROR, 901, NULL, "--keep cannot be '%s': it is ADDR:PORT or [ADDR]:PORT",
             keep);
        return NPC_BAD;
    }
    if (!host) {
        return NPC_OK;
    }
    const enum npc_status known = has_address(j->a, flow.destination, &flow.inbound);
    if (known != NPC_OK) {
        return known;
    }
    const bool v6 = strchr(flow.destination, ':') != NULL;
    if (!flow.inbound) {
        flow.source = v6 ? "::" : "0.0.0.0"; /* whichever */
    } else if (j->session.found) {
        flow.source = j->session.client;
        if ((strchr(flow.source, ':') != NULL) != v6) {
            tell(j->a, NPC_ERROR, 901, "name an address of this machine that is of its family",
                 "--keep %s cannot be reached from %s, where the SSH session comes from", keep,
                 flow.source);
            return NPC_BAD;
        }
    } else {
        tell(j->a, NPC_ERROR, 901, NULL,
             "--keep %s is on this machine, and no SSH session tells who must reach it", keep);
        return NPC_BAD;
    }
    return check_flow(j, j->a->npc, out, &flow, "what --keep names");
}

/* A connection that is not tracked, or no more, is taken up by the next packet that the rules let
 * in; unless the kernel takes up none, and then replies are what the rules judge as such. */
static bool is_judged_both_ways(const struct job *j)
{
    const struct session *s = &j->session;
    const struct tcp_end here = {s->server, s->port}, there = {s->client, s->client_port};
    return !conntrack_is_loose() &&
           (j->pending.kill.n > 0 || !conntrack_knows(&j->a->arena, &here, &there));
}

static enum npc_status check_session(const struct job *j, struct npc *n,
                                     const struct npc_output *out)
{
    const struct session *s = &j->session;
    const struct npc_flow in = {s->client, s->server, "tcp", s->port, true};
    const struct npc_flow back = {s->server, s->client, "tcp", s->client_port, false};
    const enum npc_status status = check_flow(j, n, out, &in, "the SSH session that you are in");
    if (status != NPC_OK || !is_judged_both_ways(j)) {
        return status;
    }
    return check_flow(j, n, out, &back,
                      "the replies of the SSH session that you are in, which is not tracked "
                      "(nf_conntrack_tcp_loose is 0)");
}

/* Rules for pods are at the forward hook: what comes to this machine or from it never meets them.
 */
static enum npc_status check_lockout(struct job *j, const struct npc_output *out,
                                     const struct npc_scope *scope)
{
    const bool host = scope->kind == NPC_SCOPE_HOST;
    enum npc_status status = NPC_OK;
    if (host && j->session.found) {
        status = check_session(j, j->a->npc, out);
    }
    for (size_t i = 0; i < j->o->nkeep && status == NPC_OK; i++) {
        status = check_keep(j, out, j->o->keep[i], host);
    }
    return status;
}

enum npc_status job_check_session(struct job *j)
{
    struct npc_output out;
    if (!j->session.found || !str_starts(bundle_get(&j->bundle, "scope"), "host ")) {
        return NPC_OK;
    }
    struct npc *n = sources_open(j);
    if (n != NULL && npc_compile(n, target_names[j->now.target], &out) == NPC_OK) {
        const enum npc_status status = check_session(j, n, &out);
        npc_free(n);
        return status;
    }
    npc_free(n);
    tell(j->a, j->o->allow_lockout ? NPC_WARNING : NPC_ERROR, 709,
         j->o->allow_lockout ? NULL : "--allow-lockout loads them all the same",
         "the policies cannot be read again: whether they cut the SSH session is not known");
    return j->o->allow_lockout ? NPC_OK : NPC_FAULT;
}

/* ---- the rules ---- */

static struct str scope_text(struct apply *a, const struct npc_scope *s)
{
    switch (s->kind) {
    case NPC_SCOPE_ALL:
        break;
    case NPC_SCOPE_NODE:
        return str_printf(&a->arena, "node %s", s->name);
    case NPC_SCOPE_HOST:
        return str_printf(&a->arena, "host %s", s->name);
    }
    return STR("all pods");
}

static struct str output_file(const struct npc_output *out, const char *name)
{
    for (size_t i = 0; i < out->nfiles; i++) {
        if (strcmp(out->files[i].path, name) == 0) {
            return (struct str){out->files[i].text, out->files[i].size};
        }
    }
    return STR("");
}

/* Comments of a file are for people; the sets are compared with what the kernel holds. */
static struct str without_comments(struct arena *a, struct str text)
{
    struct buf *b = buf_new(a);
    struct str line;
    while (line_next(&text, &line)) {
        if (!str_starts(line, "#") && line.n > 0) {
            buf_str(b, line);
            buf_putc(b, '\n');
        }
    }
    return buf_text(b);
}

static void put_rules(struct job *j, enum target t, const struct npc_output *out, bool host)
{
    struct arena *m = &j->a->arena;
    struct bundle *b = &j->bundle;
    if (t == TARGET_NFT) {
        bundle_put(m, b, part_names[PART_NFT], (struct str){out->text, out->size});
        return;
    }
    bundle_put(m, b, part_names[PART_SETS], without_comments(m, output_file(out, "ipsets")));
    bundle_put(m, b, part_names[PART_V4],
               ruleset_with_jumps(m, output_file(out, "rules.v4"), host));
    bundle_put(m, b, part_names[PART_V6],
               ruleset_with_jumps(m, output_file(out, "rules.v6"), host));
}

static struct str input_names(struct job *j)
{
    struct buf *b = buf_new(&j->a->arena);
    for (size_t i = 0; i < j->o->ninputs; i++) {
        buf_puts(b, j->o->inputs[i]);
        buf_putc(b, '\0');
    }
    return buf_text(b);
}

static enum npc_status make_bundle(struct job *j, const struct npc_output *out,
                                   const struct npc_scope *scope)
{
    struct arena *m = &j->a->arena;
    struct bundle *b = &j->bundle;
    enum target t;
    if (!target_find(str_of(j->o->target), &t)) {
        tell(j->a, NPC_ERROR, 901, NULL, "no loader is called '%s'", j->o->target);
        return NPC_BAD;
    }
    bundle_put(m, b, "target", str_of(j->o->target));
    bundle_put(m, b, "variant", str_of(t == TARGET_IPTABLES ? j->o->variant : NULL));
    bundle_put(m, b, "scope", scope_text(j->a, scope));
    bundle_put(m, b, "inputs", input_names(j));
    bundle_put(m, b, "time", clock_text(m));
    if (j->o->no_rehearsal) {
        bundle_put(m, b, "unrehearsed", STR("yes")); /* nor can it be at a boot */
    }
    if (scope->kind != NPC_SCOPE_HOST) {
        bundle_put(m, b, "pods", address_lines(m, scope->addresses, scope->naddresses));
    }
    put_rules(j, t, out, scope->kind == NPC_SCOPE_HOST);
    const enum npc_status status = sources_put(j);
    return status == NPC_OK && !loaded_of(j->a, b, &j->now) ? NPC_BAD : status;
}

/* ---- all of it ---- */

/* What does not depend on the rules in force. Needs no lock: whoever waits for a rollback would
 * wait for this. */
static enum npc_status make_rules(struct job *j, struct npc_output *out, struct npc_scope *scope)
{
    enum npc_status status = check_person(j);
    if (status == NPC_OK) {
        status = npc_compile(j->a->npc, j->o->target, out);
    }
    if (status == NPC_OK) {
        status = npc_scope_of(j->a->npc, out, scope);
    }
    if (status == NPC_OK) {
        status = check_machine(j->a, scope);
    }
    if (status == NPC_OK && !sees_bridges(j->a, scope)) {
        status = NPC_NO;
    }
    return status == NPC_OK ? make_bundle(j, out, scope) : status;
}

static enum npc_status check_rules(struct job *j, const struct npc_output *out,
                                   const struct npc_scope *scope)
{
    enum npc_status status = clear_pending(j);
    if (status == NPC_OK) {
        status = job_find_old(j);
    }
    if (status == NPC_OK && j->o->kill_states) {
        j->pending.kill = sources_touched(j, out, scope);
    }
    return status == NPC_OK ? check_lockout(j, out, scope) : status;
}

/* Without a record the new rules are compared with none, which is true only if there are none. */
static void tell_unknown(struct job *j)
{
    if (!j->has_old && (ruleset_holds(&j->live, j->now.target) || j->others.n > 0)) {
        tell(j->a, NPC_WARNING, 708, NULL,
             "npc has no record of the rules in force, and compares with no rules at all: what "
             "they allow is not known");
    }
}

static enum npc_status show_difference(struct job *j)
{
    const char *text;
    size_t size;
    tell_unknown(j);
    const enum npc_status status = sources_difference(j, &text, &size);
    if (status == NPC_OK && j->o->show != NULL) {
        return j->o->show(text, size) ? NPC_OK : NPC_FAULT;
    }
    return status;
}

static bool read_confirm(struct job *j)
{
    if (j->o->confirm == NULL) {
        return true;
    }
    if (!seconds_read(j->a, "confirm", j->o->confirm, &j->confirm)) {
        return false;
    }
    if (j->confirm == 0) {
        tell(j->a, NPC_ERROR, 901, "without --confirm the rules are loaded for good",
             "--confirm cannot be '%s': nobody can confirm within no time", j->o->confirm);
    }
    return j->confirm > 0;
}

enum npc_status apply_run(struct apply *a, const struct apply_options *o)
{
    struct job j = {.a = a, .o = o};
    struct npc_output out;
    struct npc_scope scope = {0};
    if (!read_confirm(&j)) {
        return NPC_BAD;
    }
    j.session = session_find(&a->arena);
    j.pending.session = j.session.text;
    enum npc_status status = make_rules(&j, &out, &scope);
    if (status == NPC_OK) {
        status = apply_lock(a, o->wait);
    }
    if (status == NPC_OK) {
        status = check_rules(&j, &out, &scope);
    }
    if (status == NPC_OK) {
        status = job_prepare(&j);
    }
    if (status != NPC_OK) {
        return status;
    }
    if (o->ready != NULL && !o->ready(o->ready_arg)) {
        return NPC_FAULT;
    }
    return o->dry_run ? show_difference(&j) : job_load(&j);
}
