// SPDX-License-Identifier: MIT
/*
 * The main thread has ended by pthread_exit(), as that of a program that only starts others may: a
 * heap profile has the mappings of the process all the same.
 */
#include "common.h"

#include <lane/lane.h>
#include <lane/lane_prof.h>

static pthread_t first;
static char text[1 << 20];

static void *look(void *arg)
{
	const char *mappings;

	(void)arg;
	pthread_join(first, NULL);
	usleep(100000); /* it is a zombie by now */
	lane_prof_set_rate(1024);
	for (int i = 0; i < 1000; i++)
		opaque(get(1000));
	ksft_test_result(lane_proc_read("profile", text, sizeof(text)) > 0, "there is a profile");
	mappings = strstr(text, "MAPPED_LIBRARIES:");
	ksft_test_result(mappings && strstr(mappings, "main_thread_gone"),
			 "that knows where the program lies");
	ksft_finished();
}

int main(void)
{
	pthread_t t;

	ksft_print_header();
	ksft_set_plan(2);
	first = pthread_self();
	start_thread(&t, look, NULL);
	pthread_exit(NULL);
}
