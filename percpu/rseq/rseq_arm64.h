/* SPDX-License-Identifier: MIT */
/*
 * rseq_arm64.h - the sections of rseq_ops.h in AArch64 instructions.
 *
 * Labels as in rseq_x86_64.h: 90 re-arm, 91 descriptor, 92 start, 93 just
 * after the committing store, 94 abort. Unlike x86, stores may become visible
 * out of order: see "Order of stores" in rseq_ops.h.
 */
#ifndef PERCPU_RSEQ_ARM64_H
#define PERCPU_RSEQ_ARM64_H

/* One instruction a line. */
/* clang-format off */
#define RSEQ_ARCH "arm64"

/* The four bytes before the abort handler, as glibc registered them: brk #0x45e0 */
#define RSEQ_ABORT                                                                                 \
	".pushsection __rseq_failure, \"ax\"\n"                                                    \
	".inst 0xd428bc00\n"                                                                       \
	"94:\n"                                                                                    \
	"b 90f\n"                                                                                  \
	".popsection\n"

#define RSEQ_DESCRIPTOR                                                                            \
	".pushsection __rseq_cs, \"aw\"\n"                                                         \
	".balign 32\n"                                                                             \
	"91:\n"                                                                                    \
	".long 0, 0\n"                                                                             \
	".quad 92f, 93f - 92f, 94b\n"                                                              \
	".popsection\n"                                                                            \
	".pushsection __rseq_cs_ptr_array, \"aw\"\n"                                               \
	".quad 91b\n"                                                                              \
	".popsection\n"

/* Uses t; leaves the cache in @cache; to label @none without rseq. */
#define RSEQ_BEGIN(cache, none)                                                                       \
	RSEQ_ABORT RSEQ_DESCRIPTOR                                                                 \
	"90:\n"                                                                                    \
	"adrp %[t], 91b\n"                                                                         \
	"add %[t], %[t], :lo12:91b\n"                                                              \
	"str %[t], [%[rs], #8]\n"                                                                  \
	"92:\n" RSEQ_INJECT(1)                                                                     \
	"ldr %w[t], [%[rs], #4]\n"                                                                 \
	"tbnz %w[t], #31, %l[" none "]\n" RSEQ_INJECT(2)                                           \
	"ldr %[t], [%[hot], %[to_index]]\n"                                                        \
	"ldr %w[t], [%[tp], %[t]]\n" RSEQ_INJECT(3)                                                \
	"ldr %[" cache "], [%[table], %[t], lsl #3]\n" RSEQ_INJECT(4)

#define RSEQ_LOW                                                                                   \
	"ldr %w[t], [%[hot], %[to_gen]]\n"                                                         \
	"eor %w[t], %w[t], %w[word]\n"                                                             \
	"and %w[t], %w[t], #0xffffff\n" RSEQ_INJECT(5)

/* What may change while a thread waits to run is loaded inside: the index's place, the generation. */
#define RSEQ_HOT_INPUTS                                                                            \
	[tp] "r"(__builtin_thread_pointer()), [rs] "r"(rseq_area_ptr()), [hot] "r"(&hot),          \
		[to_index] "i"(offsetof(struct lane_hot, index_offset)),                           \
		[to_gen] "i"(offsetof(struct lane_hot, gen)) RSEQ_INJECT_INPUT

/* A linker that must reach an abort handler, or it us, from afar uses x16 and x17 on the way. */
#define RSEQ_CLOBBERS "memory", "cc", "x16", "x17"

static __always_inline char *rseq_area_ptr(void)
{
	return (char *)__builtin_thread_pointer() + hot.rseq_offset;
}

/* Returns an object, or NULL for the slow path. @block: offset in what @table has, bytes. */
static __always_inline void *rseq_pop_from(struct cpu_cache **table, u64 block)
{
	u64 word, t, cache;
	void *obj;

	__asm__ __volatile__ goto(
		RSEQ_BEGIN("cache", "slow")
		"add %[cache], %[cache], %[block]\n"
		"ldr %[word], [%[cache]]\n"
		RSEQ_LOW
		"sub %w[t], %w[t], #1\n"
		"cmp %w[t], #1022\n"
		"b.hi %l[slow]\n" RSEQ_INJECT(6)
		"add %[t], %[cache], %[t], lsl #3\n"
		"ldr %[obj], [%[t], #16]\n" RSEQ_INJECT(7)
		"adds %[word], %[word], %[popped]\n"
		"b.cs %l[slow]\n" RSEQ_INJECT(8)
		"str %[word], [%[cache]]\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [cache] "=&r"(cache), [obj] "=&r"(obj)
		: [table] "r"(table), [block] "r"(block), [popped] "r"(WORD_POP_ONE - 1),
		  RSEQ_HOT_INPUTS
		: RSEQ_CLOBBERS
		: slow);
	if (!obj)
		__builtin_unreachable(); /* a block holds no NULL: spares the caller a test */
	return obj;
slow:
	return (void *)rseq_nothing();
}

