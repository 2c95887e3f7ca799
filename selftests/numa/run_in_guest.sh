#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run_in_guest.sh - the tests that need several nodes or many CPUs, under
# numactl and taskset, as one TAP stream.
#
#   selftests/numa/run_in_guest.sh [--odd|--internals|--faults|--collected] [NAME...]
#
# Meant for a guest of scripts/vm; runs on any machine with several nodes. --odd
# is the short set for a machine where a node has no CPUs or no memory,
# --internals the tests of unit/ and rseq/ but unit/faults_*, which --faults has,
# --collected those of gc/. A NAME (placement, api/cut, ...) keeps only the runs of
# that program. LIMIT (240) is for one program, in seconds; SLOWER is a factor for it
# and for limits in the programs.
#
# What would take minutes in a guest runs with QUICK=1, in fewer rounds.

set -u

top=$(cd "$(dirname "$0")/../.." && pwd -P)
O=${O:-$top/build}
case $O in
/*) ;;
*) O=$top/$O ;;
esac
LIMIT=$((${LIMIT:-240} * ${SLOWER:-1}))
log=$(mktemp)
trap 'rm -f "$log"' EXIT
total=0
bad=0
set_=full
case ${1:-} in
--odd | --internals | --faults | --collected)
	set_=${1#--}
	shift
	;;
esac
only=$*

result() {
	total=$((total + 1))
	echo "$1 $total - $2"
	case $1 in
	not*) bad=$((bad + 1)) ;;
	esac
}

# forward LABEL: renumber the results of one program, keep its messages
forward() {
	seen=0
	plan=-1
	failed_before=$bad
	while IFS= read -r line; do
		case $line in
		'1..0 # SKIP '*) plan=1 ;;
		'1..'*) plan=${line#1..} ;;
		esac
		case $line in
		'ok '*'# SKIP '* | '1..0 # SKIP '*)
			total=$((total + 1))
			echo "ok $total - $1 # SKIP ${line#*# SKIP }"
			seen=$((seen + 1))
			;;
		'ok '*)
			result ok "$1: ${line#*- }"
			seen=$((seen + 1))
			;;
		'not ok '*)
			result 'not ok' "$1: ${line#*- }"
			seen=$((seen + 1))
			;;
		'TAP '* | '1..'* | '# Totals:'*) ;;
		'#'*) echo "$line" ;;
		*) echo "# $line" ;;
		esac
	done <"$log"
}

# Where a program died by a signal, the kernel knows the instruction and the address.
kernel_says() {
	dmesg 2>/dev/null | grep -E 'segfault|traps:|attack|[Oo]ut of memory' | tail -n 5 | sed 's/^/# kernel: /'
}

# try LABEL PROGRAM COMMAND...: one program in one surrounding
try() {
	label=$1
	program=$2
	shift 2
	if [ -n "$only" ]; then
		case " $only " in
		*" $program "*) ;;
		*) return ;;
		esac
	fi
	begin=$(date +%s)
	timeout -k 5 "$LIMIT" "$@" "$O/selftests/$program" >"$log" 2>&1
	status=$?
	forward "$program$label"
	if [ $status = 124 ] || [ $status = 137 ]; then
		result 'not ok' "$program$label: no end after $LIMIT s"
	elif [ "$plan" != "$seen" ]; then
		result 'not ok' "$program$label: planned $plan tests, saw $seen, exit status $status"
		[ $status -lt 128 ] || kernel_says
	elif [ $status != 0 ] && [ $status != 4 ] && [ $bad = "$failed_before" ]; then
		result 'not ok' "$program$label: exit status $status"
	fi
	echo "# $program$label: $(($(date +%s) - begin)) s"
}

# leave_out PROGRAM WHY: as a result, for it is not run
leave_out() {
	case " $only " in
	'  ' | *" $1 "*) result ok "$1 # SKIP $2" ;;
	esac
}

# Two of every three CPUs: ids with holes, and still some on each node.
holes() {
	cpu=0
	list=
	while [ $cpu -lt "$(nproc)" ]; do
		[ $((cpu % 3)) -eq 0 ] || list=$list${list:+,}$cpu
		cpu=$((cpu + 1))
	done
	echo "$list"
}

echo 'TAP version 13'
if [ $set_ = internals ]; then
	for path in "$O"/selftests/rseq/* "$O"/selftests/unit/*; do
		case $path in
		*.d | *.o) ;;
		*/faults_*) ;; # --faults
		*/gc_pacer* | */gc_credit | */gc_assist_line | */gc_limiter)
			leave_out "${path#"$O/selftests/"}" 'arithmetic that knows no machine, and much of it'
			;;
		*) [ ! -x "$path" ] || try '' "${path#"$O/selftests/"}" env QUICK=1 ;;
		esac
	done
elif [ $set_ = faults ]; then
	for path in "$O"/selftests/unit/faults_*; do
		case $path in
		*.d | *.o) ;;
		*) [ ! -x "$path" ] || try '' "${path#"$O/selftests/"}" env QUICK=1 ;;
		esac
	done
elif [ $set_ = collected ]; then
	for path in "$O"/selftests/gc/*; do
		case $path in
		*.d) ;;
		*) [ ! -x "$path" ] || try '' "${path#"$O/selftests/"}" env QUICK=1 ;;
		esac
	done
	try ' in lock mode' gc/statistics env QUICK=1 LANE_CONF=mode:lock
elif [ $set_ = odd ]; then
	try ' with odd nodes' gc/statistics env QUICK=1
	for test in placement early onnode home identities; do
		try ' with odd nodes' numa/$test env
	done
else
	for test in environment placement early onnode home stream identities policy cpuset hotplug node_full; do
		try '' numa/$test env
	done
	for test in placement home identities; do
		try ' with holes in the CPU ids' numa/$test taskset -c "$(holes)"
	done
	try ' on CPUs of nodes 1 and 2' numa/placement numactl --cpunodebind=1,2
	try ' under --interleave=all' numa/policy numactl --interleave=all
	try ' under --membind=1' numa/policy numactl --membind=1
	try ' under --preferred=2' numa/policy numactl --preferred=2
	try ' under --cpunodebind=0 --membind=0,3' numa/policy numactl --cpunodebind=0 --membind=0,3
	# Of the tests for any machine, those that gain from 16 CPUs and 4 nodes.
	try ' on many CPUs' api/cut env
	for test in identities_under_load cross_thread_frees walk_equals_snapshot modes; do
		try ' on many CPUs' api/$test env QUICK=1
	done
fi
echo "1..$total"
[ $bad = 0 ]
