#!/usr/bin/env python3
"""npc list -o html in a real browser: what the page draws is what `npc list -o json` says and what the input holds;
filters, clicks and keys do what they say; nothing in the input becomes markup; both themes can be read."""
import base64
import hashlib
import json
import pathlib
import re
import sys
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pylib"))
from npctest import SRC, Suite  # noqa: E402

import clusters  # noqa: E402
import webdriver  # noqa: E402
from webdriver import Keys  # noqa: E402

PICTURE = SRC / "docs" / "report.svg"
suite = Suite(__doc__, bless=True)


def problem_of(got, want):
    """What differs between two sets; empty if nothing does."""
    more, less = sorted(set(got) - set(want)), sorted(set(want) - set(got))
    lines = [f"not expected: {x}" for x in more[:10]] + [f"missing: {x}" for x in less[:10]]
    return "\n".join([f"{len(more)} too many, {len(less)} missing", *lines]) if lines else ""


# ---- the page as text ----

def make(where, name, text, extension="yaml"):
    """Writes an input and its report; the report's path."""
    source = where / f"{name}.{extension}"
    source.write_text(text, encoding="utf-8", newline="\n")
    done = suite.run("list", "-o", "html", source.name, cwd=where)
    if done.status != 0:
        suite.fail(f"made-{name}", f"exit status {done.status}\n{done.diag}")
        sys.exit(suite.finish())
    page = where / f"{name}.html"
    page.write_bytes(done.out)
    return page


def island(page):
    return re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1)


