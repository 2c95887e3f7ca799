#!/bin/sh
# SPDX-License-Identifier: MIT
#
# guest.sh - boot guests and run tests in them, as one TAP stream
#
#   selftests/numa/guest.sh [--arch x86_64|arm64] [NAME...]
#
# Of x86-64: one with 16 CPUs in 4 nodes, for what needs many nodes and CPUs; one of
# 4 CPUs where a node has no CPUs and another no memory; two of 8 CPUs in 4 nodes, for
# the tests of the internals and of the sections (unit/, rseq/) and for those that make
# system calls fail (unit/faults_*); one of 4 CPUs in 4 nodes for the collected heap,
# whose threads wait for each other: with more CPUs than the host has, one that spins
# keeps the others from running. Of arm64: the same but for the second, 8 CPUs in the
# first. Of x86-64 two run at a time, and all beside those of arm64, each on one CPU of
# the host. --arch keeps one architecture, NAME (numa/home, api/cut, ...) the runs of
# those programs.
#
# Builds: O (build) and O_ARM64 (build-arm64; left out where it was not made).
# QUICK=1 shortens all; what a guest is too slow for is short in any case
# (run_in_guest.sh). SLOWER is a factor for all limits of time (1; 4 of arm64
# and of the collected heap).

set -u

top=$(cd "$(dirname "$0")/../.." && pwd -P)
absolute() {
	case $1 in
	/*) echo "$1" ;;
	*) echo "$top/$1" ;;
	esac
}
O=$(absolute "${O:-build}")
O_ARM64=$(absolute "${O_ARM64:-build-arm64}")
run=$top/selftests/numa/run_in_guest.sh
archs='x86_64 arm64'
if [ "${1:-}" = --arch ]; then
	archs=$2
	shift 2
fi
work=$(mktemp -d)
# What runs in the background ends with us.
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
total=0
bad=0

# result LINE: one result, numbered over all guests
result() {
	total=$((total + 1))
	case $1 in
	'not ok '*) bad=$((bad + 1)); echo "not ok $total - ${1#* - }" ;;
	*) echo "ok $total - ${1#* - }" ;;
	esac
}

# guest NAME ARCH BUILD OPTIONS... -- ARGS...: run_in_guest.sh in a guest, into a log of its own
guest() {
	name=$1 arch=$2 build=$3 seconds=$4
	shift 4
	log=$work/$arch.$((count += 1))
	echo "$arch, $name" >"$log.name"
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	# shellcheck disable=SC2086 # words
	"$top/scripts/vm" --arch "$arch" --build "$build" --timeout $((seconds * slower)) $options \
		-- env O="$build" SLOWER="$slower" QUICK="${QUICK:-}" ${SEED:+SEED="$SEED"} "$run" "$@" >"$log" 2>&1
	echo $? >"$log.status"
}

guests_x86_64() {
	slower=${SLOWER:-1}
	(
		guest '16 CPUs in 4 nodes' x86_64 "$O" 400 -- "$@"
		guest 'failing system calls' x86_64 "$O" 800 --cpus 8 -- --faults "$@"
		# Children of fork() that collect while their parent does have a limit of their own.
		slower=${SLOWER:-4}
		guest 'collected heap' x86_64 "$O" 400 --cpus 4 -- --collected "$@"
	) &
	(
		count=3
		guest 'a node without CPUs and one without memory' x86_64 "$O" 300 \
			--cpus 4 --cpuless 1 --memless 1 --threads single -- --odd "$@"
		guest 'internals' x86_64 "$O" 800 --cpus 8 -- --internals "$@"
	) &
	wait
}

guests_arm64() {
	slower=${SLOWER:-4}
	guest '8 CPUs in 4 nodes' arm64 "$O_ARM64" 400 --cpus 8 -- "$@"
	guest 'internals' arm64 "$O_ARM64" 800 --cpus 8 -- --internals "$@"
	guest 'failing system calls' arm64 "$O_ARM64" 800 --cpus 8 -- --faults "$@"
	guest 'collected heap' arm64 "$O_ARM64" 800 --cpus 4 -- --collected "$@"
}

# show LOG: what a guest said
show() {
	name=$(cat "$1.name")
	status=$(cat "$1.status")
	if [ "$status" = 126 ]; then
		result "ok - guest of $name # SKIP $(tail -n 1 "$1")"
		return
	fi
	echo "# guest: $name"
	before=$bad
	while IFS= read -r line; do
		case $line in
		'ok '* | 'not ok '*)
			case ${name%%,*} in
			x86_64) result "$line" ;;
			*) result "${line%%" - "*} - ${name%%,*}: ${line#* - }" ;;
			esac
			;;
		'TAP '* | '1..'*) ;;
		*) echo "# ${line#\# }" ;;
		esac
	done <"$1"
	[ "$status" = 0 ] || [ $before != $bad ] ||
		result "not ok - guest of $name: $(tail -n 1 "$1")"
}

echo 'TAP version 13'
count=0
for arch in $archs; do
	case $arch in
	x86_64) guests_x86_64 "$@" & ;;
	arm64) [ ! -d "$O_ARM64/selftests" ] || guests_arm64 "$@" & ;;
	*) echo "Bail out! --arch is x86_64 or arm64, not '$arch'"; exit 2 ;;
	esac
done
wait
for arch in $archs; do
	for log in "$work/$arch".?; do
		if [ -e "$log" ]; then
			show "$log"
		else
			result "ok - guests of $arch # SKIP not built: $O_ARM64"
		fi
	done
done
echo "1..$total"
[ $bad = 0 ]
