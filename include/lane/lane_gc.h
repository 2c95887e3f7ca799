/* SPDX-License-Identifier: MIT */
/*
 * lane_gc.h - the collected heap: garbage collection beside malloc, in the same
 * library, on the same pages.
 *
 * The collector marks and sweeps while the program runs. No phase stops all
 * threads; a thread's longest pause is the copying of its own stack. Who
 * allocates while marking runs pays for it in bytes of credit, before the
 * allocation, so that the heap keeps to its goal.
 *
 * What the collector must know:
 *
 *  - Threads that hold references are attached (lane_gc_attach()). Their stacks
 *    and registers are scanned conservatively; addresses inside an object count.
 *  - Memory outside the collected heap that holds references is a root range
 *    (lane_gc_add_roots()) or a handle. Memory from malloc() is not looked at.
 *  - A reference is stored into an object or a root range by lane_gc_write() or
 *    one of its relatives. Loads are plain loads. Stores into an object that is
 *    new and has not been seen by other threads are no exception.
 *
 * Objects do not move. Fields that do not hold references are stored as usual.
 *
 * Context, unless a function says otherwise: an attached thread, not a signal
 * handler, not a trace callback. Functions return 0 or a count on success and
 * -errno on failure; those that return objects return NULL and set errno.
 */
#ifndef LANE_LANE_GC_H
#define LANE_LANE_GC_H

#include <lane/lane.h>
#include <pthread.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct lane_gc_options - how the collected heap begins; a zero in a field means its default */
struct lane_gc_options {
	size_t sz;	       /* sizeof(struct lane_gc_options) */
	int percent;	       /* as lane_gc_set_percent(); 100; -1: no collection by growth */
	int signal;	       /* asks a thread for a copy of its stack; SIGRTMIN + 6 */
	uint64_t memory_limit; /* bytes, as lane_gc_set_memory_limit(); none */
	uint64_t min_heap;     /* bytes; no cycle starts below, scaled by percent / 100; 4 MiB */
};

/**
 * lane_gc_init - start the collected heap
 * @options: NULL for all defaults
 *
 * Starts the collector's threads; they sleep until there is work. And one that
 * returns memory to the system and looks for some each 100 ms, unless LANE_CONF has
 * background_thread:false. LANE_CONF (gc_percent, gc_memory_limit, gctrace) has
 * precedence over @options.
 *
 * Context: any thread, once, before any other function of this header.
 * Return: 0; -EALREADY; -EINVAL for an option that makes no sense; -ENOMEM,
 * -EAGAIN where memory or a thread is refused.
 */
LANE_API int lane_gc_init(const struct lane_gc_options *options);

/*
 * Threads.
 */

/**
 * lane_gc_attach - let the calling thread hold references
 *
 * The thread must not block the collector's signal for long: a cycle cannot end
 * before each attached thread has shown its stack, or is between
 * lane_gc_enter_blocking() and lane_gc_leave_blocking().
 *
 * Context: any thread.
 * Return: 0, -EALREADY, -EAGAIN before lane_gc_init(), -ENOMEM.
 */
LANE_API int lane_gc_attach(void);

/** lane_gc_detach - the thread holds no references any more. A thread that ends is detached. */
LANE_API int lane_gc_detach(void);

/**
 * lane_gc_pthread_create - pthread_create() of a thread that is attached while @fn runs
 *
 * @arg may be a reference, and is kept. What @fn returns is not: the thread is detached by the
 * time that it is joined. Hand references over in a handle, or in an object.
 *
 * Return: 0 or a positive error number, as pthread_create().
 */
LANE_API int lane_gc_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
				    void *(*fn)(void *), void *arg);

/**
 * lane_gc_enter_blocking - a long system call follows
 *
 * Until lane_gc_leave_blocking() the thread touches no collected object, and is
 * not interrupted for its stack: the collector reads it as it was at this call. The
 * frame that calls must not return before it calls lane_gc_leave_blocking().
 */
LANE_API void lane_gc_enter_blocking(void);

