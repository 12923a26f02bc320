// State and events. The state is in the hash of the address, so that a view can be kept and sent.

const VIEWS = ["graph", "matrix", "flows", "list"];
const FLAGS = ["external", "open", "findings", "decided", "all"];
const ZOOMS = [0.5, 0.65, 0.8, 1, 1.25, 1.5, 2];

const state = {};
const matrix = new Matrix(byId("matrix"), select);
const table = new FlowTable(byId("flows"), select);
let shown = null;
let placed = null;
let current = 0; // the card that Tab leads to

// ---- state and address ----

function readHash() {
    const params = new URLSearchParams(location.hash.slice(1));
    for (const name of ["q", "port", "ns", "sel", "theme"]) {
        state[name] = params.get(name) ?? "";
    }
    state.view = VIEWS.includes(params.get("view")) ? params.get("view") : "graph";
    state.toggled = new Set(params.getAll("fold"));
    state.zoom = ZOOMS.includes(Number(params.get("zoom"))) ? Number(params.get("zoom")) : 0;
    FLAGS.forEach((flag) => { state[flag] = params.has(flag); });
}

function writeHash() {
    const params = new URLSearchParams();
    for (const name of ["q", "port", "ns", "sel", "theme"]) {
        if (state[name]) {
            params.set(name, state[name]);
        }
    }
    if (state.view !== "graph") {
        params.set("view", state.view);
    }
    if (state.zoom) {
        params.set("zoom", state.zoom);
    }
    FLAGS.filter((flag) => state[flag]).forEach((flag) => params.set(flag, ""));
    [...state.toggled].sort().forEach((key) => params.append("fold", key));
    history.replaceState(null, "", `#${params}`);
}

function change(values) {
    Object.assign(state, values);
    writeHash();
    draw();
}

function select(key) {
    state.sel = key;
    writeHash();
    if (placed.depends) {
        draw();
    } else {
        mark();
    }
}

function foldKey(item) {
    return item.kind === "unit" || item.kind === "member" ? unitKey(item.units[0]) : item.group.key;
}

function fold(key) {
    const toggled = new Set(state.toggled);
    if (!toggled.delete(key)) {
        toggled.add(key);
    }
    change({ toggled });
}

// ---- drawing ----

function draw() {
    const focused = document.activeElement.closest(".graph [data-key], .graph [data-edge]")?.dataset;
    shown = project(state);
    document.documentElement.dataset.theme = state.theme;
    for (const view of VIEWS) {
        byId(view).hidden = view !== state.view;
        byId(`tab-${view}`).setAttribute("aria-selected", view === state.view);
        byId(`tab-${view}`).tabIndex = view === state.view ? 0 : -1;
    }
    fillForm();
    placed = drawGraph(byId("drawing"), shown, state);
    setCurrent(0);
    zoom();
    if (focused) {
        refocus(focused);
    }
    const hint = state.view === "graph" || shown.limited ? placed.hint : "";
    const counts = `${count(shown.items.length, "item")}, ${count(shown.edges.length, "flow")} shown`;
    byId("note").textContent = hint || counts;
    byId("all").closest("label").hidden = !hint || shown.limited;
    mark();
}

// Gives the keyboard back to what had it before all was drawn anew.
function refocus({ key, side, edge }) {
    const at = placed.cards.findIndex((card) => card.item.key === key && card.side === (side ?? ""));
    if (at >= 0) {
        setCurrent(at);
    }
    const arrow = placed.arrows.find((candidate) => candidate.edge.key === edge);
    (arrow ?? placed.cards[at])?.node.focus({ preventScroll: true });
}

// What depends on the selection only.
function mark() {
    markGraph(placed, state.sel);
    if (placed.cards[current]?.item.key !== state.sel) {
        const at = placed.cards.findIndex((card) => card.item.key === state.sel);
        setCurrent(at >= 0 ? at : current);
    }
    if (state.view === "matrix") {
        matrix.show(shown, state.sel);
    } else if (state.view === "flows") {
        table.show(shown, state.sel);
    } else if (state.view === "list") {
        drawFindings(byId("list"), state);
    }
    drawPanel(byId("panel"), shown, state.sel);
}

function setCurrent(index) {
    placed.cards[current]?.node.setAttribute("tabindex", -1);
    current = index;
    placed.cards[current]?.node.setAttribute("tabindex", 0);
}

function zoom() {
    const room = byId("canvas").clientWidth;
    const fit = Math.min(1.2, Math.max(0.65, room / placed.width));
    const scale = state.zoom || fit;
    byId("drawing").style.width = `${Math.floor(placed.width * scale)}px`;
    byId("drawing").style.height = `${Math.floor(placed.height * scale)}px`;
}

function zoomBy(step) {
    const now = state.zoom || byId("drawing").clientWidth / placed.width;
    const next = step > 0 ? ZOOMS.find((z) => z > now + 0.01) : ZOOMS.findLast((z) => z < now - 0.01);
    change({ zoom: next ?? state.zoom });
}

function fillForm() {
    for (const name of ["q", "port", "ns"]) {
        if (byId(name).value !== state[name]) {
            byId(name).value = state[name];
        }
    }
    byId("port").setAttribute("aria-invalid", state.port !== "" && parsePort(state.port) === null);
    FLAGS.forEach((flag) => { byId(flag).checked = state[flag]; });
}

