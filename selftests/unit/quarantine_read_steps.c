// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=check:full,mode:lock
/*
 * A reader of a quarantine's books is interrupted before one of its instructions, here and
 * there in turn, by the owner, who enters the reader's generation and changes the books. The reader
 * has to find what was there before.
 */
#include "unit.h"

#include <signal.h>
#include <ucontext.h>

#include "quarantine_ring.h"
#include "snapshot.h"
#include "tally.h"

#if defined(__x86_64__) && !defined(LANE_NO_RSEQ)

#define TRAP_FLAG 0x100
#define SIZE 100
/* Instructions that are tried, spread over all of them: a step may take as long as a system call.
 */
#define PLACES (ksft_quick() ? 12 : 40)

static struct quarantine *mine;
static u32 cls, home;
static volatile bool reading;
static volatile u64 step, at_step; /* of this reading; where the owner comes in */

/* One object more is freed, and one is handed out again, in the generation that is read. */
static void change(void)
{
	struct ring *r = &mine->ring[ring_of(home, cls)];
	u32 seq = quarantine_begin(mine);

	WRITE_ONCE(r->head, r->head + 1);
	WRITE_ONCE(r->tail, r->tail + 1);
	quarantine_end(mine, seq);
}

/* Also at the breakpoints before and behind the reading. */
static void on_instruction(int sig, siginfo_t *info, void *context)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
	bool breakpoint = info->si_code == SI_KERNEL;

	(void)sig;
	if (breakpoint)
		reading = !reading;
	if (reading && step++ == at_step)
		change();
	if (reading && step <= at_step)
		*flags |= TRAP_FLAG;
	else
		*flags &= ~TRAP_FLAG;
}

/* What a reader finds of the class where the owner comes in at instruction @n. */
static struct class_tally read_disturbed(u64 n)
{
	static struct snap rows;
	static struct snap snap;
	struct class_tally found;
	struct tally *t;

	snap_read(&snap); /* the owner has not entered this generation yet */
	snap_prepare(&rows);
	step = 0;
	at_step = n;
	snapshot_lock();
	t = tally_begin(&rows.st);
	__asm__ __volatile__("int3" : : : "memory");
	quarantine_read(t);
	__asm__ __volatile__("int3" : : : "memory");
	found = t->home[home].cls[cls];
	snapshot_unlock();
	return found;
}

static bool as_before(const struct class_tally *found, u64 frees, u64 again)
{
	if (found->frees == frees && found->mallocs == again)
		return true;
	ksft_print_msg("instruction %llu: %llu frees, %llu again; before %llu, %llu",
		       (unsigned long long)at_step, (unsigned long long)found->frees,
		       (unsigned long long)found->mallocs, (unsigned long long)frees,
		       (unsigned long long)again);
	return false;
}

static void test_steps(void)
{
	struct ring *r = &mine->ring[ring_of(home, cls)];
	struct class_tally found = read_disturbed(UINT64_MAX);
	u64 all = step, stride = all / PLACES + 1, tried = 0;
	bool right = as_before(&found, r->head, r->tail);

	for (u64 n = 0; right && n < all; n += stride, tried++) {
		u64 frees = r->head, again = r->tail;

		found = read_disturbed(n);
		right = as_before(&found, frees, again) && r->head == frees + 1;
	}
	ksft_print_msg("%llu of %llu instructions", (unsigned long long)tried,
		       (unsigned long long)all);
	ksft_test_result(right && tried >= 10, "a reader finds the quarantine as it was");
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_instruction, .sa_flags = SA_SIGINFO};
	void *p;

	(void)argc;
	unit_conf(argv, "check:full");
	ksft_print_header();
	ksft_set_plan(1);
	p = lane_malloc(SIZE);
	cls = span_of(p)->cls;
	home = addr_to_home(p);
	lane_free(p);
	mine = quarantine_mine;
	sigaction(SIGTRAP, &sa, NULL);
	test_steps();
	ksft_finished();
}

#else

int main(void)
{
	ksft_print_header();
	ksft_exit_skip("no single steps on this machine, or in this build");
}

#endif
