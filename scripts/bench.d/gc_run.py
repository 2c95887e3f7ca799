# SPDX-License-Identifier: MIT
"""scripts/bench gc: builds the programs, and runs one of them on one heap."""
import os
import signal
import subprocess
import sys
import threading
import time

from failed import Failed
from measure import TOP, parse

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT_S = 1200
SAMPLE_S = 0.1
LEAST_LIVE_KB = 20000
# What a user may have set, and would make runs differ from what the report says.
CLEARED = ("GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GODEBUG", "LANE_CONF", "LD_PRELOAD",
           "LIBGC_INCREMENTAL", "GC_NPROCS", "GC_MARKERS", "GC_ENABLE_INCREMENTAL",
           "GC_INITIAL_HEAP_SIZE", "GC_FREE_SPACE_DIVISOR", "GLIBC_TUNABLES")


def build(out_dir, chosen, contenders, log, extra):
    """By make, each contender apart: who does not build is left out. Returns the folder."""
    bin_dir = os.path.join(out_dir, "selftests", "bench", "gc")
    files = sorted({p.argv[0] for p in chosen})
    for suffix in sorted({c.suffix for c in contenders if not c.missing}):
        targets = ["%s/%s-%s" % (bin_dir, f, suffix) for f in files]
        ran = subprocess.run(["make", "-s", "-C", TOP, "-j%d" % os.cpu_count(), "O=" + out_dir] +
                             extra + targets, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True)
        if ran.returncode:
            log("the programs for %s do not build:\n%s" % (suffix, ran.stdout[-1500:]))
            for c in contenders:
                if c.suffix == suffix:
                    c.missing = "its programs do not build"
    return bin_dir


def available_mb():
    """What may be used: of the machine, or of the control group where that is less."""
    with open("/proc/meminfo") as f:
        kb = next(int(line.split()[1]) for line in f if line.startswith("MemAvailable:"))
    free = kb * 1024 / 1e6
    try:
        with open("/sys/fs/cgroup/memory.max") as most, open("/sys/fs/cgroup/memory.current") as now:
            free = min(free, (int(most.read()) - int(now.read())) / 1e6)
    except (OSError, ValueError):
        pass
    return free


def needed_mb(prog, contender):
    return prog.live * contender.held + 100


def touch(prog, contender):
    """What the run will need and a fifth more is touched in a process of its own (touch.py)."""
    mb = min(needed_mb(prog, contender) * 1.2, available_mb() * 0.9)
    subprocess.run([sys.executable, os.path.join(HERE, "touch.py"), "%d" % max(mb, 1)], check=True)


def too_large(prog, contender):
    """Why it cannot run here, or nothing."""
    need, have = needed_mb(prog, contender), available_mb()
    if need <= have * 0.95:
        return ""
    return "needs about %.1f GB, %.1f are available" % (need / 1000, have / 1000)


class MapLimit:
    """
    vm.max_map_count as high as libgc's incremental mode needs it, which protects single pages;
    only where the user may, and put back at the end.
    """
    PATH = "/proc/sys/vm/max_map_count"
    WANTED = 4 << 20  # every second page of the largest heap, and as much again

    def __init__(self, contenders, log):
        self.before = None
        if not any(c.name == "libgc-inc" for c in contenders):
            return
        try:
            with open(self.PATH) as f:
                before = int(f.read())
            if before >= self.WANTED:
                return
            self.before = before
            self._write(self.WANTED)
        except (OSError, ValueError) as e:
            self.before = None
            log("vm.max_map_count cannot be raised (%s): libgc-inc may fail in the larger programs" %
                (e.strerror if isinstance(e, OSError) else e))
            return
        log("vm.max_map_count raised from %d to %d for libgc-inc, until the end" %
            (before, self.WANTED))

    def _write(self, value):
        with open(self.PATH, "w") as f:
            f.write("%d\n" % value)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.before is not None:
            self._write(self.before)
            note("vm.max_map_count is %d again" % self.before)


class Memory(threading.Thread):
    """Resident size of a process, ten times a second, into a file."""

    def __init__(self, pid, path):
        super().__init__(daemon=True)
        self.pid, self.path = pid, path
        self.ended = threading.Event()

    def run(self):
        start, page = time.monotonic(), os.sysconf("SC_PAGE_SIZE")
        with open(self.path, "w") as out:
            out.write("# s MiB\n")
            while not self.ended.wait(SAMPLE_S):
                try:
                    with open("/proc/%d/statm" % self.pid) as f:
                        pages = int(f.read().split()[1])
                except (OSError, IndexError):
                    break
                out.write("%.2f %.1f\n" % (time.monotonic() - start, pages * page / 1048576))


def environment(prog, contender):
    env = {k: v for k, v in os.environ.items() if k not in CLEARED}
    if contender.suffix == "libgc":
        env["GC_INITIAL_HEAP_SIZE"] = "%d" % max(2.2 * prog.live * 1e6, 1 << 20)
    env.update(contender.env)
    return env


class Runner:
    def __init__(self, bin_dir, out):
        self.bin = bin_dir
        self.out = out
        for folder in ("latency", "rss"):
            os.makedirs(os.path.join(out, folder), exist_ok=True)

    def data(self, folder, prog, contender, turn):
        return os.path.join(self.out, folder, "%s-%s-%d.dat" % (prog.name, contender.name, turn))

    def run(self, prog, contender, turn):
        """One run: {figure: (value, unit)}."""
        argv = [a.format(hist=self.data("latency", prog, contender, turn)) for a in prog.argv]
        argv[0] = "%s/%s-%s" % (self.bin, argv[0], contender.suffix)
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=environment(prog, contender), text=True)
        memory = Memory(child.pid, self.data("rss", prog, contender, turn))
        memory.start()
        try:
            stdout, stderr = child.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Failed("no end after %d s" % LIMIT_S)
        finally:
            memory.ended.set()
            memory.join()
            if child.poll() is None:
                child.kill()
                child.communicate()
        if child.returncode:
            how = "exit %d" % child.returncode if child.returncode > 0 else \
                signal.Signals(-child.returncode).name
            raise Failed("%s: %s" % (how, stderr.strip()[-300:]))
        return self._figures(prog, parse(stdout))

    @staticmethod
    def _figures(prog, out):
        if not out:
            raise Failed("no figures")
        if prog.group == "server" and "gc.cycles" in out:
            out["cycles_per_s"] = (out["gc.cycles"][0] / prog.seconds, "1/s")
        # Beside a few megabytes it is the libraries that count.
        if "peak_rss" in out and out.get("live", (0,))[0] > LEAST_LIVE_KB:
            out["rss_ratio"] = (out["peak_rss"][0] / out["live"][0], "ratio")
        return out


def cpu_of_children():
    t = os.times()
    return t.children_user + t.children_system


def note(text):
    print(text, file=sys.stderr, flush=True)
