/*
 * The static rules of the language: for each a text that breaks it, with
 * the place, and a text beside it that does not.
 */
#include "dsl.h"

#define NS(body) "namespace a {\n" body "\n}\n"
#define P(rule)  "policy p for all pods { " rule " }\n"

struct rule_case {
    const char *name;
    enum diag_id id;
    const char *bad;
    unsigned line, col;
    const char *hint; /* part of the hint, or NULL */
    const char *good;
};

static const struct rule_case names[] = {
    {"policy name", DIAG_NPC025, "policy Up for all pods { default deny ingress }", 1, 8, NULL,
     "policy u.p for all pods { default deny ingress }"},
    {"namespace name", DIAG_NPC025, "namespace a.b { }", 1, 11, NULL, "namespace a-b { }"},
    {"namespace twice in a block", DIAG_NPC031, "namespace {a, b, a} { }", 1, 18, NULL,
     "namespace {a, b} { }"},
    {"label key", DIAG_NPC025, P("label a/b/c = b default deny ingress"), 1, 31, NULL,
     P("label x/a = b default deny ingress")},
    {"label value", DIAG_NPC025, P("label a = \"b c\" default deny ingress"), 1, 35, NULL,
     P("label a = \"\" default deny ingress")},
    {"selector key", DIAG_NPC025, P("allow from pods a/b/c=d on tcp/1"), 1, 41, NULL,
     P("allow from pods a/b=d on tcp/1")},
    {"selector value", DIAG_NPC025, P("allow from pods a in {b, \"c/d\"} on tcp/1"), 1, 50, NULL,
     P("allow from pods a in {b, c.d} on tcp/1")},
    {"namespace as peer", DIAG_NPC025, P("allow from namespace {x, Y} on tcp/1"), 1, 50, NULL,
     P("allow from namespace {x, y} on tcp/1")},
    {"group name", DIAG_NPC025, "let 80 = tcp/80", 1, 5, NULL, "let p80 = tcp/80"},
    {"group name with slash", DIAG_NPC025, "let a/b = tcp/80", 1, 5, NULL, "let a-b = tcp/80"},
    {"domain", DIAG_NPC025, P("allow to domain \"a b\" on tcp/1"), 1, 41, NULL,
     P("allow to domain \"*.example.com\" on tcp/1")},
    {"label twice", DIAG_NPC031, P("label a=b label a=c default deny ingress"), 1, 35, NULL,
     P("label a=b label c=b default deny ingress")},
    {"description twice", DIAG_NPC031, P("desc \"x\" desc \"y\" default deny ingress"), 1, 34, NULL,
     P("desc \"x\" default deny ingress")},
    {"description and annotation", DIAG_NPC031,
     P("desc \"x\" annotation kubernetes.io/description = y default deny ingress"), 1, 34, NULL,
     P("annotation kubernetes.io/description = y default deny ingress")},
    {"label required twice", DIAG_NPC031, P("allow from pods a=b & a=c on tcp/1"), 1, 47,
     "a in {b, c}", P("allow from pods a=b & a in {b, c} on tcp/1")},
};

