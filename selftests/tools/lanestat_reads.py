#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lanestat lists processes, shows and watches their files, writes conf, as text and as JSON."""
import json
import os
import re
import signal
import subprocess
import sys
import time

from lanestat_common import BUILD, ENV, LANESTAT, check, finish, keys, lanestat, serve, started, stop, tmp, until

one = serve("fake_heap", "--name", "first one", "--rate", "2000")
two = serve("fake_heap", "--name", '\\"\x1b[31m', "--nodes", "3", "--still")
hung = serve("fake_service", "silent")


def one_line(got, status, words):
    return got[0] == status and not got[1] and got[2].count("\n") == 1 and \
        got[2].startswith("lanestat: ") and words in got[2]


# The list.
status, out, err = lanestat()
rows = {int(line.split()[0]): line for line in out.splitlines()[1:]}
check(status == 0 and not err and {one.pid, two.pid, hung.pid} <= set(rows), "the list has every process", out, err)
check(rows[one.pid].split()[1:3] == ["100M", "143M"] and "rseq_cid" in rows[one.pid], "with its memory and mode", out)
check("\x1b" not in out, "names cannot reach the terminal", repr(out))
with open(tmp + "/odd", "wb") as f:
    f.write(b"version 1\nin_use 5\nmapped 9\nmode \x1b[2J\xffx\n")
odd = serve("fake_service", "file:" + tmp + "/odd")
check("\x1b" not in lanestat()[1] and " ?[2J?x " in lanestat()[1], "nor can what a process says of its mode", repr(lanestat()[1]))
stop(odd)
check(rows[hung.pid].split()[1:5] == ["-"] * 4, "a process that hangs has a row without numbers", out)

status, out, err = lanestat("--json")
listed = {p["pid"]: p for p in json.loads(out)}
check(listed[one.pid]["in_use"] == 100 << 20 and listed[one.pid]["comm"] == "first one",
      "the list as JSON has numbers and names", out)
check(listed[two.pid]["comm"] == '\\"\x1b[31m'[:15], "names of any bytes are valid JSON", out)
check("error" in listed[hung.pid] and "in_use" not in listed[hung.pid], "an error is said in JSON", out)

out = lanestat("--json", "-d", "1")[1]
rate = {p["pid"]: p for p in json.loads(out)}[one.pid]["mallocs_per_second"]
check(1700 < rate < 2300, "-d measures mallocs a second: 2000", rate)
stop(hung, signal.SIGKILL)
out = lanestat("--json")[1]
check(hung.pid not in [p["pid"] for p in json.loads(out)], "a process that died is not listed", out)

# Files.
status, out, err = lanestat(two.pid)
check(status == 0 and out.startswith("version 1\n") and keys(out)["in_use"] == str(100 << 20),
      "a process' heapinfo", out, err)
files = "heapinfo classinfo cpuinfo nodeinfo gcinfo metrics profile profile.pb.gz conf all".split()
got = {f: lanestat(two.pid, f) for f in files}
check(all(s == 0 and t and not e for s, t, e in got.values()), "all files", got)

heap = json.loads(lanestat("--json", two.pid)[1])
text = keys(lanestat(two.pid)[1])
check({k: str(v) for k, v in heap.items() if k != "generation"} ==
      {k: v for k, v in text.items() if k != "generation"}, "heapinfo as JSON has the same keys and values", heap)
check(isinstance(heap["reserved"], int) and isinstance(heap["library"], str), "numbers are numbers, words are words")
for name, rows in ("classinfo", 8), ("cpuinfo", 3), ("nodeinfo", 4):
    table = json.loads(lanestat(two.pid, name, "--json")[1])
    lines = lanestat(two.pid, name)[1].splitlines()[2:]
    same = list(table["rows"][0]) == lines[0].split() and \
        [" ".join(map(str, r.values())) for r in table["rows"]] == lines[1:]
    check(same and len(table["rows"]) == rows and table["version"] == 1, "%s as JSON has the same rows" % name, table)

