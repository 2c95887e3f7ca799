// SPDX-License-Identifier: MIT
#include "process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* At most @room - 1 bytes of /proc/@pid/@name and a 0; returns how many, -1 on an error. */
static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t room)
{
	char path[64];
	ssize_t n;
	int fd;

	buf[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, buf, room - 1);
	close(fd);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

/* The 22nd field of stat. The name before it may hold blanks and brackets. */
static long long start_of(const char *stat)
{
	const char *s = strrchr(stat, ')');

	for (int field = 2; s && field < 22; field++) {
		s = strchr(s, ' ');
		s += s != NULL;
	}
	return s ? atoll(s) : 0;
}

bool process_look(pid_t pid, struct process *p)
{
	struct timespec ts;
	char stat[1024];
	ssize_t n;

	memset(p, 0, sizeof(*p));
	strcpy(p->comm, "?");
	if (read_proc(pid, "stat", stat, sizeof(stat)) <= 0)
		return false;
	p->start = start_of(stat);
	clock_gettime(CLOCK_BOOTTIME, &ts);
	p->age = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9 -
		 (double)p->start / (double)sysconf(_SC_CLK_TCK);
	n = read_proc(pid, "comm", p->comm, sizeof(p->comm));
	if (n > 0)
		p->comm[n - 1] = '\0';
	n = read_proc(pid, "cmdline", p->command, sizeof(p->command));
	while (n > 0 && !p->command[n - 1])
		n--;
	for (ssize_t i = 0; i < n; i++)
		if (!p->command[i])
			p->command[i] = ' ';
	if (n <= 0)
		snprintf(p->command, sizeof(p->command), "%s", p->comm);
	return true;
}

bool process_same(pid_t pid, const struct process *p)
{
	struct process now;

	return process_look(pid, &now) && now.start == p->start;
}

double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}
