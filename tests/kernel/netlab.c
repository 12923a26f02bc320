/*
 * netlab: packets through a laboratory of network namespaces, told by a script on standard input.
 *
 *   node NAME ADDR…                      a node that routes
 *   pod NAME NODE ADDR…                  a pod behind it
 *   bridged NAME NODE BRIDGE ADDR…       a pod on a bridge of it
 *   host NAME ADDR…                      a machine beside the nodes
 *   listen NAME PROTO PORT               both families; PROTO: tcp udp udp-silent sctp icmp.
 *                                        Probes do it by themselves; flows want it
 *   run NAME COMMAND…                    a shell command inside a namespace; must succeed
 *   fails NAME COMMAND…                  … must fail
 *   probe FROM TO 4|6 PROTO PORT allow|deny [OPTION…]
 *                                        queues one packet; PORT of icmp is TYPE.CODE
 *       at ADDR                          sent to another address, which something on the way
 *                                        translates
 *       sport N                          from this port
 *       src ADDR                         from this address of the sender
 *       size N                           a datagram of so many bytes
 *       closed                           nobody listens; the refusal must come back
 *   go LABEL                             sends all queued probes at once; prints "ok LABEL" or
 *                                        "FAIL LABEL: …"
 *   open FLOW FROM TO 4|6 PROTO PORT     a flow that stays open
 *   say FLOW allow|deny LABEL            sends over it
 *
 * Exit status: 0 all as expected, 1 some verdict was not, 2 the script is wrong, 3 no namespaces.
 */
#include "tests/kernel/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* LeakSanitizer looks for its threads in /proc, which shows another process namespace (lab.h). */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

struct script {
    struct lab lab;
    struct prober prober;
    size_t line;
    bool failed;
};

_Noreturn static void bad(const struct script *s, const char *what)
{
    fprintf(stderr, "netlab: line %zu: %s\n", s->line, what);
    exit(2);
}

static char *word(struct script *s, char **rest)
{
    char *w = strtok_r(NULL, " ", rest);
    if (!w) {
        bad(s, "a word is missing");
    }
    return w;
}

static int host(struct script *s, char **rest)
{
    const char *name = word(s, rest);
    int i = strcmp(name, "fabric") == 0 ? -1 : lab_find(&s->lab, name);
    if (i < 0 && strcmp(name, "fabric") != 0) {
        bad(s, "no host of that name");
    }
    return i;
}

static size_t addresses(struct script *s, char **rest, struct lab_addr *out)
{
    size_t n = 0;
    for (char *w; n < LAB_ADDRS && (w = strtok_r(NULL, " ", rest)) != NULL; n++) {
        if (!lab_addr_parse(w, &out[n])) {
            bad(s, "no address");
        }
    }
    return n;
}

static enum probe_proto proto(struct script *s, const char *w)
{
    static const char *const names[] = {
        [PROBE_TCP] = "tcp", [PROBE_UDP] = "udp", [PROBE_SCTP] = "sctp", [PROBE_ICMP] = "icmp"};
    for (int i = PROBE_TCP; i <= PROBE_ICMP; i++) {
        if (strcmp(w, names[i]) == 0) {
            return (enum probe_proto)i;
        }
    }
    bad(s, "no such protocol");
}

static uint16_t port(const char *w)
{
    unsigned type = 0, code = 0;
    if (sscanf(w, "%u.%u", &type, &code) == 2) {
        return (uint16_t)(type << 8 | code);
    }
    return (uint16_t)type;
}

/* FROM TO 4|6 PROTO PORT */
static struct probe where(struct script *s, char **rest)
{
    struct probe q = {.from = host(s, rest), .size = sizeof q.nonce};
    q.to = host(s, rest); /* after `from`: initializers have no order */
    q.family = word(s, rest)[0] == '4' ? AF_INET : AF_INET6;
    q.proto = proto(s, word(s, rest));
    q.port = port(word(s, rest));
    if (q.to < 0) {
        bad(s, "the fabric is no destination");
    }
    const struct lab_host *h = &s->lab.hosts[q.to];
    for (size_t i = h->naddrs; i-- > 0;) {
        if (h->addrs[i].family == q.family) {
            q.dest = h->addrs[i];
        }
    }
    return q;
}

static void do_listen(struct script *s, char **rest)
{
    int h = host(s, rest);
    const char *w = word(s, rest);
    bool silent = strcmp(w, "udp-silent") == 0;
    enum probe_proto p = proto(s, silent ? "udp" : w);
    uint16_t number = port(word(s, rest));
    if (!prober_listen(&s->prober, h, AF_INET, p, number, silent) ||
        !prober_listen(&s->prober, h, AF_INET6, p, number, silent)) {
        bad(s, strerror(errno));
    }
}

static bool allow(struct script *s, char **rest)
{
    const char *w = word(s, rest);
    if (strcmp(w, "allow") != 0 && strcmp(w, "deny") != 0) {
        bad(s, "allow or deny");
    }
    return w[0] == 'a';
}

