#!/bin/sh
# SPDX-License-Identifier: MIT
# A C program loads a C++ library, as interpreters do, and with it the C++ library: a new that fails
# in there throws bad_alloc, calls the new handler, and gives null where it may not throw.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
needs gcc g++

prepare() {
	cat >loaded.cpp <<'END'
#include <cstdio>
#include <new>
#include <string>

static volatile size_t huge = size_t(1) << 59;
static int calls;

static void gives_up()
{
	if (++calls % 2)
		throw std::bad_alloc();
	std::set_new_handler(nullptr);
}

extern "C" void out_of_memory()
{
	try {
		::operator delete(::operator new(huge));
	} catch (const std::bad_alloc &) {
		std::puts("new throws");
	}
	try {
		std::printf("%zu\n", std::string(huge, 'x').size()); // the C++ library is the caller
	} catch (const std::bad_alloc &) {
		std::puts("a string throws");
	}
	std::set_new_handler(gives_up);
	try {
		::operator delete[](::operator new[](huge, std::align_val_t(256)));
	} catch (const std::bad_alloc &) {
		std::printf("the handler threw: %d\n", calls);
	}
	void *p = ::operator new(huge, std::nothrow);
	std::printf("null: %d, handlers: %d\n", !p, calls);
	p = ::operator new(huge, std::align_val_t(64), std::nothrow);
	std::printf("null without a handler: %d, handlers: %d\n", !p, calls);
	std::set_new_handler(gives_up);
	p = ::operator new(huge, std::align_val_t(64), std::nothrow);
	std::printf("null where the handler threw: %d, handlers: %d\n", !p, calls);
}
END
	cat >own.cpp <<'END'
#include <cstdio>
#include <new>

static volatile size_t huge = size_t(1) << 59;
static int calls;

static void gives_up()
{
	calls++;
	std::set_new_handler(nullptr);
}

extern "C" void out_of_memory()
{
	std::set_new_handler(gives_up);
	void *p = ::operator new(huge, std::nothrow);
	std::printf("null: %d, handlers: %d\n", !p, calls);
	std::set_new_handler(gives_up);
	p = ::operator new[](huge, std::align_val_t(64), std::nothrow);
	std::printf("null: %d, handlers: %d\n", !p, calls);
}
END
	cat >loads.c <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(i));
	void *library = dlopen(argv[argc - 1], RTLD_NOW);
	void (*run)(void) = library ? (void (*)(void))dlsym(library, "out_of_memory") : NULL;

	if (!run) {
		puts(dlerror());
		return 1;
	}
	run();
	puts(dlerror() ? "an error is left" : "good");
	return 0;
}
END
	limited g++ -std=c++17 -O2 -Wall -fPIC -shared loaded.cpp -o loaded.so
	own="-std=c++17 -O2 -Wall -fPIC -shared -static-libstdc++ own.cpp"
	# shellcheck disable=SC2086
	limited g++ $own -o own.so
	# shellcheck disable=SC2086
	limited g++ $own "$LANE_SO" -o own_lane.so
	limited gcc -O2 -fno-builtin loads.c -o loads -ldl
	without plain ./loads ./loaded.so
	without own ./loads ./own.so
}

suite() {
	with "$1" lane ./loads ./loaded.so
	same "$1: a C++ library that is loaded says the same" plain lane
	lane_at_work "$1: it ran on Lane" lane 1000 "$1"
	with "$1" own_lane ./loads ./own_lane.so
	same "$1: one that has it in itself and is linked with Lane says the same" own own_lane
}

run_suites 3
