"""The rules of other programs on a machine, as those programs make them (Docker 20 to 26, firewalld
1.3, ufw 0.36, libvirt 9 with iptables and 10 with nft; shortened to the lines that decide): how they
are loaded, loaded again and shown. The machine has a bridge docker0 with a container, a bridge
virbr0 with a guest, and pods in POD_NETS. Knows nothing of npc."""

CONTAINER = {"4": "172.17.0.2", "6": "fd00:17::2"}
CONTAINERS = {"4": "172.17.0.0/16", "6": "fd00:17::/64"}
GUESTS = {"4": "192.168.122.0/24", "6": "fd00:122::/64"}
POD_NETS = {"4": "10.244.1.0/24", "6": "fd00:10:244:1::/64"}


class Tables:
    """A program that uses iptables: its own chains, which it fills, and jumps to them from the chains
    of the kernel, (table, "-I" or "-A", chain, rest), in the order in which it makes them: what is
    inserted last stands first."""

    def __init__(self, chains, jumps):
        self.chains, self.jumps = chains, jumps

    def text(self, family, again):
        """What the program gives to iptables-restore --noflush, for the first time or again: chains
        that are declared are emptied, jumps are taken out and made anew."""
        jumps = self.jumps[family]
        out = [(table, "-D", chain, rest) for table, _, chain, rest in jumps] if again else []
        return self.chains[family] + "".join(f"*{t}\n{how} {c} {rest}\nCOMMIT\n" for t, how, c, rest in (*out, *jumps))

    @staticmethod
    def tool(variant, family):
        return variant if family == "4" else variant.replace("ip", "ip6", 1)

    def load(self, lab, variant, again=False):
        for f in self.chains:
            path = lab.file(f"foreign-{again}.v{f}", self.text(f, again))
            lab.run("m", f"{self.tool(variant, f)}-restore --noflush < {path}")

    def show(self, variant):
        """A command that shows what is loaded, without npc's lines and counters."""
        return "; ".join(
            f"{self.tool(variant, f)}-save | sed -E '/^#/d; /NPC-/d; s/ \\[[0-9]+:[0-9]+\\]//'" for f in self.chains
        )

    def restore_whole(self, lab, variant):
        """What iptables-restore does without --noflush: all tables are what the file says."""
        for f in self.chains:
            saved = f"{lab.dir}/whole.v{f}"
            tool = self.tool(variant, f)
            lab.run("m", f"{tool}-save | sed '/NPC-/d' > {saved} && {tool}-restore < {saved}")


class Table:
    """A program that uses nft: one table, replaced as a whole."""

    def __init__(self, name, text):
        self.name, self.chains = name, text

    def load(self, lab, _, again=False):
        text = f"add table {self.name}\ndelete table {self.name}\ntable {self.name} {{\n{self.chains}\n}}\n"
        lab.run("m", f"nft -f {lab.file(f'foreign-{again}.nft', text)}")

    def show(self, _):
        return f"nft -s list table {self.name}"


def per_family(text, **values):
    """The text for each family, {name} replaced by the family's value."""
    return {f: text.format(**{k: v[f] for k, v in values.items()}) for f in ("4", "6")}


