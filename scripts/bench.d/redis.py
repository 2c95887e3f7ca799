# SPDX-License-Identifier: MIT
"""redis-server under one allocator, redis-benchmark (never preloaded) beside it."""
import csv
import os
import subprocess
import time

import programs
from failed import LIMIT_S, Failed

TESTS = "set,get,lpush"


def _status_kb(pid, key):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(key + ":"):
                return float(line.split()[1])
    raise Failed("no %s of redis-server" % key)


def _cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait_for(sock, server):
    for _ in range(500):
        if server.poll() is not None:
            raise Failed("redis-server ended: %d" % server.returncode)
        if os.path.exists(sock):
            return
        time.sleep(0.01)
    raise Failed("redis-server did not start")


def _load(bench, sock, pid):
    requests = int(1000000 * bench.scale)
    argv = ["redis-benchmark", "-s", sock, "-t", TESTS, "-n", str(requests), "-r", "200000",
            "-d", "200", "-P", "16", "-c", "50", "--csv"]
    ran = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         timeout=LIMIT_S)
    if ran.returncode:
        raise Failed("redis-benchmark: " + ran.stderr.strip()[-200:])
    out, total = {}, 0.0
    for row in csv.DictReader(ran.stdout.splitlines()):
        rps = float(row["rps"])
        out[row["test"].lower() + "_rps"] = (rps, "1/s")
        total += requests / rps
    tests = len(TESTS.split(","))
    if len(out) != tests:
        raise Failed("redis-benchmark said: " + ran.stdout.strip()[-200:])
    cpu = _cpu_s(pid)
    out["time"] = (total, "s")
    out["cpu"] = (cpu, "s")
    out["server_cpu"] = (cpu / (requests * tests) * 1e6, "s")
    out["peak_rss"] = (_status_kb(pid, "VmHWM"), "kB")
    out["steady_rss"] = (_status_kb(pid, "VmRSS"), "kB")
    return out


def run(bench, alloc):
    # Debian links redis-server with jemalloc: without a preload it would run on that.
    preload = alloc.path or programs.libc_path()
    sock = os.path.join(bench.data, "redis.sock")
    if os.path.exists(sock):
        os.unlink(sock)
    argv = ["redis-server", "--port", "0", "--unixsocket", sock, "--save", "", "--appendonly",
            "no", "--daemonize", "no", "--jemalloc-bg-thread", "no", "--dir", bench.data]
    env = dict(os.environ, LD_PRELOAD=preload, **alloc.environment())
    server = subprocess.Popen(argv, env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(sock, server)
        return _load(bench, sock, server.pid)
    except subprocess.TimeoutExpired:
        raise Failed("no end after %d s" % LIMIT_S)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
