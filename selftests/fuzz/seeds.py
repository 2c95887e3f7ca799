#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds.py DIR - write a small corpus for the fuzz targets into DIR/operations and DIR/config.

Each seed is a plain use of the heap in the bytes that operations.c reads:
operation, slot, then what the operation takes (two bytes of size, ...).
"""

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


def main():
    """Write both corpora."""
    for name, streams in (("operations", operations()), ("config", config())):
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder, exist_ok=True)
        for seed, data in streams:
            with open(os.path.join(folder, "seed-" + seed), "wb") as out:
                out.write(data)


main()
