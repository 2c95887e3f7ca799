// SPDX-License-Identifier: MIT
#include "background.h"

#include <time.h>

#include "barrier.h"
#include "bug.h"
#include "conf.h"
#include "os.h"
#include "release.h"
#include "stats_file.h"
#include "thread.h"

#define TICK_MS 100

static void write_stats_file(void)
{
	static bool complained;
	int err = stats_file_write();

	if (err && !complained)
		pr_err("cannot write the statistics file '%s' (error %d)", conf.stats_file, -err);
	complained |= err;
}

static bool for_gc;
static bool configured; /* the constructor came: conf says what is wanted; before that it changes */

static bool wanted(void)
{
	return conf.background_thread == CONF_BACKGROUND_TRUE || conf.stats_file[0] ||
	       (for_gc && conf.background_thread == CONF_BACKGROUND_AUTO);
}

/* *@last: when it did so before, ms; 0: never. */
static void write_stats_when_due(u64 now, u64 *last)
{
	if (!conf.stats_file[0] || (*last && now - *last < READ_ONCE(conf.stats_interval_ms)))
		return;
	if (!*last)
		thread_own_files(true);
	write_stats_file();
	*last = now;
}

/* Ends where it was started for a collected heap before LANE_CONF was read, which says no. */
static void *background(void *arg)
{
	u64 last_stats = 0;

	(void)arg;
	thread_set_name("lane");
	for (;;) {
		struct timespec ts = {.tv_nsec = TICK_MS * 1000000L};
		bool conf_known = smp_load_acquire(&configured); /* pairs with background_start() */
		u64 now = os.now_ms();

		if (conf_known && !wanted())
			break;
		release_tick(now);
		if (conf_known)
			write_stats_when_due(now, &last_stats);
		nanosleep(&ts, NULL);
	}
	WRITE_ONCE(release_threaded, false);
	return NULL;
}

static void start(void)
{
	pthread_t thread;
	bool runs = wanted() && !thread_start(&thread, background, NULL);

	WRITE_ONCE(release_threaded, runs);
	if (runs)
		pthread_detach(thread);
	else if (wanted())
		pr_err("no background thread could be started; slow paths do its work");
}

void background_start(void)
{
	smp_store_release(&configured, true); /* pairs with background() */
	if (!READ_ONCE(release_threaded))
		start();
}

void background_start_for_gc(void)
{
	for_gc = true;
	if (!READ_ONCE(release_threaded))
		start();
}

void background_after_fork(void)
{
	start();
}
