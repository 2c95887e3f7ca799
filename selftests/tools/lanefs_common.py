# SPDX-License-Identifier: MIT
"""What the tests of lanefs share: a mount point, processes that serve, and what is expected of them."""
import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
O = os.path.join(TOP, os.environ.get("O", "build"))
LANEFS = os.path.join(O, "lanefs")
LANE_SO = os.environ.get("LANE_SO", os.path.join(O, "liblane.so"))
FILES = "heapinfo classinfo cpuinfo nodeinfo gcinfo metrics profile profile.pb.gz conf all".split()
SEED = int(os.environ.get("SEED", time.time_ns() % 1000000))
QUICK = os.environ.get("QUICK") == "1"
MS_CLEANUP = 2  # umount2()'s MNT_DETACH

children = []
work = tempfile.mkdtemp(prefix="lanefs-test.")
run = work + "/run"
folder = run + "/lane"
mnt = work + "/mnt"


def equal(got, want, what):
    if got != want:
        raise AssertionError("%s: %r, wanted %r" % (what, got, want))


def true(value, what):
    if not value:
        raise AssertionError(what)


def wait(what, fn, seconds=10):
    end = time.monotonic() + seconds
    while not fn():
        true(time.monotonic() < end, "not within %s s: %s" % (seconds, what))
        time.sleep(0.01)


def fails(number, fn, what):
    try:
        fn()
    except OSError as e:
        equal(errno.errorcode.get(e.errno), errno.errorcode[number], what)
        return
    raise AssertionError("%s: no error, wanted %s" % (what, errno.errorcode[number]))


def path(process, name=""):
    return "%s/%d/%s" % (mnt, getattr(process, "pid", process), name)


def read(process, name, size=1 << 20):
    fd = os.open(path(process, name), os.O_RDONLY)
    try:
        return whole(fd, size)
    finally:
        os.close(fd)


def whole(fd, size=1 << 20):
    parts = []
    while True:
        part = os.read(fd, size)
        if not part:
            return b"".join(parts)
        parts.append(part)


def start(argv, **kw):
    process = subprocess.Popen(argv, **kw)
    children.append(process)
    return process


def fake(how="good", number=None):
    argv = [sys.executable, HERE + "/fake_service", folder, how] + ([str(number)] if number else [])
    process = start(argv, stdout=subprocess.PIPE)
    equal(process.stdout.readline(), b"ready\n", "the fake service's first line")
    process.stdout.close()
    return process


def end(*processes):
    for process in processes:
        process.kill()
        process.wait()


def stop(process):
    process.send_signal(signal.SIGSTOP)
    tasks = "/proc/%d/task" % process.pid

    def state(task):
        with open("%s/%s/stat" % (tasks, task)) as f:
            return f.read().rpartition(")")[2].split()[0]
    wait("all its threads are stopped", lambda: {state(t) for t in os.listdir(tasks)} == {"T"})


def mounted(where=mnt):
    with open("/proc/self/mounts") as f:
        return any(line.split()[1:3] == [where, "fuse.lanefs"] for line in f)


def answers(where=mnt):
    try:
        return mounted(where) and os.listdir(where) is not None
    except OSError:  # a dead mount that is not yet taken away
        return False


def mount(*options, where=mnt, **env):
    process = start([LANEFS, "-f", *options, where], env=dict(os.environ, XDG_RUNTIME_DIR=run, **env))
    wait("the mount", lambda: answers(where) or process.poll() is not None)
    equal(process.poll(), None, "lanefs's exit status")
    return process


def unmount(process, where=mnt):
    process.terminate()
    equal(process.wait(10), 0, "lanefs's exit status")
    true(not mounted(where), "still mounted")


def taken_away(where=mnt):
    """Whatever is mounted there."""
    if mounted(where) and ctypes.CDLL(None).umount2(where.encode(), MS_CLEANUP):
        subprocess.run(["fusermount3", "-u", "-z", where], check=False)


def listed():
    return set(os.listdir(mnt))


def run_lanefs(*args):
    return subprocess.run([LANEFS, *args], capture_output=True, text=True, timeout=20,
                          env=dict(os.environ, XDG_RUNTIME_DIR=run))


def lane_process(*argv, **kw):
    env = dict(os.environ, XDG_RUNTIME_DIR=run, LD_PRELOAD=LANE_SO, LANE_CONF="serve:true")
    return start(list(argv) or ["sleep", "1000"], env=env, **kw)


def value(text, key):
    for line in text.decode().splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == key:
            return int(words[1])
    raise AssertionError("no %s in %r" % (key, text[:200]))


def no_lanefs():
    """Why lanefs cannot be mounted here, None where it can."""
    if not os.path.exists(LANEFS):
        return "lanefs was not built: libfuse3 3.12 or later is not installed"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as e:
        return "/dev/fuse: " + e.strerror
    tried = run_lanefs(mnt)
    taken_away()
    return tried.stderr.strip() if "not permitted" in tried.stderr or "denied" in tried.stderr else None


def whole_skip(why):
    print("TAP version 13\n1..0 # SKIP " + why)
    shutil.rmtree(work)
    sys.exit(4)


def prepare():
    os.makedirs(folder, 0o700)
    os.mkdir(mnt)


def cleanup():
    for process in children:
        if process.poll() is None:
            process.kill()
            process.wait()
    taken_away()
    shutil.rmtree(work, ignore_errors=True)