function fillPage() {
    const workloads = new Set(classes.filter((cls) => cls.kind === "workload").flatMap((cls) =>
        cls.members.map((member) => memberName(cls, member)))).size;
    const facts = [count(workloads, "workload"), count(data.namespaces.length, "namespace"),
        count(policies.length, "policy", "policies"), count(countConnections(), "connection"),
        count(findings.length, "finding")];
    byId("facts").replaceChildren(...facts.map((fact) => html("li", null, fact)));
    byId("subject").textContent = data.title;
    for (const group of groups) {
        byId("ns").append(html("option", { value: group.key }, group.title));
    }
    byId("tab-list").append(` (${findings.length})`);
}

// ---- events ----

function onForm() {
    const flags = Object.fromEntries(FLAGS.map((flag) => [flag, byId(flag).checked]));
    change({ q: byId("q").value, port: byId("port").value.trim(), ns: byId("ns").value, ...flags });
}

function onGraphClick(event) {
    const target = event.target.closest("[data-key], [data-edge], [data-group]");
    if (event.target.classList.contains("fold")) {
        fold(target.dataset.group);
    } else if (target?.dataset.key || target?.dataset.edge) {
        select(target.dataset.key ?? target.dataset.edge);
    } else {
        select("");
    }
}

function foldSelected(key) {
    const item = shown.byKey.get(key);
    if (item?.canExpand) {
        fold(foldKey(item));
    } else if (item && item.kind === "unit" && item.group.units.length > 1) {
        fold(item.group.key);
    }
}

// Arrow keys go from card to card, o and i step through the arrows that leave and enter the card, + folds.
function onGraphKey(event) {
    const card = placed.cards[current];
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!card || event.ctrlKey || event.altKey || event.metaKey) {
        return;
    }
    if (step) {
        const next = cardTowards(placed, card, ...step);
        if (next) {
            setCurrent(next.index);
            next.node.focus();
        }
    } else if (event.key === "Enter" || event.key === " ") {
        select(event.target.closest("[data-key], [data-edge]")?.dataset.edge ?? card.item.key);
    } else if (event.key === "o" || event.key === "i") {
        stepArrows(card, event.key === "o" ? "from" : "to", event.target);
    } else if (event.key === "+" || event.key === "-") {
        foldSelected(card.item.key);
        const at = placed.cards.findIndex((other) => other.item.group === card.item.group);
        setCurrent(Math.max(0, at));
        placed.cards[current]?.node.focus();
    } else {
        return;
    }
    event.preventDefault();
}

function stepArrows(card, end, focused) {
    const mine = placed.arrows.filter((arrow) => arrow[end] === card);
    const at = mine.findIndex((arrow) => arrow.node === focused);
    mine[(at + 1) % mine.length]?.node.focus();
}

function onTabKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
        const next = VIEWS[(VIEWS.indexOf(state.view) + step + VIEWS.length) % VIEWS.length];
        change({ view: next });
        byId(`tab-${next}`).focus();
    }
}

function onPageKey(event) {
    const typing = event.target.closest("input, select");
    if (event.key === "/" && !typing) {
        event.preventDefault();
        byId("q").focus();
    } else if (event.key === "Escape") {
        if (typing) {
            typing.blur();
        } else {
            select("");
        }
    }
}

// Dragging the ground moves the drawing.
function onDrag(event) {
    const canvas = byId("canvas");
    if (event.button !== 0 || event.target.closest("[data-key], [data-edge], .fold")) {
        return;
    }
    const start = { x: event.clientX + canvas.scrollLeft, y: event.clientY + canvas.scrollTop };
    const move = (moved) => canvas.scrollTo(start.x - moved.clientX, start.y - moved.clientY);
    canvas.addEventListener("pointermove", move);
    addEventListener("pointerup", () => canvas.removeEventListener("pointermove", move), { once: true });
}

function saveDrawing() {
    const url = URL.createObjectURL(new Blob([exportGraph(byId("drawing"))], { type: "image/svg+xml" }));
    html("a", { href: url, download: "npc-graph.svg" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function otherTheme() {
    const dark = state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    change({ theme: dark ? "light" : "dark" });
}

function listen() {
    byId("filters").addEventListener("input", onForm);
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("reset").addEventListener("click", () =>
        change({ q: "", port: "", ns: "", sel: "", ...Object.fromEntries(FLAGS.map((flag) => [flag, false])) }));
    byId("drawing").addEventListener("click", onGraphClick);
    byId("drawing").addEventListener("dblclick", (event) =>
        foldSelected(event.target.closest("[data-key]")?.dataset.key));
    byId("drawing").addEventListener("keydown", onGraphKey);
    byId("canvas").addEventListener("pointerdown", onDrag);
    VIEWS.forEach((view) => byId(`tab-${view}`).addEventListener("click", () => change({ view })));
    byId("tabs").addEventListener("keydown", onTabKey);
    byId("theme").addEventListener("click", otherTheme);
    byId("save").addEventListener("click", saveDrawing);
    byId("zoom-in").addEventListener("click", () => zoomBy(1));
    byId("zoom-out").addEventListener("click", () => zoomBy(-1));
    byId("zoom-fit").addEventListener("click", () => change({ zoom: 0 }));
    document.addEventListener("click", (event) => {
        const target = event.target.closest("[data-select], [data-fold]");
        if (target?.dataset.fold) {
            fold(target.dataset.fold);
        } else if (target) {
            select(target.dataset.select);
        }
    });
    document.addEventListener("keydown", onPageKey);
    addEventListener("resize", zoom);
    addEventListener("hashchange", () => { readHash(); draw(); });
}

readHash();
fillPage();
listen();
draw();
