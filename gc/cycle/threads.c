// SPDX-License-Identifier: MIT
#include "threads.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "assist.h"
#include "meta.h"
#include "os.h"
#include "prof_stack.h"
#include "slow_path.h"
#include "stat.h"

#define ATTACH_WAIT_NS 1000000L /* before a thread that runs already asks for memory again */

__thread struct gc_thread *gc_self __attribute__((tls_model("initial-exec")));

static struct spinlock lock = SPINLOCK_INIT(RANK_GC_THREADS); /* lock_threads() */
static CDS_LIST_HEAD(attached);
static struct gc_thread *unused; /* of threads that are gone, by link.next; lock */
static struct gc_thread *all;	 /* by next_all; grows under the lock, read without */
static pthread_key_t exit_key;
u32 threads_attached;

/*
 * With signals blocked: the child of a fork makes the lists anew, and a handler that forks must not
 * have interrupted its own thread there, as its child may go on.
 */
static void lock_threads(void)
{
	slow_read_begin();
	spin_lock(&lock);
}

void threads_unlock(void)
{
	spin_unlock(&lock);
	slow_read_end();
}

u64 threads_tiny_allocs(void)
{
	u64 sum = 0;

	for (struct gc_thread *t = smp_load_acquire(&all); t; t = t->next_all)
		sum += READ_ONCE(t->tiny_allocs);
	return sum;
}

/*
 * Without the lock: a handler may have interrupted who is waited for, and fork, which waits for
 * all who are in slow paths. One of those may want the lock.
 */
void gc_synchronize(void)
{
	smp_mb(); /* pairs with gc_enter() */
	for (struct gc_thread *t = smp_load_acquire(&all); t; t = t->next_all)
		seq_settle(&t->seq);
	smp_mb(); /* what they did before they left is visible */
}

struct gc_thread *threads_next_unscanned(void)
{
	struct gc_thread *t;

	lock_threads();
	cds_list_for_each_entry(t, &attached, link) {
		if (t->scanned == gc.cycle)
			continue;
		/* Now: once it has answered it may be gone, and its place another thread's. */
		WRITE_ONCE(t->scanned, gc.cycle);
		/* The next look begins behind it, should it not answer at once. */
		cds_list_del(&t->link);
		cds_list_add_tail(&t->link, &attached);
		return t;
	}
	threads_unlock();
	return NULL;
}

static void on_thread_exit(void *p)
{
	(void)p;
	lane_gc_detach();
}

int threads_make_key(void)
{
	static bool made;
	int err = made ? 0 : pthread_key_create(&exit_key, on_thread_exit);

	made = !err;
	return -err;
}

struct gc_thread *thread_reserve(void)
{
	struct gc_thread *t;

	if (!slow_enter())
		return NULL;
	lock_threads();
	t = unused;
	if (t) {
		unused = (struct gc_thread *)t->link.next;
		t->reserved = true;
	}
	threads_unlock();
	if (!t && (t = meta_alloc(sizeof(*t), 2 * CACHE_LINE))) {
		t->reserved = true;
		lock_threads();
		t->next_all = all;
		smp_store_release(&all, t); /* pairs with gc_synchronize() */
		threads_unlock();
	}
	slow_exit();
	return t;
}

/* Lock held. */
static void put_unused(struct gc_thread *t)
{
	t->link.next = (struct cds_list_head *)unused;
	unused = t;
	t->reserved = false;
}

void thread_unreserve(struct gc_thread *t)
{
	lock_threads();
	put_unused(t);
	threads_unlock();
}

/*
 * Where the calling thread's stack lies. glibc asks for the thread's CPUs on the way, and of the
 * main thread reads /proc/self/maps: where a sandbox refuses these, the descriptor tells.
 */
static int find_stack(struct gc_thread *t)
{
	pthread_attr_t attr;
	size_t size;
	void *low;
	int err = pthread_getattr_np(pthread_self(), &attr);

	if (err)
		return prof_stack_bounds(&t->low, &t->base) ? 0 : -err;
	err = pthread_attr_getstack(&attr, &low, &size);
	pthread_attr_destroy(&attr);
	t->low = (uintptr_t)low;
	t->base = (uintptr_t)low + size;
	return -err;
}

