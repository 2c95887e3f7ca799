// SPDX-License-Identifier: MIT
/*
 * Each restartable sequence does what its twin in C (cpu_block.c) does, from
 * every state of a block: empty and full, in the present generation and in
 * others, on a CPU that is down, in a thread without rseq, batches of no objects, too. Until its
 * last instruction nobody sees a change. And where it is interrupted before any one of its
 * instructions, and others use the block, begin a generation, move the thread or take its CPU down
 * meanwhile, all is as if one had come before the other.
 */
#include "section_world.h"

/* How an operation ended: what is in the world, and what it returned. */
struct outcome {
	struct world world;
	u64 result;
};

static const struct op {
	const char *name;
	void (*section)(void);
	void (*in_c)(void);
	bool fills; /* the caller's array */
} ops[] = {
	{"pop", pop, pop_in_c, false},
	{"push", push, push_in_c, false},
	{"roll", roll, roll_in_c, false},
	{"refill", refill, refill_in_c, false},
	{"flush", flush, flush_in_c, true},
	{"arm", arm, arm_in_c, false},
	{"store_if", store, store_in_c, false},
	{"store_if of another word", store_closed, store_closed_in_c, false},
};

static void look(const struct op *op, struct outcome *o)
{
	save(&o->world);
	o->result = result;
	forget_scribbles(&o->world, op->fills ? (u32)result : BATCH + 1);
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return a->result == b->result && !memcmp(&a->world, &b->world, sizeof(a->world));
}

static struct world first; /* the state that all begins from */

/* What comes of the operation in C and of @disturb, in this order or in the other. */
static void expect(const struct op *op, void (*disturb)(void), bool disturbed_first,
		   struct outcome *o)
{
	restore(&first);
	if (disturbed_first)
		disturb();
	op->in_c();
	if (!disturbed_first)
		disturb();
	look(op, o);
}

/* In one go, from many states. */

static void say(const char *what, const struct op *op, const struct start *s)
{
	ksft_print_msg("%s %s: %u objects of %u, flip %u, generation ^ %#x, %llu pops, n %u",
		       op->name, what, s->objects, s->cap, s->flip, s->other,
		       (unsigned long long)s->pops, s->n);
}

static bool right_from(const struct op *op, const struct start *s)
{
	static struct outcome want, got;

	begin(s);
	save(&first);
	expect(op, nothing, true, &want);
	restore(&first);
	op->section();
	look(op, &got);
	if (same(&want, &got))
		return true;
	ksft_print_msg("returned %#llx and not %#llx", (unsigned long long)got.result,
		       (unsigned long long)want.result);
	say("is wrong", op, s);
	return false;
}

/* Each property of a state that can be one or the other, in turn. */
static bool right_with_each(const struct op *op, struct start s)
{
	bool *const each[] = {&s.is_down,    &s.no_rseq,   &s.other_tag,
			      &s.other_rate, &s.is_closed, &s.twice};
	bool good = right_from(op, &s);

	for (size_t i = 0; i < ARRAY_SIZE(each) && good; i++) {
		*each[i] = true;
		good = right_from(op, &s);
		*each[i] = false;
	}
	return good;
}

static const u32 some_objects[] = {0, 1, 2, 5, MOST - 1, MOST};
static const u32 some_caps[] = {0, 1, 7, MOST - 1, MOST};
static const u32 some_others[] = {0, WORD_GEN_ONE, 1u << (WORD_FLIP_SHIFT - 1)};
static const u64 some_pops[] = {0, WORD_POPS_MAX - 1, WORD_POPS_MAX};

static bool right_in_one_go(const struct op *op)
{
	for (size_t i = 0; i < ARRAY_SIZE(some_objects) * ARRAY_SIZE(some_caps); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(some_others) * ARRAY_SIZE(some_pops); j++) {
			struct start s = {.objects = some_objects[i % ARRAY_SIZE(some_objects)],
					  .cap = some_caps[i / ARRAY_SIZE(some_objects)],
					  .other = some_others[j % ARRAY_SIZE(some_others)],
					  .pops = some_pops[j / ARRAY_SIZE(some_others)]};

			s.flip = (u32)(i + j) & 1;
			s.n = (u32)(i + j / 2) % (BATCH + 1);
			if (!right_with_each(op, s))
				return false;
		}
	}
	return true;
}

/* One instruction at a time. */

static const struct op *op_now;
static struct outcome before, after;			/* what all see */
static struct outcome sooner[ARRAY_SIZE(disturbances)]; /* where the disturbance comes first */
static struct outcome later[ARRAY_SIZE(disturbances)];
static struct world at_step[MAX_STEPS];
static bool changes, is_after, committed, right;

/* Any other CPU looks: the state is the one before, or, once it was, the one after. */
static void look_and_keep(u32 n)
{
	static struct world seen;

	save(&at_step[n]);
	seen = at_step[n];
	forget_scribbles(&seen, 0);
	if (!is_after && !memcmp(&seen, &before.world, sizeof(seen)))
		return;
	is_after = true;
	if (!right || !memcmp(&seen, &after.world, sizeof(seen)))
		return;
	right = false;
	ksft_print_msg("after instruction %u others see what is neither before nor after", n);
}

