// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * What programs do between the scan of the roots and the end of marking: hand references
 * over to where the collector has looked already, and take them from where it has not.
 */
#include "held.h"

static void *volatile plain[64]; /* a root range for some tests */
static uint64_t next_id;

/* An old object: made before the marking, and referred to by nothing but the caller's stack. */
static struct node *old_node(void)
{
	return node_make(NODE_TYPED, ++next_id, 2);
}

static bool is_node(const struct node *node, uint64_t id)
{
	return node && node->id == id && node_whole(node);
}

/* Stack only -> a range that is added while marking; plain stores, as it is no root before. */
static __attribute__((noinline)) uint64_t hide_in_new_range(void)
{
	struct node *node = old_node();

	held_mark();
	plain[0] = node;
	if (lane_gc_add_roots((void *)plain, sizeof(plain)))
		ksft_exit_fail_msg("lane_gc_add_roots");
	return next_id;
}

static void range_added(void)
{
	uint64_t id = hide_in_new_range();

	gc_wipe_stack();
	held_finish();
	ksft_test_result(is_node(plain[0], id), "an object in a range that is added while marking");
	lane_gc_write((void *)&plain[0], NULL);
	lane_gc_remove_roots((void *)plain);
}

/* A thread that holds a reference in a vector register and nowhere else. */
static _Atomic int in_register;

static void *spin_with_register(void *arg)
{
	struct node *node = old_node();
	bool whole;

	(void)arg;
	gc_wipe_stack();
#if defined(__x86_64__)
	__asm__ volatile("movq %%rax, %%xmm9\n"
			 "xorl %%eax, %%eax\n"
			 "xorl %%ebx, %%ebx\n"
			 "xorl %%ecx, %%ecx\n"
			 "xorl %%edx, %%edx\n"
			 "xorl %%esi, %%esi\n"
			 "xorl %%edi, %%edi\n"
			 "xorl %%r8d, %%r8d\n"
			 "xorl %%r9d, %%r9d\n"
			 "xorl %%r10d, %%r10d\n"
			 "xorl %%r11d, %%r11d\n"
			 "xorl %%r12d, %%r12d\n"
			 "xorl %%r13d, %%r13d\n"
			 "xorl %%r14d, %%r14d\n"
			 "xorl %%r15d, %%r15d\n"
			 "movl $1, %[flag]\n"
			 "1: pause\n"
			 "cmpl $2, %[flag]\n"
			 "jne 1b\n"
			 "movq %%xmm9, %%rax\n"
			 : "+a"(node), [flag] "+m"(in_register)
			 :
			 : "xmm9", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			   "r12", "r13", "r14", "r15", "memory", "cc");
#elif defined(__aarch64__)
	__asm__ volatile("fmov d9, %[node]\n"
			 "mov %[node], #0\n"
			 "mov w9, #1\n"
			 "str w9, [%[flag]]\n"
			 "1: yield\n"
			 "ldr w9, [%[flag]]\n"
			 "cmp w9, #2\n"
			 "b.ne 1b\n"
			 "fmov %[node], d9\n"
			 : [node] "+r"(node)
			 : [flag] "r"(&in_register)
			 : "d9", "x9", "memory", "cc");
#endif
	whole = node->id && node_whole(node);
	return (void *)(intptr_t)whole;
}

static void vector_register(void)
{
	void *whole;
	pthread_t t;

	gc_thread(&t, spin_with_register, NULL);
	while (atomic_load(&in_register) != 1)
		usleep(100);
	lane_gc_collect();
	lane_gc_collect();
	for (int i = 0; i < 1000; i++)
		node_make(NODE_TYPED, 1, 2);
	atomic_store(&in_register, 2);
	pthread_join(t, &whole);
	ksft_test_result(whole, "an object that only a vector register refers to");
}

/* Loaded from a field that is then cleared: only the deletion's shade keeps it. */
static __attribute__((noinline)) void unlink_child(struct node *parent, void **out)
{
	struct node *child = node_get(parent, 0);

	node_set(parent, 0, NULL);
	*out = (void *)~(uintptr_t)child; /* nobody sees it there */
}

static void deleted_while_marking(void)
{
	struct node *parent = old_node(), *child;
	void *secret;
	uint64_t id;

	node_set(parent, 0, old_node());
	id = next_id;
	lane_gc_collect();
	held_mark();
	unlink_child(parent, &secret);
	gc_wipe_stack();
	held_finish();
	child = (struct node *)~(uintptr_t)secret;
	ksft_test_result(is_node(child, id),
			 "what is overwritten while marking stays for this cycle");
	ksft_test_result(lane_gc_collect() == 0 && is_node(parent, parent->id),
			 "and its parent, too");
}

