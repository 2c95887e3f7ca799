// SPDX-License-Identifier: MIT
/*
 * Several nodes on a machine that may have one: what the kernel and libnuma say of them is made
 * up. What is shown is Lane's part: a heap for each node, who allocates from which, the way home
 * of what is freed elsewhere, another node where one has no memory left, and what heapinfo says
 * where node heaps cannot be had. Where pages lie is for selftests/numa/.
 */
#include "unit.h"

#include <lane/lane_gc.h>
#include <lane/lane_prof.h>
#include <linux/mempolicy.h>
#include <numa.h>
#include <sys/resource.h>

#include "check.h"
#include "layout.h"
#include "lanes.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"
#include "space.h"

#define FIRST 2 /* numbers of the nodes; LAST has no CPUs, EMPTY no memory */
#define EMPTY 3
#define SECOND 4
#define OUTSIDE 5 /* the cpuset of memory does not allow it */
#define LAST 6

/* What a process is made to see: letters of argv[2]. */
static char how[16];

static bool has(char letter)
{
	return strchr(how, letter) != NULL;
}

static struct os_ops real;
static unsigned int binds, fences;
static void *early;			       /* from before all of this is known */
static uintptr_t no_memory_from, no_memory_to; /* what cannot be made writable */

static u64 made_up_allowed(void)
{
	return has('1') ? 1u << FIRST : 1u << FIRST | 1u << EMPTY | 1u << SECOND | 1u << LAST;
}

static int made_up_policy(void)
{
	return has('p') ? MPOL_BIND : has('l') ? MPOL_LOCAL : MPOL_DEFAULT;
}

static int made_up_bind(void *addr, size_t len, int node)
{
	(void)addr, (void)len, (void)node;
	binds++;
	return has('b') && node == SECOND ? -EPERM : 0;
}

/* The first two are the registration and its proof. */
static int made_up_membarrier(int cmd)
{
	return ++fences == 3 && has('f') ? -EPERM : real.membarrier(cmd);
}

static int made_up_protect(void *addr, size_t len, int prot)
{
	uintptr_t at = (uintptr_t)addr;

	if (at >= no_memory_from && at < no_memory_to)
		return -ENOMEM;
	return real.protect(addr, len, prot);
}

/* Further heaps' structures find no room: libnuma is asked before they are made. */
static int made_up_available(void)
{
	if (has('m')) {
		no_memory_from = 1;
		no_memory_to = UINTPTR_MAX;
		while (meta_alloc(64, 64))
			;
	}
	return has('a') ? -1 : 0;
}

static int made_up_max_node(void)
{
	return LAST;
}

static long long made_up_size(int node, long long *rest)
{
	(void)rest;
	return node < FIRST || node == EMPTY || (has('o') && node != FIRST) ? -1 : (1LL << 30);
}

/* CPUs in turns on a node with memory, one without, and one that nobody knows. */
static int made_up_node_of(int cpu)
{
	static const int nodes[] = {FIRST, SECOND, EMPTY, -1};

	return nodes[cpu % 4];
}

/* The node without memory is nearest to the second; the first is at a distance nobody knows. */
static int made_up_distance(int a, int b)
{
	return a == EMPTY ? (b == FIRST ? 0 : b == SECOND ? 11 : 20) : a == b ? 10 : 20;
}

/* Four CPUs where there are fewer: one for each kind of node that one may lie on. */
static int made_up_open(const char *path)
{
	static const char list[] = "0-3\n";
	int fd[2];

	if (strcmp(path, "/sys/devices/system/cpu/possible") ||
	    sysconf(_SC_NPROCESSORS_CONF) >= 4 || pipe(fd))
		return real.open_read(path);
	if (write(fd[1], list, sizeof(list) - 1) < 0)
		abort();
	close(fd[1]);
	return fd[0];
}

static void *made_up_library(const char *name)
{
	return strcmp(name, "libnuma.so.1") || has('n') ? NULL : &real;
}

