// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
// variant: full LANE_CONF=check:full
/*
 * fork() in a signal handler of a process with a collected heap. In a store of a reference: the
 * collector waits for the end of the store, and nobody for whom the fork waits waits for the
 * collector. While it starts or attaches a thread: the child goes on with that, and nobody else has
 * the record that it is to attach by. In a slow path, or a store, while marking runs: the child
 * goes on with that, then has a collector of its own; also where the handler itself leaves a slow
 * path; and who asks for a cycle before is told that there is none; and nobody waits for markers of
 * the parent's. Where a thread waits, for a cycle, credit or the end of a phase, the child's does
 * not wait for what only the parent has. Done by hand, at the places where a handler might come.
 */
#include "unit.h"

#include <lane/lane_gc.h>
#include <semaphore.h>

#include "../gc/hold_marking.h"
#include "assist.h"
#include "cycle.h"
#include "mark.h"
#include "os.h"
#include "slow_path.h"
#include "threads.h"

#define SECONDS 20    /* until one that waits for ever is ended */
#define RECORDS 100   /* reserved in the child, more than there are */
#define LET_WAIT 200u /* ms: for other threads to come to where they wait */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAY_FORK false
#else
#define MAY_FORK true
#endif

static struct os_ops real;
static sem_t ready;

static void let_wait(void)
{
	nanosleep(&(struct timespec){.tv_nsec = LET_WAIT * 1000000L}, NULL);
}

static void *collect(void *arg)
{
	sem_post(&ready);
	return (void *)(intptr_t)(lane_gc_collect() ? 1 : (intptr_t)arg);
}

static void *try_collect(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)lane_gc_collect();
}

static void *attach(void *arg)
{
	sem_post(&ready);
	return (void *)(intptr_t)(lane_gc_attach() ? 1 : (intptr_t)arg);
}

static void *read_statistics(void *arg)
{
	struct lane_gc_stats st = {.sz = sizeof(st)};

	sem_post(&ready);
	return (void *)(intptr_t)(lane_gc_stats_read(&st) ? 1 : (intptr_t)arg);
}

/* A fork inside gc_enter(), while one thread collects and another one does @arg; 0: all went on. */
static int fork_in_store(void *arg)
{
	void *(*fn)(void *) = arg;
	void *bad[2] = {NULL, NULL};
	int status = -1;
	pthread_t t[2];
	pid_t pid;

	if (lane_gc_init(NULL) || lane_gc_attach())
		return 2;
	gc_enter(gc_self);
	start_thread(&t[0], collect, NULL);
	sem_wait(&ready);
	let_wait();
	start_thread(&t[1], fn, NULL);
	sem_wait(&ready);
	let_wait();
	pid = fork();
	gc_exit(gc_self);
	if (!pid) {
		alarm(SECONDS);
		_exit(lane_gc_collect() ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return 3;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], &bad[i]);
	return status || bad[0] || bad[1];
}

static bool twice; /* in the child: what is reserved is handed out once more */

/* Everything that there is, in a child that was forked while @t was reserved. */
static void reserve_all(const struct gc_thread *t)
{
	for (unsigned int i = 0; i < RECORDS; i++)
		twice |= thread_reserve() == t;
}

static void *wanted; /* the record of the thread that is about to be started */
static pid_t child = -1;

/* Threads of the collector's own start in the child, too, each with a record or none. */
static int thread_of_child(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			   void *arg)
{
	twice |= arg == wanted;
	return real.thread(thread, attr, fn, arg);
}

static int fork_before_thread(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			      void *arg)
{
	wanted = arg;
	os.thread = thread_of_child;
	child = fork();
	os.thread = real.thread;
	if (!child)
		reserve_all(arg);
	return real.thread(thread, attr, fn, arg);
}

static void *answer(void *arg)
{
	return lane_gc_alloc_noscan(64) ? arg : NULL;
}

static int fork_in_create(void *unused)
{
	int status = -1, err;
	pthread_t t;

	(void)unused;
	if (lane_gc_init(NULL) || lane_gc_attach())
		return 2;
	real = os;
	os.thread = fork_before_thread;
	err = lane_gc_pthread_create(&t, NULL, answer, NULL);
	os.thread = real.thread;
	if (!child) {
		alarm(SECONDS);
		if (err || pthread_join(t, NULL))
			_exit(3);
		_exit(twice || lane_gc_collect());
	}
	if (err || pthread_join(t, NULL))
		return 3;
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 4;
	return WEXITSTATUS(status);
}

