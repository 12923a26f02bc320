/* The prelude: groups that every program has, as `npc prelude` prints them. */
#include "frontend/frontend.h"

static const char prelude[] =
    "# Groups that every program has. A program may define one of these names itself, once.\n"
    "\n"
    "# CoreDNS, as every common distribution labels it; by the namespace's name, because anybody\n"
    "# who may create pods may give them the label.\n"
    "let dns = pods k8s-app=kube-dns in namespace kube-system on {udp/53, tcp/53}\n"
    "\n"
    "# Addresses that are not routed on the internet: RFC 1918, RFC 6598 (carriers), RFC 4193.\n"
    "let private = {\n"
    "  cidr 10.0.0.0/8,\n"
    "  cidr 100.64.0.0/10,\n"
    "  cidr 172.16.0.0/12,\n"
    "  cidr 192.168.0.0/16,\n"
    "  cidr fc00::/7,\n"
    "}\n"
    "\n"
    "# Everything but private, link-local (with it cloud metadata), loopback and multicast.\n"
    "let internet = {\n"
    "  cidr 0.0.0.0/0 except {\n"
    "    0.0.0.0/8,\n"
    "    10.0.0.0/8,\n"
    "    100.64.0.0/10,\n"
    "    127.0.0.0/8,\n"
    "    169.254.0.0/16,\n"
    "    172.16.0.0/12,\n"
    "    192.168.0.0/16,\n"
    "    224.0.0.0/3,\n"
    "  },\n"
    "  cidr ::/0 except {::/127, fc00::/7, fe80::/10, ff00::/8},\n"
    "}\n"
    "\n"
    "# Where cloud instances get their credentials: the common IPv4 address, and Amazon's IPv6.\n"
    "let cloud-metadata = {cidr 169.254.169.254/32, cidr fd00:ec2::254/128}\n";

struct str dsl_prelude(void)
{
    return STR(prelude);
}
