/* SPDX-License-Identifier: MIT */
/*
 * rseq_x86_64.h - the sections of rseq_ops.h in x86-64 instructions.
 *
 * Registers are named after the pseudocode. Labels: 90 re-arm, 91 descriptor,
 * 92 start, 93 just after the committing store, 94 abort, 95 and 96 a copy.
 */
#ifndef PERCPU_RSEQ_X86_64_H
#define PERCPU_RSEQ_X86_64_H

/* One instruction a line. */
/* clang-format off */
#define RSEQ_ARCH "x86-64"

/* The four bytes before the abort handler, as glibc registered them: ud1 0x53053053(%rip), %edi */
#define RSEQ_ABORT                                                                                 \
	".pushsection __rseq_failure, \"ax\"\n"                                                    \
	".byte 0x0f, 0xb9, 0x3d\n"                                                                 \
	".long 0x53053053\n"                                                                       \
	"94:\n"                                                                                    \
	"jmp 90f\n"                                                                                \
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

/* rseq offset in @rs; uses @t; leaves the cache in @cache; to label @none without rseq. */
#define RSEQ_BEGIN(rs, t, cache, table, none)                                                         \
	RSEQ_ABORT RSEQ_DESCRIPTOR                                                                 \
	"90:\n"                                                                                    \
	"leaq 91b(%%rip), %[" t "]\n"                                                              \
	"movq %[" t "], %%fs:8(%[" rs "])\n"                                                       \
	"92:\n" RSEQ_INJECT(1)                                                                     \
	"cmpl $0, %%fs:4(%[" rs "])\n"                                                             \
	"js %l[" none "]\n" RSEQ_INJECT(2)                                                         \
	"movq %[index], %[" cache "]\n"                                                            \
	"movl %%fs:(%[" cache "]), %k[" t "]\n" RSEQ_INJECT(3)                                     \
	"movq (%[" table "],%[" t "],8), %[" cache "]\n" RSEQ_INJECT(4)

#define RSEQ_LOW(word, t)                                                                          \
	"movl %k[" word "], %k[" t "]\n"                                                           \
	"xorl %[gen], %k[" t "]\n"                                                                 \
	"andl $0xffffff, %k[" t "]\n" RSEQ_INJECT(5)

#define RSEQ_HOT_INPUTS                                                                            \
	[index] "m"(hot.index_offset), [gen] "m"(hot.gen) RSEQ_INJECT_INPUT

