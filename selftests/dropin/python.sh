#!/bin/sh
# SPDX-License-Identifier: MIT
# python3 gives the same output under Lane: a threaded program with its own
# small-object allocator, and with every object from malloc.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"

# Not a wrapper script that may stand first in PATH.
python=/usr/bin/python3
[ -x $python ] || python=python3
needs $python
PYTHONHASHSEED=0
export PYTHONHASHSEED

prepare() {
	cat >churn.py <<'END'
import bz2, collections, concurrent.futures, decimal, hashlib, io, json, os, pickle
import queue, random, re, sqlite3, struct, subprocess, sys, threading, weakref, zlib
import xml.etree.ElementTree as ET

N = int(sys.argv[1])

def digest(*things):
    h = hashlib.sha256()
    for t in things:
        h.update(t if isinstance(t, bytes) else repr(t).encode())
    return h.hexdigest()[:24]

def worker(k):
    r = random.Random(k)
    live = {}
    for i in range(N):
        key = r.randrange(N // 4)
        if key in live and r.random() < 0.4:
            del live[key]
        else:
            live[key] = [bytes(r.randrange(2000)), {"i": i, "s": "x" * r.randrange(100)}]
    text = json.dumps({str(k): [len(v[0]), v[1]] for k, v in sorted(live.items())})
    packed = zlib.compress(text.encode())
    assert zlib.decompress(packed).decode() == text
    return digest(text, packed, json.loads(text))

with concurrent.futures.ThreadPoolExecutor(8) as pool:
    for k, d in enumerate(pool.map(worker, range(8))):
        print("worker", k, d)

# What one thread makes another one frees.
channel, seen = queue.Queue(100), []
def consume():
    total = 0
    while (item := channel.get()) is not None:
        total += len(item)
    seen.append(total)
threads = [threading.Thread(target=consume) for _ in range(3)]
for t in threads:
    t.start()
for i in range(N):
    channel.put(b"z" * (i % 5000))
for t in threads:
    channel.put(None)
for t in threads:
    t.join()
print("channel", sum(seen))

# Many short threads.
done = []
for _ in range(20):
    batch = [threading.Thread(target=lambda i=i: done.append(sum(bytearray(b"\1") * i * 100))) for i in range(20)]
    for t in batch:
        t.start()
    for t in batch:
        t.join()
print("short threads", len(done), sum(done))

class Node:
    def __init__(self, parent=None):
        self.parent, self.children, self.data = parent, [], bytearray(64)
root = Node()
nodes = [root]
r = random.Random(7)
for _ in range(N):
    p = r.choice(nodes)
    c = Node(p)
    p.children.append(c)
    nodes.append(c)
refs = [weakref.ref(n) for n in nodes]
print("tree", sum(len(n.children) ** 2 for n in nodes))
copy = pickle.loads(pickle.dumps([len(n.children) for n in nodes]))
del nodes, root, p, c
import gc
gc.collect()
print("collected", sum(x() is None for x in refs), digest(copy))

text = "\n".join(f"{i}: {'ab' * (i % 50)} <{i * 7 % 101}>" for i in range(N))
print("regex", digest(re.sub(r"<(\d+)>", lambda m: str(int(m[1]) ** 3), text)), len(re.findall("(ab){3,}", text)))
print("bz2", digest(bz2.compress(text.encode())))
decimal.getcontext().prec = 400
print("decimal", digest(str(sum(decimal.Decimal(1) / k for k in range(1, 300)))))
print("long", digest(pow(3, 20000).to_bytes(4000, "big")), pow(7, 12345678901234567890, 10**60))
top = ET.Element("top")
for i in range(N // 10):
    ET.SubElement(top, "e", id=str(i)).text = "t" * (i % 80)
print("xml", digest(ET.tostring(ET.fromstring(ET.tostring(top)))))
db = sqlite3.connect(":memory:")
db.execute("create table t(a, b)")
db.executemany("insert into t values(?, ?)", ((i, "s" * (i % 99)) for i in range(N)))
print("sqlite", db.execute("select count(*), sum(length(b)) from t where a % 3").fetchone())
out = io.BytesIO()
for i in range(N):
    out.write(struct.pack("<IHB", i, i % 65536, i % 256))
print("struct", digest(out.getvalue()))
array = [bytearray(1 << 20) for _ in range(20)]
for a in array:
    a.extend(b"q" * 100000)
print("big", sum(map(len, array)))
try:
    bytearray(1 << 60)
except MemoryError:
    print("MemoryError")

# A child of fork() of a process with threads, and one of fork + exec.
stop = threading.Event()
def busy():
    while not stop.is_set():
        [bytes(i) for i in range(0, 3000, 7)]
helpers = [threading.Thread(target=busy) for _ in range(2)]
for t in helpers:
    t.start()
sys.stdout.flush()
for i in range(5):
    pid = os.fork()
    if pid == 0:
        x = [bytearray(j) for j in range(2000)]
        os._exit(len(x) % 256)
    print("forked", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(subprocess.run([sys.executable, "-c", "print(sum(len(bytes(i)) for i in range(5000)))"],
                     capture_output=True, text=True).stdout.strip())
stop.set()
for t in helpers:
    t.join()
END
	rows=6000
	[ -z "$QUICK" ] || rows=1500
	without plain $python churn.py "$rows"
	without plain-malloc env PYTHONMALLOC=malloc $python churn.py "$rows"
}

suite() {
	with "$1" lane $python churn.py "$rows"
	same "$1: a threaded program prints the same" plain lane
	lane_at_work "$1: python3 ran on Lane" lane 10000 "$1"
	with "$1" lane-malloc env PYTHONMALLOC=malloc $python churn.py "$rows"
	same "$1: PYTHONMALLOC=malloc: the same" plain-malloc lane-malloc
	lane_at_work "$1: PYTHONMALLOC=malloc: every object came from Lane" lane-malloc 500000 "$1"
}

run_suites 4
