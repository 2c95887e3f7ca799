// SPDX-License-Identifier: MIT
#include "stats_file.h"

#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "format.h"
#include "procfs.h"
#include "replace.h"

/* conf.stats_file with %p replaced by the process' number. */
static void stats_path(char *path, size_t len)
{
	const char *p = strstr(conf.stats_file, "%p");

	if (!p)
		format(path, len, "%s", conf.stats_file);
	else
		format(path, min(len, (size_t)(p - conf.stats_file) + 1), "%s", conf.stats_file);
	if (p)
		format(path + (p - conf.stats_file), len - (size_t)(p - conf.stats_file), "%d%s",
		       getpid(), p + 2);
}

static int write_statistics(int fd, void *arg)
{
	(void)arg;
	return procfs_write_all(fd);
}

int stats_file_write(void)
{
	char path[sizeof(conf.stats_file) + 16], beside[sizeof(path) + 16];

	stats_path(path, sizeof(path));
	/* Of its own: a child that has inherited the path may be writing at the same time. */
	format(beside, sizeof(beside), "%s.%d.new", path, getpid());
	return replace_file(path, beside, write_statistics, NULL);
}
