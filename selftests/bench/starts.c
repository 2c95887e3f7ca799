// SPDX-License-Identifier: MIT
/*
 * The time from starting a program to its end: starts SCALE PRELOAD PROGRAM.
 * This program itself runs without a preload; PRELOAD, or "-" for none, is
 * for what it starts.
 */
#include "bench.h"
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static char **environ_with(const char *preload)
{
	static char var[4096];
	size_t n = 0, k = 0;
	char **env;

	while (environ[n])
		n++;
	env = must(calloc(n + 2, sizeof(*env)));
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "LD_PRELOAD=", 11))
			env[k++] = environ[i];
	if (strcmp(preload, "-")) {
		snprintf(var, sizeof(var), "LD_PRELOAD=%s", preload);
		env[k++] = var;
	}
	return env;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t start_once(char **child_argv, char **env)
{
	uint64_t start = now_ns();
	int status;
	pid_t pid;

	if (posix_spawn(&pid, child_argv[0], NULL, NULL, child_argv, env))
		die("starts: posix_spawn");
	if (waitpid(pid, &status, 0) != pid || status)
		die("starts: the program failed");
	return now_ns() - start;
}

int main(int argc, char **argv)
{
	size_t starts = scaled(arg_scale(argc, argv), 400);
	uint64_t *ns = must(calloc(starts, sizeof(*ns))), total = 0;
	char *child_argv[2], **env;

	if (argc < 4)
		die("usage: starts SCALE PRELOAD PROGRAM");
	child_argv[0] = argv[3];
	child_argv[1] = NULL;
	env = environ_with(argv[2]);
	for (size_t n = 0; n < starts; n++) {
		ns[n] = start_once(child_argv, env);
		total += ns[n];
	}
	qsort(ns, starts, sizeof(*ns), by_value);
	put("time", (double)total / 1e9, "s");
	put("us_per_start", (double)ns[starts / 2] / 1e3, "us");
	free(env);
	free(ns);
	return 0;
}
