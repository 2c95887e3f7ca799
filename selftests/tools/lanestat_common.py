# SPDX-License-Identifier: MIT
"""What the tests of lanestat share: results as TAP, processes that serve, lanestat itself."""
import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = TOP + "/selftests/tools"
BUILD = os.path.join(TOP, os.environ.get("O", "build"))
LANESTAT = BUILD + "/lanestat"
results = {"ok": 0, "bad": 0}
started = []

print("TAP version 13", flush=True)
if not os.path.exists(LANESTAT):
    print("1..0 # SKIP lanestat is not built: libncurses-dev or libdw-dev is not installed")
    sys.exit(4)

tmp = tempfile.mkdtemp(prefix="lanestat.", dir=os.environ.get("TMPDIR"))
FOLDER = tmp + "/lane"
ENV = {k: v for k, v in os.environ.items() if k not in ("LANE_CONF", "LD_PRELOAD", "NO_COLOR", "COLUMNS", "LINES")}
ENV.update(XDG_RUNTIME_DIR=tmp, LC_ALL="C.UTF-8", TERM="xterm-256color")


@atexit.register
def cleanup():
    for p in started:
        if p.poll() is None:
            p.kill()
            p.wait()
    shutil.rmtree(tmp, ignore_errors=True)


def check(good, name, *why):
    if not good:
        for w in why:
            for line in str(w).splitlines()[:60]:
                print("#   " + line)
    key = "ok" if good else "bad"
    results[key] += 1
    print("%s %d - %s" % ("ok" if good else "not ok", sum(results.values()), name), flush=True)
    return good


def finish():
    print("1..%d" % sum(results.values()))
    sys.exit(results["bad"] > 0)


def start(*command, **kw):
    p = subprocess.Popen(command, env=ENV, **kw)
    started.append(p)
    return p


def serve(program, *options):
    """A process that serves; returns when it does."""
    p = start(HERE + "/" + program, FOLDER, *options, stdout=subprocess.PIPE, text=True)
    if p.stdout.readline() != "ready\n":
        raise SystemExit("Bail out! %s did not start" % program)
    return p


def stop(p, sig=signal.SIGTERM):
    p.send_signal(sig)
    p.wait(10)


def lanestat(*args, timeout=20, **kw):
    """Returns status, stdout, stderr."""
    r = subprocess.run([LANESTAT] + [str(a) for a in args], env=dict(ENV, **kw), timeout=timeout,
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    return r.returncode, r.stdout, r.stderr


def until(what, seconds=10):
    """Waits for what() to be true; returns its last value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


def keys(text):
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
