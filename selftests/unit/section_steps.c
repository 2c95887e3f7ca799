// SPDX-License-Identifier: MIT
/*
 * Each restartable sequence does what its twin in C (cpu_block.c) does, from
 * every state of a block: empty and full, in the present generation and in
 * others, on a CPU that is down, in a thread without rseq. Until its last
 * instruction nobody sees a change. And where it is interrupted before any
 * one of its instructions, and others use the block, begin a generation, move the
 * thread or take its CPU down meanwhile, all is as if one had come before the other.
 */
#include "stepping.h"

#include "rseq_ops.h"

#define CLS 1u
#define MOST WORD_IDX_MASK /* objects of a block */
#define BATCH 9u
#define CACHE_WORDS (sizeof(struct cpu_cache) / 8 + 2 + MOST + 16)
#define HOME_TAG 3
#define RATE 4096

/* All that sections read and write; hot.gen goes with it. */
struct world {
	u64 cache[2][CACHE_WORDS] __aligned_to(CACHE_LINE);
	struct rseq_fields area; /* mm_cid says which cache */
	struct cpu_cache *table[4];
	void *objs[BATCH + 1];
	u64 gen;
	u32 closed;
	void *slot;
};

static struct world now;
static u64 down[CACHE_WORDS] __aligned_to(CACHE_LINE); /* what stands in for a CPU's caches */

/* What is tried. */
static void *object;
static struct rseq_batch batch;
static struct rseq_arming arming;
static u64 result;

static struct cpu_cache *cache_of(struct world *w, u32 cpu)
{
	return (struct cpu_cache *)w->cache[cpu];
}

static struct cpu_block *block_in(struct world *w, u32 cpu)
{
	return cache_block(cache_of(w, cpu), CLS);
}

static void save(struct world *w)
{
	*w = now;
	w->gen = hot.gen;
}

static void restore(const struct world *w)
{
	now = *w;
	hot.gen = w->gen;
}

/* The cache of this CPU, or NULL where the block may not be used so. */
static struct cpu_cache *mine(void)
{
	struct cpu_cache *c = now.area.cpu_id < 0 ? NULL : now.table[now.area.mm_cid];

	if (!c || word_gen(cache_block(c, CLS)->word) != ((u32)hot.gen & WORD_GEN_MASK))
		return NULL;
	return c;
}

/* The sections, and what they are to do. */

static __noinline void pop(void)
{
	result = (uintptr_t)rseq_pop_from(now.table, block_offset(CLS));
}

static void pop_in_c(void)
{
	struct cpu_cache *c = mine();

	result = c ? (uintptr_t)block_pop_locked(c, CLS) : 0;
}

static __noinline void push(void)
{
	result = (u64)rseq_push(block_offset(CLS), object);
}

static void push_in_c(void)
{
	struct cpu_cache *c = mine();
	int n = c ? block_push_locked(c, CLS, object) : 0;

	result = n == 1 ? RSEQ_PUSHED : n ? RSEQ_PUSH_DOUBLE : RSEQ_PUSH_SLOW;
}

static __noinline void roll(void)
{
	result = (u64)(s64)rseq_roll(now.table, block_offset(CLS), book_offset(CLS));
}

static void roll_in_c(void)
{
	struct cpu_cache *c = now.area.cpu_id < 0 ? NULL : now.table[now.area.mm_cid];

	if (!c || !cache_block(c, CLS)->cap) {
		result = (u64)RSEQ_NO_CACHE;
		return;
	}
	result = mine() ? RSEQ_CURRENT : RSEQ_ROLLED;
	block_roll_locked(c, CLS);
}

static __noinline void refill(void)
{
	result = rseq_refill(&batch);
}

static void refill_in_c(void)
{
	struct cpu_cache *c = mine();

	if (c && c->home_tag == batch.home_tag)
		result = block_refill_locked(c, CLS, batch.objs, (u32)batch.n);
	else
		result = 0;
}

