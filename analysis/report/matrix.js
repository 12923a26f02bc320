// The matrix: sources down, destinations across. Only the cells in view are elements.

const CELL = { width: 64, height: 28, rowHead: 210, columnHead: 150 };

class Matrix extends ListWindow {
    constructor(scroller, onSelect) {
        super(scroller, "Allowed flows, sources down, destinations across", onSelect);
        this.at = [0, 0]; // the cell that has the focus
    }

    show(shown, sel) {
        const sends = new Set(shown.edges.map((edge) => edge.from));
        const receives = new Set(shown.edges.map((edge) => edge.to));
        this.shown = shown;
        this.sel = sel;
        // The world outside is a row or a column only where something flows.
        this.rows = shown.items.filter((item) => sends.has(item) || item.group.kind !== "range");
        this.columns = shown.items.filter((item) => receives.has(item) || item.group.kind !== "range");
        this.at = [clamp(this.at[0], this.rows.length - 1), clamp(this.at[1], this.columns.length - 1)];
        this.inner.style.width = `${CELL.rowHead + this.columns.length * CELL.width}px`;
        this.inner.style.height = `${CELL.columnHead + this.rows.length * CELL.height}px`;
        this.inner.setAttribute("aria-rowcount", this.rows.length + 1);
        this.inner.setAttribute("aria-colcount", this.columns.length + 1);
        this.render();
    }

    // The rows and columns in view, and a few more.
    view() {
        const { scrollTop, scrollLeft, clientHeight, clientWidth } = this.scroller;
        const part = (start, size, step, n) => [
            Math.max(0, Math.floor(start / step) - 2), Math.min(n, Math.ceil((start + size) / step) + 2)];
        return [...part(scrollTop, clientHeight, CELL.height, this.rows.length),
            ...part(scrollLeft, clientWidth, CELL.width, this.columns.length)];
    }

    render() {
        const [top, bottom, left, right] = this.view();
        const heads = html("div", { class: "headrow", role: "row", "aria-rowindex": 1 },
            html("div", { class: "corner" }, html("span", null, "from ↓"), html("span", null, "to →")));
        for (let c = left; c < right; c++) {
            const head = html("button", { class: "columnhead", role: "columnheader", tabindex: -1,
                "aria-colindex": c + 2, "data-key": this.columns[c].key, title: describeItem(this.columns[c]) },
            html("span", null, fitText(itemName(this.columns[c]), CELL.columnHead - 14, "14px")));
            head.style.left = `${CELL.rowHead + c * CELL.width}px`;
            heads.append(head);
        }
        const rows = [];
        for (let r = top; r < bottom; r++) {
            rows.push(this.row(r, left, right));
        }
        this.put([heads, ...rows]);
    }

    row(r, left, right) {
        const item = this.rows[r];
        const row = html("div", { class: "row", role: "row", "aria-rowindex": r + 2 },
            html("button", { class: "rowhead", role: "rowheader", tabindex: -1, "data-key": item.key,
                title: describeItem(item) },
                fitText(itemName(item), CELL.rowHead - 22, "14px")));
        row.style.top = `${CELL.columnHead + r * CELL.height}px`;
        for (let c = left; c < right; c++) {
            row.append(this.cell(r, c));
        }
        return row;
    }

    cell(r, c) {
        const [from, to] = [this.rows[r], this.columns[c]];
        const edge = this.shown.table.get(from, to);
        const here = this.at[0] === r && this.at[1] === c;
        const itself = isItself(from, to);
        const kind = edge ? edgeKind(edge) : itself ? "itself" : "none";
        const text = edge ? shortPorts(edgePorts(edge)) : "";
        const cell = html("div", {
            class: `cell ${kind}${edge?.key === this.sel ? " selected" : ""}`, role: "gridcell",
            tabindex: here ? 0 : -1, "aria-colindex": c + 2, "data-r": r, "data-c": c, "data-edge": edge?.key,
            "aria-label": edge ? edgeTitle(edge) : `${itemName(from)} → ${itemName(to)}: nothing`,
            title: edge ? edgeTitle(edge) : null,
        }, text);
        cell.style.left = `${CELL.rowHead + c * CELL.width}px`;
        return cell;
    }

    keydown(event) {
        const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
        if (step) {
            event.preventDefault();
            this.move(this.at[0] + step[0], this.at[1] + step[1]);
        } else if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            const edge = this.shown.table.get(this.rows[this.at[0]], this.columns[this.at[1]]);
            this.onSelect(event.target.dataset.key ?? edge?.key ?? "");
        }
    }

    move(r, c) {
        this.at = [clamp(r, this.rows.length - 1), clamp(c, this.columns.length - 1)];
        const [x, y] = [this.at[1] * CELL.width, this.at[0] * CELL.height];
        const scroller = this.scroller;
        const width = scroller.clientWidth - CELL.rowHead - CELL.width;
        const height = scroller.clientHeight - CELL.columnHead - CELL.height;
        scroller.scrollLeft = Math.max(Math.min(scroller.scrollLeft, x), x - width);
        scroller.scrollTop = Math.max(Math.min(scroller.scrollTop, y), y - height);
        this.render();
    }

    click(event) {
        const node = event.target.closest("[data-r], [data-key]");
        if (node?.dataset.r !== undefined) {
            this.at = [Number(node.dataset.r), Number(node.dataset.c)];
        }
        if (node) {
            this.onSelect(node.dataset.edge ?? node.dataset.key ?? "");
        }
    }
}

// As much of the ports as a cell holds.
function shortPorts(ports) {
    const words = ports.map(([protocol, first, last]) => {
        if (first === undefined) {
            return { ALL: "all", REST: "other" }[protocol] ?? protocol.toLowerCase();
        }
        return protocol.startsWith("ICMP") ? protocol.toLowerCase() : rangeText(first, last);
    });
    const text = [...new Set(words)].join(" ");
    return text.length <= 9 ? text : `${words[0].length <= 7 ? words[0] : words[0].split("–")[0]} …`;
}
