#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What ends scripts/soak, or selftests/run -j, ends what they have started: nothing runs on. With
# programs that only sleep in place of the real ones.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
: >"$tmp/pids"
export O="$tmp"

# sleeper PATH - a program that says who it is
sleeper()
{
	mkdir -p "$(dirname "$1")"
	printf '#!/bin/sh\necho $$ >>"%s/pids"\nexec sleep 300\n' "$tmp" >"$1"
	chmod 755 "$1"
}

# soon COMMAND... - true where it is, or becomes so
soon()
{
	n=0
	until "$@"; do
		n=$((n + 1))
		[ $n -lt 200 ] || return 1
		sleep 0.1
	done
}

two_run()
{
	[ "$(wc -l <"$tmp/pids")" -eq 2 ]
}

none_runs()
{
	while read -r pid; do
		! grep -q '^State:.[^Z]' "/proc/$pid/status" 2>/dev/null || return 1
	done <"$tmp/pids"
}

number=0
# ends NAME COMMAND... - it has two of them run, and none after a SIGTERM
ends()
{
	name=$1
	shift
	number=$((number + 1))
	: >"$tmp/pids"
	"$@" >"$tmp/out" 2>&1 &
	script=$!
	what=
	soon two_run || what="did not start both"
	kill -TERM $script
	[ -n "$what" ] || soon none_runs || what="left one behind"
	status=0
	kill -0 $script 2>/dev/null && [ -n "$what" ] && kill -KILL $script
	wait $script || status=$?
	# shellcheck disable=SC2046 # numbers
	kill $(cat "$tmp/pids") 2>/dev/null
	[ -n "$what" ] || [ $status -eq 143 ] || what="ended with $status"
	[ -z "$what" ] || sed 's/^/# /' "$tmp/out"
	[ -z "$what" ] || printf 'not '
	echo "ok $number - $name${what:+: $what}"
}

echo TAP version 13
echo 1..2
sleeper "$tmp/selftests/soak/soak"
mkdir "$tmp/bin"
printf '#!/bin/sh\n' >"$tmp/bin/make"
chmod 755 "$tmp/bin/make"
ends "scripts/soak" env PATH="$tmp/bin:$PATH" "$top/scripts/soak" --seconds 200
sleeper "$tmp/selftests/unit/bitmap"
sleeper "$tmp/selftests/unit/book_at_once"
ends "selftests/run -j" "$top/selftests/run" -j 2 unit/bitmap unit/book_at_once
