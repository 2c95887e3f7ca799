# SPDX-License-Identifier: MIT
"""Dictionaries, lists, strings and objects: PYTHONMALLOC=malloc python3 work.py SCALE"""
import json
import random
import sys


class Point:
    def __init__(self, x, y, name):
        self.x = x
        self.y = y
        self.name = name


def one_round(rng):
    words = ["w%d%s" % (rng.randrange(3000), "y" * rng.randrange(30)) for _ in range(15000)]
    count = {}
    for word in words:
        count[word] = count.get(word, 0) + 1
    points = [Point(i, i * 0.5, "p%d" % i) for i in range(8000)]
    by_name = {p.name: p for p in points}
    del points[::3]
    rows = [{"id": i, "name": words[i], "values": [i, i + 1, i + 2]} for i in range(3000)]
    text = json.dumps(rows)
    back = json.loads(text)
    tokens = " ".join(words).split()
    tokens.sort()
    return len(count) + len(by_name) + len(back) + len(text) + len("".join(tokens))


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    rng = random.Random(1)
    total = 0
    kept = []
    for i in range(max(1, int(72 * scale))):
        total += one_round(rng)
        kept.append([str(rng.random()) for _ in range(4000)])
        if i % 3 == 2:
            del kept[rng.randrange(len(kept))]
    print(total)


main()
