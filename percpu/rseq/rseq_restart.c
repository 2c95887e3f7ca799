// SPDX-License-Identifier: MIT
#include "rseq_restart.h"

#include <sched.h>
#include <signal.h>
#include <time.h>

#include "os.h"
#include "rseq_ops.h"

#define ATTEMPTS 3
#define LOOKS (1u << 24) /* that the section takes for go: some 10 ms */
#define NAPS 20000	 /* that the process takes for us to be inside: a second or more */
#define NAP_NS 20000
#define STACK_BYTES 16384 /* of the process */

struct rseq_restart_test rseq_restart_test;

struct trial {
	u32 inside; /* written in the section */
	u32 go;	    /* written by the process */
};

static u32 release_number(const char **s)
{
	u32 n = 0;

	for (; **s >= '0' && **s <= '9' && n < 1000; (*s)++)
		n = n * 10 + (u32)(**s - '0');
	return n;
}

bool rseq_restart_suspect(const char *release)
{
	u32 major = release_number(&release), minor;

	if (*release != '.')
		return false;
	release++;
	minor = release_number(&release);
	return (major == 6 && minor >= 19) || (major == 7 && minor == 0);
}

/* In the process beside us: system calls only, as thread-local memory is ours. */
static int preempt(void *arg)
{
	struct timespec nap = {.tv_nsec = NAP_NS};
	struct trial *t = arg;

	for (int i = 0; i < NAPS && !READ_ONCE(t->inside); i++)
		nanosleep(&nap, NULL);
	WRITE_ONCE(t->go, READ_ONCE(t->inside));
	return 0;
}

static enum rseq_restart attempt(s64 area)
{
	static char stack[STACK_BYTES] __aligned_to(16);
	struct trial t = {0};
	u32 looks = LOOKS, starts;
	int pid = os.beside(preempt, &t, stack + STACK_BYTES);

	if (pid < 0)
		return RSEQ_RESTART_UNSEEN;
	starts = rseq_spin(area, &t.inside, &t.go, &looks);
	os.await(pid);
	if (starts > 1)
		return RSEQ_RESTARTS;
	return looks ? RSEQ_RESTARTS_NOT : RSEQ_RESTART_UNSEEN;
}

enum rseq_restart rseq_restart_try(s64 area)
{
	u8 before[1024], here[1024] = {0};
	u64 unknown[8] __aligned_to(64) = {0}; /* in the place of a struct rseq */
	enum rseq_restart result = RSEQ_RESTART_UNSEEN;
	int cpu = sched_getcpu(), len = os.get_cpus(before, sizeof(before));
	sigset_t all, old;

	if (len <= 0 || cpu < 0 || cpu >= len * 8)
		return result;
	if (rseq_restart_test.unregistered)
		area = (char *)unknown - (char *)__builtin_thread_pointer();
	here[cpu / 8] = (u8)(1 << cpu % 8);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (!os.set_cpus(here, (size_t)len)) {
		for (int i = 0; i < ATTEMPTS && result == RSEQ_RESTART_UNSEEN; i++)
			result = attempt(area);
		os.set_cpus(before, (size_t)len);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return result;
}

static const char *refusal(s64 area)
{
	char release[65] = "";

	if (!rseq_restart_test.suspect &&
	    (RSEQ_ARCH[0] != 'a' || os.release(release, sizeof(release)) ||
	     !rseq_restart_suspect(release)))
		return NULL;
	switch (rseq_restart_try(area)) {
	case RSEQ_RESTARTS:
		return NULL;
	case RSEQ_RESTARTS_NOT:
		return "the kernel does not restart preempted sections (arm64, Linux 6.19 to 7.0)";
	default:
		return "it could not be seen whether the kernel restarts preempted sections";
	}
}

const char *rseq_restart_refusal(s64 area)
{
	static bool asked;
	static const char *answer;

	if (!asked)
		answer = refusal(area);
	asked = true;
	return answer;
}
