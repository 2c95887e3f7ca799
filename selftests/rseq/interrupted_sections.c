// SPDX-License-Identifier: MIT
// variant: cpu LANE_CONF=mode:rseq
/*
 * At each point of each restartable sequence a trap interrupts it, and while it
 * is interrupted something happens: nothing, another thread runs, the thread
 * moves to another CPU, it allocates and frees itself, it sleeps, a snapshot is
 * taken, all lanes are stopped and drained. Whatever happens, every object has
 * one owner, and the counts are those of the operations done.
 */
#include "inject.h"

#include <ucontext.h>

#define TRAPS (ksft_quick() ? 10 : 40) /* for each point and action */
#define PATIENCE 30.0 /* seconds until a point counts as not reached; long for slow guests */

/* Bounds of the section that holds all abort handlers; from the linker. */
extern const char __start___rseq_failure[], __stop___rseq_failure[];

static u32 armed_section, armed_point;
static _Atomic int traps_left;
static _Atomic uint64_t hits[NR_SECTIONS][MAX_POINTS + 1];
static _Atomic uint64_t astray; /* traps after which the section would have gone on */
static _Atomic u32 action_now;
static __thread int inside;

static void do_nothing(void)
{
}

static void yield(void)
{
	sched_yield();
}

static void migrate(void)
{
	unit_pin((unsigned int)sched_getcpu() + 1);
}

static void allocate(void)
{
	void *p[4];

	/* One of our own that the thread has put aside, whatever it is doing now. */
	load_put(atomic_exchange(&load_spare, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = load_get(load_sizes[i % ARRAY_SIZE(load_sizes)]);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		load_put(p[i]);
}

static void delay(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
}

static const struct {
	const char *name;
	void (*act)(void);
} actions[] = {
	{"nothing", do_nothing}, {"yield", yield}, {"migrate", migrate},
	{"allocate", allocate},	 {"delay", delay}, {"snapshot", await_snapshot},
	{"drain", await_drain},
};

static const char *context_ip(const ucontext_t *uc)
{
#if defined(__x86_64__)
	return (const char *)uc->uc_mcontext.gregs[REG_RIP];
#else
	return (const char *)uc->uc_mcontext.pc;
#endif
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	const char *ip = context_ip(context);
	int saved_errno = errno;

	(void)sig, (void)info;
	if (ip < __start___rseq_failure || ip >= __stop___rseq_failure)
		atomic_fetch_add(&astray, 1);
	/* One trap, or now and then a few in a row at the same place. */
	if (atomic_load(&traps_left) <= 0 || atomic_load(&traps_left) % 4)
		WRITE_ONCE(rseq_inject[armed_section].trap, 0);
	atomic_fetch_add(&hits[armed_section][armed_point], 1);
	if (!inside && atomic_fetch_sub(&traps_left, 1) > 0) {
		inside++;
		actions[action_now].act();
		inside--;
	}
	errno = saved_errno;
}

static void arm(uint64_t r)
{
	if (atomic_load(&traps_left) > 0 && r % 32 == 0)
		WRITE_ONCE(rseq_inject[armed_section].trap, armed_point);
}

/* False where the point was not reached in time. */
static bool trap_at(u32 section, u32 point, u32 action)
{
	double end = ksft_now() + ksft_patience(PATIENCE);
	bool reached;

	armed_section = section;
	armed_point = point;
	atomic_store(&action_now, action);
	atomic_store(&traps_left, TRAPS);
	while (atomic_load(&traps_left) > 0 && ksft_now() < end)
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	reached = atomic_load(&traps_left) <= 0;
	if (!reached)
		ksft_print_msg("%s, point %u, %s: %d of %d traps in %.0f s", sections[section].name,
			       point, actions[action].name, TRAPS - atomic_load(&traps_left), TRAPS,
			       ksft_patience(PATIENCE));
	atomic_store(&traps_left, 0);
	WRITE_ONCE(rseq_inject[section].trap, 0);
	return reached;
}

static void run_section(u32 section)
{
	bool reached = true, right = true;
	char text[256];
	int n = 0;

	for (u32 point = 1; point <= sections[section].points; point++) {
		for (u32 action = 0; action < ARRAY_SIZE(actions); action++)
			reached &= trap_at(section, point, action);
		right &= check_all();
	}
	for (u32 point = 1; point <= sections[section].points; point++) {
		reached &= hits[section][point] > 0;
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %llu",
			      (unsigned long long)hits[section][point]);
	}
	ksft_print_msg("%s: traps at points 1..%u:%s", sections[section].name,
		       sections[section].points, text);
	ksft_test_result(reached, "%s: interrupted at each point, by each action",
			 sections[section].name);
	ksft_test_result(right, "%s: one owner for each object, counts are exact",
			 sections[section].name);
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
	uint64_t rng;

	ksft_print_header();
	need_rseq();
	ksft_set_plan(2 * NR_SECTIONS + 3);
	rng = ksft_seed() | 1;
	sigaction(SIGTRAP, &sa, NULL);
	reader_start();
	load_start(&rng, arm);
	for (u32 s = 0; s < NR_SECTIONS; s++)
		run_section(s);
	load_join();
	reader_join();
	ksft_print_msg("%llu snapshots, %llu drains, %llu mallocs",
		       (unsigned long long)reader_snapshots, (unsigned long long)reader_drains,
		       (unsigned long long)load_mallocs);
	ksft_test_result(astray == 0, "each trap aborted its section");
	ksft_test_result(reader_broken == 0, "all identities held in each snapshot");
	ksft_test_result(load_right() && unit_live() == 0, "in the end: all free, counts exact");
	ksft_finished();
}