/* Returns an object, or NULL for the slow path. @block: offset in what @table has, bytes. */
static __always_inline void *rseq_pop_from(struct cpu_cache **table, u64 block)
{
	u64 word, t, cache;
	void *obj;

	__asm__ __volatile__ goto(
		RSEQ_BEGIN("rs", "t", "cache", "table", "slow")
		"addq %[block], %[cache]\n"
		"movq (%[cache]), %[word]\n"
		RSEQ_LOW("word", "t")
		"decl %k[t]\n"
		"cmpl $1022, %k[t]\n"
		"ja %l[slow]\n" RSEQ_INJECT(6)
		"movq 16(%[cache],%[t],8), %[obj]\n" RSEQ_INJECT(7)
		"addq $0x1ffffff, %[word]\n"
		"jc %l[slow]\n" RSEQ_INJECT(8)
		"movq %[word], (%[cache])\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [cache] "=&r"(cache), [obj] "=&r"(obj)
		: [rs] "r"(hot.rseq_offset), [table] "r"(table), [block] "r"(block),
		  RSEQ_HOT_INPUTS
		: "memory", "cc"
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
	u64 word, t, cache;

	__asm__ __volatile__ goto(
		RSEQ_BEGIN("rs", "t", "cache", "table", "slow")
		"addq %[block], %[cache]\n"
		"movq (%[cache]), %[word]\n"
		RSEQ_LOW("word", "t")
		"cmpl 8(%[cache]), %k[t]\n"
		"jae %l[slow]\n" RSEQ_INJECT(6)
		"cmpq %[obj], 8(%[cache],%[t],8)\n"
		"je %l[again]\n" RSEQ_INJECT(7)
		"movq %[obj], 16(%[cache],%[t],8)\n" RSEQ_INJECT(8)
		"incq %[word]\n" RSEQ_INJECT(9)
		"movq %[word], (%[cache])\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [cache] "=&r"(cache)
		: [rs] "r"(hot.rseq_offset), [table] "r"(hot.caches), [block] "r"(block),
		  [obj] "r"(obj), RSEQ_HOT_INPUTS
		: "memory", "cc"
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
	u64 word, t, cache, flow, x;

	__asm__ __volatile__ goto(
		RSEQ_BEGIN("rs", "t", "cache", "table", "no_cache")
		"cmpl $0, 8(%[cache],%[block])\n"
		"je %l[no_cache]\n"
		"movq (%[cache],%[block]), %[word]\n"
		RSEQ_LOW("word", "t")
		"cmpl $1023, %k[t]\n"
		"jbe %l[current]\n" RSEQ_INJECT(6)
		/* flow = &book.flow[flip] */
		"movq %[word], %[t]\n"
		"shrq $24, %[t]\n"
		"andl $1, %k[t]\n"
		"imulq $40, %[t], %[t]\n"
		"leaq (%[cache],%[book]), %[flow]\n"
		"addq %[flow], %[t]\n" RSEQ_INJECT(7)
		"movq (%[t]), %[x]\n"
		"movq %[x], 80(%[flow])\n"
		"movq 8(%[t]), %[x]\n"
		"movq %[x], 88(%[flow])\n" RSEQ_INJECT(8)
		"movq 16(%[t]), %[x]\n"
		"movq %[x], 96(%[flow])\n"
		"movq 24(%[t]), %[x]\n"
		"movq %[x], 104(%[flow])\n"
		"movq 32(%[t]), %[x]\n"
		"movq %[x], 112(%[flow])\n" RSEQ_INJECT(9)
		"movq %[word], 120(%[flow])\n"
		"movl %[gen], %k[t]\n"
		"andl $0xfffc00, %k[t]\n"
		"andq $0xffffffffff0003ff, %[word]\n"
		"orq %[t], %[word]\n" RSEQ_INJECT(10)
		"movq %[word], (%[cache],%[block])\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [cache] "=&r"(cache), [flow] "=&r"(flow),
		  [x] "=&r"(x)
		: [rs] "r"(hot.rseq_offset), [table] "r"(table), [block] "r"(block),
		  [book] "r"(book), RSEQ_HOT_INPUTS
		: "memory", "cc"
		: no_cache, current);
	return RSEQ_ROLLED;
no_cache:
	return RSEQ_NO_CACHE;
current:
	return RSEQ_CURRENT;
}

/*
 * The flows of the sections that change several counts: word in @word, book at
 * @book. The other copy gets the valid one with what the arguments add to pops, in,
 * out, refills and flushes, each in @x. Leaves the word with flip turned.
 */
#define RSEQ_FLOWS(pops, count_in, count_out, refill, flush)                                       \
	"movq %[word], %[t]\n"                                                                     \
	"shrq $24, %[t]\n"                                                                         \
	"andl $1, %k[t]\n"                                                                         \
	"imulq $40, %[t], %[t]\n"                                                                  \
	"leaq (%[book],%[t]), %[src]\n"                                                            \
	"subq %[t], %[book]\n"                                                                     \
	"addq $40, %[book]\n" RSEQ_INJECT(8)                                                       \
	"movq (%[src]), %[x]\n" pops                                                               \
	"movq %[x], (%[book])\n" RSEQ_INJECT(9)                                                    \
	"movq 8(%[src]), %[x]\n" count_in                                                          \
	"movq %[x], 8(%[book])\n"                                                                  \
	"movq 16(%[src]), %[x]\n" count_out                                                        \
	"movq %[x], 16(%[book])\n" RSEQ_INJECT(10)                                                 \
	"movq 24(%[src]), %[x]\n" refill                                                           \
	"movq %[x], 24(%[book])\n"                                                                 \
	"movq 32(%[src]), %[x]\n" flush                                                            \
	"movq %[x], 32(%[book])\n"                                                                 \
	"xorq $0x1000000, %[word]\n" RSEQ_INJECT(11)

/* Copy k pointers, at least one, from the last down: an odd one, then two at a time. */
#define RSEQ_COPY(from, to)                                                                        \
	"movq %[k], %[x]\n"                                                                        \
	"testb $1, %b[x]\n"                                                                        \
	"jz 95f\n"                                                                                 \
	"movq -8(%[" from "],%[x],8), %[word]\n"                                                   \
	"movq %[word], -8(%[" to "],%[x],8)\n"                                                     \
	"decq %[x]\n"                                                                              \
	"jz 96f\n"                                                                                 \
	"95:\n"                                                                                    \
	"movups -16(%[" from "],%[x],8), %%xmm0\n"                                                 \
	"movups %%xmm0, -16(%[" to "],%[x],8)\n"                                                   \
	"subq $2, %[x]\n"                                                                          \
	"jnz 95b\n"                                                                                \
	"96:\n" RSEQ_INJECT(7)

/* Returns how many of the objects are in the cache now; 0 also on a stale generation. */
static inline u32 rseq_refill(const struct rseq_batch *b)
{
	struct cpu_cache **table = b->table;
	u64 word, t, book, blk, k, x, src;

	if (unlikely(!b->n))
		return 0;
	__asm__ __volatile__ goto(
		RSEQ_BEGIN("rs", "t", "book", "table", "none")
		"movl 8(%[book]), %k[x]\n"
		"cmpl 32(%[b]), %k[x]\n"
		"jne %l[none]\n"
		"movq (%[b]), %[blk]\n"
		"addq %[book], %[blk]\n"
		"addq 8(%[b]), %[book]\n"
		"movq (%[blk]), %[word]\n"
		RSEQ_LOW("word", "t")
		"movl 8(%[blk]), %k[k]\n"
		"subl %k[t], %k[k]\n"
		"jbe %l[none]\n" RSEQ_INJECT(6)
		"cmpq 24(%[b]), %[k]\n"
		"cmovaq 24(%[b]), %[k]\n"
		/* slot[t + i] = objs[i], i from k - 1 down */
		"movq 16(%[b]), %[src]\n"
		"leaq 16(%[blk],%[t],8), %[t]\n"
		RSEQ_COPY("src", "t")
		"movq (%[blk]), %[word]\n"
		RSEQ_FLOWS("", "addq %[k], %[x]\n", "", "incq %[x]\n", "")
		"addq %[k], %[word]\n"
		"movq %[word], (%[blk])\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [book] "=&r"(book), [blk] "=&r"(blk),
		  [k] "=&r"(k), [x] "=&r"(x), [src] "=&r"(src)
		: [rs] "r"(hot.rseq_offset), [table] "r"(table), [b] "r"(b), RSEQ_HOT_INPUTS
		: "memory", "cc", "xmm0"
		: none);
	return (u32)k;
none:
	return (u32)rseq_nothing();
}

/* Returns how many objects were taken out; 0 also on a stale generation. */
static inline u32 rseq_flush(const struct rseq_batch *b)
{
	struct cpu_cache **table = b->table;
	u64 word, t, book, blk, k, x, src;

	if (unlikely(!b->n))
		return 0;
	__asm__ __volatile__ goto(
		RSEQ_BEGIN("rs", "t", "book", "table", "none")
		"movq (%[b]), %[blk]\n"
		"addq %[book], %[blk]\n"
		"addq 8(%[b]), %[book]\n"
		"movq (%[blk]), %[word]\n"
		RSEQ_LOW("word", "t")
		"leal -1(%[t]), %k[k]\n"
		"cmpl $1022, %k[k]\n"
		"ja %l[none]\n" RSEQ_INJECT(6)
		"movq 24(%[b]), %[k]\n"
		"cmpq %[t], %[k]\n"
		"cmovaq %[t], %[k]\n"
		/* objs[i] = slot[t - k + i], i from k - 1 down */
		"subq %[k], %[t]\n"
		"leaq 16(%[blk],%[t],8), %[t]\n"
		"movq 16(%[b]), %[src]\n"
		RSEQ_COPY("t", "src")
		"movq (%[blk]), %[word]\n"
		RSEQ_FLOWS("", "", "addq %[k], %[x]\n", "", "incq %[x]\n")
		"subq %[k], %[word]\n"
		"movq %[word], (%[blk])\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [book] "=&r"(book), [blk] "=&r"(blk),
		  [k] "=&r"(k), [x] "=&r"(x), [src] "=&r"(src)
		: [rs] "r"(hot.rseq_offset), [table] "r"(table), [b] "r"(b), RSEQ_HOT_INPUTS
		: "memory", "cc", "xmm0"
		: none);
	return (u32)k;
none:
	return (u32)rseq_nothing();
}

/* Returns whether the pops were full and start again, at the batch's start. */
static inline u32 rseq_arm(const struct rseq_arming *b)
{
	struct cpu_cache **table = b->table;
	u64 word, t, book, blk, x, src;

	__asm__ __volatile__ goto(
		RSEQ_BEGIN("rs", "t", "book", "table", "none")
		"movq 24(%[book]), %[x]\n"
		"cmpq 16(%[b]), %[x]\n"
		"jne %l[none]\n"
		"movq (%[b]), %[blk]\n"
		"addq %[book], %[blk]\n"
		"addq 8(%[b]), %[book]\n"
		"movq (%[blk]), %[word]\n"
		RSEQ_LOW("word", "t")
		"cmpl $1023, %k[t]\n"
		"ja %l[none]\n" RSEQ_INJECT(6)
		/* the word with all lower bits set is -1 just where all of pops are */
		"movq %[word], %[x]\n"
		"orq $0x1ffffff, %[x]\n"
		"cmpq $-1, %[x]\n"
		"jne %l[none]\n" RSEQ_INJECT(7)
		RSEQ_FLOWS("addq 24(%[b]), %[x]\n", "", "", "", "")
		"andl $0x1ffffff, %k[word]\n"
		"orq 32(%[b]), %[word]\n"
		"movq %[word], (%[blk])\n"
		"93:\n"
		: [word] "=&r"(word), [t] "=&r"(t), [book] "=&r"(book), [blk] "=&r"(blk),
		  [x] "=&r"(x), [src] "=&r"(src)
		: [rs] "r"(hot.rseq_offset), [table] "r"(table), [b] "r"(b), RSEQ_HOT_INPUTS
		: "memory", "cc"
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
		"leaq 91b(%%rip), %[t]\n"
		"movq %[t], %%fs:8(%[rs])\n"
		"92:\n" RSEQ_INJECT(1)
		"cmpl $0, %%fs:4(%[rs])\n"
		"js %l[slow]\n" RSEQ_INJECT(2)
		"cmpl %[is], (%[word])\n"
		"jne %l[slow]\n" RSEQ_INJECT(3)
		"movq %[value], (%[slot])\n"
		"93:\n"
		: [t] "=&r"(t)
		: [rs] "r"(hot.rseq_offset), [word] "r"(word), [is] "re"(is), [slot] "r"(slot),
		  [value] "r"(value) RSEQ_INJECT_INPUT
		: "memory", "cc"
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
		"incq %[starts]\n"
		"leaq 91b(%%rip), %[t]\n"
		"movq %[t], %%fs:8(%[rs])\n"
		"92:\n"
		"movl $1, (%[inside])\n"
		"95:\n"
		"pause\n"
		"cmpl $0, (%[go])\n"
		"jne 93f\n"
		"decl %[looks]\n"
		"jnz 95b\n"
		"93:\n"
		: [starts] "+&r"(starts), [t] "=&r"(t), [looks] "+&r"(*looks)
		: [rs] "r"(area), [inside] "r"(inside), [go] "r"(go)
		: "memory", "cc");
	return (u32)starts;
}

/* clang-format on */

#endif
