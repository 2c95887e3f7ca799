// SPDX-License-Identifier: MIT
#include "spinlock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* About 2 us: longer than any critical section that makes no system call. */
#define SPINS 100

int kern_tsan_fence;

void spin_lock_slow(struct spinlock *l)
{
	int saved_errno = errno;

	for (int i = 0; i < SPINS; i++) {
		u32 free = 0;

		if (READ_ONCE(l->word) == 0 &&
		    __atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
		cpu_relax();
	}
	/* From here on take it as 2, so that our unlock wakes whoever sleeps beside us. */
	while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE) != 0)
		syscall(SYS_futex, &l->word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
	errno = saved_errno;
}

void spin_wake(struct spinlock *l)
{
	int saved_errno = errno;

	syscall(SYS_futex, &l->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	errno = saved_errno;
}
