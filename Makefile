# SPDX-License-Identifier: MIT
#
# make              build/liblane.so, build/liblane.a and the tests
# make tools        lanestat and lanefs; part of make where ncurses and libfuse3 are installed
# make check        run the tests (scripts/test also installs what they need)
# make bench        run the benchmarks
# make bench-gc     the programs of scripts/bench gc, for the collectors that are installed
# make install      PREFIX=/usr/local DESTDIR=
#
# O=dir             build there instead of in build/
# SAN=address|thread|undefined   with a sanitizer, in build-<san>/; address has undefined with it
# DEBUG=1           check lock order and invariants, in build-debug/
# CC=, CROSS=1      another compiler; CROSS leaves the tests unlinked from -lnuma
# CC=musl-gcc O=build-musl lib build-musl/selftests/api/NAME   for musl; in lock mode
# V=1               show the commands

VERSION := $(shell sed -n 's/^\#define LANE_VERSION "\(.*\)"/\1/p' include/lane/lane.h)
SONAME := liblane.so.0

ifneq ($(SAN),)
ifeq ($(filter $(SAN),address thread undefined),)
$(error SAN is address, thread or undefined, not '$(SAN)')
endif
endif

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
EXAMPLES := $(PREFIX)/share/doc/lane/examples
CC ?= gcc
HOSTCC ?= cc
O ?= build$(if $(SAN),-$(SAN))$(if $(DEBUG),-debug)
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2);)

