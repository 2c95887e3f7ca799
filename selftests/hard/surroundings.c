// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Programs start in odd surroundings: without arguments, without or with a huge environment, with
 * small and with growing stacks, with limits on everything, with more rights than their user.
 */
#include "hard.h"

#include <sys/auxv.h>
#include <sys/stat.h>

static char self[256];

static int works(void)
{
	struct held h = {0};
	uint64_t rng = 9;

	for (int i = 0; i < 2000; i++)
		if (held_change(&h, &rng))
			return 1;
	return held_free(&h) || !books_are_exact() ? 2 : 17;
}

static void limit(int what, rlim_t n)
{
	struct rlimit r;

	getrlimit(what, &r);
	r.rlim_cur = n;
	setrlimit(what, &r);
}

static int without_arguments(void *arg)
{
	char *env[] = {(char *)"WHAT=works", NULL};

	(void)arg;
	syscall(SYS_execve, self, NULL, env);
	return 127;
}

static int huge_environment(void *arg)
{
	enum { N = 1000, LEN = 1200 };
	static char text[N][LEN];
	static char *env[N + 3];

	(void)arg;
	env[0] = (char *)"WHAT=conf";
	for (int i = 1; i <= N; i++) {
		memset(text[i - 1], 'x', LEN - 1);
		memcpy(text[i - 1], "LANE_CON=", 9);
		env[i] = text[i - 1];
	}
	env[N + 1] = (char *)"LANE_CONF=release_delay_ms:4711";
	execve(self, (char *[]){self, NULL}, env);
	return 127;
}

static int small_stack(void *arg)
{
	(void)arg;
	limit(RLIMIT_STACK, KIB(128));
	setenv("WHAT", "works", 1);
	execl(self, self, NULL);
	return 127;
}

static int many_limits(void *arg)
{
	(void)arg;
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, KIB(64)); /* what is said goes to a file */
	limit(RLIMIT_MEMLOCK, 0);
	limit(RLIMIT_SIGPENDING, 0);
	for (int fd = 3; fd < 10; fd++)
		close(fd); /* what this test was started with */
	limit(RLIMIT_NOFILE, 4);
	limit(RLIMIT_AS, MIB(700));
	setenv("WHAT", "works", 1);
	execl(self, self, NULL);
	return 127;
}

/* What the environment asked for is not obeyed: 4711 is not there. */
static int says_conf(const char *what)
{
	static char text[65536];

	return lane_proc_read("conf", text, sizeof(text)) > 0 && strstr(text, what) ? works() : 3;
}

static __attribute__((noinline)) int deep(int n)
{
	volatile char here[KIB(4)];

	here[0] = (char)n;
	here[KIB(4) - 1] = here[0];
	put(get(KIB(40) + (size_t)n));
	return n ? deep(n - 1) + (here[KIB(4) - 1] != (char)n) : 0;
}

/* The main thread's stack grows to 6 MiB after the start, and the profile follows it. */
static int grown_stack(void *arg)
{
	struct rlimit r;

	getrlimit(RLIMIT_STACK, &r);
	if (r.rlim_cur < MIB(8))
		limit(RLIMIT_STACK, MIB(8) < r.rlim_max ? MIB(8) : r.rlim_max);
	setenv("LANE_CONF", "prof_rate:1k,guard_rate:3", 1);
	setenv("WHAT", "deep", 1);
	execl(self, self, NULL);
	return arg == NULL ? 127 : 126;
}

/* A copy of this program that runs with another user's rights. */
static int more_rights(void *arg)
{
	const char *path = arg;
	char *env[] = {(char *)"WHAT=secure",
		       (char *)"LANE_CONF=release_delay_ms:4711,stats_print:true,nonsense:1",
		       (char *)"XDG_RUNTIME_DIR=/tmp", NULL};

	execve(path, (char *[]){(char *)(uintptr_t)path, NULL}, env);
	return 127;
}

static int is_secure(void)
{
	if (!getauxval(AT_SECURE))
		return 4;
	return says_conf("release_delay_ms 4711") == 3 ? works() : 5;
}

static bool make_copy(char *path)
{
	char command[600];

	strcpy(path, "/tmp/lane-rights-XXXXXX");
	if (!mkdtemp(path) || chmod(path, 0755))
		return false;
	strcat(path, "/program");
	snprintf(command, sizeof(command), "cp %s %s", self, path);
	return system(command) == 0 && chown(path, 65534, 65534) == 0 && chmod(path, 06755) == 0;
}

static void remove_copy(char *path)
{
	unlink(path);
	*strrchr(path, '/') = 0;
	rmdir(path);
}

static void secure_mode(void)
{
	char path[64];
	int status;

	if (geteuid() != 0) {
		ksft_test_result_skip("only root can make a program of another user");
		return;
	}
	if (!make_copy(path))
		ksft_exit_fail_msg("%s: %s", path, strerror(errno));
	status = in_child(more_rights, path, PATIENCE);
	if (status == 4)
		ksft_test_result_skip("the file system of /tmp gives no rights");
	else
		ksft_test_result(status == 17, "with more rights LANE_CONF is not obeyed: %d",
				 status);
	remove_copy(path);
}

int main(int argc, char **argv)
{
	const char *what = getenv("WHAT");
	int status;

	if (what && !strcmp(what, "conf"))
		return says_conf("release_delay_ms 4711");
	if (what && !strcmp(what, "secure"))
		return is_secure();
	if (what && !strcmp(what, "deep"))
		return deep(1500) || deep(1500) ? 6 : works();
	if (what)
		return works();
	if (argc < 1)
		return 1;
	snprintf(self, sizeof(self), "%s", argv[0]);
	ksft_print_header();
	ksft_set_plan(6);
	status = in_child(without_arguments, NULL, PATIENCE);
	ksft_test_result(status == 17, "without arguments and environment: %d", status);
	status = in_child(huge_environment, NULL, PATIENCE);
	ksft_test_result(status == 17, "with a megabyte of environment, LANE_CONF last: %d",
			 status);
	status = in_child(small_stack, NULL, PATIENCE);
	ksft_test_result(status == 17, "with a stack of 128 KiB: %d", status);
	status = in_child(many_limits, NULL, PATIENCE);
	ksft_test_result(status == 17, "with hardly anything allowed: %d", status);
	status = in_child(grown_stack, NULL, PATIENCE);
	ksft_test_result(status == 17, "on a main stack that grew: %d", status);
	secure_mode();
	ksft_finished();
}
