// SPDX-License-Identifier: MIT
#include "idle.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"
#include "os.h"
#include "thread.h"

static u32 asked;    /* futex: questions so far; who waits */
static u32 answered; /* futex: the last one of them that was answered; the idle thread */

static void *idle_thread(void *arg)
{
	struct sched_param none = {0};

	(void)arg;
	if (sched_setscheduler(0, SCHED_IDLE, &none))
		return NULL; /* no answer: all rests are whole */
	for (;;) {
		u32 n = READ_ONCE(asked);

		if (n == answered) {
			syscall(SYS_futex, &asked, FUTEX_WAIT_PRIVATE, n, NULL, NULL, 0);
			continue;
		}
		WRITE_ONCE(answered, n);
		syscall(SYS_futex, &answered, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	return NULL;
}

void idle_wait(u64 ns)
{
	u64 now = os.now_ns(), end = now + ns;
	u32 n = asked + 1, seen;

	WRITE_ONCE(asked, n);
	syscall(SYS_futex, &asked, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	/* An answer to an older question comes from where there was no idle CPU until now. */
	while ((seen = READ_ONCE(answered)) != n && now < end) {
		u64 left = end - now;
		struct timespec ts = {.tv_sec = (time_t)(left / 1000000000),
				      .tv_nsec = (long)(left % 1000000000)};

		syscall(SYS_futex, &answered, FUTEX_WAIT_PRIVATE, seen, &ts, NULL, 0);
		now = os.now_ns();
	}
}

void idle_start(void)
{
	pthread_t thread;

	if (!thread_start(&thread, "lane-idle", idle_thread, NULL))
		pthread_detach(thread);
}
