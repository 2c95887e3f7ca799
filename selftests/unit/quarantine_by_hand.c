// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=check:full,mode:lock
/*
 * check:full in moments that last some instructions: a handler or a fork meets a quarantine that
 * is being changed, a thread ends inside a slow path, two threads free an object at once, an
 * object is written to between quarantine and reuse; that handler allocates beside a fork, forks
 * beside a reader, exits. Each is brought about by hand.
 */
#include "unit.h"

#include <lane/lane_prof.h>
#include <semaphore.h>

#include "check.h"
#include "quarantine_ring.h"
#include "slow_path.h"
#include "snapshot.h"

#define SIZE 100
#define MANY 3000

static void run(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	start_thread(&t, fn, arg);
	pthread_join(t, NULL);
}

static u32 class_of(const void *p)
{
	return span_of(p)->cls;
}

/* This thread's ring that the object belongs to. */
static struct ring *ring_for(const void *p)
{
	return &quarantine_mine->ring[ring_of(addr_to_home(p), class_of(p))];
}

/* Bytes in quarantine: of the class, of the home's node, of all. */
static bool counts(const struct snap *a, const struct snap *b, u32 cls, u32 home, u64 more)
{
	return b->classes[cls - 1].quarantine == a->classes[cls - 1].quarantine + more &&
	       b->nodes[home].quarantine == a->nodes[home].quarantine + more &&
	       b->st.quarantine == a->st.quarantine + more;
}

/* What waits is in the snapshot. */
static void test_statistics(void)
{
	static struct snap before, after;
	void *objs[3];
	u32 cls, home;

	for (size_t i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = lane_malloc(SIZE);
	cls = class_of(objs[0]);
	home = addr_to_home(objs[0]);
	lane_free(lane_malloc(SIZE));
	snap_read(&before);
	for (size_t i = 0; i < ARRAY_SIZE(objs); i++)
		lane_free(objs[i]);
	snap_read(&after);
	ksft_test_result(
		counts(&before, &after, cls, home, ARRAY_SIZE(objs) * size_classes[cls].size) &&
			unit_books_right() && unit_live() == 0,
		"what waits is counted, in its class and its node");
}

/* Bytes that wait after the free of a large object, with check_quarantine:@most. */
static u64 held_of_large(u64 most)
{
	static struct snap before, after;
	u64 was = conf.check_quarantine;

	/* Whatever waits there goes: no bytes are allowed but those of the last one. */
	conf.check_quarantine = KIB(104) / LARGE_SHARE;
	lane_free(lane_malloc(KIB(100)));
	conf.check_quarantine = most;
	snap_read(&before);
	lane_free(lane_malloc(KIB(100)));
	snap_read(&after);
	conf.check_quarantine = was;
	return after.st.quarantine - before.st.quarantine;
}

/* Sixteen times the setting may be more than a number can say: then all may wait. */
static void test_large_share(void)
{
	static const u64 mosts[] = {KIB(32), 1ULL << 60, (1ULL << 60) + 1, INT64_MAX};
	bool right = held_of_large(1) == 0;

	for (size_t i = 0; i < ARRAY_SIZE(mosts); i++)
		right &= held_of_large(mosts[i]) == KIB(104);
	ksft_test_result(right && unit_books_right() && unit_live() == 0,
			 "no setting is too much for large objects");
}

/* A handler that interrupted its thread in the quarantine frees: that waits for a slow path. */
static void test_handler_inside(void)
{
	char *p = lane_malloc(SIZE), *other = lane_malloc(SIZE);
	u32 before;
	bool right;

	lane_free(lane_malloc(SIZE));
	before = ring_waits(ring_for(p));
	quarantine_mine->seq++;
	lane_free(p);
	right = ring_waits(ring_for(p)) == before;
	quarantine_mine->seq++;
	lane_free(other);
	lane_release(SIZE_MAX);
	ksft_test_result(right && unit_books_right() && unit_live() == 0,
			 "a free in a handler that interrupted the quarantine waits");
}

static void *free_at_the_door(void *arg)
{
	void **objs = arg;

	/* Without a quarantine, then with one, but without a ring for the class. */
	slow_enter_always();
	lane_free(objs[0]);
	slow_exit();
	lane_free(lane_malloc(SIZE));
	slow_enter_always();
	lane_free(objs[1]);
	slow_exit();
	/* And while a fork has the quarantines closed. */
	slow_enter_always();
	WRITE_ONCE(quarantine_closed, 1);
	lane_free(objs[2]);
	WRITE_ONCE(quarantine_closed, 0);
	slow_exit();
	return NULL;
}

/* One that interrupted it in a slow path, and whose quarantine must be made. */
static void test_handler_at_the_door(void)
{
	void *objs[] = {lane_malloc(SIZE), lane_malloc(5 * SIZE), lane_malloc(SIZE)};

	run(free_at_the_door, objs);
	lane_release(SIZE_MAX);
	ksft_test_result(unit_books_right() && unit_live() == 0,
			 "so does one that interrupted a slow path");
}

static pthread_key_t later; /* its destructor runs after the quarantine's */
static bool sampled;

static void leave_slow_path(void *arg)
{
	(void)arg;
	slow_exit();
}

static void *end_inside(void *arg)
{
	(void)arg;
	lane_free(lane_malloc(SIZE));
	pthread_setspecific(later, &later);
	slow_enter_always();
	return NULL;
}

/* Its quarantine stays: what waits there is found by readers, and by the walk. */
static void test_thread_ends_inside(void)
{
	pthread_key_create(&later, leave_slow_path);
	run(end_inside, NULL);
	pthread_key_delete(later);
	ksft_test_result(unit_books_right() && unit_live() == 0,
			 "a thread ends inside a slow path");
}

#if defined(__x86_64__) && !defined(LANE_NO_RSEQ)
#define TRAP_FLAG 0x100

static u32 steps;
static bool shared;

static void on_step(int sig)
{
	(void)sig;
	steps++;
	shared |= quarantine_mine && !READ_ONCE(quarantine_mine->used);
}

static void stop_stepping(void *arg)
{
	(void)arg;
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~TRAP_FLAG);
}