static void disturb(u32 n, u32 round)
{
	restore(&at_step[n]);
	committed = now.slot != first.slot;
	for (u32 cpu = 0; cpu < 2; cpu++)
		committed |= block_in(&now, cpu)->word != block_in(&first, cpu)->word;
	disturbances[round].act();
}

static bool is_right(u32 n, u32 round)
{
	static struct outcome got;

	if (n == 0)
		return right;
	look(op_now, &got);
	if ((committed || !changes) && same(&got, &later[round]))
		return true;
	if (!committed && same(&got, &sooner[round]))
		return true;
	ksft_print_msg("%s, before instruction %u, %s", disturbances[round].name, n + 1,
		       committed ? "done" : "not done");
	right = false;
	return false;
}

static u64 restarts;

static bool right_step_by_step(const struct op *op, const struct start *s)
{
	struct stepping steps = {.area = &now.area,
				 .rounds = ARRAY_SIZE(disturbances),
				 .at_step = look_and_keep,
				 .disturb = disturb,
				 .ended = is_right};

	op_now = op;
	begin(s);
	save(&first);
	for (size_t i = 0; i < ARRAY_SIZE(disturbances); i++) {
		expect(op, disturbances[i].act, true, &sooner[i]);
		expect(op, disturbances[i].act, false, &later[i]);
	}
	expect(op, nothing, true, &after);
	before.world = first;
	forget_scribbles(&before.world, 0);
	forget_scribbles(&after.world, 0);
	changes = memcmp(&before.world, &after.world, sizeof(before.world));
	is_after = false;
	right = true;
	restore(&first);
	step_through(&steps, op->section);
	restarts += steps.restarts;
	if (steps.fault)
		ksft_print_msg("%s", steps.fault);
	if (right && !steps.fault)
		return true;
	say("is wrong", op, s);
	return false;
}

static bool right_interrupted(const struct op *op)
{
	static const struct start starts[] = {
		{.objects = 5, .cap = 9, .pops = 7, .n = 3},
		{.objects = 4, .cap = 9, .flip = 1, .pops = WORD_POPS_MAX, .n = 4},
		{.objects = 1, .cap = 2, .pops = WORD_POPS_MAX - 1, .n = 2},
		{.objects = 2, .cap = 2, .flip = 1, .other = WORD_GEN_ONE, .pops = 3, .n = 1},
		{.objects = 0, .cap = 9, .pops = WORD_POPS_MAX, .n = 5},
		{.objects = 3, .cap = 9, .pops = 2, .n = 0},
	};
	u64 restarts_before = restarts;

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (!right_step_by_step(op, &starts[i]))
			return false;
	ksft_print_msg("%s: restarted %llu times", op->name,
		       (unsigned long long)(restarts - restarts_before));
	return restarts > restarts_before;
}

static void begin_stale(void)
{
	struct start s = {.objects = 5, .cap = 9, .other = WORD_GEN_ONE, .pops = 7, .n = 2};

	begin(&s);
	save(&first);
}

/* What the twins do to a block in an older generation belongs to the new one. */
static bool is_rolled(void)
{
	struct block_book *book = &cache_of(&now, 0)->book[CLS];
	struct block_book *old = &cache_of(&first, 0)->book[CLS];

	return word_gen(block_in(&now, 0)->word) == ((u32)hot.gen & WORD_GEN_MASK) &&
	       book->base_word == block_in(&first, 0)->word &&
	       !memcmp(&book->base, &old->flow[0], sizeof(book->base));
}

static bool twins_roll(void)
{
	struct cpu_cache *c = cache_of(&now, 0);
	bool good;

	begin_stale();
	block_pop_locked(c, CLS);
	good = is_rolled();
	begin_stale();
	block_push_locked(c, CLS, object);
	good &= is_rolled();
	begin_stale();
	block_refill_locked(c, CLS, now.objs, 2);
	good &= is_rolled();
	begin_stale();
	block_flush_locked(c, CLS, now.objs, 2);
	good &= is_rolled();
	begin_stale();
	block_arm_locked(c, CLS, 77);
	return good && is_rolled();
}

int main(void)
{
	s64 self = (s64)(uintptr_t)__builtin_thread_pointer();

	ksft_print_header();
	if (RSEQ_ARCH[0] == 'n')
		ksft_exit_skip("built without restartable sequences");
	if (block_offset(CLS) + sizeof(struct cpu_block) + MOST * 8 > CACHE_WORDS * 8)
		ksft_exit_fail_msg("the first class' block is not the first");
	ksft_set_plan(2 * ARRAY_SIZE(ops) + 1);
	hot.rseq_offset = (s64)(uintptr_t)&now.area - self;
	hot.index_offset = (s64)(uintptr_t)&now.area.mm_cid - self;
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		ksft_test_result(right_in_one_go(&ops[i]), "%s does as its twin in C", ops[i].name);
		if (STEPPING)
			ksft_test_result(right_interrupted(&ops[i]),
					 "%s may be interrupted before each instruction",
					 ops[i].name);
		else
			ksft_test_result_skip("no single steps on this architecture");
	}
	ksft_test_result(twins_roll(), "each twin rolls first");
	ksft_finished();
}
