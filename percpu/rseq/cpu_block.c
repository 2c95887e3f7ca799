// SPDX-License-Identifier: MIT
/*
 * cpu_block.c - the operations of rseq_ops.h in plain C, for the holder of
 * the lane's lock inside its window. The order of stores is the same, for the
 * same readers.
 */
#include "cpu_block.h"

#include "barrier.h"
#include "bug.h"
#include "hot.h"

static struct block_flow *valid_flow(struct block_book *book, u64 word)
{
	return &book->flow[word_flip(word)];
}

static void copy_flow(struct block_flow *to, const struct block_flow *from)
{
	WRITE_ONCE(to->pops, from->pops);
	WRITE_ONCE(to->in, from->in);
	WRITE_ONCE(to->out, from->out);
	WRITE_ONCE(to->refills, from->refills);
	WRITE_ONCE(to->flushes, from->flushes);
}

void block_roll_locked(struct cpu_cache *cache, u32 cls)
{
	struct cpu_block *block = cache_block(cache, cls);
	struct block_book *book = &cache->book[cls];
	u32 gen = (u32)READ_ONCE(hot.gen) & WORD_GEN_MASK;
	u64 word = block->word;

	if (word_gen(word) == gen)
		return;
	DEBUG_BUG_ON(!(READ_ONCE(cache->used) >> cls & 1));
	copy_flow(&book->base, valid_flow(book, word));
	WRITE_ONCE(book->base_word, word);
	/* pairs with snapshot.c: baseline before generation, generation before changes */
	smp_store_release(&block->word, (word & ~(u64)WORD_GEN_MASK) | gen);
	smp_wmb();
}

/* What is added to the counts of a flow. */
struct moves {
	u64 pops;
	u32 in;
	u32 out;
};

/* Write the other copy of the flows with the moves given; returns the word that makes it valid. */
static u64 add_moves(struct block_book *book, u64 word, struct moves m)
{
	struct block_flow next = *valid_flow(book, word);

	next.pops += m.pops;
	next.in += m.in;
	next.out += m.out;
	next.refills += m.in != 0;
	next.flushes += m.out != 0;
	copy_flow(valid_flow(book, word ^ WORD_FLIP), &next);
	return word ^ WORD_FLIP;
}

void block_arm_locked(struct cpu_cache *cache, u32 cls, u64 start)
{
	struct cpu_block *block = cache_block(cache, cls);
	u64 word;

	block_roll_locked(cache, cls);
	word = add_moves(&cache->book[cls], block->word,
			 (struct moves){.pops = word_pops(block->word) - start});
	word = (word & (WORD_POP_ONE - 1)) | start << WORD_POP_SHIFT;
	smp_store_release(&block->word, word);
}

void *block_pop_locked(struct cpu_cache *cache, u32 cls)
{
	struct cpu_block *block = cache_block(cache, cls);
	void *obj;

	block_roll_locked(cache, cls);
	if (!word_idx(block->word) || word_pops(block->word) == WORD_POPS_MAX)
		return NULL;
	obj = block->slot[word_idx(block->word) - 1];
	smp_store_release(&block->word, block->word + WORD_POP_ONE - 1);
	return obj;
}

int block_push_locked(struct cpu_cache *cache, u32 cls, void *obj)
{
	struct cpu_block *block = cache_block(cache, cls);
	u32 idx;

	block_roll_locked(cache, cls);
	idx = word_idx(block->word);
	if (idx >= READ_ONCE(block->cap))
		return 0;
	if (idx && block->slot[idx - 1] == obj)
		return -1;
	block->slot[idx] = obj;
	smp_store_release(&block->word, block->word + 1);
	return 1;
}

u32 block_refill_locked(struct cpu_cache *cache, u32 cls, void **objs, u32 n)
{
	struct cpu_block *block = cache_block(cache, cls);
	u32 idx, cap;
	u64 word;

	block_roll_locked(cache, cls);
	idx = word_idx(block->word);
	cap = READ_ONCE(block->cap);
	if (!n || idx >= cap)
		return 0;
	n = min(n, cap - idx);
	for (u32 i = 0; i < n; i++)
		block->slot[idx + i] = objs[i];
	word = add_moves(&cache->book[cls], block->word, (struct moves){.in = n});
	smp_store_release(&block->word, word + n);
	return n;
}

u32 block_flush_locked(struct cpu_cache *cache, u32 cls, void **objs, u32 n)
{
	struct cpu_block *block = cache_block(cache, cls);
	u32 idx;
	u64 word;

	block_roll_locked(cache, cls);
	idx = word_idx(block->word);
	n = min(n, idx);
	if (!n)
		return 0;
	for (u32 i = 0; i < n; i++)
		objs[i] = block->slot[idx - n + i];
	word = add_moves(&cache->book[cls], block->word, (struct moves){.out = n});
	smp_store_release(&block->word, word - n);
	return n;
}
