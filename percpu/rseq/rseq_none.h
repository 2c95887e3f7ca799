/* SPDX-License-Identifier: MIT */
/*
 * rseq_none.h - for builds without restartable sequences (another CPU, a
 * sanitizer): every operation takes the slow path, which works under locks.
 */
#ifndef PERCPU_RSEQ_NONE_H
#define PERCPU_RSEQ_NONE_H

#define RSEQ_ARCH "none"

static __always_inline void *rseq_pop_from(struct cpu_cache **table, u64 block)
{
	(void)table, (void)block;
	return NULL;
}

static __always_inline int rseq_push(u64 block, void *obj)
{
	(void)block, (void)obj;
	return RSEQ_PUSH_SLOW;
}

static inline int rseq_roll(struct cpu_cache **table, u64 block, u64 book)
{
	(void)table, (void)block, (void)book;
	return RSEQ_NO_CACHE;
}

static inline u32 rseq_refill(const struct rseq_batch *b)
{
	(void)b;
	return 0;
}

static inline u32 rseq_flush(const struct rseq_batch *b)
{
	(void)b;
	return 0;
}

static __always_inline bool rseq_store_if(const u32 *word, u32 is, void *slot, void *value)
{
	(void)word, (void)is, (void)slot, (void)value;
	return false;
}

static inline u32 rseq_arm(const struct rseq_arming *b)
{
	(void)b;
	return 0;
}

static inline u32 rseq_spin(s64 area, u32 *inside, const u32 *go, u32 *looks)
{
	(void)area, (void)inside, (void)go;
	*looks = 0;
	return 1;
}

#endif
