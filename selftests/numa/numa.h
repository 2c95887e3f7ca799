/* SPDX-License-Identifier: MIT */
/*
 * numa.h - what the kernel itself says about nodes and pages
 *
 * Read from sysfs and by system calls, without libnuma and without malloc: the
 * library under test must not be its own witness. Tests use the CPUs and nodes
 * that they are allowed at their start, so that they can run under taskset and
 * numactl.
 */
#ifndef LANE_NUMA_H
#define LANE_NUMA_H

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../api/common.h"

#define NUMA_NODES 64
#define NUMA_CPUS 1024
#define NUMA_PAGE 4096

struct numa_node {
	int id;
	bool memory; /* has some that this process may use */
	int nr_cpus; /* allowed ones */
	int cpus[NUMA_CPUS];
};

struct numa_map {
	int nr_nodes;
	struct numa_node nodes[NUMA_NODES];
	int nr_both; /* nodes with CPUs and memory */
	struct numa_node *both[NUMA_NODES];
};

/* One wrong page means many: the first few are said. */
#define NUMA_MESSAGES 8

static inline bool numa_may_say(void)
{
	static int said;

	return said++ < NUMA_MESSAGES;
}

static inline bool numa_read_text(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, len - 1);
	close(fd);
	if (n < 0)
		return false;
	buf[n] = '\0';
	return true;
}

static inline bool numa_write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text);
}

/* Parses "0-3,8"; returns how many numbers it names. */
static inline int numa_parse_list(const char *text, int *out, int room)
{
	int n = 0;

	while (*text >= '0' && *text <= '9') {
		char *end;
		long first = strtol(text, &end, 10);
		long last = *end == '-' ? strtol(end + 1, &end, 10) : first;

		for (; first <= last && n < room; first++)
			out[n++] = (int)first;
		text = *end == ',' ? end + 1 : end;
	}
	return n;
}

static inline int numa_read_list(const char *path, int *out, int room)
{
	char text[4096];

	return numa_read_text(path, text, sizeof(text)) ? numa_parse_list(text, out, room) : 0;
}

static inline uint64_t numa_mems_allowed(void)
{
	uint64_t mask[16] = {0};

	if (syscall(SYS_get_mempolicy, NULL, mask, 1024, NULL, MPOL_F_MEMS_ALLOWED) != 0)
		return 1;
	return mask[0];
}

static inline void numa_read_map(struct numa_map *m)
{
	int ids[NUMA_NODES], memory[NUMA_NODES];
	int with_memory = numa_read_list("/sys/devices/system/node/has_memory", memory, NUMA_NODES);
	uint64_t mems = numa_mems_allowed();
	cpu_set_t allowed;

	memset(m, 0, sizeof(*m));
	sched_getaffinity(0, sizeof(allowed), &allowed);
	m->nr_nodes = numa_read_list("/sys/devices/system/node/online", ids, NUMA_NODES);
	for (int i = 0; i < m->nr_nodes; i++) {
		struct numa_node *n = &m->nodes[i];
		char path[80];
		int kept = 0;

		n->id = ids[i];
		for (int k = 0; k < with_memory; k++)
			n->memory |= memory[k] == n->id && (mems >> n->id & 1);
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", n->id);
		n->nr_cpus = numa_read_list(path, n->cpus, NUMA_CPUS);
		for (int k = 0; k < n->nr_cpus; k++)
			if (CPU_ISSET(n->cpus[k], &allowed))
				n->cpus[kept++] = n->cpus[k];
		n->nr_cpus = kept;
		if (n->memory && n->nr_cpus > 0)
			m->both[m->nr_both++] = n;
	}
}

/* Reads the map; ends the program with a skip where there are too few nodes. */
static inline void numa_need(struct numa_map *m, int both)
{
	numa_read_map(m);
	if (m->nr_both < both)
		ksft_exit_skip("needs %d nodes with allowed CPUs and memory, there %s %d", both,
			       m->nr_both == 1 ? "is" : "are", m->nr_both);
}

static inline const struct numa_node *numa_find(const struct numa_map *m, int id)
{
	for (int i = 0; i < m->nr_nodes; i++)
		if (m->nodes[i].id == id)
			return &m->nodes[i];
	return NULL;
}

static inline void numa_pin(int cpu)
{
	if (run_on_cpu(cpu) != 0)
		ksft_exit_fail_msg("sched_setaffinity to CPU %d: %s", cpu, strerror(errno));
}

/* The task's policy as its mode and nodes. */
static inline int numa_policy(uint64_t *nodes)
{
	uint64_t mask[16] = {0};
	int mode = -1;

	if (syscall(SYS_get_mempolicy, &mode, mask, 1024, NULL, 0) != 0)
		return MPOL_DEFAULT;
	*nodes = mask[0];
	return mode;
}

static inline void numa_touch(void *p, size_t size)
{
	volatile char *c = p;

	for (size_t i = 0; i < size; i += NUMA_PAGE)
		c[i] = 1;
	if (size)
		c[size - 1] = 1;
}

/* A page that the kernel is moving just now has no node for a moment. */
static inline int numa_page_node(void *page)
{
	int status = -ENOENT;

	for (int tries = 0; tries < 200; tries++) {
		(void)*(volatile char *)page;
		if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, 0) != 0)
			return -errno;
		if (status >= 0)
			break;
		usleep(1000);
	}
	return status;
}

/* Adds to @count[node] one for each touched page of the object; false where move_pages fails. */
static inline bool numa_count_pages(const void *p, size_t size, unsigned int *count)
{
	uintptr_t page = (uintptr_t)p & ~(uintptr_t)(NUMA_PAGE - 1);
	uintptr_t end = (uintptr_t)p + (size ? size : 1);

	while (page < end) {
		void *pages[256];
		int status[256];
		unsigned long n = 0;

		for (; page < end && n < 256; page += NUMA_PAGE)
			pages[n++] = (void *)page;
		if (syscall(SYS_move_pages, 0, n, pages, NULL, status, 0) != 0) {
			ksft_print_msg("move_pages: %s", strerror(errno));
			return false;
		}
		for (unsigned long i = 0; i < n; i++) {
			int node = status[i] < 0 ? numa_page_node(pages[i]) : status[i];

			if (node < 0 || node >= NUMA_NODES) {
				ksft_print_msg("move_pages: page %p: %s", pages[i],
					       strerror(-node));
				return false;
			}
			count[node]++;
		}
	}
	return true;
}

/* Touches the object; true where all of its pages lie on @node. */
static inline bool numa_lies_on(void *p, size_t size, int node)
{
	unsigned int count[NUMA_NODES] = {0};

	numa_touch(p, size);
	if (!numa_count_pages(p, size, count))
		return false;
	for (int i = 0; i < NUMA_NODES; i++)
		if (i != node && count[i]) {
			if (numa_may_say())
				ksft_print_msg("%zu bytes at %p: %u pages on node %d, not on %d",
					       size, p, count[i], i, node);
			return false;
		}
	return true;
}

/* Room for a test's own records, outside the heap under test. */
static inline void *numa_room(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s", strerror(errno));
	return p;
}

#endif /* LANE_NUMA_H */
