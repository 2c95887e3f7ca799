#!/bin/sh
# SPDX-License-Identifier: MIT
#
# metrics.sh - the file "metrics" of real programs keeps to OpenMetrics 1.0: by selftests/openmetrics.py, by
# Debian's python3-prometheus-client, and, turned into the older text format that it reads, by promtool.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
O=${O:-$top/build}
LANE_SO=${LANE_SO:-$O/liblane.so}
python=/usr/bin/python3
[ -x $python ] || python=python3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
number=0
failed=0

result() # STATUS TEXT
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		sed 's/^/# /' "$tmp/said" | head -n 20
		echo "not ok $number - $2"
		failed=1
	fi
}

skip()
{
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

# Objects of many sizes, some freed, threads; then the text as the program itself reads it.
render() # FILE
{
	LD_PRELOAD=$LANE_SO $python - "$1" <<'END'
import ctypes, sys, threading
lane = ctypes.CDLL(None)
lane.malloc.restype = ctypes.c_void_p
lane.lane_proc_read.restype = ctypes.c_ssize_t
def work():
    for size in list(range(1, 40000, 97)) + [1 << 20, 5 << 20]:
        p = [lane.malloc(ctypes.c_size_t(size)) for i in range(4)]
        for q in p[:3]:
            lane.free(ctypes.c_void_p(q))
threads = [threading.Thread(target=work) for i in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
text = ctypes.create_string_buffer(4 << 20)
n = lane.lane_proc_read(b"metrics", text, len(text))
open(sys.argv[1], "wb").write(text.raw[:n])
END
}

# The collected heap, in use and then quiet: metrics before, metrics and gcinfo after.
render_collected() # FOLDER
{
	LD_PRELOAD=$LANE_SO LANE_CONF=gc_percent:50 $python - "$1" <<'END'
import ctypes, sys, time
lane = ctypes.CDLL(None)
lane.lane_gc_alloc_conservative.restype = ctypes.c_void_p
lane.lane_proc_read.restype = ctypes.c_ssize_t
text = ctypes.create_string_buffer(4 << 20)
def save(name, to):
    n = lane.lane_proc_read(name, text, len(text))
    assert 0 < n < len(text), n
    open(sys.argv[1] + "/" + to, "wb").write(text.raw[:n])
save(b"metrics", "without")
assert lane.lane_gc_init(None) == 0 and lane.lane_gc_attach() == 0
for i in range(60000):
    assert lane.lane_gc_alloc_conservative(ctypes.c_size_t(16 + i % 2000))
lane.lane_gc_collect()
time.sleep(0.2)
save(b"metrics", "collected")
save(b"gcinfo", "gcinfo")
END
}

# The older text format names a counter's family with its _total, and has no units.
older()
{
	sed -E '/^# (UNIT|EOF)/d
		/^# TYPE [^ ]+ counter$/{
		N
		s/^# TYPE ([^ ]+) counter\n# HELP [^ ]+/# TYPE \1_total counter\n# HELP \1_total/
		}' "$1"
}

echo "TAP version 13"
if ! command -v $python >/dev/null 2>&1; then
	echo "1..0 # SKIP python3 is not installed"
	exit 4
fi
echo "1..8"

status=0
render "$tmp/metrics" >"$tmp/said" 2>&1 || status=1
result $status "a program with threads renders its metrics"
echo "# $(wc -l <"$tmp/metrics") lines, $(grep -c '^# TYPE' "$tmp/metrics") families"

status=0
$python "$top/selftests/openmetrics.py" "$tmp/metrics" >"$tmp/said" 2>&1 || status=1
result $status "they keep to the rules of OpenMetrics 1.0"

status=0
{ render_collected "$tmp" && $python "$top/selftests/openmetrics.py" "$tmp/collected"; } >"$tmp/said" 2>&1 || status=1
grep -q '^lane_gc_' "$tmp/without" && status=1
result $status "a program with a collected heap has metrics of it, others have not"

status=0
$python - "$tmp/collected" "$tmp/gcinfo" >"$tmp/said" 2>&1 <<'END' || status=1
import sys
samples = dict(line.rsplit(" ", 1) for line in open(sys.argv[1]) if line.startswith("lane_gc_"))
keys = [line.split() for line in open(sys.argv[2])]
keys = keys[:next(i for i, k in enumerate(keys) if k[0] == "size")]
# What of gcinfo is no number of the heap, or a setting.
other = {"version", "generation", "state", "phase", "percent", "memory_limit"}
found = set()
for key, value in keys:
    if key in other:
        continue
    stem = "lane_gc_" + (key[:-3] + "_seconds" if key.endswith("_ns") else key)
    name = [n for n in (stem, stem + "_bytes", stem + "_total", stem + "_bytes_total") if n in samples]
    assert len(name) == 1, (key, name)
    found.add(name[0])
    have = float(samples[name[0]]) * (1e9 if key.endswith("_ns") else 1)
    assert abs(have - float(value)) < 1, (key, value, have)
assert set(samples) - found == {"lane_gc_failed", "lane_gc_phase", "lane_gc_allocated_bytes_total",
                                "lane_gc_freed_bytes_total"}, set(samples) - found
value = {n: float(v) for n, v in samples.items()}
assert value["lane_gc_cycles_total"] >= value["lane_gc_forced_total"] == 1
assert value["lane_gc_goal_bytes"] >= value["lane_gc_trigger_bytes"] > 0
assert value["lane_gc_failed"] == 0 and value["lane_gc_worker_seconds_total"] > 0
for unit in "objects", "bytes":
    live = value["lane_gc_allocated_%s_total" % unit] - value["lane_gc_freed_%s_total" % unit]
    assert live == value["lane_gc_live_%s" % unit] > 0, unit
END
result $status "they are what gcinfo says"

# Each of these breaks one rule; a checker that passes them shows nothing.
status=0
: >"$tmp/said"
# The dollar is sed's.
# shellcheck disable=SC2016
for change in '$d' 's/_total 1/ 1/' '/^# TYPE lane_mapped/d' '/^# HELP lane_mapped/d' '/^# UNIT lane_mapped/d' \
	's/^\(# UNIT lane_mapped_bytes\).*/\1 seconds/' '/^lane_mapped_bytes/{p;}' 's/{size="\([0-9]*\)"}/{size=\1}/' \
	's/^lane_frees_total .*/lane_frees_total -1/' 's/^lane_mapped_bytes/&\n/' \
	'/^# TYPE lane_mapped/{s/.*/&\n&/;}' 's/ gauge$/ gage/' 's/^\(lane_mapped_bytes\) .*/\1 0x10/' \
	's/^# TYPE lane_mapped_bytes.*/# EOF\n&/'; do
	sed "$change" "$tmp/metrics" >"$tmp/broken"
	if cmp -s "$tmp/metrics" "$tmp/broken" || $python "$top/selftests/openmetrics.py" "$tmp/broken" >/dev/null 2>&1; then
		echo "passed after: $change" >>"$tmp/said"
		status=1
	fi
done
result $status "texts that break a rule do not pass"

if $python -c 'import prometheus_client.openmetrics.parser' 2>/dev/null; then
	status=0
	$python - "$tmp/metrics" >"$tmp/said" 2>&1 <<'END' || status=1
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
value = {}
for family in text_string_to_metric_families(open(sys.argv[1]).read()):
    for s in family.samples:
        value.setdefault(s.name, []).append(s.value)
parts = "in_use cpu_cached transfer_cached central_free in_transit span_tail page_heap_free released metadata"
assert sum(value["lane_%s_bytes" % p][0] for p in parts.split()) == value["lane_mapped_bytes"][0]
for scope in "class", "percpu", "node":
    assert sum(value["lane_%s_mallocs_total" % scope]) == value["lane_mallocs_total"][0] > 0, scope
END
	result $status "prometheus_client reads them, and what it reads adds up"
else
	skip "prometheus_client reads them" "python3-prometheus-client is not installed"
fi

if command -v promtool >/dev/null 2>&1; then
	status=0
	older "$tmp/metrics" | promtool check metrics >"$tmp/said" 2>&1 || status=1
	result $status "promtool check metrics has nothing to say"
	status=0
	older "$tmp/metrics" | sed '/^# HELP lane_mallocs_total/d' | promtool check metrics >"$tmp/said" 2>&1 && status=1
	result $status "but where a text is missing it has"
else
	skip "promtool check metrics has nothing to say" "prometheus is not installed"
	skip "but where a text is missing it has" "prometheus is not installed"
fi
exit $failed