static void *made_up_symbol(void *lib, const char *name)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} all[] = {
		{"numa_available", (void (*)(void))made_up_available},
		{"numa_max_node", (void (*)(void))made_up_max_node},
		{"numa_node_size64", (void (*)(void))made_up_size},
		{"numa_node_of_cpu", (void (*)(void))made_up_node_of},
		{"numa_distance", (void (*)(void))made_up_distance},
	};

	for (size_t i = 0; lib == &real && i < ARRAY_SIZE(all); i++) {
		if (!strcmp(name, all[i].name) && !(has('s') && i == 4))
			return (void *)(uintptr_t)all[i].function;
	}
	return NULL;
}

/* Before Lane's own constructor. */
__attribute__((constructor(101))) static void make_up(void)
{
	const char *text = getenv("MADE_UP");

	if (text)
		strncpy(how, text, sizeof(how) - 1);
	real = os;
	os.allowed_nodes = made_up_allowed;
	os.policy = made_up_policy;
	os.bind = made_up_bind;
	os.membarrier = made_up_membarrier;
	os.protect = made_up_protect;
	os.library = made_up_library;
	os.symbol = made_up_symbol;
	os.open_read = made_up_open;
	if (has('e'))
		early = lane_malloc(100);
}

static bool heapinfo_has(const char *line)
{
	static char text[8192];
	long n = lane_proc_read("heapinfo", text, sizeof(text));

	if (n > 0 && strstr(text, line))
		return true;
	ksft_print_msg("heapinfo (%ld) lacks:%s", n, line);
	return false;
}

/* The node of an allocation on the CPU with number @cpu. */
static int node_on(int cpu)
{
	void *p;
	int node;

	run_on_cpu(cpu);
	p = lane_malloc(100);
	node = lane_node_of(p);
	lane_free(p);
	return node;
}

static void test_homes(void)
{
	static const int expected[] = {FIRST, SECOND, SECOND, FIRST};
	bool right = true;

	ksft_test_result(heapinfo_has("\nbinding nodes\n") && binds == 3 && nr_homes == 3,
			 "three nodes with memory: three heaps, each bound");
	for (int i = 0; i < unit_nr_cpus; i++)
		right &= mode == LANE_MODE_LOCK ||
			 node_on(unit_cpus[i]) == expected[unit_cpus[i] % 4];
	ksft_test_result(right, "a CPU allocates from its node's heap, or the nearest one");
}

static void test_onnode(void)
{
	static const size_t sizes[] = {8, 1000, KIB(32), KIB(100), MIB(3)};
	static const int nodes[] = {FIRST, SECOND, LAST};
	bool right = true;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(nodes); k++) {
			char *p = lane_malloc_onnode(sizes[i], nodes[k]);

			right &= p && lane_node_of(p) == nodes[k];
			memset(p, 1, sizes[i]);
			lane_free(p);
		}
	}
	errno = 0;
	right &= !lane_malloc_onnode(100, EMPTY) && errno == EINVAL;
	errno = 0;
	right &= !lane_malloc_onnode(100, OUTSIDE) && errno == EINVAL;
	errno = 0;
	right &= !lane_malloc_onnode(SIZE_MAX / 2, SECOND) && errno == ENOMEM;
	ksft_test_result(right && lane_node_of(&right) == -EINVAL,
			 "lane_malloc_onnode: each node's memory, and no other's");
}

/* From one node to another and back: all that went comes home. */
static void test_way_home(void)
{
	static void *held[20000];
	static struct snap before, after;
	bool right = snap_read(&before) == 0;
	u64 remote;

	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		held[i] = lane_malloc_onnode(64, i % 2 ? SECOND : LAST);
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		lane_free(held[i]);
	right &= snap_read(&after) == 0 && snap_good(&after);
	remote = SNAP_SUM(after.cpus, after.st.nr_cpus, remote_frees) -
		 SNAP_SUM(before.cpus, before.st.nr_cpus, remote_frees);
	right &= remote >= ARRAY_SIZE(held) / 2;
	right &= after.st.live_objects == before.st.live_objects && unit_books_right();
	for (u32 i = 0; i < after.st.nr_nodes; i++)
		right &= after.nodes[i].live_objects == before.nodes[i].live_objects;
	lane_release(SIZE_MAX);
	right &= snap_read(&after) == 0 && after.st.cpu_cached == 0 && unit_books_right();
	ksft_test_result(right, "what is freed elsewhere goes home, and is counted (%llu)",
			 (unsigned long long)remote);
}