static const struct rule_case groups[] = {
    {"unknown group", DIAG_NPC030, "let office = cidr 1.0.0.0/8 " P("allow from ofice on tcp/1"), 1,
     64, "'office'", "let office = cidr 1.0.0.0/8 " P("allow from office on tcp/1")},
    {"group of another block", DIAG_NPC030,
     NS("let web = pods a=b") "namespace b { " P("allow from web on tcp/1") " }", 4, 50, "'a/web'",
     NS("let web = pods a=b") "namespace b { " P("allow from a/web on tcp/1") " }"},
    {"misspelt noun", DIAG_NPC030, P("allow from anywere on tcp/1"), 1, 36, "'anywhere'",
     P("allow from anywhere on tcp/1")},
    {"bare port", DIAG_NPC023, P("allow from anywhere on 80"), 1, 48, "tcp/80?",
     P("allow from anywhere on tcp/80")},
    {"bare ports in a set", DIAG_NPC023, P("allow from anywhere on {tcp/80, 8000-8080}"), 1, 57,
     "tcp/8000-8080?", P("allow from anywhere on {tcp/80, tcp/8000-8080}")},
    {"bare address", DIAG_NPC024, P("allow from 10.0.0.0/8 on tcp/1"), 1, 36, "cidr 10.0.0.0/8?",
     P("allow from cidr 10.0.0.0/8 on tcp/1")},
    {"defined twice", DIAG_NPC031, "let a = tcp/1\nlet a = tcp/1", 2, 5, NULL,
     "let a = tcp/1\nlet b = tcp/1"},
    {"hides the top level", DIAG_NPC031, "let w = tcp/1 " NS("let w = tcp/2"), 2, 5, NULL,
     "let v = tcp/1 " NS("let w = tcp/2")},
    {"hides the prelude", DIAG_NPC031, NS("let dns = tcp/2"), 2, 5, "top level", "let dns = tcp/2"},
    {"prelude replaced twice", DIAG_NPC031, "let dns = tcp/2\nlet dns = tcp/2", 2, 5, NULL,
     "let dns = tcp/2"},
    {"cycle of one", DIAG_NPC032, "let a = a", 1, 5, NULL, "let a = tcp/1"},
    {"cycle of three", DIAG_NPC032, "let a = {b, tcp/1}\nlet b = c\nlet c = {tcp/2, a}", 1, 5, NULL,
     "let a = {b, tcp/1}\nlet b = c\nlet c = {tcp/2, tcp/3}"},
    {"cycle by the ports", DIAG_NPC032, "let a = cidr 1.0.0.0/8 on {tcp/1, a}", 1, 5, NULL,
     "let b = tcp/2 let a = cidr 1.0.0.0/8 on {tcp/1, b}"},
    {"mixes peers and ports", DIAG_NPC033, "let a = {tcp/1, cidr 1.0.0.0/8}", 1, 5, NULL,
     "let a = {tcp/1, tcp/2}"},
    {"mixes by name", DIAG_NPC033, "let w = tcp/1 let a = {w, cidr 1.0.0.0/8}", 1, 19, NULL,
     "let w = tcp/1 let a = {w, tcp/2}"},
    {"peers as ports", DIAG_NPC033, "let a = cidr 1.0.0.0/8 " P("allow from anywhere on a"), 1, 71,
     NULL, "let a = tcp/1 " P("allow from anywhere on a")},
    {"ports as peers", DIAG_NPC033, "let a = tcp/1 " P("allow from a on tcp/1"), 1, 50, NULL,
     "let a = namespace x " P("allow from a on tcp/1")},
    {"ports before on", DIAG_NPC033, "let a = tcp/1 on tcp/2", 1, 9, NULL,
     "let a = namespace x on tcp/2"},
    {"service with on, in a let", DIAG_NPC034, "let a = dns on tcp/2", 1, 9, "leave out",
     "let a = dns"},
    {"two services in a let", DIAG_NPC034,
     "let v = namespace x on tcp/1 let w = namespace x on tcp/2 let a = {v, w}", 1, 71, NULL,
     "let v = namespace x on {tcp/1, tcp/2} let w = namespace y on {tcp/2, tcp/1} let a = {v, w}"},
    {"service beside plain peers in a let", DIAG_NPC033, "let a = {dns, namespace x}", 1, 5, NULL,
     "let a = {dns, dns}"},
    {"no scope at top level", DIAG_NPC039, "let a = pods x=y", 1, 9, "in namespace",
     "let a = pods x=y in namespace z"},
    {"no 'this' at top level", DIAG_NPC039, "let a = all pods in this namespace", 1, 9, NULL,
     NS("let a = all pods in this namespace")},
    {"anywhere in a let", DIAG_NPC035, "let a = {anywhere, namespace x}", 1, 9, NULL,
     "let a = anywhere"},
};

