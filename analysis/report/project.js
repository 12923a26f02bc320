// What is shown: the items (a collapsed group, a unit, or one member) and the edges between them that pass the
// filters. The graph, the matrix and the table all show this one answer.

const EXPANDED_MOST = 48; // units that are all shown at first
const EDGES_MOST = 20000; // beyond them only the edges of what is selected are made

const startsExpanded = units.length <= EXPANDED_MOST;

// state.toggled: keys of groups and units that are not as they are at first.
function isExpanded(state, group) {
    return (startsExpanded || group.units.length === 1) !== state.toggled.has(group.key);
}

function unitKey(unit) {
    return `${unit.group.key}.${unit.cls.id}`;
}

// ---- items ----

function itemOfGroup(group) {
    const only = group.units.length === 1;
    return {
        key: group.key, kind: "group", group, units: group.units, title: group.title,
        size: group.units.reduce((sum, unit) => sum + unit.members.length, 0), canExpand: !only,
    };
}

function itemOfUnit(unit) {
    return {
        key: unitKey(unit), kind: "unit", group: unit.group, units: [unit], title: unitTitle(unit),
        size: unit.members.length, member: unit.members.length === 1 ? unit.members[0] : null,
        canExpand: unit.members.length > 1 && unit.cls.kind !== "range",
    };
}

function itemsOfMembers(unit) {
    return unit.members.map((member, i) => ({
        key: `${unitKey(unit)}.${i}`, kind: "member", group: unit.group, units: [unit], title: member[1], size: 1,
        member, canExpand: true,
    }));
}

function isolation(item, direction) {
    const states = new Set(item.units.filter((unit) => canBeIsolated(unit.cls))
        .map((unit) => isolationOf(unit.cls, direction)));
    return states.size === 0 ? "none" : states.size === 1 ? [...states][0] : "mixed";
}

function findingsOf(item) {
    return [...new Set(item.units.flatMap((unit) => findingsOfClass[unit.cls.id]))].sort((a, b) => a - b);
}

// ---- filters ----

function memberMatches(unit, member, words) {
    const text = `${memberName(unit.cls, member)} ${member[2]} ${member[3]}`.toLowerCase();
    return words.every((word) => text.includes(word));
}

function isOpen(cls) {
    return canBeIsolated(cls) && [INGRESS, EGRESS].some((direction) => isolationOf(cls, direction) !== "closed");
}

// The units that the filters on endpoints name; null if there is no such filter.
function unitsInFocus(state) {
    const words = state.q.toLowerCase().split(/\s+/).filter((word) => word !== "");
    if (words.length === 0 && !state.ns && !state.open && !state.findings) {
        return null;
    }
    return units.map((unit) =>
        (!state.ns || unit.group.key === state.ns) &&
        (!state.open || isOpen(unit.cls)) &&
        (!state.findings || findingsOfClass[unit.cls.id].length > 0) &&
        (words.length === 0 || unit.members.some((member) => memberMatches(unit, member, words))));
}

// ---- edges ----

class EdgeTable {
    constructor() {
        this.rows = new Map();
        this.list = [];
    }

    get(from, to) {
        return this.rows.get(from)?.get(to);
    }

    // Adds one flow to the edge between two items.
    add(from, to, flow, undecided) {
        if (!this.rows.has(from)) {
            this.rows.set(from, new Map());
        }
        const row = this.rows.get(from);
        let edge = row.get(to);
        if (!edge) {
            edge = {
                from, to, key: `${from.key}>${to.key}`, undecided: true,
                portIds: new Set(), families: new Set(),
            };
            row.set(to, edge);
            this.list.push(edge);
        }
        edge.portIds.add(flow.ports);
        edge.families.add(flow.family);
        edge.undecided &&= undecided;
    }
}

function edgePorts(edge) {
    edge.ports ??= unitePorts(edge.portIds);
    return edge.ports;
}

function edgeText(edge) {
    const [family, other] = edge.families;
    const only = family !== 0 && other === undefined ? ` (IPv${family})` : "";
    return portsText(edgePorts(edge)) + only;
}

// Which pairs of units are shown, as a function of both; `only` is the key of an item that must be an end.
function pairFilter(state, focus) {
    return (source, target) =>
        (!focus || focus[source.index] || focus[target.index]) &&
        (!state.external || isOutside(source.cls) || isOutside(target.cls)) &&
        (!state.decided || !isUndecided(source.cls, target.cls));
}

