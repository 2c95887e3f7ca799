// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=check:full,mode:lock
// variant: prof LANE_CONF=check:full,prof_rate:1024
// variant: no-rseq LANE_CONF=check:full GLIBC_TUNABLES=glibc.pthread.rseq=0
/*
 * A program that does nothing wrong, with check:full: what it frees waits in the
 * quarantine, which is in the books to the byte, bounded, and let go with its thread.
 */
#include "same_as_walk.h"

static struct snap before, after, walked;

static uint64_t class_size(size_t size)
{
	return before.classes[snap_class(&before, (size < 8 ? 8 : size) + 1)].size;
}

static bool books_right(void)
{
	return !snap_read(&after) && !snap_walk(&walked) && snap_good(&after) &&
	       snap_faults(&walked, true) == 0 && snap_differences(&after, &walked) == 0;
}

/* Let other objects of the class push out what waits there. */
static void flood(size_t size, int n)
{
	for (int i = 0; i < n; i++)
		put(get(size));
}

static bool a_free_moves_bytes(size_t size)
{
	uint64_t bytes;
	void *p;

	put(get(size)); /* the class has all it needs */
	p = get(size);
	snap_read(&before);
	bytes = size > 32767 ? malloc_usable_size(p) + 8192 - malloc_usable_size(p) % 8192
			     : class_size(size);
	put(p);
	snap_read(&after);
	if (after.st.frees == before.st.frees + 1 && after.st.mallocs == before.st.mallocs &&
	    after.st.in_use == before.st.in_use - bytes &&
	    after.st.quarantine == before.st.quarantine + bytes &&
	    after.st.mapped == before.st.mapped)
		return books_right();
	ksft_print_msg("%zu: in_use %lld, quarantine %lld", size,
		       (long long)(after.st.in_use - before.st.in_use),
		       (long long)(after.st.quarantine - before.st.quarantine));
	return false;
}

static bool counts(void)
{
	bool good = true;

	for (size_t size = 0; size < 300; size += 7)
		good &= a_free_moves_bytes(size);
	for (size_t size = 500; size < KIB(100); size += size / 3)
		good &= a_free_moves_bytes(size);
	return good;
}

static bool usable_is_asked_for(void)
{
	bool good = true;

	for (size_t size = 0; size < KIB(70); size += 1 + size / 50) {
		void *p = get(size), *q = opaque(aligned_alloc(256, opaque_size(size)));

		good &= malloc_usable_size(p) == size && malloc_usable_size(q) == size;
		memset(p, 0x77, size);
		memset(q, 0x77, size);
		put(p);
		put(q);
	}
	return good;
}

/* While it waits nobody gets it. */
static bool waits(size_t size, int others)
{
	void *p = get(size);
	bool good = true;

	put(p);
	for (int i = 0; i < others; i++) {
		void *q = get(size);

		good &= q != p;
		put(q);
	}
	return good;
}

/* 32k of each class, or 4 objects, rounded to a power of two of objects. */
static bool is_bounded(void)
{
	bool good = true;

	for (size_t size = 8; size < KIB(31); size += 1 + size / 4)
		flood(size, 5000);
	snap_read(&after);
	for (unsigned int c = 0; c + 1 < after.st.nr_classes; c++) {
		uint64_t most = after.classes[c].size * 4;

		good &= after.classes[c].quarantine <= (most > KIB(32) ? most : KIB(32));
	}
	for (int i = 0; i < 200; i++)
		flood(KIB(100), 1);
	snap_read(&after);
	good &= after.classes[after.st.nr_classes - 1].quarantine <= 16 * KIB(32);
	return good && after.st.quarantine > 0 && books_right();
}

static bool zeroed(void)
{
	bool good = true;

	for (size_t size = 1; size < KIB(40); size += size / 2 + 1) {
		flood(size, 1100);
		for (int i = 0; i < 50; i++) {
			char *p = opaque(calloc(1, opaque_size(size)));

			for (size_t at = 0; at < size; at++)
				good &= !p[at];
			put(p);
		}
	}
	return good;
}