static const struct rule_case rules[] = {
    {"on is missing", DIAG_NPC034, P("allow from namespace x"), 1, 25, "on all ports",
     P("allow from namespace x on all ports")},
    {"on with a service", DIAG_NPC034, P("allow to dns on tcp/53"), 1, 41, "leave out",
     P("allow to dns")},
    {"two services", DIAG_NPC034, "let v = namespace x on tcp/1 " P("allow to {dns, v}"), 1, 69,
     "two rules", "let v = namespace x on {tcp/53, udp/53} " P("allow to {dns, v}")},
    {"service beside plain peers", DIAG_NPC034, P("allow to {dns, namespace x}"), 1, 40,
     "two rules", P("allow to dns allow to namespace x on tcp/1")},
    {"anywhere in a set", DIAG_NPC035, P("allow to {anywhere, namespace x} on tcp/1"), 1, 35, NULL,
     P("allow to anywhere on tcp/1")},
    {"anywhere by name in a set", DIAG_NPC035, "let a = anywhere " P("allow to {a} on tcp/1"), 1,
     52, NULL, "let a = anywhere " P("allow to a on tcp/1")},
    {"deny in a namespace", DIAG_NPC036, P("deny from namespace x on tcp/1"), 1, 25,
     "a NetworkPolicy cannot deny; leave the rule out, or use a cluster policy",
     "cluster policy p in tier admin priority 1 for all namespaces "
     "{ deny from namespace x on tcp/1 }"},
    {"any/NAME by a service", DIAG_NPC023,
     "let v = namespace x on {tcp/1, any/web}\n" P("allow to v"), 2, 25, "tcp/NAME",
     "let v = namespace x on any/web cluster policy p in tier admin priority 1 for all namespaces "
     "{ allow to v }"},
    {"any/NAME by a service in a service", DIAG_NPC023,
     "let v = namespace x on any/web let w = {v}\n" P("allow to w"), 2, 25, "tcp/NAME",
     "let v = namespace x on {tcp/web, udp/web} let w = {v}\n" P("allow to w")},
    {"pass in a namespace, by use", DIAG_NPC036,
     "rules r { pass from namespace x on tcp/1 } " P("use r"), 1, 11, NULL,
     "rules r { allow from namespace x on tcp/1 } " P("use r")},
    {"unknown rules", DIAG_NPC030, "rules every { } " P("use evry default deny ingress"), 1, 45,
     "'every'", "rules every { } " P("use every default deny ingress")},
    {"rules twice", DIAG_NPC031, "rules r { }\nrules r { }", 2, 7, NULL,
     "rules r { }\nrules s { }"},
    {"rules use each other", DIAG_NPC032, "rules r { use s }\nrules s { use r }", 1, 7, NULL,
     "rules r { use s }\nrules s { }"},
    {"rules are checked unused", DIAG_NPC034, "rules r { allow to namespace x }", 1, 11, NULL,
     "rules r { allow to namespace x on tcp/1 }"},
    {"isolates nothing", DIAG_NPC038, P("label a=b"), 1, 8, "default deny ingress",
     P("default deny ingress")},
    {"isolation taken away", DIAG_NPC038,
     P("default allow ingress allow from namespace x on tcp/1"), 1, 8, NULL,
     P("default allow ingress allow from namespace x on tcp/1 default deny egress")},
    {"allow and deny", DIAG_NPC038, P("default deny {ingress, egress} default allow egress"), 1, 56,
     NULL, P("default deny ingress default allow egress")},
    {"target elsewhere", DIAG_NPC037,
     NS("policy p for pods a=b in namespace c { default deny ingress }"), 2, 14, "leave out",
     NS("policy p for pods a=b in this namespace { default deny ingress }")},
    {"target no pods", DIAG_NPC037, "policy p for anywhere { default deny ingress }", 1, 14,
     "all pods", "policy p for all pods { default deny ingress }"},
    {"target group of two", DIAG_NPC037,
     NS("let g = {pods a=b, pods a=c} policy p for g { default deny ingress }"), 2, 43, NULL,
     NS("let h = pods a=b let g = h policy p for g { default deny ingress }")},
    {"target group elsewhere", DIAG_NPC037,
     NS("let g = pods a=b") "namespace b { policy p for a/g { default deny ingress } }", 4, 28,
     "another namespace", NS("let g = pods a=b policy p for a/g { default deny ingress }")},
    {"raw", DIAG_NPC042, "raw nft \"\"\"x\"\"\"", 1, 1, "--allow-raw", ""},
    {"version", DIAG_NPC027, "npc 2", 1, 5, "npc 1", "npc 1"},
    {"late version", DIAG_NPC041, "let a = tcp/1 npc 1", 1, 15, NULL, "npc 1 let a = tcp/1"},
};