static __noinline void flush(void)
{
	result = rseq_flush(&batch);
}

static void flush_in_c(void)
{
	struct cpu_cache *c = mine();

	result = c ? block_flush_locked(c, CLS, batch.objs, (u32)batch.n) : 0;
}

static __noinline void arm(void)
{
	result = rseq_arm(&arming);
}

static void arm_in_c(void)
{
	struct cpu_cache *c = mine();

	result = c && c->rate == arming.rate &&
		 word_pops(cache_block(c, CLS)->word) == WORD_POPS_MAX;
	if (result)
		block_arm_locked(c, CLS, arming.start >> WORD_POP_SHIFT);
}

static __noinline void store(void)
{
	result = rseq_store_unless(&now.closed, &now.slot, object);
}

static void store_in_c(void)
{
	result = now.area.cpu_id >= 0 && !now.closed;
	if (result)
		now.slot = object;
}

/* What others do meanwhile. */

static struct cpu_cache *others(void)
{
	return now.table[now.area.mm_cid] == (void *)down ? NULL : now.table[now.area.mm_cid];
}

static void nothing(void)
{
}

static void others_pop(void)
{
	if (others())
		block_pop_locked(others(), CLS);
}

static void others_push(void)
{
	if (others())
		block_push_locked(others(), CLS, (void *)0x770000);
}

static void others_flush(void)
{
	void *objs[2];

	if (others())
		block_flush_locked(others(), CLS, objs, 2);
}

static void snapshot_begins(void)
{
	hot.gen += WORD_GEN_ONE;
}

static void others_roll(void)
{
	hot.gen += WORD_GEN_ONE;
	if (others())
		block_roll_locked(others(), CLS);
}

static void migrate(void)
{
	now.area.mm_cid ^= 1;
}

static void cpu_goes_down(void)
{
	now.table[now.area.mm_cid] = (struct cpu_cache *)down;
}

static void barrier_closes(void)
{
	now.closed = 1;
}

static const struct {
	const char *name;
	void (*act)(void);
} disturbances[] = {
	{"nothing", nothing},
	{"others pop", others_pop},
	{"others push", others_push},
	{"others flush", others_flush},
	{"a snapshot begins", snapshot_begins},
	{"others roll", others_roll},
	{"it migrates", migrate},
	{"its CPU goes down", cpu_goes_down},
	{"the barrier is closed", barrier_closes},
};

/* The states to begin with. */

struct start {
	u32 objects, cap, flip;
	u32 other; /* xor to the generation */
	u64 pops;
	bool is_down, no_rseq, other_tag, other_rate, is_closed, twice;
	u32 n; /* objects of a batch */
};

static void fill_block(u32 cpu, const struct start *s)
{
	struct cpu_cache *c = cache_of(&now, cpu);
	struct cpu_block *block = cache_block(c, CLS);
	u64 *book = (u64 *)&c->book[CLS];

	/* Something else in each word, so that what is read from a wrong place differs. */
	for (size_t i = 0; i < CACHE_WORDS; i++)
		now.cache[cpu][i] = 0xfeed00000000ULL + (i << 8) + cpu;
	c->never = 0;
	c->home_tag = s->other_tag ? HOME_TAG + 1 : HOME_TAG;
	c->used = ~0ULL;
	c->rate = s->other_rate ? RATE * 2 : RATE;
	for (size_t i = 0; i < sizeof(struct block_book) / 8; i++)
		book[i] = 1000 * (cpu + 1) + i;
	block->cap = s->cap;
	block->zero = 0;
	for (u32 i = 0; i < MOST; i++)
		block->slot[i] = (void *)(uintptr_t)(0x10000000 * (cpu + 1) + 16 * i);
	block->word = s->pops << WORD_POP_SHIFT | (u64)s->flip << WORD_FLIP_SHIFT |
		      (((u32)hot.gen ^ s->other) & WORD_GEN_MASK) | s->objects;
}

