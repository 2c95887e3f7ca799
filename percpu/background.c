// SPDX-License-Identifier: MIT
#include "background.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bug.h"
#include "conf.h"
#include "format.h"
#include "os.h"
#include "procfs.h"
#include "release.h"
#include "thread.h"

#define TICK_MS 100

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

static void write_stats_file(void)
{
	static bool complained;
	char path[sizeof(conf.stats_file) + 16], tmp[sizeof(path) + 8];
	bool ok;
	int fd;

	stats_path(path, sizeof(path));
	format(tmp, sizeof(tmp), "%s.new", path);
	fd = os.replace(tmp);
	/* By rename, so that no reader sees half a file. */
	ok = fd >= 0 && !procfs_write_all(fd) && !rename(tmp, path);
	if (fd >= 0)
		os.close(fd);
	if (ok)
		return;
	unlink(tmp);
	if (!complained)
		pr_err("cannot write the statistics file '%s'", path);
	complained = true;
}

static void *background(void *arg)
{
	u64 last_stats = 0; /* ms; 0: none yet */

	(void)arg;
	for (;;) {
		struct timespec ts = {.tv_nsec = TICK_MS * 1000000L};
		u64 now = os.now_ms();

		release_tick(now);
		if (conf.stats_file[0] &&
		    (!last_stats || now - last_stats >= READ_ONCE(conf.stats_interval_ms))) {
			write_stats_file();
			last_stats = now;
		}
		nanosleep(&ts, NULL);
	}
	return NULL;
}

static void start(void)
{
	pthread_t thread;

	if (!conf.background_thread && !conf.stats_file[0])
		return;
	release_threaded = !thread_start(&thread, "lane", background, NULL);
	if (release_threaded)
		pthread_detach(thread);
	else
		pr_err("no background thread could be started; slow paths do its work");
}

void background_start(void)
{
	start();
}

void background_after_fork(void)
{
	start();
}
