#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lanestat top on real terminals of several sizes and kinds, by keys; and its batch mode."""
import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from lanestat_common import ENV, LANESTAT, check, finish, lanestat, serve, stop, tmp, until

if not shutil.which("tmux"):
    print("1..0 # SKIP tmux is not installed")
    sys.exit(4)


class Screen:
    """lanestat top in a terminal of its own, which tmux is."""
    number = 0

    def __init__(self, *args, width=80, height=24, **env):
        Screen.number += 1
        self.tmux = ["tmux", "-S", "%s/tmux%d" % (tmp, Screen.number), "-f", "/dev/null"]
        words = ["%s=%s" % kv for kv in env.items()] + [LANESTAT, "top"] + [str(a) for a in args]
        subprocess.run(self.tmux + ["new-session", "-d", "-x", str(width), "-y", str(height),
                                    "env " + " ".join(words) + "; echo status $?; exec sleep 100"], env=ENV, check=True)
        atexit.register(self.end)

    def call(self, *args):
        return subprocess.run(self.tmux + list(args), env=ENV, capture_output=True, text=True).stdout

    def text(self):
        return self.call("capture-pane", "-p")

    def colours(self):
        return self.call("capture-pane", "-p", "-e")

    def press(self, *keys):
        self.call("send-keys", *keys)

    def shows(self, *words, seconds=5):
        return until(lambda: all(re.search(w, self.text(), re.M) for w in words), seconds)

    def lacks(self, word, seconds=5):
        return until(lambda: not re.search(word, self.text(), re.M), seconds)

    def pid(self):
        shell = self.call("display", "-p", "#{pane_pid}").strip()
        out = subprocess.run(["pgrep", "-P", shell], capture_output=True, text=True).stdout
        return int(out.split()[0]) if out else 0

    def end(self):
        self.call("kill-server")

    def column(self, name, count):
        """The first count values below a heading."""
        lines = self.text().splitlines()
        at = next(i for i, line in enumerate(lines) if name in line.split())
        col = lines[at].split().index(name)
        return [line.split()[col] for line in lines[at + 1:at + 1 + count] if len(line.split()) > col]


def number(text):
    return float(text.rstrip("kMGKT")) * {"k": 1e3, "M": 1e6}.get(text[-1], 1)


one = serve("fake_heap", "--name", "redis-server", "--rate", "20000", "--nodes", "2", "--cpus", "4")
two = serve("fake_heap", "--name", "small", "--rate", "1000", "--in-use", str(70 << 20))

# 80x24, one process: head, bars, table, all in sight and at their place.
s = Screen("-d", "0.5", one.pid)
check(s.shows("mallocs/s [12][0-9.]+k", "^ *1024 "), "the screen of a process", s.text())
right = False
for _ in range(20):  # on a busy machine the made-up process itself is late now and then
    time.sleep(1)
    text = s.text()
    lines = text.splitlines()
    m = re.search(r"mallocs/s (\S+)  frees/s (\S+)  refills/s (\S+)", text)
    rates = [number(x) for x in m.groups()] if m else [0, 0, 0]
    right = 17000 < rates[0] < 23000 and 17000 < rates[1] < 23000 and 700 < rates[2] < 1150
    if right:
        break
check(right,
      "rates a second: 20000 mallocs and frees, 875 refills", rates, text)
check("%d redis-server" % one.pid in lines[0] and "in use 100M" in text and "mapped 183M" in text and
      "released 40.0M" in text, "the head has name and totals", text)
bars = [line for line in lines if line.startswith("node ")]
used = bars[0].count("#") if bars else 0
width = bars[0].index("]") - bars[0].index("[") - 1 if bars else 1
check(len(bars) == 2 and abs(used - width * 50 / 90) <= 1 and "50.0M/90.0M" in bars[0] and
      abs(bars[0].count("_") - width * 20 / 90) <= 1 and abs(bars[0].count(".") - 2 - width * 17 / 90) <= 1,
      "a bar for each node, its parts as long as their share", text)
check(max(map(len, lines)) <= 80 and len(lines) <= 24 and "h help" in lines[-1], "80x24 holds it all", text)
check(s.column("SIZE", 4) == ["1024", "large", "32768", "16"], "classes, the largest in use first", text)
check(re.search("\x1b\\[[0-9;]*3[2-6]m", s.colours()), "in colour where the terminal has it", repr(s.colours()))

