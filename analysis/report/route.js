// The ways of arrows between cards that have their places: around what is between them.

const STUBS_FROM = 30; // so many arrows of the world outside are only hinted at, at their other end
const STUB = 34;

// Where on a card's side each of its arrows ends: spread, in the order of their other ends.
function spread(arrows, endOf, otherOf, put) {
    const byCard = new Map();
    arrows.forEach((arrow) => collect(byCard, endOf(arrow), arrow));
    for (const [card, mine] of byCard) {
        mine.sort((a, b) => otherOf(a).y - otherOf(b).y || otherOf(a).x - otherOf(b).x);
        const step = Math.min(13, (CARD.height - 12) / mine.length);
        mine.forEach((arrow, i) => put(arrow, card.y + CARD.height / 2 + (i - (mine.length - 1) / 2) * step));
    }
}

function cardRectangle(card) {
    return { x: card.x, y: card.y, right: card.x + CARD.width, bottom: card.y + CARD.height };
}

function boxRectangle(box) {
    return { x: box.x, y: box.y, right: box.x + box.width, bottom: box.y + box.height };
}

function aroundOf(rectangles) {
    return {
        above: Math.min(...rectangles.map((o) => o.y)) - 12, below: Math.max(...rectangles.map((o) => o.bottom)) + 12,
    };
}

// Rectangles that an arrow should not cross: other boxes, and the other cards of its own.
function obstaclesOf(arrow, boxes) {
    return boxes.flatMap((box) => (box === arrow.from.box || box === arrow.to.box ?
        box.cards.filter((card) => card !== arrow.from && card !== arrow.to).map(cardRectangle) : [boxRectangle(box)]));
}

function isHit(o, x0, y0, x1, y1) {
    const at = (x) => y0 + (y1 - y0) * (x - x0) / (x1 - x0);
    const [a, b] = [at(Math.max(o.x, x0)), at(Math.min(o.right, x1))];
    return o.x < x1 && o.right > x0 && Math.max(a, b) > o.y - 4 && Math.min(a, b) < o.bottom + 4;
}

// A level line above or below all that is in the way: { x, right, y }, or null if nothing is.
function detour(arrow, x0, x1, boxes) {
    const hit = obstaclesOf(arrow, boxes).filter((o) => isHit(o, x0, arrow.y0, x1, arrow.y1));
    if (hit.length === 0) {
        return null;
    }
    const { above, below } = aroundOf(hit);
    const middle = (arrow.y0 + arrow.y1) / 2;
    return {
        x: Math.min(...hit.map((o) => o.x)), right: Math.max(...hit.map((o) => o.right)),
        y: middle - above <= below - middle ? above : below,
    };
}