# Without the two lines of DOCKER-USER, which is the administrator's chain, the policy of FORWARD, which
# Docker sets to DROP, ends all traffic of pods.
DOCKER = Tables(
    per_family(
        """*nat
:DOCKER - [0:0]
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination {to}:8080
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A DOCKER -d {container} ! -i docker0 -o docker0 -p tcp -m tcp --dport 8080 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -s {pods} -j ACCEPT
-A DOCKER-USER -d {pods} -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
""",
        container=CONTAINER,
        to={"4": CONTAINER["4"], "6": f"[{CONTAINER['6']}]"},
        pods=POD_NETS,
    ),
    {
        f: (
            ("nat", "-I", "PREROUTING", "-m addrtype --dst-type LOCAL -j DOCKER"),
            ("nat", "-I", "OUTPUT", f"! -d {local} -m addrtype --dst-type LOCAL -j DOCKER"),
            ("nat", "-I", "POSTROUTING", f"-s {CONTAINERS[f]} ! -o docker0 -j MASQUERADE"),
            ("filter", "-I", "FORWARD", "-i docker0 -o docker0 -j ACCEPT"),
            ("filter", "-I", "FORWARD", "-i docker0 ! -o docker0 -j ACCEPT"),
            ("filter", "-I", "FORWARD", "-o docker0 -j DOCKER"),
            ("filter", "-I", "FORWARD", "-o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
            ("filter", "-I", "FORWARD", "-j DOCKER-ISOLATION-STAGE-1"),
            ("filter", "-I", "FORWARD", "-j DOCKER-USER"),
        )
        for f, local in (("4", "127.0.0.0/8"), ("6", "::1"))
    },
)

# ufw default deny incoming; ufw default deny routed; ufw allow 22/tcp, 80/tcp; ufw route allow for pods.
UFW = Tables(
    {
        f: """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:{u}-before-input - [0:0]
:{u}-before-output - [0:0]
:{u}-before-forward - [0:0]
:{u}-after-input - [0:0]
:{u}-not-local - [0:0]
:{u}-user-input - [0:0]
:{u}-user-forward - [0:0]
:{u}-skip-to-policy-input - [0:0]
-A {u}-before-input -i lo -j ACCEPT
-A {u}-before-output -o lo -j ACCEPT
-A {u}-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A {u}-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A {u}-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
{icmp}-A {u}-before-input -m conntrack --ctstate INVALID -j DROP
{local}-A {u}-before-input -j {u}-user-input
-A {u}-before-forward -j {u}-user-forward
-A {u}-after-input -p tcp -m tcp --dport 139 -j {u}-skip-to-policy-input
-A {u}-skip-to-policy-input -j DROP
-A {u}-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A {u}-user-input -p tcp -m tcp --dport 80 -j ACCEPT
-A {u}-user-forward -s {pods} -j ACCEPT
-A {u}-user-forward -d {pods} -j ACCEPT
COMMIT
""".format(u=u, icmp="".join(f"-A {u}-before-input {t} -j ACCEPT\n" for t in icmp), local=local, pods=POD_NETS[f])
        for f, u, icmp, local in (
            (
                "4",
                "ufw",
                [f"-p icmp -m icmp --icmp-type {t}" for t in (3, 11, 12, 8)],
                "-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT\n"
                "-A ufw-before-input -j ufw-not-local\n"
                + "".join(f"-A ufw-not-local -m addrtype --dst-type {t} -j RETURN\n" for t in ("LOCAL", "MULTICAST", "BROADCAST"))
                + "-A ufw-not-local -j DROP\n",
            ),
            ("6", "ufw6", [f"-p icmpv6 -m icmp6 --icmpv6-type {t}" for t in (1, 2, 3, 4, 128, 133, 134, 135, 136)], ""),
        )
    },
    {
        f: (
            ("filter", "-A", "INPUT", f"-j {u}-before-input"),
            ("filter", "-A", "INPUT", f"-j {u}-after-input"),
            ("filter", "-A", "OUTPUT", f"-j {u}-before-output"),
            ("filter", "-A", "FORWARD", f"-j {u}-before-forward"),
        )
        for f, u in (("4", "ufw"), ("6", "ufw6"))
    },
)

LIBVIRT = Tables(
    per_family(
        """*nat
:LIBVIRT_PRT - [0:0]
-A LIBVIRT_PRT -s {guests} ! -d {guests} -p tcp -j MASQUERADE --to-ports 1024-65535
-A LIBVIRT_PRT -s {guests} ! -d {guests} -p udp -j MASQUERADE --to-ports 1024-65535
-A LIBVIRT_PRT -s {guests} ! -d {guests} -j MASQUERADE
COMMIT
*filter
:LIBVIRT_INP - [0:0]
:LIBVIRT_OUT - [0:0]
:LIBVIRT_FWO - [0:0]
:LIBVIRT_FWI - [0:0]
:LIBVIRT_FWX - [0:0]
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p tcp -m tcp --dport 53 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 67 -j ACCEPT
-A LIBVIRT_OUT -o virbr0 -p udp -m udp --dport 53 -j ACCEPT
-A LIBVIRT_FWO -s {guests} -i virbr0 -j ACCEPT
-A LIBVIRT_FWO -i virbr0 -j REJECT
-A LIBVIRT_FWI -d {guests} -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A LIBVIRT_FWI -o virbr0 -j REJECT
-A LIBVIRT_FWX -i virbr0 -o virbr0 -j ACCEPT
COMMIT
""",
        guests=GUESTS,
    ),
    {
        f: (
            ("filter", "-I", "INPUT", "-j LIBVIRT_INP"),
            ("filter", "-I", "OUTPUT", "-j LIBVIRT_OUT"),
            ("filter", "-I", "FORWARD", "-j LIBVIRT_FWX"),
            ("filter", "-I", "FORWARD", "-j LIBVIRT_FWI"),
            ("filter", "-I", "FORWARD", "-j LIBVIRT_FWO"),
            ("nat", "-I", "POSTROUTING", "-j LIBVIRT_PRT"),
        )
        for f in ("4", "6")
    },
)

LIBVIRT_NFT = Table(
    "inet libvirt_network",
    """chain forward {
    type filter hook forward priority filter; policy accept;
    jump guest_cross
    jump guest_input
    jump guest_output
  }
  chain guest_output {
    ip saddr 192.168.122.0/24 iifname "virbr0" counter accept
    ip6 saddr fd00:122::/64 iifname "virbr0" counter accept
    iifname "virbr0" counter reject
  }
  chain guest_input {
    oifname "virbr0" ip daddr 192.168.122.0/24 ct state established,related counter accept
    oifname "virbr0" ip6 daddr fd00:122::/64 ct state established,related counter accept
    oifname "virbr0" counter reject
  }
  chain guest_cross {
    iifname "virbr0" oifname "virbr0" counter accept
  }
  chain guest_nat {
    type nat hook postrouting priority srcnat; policy accept;
    meta nfproto ipv4 ip saddr 192.168.122.0/24 ip daddr != 192.168.122.0/24 counter masquerade
    meta nfproto ipv6 ip6 saddr fd00:122::/64 ip6 daddr != fd00:122::/64 counter masquerade
  }""",
)

# Zone public with the services ssh and http and a forwarded port; the networks of pods are trusted.
FIREWALLD = Table(
    "inet firewalld",
    """chain filter_PREROUTING {
    type filter hook prerouting priority filter + 10; policy accept;
    icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }
  chain nat_PREROUTING {
    type nat hook prerouting priority dstnat + 10; policy accept;
    meta nfproto ipv4 tcp dport 8080 iifname "eth0" dnat ip to 172.17.0.2:8080
    meta nfproto ipv6 tcp dport 8080 iifname "eth0" dnat ip6 to [fd00:17::2]:8080
  }
  chain nat_POSTROUTING {
    type nat hook postrouting priority srcnat + 10; policy accept;
    iifname "docker0" oifname "eth0" masquerade
  }
  chain filter_INPUT {
    type filter hook input priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    jump filter_INPUT_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_INPUT_ZONES {
    goto filter_IN_public
  }
  chain filter_IN_public {
    jump filter_IN_public_allow
    meta l4proto { icmp, ipv6-icmp } accept
  }
  chain filter_IN_public_allow {
    tcp dport 22 accept
    tcp dport 80 accept
    ip6 daddr fe80::/64 udp dport 546 accept
  }
  chain filter_FORWARD_ZONES {
    ip saddr 10.244.1.0/24 accept
    ip daddr 10.244.1.0/24 accept
    ip6 saddr fd00:10:244:1::/64 accept
    ip6 daddr fd00:10:244:1::/64 accept
    iifname "docker0" oifname "eth0" accept
  }""",
)