CSTD := -std=gnu11 -D_GNU_SOURCE -D_LGPL_SOURCE
WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
OPT ?= -O2 -g -fno-omit-frame-pointer
ROOMS := $(wildcard percpu/* gc/*)
INC := -Iinclude -Ikern_like $(ROOMS:%=-I%)
# Debian's musl has headers of its own alone: the kernel's, liburcu's, libnuma's and zlib's, which
# are no C library's, are looked for where they are, behind all others.
MUSL := $(findstring musl-gcc,$(CC))
CSTD += $(if $(MUSL),$(addprefix -idirafter ,/usr/include /usr/include/$(shell cc -print-multiarch)))
# What a target depends on, under both of its names: O may be given from here or from / on.
DEPS = -MMD -MP -MT $(patsubst $(CURDIR)/%,%,$(abspath $@)) -MT $(abspath $@)
LIB_CFLAGS = $(CSTD) $(WARN) $(OPT) $(INC) -fPIC -fvisibility=hidden \
	-D'LANE_API=__attribute__((visibility("default")))' -ftls-model=initial-exec \
	-fexceptions -fno-builtin-malloc -fno-strict-aliasing $(DEPS) $(SAN_CFLAGS) $(DEBUG_CFLAGS) $(CFLAGS)
# Nothing is recovered from: a test has to see it. But liburcu takes the address of a member of NULL.
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN:address=address,undefined) -fno-sanitize-recover=all -fno-sanitize=null)
SAN_CFLAGS := $(if $(SAN),$(SAN_FLAGS) -DLANE_NO_RSEQ -DLANE_NO_INTERPOSE)
DEBUG_CFLAGS := $(if $(DEBUG)$(SAN),-DLANE_DEBUG)
UNIT_CFLAGS := -DLANE_NO_INTERPOSE
INJECT_CFLAGS := -DLANE_NO_INTERPOSE -DLANE_RSEQ_INJECT

SRC := $(wildcard kern_like/*.c percpu/*/*.c gc/*/*.c)
GEN := $(O)/gen/size_class_table.c
obj = $(patsubst %.c,$(O)/$(1)/%.o,$(SRC)) $(O)/$(1)/size_class_table.o

# check_wide.c is for processors that have longer vectors than all do.
WIDE := $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-mavx2)
$(O)/%/check_wide.o $(O)/selftests/unit/pattern_wide: LIB_CFLAGS += $(WIDE)

# With a sanitizer malloc is its own, and rseq sections are out of its sight: unit tests only.
TESTED := $(if $(SAN),unit,api gc hard unit rseq numa matrix die soak bench $(if $(CROSS),,tools))
TESTS := $(patsubst selftests/%.c,$(O)/selftests/%,$(wildcard $(TESTED:%=selftests/%/*.c)))

# Programs that look in from outside: tools/NAME/ and what they share, tools/client/.
have = $(shell pkg-config --exists '$(1)' 2>/dev/null && echo y)
tool = $(if $(and $(wildcard tools/$(1)/*.c),$(call have,$(2))),$(O)/$(1))
LISP := $(if $(SAN),,$(O)/examples/lisp)
TOOLS := $(if $(SAN)$(CROSS),,$(call tool,lanestat,ncursesw libdw zlib) $(call tool,lanefs,fuse3 >= 3.12))

.PHONY: all lib tests tools check bench bench-gc install uninstall clean format
all: lib tests $(TOOLS) $(LISP)
lib: $(O)/liblane.so $(O)/liblane.a
tests: $(TESTS)

$(O)/gen/gen_size_classes: scripts/gen_size_classes.c percpu/caches/size_class.h percpu/rseq/cpu_block.h percpu/os/layout.h
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)$(HOSTCC) $(CSTD) -Wall -Wextra -O1 $(INC) $< -o $@

$(GEN): $(O)/gen/gen_size_classes
	$(call say,GEN,$@){ printf '#include "size_class.h"\n'; $<; } > $@.tmp && mv $@.tmp $@

define object_rules
$(O)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$$(CC) $$(LIB_CFLAGS) $(2) -c $$< -o $$@
$(O)/$(1)/size_class_table.o: $(GEN)
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$$(CC) $$(LIB_CFLAGS) $(2) -c $$< -o $$@
endef
$(eval $(call object_rules,obj,))
$(eval $(call object_rules,unit,$(UNIT_CFLAGS)))
$(eval $(call object_rules,inject,$(INJECT_CFLAGS)))

$(O)/liblane.so: $(call obj,obj) scripts/interpose.map
	$(call say,LINK,$@)$(CC) -shared $(SAN_CFLAGS) -Wl,-soname,$(SONAME) -Wl,-z,nodelete -Wl,-z,relro \
		-Wl,--version-script=scripts/interpose.map -Wl,--defsym=lane_text_end=etext $(if $(SAN),,-Wl,-z,defs) $(LDFLAGS) \
		$(call obj,obj) -o $@ -lpthread -ldl
	@ln -sf liblane.so $(O)/$(SONAME)

$(O)/liblane.a: $(call obj,obj)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^
$(O)/liblane_unit.a: $(call obj,unit)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^
$(O)/liblane_inject.a: $(call obj,inject)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

# Tests see the installed interface; unit tests see everything, with malloc left alone.
TEST_CFLAGS = $(CSTD) -Wall -Wextra -Werror $(OPT) -fno-builtin -Iinclude -Iselftests $(DEPS) \
	$(SAN_TEST_CFLAGS) $(CFLAGS)
SAN_TEST_CFLAGS := $(if $(SAN),$(SAN_FLAGS) -DLANE_NO_INTERPOSE)
WITH_LANE = -L$(O) -Wl,-rpath,$(abspath $(O)) -Wl,--no-as-needed -llane
NUMA_LIB := $(if $(CROSS),$(CROSS_NUMA),-lnuma)

$(O)/selftests/api/%: selftests/api/%.c $(O)/liblane.so
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $< -o $@ $(WITH_LANE) -lpthread -lm
$(O)/selftests/gc/%: selftests/gc/%.c $(O)/liblane.so
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $< -o $@ $(WITH_LANE) -lpthread -lm
$(O)/selftests/soak/%: selftests/soak/%.c $(O)/liblane.so
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $< -o $@ $(WITH_LANE) -lpthread -lm
$(O)/selftests/matrix/%: selftests/matrix/%.c $(O)/liblane.so
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $< -o $@ $(WITH_LANE) -lpthread
# Preloaded: it is no program.
$(O)/selftests/matrix/strict: selftests/matrix/strict.c $(O)/liblane.so
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) -fPIC -shared $< -o $@ $(WITH_LANE)
$(O)/selftests/hard/%: selftests/hard/%.c $(O)/liblane.so
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $< -o $@ $(WITH_LANE) -lpthread
$(O)/selftests/die/%: selftests/die/%.c $(O)/liblane.so
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) -w $< -o $@ $(WITH_LANE) -lpthread
$(O)/selftests/numa/%: selftests/numa/%.c $(O)/liblane.so
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TEST_CFLAGS) $< -o $@ $(WITH_LANE) $(NUMA_LIB) -lpthread
$(O)/selftests/unit/%: selftests/unit/%.c $(O)/liblane_unit.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(LIB_CFLAGS) $(UNIT_CFLAGS) -Iselftests $< -o $@ $(O)/liblane_unit.a -lpthread -ldl -lm
$(O)/selftests/rseq/%: selftests/rseq/%.c $(O)/liblane_inject.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(LIB_CFLAGS) $(INJECT_CFLAGS) -Iselftests $< -o $@ $(O)/liblane_inject.a -lpthread -ldl
$(O)/selftests/bench/%: selftests/bench/%.c
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(CC) $(TEST_CFLAGS) $< -o $@ -lpthread -ldl -lm

# One source for each heap, and one in Go; only when asked for, as their collectors may be missing.
GC_BENCH := $(patsubst selftests/bench/gc/%.c,$(O)/selftests/bench/gc/%,$(wildcard selftests/bench/gc/*.c))
GC_BENCH_DEPS := $(wildcard selftests/bench/gc/*.h) selftests/bench/bench.h

$(O)/selftests/bench/gc/%-malloc: selftests/bench/gc/%.c $(GC_BENCH_DEPS)
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(CC) $(TEST_CFLAGS) -DHEAP_MALLOC $< -o $@ -lpthread
$(O)/selftests/bench/gc/%-libgc: selftests/bench/gc/%.c $(GC_BENCH_DEPS)
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(CC) $(TEST_CFLAGS) -DHEAP_LIBGC $< -o $@ -lgc -lpthread
$(O)/selftests/bench/gc/%-lane: selftests/bench/gc/%.c $(GC_BENCH_DEPS) $(O)/liblane.so
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(CC) $(TEST_CFLAGS) -DHEAP_LANE $< -o $@ $(WITH_LANE) -lpthread
$(O)/selftests/bench/gc/%-go: selftests/bench/gc/go/%/main.go $(wildcard selftests/bench/gc/go/*/*.go) selftests/bench/gc/go/go.mod
	@mkdir -p $(@D)
	$(call say,GO,$@)cd selftests/bench/gc/go && GOFLAGS=-buildvcs=false go build -o $(abspath $@) ./$*

