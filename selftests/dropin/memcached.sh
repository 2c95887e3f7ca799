#!/bin/sh
# SPDX-License-Identifier: MIT
# memcached under Lane gives the same answers to one client that asks for
# everything, and to eight at once.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
python=/usr/bin/python3
[ -x $python ] || python=python3
needs memcached $python

prepare() {
	cat >talk.py <<'END'
import hashlib, random, socket, sys, threading

port, rounds = int(sys.argv[1]), int(sys.argv[2])

class Client:
    def __init__(self):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.sock.makefile("rb")

    def ask(self, *words, data=None):
        line = " ".join(map(str, words)).encode() + b"\r\n"
        if data is not None:
            line += data + b"\r\n"
        self.sock.sendall(line)
        answer = []
        while True:
            got = self.file.readline()
            answer.append(got)
            if got.startswith((b"VALUE ", b"VA ")):
                size = int(got.split()[3 if got.startswith(b"VALUE ") else 1])
                answer.append(self.file.read(size + 2))
                if got.startswith(b"VALUE "):
                    continue
            if got.startswith((b"STAT ", b"ITEM ")):
                continue
            return b"".join(answer)

def store(c, verb, key, data, *more):
    return c.ask(verb, key, 7, 0, len(data), *more, data=data)

def one():
    c = Client()
    r = random.Random(11)
    say = lambda *a: print(*a, flush=True)
    for i in range(300):
        say(store(c, "set", f"k{i}", bytes([i % 256]) * (i * 37 % 9000)))
    say(store(c, "add", "k1", b"no"), store(c, "add", "fresh", b"yes"))
    say(store(c, "replace", "absent", b"no"), store(c, "replace", "fresh", b"new"))
    say(store(c, "append", "fresh", b"-tail"), store(c, "prepend", "fresh", b"head-"))
    say(c.ask("get", "fresh"), c.ask("get", "fresh", "k2", "absent", "k3"))
    got = c.ask("gets", "fresh")
    unique = got.split()[4].decode()
    say(store(c, "cas", "fresh", b"swapped", unique), store(c, "cas", "fresh", b"late", unique))
    say(store(c, "set", "n", b"41"), c.ask("incr", "n", 1), c.ask("decr", "n", 100), c.ask("incr", "fresh", 1))
    say(c.ask("touch", "n", 1000), c.ask("gat", 1000, "n"), c.ask("delete", "n"), c.ask("delete", "n"))
    say(c.ask("mg", "fresh", "s", "v", "f"), c.ask("ms", "meta", 5, "T0", data=b"12345"), c.ask("mn"))
    say(store(c, "set", "big", b"B" * 1000000), hashlib.md5(c.ask("get", "big")).hexdigest())
    c.sock.sendall(b"set toobig 0 0 1100000\r\n" + b"T" * 1100000 + b"\r\n")
    say(c.file.readline(), c.ask("version").split()[0], c.ask("nonsense"))
    say(c.ask("verbosity", 1), c.ask("get", "k" * 250), c.ask("get", "k" * 251))
    h = hashlib.sha256()
    for i in range(rounds):
        key = f"r{r.randrange(2000)}"
        what = r.randrange(10)
        if what < 5:
            h.update(store(c, "set", key, r.randbytes(r.randrange(4000))))
        elif what < 6:
            h.update(store(c, "append", key, b"+" * r.randrange(500)))
        elif what < 7:
            h.update(c.ask("delete", key))
        else:
            h.update(c.ask("get", key, f"r{r.randrange(2000)}"))
    say("random talk", h.hexdigest())
    stats = dict(l.split()[1:3] for l in c.ask("stats").decode().splitlines() if l.startswith("STAT"))
    for k in "curr_items", "total_items", "bytes", "cmd_get", "cmd_set", "get_hits", "cas_badval", "evictions":
        say(k, stats[k])
    say(c.ask("flush_all"), c.ask("get", "k2"))

def many(k, answers):
    c = Client()
    r = random.Random(k)
    h = hashlib.sha256()
    for i in range(rounds // 4):
        key = f"t{k}-{r.randrange(300)}"
        if r.randrange(2):
            h.update(store(c, "set", key, bytes(r.randrange(3000))))
        else:
            h.update(c.ask("get", key))
    # Connections that come and go.
    for i in range(20):
        d = Client()
        h.update(d.ask("get", key))
        d.sock.close()
    answers[k] = h.hexdigest()

one()
answers = {}
threads = [threading.Thread(target=many, args=(k, answers)) for k in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
for k in range(8):
    print("client", k, answers.get(k))
END
	rounds=8000
	[ -z "$QUICK" ] || rounds=2000
	user=
	[ "$(id -u)" -ne 0 ] || user='-u root'
	serve none plain
}

answers() {
	$python -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)"
}

# serve MODE OUT - OUT holds the answers, OUT.server* what the server left
serve() {
	free_port
	# shellcheck disable=SC2086 # two words or none
	start_server "$1" "$2.server" memcached $user -l 127.0.0.1 -p "$port" -U 0 -m 64 -t 4
	if until_true answers; then
		active=1
		grep -q "$(basename "$(readlink -f "$LANE_SO")")" "/proc/$server/maps" || active=0
		without "$2" $python talk.py "$port" $rounds
		kill -INT "$server"
	else
		note "memcached does not answer"
		echo 1 >"$2.status"
	fi
	end_server "$2.server"
	# It says which signal ended it on stdout or stderr.
	cat "$2.server.log" >>"$2.server.err"
}

suite() {
	serve "$1" lane
	same "$1: memcached gives the same answers" plain lane
	wrong=0
	if ! cmp plain.server.status lane.server.status || ! cmp plain.server.err lane.server.err; then
		wrong=1
		explain lane.server.err
		explain lane.server.lane
	fi
	result $wrong "$1: it ends as it does without Lane"
	lane_at_work "$1: memcached ran on Lane" lane.server 200 "$1"
	result $((1 - active)) "$1: the server has the library mapped"
}

run_suites 4
