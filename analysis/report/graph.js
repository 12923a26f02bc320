// The graph as SVG: boxes, cards and arrows of a layout.

const ARROWS_MOST = 300; // beyond them only those that policies decide, then only those of what is selected
const LABELS_MOST = 60;

// The walls of a card: ingress on the left, egress on the right. Closed: a solid bar. Open: a dashed line.
// Some closed and some open: half a bar.
function drawWall(card, direction, state) {
    if (state === "none") {
        return null;
    }
    const x = direction === INGRESS ? 0 : CARD.width;
    const path = { closed: `M${x} 6V${CARD.height - 6}`, open: `M${x} 6V${CARD.height - 6}`,
        mixed: `M${x} 6V${CARD.height / 2}` }[state];
    return svg("path", { class: `wall ${state}`, d: path });
}

const BADGES = { error: ["M-4 -9H4L9 -4V4L4 9H-4L-9 4V-4Z", "✕"], warning: ["M0 -10L10 8H-10Z", "!"] };

function drawBadge(item) {
    const [worst] = findingsOf(item).map((i) => findings[i].severity).sort();
    if (!worst || worst === "info") {
        return null;
    }
    const [path, sign] = BADGES[worst];
    return svg("g", { class: `badge ${worst}`, transform: `translate(${CARD.width - 16} 0)` },
        svg("path", { d: path }), svg("text", { y: worst === "warning" ? 6 : 4, "text-anchor": "middle" }, sign));
}

function subtitle(item) {
    if (item.kind === "group") {
        const size = count(item.size, groupNoun(item.group));
        return item.canExpand ? `${size}, ${count(item.units.length, "class", "classes")}` : size;
    }
    if (item.size > 1) {
        return count(item.size, groupNoun(item.group));
    }
    return item.member[2] || item.member[3];
}

function groupNoun(group) {
    return { namespace: "workload", node: "node", range: "range", open: "selector" }[group.kind];
}

function describeItem(item) {
    const words = [item.title, subtitle(item)];
    for (const [direction, name] of [[INGRESS, "ingress"], [EGRESS, "egress"]]) {
        const state = ISOLATION_WORDS[isolation(item, direction)];
        words.push(state ? `${name} ${state}` : null);
    }
    const found = findingsOf(item).length;
    words.push(found > 0 ? count(found, "finding") : null);
    return words.filter((word) => word).join(", ");
}

function drawCard(card) {
    const { item } = card;
    const group = svg("g", {
        class: `card ${item.kind} ${item.group.kind}`, transform: `translate(${card.x} ${card.y})`,
        role: "button", tabindex: -1, "aria-label": describeItem(item),
        "data-key": item.key, "data-side": card.side || null,
    },
    svg("title", null, describeItem(item)),
    item.size > 1 ? svg("rect", { class: "stack", x: 4, y: 4, width: CARD.width, height: CARD.height, rx: 6 }) : null,
    svg("rect", { class: "face", width: CARD.width, height: CARD.height, rx: 6 }),
    drawWall(card, INGRESS, isolation(item, INGRESS)), drawWall(card, EGRESS, isolation(item, EGRESS)),
    svg("text", { class: "name", x: 12, y: 19 }, fitText(item.title, CARD.width - 22, "bold 13px")),
    svg("text", { class: "sub", x: 12, y: 35 }, fitText(subtitle(item) || item.group.title, CARD.width - 20, "11.5px")),
    drawBadge(item));
    card.node = group;
    return group;
}

function drawBox(box) {
    if (box.bare) {
        return null;
    }
    const at = `translate(${box.x} ${box.y})`;
    return svg("g", { class: `box ${box.group.kind}`, transform: at, "data-group": box.group.key },
        svg("rect", { width: box.width, height: box.height, rx: 10 }),
        svg("text", { class: "boxname", x: BOX.pad, y: 20 }, fitText(box.title, box.width - 50, "bold 13px")),
        box.group.units.length > 1 ? svg("text", { class: "fold", x: box.width - 22, y: 20 }, "−") : null);
}

// ---- arrows ----

function edgeKind(edge) {
    if (edge.undecided) {
        return "undecided";
    }
    return edge.from.group.kind === "range" || edge.to.group.kind === "range" ? "external" : "decided";
}

function edgeTitle(edge) {
    return `${itemName(edge.from)} → ${itemName(edge.to)}: ${edgeText(edge)}`;
}

// The name of an item on its own, outside of its box.
function itemName(item) {
    if (item.kind === "group") {
        return item.title;
    }
    const { cls } = item.units[0];
    if (cls.title && item.kind === "unit") {
        return cls.title;
    }
    const first = memberName(cls, item.member ?? item.units[0].members[0]);
    return item.size === 1 ? first : `${first} +${item.size - 1}`;
}

