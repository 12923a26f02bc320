"""Places of fields in YAML or JSON text, by PyYAML's marks: lines and columns from 1."""
import re

import yaml


def _at(node):
    return node.start_mark.line + 1, node.start_mark.column + 1


def split(path):
    """spec.ingress[0].from -> ["spec", "ingress", 0, "from"]"""
    return [int(p) if p.isdigit() else p for p in re.findall(r"[^.\[\]]+", path) if p != "(root)"]


def acceptable(text, path):
    """Where a message about this field may point: at the value or its key; for a field that is not
    there, at the mapping that lacks it or at that mapping's key. Only in matchLabels, which is one
    field for the API, at the label. An array that is too long may be marked at any item."""
    node = yaml.compose(text, Loader=yaml.BaseLoader)
    places = {_at(node)}
    for part in split(path):
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
        if part == "matchLabels" and isinstance(node, yaml.MappingNode):
            for k, v in node.value:
                places |= {_at(k), _at(v)}
    if isinstance(node, yaml.SequenceNode):
        places |= {_at(n) for n in node.value[25:]}
    return places


DIAG = re.compile(r"^(.*?):(\d+):(\d+): (error|warning|info|note): (.*?)(?: \[(NPC\d+)\])?$", re.M)


def diagnostics(text):
    """[(file, line, column, severity, text, id)] of what the program said."""
    return [(m[1], int(m[2]), int(m[3]), m[4], m[5], m[6]) for m in DIAG.finditer(text)]
