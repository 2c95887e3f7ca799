#!/bin/sh
# SPDX-License-Identifier: MIT
#
# guest.sh - boot guests and run the NUMA tests in them, as one TAP stream
#
#   selftests/numa/guest.sh [NAME...]
#
# One guest with 16 CPUs in 4 nodes, one of 4 CPUs, in parallel, where a node
# has no CPUs and another no memory. NAME (numa/home, api/cut, ...) keeps only the
# runs of those programs.

set -u

top=$(cd "$(dirname "$0")/../.." && pwd -P)
O=${O:-$top/build}
case $O in
/*) ;;
*) O=$top/$O ;;
esac
log=$(mktemp)
trap 'rm -f "$log"' EXIT
total=0
bad=0

# renumber: count the results over all guests
renumber() {
	while IFS= read -r line; do
		case $line in
		'ok '*) total=$((total + 1)); echo "ok $total - ${line#* - }" ;;
		'not ok '*) total=$((total + 1)); bad=$((bad + 1)); echo "not ok $total - ${line#* - }" ;;
		'TAP '* | '1..'*) ;;
		*) echo "# ${line#\# }" ;;
		esac
	done
}

# guest NAME OPTIONS... -- COMMAND...
guest() {
	name=$1
	shift
	echo "# guest: $name"
	# A file and not a pipe to renumber, so that the counts outlive it.
	"$top/scripts/vm" --build "$O" "$@" >"$log" 2>&1
	status=$?
	if [ $status = 126 ]; then
		echo "1..0 # SKIP $(tail -n 1 "$log")"
		exit 4
	fi
	before=$bad
	renumber <"$log"
	if [ $status != 0 ] && [ $before = $bad ]; then
		total=$((total + 1))
		bad=$((bad + 1))
		echo "not ok $total - guest with $name: $(tail -n 1 "$log")"
	fi
}

echo 'TAP version 13'
run=$top/selftests/numa/run_in_guest.sh
guest '16 CPUs in 4 nodes' --timeout 400 \
	-- env O="$O" QUICK="${QUICK:-}" ${SEED:+SEED="$SEED"} "$run" "$@"
guest 'a node without CPUs and one without memory' --cpus 4 --cpuless 1 --memless 1 --timeout 200 \
	-- env O="$O" QUICK="${QUICK:-}" ${SEED:+SEED="$SEED"} "$run" --odd "$@"
echo "1..$total"
[ $bad = 0 ]
