# SPDX-License-Identifier: MIT
"""Whether a file that was read is whole, and whether everything in it adds up (Documentation/stats.rst)."""
PARTS = "in_use cpu_cached transfer_cached central_free in_transit span_tail page_heap_free released metadata collected quarantine".split()
SECTIONS = "heapinfo classinfo cpuinfo nodeinfo gcinfo".split()
OBJECTS = "cpu_cached transfer_cached central_free in_transit".split()  # in classinfo


class Wrong(Exception):
    pass


def same(what, *values):
    if len(set(values)) != 1:
        raise Wrong("%s: %s" % (what, " != ".join(map(str, values))))


def keys(text):
    out = dict(line.split(" ", 1) for line in text.splitlines())
    return {k: int(v) if v.lstrip("-").isdigit() else v for k, v in out.items()}


def head(lines):
    if not lines[0].startswith("version ") or not lines[1].startswith("generation "):
        raise Wrong("the head is %r" % lines[:2])
    return int(lines[1].split()[1])


def table(text):
    lines = text.splitlines()
    head(lines)
    names = lines[2].split()
    rows = [dict(zip(names, map(int, line.split()), strict=True)) for line in lines[3:]]
    if any(v < 0 for r in rows for k, v in r.items() if k not in ("cpu", "node")):
        raise Wrong("a number is negative")
    return rows


def total(rows, column, times=None):
    return sum(r[column] * (r[times] if times else 1) for r in rows)


def heapinfo(text):
    h = keys(text)
    same("mapped and its parts", h["mapped"], sum(h[k] for k in PARTS))
    same("live objects", h["live_objects"], h["mallocs"] - h["frees"])
    if h["reserved"] < h["mapped"] or min(h[k] for k in PARTS) < 0 or list(h)[-1] != "quarantine":
        raise Wrong("heapinfo: %s" % h)
    return h


def classinfo(text):
    rows = table(text)
    for r in rows:
        same("live of size %d" % r["size"], r["live"], r["mallocs"] - r["frees"])
        if r["size"]:
            same("in_use of size %d" % r["size"], r["in_use"], r["live"] * r["size"])
    same("classes, the last of which is large", len(rows), 54)
    same("the last row", rows[-1]["size"], 0)
    return rows


def cpuinfo(text):
    rows = table(text)
    same("the last row", rows[-1]["cpu"], -1)
    return rows


def nodeinfo(text):
    rows = table(text)
    for r in rows:
        same("mapped of node %d" % r["node"], r["mapped"], sum(r[k] for k in PARTS))
        same("live objects of node %d" % r["node"], r["live_objects"], r["mallocs"] - r["frees"])
    same("the last row", rows[-1]["node"], -1)
    return rows


def every_section(text):
    """The sections of "all", and all of one snapshot: equal, to the byte."""
    parts = text.split("== ")[1:]
    found = dict(p.split(" ==\n", 1) for p in parts)
    same("sections", " ".join(found), " ".join(SECTIONS))
    same("generations", *(head(t.splitlines()) for t in found.values()))
    h, classes, nodes = heapinfo(found["heapinfo"]), classinfo(found["classinfo"]), nodeinfo(found["nodeinfo"])
    cpus = cpuinfo(found["cpuinfo"])
    same("CPUs", len(cpus), h["cpus"] + 1)
    for k in "mallocs", "frees":
        same(k, h[k], total(classes, k), total(cpus, k), total(nodes, k))
    for k in PARTS + ["mapped", "reserved", "live_objects"]:
        same(k, h[k], total(nodes, k))
    for k in OBJECTS:
        same(k, h[k], total(classes, k, "size"))
    same("live_objects", h["live_objects"], total(classes, "live"))
    same("in_use", h["in_use"], total(classes, "in_use"))
    same("cpu_cached", h["cpu_cached"], total(cpus, "cached"))
    return h


def metrics(text):
    if not text.endswith("\n# EOF\n"):
        raise Wrong("metrics do not end")
    values = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.split(" ", 1)
            name = name.split("{")[0]
            values[name] = values.get(name, 0) + int(value)
    same("mapped and its parts", values["lane_mapped_bytes"], sum(values["lane_%s_bytes" % k] for k in PARTS))
    for k in "mallocs", "frees":
        same(k, *(values["lane_%s%s_total" % (scope, k)] for scope in ("", "class_", "percpu_", "node_")))
    return {"mallocs": values["lane_mallocs_total"], "frees": values["lane_frees_total"],
            "generation": values["lane_snapshots_total"]}


def profile(text):
    """Not from the snapshot: it begins as tools want it, and ends with the memory map."""
    if not text.startswith("heap profile: ") or "\n# state " not in text or "\nMAPPED_LIBRARIES:\n" not in text:
        raise Wrong("profile: %s" % text[:200])


def off(text):
    same("state", keys(text)["state"], "off")


CHECKS = {"heapinfo": heapinfo, "classinfo": classinfo, "cpuinfo": cpuinfo, "nodeinfo": nodeinfo, "all": every_section,
          "metrics": metrics, "gcinfo": off, "profile": profile, "conf": keys}


def check(name, text):
    """Raises Wrong; returns generation, mallocs and frees where the file has them."""
    try:
        if not text.endswith("\n"):
            raise Wrong("no newline at the end")
        got = CHECKS[name](text)
    except (KeyError, ValueError, IndexError, TypeError) as e:
        raise Wrong("%s: %r" % (type(e).__name__, e)) from e
    return {k: got[k] for k in ("generation", "mallocs", "frees")} if isinstance(got, dict) and "mallocs" in got else {}
