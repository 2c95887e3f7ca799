#!/bin/sh
# SPDX-License-Identifier: MIT
#
# die.sh - every program in die/ must die by SIGABRT with exactly one line on
# stderr: the one its source expects, naming the pointer that it named itself.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
O=${O:-$top/build}
modes="auto lock"

number=0
failed=0
set -- "$top"/selftests/die/*.c
echo "TAP version 13"
echo "1..$(($# * $(echo "$modes" | wc -w)))"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
# shellcheck disable=SC3045
ulimit -c 0

result()
{
	number=$((number + 1))
	if [ "$1" != ok ]; then
		failed=1
		echo "# expected: $3"
		echo "# exit status $4, stderr:"
		head -n 5 "$work/err" | sed 's/^/#   /'
	fi
	echo "$1 $number - $2"
}

for source; do
	name=$(basename "$source" .c)
	expect=$(sed -n 's,^// expect: ,,p' "$source" | head -n 1)
	for mode in $modes; do
		status=0
		: >"$work/out"
		: >"$work/err"
		# Only the program's own stderr counts, not what timeout or a shell say of its death.
		# shellcheck disable=SC2016
		(LANE_CONF=mode:$mode timeout 20 sh -c 'exec "$0" >"$1/out" 2>"$1/err"' \
			"$O/selftests/die/$name" "$work"
		exit $?) 2>/dev/null || status=$?
		pointer=$(head -n 1 "$work/out")
		want=$(echo "$expect" | sed "s/0x\*/$pointer/")
		if [ $status -eq 134 ] && [ -n "$pointer" ] && [ "$(cat "$work/err")" = "$want" ]; then
			result ok "$name, mode $mode"
		else
			result "not ok" "$name, mode $mode" "$want" $status
		fi
	done
done
exit $failed
