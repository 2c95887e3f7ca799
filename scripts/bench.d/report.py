# SPDX-License-Identifier: MIT
"""Medians, tables, means and the CSV files."""
import csv
import math
import os
import statistics

from programs import FIGURES


class Results:
    """Every run's figures: rows of (round, program, group, allocator, figure, value, unit)."""

    def __init__(self, names, peers, apart, out):
        self.names = names
        self.apart = apart  # programs that stay out of the tables of time and memory
        self.peers = peers
        self.rows = []
        self.failures = []
        # Written as it comes, so that a run cut short leaves what it found.
        self.file = open(os.path.join(out, "runs.csv"), "w", newline="")
        self.csv = csv.writer(self.file)
        self.csv.writerow(("round", "program", "group", "allocator", "figure", "value", "unit"))
        self.values = {}  # (program, figure, allocator) -> [value]

    def _row(self, row):
        self.rows.append(row)
        self.csv.writerow(row)
        self.file.flush()

    def add(self, turn, prog, alloc, figures):
        for figure, (value, unit) in figures.items():
            self._row((turn, prog.name, prog.group, alloc.name, figure, value, unit))
            self.values.setdefault((prog.name, figure, alloc.name), []).append(value)

    def fail(self, turn, prog, alloc, why):
        self._row((turn, prog.name, prog.group, alloc.name, "failed", 1, why))
        self.failures.append("%s under %s, round %d: %s" % (prog.name, alloc.name, turn, why))

    def median(self, prog, figure, alloc):
        values = self.values.get((prog, figure, alloc))
        return statistics.median(values) if values else None

    def spread(self, prog, figure):
        """The largest (max - min) / median over the allocators."""
        worst = 0.0
        for name in self.names:
            v = self.values.get((prog, figure, name), [])
            if len(v) > 1 and statistics.median(v):
                worst = max(worst, (max(v) - min(v)) / statistics.median(v))
        return worst

    def best_peer(self, prog, figure, smaller=True):
        have = [(self.median(prog, figure, p), p) for p in self.peers]
        have = [x for x in have if x[0] is not None]
        return (min(have) if smaller else max(have)) if have else (None, "")

    def programs_with(self, figure):
        return list(dict.fromkeys(r[1] for r in self.rows if r[4] == figure))

    def write_medians(self, out):
        with open(os.path.join(out, "medians.csv"), "w", newline="") as f:
            w = csv.writer(f)
            w.writerow(("program", "figure", "allocator", "median", "min", "max", "runs"))
            for (prog, figure, alloc), v in self.values.items():
                w.writerow((prog, figure, alloc, "%.6g" % statistics.median(v), "%.6g" % min(v),
                            "%.6g" % max(v), len(v)))


def geomean(values):
    values = [v for v in values if v and v > 0]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def cell(value, digits=2):
    if value is None:
        return "-"
    return "%.*f" % (0 if value >= 1000 else 1 if value >= 100 else digits, value)


def table(head, rows):
    rows = [head] + rows
    width = [max(len(r[i]) for r in rows) for i in range(len(head))]
    for n, row in enumerate(rows):
        cells = [row[0].ljust(width[0])] + [c.rjust(w) for c, w in zip(row[1:], width[1:])]
        yield ("  " + "  ".join(cells)).rstrip()
        if n == 0:
            yield "  " + "-" * (sum(width) + 2 * len(width) - 2)


def figure_table(res, figure):
    title, unit, div, smaller = FIGURES[figure]
    rows = []
    for prog in res.programs_with(figure):
        if prog in res.apart and figure in ("time", "ns_per_op", "cpu_ns_per_op", "cpu", "peak_rss"):
            continue
        best, who = res.best_peer(prog, figure, smaller)
        row = [prog]
        for name in res.names:
            v = res.median(prog, figure, name)
            row.append(cell(None if v is None else v / div))
        lane = res.median(prog, figure, "lane")
        row.append("%.2f" % (lane / best) if lane is not None and best else "-")
        row += [who, "%.0f%%" % (100 * res.spread(prog, figure))]
        rows.append(row)
    if not rows:
        return
    yield ""
    yield "%s, %s (median; %s is better)" % (title, unit, "less" if smaller else "more")
    yield from table(["program"] + res.names + ["lane/best", "best peer", "spread"], rows)


def ratios(res, progs, figure):
    """{allocator: geometric mean of its figure relative to the best peer's, program by program}"""
    usable = [p for p in progs if res.best_peer(p, figure)[0] and
              all(res.median(p, figure, n) for n in res.names)]
    return len(usable), {n: geomean([res.median(p, figure, n) / res.best_peer(p, figure)[0]
                                     for p in usable]) for n in res.names}


