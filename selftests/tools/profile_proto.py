# SPDX-License-Identifier: MIT
"""profile.proto, read strictly: unknown fields, bad references and wrong types are errors. And the
real tools that read it: google-pprof, and Go's pprof built from Debian's package."""
import gzip
import os
import re
import shutil
import subprocess

GOPATH = "/usr/share/gocode"
GOOGLE_PPROF = shutil.which("google-pprof")


class Bad(Exception):
    pass


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Bad("a varint without an end")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            if value >= 1 << 64:
                raise Bad("a varint of more than 64 bits")
            return value, at


def fields(data):
    """(number, value) of each field: an integer or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
            if at > len(data):
                raise Bad("a field longer than its message")
        else:
            raise Bad("wire type %d" % (key & 7))
        yield key >> 3, value


# number: (name, kind, repeated); a kind is a type of value or a message.
VALUE_TYPE = {1: ("type", "string", False), 2: ("unit", "string", False)}
SAMPLE = {1: ("location_id", int, True), 2: ("value", int, True)}
MAPPING = {1: ("id", int, False), 2: ("start", int, False), 3: ("limit", int, False), 4: ("offset", int, False),
           5: ("filename", "string", False), 6: ("build_id", "string", False)}
LINE = {1: ("function_id", int, False)}
LOCATION = {1: ("id", int, False), 2: ("mapping_id", int, False), 3: ("address", int, False), 4: ("line", LINE, True)}
FUNCTION = {1: ("id", int, False), 2: ("name", "string", False), 3: ("system_name", "string", False)}
PROFILE = {1: ("sample_type", VALUE_TYPE, True), 2: ("sample", SAMPLE, True), 3: ("mapping", MAPPING, True),
           4: ("location", LOCATION, True), 5: ("function", FUNCTION, True), 6: ("string_table", str, True),
           7: ("drop_frames", "string", False), 9: ("time_nanos", int, False), 11: ("period_type", VALUE_TYPE, False),
           12: ("period", int, False), 13: ("comment", "string", True), 14: ("default_sample_type", "string", False)}


def message(data, known, strings):
    got = {name: [] if repeated else None for name, _, repeated in known.values()}
    for number, value in fields(data):
        if number not in known:
            raise Bad("field %d, which is not known here" % number)
        name, kind, repeated = known[number]
        if isinstance(value, int) != (kind in (int, "string")):
            raise Bad("%s has the wrong wire type" % name)
        if kind is str:
            value = value.decode("utf-8", "strict")
        elif kind == "string":
            strings.append((got, name, value))
        elif isinstance(kind, dict):
            value = message(value, kind, strings)
        if repeated:
            got[name].append(value)
        elif got[name] is not None:
            raise Bad("%s twice" % name)
        else:
            got[name] = value
    return got


def decode(data):
    """The profile as dictionaries, strings in their places, every reference checked."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    strings = []
    p = message(data, PROFILE, strings)
    table = p["string_table"]
    if not table or table[0] or len(set(map(str, table))) < 2:
        raise Bad("no string table, or its first string is not empty")
    for where, name, index in strings:
        if index >= len(table):
            raise Bad("string %d of %d" % (index, len(table)))
        if isinstance(where[name], list):
            where[name][where[name].index(index)] = table[index]
        else:
            where[name] = table[index]
    for kind in ("mapping", "location", "function"):
        ids = [m["id"] for m in p[kind]]
        if 0 in ids or None in ids or len(set(ids)) != len(ids):
            raise Bad("ids of %ss: %s" % (kind, ids))
        p[kind + "s"] = {m["id"]: m for m in p[kind]}
    for l in p["location"]:
        m = p["mappings"].get(l["mapping_id"])
        if l["mapping_id"] and not (m and m["start"] <= l["address"] < m["limit"]):
            raise Bad("location %s lies outside its mapping" % l)
        for line in l["line"]:
            if line["function_id"] not in p["functions"]:
                raise Bad("function %s" % line)
    for s in p["sample"]:
        if len(s["value"]) != len(p["sample_type"]) or not s["location_id"] or max(s["value"]) >= 1 << 63:
            raise Bad("sample %s" % s)
        for i in s["location_id"]:
            if i not in p["locations"]:
                raise Bad("location %d" % i)
    return p


def total(p, kind):
    at = [t["type"] for t in p["sample_type"]].index(kind)
    return sum(s["value"][at] for s in p["sample"])


def go_pprof(build):
    """Go's pprof, built once from the sources that Debian packages; None where they are not installed."""
    path = build + "/pprof"
    if not shutil.which("go") or not os.path.isdir(GOPATH + "/src/github.com/google/pprof"):
        return None
    if not os.path.exists(path):
        env = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOPROXY="off", GOPATH=GOPATH, GOCACHE=build + "/go-cache",
                   HOME=build)
        # Of tests that run beside each other each builds its own: the last one's stays.
        new = "%s.%d" % (path, os.getpid())
        run = subprocess.run(["go", "build", "-o", new, "github.com/google/pprof"], cwd="/", env=env,
                             capture_output=True, text=True)
        if run.returncode:
            raise SystemExit("Bail out! pprof cannot be built: " + run.stderr[-300:])
        os.rename(new, path)
    return path


def top_of(pprof, program, path, kind, home):
    """{function: (flat, cumulative)} in bytes or objects, as Go's pprof says it."""
    run = subprocess.run([pprof, "-symbolize=local", "-sample_index=" + kind, "-unit=B", "-nodefraction=0", "-top", program, path],
                         env=dict(os.environ, HOME=home, PPROF_TMPDIR=home), stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=60)
    rows = re.findall(r"^ *(\d+)B? +[\d.]+% +[\d.]+% +(\d+)B? +[\d.]+% +(.*?)(?: \(inline\))?$", run.stdout, re.M)
    return {name: (int(flat), int(cum)) for flat, cum, name in rows}, run.stdout + run.stderr


def google_top(program, path, option, home):
    """{function: (flat, cumulative)} as google-pprof says it: MB where it counts bytes."""
    run = subprocess.run([GOOGLE_PPROF, "--text", option, "--show_bytes", program, path],
                         env=dict(os.environ, HOME=home), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=60)
    rows = re.findall(r"^ *(-?[\d.]+) +[\d.]+% +[\d.]+% +(-?[\d.]+) +[\d.]+% +(.*)$", run.stdout, re.M)
    return {name: (float(flat), float(cum)) for flat, cum, name in rows}, run.stdout + run.stderr
