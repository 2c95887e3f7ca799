# SPDX-License-Identifier: MIT
"""scripts/bench gc: who takes part, which programs run, and what their figures mean."""
import dataclasses
import os
import shutil

GB = 1000  # sizes of tables are in millions of bytes


@dataclasses.dataclass
class Contender:
    name: str
    suffix: str  # of the program's file
    package: str
    held: float  # what it is expected to hold at its peak, in live sizes
    env: dict = dataclasses.field(default_factory=dict)
    path: str = ""
    missing: str = ""

    collects = property(lambda self: self.suffix != "malloc")


def contenders(build):
    out = [
        Contender("glibc", "malloc", "libc6", 1.4),
        Contender("libgc", "libgc", "libgc1", 2.7),
        Contender("libgc-inc", "libgc", "libgc1", 4.2, {"LIBGC_INCREMENTAL": "1"}),
        Contender("go", "go", "golang-go", 3.4, {"GOGC": "100"}),
        Contender("lane", "lane", "", 2.6, path=os.path.join(build, "liblane.so")),
    ]
    for c in out:
        if c.suffix == "libgc" and not os.path.exists("/usr/include/gc/gc.h"):
            c.missing = "no gc/gc.h; apt-get install libgc-dev"
        if c.suffix == "go" and not shutil.which("go"):
            c.missing = "no go; apt-get install golang-go"
    return out


@dataclasses.dataclass
class Program:
    name: str
    group: str
    argv: list  # the first is the file's name without its suffix; {hist} is filled in
    live: float  # millions of bytes: the most that lives at once
    about: str
    manual: bool = True  # malloc takes part
    incremental: bool = True  # libgc's incremental mode takes part
    once: bool = False  # long: in the first round only
    seconds: float = 0  # of its measured time


TREES, SERVER, MARKING, STATS, STORES, STACKS = \
    "trees", "server", "marking", "statistics", "stores and objects", "stacks"


def _servers(quick):
    sizes = [("256M", 256, 10, False), ("1G", GB, 20, False), ("4G", 4 * GB, 45, True)]
    for label, mb, seconds, once in sizes:
        if quick:
            mb, seconds = mb // 10, 2
        for how in ("closed", "paced"):
            yield Program("server-%s-%s" % (label, how), SERVER,
                          ["server", str(mb), how, str(seconds), "{hist}"], mb,
                          "%d MB of tables, 2 threads, %s" % (
                              mb, "flat out" if how == "closed" else
                              "20 requests a thread and millisecond"), once=once, seconds=seconds)


def _marking(quick):
    for label, n in (("4M", 4000000), ("16M", 16000000)):
        n = n // 10 if quick else n
        for shape, what in (("tree", "a random tree"), ("graph", "a random graph"),
                            ("ordered", "an array of all in order")):
            yield Program("marking-%s-%s" % (label, shape), MARKING,
                          ["marking", str(n), shape, "3" if quick else "5"], n * 64 / 1e6,
                          "%d objects of 64 bytes, 2 references each, %s" % (n, what),
                          manual=False, incremental=False)


def programs(quick):
    depth, bench_depth = (14, 12) if quick else (20, 18)
    seconds = 1 if quick else 10
    stats_mb = 400 if quick else 4 * GB
    live = 100000 if quick else 1000000
    out = [
        Program("trees-t1", TREES, ["trees", str(depth), "1"], (4 << depth) * 16 / 1e6,
                "binary trees of depth 4 to %d" % depth),
        Program("trees-t2", TREES, ["trees", str(depth), "2"], (4 << depth) * 16 / 1e6,
                "the same in two threads"),
        Program("gcbench", TREES, ["gcbench", str(bench_depth)],
                (8 << bench_depth) * 24 / 1e6,
                "GCBench, depths 4 to %d, stretch %d" % (bench_depth, bench_depth + 2)),
    ]
    out += _servers(quick)
    out += _marking(quick)
    out += [
        Program("statistics-4G", STATS, ["statistics", str(stats_mb), str(seconds), "1000"], stats_mb,
                "reading statistics beside %d MB and two busy threads" % stats_mb,
                incremental=False, once=True, seconds=seconds),
        Program("barrier", STORES, ["barrier", "20" if quick else "200", str(live)], 128,
                "stores of references, and small objects without collection",
                incremental=False),
        Program("deepstack-64K", STACKS, ["deepstack", str(seconds), "64", str(live)],
                live * 64 / 1e6, "a thread 64 KiB deep while collections run",
                incremental=False, seconds=seconds),
    ]
    return out


# figure -> (title, unit of the table, divisor, less is better)
FIGURES = {
    "time": ("Time", "s", 1, True),
    "cpu": ("CPU time, user and system", "s", 1, True),
    "requests": ("Requests", "k/s", 1000, False),
    "cpu_per_request": ("CPU time of a request, collector included", "us", 1, True),
    "latency.p50": ("Time of a request, median", "us", 1, True),
    "latency.p99": ("Time of a request, 99 of 100 are below", "us", 1, True),
    "latency.p999": ("Time of a request, 999 of 1000 are below", "us", 1, True),
    "latency.max": ("Longest request", "ms", 1000, True),
    "fill": ("Filling the tables", "s", 1, True),
    "cycles_per_s": ("Collections", "1/s", 1, True),
    "peak_rss": ("Peak resident memory", "MiB", 1024, True),
    "rss_ratio": ("Peak resident memory, in live sizes", "ratio", 1, True),
    "wall_per_object": ("Whole collection, time by live object", "ns", 1, True),
    "cpu_per_object": ("Whole collection, CPU time by live object", "ns", 1, True),
}

# figure -> (column's head, divisor): what each collector says of itself
OWN_FIGURES = {
    "gc.cycles": ("cycles", 1),
    "gc.asked_for": ("asked for", 1),
    "gc.stop_p50": ("stop p50 us", 1),
    "gc.stop_max": ("stop max us", 1),
    "gc.stopped": ("stopped ms", 1),
    "gc.stack_copy_max": ("stack copy max us", 1),
    "gc.assist": ("assists ms", 1),
    "gc.worker": ("workers ms", 1),
    "gc.cpu_fraction": ("share of CPU", 1),
}