/** lane_gc_leave_blocking - the call is over. May wait while the collector copies this stack. */
LANE_API void lane_gc_leave_blocking(void);

/*
 * Types.
 */

struct lane_gc_type;
struct lane_gc_tracer;

/**
 * struct lane_gc_layout - where an object holds references
 *
 * By bitmap: bit i of the bitmap says that the pointer-sized word i is a
 * reference, or NULL. By callback: @trace calls lane_gc_trace() for each slot that
 * holds one. Neither: the object holds none. A reference may point into the middle
 * of an object.
 */
struct lane_gc_layout {
	size_t sz;		/* sizeof(struct lane_gc_layout) */
	const char *name;	/* for messages; copied */
	size_t size;		/* bytes of an object or of an array's element */
	const uint64_t *bitmap; /* copied */
	size_t bitmap_bits;	/* at most size / sizeof(void *) */
	/*
	 * Runs on any thread, beside threads that change the object; an object may be seen
	 * while it still is all zeroes. Must not call anything but lane_gc_trace().
	 */
	void (*trace)(void *obj, size_t size, struct lane_gc_tracer *tracer);
};

/**
 * lane_gc_type_create - make a type; it lives as long as the process
 *
 * Return: 0; -EINVAL: size 0, a bitmap longer than the object, bitmap and callback
 * both; -ENOMEM. Debug builds name the type on stderr and abort on -EINVAL.
 */
LANE_API int lane_gc_type_create(const struct lane_gc_layout *layout,
				 const struct lane_gc_type **type);

/** lane_gc_trace - a trace callback found that @slot may hold a reference */
LANE_API void lane_gc_trace(struct lane_gc_tracer *tracer, void *const *slot);

/*
 * Allocation. All memory is zeroed. NULL with errno = ENOMEM where the system has none
 * left, even after a whole cycle (which is waited for where it could make room); EPERM:
 * the thread is not attached (debug builds name it and abort).
 */

/** lane_gc_alloc - an object of @type, aligned to 16 bytes (8 for sizes up to 8) */
LANE_API void *lane_gc_alloc(const struct lane_gc_type *type) LANE_MALLOC;

/** lane_gc_alloc_array - @n elements of @type one behind the other; ENOMEM where they overflow */
LANE_API void *lane_gc_alloc_array(const struct lane_gc_type *type, size_t n) LANE_MALLOC;

/** lane_gc_alloc_conservative - each aligned word of it that looks like a reference counts */
LANE_API void *lane_gc_alloc_conservative(size_t size) LANE_MALLOC LANE_SIZE(1);

/** lane_gc_alloc_noscan - holds no references. Below 16 bytes several share a slot. */
LANE_API void *lane_gc_alloc_noscan(size_t size) LANE_MALLOC LANE_SIZE(1);

/**
 * lane_gc_free - explicit free of an object that is not used any more
 * @obj: what an allocation function of this header returned; NULL does nothing
 *
 * Optional: saves the collector work. Objects of less than 16 bytes that share a slot, and, while
 * marking runs, large ones, arrays and those of a type with a callback or many words, are left to
 * the collector. No weak reference, finalizer or handle to it may be left.
 *
 * Return: 0; -EINVAL: not a live collected object, or an address inside one that shares its slot
 * with none (debug builds name the pointer and abort), as one of a large object that was freed
 * while no marking ran. Else a second free of the same object is found where it has not been swept
 * or handed out again, and aborts with a line that names it; not where objects share a slot.
 */
LANE_API int lane_gc_free(void *obj);

/**
 * lane_gc_size - bytes that may be used at @obj, 0 where it is no collected object
 *
 * Not for objects of less than 16 bytes that share a slot: nobody knows where the next one begins.
 */
LANE_API size_t lane_gc_size(const void *obj);

/**
 * lane_gc_keep - @obj is in use up to here
 *
 * A compiler may forget a reference after its last use, and what only the object's content keeps
 * open, a file say, is then closed by its finalizer while it is in use.
 */