/* Returns enum rseq_push_result. @block: offset in the CPU's caches, bytes. */
static __always_inline int rseq_push(u64 block, void *obj)
{
	u64 word, t, cache, x;

	__asm__ __volatile__ goto(
		RSEQ_BEGIN("cache", "slow")
		"add %[cache], %[cache], %[block]\n"
		"ldr %[word], [%[cache]]\n"
		RSEQ_LOW
		"ldr %w[x], [%[cache], #8]\n"
		"cmp %w[t], %w[x]\n"
		"b.hs %l[slow]\n" RSEQ_INJECT(6)
		"add %[t], %[cache], %[t], lsl #3\n"
		"ldr %[x], [%[t], #8]\n"
		"cmp %[x], %[obj]\n"
		"b.eq %l[again]\n" RSEQ_INJECT(7)
		"str %[obj], [%[t], #16]\n" RSEQ_INJECT(8)
		"add %[word], %[word], #1\n" RSEQ_INJECT(9)
		"str %[word], [%[cache]]\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [cache] "=&r"(cache), [x] "=&r"(x)
		: [table] "r"(hot.caches), [block] "r"(block), [obj] "r"(obj), RSEQ_HOT_INPUTS
		: RSEQ_CLOBBERS
		: slow, again);
	return RSEQ_PUSHED;
slow:
	return RSEQ_PUSH_SLOW;
again:
	return RSEQ_PUSH_DOUBLE;
}

/* Returns enum rseq_roll_result. @book: offset in the cache, bytes. */
static inline int rseq_roll(struct cpu_cache **table, u64 block, u64 book)
{
	u64 word, t, cache, blk, x, y;

	__asm__ __volatile__ goto(
		RSEQ_BEGIN("cache", "no_cache")
		"add %[blk], %[cache], %[block]\n"
		/* Pairs with the full barrier between use_block() and the first capacity. */
		"add %[x], %[blk], #8\n"
		"ldar %w[x], [%[x]]\n"
		"cbz %w[x], %l[no_cache]\n"
		"add %[cache], %[cache], %[book]\n"
		"ldr %[word], [%[blk]]\n"
		RSEQ_LOW
		"cmp %w[t], #1023\n"
		"b.ls %l[current]\n" RSEQ_INJECT(6)
		/* t = &book.flow[flip] */
		"ubfx %[t], %[word], #24, #1\n"
		"mov %[x], #40\n"
		"madd %[t], %[t], %[x], %[cache]\n" RSEQ_INJECT(7)
		"ldp %[x], %[y], [%[t]]\n"
		"stp %[x], %[y], [%[cache], #80]\n" RSEQ_INJECT(8)
		"ldp %[x], %[y], [%[t], #16]\n"
		"stp %[x], %[y], [%[cache], #96]\n" RSEQ_INJECT(9)
		"ldr %[x], [%[t], #32]\n"
		"str %[x], [%[cache], #112]\n"
		"str %[word], [%[cache], #120]\n"
		"ldr %w[t], [%[hot], %[to_gen]]\n"
		"and %w[t], %w[t], #0xfffc00\n"
		"and %[word], %[word], #0xffffffffff0003ff\n"
		"orr %[word], %[word], %[t]\n" RSEQ_INJECT(10)
		"stlr %[word], [%[blk]]\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [cache] "=&r"(cache), [blk] "=&r"(blk),
		  [x] "=&r"(x), [y] "=&r"(y)
		: [table] "r"(table), [block] "r"(block), [book] "r"(book), RSEQ_HOT_INPUTS
		: RSEQ_CLOBBERS
		: no_cache, current);
	return RSEQ_ROLLED;
no_cache:
	return RSEQ_NO_CACHE;
current:
	return RSEQ_CURRENT;
}

/* As in rseq_x86_64.h; the barrier keeps the flows behind the roll that came before. */
#define RSEQ_FLOWS(pops, count_in, count_out, refill, flush)                                       \
	"dmb ishst\n"                                                                              \
	"ubfx %[t], %[word], #24, #1\n"                                                            \
	"mov %[x], #40\n"                                                                          \
	"madd %[src], %[t], %[x], %[book]\n"                                                       \
	"sub %[book], %[book], %[src]\n"                                                           \
	"add %[book], %[book], %[book0]\n"                                                         \
	"add %[book], %[book], #40\n" RSEQ_INJECT(8)                                               \
	"ldr %[x], [%[src]]\n" pops                                                                \
	"str %[x], [%[book]]\n" RSEQ_INJECT(9)                                                     \
	"ldr %[x], [%[src], #8]\n" count_in                                                        \
	"str %[x], [%[book], #8]\n"                                                                \
	"ldr %[x], [%[src], #16]\n" count_out                                                      \
	"str %[x], [%[book], #16]\n" RSEQ_INJECT(10)                                               \
	"ldr %[x], [%[src], #24]\n" refill                                                         \
	"str %[x], [%[book], #24]\n"                                                               \
	"ldr %[x], [%[src], #32]\n" flush                                                          \
	"str %[x], [%[book], #32]\n"                                                               \
	"eor %[word], %[word], #0x1000000\n" RSEQ_INJECT(11)