sections = json.loads(lanestat("--json", two.pid, "all")[1])
check(list(sections) == "heapinfo classinfo cpuinfo nodeinfo gcinfo".split() and
      all(sections[f] == dict(json.loads(lanestat("--json", two.pid, f)[1]), generation=sections["heapinfo"]["generation"])
          for f in list(sections)[:4]), "all as JSON has a member for each section, of one generation", sections)

# Writing.
check(lanestat(two.pid, "conf", "cpu_cache_max", "4096", "background_thread", "true") == (0, "", ""), "two keys are written")
check(json.loads(lanestat(two.pid, "conf", "--json")[1]) ==
      {"cpu_cache_max": 4096, "background_thread": True, "release_delay_ms": 2000}, "and read back, typed")
check(one_line(lanestat(two.pid, "conf", "cpu_cache_max", "1", "background_thread", "bad"), 1, "bad key or value"),
      "a bad value is refused")
check(keys(lanestat(two.pid, "conf")[1])["cpu_cache_max"] == "4096", "and nothing was changed")
check(one_line(lanestat(two.pid, "conf", "cpu_cache_max", "1\nbackground_thread false"), 2, "one line"),
      "a value cannot smuggle in a second key")
check(one_line(lanestat(two.pid, "heapinfo", "a", "b"), 1, "not allowed"), "heapinfo is not for writing")

# Errors: one line, and a status.
check(one_line(lanestat(1 << 22), 1, "no such process"), "no such process: 1")
check(one_line(lanestat(os.getpid()), 1, "does not serve"), "a process without Lane: 1")
check(one_line(lanestat(two.pid, "../x"), 1, "no file '../x'"), "no such file: 1")
for args in (["0"], ["-5"], ["12x"], ["--unknown"], ["watch"], ["watch", "-n", "0", two.pid], [two.pid, "conf", "key"],
             ["-d", "1", two.pid], ["--json", two.pid, "metrics"], ["--json", two.pid, "conf", "a", "b"]):
    check(one_line(lanestat(*args), 2, "--help"), "usage, 2: " + " ".join(map(str, args)).replace(str(two.pid), "PID"),
          lanestat(*args))
with open("/dev/full", "w") as full:
    r = subprocess.run([LANESTAT, str(two.pid)], env=ENV, stdout=full, stderr=subprocess.PIPE, text=True)
check(r.returncode == 1 and "No space" in r.stderr, "a full disk is an error", r)
status, out, err = lanestat("--help")
check(status == 0 and out.startswith("usage: ") and max(map(len, out.splitlines())) <= 80, "--help fits into 80 columns")
check(lanestat("--version")[1].startswith("lanestat 0."), "--version")

for how in "silent", "dies", "slow", "garbage", "long":
    p = serve("fake_service", how)
    begin = time.monotonic()
    got = lanestat(p.pid)
    check(one_line(got, 1, "does not answer") and time.monotonic() - begin < 2.5,
          "a process that is %s: one line within two seconds" % how, got)
    stop(p, signal.SIGKILL)

# A real process, busy all the time.
real = subprocess.Popen(
    [sys.executable, "-c", "print(flush=True)\nwhile True: x = [bytes(1000) for i in range(3000)]"],
    env=dict(ENV, LD_PRELOAD=os.environ.get("LANE_SO", BUILD + "/liblane.so"), LANE_CONF="serve:true"), stdout=subprocess.PIPE)
started.append(real)
real.stdout.readline()
until(lambda: lanestat(real.pid)[0] == 0)
PARTS = "in_use cpu_cached transfer_cached central_free in_transit span_tail page_heap_free released metadata collected quarantine".split()
wrong = []
for _ in range(50):
    every = json.loads(lanestat("--json", real.pid, "all")[1])
    h, classes, nodes = every["heapinfo"], every["classinfo"]["rows"], every["nodeinfo"]["rows"]
    if any(h[k] != sum(r[k] for r in rows) for rows in (classes, nodes, every["cpuinfo"]["rows"]) for k in ("mallocs", "frees")):
        wrong.append((h, classes))
    if h["mapped"] != sum(h[k] for k in PARTS) or any(r["mapped"] != sum(r[k] for k in PARTS) for r in nodes):
        wrong.append((h, nodes))
    if h["live_objects"] != h["mallocs"] - h["frees"]:
        wrong.append(h)
