// Makes elements. Text from the data becomes text nodes and attribute values here and nowhere else,
// so nothing in a name, a comment or a path is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

// Properties that are functions become listeners, `true` an empty attribute, null and false none.
function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (typeof value === "function") {
            node.addEventListener(name, value);
        } else if (value !== null && value !== false && value !== undefined) {
            node.setAttribute(name, value === true ? "" : value);
        }
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
}

function html(tag, attributes, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
}

function byId(id) {
    return document.getElementById(id);
}

function count(n, one, many = one + "s") {
    return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

// Cut in the middle: the ends of generated names tell them apart.
function shorten(text, most) {
    if (text.length <= most) {
        return text;
    }
    const tail = Math.floor((most - 1) / 3);
    return text.slice(0, most - 1 - tail) + "…" + text.slice(text.length - tail);
}

const ruler = document.createElement("canvas").getContext("2d");

function textWidth(text, font) {
    ruler.font = `${font} system-ui, sans-serif`;
    return ruler.measureText(text).width;
}

// Shortened until it is not wider than that many pixels.
function fitText(text, width, font) {
    const whole = textWidth(text, font);
    return whole <= width ? text : shorten(text, Math.max(4, Math.floor(text.length * width / whole) - 1));
}
