#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real servers under load are looked into by 4 readers while servers, lanefs and readers are killed.

redis-server with redis-benchmark on it, and a server of several threads, both on Lane, run
throughout; the readers read all files of all processes through lanefs, or over the sockets
where it cannot be mounted (or with --socket). Meanwhile further servers, a second lanefs and
further readers are killed by SIGKILL at random moments. VIEWS_SECONDS says for how long.
"""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from lanefs_common import cleanup, end, folder, HERE, lane_process, LANE_SO, mnt, mount, no_lanefs, O, prepare, \
    QUICK, run, SEED, start, taken_away, true, unmount, wait, whole_skip, work

SECONDS = float(os.environ.get("VIEWS_SECONDS", 5 if QUICK else 15))
READERS = 4
# lanefs keeps threads for the next requests: 8 that are idle and one that listens, the first one, Lane's.
POOL, STACK = 11, 8200  # threads, kB
# The C library keeps stacks of ended threads, up to 40 MiB: more or fewer from one look to the next.
os.environ["GLIBC_TUNABLES"] = "glibc.pthread.stack_cache_size=0"
SERVER = O + "/selftests/bench/server"
other = work + "/other"  # where the lanefs is that is killed
pick = random.Random(SEED)
count = {"ok": 0, "bad": 0}
killed = {"server": 0, "lanefs": 0, "reader": 0}
victims = {}


def check(good, name, *why):
    for w in () if good else why:
        print("# %s" % str(w)[:1000])
    count["ok" if good else "bad"] += 1
    print("%s %d - %s" % ("ok" if good else "not ok", sum(count.values()), name), flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def serves(process):
    wait("it serves", lambda: os.path.exists("%s/%d.sock" % (folder, process.pid)), 20)
    return process


def reader(where, *steady):
    return start([sys.executable, HERE + "/views_reader.py", where, *[str(s.pid) for s in steady]],
                 stdout=subprocess.PIPE, text=True)


def said(p):
    out = p.communicate(timeout=30)[0].splitlines()
    return json.loads(out[-1])


def status(pid, key):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key + ":"))


def held(process):
    """What a leak would make grow. VmSize is all mappings, touched or not."""
    return {"descriptors": len(os.listdir("/proc/%d/fd" % process.pid)), "threads": status(process.pid, "Threads"),
            "kB mapped": status(process.pid, "VmSize"), "kB resident": status(process.pid, "VmRSS")}


def objects(process):
    """By the books of a process on Lane."""
    out = subprocess.run([O + "/lanestat", "--json", str(process.pid)], env=dict(os.environ, XDG_RUNTIME_DIR=run),
                         capture_output=True, check=True).stdout
    return json.loads(out)["live_objects"]


def benchmark(port):
    """redis-benchmark, again and again, with a store that does not grow once it is full."""
    log = open(work + "/benchmark", "w")
    return start(["redis-benchmark", "-p", str(port), "-l", "-q", "-t", "set,get,incr", "-r", "20000", "-d", "200",
                  "-n", "20000"], stdout=log, stderr=log)


def kill_server():
    p = victims.pop("server")
    end(p)
    victims["server"] = lane_process(SERVER, "100000", "2")


def kill_lanefs():
    # The next one takes over what this one leaves, while readers have files open there.
    end(victims.pop("lanefs"))
    victims["lanefs"] = mount(where=other)


def kill_reader():
    end(victims.pop("reader"))
    victims["reader"] = reader(pick.choice(places))


def kill_at_random(until):
    kinds = ["server", "reader"] + (["lanefs"] if fuse else [])
    while time.monotonic() < until:
        order = pick.sample(kinds, len(kinds))
        for kind in order:
            time.sleep(pick.random() * min(1.0, SECONDS / 20))
            {"server": kill_server, "lanefs": kill_lanefs, "reader": kill_reader}[kind]()
            killed[kind] += 1


def quiet(process):
    """What it holds when nobody reads: lanefs' idle threads have ended, the last connection is closed."""
    for _ in range(100):
        before = held(process)
        time.sleep(0.1)
        if held(process)["threads"] == before["threads"] and held(process)["descriptors"] == before["descriptors"]:
            break
    return held(process)


def warm_up(steady):
    """Stores are full, and whatever is made once was made."""
    first = [reader(places[0], *steady) for _ in range(READERS)]
    time.sleep(max(2, SECONDS / 5))
    for r in first:
        r.terminate()
        said(r)


