// The data island, decoded: classes of endpoints that no policy can tell apart, flows between them,
// and why. Knows nothing of views. analysis/report.c says what the numbers in the island are.

const data = JSON.parse(byId("data").textContent);

const INGRESS = 0;
const EGRESS = 1;

// Appends to the list that a map has under a key.
function collect(map, key, value) {
    if (!map.has(key)) {
        map.set(key, []);
    }
    map.get(key).push(value);
}

// ---- names ----

// What decides about a class in one direction: policies, and for each peer class the openings of their rules, as
// pairs of rule and ports. openings: of classes that no run names.
const profiles = data.profiles.map(([policies, isolates, openings, ...runs]) => ({
    policies, isolates: isolates === 1, openings, runs, byClass: null,
}));

const classes = data.classes.map(([kind, members, ingress, egress, title], id) => ({
    id, kind, members, title, profiles: [profiles[ingress], profiles[egress]],
    policies: [profiles[ingress].policies, profiles[egress].policies],
}));

const policies = data.policies.map(([name, kind, line], id) => ({ id, name, kind, line }));

const rules = data.rules.map(([policy, direction, index, action, line]) => ({
    policy, direction, index, action, line,
}));

function isOutside(cls) {
    return cls.kind === "range";
}

// Only what policies can select is isolated or not; the world outside and nodes are neither.
function canBeIsolated(cls) {
    return cls.kind === "workload" || cls.kind === "open";
}

const ISOLATION_WORDS = { closed: "isolated", open: "not isolated", mixed: "partly isolated" };

// "closed": isolated, only what a policy opens passes. "open": no policy has a say. "mixed": cluster policies have.
function isolationOf(cls, direction) {
    const profile = cls.profiles[direction];
    return profile.isolates ? "closed" : profile.policies.length > 0 ? "mixed" : "open";
}

function place(line) {
    const [file, number] = data.lines[line];
    return `${data.files[file]}:${number}`;
}

// ---- ports ----

function isWhole([, first]) {
    return first === undefined;
}

// Unites lists of [protocol] and [protocol, first, last].
function unitePorts(ids) {
    const all = [...ids].flatMap((id) => data.ports[id]);
    if (all.some(([protocol]) => protocol === "ALL")) {
        return [["ALL"]];
    }
    const result = [];
    for (const protocol of ["TCP", "UDP", "SCTP", "ICMP", "ICMPv6", "REST"]) {
        const mine = all.filter((entry) => entry[0] === protocol);
        if (mine.some(isWhole)) {
            result.push([protocol]);
            continue;
        }
        mine.sort((a, b) => a[1] - b[1]);
        let last = null;
        for (const [, from, to] of mine) {
            if (last && from <= last[2] + 1) {
                last[2] = Math.max(last[2], to);
            } else {
                last = [protocol, from, to];
                result.push(last);
            }
        }
    }
    return result;
}

function portsText(ports) {
    const words = [];
    let before = null;
    for (const [protocol, first, last] of ports) {
        if (protocol === "ALL") {
            return "all traffic";
        }
        if (first === undefined) {
            words.push({ ICMP: "ICMP", ICMPv6: "ICMPv6", REST: "other protocols" }[protocol] ?? `all ${protocol}`);
        } else {
            const range = protocol.startsWith("ICMP") ? icmpText(first, last) : rangeText(first, last);
            words.push(protocol === before ? range : `${protocol} ${range}`);
        }
        before = protocol;
    }
    return words.join(", ");
}

function rangeText(first, last) {
    return first === last ? `${first}` : `${first}–${last}`;
}

// Keys of ICMP are 256 * type + code.
function icmpText(first, last) {
    const [type, lastType] = [first >> 8, last >> 8];
    const whole = (first & 255) === 0 && (last & 255) === 255;
    return `type ${rangeText(type, lastType)}` + (whole ? "" : ` code ${rangeText(first & 255, last & 255)}`);
}

// What a person types: "443", "tcp", "tcp/443", "8000-8080", "icmp". Null: nothing, or not understood.
function parsePort(text) {
    const match = /^(?:(tcp|udp|sctp)(?:\/(?=\d)|$)|(icmp|icmpv6)$)?(?:(\d{1,5})(?:-(\d{1,5}))?)?$/i.exec(text);
    if (!text || !match) {
        return null;
    }
    const protocol = match[1]?.toUpperCase() ?? match[2]?.toUpperCase().replace("V", "v");
    const first = match[3] === undefined ? null : Number(match[3]);
    return { protocol, first, last: match[4] === undefined ? first : Number(match[4]) };
}

const PORTED = ["TCP", "UDP", "SCTP"]; // a number without protocol is one of theirs

function portMatches(entries, wanted) {
    return entries.some(([protocol, first, last]) => {
        if (protocol === "ALL") {
            return true;
        }
        if (wanted.protocol ? wanted.protocol !== protocol : !PORTED.includes(protocol)) {
            return false;
        }
        return wanted.first === null || first === undefined || (first <= wanted.last && last >= wanted.first);
    });
}

// Whether two lists of ports have something in common.
function portsMeet(a, b) {
    return a === b || data.ports[a].some(([protocol, first, last]) => protocol === "ALL" ||
        portMatches(data.ports[b], { protocol, first: first ?? null, last: last ?? null }));
}

// ---- groups: what the page draws as a box ----

