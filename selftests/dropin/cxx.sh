#!/bin/sh
# SPDX-License-Identifier: MIT
# A C++ program prints the same under Lane: operator new and delete of every
# kind, bad_alloc, the new handler, containers, threads. It is run preloaded,
# linked with the library, and linked with the archive.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
needs g++

prepare() {
	cp "$top/selftests/dropin/cxx.cpp" .
	flags='-std=c++17 -O2 -Wall -Wextra -Werror -pthread'
	# shellcheck disable=SC2086 # several words
	limited g++ $flags cxx.cpp -o cxx
	without plain ./cxx
	build=$(dirname "$LANE_SO")
}

# linked KIND LIBRARIES...
linked() {
	kind=$1
	shift
	if ! is_lane; then
		skip "$mode_name: linked with the $kind, it prints the same" "this is not Lane"
		skip "$mode_name: linked with the $kind, it ran on Lane" "this is not Lane"
		return 0
	fi
	# shellcheck disable=SC2086
	if ! limited g++ $flags cxx.cpp -o cxx-"$kind" "$@" 2>link.err; then
		explain link.err
		result 1 "$mode_name: linked with the $kind, it prints the same"
		result 1 "$mode_name: linked with the $kind, it ran on Lane"
		return 0
	fi
	status=0
	limited env LANE_CONF="$(conf_of "$mode_name")" ./cxx-"$kind" >linked 2>linked.both </dev/null || status=$?
	echo $status >linked.status
	sort_lines linked
	same "$mode_name: linked with the $kind, it prints the same" plain linked
	lane_at_work "$mode_name: linked with the $kind, it ran on Lane" linked 100000 "$mode_name"
}

suite() {
	mode_name=$1
	with "$1" lane ./cxx
	same "$1: preloaded, it prints the same" plain lane
	lane_at_work "$1: preloaded, it ran on Lane" lane 100000 "$1"
	linked library -L"$build" -llane -Wl,-rpath,"$build"
	linked archive "$build/liblane.a" -lurcu-bp -lurcu-common -lnuma -ldl
}

run_suites 6
