# SPDX-License-Identifier: MIT
"""What is measured: allocators, programs, and the meaning of each figure."""
import dataclasses
import glob
import os


@dataclasses.dataclass
class Allocator:
    name: str
    package: str
    path: str = ""  # "" = nothing is preloaded
    missing: str = ""  # why it cannot take part
    conf: str = ""  # LANE_CONF

    def environment(self):
        return {"LANE_CONF": self.conf} if self.conf else {}


PEERS = [
    ("mimalloc", "libmimalloc2.0", "libmimalloc.so.2"),
    ("jemalloc", "libjemalloc2", "libjemalloc.so.2"),
    ("tcmalloc", "libtcmalloc-minimal4", "libtcmalloc_minimal.so.4"),
]


def allocators(build):
    out = [Allocator("glibc", "libc6")]
    for name, package, lib in PEERS:
        found = sorted(glob.glob("/usr/lib/*-linux-gnu/" + lib) + glob.glob("/usr/lib/" + lib))
        why = "" if found else "%s is not here; apt-get install %s" % (lib, package)
        out.append(Allocator(name, package, found[0] if found else "", why))
    return out + [lane(build, "lane")]


def lane(build, name, conf=""):
    path = os.path.join(build, "liblane.so")
    why = "" if os.path.exists(path) else "%s is not built" % path
    return Allocator(name, "", os.path.abspath(path), why, conf)


def libc_path():
    """For programs linked with another allocator: glibc's malloc comes first this way."""
    return next(iter(sorted(glob.glob("/lib/*-linux-gnu/libc.so.6"))), "")


@dataclasses.dataclass
class Program:
    name: str
    group: str  # 1 thread, 2 threads, many threads, real, starts, statistics
    argv: list  # {bin} {data} {scale} {preload} are filled in
    about: str = ""
    kind: str = "own"  # own: prints its figures; real: measured from outside; redis; starts
    env: dict = dataclasses.field(default_factory=dict)
    stdin: str = ""
    once: bool = False  # slow and steady: in the first round only, and not in the means
    needs: str = ""  # command, and Debian package if it differs: "sqlite3" or "gcc-12:gcc"


ONE, TWO, MANY, REAL = "1 thread", "2 threads", "many threads", "real programs"
STARTS, STATS = "starts", "statistics"


def own(name, group, prog, *args, about=""):
    return Program(name, group, ["{bin}/" + prog, "{scale}"] + [str(a) for a in args], about)


