// SPDX-License-Identifier: MIT
/*
 * A stream's holder waits in malloc, fflush(NULL) waits for the stream with the list of all
 * of them locked, and fork wants that list: nobody waits for ever. Children use streams.
 */
#include "hard.h"

static double end;
static _Atomic uint64_t lines, flushes;

/* Buffers and lines come from malloc while the stream is locked. */
static void *write_and_read(void *arg)
{
	while (ksft_now() < end) {
		FILE *f = tmpfile();
		char *line = NULL;
		size_t room = 0;

		if (!f)
			ksft_exit_fail_msg("tmpfile: %s", strerror(errno));
		for (int i = 0; i < 6; i++)
			fprintf(f, "%0*d\n", 20000 << i, i);
		rewind(f);
		while (getline(&line, &room, f) > 0)
			atomic_fetch_add(&lines, 1);
		free(line);
		fclose(f);
	}
	return arg;
}

static void *flush_all(void *arg)
{
	while (ksft_now() < end) {
		fflush(NULL);
		atomic_fetch_add(&flushes, 1);
	}
	return arg;
}

static int child(void *arg)
{
	FILE *f = tmpfile();

	alarm(PATIENCE);
	if (!f || fputs("x\n", f) < 0 || fflush(NULL) || fclose(f))
		return 1;
	return arg != NULL || !books_are_exact();
}

static int storm(void *arg)
{
	int forks = 0, bad = 0;
	pthread_t t[4];

	alarm(2 * PATIENCE);
	end = ksft_now() + hard_seconds(2);
	for (int i = 0; i < 4; i++)
		start_thread(&t[i], i & 1 ? flush_all : write_and_read, NULL);
	for (; ksft_now() < end && !bad; forks++)
		bad = in_child(child, arg, PATIENCE);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("%d forks, %llu lines, %llu times all streams flushed", forks,
		       (unsigned long long)lines, (unsigned long long)flushes);
	return bad || !lines || !flushes;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(2);
	ksft_test_result(in_child(storm, NULL, 3 * PATIENCE) == 0,
			 "fork while streams are used and all are flushed");
	ksft_test_result(child(NULL) == 0, "with one thread, too");
	ksft_finished();
}
