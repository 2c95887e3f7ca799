// SPDX-License-Identifier: MIT
// variant: no-rseq GLIBC_TUNABLES=glibc.pthread.rseq=0 QUICK=1
// variant: no-membarrier refuse-membarrier QUICK=1
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: cpu LANE_CONF=mode:rseq QUICK=1
// variant: cid LANE_CONF=mode:cid QUICK=1
// variant: prof LANE_CONF=prof_rate:1024
// variant: guard LANE_CONF=prof_rate:1024,guard_rate:3
// variant: check LANE_CONF=check:full QUICK=1
/*
 * A timer interrupts allocating threads 50 to 100 us after the last time, its
 * handler not counted, which allocates and frees too. Nothing hangs, nothing is
 * damaged, nothing is lost.
 */
#include "snapshot.h"

#include <sys/syscall.h>

#define THREADS 3
#define HELD 16

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static struct snap snap;
static uint64_t seed;
static _Atomic bool stop;
static _Atomic int damaged;
static _Atomic uint64_t handled, worked[THREADS];

/* What the handler of a thread holds from one signal to the next. */
static _Thread_local struct {
	void *p[HELD];
	size_t size[HELD];
	uint64_t rng;
	bool busy;
	timer_t timer;
	long pause; /* ns from one signal to the next */
} held;

/* Small sizes mostly; large ones go through the page heap in the handler. */
static size_t handler_size(void)
{
	uint64_t r = ksft_random(&held.rng);

	return r % 64 == 0 ? KIB(300) + r % KIB(64) : r % 16 == 0 ? r % KIB(40) : r % 600;
}

static void on_timer(int sig)
{
	struct itimerspec next = {.it_value = {0, held.pause}};
	int saved = errno;

	(void)sig;
	if (held.rng == 0 || held.busy)
		return;
	held.busy = true;
	for (int n = 0; n < 4; n++) {
		size_t i = ksft_random(&held.rng) % HELD;

		if (held.p[i] && !pattern_holds(held.p[i], held.size[i], i))
			atomic_fetch_add(&damaged, 1);
		put(held.p[i]);
		held.size[i] = handler_size();
		held.p[i] = get(held.size[i]);
		if (held.p[i])
			pattern_fill(held.p[i], held.size[i], i);
	}
	held.busy = false;
	atomic_fetch_add(&handled, 1);
	/* Only now, so that a slow machine gets to work in between. */
	timer_settime(held.timer, 0, &next, NULL);
	errno = saved;
}

static void start_timer(void)
{
	struct itimerspec first = {.it_value = {0, held.pause}};
	struct sigevent ev = {0};

	ev.sigev_notify = SIGEV_THREAD_ID;
	ev.sigev_signo = SIGALRM;
	ev.sigev_notify_thread_id = (int)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &held.timer) != 0 ||
	    timer_settime(held.timer, 0, &first, NULL) != 0)
		ksft_exit_fail_msg("timer: %s", strerror(errno));
}

static void change_one(uint64_t *rng, void **p, size_t *size, size_t i)
{
	uint64_t kind = ksft_random(rng) % 8;
	size_t want = random_size(rng) % KIB(400);

	if (p[i] && !pattern_holds(p[i], size[i], i))
		atomic_fetch_add(&damaged, 1);
	if (kind == 0) {
		p[i] = opaque(realloc(p[i], opaque_size(want + 1)));
		want++;
	} else {
		put(p[i]);
		p[i] = kind == 1   ? opaque(calloc(1, opaque_size(want)))
		       : kind == 2 ? opaque(memalign(256, opaque_size(want)))
				   : get(want);
		if (kind == 1 && !all_zero(p[i], want))
			atomic_fetch_add(&damaged, 1);
	}
	size[i] = want;
	pattern_fill(p[i], want, i);
}

static void *work(void *arg)
{
	unsigned int index = (unsigned int)(uintptr_t)arg;
	uint64_t rng = seed * (index + 3) | 1;
	void *p[128] = {0};
	size_t size[128];
	sigset_t mask;
	uint64_t n;

	held.rng = rng * 31 | 1;
	held.pause = 50000 + (long)(rng % 50000);
	start_timer();
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
	for (n = 0; !atomic_load(&stop); n++) {
		change_one(&rng, p, size, ksft_random(&rng) % ARRAY_SIZE(p));
		if (n % 2048 == 0)
			lane_release(KIB(256));
		atomic_fetch_add_explicit(&worked[index], 1, memory_order_relaxed);
	}
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	timer_delete(held.timer);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	for (size_t i = 0; i < HELD; i++)
		put(held.p[i]);
	return NULL;
}

static bool all_moved(uint64_t *before)
{
	bool moved = true;

	for (int i = 0; i < THREADS; i++) {
		moved &= worked[i] != before[i];
		before[i] = worked[i];
	}
	return moved;
}

/* The main thread reads statistics: in it the signal is blocked. */
static int read_for(double seconds)
{
	double now = ksft_now(), end = now + seconds, look = now + 3;
	uint64_t before[THREADS] = {0};
	int bad = 0;

	for (; now < end; now = ksft_now()) {
		struct timespec pause = {0, 20000000};

		nanosleep(&pause, NULL);
		snap_read(&snap);
		bad += snap_faults(&snap, false);
		if (now < look)
			continue;
		look = now + 3;
		if (!all_moved(before))
			return -1;
	}
	return bad;
}

static bool all_end(pthread_t *t)
{
	struct timespec until;

	atomic_store(&stop, true);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	for (int i = 0; i < THREADS; i++)
		if (pthread_timedjoin_np(t[i], NULL, &until) != 0)
			return false;
	return true;
}

static uint64_t total_worked(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < THREADS; i++)
		sum += worked[i];
	return sum;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
	double seconds = ksft_quick() ? 1.5 : 8;
	pthread_t t[THREADS];
	sigset_t mask;
	uint64_t live;
	int bad;

	ksft_print_header();
	ksft_set_plan(5);
	seed = ksft_seed();
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	sigaction(SIGALRM, &sa, NULL);
	snap_read(&snap);
	live = snap.st.live_objects;
	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], work, (void *)(uintptr_t)i);
	bad = read_for(seconds);
	if (!all_end(t))
		bad = -1;
	if (!ksft_test_result(bad >= 0, "threads go on")) {
		ksft_line("Bail out! threads hang");
		_exit(KSFT_FAIL);
	}
	ksft_test_result(bad == 0, "the identities hold in every snapshot");
	ksft_print_msg("%llu signals over %llu operations", (unsigned long long)handled,
		       (unsigned long long)total_worked());
	ksft_test_result(handled > (uint64_t)(seconds * 100), "handlers ran");
	ksft_test_result(damaged == 0, "no block was damaged");
	snap_read(&snap);
	/* Each thread's stack and TLS may stay with libpthread. */
	ksft_test_result(snap.st.live_objects <= live + 2 * THREADS && snap_good(&snap),
			 "no object is lost");
	ksft_finished();
}