/* Attach the calling thread as @t; 0 or -errno, and then @t is still reserved. */
static int attach(struct gc_thread *t)
{
	struct gc_thread stack = {0};
	int err = find_stack(&stack);

	if (!err)
		err = -pthread_setspecific(exit_key, t);
	if (err)
		return err;
	/* Not what others may look at at any moment. */
	memset(t, 0, offsetof(struct gc_thread, next_all));
	t->tid = (pid_t)syscall(SYS_gettid);
	t->low = stack.low;
	t->base = stack.base;
	lock_threads();
	cds_list_add_tail(&t->link, &attached);
	WRITE_ONCE(threads_attached, threads_attached + 1);
	t->reserved = false;
	gc_self = t; /* under the lock: whoever finds it may send the signal */
	threads_unlock();
	return 0;
}

LANE_API int lane_gc_attach(void)
{
	struct gc_thread *t;
	int err;

	if (!READ_ONCE(gc.ready))
		return -EAGAIN;
	if (gc_self)
		return -EALREADY;
	t = thread_reserve();
	if (!t)
		return -ENOMEM;
	err = attach(t);
	if (err)
		thread_unreserve(t);
	return err;
}

void thread_attach_reserved(struct gc_thread *t)
{
	struct timespec ts = {.tv_nsec = ATTACH_WAIT_NS};

	while (attach(t))
		nanosleep(&ts, NULL);
}

LANE_API int lane_gc_detach(void)
{
	struct gc_thread *t = gc_self;

	if (!t)
		return -EPERM;
	assist_leave(t);
	lock_threads();
	stack_decline(t);
	cds_list_del(&t->link);
	WRITE_ONCE(threads_attached, threads_attached - 1);
	gc_self = NULL;
	put_unused(t);
	threads_unlock();
	pthread_setspecific(exit_key, NULL);
	return 0;
}

/*
 * The C library keeps @p on the thread's stack as long as the thread lives. So it is no memory from
 * malloc, which may be the collected heap's one day, and would be taken for a reference.
 */
static void *run(void *p)
{
	struct gc_thread *self = p;
	struct gc_start s = self->start;
	void *arg = s.plain, *result;

	thread_attach_reserved(self);
	if (s.handle) {
		arg = lane_gc_handle_get(s.handle);
		lane_gc_handle_destroy(s.handle);
	}
	result = s.fn(arg);
	lane_gc_detach();
	return result;
}

LANE_API int lane_gc_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
				    void *(*fn)(void *), void *arg)
{
	struct gc_thread *self = READ_ONCE(gc.ready) ? thread_reserve() : NULL;
	struct lane_gc_handle *handle = NULL;
	bool is_object = lane_gc_base(arg);
	int err = EAGAIN;

	if (!self)
		return EAGAIN;
	if (is_object)
		handle = lane_gc_handle_create(arg);
	self->start =
		(struct gc_start){.fn = fn, .handle = handle, .plain = is_object ? NULL : arg};
	if (handle || !is_object)
		err = -os.thread(thread, attr, run, self);
	if (!err)
		return 0;
	lane_gc_handle_destroy(handle);
	thread_unreserve(self);
	return err;
}

struct gc_thread *thread_self(const char *what)
{
	struct gc_thread *t = gc_self;

	if (likely(t))
		return t;
#ifdef LANE_DEBUG
	panic("%s by thread %d, which is not attached", what, (int)syscall(SYS_gettid));
#endif
	(void)what;
	errno = EPERM;
	return NULL;
}

/*
 * Not by the lists: they change outside of slow paths, so another thread may have been at it. What
 * is reserved stays so: it may be for this thread, or by it, where a handler has forked. Where it
 * was another one's it is lost to this process, one for a thread that was just starting.
 */
void threads_after_fork(void)
{
	struct gc_thread *self = gc_self;

	lock.word = 0;
	unused = NULL;
	for (struct gc_thread *t = all; t; t = t->next_all) {
		if (t == self || t->reserved)
			continue;
		t->seq = 0; /* it may have been inside gc_enter() */
		put_unused(t);
	}
	CDS_INIT_LIST_HEAD(&attached);
	threads_attached = 0;
	if (!self)
		return;
	self->tid = (pid_t)syscall(SYS_gettid);
	self->asked = NULL;
	self->state = GC_RUNNING;
	cds_list_add(&self->link, &attached);
	threads_attached = 1;
}
