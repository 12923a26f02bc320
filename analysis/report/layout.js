// Where things are in the graph. Flows lead from left to right: boxes stand in columns, and items in columns inside
// their box. Deterministic, and linear in items and edges but for sorting.

const CARD = { width: 160, height: 44, across: 68, down: 14 };
const BOX = { pad: 14, title: 30, across: 88, down: 28 };
const INNER_MOST = 3; // columns of cards in a box
const OUTER_MOST = 6; // columns of boxes, fewer if they are wide
const WIDTH_WISH = 1100;
const COLUMN_MOST = 800; // a column of boxes may be that high before it breaks; higher if there is much to show

// Ranks 0..n-1 nodes: a node stands right of those that lead to it. Edges that would close a circle are left out;
// `links` are lists of successors. Depth-first without recursion, sources first.
function rankNodes(links) {
    const n = links.length;
    const incoming = new Array(n).fill(0);
    links.forEach((list) => list.forEach((to) => incoming[to]++));
    const roots = [...links.keys()].sort((a, b) =>
        (incoming[a] - links[a].length) - (incoming[b] - links[b].length) || a - b);
    const state = new Uint8Array(n); // 1: on the path, 2: done
    const done = [];
    const forward = links.map(() => []);
    for (const root of roots) {
        const path = state[root] === 0 ? [[root, 0]] : [];
        state[root] ||= 1;
        while (path.length > 0) {
            const top = path[path.length - 1];
            const [node, next] = top;
            if (next === links[node].length) {
                state[node] = 2;
                done.push(node);
                path.pop();
                continue;
            }
            top[1]++;
            const to = links[node][next];
            if (state[to] !== 1) {
                forward[node].push(to);
            }
            if (state[to] === 0) {
                state[to] = 1;
                path.push([to, 0]);
            }
        }
    }
    const rank = new Array(n).fill(0);
    for (const node of done.reverse()) {
        forward[node].forEach((to) => { rank[to] = Math.max(rank[to], rank[node] + 1); });
    }
    return rank;
}

// The same order of ranks in at most that many.
function squeeze(ranks, most) {
    const deep = ranks.reduce((a, b) => Math.max(a, b), 0) + 1;
    return deep <= most ? ranks : ranks.map((rank) => Math.floor(rank * most / deep));
}

function columnsWidth(columns) {
    return columns.reduce((sum, column) => sum + Math.max(...column.map((box) => box.width)) + BOX.across, 0);
}

// Sorts each column by the mean place of its neighbours in the others, a few times there and back.
function orderColumns(columns, neighbours) {
    const place = new Map();
    const settle = (column) => column.forEach((node, i) => place.set(node, (i + 0.5) / column.length));
    columns.forEach(settle);
    for (let sweep = 0; sweep < 4; sweep++) {
        for (const column of sweep % 2 === 0 ? columns : [...columns].reverse()) {
            const wish = new Map(column.map((node) => {
                const near = neighbours.get(node) ?? [];
                const sum = near.reduce((total, other) => total + (place.get(other) ?? 0.5), 0);
                return [node, near.length > 0 ? sum / near.length : place.get(node)];
            }));
            column.sort((a, b) => wish.get(a) - wish.get(b) || a.index - b.index);
            settle(column);
        }
    }
}

function byRank(nodes, ranks) {
    const columns = [];
    nodes.forEach((node, i) => { (columns[ranks[i]] ??= []).push(node); });
    return columns.filter((column) => column !== undefined);
}

// Breaks columns that are higher than `most` into several of about equal height.
function breakColumns(columns, most, heightOf) {
    return columns.flatMap((column) => {
        const total = column.reduce((sum, node) => sum + heightOf(node), 0);
        const limit = total / Math.ceil(total / most);
        const parts = [];
        let height = Infinity;
        for (const node of column) {
            if (height + heightOf(node) / 2 > limit) {
                parts.push([]);
                height = 0;
            }
            parts[parts.length - 1].push(node);
            height += heightOf(node);
        }
        return parts;
    });
}

function linksBetween(nodes, pairs) {
    const index = new Map(nodes.map((node, i) => [node, i]));
    const links = nodes.map(() => new Set());
    for (const [from, to] of pairs) {
        if (from !== to && index.has(from) && index.has(to)) {
            links[index.get(from)].add(index.get(to));
        }
    }
    return links.map((set) => [...set]);
}

function neighboursOf(pairs) {
    const result = new Map();
    for (const [from, to] of pairs) {
        if (from !== to) {
            collect(result, from, to);
            collect(result, to, from);
        }
    }
    return result;
}

// Columns of boxes by rank, as many as fit.
function outerColumns(boxes, boxPairs, neighbours) {
    const ranks = rankNodes(linksBetween(boxes, boxPairs));
    const side = Math.sqrt(boxes.reduce((sum, box) => sum + box.width * box.height, 0));
    let broken = [];
    for (let most = OUTER_MOST; most > 0; most--) {
        const columns = byRank(boxes, squeeze(ranks, most));
        orderColumns(columns, neighbours);
        broken = breakColumns(columns, Math.max(COLUMN_MOST, side), (box) => box.height + BOX.down);
        if (columnsWidth(broken) <= Math.max(WIDTH_WISH, 2 * side)) {
            break;
        }
    }
    return broken;
}

