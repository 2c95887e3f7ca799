#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py LCOV JUSTIFIED - what no test reached, by file and function, and the totals by room.

JUSTIFIED has lines `path function: reason` or, for one place of several in a function,
`path function "text": reason`, with some text of the line that was not reached. A function is a
pattern. The reason that is named first wins.
"""
import fnmatch
import os
import re
import sys

DIRS = ("kern_like/", "percpu/", "gc/")
REASON = re.compile(r'(\S+) (\S+?)(?: "(.*)")?: (.+)')


def read_lcov(path):
    """{file: ([(first line, function)], {line: count})}"""
    files, top = {}, os.getcwd() + "/"
    fns = lines = None
    for record in open(path):
        kind, _, rest = record.strip().partition(":")
        if kind == "SF":
            name = rest[len(top):] if rest.startswith(top) else rest
            fns, lines = files.setdefault(name, ([], {}))
        elif kind == "FN":
            line, name = rest.split(",", 1)
            fns.append((int(line), name.rpartition(":")[2]))
        elif kind == "DA":
            line, count = rest.split(",")[:2]
            lines[int(line)] = max(int(count), lines.get(int(line), 0))
    return {f: v for f, v in files.items() if f.startswith(DIRS)}


class Reason:
    def __init__(self, line):
        found = REASON.fullmatch(line)
        if not found:
            sys.exit("report: no reason in '%s'" % line)
        self.name, self.function, self.text, self.why = found.groups()
        self.used = False

    def explains(self, name, function, text):
        return (self.name == name and fnmatch.fnmatchcase(function, self.function)
                and (self.text is None or self.text in text))


def read_justified(path):
    return [Reason(line.strip()) for line in open(path) if line.strip() and line[0] != "#"]


def function_of(fns, line):
    best = (0, "?")
    for first, name in fns:
        if best[0] < first <= line:
            best = (first, name)
    return best[1]


def parts(lines, fns):
    """Runs of uncovered lines of a function, as lists; a line without code ends none."""
    run, of = [], None
    for line in sorted(lines):
        function = function_of(fns, line)
        if run and (lines[line] or function != of):
            yield of, run
            run = []
        if not lines[line]:
            run.append(line)
        of = function
    if run:
        yield of, run


class Total:
    """Lines of a file, of a folder or of all."""

    def __init__(self):
        self.lines = self.missed = self.open = 0

    def add(self, lines, missed, unexplained):
        self.lines += lines
        self.missed += missed
        self.open += unexplained

    def show(self, name):
        reached = 100.0 * (self.lines - self.missed) / max(self.lines, 1)
        print("%-32s %7d %7d %6.1f%% %11d" % (name, self.lines, self.missed, reached, self.open))


def look_at(name, fns, lines, reasons, out):
    """The file's unexplained lines; what was not reached goes to @out."""
    unexplained = 0
    source = open(name).read().split("\n")
    for function, run in parts(lines, fns):
        text = source[run[0] - 1].strip()
        reason = next((r for r in reasons if r.explains(name, function, text)), None)
        if reason:
            reason.used = True
        else:
            unexplained += len(run)
        where = "%s:%d%s" % (name, run[0], "-%d" % run[-1] if run[-1] != run[0] else "")
        out.append("%s %s: %s" % (where, function, reason.why if reason else "NOT REACHED: " + text))
    return unexplained


def main():
    files = read_lcov(sys.argv[1])
    reasons = read_justified(sys.argv[2])
    folders, everything, out = {}, Total(), []
    head = "%-32s %7s %7s %7s %11s" % ("", "lines", "missed", "reached", "unexplained")
    print(head)
    for name in sorted(files):
        fns, lines = files[name]
        if not lines:
            continue
        counts = len(lines), sum(not c for c in lines.values()), look_at(name, fns, lines, reasons, out)
        for total in folders.setdefault(os.path.dirname(name), Total()), everything:
            total.add(*counts)
        one = Total()
        one.add(*counts)
        one.show(name)
    print("\n".join([""] + out + [""]))
    for r in reasons:
        if not r.used:
            print("%s %s%s: has a reason, but is reached" % (r.name, r.function,
                                                            ' "%s"' % r.text if r.text else ""))
    print(head)
    for folder in sorted(folders):
        folders[folder].show(folder)
    everything.show("all")
    print("\n%d lines are not reached and have no reason" % everything.open)
    return 1 if everything.open else 0


sys.exit(main())