function isItself(from, to) {
    return from === to ? from.size === 1 : Boolean(from.member && to.member && isSameWorkload(from.member, to.member));
}

// Adds the edges of one flow between two units, to the items that stand for them.
function addPair(table, shown, flow, source, target, only) {
    const undecided = isUndecided(source.cls, target.cls);
    for (const from of shown.of[source.index]) {
        for (const to of shown.of[target.index]) {
            if (!isItself(from, to) && (!only || from.key === only || to.key === only)) {
                table.add(from, to, flow, undecided);
            }
        }
    }
}

// The edges of everything, or of the item with the key `only`. Null: there are too many.
function makeEdges(state, shown, focus, only) {
    const table = new EdgeTable();
    const port = parsePort(state.port);
    const passes = data.ports.map((entries) => !port || portMatches(entries, port));
    const isShown = pairFilter(state, focus);
    const pair = (flow, from, to) => {
        for (const source of unitsOfClass[from]) {
            for (const target of unitsOfClass[to]) {
                if (isShown(source, target)) {
                    addPair(table, shown, flow, source, target, only);
                }
            }
        }
        return table.list.length <= EDGES_MOST;
    };
    for (const flow of flows.filter((candidate) => passes[candidate.ports])) {
        eachOf(flow.from, (from) => {
            eachOf(flow.to, (to) => pair(flow, from, to));
            return table.list.length <= EDGES_MOST;
        });
    }
    if (table.list.length > EDGES_MOST) {
        return null;
    }
    table.list.sort((a, b) => a.from.index - b.from.index || a.to.index - b.to.index);
    return table;
}

// ---- why ----

// The pairs of classes that an edge is made of.
function partsOf(edge) {
    const froms = new Set(edge.from.units.map((unit) => unit.cls.id));
    const tos = new Set(edge.to.units.map((unit) => unit.cls.id));
    const parts = [];
    for (const flow of flows.filter((candidate) => edge.portIds.has(candidate.ports))) {
        eachOf(flow.from, (from) => {
            if (froms.has(from)) {
                eachOf(flow.to, (to) => {
                    if (tos.has(to)) {
                        parts.push({ flow, from: classes[from], to: classes[to] });
                    }
                });
            }
        });
    }
    return parts;
}

// What lets an edge pass in one direction: { rules, states }: those that open it, and isolationOf() its parts.
function reasonsOf(edge, direction) {
    const found = new Set();
    const states = new Set();
    for (const { flow, from, to } of partsOf(edge)) {
        const [target, peer] = direction === EGRESS ? [from, to] : [to, from];
        states.add(isolationOf(target, direction));
        for (const [rule, ports] of openingsOf(target, direction, peer)) {
            if (portsMeet(ports, flow.ports)) {
                found.add(rule);
            }
        }
    }
    return { rules: [...found].sort((a, b) => a - b), states };
}

// ---- the answer ----

function makeItems(state) {
    const items = [];
    const of = units.map(() => []);
    for (const group of groups) {
        const expanded = isExpanded(state, group);
        const mine = !expanded ? [itemOfGroup(group)] : group.units.flatMap((unit) =>
            state.toggled.has(unitKey(unit)) ? itemsOfMembers(unit) : [itemOfUnit(unit)]);
        for (const item of mine) {
            item.index = items.length;
            items.push(item);
            item.units.forEach((unit) => of[unit.index].push(item));
        }
    }
    return { items, of };
}

// { items, edges, table, byKey, focus, limited }: what to show. limited: there were too many edges, and only those
// of the selected item are here.
function project(state) {
    const shown = makeItems(state);
    const focus = unitsInFocus(state);
    const byKey = new Map(shown.items.map((item) => [item.key, item]));
    const full = makeEdges(state, shown, focus, null);
    const table = full ?? (byKey.has(state.sel) ? makeEdges(state, shown, focus, state.sel) : null) ?? new EdgeTable();
    const filtered = focus !== null || state.external || parsePort(state.port) !== null;
    const touched = new Set(table.list.flatMap((edge) => [edge.from, edge.to]));
    const items = !filtered ? shown.items : shown.items.filter((item) =>
        touched.has(item) || (focus !== null && item.units.some((unit) => focus[unit.index])));
    return { items, edges: table.list, table, byKey, focus, limited: full === null };
}