static bool resized(void)
{
	char *p = get(1000), *q;
	bool good;

	memset(p, 0x44, 1000);
	q = opaque(realloc(p, opaque_size(900)));
	good = q == p && malloc_usable_size(q) == 900;
	q = opaque(realloc(q, opaque_size(901))); /* more than asked for, though not than it has */
	good &= q && malloc_usable_size(q) == 901;
	for (int i = 0; i < 900; i++)
		good &= q[i] == 0x44;
	q = opaque(realloc(q, opaque_size(MIB(1))));
	good &= q && malloc_usable_size(q) == MIB(1) && q[899] == 0x44;
	q = opaque(realloc(q, opaque_size(KIB(512) + 5)));
	good &= q && malloc_usable_size(q) == KIB(512) + 5 && q[899] == 0x44;
	put(q);
	return good && books_right();
}

static void *frees_some(void *arg)
{
	(void)arg;
	for (size_t size = 10; size < 2000; size += 50)
		flood(size, 100);
	return NULL;
}

static bool ends_with_its_thread(void)
{
	pthread_t t;

	start_thread(&t, frees_some, NULL);
	pthread_join(t, NULL);
	snap_read(&before);
	for (int i = 0; i < 20; i++) {
		start_thread(&t, frees_some, NULL);
		pthread_join(t, NULL);
	}
	books_right();
	/* What starting a thread takes and frees in this one aside. */
	return after.st.quarantine <= before.st.quarantine + KIB(16) && books_right();
}

static _Atomic int ready;
static _Atomic bool stop;

static void *holds_some(void *arg)
{
	frees_some(arg);
	atomic_fetch_add(&ready, 1);
	while (!atomic_load(&stop))
		usleep(1000);
	return NULL;
}

static bool fork_lets_go(void)
{
	uint64_t mine, with_threads;
	pthread_t t[4];
	int status = 1;
	pid_t pid;

	snap_read(&before);
	mine = before.st.quarantine;
	for (int i = 0; i < 4; i++)
		start_thread(&t[i], holds_some, NULL);
	while (atomic_load(&ready) < 4)
		usleep(1000);
	snap_read(&before);
	with_threads = before.st.quarantine;
	pid = fork();
	if (pid == 0)
		_exit(books_right() && after.st.quarantine <= mine + KIB(16) ? 0 : 1);
	waitpid(pid, &status, 0);
	atomic_store(&stop, true);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	return status == 0 && with_threads > mine + KIB(64);
}

/* What the profile says is in use comes back to what it was: samples end at the free. */
static long long profiled(void)
{
	static char text[1 << 20];
	char *at;

	if (lane_proc_read("profile", text, sizeof(text)) < 0)
		return -1;
	at = strstr(text, "# inuse_bytes ");
	return at ? atoll(at + 14) : -1;
}

static bool profile_ends_at_the_free(void)
{
	static void *p[3000];
	long long was;

	flood(100, 10);
	was = profiled();
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = get(i % 900);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	return was >= 0 && profiled() == was;
}

int main(int argc, char **argv)
{
	(void)argc;
	if (!getenv("LANE_CONF")) {
		setenv("LANE_CONF", "check:full", 1);
		execv("/proc/self/exe", argv);
	}
	ksft_print_header();
	ksft_set_plan(10);
	ksft_test_result(counts(), "a free moves the object's bytes from in_use to quarantine");
	ksft_test_result(usable_is_asked_for(), "the usable size is what was asked for");
	ksft_test_result(waits(64, 100) && waits(1000, 20) && waits(30000, 3) && waits(KIB(60), 3),
			 "what was freed is not handed out while it waits");
	ksft_test_result(is_bounded(), "the quarantine is bounded");
	ksft_test_result(zeroed(), "calloc of what was poisoned is zero");
	ksft_test_result(resized(), "realloc in place and moving; the canary follows");
	ksft_test_result(ends_with_its_thread(), "a thread that ends lets go");
	ksft_test_result(fork_lets_go(), "so does a child, of threads that it does not have");
	ksft_test_result(profile_ends_at_the_free(), "a sample ends at the free");
	ksft_test_result(books_right(), "in the end the books are what a walk finds");
	ksft_finished();
}