static void probe_option(struct script *s, struct probe *q, const char *name, char **rest)
{
    if (strcmp(name, "at") == 0) {
        if (!lab_addr_parse(word(s, rest), &q->dest)) {
            bad(s, "at ADDR");
        }
    } else if (strcmp(name, "sport") == 0) {
        q->source_port = port(word(s, rest));
    } else if (strcmp(name, "src") == 0) {
        if (!lab_addr_parse(word(s, rest), &q->source)) {
            bad(s, "src ADDR");
        }
    } else if (strcmp(name, "size") == 0) {
        q->size = port(word(s, rest));
        if (q->size < sizeof q->nonce || q->size > PROBE_SIZE) {
            bad(s, "no such size");
        }
    } else if (strcmp(name, "closed") == 0) {
        q->closed = true;
    } else {
        bad(s, "no such option of a probe");
    }
}

static void do_probe(struct script *s, char **rest)
{
    struct probe q = where(s, rest);
    q.expect_allow = allow(s, rest);
    for (char *w; (w = strtok_r(NULL, " ", rest)) != NULL;) {
        probe_option(s, &q, w, rest);
    }
    if (q.dest.family == 0) {
        bad(s, "the destination has no address of that family");
    }
    if (!q.closed && !prober_listen(&s->prober, q.to, q.family, q.proto, q.port, false)) {
        bad(s, strerror(errno));
    }
    prober_add(&s->prober, q);
}

static void do_go(struct script *s, const char *label)
{
    static const char *const names[] = {"tcp", "udp", "sctp", "icmp"};
    size_t wrong = 0;
    prober_run(&s->prober);
    for (size_t i = 0; i < s->prober.n; i++) {
        const struct probe *q = &s->prober.probes[i];
        if (q->allowed == q->expect_allow) {
            continue;
        }
        if (wrong++ < 10) {
            fprintf(stderr, "  %s -> %s IPv%c %s/%u: should be %s, was %s\n",
                    q->from < 0 ? "fabric" : s->lab.hosts[q->from].name, s->lab.hosts[q->to].name,
                    q->family == AF_INET ? '4' : '6', names[q->proto], q->port,
                    q->expect_allow ? "allowed" : "denied", q->allowed ? "allowed" : "denied");
        }
    }
    if (wrong > 0) {
        printf("FAIL %s: %zu of %zu probes\n", label, wrong, s->prober.n);
    } else if (s->prober.n == 0) {
        printf("FAIL %s: no probes\n", label);
    } else {
        printf("ok %s\n", label);
    }
    s->failed = s->failed || wrong > 0 || s->prober.n == 0;
    prober_clear(&s->prober);
}

static void do_open(struct script *s, char **rest)
{
    char *name = word(s, rest);
    if (!prober_open(&s->prober, name, where(s, rest))) {
        bad(s, "the flow does not open");
    }
}

static void do_say(struct script *s, char **rest)
{
    char *name = word(s, rest);
    bool expected = allow(s, rest);
    bool got = prober_say(&s->prober, name);
    if (got == expected) {
        printf("ok %s\n", *rest);
    } else {
        printf("FAIL %s: the flow %s\n", *rest, got ? "still passes" : "is cut");
        s->failed = true;
    }
}

static void do_host(struct script *s, const char *kind, char **rest)
{
    struct lab_addr addrs[LAB_ADDRS];
    char *name = word(s, rest);
    bool bridged = strcmp(kind, "bridged") == 0;
    int node = bridged || strcmp(kind, "pod") == 0 ? host(s, rest) : -1;
    const char *bridge = bridged ? word(s, rest) : NULL;
    size_t n = addresses(s, rest, addrs);
    int made = strcmp(kind, "node") == 0 ? lab_add_node(&s->lab, name, addrs, n)
                                         : lab_add_host(&s->lab, name, node, bridge, addrs, n);
    if (made < 0) {
        bad(s, strerror(errno));
    }
}

static void do_run(struct script *s, bool succeeds, char **rest)
{
    int h = host(s, rest);
    int status = lab_run(&s->lab, h, *rest);
    if ((status == 0) != succeeds) {
        printf("FAIL line %zu: status %d: %s\n", s->line, status, *rest);
        exit(1);
    }
}

static void do_line(struct script *s, char *line)
{
    char *rest = NULL;
    char *verb = strtok_r(line, " ", &rest);
    if (!verb || verb[0] == '#') {
        return;
    }
    if (strcmp(verb, "node") == 0 || strcmp(verb, "pod") == 0 || strcmp(verb, "bridged") == 0 ||
        strcmp(verb, "host") == 0) {
        do_host(s, verb, &rest);
    } else if (strcmp(verb, "listen") == 0) {
        do_listen(s, &rest);
    } else if (strcmp(verb, "run") == 0 || strcmp(verb, "fails") == 0) {
        do_run(s, verb[0] == 'r', &rest);
    } else if (strcmp(verb, "probe") == 0) {
        do_probe(s, &rest);
    } else if (strcmp(verb, "go") == 0) {
        do_go(s, rest);
    } else if (strcmp(verb, "open") == 0) {
        do_open(s, &rest);
    } else if (strcmp(verb, "say") == 0) {
        do_say(s, &rest);
    } else {
        bad(s, "no such verb");
    }
    fflush(stdout);
}

int main(void)
{
    static struct script s;
    struct rlimit files;
    char line[65536];
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!lab_init(&s.lab) || !prober_init(&s.prober, &s.lab)) {
        fprintf(stderr, "netlab: no network namespaces: %s\n", strerror(errno));
        return 3;
    }
    while (fgets(line, sizeof line, stdin)) {
        s.line++;
        line[strcspn(line, "\n")] = '\0';
        do_line(&s, line);
    }
    return s.failed ? 1 : 0;
}
