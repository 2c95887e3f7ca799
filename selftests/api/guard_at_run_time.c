// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Guarded samples switched on, off and to another rate while the program runs, also
 * beside threads: objects are guarded from then on, and those that are stay so. A
 * handler of SIGSEGV that the program had before still gets what is its own.
 */
#include "same_as_walk.h"

#include <lane/lane_prof.h>
#include <setjmp.h>
#include <sys/mman.h>

#define SIZE 1000
#define TRIES 20000
#define THREADS 3
#define HELD 300

static bool set(const char *line)
{
	return lane_conf_write(line, strlen(line)) == 0;
}

static bool shown(const char *line)
{
	static char text[8192];
	ssize_t n = lane_proc_read("conf", text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return strstr(text, line) != NULL;
}

/* None of the heap's nodes has it. */
static bool is_guarded(const void *p)
{
	return lane_node_of(p) < 0;
}

/* A guarded object, or NULL where none comes. */
static char *guarded(void)
{
	for (int i = 0; i < TRIES; i++) {
		char *p = get(SIZE);

		if (is_guarded(p))
			return p;
		put(p);
	}
	return NULL;
}

static void touch(volatile char *p)
{
	__asm__ volatile("" : "+r"(p));
	*p = 1;
}

/* Whether a child that touches @p dies of it, with @word in its report. */
static bool dies_with(char *p, bool freed, const char *word)
{
	char text[4096] = "";
	int fd[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(fd))
		ksft_exit_fail_msg("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		dup2(fd[1], 2);
		if (freed)
			put(p);
		touch(freed ? p : p + SIZE + 8);
		_exit(0);
	}
	close(fd[1]);
	while (used + 1 < sizeof(text) &&
	       (n = read(fd[0], text + used, sizeof(text) - used - 1)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(fd[0]);
	waitpid(pid, &status, 0);
	if (!strstr(text, word))
		ksft_print_msg("status %#x: %s", status, text);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && strstr(text, word);
}

static sigjmp_buf back;
static volatile int handled;

static void on_segv(int sig, siginfo_t *info, void *context)
{
	(void)context;
	handled = sig == SIGSEGV && info->si_addr;
	siglongjmp(back, 1);
}

static bool own_handler_runs(void)
{
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	handled = 0;
	if (!sigsetjmp(back, 1))
		touch(page);
	munmap(page, 4096);
	return handled;
}

static _Atomic bool stop;
static _Atomic int wrong, guarded_ones;

static void *use_objects(void *arg)
{
	uint64_t rng = (uint64_t)(uintptr_t)arg * 2 + 1;
	char *held[HELD] = {0};

	while (!stop) {
		size_t k = ksft_random(&rng) % HELD, size = 1 + ksft_random(&rng) % 3000;

		if (held[k] && held[k][0] != (char)k)
			wrong++;
		put(held[k]);
		held[k] = get(size);
		guarded_ones += is_guarded(held[k]);
		memset(held[k], (int)k, size);
	}
	for (int k = 0; k < HELD; k++)
		put(held[k]);
	return NULL;
}

static bool beside_threads(void)
{
	static const char *const rates[] = {"guard_rate 1\n", "guard_rate 0\n", "guard_rate 3\n",
					    "prof_rate 4096\nguard_rate 2\n",
					    "prof_rate 1024\nguard_rate 0\n"};
	pthread_t t[THREADS];
	bool good = true;

	for (uintptr_t i = 0; i < THREADS; i++)
		start_thread(&t[i], use_objects, (void *)i);
	for (int i = 0; i < 100; i++) {
		good &= set(rates[(size_t)i % ARRAY_SIZE(rates)]);
		usleep(1000);
	}
	/* On a busy machine the threads may have slept through all of it. */
	good &= set(rates[0]);
	for (int i = 0; i < 10000 && !guarded_ones; i++)
		usleep(1000);
	stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("%d objects were guarded meanwhile", guarded_ones);
	return good && !wrong && guarded_ones > 0;
}

static bool books_right(void)
{
	static struct snap snap, walk;

	return snap_read(&snap) == 0 && snap_walk(&walk) == 0 && snap_good(&snap) &&
	       snap_faults(&walk, true) == 0 && snap_differences(&snap, &walk) == 0;
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
	char *first, *second = NULL;

	ksft_print_header();
	ksft_set_plan(12);
	sigaction(SIGSEGV, &sa, NULL);
	if (lane_prof_set_rate(1024))
		ksft_exit_fail_msg("the profile cannot be switched on");
	ksft_test_result(shown("guard_rate 0\n") && !guarded(), "at first nothing is guarded");
	ksft_test_result(!set("guard_rate 2\nguard_rate x\n") && !set("guard_rate -1\n") &&
				 shown("guard_rate 0\n") && !guarded(),
			 "a bad line, and nothing is");
	ksft_test_result(set("guard_rate 2\n") && shown("guard_rate 2\n"), "a rate is set");
	first = guarded();
	ksft_test_result(first && dies_with(first, false, "8 bytes behind the end of the 1000"),
			 "objects are guarded from now on");
	ksft_test_result(own_handler_runs(),
			 "the handler that the program had gets what is its own");
	ksft_test_result(set("guard_rate 0\n") && shown("guard_rate 0\n") && !guarded(),
			 "off: no more are guarded");
	ksft_test_result(first && dies_with(first, true, "after the 1000 bytes"),
			 "but what was guarded still is, and its page after it");
	ksft_test_result(set("guard_rate 1\n") && (second = guarded()) &&
				 dies_with(second, true, "freed by:"),
			 "on again");
	put(first);
	put(second);
	ksft_test_result(set("guard_rate 18446744073709551615\n") == 0 &&
				 set("guard_rate 4096g\n") && !guarded(),
			 "one in an absurd number is none");
	ksft_test_result(beside_threads(), "at other rates beside threads, nothing is broken");
	ksft_test_result(set("guard_rate 0\n") && books_right(),
			 "the books are right, and what the walk finds");
	ksft_test_result(own_handler_runs(), "the program's handler is there to the end");
	ksft_finished();
}
