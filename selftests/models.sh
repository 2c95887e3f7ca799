#!/bin/sh
# SPDX-License-Identifier: MIT
#
# models.sh - verify the models in models/ with spin, all states of each, and
# refute their broken twins.
#
#   selftests/models.sh [--long] [--trail] [MODEL[:LABEL|:TWIN] ...]
#
# What is asked of a model stands in its first comment:
#   verify: LABEL OPTIONS...           no error in any state
#   long: LABEL OPTIONS...             likewise, with --long only
#   twin: NAME ASSERTION OPTIONS...    with -DTWIN_NAME spin must find that
#                                      ASSERTION violated
# --trail shows the steps that lead to an error. States are kept whole, none
# is left out by hashing; a search that ends for want of memory, depth or time is a failure.
# Generated verifiers stay in $O/models/.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
O=${O:-$top/build}
case $O in
/*) ;;
*) O=$top/$O ;;
esac
long=
trail=
while [ $# -gt 0 ]; do
	case $1 in
	--long) long=1 ;;
	--trail) trail=1 ;;
	-h | --help)
		sed -n '4,18s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	-*)
		echo "models.sh: unknown option $1" >&2
		exit 2
		;;
	*) break ;;
	esac
	shift
done
megabytes=${MODELS_MB:-$([ -n "$long" ] && echo 12000 || echo 2000)}
seconds=${MODELS_SECONDS:-$([ -n "$long" ] && echo 7200 || echo 300)}

echo "TAP version 13"
if ! command -v spin >/dev/null 2>&1; then
	echo "1..0 # SKIP spin is not installed"
	exit 4
fi
out=$O/models
mkdir -p "$out"

# wanted MODEL LABEL PATTERN... - true where one of the patterns selects it
wanted()
{
	model=$1 label=$2
	shift 2
	[ $# -eq 0 ] && return 0
	for pattern; do
		# The patterns are globs on purpose.
		# shellcheck disable=SC2254
		case $model:$label in
		$pattern | $pattern:*) return 0 ;;
		esac
	done
	return 1
}

for file in "$top"/selftests/models/*.pml; do
	model=$(basename "$file" .pml)
	sed -n '1,/\*\//s/^ \* \(verify\|long\|twin\): */\1 /p' "$file" |
		while read -r kind label options; do
			[ "$kind" != long ] || [ -n "$long" ] || continue
			if wanted "$model" "$label" "$@"; then
				echo "$model $kind $label $options"
			fi
		done
done >"$out/plan"
echo "1..$(wc -l <"$out/plan")"

# search DIR FILE OPTIONS... - build the verifier and run it; its output in DIR/log
search()
{
	dir=$1 file=$2
	shift 2
	rm -rf "$dir"
	mkdir -p "$dir"
	(
		cd "$dir" || exit 1
		for part in "$file" "${file%.pml}"_*.h; do
			[ ! -e "$part" ] || cp "$part" .
		done
		name=$(basename "$file")
		spin "$@" -a "$name" >log 2>&1 || exit 1
		gcc -O"$optimize" -w -DSAFETY -DNOFAIR -DCOLLAPSE -DMEMLIM="$megabytes" \
			-DVECTORSZ=512 -o pan pan.c >>log 2>&1 || exit 1
		timeout -k 5 "$seconds" ./pan -m200000 -w22 >>log 2>&1 || exit 1
	)
}

states_of()
{
	sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$1" | head -n 1
}

number=0
failed=0
while read -r model kind label options; do
	number=$((number + 1))
	file=$top/selftests/models/$model.pml
	dir=$out/$model.$label
	log=$dir/log
	optimize=1
	error=
	if [ "$kind" = twin ]; then
		expect=${options%% *}
		options="-DTWIN_$label ${options#"$expect"}"
		optimize=0
	fi
	# The options are words.
	# shellcheck disable=SC2086
	search "$dir" "$file" $options || error="no search"
	violated=$(sed -n 's/^pan:[0-9]*: assertion violated *\(.*\) (at depth.*/\1/p' "$log")
	if [ "$kind" = twin ]; then
		what="$model: without it, twin $label: $expect"
		case $violated in
		"!($expect)") error= ;;
		*) error="violated: ${violated:-nothing}" ;;
		esac
	else
		what="$model: $label, $(states_of "$log") states"
		if ! grep -q 'errors: 0$' "$log" ||
			grep -q -E 'Search not completed|max search depth|out of memory' "$log"; then
			error="violated: ${violated:-nothing, or not all was searched}"
		fi
	fi
	if [ -z "$error" ]; then
		echo "ok $number - $what"
	else
		failed=1
		echo "# $options: $error"
		grep -E '^(pan|spin|error|Warning)|errors:' "$log" | head -n 6 | sed 's/^/#   /'
		echo "not ok $number - $what"
	fi
	if [ -n "$trail" ] && [ -e "$dir/$model.pml.trail" ]; then
		(cd "$dir" && ./pan -r "$model.pml.trail" 2>&1) | grep -v '^$' | sed 's/^/# /'
	fi
	[ -n "$trail" ] || rm -f "$dir"/pan*
done <"$out/plan"
exit $failed
