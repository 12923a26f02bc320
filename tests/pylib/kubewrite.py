"""Writes objects as YAML or JSON input for the tests. The YAML is as plain as can be (block style,
every string in double quotes), so that what is tested is the program and not the writer."""
import json
import re

import yaml

from pylib import yamlscalar

_NAMED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def quote(s, raw=False):
    """A YAML double-quoted scalar; `raw` leaves what is printable as it is."""
    out = ['"']
    for c in s:
        o = ord(c)
        if c in _NAMED:
            out.append(_NAMED[c])
        elif 0x20 <= o < 0x7F:
            out.append(c)
        elif raw and o >= 0xA0 and not 0x2028 <= o <= 0x2029 and o not in (0xFEFF, 0xFFFE, 0xFFFF):
            out.append(c)
        elif o < 0x100:
            out.append(f"\\x{o:02x}")
        elif o < 0x10000:
            out.append(f"\\u{o:04x}")
        else:
            out.append(f"\\U{o:08x}")
    return "".join(out) + '"'


def _lines(v, pad, out, raw):
    """Block lines of a mapping."""
    for k, x in v.items():
        head = f"{pad}{quote(k, raw)}:"
        if isinstance(x, dict) and x:
            out.append(head)
            _lines(x, pad + "  ", out, raw)
        elif isinstance(x, list) and x:
            out.append(head)
            for item in x:
                if isinstance(item, dict) and item:
                    at = len(out)
                    _lines(item, pad + "  ", out, raw)
                    out[at] = f"{pad}- {out[at][len(pad) + 2:]}"
                else:
                    out.append(f"{pad}- {_scalar(item, raw)}")
        else:
            out.append(f"{head} {_scalar(x, raw)}")


def _scalar(x, raw):
    if isinstance(x, str):
        return quote(x, raw)
    return json.dumps(x)  # numbers, booleans, null, {} and []


def to_yaml(objects, raw=False):
    out = []
    for o in objects:
        out.append("---")
        _lines(o, "", out, raw)
    return "\n".join(out) + "\n"


def to_yaml_library(objects):
    """The same by PyYAML's writer: plain, quoted, folded and literal scalars."""
    return yaml.dump_all(objects, Dumper=_Quoting, sort_keys=False, allow_unicode=False, explicit_start=True, width=60,
                         default_flow_style=False)


class _Quoting(yaml.SafeDumper):
    """PyYAML's writer knows fewer words of YAML 1.1 than its specification has (y and n), and would
    write an anchor for an object that stands twice."""

    def ignore_aliases(self, data):
        return True


def _quote_words(dumper, s):
    return dumper.represent_scalar("tag:yaml.org,2002:str", s, style="'" if yamlscalar.is_ambiguous(s) else None)


_Quoting.add_representer(str, _quote_words)


def to_yaml_quoted(obj):
    """One object, strings plain where every reader takes them for strings."""
    return yaml.dump(obj, Dumper=_Quoting, sort_keys=False, width=200)


def to_json_list(objects, ascii_only):
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, ensure_ascii=ascii_only)
    # A byte order mark and line ends of YAML 1.1 are refused raw, in JSON too.
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", lambda m: f"\\u{ord(m[0]):04x}", text)