/* Returns how many of the objects are in the cache now; 0 also on a stale generation. */
static inline u32 rseq_refill(const struct rseq_batch *b)
{
	u64 word, t, book, book0, blk, k, x, src;

	if (unlikely(!b->n))
		return 0;
	__asm__ __volatile__ goto(
		RSEQ_BEGIN("book", "none")
		"ldr %w[x], [%[book], #8]\n"
		"ldr %w[t], [%[b], #32]\n"
		"cmp %w[x], %w[t]\n"
		"b.ne %l[none]\n"
		"ldr %[blk], [%[b]]\n"
		"add %[blk], %[blk], %[book]\n"
		"ldr %[x], [%[b], #8]\n"
		"add %[book], %[book], %[x]\n"
		"mov %[book0], %[book]\n"
		"ldr %[word], [%[blk]]\n"
		RSEQ_LOW
		"ldr %w[k], [%[blk], #8]\n"
		"subs %w[k], %w[k], %w[t]\n"
		"b.ls %l[none]\n" RSEQ_INJECT(6)
		"ldr %[x], [%[b], #24]\n"
		"cmp %[k], %[x]\n"
		"csel %[k], %[k], %[x], lo\n"
		/* slot[t + i] = objs[i], i from k - 1 down */
		"ldr %[src], [%[b], #16]\n"
		"add %[t], %[blk], %[t], lsl #3\n"
		"add %[t], %[t], #16\n"
		"mov %[x], %[k]\n"
		"95:\n"
		"sub %[x], %[x], #1\n"
		"ldr %[word], [%[src], %[x], lsl #3]\n"
		"str %[word], [%[t], %[x], lsl #3]\n"
		"cbnz %[x], 95b\n" RSEQ_INJECT(7)
		"ldr %[word], [%[blk]]\n"
		RSEQ_FLOWS("", "add %[x], %[x], %[k]\n", "", "add %[x], %[x], #1\n", "")
		"add %[word], %[word], %[k]\n"
		"str %[word], [%[blk]]\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [book] "=&r"(book), [book0] "=&r"(book0),
		  [blk] "=&r"(blk), [k] "=&r"(k), [x] "=&r"(x), [src] "=&r"(src)
		: [table] "r"(b->table), [b] "r"(b), RSEQ_HOT_INPUTS
		: RSEQ_CLOBBERS
		: none);
	return (u32)k;
none:
	return (u32)rseq_nothing();
}

/* Returns how many objects were taken out; 0 also on a stale generation. */
static inline u32 rseq_flush(const struct rseq_batch *b)
{
	u64 word, t, book, book0, blk, k, x, src;

	if (unlikely(!b->n))
		return 0;
	__asm__ __volatile__ goto(
		RSEQ_BEGIN("book", "none")
		"ldr %[blk], [%[b]]\n"
		"add %[blk], %[blk], %[book]\n"
		"ldr %[x], [%[b], #8]\n"
		"add %[book], %[book], %[x]\n"
		"mov %[book0], %[book]\n"
		"ldr %[word], [%[blk]]\n"
		RSEQ_LOW
		"sub %w[k], %w[t], #1\n"
		"cmp %w[k], #1022\n"
		"b.hi %l[none]\n" RSEQ_INJECT(6)
		"ldr %[k], [%[b], #24]\n"
		"cmp %[k], %[t]\n"
		"csel %[k], %[k], %[t], lo\n"
		/* objs[i] = slot[t - k + i], i from k - 1 down */
		"sub %[t], %[t], %[k]\n"
		"add %[t], %[blk], %[t], lsl #3\n"
		"add %[t], %[t], #16\n"
		"ldr %[src], [%[b], #16]\n"
		"mov %[x], %[k]\n"
		"95:\n"
		"sub %[x], %[x], #1\n"
		"ldr %[word], [%[t], %[x], lsl #3]\n"
		"str %[word], [%[src], %[x], lsl #3]\n"
		"cbnz %[x], 95b\n" RSEQ_INJECT(7)
		"ldr %[word], [%[blk]]\n"
		RSEQ_FLOWS("", "", "add %[x], %[x], %[k]\n", "", "add %[x], %[x], #1\n")
		"sub %[word], %[word], %[k]\n"
		"str %[word], [%[blk]]\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [book] "=&r"(book), [book0] "=&r"(book0),
		  [blk] "=&r"(blk), [k] "=&r"(k), [x] "=&r"(x), [src] "=&r"(src)
		: [table] "r"(b->table), [b] "r"(b), RSEQ_HOT_INPUTS
		: RSEQ_CLOBBERS
		: none);
	return (u32)k;
none:
	return (u32)rseq_nothing();
}