function drawArrow(arrow) {
    const kind = edgeKind(arrow.edge);
    const spot = arrow.spot ?? arrow.spots[0];
    const group = svg("g", {
        class: `arrow ${kind}${arrow.spot ? " labelled" : ""}`, role: "button", tabindex: -1,
        "aria-label": edgeTitle(arrow.edge), "data-edge": arrow.edge.key,
    },
    svg("title", null, edgeTitle(arrow.edge)),
    svg("path", { class: "hit", d: arrow.path }),
    svg("path", { class: "line", d: arrow.path, "marker-end": `url(#head-${kind})` }),
    spot ? svg("text", { class: "ports", x: spot.x, y: spot.y, "text-anchor": "middle" }, arrow.label) : null);
    arrow.node = group;
    return group;
}

function drawHeads() {
    return svg("defs", null, ["decided", "undecided", "external"].map((kind) =>
        svg("marker", { id: `head-${kind}`, class: `head ${kind}`, viewBox: "0 0 8 8", refX: 7, refY: 4,
            markerUnits: "userSpaceOnUse", markerWidth: 10, markerHeight: 10, orient: "auto" },
        svg("path", { d: "M0 0L8 4L0 8Z" }))));
}

// Edges of one item that are all alike, with most of the others: one short arrow says it. Returns the bundles, and
// the edges that are in none.
function bundleEdges(edges, items) {
    const most = Math.max(6, items.length / 2);
    const bundles = [];
    let rest = edges;
    for (const end of ["to", "from"]) {
        const groups = new Map();
        rest.forEach((edge) => collect(groups, `${edge[end].key} ${edgeKind(edge)} ${edgeText(edge)}`, edge));
        const alike = [...groups.values()].filter((list) => list.length > most);
        bundles.push(...alike.map((list) => ({ end, item: list[0][end], edges: list })));
        const gone = new Set(alike.flat());
        rest = rest.filter((edge) => !gone.has(edge));
    }
    return { bundles, rest };
}

function isOf(edge, key) {
    return key !== "" && [edge.from.key, edge.to.key, edge.key].includes(key);
}

// Which edges to draw always, and what to say of the others: { bundles, drawn, hint }.
function chooseEdges({ edges, items, limited }, all) {
    if (limited) {
        return { bundles: [], drawn: [], hint: "Too many flows to draw. Select a card to see its own." };
    }
    if (all) {
        return { bundles: [], drawn: edges, hint: "All flows are drawn." };
    }
    const { bundles, rest } = bundleEdges(edges, items);
    const decided = rest.filter((edge) => !edge.undecided);
    const drawn = [rest, decided, []].find((choice) => choice.length <= ARROWS_MOST);
    const hint = drawn.length < rest.length ?
        `${count(rest.length - drawn.length, "flow")} not drawn. Filter, or select a card to see its own.` :
        bundles.length > 0 ? "Short arrows stand for many alike. Select a card to see its own." : "";
    return { bundles, drawn, hint };
}

// Flows from and to the outside, if they are many, are drawn whole only for what is selected.
function chooseStubs(arrows, sel) {
    const outer = arrows.filter((arrow) => arrow.from.side || arrow.to.side);
    const many = outer.length > STUBS_FROM;
    outer.forEach((arrow) => { arrow.stub = many && !isOf(arrow.edge, sel); });
}

function drawBundle({ end, item, edges }, place, cards) {
    const other = end === "to" ? "from" : "to";
    const card = cards.find((candidate) => candidate.item === item && candidate.side !== other);
    const text = edgeText(edges[0]);
    const label = `${itemName(item)} ${end === "to" ? "from" : "to"} ${edges.length} others: ${text}`;
    const [x, y] = [end === "to" ? card.x - STUB : card.x + CARD.width + 4, card.y + CARD.height - 8 - 7 * place];
    return svg("g", { class: `bundle ${edgeKind(edges[0])}`, "data-key": item.key, "aria-label": label },
        svg("title", null, label),
        svg("path", { class: "line", d: `M${x} ${y}h${STUB - 4}`, "marker-end": `url(#head-${edgeKind(edges[0])})` }),
        svg("path", { class: "line fan", d: `M${x - 5} ${y - 5}L${x} ${y}L${x - 5} ${y + 5}` }),
        svg("text", { class: "ports", x: x + STUB / 2, y: y - 4, "text-anchor": "middle" }, text));
}

// Of one end of one card, the first bundle stands lowest.
function drawBundles(bundles, cards) {
    const places = new Map();
    return bundles.map((bundle) => {
        const key = bundle.end + bundle.item.key;
        places.set(key, (places.get(key) ?? -1) + 1);
        return drawBundle(bundle, places.get(key), cards);
    });
}

// Labels are for all arrows if they are few, else for those of what is selected.
function chooseLabels(arrows, sel) {
    return arrows.length <= LABELS_MOST ? arrows : arrows.filter((arrow) => isOf(arrow.edge, sel));
}

