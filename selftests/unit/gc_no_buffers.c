// SPDX-License-Identifier: MIT
/*
 * Grey references without end, and no memory for the buffers that they would wait in, or for the
 * copy of a stack: all that a stack refers to stays. With one buffer in all, a cycle ends, whatever
 * the shape of the heap: spans of more objects than it has room for, arrays that are scanned in
 * pieces and refer to more.
 */
#include "failing_os.h"
#include "meta.h"

#include <lane/lane_gc.h>

#define REFERENCES 300000u

static void collect_without_memory(void)
{
	failing_from(1, true);
	lane_gc_collect();
	failures_end();
}

static bool all_stay(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	uint64_t *volatile *refs = __builtin_alloca(REFERENCES * sizeof(*refs));

	memset((void *)refs, 0, REFERENCES * sizeof(*refs));
	/* The first cycle makes the copy of the stack as large as it is. */
	if (lane_gc_init(&o) || lane_gc_attach() || lane_gc_collect())
		return false;
	for (uint64_t i = 0; i < REFERENCES; i++) {
		refs[i] = lane_gc_alloc_conservative(2 * sizeof(uint64_t));
		if (!refs[i])
			return false;
		*refs[i] = i;
	}
	collect_without_memory();
	for (uint64_t i = 0; i < REFERENCES; i++) {
		if (lane_gc_base(refs[i]) != refs[i] || *refs[i] != i) {
			ksft_print_msg("object %llu is gone", (unsigned long long)i);
			return false;
		}
	}
	return true;
}

/* A stack that is larger than any before, and the @nth time that memory is wanted there is none. */
static int large_stack(void *nth)
{
	uint64_t *volatile *refs = __builtin_alloca(REFERENCES * sizeof(*refs));
	int wrong = lane_gc_init(NULL) || lane_gc_attach();

	memset((void *)refs, 0, REFERENCES * sizeof(*refs));
	refs[REFERENCES / 2] = lane_gc_alloc_conservative(16);
	failing_from(*(unsigned int *)nth, false);
	wrong |= lane_gc_collect() != 0;
	failures_end();
	return wrong || lane_gc_base(refs[REFERENCES / 2]) != refs[REFERENCES / 2];
}

static bool large_stacks(void)
{
	bool right = true;

	for (unsigned int nth = 1; nth <= 4; nth++)
		right &= in_child(large_stack, &nth, 60) == 0;
	return right;
}

#define FEW 1u
#define MANY 100000u

/* Of @n objects, each with one more behind it. */
static uint64_t ***make_array(uint64_t n)
{
	uint64_t ***array = lane_gc_alloc_conservative(n * sizeof(*array));

	for (uint64_t i = 0; array && i < n; i++) {
		uint64_t **obj = lane_gc_alloc_conservative(16), *behind;

		lane_gc_write(&array[i], obj);
		behind = lane_gc_alloc_conservative(16);
		lane_gc_write(obj, behind);
		*behind = i;
	}
	return array;
}

static bool array_stays(uint64_t ***array, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (lane_gc_base(array[i]) != array[i] || lane_gc_base(*array[i]) != *array[i] ||
		    **array[i] != i)
			return false;
	return true;
}

/* Nothing was grey before, so no buffer was made by need. An array of @n. */
static int first_cycle(void *n)
{
	static uint64_t ***root;
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	int wrong = lane_gc_init(&o) || lane_gc_attach();

	wrong |= lane_gc_add_roots(&root, sizeof(root));
	lane_gc_write(&root, make_array(*(uint64_t *)n));
	failing_from(1, true);
	/* What was mapped before has no room either. */
	for (size_t size = MIB(1); size >= 64; size /= 2)
		while (meta_alloc(size, 64))
			;
	wrong |= lane_gc_collect() != 0;
	failures_end();
	return wrong || !array_stays(root, *(uint64_t *)n);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(6);
	lane_free(lane_malloc(1));
	ksft_test_result(large_stacks(), "a stack's copy is tried again");
#ifdef __SANITIZE_THREAD__
	for (int i = 0; i < 2; i++)
		ksft_test_result_skip(
			"the sanitizer holds back the signals that a cycle waits for");
	(void)first_cycle;
#else
	ksft_test_result(in_child(first_cycle, &(uint64_t){FEW}, 60) == 0,
			 "no memory from the first cycle on: it ends");
	ksft_test_result(in_child(first_cycle, &(uint64_t){MANY}, 60) == 0,
			 "also with arrays and full spans: all stays");
#endif
	failures_apart();
	ksft_test_result(all_stay(),
			 "no memory for what is grey: all that a stack refers to stays");
	ksft_test_result(os_failed > 0, "there was none");
	ksft_test_result(!lane_gc_verify(), "with memory a cycle is whole again");
	ksft_finished();
}
