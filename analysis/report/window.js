// A list that is longer than its window: the base of the matrix and the table. The subclass has render(), which
// makes the elements in view, and hands them to put(); exactly one of them has tabindex 0.

class ListWindow {
    // onSelect(key) is called with the key of an edge or an item.
    constructor(scroller, label, onSelect) {
        this.scroller = scroller;
        this.onSelect = onSelect;
        this.pending = null;
        this.shown = null;
        this.inner = html("div", { class: "inner", role: "grid", "aria-label": label });
        scroller.replaceChildren(this.inner);
        scroller.addEventListener("scroll", () => this.schedule());
        new ResizeObserver(() => this.schedule()).observe(scroller);
        this.inner.addEventListener("keydown", (event) => this.keydown(event));
        this.inner.addEventListener("click", (event) => this.click(event));
    }

    schedule() {
        this.pending ??= requestAnimationFrame(() => {
            this.pending = null;
            if (this.shown) {
                this.render();
            }
        });
    }

    // Replaces what is in view; the keyboard stays where it was.
    put(nodes) {
        const hadFocus = this.inner.contains(document.activeElement);
        this.inner.replaceChildren(...nodes);
        if (hadFocus) {
            this.inner.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
        }
    }
}

function clamp(value, most) {
    return Math.max(0, Math.min(value, most));
}
