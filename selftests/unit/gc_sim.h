/* SPDX-License-Identifier: MIT */
/*
 * gc_sim.h - a program and a collector as the pacer sees them: numbers, no heap.
 *
 * Time goes in steps. In each, workers get their CPU time first, then the threads
 * share what is left. A thread runs, allocates so much a ns, and pays as gc/pace/credit.h
 * says; what it allocates stays until the program's live memory is what the test wants,
 * then it is garbage. Marking finds what lived when it began and keeps what was
 * allocated since. All in bytes and ns; rates in bytes a ns of one CPU.
 */
#ifndef LANE_GC_SIM_H
#define LANE_GC_SIM_H

#include "unit.h"

#include <math.h>

#include "limiter.h"
#include "pacer.h"
#include "sweep_pace.h"

#define SIM_THREADS 1024
#define SIM_CYCLES 4096
#define SIM_PAGE 8192u
#define US 1000ULL
#define MS 1000000ULL
#define SEC 1000000000ULL
#define NO_LIMIT PACER_NO_LIMIT

struct sim_conf {
	u32 cpus, threads;
	double alloc;	      /* rate of a thread that runs */
	double mark;	      /* rate of a CPU that marks */
	double granted;	      /* of the workers' 25%, what they really get */
	double busy;	      /* of its time, what a thread wants to run */
	double scan;	      /* of live memory, what is scanned */
	double jitter;	      /* alloc varies by so much, 0 to 1 */
	u64 huge, huge_every; /* a huge object in so many bytes */
	u64 stack, roots, other;
	u64 step_ns, revise_ns;
	u64 assist_step;
	u64 min_heap, limit;
	int percent;
};

/* What a cycle was. */
struct sim_cycle {
	u64 goal; /* largest that was in force, by proof of live memory as well */
	u64 trigger, peak, live, marked;
	u64 over;				       /* one over-assist of each thread */
	double wall_ns, worker_ns, assist_ns, idle_ns; /* marking only */
	double gap_ns;				       /* since the last one's end */
	double ratio_first, ratio_most;
	bool early; /* begun before the trigger, or the trigger left no room */
	bool swept; /* before it began */
};

struct sim_thread {
	s64 balance;
	u64 owed;    /* work of the assist it is in */
	double want; /* ns of its own work that wait to be run */
	u64 pending; /* bytes of a huge object, charged and not yet allocated */
};

struct sim {
	struct sim_conf conf;
	struct pacer pacer;
	struct limiter limiter;
	struct sweep_pace sweep;
	struct sim_thread threads[SIM_THREADS];
	uint64_t rng;

	double now; /* ns */
	double gc_ns, idle_ns, own_ns;
	double heap, live, target; /* target: of live */
	double allocated, since_huge;
	double fresh, found, work_true, work;
	s64 pool;
	u64 pages, swept;
	double last_end, revised;
	bool marking;

	struct sim_cycle cycle[SIM_CYCLES];
	u32 cycles;
	double peak; /* of the heap, ever; the test resets it */
	u64 conserved_wrong;
	double done_by_all; /* work that workers and assists report in this cycle */
};

static inline struct sim_conf sim_default(void)
{
	return (struct sim_conf){
		.cpus = 8,
		.threads = 8,
		.alloc = 0.1,
		.mark = 1,
		.granted = 1,
		.busy = 1,
		.scan = 0.8,
		.roots = KIB(64),
		.stack = KIB(256),
		.other = MIB(8),
		.step_ns = 100 * US,
		.revise_ns = 500 * US,
		.assist_step = CREDIT_STEP,
		.min_heap = MIB(4),
		.limit = NO_LIMIT,
		.percent = 100,
	};
}

static inline void sim_init(struct sim *s, struct sim_conf conf, double live, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->conf = conf;
	s->rng = seed | 1;
	s->target = live;
	pacer_init(&s->pacer, conf.percent, conf.limit, conf.min_heap, conf.cpus);
	limiter_init(&s->limiter, LIMITER_WINDOW_NS, conf.cpus);
}

