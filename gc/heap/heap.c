// SPDX-License-Identifier: MIT
#include "heap.h"

#include "cycle.h"
#include "gc_span.h"
#include "meta.h"
#include "os.h"

struct heap heap = {.lock = SPINLOCK_INIT(RANK_GC_PACER)};

/* CPUs that the process may run on. */
static u32 usable_cpus(void)
{
	u64 mask[MAX_LANES / BITS_PER_WORD] = {0};
	u32 n = 0;

	if (os.get_cpus(mask, sizeof(mask)) < 0)
		return nr_lanes;
	for (u32 i = 0; i < ARRAY_SIZE(mask); i++)
		n += (u32)__builtin_popcountll(mask[i]);
	return clamp(n, 1u, nr_lanes);
}

void heap_init(int percent, u64 limit, u64 min_heap)
{
	heap.cpus = usable_cpus();
	pacer_init(&heap.pacer, percent, limit, min_heap, heap.cpus);
	limiter_init(&heap.limiter, LIMITER_WINDOW_NS, heap.cpus);
	heap.started_ns = os.now_ns();
}

/* What it counts to mark @n objects. */
static u64 work_of(u32 kind, u64 bytes, u32 n)
{
	return kind == GC_NOSCAN ? (u64)n * NOSCAN_WORK : bytes;
}

void heap_taken(u32 kind, u64 bytes, u32 n, bool black)
{
	u64 live = atomic_add_return(&heap.live, bytes), work = work_of(kind, bytes, n);

	atomic_add_return(&heap.scannable, work);
	if (black) {
		atomic_add_return(&heap.unscanned, work);
		atomic_add_return(&heap.marked, bytes);
		atomic_add_return(&heap.fresh, bytes);
	} else if (live >= READ_ONCE(heap.pacer.trigger)) {
		cycle_wake();
	}
}

void heap_put_back(u32 kind, u64 bytes, u32 n)
{
	atomic_add_return(&heap.live, -bytes);
	atomic_add_return(&heap.scannable, -work_of(kind, bytes, n));
}

void heap_marked(u64 work, u64 marked)
{
	atomic_add_return(&heap.work, work);
	atomic_add_return(&heap.marked, marked);
}

void heap_swept(u64 bytes)
{
	atomic_add_return(&heap.swept, bytes >> PAGE_SHIFT);
}

u64 heap_sweep_owed(u64 bytes)
{
	return sweep_owed(&heap.sweep, READ_ONCE(heap.live), bytes, READ_ONCE(heap.swept));
}

static struct assist_now now(void)
{
	return (struct assist_now){
		.heap_live = READ_ONCE(heap.live),
		.scan_work = READ_ONCE(heap.work),
		.scannable = READ_ONCE(heap.scannable) + heap.roots + heap.stacks,
		.pool = READ_ONCE(heap.pool),
	};
}

static u64 gc_ns(void)
{
	return READ_ONCE(heap.worker_ns) + READ_ONCE(heap.assist_ns);
}

static u64 worker_ns_at_start, assist_ns_at_start; /* coordinator */
static u64 limit_seen_ns;			   /* at the last look at the limiter; likewise */

/* Lock held. @marking: since the last look, so that its answer has held somebody back. */
static void look_at_limiter(bool marking)
{
	u64 now = os.now_ns();

	if (marking && heap.limiter.limiting)
		WRITE_ONCE(heap.limited_ns, heap.limited_ns + (now - limit_seen_ns));
	limit_seen_ns = now;
	limiter_update(&heap.limiter, gc_ns(), (now - heap.started_ns) * heap.cpus);
}

void heap_start_cycle(void)
{
	struct assist_now n;

	WRITE_ONCE(heap.marked, 0); /* who marked in the last cycle may add to them still */
	WRITE_ONCE(heap.fresh, 0);
	WRITE_ONCE(heap.unscanned, 0);
	WRITE_ONCE(heap.work, 0);
	WRITE_ONCE(heap.pool, 0);
	worker_ns_at_start = READ_ONCE(heap.worker_ns);
	assist_ns_at_start = READ_ONCE(heap.assist_ns);
	n = now();
	spin_lock(&heap.lock);
	pacer_start_cycle(&heap.pacer, &n);
	look_at_limiter(false); /* of before the pause */
	spin_unlock(&heap.lock);
	heap.roots = 0;
	heap.stacks = 0;
}

void heap_revise(void)
{
	struct assist_now n = now();

	spin_lock(&heap.lock);
	pacer_revise(&heap.pacer, &n);
	look_at_limiter(true);
	spin_unlock(&heap.lock);
}

/*
 * Bytes that Lane has mapped and not released; and of them those that no collected object can have:
 * what they lie in now is theirs, live or not, and so are free pages.
 */
static void measure_memory(struct pacer_heap *p)
{
	u64 sum = READ_ONCE(meta_book.cur[M_MAPPED]), theirs = gc_span_bytes();

	for (u32 h = 0; h < homes_made(); h++) {
		const struct page_heap *ph = &node_heaps[h]->pages;
		const u64 *cur = ph->book.cur;

		sum += READ_ONCE(cur[P_OPENED]) - READ_ONCE(cur[P_RELEASED]);
		theirs += READ_ONCE(ph->backed_free) << PAGE_SHIFT;
	}
	p->mapped = sum;
	p->other = sub_floor(sum, theirs);
}

/*
 * What the next cycle may have to scan: what this one did, and what it has not as it came
 * meanwhile. The price of allocation is that of work that is left, and there is none beyond this.
 */
static void forget_garbage(u64 scanned)
{
	u64 stays = scanned + READ_ONCE(heap.unscanned);

	atomic_add_return(&heap.scannable, -sub_floor(READ_ONCE(heap.scannable), stays));
}

void heap_end_cycle(u64 duration_ns)
{
	u64 marked = READ_ONCE(heap.marked), fresh = READ_ONCE(heap.fresh);
	struct pacer_cycle seen = {
		.heap_live = READ_ONCE(heap.live),
		.scan_work = READ_ONCE(heap.work),
		.duration_ns = max(duration_ns, 1ULL),
		.background_ns = READ_ONCE(heap.worker_ns) - worker_ns_at_start,
		.assist_ns = READ_ONCE(heap.assist_ns) - assist_ns_at_start,
	};
	struct pacer_heap h = {
		.marked = marked,
		.fresh = min(fresh, marked),
		.scan = sub_floor(seen.scan_work, heap.roots + heap.stacks),
		.stack = heap.stacks,
		.roots = heap.roots,
	};

	measure_memory(&h);
	spin_lock(&heap.lock);
	pacer_end_cycle(&heap.pacer, &seen);
	pacer_commit_goal(&heap.pacer, &h);
	look_at_limiter(true);
	spin_unlock(&heap.lock);
	heap.last_marked = marked;
	/* By difference: others go on handing out. The next cycle corrects what this misses. */
	atomic_add_return(&heap.live, marked - seen.heap_live);
	forget_garbage(h.scan);
	WRITE_ONCE(heap.swept, 0);
	heap_pace_sweep();
}

void heap_pace_sweep(void)
{
	u64 swept = READ_ONCE(heap.swept);

	spin_lock(&heap.lock);
	sweep_pace_to(&heap.sweep, READ_ONCE(heap.live), swept,
		      swept + (gc_unswept_bytes() >> PAGE_SHIFT), heap.pacer.trigger);
	spin_unlock(&heap.lock);
}
