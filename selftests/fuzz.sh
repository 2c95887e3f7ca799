#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fuzz.sh - build the fuzz targets with clang, AddressSanitizer and the
# library's own checks, and run each for FUZZ_SECONDS (60; 5 with QUICK=1).
#
#   selftests/fuzz.sh [TARGET:MODE...]	all, or these
#   selftests/fuzz.sh --keep [TARGET...]	keep what is worth it of what was found
#
# A run replays selftests/fuzz/corpus/TARGET.tar.gz, the seeds of seeds.py and
# what earlier runs have added in $O/fuzz/corpus/, then searches on. SEED=n
# repeats a run where the corpus is the same. What fails stays in
# $O/fuzz/found/; run it again with
#   $O/fuzz/operations FILE
# --keep makes the archives anew: the least that reaches what all of it reaches.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
O=${O:-$top/build}
case $O in
/*) ;;
*) O=$top/$O ;;
esac
out=$O/fuzz
kept=$top/selftests/fuzz/corpus
seconds=${FUZZ_SECONDS:-$([ -n "${QUICK:-}" ] && echo 5 || echo 60)}
seed=${SEED:-$(date +%s)}
targets="operations config serve memory_map system_files profile_write profile_read"
runs="operations:auto operations:lock config:auto serve:auto memory_map:auto system_files:auto
	profile_write:auto profile_read:auto"

if [ "${1:-}" != --keep ]; then
	echo "TAP version 13"
fi
if ! command -v clang >/dev/null 2>&1; then
	echo "1..0 # SKIP clang is not installed"
	exit 4
fi
if ! command -v python3 >/dev/null 2>&1; then
	echo "1..0 # SKIP python3 is not installed (seeds.py)"
	exit 4
fi
mkdir -p "$out/found"

# An input takes some ms: what goes on for so many seconds hangs.
limits="-max_len=4096 -timeout=20 -rss_limit_mb=3000"
export ASAN_OPTIONS=detect_leaks=0

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
	for target in $targets; do
		# The sources are words.
		# shellcheck disable=SC2046
		clang -std=gnu11 -D_GNU_SOURCE -D_LGPL_SOURCE -O1 -g -Wall -Wextra -Werror \
			-fsanitize=address,fuzzer -DLANE_NO_INTERPOSE -DLANE_DEBUG \
			-I"$top/include" -I"$top/kern_like" $(printf -- '-I%s ' "$top"/percpu/*) -I"$top/tools/lanestat" \
			"$top/selftests/fuzz/$target.c" $(sources_of "$target") "$out/liblane.a" \
			-o "$out/$target" -lz -lpthread -ldl || return 1
	done
	python3 "$top/selftests/fuzz/seeds.py" "$out/seeds" || return 1
	rm -rf "$out/kept"
	for target in $targets; do
		mkdir -p "$out/kept/$target" "$out/corpus/$target"
		[ ! -e "$kept/$target.tar.gz" ] || tar -xzf "$kept/$target.tar.gz" -C "$out/kept/$target" || return 1
	done
}

# Config says much on stderr: LANE_CONF's own lines. Only what the target says counts.
mask_of()
{
	[ "$1" = config ] && echo 2 || echo 0
}

# keep TARGET - the archive anew. Small files come first, so they are those that stay.
keep()
{
	target=$1
	rm -rf "$out/least/$target"
	mkdir -p "$out/least/$target" "$kept"
	# shellcheck disable=SC2086 # words
	LANE_CONF=mode:auto "$out/$target" -set_cover_merge=1 $limits -close_fd_mask="$(mask_of "$target")" \
		"$out/least/$target" "$out/kept/$target" "$out/corpus/$target" "$out/seeds/$target" \
		>"$out/$target.keep.log" 2>&1 </dev/null || return 1
	(cd "$out/least/$target" && tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=644 -cf - -- *) |
		gzip -9n >"$kept/$target.tar.gz"
	echo "# $target: $(find "$out/least/$target" -type f | wc -l) files, $(wc -c <"$kept/$target.tar.gz") bytes"
}

if [ "${1:-}" = --keep ]; then
	shift
	[ $# -eq 0 ] || targets=$*
	build >"$out/build.log" 2>&1
	for target in $targets; do
		keep "$target"
	done
	exit
fi
[ $# -eq 0 ] || runs=$*
echo "1..$(($(echo "$runs" | wc -w) + 1))"
echo "# SEED=$seed"
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
	# shellcheck disable=SC2086 # words
	LANE_CONF=mode:$mode "$out/$target" -seed="$seed" -max_total_time="$seconds" $limits \
		-print_final_stats=1 -close_fd_mask="$(mask_of "$target")" \
		-artifact_prefix="$out/found/$target-" \
		"$out/corpus/$target" "$out/kept/$target" "$out/seeds/$target" \
		>"$out/$target.$mode.log" 2>&1 </dev/null || status=$?
	echo $status >"$out/$target.$mode.status"
}

# report TARGET MODE
report()
{
	target=$1 mode=$2
	log=$out/$target.$mode.log
	what="$number - $target, mode $mode, $seconds s"
	read -r status <"$out/$target.$mode.status"
	if [ "$status" -eq 0 ]; then
		echo "# $target, mode $mode: $(sed -n 's/^stat::number_of_executed_units: */inputs /p' "$log"), $(
			grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)"
		echo "ok $what"
		return
	fi
	# What the target, the library and the sanitizer say, and our own frames.
	grep -E "^($target|profile|fuzz|lane|# |SUMMARY|==.*ERROR)|/(percpu|kern_like|selftests|tools)/|written to" \
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