bench-gc: $(GC_BENCH:=-malloc) $(GC_BENCH:=-lane) \
	$(if $(wildcard /usr/include/gc/gc.h),$(GC_BENCH:=-libgc)) \
	$(if $(shell command -v go),$(GC_BENCH:=-go))

TOOL_CFLAGS = $(CSTD) $(WARN) $(OPT) -Iinclude -Itools/client $(DEPS) $(CFLAGS)
CLIENT := $(patsubst %.c,$(O)/%.o,$(wildcard tools/client/*.c))

tools: $(O)/lanestat $(O)/lanefs

$(O)/tools/lanestat/%.o: TOOL_CFLAGS += $(shell pkg-config --cflags ncursesw libdw zlib)
$(O)/tools/lanefs/%.o: TOOL_CFLAGS += $(shell pkg-config --cflags fuse3)
$(O)/tools/%.o: tools/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(TOOL_CFLAGS) -c $< -o $@

# The style and the script of lanestat report's page, as C strings.
$(O)/gen/report_assets.c: $(addprefix tools/lanestat/,report.css report.js flame.css flame.js)
	@mkdir -p $(@D)
	$(call say,GEN,$@){ printf '#include "report.h"\n'; for f in $^; do \
		printf 'const char %s[] =\n' "$$(basename $$f | tr . _)"; \
		sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $$f; echo ';'; done; } > $@.tmp && mv $@.tmp $@
$(O)/tools/lanestat/report_assets.o: $(O)/gen/report_assets.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(TOOL_CFLAGS) -Itools/lanestat -c $< -o $@

$(O)/lanestat: $(patsubst %.c,$(O)/%.o,$(wildcard tools/lanestat/*.c)) $(O)/tools/lanestat/report_assets.o $(CLIENT)
	$(call say,LINK,$@)$(CC) $^ -o $@ $(LDFLAGS) $$(pkg-config --libs ncursesw libdw zlib) -lpthread -ldl -lm
$(O)/lanefs: $(patsubst %.c,$(O)/%.o,$(wildcard tools/lanefs/*.c)) $(CLIENT)
	$(call say,LINK,$@)$(CC) $^ -o $@ $(LDFLAGS) $$(pkg-config --libs fuse3) -lpthread

# What lanestat computes, without terminal, sockets and processes.
ARITHMETIC := $(patsubst %,$(O)/tools/lanestat/%.o,bar errors exposition flame flame_draw grid http human json line \
	numbers rate report_html sample sections text totals utf8)
$(O)/arithmetic.a: $(ARITHMETIC)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^
$(O)/selftests/tools/%: selftests/tools/%.c $(O)/arithmetic.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(TOOL_CFLAGS) -Itools/lanestat -Iselftests $< -o $@ $(O)/arithmetic.a -lm

# The example of the collected heap, for its test. examples/lisp/Makefile builds it beside an installed Lane.
$(O)/examples/obj/%.o: examples/lisp/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CSTD) $(WARN) $(OPT) -Iinclude $(DEPS) $(CFLAGS) -c $< -o $@
$(O)/examples/lisp: $(patsubst examples/lisp/%.c,$(O)/examples/obj/%.o,$(wildcard examples/lisp/*.c)) $(O)/liblane.so
	$(call say,LINK,$@)$(CC) $(filter %.o,$^) -o $@ $(LDFLAGS) $(WITH_LANE) -lpthread

check: all
	$(Q)O=$(O) selftests/run

bench: all
	$(Q)scripts/bench

install: lib $(TOOLS)
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include/lane $(DESTDIR)$(PREFIX)/share/man/man3 $(DESTDIR)$(PREFIX)/share/man/man7
	install -m 755 $(O)/liblane.so $(DESTDIR)$(LIBDIR)/liblane.so.$(VERSION)
	ln -sf liblane.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/liblane.so
	install -m 644 $(O)/liblane.a $(DESTDIR)$(LIBDIR)/
	sed -e 's|@PREFIX@|$(PREFIX)|;s|@LIBDIR@|$(LIBDIR)|;s|@VERSION@|$(VERSION)|' scripts/lane.pc.in \
		> $(DESTDIR)$(LIBDIR)/pkgconfig/lane.pc
	install -m 644 include/lane/*.h $(DESTDIR)$(PREFIX)/include/lane/
	install -m 644 Documentation/man/*.3 $(DESTDIR)$(PREFIX)/share/man/man3/
	install -m 644 Documentation/man/*.7 $(DESTDIR)$(PREFIX)/share/man/man7/
	for t in $(notdir $(TOOLS)); do \
		install -D -m 755 $(O)/$$t $(DESTDIR)$(PREFIX)/bin/$$t && \
		install -D -m 644 Documentation/man/$$t.1 $(DESTDIR)$(PREFIX)/share/man/man1/$$t.1 || exit 1; \
	done
	install -d $(DESTDIR)$(EXAMPLES)
	cp -R examples/. $(DESTDIR)$(EXAMPLES)/

uninstall:
	rm -f $(DESTDIR)$(LIBDIR)/liblane.so* $(DESTDIR)$(LIBDIR)/liblane.a $(DESTDIR)$(LIBDIR)/pkgconfig/lane.pc
	rm -rf $(DESTDIR)$(PREFIX)/include/lane $(DESTDIR)$(PREFIX)/share/doc/lane
	rm -f $(DESTDIR)$(PREFIX)/bin/lanestat $(DESTDIR)$(PREFIX)/bin/lanefs
	cd Documentation/man && for m in *.[137]; do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$$m; done

format:
	clang-format -i include/lane/*.h kern_like/*.[ch] percpu/*/*.[ch] gc/*/*.[ch] tools/*/*.[ch] examples/lisp/*.[ch] scripts/*.c \
		selftests/*.h selftests/*/*.c selftests/bench/*.h selftests/bench/gc/*.[ch]

clean:
	rm -rf $(O)

-include $(shell find $(addprefix $(O)/,obj unit inject selftests tools examples) -name '*.d' -type f 2>/dev/null)