#define C(p, target, rule)                                                                         \
    "cluster policy c in tier admin priority " p " for " target " { " rule " }"

static const struct rule_case cluster[] = {
    {"tier", DIAG_NPC030, "cluster policy c in tier admn priority 1 for all namespaces { }", 1, 26,
     "'admin'", "tier app order 1 cluster policy c in tier app priority 1 for all namespaces { }"},
    {"tier twice", DIAG_NPC031, "tier t order 1\ntier t order 1", 2, 6, NULL,
     "tier t order 1\ntier u order 1"},
    {"tier built in", DIAG_NPC031, "tier baseline order 1", 1, 6, NULL, "tier base order 1"},
    {"order", DIAG_NPC026, "tier t order 4294967296", 1, 14, NULL, "tier t order 4294967295"},
    {"priority", DIAG_NPC026, C("1001", "all namespaces", ""), 1, 41, NULL,
     C("1000", "all namespaces", "")},
    {"priority with a zero", DIAG_NPC026, C("01", "all namespaces", ""), 1, 41, NULL,
     C("0", "all namespaces", "")},
    {"subject without scope", DIAG_NPC039, C("1", "pods a=b", ""), 1, 47, NULL,
     C("1", "pods a=b in all namespaces", "")},
    {"subject 'all pods'", DIAG_NPC039, C("1", "all pods", ""), 1, 47, NULL,
     C("1", "all pods in all namespaces", "")},
    {"subject no pods", DIAG_NPC037, C("1", "all nodes", ""), 1, 47, NULL,
     C("1", "namespaces a=b", "")},
    {"peer without scope", DIAG_NPC039, C("1", "all namespaces", "allow from pods a=b on tcp/1"), 1,
     75, NULL, C("1", "all namespaces", "allow from pods a=b in namespace x on tcp/1")},
    {"peer in this namespace", DIAG_NPC039,
     C("1", "all namespaces", "allow from all pods in this namespace on tcp/1"), 1, 75, NULL,
     C("1", "all namespaces", "allow from all pods in all namespaces on tcp/1")},
    {"default", DIAG_NPC041, C("1", "all namespaces", "default deny ingress"), 1, 64, "deny", ""},
    {"name without protocol", DIAG_NPC023, P("allow to namespace x on any/http"), 1, 49, "tcp/NAME",
     C("1", "all namespaces", "allow to namespace x on any/http")},
    {"name without protocol in a group", DIAG_NPC023,
     "let h = {any/http, tcp/1} " P("allow to namespace x on h"), 1, 75, NULL,
     "let h = {any/http, tcp/1} " C("1", "all namespaces", "allow to namespace x on h")},
};

