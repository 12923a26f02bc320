/* The Calico backend: the worked examples of Calico's own conversion, its rules about ports and
 * protocols, ICMP, and the limits of its API. */
#include "compile.h"

static void test_three_kinds_of_peer(void)
{
    check_output("calico", "p.yaml",
                 "apiVersion: networking.k8s.io/v1\n"
                 "kind: NetworkPolicy\n"
                 "metadata:\n"
                 "  name: test-network-policy\n"
                 "  namespace: default\n"
                 "spec:\n"
                 "  podSelector:\n"
                 "    matchLabels:\n"
                 "      role: db\n"
                 "  policyTypes:\n"
                 "    - Ingress\n"
                 "    - Egress\n"
                 "  ingress:\n"
                 "    - from:\n"
                 "        - ipBlock:\n"
                 "            cidr: 172.17.0.0/16\n"
                 "            except:\n"
                 "              - 172.17.1.0/24\n"
                 "        - namespaceSelector:\n"
                 "            matchLabels:\n"
                 "              project: myproject\n"
                 "        - podSelector:\n"
                 "            matchLabels:\n"
                 "              role: frontend\n"
                 "      ports:\n"
                 "        - protocol: TCP\n"
                 "          port: 6379\n"
                 "  egress:\n"
                 "    - to:\n"
                 "        - ipBlock:\n"
                 "            cidr: 10.0.0.0/24\n"
                 "      ports:\n"
                 "        - protocol: TCP\n"
                 "          port: 5978\n",
                 "apiVersion: projectcalico.org/v3\n"
                 "kind: NetworkPolicy\n"
                 "metadata:\n"
                 "  name: test-network-policy\n"
                 "  namespace: default\n"
                 "spec:\n"
                 "  egress:\n"
                 "  - action: Allow\n"
                 "    destination:\n"
                 "      nets:\n"
                 "      - 10.0.0.0/24\n"
                 "      ports:\n"
                 "      - 5978\n"
                 "    protocol: TCP\n"
                 "    source: {}\n"
                 "  ingress:\n"
                 "  - action: Allow\n"
                 "    destination:\n"
                 "      ports:\n"
                 "      - 6379\n"
                 "    protocol: TCP\n"
                 "    source:\n"
                 "      nets:\n"
                 "      - 172.17.0.0/16\n"
                 "      notNets:\n"
                 "      - 172.17.1.0/24\n"
                 "  - action: Allow\n"
                 "    destination:\n"
                 "      ports:\n"
                 "      - 6379\n"
                 "    protocol: TCP\n"
                 "    source:\n"
                 "      namespaceSelector: project == 'myproject'\n"
                 "      selector: projectcalico.org/orchestrator == 'k8s'\n"
                 "  - action: Allow\n"
                 "    destination:\n"
                 "      ports:\n"
                 "      - 6379\n"
                 "    protocol: TCP\n"
                 "    source:\n"
                 "      selector: projectcalico.org/orchestrator == 'k8s' && role == 'frontend'\n"
                 "  order: 1000\n"
                 "  selector: projectcalico.org/orchestrator == 'k8s' && role == 'db'\n"
                 "  types:\n"
                 "  - Ingress\n"
                 "  - Egress\n");
}

static void test_default_deny(void)
{
    check_output("calico", "p.yaml",
                 "apiVersion: networking.k8s.io/v1\n"
                 "kind: NetworkPolicy\n"
                 "metadata: {name: deny-all, namespace: x, labels: {a: b}}\n"
                 "spec:\n"
                 "  podSelector: {}\n"
                 "  policyTypes: [Egress, Ingress]\n",
                 "apiVersion: projectcalico.org/v3\n"
                 "kind: NetworkPolicy\n"
                 "metadata:\n"
                 "  labels:\n"
                 "    a: b\n"
                 "  name: deny-all\n"
                 "  namespace: x\n"
                 "spec:\n"
                 "  order: 1000\n"
                 "  selector: projectcalico.org/orchestrator == 'k8s'\n"
                 "  types:\n"
                 "  - Ingress\n"
                 "  - Egress\n");
}

/* What stands between `ingress:` and `order:` for the ports of one rule from anywhere. */
static void check_ports(const char *ports, const char *rules)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct str text =
        str_printf(&c.arena, "policy p for all pods { allow from anywhere on %s }\n", ports);
    struct str want = str_printf(&c.arena,
                                 "apiVersion: projectcalico.org/v3\n"
                                 "kind: NetworkPolicy\n"
                                 "metadata:\n"
                                 "  name: p\n"
                                 "spec:\n"
                                 "  ingress:\n"
                                 "%s"
                                 "  order: 1000\n"
                                 "  selector: projectcalico.org/orchestrator == 'k8s'\n"
                                 "  types:\n"
                                 "  - Ingress\n",
                                 rules);
    check_output("calico", "p.npc", text.p, want.p);
    ctx_free(&c);
}

