#!/bin/sh
# SPDX-License-Identifier: MIT
# Lane beside others that take malloc's place: a library that wraps malloc, before and behind
# it; sanitizers, preloaded and linked; valgrind. Each works, or is refused by one clear line.
# shellcheck source-path=SCRIPTDIR source=../dropin/common
. "$(dirname "$0")/../dropin/common"
needs gcc clang valgrind

DROPIN_MODES=auto
here=$top/selftests/hard/programs
build=$(dirname "$LANE_SO")
sanitizers='address thread leak'
compilers='gcc clang'
# shellcheck disable=SC3045
ulimit -c 0

prepare() {
	flags="-O1 -g -fno-builtin -Wall -Wextra -Werror"
	shared="-L$build -Wl,--no-as-needed -llane -Wl,-rpath,$build"
	{
		# shellcheck disable=SC2086
		{
			limited gcc $flags "$here/plain.c" -o plain -lpthread
			limited gcc $flags "$here/plain.c" -o plain-archive -Wl,--whole-archive \
				"$build/liblane.a" -Wl,--no-whole-archive -lpthread -ldl
			limited gcc $flags -shared -fPIC "$here/wrap.c" -o libwrap.so -ldl
			for cc in $compilers; do
				for san in $sanitizers; do
					limited $cc $flags -fsanitize=$san "$here/plain.c" -o $cc-$san -lpthread
					limited $cc $flags -fsanitize=$san "$here/plain.c" -o $cc-$san-linked \
						$shared -lpthread
				done
			done
			for san in $sanitizers; do
				limited gcc $flags -fsanitize=$san "$here/plain.c" -o gcc-$san-archive \
					-Wl,--whole-archive "$build/liblane.a" -Wl,--no-whole-archive -lpthread -ldl
			done
		}
	} 2>link.err || {
		explain link.err
		bail_out "a program could not be linked"
	}
}

# run COMMAND... - leaves $status, out, err and, of Lane's books, mallocs
run() {
	status=0
	limited env LANE_CONF="$(conf_of "$mode_name")" "$@" >out 2>err || status=$?
	counted=$(sed -n 's/^mallocs //p' err | tail -n 1)
	counted=${counted:-0}
}

# verdict STATUS NAME - with what was said, where it is not 0
verdict() {
	if [ "$1" -ne 0 ]; then
		note "status $status, Lane counted $counted"
		explain out
		grep -a -v '^[a-z_]* [0-9]*$' err >said || true
		explain said
	fi
	result "$1" "$mode_name: $2"
}

# works NAME LEAST MOST COMMAND... - it does, and Lane counts so many mallocs
works() {
	what=$1 least=$2 most=$3
	shift 3
	run "$@"
	wrong=0
	[ $status -eq 0 ] && grep -q -x good out && [ "$counted" -ge "$least" ] && [ "$counted" -le "$most" ] || wrong=1
	verdict $wrong "$what"
}

# works_or_refuses NAME COMMAND... - without an own malloc of the sanitizer there is one line and an end
works_or_refuses() {
	what=$1
	shift
	run "$@"
	wrong=0
	if [ $status -eq 0 ]; then
		grep -q -x good out || wrong=1
		said=works
	else
		lines='^lane: this program is built with [A-Za-z]*, which needs its own malloc: run it without Lane$'
		lines="$lines|ASan runtime does not come first in initial library list|ThreadSanitizer: unexpected memory mapping"
		[ $status -ne 124 ] && grep -a -q -E "$lines" err || wrong=1
		said="is refused"
	fi
	verdict $wrong "$what: $said"
}

runtime() {
	case $1 in
	address) gcc -print-file-name=libasan.so ;;
	thread) gcc -print-file-name=libtsan.so ;;
	leak) gcc -print-file-name=liblsan.so ;;
	esac
}

suite() {
	mode_name=$1
	works "a wrapper before Lane" 6000 100000 env LD_PRELOAD="$tmp/libwrap.so $LANE_SO" ./plain fork
	wrapped=$(sed -n 's/^wrapped \([0-9]*\) .*/\1/p' err | tail -n 1)
	[ "${wrapped:-0}" -ge 6000 ] && wrong=0 || wrong=1
	verdict $wrong "it wrapped ${wrapped:-0} calls"
	works "a wrapper behind Lane" 6000 100000 env LD_PRELOAD="$LANE_SO $tmp/libwrap.so" ./plain fork
	for san in $sanitizers; do
		for cc in $compilers; do
			works_or_refuses "$cc, $san, Lane preloaded" env LD_PRELOAD="$LANE_SO" ./$cc-$san
			works "$cc, $san, linked with Lane: unused" 0 5000 ./$cc-$san-linked
		done
		works_or_refuses "gcc, $san, its runtime preloaded before Lane" \
			env LD_PRELOAD="$(runtime $san) $LANE_SO" ./gcc-$san
		works_or_refuses "gcc, $san, linked with the archive" ./gcc-$san-archive
	done
	works "valgrind, Lane preloaded" 6000 100000 env LD_PRELOAD="$LANE_SO" valgrind -q --tool=none ./plain fork
	works "valgrind, linked with the archive" 6000 100000 valgrind -q --tool=none ./plain-archive fork
	[ "$(sed -n 's/^mode //p' err | tail -n 1)" = lock ] && wrong=0 || wrong=1
	verdict $wrong "without rseq there"
	works "memcheck, which takes malloc's place" 0 100 \
		env LD_PRELOAD="$LANE_SO" valgrind -q --error-exitcode=9 ./plain
}

run_suites 25
