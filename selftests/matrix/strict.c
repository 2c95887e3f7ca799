// SPDX-License-Identifier: MIT
/*
 * strict - a sandbox that a program enters when Lane has started: it is killed for
 * every system call but those that Documentation/errors.rst says Lane makes, those of the
 * C library's threads, and what the tests themselves need to show their results.
 *
 * What the start of the collected heap takes is allowed to the tests in gc/ alone.
 *
 * Preloaded. It is linked to Lane, so its constructor runs after Lane's.
 */
#include "../api/common.h"
#include "../api/filter.h"

static const int allowed[] = {
	/* Lane: what errors.rst lists. */
	SYS_mprotect,
	SYS_madvise,
	SYS_membarrier,
	SYS_futex,
	SYS_prlimit64,
	SYS_sched_yield,
	SYS_write,
	SYS_mmap,
	SYS_munmap,
	SYS_rt_sigprocmask,
	SYS_getcpu, /* where the vdso has none */
	SYS_clock_gettime,
	/* Threads that start, end and are signalled, in the C library. */
	SYS_clone,
	SYS_clone3,
	SYS_rseq,
	SYS_set_robust_list,
	SYS_prctl, /* Lane's own give themselves a name */
	SYS_rt_sigaction,
	SYS_rt_sigreturn,
	SYS_getpid,
	SYS_gettid,
	SYS_tgkill,
	SYS_exit,
	SYS_exit_group,
	SYS_sched_getaffinity,
	/* The tests: they sleep, choose their CPU, and ask for the nodes. */
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_restart_syscall,
	SYS_sched_setaffinity,
	SYS_get_mempolicy,
	/* The collected heap: the CPUs for workers, their priority, the main thread's stack. */
	SYS_setpriority,
	SYS_openat,
	SYS_newfstatat,
	SYS_read,
	SYS_close,
};

#define OF_COLLECTED 5 /* the last ones, for programs in gc/ */

__attribute__((constructor)) static void lock_down(void)
{
	struct sock_filter code[ARRAY_SIZE(allowed) + 6];
	struct sock_fprog prog = {0, code};
	unsigned short pc = 0;
	const char *path = (const char *)getauxval(AT_EXECFN);
	unsigned char n = ARRAY_SIZE(allowed) - (strstr(path, "/gc/") ? 0 : OF_COLLECTED);

	put(get(100)); /* Lane has started */
	code[pc++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, nr));
	for (unsigned char i = 0; i < n; i++)
		code[pc++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							  (unsigned int)allowed[i], n - i, 0);
	code[pc++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[pc++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prog.len = pc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
		ksft_exit_fail_msg("seccomp: %s", strerror(errno));
}