static inline double sim_uniform(struct sim *s)
{
	return (double)(ksft_random(&s->rng) >> 11) / 9007199254740992.0;
}

static inline struct assist_now sim_observe(const struct sim *s)
{
	return (struct assist_now){
		.heap_live = (u64)s->heap,
		.scan_work = (u64)s->work,
		.scannable = (u64)(s->heap * s->conf.scan) + s->conf.stack + s->conf.roots,
		.pool = s->pool,
	};
}

static inline struct sim_cycle *sim_now(struct sim *s)
{
	return &s->cycle[s->cycles % SIM_CYCLES];
}

static inline void sim_saw_ratio(struct sim *s)
{
	struct sim_cycle *c = sim_now(s);
	double r = (double)s->pacer.ratio.work_per_byte / FIXED_ONE;
	u64 proven = mul_div((u64)s->work, 100 + s->pacer.line.percent, 100);

	if (!c->ratio_first)
		c->ratio_first = r;
	c->ratio_most = max(c->ratio_most, r);
	c->goal = max(c->goal, max(s->pacer.line.goal, min(proven, s->pacer.line.most)));
	c->over = max(c->over, s->conf.threads * fixed_mul(s->conf.assist_step,
							   s->pacer.ratio.bytes_per_work));
}

static inline void sim_start(struct sim *s)
{
	struct sim_cycle *c = sim_now(s);
	struct assist_now now;

	*c = (struct sim_cycle){.early = s->heap < (double)s->pacer.trigger ||
					 s->pacer.heap.marked >= s->pacer.trigger,
				.swept = s->swept >= s->pages,
				.trigger = (u64)s->heap,
				.gap_ns = s->now - s->last_end,
				.peak = (u64)s->heap,
				.live = (u64)s->live,
				.wall_ns = s->now};
	s->marking = true;
	s->fresh = 0;
	s->work = 0;
	s->done_by_all = 0;
	s->pool = 0;
	s->found = s->live;
	s->work_true = s->live * s->conf.scan + (double)(s->conf.stack + s->conf.roots);
	s->revised = s->now;
	for (u32 i = 0; i < s->conf.threads; i++)
		s->threads[i].balance = 0;
	now = sim_observe(s);
	pacer_start_cycle(&s->pacer, &now);
	sim_saw_ratio(s);
}

static inline void sim_pace_sweep(struct sim *s)
{
	sweep_pace_to(&s->sweep, (u64)s->heap, s->swept, s->pages, s->pacer.trigger);
}

static inline void sim_end(struct sim *s)
{
	struct sim_cycle *c = sim_now(s);
	struct pacer_cycle seen;
	struct pacer_heap heap;

	s->marking = false;
	c->wall_ns = s->now - c->wall_ns;
	seen = (struct pacer_cycle){(u64)s->heap,      (u64)s->work,	  (u64)c->wall_ns,
				    (u64)c->worker_ns, (u64)c->assist_ns, 0};
	pacer_end_cycle(&s->pacer, &seen);
	s->pages = (u64)s->heap / SIM_PAGE;
	s->swept = 0;
	s->heap = s->found + s->fresh;
	c->marked = (u64)s->heap;
	heap = (struct pacer_heap){
		(u64)s->heap,  (u64)s->fresh, (u64)(s->found * s->conf.scan), s->conf.stack,
		s->conf.roots, s->conf.other, c->peak + s->conf.other};
	pacer_commit_goal(&s->pacer, &heap);
	sim_pace_sweep(s);
	/* What is left in the pool was done and never sold; all else was sold or is in balances. */
	s->conserved_wrong += s->done_by_all < s->work - 1 || s->done_by_all > s->work + 1;
	s->last_end = s->now;
	s->cycles++;
	for (u32 i = 0; i < s->conf.threads; i++)
		s->threads[i].owed = 0;
}

