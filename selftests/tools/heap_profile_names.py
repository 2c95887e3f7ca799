#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Functions and files whose names HTML, JSON or a terminal could take for their own: lanestat profile and the flame graph."""
import json
import os
import shutil
import subprocess
import sys

from lanestat_common import BUILD, FOLDER, HERE, check, finish, lanestat, start, tmp, until
from report_dom import CHROMIUM, Page, Server

ODD = {"add_node": "<img src=x onerror=document.title='!'>", "read_block": "a&amp;b \"c\" 'd' \\e",
       "handle_request": "</title></svg>\u2028{\u05d0}", "make_reply": "\x1b[31mred\x07"}
CC = shutil.which("cc") or shutil.which("gcc")
if not CC or not shutil.which("objcopy"):
    print("1..0 # SKIP there is no C compiler, or no objcopy")
    sys.exit(4)
PROGRAM = tmp + "/hold & <b>\"er'"
# Symbols alone: DWARF would have the names of the source.
subprocess.run([CC, "-O1", "-fno-omit-frame-pointer", "-c", HERE + "/programs/holder.c", "-o", tmp + "/holder.o"], check=True)
subprocess.run(["objcopy"] + ["--redefine-sym=%s=%s" % pair for pair in ODD.items()] + [tmp + "/holder.o"], check=True)
subprocess.run([CC, tmp + "/holder.o", "-o", PROGRAM], check=True)

p = start("env", "LANE_CONF=serve:true,prof_rate:64k", "LD_PRELOAD=" + os.path.abspath(BUILD + "/liblane.so"), PROGRAM,
          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
if p.stdout.readline() != "ready\n":
    raise SystemExit("Bail out! the program did not start")
until(lambda: os.path.exists("%s/%d.sock" % (FOLDER, p.pid)))
table = lanestat("profile", "--sort", "alloc", p.pid)[1]
whole = json.loads(lanestat("profile", "--json", p.pid)[1])
html = lanestat("report", p.pid)[1]
p.communicate("\n")

names = {f["function"] for r in whole["rows"] for f in r["stack"]}
check(set(ODD.values()) <= names, "JSON has the names as they are", sorted(names))
check({f["module"] for r in whole["rows"] for f in r["stack"][:1]} == {os.path.basename(PROGRAM)}, "and the file's", whole["rows"])
check("\x1b" not in table and "\x07" not in table and "?[31mred?" in table and ODD["add_node"] in table,
      "what would move a terminal's cursor is shown as ?", table)


def titles(tree):
    return {f.all("title")[0].text.split("\n")[0] for f in tree.one("div", id="flame-inuse").all("svg")
            if f.attrs.get("class", "").split()[:1] == ["f"]}


want = {ODD[f] + " in " + os.path.basename(PROGRAM) for f in ("add_node", "read_block", "handle_request")}
check(want <= titles(Page(html).root), "the flame graph has them as text", sorted(titles(Page(html).root)))
NAMED = ("in a browser, too: nothing of them is run or asked for", "and they are found")
if not CHROMIUM:
    for name in NAMED:
        check(True, name + " # SKIP chromium is not installed")
    finish()
FIND = "<script>var f = document.querySelector('#flame-inuse input'); f.value = '<img src=x'; " \
    "f.dispatchEvent(new Event('input'));</script></body>"
tree, asked = Server().open(html.replace("</body>", FIND), tmp)
check(want <= titles(tree) and not tree.all("img") and all(t.text != "!" for t in tree.all("title")) and "/x" not in asked,
      NAMED[0], sorted(titles(tree)), asked)
said = tree.one("div", id="flame-inuse").one("output").text
check(said.startswith("1 match, "), NAMED[1], said)
finish()
