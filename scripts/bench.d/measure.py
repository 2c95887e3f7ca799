# SPDX-License-Identifier: MIT
"""Builds what is needed, and runs one program under one allocator."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

import gen_c
import redis
from failed import LIMIT_S, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


def build(out_dir, log):
    """The library and the bench programs by make. Returns the programs' folder."""
    lib = os.path.join(out_dir, "liblane.so")
    bin_dir = os.path.join(out_dir, "selftests", "bench")
    programs = [os.path.join(bin_dir, os.path.basename(src)[:-2])
                for src in sorted(glob.glob(os.path.join(TOP, "selftests/bench/*.c")))]
    make = ["make", "-s", "-C", TOP, "-j%d" % os.cpu_count(), "O=" + out_dir]
    subprocess.run(make + programs, check=True, stdout=sys.stderr)
    made = subprocess.run(make + [lib], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if made.returncode:
        log("make failed; %s\n%s" % ("an older library is used" if os.path.exists(lib)
                                     else "Lane is left out", made.stdout[-2000:]))
    return bin_dir


def check_preload(alloc):
    """The dynamic linker only warns of a library it cannot preload."""
    if alloc.missing or not alloc.path:
        return
    env = dict(os.environ, LD_PRELOAD=alloc.path)
    ran = subprocess.run(["cat", "/proc/self/maps"], env=env, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    if ran.returncode or os.path.realpath(alloc.path) not in ran.stdout:
        alloc.missing = "cannot be preloaded: " + ran.stdout.strip().split("\n")[0][:200]


class Bench:
    def __init__(self, bin_dir, scale):
        self.bin = bin_dir
        self.scale = scale
        self.data = tempfile.mkdtemp(prefix="lane-bench-")
        self.outputs = {}  # program -> (allocator, output) that all others must equal
        self._write_inputs()

    def close(self):
        shutil.rmtree(self.data, ignore_errors=True)

    def _write_inputs(self):
        with open(os.path.join(HERE, "work.sql")) as f:
            sql = f.read().replace("@ROWS@", str(int(350000 * self.scale)))
        with open(os.path.join(self.data, "sql"), "w") as f:
            f.write(sql)
        with open(os.path.join(self.data, "generated.c"), "w") as f:
            f.write(gen_c.generate(max(4, int(120 * self.scale))))

    def run(self, prog, alloc):
        """One run: {figure: (value, unit)}."""
        if prog.kind == "redis":
            return redis.run(self, alloc)
        figures = os.path.join(self.data, "figures")
        names = {"bin": self.bin, "data": self.data, "scale": "%g" % self.scale, "here": HERE,
                 "preload": alloc.path or "-"}
        argv = [a.format(**names) for a in prog.argv]
        preload = "-" if prog.kind == "starts" else alloc.path or "-"
        stdin = open(os.path.join(self.data, prog.stdin)) if prog.stdin else subprocess.DEVNULL
        try:
            ran = subprocess.run([os.path.join(self.bin, "launch"), figures, preload] + argv,
                                 stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env=dict(os.environ, **prog.env, **alloc.environment()),
                                 timeout=LIMIT_S, text=True)
        except subprocess.TimeoutExpired:
            raise Failed("no end after %d s" % LIMIT_S)
        finally:
            if prog.stdin:
                stdin.close()
        if ran.returncode:
            raise Failed("exit %d: %s" % (ran.returncode, ran.stderr.strip()[-200:]))
        with open(figures) as f:
            outside = parse(f.read())
        return self._figures(prog, alloc, outside, ran.stdout)

    def _figures(self, prog, alloc, outside, stdout):
        if prog.kind == "real":
            first = self.outputs.setdefault(prog.name, (alloc.name, stdout))
            if first[1] != stdout:
                raise Failed("its output differs from that under " + first[0])
            out = {"time": outside["wall"], "peak_rss": outside["max_rss"]}
        else:
            out = parse(stdout)
        if "tiny_rss" in out:
            out["peak_rss"] = out["tiny_rss"]
        for name in ("cpu", "sys", "faults", "switches"):
            out[name] = outside[name]
        return out


def parse(text):
    out = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3:
            out[words[0]] = (float(words[1]), words[2])
    return out


def cpu_jiffies():
    """All CPU time spent by anybody, and that which passed, from /proc/stat."""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:]]
    idle = v[3] + v[4]
    return sum(v[:8]) - idle, sum(v[:8])


class Others:
    """CPU time that passed while a program ran and was not its own."""

    def __init__(self):
        self.busy, self.all = cpu_jiffies()
        self.start = time.monotonic()

    def share(self, own_s):
        busy, total = cpu_jiffies()
        hz = os.sysconf("SC_CLK_TCK")
        passed = (total - self.all) / hz
        return max(0.0, ((busy - self.busy) / hz - own_s) / passed) if passed > 0.2 else 0.0
