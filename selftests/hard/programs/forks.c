// SPDX-License-Identifier: MIT
/* forks.c - threads allocate while children are forked that do; "good" where Lane counted it all */
#include <lane/lane.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *work(void *arg)
{
	for (int i = 0; i < 50000; i++)
		free(malloc((size_t)(i % 5000)));
	return arg;
}

int main(void)
{
	struct lane_stats st = {.sz = sizeof(st)};
	void *p = malloc(100);
	pthread_t t[3];

	alarm(60);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, work, NULL);
	for (int i = 0; i < 10; i++) {
		int status;
		pid_t pid = fork();

		if (!pid)
			_exit(work(NULL) != NULL);
		if (waitpid(pid, &status, 0) != pid || status)
			return 2;
	}
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	if (lane_stats_read(&st) || st.mallocs < 150000 || lane_node_of(p) < 0)
		return 3;
	free(p);
	puts("good");
	return 0;
}
