// SPDX-License-Identifier: MIT
// variant: cpu LANE_CONF=mode:rseq
/*
 * At each point of each restartable sequence threads are held inside it, while
 * others take a snapshot, stop and drain all lanes, move the threads to other
 * CPUs, or send them signals whose handler allocates. What was held goes on or
 * starts again; every object has one owner, and the counts are those of the
 * operations done.
 */
#include "inject.h"

#include <sys/syscall.h>

#define ROUNDS (ksft_quick() ? 1u : 2u)
#define PATIENCE 30.0 /* seconds until a point counts as not reached; long for slow guests */

static _Atomic uint64_t handled;
static uint64_t held_at[NR_SECTIONS][MAX_POINTS + 1];

static void on_signal(int sig)
{
	int saved_errno = errno;
	void *p = load_get(load_sizes[0]);

	(void)sig;
	load_put(atomic_exchange(&load_spare, NULL));
	load_put(p);
	atomic_fetch_add(&handled, 1);
	errno = saved_errno;
}

static void pass_time(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static void move_all(void)
{
	static unsigned int turn;

	for (int i = 0; i < LOAD_THREADS; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(unit_cpus[(turn + (unsigned int)i) % (unsigned int)unit_nr_cpus], &set);
		sched_setaffinity(load_workers[i].tid, sizeof(set), &set);
	}
	turn++;
	pass_time();
}

static void signal_all(void)
{
	for (int i = 0; i < LOAD_THREADS; i++)
		syscall(SYS_tgkill, getpid(), load_workers[i].tid, SIGUSR1);
	pass_time();
}

static const struct {
	const char *name;
	void (*disturb)(void);
} disturbances[] = {
	{"delay", pass_time},  {"snapshot", await_snapshot}, {"drain", await_drain},
	{"migrate", move_all}, {"signal", signal_all},
};

/* Hold threads at the point, disturb them, let them go; false where none came there. */
static bool hold_at(u32 section, u32 point, u32 how)
{
	struct rseq_inject *inject = &rseq_inject[section];
	double end = ksft_now() + PATIENCE;
	bool reached;

	WRITE_ONCE(inject->seen, 0);
	WRITE_ONCE(inject->hold, point);
	while (!(reached = READ_ONCE(inject->seen) == point) && ksft_now() < end)
		sched_yield();
	if (reached)
		disturbances[how].disturb();
	else
		ksft_print_msg("%s, point %u, %s: nobody came", sections[section].name, point,
			       disturbances[how].name);
	WRITE_ONCE(inject->hold, 0);
	held_at[section][point] += reached;
	return reached;
}

static void run_section(u32 section)
{
	bool reached = true, right = true;

	for (u32 point = 1; point <= sections[section].points; point++) {
		for (u32 i = 0; i < ROUNDS * ARRAY_SIZE(disturbances); i++)
			reached &= hold_at(section, point, i % ARRAY_SIZE(disturbances));
		right &= check_all();
	}
	for (u32 point = 1; point <= sections[section].points; point++)
		reached &= held_at[section][point] > 0;
	ksft_test_result(reached, "%s: held at each of %u points, disturbed in each way",
			 sections[section].name, sections[section].points);
	ksft_test_result(right, "%s: one owner for each object, counts are exact",
			 sections[section].name);
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	uint64_t rng;

	ksft_print_header();
	need_rseq();
	ksft_set_plan(2 * NR_SECTIONS + 3);
	rng = ksft_seed() | 1;
	sigaction(SIGUSR1, &sa, NULL);
	reader_start();
	load_start(&rng, NULL);
	for (u32 s = 0; s < NR_SECTIONS; s++)
		run_section(s);
	load_join();
	reader_join();
	ksft_print_msg("%llu snapshots, %llu drains, %llu signals, %llu mallocs",
		       (unsigned long long)reader_snapshots, (unsigned long long)reader_drains,
		       (unsigned long long)handled, (unsigned long long)load_mallocs);
	ksft_test_result(handled > 0, "signal handlers ran inside sections");
	ksft_test_result(reader_broken == 0, "all identities held in each snapshot");
	ksft_test_result(load_right() && unit_live() == 0, "in the end: all free, counts exact");
	ksft_finished();
}