static const struct rule_case addresses[] = {
    {"host bits", DIAG_NPC313, P("allow to cidr 10.0.0.5/8 on tcp/1"), 1, 39,
     "did you mean 10.0.0.0/8 or 10.0.0.5/32?", P("allow to cidr 10.0.0.0/8 on tcp/1")},
    {"host bits, IPv6", DIAG_NPC313, P("allow to cidr 2001:db8::1/32 on tcp/1"), 1, 39,
     "2001:db8::/32 or 2001:db8::1/128?", P("allow to cidr 2001:db8::/32 on tcp/1")},
    {"no length", DIAG_NPC024, P("allow to cidr 10.0.0.1 on tcp/1"), 1, 39,
     "did you mean 10.0.0.1/32?", P("allow to cidr 10.0.0.1/32 on tcp/1")},
    {"no length, IPv6", DIAG_NPC024, P("allow to cidr ::1 on tcp/1"), 1, 39,
     "did you mean ::1/128?", P("allow to cidr ::1/128 on tcp/1")},
    {"a name", DIAG_NPC024, P("allow to cidr localhost on tcp/1"), 1, 39, "never looked up", ""},
    {"length too long", DIAG_NPC024, P("allow to cidr 10.0.0.0/33 on tcp/1"), 1, 39, NULL,
     P("allow to cidr 10.0.0.0/32 on tcp/1")},
    {"length with a zero", DIAG_NPC313, P("allow to cidr 10.0.0.0/08 on tcp/1"), 1, 39,
     "10.0.0.0/8", ""},
    {"octet with a zero", DIAG_NPC313, P("allow to cidr 010.0.0.0/8 on tcp/1"), 1, 39, "10.0.0.0/8",
     ""},
    {"not canonical", DIAG_NPC313, P("allow to cidr 2001:0db8::/32 on tcp/1"), 1, 39,
     "2001:db8::/32", ""},
    {"upper case", DIAG_NPC313, P("allow to cidr FD00::/8 on tcp/1"), 1, 39, "fd00::/8", ""},
    {"mapped", DIAG_NPC313, P("allow to cidr ::ffff:10.0.0.0/104 on tcp/1"), 1, 39, NULL, ""},
    {"except equal", DIAG_NPC024, P("allow to cidr 10.0.0.0/8 except {10.0.0.0/8} on tcp/1"), 1, 58,
     NULL, P("allow to cidr 10.0.0.0/8 except {10.0.0.0/9} on tcp/1")},
    {"except outside", DIAG_NPC024, P("allow to cidr 10.0.0.0/8 except {11.0.0.0/9} on tcp/1"), 1,
     58, NULL, P("allow to cidr 10.0.0.0/8 except {10.128.0.0/9} on tcp/1")},
    {"except wider", DIAG_NPC024, P("allow to cidr 10.0.0.0/9 except {10.0.0.0/8} on tcp/1"), 1, 58,
     NULL, ""},
    {"except of the other family", DIAG_NPC024,
     P("allow to cidr ::/0 except {10.0.0.0/8} on tcp/1"), 1, 52, NULL, ""},
    {"except everything", DIAG_NPC024,
     P("allow to cidr 10.0.0.0/8 except {10.0.0.0/9, 10.128.0.0/9} on tcp/1"), 1, 34, NULL,
     P("allow to cidr 10.0.0.0/8 except {10.0.0.0/9, 10.128.0.0/10, 10.128.0.0/11} on tcp/1")},
    {"workload with a length", DIAG_NPC024, "workload w { addr 10.0.0.1/32 }", 1, 19, NULL,
     "workload w { addr {10.0.0.1, fd00::1} }"},
    {"workload with a zero", DIAG_NPC313, "workload w { addr 10.0.0.01 }", 1, 19, "10.0.0.1", ""},
};

#define ON(port) P("allow to namespace x on " port)