static inline void lane_gc_keep(const void *obj)
{
	__asm__ __volatile__("" : : "r"(obj) : "memory");
}

/** lane_gc_base - start of the collected object that @p points into, or NULL */
LANE_API void *lane_gc_base(const void *p);

/*
 * Stores of references.
 */

/**
 * lane_gc_write - *slot = value
 * @slot: aligned to 8, in a collected object, a root range or the caller's own stack
 * @value: a reference or NULL
 *
 * A release store: who loads @value from @slot sees what was stored into it before.
 * Costs a restartable sequence of a few instructions while no marking runs.
 * A @slot anywhere else is stored to all the same; debug builds name it and abort.
 */
LANE_API void lane_gc_write(void *slot, void *value);

/** lane_gc_cmpxchg - if *slot is @old, *slot = @value, a full barrier. Returns what *slot was. */
LANE_API void *lane_gc_cmpxchg(void *slot, void *old, void *value);

/** lane_gc_memmove - copy @bytes from @src to @dst, which may overlap; both aligned to 8, @bytes
 * any number. Word by word: no reader sees half a reference. */
LANE_API void lane_gc_memmove(void *dst, const void *src, size_t bytes);

/** lane_gc_clear - zero @bytes at @dst, aligned to 8, that may hold references */
LANE_API void lane_gc_clear(void *dst, size_t bytes);

/*
 * Roots.
 */

/**
 * lane_gc_add_roots - memory outside the collected heap that may hold references
 * @start: aligned to 8
 * @bytes: multiple of 8; scanned conservatively; must stay readable until removed
 *
 * Context: any thread.
 * Return: 0, -EINVAL, -ENOMEM.
 */
LANE_API int lane_gc_add_roots(void *start, size_t bytes);

/** lane_gc_remove_roots - take back what lane_gc_add_roots(@start) said; -ENOENT. Waits while it is
 * being scanned. Context: any thread. */
LANE_API int lane_gc_remove_roots(void *start);

/** Handles keep an object, and may be held in memory that the collector does not look at. */
struct lane_gc_handle;
LANE_API struct lane_gc_handle *lane_gc_handle_create(void *obj); /* NULL: ENOMEM */
LANE_API void *lane_gc_handle_get(struct lane_gc_handle *h);
LANE_API void lane_gc_handle_set(struct lane_gc_handle *h, void *obj);
LANE_API void lane_gc_handle_destroy(struct lane_gc_handle *h);

/*
 * Weak references do not keep an object. They are cleared when a cycle finds it
 * unreachable, before finalizers run: an object that its finalizer revives is not found
 * through old weak references.
 */
struct lane_gc_weak;
LANE_API struct lane_gc_weak *lane_gc_weak_create(void *obj); /* NULL: ENOMEM */
LANE_API void *lane_gc_weak_get(struct lane_gc_weak *w);      /* the object, or NULL for ever */
LANE_API void lane_gc_weak_destroy(struct lane_gc_weak *w);

/**
 * lane_gc_set_finalizer - call @fn(@obj, @arg) once, after @obj has become unreachable
 * @fn: NULL takes the finalizer back, also where another one has revived @obj before it is called
 * @arg: not a reference, or one that is kept elsewhere
 *
 * Runs on a thread of its own that is attached. @obj and all that it reaches live until
 * @fn has returned, and longer where @fn stores a reference to them somewhere
 * (resurrection); from the moment that @fn is called a new finalizer may be set. Objects that
 * finalizers keep are finalized in no particular order. No finalizer runs at the end of the
 * process.
 *
 * Return: 0; -EINVAL: not a collected object's start; -EEXIST: it has one; -ENOENT: none
 * to take back; -ENOMEM.
 */
LANE_API int lane_gc_set_finalizer(void *obj, void (*fn)(void *obj, void *arg), void *arg);

/*
 * Control. Context: any thread.
 */