function curve(x0, y0, x1, y1, bend) {
    return `C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
}

// Sets arrow.path, and arrow.spots: where its label may stand, best first.
function routeArrow(arrow, boxes) {
    const { from, to, y0, y1 } = arrow;
    const x0 = from.x + CARD.width;
    const x1 = to.x - 2;
    const middle = { x: (x0 + x1) / 2, y: (y0 + y1) / 2 };
    if (arrow.stub) {
        const [a, b, y] = from.side ? [x1 - STUB, x1, y1] : [x0, x0 + STUB, y0];
        arrow.path = `M${a} ${y}H${b}`;
        arrow.spots = [];
    } else if (from === to) {
        const top = from.y - 16;
        arrow.path = `M${x0} ${y0}C${x0 + 36} ${top} ${x1 - 34} ${top} ${x1} ${y1}`;
        arrow.spots = [{ x: middle.x, y: top + 6 }];
    } else if (from.x === to.x) {
        const out = from.x - 40;
        arrow.path = `M${from.x} ${y0}C${out} ${y0} ${out} ${y1} ${x1} ${y1}`;
        arrow.spots = [{ x: from.x - 30, y: middle.y }];
    } else if (x1 < x0) {
        routeBack(arrow, x0, x1, boxes);
    } else {
        routeForward(arrow, x0, x1, detour(arrow, x0, x1, boxes));
    }
}

function routeForward(arrow, x0, x1, way) {
    const { y0, y1 } = arrow;
    if (way) {
        const [a, b] = [Math.max(way.x, x0 + 20), Math.min(way.right, x1 - 20)];
        const [up, down] = [curve(x0, y0, a, way.y, (a - x0) / 2), curve(b, way.y, x1, y1, (x1 - b) / 2)];
        arrow.path = `M${x0} ${y0}${up}H${b}${down}`;
        arrow.spots = [0.5, 0.25, 0.75].map((t) => ({ x: a + (b - a) * t, y: way.y }));
        arrow.level = way.y;
    } else {
        arrow.path = `M${x0} ${y0}${curve(x0, y0, x1, y1, Math.max(20, (x1 - x0) / 2))}`;
        arrow.spots = [0.5, 0.35, 0.65, 0.2, 0.8].map((t) =>
            ({ x: x0 + (x1 - x0) * t, y: y0 + (y1 - y0) * t * t * (3 - 2 * t) }));
    }
}

// Back to the left: above or below what is between.
function routeBack(arrow, x0, x1, boxes) {
    const { from, to, y0, y1 } = arrow;
    const own = from.box === to.box ? from.box.cards.map(cardRectangle) : boxes.map(boxRectangle);
    const hit = own.filter((o) => isHit(o, x1 - 4, y1, x0 + 4, y0));
    const { above, below } = aroundOf(hit);
    const y = (y0 + y1) / 2 - above <= below - (y0 + y1) / 2 ? above : below;
    const [right, left] = [x0 + 44, x1 - 44];
    arrow.path = `M${x0} ${y0}C${right} ${y0} ${right} ${y} ${x0} ${y}H${x1}C${left} ${y} ${left} ${y1} ${x1} ${y1}`;
    arrow.spots = [0.5, 0.25, 0.75].map((t) => ({ x: x0 + (x1 - x0) * t, y }));
}

// Arrows that take the same level line are set apart.
function setApart(arrows, boxes) {
    const byLevel = new Map();
    for (const arrow of arrows) {
        if (arrow.level !== undefined) {
            collect(byLevel, Math.round(arrow.level / 8), arrow);
        }
    }
    for (const mine of byLevel.values()) {
        mine.forEach((arrow, i) => {
            const x0 = arrow.from.x + CARD.width;
            const x1 = arrow.to.x - 2;
            const way = detour(arrow, x0, x1, boxes);
            const away = way.y < (arrow.y0 + arrow.y1) / 2 ? -1 : 1;
            routeForward(arrow, x0, x1, { ...way, y: way.y + away * Math.min(i, 6) * 7 });
        });
    }
}

// Gives each arrow a place for its label where no card and no other label is; none: no label.
function placeLabels(arrows, cards) {
    const taken = cards.map(cardRectangle);
    for (const arrow of arrows) {
        const half = textWidth(arrow.label, "11.5px") / 2 + 2;
        const free = arrow.spots.map(({ x, y }) => ({ x: x - half, y: y - 14, right: x + half, bottom: y }))
            .find((o) => !taken.some((t) => o.x < t.right && o.right > t.x && o.y < t.bottom && o.bottom > t.y));
        arrow.spot = free ? { x: free.x + half, y: free.bottom - 4 } : null;
        if (free) {
            taken.push(free);
        }
    }
}

function routeArrows({ arrows, boxes, cards }, labelled) {
    spread(arrows, (arrow) => arrow.from, (arrow) => arrow.to, (arrow, y) => { arrow.y0 = y; });
    spread(arrows, (arrow) => arrow.to, (arrow) => arrow.from, (arrow, y) => { arrow.y1 = y; });
    arrows.forEach((arrow) => routeArrow(arrow, boxes));
    setApart(arrows, boxes);
    placeLabels(labelled, cards);
}
