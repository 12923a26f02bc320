// The side panel: what is known of the selected item, edge or policy, and the list of findings. Whatever leads on
// is a button with the key of what it selects.

const DIRECTION_NAMES = ["ingress", "egress"];

function link(key, ...content) {
    return html("button", { class: "link", "data-select": key }, ...content);
}

function policyLink(id) {
    return link(`policy:${id}`, policies[id].name);
}

function quiet(tag, text) {
    return html(tag, { class: "quiet" }, text);
}

function heading(text) {
    return html("h3", null, text);
}

function section(title, ...content) {
    return html("section", null, heading(title), ...content);
}

function list(items, empty) {
    const entries = items.map((item) => html("li", null, item));
    return items.length > 0 ? html("ul", null, entries) : quiet("p", empty);
}

// A place and its line, as an editor would show it.
function source(line) {
    const [, number, text] = data.lines[line];
    return html("figure", { class: "source" },
        html("figcaption", null, place(line)),
        text === "" ? null : html("pre", null,
            html("span", { class: "number" }, `${number}`), html("code", null, text.trim())));
}

// ---- parts of a panel ----

function ruleEntry(id) {
    const rule = rules[id];
    return html("div", { class: "rule" },
        html("p", null, policyLink(rule.policy),
            ` ${rule.action}s by ${DIRECTION_NAMES[rule.direction]}[${rule.index}]`),
        source(rule.line));
}

// Why an edge is open in one direction: the rules of the end that this direction is decided at.
function whySection(edge, direction) {
    const end = direction === EGRESS ? edge.from : edge.to;
    const title = direction === EGRESS ? `Leaves ${itemName(end)}` : `Enters ${itemName(end)}`;
    if (!end.units.some((unit) => canBeIsolated(unit.cls))) {
        return section(title, quiet("p", "No policy decides about this end."));
    }
    const { rules: opened, states } = reasonsOf(edge, direction);
    const some = states.size > 1 ? "Some of it is not" : "Not";
    const open = html("p", { class: "warn" }, wall("open"), `${some} isolated for ${DIRECTION_NAMES[direction]}: ` +
        "no policy selects it, so everything passes.");
    const left = html("p", null, wall("mixed"),
        "Cluster policies decide here, and leave open what no rule of theirs denies.");
    return section(title, states.has("open") ? open : null, states.has("mixed") ? left : null,
        ...opened.map(ruleEntry));
}

function wall(state) {
    return html("span", { class: `wallmark ${state}`, "aria-hidden": "true" });
}

function isolationSection(item) {
    const able = item.units.filter((unit) => canBeIsolated(unit.cls));
    if (able.length === 0) {
        return null;
    }
    return section("Isolation", [INGRESS, EGRESS].map((direction) => {
        const state = isolation(item, direction);
        const by = [...new Set(able.flatMap((unit) => unit.cls.policies[direction]))].sort((a, b) => a - b);
        return html("div", null,
            html("p", null, wall(state), `${DIRECTION_NAMES[direction]}: ${ISOLATION_WORDS[state]}`),
            by.length > 0 ? list(by.map(policyLink), "") : null);
    }));
}

function flowSection(title, edges, otherEnd) {
    return section(`${title} (${edges.length})`, list(edges.slice(0, 200).map((edge) =>
        link(edge.key, html("span", null, itemName(otherEnd(edge))), quiet("span", ` ${edgeText(edge)}`))), "Nothing."),
    edges.length > 200 ? quiet("p", "The Flows tab has them all.") : null);
}

function membersSection(item) {
    const names = item.units.flatMap((unit) => unit.members.map((member) => [unit, member]));
    if (names.length === 1) {
        const [[, member]] = names;
        return section("About", list([member[2], member[3]].filter((text) => text), "No labels."));
    }
    const entries = names.slice(0, 500).map(([unit, member]) =>
        html("li", null, memberName(unit.cls, member), quiet("span", ` ${member[3]}`)));
    return section(`Members (${names.length})`, html("ul", { class: "members" }, entries),
    names.length > 500 ? quiet("p", `And ${count(names.length - 500, "more", "more")}.`) : null);
}

const SEVERITY_SIGNS = { error: "✕", warning: "!", info: "i" };