/**
 * lane_gc_collect - run a whole cycle: marking that begins after this call, and sweeping
 *
 * Everything that was unreachable at the call is free on return, and its finalizers are
 * queued. The other threads go on. Where a cycle could not begin, the next call tries again.
 *
 * Return: 0; -EAGAIN before lane_gc_init(), in the child of a fork where a thread is refused, and
 * in that of a signal handler's, by another thread, before what the handler interrupted has gone
 * on; -EDEADLK from a trace callback; -EPERM: membarrier is refused since the start.
 */
LANE_API int lane_gc_collect(void);

/**
 * lane_gc_set_percent - growth between cycles
 * @percent: the heap may grow by so much of what was live before a cycle has ended; -1: never
 *           collect for growth
 *
 * Return: the value before.
 */
LANE_API int lane_gc_set_percent(int percent);

/**
 * lane_gc_set_memory_limit - collect more often so that Lane's memory stays below
 * @bytes: of all that Lane maps and has not released; soft: with more than that live the program
 *         goes on, and at most half of the CPU goes to the collector. UINT64_MAX: no limit
 *
 * Return: the value before.
 */
LANE_API uint64_t lane_gc_set_memory_limit(uint64_t bytes);

/**
 * lane_gc_verify - run a whole cycle, and check it between marking and sweeping
 *
 * For tests: every reference in an object that stays, and in a handle, must be to an object that
 * is marked and was not freed. Nobody is stopped, as this holds at any moment after marking has
 * ended. LANE_CONF=gc_check:true does so in every cycle, and fills what is swept with 0xdb.
 *
 * Return: 0, or the number of faults, of which the first ones are lines on stderr; below 0 as
 * lane_gc_collect().
 */
LANE_API int lane_gc_verify(void);

/**
 * struct lane_gc_stats - one reading of the collected heap; bytes unless said
 *
 * The counts of objects are of the same cut as lane_stats_read()'s.
 * allocated - freed = live, of objects and of bytes.
 */
struct lane_gc_stats {
	size_t sz; /* in: sizeof(struct lane_gc_stats) */

	uint64_t allocated_objects; /* tiny ones included */
	uint64_t freed_objects;	    /* by lane_gc_free() and by sweeping; tiny ones see below */
	uint64_t live_objects;	    /* those not swept yet included */
	uint64_t allocated;
	uint64_t freed;
	uint64_t live;
	uint64_t tiny_allocs; /* of the objects: put into another one's slot; freed with it, but
				 counted as freed at once */
	uint64_t spans;	      /* bytes of spans that hold collected objects */
	uint64_t cached;      /* in CPU caches */
	uint64_t free;	      /* free slots of spans */

	uint64_t cycles;      /* completed */
	uint64_t forced;      /* of those, by lane_gc_collect() */
	uint32_t phase;	      /* 0 off, 1 marking, 2 mark termination, 3 sweeping */
	uint32_t threads;     /* attached */
	uint64_t heap_live;   /* what the pacer counts: marked plus allocated since */
	uint64_t heap_marked; /* at the end of the last marking */
	uint64_t goal;
	uint64_t trigger;
	uint64_t scan_work; /* bytes scanned in this or the last marking */
	int64_t bg_credit;  /* bytes of scan work that allocators may take */
	uint64_t assist_ns; /* CPU time of all assists of the process */
	uint64_t worker_ns; /* CPU time of background marking */
	uint64_t sweep_ns;  /* CPU time of background sweeping */
	uint64_t stack_copies;
	uint64_t stack_copy_max_ns; /* the longest a thread was held for its stack */
	uint64_t cycle_ns;	    /* the last marking, from trigger to termination */
	uint64_t finalizers;	    /* run */
	uint64_t limited_ns;	    /* marking in which nobody had to assist: collecting took half
				       of the CPU time already */
};

/** lane_gc_stats_read - Return: 0, -EINVAL (sz), -EAGAIN before lane_gc_init() */
LANE_API int lane_gc_stats_read(struct lane_gc_stats *st);

#ifdef __cplusplus
}
#endif

#endif /* LANE_LANE_GC_H */