/* A new thread, attached while marking, takes a reference as argument and drops it somewhere. */
static void *store_argument(void *arg)
{
	struct node *holder = (struct node *)plain[1];

	node_set(holder, 1, arg);
	return NULL;
}

static __attribute__((noinline)) uint64_t give_to_thread(void)
{
	pthread_t t;

	gc_thread(&t, store_argument, old_node());
	pthread_join(t, NULL);
	return next_id;
}

static void thread_argument(void)
{
	struct node *holder;
	uint64_t id;

	lane_gc_add_roots((void *)plain, sizeof(plain));
	holder = old_node();
	lane_gc_write((void *)&plain[1], holder);
	lane_gc_collect();
	held_mark();
	id = give_to_thread();
	gc_wipe_stack();
	held_finish();
	ksft_test_result(is_node(node_get((struct node *)plain[1], 1), id),
			 "an object made while marking, stored by a thread attached while marking");
	lane_gc_clear((void *)plain, sizeof(plain));
	lane_gc_remove_roots((void *)plain);
}

/* The only reference moves from one handle to another, past the collector's look at them. */
static void handles(void)
{
	struct lane_gc_handle *a = lane_gc_handle_create(old_node()), *b;
	uint64_t id = next_id;

	gc_wipe_stack();
	held_mark();
	b = lane_gc_handle_create(lane_gc_handle_get(a));
	lane_gc_handle_destroy(a);
	gc_wipe_stack();
	held_finish();
	ksft_test_result(is_node(lane_gc_handle_get(b), id),
			 "handles made and destroyed while marking");
	lane_gc_handle_set(b, NULL);
	lane_gc_handle_destroy(b);
}

static __attribute__((noinline)) struct lane_gc_weak *weak_only(void)
{
	return lane_gc_weak_create(old_node());
}

static void weak_taken(void)
{
	struct lane_gc_weak *taken = weak_only(), *left = weak_only();
	uint64_t id = next_id - 1;
	struct node *node;

	gc_wipe_stack();
	held_mark();
	node = lane_gc_weak_get(taken);
	ksft_test_result(is_node(node, id), "a weak reference is read while marking");
	held_finish();
	ksft_test_result(is_node(node, id) && lane_gc_weak_get(taken) == node,
			 "and so keeps its object for the cycle");
	ksft_test_result(!lane_gc_weak_get(left), "one that was not read is cleared");
	lane_gc_weak_destroy(taken);
	lane_gc_weak_destroy(left);
}

/* Unlinked, shaded by that, and freed by hand, before the marker comes to it. */
static void freed_by_hand(void)
{
	struct node *parent = old_node();
	bool right = true;
	void *large;

	lane_gc_collect();
	held_mark();
	for (int i = 0; i < 200; i++) {
		struct node *child = old_node();

		node_set(parent, 0, child);
		node_set(parent, 0, NULL);
		right = right && lane_gc_free(child) == 0;
		node_set(parent, 1, old_node());
	}
	large = lane_gc_alloc_conservative(MIB(4));
	lane_gc_write(&parent->ref[0], large);
	lane_gc_write(&parent->ref[0], NULL);
	right = right && lane_gc_free(large) == 0;
	held_finish();
	ksft_test_result(right, "lane_gc_free() of what was shaded");
	ksft_test_result(lane_gc_verify() == 0 && node_whole(parent) &&
				 node_whole(node_get(parent, 1)),
			 "which the collector bears with");
}

/* Threads come and go, and each leaves something, while no stack but theirs is looked at. */
static void *leave_something(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;

	lane_gc_write((void *)&plain[i], node_make(NODE_CONSERVATIVE, i + 1, 3));
	return NULL;
}

static void many_threads(void)
{
	bool right = true;

	lane_gc_add_roots((void *)plain, sizeof(plain));
	held_mark();
	for (size_t i = 0; i < 64; i += 4) {
		pthread_t t[4];

		for (size_t k = 0; k < 4; k++)
			gc_thread(&t[k], leave_something, (void *)(i + k));
		for (size_t k = 0; k < 4; k++)
			pthread_join(t[k], NULL);
	}
	held_finish();
	lane_gc_collect();
	for (size_t i = 0; i < 64; i++)
		right = right && is_node(plain[i], i + 1);
	ksft_test_result(right, "what 64 threads that came and went while marking have left");
	lane_gc_clear((void *)plain, sizeof(plain));
	lane_gc_remove_roots((void *)plain);
}

int main(int argc, char **argv)
{
	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(12);
	held_begin();
	node_make_types();
	range_added();
	vector_register();
	deleted_while_marking();
	thread_argument();
	handles();
	weak_taken();
	freed_by_hand();
	many_threads();
	held_end();
	ksft_finished();
}