static const struct rule_case ports[] = {
    {"zero", DIAG_NPC026, ON("tcp/0"), 1, 49, NULL, ON("tcp/1")},
    {"65536", DIAG_NPC026, ON("tcp/65536"), 1, 49, NULL, ON("tcp/65535")},
    {"2^32 + 80", DIAG_NPC026, ON("tcp/4294967376"), 1, 49, NULL, ""},
    {"very large", DIAG_NPC026, ON("tcp/99999999999999999999"), 1, 49, NULL, ""},
    {"leading zero", DIAG_NPC026, ON("tcp/080"), 1, 49, "did you mean 80?", ON("tcp/80")},
    {"hexadecimal", DIAG_NPC026, ON("tcp/0x50"), 1, 49, NULL, ON("tcp/x50")},
    {"octal", DIAG_NPC026, ON("tcp/0o17"), 1, 49, NULL, ""},
    {"underscore", DIAG_NPC026, ON("tcp/1_000"), 1, 49, NULL, ON("tcp/1000")},
    {"fraction", DIAG_NPC026, ON("tcp/80.0"), 1, 49, NULL, ""},
    {"exponent", DIAG_NPC026, ON("tcp/8e1"), 1, 49, NULL, ON("tcp/e1")},
    {"quoted, no protocol", DIAG_NPC023, ON("\"http\""), 1, 49, "tcp/http", ON("\"tcp/0x50\"")},
    {"quoted number", DIAG_NPC023, ON("\"tcp/80\""), 1, 49, NULL, ON("\"tcp/8e1\"")},
    {"quoted icmp", DIAG_NPC023, ON("\"icmp/8\""), 1, 49, NULL, ON("\"sctp/1e3\"")},
    {"range down", DIAG_NPC023, ON("tcp/90-80"), 1, 49, "tcp/80-90?", ON("tcp/80-90")},
    {"range from zero", DIAG_NPC026, ON("tcp/0-80"), 1, 49, NULL, ON("tcp/80-80")},
    {"range too far", DIAG_NPC026, ON("udp/443-65536"), 1, 49, NULL, ON("udp/443-65535")},
    {"range with a zero", DIAG_NPC026, ON("udp/1-09"), 1, 49, NULL, ""},
    {"nothing", DIAG_NPC023, ON("tcp/"), 1, 49, "tcp/*", ON("tcp/*")},
    {"name too long", DIAG_NPC023, ON("tcp/abcdefghijklmnop"), 1, 49, NULL,
     ON("tcp/abcdefghijklmno")},
    {"name with --", DIAG_NPC023, ON("tcp/a--b"), 1, 49, NULL, ON("tcp/a-b")},
    {"name upper", DIAG_NPC023, ON("tcp/Http"), 1, 49, NULL, ON("tcp/http")},
    {"icmp type", DIAG_NPC023, ON("icmp/256"), 1, 49, "icmp/TYPE", ON("icmp/255")},
    {"icmp code", DIAG_NPC023, ON("icmp6/1.256"), 1, 49, "icmp6/TYPE", ON("icmp6/1.255")},
    {"icmp name", DIAG_NPC023, ON("icmp/echo"), 1, 49, NULL, ON("icmp/*")},
    {"icmp range", DIAG_NPC023, ON("icmp/1-2"), 1, 49, NULL, ""},
    {"workload port by name", DIAG_NPC023, "workload w { port a = tcp/http }", 1, 23, NULL,
     "workload w { port a = tcp/80 }"},
    {"workload port range", DIAG_NPC023, "workload w { port a = tcp/1-2 }", 1, 23, NULL, ""},
    {"workload port twice", DIAG_NPC031, "workload w { port a = tcp/1 port a = tcp/2 }", 1, 29,
     NULL, "workload w { port a = tcp/1 port a = udp/1 }"},
    {"node with a port", DIAG_NPC041, "node n { port a = tcp/1 }", 1, 6, NULL,
     "node n { addr 10.0.0.1 label a=b }"},
};

#define F(flow) NS("let w = pods a=b let v = pods a=c flows f {\n" flow " }")

