#!/bin/sh
# SPDX-License-Identifier: MIT
# What make install leaves is all that a program needs: C and C++, shared and
# static, found through lane.pc; and it exports what it should and no more.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
needs make gcc g++ pkg-config nm

DROPIN_MODES=auto
at=/opt/lane

prepare() {
	cat >program.c <<'END'
#include <lane/lane.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	struct lane_stats st;
	void *p = malloc(1000);

	memset(&st, 0, sizeof(st));
	st.sz = sizeof(st);
	if (!p || lane_stats_read(&st) || st.live_objects < 1)
		return 1;
	free(p);
	p = lane_malloc(10);
	printf("%d\n", p && lane_node_of(p) >= 0 && lane_node_of(&st) < 0 &&
		       !strcmp(lane_version(), LANE_VERSION));
	lane_free(p);
	return 0;
}
END
	cp program.c program.cpp
	echo 1 >expected
	make -s -C "$top" ${O:+O="$O"} install PREFIX=$at DESTDIR="$tmp/stage" >make.out 2>&1 || {
		explain make.out
		bail_out "make install failed"
	}
	# The same tree, at a place that a program can be linked and run against.
	make -s -C "$top" ${O:+O="$O"} install PREFIX="$tmp$at" DESTDIR= >make.out 2>&1 || {
		explain make.out
		bail_out "make install failed"
	}
	PKG_CONFIG_PATH=$tmp$at/lib/pkgconfig
	export PKG_CONFIG_PATH
}

# works NAME COMPILER FLAGS... - program.c or .cpp compiles, runs, is on Lane
works() {
	what=$1
	shift
	wrong=0
	rm -f program
	: >program.out
	limited "$@" -o program >link.out 2>&1 &&
		LD_LIBRARY_PATH=$tmp$at/lib limited ./program >program.out 2>&1 &&
		cmp expected program.out || wrong=1
	if [ $wrong -eq 1 ]; then
		note "$*"
		explain link.out
		explain program.out
	fi
	result $wrong "$what"
}

suite() {
	(cd stage && find . ! -type d | sort) >files
	wrong=0
	for file in lib/liblane.so lib/liblane.so.0 lib/liblane.a include/lane/lane.h lib/pkgconfig/lane.pc; do
		grep -q -x "\.$at/$file" files || {
			note "there is no $file"
			wrong=1
		}
	done
	for tool in lanefs lanestat; do
		[ -x "${O:-$top/build}/$tool" ] || continue
		for file in bin/$tool share/man/man1/$tool.1; do
			grep -q -x "\.$at/$file" files || {
				note "there is no $file"
				wrong=1
			}
		done
	done
	if grep -v "^\.$at/" files; then
		note "these lie outside PREFIX"
		wrong=1
	fi
	result $wrong "make install puts everything below DESTDIR and PREFIX"

	wrong=0
	grep '\.[1-8]\(\.gz\)\?$' files >pages || wrong=1
	result $wrong "$(wc -l <pages) man pages are installed"

	wrong=0
	[ "$(readelf -d "$tmp$at/lib/liblane.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" = liblane.so.0 ] || wrong=1
	readelf -d "$tmp$at/lib/liblane.so" | grep -q NODELETE || wrong=1
	result $wrong "the soname is liblane.so.0, and the library cannot be unloaded"

	nm -D --defined-only "$tmp$at/lib/liblane.so" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u >exported
	cat >wanted <<-END
		aligned_alloc
		calloc
		free
		free_aligned_sized
		free_sized
		mallinfo
		mallinfo2
		malloc
		malloc_info
		malloc_stats
		malloc_trim
		malloc_usable_size
		mallopt
		memalign
		posix_memalign
		pvalloc
		realloc
		reallocarray
		valloc
		lane_malloc_onnode
		lane_node_of
		lane_proc_read
		lane_release
		lane_stats_read
		lane_stats_walk
		lane_version
		_Znwm
		_ZdlPv
	END
	sed -n 's/^LANE_API .*[ *]\(lane_[a-z0-9_]*\)(.*/\1/p' "$top/include/lane/lane.h" >>wanted
	sort -u wanted >sorted
	comm -13 exported sorted >absent
	grep -v -E '^(lane_[a-z0-9_]+|_Zn[wa].*|_Zd[la].*|__register_atfork|cfree|__libc_[a-z_]+|LANE_[0-9.]+)$' exported |
		comm -23 - sorted >extra
	wrong=0
	if [ -s absent ] || [ -s extra ]; then
		wrong=1
		note "not exported:"
		explain absent 40
		note "exported, but should not be:"
		explain extra 40
	fi
	result $wrong "the library exports malloc's family, C++'s and lane_, and nothing else"

	# shellcheck disable=SC2046 # several words
	{
		works "a C program finds the library through lane.pc" \
			gcc -Wall -Wextra -Werror -pedantic -std=c11 program.c $(pkg-config --cflags --libs lane)
		works "a C program links with the archive" \
			gcc -Wall -Wextra -Werror program.c $(pkg-config --cflags lane) "$tmp$at/lib/liblane.a" \
			$(pkg-config --static --libs lane | tr ' ' '\n' | grep -v '^-llane$' | tr '\n' ' ')
		works "a C++ program includes lane.h" \
			g++ -Wall -Wextra -Werror -pedantic -std=c++11 program.cpp $(pkg-config --cflags --libs lane)
	}
}

run_suites 7
