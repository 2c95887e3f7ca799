// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * A server that locks itself down after it has started is not killed for
 * what Lane asks of the kernel later; where it refuses more, allocation
 * still goes on.
 */
#include "filter.h"
#include "snapshot.h"

static struct snap snap;

static int use_everything(void)
{
	uint64_t rng = 42;
	void *p[500] = {0};
	int bad = 0;

	for (int i = 0; i < 30000; i++) {
		size_t slot = ksft_random(&rng) % ARRAY_SIZE(p);
		size_t size = random_size(&rng);

		put(p[slot]);
		p[slot] = get(size);
		bad |= !p[slot];
		if (p[slot])
			memset(p[slot], 1, size);
		if (i % 5000 == 0)
			lane_release(SIZE_MAX);
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	return bad;
}

/* What a sandbox kills for; what a heap needs (mmap, madvise, futex, ...) stays. */
static int locked_down(void *arg)
{
	static const int nr[] = {
		SYS_openat,	   SYS_socket,	      SYS_connect,	     SYS_execve,
		SYS_ptrace,	   SYS_rseq,	      SYS_sched_getaffinity, SYS_sched_setaffinity,
		SYS_get_mempolicy, SYS_set_mempolicy, SYS_move_pages,	     SYS_prctl,
		SYS_getdents64,	   SYS_readlinkat,    SYS_sysinfo,	     SYS_bpf,
#ifdef SYS_open
		SYS_open,	   SYS_readlink,
#endif
	};

	(void)arg;
	if (filter_calls(nr, ARRAY_SIZE(nr), SECCOMP_RET_KILL_PROCESS) != 0)
		return 99;
	if (use_everything())
		return 1;
	return snap_read(&snap) == 0 && snap_good(&snap) && snap_walk(&snap) == 0 ? 0 : 2;
}

/* Returning memory is refused: the books must not claim it went back. */
static int madvise_refused(void *arg)
{
	const int nr = SYS_madvise;

	(void)arg;
	if (filter_calls(&nr, 1, SECCOMP_RET_ERRNO | EPERM) != 0)
		return 99;
	if (use_everything())
		return 1;
	return snap_read(&snap) == 0 && snap_good(&snap) ? 0 : 2;
}

/* CPU caches stay where they are; the views say so, and nothing claims to be exact. */
static int membarrier_refused_later(void *arg)
{
	static char text[65536];
	const int nr = SYS_membarrier;
	bool fenced;

	(void)arg;
	snap_read(&snap);
	fenced = snap.st.mode != LANE_MODE_LOCK;
	if (filter_calls(&nr, 1, SECCOMP_RET_ERRNO | EPERM) != 0)
		return 99;
	if (use_everything())
		return 1;
	snap_read(&snap);
	if (use_everything())
		return 1;
	if (snap_walk(&snap) != (fenced ? -EPERM : 0))
		return 2;
	if (lane_proc_read("heapinfo", text, sizeof(text)) <= 0)
		return 3;
	return !strstr(text, "\nfence refused\n") == fenced ? 4 : 0;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(3);
	put(get(100));
	ksft_test_result(in_child(locked_down, NULL, 30) == 0,
			 "a sandbox that kills for opening files and the like");
	ksft_test_result(in_child(madvise_refused, NULL, 30) == 0,
			 "a sandbox that refuses madvise");
	ksft_test_result(in_child(membarrier_refused_later, NULL, 30) == 0,
			 "a sandbox that refuses membarrier after the start");
	ksft_finished();
}
