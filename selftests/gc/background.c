// SPDX-License-Identifier: MIT
// variant: off LANE_CONF=background_thread:false
/*
 * A process with a collected heap has a thread that returns memory, and a child that it forks has
 * one; LANE_CONF says where it is not wanted. A program that only has malloc has none.
 */
#include "nodes.h"

#include <dirent.h>
#include <sys/wait.h>

/* Threads of this process named "lane", which takes a moment. */
static int threads_named_lane(int expected)
{
	double end = ksft_now() + 10;
	int n;

	do {
		DIR *dir = opendir("/proc/self/task");

		if (!dir)
			ksft_exit_skip("no /proc/self/task");
		n = 0;
		for (struct dirent *e; (e = readdir(dir)) != NULL;) {
			char path[300], name[32] = "";
			FILE *f;

			snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
			f = fopen(path, "r");
			n += f && fgets(name, sizeof(name), f) && !strcmp(name, "lane\n");
			if (f)
				fclose(f);
		}
		closedir(dir);
		if (n != expected)
			usleep(10000);
	} while (n != expected && ksft_now() < end);
	return n;
}

int main(void)
{
	const char *conf = getenv("LANE_CONF");
	int wanted = conf && strstr(conf, "background_thread:false") ? 0 : 1, status;
	pid_t child;

	ksft_print_header();
	ksft_set_plan(3);
	free(malloc(100));
	ksft_test_result(!threads_named_lane(0), "malloc alone has no thread");
	gc_begin(NULL);
	ksft_test_result(threads_named_lane(wanted) == wanted, "a collected heap has %d", wanted);
	child = fork();
	if (!child) {
		bool good = lane_gc_alloc_noscan(100) && threads_named_lane(wanted) == wanted;

		_exit(good ? 0 : 1);
	}
	ksft_test_result(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
				 !WEXITSTATUS(status),
			 "a child of it, too");
	ksft_finished();
}