check(not wrong, "a real process under load: what adds up adds up, 50 times", *wrong[:1])
# What a busy machine lets it do in one second says nothing of the next: rates are held against counts around them.
mallocs = lambda: json.loads(lanestat("--json", real.pid)[1])["mallocs"]
before, begin = mallocs(), time.monotonic()
rate = {p["pid"]: p for p in json.loads(lanestat("--json", "-d", "1")[1])}[real.pid]["mallocs_per_second"]
between, seconds = mallocs() - before, time.monotonic() - begin
check(between / seconds / 10 < rate <= between, "mallocs a second of a real process", rate, between, seconds)
out = lanestat("top", "-b", "-n", "2", "-d", "1", real.pid)[1]
number = lambda s: float(s.rstrip("kM")) * {"k": 1e3, "M": 1e6}.get(s[-1], 1)
rate = [number(s) for s in re.findall(r"mallocs/s (\d\S*)", out)]
count = [number(s) for s in re.findall(r"mallocs (\d\S*)", out)]
rounded = 1e5 if count and count[-1] >= 1e6 else 1e2
check(len(rate) == 1 and len(count) == 2 and
      (count[1] - count[0] - rounded) / 3 < rate[0] < count[1] - count[0] + rounded, "top's rate is that of its counts", rate, count, out)
check(lanestat(real.pid, "conf", "cpu_cache_max", "1m") == (0, "", "") and
      json.loads(lanestat("--json", real.pid, "conf")[1])["cpu_cache_max"] == 1 << 20, "a real process takes a key")
check(one_line(lanestat(real.pid, "conf", "cpu_cache_max", "2m", "no_such_key", "1"), 1, "nothing was changed") and
      json.loads(lanestat("--json", real.pid, "conf")[1])["cpu_cache_max"] == 1 << 20, "and refuses a bad one with all others")
real.send_signal(signal.SIGSTOP)
until(lambda: ") T " in open("/proc/%d/stat" % real.pid).read())
begin = time.monotonic()
got = lanestat(real.pid)
spent = time.monotonic() - begin
check(one_line(got, 1, "does not answer") and spent < 2.5, "a stopped one: a line within two seconds", got, spent)
real.kill()
real.wait()
check(one_line(lanestat(real.pid), 1, "no such process"), "a killed one: no such process")

# Watching.
begin = time.monotonic()
status, out, err = lanestat("watch", "-n", "0.5", "-c", "3", one.pid)
spent = time.monotonic() - begin
shown = [int(keys(t)["generation"]) for t in out.split("\n\n")]
check(status == 0 and len(shown) == 3 and shown == sorted(set(shown)) and 0.9 < spent < 2,
      "watch -n 0.5 -c 3 shows three snapshots in a second", spent, out)
p = subprocess.Popen([LANESTAT, "watch", "-n", "0.2", str(one.pid), "conf"], env=ENV, stdout=subprocess.PIPE, text=True)
p.stdout.readline()
p.send_signal(signal.SIGINT)
check(p.wait(5) == 0, "Ctrl-C ends watch with 0")
late = serve("fake_service", "late")
p = subprocess.Popen([LANESTAT, "watch", "-n", "60", str(late.pid)], env=ENV, stdout=subprocess.PIPE, text=True)
late.stdout.readline()
p.send_signal(signal.SIGINT)
begin = time.monotonic()
p.communicate(timeout=90)
check(p.returncode == 0 and time.monotonic() - begin < 30, "at once after a reading during which it came", p.returncode)
p = subprocess.Popen([LANESTAT, "watch", "-n", "0.2", str(one.pid)], env=ENV, stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE, text=True)
p.stdout.readline()
stop(one)
out, err = p.communicate(timeout=5)
check(p.returncode == 1 and "no such process" in err, "watch ends with 1 when the process does", p.returncode, err)
finish()