/* Returns whether the pops were full and start again, at the batch's start. */
static inline u32 rseq_arm(const struct rseq_arming *b)
{
	u64 word, t, book, book0, blk, x, src;

	__asm__ __volatile__ goto(
		RSEQ_BEGIN("book", "none")
		"ldr %[x], [%[book], #24]\n"
		"ldr %[t], [%[b], #16]\n"
		"cmp %[x], %[t]\n"
		"b.ne %l[none]\n"
		"ldr %[blk], [%[b]]\n"
		"add %[blk], %[blk], %[book]\n"
		"ldr %[x], [%[b], #8]\n"
		"add %[book], %[book], %[x]\n"
		"mov %[book0], %[book]\n"
		"ldr %[word], [%[blk]]\n"
		RSEQ_LOW
		"cmp %w[t], #1023\n"
		"b.hi %l[none]\n" RSEQ_INJECT(6)
		/* the word with all lower bits set is -1 just where all of pops are */
		"orr %[x], %[word], #0x1ffffff\n"
		"cmn %[x], #1\n"
		"b.ne %l[none]\n" RSEQ_INJECT(7)
		RSEQ_FLOWS("ldr %[t], [%[b], #24]\n"
			   "add %[x], %[x], %[t]\n", "", "", "", "")
		"and %[word], %[word], #0x1ffffff\n"
		"ldr %[x], [%[b], #32]\n"
		"orr %[word], %[word], %[x]\n"
		"str %[word], [%[blk]]\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [book] "=&r"(book), [book0] "=&r"(book0),
		  [blk] "=&r"(blk), [x] "=&r"(x), [src] "=&r"(src)
		: [table] "r"(b->table), [b] "r"(b), RSEQ_HOT_INPUTS
		: RSEQ_CLOBBERS
		: none);
	return 1;
none:
	return (u32)rseq_nothing();
}

/* Returns whether *@slot is @value now; else *@word was not @is, or the thread has no rseq. */
static __always_inline bool rseq_store_if(const u32 *word, u32 is, void *slot, void *value)
{
	u64 t;

	__asm__ __volatile__ goto(
		RSEQ_ABORT RSEQ_DESCRIPTOR
		"90:\n"
		"adrp %[t], 91b\n"
		"add %[t], %[t], :lo12:91b\n"
		"str %[t], [%[rs], #8]\n"
		"92:\n" RSEQ_INJECT(1)
		"ldr %w[t], [%[rs], #4]\n"
		"tbnz %w[t], #31, %l[slow]\n" RSEQ_INJECT(2)
		"ldr %w[t], [%[word]]\n"
		"cmp %w[t], %w[is]\n"
		"b.ne %l[slow]\n" RSEQ_INJECT(3)
		"stlr %[value], [%[slot]]\n"
		"93:\n"
		: [t] "=&r"(t)
		: [rs] "r"(rseq_area_ptr()), [word] "r"(word), [is] "rZ"(is), [slot] "r"(slot),
		  [value] "r"(value) RSEQ_INJECT_INPUT
		: RSEQ_CLOBBERS
		: slow);
	return true;
slow:
	return false;
}

/* As said in rseq_ops.h; the looks left when it ended are in *@looks. */
static inline u32 rseq_spin(s64 area, u32 *inside, const u32 *go, u32 *looks)
{
	u64 starts = 0, t;

	__asm__ __volatile__(
		RSEQ_ABORT RSEQ_DESCRIPTOR
		"90:\n"
		"add %[starts], %[starts], #1\n"
		"adrp %[t], 91b\n"
		"add %[t], %[t], :lo12:91b\n"
		"str %[t], [%[rs], #8]\n"
		"92:\n"
		"mov %w[t], #1\n"
		"str %w[t], [%[inside]]\n"
		"95:\n"
		"yield\n"
		"ldr %w[t], [%[go]]\n"
		"cbnz %w[t], 93f\n"
		"subs %w[looks], %w[looks], #1\n"
		"b.ne 95b\n"
		"93:\n"
		: [starts] "+&r"(starts), [t] "=&r"(t), [looks] "+&r"(*looks)
		: [rs] "r"((char *)__builtin_thread_pointer() + area), [inside] "r"(inside),
		  [go] "r"(go)
		: RSEQ_CLOBBERS);
	return (u32)starts;
}

/* clang-format on */

#endif