/* @bytes come into being. */
static inline void sim_allocate(struct sim *s, double bytes)
{
	double kept = min(bytes, max(s->target - s->live, 0.0));
	u64 owed = sweep_owed(&s->sweep, (u64)s->heap, (u64)bytes, s->swept);

	s->swept += min(owed, s->pages - min(s->swept, s->pages));
	s->heap += bytes;
	s->live += kept;
	s->allocated += bytes;
	if (s->marking) {
		s->fresh += bytes;
		sim_now(s)->peak = max(sim_now(s)->peak, (u64)s->heap);
	}
	s->peak = max(s->peak, s->heap);
}

/* Work that is left to be found; marks up to @want of it. */
static inline double sim_mark(struct sim *s, double want)
{
	double done = min(want, max(s->work_true - s->work, 0.0));

	s->work += done;
	s->done_by_all += done;
	return done;
}

/*
 * Thread @t is below zero: pays from the pool, marks for the rest as long as it
 * has time. Returns the ns used; all of them where there is nothing left to mark, as
 * it then waits for the end of the cycle.
 */
static inline double sim_assist(struct sim *s, struct sim_thread *t, double ns)
{
	struct assist_ratio ratio = s->pacer.ratio;
	double done, used;
	u64 taken;

	if (s->limiter.limiting) {
		t->balance = credit_forgive(t->balance, 0);
		t->owed = 0;
		return 0;
	}
	if (!t->owed)
		t->owed = credit_need(t->balance, ratio, s->conf.assist_step).work;
	taken = credit_take(s->pool, t->owed);
	s->pool -= (s64)taken;
	t->balance += credit_bytes(taken, ratio);
	t->owed -= taken;
	if (!t->owed)
		return 0;
	done = floor(sim_mark(s, min((double)t->owed, ns * s->conf.mark)));
	t->balance += credit_bytes((u64)done, ratio);
	t->owed -= (u64)done;
	used = s->work >= s->work_true ? ns : done / s->conf.mark + 1;
	used = min(used, ns);
	sim_now(s)->assist_ns += min(done / s->conf.mark, ns);
	s->gc_ns += min(done / s->conf.mark, ns);
	return t->owed ? ns : used;
}

static inline void sim_run_thread(struct sim *s, struct sim_thread *t, double ns)
{
	double rate = s->conf.alloc * (1 + s->conf.jitter * (2 * sim_uniform(s) - 1));

	t->want = min(t->want + (double)s->conf.step_ns * s->conf.busy, 20.0 * MS);
	while (ns > 0.5 && t->want > 0.5) {
		double bytes, run = min(ns, t->want);

		if (s->marking && t->balance < 0) {
			ns -= sim_assist(s, t, ns);
			if (t->balance < 0 || t->owed)
				continue;
		}
		if (t->pending) {
			sim_allocate(s, (double)t->pending);
			ns -= (double)t->pending / 10; /* clearing it */
			t->pending = 0;
		}
		if (s->conf.huge && s->since_huge >= (double)s->conf.huge_every) {
			s->since_huge = 0;
			t->pending = s->conf.huge;
			/* A cycle that it would make due starts before it. */
			if (!s->marking && s->heap + (double)t->pending >= (double)s->pacer.trigger)
				sim_start(s);
			if (s->marking)
				t->balance = credit_charge(t->balance, s->conf.huge);
			continue;
		}
		bytes = run * rate;
		if (s->marking)
			bytes = min(bytes, (double)t->balance + 512);
		else
			bytes = min(bytes, max((double)s->pacer.trigger - s->heap, 0.0) + 512);
		if (s->marking)
			t->balance = credit_charge(t->balance, (u64)bytes + 1);
		/* The first that comes too late has paid; it allocates when it is out of debt. */
		if (!s->marking || t->balance >= 0) {
			sim_allocate(s, bytes);
		} else {
			t->pending = (u64)bytes;
		}
		s->since_huge += bytes;
		ns -= bytes / rate + 0.01;
		t->want -= bytes / rate;
		s->own_ns += bytes / rate;
		if (!s->marking && s->heap >= (double)s->pacer.trigger)
			sim_start(s);
	}
}

