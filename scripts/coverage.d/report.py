#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py LCOV JUSTIFIED - what no test reached, by file and function.

JUSTIFIED has lines `path function: reason`; a function `*` stands for the file.
"""
import fnmatch
import os
import sys

DIRS = ("kern_like/", "percpu/", "gc/")


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


def read_justified(path):
    reasons = []
    for line in open(path):
        if line.strip() and not line.startswith("#"):
            where, _, reason = line.strip().partition(": ")
            name, function = where.split()
            reasons.append([name, function, reason, 0])
    return reasons


def function_of(fns, line):
    best = (0, "?")
    for first, name in fns:
        if best[0] < first <= line:
            best = (first, name)
    return best[1]


def parts(lines):
    """Runs of uncovered lines, as pairs first, last; a line without code ends none."""
    run = None
    for line in sorted(lines):
        if lines[line]:
            if run:
                yield run
            run = None
        else:
            run = (run[0] if run else line, line)
    if run:
        yield run


def main():
    files = read_lcov(sys.argv[1])
    reasons = read_justified(sys.argv[2])
    total = missed = open_parts = 0
    out = []
    print("%-28s %7s %7s %7s" % ("file", "lines", "missed", "reached"))
    for name in sorted(files):
        fns, lines = files[name]
        n, bad = len(lines), sum(not c for c in lines.values())
        total, missed = total + n, missed + bad
        if n:
            print("%-28s %7d %7d %6.1f%%" % (name, n, bad, 100.0 * (n - bad) / n))
        for first, last in parts(lines):
            function = function_of(fns, first)
            why = next((r for r in reasons if r[0] == name and fnmatch.fnmatch(function, r[1])), None)
            if why:
                why[3] += 1
            else:
                open_parts += 1
            out.append("%s:%d-%d %s: %s" % (name, first, last, function, why[2] if why else "NOT REACHED"))
    print("%-28s %7d %7d %6.1f%%" % ("all", total, missed, 100.0 * (total - missed) / max(total, 1)))
    print("\n".join([""] + out))
    for name, function, _, used in reasons:
        if not used:
            print("%s %s: has a reason, but is reached" % (name, function))
    print("\n%d parts are not reached and have no reason" % open_parts)
    return 1 if open_parts else 0


sys.exit(main())
