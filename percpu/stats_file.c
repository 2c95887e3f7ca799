// SPDX-License-Identifier: MIT
#include "stats_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "format.h"
#include "os.h"
#include "procfs.h"

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

int stats_file_write(void)
{
	char path[sizeof(conf.stats_file) + 16], beside[sizeof(path) + 8];
	int fd, err, end;

	stats_path(path, sizeof(path));
	format(beside, sizeof(beside), "%s.new", path);
	fd = os.create(beside);
	/* What a process that was killed has left. */
	if (fd == -EEXIST && !os.unlink(beside))
		fd = os.create(beside);
	if (fd < 0)
		return fd;
	err = procfs_write_all(fd);
	end = os.close(fd);
	if (!err)
		err = end;
	if (!err)
		err = os.rename(beside, path);
	if (err)
		os.unlink(beside);
	return err;
}
