// SPDX-License-Identifier: MIT
/*
 * A heap profile that is dumped, and a process that ends, in the constructor of a library that is
 * being loaded, while another thread has begun its first dump and waits for the dynamic loader to
 * load zlib. The loader's lock is played by a mutex. And what was loaded before a lock was taken
 * is not loaded with it, though another thread has come first and is not through.
 */
#include "unit.h"

#include <fcntl.h>
#include <lane/lane_prof.h>
#include <signal.h>
#include <sys/wait.h>

#include "gzip.h"
#include "os.h"
#include "prof_trigger.h"

#define PATIENCE 20 /* seconds */

static struct os_ops real_os;
static char dir[] = "/tmp/lane-dump-XXXXXX", path[2][64];
static pthread_mutex_t loader;
static _Atomic int loading; /* threads that want to load */

static void *load_locked(const char *name)
{
	void *lib;

	loading++;
	pthread_mutex_lock(&loader);
	lib = real_os.library(name);
	pthread_mutex_unlock(&loader);
	return lib;
}

static void begin_constructor(void)
{
	pthread_mutexattr_t again;

	pthread_mutexattr_init(&again);
	pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&loader, &again);
	os.library = load_locked;
	pthread_mutex_lock(&loader);
}

static void wait_for_other(void)
{
	while (!loading)
		usleep(1000);
}

static void *dump(void *arg)
{
	return lane_prof_dump(arg) ? NULL : arg;
}

static bool dumps(void)
{
	pthread_t thread;
	void *other;
	int err;

	begin_constructor();
	pthread_create(&thread, NULL, dump, path[0]);
	wait_for_other();
	err = lane_prof_dump(path[1]);
	pthread_mutex_unlock(&loader);
	pthread_join(thread, &other);
	return !err && other && !access(path[0], F_OK) && !access(path[1], F_OK);
}

/* The other one is Lane's own thread, on a signal; the exit waits for what it writes. */
static bool ends(void)
{
	begin_constructor();
	snprintf(conf.prof_dump, sizeof(conf.prof_dump), "%s", path[0]);
	conf.prof_signal = SIGUSR2;
	conf.prof_final = true;
	prof_trigger_start();
	raise(SIGUSR2);
	wait_for_other();
	prof_trigger_exit();
	return !access(path[0], F_OK);
}

static void *no_library(const char *name)
{
	(void)name;
	loading++;
	return NULL;
}

static void *prepare(void *arg)
{
	gzip_prepare();
	return arg;
}

/* The first one is held up in the message that it is not there. */
static bool knows(void)
{
	struct page_buf b = {0};
	pthread_t thread;
	int pipe_of[2], times;
	char c = 0;

	if (pipe2(pipe_of, O_NONBLOCK))
		return false;
	while (write(pipe_of[1], &c, 1) > 0)
		;
	fcntl(pipe_of[1], F_SETFL, 0);
	dup2(pipe_of[1], STDERR_FILENO);
	conf.verbose = true;
	os.library = no_library;
	pthread_create(&thread, NULL, prepare, NULL);
	wait_for_other();
	usleep(100000);
	gzip_prepare();
	times = loading;
	gzip_compress(&b, "text", 4);
	return b.len && loading == times;
}

static bool apart(bool (*fn)(void))
{
	double until = ksft_now() + ksft_patience(PATIENCE);
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(fn() ? 0 : 1);
	/* No alarm(): signals are blocked where it hangs. */
	while (!waitpid(pid, &status, WNOHANG)) {
		if (ksft_now() > until)
			kill(pid, SIGKILL);
		usleep(1000);
	}
	if (status)
		ksft_print_msg("status %#x", status);
	unlink(path[0]);
	unlink(path[1]);
	return status == 0;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(3);
	if (!mkdtemp(dir))
		ksft_exit_fail_msg("%s: %s", dir, strerror(errno));
	for (int i = 0; i < 2; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%d.pb.gz", dir, i);
	lane_free(lane_malloc(100));
	real_os = os;
	ksft_test_result(apart(dumps), "a dump beside the first one of another thread");
	ksft_test_result(apart(ends), "an exit beside the first one, on a signal");
	ksft_test_result(apart(knows), "a library is not loaded again by who has loaded it");
	rmdir(dir);
	ksft_finished();
}
