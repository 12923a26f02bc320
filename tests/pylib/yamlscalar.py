"""How plain YAML scalars are read: by the types of YAML 1.1 (yaml.org/type) and by the core schema
of YAML 1.2 (section 10.3.2). Written from those texts, so that output can be judged by both.
"""
import re

import yaml

_V11 = [
    ("null", re.compile(r"~|null|Null|NULL|")),
    ("bool", re.compile(r"y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF")),
    # Go's readers take the prefixes in upper case too, and 0_9 for a float.
    ("int", re.compile(r"[-+]?0[bB][0-1_]+|[-+]?0[oO][0-7_]+|[-+]?[0-9][0-9_]*|[-+]?0[xX][0-9a-fA-F_]+"
                       r"|[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+")),
    # yaml.org's own pattern for floats also takes 10.0.0.1 and a lone dot; no reader does.
    ("float", re.compile(r"[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?"
                         r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*"
                         r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")),
    ("timestamp", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
                             r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?"
                             r"([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?")),
    ("merge", re.compile(r"<<")),
    ("value", re.compile(r"=")),
]
_V12 = [
    ("null", re.compile(r"null|Null|NULL|~|")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    ("float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
                         r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")),
]


def _kind(table, text):
    for kind, pattern in table:
        if pattern.fullmatch(text):
            return kind
    return "str"


def kind_11(text):
    return _kind(_V11, text)


def kind_12(text):
    return _kind(_V12, text)


def is_ambiguous(text):
    """Whether a plain scalar is something else than a string for some reader."""
    return kind_11(text) != "str" or kind_12(text) != "str"


# libyaml's scanner and parser, where PyYAML has them: the same rules, twenty times faster.
_Safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Base = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Reader(_Safe):
    """A YAML 1.1 reader that leaves every number, date and boolean as PyYAML reads it, and refuses
    duplicate keys."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"duplicate key {key.value!r}")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_11(text):
    """All documents, as a YAML 1.1 reader sees them."""
    return [d for d in yaml.load_all(text, Loader=Reader)]


def _plain_12(node):
    """A node tree as a reader of the YAML 1.2 core schema sees it."""
    if isinstance(node, yaml.ScalarNode):
        if node.style:
            return node.value
        kind = kind_12(node.value)
        if kind == "null":
            return None
        if kind == "bool":
            return node.value.lower() == "true"
        if kind == "int":
            text = node.value
            return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
        if kind == "float":
            return float(node.value)
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain_12(n) for n in node.value]
    return {_plain_12(k): _plain_12(v) for k, v in node.value}


def read_12(text):
    """All documents, as a reader of the YAML 1.2 core schema sees them."""
    return [_plain_12(n) for n in yaml.compose_all(text, Loader=_Base) if n is not None]


def safe_bytes(text):
    """What stands in emitted YAML that readers may take differently, or an empty string: line breaks
    of YAML 1.1 only, tabs, control and reordering characters, byte order marks."""
    for i, c in enumerate(text):
        o = ord(c)
        if c == "\n":
            continue
        if o < 0x20 or 0x7F <= o < 0xA0 or o in (0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF) \
                or 0x202A <= o <= 0x202E or 0x2066 <= o <= 0x2069 or 0xD800 <= o < 0xE000:
            return f"raw U+{o:04X} at offset {i}"
    return ""


def read_both(text):
    """The documents of emitted YAML; an exception if readers would differ about them."""
    problem = safe_bytes(text)
    if problem:
        raise ValueError(problem)
    one, two = read_11(text), read_12(text)
    if one != two:
        raise ValueError(f"a YAML 1.1 and a 1.2 reader differ: {one!r} / {two!r}")

    def walk(node):
        if isinstance(node, yaml.ScalarNode):
            if not node.style and kind_11(node.value) != kind_12(node.value):
                raise ValueError(f"plain {node.value!r} is {kind_11(node.value)} in YAML 1.1, {kind_12(node.value)} in 1.2")
        elif isinstance(node, yaml.SequenceNode):
            for n in node.value:
                walk(n)
        else:
            for k, v in node.value:
                if not isinstance(k, yaml.ScalarNode) or (not k.style and is_ambiguous(k.value)):
                    raise ValueError(f"key {k.value!r} is not a string for every reader")
                walk(k)
                walk(v)

    for node in yaml.compose_all(text, Loader=_Base):
        walk(node)
    return one
