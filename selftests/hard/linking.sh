#!/bin/sh
# SPDX-License-Identifier: MIT
# Lane in a program that is linked statically, in C++ with exceptions, in a chroot without
# anything, and in libraries that are opened: often, in other namespaces, too late.
# shellcheck source-path=SCRIPTDIR source=../dropin/common
. "$(dirname "$0")/../dropin/common"
needs gcc g++

DROPIN_MODES='auto lock'
here=$top/selftests/hard/programs
build=$(dirname "$LANE_SO")

# A debug build lists the locks that a thread holds in static TLS: more than the C library sets aside for a
# library in each of several namespaces.
several=
if nm "$LANE_SO" 2>/dev/null | grep -q ' lockdep_acquire$'; then
	several="env GLIBC_TUNABLES=glibc.rtld.optional_static_tls=8192"
fi

prepare() {
	flags="-O1 -fno-builtin -Wall -Wextra -Werror -I$top/include"
	archive="$build/liblane.a -lpthread -ldl"
	{
		for kind in static static-pie; do
			# shellcheck disable=SC2086
			limited gcc $flags -$kind "$here/forks.c" $archive -o forks-$kind
			# shellcheck disable=SC2086
			limited g++ -O1 -$kind "$here/exceptions.cpp" $archive -o exceptions-$kind
		done
		# shellcheck disable=SC2086
		limited g++ -O1 "$here/exceptions.cpp" $archive -o exceptions-archive
		limited g++ -O1 "$here/exceptions.cpp" -o exceptions-shared -lpthread \
			-L"$build" -Wl,--no-as-needed -llane -Wl,-rpath,"$build"
		# shellcheck disable=SC2086
		limited gcc $flags -shared -fPIC "$here/user.c" -o libuser.so -L"$build" -llane -Wl,-rpath,"$build"
		# shellcheck disable=SC2086
		limited gcc $flags -D_GNU_SOURCE "$here/opener.c" -o opener -lpthread -ldl
		for bytes in 1024 512 256 128 64 32 16; do
			for copy in 1 2; do
				limited gcc -shared -fPIC -DBYTES=$bytes "$here/tls.c" -o libtls-$bytes-$copy.so
			done
		done
	} 2>link.err || {
		explain link.err
		bail_out "a program could not be linked"
	}
}

# good NAME COMMAND... - it says so
good() {
	what=$1
	shift
	status=0
	LANE_CONF=mode:$mode_name limited "$@" >out 2>err || status=$?
	if [ $status -eq 0 ] && grep -q -x good out; then
		result 0 "$mode_name: $what"
	else
		note "$* ended with status $status"
		explain out
		explain err
		result 1 "$mode_name: $what"
	fi
}

suite() {
	mode_name=$1
	for kind in static static-pie; do
		good "$kind: threads and children allocate" ./forks-$kind
	done
	for kind in static static-pie archive shared; do
		good "exceptions, $kind" ./exceptions-$kind
	done
	if [ "$(id -u)" -eq 0 ]; then
		mkdir -p nothing && cp forks-static nothing/
		good "in a chroot without /proc, /sys and /dev" chroot nothing /forks-static
	else
		skip "$mode_name: in a chroot without /proc, /sys and /dev" "chroot is root's"
	fi
	good "a library opened and closed 100 times" ./opener close ./libuser.so
	good "the same with Lane preloaded" env LD_PRELOAD="$LANE_SO" ./opener close ./libuser.so
	# shellcheck disable=SC2086
	good "in namespaces of their own" $several ./opener namespace ./libuser.so
	good "beside Lane as the program's malloc" $several env LD_PRELOAD="$LANE_SO" ./opener namespace ./libuser.so
	good "too late for static TLS: refused, and all goes on" ./opener late ./libuser.so ./libtls-*-?.so
}

run_suites 12