static void *end_by_steps(void *arg)
{
	(void)arg;
	lane_free(lane_malloc(SIZE));
	pthread_setspecific(later, &later);
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | TRAP_FLAG);
	return NULL;
}

/*
 * A handler may come between any two instructions of a thread's end. At none of them is a
 * quarantine that the next thread may take still this one's.
 */
static void test_thread_ends_by_steps(void)
{
	struct sigaction sa = {.sa_handler = on_step}, before;

	if (!lanes_locked()) {
		ksft_test_result_skip("a restartable sequence never ends by steps");
		return;
	}
	sigaction(SIGTRAP, &sa, &before);
	pthread_key_create(&later, stop_stepping); /* runs behind the quarantine's */
	run(end_by_steps, NULL);
	pthread_key_delete(later);
	sigaction(SIGTRAP, &before, NULL);
	ksft_print_msg("%u instructions", steps);
	ksft_test_result(steps > 100 && !shared && unit_books_right() && unit_live() == 0,
			 "a quarantine has one thread while one ends");
}
#else
static void test_thread_ends_by_steps(void)
{
	ksft_test_result_skip("a quarantine has one thread while one ends");
}
#endif

#if defined(__SANITIZE_THREAD__)
/* It takes leave of a thread in the last round of destructors: behind it nothing may run. */
static void test_free_behind_destructors(void)
{
	ksft_test_result_skip("a quarantine whose thread has gone is taken over");
}
#else
#define ENDED 2000

static void free_behind_all(void *p)
{
	static __thread int rounds;

	if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS)
		pthread_setspecific(later, p);
	else
		lane_free(p);
}

static void *free_at_the_very_end(void *p)
{
	pthread_setspecific(later, p);
	return NULL;
}

/* Threads that free only when no destructor runs any more leave their quarantines to others. */
static void test_free_behind_destructors(void)
{
	static struct snap before, after;
	u64 held;

	pthread_key_create(&later, free_behind_all);
	for (int i = 0; i < ENDED; i++) {
		if (i == ENDED / 20)
			snap_read(&before);
		run(free_at_the_very_end, lane_malloc(SIZE));
	}
	pthread_key_delete(later);
	snap_read(&after);
	held = after.st.metadata - before.st.metadata;
	ksft_print_msg("%llu bytes more", (unsigned long long)held);
	ksft_test_result(held < MIB(1) && unit_books_right() && unit_live() == 0,
			 "a quarantine whose thread has gone is taken over");
}
#endif

