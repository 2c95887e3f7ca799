// SPDX-License-Identifier: MIT
/*
 * Run one program and measure it from outside:
 * launch FILE PRELOAD PROGRAM [ARG]...
 * PRELOAD, or "-" for none, is set for PROGRAM alone. FILE gets the wall and
 * CPU time, and the largest resident size of any one process. That figure
 * starts from the size of the process that forked, hence this small one.
 */
#include "bench.h"
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static double seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static void report(const char *path, double wall, const struct rusage *ru)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (fd < 0 || dup2(fd, 1) < 0)
		die("launch: cannot write the figures");
	put("wall", wall, "s");
	put("cpu", seconds(ru->ru_utime) + seconds(ru->ru_stime), "s");
	put("sys", seconds(ru->ru_stime), "s");
	put("max_rss", (double)ru->ru_maxrss, "kB");
	put("faults", (double)ru->ru_minflt, "count");
	put("switches", (double)(ru->ru_nvcsw + ru->ru_nivcsw), "count");
}

int main(int argc, char **argv)
{
	struct rusage ru;
	uint64_t start;
	int status;
	pid_t pid;

	if (argc < 4)
		die("usage: launch FILE PRELOAD PROGRAM [ARG]...");
	start = now_ns();
	pid = fork();
	if (pid < 0)
		die("launch: fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a driver that gives up kills launch alone */
		unsetenv("LD_PRELOAD");
		if (strcmp(argv[2], "-"))
			setenv("LD_PRELOAD", argv[2], 1);
		execvp(argv[3], argv + 3);
		die("launch: exec");
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("launch: waitpid");
	start = now_ns() - start;
	getrusage(RUSAGE_CHILDREN, &ru);
	report(argv[1], (double)start / 1e9, &ru);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
