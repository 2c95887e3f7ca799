#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A made-up heap profile of which every number is known, in each format, as the tools that read it show it."""
import gzip
import json
import math
import os
import subprocess
import time

from lanestat_common import BUILD, check, finish, lanestat, serve, tmp
from profile_proto import GOOGLE_PPROF, decode, go_pprof, google_top, top_of, total

PROGRAM = BUILD + "/selftests/unit/prof_formats"
RATE = 512 << 10
KINDS = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
subprocess.run([PROGRAM, tmp], check=True)


def read(name):
    with open(tmp + "/" + name, "rb") as f:
        return f.read()


def values(allocated, used, size):
    scale = 1 / (1 - math.exp(-size / RATE))
    return [int(allocated * scale), int(allocated * size * scale), int(used * scale), int(used * size * scale)]


# As selftests/unit/made_up_profile.h has it.
SITES = {("grow_table", "handle_request", "main_loop"): values(100, 60, 1000),
         ("read_block", "main_loop"): values(5, 4, 1 << 20),
         ("grow_table",): values(2, 2, 64 << 10),
         ("make_reply", "handle_request", "main_loop"): values(7, 0, 8192),
         (): values(3, 3, 512)}


def truth(kind):
    """{function: (flat, cumulative)}, without those that have nothing."""
    at, got = KINDS.index(kind), {}
    for stack, value in SITES.items():
        for i, name in enumerate(stack):
            flat, cum = got.get(name, (0, 0))
            got[name] = (flat + value[at] * (i == 0), cum + value[at])
    return {k: v for k, v in got.items() if v[1]}


p = decode(read("made_up.pb"))
check([(t["type"], t["unit"]) for t in p["sample_type"]] == [(k, "count" if "objects" in k else "bytes") for k in KINDS] and
      p["period_type"] == {"type": "space", "unit": "bytes"} and p["period"] == RATE and
      p["default_sample_type"] == "inuse_space", "the message has the standard types, period and default", p["sample_type"])
check(abs(p["time_nanos"] / 1e9 - time.time()) < 60 and "made up" in p["comment"][0] and "1 lost" in p["comment"][1],
      "its time, and comments that say what it is", p["comment"])
check(sorted(s["value"] for s in p["sample"]) == sorted(SITES.values()), "a sample for each site, with its estimates",
      p["sample"])
check(sorted(len(s["location_id"]) for s in p["sample"]) == [1, 1, 2, 3, 3] and len(p["location"]) == 6,
      "stacks up to where there is no code, each place once", p["location"])
ids = subprocess.run(["readelf", "-n", PROGRAM], capture_output=True, text=True).stdout
first = p["mapping"][0]
check(os.path.samefile(first["filename"], PROGRAM) and (not first["build_id"] or "Build ID: " + first["build_id"] in ids) and
      ("Build ID" in ids) == bool(first["build_id"]), "the program is the first mapping, with its build id", first)
check(gzip.decompress(read("stored.pb.gz"))[:20] == read("made_up.pb")[:20] and
      decode(read("made_up.pb.gz"))["sample"] == decode(read("stored.pb.gz"))["sample"] == p["sample"],
      "compressed and stored, it is the same")
for name in ("stored.pb.gz", "made_up.pb.gz"):
    run = subprocess.run(["gzip", "-t", tmp + "/" + name], capture_output=True, text=True)
    check(run.returncode == 0 and not run.stderr, "gzip -t finds nothing wrong with " + name, run.stderr)

PPROF = go_pprof(BUILD)
for name in ("made_up.pb", "stored.pb.gz", "made_up.pb.gz", "made_up.txt"):
    what = "Go's pprof shows the known functions and numbers of " + name
    if not PPROF:
        check(True, what + " # SKIP golang-go or golang-github-google-pprof-dev is not installed")
        continue
    wrong = []
    for kind in KINDS:
        top, said = top_of(PPROF, PROGRAM, tmp + "/" + name, kind, tmp)
        want = truth(kind)
        # The legacy reader scales by the mean size of a site, which is exact where there is one size.
        near = all(abs(top.get(f, (-9, -9))[i] - want[f][i]) <= 3 for f in want for i in (0, 1))
        lost = [v for f, v in top.items() if f not in want]
        if not near or [v[0] for v in lost] != [SITES[()][KINDS.index(kind)]]:
            wrong += [kind, want, said]
    check(not wrong, what, *wrong)
for option, kind in (("--inuse_space", "inuse_space"), ("--alloc_space", "alloc_space"), ("--inuse_objects", "inuse_objects"),
                     ("--alloc_objects", "alloc_objects")):
    what = "google-pprof shows those of the text, " + option
    if not GOOGLE_PPROF:
        check(True, what + " # SKIP google-perftools is not installed")
        continue
    top, said = google_top(PROGRAM, tmp + "/made_up.txt", option, tmp)
    want = truth(kind)
    check(all(abs(top.get(f, (-9, -9))[i] - want[f][i]) <= 3 for f in want for i in (0, 1)) and "stack_not_known" in top,
          what, want, said)
fake = serve("fake_service", "file:" + tmp + "/made_up.pb.gz")
status, out, err = lanestat("profile", fake.pid)
got = json.loads(lanestat("profile", "--json", fake.pid)[1])
check(status == 0 and "\n1 of 118 samples were lost for want of memory: there is more than is shown\n" in out,
      "lanestat says how many samples were lost", out, err)
check(got["samples"] == 117 and got["samples_lost"] == 1 and got["rate"] == RATE and
      sorted([r[k] for k in ("allocated_objects", "allocated", "in_use_objects", "in_use")] for r in got["rows"]) ==
      sorted(SITES.values()) and [r["in_use"] for r in got["rows"] if not r["stack"]] == [SITES[()][3]],
      "and as JSON, with every site and number", got)
for what, data in (("cut", read("made_up.pb.gz")[:-20]), ("garbage", b"\x1f\x8bno gzip"), ("empty of sense", b"\xff" * 50)):
    with open(tmp + "/bad", "wb") as f:
        f.write(data)
    bad = serve("fake_service", "file:" + tmp + "/bad")
    status, out, err = lanestat("profile", "--json", bad.pid)
    check(status == 1 and not out and "not what this lanestat understands" in err and err.count("\n") == 1,
          "a profile that is %s: one line, no half of it" % what, out, err)
check(total(p, "inuse_space") == sum(v[3] for v in SITES.values()), "nothing is lost on the way")
finish()
