// The flows as a list, one row each. Only the rows in view are elements.

const ROW_HEIGHT = 30;

class FlowTable extends ListWindow {
    constructor(scroller, onSelect) {
        super(scroller, "Allowed flows", onSelect);
        this.at = 0; // the row that has the focus
    }

    show(shown, sel) {
        this.shown = shown;
        this.edges = shown.edges;
        this.sel = sel;
        this.at = clamp(this.at, this.edges.length - 1);
        this.inner.style.height = `${(this.edges.length + 1) * ROW_HEIGHT}px`;
        this.inner.setAttribute("aria-rowcount", this.edges.length + 1);
        this.render();
    }

    render() {
        const { scrollTop, clientHeight } = this.scroller;
        const first = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - 5);
        const last = Math.min(this.edges.length, Math.ceil((scrollTop + clientHeight) / ROW_HEIGHT) + 5);
        const head = html("div", { class: "headrow", role: "row", "aria-rowindex": 1 },
            ["From", "To", "Ports", "Decided by"].map((name) => html("span", { role: "columnheader" }, name)));
        const rows = this.edges.slice(first, last).map((edge, i) => this.row(edge, first + i));
        this.put([head, ...rows]);
    }

    row(edge, r) {
        const row = html("div", {
            class: `row ${edgeKind(edge)}${edge.key === this.sel ? " selected" : ""}`, role: "row",
            "data-edge": edge.key,
            "data-r": r, "aria-rowindex": r + 2, tabindex: r === this.at ? 0 : -1,
        }, [itemName(edge.from), itemName(edge.to), edgeText(edge), decidersText(edge)].map((text) =>
            html("span", { role: "gridcell", title: text }, text)));
        row.style.top = `${(r + 1) * ROW_HEIGHT}px`;
        return row;
    }

    click(event) {
        const row = event.target.closest("[data-edge]");
        if (row) {
            this.at = Number(row.dataset.r);
            this.onSelect(row.dataset.edge);
        }
    }

    keydown(event) {
        const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_HEIGHT) - 2);
        const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
        const step = steps[event.key];
        if (step !== undefined) {
            event.preventDefault();
            this.at = clamp(this.at + step, this.edges.length - 1);
            const y = this.at * ROW_HEIGHT;
            const height = this.scroller.clientHeight - 2 * ROW_HEIGHT;
            this.scroller.scrollTop = Math.max(Math.min(this.scroller.scrollTop, y), y - height);
            this.render();
        } else if ((event.key === "Enter" || event.key === " ") && this.edges.length > 0) {
            event.preventDefault();
            this.onSelect(this.edges[this.at].key);
        }
    }
}

// The policies whose rules open an edge.
function decidersText(edge) {
    edge.deciders ??= [...new Set([EGRESS, INGRESS].flatMap((direction) =>
        reasonsOf(edge, direction).rules.map((rule) => policies[rules[rule].policy].name)))].join(", ") || "no policy";
    return edge.deciders;
}