/* What nobody attaches by in the child is not kept for ever where it was given back. */
static int reserve_again(void *unused)
{
	struct gc_thread *t;
	int status = -1;
	pid_t pid;

	(void)unused;
	if (lane_gc_init(NULL) || lane_gc_attach())
		return 2;
	/* The finalizers' thread has the record that the child's will have. */
	while (READ_ONCE(threads_attached) < 2)
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	t = thread_reserve();
	thread_unreserve(t);
	pid = fork();
	if (!pid) {
		reserve_all(t);
		_exit(!twice); /* but for the finalizers' thread, which may have it */
	}
	if (waitpid(pid, &status, 0) != pid)
		return 3;
	return status != 0;
}

enum where { IN_SLOW_PATH, IN_STORE };

static void enter(enum where where)
{
	if (where == IN_SLOW_PATH)
		slow_enter_always();
	else
		gc_enter(gc_self);
}

static void leave(enum where where)
{
	if (where == IN_SLOW_PATH)
		slow_exit();
	else
		gc_exit(gc_self);
}

static int collects(void **root)
{
	struct lane_gc_stats st = {.sz = sizeof(st)};

	lane_gc_write(root, lane_gc_alloc_conservative(64));
	lane_free(lane_malloc(MIB(1)));
	if (READ_ONCE(gc.failed) || lane_gc_collect() || lane_gc_verify())
		return 3;
	/* This thread, and one that runs finalizers, which may not have begun. */
	if (lane_gc_stats_read(&st) || st.threads > 2)
		return 6;
	return lane_gc_base(*root) == *root ? 0 : 4;
}

/* Forks again, before it leaves a slow path, if it did not. */
static int child_of(void **root)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(SECONDS);
		_exit(collects(root));
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
		return 7;
	return collects(root);
}

static void *root;
static pthread_t holder, collector;

