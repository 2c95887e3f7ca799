# SPDX-License-Identifier: MIT
"""Names the machine and the versions of all that takes part."""
import os
import platform
import subprocess


def _first(path, otherwise="?"):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return otherwise


def _cpu_model():
    for line in _first("/proc/cpuinfo", "").splitlines():
        if line.startswith(("model name", "CPU part")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _memory_gb():
    for line in _first("/proc/meminfo", "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) / 1048576
    return 0


def _nodes():
    root = "/sys/devices/system/node"
    return len([n for n in os.listdir(root) if n.startswith("node") and n[4:].isdigit()]) \
        if os.path.isdir(root) else 1


def package_version(package):
    ran = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return ran.stdout if ran.returncode == 0 and ran.stdout else "version unknown"


def lane_version(path):
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    ran = subprocess.run(["git", "-C", top, "describe", "--always", "--dirty"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return "%s (%s)" % (path, ran.stdout.strip() or "no git")


def describe(allocators, needs):
    yield "machine: %s, %d CPUs, %d node(s), %.0f GB" % (_cpu_model(), os.cpu_count(), _nodes(),
                                                         _memory_gb())
    yield "kernel: %s %s; huge pages: %s" % (
        platform.release(), platform.machine(),
        _first("/sys/kernel/mm/transparent_hugepage/enabled"))
    yield "glibc: %s; load at the start: %s" % (package_version("libc6"),
                                                _first("/proc/loadavg"))
    for a in allocators:
        what = "%s %s" % (a.package, package_version(a.package)) if a.package else \
            " ".join([lane_version(a.path), a.conf])
        yield "allocator %s: %s" % (a.name, "MISSING: " + a.missing if a.missing else what)
    for command, package in needs:
        yield "program %s: %s %s" % (command, package, package_version(package))
