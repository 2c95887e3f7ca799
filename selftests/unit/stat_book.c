// SPDX-License-Identifier: MIT
/*
 * Books of the locked layers: what a reader finds is what each of them held at
 * one instant. Writers add to book A and then to book B, so at any cut A is
 * ahead of B by at most one operation of each; the reader sleeps now and then
 * between the two. Read without a generation, they are seen further apart.
 */
#include "unit.h"

#include "snapshot.h"
#include "spinlock.h"
#include "stat.h"

#define WRITERS 3

static struct stat_book a, b;
static struct spinlock lock_a = SPINLOCK_INIT(RANK_TRANSFER);
static struct spinlock lock_b = SPINLOCK_INIT(RANK_CENTRAL);
static _Atomic bool stop;
static _Atomic uint64_t done;

/* Two items together, one level up and down. */
static void write_book(struct stat_book *book, struct spinlock *lock)
{
	spin_lock(lock);
	book_begin(book);
	book_add(book, 0, 1);
	book_add(book, 1, 3);
	book_sub(book, 2, 2);
	book_add(book, 2, 2);
	book_end(book);
	spin_unlock(lock);
}

static void *writer(void *arg)
{
	uint64_t n = 0;

	unit_pin((unsigned int)(uintptr_t)arg);
	for (; !atomic_load(&stop); n++) {
		write_book(&a, &lock_a);
		write_book(&b, &lock_b);
	}
	atomic_fetch_add(&done, n);
	return NULL;
}

/* As snapshot_flip(), for books alone; the caller is the only reader. */
static u64 flip(void)
{
	u64 gen = hot.gen + (1u << WORD_IDX_BITS);

	WRITE_ONCE(hot.gen, gen);
	smp_mb(); /* pairs with book_begin() */
	return gen;
}

/* Now and then; else reads follow each other so fast that they meet writers at every step. */
static void nap(uint64_t reads)
{
	if (reads % 64 == 0)
		nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

struct seen {
	uint64_t reads, torn, apart;
	int64_t ahead, behind;
};

static void read_both(struct seen *s, bool a_first, u64 gen)
{
	u64 in_a[BOOK_ITEMS], in_b[BOOK_ITEMS];
	int64_t ahead;

	for (int i = 0; i < 2; i++) {
		struct stat_book *book = (i == 0) == a_first ? &a : &b;
		u64 *to = book == &a ? in_a : in_b;

		seq_settle(&book->seq);
		book_read(book, gen, to);
		s->torn += to[1] != 3 * to[0] || to[2] != 0;
		if (i == 0)
			nap(s->reads);
	}
	ahead = (int64_t)(in_a[0] - in_b[0]);
	s->apart += ahead < 0 || ahead > WRITERS;
	s->ahead = max(s->ahead, ahead);
	s->behind = min(s->behind, ahead);
	s->reads++;
}

static struct seen watch(double seconds, bool plain)
{
	struct seen s = {0};

	snapshot_lock();
	for (double end = ksft_now() + seconds; ksft_now() < end;)
		read_both(&s, s.reads / 64 % 2, plain ? ~0ULL : flip());
	snapshot_unlock();
	ksft_print_msg("%s: %llu reads, A ahead of B by %lld..%lld of 0..%d",
		       plain ? "plain" : "cut", (unsigned long long)s.reads, (long long)s.behind,
		       (long long)s.ahead, WRITERS);
	return s;
}

int main(void)
{
	double seconds = ksft_quick() ? 0.5 : 2;
	u64 out[BOOK_ITEMS], gen;
	pthread_t t[WRITERS];
	struct seen s, twin;

	ksft_print_header();
	ksft_set_plan(5);
	lane_free(lane_malloc(1)); /* start: generation 1 */
	write_book(&a, &lock_a);
	write_book(&b, &lock_b);
	gen = flip();
	write_book(&a, &lock_a);
	book_read(&a, gen, out);
	ksft_test_result(out[0] == 1 && a.cur[0] == 2, "written since: as it was at the flip");
	book_read(&b, gen, out);
	ksft_test_result(out[0] == 1 && b.gen != gen, "not written since: as it is");
	write_book(&b, &lock_b);
	for (uintptr_t i = 0; i < WRITERS; i++)
		start_thread(&t[i], writer, (void *)i);
	s = watch(seconds, false);
	twin = watch(seconds / 2, true);
	atomic_store(&stop, true);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	ksft_test_result(s.reads > 100 && !s.torn && !s.apart, "one state of both in each read");
	ksft_test_result(twin.apart > 0, "read without a generation: impossible states");
	gen = flip();
	book_read(&a, gen, out);
	ksft_test_result(out[0] == done + 2 && a.cur[0] == b.cur[0], "no operation is lost");
	ksft_finished();
}