def check_text(where):
    page = make(where, "text", clusters.cluster(40, 6))
    again = make(where, "text", clusters.cluster(40, 6)).read_bytes()
    suite.check("same-bytes", "" if page.read_bytes() == again else "two runs differ")
    text = page.read_text(encoding="utf-8")
    data = json.loads(island(text))
    suite.check("island-json", "" if data["version"] == 1 and data["classes"] else "no classes")
    for kind, tag in (("script", '<script type="module">'), ("style", "<style>")):
        content = text.split(tag)[1].split(f"</{kind}>")[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        allowed = re.search(rf"{kind}-src ([^;\"]*)", text).group(1)
        suite.check(f"csp-{kind}", "" if allowed == f"'sha256-{digest}'" else f"{allowed} is not the hash {digest}")
    urls = set(re.findall(r"\b(?:https?:)?//[a-z][a-z0-9.]+\.[a-z]{2,}[^\s\"'`]*", text.split('id="data">')[0] +
                          text.split("</script>", 1)[1]))
    suite.check("no-network", problem_of(urls, {"http://www.w3.org/2000/svg"}))
    checked = json.loads(suite.run("check", "-v", "-o", "json", page.with_suffix(".yaml").name, cwd=where).out)
    want = {(d["severity"], d["id"], f"{d['file']}:{d['line']}", d["message"]) for d in checked["diagnostics"]}
    places = [f"{data['files'][file]}:{line}" for file, line, _ in data["lines"]]
    got = {(severity, number, places[line], message) for severity, number, _, message, _, line, *_ in data["findings"]}
    suite.check("findings", problem_of(got, want))
    hostile = make(where, "hostile<img src=x>", clusters.hostile(), "json").read_text(encoding="utf-8")
    raw = re.findall(r"[<>&\u2028\u2029]", island(hostile))
    suite.check("island-escaped", f"bare {raw[:5]}" if raw else "")
    written = json.dumps(clusters.HOSTILE, ensure_ascii=False)
    lines = [line for _, _, line in json.loads(island(hostile))["lines"]]
    suite.check("hostile-kept", "" if any(written in line for line in lines) else f"not in {lines}")


# ---- what the listing says ----

class Listing:
    """`npc list -o json` of an input: pairs of workloads with the text of their ports, as the page words them."""

    def __init__(self, source):
        done = suite.run("list", "-o", "json", source)
        self.connections = json.loads(done.out)["connections"]
        done = suite.run("list", "--classes", "-o", "json", source)
        self.classes = [c for c in json.loads(done.out)["classes"] if c["kind"] == "workload"]
        self.names = {name for c in self.classes for name in c["members"]}
        self.open = {name for c in self.classes for name in c["members"] if len(c["isolated"]) < 2}

    def pairs(self, keep=lambda connection: True):
        return {f"{c['from']} → {c['to']}: {ports_text(c['ports'])}" for c in self.connections
                if c["from"] in self.names and c["to"] in self.names and keep(c)}

    def outside(self):
        """Workloads that have something to do with the world outside, and in which direction."""
        return ({("in", c["to"]) for c in self.connections if c["from"] not in self.names} |
                {("out", c["from"]) for c in self.connections if c["to"] not in self.names})


def ports_text(ports):
    words, before = [], None
    for port in ports:
        protocol = port["protocol"]
        if protocol == "ALL":
            return "all traffic"
        word = f"{port['port']}" if "port" in port else f"all {protocol}"
        if "endPort" in port:
            word += f"–{port['endPort']}"
        words.append(word if protocol == before or "port" not in port else f"{protocol} {word}")
        before = protocol
    return ", ".join(words)


# ---- what the page shows ----

class Page:
    """One report in the browser."""

    def __init__(self, browser, path):
        self.browser = browser
        self.url = "file://" + urllib.parse.quote(str(path))

    def open(self, **state):
        """Opens the page in a state, as a kept address would."""
        query = urllib.parse.urlencode({k: v for k, v in state.items() if v is not None}, doseq=True)
        self.browser.go("about:blank")
        self.browser.go(f"{self.url}#{query}")
        self.browser.script("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def arrows(self):
        """What the arrows say of themselves."""
        return self.browser.script(
            "return [...document.querySelectorAll('.arrow')].map((node) => node.getAttribute('aria-label'))")

    def pairs(self, listing):
        """The arrows between two workloads."""
        return {text for text in self.arrows() if set(text.split(": ")[0].split(" → ")) <= listing.names}

    def keys(self):
        return self.browser.script(
            "return [...new Set([...document.querySelectorAll('.card')].map((node) => node.dataset.key))]")

    def card(self, name, group="ns:shop"):
        """The key of a card of a group."""
        return self.browser.script("""
            return [...document.querySelectorAll(".card")].find((node) => node.dataset.key.startsWith(arguments[1]) &&
                node.getAttribute("aria-label").startsWith(arguments[0])).dataset.key""", name, group)

    def text(self, selector):
        return self.browser.script("return document.querySelector(arguments[0]).textContent", selector)

    def focus(self):
        """What has the focus: an id, or the key of a card or an arrow."""
        return self.browser.script("const node = document.activeElement;"
                                   "return node.id || node.dataset.edge || node.dataset.key || node.tagName")

    def hash(self, name):
        fragment = self.browser.script("return location.hash.slice(1)")
        return urllib.parse.parse_qs(fragment, keep_blank_values=True).get(name, [None])[0]

    def click_arrow(self, label):
        """Clicks on the line of an arrow, at the first of some points that nothing covers."""
        point = self.browser.script("""
            const arrow = [...document.querySelectorAll(".arrow")]
                .find((node) => node.getAttribute("aria-label") === arguments[0]);
            const line = arrow.querySelector(".line");
            for (let part = 1; part < 20; part++) {
                const at = line.getPointAtLength(line.getTotalLength() * part / 20).matrixTransform(line.getScreenCTM());
                if (arrow.contains(document.elementFromPoint(at.x, at.y))) {
                    return [at.x, at.y];
                }
            }
            return null;""", label)
        if point:
            self.browser.click(*point)
        return point is not None


def check_quiet(browser, name):
    said = browser.log()
    suite.check(f"quiet-{name}", "\n".join(said))


# ---- content ----

def folds(page):
    """What is to be opened for each workload to have a card of its own."""
    page.open()
    return page.browser.script("""
        return [...document.querySelectorAll(".card.unit.namespace .stack")].map((node) => node.parentNode.dataset.key)""")


def expanded(page):
    page.open(all="", fold=folds(page))


def check_graph(page, listing):
    expanded(page)
    suite.check("graph-pairs", problem_of(page.pairs(listing), listing.pairs()))
    names = set(page.browser.script(
        "return [...document.querySelectorAll('.card.member, .card.unit.namespace')].map((node) => node.dataset.key)"))
    suite.check("graph-nodes", "" if len(names) == len(listing.names) else
                f"{len(names)} cards for {len(listing.names)} workloads")
    outside = {("in", text.split(": ")[0].split(" → ")[1]) for text in page.arrows()
               if text.split(" → ")[0] not in listing.names}
    outside |= {("out", text.split(" → ")[0]) for text in page.arrows()
                if text.split(": ")[0].split(" → ")[1] not in listing.names}
    suite.check("graph-outside", problem_of(outside, listing.outside()))
    facts = page.text("#facts")
    want = f"{len(listing.pairs())} connection"
    suite.check("facts", "" if want in facts else f"{facts!r} lacks {want!r}")
    arrows = set(page.arrows())
    page.open(view="matrix", fold=folds(page))
    cells = page.browser.script("return [...document.querySelectorAll('#matrix .cell[data-edge]')].map((node) => node.title)")
    suite.check("matrix-edges", problem_of(cells, arrows))
    page.open(view="flows", fold=folds(page))
    rows = page.browser.script("return Number(document.querySelector('#flows [role=grid]').getAttribute('aria-rowcount')) - 1")
    suite.check("flows-edges", "" if rows == len(arrows) else f"{rows} rows, {len(arrows)} arrows")


def check_filters(page, listing):
    def compare(name, keep, **state):
        page.open(all="", **state)
        suite.check(f"filter-{name}", problem_of(page.pairs(listing), listing.pairs(keep)))

    def either(test):
        return lambda c: test(c["from"]) or test(c["to"])

    compare("namespace", either(lambda end: end.startswith("payments/")), ns="ns:payments")
    compare("search", either(lambda end: "worker" in end), q="worker")
    compare("port", lambda c: any(p.get("port") == 8080 for p in c["ports"]), port="tcp/8080")
    compare("protocol", lambda c: False, port="udp")
    compare("open", either(lambda end: end in listing.open), open="")
    compare("none", lambda c: True)
    page.open(all="", external="")
    arrows = page.arrows()
    suite.check("filter-external", "" if arrows and not page.pairs(listing) else f"{len(arrows)} arrows")
    page.open()
    page.browser.press("/")
    page.browser.press(*"worker")
    typed = page.pairs(listing)
    want = listing.pairs(either(lambda end: "worker" in end))
    suite.check("filter-typed", problem_of(typed, want))
    suite.check("filter-kept", "" if page.hash("q") == "worker" else f"the address says {page.hash('q')}")


def check_why(page, source):
    """A click on an arrow shows the line of the input that opens it."""
    label = "shop/web-0 → shop/api-0: TCP 8080"
    page.open()
    if not page.click_arrow(label):
        suite.fail("click-arrow", f"no arrow {label} to click on")
        return
    panel = page.text("#panel")
    lines = source.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if line == "  name: api-in" and "  namespace: shop" in lines[i + 1])
    rule = next(i for i in range(at, len(lines)) if "- from:" in lines[i])
    want = [f"{source.name}:{rule + 1}", lines[rule].strip(), "shop/api-in", "ingress[0]", "Not isolated for egress"]
    missing = [text for text in want if text not in panel]
    suite.check("click-arrow", f"the panel lacks {missing}: {panel}" if missing else "")
    others = [name for name in ("default-deny allow", "web-in", "worker-in") if name in panel]
    suite.check("click-only-that", f"the panel also names {others}" if others else "")
    page.browser.script("document.querySelector('#panel [data-select^=policy]').click()")
    suite.check("click-policy", "" if "Decides ingress of" in page.text("#panel") else page.text("#panel"))


def check_keyboard(page):
    browser = page.browser
    page.open()
    browser.press("/")
    suite.check("key-search", "" if page.focus() == "q" else page.focus())
    browser.press(Keys.ESCAPE)
    stops = []
    for _ in range(30):
        browser.press(Keys.TAB)
        stops.append(page.focus())
        if stops[-1].startswith("ns:"):
            break
    suite.check("key-tab", "" if stops[-1].startswith("ns:") and {"ns", "port", "external", "tab-graph"} <= set(stops)
                else f"Tab led to {stops}")
    start = page.card("web-0")
    page.open(sel=start)
    browser.script("document.querySelector('.card.selected').focus()")
    browser.press(Keys.RIGHT)
    moved = page.focus()
    suite.check("key-arrows", "" if "." in moved and moved != start else f"from {start} to {moved}")
    browser.press(Keys.ENTER)
    suite.check("key-enter", "" if page.hash("sel") == moved else f"selected {page.hash('sel')}, not {moved}")
    visible = browser.script("const s = getComputedStyle(document.activeElement.querySelector('.face')); return s.strokeWidth")
    suite.check("key-visible", "" if visible == "3px" else f"the stroke of the card with the focus is {visible}")
    browser.press("i")
    arrow = page.focus()
    if arrow == moved:  # nothing enters that card
        browser.press("o")
        arrow = page.focus()
    browser.press(Keys.ENTER)
    suite.check("key-edge", "" if ">" in arrow and page.hash("sel") == arrow else f"{arrow}, {page.hash('sel')}")
    browser.press(Keys.ESCAPE)
    suite.check("key-escape", "" if page.hash("sel") is None else f"still {page.hash('sel')}")
    page.open(view="matrix")
    browser.script("document.querySelector('#matrix [tabindex=\"0\"]').focus()")
    browser.press(Keys.RIGHT, Keys.DOWN)
    at = browser.script("const d = document.activeElement.dataset; return [d.r, d.c]")
    suite.check("key-matrix", "" if at == ["1", "1"] else f"at {at}")


# ---- form ----

# The contrast of every visible text with what is behind it (WCAG 2.1, relative luminance), lowest first.
CONTRAST = """
    const ruler = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (css) => {
        ruler.clearRect(0, 0, 1, 1);
        ruler.fillStyle = css;
        ruler.fillRect(0, 0, 1, 1);
        return ruler.getImageData(0, 0, 1, 1).data;
    };
    const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
        const v = c[i] / 255;
        return sum + weight * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    }, 0);
    const ground = (node) => {
        const face = node.closest(".card")?.querySelector(".face") ?? node.closest(".badge")?.querySelector("path") ??
            node.closest(".box")?.querySelector("rect");
        if (node instanceof SVGElement && face) {
            return rgba(getComputedStyle(face).fill);
        }
        for (let up = node; up; up = up.parentElement) {
            const c = rgba(getComputedStyle(up).backgroundColor);
            if (c[3] === 255) {
                return c;
            }
        }
        return [255, 255, 255, 255];
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest("script, title, option, noscript")) {
            continue;
        }
        const style = getComputedStyle(node);
        const text = rgba(node instanceof SVGElement ? style.fill : style.color);
        const [a, b] = [light(text), light(ground(node))].sort((x, y) => y - x);
        found.push([(a + 0.05) / (b + 0.05), walker.currentNode.data.trim().slice(0, 40)]);
    }
    return found.sort((x, y) => x[0] - y[0]);"""


def check_themes(page):
    page.open()
    web = page.card("web-0")
    for theme in ("light", "dark"):
        for view in ("graph", "matrix", "flows", "list"):
            page.open(theme=theme, view=view, sel="" if view == "graph" else web)
            texts = page.browser.script(CONTRAST)
            low = [f"{ratio:.2f}: {text}" for ratio, text in texts if ratio < 4.5]
            suite.check(f"contrast-{theme}-{view}", "\n".join(low) if texts else "no text")
        page.open(theme=theme)
        ground = page.browser.script("return getComputedStyle(document.body).backgroundColor")
        suite.check(f"theme-{theme}", "" if (ground == "rgb(255, 255, 255)") == (theme == "light") else ground)


def check_calm(page, name):
    """Nothing moves while the page loads, and a picture of it is not empty."""
    shift = 0
    for _ in range(3):  # the first paint may come before or after the script
        page.open()
        shift += page.browser.script("""
            return new Promise((done) => {
                let sum = 0;
                new PerformanceObserver((list) => list.getEntries().forEach((entry) => { sum += entry.value; }))
                    .observe({ type: "layout-shift", buffered: true });
                setTimeout(() => done(sum), 100);
            });""")
    suite.check(f"no-shift-{name}", "" if shift == 0 else f"layout shift {shift}")
    picture = page.browser.screenshot()
    suite.check(f"picture-{name}", "" if picture.startswith(b"\x89PNG") and len(picture) > 25000 else
                f"{len(picture)} bytes")


def check_hostile(browser, where):
    page = Page(browser, where / "hostile<img src=x>.html")
    for view in ("graph", "matrix", "flows", "list"):
        page.open(view=view, sel="ns:shop.0>ns:shop.1")
        page.open(view=view, sel="policy:0")
    panel = page.text("#panel")
    suite.check("hostile-shown", "" if json.dumps(clusters.HOSTILE, ensure_ascii=False) in panel and
                "hostile<img" in panel else panel)
    grown = browser.script("return [document.querySelectorAll('img').length, document.scripts.length, document.title]")
    suite.check("hostile-inert", "" if grown == [0, 2, "Network policy report"] else f"{grown}")
    page.open(q=clusters.HOSTILE, port="<b>", ns=clusters.HOSTILE, sel=clusters.HOSTILE, fold=clusters.HOSTILE)
    suite.check("hostile-address", "" if browser.script("return document.querySelectorAll('img').length") == 0 else "img")


def check_large(browser, where):
    path = make(where, "large", clusters.cluster(2000, 40))
    page = Page(browser, path)
    start = time.monotonic()
    page.open()
    seconds = time.monotonic() - start
    # A test does not time; this only tells a page that draws everything from one that does not.
    suite.check("large-loads", "" if seconds < 10 else f"{seconds:.1f} s")
    cards = page.keys()
    suite.check("large-collapsed", "" if len(cards) == 42 - 1 and "ns:shop" in cards else f"{len(cards)} cards")
    arrows = len(page.arrows())
    suite.check("large-arrows", "" if 0 < arrows <= 300 else f"{arrows} arrows")
    facts = page.text("#facts")
    suite.check("large-facts", "" if facts.startswith("2,000 workloads40 namespaces") else facts)
    page.open(fold="ns:shop")
    suite.check("large-expands", "" if len(page.keys()) == 41 + 4 else f"{len(page.keys())} cards")
    page.open(ns="ns:shop", q="db")
    suite.check("large-filter", "" if page.text("#note") else "nothing said")
    page.open(view="matrix")
    cells = browser.script("return document.querySelectorAll('#matrix .cell').length")
    suite.check("large-matrix", "" if 0 < cells < 1000 else f"{cells} cells are elements")
    check_calm(page, "large")


# ---- the picture in the README ----

def shape(text):
    """What of a picture does not depend on fonts: its short texts, and how many shapes of each class it has. (Where
    labels find room, and how much of a long name is shown, depends on them.)"""
    root = ElementTree.fromstring(text)
    texts = [node.text for node in root.iter() if node.tag.endswith("}text") and len(node.text) <= 12]
    shapes = [f"{node.tag.rsplit('}')[-1]} {node.get('class', '').removesuffix(' labelled')}" for node in root.iter()]
    return Counter(texts + shapes)


def check_picture(browser, where, downloads):
    done = suite.run("list", "-o", "html", SRC / "examples" / "shop")
    (where / "shop.html").write_bytes(done.out)
    page = Page(browser, where / "shop.html")
    page.open(theme="light")
    page.browser.script("document.getElementById('save').click()")
    saved = downloads / "npc-graph.svg"
    text = ""
    for _ in range(200):  # the browser makes the file, and fills it later
        text = saved.read_text(encoding="utf-8") if saved.exists() else ""
        if text.rstrip().endswith("</svg>"):
            break
        time.sleep(0.05)
    if suite.args.bless:
        PICTURE.write_text(text, encoding="utf-8")
    want = shape(PICTURE.read_text(encoding="utf-8"))
    suite.check("picture-docs", "" if shape(text) == want else
                "docs/report.svg is not what the page draws of examples/shop: --bless writes it\n"
                f"too many: {shape(text) - want}\nmissing: {want - shape(text)}")


def check_browser(where):
    downloads, profile = suite.scratch("downloads"), suite.scratch("profile")
    browser = webdriver.Browser(profile, downloads)
    try:
        small = make(where, "small", clusters.cluster(9, 2))
        page, listing = Page(browser, small), Listing(small.with_suffix(".yaml"))
        check_graph(page, listing)
        check_filters(page, listing)
        check_why(page, small.with_suffix(".yaml"))
        check_keyboard(page)
        check_themes(page)
        check_calm(page, "small")
        check_quiet(browser, "small")
        middle = make(where, "middle", clusters.cluster(40, 6))
        check_graph_of_more(Page(browser, middle), Listing(middle.with_suffix(".yaml")))
        check_hostile(browser, where)
        check_quiet(browser, "hostile")
        check_large(browser, where)
        check_picture(browser, where, downloads)
        check_quiet(browser, "end")
    finally:
        browser.close()


def check_graph_of_more(page, listing):
    expanded(page)
    suite.check("middle-pairs", problem_of(page.pairs(listing), listing.pairs()))


def main():
    where = suite.scratch("pages")
    check_text(where)
    if suite.short:
        suite.note("what runs in the browser does not depend on the build")
    elif not webdriver.available():
        suite.skip("browser", "no chromium and chromedriver")
    else:
        check_browser(where)
    return suite.finish()


sys.exit(main())
