// SPDX-License-Identifier: MIT
#include "gather.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "client.h"
#include "process.h"

struct work {
	struct gather *all;
	int nr;
	atomic_int next; /* the first that nobody has taken */
};

static void *take_some(void *arg)
{
	struct work *w = arg;

	for (int i; (i = atomic_fetch_add(&w->next, 1)) < w->nr;) {
		struct gather *g = &w->all[i];

		g->text = NULL;
		g->err = client_read(g->pid, g->name, &g->text, &g->len);
		g->when = now_seconds();
		if (g->err)
			g->text = NULL;
	}
	return NULL;
}

void gather(struct gather *all, int nr)
{
	struct work w = {.all = all, .nr = nr};
	pthread_t threads[GATHER_THREADS];
	sigset_t every, before;
	int started = 0;

	/* Signals are for the thread that waits for them. */
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	while (started < nr - 1 && started < GATHER_THREADS - 1 &&
	       !pthread_create(&threads[started], NULL, take_some, &w))
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	take_some(&w);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

void gather_free(struct gather *all, int nr)
{
	for (int i = 0; i < nr; i++)
		free(all[i].text);
}
