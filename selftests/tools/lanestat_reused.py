#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A process ends, and another one gets its number, while lanestat watches it: what the second says is not
shown as the first's. In a PID namespace of its own, where the next number can be chosen."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

LAST = "/proc/sys/kernel/ns_last_pid"
SPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
INSIDE = "LANESTAT_REUSED_INSIDE"

if INSIDE not in os.environ:
    if not shutil.which("unshare") or subprocess.run(SPACE + ["sh", "-c", "echo 50 >" + LAST], capture_output=True).returncode:
        print("TAP version 13\n1..0 # SKIP no PID namespace may be made here")
        sys.exit(4)
    # A child of the first process there: that one would get no signal that it does not expect.
    os.execvpe("unshare", SPACE + ["sh", "-c", '"$0" "$@"; exit $?', sys.executable] + sys.argv, dict(os.environ, **{INSIDE: "1"}))

from lanestat_common import BUILD, FOLDER, LANESTAT, check, finish, start, stop, until  # noqa: E402

LARGE = 64 << 20
HOLD = """
import sys
hold = bytearray(int(sys.argv[1])), [bytes(600) for _ in range(int(sys.argv[2]))]
print("ready", flush=True)
sys.stdin.read()
"""


def program(held, objects, before=None):
    """A process that serves and holds so many bytes and objects; with @before the one with its number."""
    while True:
        if before:
            with open(LAST, "w") as f:
                f.write(str(before.pid - 1))
        p = start("env", "LANE_CONF=serve:true,prof_rate:4k", "LD_PRELOAD=" + os.path.abspath(BUILD + "/liblane.so"),
                  sys.executable, "-c", HOLD, str(held), str(objects), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not before or p.pid == before.pid:
            break
        stop(p, signal.SIGKILL)
    if p.stdout.readline() != "ready\n":
        raise SystemExit("Bail out! the program did not start")
    sock = "%s/%d.sock" % (FOLDER, p.pid)
    until(lambda: os.path.exists(sock) and subprocess.run([LANESTAT, str(p.pid)], capture_output=True,
                                                          env=dict(os.environ, XDG_RUNTIME_DIR=FOLDER[:-5])).returncode == 0)
    return p


def replaced(*args, end=None):
    """lanestat's status, output and errors, where the process was replaced when it had read once."""
    first = program(LARGE, 0)
    p = start(LANESTAT, *args, *([] if "-d" == args[0] else [str(first.pid)]), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    stop(first, signal.SIGKILL)
    second = program(0, 100000, first)
    if end:
        p.send_signal(end)
    out, err = p.communicate(timeout=60)
    stop(second, signal.SIGKILL)
    return p.returncode, out, err


def in_use(page):
    return int(page.split('<pre id="file-heapinfo">')[1].split("\nin_use ")[1].split("\n")[0])


status, page, err = replaced("report", "--watch", "10", "-d", "5")
check(status == 0 and "The watch ended early: the process ended" in page, "a watch ends with its process", err, page[:300])
check(in_use(page) > LARGE and "class=\"flame\"" not in page and "No such process" in page,
      "the page has the first one's files, and no profile of the second", page[:300])
status, page, err = replaced("report", "--watch", "3000", "-d", "1000", end=signal.SIGINT)
check(status == 0 and "The watch ended early: the process ended" in page and in_use(page) > LARGE,
      "so it is where a signal ends the watch", err, page[:300])
for more in [], ["--json"]:
    status, out, err = replaced("profile", "--diff", "10", *more)
    check(status == 1 and not out and "another one has its number" in err and err.count("\n") == 1,
          " ".join(["profile --diff", *more, "makes no difference of two processes"]), status, out[:300], err)
status, out, err = replaced("-d", "10", "--json")
check([p["mallocs_per_second"] for p in json.loads(out)] == [None], "the list has no rate over two processes", out, err)
finish()
