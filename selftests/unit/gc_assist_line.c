// SPDX-License-Identifier: MIT
/*
 * The price of allocation while marking: each revision draws its line through what
 * has been paid at the present heap, so nothing is ever asked for at once; a program
 * that pays as it goes keeps its price, whoever marks; the price is bounded and
 * continuous; and marking ends at the goal, or at the ceiling where there was much
 * more to mark than expected.
 *
 * With --data it prints what Documentation/assist-line.svg shows.
 */
#include <math.h>

#include "unit.h"

#include "assist_line.h"

#define TRIES (ksft_quick() ? 20000 : 300000)
#define WALKS (ksft_quick() ? 100 : 1000)

static uint64_t rng;

static double uniform(void)
{
	return (double)(ksft_random(&rng) >> 11) / 9007199254740992.0;
}

static u64 part(double of, double least, double most)
{
	return (u64)(s64)(of * (least + (most - least) * uniform()));
}

/* Any cycle: heaps of 4 MiB to 4 TiB, as a pacer may start them. */
static struct assist_cycle any_cycle(void)
{
	double goal = exp2(22 + 20 * uniform());
	struct assist_cycle c = {
		.goal = (u64)goal,
		.trigger = part(goal, 0.5, 0.96),
		.expected = part(goal, 0.01, 0.6),
		.percent = (u32)part(300, 0, 1),
		.most = UINT64_MAX / 4,
	};

	return c;
}

static struct assist_now any_now(const struct assist_cycle *c)
{
	struct assist_now n = {.heap_live = part((double)c->goal, 0.5, 1.2)};

	n.scannable = part((double)n.heap_live, 0.01, 1);
	n.scan_work = part((double)n.scannable, 0, 1);
	n.pool = (s64)part((double)n.scan_work, -0.2, 0.8);
	return n;
}

static double slope_of(const struct assist_cycle *c, const struct assist_now *n)
{
	return (double)assist_slope(c, n, assist_aim(c, n)).work_per_byte / FIXED_ONE;
}

/* Through the aim and what is paid: both ends of the line are where they should be. */
static bool lines_begin_at_what_is_paid(void)
{
	for (int i = 0; i < TRIES; i++) {
		struct assist_cycle c = any_cycle();
		struct assist_now n = any_now(&c);
		struct assist_aim aim = assist_aim(&c, &n);
		struct assist_ratio r = assist_slope(&c, &n, aim);
		double paid = (double)n.scan_work - (double)max(n.pool, (s64)0), back;

		/* Not where the line would be steeper than it may. */
		if (aim.heap < n.heap_live + c.goal / LINE_STEEPEST ||
		    r.work_per_byte == ASSIST_RATIO_LEAST)
			continue;
		back = (double)aim.work -
		       (double)r.work_per_byte / FIXED_ONE * (double)(aim.heap - n.heap_live);
		if (fabs(back - paid) > 2 + (double)c.goal * 0x1p-30) {
			ksft_print_msg("%.1f required, %.1f paid; goal %.1f", back, paid,
				       (double)c.goal);
			return false;
		}
		if (fabs((double)assist_required(&n, r, n.heap_live) - paid) > 1 ||
		    fabs((double)assist_required(&n, r, aim.heap) - (double)aim.work) >
			    2 + (double)c.goal * 0x1p-30)
			return false;
	}
	return true;
}

static bool bounded(void)
{
	double most = 0;

	for (int i = 0; i < TRIES; i++) {
		struct assist_cycle c = any_cycle();
		struct assist_now n = any_now(&c);
		double work = (double)n.scannable + (double)max(n.pool, (s64)0);
		double r = slope_of(&c, &n) * (double)c.goal / work;

		most = max(most, r);
	}
	ksft_print_msg("most %.1f times (scannable + pool) / goal", most);
	return most <= LINE_STEEPEST;
}