#define TCP_PORTS(list)                                                                            \
    "  - action: Allow\n"                                                                          \
    "    destination:\n"                                                                           \
    "      ports:\n" list "    protocol: TCP\n"                                                    \
    "    source: {}\n"

static void test_port_lists(void)
{
    check_ports("all ports", "  - action: Allow\n    destination: {}\n    source: {}\n");
    check_ports("tcp/80", TCP_PORTS("      - 80\n"));
    check_ports("tcp/80-90", TCP_PORTS("      - \"80:90\"\n"));
    check_ports("tcp/80-80", TCP_PORTS("      - 80\n"));
    /* one number: as it is; two: names first, numbers sorted and merged */
    check_ports("{tcp/80, tcp/web}", TCP_PORTS("      - 80\n      - web\n"));
    check_ports("{tcp/443, tcp/web, tcp/80, tcp/81-90, tcp/85, tcp/api}",
                TCP_PORTS("      - web\n      - api\n      - \"80:90\"\n      - 443\n"));
    check_ports("{tcp/1-65535, tcp/65535}", TCP_PORTS("      - \"1:65535\"\n"));
    check_ports("{tcp/80, tcp/*, tcp/web}", "  - action: Allow\n"
                                            "    destination: {}\n"
                                            "    protocol: TCP\n"
                                            "    source: {}\n");
}

static void test_protocols_by_name(void)
{
    check_ports("{udp/53, tcp/53, sctp/7, icmp/8.0, icmp/3, icmp6/*, icmp6/128}",
                "  - action: Allow\n"
                "    destination: {}\n"
                "    icmp:\n"
                "      code: 0\n"
                "      type: 8\n"
                "    ipVersion: 4\n"
                "    protocol: ICMP\n"
                "    source: {}\n"
                "  - action: Allow\n"
                "    destination: {}\n"
                "    icmp:\n"
                "      type: 3\n"
                "    ipVersion: 4\n"
                "    protocol: ICMP\n"
                "    source: {}\n"
                "  - action: Allow\n"
                "    destination: {}\n"
                "    ipVersion: 6\n"
                "    protocol: ICMPv6\n"
                "    source: {}\n"
                "  - action: Allow\n"
                "    destination:\n"
                "      ports:\n"
                "      - 7\n"
                "    protocol: SCTP\n"
                "    source: {}\n"
                "  - action: Allow\n"
                "    destination:\n"
                "      ports:\n"
                "      - 53\n"
                "    protocol: TCP\n"
                "    source: {}\n"
                "  - action: Allow\n"
                "    destination:\n"
                "      ports:\n"
                "      - 53\n"
                "    protocol: UDP\n"
                "    source: {}\n");
    check_refused("calico", "p.npc",
                  STR("policy p for all pods { allow from anywhere on icmp/255 }"), DIAG_NPC404,
                  "ICMP type 255");
}

static void test_selectors(void)
{
    check_output("calico", "p.npc",
                 "policy p for pods b=2 & tier in {web, api} & a=1 & c !exists {\n"
                 "  default deny ingress\n"
                 "  allow to pods x notin {y, z} & w exists in all namespaces on all ports\n"
                 "}\n",
                 "apiVersion: projectcalico.org/v3\n"
                 "kind: NetworkPolicy\n"
                 "metadata:\n"
                 "  name: p\n"
                 "spec:\n"
                 "  egress:\n"
                 "  - action: Allow\n"
                 "    destination:\n"
                 "      namespaceSelector: all()\n"
                 "      selector: projectcalico.org/orchestrator == 'k8s' && x not in { 'y', 'z' } "
                 "&& has(w)\n"
                 "    source: {}\n"
                 "  order: 1000\n"
                 "  selector: projectcalico.org/orchestrator == 'k8s' && a == '1' && b == '2' && "
                 "tier in { 'web', 'api' } && ! has(c)\n"
                 "  types:\n"
                 "  - Ingress\n"
                 "  - Egress\n");
}

/* ---- limits ---- */

/* Odd ports, so that none are adjacent. */
static struct str odd_ports(struct arena *a, unsigned n)
{
    struct buf *b = buf_new(a);
    buf_puts(b, "policy p for all pods { allow from anywhere on {");
    for (unsigned i = 0; i < n; i++) {
        buf_printf(b, "tcp/%u,", 2 * i + 1);
    }
    buf_puts(b, "} }");
    return buf_text(b);
}