/* A cycle that does not end before end_marking(). */
static void begin_marking(bool begin)
{
	if (lane_gc_init(NULL) || lane_gc_attach() || lane_gc_add_roots(&root, sizeof(root)))
		ksft_exit_fail_msg("no collected heap");
	marking_hold(&holder);
	if (!begin)
		return;
	start_thread(&collector, collect, NULL);
	sem_wait(&ready);
	while (!READ_ONCE(gc.flipped))
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static int end_marking(pid_t pid, bool begun)
{
	int status = -1;

	marking_let_go();
	pthread_join(holder, NULL);
	if (begun)
		pthread_join(collector, NULL);
	return waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ? 5 : WEXITSTATUS(status);
}

/* 0: the child of a fork while marking runs collects, and its child. */
static int fork_while_marking(void *arg)
{
	const enum where *where = arg;
	bool early = false;
	pid_t pid;

	begin_marking(true);
	enter(*where);
	pid = fork();
	if (!pid) {
		alarm(SECONDS);
		lane_free(lane_malloc(MIB(1))); /* the handler */
		early = !READ_ONCE(gc.marking);
	}
	leave(*where);
	if (!pid)
		_exit(early ? 8 : child_of(&root));
	return end_marking(pid, true);
}

static _Atomic bool tracing, traced;

/* Takes long, but for the child. */
static void trace_long(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	(void)obj, (void)size, (void)tracer;
	atomic_store(&tracing, true);
	while (!atomic_load(&traced))
		let_wait();
}

/* A handler does not wait for a marker that takes long: its child does not count on that one. */
static int fork_beside_marker(void *arg)
{
	struct lane_gc_layout l = {
		.sz = sizeof(l), .name = "traced", .size = 64, .trace = trace_long};
	const struct lane_gc_type *type;
	int status = -1;
	pthread_t t;
	pid_t pid;

	if (lane_gc_init(NULL) || lane_gc_attach() || lane_gc_add_roots(&root, sizeof(root)) ||
	    lane_gc_type_create(&l, &type))
		return 2;
	lane_gc_write(&root, lane_gc_alloc(type));
	start_thread(&t, collect, arg);
	while (!atomic_load(&tracing))
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	slow_enter_always();
	WRITE_ONCE(gc.stalled, true); /* nor on that a thread of the parent's cannot be asked */
	pid = fork();
	if (!pid) {
		alarm(SECONDS);
		atomic_store(&traced, true);
	}
	slow_exit();
	if (!pid)
		_exit(READ_ONCE(gc.stalled) || collects(&root) || lane_gc_remove_roots(&root));
	atomic_store(&traced, true);
	pthread_join(t, NULL);
	return waitpid(pid, &status, 0) != pid || status;
}

/* A thread that the handler starts, which does not return before, is told that no cycle can begin.
 */
static int fork_and_stay(void *arg)
{
	const enum where *where = arg;
	void *told = NULL;
	pthread_t t;
	pid_t pid;

	begin_marking(true);
	enter(*where);
	pid = fork();
	if (!pid) {
		alarm(SECONDS);
		start_thread(&t, try_collect, NULL);
		pthread_join(t, &told);
	}
	leave(*where);
	if (!pid)
		_exit((intptr_t)told != -EAGAIN ? 13 : child_of(&root));
	return end_marking(pid, true);
}

static bool (*now)(void); /* NULL: at once */

static void fork_once(int sig)
{
	(void)sig;
	if (child >= 0 || (now && !now()))
		return;
	child = fork();
	if (!child)
		alarm(SECONDS);
}

/* A handler comes to @arg until it has forked. */
static void *interrupt(void *arg)
{
	do {
		let_wait();
		pthread_kill(*(pthread_t *)arg, SIGUSR1);
	} while (READ_ONCE(child) < 0);
	marking_let_go();
	return arg;
}

static void interrupt_me(pthread_t *t)
{
	static pthread_t me;

	me = pthread_self();
	signal(SIGUSR1, fork_once);
	start_thread(t, interrupt, &me);
}

/* While the thread waits for a cycle, which is this one, or with @arg the next. */
static int fork_in_collect(void *arg)
{
	bool next = *(bool *)arg;
	pthread_t t;
	int err;

	begin_marking(next);
	interrupt_me(&t);
	err = lane_gc_collect();
	if (!child)
		_exit(err || !READ_ONCE(cycle.cycles) ? 9 : collects(&root));
	pthread_join(t, NULL);
	return err ? 10 : end_marking(child, next);
}

static bool waits_for_credit(void)
{
	return gc_self->queue.next && !READ_ONCE(gc_self->wake);
}

static int fork_in_queue(void *unused)
{
	pthread_t t;

	(void)unused;
	begin_marking(true);
	now = waits_for_credit;
	interrupt_me(&t);
	while (child < 0) {
		gc_self->cycle = READ_ONCE(gc.cycle);
		gc_self->credit = -(s64)MIB(1);
		assist(gc_self);
	}
	if (!child)
		_exit(READ_ONCE(mark_hungry) ? 11 : collects(&root));
	pthread_join(t, NULL);
	return end_marking(child, true);
}

/* In lane_gc_weak_get(), in a phase at whose end it looks again. */
static int fork_in_weak_get(void *unused)
{
	struct lane_gc_weak *w;
	int status = -1;
	void *obj;
	pid_t pid;

	(void)unused;
	if (lane_gc_init(NULL) || lane_gc_attach() || lane_gc_add_roots(&root, sizeof(root)))
		return 2;
	obj = lane_gc_alloc_conservative(64);
	w = lane_gc_weak_create(obj);
	gc_enter(gc_self);
	WRITE_ONCE(gc.phase, GC_TERM);
	pid = fork();
	if (pid)
		WRITE_ONCE(gc.phase, GC_OFF);
	gc_exit(gc_self);
	if (!pid) {
		alarm(SECONDS);
		_exit(lane_gc_weak_get(w) == obj ? collects(&root) : 12);
	}
	return waitpid(pid, &status, 0) != pid || status;
}

static void shows(int (*fn)(void *), void *arg, const char *what)
{
	if (MAY_FORK)
		ksft_test_result(in_child(fn, arg, SECONDS) == 0, "%s", what);
	else
		ksft_test_result_skip("the sanitizers do not bear a fork beside threads");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(13);
	sem_init(&ready, 0, 0);
	shows(fork_in_store, attach,
	      "a fork in a store, beside a cycle and a thread that attaches");
	shows(fork_in_store, read_statistics, "beside a cycle and a thread that reads statistics");
	shows(fork_in_create, NULL,
	      "a fork while a thread is started: its record is handed out once");
	shows(fork_while_marking, &(enum where){IN_SLOW_PATH},
	      "in a slow path, while marking runs");
	shows(fork_while_marking, &(enum where){IN_STORE}, "in a store");
	shows(fork_beside_marker, NULL, "in a slow path, beside a marker that takes long");
	shows(fork_and_stay, &(enum where){IN_SLOW_PATH},
	      "a thread that such a handler starts waits for no cycle: in a slow path");
	shows(fork_and_stay, &(enum where){IN_STORE}, "in a store");
	shows(fork_in_collect, &(bool){false}, "where it waits for this cycle");
	shows(fork_in_collect, &(bool){true}, "where it waits for the next");
	shows(fork_in_queue, NULL, "where it waits for credit");
	shows(fork_in_weak_get, NULL, "where it waits for the end of mark termination");
	shows(reserve_again, NULL, "what was given back is there in the child");
	ksft_finished();
}