static void free_last(void *p)
{
	lane_free(p);
}

static void *free_while_ending(void *arg)
{
	void *p = lane_malloc(SIZE);

	(void)arg;
	for (int i = 0; i < MANY && READ_ONCE(space.pagemap[addr_to_page(p)]); i++) {
		lane_free(p);
		p = lane_malloc(SIZE);
	}
	sampled = !READ_ONCE(space.pagemap[addr_to_page(p)]);
	pthread_setspecific(later, p);
	return NULL;
}

/* Past the quarantine, which the thread has left. */
static void test_sampled_while_ending(void)
{
	pthread_key_create(&later, free_last);
	lane_prof_set_rate(KIB(1));
	run(free_while_ending, NULL);
	lane_prof_set_rate(0);
	pthread_key_delete(later);
	lane_release(SIZE_MAX);
	ksft_test_result(sampled && unit_books_right() && unit_live() == 0,
			 "a thread's destructor frees a sampled object");
}

/* Freed by one thread while another resizes it in place. */
static void test_freed_while_resized(void)
{
	char *p = lane_malloc(SIZE);
	u16 entry;

	lane_free(p);
	entry = *check_entry(p);
	ksft_test_result(check_resized(p, SIZE / 2) && *check_entry(p) == entry &&
				 unit_books_right() && unit_live() == 0,
			 "an object that is freed while it is resized stays freed");
}

static void *just_free(void *p)
{
	lane_free(p);
	return NULL;
}

/* The second of two that both have found it alive. */
static void *free_too(void *p)
{
	quarantine_put(p, class_of(p), addr_to_home(p), false);
	return NULL;
}

/* Each thread lets go what it held as it ends. */
static void free_at_once(void *p)
{
	run(just_free, p);
	run(free_too, p);
}

static void *volatile reused;

/* Both by this thread, whose own quarantine gives it out again; in lock mode only lets it go. */
static void *reuse_both(void *p)
{
	static void *others[RING_MAX + 1];
	struct ring *r;
	u32 n = 0, full;

	lane_free(p);
	free_too(p);
	r = ring_for(p);
	full = check.fast ? r->keep + 2 : r->limit + 1;
	for (u32 i = ring_waits(r); i < full; i++)
		others[n++] = lane_malloc(SIZE);
	while (n)
		lane_free(others[--n]);
	for (int i = 0; i < 2; i++)
		reused = lane_malloc(SIZE);
	return NULL;
}

static void reuse_both_at_once(void *p)
{
	run(reuse_both, p);
}

static void write_then_reuse(void *p)
{
	run(just_free, p);
	((volatile char *)p)[8] = 1;
	for (int i = 0; i < MANY; i++)
		reused = lane_malloc(SIZE);
}

static void test_deaths(void)
{
	char line[160], *p = lane_malloc(SIZE);

	snprintf(line, sizeof(line), "lane: double free of %p", (void *)p);
	ksft_test_result(unit_dies(free_at_once, p, line), "two threads free an object at once");
	ksft_test_result(unit_dies(reuse_both_at_once, p, line),
			 "and it is to be handed out twice");
	snprintf(line, sizeof(line), "lane: write to %p after the %d bytes at %p were freed",
		 (void *)(p + 8), SIZE, (void *)p);
	ksft_test_result(unit_dies(write_then_reuse, p, line),
			 "a write behind the quarantine is found at the reuse");
	lane_free(p);
}

static bool left;
static sem_t ready, over;

static void *own_a_quarantine(void *arg)
{
	lane_free(lane_malloc(SIZE));
	*(struct quarantine **)arg = quarantine_mine;
	sem_post(&ready);
	sem_wait(&over);
	return NULL;
}