// A unit is the part of a class that is in one group. Groups are namespaces (those with exactly the same classes
// together, if there are very many), the world outside, nodes, and what is not in the input.
const GROUPS_MOST = 80;

const units = [];
const groups = [];
const unitsOfClass = classes.map(() => []);

function groupAdd(key, kind, title, namespaces) {
    const group = { key, kind, title, namespaces, units: [], index: groups.length };
    groups.push(group);
    return group;
}

function unitAdd(group, cls, members) {
    const unit = { index: units.length, cls, group, members };
    units.push(unit);
    group.units.push(unit);
    unitsOfClass[cls.id].push(unit);
}

// The members of workload classes by namespace: namespace -> class -> members.
function membersByNamespace() {
    const result = data.namespaces.map(() => new Map());
    for (const cls of classes.filter((c) => c.kind === "workload")) {
        for (const member of cls.members) {
            collect(result[member[0]], cls, member);
        }
    }
    return result;
}

function buildGroups() {
    const inNamespace = membersByNamespace();
    const used = inNamespace.flatMap((map, ns) => (map.size > 0 ? [ns] : []));
    const together = new Map(); // by what they hold
    for (const ns of used) {
        const same = used.length > GROUPS_MOST ? [...inNamespace[ns].keys()].map((c) => c.id).join() : `${ns}`;
        collect(together, same, ns);
    }
    for (const list of together.values()) {
        const name = data.namespaces[list[0]][0];
        const title = list.length === 1 ? name : `${name} and ${count(list.length - 1, "namespace")} like it`;
        const group = groupAdd(`ns:${name}`, "namespace", title, list);
        for (const cls of inNamespace[list[0]].keys()) {
            unitAdd(group, cls, list.flatMap((ns) => inNamespace[ns].get(cls)));
        }
    }
    for (const [kind, title] of [["open", "Not in the input"], ["node", "Nodes"], ["range", "Outside"]]) {
        const mine = classes.filter((cls) => cls.kind === kind);
        if (mine.length > 0) {
            const group = groupAdd(kind, kind, title, []);
            mine.forEach((cls) => unitAdd(group, cls, cls.members));
        }
    }
}

buildGroups();

function memberName(cls, member) {
    return cls.kind === "workload" ? `${data.namespaces[member[0]][0]}/${member[1]}` : member[1];
}

// Whether two members of different classes are addresses of one workload: what it sends to itself is no flow.
function isSameWorkload(one, other) {
    return one[4] !== undefined && one[4] === other[4] && one[0] === other[0];
}

function unitTitle(unit) {
    if (unit.cls.title) {
        return unit.cls.title;
    }
    const [first] = unit.members;
    return unit.members.length === 1 ? first[1] : `${first[1]} +${unit.members.length - 1}`;
}

// ---- findings ----

const findings = data.findings.map(([severity, id, slug, text, hint, line, notes, policy, cls]) => ({
    severity, id, slug, text, hint, line, notes, policy, cls,
}));

// By policy, and by class with those of the policies that decide about it: indices of findings.
const findingsOfPolicy = policies.map(() => []);
findings.forEach((finding, index) => findingsOfPolicy[finding.policy]?.push(index));
const findingsOfClass = classes.map((cls) => [...new Set(cls.policies.flat())].flatMap((id) => findingsOfPolicy[id]));
findings.forEach((finding, index) => findingsOfClass[finding.cls]?.push(index));

// ---- flows ----

// Lists of numbers are runs: [first, n, first, n, …]. Calls each(number) until it returns false.
function eachOf(runs, each) {
    for (let i = 0; i < runs.length; i += 2) {
        for (let number = runs[i]; number < runs[i] + runs[i + 1]; number++) {
            if (each(number) === false) {
                return;
            }
        }
    }
}

// A flow leads from everybody in some classes to everybody in others. Family 0 is both.
const flows = data.flows.map(([ports, family, from, to]) => ({ ports, family, from, to }));

// Whether no policy has a say in what one class sends to another.
function isUndecided(from, to) {
    return from.policies[EGRESS].length === 0 && to.policies[INGRESS].length === 0;
}

// What opens one direction of a pair of classes: [[rule, ports], …].
function openingsOf(target, direction, peer) {
    const profile = target.profiles[direction];
    if (!profile.byClass) {
        profile.byClass = new Map();
        for (const [set, runs] of profile.runs) {
            eachOf(runs, (id) => { profile.byClass.set(id, set); });
        }
    }
    return data.openings[profile.byClass.get(peer.id) ?? profile.openings];
}

// Pairs of workloads, none with itself.
function countConnections() {
    const members = (id) => (classes[id].kind === "workload" ? classes[id].members : []);
    const listOf = (runs) => {
        const ids = [];
        eachOf(runs, (id) => { ids.push(id); });
        return ids;
    };
    const parts = classes.flatMap((cls) =>
        members(cls.id).filter((member) => member[4] !== undefined).map((member) => [cls.id, member]));
    let total = 0;
    for (const flow of flows) {
        const [from, to] = [listOf(flow.from), listOf(flow.to)];
        const [sources, targets] = [new Set(from), new Set(to)];
        const size = (ids) => ids.reduce((sum, id) => sum + members(id).length, 0);
        total += size(from) * size(to) - size(from.filter((id) => targets.has(id)));
        for (const [a, one] of parts.filter(([id]) => sources.has(id))) {
            total -= parts.filter(([b, other]) => b !== a && targets.has(b) && isSameWorkload(one, other)).length;
        }
    }
    return total;
}
