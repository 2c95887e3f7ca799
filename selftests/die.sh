#!/bin/sh
# SPDX-License-Identifier: MIT
#
# die.sh - programs that misuse objects must end as their first lines say.
#
#   // expect: LINE          dies by SIGABRT with just this line on stderr, in modes auto and lock,
#   // expect-check: LINE    and with check:full, where that has another line
#
#   // row: NN WHAT          a row of the table in Documentation/errors.rst, with a line for each of its
#   // default: OUTCOME      columns; check: with check:full; guard: of a guarded sample
#
# OUTCOME is "not" (the program ends as if nothing were wrong), "-" (does not apply), or "WHEN: LINE".
# WHEN is "at once", or what the program said last that it was at. The first line that it says names
# the pointer, which must be in LINE (0x*: any). The table of what was seen is left in
# $O/selftests/caught.rst, for Documentation/check.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
O=${O:-$top/build}
guarded=prof_rate:1024,guard_rate:1

number=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
# shellcheck disable=SC3045
ulimit -c 0

# head_of KEY SOURCE - what its first lines say of KEY
head_of()
{
	sed -n "s,^// $1: ,,p" "$2" | head -n 1
}

# result ok|"not ok" NAME WANT
result()
{
	number=$((number + 1))
	if [ "$1" != ok ]; then
		failed=1
		echo "# expected: $3"
		echo "# exit status $status, said:"
		tail -n +2 "$work/out" | sed 's/^/#   /'
		echo "# stderr:"
		head -n 5 "$work/err" | sed 's/^/#   /'
	fi
	echo "$1 $number - $2"
}

# start NAME CONF - run it; sets status and pointer
start()
{
	status=0
	: >"$work/out"
	: >"$work/err"
	# Only the program's own stderr counts, not what timeout or a shell say of its death.
	# shellcheck disable=SC2016
	(LANE_CONF=$2 timeout 60 sh -c 'exec "$0" >"$1/out" 2>"$1/err"' \
		"$O/selftests/die/$1" "$work"
	exit $?) 2>/dev/null || status=$?
	pointer=$(head -n 1 "$work/out")
}

# says LINE - the first line on stderr is this one, and names the pointer
says()
{
	pattern=$(printf '%s' "$1" | sed 's/[][\.*^$]/\\&/g; s/0x\\\*/0x[0-9a-f]*/g')
	[ -n "$pointer" ] && head -n 1 "$work/err" | grep -qx -- "$pattern" &&
		head -n 1 "$work/err" | grep -qw -- "$pointer"
}

# dies NAME CONF LINE
dies()
{
	start "$1" "$2"
	if [ $status -eq 134 ] && says "$3" && [ "$(wc -l <"$work/err")" -eq 1 ]; then
		result ok "$1, $2"
	else
		result "not ok" "$1, $2" "$3"
	fi
}

# when - what was seen: "not", or when it died
when()
{
	if [ $status -eq 0 ]; then
		echo not
	elif [ "$(wc -l <"$work/out")" -gt 1 ]; then
		tail -n 1 "$work/out"
	else
		echo "at once"
	fi
}

# cell NAME CONF COLUMN OUTCOME - sets seen
cell()
{
	seen=-
	[ "$4" != - ] || return 0
	start "$1" "$2"
	seen=$(when)
	want=${4%%: *}
	line=${4#*: }
	if [ "$seen" = not ]; then
		good=$([ "$want" = not ] && [ ! -s "$work/err" ] && echo ok || echo "not ok")
	else
		good=$([ "$seen" = "$want" ] && [ $status -gt 128 ] && says "$line" && echo ok || echo "not ok")
		# A guarded sample's line is followed by stacks.
		[ "$3" = guard ] || [ "$(wc -l <"$work/err")" -eq 1 ] || good="not ok"
	fi
	result "$good" "$1, $3: $seen" "$4"
}

# row SOURCE NAME
row()
{
	what=$(head_of row "$1")
	text=$(printf '%-56s' "${what#* }")
	for column in default check guard; do
		conf=
		unset DIE_GUARDED
		[ $column != check ] || conf=check:full
		if [ $column = guard ]; then
			conf=$guarded
			export DIE_GUARDED=1
		fi
		cell "$2" "$conf" $column "$(head_of $column "$1")"
		text="$text  $(printf '%-16s' "$seen")"
	done
	printf '%s %s\n' "${what%% *}" "$text" | sed 's/ *$//' >>"$work/rows"
	unset DIE_GUARDED
}

# table - of the rows that were seen
table()
{
	bar="========================================================  ================  ================  ================"
	echo "$bar"
	printf '%-56s  %-16s  %-16s  %s\n' misuse "by default" "with check:full" "guarded samples"
	echo "$bar"
	sort -n "$work/rows" | cut -d ' ' -f 2-
	echo "$bar"
}

set -- "$top"/selftests/die/*.c
plan=0
for source; do
	if [ -n "$(head_of row "$source")" ]; then
		for column in default check guard; do
			[ "$(head_of $column "$source")" = - ] || plan=$((plan + 1))
		done
	else
		plan=$((plan + 3))
	fi
done
echo "TAP version 13"
echo "1..$plan"

for source; do
	name=$(basename "$source" .c)
	if [ -n "$(head_of row "$source")" ]; then
		row "$source" "$name"
		continue
	fi
	expect=$(head_of expect "$source")
	other=$(head_of expect-check "$source")
	dies "$name" mode:auto "$expect"
	dies "$name" mode:lock "$expect"
	dies "$name" check:full "${other:-$expect}"
done
table >"$O/selftests/caught.rst"
exit $failed