static void *leave_later(void *arg)
{
	struct quarantine *q = arg;

	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	WRITE_ONCE(left, true);
	smp_store_release(&q->seq, q->seq + 1); /* pairs with quarantine_close() */
	return NULL;
}

/* A fork waits until another thread has left its quarantine. */
static void test_fork(void)
{
	struct quarantine *q = NULL;
	pthread_t owner, leaver;
	int status = -1;
	pid_t pid;

	sem_init(&ready, 0, 0);
	sem_init(&over, 0, 0);
	start_thread(&owner, own_a_quarantine, &q);
	sem_wait(&ready);
	WRITE_ONCE(q->seq, q->seq + 1);
	start_thread(&leaver, leave_later, q);
	pid = fork();
	if (!pid)
		_exit(left && unit_books_right() && unit_live() == 0 ? 0 : 1);
	waitpid(pid, &status, 0);
	pthread_join(leaver, NULL);
	sem_post(&over);
	pthread_join(owner, NULL);
	ksft_test_result(status == 0, "a fork waits for who is in a quarantine");
}

static void change_quarantine(void)
{
	WRITE_ONCE(quarantine_mine->seq, quarantine_mine->seq + 1);
}

static void *fork_child(void *status)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, status, 0);
	return NULL;
}

/* With the door closed. The handler allocates what needs a slow path, and frees it. */
static void test_handler_beside_fork(void)
{
	int status = -1;
	pthread_t t;
	char *p;

	lane_free(lane_malloc(SIZE));
	change_quarantine();
	start_thread(&t, fork_child, &status);
	while (!READ_ONCE(quarantine_closed))
		sched_yield();
	p = lane_malloc(KIB(100));
	memset(p, 1, KIB(100));
	lane_free(p);
	change_quarantine();
	pthread_join(t, NULL);
	ksft_test_result(status == 0 && unit_books_right() && unit_live() == 0,
			 "a handler that interrupted a quarantine allocates beside a fork");
}

static void *read_statistics(void *snap)
{
	snap_read(snap);
	return NULL;
}

/* It holds its lock and waits for the change. */
static void test_handler_beside_reader(void)
{
	static struct snap snap;
	int status = -1;
	pthread_t t;

	lane_free(lane_malloc(SIZE));
	change_quarantine();
	start_thread(&t, read_statistics, &snap);
	while (!READ_ONCE(reader_lock.word))
		sched_yield();
	fork_child(&status);
	change_quarantine();
	pthread_join(t, NULL);
	ksft_test_result(status == 0 && snap_good(&snap) && unit_books_right(),
			 "and forks beside a reader");
}

static FILE *stream;

static void close_stream(void)
{
	fclose(stream);
}

static int exit_beside_fork(void (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		pthread_t t;

		alarm(20);
		stream = fopen("/dev/null", "r");
		if (fn)
			atexit(fn);
		change_quarantine();
		start_thread(&t, fork_child, &status);
		while (!READ_ONCE(quarantine_closed))
			sched_yield();
		exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void test_handler_exits(void)
{
	int status = -1;
	pid_t pid;

	lane_free(lane_malloc(SIZE));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		conf.stats_print = true;
		change_quarantine();
		exit(0);
	}
	waitpid(pid, &status, 0);
	ksft_test_result(status == 0, "and exits, though statistics were to be printed");

	/* The fork has the C library's lock of its streams: at the end, or before. */
	status = exit_beside_fork(NULL);
	ksft_test_result(status == 0, "and exits beside a fork (%#x)", status);
	status = exit_beside_fork(close_stream);
	ksft_test_result(status == 0, "also where that closes a stream (%#x)", status);
}

int main(int argc, char **argv)
{
	(void)argc;
	unit_conf(argv, "check:full");
	ksft_print_header();
	ksft_set_plan(18);
	unit_pin(0);
	test_statistics();
	test_large_share();
	test_handler_inside();
	test_handler_at_the_door();
	test_thread_ends_inside();
	test_thread_ends_by_steps();
	test_free_behind_destructors();
	test_sampled_while_ending();
	test_freed_while_resized();
	test_deaths();
	test_fork();
	test_handler_beside_fork();
	test_handler_beside_reader();
	test_handler_exits();
	ksft_finished();
}