s.press(">")
check(s.shows("sort CACHED"), "> sorts by the next column", s.text())
check(s.column("SIZE", 1) == ["32768"], "and the rows follow", s.text())
s.press("<", "<", "<")
check(s.shows("sort SIZE|sort LIVE") and s.press("<") is None and s.shows("sort SIZE .up."),
      "< goes back; sizes begin with the smallest", s.text())
check(s.column("SIZE", 3) == ["8", "16", "32"], "in order", s.text())
s.press("r")
check(until(lambda: s.column("SIZE", 2) == ["large", "32768"]), "r reverses", s.text())

s.press("l")
check(s.shows("CPU +NODE", "REMOTE/s"), "l shows the lanes", s.text())
check(s.column("CPU", 4) == ["0", "1", "2", "3"] and s.shows(r"^ +3 +1 +3.0M +4.0M \[\+{7,8} *\]"),
      "one a CPU, with a bar of its fill", s.text())
s.press("i")
check(s.shows("^past +- "), "i shows idle rows, too: what goes past the caches", s.text())
s.press("n")
check(s.shows("RELEASED", "^none "), "n shows the nodes", s.text())
s.press("Tab")
check(s.shows("SIZE +LIVE"), "Tab goes on to the classes", s.text())
s.press("h")
check(s.shows("quit", "reverse the order") and s.lacks("SIZE"), "h helps", s.text())
check(len(s.text().splitlines()) <= 24 and max(map(len, s.text().splitlines())) <= 79, "within 80x24", s.text())
s.press("x")
check(s.shows("SIZE") and s.lacks("reverse the order"), "any key leaves help", s.text())
s.press("?")
check(s.shows("reverse the order"), "? helps, too")
s.press("x")
s.press("p")
check(s.shows("only one process was asked for"), "p says why it does nothing here", s.text())
s.press("+")
check(s.shows("every 1s"), "+ refreshes half as often", s.text())

# Resizing, down to sizes where little fits, and up again.
for width, height in ((132, 50), (200, 60), (40, 10), (20, 5), (10, 2), (1, 1), (80, 24)):
    s.call("resize-window", "-x", str(width), "-y", str(height))
    time.sleep(0.4)
    alive = s.pid()
    text = s.text()
    good = alive and (width < 10 or "lanestat" in text.splitlines()[0])
    if width >= 132:
        good = good and until(lambda: "SPAN_B" in s.text())
    check(good, "resized to %dx%d" % (width, height), text)
check(s.shows("SIZE", "h help", "node 1"), "and all is there again", s.text())
s.press("q")
check(s.shows("status 0") and s.lacks("SIZE"), "q quits with 0 and leaves the terminal as it was", s.text())
s.end()

# Processes.
s = Screen("-d", "0.5")
check(s.shows("redis-server", "small", "[0-9]+ processes"), "without a process: all of them", s.text())
pids = [str(one.pid), str(two.pid)]
mine = [p for p in s.column("PID", 12) if p in pids] if s.shows("PID") else []
check(mine == pids, "the largest first", s.text())
s.press("r")
check(until(lambda: [p for p in re.findall(r"^ *(\d+) ", s.text(), re.M) if p in pids] == pids[::-1]), "r reverses", s.text())
s.press("c")
check(s.shows("choose a process first"), "c wants a process", s.text())
s.press("Home")
for _ in range(40):
    s.press("Enter")
    if s.shows(" %d small" % two.pid, seconds=1):
        break
    s.press("Escape")
    s.shows("processes", seconds=2)
    s.press("Down")
check(s.shows("%d small" % two.pid, "SIZE"), "Enter shows the process under the cursor", s.text())
check(s.shows(r"mallocs/s (9\d\d|1\.[0-4]k)"), "with its rates", s.text())
s.press("Escape")
check(s.shows("processes", "redis-server"), "Esc leads back", s.text())
s.end()
victim = serve("fake_heap", "--name", "victim", "--in-use", str(1 << 50))
s = Screen("-d", "60")
s.shows("victim")
time.sleep(2)  # behind the second screen, which comes early
stop(victim, signal.SIGKILL)
s.press("Enter")
check(s.shows("process %d has ended; Esc: back" % victim.pid) and "%d victim" % victim.pid in s.text().splitlines()[0] and
      s.shows("in use 1.0P"), "one that ended before Enter is shown as it was last, not another in its place", s.text())
