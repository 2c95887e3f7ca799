// SPDX-License-Identifier: MIT
/*
 * A process forks while another thread comes to the closed door, at each of that one's
 * instructions in turn: it counts as inside for some of them. The child is not inside for that.
 */
#include "unit.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "slow_path.h"

#if defined(__x86_64__) && !defined(LANE_NO_RSEQ)

#define TRAP_FLAG 0x100

static sem_t stepped, go;
static _Atomic bool over;

/* The first is the breakpoint. */
static void on_instruction(int sig, siginfo_t *info, void *context)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

	(void)sig, (void)info;
	if (atomic_load(&over)) {
		*flags &= ~TRAP_FLAG;
		return;
	}
	*flags |= TRAP_FLAG;
	sem_post(&stepped);
	sem_wait(&go);
}

static void *come(void *arg)
{
	__asm__ __volatile__("int3" : : : "memory");
	slow_enter();
	slow_exit();
	return arg;
}

/* False where the other thread makes no step more: it waits at the door. */
static bool next_step(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ksft_patience(1);
	return sem_timedwait(&stepped, &until) == 0;
}

/* As fork() calls it, without all else that it does. */
static bool child_is_outside(void)
{
	int status = -1;
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid) {
		slow_open(true);
		_exit(slow_interrupted());
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on_instruction, .sa_flags = SA_SIGINFO};
	unsigned int steps = 0, bad = 0;
	pthread_t t;

	ksft_print_header();
	ksft_set_plan(2);
	sem_init(&stepped, 0, 0);
	sem_init(&go, 0, 0);
	lane_free(lane_malloc(100));
	sigaction(SIGTRAP, &sa, NULL);
	if (!slow_close(1000))
		ksft_exit_fail_msg("the door cannot be closed");
	start_thread(&t, come, NULL);
	for (; next_step(); steps++) {
		bad += !child_is_outside();
		sem_post(&go);
	}
	atomic_store(&over, true);
	sem_post(&go); /* it may have been slow to come to the next one */
	slow_open(false);
	pthread_join(t, NULL);
	ksft_test_result(steps > 10 && !bad, "in none of %u children it counts as inside: %u",
			 steps, bad);
	ksft_test_result(unit_books_right(), "the books are right");
	ksft_finished();
}

#else

int main(void)
{
	ksft_print_header();
	ksft_exit_skip("no single steps on this machine, or in this build");
}

#endif
