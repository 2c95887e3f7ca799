/* SPDX-License-Identifier: MIT */
/*
 * between_lanes.h - another thread acts while a reader is between one CPU's
 * books and the next one's: on the last CPU, which is read last, and once a
 * reading.
 */
#ifndef LANE_BETWEEN_LANES_H
#define LANE_BETWEEN_LANES_H

#include <semaphore.h>

#include "snapshot.h"
#include "unit.h"

struct act {
	const char *name;
	void (*act)(void); /* NULL: the thread ends */
};

static sem_t between_go, between_done;
static const struct act *between_act;
static bool between_acted; /* in the reading at hand */

/* @prepare: in the thread, before it acts; or NULL. */
static void *between_thread(void *prepare)
{
	unit_pin((unsigned int)unit_nr_cpus - 1);
	if (prepare)
		((void (*)(void))prepare)();
	for (;;) {
		sem_wait(&between_go);
		if (!between_act->act)
			return NULL;
		between_act->act();
		sem_post(&between_done);
	}
}

static void between_lanes(void)
{
	if (between_acted)
		return;
	between_acted = true;
	sem_post(&between_go);
	sem_wait(&between_done);
}

static inline pthread_t between_start(void (*prepare)(void))
{
	pthread_t t;

	sem_init(&between_go, 0, 0);
	sem_init(&between_done, 0, 0);
	start_thread(&t, between_thread, (void *)prepare);
	return t;
}

static inline void between_end(pthread_t t)
{
	static const struct act none;

	between_act = &none;
	sem_post(&between_go);
	pthread_join(t, NULL);
}

/* @read(@arg) while the thread does @a; @plain: without generations. Whether it came to that. */
static inline bool between_read(const struct act *a, bool plain, void (*read)(void *), void *arg)
{
	between_act = a;
	between_acted = false;
	snapshot_test.between_lanes = between_lanes;
	snapshot_test.plain = plain;
	read(arg);
	snapshot_test.between_lanes = NULL;
	snapshot_test.plain = false;
	return between_acted;
}

#endif