PROGRAMS = [
    own("pair-64", ONE, "pair", 64, 1, about="malloc and free of the same 64 bytes"),
    own("pair-512", ONE, "pair", 512, 1, about="the same with 512 bytes"),
    own("pair-64-t2", TWO, "pair", 64, 2, about="the same in two threads"),
    own("batch-100", ONE, "batch", 1, about="batches of 100 objects, 8 to 248 bytes"),
    own("batch-100-t2", TWO, "batch", 2, about="the same in two threads"),
    own("mixed", ONE, "mixed", 1, about="8 bytes to 32 KiB, a random one of 10,000 replaced"),
    own("mixed-t2", TWO, "mixed", 2, about="the same in two threads"),
    own("mixed-t16", MANY, "mixed", 16, 2000, about="the same in 16 threads, 2000 each"),
    own("longbatch", ONE, "longbatch", 1, about="100,000 of 64 bytes, then all freed"),
    own("longbatch-t2", TWO, "longbatch", 2, about="the same in two threads"),
    own("server-t2", TWO, "server", 2, about="requests on shared sessions, cross-thread frees"),
    own("server-t8", MANY, "server", 8, about="the same in eight threads"),
    own("prodcons-1", TWO, "prodcons", 1, about="one thread allocates, another frees"),
    own("prodcons-4", MANY, "prodcons", 4, about="four such pairs"),
    own("many-t64", MANY, "many", 64, about="64 threads in bursts"),
    own("churn", MANY, "churn", about="60,000 short threads that leave objects behind"),
    own("vector", ONE, "vector", 16, about="64 vectors growing by realloc, up to 64 KiB"),
    own("vector-large", ONE, "vector", 24, about="the same up to 16 MiB"),
    own("large", ONE, "large", 1, about="64 KiB to 4 MiB, every page written"),
    own("large-t2", TWO, "large", 2, about="the same in two threads"),
    own("zeroed", ONE, "zeroed", about="calloc of 16 bytes to 256 KiB"),
    own("aligned", ONE, "aligned", about="posix_memalign, 64 and 4096 bytes"),
    own("tree", ONE, "tree", 1, about="binary trees of 131,071 nodes built, walked, freed"),
    own("tree-t2", TWO, "tree", 2, about="the same in two threads"),
    own("strings", ONE, "strings", about="hash table of strings, 400,000 entries"),
    own("held", ONE, "held", about="400 MB live, 90% freed at random, then all"),
    own("idle-256", MANY, "idle", 256, about="256 threads that burst once and then idle"),
    Program("starts", STARTS, ["{bin}/starts", "{scale}", "{preload}", "/bin/true"],
            "400 starts of /bin/true", kind="starts"),
    Program("tiny", STARTS, ["{bin}/tiny"], "a program with 40 small objects", kind="own"),
    Program("redis", REAL, [], "redis-server under redis-benchmark: SET, GET, LPUSH",
            kind="redis", needs="redis-server"),
    Program("sqlite3", REAL, ["sqlite3", ":memory:"], "inserts, indexes, queries",
            kind="real", stdin="sql", needs="sqlite3"),
    Program("gcc", REAL, ["gcc", "-O2", "-c", "{data}/generated.c", "-o", "/dev/null"],
            "a generated C file with -O2", kind="real", needs="gcc"),
    Program("lua5.4", REAL, ["lua5.4", "{here}/work.lua", "{scale}"], "strings and tables",
            kind="real", needs="lua5.4"),
    Program("python3", REAL, ["/usr/bin/python3", "{here}/work.py", "{scale}"],
            "dictionaries, lists, strings; PYTHONMALLOC=malloc", kind="real",
            env={"PYTHONMALLOC": "malloc"}, needs="/usr/bin/python3:python3"),
]

STATISTICS = [
    own("held-12s", STATS, "held", 12, about="held, with 12 s to give memory back (once)"),
    own("snapcost-100", STATS, "snapcost", 100, about="one reading beside 0.1 GB"),
    own("snapcost-1000", STATS, "snapcost", 1000, about="one reading beside 1 GB"),
    own("snapcost-4000", STATS, "snapcost", 4000, about="one reading beside 4 GB"),
    own("snapslow", STATS, "snapslow", 200, about="two threads while a third reads 100 times/s"),
]

STATISTICS[0].once = True

# figure -> (title, unit for the table, divisor, smaller is better)
FIGURES = {
    "time": ("Time", "s", 1, True),
    "ns_per_op": ("Time per operation", "ns", 1, True),
    "cpu_ns_per_op": ("CPU time per operation, all threads together", "ns", 1, True),
    "cpu": ("CPU time, user and system", "s", 1, True),
    "peak_rss": ("Peak resident memory", "MiB", 1024, True),
    "steady_rss": ("Resident memory in steady state", "MiB", 1024, True),
    "held_live": ("Live after freeing 90% at random (the floor)", "MiB", 1024, True),
    "held_now": ("Held after freeing 90% at random, at once", "MiB", 1024, True),
    "held_90": ("Held after freeing 90% at random, 2 s (12 s) later", "MiB", 1024, True),
    "held_100": ("Held after freeing all, 2 s (12 s) later", "MiB", 1024, True),
    "idle_rss_now": ("256 threads that burst, at once", "MiB", 1024, True),
    "idle_rss": ("256 threads that burst, idle for 2 s", "MiB", 1024, True),
    "us_per_start": ("Time per start of /bin/true", "us", 1, True),
    "tiny_rss": ("Resident memory of a tiny program", "MiB", 1024, True),
    "set_rps": ("redis SET, requests/s", "k/s", 1000, False),
    "get_rps": ("redis GET, requests/s", "k/s", 1000, False),
    "lpush_rps": ("redis LPUSH, requests/s", "k/s", 1000, False),
    "server_cpu": ("redis-server CPU time per million requests", "s", 1, True),
}
