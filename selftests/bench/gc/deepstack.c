// SPDX-License-Identifier: MIT
/*
 * How long a thread with a deep stack stands still while whole collections run
 * one after the other: deepstack SECONDS [KIB] [LIVE]
 *
 * The thread goes KIB KiB down, with references in each frame, and looks at
 * the clock there. From a gap the time is taken off that the thread waited for
 * a CPU, by the kernel's account: that is no stop. Raw gaps have it in. Each
 * collection marks LIVE objects of 64 bytes.
 */
#include "heap.h"
#include "hist.h"

#define FRAME_REFS 112
#define FRAME_BYTES 1024
#define NOTICE_NS 2000

struct node {
	struct node *a, *b;
	uint64_t number, pad[5];
};

static struct heap_type node_type;
static struct node *live; /* a root */
static atomic_bool stop, deep;
static struct hist gaps, raw;
static size_t stack_bytes;

/* ns that the thread was ready to run and had no CPU; 0 where the kernel does not tell. */
static uint64_t waited_ns(int fd)
{
	char buf[128];
	ssize_t len = fd < 0 ? -1 : pread(fd, buf, sizeof(buf) - 1, 0);
	char *second;

	if (len <= 0)
		return 0;
	buf[len] = 0;
	second = strchr(buf, ' ');
	return second ? strtoull(second, NULL, 10) : 0;
}

static void look_at_clock(void)
{
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	uint64_t waited = waited_ns(fd), before = now_ns();

	hist_clear(&gaps);
	hist_clear(&raw);
	before = now_ns();
	atomic_store(&deep, true);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint64_t now = now_ns();

		if (now - before > NOTICE_NS) {
			uint64_t again = waited_ns(fd), gap = now - before;

			hist_add(&raw, gap);
			hist_add(&gaps, gap > again - waited ? gap - (again - waited) : 0);
			waited = again;
			now = now_ns();
		}
		before = now;
	}
	close(fd);
}

static __attribute__((noinline)) uint64_t down(const char *top)
{
	struct node *refs[FRAME_REFS];
	uint64_t sum = 0;

	for (int i = 0; i < FRAME_REFS; i++) {
		refs[i] = i % 16 ? live : heap_new(&node_type);
		refs[i]->number = 1;
	}
	keep(refs);
	if ((size_t)(top - (char *)__builtin_frame_address(0)) < stack_bytes)
		sum = down(top);
	else
		look_at_clock();
	for (int i = 0; i < FRAME_REFS; i++)
		sum += refs[i]->number;
	return sum;
}

static void *dive(void *arg)
{
	size_t least = stack_bytes / (FRAME_BYTES * 2) * FRAME_REFS;

	(void)arg;
	if (down(__builtin_frame_address(0)) < least)
		die("deepstack: a reference was lost");
	return NULL;
}

static void grow(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct node *node = heap_new(&node_type);

		heap_store(&node->a, live);
		heap_null(&node->b);
		node->number = 1;
		heap_store(&live, node);
	}
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 5;
	uint64_t begin;
	pthread_t diver;

	heap_start();
	heap_root(&live, sizeof(live));
	stack_bytes = arg_num(argc, argv, 2, 64) << 10;
	node_type = heap_type("node", sizeof(struct node), 3);
	grow(arg_num(argc, argv, 3, 1000000));
	if (pthread_create(&diver, NULL, dive, NULL))
		die("deepstack: pthread_create");
	while (!atomic_load(&deep))
		sleep_ms(1);
	heap_window();
	begin = now_ns();
	while ((double)(now_ns() - begin) < seconds * 1e9) {
		if (HEAP_MANUAL)
			sleep_ms(10);
		else
			heap_collect();
	}
	heap_figures();
	atomic_store(&stop, true);
	pthread_join(diver, NULL);
	hist_put(&gaps, "gap");
	put("gap.count", (double)gaps.n, "count");
	hist_put(&raw, "raw_gap");
	return 0;
}