static struct str excepts(struct arena *a, unsigned n)
{
    struct buf *b = buf_new(a);
    buf_puts(b, "policy p for all pods { allow from cidr 10.0.0.0/8 except {");
    for (unsigned i = 0; i < n; i++) {
        buf_printf(b, "10.%u.%u.0/24,", i / 128, 2 * (i % 128));
    }
    buf_puts(b, "} on all ports }");
    return buf_text(b);
}

/* A selector of so many bytes: "projectcalico.org/orchestrator == 'k8s'" is 39, each " && has(kNN)"
 * 12, and " && has(x…)" fills up. */
static struct str long_selector(struct arena *a, unsigned length)
{
    struct buf *b = buf_new(a);
    buf_puts(b, "policy p for pods ");
    unsigned have = 39;
    for (unsigned i = 0; i < 80; i++, have += 12) {
        buf_printf(b, "k%u exists & ", 10 + i);
    }
    buf_putc(b, 'x');
    for (have += 10; have < length; have++) {
        buf_putc(b, 'x');
    }
    buf_puts(b, " exists { default deny ingress }");
    return buf_text(b);
}

static void check_limit(struct str (*text)(struct arena *a, unsigned n), unsigned most,
                        const char *message)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    check_accepted("calico", "p.npc", text(&c.arena, most));
    check_refused("calico", "p.npc", text(&c.arena, most + 1), DIAG_NPC404, message);
    ctx_free(&c);
}

static void test_limits(void)
{
    check_limit(odd_ports, 50, "51 ports of one protocol in a rule, but Calico allows 50");
    check_limit(excepts, 256, "257 excepted networks of a peer, but Calico allows 256");
    check_limit(long_selector, 1024, "1025 bytes of selector, but Calico allows 1024");
}

/* Calico's validator: "rule IP version doesn't match CIDR version" refuses the whole policy. */
static void test_icmp_and_networks_of_one_family(void)
{
    check_output("calico", "p.npc",
                 "policy p for all pods {\n"
                 "  allow from {cidr 10.0.0.0/8, cidr fd00::/8, pods a=b} on {icmp/8, icmp6/*}\n"
                 "}\n",
                 "apiVersion: projectcalico.org/v3\n"
                 "kind: NetworkPolicy\n"
                 "metadata:\n"
                 "  name: p\n"
                 "spec:\n"
                 "  ingress:\n"
                 "  - action: Allow\n"
                 "    destination: {}\n"
                 "    icmp:\n"
                 "      type: 8\n"
                 "    ipVersion: 4\n"
                 "    protocol: ICMP\n"
                 "    source:\n"
                 "      nets:\n"
                 "      - 10.0.0.0/8\n"
                 "  - action: Allow\n"
                 "    destination: {}\n"
                 "    icmp:\n"
                 "      type: 8\n"
                 "    ipVersion: 4\n"
                 "    protocol: ICMP\n"
                 "    source:\n"
                 "      selector: projectcalico.org/orchestrator == 'k8s' && a == 'b'\n"
                 "  - action: Allow\n"
                 "    destination: {}\n"
                 "    ipVersion: 6\n"
                 "    protocol: ICMPv6\n"
                 "    source:\n"
                 "      nets:\n"
                 "      - fd00::/8\n"
                 "  - action: Allow\n"
                 "    destination: {}\n"
                 "    ipVersion: 6\n"
                 "    protocol: ICMPv6\n"
                 "    source:\n"
                 "      selector: projectcalico.org/orchestrator == 'k8s' && a == 'b'\n"
                 "  order: 1000\n"
                 "  selector: projectcalico.org/orchestrator == 'k8s'\n"
                 "  types:\n"
                 "  - Ingress\n");
    check_output("calico", "p.npc",
                 "policy p for all pods { allow to cidr 10.0.0.0/8 on icmp6/* }\n",
                 "apiVersion: projectcalico.org/v3\n"
                 "kind: NetworkPolicy\n"
                 "metadata:\n"
                 "  name: p\n"
                 "spec:\n"
                 "  egress: []\n"
                 "  order: 1000\n"
                 "  selector: projectcalico.org/orchestrator == 'k8s'\n"
                 "  types:\n"
                 "  - Egress\n");
}

UNIT_MAIN("backend_calico", TEST(test_three_kinds_of_peer), TEST(test_default_deny),
          TEST(test_icmp_and_networks_of_one_family), TEST(test_port_lists),
          TEST(test_protocols_by_name), TEST(test_selectors), TEST(test_limits))
