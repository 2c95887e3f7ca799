// SPDX-License-Identifier: MIT
/*
 * History: heapinfo again and again, then all once more, so that the page
 * shows how it was at the end. A process that ends meanwhile leaves a page of
 * what was seen of it, and a signal ends the watch and not the page.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "client.h"
#include "report.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static void take(struct report *r, const struct text *t, double at)
{
	struct report_sample *s = &r->samples[r->nr_samples++];

	s->at = at;
	s->generation = text_number(t, "generation");
	s->mallocs = text_number(t, "mallocs");
	s->frees = text_number(t, "frees");
	report_parts_of(t, -1, s->part);
}

static int sample(struct report *r, double begin)
{
	struct text t;
	char *raw;
	size_t len;
	int err = client_read(r->pid, "heapinfo", &raw, &len);

	if (err)
		return err;
	err = text_parse(&t, raw, len);
	free(raw);
	if (err)
		return err;
	take(r, &t, now_seconds() - begin);
	text_free(&t);
	return 0;
}

/* Another process has the number, or none. */
static bool gone(const struct report *r)
{
	return !process_same(r->pid, &r->process);
}

/* False on a signal. */
static bool sleep_until(double when)
{
	double left;

	while (!interrupted && (left = when - now_seconds()) > 0)
		poll(NULL, 0, (int)(left * 1000) + 1);
	return !interrupted;
}

static void run(struct report *r, double step, double begin, int most)
{
	for (int i = 0; i < most; i++) {
		if (!sleep_until(begin + i * step)) {
			r->ended = "it was interrupted";
			return;
		}
		if (gone(r)) {
			r->ended = "the process ended";
			return;
		}
		/* One that hangs may come back; it costs a second each time. */
		if (sample(r, begin) && !interrupted)
			r->nr_missed++;
		/* Readings that are late are left out, not made all at once. */
		while (i + 1 < most && begin + (i + 1) * step < now_seconds())
			i++;
	}
}

int report_watch(struct report *r, double step)
{
	struct sigaction sa = {.sa_handler = on_signal};
	int most = (int)(r->watch / step + 1.001);

	r->samples = calloc(most, sizeof(*r->samples));
	if (!r->samples)
		return -ENOMEM;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	run(r, step, now_seconds(), most);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (gone(r))
		r->ended = "the process ended";
	/* What was read at the beginning stays where this fails. */
	if (!r->ended || interrupted)
		if (report_read(r) && !r->ended)
			r->ended = "the process did not answer at the end";
	return 0;
}
