// SPDX-License-Identifier: MIT
/* plain.c - allocates in threads and, with an argument, in a child; knows nothing of Lane */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *work(void *arg)
{
	for (int i = 0; i < 3000; i++) {
		char *p = malloc((size_t)(i % 9000 + 1));

		p[0] = 1;
		free(realloc(p, 300));
		free(strdup("abc"));
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t t[2];
	int status = 0;

	(void)argv;
	alarm(100);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, work, NULL);
	if (argc > 1) {
		pid_t pid = fork();

		if (!pid)
			_exit(work(NULL) != NULL);
		waitpid(pid, &status, 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	if (!status)
		puts("good");
	return status != 0;
}
