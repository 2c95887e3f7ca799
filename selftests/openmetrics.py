#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""openmetrics.py FILE - hold a text against the rules of OpenMetrics 1.0; a line for each breach.

What the specification says of the text format, for the types that Lane uses: families are contiguous and
named once, metadata stands before the samples and once each, a unit ends the family's name, a counter's samples
end in _total and are no negative numbers, labels are quoted and unique, no sample comes twice, there is no empty
line, and the last line is "# EOF".
"""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(r"(%s)(?:\{(%s(?:,%s)*)?\})? ([-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|NaN|[-+]Inf)$"
                    % (NAME, LABEL, LABEL))
TYPES = {"counter": ["_total", "_created"], "gauge": [""], "info": ["_info"], "unknown": [""]}


def breaches(text):
    wrong = []
    families, samples, order = {}, {}, []
    if not text.endswith("# EOF\n"):
        wrong.append("the last line is not # EOF")
    for number, line in enumerate(text.split("\n")[:-1], 1):
        def bad(what):
            wrong.append("line %d: %s: %s" % (number, what, line[:80]))
        if line == "# EOF":
            if number != text.count("\n"):
                bad("# EOF before the end")
            continue
        meta = re.fullmatch(r"# (TYPE|UNIT|HELP) (%s) (.*)" % NAME, line)
        if meta:
            kind, name, value = meta.groups()
            if name not in families:
                families[name] = {}
                order.append(name)
            family = families[name]
            if order[-1] != name:
                bad("a family in two places")
            if kind in family or "samples" in family:
                bad("metadata twice, or behind samples")
            if kind == "TYPE" and value not in TYPES:
                bad("no such type")
            if kind == "UNIT" and value and not name.endswith("_" + value):
                bad("the name does not end in the unit")
            if kind == "HELP" and "\\" in re.sub(r'\\[\\n"]', "", value):
                bad("a backslash that escapes nothing")
            family[kind] = value
            continue
        sample = SAMPLE.fullmatch(line)
        if not sample:
            bad("neither metadata nor a sample")
            continue
        name, labels, value = sample.groups()
        family = order[-1] if order else ""
        ends = TYPES.get(families.get(family, {}).get("TYPE"), [])
        if name not in [family + e for e in ends]:
            bad("a sample that its family cannot have")
            continue
        families[family]["samples"] = True
        keys = re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)=', labels or "")
        if len(set(keys)) != len(keys):
            bad("a label twice")
        key = (name, tuple(sorted((labels or "").split(","))))
        if key in samples:
            bad("a sample twice")
        samples[key] = float(value)
        if families[family]["TYPE"] == "counter" and not samples[key] >= 0:
            bad("a counter below 0")
    for name, family in families.items():
        wrong += ["%s: no %s" % (name, k) for k in ("TYPE", "HELP") if k not in family]
        wrong += ["%s: a %s without UNIT" % (name, u) for u in ("bytes", "objects")
                  if name.endswith("_" + u) and family.get("UNIT") != u]
        for end in TYPES.get(family.get("TYPE"), [""]):
            wrong += ["%s: clashes with %s" % (name, name + end) for other in families
                      if end and other == name + end]
    if not samples:
        wrong.append("no sample at all")
    return wrong


if __name__ == "__main__":
    with open(sys.argv[1], newline="") as f:
        found = breaches(f.read())
    print("\n".join(found))
    sys.exit(bool(found))
