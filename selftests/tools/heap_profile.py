#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The heap profile of a program whose memory is known: dumps and files by google-pprof and Go's pprof, lanestat
profile, and the flame graph of lanestat report in a browser."""
import json
import os
import re
import shutil
import subprocess
import sys
import time

from lanestat_common import BUILD, FOLDER, HERE, TOP, check, finish, lanestat, start, tmp, until
from profile_proto import GOOGLE_PPROF, decode, go_pprof, google_top, top_of, total
from report_dom import CHROMIUM, Server

MIB = 1 << 20
# {function: (flat, cumulative)} MiB; nodes: 65536 of 1 KiB, blocks: 32 of 1 MiB.
TRUTH = {"add_node": (64, 64), "read_block": (32, 32), "handle_request": (0, 64), "main_loop": (0, 96)}
CC = shutil.which("cc") or shutil.which("gcc")
if not CC:
    print("1..0 # SKIP there is no C compiler")
    sys.exit(4)
HOLDER = tmp + "/holder"
subprocess.run([CC, "-O1", "-g", "-fno-omit-frame-pointer", HERE + "/programs/holder.c", "-o", HOLDER], check=True)


def hold(conf, *words):
    p = start("env", "LANE_CONF=serve:true," + conf, "LD_PRELOAD=" + os.path.abspath(BUILD + "/liblane.so"), HOLDER, *words,
              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if p.stdout.readline() != "ready\n":
        raise SystemExit("Bail out! the program did not start")
    until(lambda: os.path.exists("%s/%d.sock" % (FOLDER, p.pid)))
    return p


def near(got, want):
    """Six standard deviations of what a sample each 64 KiB can say; names from what was inlined are apart."""
    return abs(got - want * MIB) <= 6 * (max(want, 0.02) * MIB * (65536 + MIB)) ** 0.5


def right(top, unit=1):
    return all(near(top.get(f, (0, 0))[i] * unit, TRUTH[f][i]) for f in TRUTH for i in (0, 1)) and \
        max(top, key=lambda f: top[f][0]) == "add_node"


p = hold("prof_rate:64k,prof_final:true,prof_dump:%s/final.%%n.pb.gz" % tmp)
files = {}
for name in ("profile", "profile.pb.gz"):
    run = subprocess.run([BUILD + "/lanestat", str(p.pid), name], env=dict(os.environ, XDG_RUNTIME_DIR=tmp), capture_output=True)
    files[name] = tmp + "/" + name
    with open(files[name], "wb") as f:
        f.write(run.stdout)
status, table, err = lanestat("profile", p.pid)
full = lanestat("profile", "--full", "-n", "1", p.pid)[1]
alloc = lanestat("profile", "--sort", "alloc", p.pid)[1]
whole = json.loads(lanestat("profile", "--json", p.pid)[1])
html = lanestat("report", p.pid)[1]
p.communicate("\n")
files["final.0001.pb.gz"] = tmp + "/final.0001.pb.gz"

with open(files["profile.pb.gz"], "rb") as f:
    message = decode(f.read())
check(near(total(message, "inuse_space"), 96) and near(total(message, "alloc_space"), 96 + 256) and message["period"] == 65536,
      "the message says what the program holds and what it allocated", total(message, "inuse_space"), total(message, "alloc_space"))
names = [os.path.basename(m["filename"] or "") for m in message["mapping"]]
check(names[0] == "holder" and any(n.startswith("libc.so") for n in names) and any(n.startswith("liblane") for n in names),
      "and where the program and its libraries lie", names)
PPROF = go_pprof(BUILD)
for name, path in files.items():
    what = "Go's pprof finds who holds the memory in " + name
    if not PPROF:
        check(True, what + " # SKIP golang-go or golang-github-google-pprof-dev is not installed")
        continue
    top, said = top_of(PPROF, HOLDER, path, "inuse_space", tmp)
    check(right(top), what, said)
what = "so does google-pprof in the text"
if GOOGLE_PPROF:
    top, said = google_top(HOLDER, files["profile"], "--inuse_space", tmp)
    check(right(top), what, said)
else:
    check(True, what + " # SKIP google-perftools is not installed")

rows = [line.split(None, 5) for line in table.splitlines()[2:]]
check(status == 0 and not err and rows[0][5].startswith("add_node < add_nodes < handle_request < main_loop < main") and
      rows[1][5].startswith("read_block < main_loop < main") and len(rows) == 2,
      "lanestat profile shows the sites with names, inlined ones too, the largest first", table, err)
check(near(float(rows[0][0][:-1]) * MIB, 64) and near(float(rows[1][0][:-1]) * MIB, 32) and rows[1][2] == "32",
      "with bytes and objects", table)
check(re.search(r"add_nodes holder\.c:\d+ \(inlined\)\n +handle_request holder\.c:\d+ in holder\n", full), "--full has lines and files",
      full)
check(re.match(r" *2\d\d(\.\d)?M .*make_reply < main_loop", alloc.splitlines()[2]), "--sort alloc begins with what was freed again", alloc)

KEYS = ("allocated_objects", "allocated", "in_use_objects", "in_use")
check(whole["pid"] == p.pid and whole["comm"] == "holder" and whole["rate"] == 65536 and whole["samples_lost"] == 0 and
      whole["sites"] == len(whole["rows"]) == 3 and
      all(whole[k] == sum(r[k] for r in whole["rows"]) for k in KEYS) and
      [whole[k] for k in KEYS] == [total(message, k) for k in ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")],
      "--json has all sites, and sums that are those of the file", whole)
stack = whole["rows"][0]["stack"]
check([(f["function"], f["inlined"]) for f in stack[:3]] == [("add_node", False), ("add_nodes", True), ("handle_request", False)] and
      stack[0]["module"] == "holder" and stack[0]["file"] == "holder.c" and stack[0]["line"] > 0 and
      stack[1]["address"] == stack[2]["address"] and
      [r["in_use"] for r in whole["rows"]] == sorted((r["in_use"] for r in whole["rows"]), reverse=True),
      "with stacks as objects, the largest first", stack)

leaking = hold("prof_rate:64k", "leak")
status, table, err = lanestat("profile", "--diff", "2", leaking.pid)
rows = [line.split(None, 5) for line in table.splitlines()[3:]]
check(status == 0 and len(rows) == 1 and "handle_request < leak < main" in rows[0][5] and 8 < float(rows[0][0][:-1]) < 64,
      "--diff shows what grows, and nothing else", table, err)
grown = json.loads(lanestat("profile", "--json", "--diff", "1", "-n", "1", leaking.pid)[1])
row = grown["rows"][0]
check(len(grown["rows"]) == 1 and grown["sites"] > 1 and grown["seconds"] == 1 and
      0 < row["in_use_growth"] == grown["in_use_growth"] <= row["in_use"] and
      row["in_use_growth"] == row["allocated_growth"] and row["in_use_objects_growth"] > 0,
      "--json --diff has the growth beside each number", row)
off = hold("", "leak")
status, out, err = lanestat("profile", off.pid)
check(status == 1 and not out and "prof_rate 512k" in err and err.count("\n") == 1, "where sampling is off, how to switch it on", out, err)
page_off = lanestat("report", off.pid)[1]
check("Sampling is off" in page_off and "lanestat %d conf prof_rate 512k" % off.pid in page_off and 'class="flame"' not in page_off,
      "the page says it, too")
status, out, err = lanestat("profile", "--json", off.pid)
check(status == 1 and not out and "sampling is off" in err, "JSON of none is an error, too", out, err)
status, out, err = lanestat(off.pid, "profile", "--json")
check(status == 2 and not out and "lanestat profile --json %d" % off.pid in err, "the raw file as JSON: where there is one", out, err)
lanestat(off.pid, "conf", "prof_rate", "64k")
check(until(lambda: "leak < main" in lanestat("profile", off.pid)[1]), "switched on while it runs, it shows what is allocated since")
for args in ([], ["x"], ["--sort", "size", off.pid], ["--diff", "0", off.pid], ["-n", "x", off.pid], [off.pid, off.pid]):
    status, out, err = lanestat("profile", *args)
    check(status == 2 and not out and err.count("\n") == 1, "usage: profile %s" % " ".join(map(str, args[:-1] or args)), err)

NAMED = ["the flame graph: %s" % what for what in (
    "functions as wide as what they hold, below their callers", "tooltips with bytes, share, file and line",
    "one colour a file", "a click zooms, a second one on the root leads back", "the search marks and adds up",
    "a search that is no regular expression is taken as it stands")]
if not CHROMIUM:
    for name in NAMED:
        check(True, "%s # SKIP chromium is not installed" % name)
    finish()
browser = Server()


def graph(tree):
    return {f.all("title")[0].text.split("\n")[0].split(" in ")[0]: f
            for f in tree.one("div", id="flame-inuse").all("svg") if f.attrs.get("class", "").split()[:1] == ["f"]}


def at(f, name):
    return float(getattr(f, "attrs", f)[name].rstrip("%"))


# One page, in which all is done in turn and written down: a browser takes its time to start.
ACT = """<pre id="log"></pre><script>
var log = {}, f = {}, all = document.querySelectorAll('#flame-inuse .f');
all.forEach(function (s) { f[s.firstElementChild.textContent.split('\\n')[0].split(' in ')[0]] = s; });
var field = document.querySelector('#flame-inuse input'), output = document.querySelector('#flame-inuse output');
function look() {
    var seen = {};
    Object.keys(f).forEach(function (n) {
        seen[n] = {};
        ['x', 'width', 'style', 'class'].forEach(function (a) { seen[n][a] = f[n].getAttribute(a) || ''; });
    });
    return seen;
}
function click(s) { s.dispatchEvent(new MouseEvent('click', {bubbles: true})); return look(); }
function type(t) { field.value = t; field.dispatchEvent(new Event('input')); return output.textContent; }
log.zoomed = click(f.read_block);
log.back = click(f.all);
log.said = type('add_node|handle');
log.found = look();
log.plain = type('add_node(');
document.getElementById('log').textContent = JSON.stringify(log);
</script></body>"""
seen = graph(browser.open(html, tmp)[0])
chain = ["all", "main", "main_loop", "handle_request", "add_nodes", "add_node"]
check(all(n in seen for n in chain) and
      all(int(seen[b].attrs["y"]) > int(seen[a].attrs["y"]) and at(seen[a], "x") <= at(seen[b], "x") and
          at(seen[b], "x") + at(seen[b], "width") <= at(seen[a], "x") + at(seen[a], "width") + 0.001
          for a, b in zip(chain, chain[1:])) and
      abs(at(seen["add_node"], "width") - 100 * 64 / 96) < 8 and near(int(seen["read_block"].attrs["data-v"]), 32), NAMED[0], sorted(seen))
check(re.search(r"add_node in holder\nholder\.c:\d+\n[\d.]+ MiB \(\d+ bytes\), [\d.]+ %, \d+ objects", seen["add_node"].all("title")[0].text),
      NAMED[1], seen["add_node"].all("title")[0].text)
check(seen["add_node"].attrs["class"] == seen["main"].attrs["class"] != seen["all"].attrs["class"] and
      [s.attrs["class"] for n, s in seen.items() if n.startswith("__libc_start")] != [seen["main"].attrs["class"]], NAMED[2])
log = json.loads(browser.open(html.replace("</body>", ACT), tmp)[0].one("pre", id="log").text)
zoomed, back = log["zoomed"], log["back"]
check(at(zoomed["read_block"], "width") == 100 and at(zoomed["main"], "width") == 100 and
      "none" in zoomed["add_node"]["style"] and
      all(abs(at(back[n], "width") - at(seen[n], "width")) < 0.01 and "none" not in back[n]["style"] for n in seen),
      NAMED[3], zoomed["read_block"], zoomed["add_node"])
hits = sorted(n for n, s in log["found"].items() if "hit" in s["class"].split())
share = 100 * int(seen["handle_request"].attrs["data-v"]) / int(seen["all"].attrs["data-v"])
check(hits == ["add_node", "add_nodes", "handle_request"] and log["said"].startswith("3 matches, ") and
      abs(float(log["said"].split(", ")[2][:-2]) - share) < 0.1, NAMED[4], hits, log["said"])
check(log["plain"].startswith("0 matches"), NAMED[5], log["plain"])
finish()