/* A small change of anything changes the price a little. */
static bool continuous(void)
{
	for (int i = 0; i < TRIES; i++) {
		struct assist_cycle c = any_cycle();
		struct assist_now n = any_now(&c), m;
		struct assist_aim aim;
		double most, step = 0;
		u64 tiny, heap, work, pool;

		/* Half of the time where two rules meet. */
		if (i % 4 == 0)
			n.scan_work = min(c.expected, n.scannable);
		if (i % 4 == 1)
			n.heap_live = c.goal;
		n.pool = min(n.pool, (s64)n.scan_work);
		most = LINE_STEEPEST * (double)(n.scannable + n.scan_work) / (double)c.goal;
		/* Close to the aim, small is small beside the distance to it. */
		aim = assist_aim(&c, &n);
		tiny = max(sub_floor(aim.heap, n.heap_live), 1ULL << 12);
		tiny = min(tiny, max(sub_floor(aim.work, n.scan_work), 1ULL << 12)) >> 12;
		tiny = min(tiny, c.expected >> 12);
		heap = part((double)tiny, 0, 1);
		work = part((double)tiny, 0, 1);
		pool = part((double)tiny, 0, 1);
		/* Where the price is steep, a smaller change changes it less; a step stays one. */
		for (int shift = 0; shift <= 6; shift += 6) {
			m = n;
			m.heap_live += heap >> shift;
			m.scan_work = min(m.scan_work + (work >> shift), m.scannable);
			m.pool += (s64)(pool >> shift);
			step = fabs(slope_of(&c, &m) - slope_of(&c, &n));
			if (step <= 0.005 * most)
				break;
		}
		if (step > 0.005 * most) {
			ksft_print_msg("%g, then %g", slope_of(&c, &n), slope_of(&c, &m));
			return false;
		}
	}
	return true;
}

/* A cycle in which each byte pays before it is allocated, from the pool or by marking. */
struct walk {
	struct assist_cycle c;
	double heap, work, pool, real; /* real: work that there is */
	double scan;		       /* scannable part of the heap */
	double slope, slope_least, slope_most;
};

static struct assist_now walk_now(const struct walk *w)
{
	return (struct assist_now){
		.heap_live = (u64)w->heap,
		.scan_work = (u64)w->work,
		.scannable = (u64)max(w->heap * w->scan, w->real),
		.pool = (s64)w->pool,
	};
}

static void walk_revise(struct walk *w)
{
	struct assist_now n = walk_now(w);

	w->slope = slope_of(&w->c, &n);
	w->slope_least = min(w->slope_least, w->slope);
	w->slope_most = max(w->slope_most, w->slope);
}

static void walk_workers(struct walk *w, double work)
{
	work = min(work, w->real - w->work);
	w->work += work;
	w->pool += work;
}

static void walk_allocate(struct walk *w, double bytes)
{
	double owed = bytes * w->slope, taken = min(owed, w->pool);

	w->pool -= taken;
	w->work += min(owed - taken, w->real - w->work);
	w->heap += bytes;
}

static struct walk walk_begin(struct assist_cycle c, double real, double scan)
{
	struct walk w = {
		.c = c, .heap = (double)c.trigger, .real = real, .scan = scan, .slope_least = 1e9};

	walk_revise(&w);
	return w;
}

static bool walk_over(const struct walk *w)
{
	return w->work >= w->real - 1;
}

/* As expected, with workers that come and go and revisions at any time: the first price stays. */
static bool price_stays(void)
{
	double off = 0, end_off = 0;

	for (int i = 0; i < WALKS; i++) {
		struct assist_cycle c = any_cycle();
		struct walk w = walk_begin(c, (double)c.expected, 0.7);
		double first = w.slope, room = (double)(c.goal - c.trigger), paid, end;
		double help = i % 2 ? 0.02 * uniform() : 0;

		while (!walk_over(&w)) {
			if (uniform() < 0.3)
				walk_workers(&w, (double)c.expected * help * uniform());
			walk_allocate(&w, room * 0.001 * uniform());
			if (uniform() < 0.3)
				walk_revise(&w);
		}
		off = max(off, max(first / w.slope_least, w.slope_most / first) - 1);
		/* The heap where all would be paid, at this price. */
		paid = w.work - w.pool;
		end = w.heap + ((double)c.expected - paid) / first;
		end_off = max(end_off, fabs(end - (double)c.goal) / room);
	}
	ksft_print_msg("price off by %.4f, end by %.4f of the room", off, end_off);
	return off < 0.05 && end_off < 0.01;
}