def main():
    global fuse, places
    if not shutil.which("redis-benchmark"):
        whole_skip("redis is not installed")
    prepare()
    os.mkdir(other)
    why = "--socket" if "--socket" in sys.argv else no_lanefs()
    fuse = not why
    print("TAP version 13\n# SEED=%d, %g s, %s" % (SEED, SECONDS, "through lanefs" if fuse else "over the sockets: " + why),
          flush=True)
    port = free_port()
    redis = serves(lane_process("redis-server", "--port", str(port), "--save", "", "--dir", work, "--loglevel", "warning",
                                stdout=subprocess.DEVNULL))
    server = serves(lane_process(SERVER, "100000", "4"))
    load = benchmark(port)
    steady = [redis, server]
    lanefs = None
    places = [folder]
    if fuse:
        # On Lane itself, so that its books tell what it holds; it shows itself, too.
        lanefs = mount(LD_PRELOAD=LANE_SO, LANE_CONF="serve:true")
        steady.append(serves(lanefs))
        places = [mnt, other, folder]
        victims["lanefs"] = mount(where=other)
    victims["server"] = lane_process(SERVER, "100000", "2")
    victims["reader"] = reader(places[0])
    warm_up(steady)
    before = [quiet(p) for p in steady]
    kept = [objects(p) for p in steady[2:]]  # of lanefs

    readers = [reader(places[0], *steady) for _ in range(READERS)]
    for r in readers:
        r.stdout.readline()
    killer = threading.Thread(target=kill_at_random, args=(time.monotonic() + SECONDS,))
    killer.start()
    killer.join()
    for r in readers:
        r.terminate()
    seen = [said(r) for r in readers]
    end(victims.pop("server"), victims.pop("reader"))
    alive = load.poll() is None and redis.poll() is None and server.poll() is None
    after = [quiet(p) for p in steady]
    kept += [objects(p) for p in steady[2:]]

    files = {k: sum(s["read"].get(k, 0) for s in seen) for k in seen[0]["read"]}
    late, refused = sum(s["late"] for s in seen), sum(s["refused"] for s in seen)
    print("# read: %s; %d refused by processes that ended, %d late" % (files, refused, late))
    print("# killed: %s" % killed)
    for p, b, a in zip(("redis", "server", "lanefs"), before, after):
        print("# %s: %s" % (p, ", ".join("%s %d, then %d" % (k, b[k], a[k]) for k in b)))
    wrong = [w for s in seen for w in s["wrong"]]
    check(not wrong and min(files.values()) > 10, "%d readers saw whole files, in which everything adds up" % READERS, *wrong)
    check(late <= sum(files.values()) / 100, "servers that run answer, each within its second", late)
    check(alive and set(killed.values()) - {0} and min(v for k, v in killed.items() if fuse or k != "lanefs") >= 2,
          "servers, lanefs and readers were killed, and the others go on", killed)
    idle = max(POOL, before[-1]["threads"]) - before[-1]["threads"] if fuse else 0
    allowed = [0, 0, idle]
    grown = [(b, a) for b, a, n in zip(before, after, allowed)
             if a["descriptors"] > b["descriptors"] or a["threads"] > b["threads"] + n]
    check(not grown, "no descriptor and no thread is left", *grown)
    grown = [(b, a) for b, a, n in zip(before, after, allowed)
             if a["kB mapped"] > b["kB mapped"] + 1024 + n * STACK or a["kB resident"] > b["kB resident"] * 1.25 + 4096]
    check(not grown, "nothing is left mapped, and resident memory does not grow", *grown)
    if fuse:
        print("# lanefs: %d objects, then %d" % tuple(kept))
        check(kept[1] <= kept[0] + 50, "lanefs frees what it allocates", kept)
    out = subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True, text=True, timeout=10).stdout
    check(out == "PONG\n" and (not fuse or str(redis.pid) in os.listdir(mnt)), "redis still answers", out)
    # Whoever lists takes away what the killed ones left.
    subprocess.run([O + "/lanestat"], env=dict(os.environ, XDG_RUNTIME_DIR=run), capture_output=True, check=False)
    left = set(os.listdir(folder)) - {"%d.sock" % p.pid for p in steady}
    check(not left, "no socket of a killed server is left", left)
    end(load)
    if fuse:
        unmount(lanefs)
    print("1..%d" % sum(count.values()))
    return count["bad"] > 0


try:
    failed = main()
finally:
    taken_away(other)
    cleanup()
sys.exit(failed)