static const struct rule_case flows[] = {
    {"no own end", DIAG_NPC040, F("anywhere -> dns"), 3, 1, "let web", F("w -> dns")},
    {"own end on the other side", DIAG_NPC040, NS("let w = pods a=b flows f ingress {\nw -> dns }"),
     3, 1, NULL, NS("let w = pods a=b flows f egress {\nw -> dns }")},
    {"group of two", DIAG_NPC040, NS("let w = {pods a=b, pods a=c} flows f {\nw -> dns }"), 3, 1,
     NULL, ""},
    {"group of other pods", DIAG_NPC040,
     NS("let w = pods a=b in namespace b flows f {\nw -> dns }"), 3, 1, NULL,
     NS("let w = pods a=b") "namespace b { flows f {\na/w -> dns } }"},
    {"on is missing", DIAG_NPC034, F("w -> v"), 3, 1, "on", F("w -> v on tcp/1")},
    {"on with a service", DIAG_NPC034, F("w -> dns on tcp/1"), 3, 13, NULL, F("w -> dns")},
    {"service on the left", DIAG_NPC034, F("dns -> w on tcp/1"), 3, 1, NULL, F("w -> v on tcp/1")},
    {"any/NAME by a service in a flow", DIAG_NPC023,
     NS("let w = pods a=b let s = namespace x on any/web flows f {\nw -> s }"), 3, 1, "tcp/NAME",
     NS("let w = pods a=b let s = namespace x on tcp/web flows f {\nw -> s }")},
    {"any/NAME by a service in a test", DIAG_NPC023,
     NS("let w = pods a=b let s = namespace x on any/web test \"t\" {\nexpect deny w -> s }"), 3, 1,
     "tcp/NAME",
     NS("let w = pods a=b let s = namespace x on tcp/web test \"t\" {\nexpect deny w -> s }")},
    {"name", DIAG_NPC025, NS("let w_w = pods a=b flows f {\nw_w -> dns }"), 3, 1, NULL,
     NS("let ww = pods a=b flows f {\nww -> dns }")},
    {"test without scope", DIAG_NPC039, "test \"t\" { expect allow pods a=b -> anywhere on tcp/1 }",
     1, 25, NULL, NS("test \"t\" { expect allow pods a=b -> anywhere on tcp/1 }")},
    {"test without on", DIAG_NPC034, "test \"t\" { expect deny workload a -> workload b }", 1, 12,
     NULL, "test \"t\" { expect deny workload a -> workload b on all ports }"},
    {"namespace label twice", DIAG_NPC068, NS("label a=b label a=c"), 2, 11, NULL,
     NS("label a=b label a=b")},
    {"namespace name label", DIAG_NPC068, NS("label kubernetes.io/metadata.name = b"), 2, 1, NULL,
     NS("label kubernetes.io/metadata.name = a")},
};

static void check_bad(const struct rule_case *t)
{
    struct dsl d;
    dsl_open(&d);
    bool fine = dsl_run(&d, t->bad);
    const struct diag *rec = dsl_diag(&d, t->id);
    unit_case(!fine && d.c.diags.errors > 0, "was taken", t->name);
    unit_case(rec != NULL && rec->severity == SEV_ERROR, "was not refused with its id", t->name);
    if (rec != NULL) {
        bool placed = rec->at.line == t->line && rec->at.col == t->col;
        if (!placed) {
            printf("\n    at %u:%u", rec->at.line, rec->at.col);
        }
        unit_case(placed, "is at another place", t->name);
        unit_case(t->hint == NULL || has_text(rec->hint, t->hint), "has another hint", t->name);
    }
    if (fine || rec == NULL) {
        struct str shown = dsl_shown(&d);
        printf("%.*s", (int)shown.n, shown.p);
    }
    dsl_close(&d);
}

static void check_good(const struct rule_case *t)
{
    struct dsl d;
    dsl_open(&d);
    bool fine = dsl_run(&d, t->good);
    unit_case(fine && d.c.diags.errors == 0, "the good text was refused", t->name);
    if (!fine) {
        struct str shown = dsl_shown(&d);
        printf("%.*s", (int)shown.n, shown.p);
    }
    dsl_close(&d);
}

static void check_all(const struct rule_case *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        check_bad(&v[i]);
        check_good(&v[i]);
    }
}

#define TABLE(test, table)                                                                         \
    static void test(void)                                                                         \
    {                                                                                              \
        check_all(table, sizeof(table) / sizeof *(table));                                         \
    }
TABLE(test_names, names)
TABLE(test_groups, groups)
TABLE(test_rules, rules)
TABLE(test_cluster, cluster)
TABLE(T10_T13_addresses, addresses)
TABLE(T08_T09_ports, ports)
TABLE(test_flows_and_tests, flows)