/* Up to 20 times the expected work: each byte pays, and the heap ends below its ceiling. */
static bool surprises_end_below_the_ceiling(void)
{
	double most = 0;

	for (int i = 0; i < WALKS; i++) {
		struct assist_cycle c = any_cycle();
		struct walk w;
		double ceiling;

		c.expected = min(c.expected, part((double)c.trigger, 0.05, 0.5));
		w = walk_begin(c, min((double)c.expected * 20 * uniform(), (double)c.trigger), 1);
		while (!walk_over(&w)) {
			if (uniform() < 0.3)
				walk_workers(&w, (double)c.expected * 0.01 * uniform());
			walk_allocate(&w, (double)c.goal * 0.0005 * uniform());
			walk_revise(&w);
		}
		ceiling = max((double)c.goal, w.real * (100 + c.percent) / 100.0);
		most = max(most, w.heap / ceiling);
	}
	ksft_print_msg("heap at most %.4f times the goal or what live memory allows", most);
	return most < 1.05;
}

/* Nothing was paid for a while: the heap is where marking should have ended, all work is left. */
static bool late_ones_catch_up(void)
{
	double most = 0;

	for (int i = 0; i < WALKS; i++) {
		struct assist_cycle c = any_cycle();
		struct walk w = walk_begin(c, (double)c.expected, 0.7);

		w.heap = (double)c.goal;
		walk_revise(&w);
		while (!walk_over(&w)) {
			walk_allocate(&w, (double)c.goal * 0.0005);
			walk_revise(&w);
		}
		most = max(most, w.heap / (double)c.goal);
	}
	ksft_print_msg("heap at most %.4f times the goal", most);
	return most < 1.05;
}

/*
 * One curve of the picture. Workers mark until half of the work is done, then not any more;
 * no goal beyond @most. @ahead: the price as if what they did beyond what was paid were
 * forgotten.
 */
static void print_curve(const char *name, double real, u64 most, bool ahead)
{
	const double unit = 1e6;
	struct assist_cycle c = {150000000, 200000000, most * 1000000, 100000000, 100};
	struct walk w = walk_begin(c, real * unit, 1);

	printf("# %s: heap, work done, work paid, price\n", name);
	for (u32 i = 0; !walk_over(&w); i++) {
		if (i % 5 == 0)
			printf("%.2f %.2f %.2f %.4f\n", w.heap / unit, w.work / unit,
			       (w.work - w.pool) / unit, w.slope);
		if (w.work < real * unit / 2)
			walk_workers(&w, 0.4 * unit);
		walk_allocate(&w, 0.1 * unit);
		walk_revise(&w);
		if (ahead)
			w.slope = min(max((double)c.expected - w.work, 1.0) /
					      max((double)c.goal - w.heap, 1.0),
				      100.0);
	}
	printf("\n\n");
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--data")) {
		print_curve("as much work as expected", 100, 400, false);
		print_curve("the same, pool not counted", 100, 400, true);
		print_curve("half more work, live memory moves the goal", 150, 400, false);
		print_curve("half more work, the goal may not move", 150, 200, false);
		return 0;
	}
	ksft_print_header();
	ksft_set_plan(6);
	rng = ksft_seed() | 1;
	ksft_test_result(lines_begin_at_what_is_paid(), "a revision begins at what has been paid");
	ksft_test_result(bounded(), "the price is bounded");
	ksft_test_result(continuous(), "the price is continuous");
	ksft_test_result(price_stays(), "who pays as it goes keeps its price");
	ksft_test_result(surprises_end_below_the_ceiling(),
			 "twenty times the expected work ends below the ceiling");
	ksft_test_result(late_ones_catch_up(),
			 "a heap at its goal with all work left ends below it");
	ksft_finished();
}
