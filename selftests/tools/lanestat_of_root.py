#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Root reads a user's process while other users have sockets of its number in their folders: one that
another process listens on, and one whose queue is full. It is listed and read all the same, and lanefs shows its
owner."""
import os
import shutil
import signal
import socket
import sys
import time

import lanefs_common as fs
from lanestat_common import check, finish, lanestat

USER, OTHERS = 54331, range(54332, 54340)
TEXT = b"version 1\ngeneration 7\nin_use 4711\n"


def folder(uid):
    return "/tmp/lane-%d" % uid


def listen(uid, number, backlog):
    """A socket for process @number in the folder of the user, who is this process' from now on."""
    os.setgid(uid)
    os.setuid(uid)
    os.umask(0o077)
    os.mkdir(folder(uid), 0o700)
    s = socket.socket(socket.AF_UNIX)
    s.bind("%s/%d.sock" % (folder(uid), number))
    s.listen(backlog)
    return s


def serve():
    s = listen(USER, os.getpid(), 16)
    yield
    while True:
        peer = s.accept()[0]
        if peer.recv(128):
            peer.sendall(b"ok %d\n" % len(TEXT) + TEXT)
        peer.close()


def claim(uid, number, full):
    s = listen(uid, number, 0)
    waiting = []
    while full:
        waiting.append(socket.socket(socket.AF_UNIX))
        waiting[-1].setblocking(False)
        full = not waiting[-1].connect_ex(s.getsockname())
    yield
    signal.pause()


def process(steps):
    """Runs the generator in a process of its own; returns when it has come to its yield."""
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            next(steps)
            os.write(w, b".")
            next(steps)
        finally:
            os._exit(1)
    os.close(w)
    if os.read(r, 1) != b".":
        raise SystemExit("Bail out! a process did not start")
    os.close(r)
    started.append(pid)
    return pid


def owner(number):
    """Of its folder in lanefs; None where that cannot be mounted."""
    fs.prepare()
    try:
        if fs.no_lanefs():
            return None
        fs.mount()
        return os.stat(fs.path(number)).st_uid
    finally:
        fs.cleanup()


def end():
    for pid in started:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    started.clear()
    for uid in [USER, *OTHERS]:
        if os.path.exists(folder(uid)) and os.lstat(folder(uid)).st_uid == uid:
            shutil.rmtree(folder(uid))


if os.geteuid():
    print("1..0 # SKIP only root reads what is other users'")
    sys.exit(4)
started = []
try:
    end()
    pid = process(serve())
    check(lanestat(pid) == (0, TEXT.decode(), ""), "a user's process is read by root", lanestat(pid))
    # A folder comes before another as it may be: of several one surely does.
    for uid in OTHERS[:4]:
        process(claim(uid, pid, False))
    check(lanestat(pid) == (0, TEXT.decode(), ""), "beside sockets of its number that others listen on", lanestat(pid))
    for uid in OTHERS[4:]:
        process(claim(uid, pid, True))
    begin = time.monotonic()
    got = lanestat(pid)
    check(got == (0, TEXT.decode(), "") and time.monotonic() - begin < 0.9, "and whose queues are full", got)
    check(str(pid) in lanestat()[1], "it is in the list")
    uid = owner(pid)
    check(uid in (USER, None), "lanefs says whose it is", "%s instead of %d" % (uid, USER))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    started.remove(pid)
    check(lanestat(pid)[0] == 1, "when it is gone it is not read from others")
finally:
    end()
finish()
