// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * Under a low RLIMIT_AS or RLIMIT_DATA every function gives NULL and ENOMEM in the end; the
 * books still add up, and once the objects are freed allocation goes on.
 */
#include "snapshot.h"

#include <sys/resource.h>

static struct snap snap;

#define GIB_OR_SO MIB(1024)
#define PATIENCE 120 /* seconds; long for slow guests */

enum {
	BAD_ERRNO = 1,
	BAD_BOOKS = 2,
	BAD_CONTENT = 4,
	BAD_REUSE = 8,
	BAD_NEVER = 16,
	BAD_LOST = 32
};

/* Private writable memory, which RLIMIT_DATA counts. */
static size_t data_bytes(void)
{
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f) {
		if (fscanf(f, "%*u %*u %*u %*u %*u %zu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Address space that is set aside already escapes RLIMIT_AS; this does not. */
static void limit_data(size_t more)
{
	size_t now = data_bytes();
	struct rlimit lim = {now + more, now + more};

	if (now == 0 || setrlimit(RLIMIT_DATA, &lim) != 0)
		_exit(99);
}

struct chain {
	struct chain *next;
	size_t size;
};

/* Allocate until NULL, every block linked and filled. */
static struct chain *take_all(size_t size, int *bad, uint64_t *count)
{
	struct chain *head = NULL;

	for (*count = 0;; ++*count) {
		struct chain *c;

		if (*count * size > MIB(4096)) {
			*bad |= BAD_NEVER;
			return head;
		}
		errno = 0;
		c = get(size);
		if (!c)
			break;
		c->size = size;
		pattern_fill(c + 1, size - sizeof(*c), *count);
		c->next = head;
		head = c;
	}
	if (errno != ENOMEM)
		*bad |= BAD_ERRNO;
	return head;
}

static void give_all(struct chain *head, int *bad, uint64_t count)
{
	while (head) {
		struct chain *next = head->next;

		if (!pattern_holds(head + 1, head->size - sizeof(*head), --count))
			*bad |= BAD_CONTENT;
		put(head);
		head = next;
	}
}

/* Everything else must fail as cleanly while there is nothing left. */
static void others_fail_too(struct chain *head, size_t size, int *bad)
{
	void *out = &out;

	errno = 0;
	if (opaque(calloc(16, opaque_size(MIB(64)))) || errno != ENOMEM)
		*bad |= BAD_ERRNO;
	errno = 0;
	if (opaque(aligned_alloc(MIB(4), opaque_size(GIB_OR_SO))) || errno != ENOMEM)
		*bad |= BAD_ERRNO;
	errno = 0;
	if (opaque(realloc(opaque(head), opaque_size(GIB_OR_SO))) || errno != ENOMEM)
		*bad |= BAD_ERRNO;
	if (head && head->size != size)
		*bad |= BAD_CONTENT;
	if (posix_memalign(&out, 64, opaque_size(GIB_OR_SO)) != ENOMEM || out != &out)
		*bad |= BAD_ERRNO;
}

static int use_up(void *arg)
{
	size_t size = (size_t)arg;
	uint64_t first, second, live;
	int bad = 0;
	struct chain *head;

	snap_read(&snap);
	live = snap.st.live_objects;
	head = take_all(size, &bad, &first);
	others_fail_too(head, size, &bad);
	if (snap_read(&snap) != 0 || !snap_good(&snap))
		bad |= BAD_BOOKS;
	if (snap.st.live_objects != live + first)
		bad |= BAD_LOST;
	give_all(head, &bad, first);
	snap_read(&snap);
	if (!snap_good(&snap))
		bad |= BAD_BOOKS;
	if (snap.st.live_objects != live)
		bad |= BAD_LOST;

	/* All of it can be used again, in other sizes too. */
	head = take_all(size * 3 + 100, &bad, &second);
	give_all(head, &bad, second);
	if (second * (size * 3 + 100) < first * size / 3)
		bad |= BAD_REUSE;
	head = take_all(size, &bad, &second);
	give_all(head, &bad, second);
	if (second < first - first / 8)
		bad |= BAD_REUSE;
	ksft_print_msg("%zu bytes: %llu blocks, then %llu", size, (unsigned long long)first,
		       (unsigned long long)second);
	return bad;
}

static void *use_up_too(void *arg)
{
	struct chain *head;
	uint64_t count;
	int *bad = arg;

	for (int i = 0; i < 3; i++) {
		head = take_all(1000 + (size_t)i * 3000, bad, &count);
		give_all(head, bad, count);
	}
	return NULL;
}

static int threads_use_up(void *arg)
{
	pthread_t t[4];
	int bad[4] = {0};

	limit_data((size_t)arg);
	for (int i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, use_up_too, &bad[i]) != 0)
			return 98;
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		bad[0] |= bad[i];
	}
	if (snap_read(&snap) != 0 || !snap_good(&snap))
		bad[0] |= BAD_BOOKS;
	return bad[0];
}

static int use_up_data(void *arg)
{
	limit_data(MIB(32));
	return use_up(arg);
}

/* Set the limit, then start again: the heap is set up under it. */
static int use_up_address_space(void *arg)
{
	struct rlimit lim = {MIB(160), MIB(160)};
	char size[32];

	snprintf(size, sizeof(size), "%zu", (size_t)arg);
	setrlimit(RLIMIT_AS, &lim);
	execl("/proc/self/exe", "out_of_memory", size, (char *)NULL);
	return 97;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {32, 256, 3000, KIB(20), KIB(200), MIB(1), MIB(5)};

	if (argc > 1)
		return use_up((void *)(uintptr_t)strtoul(argv[1], NULL, 10));

	ksft_print_header();
#ifdef SANITIZER
	ksft_exit_skip("%s itself needs more memory than the limits leave", SANITIZER);
#endif
	ksft_set_plan(2 * (ARRAY_SIZE(sizes) - ksft_quick()) + 1);
	ksft_print_msg("faults: 1 errno 2 books 4 content 8 reuse 16 never NULL 32 objects lost");
	for (size_t i = ksft_quick(); i < ARRAY_SIZE(sizes); i++) { /* the smallest takes longest */
		void *size = (void *)(uintptr_t)sizes[i];
		int bad = in_child(use_up_address_space, size, PATIENCE);

		ksft_test_result(bad == 0, "RLIMIT_AS, objects of %zu bytes (%d)", sizes[i], bad);
		bad = in_child(use_up_data, size, PATIENCE);
		ksft_test_result(bad == 0, "RLIMIT_DATA, objects of %zu bytes (%d)", sizes[i], bad);
	}
	ksft_test_result(in_child(threads_use_up, (void *)(uintptr_t)MIB(80), PATIENCE) == 0,
			 "RLIMIT_DATA, four threads at once");
	ksft_finished();
}
