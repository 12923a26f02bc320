"""Tables of scripts/coverage.sh, from what `llvm-cov export` says. Exit status 1 if a threshold is not met.

    coverage.py EXPORT.json             the tables
    coverage.py EXPORT.json FILE...     the branches of these files that were not taken, as FILE:LINE:COLUMN

A branch is one outcome of a condition as it is written in the source: `if (a && b)` has four. Counts of a condition in a
macro or in an inline function are summed where it is written, whoever uses it. The default that a switch over an enum does
not write (-Wswitch finds a missing case) is no branch of ours. Generated code (grammar/) is left out.
"""
import collections
import json
import os
import sys

SRC = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = {'base': 0, 'ir': 95, 'frontend': 95, 'backends': 95, 'analysis': 0, 'lib': 0, 'apply': 0, 'cli': 0}

# What decides whether bytes, a name, number, port, address, label or field is let in: every branch.
VALIDATORS = (
    'base/str.c',                   # numbers
    'base/utf8.c',
    'frontend/clean.c',             # bytes of YAML and JSON
    'frontend/dsl_bytes.c',         # bytes of the language
    'frontend/dsl_phrases.c',       # its names, numbers, labels, addresses, ports
    'frontend/dsl_words.c',         # its strings
    'frontend/k8s_cidr.c',
    'frontend/k8s_cluster.c',
    'frontend/k8s_cluster_port.c',
    'frontend/k8s_decode.c',        # types, numbers, required and unknown fields
    'frontend/k8s_inventory.c',
    'frontend/k8s_kind.c',          # kinds and versions
    'frontend/k8s_meta.c',          # names, namespaces, labels, annotations
    'frontend/k8s_pod.c',
    'frontend/k8s_policy.c',
    'frontend/k8s_port.c',
    'frontend/k8s_selector.c',
    'ir/addr.c',
    'ir/names.c',
    'ir/ports.c',
    'ir/yamlscalar.c',              # what YAML readers take a plain scalar for
)


class File:
    def __init__(self):
        self.branches = collections.defaultdict(lambda: [0, 0])   # (line, column, end…) -> times true, times false
        self.lines = self.lines_covered = 0
        self.text = []


def read_files(export):
    """{path in the source tree: File}"""
    files = collections.defaultdict(File)
    data = json.load(open(export, encoding='utf-8'))['data'][0]

    def ours(path):
        path = os.path.relpath(path, SRC)
        return path if path.split('/')[0] in FOLDERS else None

    for entry in data['files']:
        path = ours(entry['filename'])
        if path:
            lines = entry['summary']['lines']
            files[path].lines, files[path].lines_covered = lines['count'], lines['covered']
    for function in data['functions']:
        for line, column, line_end, column_end, yes, no, file_id, *_ in function['branches']:
            path = ours(function['filenames'][file_id])
            if path:
                counts = files[path].branches[line, column, line_end, column_end]
                counts[0] += yes
                counts[1] += no
    for path, file in files.items():
        with open(os.path.join(SRC, path), encoding='utf-8') as source:
            file.text = source.read().splitlines()
        if any(line > len(file.text) for line, *_ in file.branches):
            sys.exit(f'{path} is not the file that was measured: run the tests again')
        for place in [p for p in file.branches if file.text[p[0] - 1][:p[1] - 1].endswith('switch (')]:
            del file.branches[place]
    return files


def missed(file):
    """(line, column, text of the condition, outcome) of each branch never taken."""
    for place in sorted(file.branches):
        line, column, line_end, column_end = place
        text = file.text[line - 1][column - 1:column_end - 1 if line == line_end else None]
        for count, outcome in zip(file.branches[place], ('true', 'false')):
            if count == 0:
                yield line, column, text, outcome


class Sum:
    def __init__(self, files):
        self.branches = sum(2 * len(f.branches) for f in files)
        self.taken = self.branches - sum(1 for f in files for _ in missed(f))
        self.lines = sum(f.lines for f in files)
        self.lines_covered = sum(f.lines_covered for f in files)

    def meets(self, threshold):
        return self.taken * 100 >= threshold * self.branches

    def show(self, name, threshold):
        def percent(part, whole):
            # cut, not rounded: 100.0 is all of them
            return f'{1000 * part // whole / 10:.1f}' if whole else '-'
        mark = '' if self.meets(threshold) else f'  below {threshold}'
        print(f'{name:36} {self.lines_covered:6}/{self.lines:<6} {percent(self.lines_covered, self.lines):>5} %'
              f'  {self.taken:6}/{self.branches:<6} {percent(self.taken, self.branches):>5} %{mark}')
        return self.meets(threshold)


def show_tables(files):
    good = True
    head = f'{"":36} {"lines":>13}           {"branches":>11}'
    print(head)
    for folder, threshold in FOLDERS.items():
        inside = {path: file for path, file in files.items() if path.startswith(folder + '/')}
        if inside:
            good &= Sum(inside.values()).show(folder + '/', threshold)
        elif threshold:
            print(f'{folder}/: nothing was measured')
            good = False
    print('\n' + head.replace(' ' * 10, 'validators', 1))
    for path in VALIDATORS:
        if path in files:
            good &= Sum([files[path]]).show(path, 100)
        else:
            print(f'{path}: nothing was measured')
            good = False
    print('\n' + head.replace(' ' * 5, 'files', 1))
    sums = {path: Sum([file]) for path, file in files.items() if FOLDERS[path.split('/')[0]]}
    for path in sorted(sums, key=lambda p: (p.split('/')[0], sums[p].taken / (sums[p].branches or 1), p)):
        if sums[path].branches or sums[path].lines:
            sums[path].show(path, FOLDERS[path.split('/')[0]])
    return good


def main():
    files = read_files(sys.argv[1])
    wanted = [os.path.relpath(os.path.join(SRC, path), SRC) for path in sys.argv[2:]]
    for path in wanted:
        if path not in files:
            sys.exit(f'{path}: nothing was measured')
        for line, column, text, outcome in missed(files[path]):
            print(f'{path}:{line}:{column}: never {outcome}: {text}')
    if not wanted and not show_tables(files):
        sys.exit('branch coverage is below a threshold')


main()
