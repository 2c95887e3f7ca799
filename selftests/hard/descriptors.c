// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * Standard streams are closed and few descriptors are allowed: no file of Lane's stays at the
 * number of a standard stream, and what the program writes there goes nowhere.
 */
#include "hard.h"
#include "../api/serve.h"

#include <lane/lane_prof.h>

static char dump[128], stats[128], self[256];
static _Atomic bool stop;
static _Atomic int written;

static void allow(rlim_t n)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = n;
	setrlimit(RLIMIT_NOFILE, &r);
}

static void close_standard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
}

/* Or soon is: what the service's thread opens to read is there for a moment. */
static bool standard_is_closed(void)
{
	double last = ksft_now() + 1;

	while (fcntl(0, F_GETFD) >= 0 || fcntl(1, F_GETFD) >= 0 || fcntl(2, F_GETFD) >= 0) {
		if (ksft_now() > last)
			return false;
		usleep(1000);
	}
	return true;
}

static int works(void)
{
	struct held h = {0};
	uint64_t rng = 9;

	for (int i = 0; i < 2000; i++)
		if (held_change(&h, &rng))
			return 1;
	return held_free(&h) || !books_are_exact();
}

/* The service has a place for its socket, or does not start. */
static int serve_with(void *arg)
{
	rlim_t n = (rlim_t)(intptr_t)arg;

	close_standard();
	allow(n);
	if (lane_serve_start() != (n <= 3 ? -EMFILE : 0))
		return 2;
	if (!standard_is_closed() || works())
		return 3;
	if (n > 3 && !serve_has_socket(getpid()))
		return 4;
	lane_serve_stop();
	return !standard_is_closed();
}

/* Nothing takes it: the numbers are closed, or what holds them for a moment is not written to. */
static void *write_garbage(void *arg)
{
	while (!atomic_load(&stop))
		atomic_fetch_add(&written, write(1, "garbage\n", 8) > 0);
	return arg;
}

static bool has_garbage(const char *path)
{
	static char text[1 << 20];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = 0;
	return n <= 0 || strstr(text, "garbage");
}

static int files_are_clean(void *arg)
{
	int rounds = ksft_quick() ? 30 : 80;
	pthread_t t;

	close_standard();
	open("/dev/null", O_RDONLY); /* so that the next one would be standard output */
	lane_prof_set_rate(1024);
	start_thread(&t, write_garbage, arg);
	for (int i = 0; i < rounds; i++) {
		put(get(5000));
		if (lane_prof_dump(dump))
			return 2;
		if (has_garbage(dump))
			return 3;
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	return written || fcntl(1, F_GETFD) >= 0 || fcntl(2, F_GETFD) >= 0;
}

/* The whole life of a process, with what LANE_CONF can ask for. */
static int life(void *arg)
{
	char conf[512];

	snprintf(conf, sizeof(conf),
		 "serve:true,background_thread:true,stats_file:%s,stats_interval_ms:100,"
		 "prof_rate:4k,prof_dump:%s,prof_final:true,stats_print:true,verbose:true",
		 stats, dump);
	setenv("LANE_CONF", conf, 1);
	setenv("XDG_RUNTIME_DIR", serve_root, 1);
	close_standard();
	allow((rlim_t)(intptr_t)arg);
	execl(self, self, "life", NULL);
	return 127;
}

static int living(void)
{
	double end = ksft_now() + 0.5;
	pthread_t t;

	open("/dev/null", O_RDONLY);
	start_thread(&t, write_garbage, NULL);
	while (ksft_now() < end)
		if (works())
			return 5;
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	return written ? 6 : 17;
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 1)
		return living();
	snprintf(self, sizeof(self), "%s", argv[0]);
	ksft_print_header();
	ksft_set_plan(5);
	serve_prepare();
	snprintf(dump, sizeof(dump), "%s/dump.txt", serve_root);
	snprintf(stats, sizeof(stats), "%s/stats", serve_root);
	status = in_child(serve_with, (void *)3, PATIENCE);
	ksft_test_result(status == 0, "without descriptors the service does not start: %d", status);
	status = in_child(serve_with, (void *)20, PATIENCE);
	ksft_test_result(status == 0, "with few it takes no standard stream's: %d", status);
	status = in_child(files_are_clean, NULL, PATIENCE);
	ksft_test_result(status == 0, "what is written to closed streams is in no profile: %d",
			 status);
	status = in_child(life, (void *)3, PATIENCE);
	ksft_test_result(status == 17, "a life with none: %d", status);
	unlink(dump);
	status = in_child(life, (void *)100, PATIENCE);
	ksft_test_result(status == 17 && !has_garbage(dump) && !has_garbage(stats),
			 "a life without standard streams: %d", status);
	serve_clean();
	ksft_finished();
}