s.press("Escape")
check(s.shows("processes", "redis-server") and s.lacks("victim"), "Esc leads back to those that are there", s.text())
s.end()
s = Screen("-d", "0.5")
s.shows("small")
stop(two)
check(s.lacks("small"), "a process that ends goes from the screen", s.text())
hung = serve("fake_service", "silent")
check(s.shows("%d .* silent" % hung.pid), "one that hangs is said to be silent", s.text())
check(s.shows(r"redis-server .* (1\d\.\d|2\d\.\d)k "), "and the others go on", s.text())
stop(hung, signal.SIGKILL)
os.kill(s.pid(), signal.SIGTERM)
check(s.shows("status 0"), "SIGTERM puts the terminal back", s.text())
s.end()

# Terminals without colour.
for env in {"TERM": "vt100"}, {"NO_COLOR": "1"}:
    s = Screen("-d", "0.5", one.pid, **env)
    good = s.shows("mallocs/s [12][0-9.]+k", r"node 0   \[#+\++\.+_+ *\]", "h help")
    check(good and not re.search("\x1b\\[[0-9;]*(3[0-7]|4[0-7])m", s.colours()),
          "%s=%s: the same without colour" % list(env.items())[0], repr(s.colours()))
    s.press("l")
    check(s.shows(r"\[\+{7,8} *\]"), "bars of lanes by characters", s.text())
    s.press("q")
    s.shows("status 0")
    s.end()
s = Screen(one.pid, TERM="no-such-terminal")
check(s.shows("status 1", "lanestat: top: the terminal 'no-such-terminal' is not known"), "an unknown terminal: one line", s.text())
s.end()

# A process that ends, restarts its counters; a terminal that goes away; -n.
s = Screen("-d", "0.3", one.pid)
s.shows("mallocs/s [12]")
os.kill(one.pid, signal.SIGUSR1)
seen = set()
end = time.monotonic() + 2
while time.monotonic() < end:
    seen |= set(re.findall(r"mallocs/s (\S+)", s.text()))
    time.sleep(0.05)
check(all(x == "-" or 12000 < number(x) < 30000 for x in seen) and len(seen) > 1,
      "counters that fall make no rate, and none that is negative", seen)
top = s.pid()
s.end()
check(until(lambda: not os.path.exists("/proc/%d" % top)), "it ends with its terminal")
s = Screen("-d", "0.3", "-n", "2", one.pid)
check(s.shows("status 0"), "-n 2 ends by itself", s.text())
s.end()
s = Screen("-d", "0.3", one.pid)
s.shows("mallocs/s")

# Batch mode.
status, out, err = lanestat("top", "-b", "-d", "0.5", "-n", "3", "-s", "free/", one.pid)
screens = out.split("\n\nlanestat")
check(status == 0 and len(screens) == 3 and "\x1b" not in out, "-b -n 3: three screens, no escapes", out, err)
check("mallocs/s -" in screens[0] and re.search(r"mallocs/s (1\d|2\d)\.\dk", screens[2]), "rates from the second on", out)
status, out, err = lanestat("top", "-b", "-n", "1", "-v", "lanes", one.pid)
check(len([line for line in out.splitlines() if "[" in line and not line.startswith("node")]) == 4, "-v lanes", out)
status, out, err = lanestat("top", "-b", "-n", "1", COLUMNS="60")
check(max(map(len, out.splitlines())) <= 60 and "redis-server" in out, "COLUMNS is kept to", out)
for args, words in ((["-s", "nothing"], "no column 'nothing'"), (["-v", "x"], "no view"), (["-v", "lanes"], "wants a process"),
                    (["-d", "0"], "no number of seconds"), (["-z"], "unknown"), ([], "wants a terminal")):
    status, out, err = lanestat("top", *args)
    check(status == 2 and words in err and err.count("\n") == 1 and not out, "usage, 2: top " + " ".join(args), err)
stop(one)
check(s.shows("process %d has ended" % one.pid), "the screen says that the process ended", s.text())
s.press("q")
check(s.shows("status 0"), "and waits for q", s.text())
s.end()
status, out, err = lanestat("top", "-b", one.pid)
check(status == 1 and err.count("\n") == 1 and "no such process" in err, "no such process: 1", err)
finish()
