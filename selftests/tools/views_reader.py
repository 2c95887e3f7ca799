# SPDX-License-Identifier: MIT
"""A reader for views_under_load: all files of all processes, again and again, until SIGTERM.

    views_reader MOUNTPOINT|SOCKETS STEADY_PID...

Reads by random sizes and offsets too, and says at the end, as JSON, what it saw. Processes that
are not steady may end at any moment; a steady one may fail only by its second being over.
"""
import collections
import errno
import json
import os
import random
import signal
import socket
import sys
import time

import identities

where, steady = sys.argv[1], {int(a) for a in sys.argv[2:]}
FILES = list(identities.CHECKS)
pick = random.Random(os.getpid())
read, late, refused, wrong = collections.Counter(), 0, 0, []
last = {}
ended = False


def end(*_):
    global ended
    ended = True


def over_socket(pid, name):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(3)
        s.connect("%s/%d.sock" % (where, pid))
        s.sendall(b"read %s\n" % name.encode())
        text = b""
        while part := s.recv(pick.choice((100, 4096, 1 << 20))):
            text += part
    first, _, text = text.partition(b"\n")
    if first != b"ok %d" % len(text):
        # Cut short: the length says so, and the reader knows.
        raise OSError(errno.EIO, "an answer that is cut")
    return text


def by_file(pid, name):
    fd = os.open("%s/%d/%s" % (where, pid, name), os.O_RDONLY)
    try:
        size, text = pick.choice((61, 777, 4096, 1 << 20)), b""
        while part := os.read(fd, size):
            text += part
        for _ in range(3):
            at, n = pick.randrange(len(text) + 1), pick.randrange(1, 9000)
            if os.pread(fd, n, at) != text[at:at + n]:
                raise identities.Wrong("%d bytes at %d differ from the whole" % (n, at))
        return text
    finally:
        os.close(fd)


def look(pid, name, fetch):
    global late, refused
    begin = time.monotonic()
    try:
        text = fetch(pid, name)
    except OSError as e:
        if pid not in steady:
            refused += 1
        elif time.monotonic() - begin > 0.9:
            late += 1
        else:
            wrong.append("%s of %d: %s" % (name, pid, e))
        return
    counts = identities.check(name, text.decode())
    for key, value in counts.items():
        if value < last.get((pid, key), 0):
            raise identities.Wrong("%s fell from %d to %d" % (key, last[pid, key], value))
        last[pid, key] = value
    read[name] += 1


def main():
    sockets = os.path.basename(where) == "lane"
    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    while not ended and len(wrong) < 5:
        try:
            pids = [int(n.removesuffix(".sock")) for n in os.listdir(where)]
        except OSError as e:
            # A lanefs that is killed; the next one comes.
            refused_here = e.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.ENOENT)
            wrong.extend([] if refused_here and not steady else [str(e)])
            time.sleep(0.01)
            continue
        for pid in pids:
            for name in FILES:
                try:
                    look(pid, name, over_socket if sockets else by_file)
                except identities.Wrong as e:
                    wrong.append("%s of %d: %s" % (name, pid, e))
                if ended:
                    break
    print(json.dumps({"read": read, "late": late, "refused": refused, "wrong": wrong}))


main()
