// SPDX-License-Identifier: MIT
/*
 * check:full where the heap was used before Lane's own constructor, as by another library's: what
 * was there before is left alone, what comes after is checked. Where there is no memory for that a
 * line says so, and nothing is checked. And where a thread from before is in a slow path: what it
 * has seen holds until it leaves.
 */
#include "failing_os.h"

#include <semaphore.h>

#include "check.h"
#include "slow_path.h"

static void *early;
static sem_t ready;
static pthread_t thread;
static bool seen_on;

/* As one that has looked whether objects are checked, and is about to act by it. */
static void *be_inside(void *arg)
{
	slow_enter_always();
	sem_post(&ready);
	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	seen_on = READ_ONCE(check.on);
	slow_exit();
	return arg;
}

static void start_inside(void)
{
	sem_init(&ready, 0, 0);
	start_thread(&thread, be_inside, NULL);
	sem_wait(&ready);
}

__attribute__((constructor(101))) static void use_early(void)
{
	const char *how = getenv("EARLY");
	pthread_key_t key;

	if (!how)
		return;
	early = lane_malloc(100);
	while (!strcmp(how, "keys") && !pthread_key_create(&key, NULL))
		;
	if (!strcmp(how, "inside"))
		start_inside();
	/* The map of what is checked, or what is opened of it. */
	if (!strcmp(how, "map") || !strcmp(how, "opened"))
		failing_from(!strcmp(how, "map") ? 1 : 2, true);
}

/* In a process that began so. */
static int look(const char *how)
{
	bool inside = strcmp(how, "inside") == 0, on = inside || strcmp(how, "used") == 0;
	void *p;

	failures_end();
	if (inside)
		pthread_join(thread, NULL);
	p = lane_malloc(100);
	early = lane_realloc(early, 110);
	lane_free(early);
	lane_free(p);
	return !early || !p || check.on != on || seen_on || unit_live() || !unit_books_right();
}

static void start(void *how)
{
	setenv("EARLY", how, 1);
	setenv("LANE_CONF", "check:full", 1);
	execl("/proc/self/exe", "check_early", how, NULL);
	_exit(99);
}

static bool says(const char *how, const char *line)
{
	char text[512], arg[16];
	int status;

	snprintf(arg, sizeof(arg), "%s", how);
	status = unit_stderr_of(start, arg, text, sizeof(text));
	/* Where there are several nodes their heaps find no memory either, and the next line says
	 * so. */
	if (!status && !strncmp(text, line, strlen(line)) && !*line == !*text)
		return true;
	ksft_print_msg("status %#x: %s", status, text);
	return false;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return look(argv[1]);
	ksft_print_header();
	ksft_set_plan(4);
	ksft_test_result(says("used", ""), "a heap that was in use is checked from then on");
	ksft_test_result(says("inside", ""), "also by a thread, which is awaited");
	ksft_test_result(says("map", "lane: no memory to check objects\n") &&
				 says("opened", "lane: no memory to check objects\n"),
			 "no memory for it: a line, and all goes on");
	ksft_test_result(says("keys", "lane: no memory to check objects\n"),
			 "no key for what threads hold: likewise");
	ksft_finished();
}