/* The other place is named too. */
static void test_second_places(void)
{
    static const struct {
        const char *text;
        enum diag_id id;
        unsigned line, col;
    } cases[] = {
        {"let a = tcp/1\nlet a = tcp/2", DIAG_NPC031, 1, 5},
        {"let a = tcp/1\n" NS("let a = tcp/2"), DIAG_NPC031, 1, 5},
        {"let a = b\nlet b = a", DIAG_NPC032, 2, 5},
        {"rules r { deny to namespace x on tcp/1 }\n" P("use r"), DIAG_NPC036, 2, 25},
        {"rules r { allow to pods a=b on tcp/1 }\ncluster policy p in tier admin priority 1 "
         "for all namespaces { use r }",
         DIAG_NPC039, 2, 64},
        {"rules r { allow to namespace x on any/web }\n" P("use r"), DIAG_NPC023, 2, 25},
        {"let g = tcp/1\n" P("allow from g on tcp/1"), DIAG_NPC033, 1, 5},
        {P("default deny egress\ndefault allow egress"), DIAG_NPC038, 1, 25},
        {P("allow to pods a=b &\na=c on tcp/1"), DIAG_NPC031, 1, 39},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dsl d;
        dsl_open(&d);
        CU_ASSERT(!dsl_run(&d, cases[i].text));
        const struct diag *rec = dsl_diag(&d, cases[i].id);
        CU_ASSERT_FATAL(rec != NULL && rec->notes.n > 0);
        unit_case(rec->notes.v[0].at.line == cases[i].line &&
                      rec->notes.v[0].at.col == cases[i].col,
                  "the note is elsewhere", cases[i].text);
        dsl_close(&d);
    }
}

/* Every fault of a text is reported, not only the first. */
static void test_all_at_once(void)
{
    struct dsl d;
    dsl_open(&d);
    CU_ASSERT(!dsl_run(&d,
                       "let a = tcp/0\nlet b = tcp/70000\n"
                       "policy P for pods x=\"y z\" { deny from nobody on 80 allow to b on a }\n"
                       "workload W { addr 1.2.3 label a=\"b c\" }\n"));
    CU_ASSERT(d.c.diags.errors >= 8);
    dsl_close(&d);
}

/* Each cycle is one finding, and who only leads to it is none. */
static void test_two_cycles(void)
{
    struct dsl d;
    dsl_open(&d);
    CU_ASSERT(
        !dsl_run(&d, "let x = a\nlet a = {b, tcp/1}\nlet b = a\nlet c = c\nlet y = {a, c}\n"));
    CU_ASSERT(d.c.diags.errors == 2);
    CU_ASSERT(d.c.diags.list.v[0]->at.line == 2 && d.c.diags.list.v[1]->at.line == 4);
    dsl_close(&d);
}

static void test_raw(void)
{
    struct dsl d;
    dsl_open(&d);
    d.o.allow_raw = true;
    CU_ASSERT(
        dsl_run(&d, "raw nft \"\"\"x\"\"\"\n" P("raw k8s \"\"\"y\"\"\" default deny ingress")));
    CU_ASSERT_FATAL(d.p.raws.n == 1 && d.p.policies.n == 1);
    CU_ASSERT(str_is(d.p.raws.v[0].backend, "nft") && str_is(d.p.raws.v[0].text, "x"));
    CU_ASSERT_FATAL(d.p.policies.v[0]->nraws == 1);
    CU_ASSERT(str_is(d.p.policies.v[0]->raws[0].text, "y"));
    const struct diag *rec = dsl_diag(&d, DIAG_NPC509);
    CU_ASSERT(rec != NULL && rec->severity == SEV_WARNING);
    dsl_close(&d);
}

static void test_prelude_replaced(void)
{
    struct dsl d;
    dsl_open(&d);
    CU_ASSERT(dsl_run(&d, "let dns = cidr 192.0.2.1/32 on udp/53\n" P("allow to dns")));
    const struct diag *rec = dsl_diag(&d, DIAG_NPC506);
    CU_ASSERT_FATAL(rec != NULL);
    CU_ASSERT(rec->severity == SEV_INFO && rec->at.line == 1 && rec->at.col == 5);
    const struct rule *r = d.p.policies.v[0]->rules[DIR_EGRESS];
    CU_ASSERT(r->npeers == 1 && r->peers[0].kind == PEER_CIDR && r->nports == 1);
    dsl_close(&d);
}

UNIT_MAIN("dsl_rules", TEST(test_names), TEST(test_groups), TEST(test_rules), TEST(test_cluster),
          TEST(T10_T13_addresses), TEST(T08_T09_ports), TEST(test_flows_and_tests),
          TEST(test_second_places), TEST(test_all_at_once), TEST(test_two_cycles), TEST(test_raw),
          TEST(test_prelude_replaced))
