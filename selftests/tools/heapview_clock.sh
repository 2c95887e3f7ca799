#!/bin/sh
# SPDX-License-Identifier: MIT
#
# heapview goes on where the clock is set back: a file with an earlier time is a new one.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

write() {
	printf 'version 1\ngeneration %s\nmallocs %s\nfrees 0\n' "$1" "$1" >"$tmp/new"
	touch -d "$2" "$tmp/new"
	mv "$tmp/new" "$tmp/heap"
}

echo TAP version 13
echo 1..1
: >"$tmp/out"
write 10 '2026-01-01 12:00:00'
"$top/scripts/heapview" --plain -i 0.2 -w $$ "$tmp/heap" >"$tmp/out" &
view=$!
n=0
while [ "$(wc -l <"$tmp/out")" -lt 1 ] && [ $n -lt 100 ]; do
	sleep 0.1
	n=$((n + 1))
done
write 20 '2026-01-01 11:00:00'
n=0
while [ "$(wc -l <"$tmp/out")" -lt 2 ] && [ $n -lt 100 ]; do
	sleep 0.1
	n=$((n + 1))
done
kill $view
wait $view 2>/dev/null
if [ "$(wc -l <"$tmp/out")" -eq 2 ] && [ "$(grep -c 'mallocs/s -' "$tmp/out")" -eq 2 ]; then
	echo "ok 1 - shown, without a rate"
else
	sed 's/^/# /' "$tmp/out"
	echo "not ok 1 - shown, without a rate"
	exit 1
fi
