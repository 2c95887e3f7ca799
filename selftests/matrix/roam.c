// SPDX-License-Identifier: MIT
/*
 * roam - run a command whose threads are moved all the time: to one CPU after the other,
 * and to all of them, each for some milliseconds.
 *
 *	roam COMMAND [ARG...]
 */
#include <dirent.h>

#include "../api/common.h"

#define STAY_US 7000

static cpu_set_t all;

/* Every thread that is there; those that start meanwhile inherit what their creator has. */
static void move(pid_t pid, const cpu_set_t *cpus)
{
	struct dirent *entry;
	char path[40];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		int tid = atoi(entry->d_name);

		if (tid > 0)
			sched_setaffinity(tid, sizeof(*cpus), cpus);
	}
	if (dir)
		closedir(dir);
}

int main(int argc, char **argv)
{
	int cpus[CPU_SETSIZE], n = allowed_cpus(cpus, CPU_SETSIZE), status = 0;
	cpu_set_t one;
	pid_t pid;

	if (argc < 2)
		return 2;
	sched_getaffinity(0, sizeof(all), &all);
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	for (int i = 0; pid > 0 && waitpid(pid, &status, WNOHANG) == 0; i++) {
		CPU_ZERO(&one);
		CPU_SET(cpus[i % n], &one);
		move(pid, i % (n + 1) == n ? &all : &one);
		usleep(STAY_US);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
