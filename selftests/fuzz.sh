#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fuzz.sh - build the fuzz targets with clang, AddressSanitizer and the
# library's own checks, and run each for FUZZ_SECONDS (25, those of the heap
# profile 10; 8 and 4 with QUICK=1).
#
# What is found stays in $O/fuzz/found/; run it again with
#   $O/fuzz/operations FILE
# The corpus grows in $O/fuzz/corpus/ from run to run. SEED=n repeats a run
# where the corpus is the same.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
O=${O:-$top/build}
case $O in
/*) ;;
*) O=$top/$O ;;
esac
out=$O/fuzz
seconds=${FUZZ_SECONDS:-25}
[ -n "${QUICK:-}" ] && [ -z "${FUZZ_SECONDS:-}" ] && seconds=8
seed=${SEED:-$(date +%s)}
runs="operations:auto operations:lock config:auto profile_write:auto profile_read:auto"

echo "TAP version 13"
if ! command -v clang >/dev/null 2>&1; then
	echo "1..0 # SKIP clang is not installed"
	exit 4
fi
if ! command -v python3 >/dev/null 2>&1; then
	echo "1..0 # SKIP python3 is not installed (seeds.py)"
	exit 4
fi
echo "1..$(($(echo "$runs" | wc -w) + 1))"
echo "# SEED=$seed"
mkdir -p "$out/found"

# seconds_of TARGET
seconds_of()
{
	case $1 in
	profile_*) echo "${FUZZ_SECONDS:-$((seconds / 5 * 2 + (seconds < 10)))}" ;;
	*) echo "$seconds" ;;
	esac
}

# sources_of TARGET - of lanestat, which read what the library writes
sources_of()
{
	case $1 in
	profile_write) names=profile_parse ;;
	profile_read) names="profile_parse profile_rows flame flame_draw report_html utf8" ;;
	*) names= ;;
	esac
	for name in $names; do
		echo "$top/tools/lanestat/$name.c"
	done
}

# Coverage of the library's code is what guides the fuzzer.
build()
{
	make -s -C "$top" O="$out" CC=clang DEBUG=1 \
		SAN_CFLAGS="-fsanitize=address,fuzzer-no-link -DLANE_NO_INTERPOSE" \
		"$out/liblane.a" || return 1
	for target in operations config profile_write profile_read; do
		# The sources are words.
		# shellcheck disable=SC2046
		clang -std=gnu11 -D_GNU_SOURCE -D_LGPL_SOURCE -O1 -g -Wall -Wextra -Werror \
			-fsanitize=address,fuzzer -DLANE_NO_INTERPOSE -DLANE_DEBUG \
			-I"$top/include" -I"$top/kern_like" $(printf -- '-I%s ' "$top"/percpu/*) -I"$top/tools/lanestat" \
			"$top/selftests/fuzz/$target.c" $(sources_of "$target") "$out/liblane.a" \
			-o "$out/$target" -lz -lpthread -ldl || return 1
	done
	python3 "$top/selftests/fuzz/seeds.py" "$out/seeds"
}

if ! build >"$out/build.log" 2>&1; then
	sed 's/^/# /' "$out/build.log" | tail -n 20
	echo "not ok 1 - the fuzz targets build"
	exit 1
fi
echo "ok 1 - the fuzz targets build"

# fuzz TARGET MODE - one run, its log and status beside the target
fuzz()
{
	target=$1 mode=$2
	status=0
	mkdir -p "$out/corpus/$target"
	# Only what the target says counts; LANE_CONF's own lines would fill the log.
	ASAN_OPTIONS=detect_leaks=0 LANE_CONF=mode:$mode "$out/$target" -seed="$seed" \
		-max_total_time="$(seconds_of "$target")" -max_len=4096 -timeout=20 -rss_limit_mb=3000 \
		-print_final_stats=1 -close_fd_mask="$([ "$target" = config ] && echo 2 || echo 0)" \
		-artifact_prefix="$out/found/$target-" "$out/corpus/$target" "$out/seeds/$target" \
		>"$out/$target.$mode.log" 2>&1 </dev/null || status=$?
	echo $status >"$out/$target.$mode.status"
}

# report TARGET MODE
report()
{
	target=$1 mode=$2
	log=$out/$target.$mode.log
	what="$number - $target, mode $mode, $(seconds_of "$target") s"
	read -r status <"$out/$target.$mode.status"
	if [ "$status" -eq 0 ]; then
		echo "# $target, mode $mode: $(sed -n 's/^stat::number_of_executed_units: */inputs /p' "$log"), $(
			grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)"
		echo "ok $what"
		return
	fi
	# What the target, the library and the sanitizer say, and our own frames.
	grep -E "^($target|profile|lane|# |SUMMARY|==.*ERROR)|/(percpu|kern_like|selftests|tools)/|written to" \
		"$log" | head -n 30 | cut -c 1-160 | sed 's/^/#   /'
	echo "not ok $what (log: $log)"
	failed=1
}

# As many at a time as there are CPUs.
cpus=$(nproc)
started=0
for run in $runs; do
	fuzz "${run%%:*}" "${run##*:}" &
	started=$((started + 1))
	[ $((started % cpus)) -ne 0 ] || wait
done
wait
number=1
failed=0
for run in $runs; do
	number=$((number + 1))
	report "${run%%:*}" "${run##*:}"
done
exit $failed