function findingEntry(index) {
    const finding = findings[index];
    return html("article", { class: `finding ${finding.severity}` },
        html("p", null, html("span", { class: "sign", "aria-hidden": "true" }, SEVERITY_SIGNS[finding.severity]),
            html("strong", null, `${finding.severity}: `), finding.text,
            quiet("span", ` ${finding.id} ${finding.slug}`)),
        finding.line >= 0 ? source(finding.line) : null,
        finding.hint ? html("p", { class: "hint" }, `Hint: ${finding.hint}`) : null,
        finding.notes.map(([line, text]) => html("div", null, html("p", null, text), source(line))),
        finding.policy >= 0 ? html("p", null, "In ", policyLink(finding.policy)) : null);
}

// Infos are many, and can wait.
function findingsSection(indices) {
    const infos = indices.filter((index) => findings[index].severity === "info");
    const others = indices.filter((index) => findings[index].severity !== "info");
    return indices.length === 0 ? null : section(`Findings (${indices.length})`, others.map(findingEntry),
        infos.length === 0 ? null : html("details", null,
            html("summary", null, count(infos.length, "info")), infos.map(findingEntry)));
}

// ---- panels ----

function foldButton(item) {
    return html("button", { "data-fold": foldKey(item) }, item.kind === "member" ? "Collapse" : "Expand");
}

function itemPanel(item, shown) {
    return [
        html("h2", null, itemName(item)),
        item.canExpand ? html("p", null, foldButton(item)) : null,
        isolationSection(item),
        findingsSection(findingsOf(item)),
        flowSection("Incoming", shown.edges.filter((edge) => edge.to === item), (edge) => edge.from),
        flowSection("Outgoing", shown.edges.filter((edge) => edge.from === item), (edge) => edge.to),
        membersSection(item),
    ];
}

function edgePanel(edge) {
    return [
        html("h2", null, link(edge.from.key, itemName(edge.from)), " → ", link(edge.to.key, itemName(edge.to))),
        html("p", { class: "portlist" }, edgeText(edge)),
        whySection(edge, EGRESS),
        whySection(edge, INGRESS),
    ];
}

function policyPanel(policy, shown) {
    const selects = (direction) => shown.items.filter((item) =>
        item.units.some((unit) => unit.cls.policies[direction].includes(policy.id)));
    const mine = rules.flatMap((rule, id) => (rule.policy === policy.id ? [id] : []));
    return [
        html("h2", null, policy.name),
        quiet("p", policy.kind),
        source(policy.line),
        findingsSection(findingsOfPolicy[policy.id]),
        ...[INGRESS, EGRESS].map((direction) => {
            const items = selects(direction);
            const links = items.map((item) => link(item.key, itemName(item)));
            return links.length > 0 ? section(`Decides ${DIRECTION_NAMES[direction]} of`, list(links, "")) : null;
        }),
        section("Rules", mine.length > 0 ? mine.map(ruleEntry) : quiet("p", "None.")),
    ];
}

function startPanel() {
    return [html("h2", null, "Nothing is selected"),
        html("p", null, "Select a workload to see its isolation, findings and flows, " +
            "or a flow to see the policy lines that open it.")];
}

function drawPanel(node, shown, sel) {
    const policy = /^policy:(\d+)$/.exec(sel);
    const edge = shown.edges.find((candidate) => candidate.key === sel);
    const item = shown.byKey.get(sel);
    const content = policy && policies[policy[1]] ? policyPanel(policies[policy[1]], shown) :
        edge ? edgePanel(edge) : item ? itemPanel(item, shown) : startPanel();
    node.replaceChildren(...content.flat().filter((child) => child));
    node.scrollTop = 0;
}

// Whether the filters on endpoints leave a finding: by whom it is about, or by its words.
function findingShown(finding, state) {
    const { id, slug, text, line, policy } = finding;
    const cls = classes[finding.cls];
    const about = policies[policy]?.name ?? (cls ? memberName(cls, cls.members[0]) : "");
    const words = [about, id, slug, text, line >= 0 ? place(line) : ""].join(" ").toLowerCase();
    const group = groups.find((candidate) => candidate.key === state.ns);
    return state.q.toLowerCase().split(/\s+/).every((word) => words.includes(word)) &&
        (!group || group.namespaces.some((ns) => about.startsWith(`${data.namespaces[ns][0]}/`)));
}

function drawFindings(node, state) {
    const order = ["error", "warning", "info"];
    const sorted = findings.map((finding, index) => index).filter((index) => findingShown(findings[index], state))
        .sort((a, b) => order.indexOf(findings[a].severity) - order.indexOf(findings[b].severity) || a - b);
    const entries = sorted.map(findingEntry);
    node.replaceChildren(...(entries.length > 0 ? entries : [quiet("p", "No findings.")]));
}
