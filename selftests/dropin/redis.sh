#!/bin/sh
# SPDX-License-Identifier: MIT
# redis-server under Lane gives the same answers to thousands of commands, ends
# with the same data after a background save and a reload, and bears
# redis-benchmark.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
needs redis-server redis-cli redis-benchmark

# Every type, encodings from small to large, Lua, expiry far away, growth in
# place, frees on the background threads. No answer depends on time or chance.
commands() {
	awk -v n="$1" '
	function random(m) {
		seed = (seed * 16807) % 2147483647
		return seed % m
	}
	function text(len,   s) {
		s = "v" len
		while (length(s) < len)
			s = s s
		return substr(s, 1, len)
	}
	BEGIN {
		seed = 4711
		for (i = 1; i <= n; i++) {
			k = random(5000)
			w = random(26)
			if (w < 4) print "set s:" k, text(random(3000) + 1)
			else if (w < 5) print "append s:" k, text(random(200) + 1)
			else if (w < 6) print "get s:" k
			else if (w < 7) print "setrange s:" k, random(5000), text(9)
			else if (w < 8) print "incrby n:" k, random(1000)
			else if (w < 10) print "lpush l:" k % 20, text(random(90) + 1), text(random(500) + 1)
			else if (w < 11) print "rpop l:" k % 20
			else if (w < 12) print "linsert l:" k % 20, "before", text(7), text(33)
			else if (w < 14) print "hset h:" k % 20, "f" random(400), text(random(120) + 1)
			else if (w < 15) print "hdel h:" k % 20, "f" random(400)
			else if (w < 17) print "sadd t:" k % 20, "m" random(900), random(90000)
			else if (w < 18) print "srem t:" k % 20, "m" random(900)
			else if (w < 20) print "zadd z:" k % 20, random(10000), "m" random(900)
			else if (w < 21) print "zrangebyscore z:" k % 20, 0, 3000, "limit 0 20"
			else if (w < 22) print "xadd x:" k % 10, i "-1", "a", text(random(60) + 1)
			else if (w < 23) print "setbit b:" k % 10, random(100000), 1
			else if (w < 24) print "pfadd p:" k % 5, random(100000)
			else if (w < 25) print "unlink s:" random(5000)
			else print "eval \"local t = {} for i = 1, tonumber(ARGV[1]) do t[i] = i .. KEYS[1] end " \
				"return #table.concat(t)\" 1 s:" k, random(2000)
		}
		for (k = 0; k < 20; k++) {
			print "sort t:" k, "alpha"
			print "lrange l:" k, "0 -1"
			print "zrange z:" k, "0 -1 withscores"
			print "hlen h:" k
			print "object encoding h:" k
			print "sinterstore u t:" k, "t:" (k + 1) % 20
			print "zunionstore zu 2 z:" k, "z:" (k + 1) % 20
			print "copy h:" k, "hc:" k
		}
		print "xrange x:1 - + count 50"
		print "pfcount p:1 p:2"
		print "bitcount b:1"
		print "expire s:1 100000"
		print "rename l:1 l:renamed"
		print "multi"
		print "set in a-transaction"
		print "incr n:1"
		print "exec"
		print "set wrong type"
		print "lpush wrong x"
		print "dbsize"
		print "debug digest"
		print "debug reload"
		print "debug digest"
	}'
}

prepare() {
	count=20000
	bench=20000
	if [ -n "$QUICK" ]; then
		count=4000
		bench=5000
	fi
	commands $count >commands
	serve none plain
}

cli() {
	redis-cli -p "$port" "$@"
}

pong() {
	[ "$(cli ping)" = PONG ]
}

saved() {
	cli info persistence | grep -q '^rdb_bgsave_in_progress:0'
}

# serve MODE OUT - OUT holds the answers, OUT.more what is seen by the way
serve() {
	free_port
	rm -rf "$2.d"
	mkdir "$2.d"
	: >"$2.more"
	start_server "$1" "$2.server" redis-server --bind 127.0.0.1 --port "$port" --dir "$tmp/$2.d" \
		--save '' --appendonly no --enable-debug-command yes --daemonize no \
		--activerehashing yes
	if until_true pong; then
		grep -c "$(basename "$(readlink -f "$LANE_SO")")" "/proc/$server/maps" >"$2.mapped" || true
		status=0
		limited redis-cli -p "$port" <commands >"$2" 2>"$2.err" || status=$?
		echo $status >"$2.status"
		cli bgsave >/dev/null
		until_true saved || note "the background save does not end"
		cli info persistence | tr -d '\r' | grep '^rdb_last_bgsave_status' >>"$2.more"
		cli info memory | tr -d "\r" >"$2.memory"
		limited redis-benchmark -p "$port" -q -n $bench -c 20 -P 8 -r 10000 -d 200 \
			-t set,get,incr,lpush,rpop,lrange_100,sadd,spop,hset,zadd,zpopmin,mset \
			>"$2.bench" 2>&1 || echo "redis-benchmark failed" >>"$2.more"
		tr '\r' '\n' <"$2.bench" | grep -c 'requests per second, p50=' >>"$2.more"
		cli flushall async >>"$2.more"
		cli dbsize >>"$2.more"
		cli shutdown nosave >/dev/null 2>&1 || true
	else
		note "redis-server does not answer"
		echo 1 >"$2.status"
	fi
	end_server "$2.server"
	cat "$2.server.status" >>"$2.more"
}

suite() {
	serve "$1" lane
	same "$1: redis-server gives the same answers to $(wc -l <commands) commands" plain lane
	wrong=0
	if ! cmp plain.more lane.more; then
		wrong=1
		explain lane.more
		tail -n 30 lane.server.log >said
		explain said 30
		explain lane.server.lane 3
	fi
	result $wrong "$1: background save, redis-benchmark and a clean end"
	wrong=0
	awk -F: '$1 == "used_memory" { used = $2 } $1 == "used_memory_rss" { rss = $2 }
		END { exit !(used > 1000000 && rss > used / 4) }' lane.memory || wrong=1
	[ $wrong -eq 0 ] || explain lane.memory
	result $wrong "$1: INFO memory shows what is used"
	lane_at_work "$1: redis-server ran on Lane" lane.server 100000 "$1"
	if is_lane; then
		result $((1 - ($(cat lane.mapped) > 0))) "$1: the server has the library mapped"
	else
		skip "$1: the server has the library mapped" "this is not Lane"
	fi
}

run_suites 5