/* One node's memory is used up: the next one's serves. */
static void test_no_memory(void)
{
	static void *held[40];
	bool elsewhere = false, right = true;

	run_on_cpu(unit_cpus[0]);
	no_memory_from = space.base;
	no_memory_to = space.base + (2ULL << HOME_SHIFT);
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		held[i] = lane_malloc(i % 2 ? MIB(10) : KIB(32));
		right &= held[i] != NULL;
		elsewhere |= lane_node_of(held[i]) == LAST;
	}
	right &= !lane_malloc_onnode(MIB(1024), SECOND);
	no_memory_to = UINTPTR_MAX;
	errno = 0;
	right &= !lane_malloc(MIB(1024)) && errno == ENOMEM;
	no_memory_to = 0;
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		lane_free(held[i]);
	ksft_test_result(right && elsewhere && unit_books_right(),
			 "where a node has no memory left another one's is given");
}

/* In a child, whose collected heap has threads. 0, or what is wrong. */
static int collected_elsewhere(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	bool elsewhere = false;

	unit_no_background();
	if (lane_gc_init(&o) || lane_gc_attach() || lane_prof_set_rate(KIB(32)))
		return 1;
	run_on_cpu(unit_cpus[0]);
	no_memory_from = space.base;
	no_memory_to = space.base + (2ULL << HOME_SHIFT);
	for (size_t i = 0; i < 400; i++) {
		void *p = lane_gc_alloc_conservative(i % 2 ? MIB(1) : KIB(32));

		if (!p)
			return 2;
		elsewhere |= node_heaps[addr_to_home(p)]->node == LAST;
	}
	no_memory_to = 0;
	if (!elsewhere)
		return 3;
	return lane_gc_collect() || lane_gc_verify() || !unit_books_right() ? 4 : 0;
}

static void test_collected_no_memory(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(collected_elsewhere());
	waitpid(pid, &status, 0);
	ksft_test_result(status == 0, "to collected objects, too (%#x)", status);
}