// Places the cards of one box, relative to it.
function layoutBox(box, pairs, neighbours) {
    const cards = box.cards;
    const ranks = box.side ? cards.map(() => 0) : squeeze(rankNodes(linksBetween(cards, pairs)), INNER_MOST);
    const step = CARD.height + CARD.down;
    const columns = byRank(cards, ranks);
    orderColumns(columns, neighbours);
    const rows = Math.max(8, Math.ceil(Math.sqrt(cards.length * 2)));
    const broken = breakColumns(columns, rows * step, () => step);
    const top = box.bare ? 0 : BOX.title;
    const pad = box.bare ? 0 : BOX.pad;
    const tallest = Math.max(...broken.map((column) => column.length));
    broken.forEach((column, c) => column.forEach((card, r) => {
        card.x = pad + c * (CARD.width + CARD.across);
        card.y = top + (r + (tallest - column.length) / 2) * step;
    }));
    box.width = 2 * pad + broken.length * (CARD.width + CARD.across) - CARD.across;
    box.height = top + tallest * step - CARD.down + pad;
}

// Moves the boxes of a column towards the middle of their neighbours, in their order.
function alignColumn(column, neighbours) {
    const wishes = column.map((box) => {
        const near = neighbours.get(box) ?? [];
        const sum = near.reduce((total, other) => total + other.y + other.height / 2, 0);
        return near.length > 0 ? sum / near.length - box.height / 2 : box.y;
    });
    let bottom = -Infinity;
    column.forEach((box, i) => {
        box.y = Math.max(wishes[i], bottom);
        bottom = box.y + box.height + BOX.down;
    });
    const drift = column.reduce((sum, box, i) => sum + box.y - wishes[i], 0) / column.length;
    column.forEach((box) => { box.y -= drift; });
}

function placeBoxes(columns, neighbours) {
    let x = 0;
    for (const column of columns) {
        const width = Math.max(...column.map((box) => box.width));
        let y = -(column.reduce((sum, box) => sum + box.height + BOX.down, 0) - BOX.down) / 2;
        for (const box of column) {
            box.x = x + (width - box.width) / 2;
            box.y = y;
            y += box.height + BOX.down;
        }
        x += width + BOX.across;
    }
    for (const column of [...columns, ...[...columns].reverse()]) {
        alignColumn(column, neighbours);
    }
}

// ---- what is drawn ----

// One card for each item; the world outside has two, where flows come from and where they lead.
function makeCards(items, edges) {
    const sends = new Set(edges.map((edge) => edge.from));
    const receives = new Set(edges.map((edge) => edge.to));
    const cards = [];
    for (const item of items) {
        const twice = item.group.kind === "range";
        const sides = !twice ? [""] : ["from", "to"].filter((side) => (side === "from" ? sends : receives).has(item));
        for (const side of sides.length > 0 ? sides : ["from"]) {
            cards.push({ item, side, index: cards.length });
        }
    }
    return cards;
}

function makeBoxes(cards) {
    const boxes = new Map();
    for (const card of cards) {
        const key = card.item.group.key + card.side;
        if (!boxes.has(key)) {
            const title = { from: "From outside", to: "To outside" }[card.side] ?? card.item.group.title;
            const bare = card.item.kind === "group" && card.side === "";
            boxes.set(key, { group: card.item.group, side: card.side, bare, title, cards: [], index: boxes.size });
        }
        card.box = boxes.get(key);
        card.box.cards.push(card);
    }
    return [...boxes.values()];
}

// Lays out { cards, boxes, arrows }; an arrow is an edge between two cards. Where things are depends on `edges`;
// `more` only have arrows, and `bundles` have none.
function layout(items, edges, more, bundles) {
    const cards = makeCards(items, [...edges, ...more, ...bundles.flatMap((bundle) => bundle.edges)]);
    const boxes = makeBoxes(cards);
    const cardOf = new Map(cards.map((card) => [card.item.key + card.side, card]));
    const cardFor = (item, side) => cardOf.get(item.key + (item.group.kind === "range" ? side : ""));
    const ends = (edge) => [cardFor(edge.from, "from"), cardFor(edge.to, "to")];
    const arrows = [...edges, ...more].map((edge) => ({ edge, from: ends(edge)[0], to: ends(edge)[1] }));
    // Where nothing decides, anything flows anywhere: that says nothing about places.
    const pairs = edges.filter((edge) => !edge.undecided).map(ends);
    const boxPairs = pairs.map(([from, to]) => [from.box, to.box]);
    const nearCards = neighboursOf(pairs);
    const nearBoxes = neighboursOf(boxPairs);

    boxes.forEach((box) => layoutBox(box, pairs, nearCards));
    const outer = (side) => boxes.filter((box) => box.side === side);
    const columns = [outer("from"), ...outerColumns(outer(""), boxPairs, nearBoxes), outer("to")];
    const all = columns.filter((column) => column.length > 0);
    placeBoxes(all, nearBoxes);

    const margin = 12;
    const top = Math.min(...boxes.map((box) => box.y), 0) - 2 * margin; // loops stand above their cards
    for (const box of boxes) {
        box.x += margin;
        box.y -= top;
        box.cards.forEach((card) => { card.x += box.x; card.y += box.y; });
    }
    return { cards, boxes, arrows };
}