def mean_tables(res, groups):
    """groups: {group: [program]}. Means over the programs that ran under every allocator."""
    everything = [p for progs in groups.values() for p in progs]
    for figure in ("time", "cpu", "peak_rss"):
        rows = []
        for group, progs in [("all", everything)] + list(groups.items()):
            count, means = ratios(res, progs, figure)
            if count:
                rows.append(["%s (%d)" % (group, count)] + [cell(means[n]) for n in res.names])
        if rows:
            yield ""
            yield "%s: geometric mean, 1 = the best peer of each program" % FIGURES[figure][0]
            yield from table(["programs"] + res.names, rows)
    if "lane" not in res.names:
        return
    rows = []
    for figure in ("time", "cpu", "peak_rss"):
        _, means = ratios(res, everything, figure)
        if means.get("lane"):
            to = [means["lane"] / means[p] for p in res.peers]
            rows.append([figure] + ["%.3f" % r for r in to] + ["%.3f" % max(to)])
    yield ""
    yield "Lane relative to each peer, geometric mean over all programs"
    yield from table(["figure"] + ["lane/" + p for p in res.peers] + ["to the best"], rows)


def aims(res, groups):
    """What was aimed at beside what came out. It reports; nothing passes or fails."""
    everything = [p for progs in groups.values() for p in progs]
    out = []
    for figure, aim in (("time", "at most 0.95"), ("peak_rss", "at most 1.00")):
        means = ratios(res, everything, figure)[1]
        if means.get("lane"):
            best = min(means[p] for p in res.peers)
            out.append(("%s, geometric mean, to the best peer's" % figure, aim,
                        "%.3f" % (means["lane"] / best)))

    def pair(label, aim, prog, figure, peer, how, digits=2):
        mine, theirs = res.median(prog, figure, "lane"), res.median(prog, figure, peer)
        if mine is not None and theirs:
            out.append((label, aim, "%.*f" % (digits, how(mine, theirs))))

    for figure, what in (("ns_per_op", "time"), ("cpu_ns_per_op", "CPU time")):
        pair("malloc+free pair (batch-100) to mimalloc's, " + what, "at most 0.90", "batch-100",
             figure, "mimalloc", lambda a, b: a / b)
    pair("start of a tiny program above glibc, us", "at most 100", "starts", "us_per_start",
         "glibc", lambda a, b: a - b, 0)
    pair("resident size of a tiny program above glibc, MiB", "at most 1.00", "tiny", "tiny_rss",
         "glibc", lambda a, b: (a - b) / 1024)
    pair("256 idle threads, to glibc's", "an idle thread costs nothing", "idle-256", "idle_rss",
         "glibc", lambda a, b: a / b)
    for mb in (100, 1000, 4000):
        v = res.median("snapcost-%d" % mb, "lane_stats_read.median", "lane")
        if v is not None:
            out.append(("snapshot beside %s, us" % heap_size(res, "snapcost-%d" % mb), "under 10", "%.1f" % v))
    for kind in ("wall", "cpu"):
        v = res.median("snapslow", "lane_stats_read.slowdown." + kind, "lane")
        if v is not None:
            out.append(("slowdown by 100 snapshots a second, " + kind, "none measurable",
                        "%.3f" % v))
    if out:
        yield ""
        yield "Aims and what came out (a report, not a test)"
        yield from table(["figure", "aim", "measured"], [list(row) for row in out])


def heap_size(res, prog):
    """What was resident, which --quick makes less than the program's name says."""
    return "%.0f MB" % max(res.median(prog, "heap", n) or 0 for n in res.names)


def statistics_tables(res):
    """The figures of the statistics programs, named facility.figure."""
    progs = list(dict.fromkeys(r[1] for r in res.rows if r[2] == "statistics"))
    for kind in ("snapcost", "snapslow"):
        mine = [p for p in progs if p.startswith(kind)]
        rows, seen = [], {}
        for (prog, figure, alloc) in res.values:
            if prog in mine and "." in figure:
                seen.setdefault((alloc, figure), None)
        for alloc, figure in seen:
            values = [res.median(p, figure, alloc) for p in mine]
            rows.append(["%s: %s" % (alloc, figure)] +
                        [cell(v, 3 if kind == "snapslow" else 1) for v in values])
        if not rows:
            continue
        yield ""
        if kind == "snapcost":
            yield "Cost of one reading of the statistics, us; two busy threads unless quiet"
            yield from table(["allocator: facility"] + [heap_size(res, p) for p in mine], rows)
        else:
            yield "Slowdown of two busy threads by 100 readings a second (1 = none)"
            yield from table(["allocator: facility", "ratio"], rows)