static inline void sim_step(struct sim *s)
{
	double all = (double)s->conf.cpus * (double)s->conf.step_ns, workers = 0, each, done;
	u32 first = (u32)(ksft_random(&s->rng) % s->conf.threads);

	if (s->live > s->target)
		s->live = s->target;
	if (!s->marking && s->heap >= (double)s->pacer.trigger)
		sim_start(s);
	if (s->marking) {
		struct pacer_workers w = pacer_workers(s->conf.cpus);

		workers = (w.whole + w.quarters / 4.0) * (double)s->conf.step_ns * s->conf.granted;
		done = sim_mark(s, floor(workers * s->conf.mark));
		s->pool += (s64)done;
		sim_now(s)->worker_ns += workers;
		s->gc_ns += workers;
	}
	each = min((all - workers) / s->conf.threads, (double)s->conf.step_ns);
	for (u32 i = 0; i < s->conf.threads; i++)
		sim_run_thread(s, &s->threads[(first + i) % s->conf.threads], each);
	s->now += (double)s->conf.step_ns;
	limiter_update(&s->limiter, (u64)s->gc_ns, (u64)(s->now * s->conf.cpus));
	if (!s->marking)
		return;
	if (s->work >= s->work_true - 1) {
		sim_end(s);
	} else if (s->now - s->revised >= (double)s->conf.revise_ns) {
		struct assist_now now = sim_observe(s);

		s->revised = s->now;
		pacer_revise(&s->pacer, &now);
		sim_saw_ratio(s);
	}
}

static inline void sim_run(struct sim *s, double ns)
{
	double until = s->now + ns;

	while (s->now < until)
		sim_step(s);
}

/* Until @n more cycles have ended; false where that takes more than @ns. */
static inline bool sim_run_cycles(struct sim *s, u32 n, double ns)
{
	double until = s->now + ns;
	u32 last = s->cycles + n;

	while (s->cycles < last && s->now < until)
		sim_step(s);
	return s->cycles >= last;
}

/* The heap was beyond 105% of the goal and an over-assist of each thread; bytes, 0: it kept it. */
static inline u64 sim_overshoot(const struct sim_cycle *c)
{
	return sub_floor(c->peak, c->goal + c->goal / 20 + c->over);
}

/* Of all CPU time of the marking. */
static inline double sim_share(const struct sim *s, const struct sim_cycle *c)
{
	return (c->worker_ns + c->assist_ns) / (c->wall_ns * s->conf.cpus);
}

static inline void sim_print(const struct sim *s, const char *name)
{
	u32 n = s->cycles ? s->cycles - 1 : 0;
	const struct sim_cycle *c = &s->cycle[n % SIM_CYCLES];

	ksft_print_msg(
		"%s: %u cycles, live %.1f MB, trigger %.1f, goal %.1f, peak %.1f (%.3f), marked %.1f; mark %.1f ms of %.1f, GC %.1f%% of it, assists %.1f%%; ratio %.2f to %.2f; all GC %.1f%%",
		name, s->cycles, (double)c->live / 1e6, (double)c->trigger / 1e6,
		(double)c->goal / 1e6, (double)c->peak / 1e6,
		(double)c->peak / (double)(c->goal ? c->goal : 1), (double)c->marked / 1e6,
		c->wall_ns / MS, (c->gap_ns + c->wall_ns) / MS, 100 * sim_share(s, c),
		100 * c->assist_ns / (c->wall_ns * s->conf.cpus), c->ratio_first, c->ratio_most,
		100 * s->gc_ns / (s->now * s->conf.cpus));
}

#endif
