// SPDX-License-Identifier: MIT
/*
 * refuse - run a command under a filter that refuses system calls from the start.
 *
 *	refuse ERROR CALL[,CALL...] COMMAND [ARG...]
 *
 * ERROR is EPERM or ENOSYS, as sandboxes and as old kernels answer.
 */
#include "../api/common.h"
#include "../api/filter.h"

static const struct {
	const char *name;
	int nr;
} calls[] = {
	{"rseq", SYS_rseq},
	{"membarrier", SYS_membarrier},
	{"sched_getaffinity", SYS_sched_getaffinity},
	{"get_mempolicy", SYS_get_mempolicy},
	{"mbind", SYS_mbind},
	{"madvise", SYS_madvise},
};

static int number_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].nr;
	fprintf(stderr, "refuse: %s is not in the table\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	int nr[ARRAY_SIZE(calls)];
	unsigned int n = 0, error = EPERM;

	if (argc < 4) {
		fprintf(stderr, "usage: refuse EPERM|ENOSYS CALL[,CALL...] COMMAND [ARG...]\n");
		return 2;
	}
	if (strcmp(argv[1], "ENOSYS") == 0)
		error = ENOSYS;
	for (char *name = strtok(argv[2], ","); name && n < ARRAY_SIZE(nr);
	     name = strtok(NULL, ","))
		nr[n++] = number_of(name);
	if (filter_calls(nr, n, SECCOMP_RET_ERRNO | error) != 0) {
		fprintf(stderr, "refuse: seccomp: %s\n", strerror(errno));
		return 2;
	}
	execvp(argv[3], argv + 3);
	fprintf(stderr, "refuse: %s: %s\n", argv[3], strerror(errno));
	return 127;
}
