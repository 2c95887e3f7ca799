#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lanestat report makes a page that shows in a browser what the files say, and asks nobody for anything."""
import os
import re
import signal
import subprocess
import sys
import time

from lanestat_common import BUILD, FOLDER, LANESTAT, check, finish, keys, lanestat, serve, start, stop, tmp, \
    until
from report_dom import CHROMIUM, Server

# The last three are no UTF-8, an escape and a C1 control, which become U+FFFD.
HOSTILE = '</pre><script>document.title="x"</script><img src=x>"\'&amp;<b>\udcff\x1b\x9b'
PROGRAM = """
import sys
keep = [bytearray(n) for n in (20, 100, 300, 1500, 9000, 30000, 200000) for i in range(300)]
del keep[::3]
print("ready", flush=True)
sys.stdin.read()
"""
PARTS = "in_use collected cpu_cached transfer_cached in_transit central_free span_tail page_heap_free metadata quarantine released".split()
UNITS = {"": 1, "B": 1, "k": 1e3, "M": 1e6, "G": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
NAMES = "heapinfo", "classinfo", "cpuinfo", "nodeinfo"


def serves(*words):
    with open(tmp + "/program.py", "w") as f:
        f.write(PROGRAM)
    p = start("env", "LANE_CONF=serve:true", "LD_PRELOAD=" + os.path.abspath(BUILD + "/liblane.so"), sys.executable,
              tmp + "/program.py", *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if p.stdout.readline() != "ready\n":
        raise SystemExit("Bail out! the program did not start")
    until(lambda: os.path.exists("%s/%d.sock" % (FOLDER, p.pid)))
    return p


def lasting(text):
    """heapinfo without what another look at a quiet process changes."""
    return {k: v for k, v in keys(text).items() if k != "generation"}


def quiet_report():
    """A page made while nothing changed, with a heapinfo from just before it."""
    for _ in range(20):
        before = lanestat(program.pid)[1]
        got = lanestat("report", program.pid)
        if lasting(before) == lasting(lanestat(program.pid)[1]):
            return before, got
        time.sleep(0.3)
    raise SystemExit("Bail out! the program is not quiet")


def raw(html, name):
    """A file as the page has it, without a browser."""
    text = re.search(r'<pre id="file-%s">\n(.*?)</pre>' % name, html, re.S).group(1)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&#39;", "'").replace("&amp;", "&")


def rows(text):
    lines = text.splitlines()[2:]
    return lines[0].split(), [line.split() for line in lines[1:]]


def human_is(text, exact):
    """Whether "315.9 MiB" is the number, to what its digits can say."""
    m = re.fullmatch(r"(-?[0-9.]+) ?([A-Za-z]*)", text)
    if not m:
        return False
    unit = UNITS[m.group(2)]
    return abs(float(m.group(1)) * unit - exact) <= (0.0501 if "." in m.group(1) else 0.501) * unit


program = serves(HOSTILE)
before, (status, html, err) = quiet_report()
files = {name: raw(html, name) for name in NAMES}

check(status == 0 and not err and html.startswith("<!DOCTYPE html>") and html.endswith("</html>\n"), "a page is made", err)
check(lasting(files["heapinfo"]) == lasting(before), "of the numbers that the process' heapinfo has", files["heapinfo"],
      before)
markup = re.sub(r"<pre.*?</pre>", "", html, flags=re.S)
tags = " ".join(re.findall(r"<[a-zA-Z][^>]*>", markup))
references = re.findall(r"""(?:\bsrc|\bhref|\baction|\bposter|\bdata|srcset)\s*=\s*["']?([^"'\s>]*)""", tags)
check(references == ["data:,"] and not re.search(r"https?:|url\(|@import|//[\w.]+\.\w", re.sub(r"// .*", "", markup)),
      "and of no reference to elsewhere", references)
check(not re.search(r"\0|[\x01-\x08\x0b-\x1f]", html), "and of no control characters")

# Watching: curves; a process that ends, a signal, and one that hangs still leave a page.
status, watched, err = lanestat("report", "--watch", "1", "-d", "0.2", program.pid)
readings = re.findall(r"<tr><td>([\d.]+)</td><td>(\d+)</td>", watched)
check(status == 0 and 4 <= len(readings) <= 6, "--watch 1 -d 0.2 is six readings", readings, err)
check([int(g) for _, g in readings] == sorted({int(g) for _, g in readings}) and
      int(readings[-1][1]) < int(keys(raw(watched, "heapinfo"))["generation"]), "of rising generations, before the page's",
      readings)
brief = serve("fake_heap", "--name", "brief")
p = start(LANESTAT, "report", "--watch", "20", "-d", "0.2", str(brief.pid), stdout=subprocess.PIPE, text=True)
time.sleep(1)
stop(brief, signal.SIGKILL)
out = p.communicate(timeout=20)[0]
check(p.returncode == 0 and "The watch ended early: the process ended" in out and "history-memory" in out,
      "a process that ends leaves a page that says so", out[:300])
p = start(LANESTAT, "report", "--watch", "20", "-d", "0.2", str(program.pid), stdout=subprocess.PIPE, text=True)
time.sleep(1)
p.send_signal(signal.SIGINT)
out = p.communicate(timeout=20)[0]
check(p.returncode == 0 and "it was interrupted" in out and out.endswith("</html>\n"), "a signal ends the watch, not the page",
      out[:300])

hung = serve("fake_service", "silent")
begin = time.monotonic()
status, out, err = lanestat("report", hung.pid)
check(status == 1 and not out and err.count("\n") == 1 and time.monotonic() - begin < 3,
      "a process that hangs: one line, status 1, no half a page", out, err)
for args in ([], ["x"], ["-d", "1", program.pid], ["--watch", "0", program.pid], ["--watch", "86400", "-d", "0.1", program.pid],
             ["--what", program.pid], [program.pid, program.pid]):
    status, out, err = lanestat("report", *args)
    check(status == 2 and not out and err.count("\n") == 1, "usage: report %s" % " ".join(map(str, args[:-1] or args)), err)

NAMED = ["the browser shows %s" % what for what in (
    "who, where and when", "every key of heapinfo", "its parts, which add up", "every row of the tables",
    "nodes and CPUs to scale", "sections of one snapshot, which add up", "curves of what was read")]
NAMED += ["names cannot become markup", "the address sorts", "a click sorts, a second one the other way",
          "the page asks for nothing", "and would be caught and be refused if it did"]
if not CHROMIUM:
    for name in NAMED:
        check(True, "%s # SKIP chromium is not installed" % name)
    finish()

browser = Server()
page, asked = browser.open(html, tmp, "#classes=-in_use")
heap = keys(files["heapinfo"])

facts = {k: page.one("dd", id=k).text.strip() for k in ("pid", "host", "library", "mode", "time")}
check(facts["pid"] == str(program.pid) and facts["host"] == os.uname().nodename and facts["library"] == heap["library"] and
      facts["mode"] == heap["mode"] and facts["time"][:10] in (time.strftime("%Y-%m-%d"), time.strftime("%Y-%m-%d", time.gmtime())),
      NAMED[0], facts)

shown = {r.attrs.get("data-key"): r for r in page.one("table", id="heapinfo").all("tr") if "data-key" in r.attrs}
wrong = [k for k, v in heap.items() if k not in shown or
         not (shown[k].all("td")[0].attrs.get("data-v", shown[k].all("td")[0].text) == v)]
wrong += [k for k, r in shown.items() if "data-v" in r.all("td")[0].attrs and
          not human_is(r.all("td")[0].text, int(r.all("td")[0].attrs["data-v"]))]
check(not wrong and list(shown) == list(heap) and
      {k: v for k, v in keys(page.one("pre", id="file-heapinfo").text).items()} == heap, NAMED[1], wrong)

legend = {r.attrs["data-key"]: int(r.one("td", cls="n").attrs.get("data-v", -1)) if len(r.all("td", cls="n")) == 1 else
          int(r.all("td", cls="n")[0].attrs["data-v"]) for r in page.one("table", id="parts").all("tr")}
mapped = int(heap["mapped"])
bar = {r.attrs["class"][2:]: float(r.attrs["width"]) for r in page.one("div", id="composition").all("rect")}
check(legend == {k: int(heap[k]) for k in PARTS + ["mapped"]} and sum(legend[k] for k in PARTS) == mapped and
      all(abs(bar.get(k, 0) - 1000 * legend[k] / mapped) < 0.01 for k in PARTS), NAMED[2], legend, bar)

wrong = []
for table, name in (("classes", "classinfo"), ("cpus", "cpuinfo"), ("nodes", "nodeinfo")):
    columns, lines = rows(files[name])
    element = page.one("table", id=table)
    wrong += [table] if [t.attrs["data-key"] for t in element.all("th") if "data-key" in t.attrs] != columns else []
    cells = [[d for d in r.all("td") if d.attrs.get("class") != "bar"] for r in element.all("tbody")[0].all("tr")]
    wrong += [table + " differs"] if sorted([d.attrs["data-v"] for d in r] for r in cells) != sorted(lines) else []
    wrong += [d.text for r in cells for d in r if d.text != "large" and not human_is(d.text, int(d.attrs["data-v"]))]
check(not wrong and len(page.one("table", id="classes").all("tbody")[0].all("tr")) > 50, NAMED[3], wrong)

columns, lines = rows(files["nodeinfo"])
most = max(int(r[columns.index("mapped")]) for r in lines)
lanes = page.all("div", cls="lane")
wrong = [] if len(lanes) == len(lines) else ["%d bars" % len(lanes)]
for r, lane in zip(lines, lanes):
    width = sum(float(x.attrs["width"]) for x in lane.all("rect"))
    wrong += [r] if abs(width - 1000 * int(r[columns.index("mapped")]) / most) > 0.1 else []
columns, lines = rows(files["cpuinfo"])
groups = page.one("div", id="cpu-caches").all("g")
wrong += [] if len(groups) == len(lines) - 1 else ["%d columns" % len(groups)]
tall = [(int(r[columns.index(c)]), float(g.all("rect")[i].attrs["height"]))
        for r, g in zip(lines, groups) for i, c in enumerate(("capacity", "cached"))]
scale = max(tall)[1] / max(tall)[0]
wrong += [t for t in tall if abs(t[0] * scale - t[1]) > 0.1]
check(not wrong and max(tall)[1] > 100, NAMED[4], wrong, tall)

def total(name, column, times=None):
    columns, lines = rows(files[name])
    return sum(int(r[columns.index(column)]) * (int(r[columns.index(times)]) if times else 1) for r in lines)


said = {name: keys(files[name])["generation"] for name in NAMES}
sums = {(n, k): total(n, k) == int(heap[k]) for n in NAMES[1:] for k in ("mallocs", "frees")}
sums.update({k: total("classinfo", k, "size") == total("nodeinfo", k) == int(heap[k]) for k in ("cpu_cached", "central_free")})
check(set(said.values()) == {page.one("dd", id="generation").text.strip()} and all(sums.values()), NAMED[5], said, sums)

seen, _ = browser.open(watched, tmp)
history = seen.one("div", id="history-memory")
points = {p.attrs["class"][2:]: p.attrs["points"].split() for p in history.all("polygon")}
first = seen.one("table", id="readings").all("tbody")[0].all("tr")[0].all("td")
used = int(first[4].attrs["data-v"])
sums = sum(int(d.attrs["data-v"]) for d in first[4:])
ys = [300 - float(points[k][0].split(",")[1]) for k in ("in_use", list(points)[-1])]
check(all(len(p) == 2 * len(readings) for p in points.values()) and abs(ys[0] / ys[1] - used / sums) < 0.001 and
      len(seen.one("div", id="history-rates").all("polyline")) == 2 and
      "None was taken" in page.one("section", id="history").text, NAMED[6], points, ys, used, sums)

check(len(page.all("script")) == 1 and not page.all("img") and len(page.all("b")) == 4 and
      HOSTILE[:-3] + "\ufffd" * 3 in page.one("p", id="command").text and page.one("head").one("title").text.startswith("Lane: python"), NAMED[7],
      page.one("p", id="command").text)


def column(tree, name):
    table = tree.one("table", id="classes")
    at = [t.attrs.get("data-key") for t in table.all("th")].index(name)
    return [int(r.all("td")[at].attrs["data-v"]) for r in table.all("tbody")[0].all("tr")], table.all("th")[at]


plain = browser.open(html, tmp)[0]
unsorted = column(plain, "in_use")[0]
values, th = column(page, "in_use")
check(values == sorted(unsorted, reverse=True) != unsorted and th.attrs.get("aria-sort") == "descending", NAMED[8], values)
click = "<script>document.querySelector('#classes th[data-key=mallocs] button').click();</script>"
once = column(browser.open(html.replace("</body>", click + "</body>"), tmp)[0], "mallocs")
twice = column(browser.open(html.replace("</body>", click * 2 + "</body>"), tmp)[0], "mallocs")
check(once[0] == sorted(once[0], reverse=True) and twice[0] == sorted(once[0]) != once[0] and
      twice[1].attrs.get("aria-sort") == "ascending", NAMED[9], once[0], twice[0])

check(asked == ["/page"], NAMED[10], asked)
bad = html.replace("</body>", '<img src="/asked"></body>')
refused = browser.open(bad, tmp)[1]
caught = browser.open(re.sub(r"<meta http-equiv.*?>", "", bad), tmp)[1]
check(refused == ["/page"] and "/asked" in caught, NAMED[11], refused, caught)
finish()
