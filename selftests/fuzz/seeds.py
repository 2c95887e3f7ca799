#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds.py DIR - write a small corpus for each fuzz target into DIR/TARGET.

A seed of operations is a plain use of the heap in the bytes that operations.c reads:
operation, slot, then what the operation takes (two bytes of size, ...). One of profile_write
is a table of call sites in the bytes that it reads, one of profile_read a heap profile. One of
serve is what peers do, step by step; of system_files and memory_map, a file of the system.
Inputs that once failed are here, too, under the name of what they showed.
"""

import gzip
import os
import random
import sys

FREE, RESIZE, FAIL, BOOKS, FLOOD, MAKE = 0, 5, 7, 8, 9, 10


def make(slot, scale, place=127, align=4, kind=0):
    return bytes([MAKE + kind % 6, slot, scale, place, align])


def operations():
    """Streams by name."""
    slots = range(96)
    yield "every-scale", b"".join(make(s, s % 22) for s in slots)
    yield "every-kind", b"".join(make(s, s % 20, s, s % 23, s) for s in slots)
    yield "fill-and-free", b"".join(make(s, 6) for s in slots) + b"".join(
        bytes([FREE, s]) for s in slots
    )
    yield "resize-up", make(1, 0) + b"".join(bytes([RESIZE, 1, s, 200, 0]) for s in range(22))
    yield "resize-down", make(1, 21) + b"".join(
        bytes([RESIZE, 1, s, 3, 1]) for s in reversed(range(22))
    )
    yield "powers", b"".join(bytes([MAKE, s, 220 + s % 36, s % 23, 0]) for s in slots)
    yield "floods", b"".join(bytes([FLOOD, how, how % 14, 99, 255]) for how in range(24))
    yield "books", b"".join(make(s, 9) + bytes([BOOKS + 64, s]) for s in range(40))
    yield "release", b"".join(make(s, 18) + bytes([FREE, s, BOOKS + 16, s, 20, 9]) for s in slots)
    yield "failures", b"".join(make(s, 5) + bytes([FAIL, s, s, s]) for s in range(64))
    rng = random.Random(7)
    for length in (64, 1000, 8000):
        yield f"random-{length}", bytes(rng.randrange(256) for _ in range(length))


def config():
    """Strings by name."""
    texts = [
        "",
        "mode:lock",
        "mode:auto,stats_print:false,verbose:false",
        "background_thread:true,release_delay_ms:100",
        "cpu_cache_max:65536,cpu_cache_total:1048576,thp:never,numa:off",
        "stats_file:/dev/null,stats_interval_ms:1000",
        "foo:bar,,:,mode,mode:,mode:x:y",
        "release_delay_ms:18446744073709551616",
        "mode:lock" + ",mode:lock" * 200,
    ]
    for number, text in enumerate(texts):
        yield f"text-{number}", text.encode()


def number(value):
    """A number as profile_write.c reads it."""
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(data)]) + data


def site(depth, kinds, objects, size):
    """A call site; each frame is of the kind that follows in turn."""
    frames = b"".join(bytes([kinds[i % len(kinds)] + 8 * (i % 5)]) + number(i * 7919) for i in range(depth))
    counts = number(2 * objects) + number(2 * objects * size) + bytes([1, 1])
    return bytes([depth]) + frames + counts + counts


def profile_write():
    """Tables by name."""
    head = number(1 << 20) + b"\1" + number(117) + number(1)
    several = number(1 << 20) + b"\0" + number(117) + number(0)
    yield "empty", b""
    yield "no-sites", head
    yield "one", head + site(3, [4], 100, 1000)
    yield "several-rates", several + site(3, [4], 100, 1000)
    yield "deep", head + site(64, [4], 1, 64) + site(64, [5, 6], 2, 1 << 20)
    yield "no-stack", head + site(0, [4], 3, 512) * 2
    yield "not-code", head + b"".join(site(5, [4, 4, kind], 5, 100) for kind in range(4))
    yield "large", head + site(2, [4], (1 << 62) - 1, 1) + site(2, [4], 1, 1 << 62)
    yield "many", head + b"".join(site(2, [4, 7], n, n) for n in range(150))


def varint(value):
    """As profile.proto has it."""
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number_of, value):
    """A number, or bytes."""
    if isinstance(value, int):
        return varint(number_of << 3) + varint(value)
    return varint(number_of << 3 | 2) + varint(len(value)) + value


def profile(sites, packed=False, rate=65536):
    """A message: sites are (stack of locations, four values)."""
    out = b"".join(field(6, s) for s in (b"", b"/usr/bin/x", b"0123abcd", b"117 samples, 5 lost for want of memory"))
    out += field(12, rate) + field(13, 3)
    out += field(3, field(1, 1) + field(2, 4096) + field(3, 1 << 20) + field(5, 1) + field(6, 2))
    for number_of in sorted({i for stack, _ in sites for i in stack}):
        line = field(4, field(1, 1)) if number_of == 99 else b""
        out += field(4, field(1, number_of) + field(2, 1) + field(3, 4096 + 13 * number_of) + line)
    for stack, values in sites:
        if packed:
            out += field(2, field(1, b"".join(map(varint, stack))) + field(2, b"".join(map(varint, values))))
        else:
            out += field(2, b"".join(field(1, i) for i in stack) + b"".join(field(2, v) for v in values))
    return out


def profile_read():
    """Messages by name."""
    few = [([1, 2, 3], [10, 1000, 5, 500]), ([4, 3], [1, 1 << 20, 1, 1 << 20]), ([5, 2, 3], [7, 700, 0, 0])]
    yield "few", profile(few)
    yield "packed", profile(few, packed=True)
    yield "gzip", gzip.compress(profile(few))
    yield "cut-gzip", gzip.compress(profile(few))[:-9]
    yield "twice", profile(few + few)
    yield "off", profile([], rate=0)
    yield "unknown", profile([([99], [1, 2, 1, 2])] * 2)
    yield "deep", profile([(list(range(1, 65)), [1, 2, 1, 2]), ([7] * 256, [1, 2, 1, 2])], packed=True)
    yield "too-deep", profile([([7] * 257, [1, 2, 1, 2])], packed=True)
    yield "wide", profile([([i % 90 + 1, 1], [1, i, 1, i]) for i in range(120)], packed=True)
    yield "large", profile([([1], [1, (1 << 63) - 1, 1, (1 << 63) - 1])])
    yield "too-large", profile([([i], [1, 1 << 62, 1, 1 << 62]) for i in (1, 2)])
    yield "far", profile([([1 << 40], [1, 1, 1, 1])])
    yield "cut", profile(few)[:-3]


SEND, TOKEN, SETTINGS, MANY, ROOM, END, RESET, EXPIRE, FOREIGN, STARVED, AGAIN, PIECES, NO_MEMORY = (
    0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
ALL = bytes([ROOM, 255, 255]) * 4
FILES = "heapinfo classinfo cpuinfo nodeinfo gcinfo metrics profile profile.pb.gz conf all nothing".split()


def send(text, peer=0):
    """Bytes of one piece, 255 at most."""
    return bytes([SEND + 16 * peer, len(text)]) + text


def settings(text):
    return bytes([SETTINGS, len(text)]) + text


def serve():
    """Steps by name."""
    for name in FILES:
        yield "read-" + name, send(b"read " + name.encode() + b"\n") + ALL
        yield "write-" + name, send(b"write " + name.encode() + b" 3\nabc") + ALL
    yield "pieces", bytes([PIECES, 2]) + send(b"read conf\n") + bytes([ROOM, 3, 5]) * 9 + ALL
    yield "interrupted", bytes([AGAIN]) + send(b"read ") + bytes([AGAIN]) + send(b"all\n") + ALL
    yield "pipelined", send(b"read heapinfo\nread classinfo\n") + send(b"read all\n") + ALL
    yield "half", send(b"read heapin") + bytes([END]) + ALL
    yield "late", send(b"read heapin") + bytes([ROOM, 255, 1, EXPIRE]) + send(b"read all\n") + bytes([EXPIRE])
    yield "gone", send(b"read all\n") + bytes([ROOM, 9, 9, RESET, 1]) + send(b"read all\n") + bytes([FOREIGN, 1])
    yield "starved", bytes([STARVED + 128]) + send(b"read all\n") + ALL
    yield "no-memory", send(b"read all") + bytes([NO_MEMORY]) + send(b"\n") + ALL
    yield "long-line", bytes([MANY, 4, 120]) + ALL + bytes([MANY, 255, 10]) + ALL
    yield "zero", send(b"read heap\0info\n") + ALL
    for length in (b"0", b"4096", b"4097", b"-1", b"0x10", b"3 ", b"", b"99999999999999999999"):
        yield "length-" + length.decode(), send(b"write conf " + length + b"\n") + bytes([MANY, 125, 10]) + ALL
    for text in (b"", b"verbose true\n", b"cpu_cache_max 1k\ncpu_cache_total 2k", b"prof_rate 4096\n", b"guard_rate 2",
                 b"verbose true\nmode lock\n", b"release_slack 0\n\n", b"release_delay_ms 18446744073709551616\n"):
        yield "settings-" + text.decode().split("\n", maxsplit=1)[0], settings(text) + ALL
    yield "several", b"".join(send(b"read conf", peer) for peer in range(4)) + b"".join(
        send(b"\n", peer) + bytes([ROOM + 16 * peer, 255, 255]) for peer in range(4))


LIST, SPACE, RELEASE, SOCKETS = range(4)
WHOLE, BROKEN = b"\0", b"\2\1\1"


def system_files():
    """What the system says, by name."""
    for text in ("0", "0-127\n", "0-3,8,10-11\n", "65535", "65536", "3-1", "0x3", "1-2-3", "", "0-3,", "0-3,\n", "1\n2"):
        yield "cpus-" + text.replace("\n", "_"), bytes([LIST]) + number(1023) + WHOLE + text.encode()
    # The rest of the list is not read; then it counts for nothing.
    yield "cpus-broken-off", bytes([LIST]) + number(1023) + BROKEN + b"0-1,2-127\n"
    yield "cpus-cut", bytes([LIST]) + number(1023) + WHOLE + b"1," * 2047 + b"4000\n"
    for text in (b"1000 20 30", b"", b"x", b"18446744073709551617 1"):
        yield "space-" + text.decode(), bytes([SPACE]) + number(1 << 30) + WHOLE + text
    for text in (b"6.19.0-rc1", b"7.0.3", b"7.1", b"6.1.0-18-arm64", b"6", b"", b"6.", b"1000.19"):
        yield "release-" + text.decode(), bytes([RELEASE]) + text
    named = b"".join(bytes([3]) + number(pid) for pid in (1, 2, 117, 99999, 10**9 + 1, 0))
    yield "sockets", bytes([SOCKETS, 0]) + named + bytes([4 * 3 + 2]) + b"00x" + bytes([4 * 5 + 2]) + b"00007"
    yield "sockets-in-use", bytes([SOCKETS, 2]) + named


def memory_map():
    """The kernel's text, made of bytes, and any text."""
    mapping = number(3) + number(4) + number(1 << 13) + bytes([8, 1]) + number(4711)
    head = bytes([0, 9, 20]) + bytes(range(20))
    notes = bytes([8, 2, 4, 32, 1])
    yield "image", head + notes + bytes(32)
    yield "mappings", head + b"".join(bytes([perms]) + mapping + bytes([perms]) for perms in range(9)) + notes + bytes(99)
    yield "long-path", head + (bytes([5]) + mapping + bytes([255]) + b"x" * 256) * 2 + notes + bytes(64)
    text = b"00400000-00401000 r-xp 00000000 08:01 42                         /bin/x\n"
    any_text = bytes([1, 0]) + number(0x400010) + number(0) * 3 + number(0x400000) + WHOLE
    yield "any", any_text + text * 3
    yield "no-end", any_text + text[:-1]
    yield "no-hex", any_text + b"0040:000-00401000 r-xp 0:0 08:01 42 /bin/x\n"
    # Readers went on behind the end of a line that is empty or all digits.
    yield "empty-line", any_text + b"\n\n" + text
    yield "long-line", any_text + b"0" * 279 + b"\n" + text


def main():
    """Write all corpora."""
    for name, streams in (("operations", operations()), ("config", config()), ("profile_write", profile_write()),
                          ("profile_read", profile_read()), ("serve", serve()), ("system_files", system_files()),
                          ("memory_map", memory_map())):
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder, exist_ok=True)
        for seed, data in streams:
            with open(os.path.join(folder, "seed-" + seed), "wb") as out:
                out.write(data)


main()
