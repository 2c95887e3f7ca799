// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * A process whose threads allocate starts others: by vfork() and exec, posix_spawn(), system(),
 * popen(), fork() and exec, from several threads at once; with Lane preloaded, which they
 * inherit. Each runs and ends as it should, and the parent's books stay exact.
 */
#include "hard.h"

#include <dlfcn.h>
#include <spawn.h>

#define THREADS 4

static double end;
static char self[256];
static _Atomic int started[5], bad;

static void *allocate(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	struct held h = {0};

	while (ksft_now() < end)
		if (held_change(&h, &rng))
			atomic_fetch_add(&bad, 1);
	if (held_free(&h))
		atomic_fetch_add(&bad, 1);
	return NULL;
}

/* The other program: allocates on a Lane of its own, fresh after exec. */
static int other(void)
{
	struct held h = {0};
	uint64_t rng = 5;

	for (int i = 0; i < 500; i++)
		if (held_change(&h, &rng))
			return 1;
	return held_free(&h) || !books_are_exact() ? 2 : 17;
}

static int wait_for(pid_t pid)
{
	int status;

	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

static pid_t by_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl(self, self, "other", NULL);
		_exit(127);
	}
	return pid;
}

static pid_t by_spawn(void)
{
	char *argv[] = {self, (char *)"other", NULL};
	pid_t pid;

	return posix_spawn(&pid, self, NULL, NULL, argv, environ) ? -1 : pid;
}

static pid_t by_fork(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		setenv("ANOTHER", "variable", 1); /* allocates */
		execl(self, self, "other", NULL);
		_exit(127);
	}
	return pid;
}

static int by_popen(void)
{
	char command[300], line[32] = "";
	FILE *f;

	snprintf(command, sizeof(command), "%s other; echo $?", self);
	f = popen(command, "r");
	if (!f || !fgets(line, sizeof(line), f) || pclose(f))
		return -1;
	return atoi(line) << 8;
}

static int by_system(void)
{
	char command[300];

	snprintf(command, sizeof(command), "%s other", self);
	return system(command);
}

static void *start_others(void *arg)
{
	const uintptr_t first = (uintptr_t)arg;

	for (uintptr_t i = first; i < first + 5 || ksft_now() < end; i++) {
		int way = (int)(i % 5), status;

		switch (way) {
		case 0:
			status = wait_for(by_vfork());
			break;
		case 1:
			status = wait_for(by_spawn());
			break;
		case 2:
			status = wait_for(by_fork());
			break;
		case 3:
			status = by_popen();
			break;
		default:
			status = by_system();
		}
		if (status != 17 << 8) {
			ksft_print_msg("way %d: status %#x", way, (unsigned int)status);
			atomic_fetch_add(&bad, 1);
		}
		atomic_fetch_add(&started[way], 1);
	}
	return NULL;
}

static int storm(void *arg)
{
	pthread_t t[2 * THREADS];
	int fds = count_fds();

	alarm(2 * PATIENCE);
	end = ksft_now() + hard_seconds(2);
	for (uintptr_t i = 0; i < THREADS; i++) {
		start_thread(&t[i], allocate, (void *)(i + 1));
		start_thread(&t[THREADS + i], start_others, (void *)i);
	}
	for (int i = 0; i < 2 * THREADS; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("vfork %d, posix_spawn %d, fork %d, popen %d, system %d", started[0],
		       started[1], started[2], started[3], started[4]);
	return bad || !fds_are(fds) || !books_are_exact() || arg;
}

/* A program that knows nothing of Lane, by way of others; it prints its books at the end. */
static bool preload_is_inherited(void)
{
	char command[1024], line[256];
	int processes = 0;
	Dl_info lane;
	FILE *f;

	if (!dladdr((void *)(uintptr_t)lane_version, &lane))
		return false;
	snprintf(command, sizeof(command),
		 "LD_PRELOAD=%s LANE_CONF=stats_print:true sh -c '"
		 "/bin/true; env /bin/true; sh -c \"/bin/true; :\"; :' 2>&1",
		 lane.dli_fname);
	f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f))
		processes += !strncmp(line, "live_objects ", 13);
	return f && pclose(f) == 0 && processes >= 3;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return other();
	snprintf(self, sizeof(self), "%s", argv[0]);
	ksft_print_header();
	ksft_set_plan(2);
	ksft_test_result(in_child(storm, NULL, 3 * PATIENCE) == 0,
			 "others are started from allocating threads in five ways");
	ksft_test_result(preload_is_inherited(), "programs of programs inherit the preloaded Lane");
	ksft_finished();
}
