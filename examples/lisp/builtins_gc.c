// SPDX-License-Identifier: MIT
/*
 * builtins_gc.c - the collector as the program sees it: control, weak boxes, finalizers.
 *
 * lane_gc_weak and lane_gc_handle are no collected objects: a weak box gives its weak reference
 * back by a finalizer of its own. Both want an object's start, so a pair goes there without its
 * tag, and who gets it back must know that it was one.
 *
 * A finalizer's argument is not scanned. The Lisp procedure to call is therefore behind a handle,
 * which is a root: a procedure that refers to the object it is to finalize keeps it for ever.
 */
#include "lisp.h"

static val collect(int argc, val *argv)
{
	(void)argc;
	(void)argv;
	lane_gc_collect();
	return UNSPECIFIED;
}

static val verify(int argc, val *argv)
{
	(void)argc;
	(void)argv;
	return fixnum(lane_gc_verify());
}

static val percent(int argc, val *argv)
{
	(void)argc;
	return fixnum(lane_gc_set_percent(need_fixnum(argv[0])));
}

/* Bytes; as much as a machine has. Returns nothing, since there may have been no limit. */
static val memory_limit(int argc, val *argv)
{
	(void)argc;
	lane_gc_set_memory_limit(argv[0] == FALSE ? UINT64_MAX
						  : (uint64_t)need_index(argv[0], FIXNUM_MAX));
	return UNSPECIFIED;
}

static val stats(int argc, val *argv)
{
	struct lane_gc_stats st = {.sz = sizeof(st)};
	val out = NIL;

	(void)argc;
	(void)argv;
	if (lane_gc_stats_read(&st) < 0)
		return NIL;
#define ENTRY(name) out = cons(cons(intern(#name), fixnum(st.name)), out)
	ENTRY(finalizers);
	ENTRY(stack_copy_max_ns);
	ENTRY(assist_ns);
	ENTRY(forced);
	ENTRY(cycles);
	ENTRY(goal);
	ENTRY(heap_marked);
	ENTRY(heap_live);
	ENTRY(live);
	ENTRY(allocated);
	ENTRY(live_objects);
	ENTRY(freed_objects);
	ENTRY(allocated_objects);
#undef ENTRY
	return out;
}

static void finalize_box(void *obj, void *arg)
{
	(void)arg;
	lane_gc_weak_destroy(
		__atomic_exchange_n(&((struct held *)obj)->os, NULL, __ATOMIC_ACQ_REL));
}

static void *start_of(val v)
{
	return is_pair(v) ? (void *)pair_of(v) : is_object(v) ? v : NULL;
}

/* held: os the weak reference, n 1 where it is to a pair; a the value where it is no object. */
static val weak_box(int argc, val *argv)
{
	struct held *box = make_held(T_WEAK);
	void *obj = start_of(argv[0]);

	(void)argc;
	if (!obj) {
		lane_gc_write(&box->a, argv[0]);
		return box;
	}
	box->n = is_pair(argv[0]);
	box->os = lane_gc_weak_create(obj);
	if (!box->os || lane_gc_set_finalizer(box, finalize_box, NULL) < 0) {
		lane_gc_weak_destroy(box->os);
		out_of_memory();
	}
	return box;
}

/* #f where the value is gone */
static val weak_value(int argc, val *argv)
{
	struct held *box = need(argv[0], T_WEAK, "weak box");
	char *obj;

	(void)argc;
	if (!box->os)
		return box->a ? box->a : FALSE; /* without either, the box was finalized */
	obj = lane_gc_weak_get(box->os);
	return obj ? obj + box->n : FALSE;
}

static void run_finalizer(val v, struct lane_gc_handle *handle)
{
	struct catch c;
	val fn = lane_gc_handle_get(handle);

	lane_gc_handle_destroy(handle);
	thread_init();
	catch_push(&c);
	if (setjmp(c.jmp)) {
		print_error(stderr, c.value);
		return;
	}
	apply(fn, 1, &v);
	catch_pop(&c);
}

static void finalize_object(void *obj, void *arg)
{
	run_finalizer(obj, arg);
}

static void finalize_pair(void *obj, void *arg)
{
	run_finalizer((char *)obj + 1, arg);
}

/* (on-finalize v procedure): calls it with v, once, after v has become unreachable */
static val on_finalize(int argc, val *argv)
{
	struct lane_gc_handle *handle;
	void *obj = start_of(argv[0]);
	int err;

	(void)argc;
	if (!obj)
		error("has no end:", argv[0]);
	handle = lane_gc_handle_create(argv[1]);
	if (!handle)
		out_of_memory();
	err = lane_gc_set_finalizer(obj, is_pair(argv[0]) ? finalize_pair : finalize_object,
				    handle);
	if (err < 0) {
		lane_gc_handle_destroy(handle);
		error("cannot have a finalizer, or has one:", argv[0]);
	}
	return argv[0];
}

static const struct builtin_def defs[] = {
	{"gc", collect, 0, 0},
	{"gc-verify", verify, 0, 0},
	{"gc-percent", percent, 1, 1},
	{"gc-memory-limit", memory_limit, 1, 1},
	{"gc-stats", stats, 0, 0},
	{"weak-box", weak_box, 1, 1},
	{"weak-value", weak_value, 1, 1},
	{"on-finalize", on_finalize, 2, 2},
};

void builtins_gc_init(void)
{
	DEFINE_BUILTINS(defs);
}
