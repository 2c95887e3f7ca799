# SPDX-License-Identifier: MIT
"""scripts/bench gc: tables, and what was aimed at beside what came out."""
from gc_programs import FIGURES, OWN_FIGURES
from report import cell, table


def ratio(res, prog, figure, peer):
    """Lane's figure by the peer's."""
    mine, theirs = res.median(prog, figure, "lane"), res.median(prog, figure, peer)
    return mine / theirs if mine is not None and theirs else None


def figure_table(res, figure):
    title, unit, div, less = FIGURES[figure]
    rows = []
    for prog in res.programs_with(figure):
        values = [res.median(prog, figure, n) for n in res.names]
        rows.append([prog] + [cell(None if v is None else v / div) for v in values] +
                    [cell(ratio(res, prog, figure, p), 3) for p in ("go", "libgc")] +
                    ["%.0f%%" % (100 * res.spread(prog, figure))])
    if rows:
        yield ""
        yield "%s, %s (median; %s is better)" % (title, unit, "less" if less else "more")
        yield from table(["program"] + res.names + ["lane/go", "lane/libgc", "spread"], rows)


def own_figures(res, groups):
    """Stops as each collector measures them itself: of the measured time, not of filling."""
    rows = []
    for group in ("trees", "server", "stacks"):
        for prog in groups.get(group, []):
            for name in res.names:
                values = [res.median(prog, f, name) for f in OWN_FIGURES]
                if any(v is not None for v in values):
                    rows.append(["%s: %s" % (prog, name)] + [
                        cell(None if v is None else v / div)
                        for v, (_, div) in zip(values, OWN_FIGURES.values())])
    if rows:
        yield ""
        yield "What each collector says of itself"
        yield from table(["program: heap"] + [h for h, _ in OWN_FIGURES.values()], rows)


def _facilities(res, prog):
    seen = {}
    for (p, figure, name) in res.values:
        if p == prog and figure.endswith(".reading.p50"):
            seen.setdefault((name, figure[:-len(".reading.p50")]), None)
    return list(seen)


def statistics_table(res, groups):
    for prog in groups.get("statistics", []):
        rows = []
        for name, facility in _facilities(res, prog):
            def get(what):
                return res.median(prog, "%s.%s" % (facility, what), name)

            quiet = res.median(prog, "none.requests", name)
            rows.append(["%s: %s" % (name, "no reading" if facility == "none" else facility)] +
                        ([cell(None)] * 3 if facility == "none" else
                         [cell(get("reading." + q)) for q in ("p50", "p99", "max")]) +
                        [cell(get("request." + q)) for q in ("p50", "p999", "p9999")] +
                        [cell(get("request.max") / 1000),
                         cell(get("requests") / quiet if quiet else None)])
        if rows:
            yield ""
            yield "%s: a reading, us, and the requests of two threads meanwhile, us; 1000 " \
                "readings a second" % prog
            yield from table(["heap: facility", "p50", "p99", "max", "req. p50", "req. p99.9",
                              "req. p99.99", "req. max ms", "req./s to none"], rows)


def plain_table(res, groups, group, title, columns):
    """columns: figure -> head"""
    for prog in groups.get(group, []):
        rows = []
        for name in res.names:
            values = [res.median(prog, f, name) for f in columns]
            if any(v is not None for v in values):
                rows.append([name] + [cell(v) for v in values])
        if rows:
            yield ""
            yield "%s: %s" % (prog, title)
            yield from table(["heap"] + list(columns.values()), rows)


def tables(res, groups):
    for figure in FIGURES:
        yield from figure_table(res, figure)
    yield from own_figures(res, groups)
    yield from statistics_table(res, groups)
    yield from plain_table(res, groups, "stores and objects", "ns of the thread's CPU time", {
        "store.plain": "plain store", "store.heap": "the heap's store",
        "store.collecting": "while collecting", "make.16_refs": "new 16 B, refs",
        "make.64_refs": "new 64 B, refs", "make.8_bytes": "new 8 B", "make.64_bytes": "new 64 B"})
    yield from plain_table(
        res, groups, "stacks", "gaps above 2 us in a thread that looks at the clock, us, without "
        "(raw: with) its waiting for a CPU", {
            "gap.p50": "p50", "gap.p99": "p99", "gap.max": "longest", "gap.count": "gaps",
            "raw_gap.p50": "raw p50", "raw_gap.max": "raw longest",
            "gc.cycles": "collections", "gc.stack_copy_max": "stack copy, longest"})


def _throughput(res, groups):
    for group, figure in (("trees", "time"), ("server", "requests")):
        for prog in groups.get(group, []):
            if "paced" in prog:
                continue
            for peer in ("go", "libgc"):
                r = ratio(res, prog, figure, peer)
                if r:
                    yield ("%s: throughput to %s's" % (prog, peer), "at least 1.00",
                           cell(1 / r if figure == "time" else r))


def _worst(res, groups):
    for prog in groups.get("server", []):
        if "closed" not in prog or "256M" in prog:
            continue
        for peer, aim in (("libgc", 0.01), ("go", 0.1)):
            r = ratio(res, prog, "latency.max", peer)
            if r:
                yield ("%s: longest request to %s's" % (prog, peer), "at most %.2f" % aim, cell(r, 3))


def _absolute(res, groups):
    for prog in groups.get("server", []):
        v = res.median(prog, "latency.p99", "lane")
        if "paced" in prog and v is not None:
            yield ("%s: p99, ms" % prog, "under 1", cell(v / 1000, 3))
    for prog in groups.get("marking", []):
        v = res.median(prog, "cpu_per_object", "lane")
        if "16M-tree" in prog and v is not None:
            yield ("%s: CPU time by object, ns" % prog, "at most 60", cell(v, 1))
    for prog in groups.get("stacks", []):
        for figure, what in (("gc.stack_copy_max", "longest stack copy"),
                             ("gap.max", "longest gap")):
            v = res.median(prog, figure, "lane")
            if v is not None:
                yield ("%s: %s, us" % (prog, what), "under 100", cell(v, 1))
    for prog in groups.get("server", []) + groups.get("trees", []):
        v = res.median(prog, "rss_ratio", "lane")
        if v is not None:
            yield ("%s: peak RSS in live sizes" % prog, "at most 2.20", cell(v))
    for prog in groups.get("statistics", []):
        for q in ("p50", "p99"):
            mine = res.median(prog, "lane_gc_stats_read.reading." + q, "lane")
            theirs = res.median(prog, "ReadMemStats.reading." + q, "go")
            if mine is not None and theirs:
                yield ("%s: lane_gc_stats_read to ReadMemStats, %s" % (prog, q), "below 1",
                       cell(mine / theirs, 4))


def aims(res, groups):
    rows = [list(r) for f in (_throughput, _worst, _absolute) for r in f(res, groups)]
    if rows:
        yield ""
        yield "Aims and what came out (a report, not a test)"
        yield from table(["figure", "aim", "measured"], rows)
