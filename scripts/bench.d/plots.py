# SPDX-License-Identifier: MIT
"""gnuplot SVG plots; the data they show stays beside them as .dat files."""
import os
import shutil
import subprocess

from programs import FIGURES

COLOURS = {"glibc": "#9a9a9a", "plain": "#9a9a9a",
           "mimalloc": "#3b78b5", "jemalloc": "#c98a1b",
           "tcmalloc": "#5b9a4c", "lane": "#b5233b",
           "100-MB": "#9fc5d8", "1000-MB": "#4a8fb0", "4000-MB": "#1c5570"}

STYLE = """set terminal svg noenhanced size {width},{height} font 'Helvetica,12' background 'white'
set output '{svg}'
set title '{title}'
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set boxwidth 0.9
set grid ytics lc rgb '#dddddd'
set key outside top center horizontal
set xtics rotate by 40 right nomirror
set ytics nomirror
set border 3
set ylabel '{ylabel}'
"""


def bars(out, name, title, ylabel, names, rows, line=None, floor=0):
    """rows: [(label, [value or None per name])]; a floor above 0 asks for a logarithmic axis"""
    if not rows:
        return None
    dat, svg = os.path.join(out, name + ".dat"), os.path.join(out, name + ".svg")
    with open(dat, "w") as f:
        f.write("# program " + " ".join(names) + "\n")
        for label, values in rows:
            f.write(label + "".join(" %s" % ("%.6g" % v if v is not None else "?")
                                    for v in values) + "\n")
    text = STYLE.format(width=max(640, 140 + 44 * len(rows)), height=480, svg=svg, title=title,
                        ylabel=ylabel)
    text += "set datafile missing '?'\n"
    text += "set yrange [%g:*]\n" % floor + ("set logscale y\n" if floor else "")
    if line is not None:
        text += "set arrow 1 from graph 0, first %g to graph 1, first %g nohead lc rgb '#333333' " \
                "dt 2\n" % (line, line)
    text += "plot " + ", ".join(
        "'%s' using %d:xtic(1) title '%s' lc rgb '%s'" % (dat, i + 2, n, COLOURS.get(n, "#777777"))
        for i, n in enumerate(names)) + "\n"
    ran = subprocess.run(["gnuplot"], input=text, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    if ran.returncode:
        return "%s: gnuplot: %s" % (name, ran.stderr.strip()[-300:])
    return svg


def relative(res, figure):
    rows = []
    for prog in res.programs_with(figure):
        best, _ = res.best_peer(prog, figure)
        if best and prog not in res.apart:
            medians = [res.median(prog, figure, n) for n in res.names]
            rows.append((prog, [None if m is None else m / best for m in medians]))
    return rows


def absolute(res, figures):
    rows = []
    for figure in figures:
        div = FIGURES[figure][2]
        for prog in res.programs_with(figure):
            medians = [res.median(prog, figure, n) for n in res.names]
            label = figure + (" 12 s" if prog == "held-12s" else "")
            if prog == "held-12s" and figure in ("held_live", "held_now"):
                continue
            rows.append((label.replace(" ", "-"), [None if m is None else m / div for m in medians]))
    return rows


def snapshots(res):
    """One bar a facility and heap size; a column an allocator would leave most empty."""
    progs = ["snapcost-100", "snapcost-1000", "snapcost-4000"]
    rows = {}
    for (prog, figure, alloc) in res.values:
        if prog in progs and figure.endswith(".median") and not figure.startswith("quiet."):
            row = rows.setdefault("%s:%s" % (alloc, figure[:-7]), [None] * len(progs))
            row[progs.index(prog)] = res.median(prog, figure, alloc)
    return [p[9:] + "-MB" for p in progs], sorted(rows.items())


def write(res, out):
    """Returns what was written, or why not, line by line."""
    if not shutil.which("gnuplot"):
        return ["plots: gnuplot is missing; apt-get install gnuplot-nox. CSV files are written."]
    sizes, snaps = snapshots(res)
    made = [
        bars(out, "time", "Time by program, relative to the best peer", "ratio (less is better)",
             res.names, relative(res, "time"), 1, 0.5),
        bars(out, "peak_rss", "Peak resident memory, relative to the best peer",
             "ratio (less is better)", res.names, relative(res, "peak_rss"), 1, 0.5),
        bars(out, "memory", "Memory held after frees, and by idle threads", "MiB", res.names,
             absolute(res, ("held_live", "held_now", "held_90", "held_100", "idle_rss_now",
                            "idle_rss"))),
        bars(out, "snapshot", "One reading of the statistics by size of heap", "us", sizes, snaps,
             10, 0.5),
    ]
    return ["plot: " + m for m in made if m]