function frame({ boxes, arrows }) {
    const levels = arrows.flatMap((arrow) => (arrow.level === undefined ? [] : [arrow.level]));
    const top = Math.min(0, ...levels.map((level) => level - 30));
    const bottom = Math.max(0, ...boxes.map((box) => box.y + box.height), ...levels.map((level) => level + 10)) + 12;
    const width = Math.max(0, ...boxes.map((box) => box.x + box.width)) + 12;
    return { top: Math.floor(top), width: Math.ceil(width), height: Math.ceil(bottom - top) };
}

// Draws into the SVG element. Returns the layout, with `node` of cards and arrows, `hint`, and whether what is
// drawn depends on what is selected. Where things are does not.
function drawGraph(root, shown, state) {
    const { bundles, drawn, hint } = chooseEdges(shown, state.all);
    const always = new Set(drawn);
    const more = shown.edges.filter((edge) => !always.has(edge) && isOf(edge, state.sel));
    const placed = layout(shown.items, drawn, more, bundles);
    chooseStubs(placed.arrows, state.sel);
    placed.arrows.forEach((arrow) => { arrow.label = shorten(edgeText(arrow.edge), 24); });
    routeArrows(placed, chooseLabels(placed.arrows, state.sel));
    const others = bundles.filter((bundle) => bundle.item.key !== state.sel);
    root.replaceChildren(
        drawHeads(),
        svg("g", { class: "boxes" }, placed.boxes.map(drawBox)),
        svg("g", { class: "arrows" }, placed.arrows.map(drawArrow), drawBundles(others, placed.cards)),
        svg("g", { class: "cards" }, placed.cards.map(drawCard)));
    const { top, width, height } = frame(placed);
    root.setAttribute("viewBox", `0 ${top} ${width} ${height}`);
    const depends = hint !== "" || placed.arrows.some((arrow) => arrow.stub || isOf(arrow.edge, state.sel));
    return { ...placed, width, height, hint, depends };
}

// Marks what is selected and what belongs to it, and the rest as aside.
function markGraph(placed, sel) {
    const near = new Set();
    for (const { edge, node } of placed.arrows) {
        const mine = edge.key === sel || edge.from.key === sel || edge.to.key === sel;
        node.classList.toggle("selected", edge.key === sel);
        node.classList.toggle("near", mine);
        if (mine) {
            near.add(edge.from).add(edge.to);
        }
    }
    const any = near.size > 0;
    placed.arrows.forEach(({ node }) => node.classList.toggle("aside", any && !node.classList.contains("near")));
    for (const { item, node } of placed.cards) {
        node.classList.toggle("selected", item.key === sel);
        node.classList.toggle("aside", any && !near.has(item));
    }
}

// The nearest card in a direction (dx, dy), for arrow keys; null: none.
function cardTowards(placed, card, dx, dy) {
    let best = null;
    let least = Infinity;
    for (const other of placed.cards) {
        const along = (other.x - card.x) * dx + (other.y - card.y) * dy;
        const across = Math.abs((other.x - card.x) * dy) + Math.abs((other.y - card.y) * dx);
        if (along > 0 && along + 3 * across < least) {
            best = other;
            least = along + 3 * across;
        }
    }
    return best;
}

const USED_ATTRIBUTES = ["tabindex", "role", "aria-label", "data-key", "data-side", "data-edge", "data-group"];

// The graph as a file of its own: in the colours of now, without what only helps to use it.
function exportGraph(root) {
    const copy = root.cloneNode(true);
    const box = root.viewBox.baseVal;
    copy.querySelectorAll(".hit, .fold").forEach((node) => node.remove());
    const marks = ["aside", "selected", "near"];
    copy.querySelectorAll("[class]").forEach((node) => node.classList.remove(...marks));
    copy.querySelectorAll("*").forEach((node) => {
        USED_ATTRIBUTES.forEach((name) => node.removeAttribute(name));
    });
    for (const name of [...copy.getAttributeNames()]) {
        copy.removeAttribute(name);
    }
    copy.setAttribute("xmlns", SVG);
    copy.setAttribute("viewBox", `0 ${box.y} ${box.width} ${box.height}`);
    copy.setAttribute("width", box.width);
    copy.setAttribute("class", "graph");
    const ground = svg("rect", { class: "ground", y: box.y, width: "100%", height: "100%" });
    copy.prepend(svg("style", null, graphStyle()), ground);
    return new XMLSerializer().serializeToString(copy) + "\n";
}

// The rules of the page for the graph, with the colours that variables have now.
function graphStyle() {
    const probe = html("span");
    document.body.append(probe);
    const colour = (whole, name) => {
        probe.style.color = `var(${name})`;
        return getComputedStyle(probe).color;
    };
    const rules = [...document.styleSheets[0].cssRules]
        .filter((rule) => rule.selectorText?.startsWith(".graph") && !/hover|focus/.test(rule.selectorText))
        .map((rule) => rule.cssText.replace(/var\((--[a-z-]+)\)/g, colour));
    probe.remove();
    return rules.join("\n");
}