/* In a child all of it goes on. */
static void test_fork(void)
{
	void *p = lane_malloc_onnode(1000, SECOND);
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		lane_free(p);
		p = lane_malloc_onnode(1000, LAST);
		_exit(lane_node_of(p) == LAST && unit_books_right() ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	lane_free(p);
	ksft_test_result(status == 0, "a child of fork has the same heaps");
}

struct surroundings {
	const char *how, *conf, *text, *line; /* of heapinfo */
	u32 homes;
};

static const struct surroundings all[] = {
	{"l", "", "memory is local by a policy", "\nbinding nodes\n", 3},
	{"b", "", "mbind is refused for one", "\nbinding partly: mbind was refused\n", 3},
	{"p", "", "a policy of the process' own",
	 "\nbinding none: the process has a memory policy of its own\n", 1},
	{"n", "verbose:true", "libnuma is missing",
	 "\nbinding none: libnuma.so.1 is missing or knows one node only\n", 1},
	{"s", "", "libnuma lacks a function",
	 "\nbinding none: libnuma.so.1 is missing or knows one node only\n", 1},
	{"a", "", "libnuma says that there are no nodes",
	 "\nbinding none: libnuma.so.1 is missing or knows one node only\n", 1},
	{"o", "", "one node has memory",
	 "\nbinding none: libnuma.so.1 is missing or knows one node only\n", 1},
	{"", "numa:off", "numa:off", "\nbinding none: asked for by LANE_CONF\n", 1},
	{"r", "", "address space is limited",
	 "\nbinding none: too little address space for a range for each node\n", 1},
	{"m", "", "no memory for the second heap", "\nbinding nodes\n", 1},
	{"f", "", "membarrier is refused after the start",
	 "\nbinding none: membarrier is refused\n", 1},
	{"e", "", "a CPU's caches are in use before the constructor", "\nbinding nodes\n", 3},
	{"ef", "", "and membarrier is refused after the start",
	 "\nbinding none: membarrier is refused\n", 1},
	{"", "mode:lock", "lock mode", "\nmode lock\n", 3},
	{"", "check:full", "check:full", "\nbinding nodes\n", 3},
	{"", "prof_rate:4096", "a heap profile", "\nbinding nodes\n", 3},
};

/* A class' objects of all nodes wait together: as many as of one node, and not much fewer. */
static bool waits_for_all(size_t size)
{
	static void *held[3000];
	static const int nodes[] = {FIRST, SECOND, LAST};
	static struct snap snap;
	u64 most, bytes;

	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(held); i++)
			held[i] = lane_malloc_onnode(size, round ? nodes[i % 3] : FIRST);
		for (size_t i = 0; i < ARRAY_SIZE(held); i++)
			lane_free(held[i]);
	}
	snap_read(&snap);
	bytes = snap.classes[snap_class(&snap, size + 1)].size;
	most = max((u64)KIB(32), 4 * bytes);
	bytes = snap.classes[snap_class(&snap, size + 1)].quarantine;
	if (bytes <= most && bytes >= most / 4)
		return true;
	fprintf(stderr, "%zu bytes: %llu wait\n", size, (unsigned long long)bytes);
	return false;
}

/* In a process of those surroundings: it says what it should, and works. */
static int look(const struct surroundings *s)
{
	static void *held[300];

	no_memory_to = 0;
	lane_free(early);
	/* Where lock mode is all there is no fence is needed. */
	if (has('f') && mode == LANE_MODE_LOCK)
		return nr_homes != 3;
	if (!heapinfo_has(s->line) || nr_homes != s->homes)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		unit_pin((unsigned int)i);
		held[i] = i % 3 ? lane_malloc(16 * i) : lane_malloc_onnode(1000 * i, FIRST);
		if (!held[i] || (s->homes == 1 && lane_node_of(held[i]) != FIRST))
			return 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		unit_pin((unsigned int)(i / 7));
		lane_free(held[i]);
	}
	if (check.on && !(waits_for_all(40) && waits_for_all(1000) && waits_for_all(20000)))
		return 4;
	return unit_books_right() && !unit_live() ? 0 : 3;
}

static void test_surroundings(unsigned int n)
{
	const struct surroundings *s = &all[n];
	struct rlimit limit = {(200ULL << 30), (200ULL << 30)};
	char number[8];
	int status = -1;
	pid_t pid;

#ifdef __SANITIZE_ADDRESS__
	if (*s->how == 'r') {
		ksft_test_result_skip("%s: the sanitizer needs more", s->text);
		return;
	}
#endif
	pid = fork();
	if (!pid) {
		snprintf(number, sizeof(number), "%u", n);
		setenv("MADE_UP", s->how, 1);
		setenv("LANE_CONF", s->conf, 1);
		if (*s->how == 'r')
			setrlimit(RLIMIT_AS, &limit);
		execl("/proc/self/exe", "made_up_nodes", number, NULL);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	ksft_test_result(status == 0, "%s: heapinfo says so, and all works (%#x)", s->text, status);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return look(&all[atoi(argv[1])]);
	ksft_print_header();
#ifdef __SANITIZE_THREAD__
	ksft_exit_skip("beside the sanitizer's own there is no room for several heaps");
#endif
	ksft_set_plan(7 + ARRAY_SIZE(all));
	test_homes();
	test_onnode();
	test_way_home();
	test_no_memory();
	test_collected_no_memory();
	test_fork();
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		test_surroundings(i);
	ksft_finished();
}
