# SPDX-License-Identifier: MIT
"""scripts/bench gc: requests by percentile, memory over time, bars; data stay beside them."""
import glob
import os
import shutil
import subprocess

import plots

COLOURS = {"glibc": "#9a9a9a", "libgc": "#3b78b5", "libgc-inc": "#8fb8dc", "go": "#c98a1b",
           "lane": "#b5233b"}
STYLE = """set terminal svg noenhanced size 900,520 font 'Helvetica,12' background 'white'
set output '{svg}'
set title '{title}'
set grid lc rgb '#dddddd'
set key outside top center horizontal
set border 3
set xtics nomirror
set ytics nomirror
set xlabel '{xlabel}'
set ylabel '{ylabel}'
"""
PERCENTILES = """set logscale xy
set xrange [1:*]
set xtics ('0' 1, '90%%' 10, '99%%' 100, '99.9%%' 1e3, '99.99%%' 1e4, '99.999%%' 1e5, '99.9999%%' 1e6, '99.99999%%' 1e7)
"""


def gnuplot(text, name, svg):
    ran = subprocess.run(["gnuplot"], input=text, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    return "%s: gnuplot: %s" % (name, ran.stderr.strip()[-300:]) if ran.returncode else svg


def lines_of(series):
    return "plot " + ", ".join("'%s' using 1:2 with lines lw 2 lc rgb '%s' title '%s'" %
                               (path, COLOURS.get(name, "#777777"), name) for name, path in series)


def merged(paths):
    """{upper ns: count} of all rounds."""
    out = {}
    for path in paths:
        with open(path) as f:
            for line in f:
                ns, count = map(int, line.split())
                out[ns] = out.get(ns, 0) + count
    return out


def percentiles(out, prog, names):
    """x is 1 / (1 - percentile), so that each decade is one more nine."""
    series = []
    for name in names:
        counts = merged(glob.glob(os.path.join(out, "latency", "%s-%s-[0-9]*.dat" % (prog, name))))
        total, seen = sum(counts.values()), 0
        if not total:
            continue
        path = os.path.join(out, "%s-%s-percentiles.dat" % (prog, name))
        with open(path, "w") as f:
            f.write("# 1/(1-percentile) ms\n")
            for ns in sorted(counts):
                # A bucket's value holds from where the one before has ended.
                f.write("%.8g %.6g\n" % (total / (total - seen), ns / 1e6))
                seen += counts[ns]
                f.write("%.8g %.6g\n" % (total / max(total - seen, 1), ns / 1e6))
        series.append((name, path))
    if not series:
        return None
    svg = os.path.join(out, prog + "-latency.svg")
    text = STYLE.format(svg=svg, title=prog + ": time of a request", ylabel="ms",
                        xlabel="share of requests that took no longer") + PERCENTILES
    return gnuplot(text + lines_of(series) + "\n", prog, svg)


def memory(out, prog, names):
    series = []
    for name in names:
        path = os.path.join(out, "rss", "%s-%s-1.dat" % (prog, name))
        if os.path.exists(path) and os.path.getsize(path) > 20:
            series.append((name, path))
    if not series:
        return None
    svg = os.path.join(out, prog + "-rss.svg")
    text = STYLE.format(svg=svg, title=prog + ": resident memory, filling included", ylabel="MiB",
                        xlabel="s") + "set yrange [0:*]\n"
    return gnuplot(text + lines_of(series) + "\n", prog, svg)


def bars(res, out, name, title, ylabel, progs, figure):
    rows = [(p, [res.median(p, figure, n) for n in res.names]) for p in progs]
    rows = [r for r in rows if any(v is not None for v in r[1])]
    return plots.bars(out, name, title, ylabel, res.names, rows)


def write(res, out, groups):
    if not shutil.which("gnuplot"):
        return ["plots: gnuplot is missing; apt-get install gnuplot-nox. The data are kept."]
    plots.COLOURS.update(COLOURS)
    made = []
    for prog in groups.get("server", []):
        made += [percentiles(out, prog, res.names), memory(out, prog, res.names)]
    for prog in groups.get("trees", []):
        made.append(memory(out, prog, res.names))
    made += [
        bars(res, out, "trees", "Trees and GCBench", "s", groups.get("trees", []), "time"),
        bars(res, out, "marking", "A whole collection, CPU time by live object", "ns",
             groups.get("marking", []), "cpu_per_object"),
        bars(res, out, "rss_ratio", "Peak resident memory, in live sizes", "ratio",
             groups.get("trees", []) + groups.get("server", []), "rss_ratio"),
    ]
    return ["plot: " + m for m in made if m]
