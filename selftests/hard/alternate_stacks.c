// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock,prof_rate:1k,guard_rate:3 QUICK=1
// variant: prof LANE_CONF=prof_rate:1k,guard_rate:3 QUICK=1
/*
 * Handlers that allocate 50 us after the last one, in four threads, two of them on alternate
 * stacks that malloc gave, small ones, and another timer for the whole process; meanwhile
 * statistics are read and profiles dumped. Nothing hangs, is damaged or lost.
 */
#include "hard.h"

#include <lane/lane_prof.h>
#include <sys/time.h>

#define THREADS 4

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static _Atomic bool stop;
static _Atomic int damaged, handled, elsewhere;
static _Atomic uint64_t worked[THREADS];

static _Thread_local struct {
	struct held h;
	uint64_t rng; /* 0: not one of the threads */
	bool busy;
	char *low, *high; /* of the alternate stack */
	timer_t timer;
} own;

static void allocate(void)
{
	if (own.busy)
		return;
	own.busy = true;
	for (int n = 0; n < 4; n++)
		if (held_change(&own.h, &own.rng))
			atomic_fetch_add(&damaged, 1);
	own.busy = false;
}

static void arm(void)
{
	timer_settime(own.timer, 0, &(struct itimerspec){.it_value = {0, 50000}}, NULL);
}

static void on_thread_timer(int sig)
{
	int saved = errno;
	char here;

	(void)sig;
	if (!own.rng)
		return;
	if (own.low && (&here < own.low || &here >= own.high))
		atomic_fetch_add(&elsewhere, 1);
	allocate();
	atomic_fetch_add(&handled, 1);
	arm();
	errno = saved;
}

static void on_process_timer(int sig)
{
	int saved = errno;

	(void)sig;
	if (own.rng)
		allocate();
	else
		put(get(1000));
	errno = saved;
}

static void *work(void *arg)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	int index = (int)(intptr_t)arg;
	/* What the kernel stores there, and as much again as malloc may need. */
	size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + KIB(8);
	uint64_t rng = (uint64_t)index * 31 + 7;
	struct held h = {0};
	char *stack = NULL;

	if (index & 1) {
		stack = malloc(size);
		own.low = stack;
		own.high = stack + size;
		sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = size}, NULL);
	}
	own.rng = rng * 77 + 1;
	ev.sigev_notify_thread_id = (int)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &own.timer))
		ksft_exit_fail_msg("timer: %s", strerror(errno));
	arm();
	while (!atomic_load(&stop)) {
		if (held_change(&h, &rng))
			atomic_fetch_add(&damaged, 1);
		put(get(KIB(40)));
		atomic_fetch_add_explicit(&worked[index], 1, memory_order_relaxed);
	}
	timer_delete(own.timer);
	own.busy = true;
	if (held_free(&h) || held_free(&own.h))
		atomic_fetch_add(&damaged, 1);
	own.rng = 0;
	sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
	put(stack);
	return NULL;
}

static int read_for(double seconds)
{
	static struct snap snap;
	char path[64];
	int bad = 0;

	snprintf(path, sizeof(path), "/tmp/lane-alternate-%d.txt", (int)getpid());
	for (double end = ksft_now() + seconds; ksft_now() < end;) {
		usleep(10000);
		snap_read(&snap);
		bad += snap_faults(&snap, false) + (lane_prof_dump(path) != 0);
	}
	unlink(path);
	return bad;
}

static int storm(void *arg)
{
	struct sigaction sa = {.sa_handler = on_thread_timer, .sa_flags = SA_RESTART | SA_ONSTACK};
	struct itimerval every = {{0, 300}, {0, 300}};
	static struct snap snap;
	pthread_t t[THREADS];
	sigset_t process;
	uint64_t live;
	int bad;

	alarm(2 * PATIENCE);
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_handler = on_process_timer;
	sigaction(SIGVTALRM, &sa, NULL);
	snap_read(&snap);
	live = snap.st.live_objects;
	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], work, (void *)(intptr_t)i);
	/* Not in the thread that reads statistics. */
	sigemptyset(&process);
	sigaddset(&process, SIGVTALRM);
	pthread_sigmask(SIG_BLOCK, &process, NULL);
	setitimer(ITIMER_VIRTUAL, &every, NULL);
	bad = read_for(hard_seconds(2));
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		bad += !worked[i];
	}
	snap_read(&snap);
	ksft_print_msg("%d handlers, %d on the wrong stack, %d blocks damaged, live %llu -> %llu",
		       handled, elsewhere, damaged, (unsigned long long)live,
		       (unsigned long long)snap.st.live_objects);
	if (bad || damaged || elsewhere || handled < 10)
		return 1;
	return snap.st.live_objects > live + 2 * THREADS || !books_are_exact() || arg;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(1);
	ksft_test_result(in_child(storm, NULL, 3 * PATIENCE) == 0,
			 "handlers allocate on their own and on alternate stacks");
	ksft_finished();
}
