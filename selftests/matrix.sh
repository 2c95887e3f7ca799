#!/bin/sh
# SPDX-License-Identifier: MIT
#
# matrix.sh - the same programs in many surroundings
#
#   selftests/matrix.sh                     the rows of this machine: a minute
#   selftests/matrix.sh PLACE[/ROW]...      these
#   selftests/matrix.sh --long              every row of every place
#   selftests/matrix.sh --list
#
# A place is a machine: host, a guest of scripts/vm, or musl, another C library. A row of a
# place is a surrounding: something refused, hidden, limited or changing. In each
# matrix/expected_mode says whether Lane took the mode that it has to take there, and
# gave the reason, and the other programs show that it allocates and counts exactly.
#
# Rows that change the machine run in guests alone. One guest runs at a time. SLOWER is a
# factor for all limits of time (1; more for guests). Builds: O (build), O_ARM64 (build-arm64).
# Last lines: the table, and N passed, N failed, N skipped.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$top"
absolute() {
	case $1 in
	/*) echo "$1" ;;
	*) echo "$top/$1" ;;
	esac
}
O=$(absolute "${O:-build}")
O_ARM64=$(absolute "${O_ARM64:-build-arm64}")
export O

# Of them each row has all that it can have.
proof='matrix/expected_mode api/counts_are_exact api/walk_equals_snapshot api/modes gc/statistics'

every_row='plain lock-mode no-rseq rseq-refused membarrier-refused affinity-refused policy-refused
	all-refused strict strict-lock sys-hidden proc-hidden both-hidden address-space one-cpu roaming'
changing_rows='overcommit memory-limit cpuset hotplug'
places='host guest nodes odd many arm64 musl'

# The rows of a place.
rows_of() {
	case $1 in
	host) echo "$every_row" ;;
	guest | nodes | arm64) echo "$every_row $changing_rows" ;;
	odd) echo 'plain no-rseq sys-hidden both-hidden one-cpu roaming cpuset hotplug' ;;
	many) echo 'plain no-rseq one-cpu roaming cpuset hotplug' ;;
	musl) echo 'plain affinity-refused policy-refused both-hidden address-space one-cpu roaming' ;;
	esac
}

# What another C library could do otherwise.
musl_also='api/alignments api/calloc_is_zero api/errno_kept api/cross_thread_frees api/fork_in_threads
	api/realloc_keeps_content api/signals_interrupt_malloc api/thread_churn gc/forks'
place=host
passed=0
failed=0
skipped=0
tmp=

# What a row is. $within: the command that makes it; $mode and $reason: what Lane says in it,
# where the place does not decide; $without: a program that cannot run in it, $left_out: why.
surround() {
	within='' mode='' reason='' without='' left_out='' also='' numa=y
	refuse="$O/selftests/matrix/refuse"
	make=selftests/matrix/within.sh
	case $1 in
	plain) [ "$place" != musl ] || also=$musl_also ;;
	lock-mode)
		within='env LANE_CONF=mode:lock'
		lock 'asked for by LANE_CONF'
		;;
	no-rseq)
		within='env GLIBC_TUNABLES=glibc.pthread.rseq=0'
		lock 'rseq is not registered'
		;;
	rseq-refused)
		within="$refuse ENOSYS rseq"
		lock 'rseq is not registered'
		;;
	membarrier-refused)
		within="$refuse EPERM membarrier"
		lock 'membarrier for rseq is refused'
		;;
	affinity-refused) within="$refuse EPERM sched_getaffinity" ;;
	policy-refused)
		within="$refuse EPERM get_mempolicy,mbind"
		numa=
		;;
	all-refused)
		within="$refuse EPERM rseq,membarrier,sched_getaffinity,get_mempolicy,mbind,madvise"
		lock 'rseq is not registered'
		;;
	strict | strict-lock)
		within="env LD_PRELOAD=$O/selftests/matrix/strict GC_TEST_STARTED=1"
		[ "$1" = strict ] || {
			within="$within LANE_CONF=mode:lock"
			lock 'asked for by LANE_CONF'
		}
		without='api/modes'
		left_out='starts processes, for which the filter kills'
		;;
	sys-hidden)
		within="$make hidden /sys"
		numa=
		;;
	proc-hidden) within="$make hidden /proc" ;;
	both-hidden)
		within="$make hidden /sys,/proc"
		numa=
		;;
	address-space)
		within="env MATRIX_LIMIT=256 $make address-space 256"
		also='matrix/until_refused'
		numa=
		;;
	one-cpu) within="taskset -c $(last_cpu)" ;;
	roaming) within="$O/selftests/matrix/roam" ;;
	overcommit)
		within="env MATRIX_LIMIT=256 $make overcommit 256"
		also='matrix/until_refused'
		;;
	memory-limit)
		within="env MATRIX_LIMIT=192 $make memory 192"
		also='matrix/under_limit'
		;;
	cpuset) within="$make cpuset" ;;
	hotplug) within="$make hotplug" ;;
	*) return 1 ;;
	esac
}

lock() {
	mode=lock
	reason=$1
}

last_cpu() {
	sed -n 's/^Cpus_allowed_list:.*[^0-9]\([0-9]*\)$/\1/p' /proc/self/status
}

# What Lane says where the row does not decide; of the host the program finds out itself.
expect_of_place() {
	[ -z "$mode" ] || return 0
	case $place in
	host) ;;
	nodes | odd | many | arm64)
		mode=rseq_cpu
		reason='several nodes'
		[ -n "$numa" ] || reason='no mm_cid'
		;;
	guest)
		mode=rseq_cpu
		reason='no mm_cid'
		;;
	musl) lock 'the C library has no rseq' ;;
	esac
}

# Prints why a row cannot run here.
missing() {
	case $1 in
	*-hidden) unshare -m true 2>/dev/null || echo 'no mount namespace may be made here' ;;
	one-cpu) command -v taskset >/dev/null || echo 'no taskset' ;;
	overcommit | memory-limit | cpuset)
		[ -n "${LANE_VM:-}" ] || echo 'changes the machine: only in a guest'
		;;
	hotplug)
		if [ -z "${LANE_VM:-}" ]; then
			echo 'takes CPUs offline: only in a guest'
		elif [ ! -e /sys/devices/system/cpu/cpu1/online ]; then
			echo 'no CPU can be switched here'
		fi
		;;
	esac
	case $1 in
	memory-limit | cpuset)
		controller=${1%-limit}
		grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers 2>/dev/null ||
			echo "no cgroup controller $controller"
		;;
	esac
}

# tally ROW MODE PASSED FAILED SKIPPED SECONDS NOTE: a line of the table
tally() {
	passed=$((passed + $3))
	failed=$((failed + $4))
	skipped=$((skipped + $5))
	printf 'row %-26s %-9s %4d passed %3d failed %3d skipped %5d s  %s\n' "$@" | tee -a "$tmp/table"
}

counts() {
	tail -n 1 "$1" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p'
}

# What Lane said in the row that has just run.
said() {
	log=$O/selftests/log/matrix_expected_mode.$(echo "$row" | tr / -).log
	[ ! -e "$log" ] || sed -n "s/^# $1 //p" "$log"
}

# One row of this place, on this machine.
run_row() {
	row=$place/$1
	surround "$1" || {
		tally "$row" - 0 1 0 0 'there is no such row'
		return
	}
	why=$(missing "$1")
	if [ -n "$why" ]; then
		tally "$row" - 0 0 1 0 "SKIP $why"
		return
	fi
	expect_of_place
	names=
	omitted=0
	echo "--- $row"
	for name in $proof $also; do
		case " $without " in
		*" $name "*)
			echo "$name # SKIP $left_out"
			omitted=$((omitted + 1))
			;;
		*) names="$names $name" ;;
		esac
	done
	began=$(date +%s)
	# shellcheck disable=SC2086 # names
	MATRIX_MODE=$mode MATRIX_REASON=$reason TIMEOUT=$((${SLOWER:-1} * 120)) \
		selftests/run --quick --within "$place-$1" "$within" $names >"$tmp/out" 2>&1 || true
	cat "$tmp/out"
	got=$(counts "$tmp/out")
	# shellcheck disable=SC2086 # three numbers
	set -- ${got:-0 1 0}
	tally "$row" "$(said mode)" "$1" "$2" $(($3 + omitted)) $(($(date +%s) - began)) "$(said reason)"
}

# guest PLACE OPTIONS... -- ROW...: a guest runs these rows and says so
guest() {
	name=$1
	shift
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	echo "=== $name"
	status=0
	# shellcheck disable=SC2086 # words
	{
		scripts/vm --build "$build" $options -- env O="$build" SLOWER="$slower" \
			selftests/matrix.sh --inside "$name" "$@" </dev/null 2>&1 || status=$?
		echo $status >"$tmp/status"
	} | tee "$tmp/guest"
	read -r status <"$tmp/status"
	if [ "$status" = 126 ]; then
		tally "$name" - 0 0 1 0 "SKIP $(tail -n 1 "$tmp/guest")"
		return
	fi
	sed -n 's/^row //p' "$tmp/guest" | sed 's/^/row /' >>"$tmp/table"
	got=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$tmp/guest" >"$tmp/last" &&
		counts "$tmp/last") || got=
	if [ -z "$got" ]; then
		tally "$name" - 0 1 0 0 "the guest ended with status $status and without its counts"
		return
	fi
	# shellcheck disable=SC2086 # three numbers
	set -- $got
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

run_rows() {
	for one; do
		run_row "$one"
	done
}

build_musl() {
	targets=lib
	for name in $proof $musl_also matrix/until_refused matrix/refuse matrix/roam; do
		targets="$targets build-musl/selftests/$name"
	done
	# shellcheck disable=SC2086 # words
	make -s -j2 CC=musl-gcc O=build-musl $targets
}

run_place() {
	place=$1
	shift
	build=$O
	slower=${SLOWER:-2}
	case $place in
	host) run_rows "$@" ;;
	guest) guest guest --cpus 4 --nodes 1 --timeout $((slower * 600)) -- "$@" ;;
	nodes) guest nodes --cpus 16 --timeout $((slower * 900)) -- "$@" ;;
	odd) guest odd --cpus 4 --cpuless 1 --memless 1 --threads single --timeout $((slower * 400)) -- "$@" ;;
	many) guest many --cpus 64 --mem 4096 --timeout $((slower * 1200)) -- "$@" ;;
	arm64)
		build=$O_ARM64
		slower=${SLOWER:-4}
		if [ -d "$build/selftests/matrix" ]; then
			guest arm64 --arch arm64 --cpus 8 --timeout $((slower * 900)) -- "$@"
		else
			tally arm64 - 0 0 1 0 "SKIP not built: $build (scripts/test arm64)"
		fi
		;;
	musl)
		if ! command -v musl-gcc >/dev/null; then
			tally musl - 0 0 1 0 'SKIP no musl-gcc (package musl-tools)'
		elif ! build_musl; then
			tally musl - 0 1 0 0 'it does not build'
		else
			kept=$O
			O=$top/build-musl
			run_rows "$@"
			O=$kept
		fi
		;;
	esac
}

finish() {
	echo
	sed 's/^row //' "$tmp/table"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed -eq 0 ]
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/lane-matrix.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
: >"$tmp/table"
case ${1:-} in
--list)
	for place in $places; do
		for row in $(rows_of "$place"); do
			echo "$place/$row"
		done
	done
	exit 0
	;;
--inside)
	place=$2
	shift 2
	for row; do
		run_row "$row"
	done
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed -eq 0 ]
	exit
	;;
--long)
	shift
	# shellcheck disable=SC2086 # words
	set -- $places
	;;
-*)
	sed -n '3,19s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac
[ $# -gt 0 ] || set -- host

# Rows of one place that stand together share its guest.
while [ $# -gt 0 ]; do
	here=${1%%/*}
	case " $places " in
	*" $here "*) ;;
	*)
		echo "matrix.sh: no such place: $here (--list)" >&2
		exit 2
		;;
	esac
	wanted=
	while [ $# -gt 0 ] && [ "${1%%/*}" = "$here" ]; do
		case $1 in
		*/*) wanted="$wanted ${1#*/}" ;;
		*) wanted="$wanted $(rows_of "$here")" ;;
		esac
		shift
	done
	# Kept: run_place has arguments of its own.
	rest=$*
	# shellcheck disable=SC2086 # words
	run_place "$here" $wanted
	# shellcheck disable=SC2086 # words
	set -- $rest
done
finish
