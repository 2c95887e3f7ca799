/* SPDX-License-Identifier: MIT */
/* filter.h - seccomp filters: one answer for a list of system calls, leave for the rest */
#ifndef LANE_API_FILTER_H
#define LANE_API_FILTER_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

#define FILTER_MOST 60

/* @answer for the @n calls in @nr: SECCOMP_RET_ERRNO | errno, SECCOMP_RET_KILL_PROCESS, ... */
static inline int filter_calls(const int *nr, unsigned int n, unsigned int answer)
{
	struct sock_filter code[FILTER_MOST + 6];
	struct sock_fprog prog = {0, code};
	unsigned short pc = 0;

	if (n > FILTER_MOST)
		return -1;
	code[pc++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, arch));
	code[pc++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0);
	code[pc++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[pc++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, nr));
	for (unsigned int i = 0; i < n; i++)
		code[pc++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr[i], (unsigned char)(n - i), 0);
	code[pc++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[pc++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
	prog.len = pc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

#endif /* LANE_API_FILTER_H */
