"""Places of fields in YAML or JSON text, by PyYAML's marks: lines and columns from 1."""
import re

import yaml


def _at(node):
    return node.start_mark.line + 1, node.start_mark.column + 1


def split(path):
    """spec.ingress[0].from -> ["spec", "ingress", 0, "from"]"""
    return [int(p) if p.isdigit() else p for p in re.findall(r"[^.\[\]]+", path) if p != "(root)"]


def acceptable(text, path):
    """Where a message about this field may point: at the value or its key, or at a key inside it
    (matchLabels is one field for the API, its labels are not); for a field that is absent or null,
    also at the mapping that lacks it or at that mapping's key. An array that is too long may be
    marked at the first item that is too many."""
    node = yaml.compose(text, Loader=yaml.BaseLoader)
    places = {_at(node)}
    for part in split(path):
        outer = places
        if isinstance(part, int):
            if not isinstance(node, yaml.SequenceNode) or part >= len(node.value):
                return places
            node = node.value[part]
            places = {_at(node)}
            continue
        found = [(k, v) for k, v in node.value if k.value == part] if isinstance(node, yaml.MappingNode) else []
        if not found:
            return places
        key, node = found[0]
        places = {_at(key), _at(node)}
        if isinstance(node, yaml.ScalarNode) and node.style is None and node.value == "null":
            places |= outer
    if isinstance(node, yaml.SequenceNode):
        places |= {_at(n) for n in node.value[25:]}
    if isinstance(node, yaml.MappingNode):
        places |= {_at(k) for k, _ in node.value} | {_at(v) for _, v in node.value}
    return places


DIAG = re.compile(r"^(.*?):(\d+):(\d+): (error|warning|info|note): (.*?)(?: \[(NPC\d+)\])?$", re.M)


def diagnostics(text):
    """[(file, line, column, severity, text, id)] of what the program said."""
    return [(m[1], int(m[2]), int(m[3]), m[4], m[5], m[6]) for m in DIAG.finditer(text)]
