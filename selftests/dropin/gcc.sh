#!/bin/sh
# SPDX-License-Identifier: MIT
# gcc under Lane makes the same objects of the library's own sources, and g++
# of a file full of templates.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
needs gcc g++

prepare() {
	# A copy: the tree may change while this runs.
	cp -r "$top/percpu" "$top/kern_like" "$top/include" .
	sources=$(ls percpu/*/*.c kern_like/*.c)
	[ -z "$QUICK" ] || sources=$(echo "$sources" | head -n 8)
	cat >templates.cpp <<'END'
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N> struct fib { static constexpr long v = fib<N - 1>::v + fib<N - 2>::v; };
template <> struct fib<1> { static constexpr long v = 1; };
template <> struct fib<0> { static constexpr long v = 0; };
template <class... T> std::map<std::string, std::variant<T...>> make(T... t)
{
	std::map<std::string, std::variant<T...>> m;
	(m.emplace(std::to_string(m.size()), t), ...);
	return m;
}
int main()
{
	std::regex r("(a|b)*c{2,3}[x-z]+");
	auto m = make(1, 2.0, std::string("three"), std::vector<int>{4});
	std::unordered_map<std::string, std::set<std::function<int()> *>> u;
	std::mt19937 g(1);
	std::cout << fib<80>::v << std::regex_match("abccx", r) << m.size() << u.size() << g() << "\n";
}
END
	cat >build.sh <<'END'
# build.sh OUT SOURCE... - every object, the assembly of one, a linked program
out=$1
shift
rooms=$(printf -- '-I%s ' percpu/*)
mkdir -p "$out"
for source in "$@"; do
	gcc -std=gnu11 -O2 -g -fPIC -D_GNU_SOURCE -I. -Iinclude $rooms -Ikern_like -w \
		-frandom-seed="$source" -c "$source" -o "$out/$(basename "$source" .c).o" || exit
	echo "$source"
done
gcc -std=gnu11 -O3 -D_GNU_SOURCE -I. -Iinclude $rooms -Ikern_like -w -S "$1" -o "$out/first.s" &&
	g++ -std=c++17 -O2 -g -frandom-seed=1 -pthread -pipe templates.cpp -o "$out/templates" &&
	"$out/templates"
END
	# shellcheck disable=SC2086 # one word a source
	without plain sh build.sh plain.d $sources
}

suite() {
	rm -rf lane.d
	# shellcheck disable=SC2086
	with "$1" lane sh build.sh lane.d $sources
	same "$1: gcc compiles $(echo "$sources" | wc -l) sources of the library, g++ templates" plain lane
	wrong=$(cat plain.status)
	diff -rq plain.d lane.d >differ || wrong=1
	explain differ
	result "$wrong" "$1: objects, assembly and program are equal, byte for byte"
	lane_at_work "$1: the compiler ran on Lane" lane 100000 "$1"
}

run_suites 3