static void begin(const struct start *s)
{
	struct start there = *s;

	memset(&now, 0, sizeof(now));
	hot.gen = (u64)((5u << WORD_GEN_BITS) + 0x2a55) << WORD_IDX_BITS;
	fill_block(0, s);
	/* The other CPU's block is in use, too, and differs. */
	there.objects = s->objects > 3 ? s->objects - 2 : s->objects + 2;
	there.flip = !s->flip;
	there.cap = MOST;
	there.other = 0;
	fill_block(1, &there);
	for (u32 i = 0; i < 2; i++)
		now.table[i] = cache_of(&now, i);
	now.table[2] = now.table[3] = (struct cpu_cache *)down;
	if (s->is_down)
		now.table[0] = (struct cpu_cache *)down;
	now.area.cpu_id = s->no_rseq ? -1 : 0;
	now.closed = s->is_closed;
	for (u32 i = 0; i < ARRAY_SIZE(now.objs); i++)
		now.objs[i] = (void *)(uintptr_t)(0x50000000 + 16 * i);
	object =
		s->twice && s->objects ? block_in(&now, 0)->slot[s->objects - 1] : (void *)0x660000;
	batch = (struct rseq_batch){.block = block_offset(CLS),
				    .book = book_offset(CLS),
				    .objs = now.objs,
				    .n = s->n,
				    .home_tag = HOME_TAG,
				    .table = now.table};
	arming = (struct rseq_arming){.block = block_offset(CLS),
				      .book = book_offset(CLS),
				      .rate = RATE,
				      .pops = WORD_POPS_MAX - 77,
				      .start = 77ULL << WORD_POP_SHIFT,
				      .table = now.table};
	hot.caches = now.table;
}

/*
 * Nothing is said about what a section may scribble on: slots above the objects, the copy of
 * the flows that is not valid, the baseline of a block that has not rolled, and its caller's
 * memory past the objects that it gave.
 */
static void forget_scribbles(struct world *w, u32 given)
{
	for (u32 cpu = 0; cpu < 2; cpu++) {
		struct block_book *book = &cache_of(w, cpu)->book[CLS];
		struct cpu_block *block = block_in(w, cpu);
		u32 objects = word_idx(block->word);

		memset(&block->slot[objects], 0, (MOST - objects) * sizeof(block->slot[0]));
		memset(&book->flow[!word_flip(block->word)], 0, sizeof(struct block_flow));
		if (word_gen(block->word) == ((u32)w->gen & WORD_GEN_MASK))
			continue;
		memset(&book->base, 0, sizeof(book->base));
		book->base_word = 0;
	}
	w->area.cs = 0;
	if (given != BATCH + 1)
		memset(&w->objs[given], 0, (BATCH + 1 - given) * sizeof(w->objs[0]));
}

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
	{"store_unless", store, store_in_c, false},
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
			s.n = (u32)(i + j / 2) % BATCH + 1;
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
	};
	u64 restarts_before = restarts;

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (!right_step_by_step(op, &starts[i]))
			return false;
	ksft_print_msg("%s: restarted %llu times", op->name,
		       (unsigned long long)(restarts - restarts_before));
	return restarts > restarts_before;
}

/* Readers look at blocks by the bits of those in use. */
static bool roll_marks_the_block(void)
{
	struct start s = {.cap = 9, .other = WORD_GEN_ONE};

	begin(&s);
	cache_of(&now, 0)->used = 1ULL << 40;
	block_roll_locked(cache_of(&now, 0), CLS);
	return cache_of(&now, 0)->used == (1ULL << 40 | 1ULL << CLS);
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
	ksft_set_plan(2 * ARRAY_SIZE(ops) + 2);
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
	ksft_test_result(roll_marks_the_block(), "a roll marks the block as used");
	ksft_test_result(twins_roll(), "each twin rolls first");
	ksft_finished();
}
