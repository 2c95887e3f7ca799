// SPDX-License-Identifier: MIT
/*
 * builtins_thread.c - threads, mutexes and conditions of the operating system.
 *
 * A thread that runs Lisp is made by lane_gc_pthread_create(), so it is attached before its first
 * instruction and detached after its last. Its argument is the thread object, a reference: the
 * wrapper keeps it until the thread has it on its own stack.
 *
 * Whoever may wait long says so: between lane_gc_enter_blocking() and lane_gc_leave_blocking() the
 * collector takes the stack as it was, and the thread touches no collected object. Therefore
 * mutexes and conditions are malloc()ed, freed by a finalizer, and what is needed of a thread
 * object is copied out before. A thread that just waits without saying so is correct as well; the
 * collector's signal wakes it each cycle.
 *
 * held: of a thread a is the thunk, b the result, n the pthread_t, len 1 once somebody joins it or
 * its finalizer has detached it, os not NULL where the result was raised. Of a mutex or condition
 * os is the malloc()ed part, NULL once it was finalized: see need_os().
 */
#include "lisp.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void finalize_thread(void *obj, void *arg)
{
	struct held *t = obj;

	(void)arg;
	if (!__atomic_exchange_n(&t->len, 1, __ATOMIC_ACQ_REL))
		pthread_detach(t->n);
}

static void *run_thread(void *arg)
{
	struct held *t = arg;
	struct catch c;

	thread_init();
	catch_push(&c);
	if (setjmp(c.jmp)) {
		t->os = t;
		lane_gc_write(&t->b, c.value);
		return NULL;
	}
	lane_gc_write(&t->b, apply(t->a, 0, NULL));
	catch_pop(&c);
	return NULL;
}

static val spawn(int argc, val *argv)
{
	struct held *t = make_held(T_THREAD);
	pthread_t id;
	int err;

	(void)argc;
	lane_gc_write(&t->a, argv[0]);
	err = lane_gc_pthread_create(&id, NULL, run_thread, t);
	if (err)
		error(strerror(err), NULL);
	t->n = id;
	if (lane_gc_set_finalizer(t, finalize_thread, NULL) < 0) {
		pthread_detach(id);
		out_of_memory();
	}
	return t;
}

static val join(int argc, val *argv)
{
	struct held *t = need(argv[0], T_THREAD, "thread");
	pthread_t id = t->n;
	int err;

	(void)argc;
	if (__atomic_exchange_n(&t->len, 1, __ATOMIC_ACQ_REL))
		error("thread was joined before:", t);
	lane_gc_enter_blocking();
	err = pthread_join(id, NULL);
	lane_gc_leave_blocking();
	if (err) {
		__atomic_store_n(&t->len, 0, __ATOMIC_RELEASE);
		error("thread would wait for itself:", t);
	}
	if (t->os)
		throw(THROWN_ERROR, NULL, t->b);
	return t->b;
}

static void finalize_os(void *obj, void *arg)
{
	(void)arg;
	free(__atomic_exchange_n(&((struct held *)obj)->os, NULL, __ATOMIC_ACQ_REL));
}

static struct held *make_os(enum tag tag, size_t size)
{
	struct held *h = make_held(tag);

	h->os = malloc(size);
	if (!h->os || lane_gc_set_finalizer(h, finalize_os, NULL) < 0) {
		free(h->os);
		out_of_memory();
	}
	return h;
}

/* A finalizer's object may refer to one whose own finalizer has run before. */
static void *need_os(val v, enum tag tag, const char *what)
{
	struct held *h = need(v, tag, what);

	if (!h->os)
		error("has been finalized:", v);
	return h->os;
}

static pthread_mutex_t *need_mutex(val v)
{
	return need_os(v, T_MUTEX, "mutex");
}

static pthread_cond_t *need_condition(val v)
{
	return need_os(v, T_CONDITION, "condition");
}

static val make_mutex(int argc, val *argv)
{
	struct held *h = make_os(T_MUTEX, sizeof(pthread_mutex_t));
	pthread_mutexattr_t attr;

	(void)argc;
	(void)argv;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(h->os, &attr);
	return h;
}

static val make_condition(int argc, val *argv)
{
	struct held *h = make_os(T_CONDITION, sizeof(pthread_cond_t));

	(void)argc;
	(void)argv;
	pthread_cond_init(h->os, NULL);
	return h;
}

static void lock(pthread_mutex_t *m)
{
	int err = pthread_mutex_trylock(m);

	if (!err)
		return;
	lane_gc_enter_blocking();
	err = pthread_mutex_lock(m);
	lane_gc_leave_blocking();
	if (err)
		error("mutex is held by this thread", NULL);
}

/* (with-mutex m thunk): unlocks however the thunk is left */
static val with_mutex(int argc, val *argv)
{
	pthread_mutex_t *m = need_mutex(argv[0]);
	struct catch c;
	val v;

	(void)argc;
	lock(m);
	catch_push(&c);
	if (setjmp(c.jmp)) {
		pthread_mutex_unlock(m);
		rethrow(&c);
	}
	v = apply(argv[1], 0, NULL);
	catch_pop(&c);
	pthread_mutex_unlock(m);
	return v;
}

/* (condition-wait c m): the mutex is held; may return without a signal */
static val condition_wait(int argc, val *argv)
{
	pthread_cond_t *c = need_condition(argv[0]);
	pthread_mutex_t *m = need_mutex(argv[1]);
	int err;

	(void)argc;
	lane_gc_enter_blocking();
	err = pthread_cond_wait(c, m);
	lane_gc_leave_blocking();
	if (err)
		error("mutex is not held by this thread", NULL);
	return UNSPECIFIED;
}

static val condition_signal(int argc, val *argv)
{
	(void)argc;
	pthread_cond_signal(need_condition(argv[0]));
	return UNSPECIFIED;
}

static val condition_broadcast(int argc, val *argv)
{
	(void)argc;
	pthread_cond_broadcast(need_condition(argv[0]));
	return UNSPECIFIED;
}

static val sleep_ms(int argc, val *argv)
{
	int64_t ms = need_index(argv[0], INT32_MAX);
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	(void)argc;
	lane_gc_enter_blocking();
	while (nanosleep(&t, &t))
		;
	lane_gc_leave_blocking();
	return UNSPECIFIED;
}

static val current_ms(int argc, val *argv)
{
	struct timespec t;

	(void)argc;
	(void)argv;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return fixnum(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static const struct builtin_def defs[] = {
	{"spawn", spawn, 1, 1},
	{"join", join, 1, 1},
	{"make-mutex", make_mutex, 0, 0},
	{"with-mutex", with_mutex, 2, 2},
	{"make-condition", make_condition, 0, 0},
	{"condition-wait", condition_wait, 2, 2},
	{"condition-signal", condition_signal, 1, 1},
	{"condition-broadcast", condition_broadcast, 1, 1},
	{"sleep", sleep_ms, 1, 1},
	{"current-ms", current_ms, 0, 0},
};

void builtins_thread_init(void)
{
	DEFINE_BUILTINS(defs);
}
