// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * The process ends while its other threads allocate, read statistics and dump profiles: by
 * exit(), quick_exit(), _exit() and a return from main(), from any thread, and by exit() in
 * a signal handler at any point of malloc, also while others fork. Handlers of exit and destructors
 * allocate, and close streams. It ends as it was told to, with all that LANE_CONF wants at exit.
 */
#include "hard.h"

#include <lane/lane_prof.h>
#include <sys/time.h>

static char self[256], dump[64];
static void *from_main[2];
static int how;
static bool living;

enum {
	BY_EXIT,
	BY_QUICK_EXIT,
	BY__EXIT,
	BY_RETURN,
	BY_THREAD,
	BY_HANDLER,
	BY_HANDLER_BESIDE_FORKS,
	NR_WAYS
};

static void few(void)
{
	for (size_t size = 1; size < MIB(2); size *= 7)
		put(get(size));
	put(opaque(realloc(get(100), opaque_size(KIB(100)))));
}

static FILE *streams[20];

static void at_exit(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		if (streams[i])
			fclose(streams[i]);
	few();
	put(from_main[0]);
	from_main[0] = get(5000);
}

__attribute__((destructor(101))) static void late(void)
{
	if (!living)
		return;
	few();
	put(from_main[0]);
	put(from_main[1]);
}

static void *work(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	struct held h = {0};

	for (;;)
		held_change(&h, &rng);
	return NULL;
}

static void *look(void *arg)
{
	static char text[65536];

	for (;;) {
		lane_proc_read("heapinfo", text, sizeof(text));
		if (dump[0])
			lane_prof_dump(dump);
	}
	return arg;
}

static void *fork_on(void *arg)
{
	sigset_t all;

	sigfillset(&all); /* the handler is the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (;;) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return arg;
}

static void *leave(void *arg)
{
	usleep((useconds_t)(uintptr_t)arg);
	exit(5);
}

static void on_alarm(int sig)
{
	(void)sig;
	exit(5);
}

/* argv: how, microseconds until then, where profiles go. */
static int live(char **argv)
{
	useconds_t us = (useconds_t)atoi(argv[2]);
	pthread_t t;

	living = true;
	how = atoi(argv[1]);
	snprintf(dump, sizeof(dump), "%s", argv[3]);
	atexit(at_exit);
	at_quick_exit(few);
	from_main[0] = get(10);
	from_main[1] = get(MIB(3));
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		streams[i] = fopen("/dev/null", "w");
	if (how == BY_HANDLER_BESIDE_FORKS) {
		for (int i = 0; i < 2; i++)
			start_thread(&t, fork_on, NULL);
		how = BY_HANDLER;
	}
	for (uintptr_t i = 0; how != BY_HANDLER && i < 3; i++)
		start_thread(&t, i ? work : look, (void *)(us * 2 + i + 1));
	if (how == BY_HANDLER) {
		signal(SIGALRM, on_alarm);
		setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, us + 1}}, NULL);
		/* Everything in this thread: the handler may interrupt it anywhere. */
		for (uint64_t rng = us * 2 + 1;;) {
			static char text[65536];
			static struct held h;

			for (int i = 0; i < 20; i++) {
				put(get(KIB(40)));
				held_change(&h, &rng);
			}
			if (us & 1)
				lane_proc_read("heapinfo", text, sizeof(text));
			if (us & 2)
				lane_proc_read("heapprofile", text, sizeof(text));
		}
	}
	if (how == BY_THREAD) {
		start_thread(&t, leave, (void *)(uintptr_t)us);
		work((void *)7);
	}
	usleep(us);
	if (how == BY_EXIT)
		exit(5);
	if (how == BY_QUICK_EXIT)
		quick_exit(5);
	if (how == BY__EXIT)
		_exit(5);
	return 5;
}

struct way {
	int how;
	unsigned int us;
	const char *conf;
	const char *dump;
};

static int start(void *arg)
{
	const struct way *w = arg;
	char number[16], us[16];
	int fd = open("/dev/null", O_WRONLY);

	dup2(fd, 2); /* what stats_print prints */
	snprintf(number, sizeof(number), "%d", w->how);
	snprintf(us, sizeof(us), "%u", w->us);
	setenv("LANE_CONF", w->conf, 1);
	execl(self, self, number, us, w->dump, NULL);
	return 127;
}

int main(int argc, char **argv)
{
	static const char *const names[NR_WAYS] = {"exit",
						   "quick_exit",
						   "_exit",
						   "return from main",
						   "exit in a thread",
						   "exit in a handler",
						   "exit in a handler beside forks"};
	int rounds = ksft_quick() ? 4 : 8;
	const char *mode = getenv("LANE_CONF");
	char dir[] = "/tmp/lane-exits-XXXXXX", conf[512], path[64];
	uint64_t rng;

	if (argc > 3)
		return live(argv);
	ksft_print_header();
	ksft_set_plan(NR_WAYS);
	rng = ksft_seed() | 1;
	if (!mkdtemp(dir))
		ksft_exit_fail_msg("mkdtemp: %s", strerror(errno));
	snprintf(self, sizeof(self), "%s", argv[0]);
	snprintf(path, sizeof(path), "%s/dump.txt", dir);
	snprintf(conf, sizeof(conf),
		 "stats_print:true,background_thread:true,prof_rate:4k,prof_final:true,"
		 "prof_signal:10,prof_peak:true,prof_dump:%s/%%p.txt,%s",
		 dir, mode ? mode : "");
	for (int i = 0; i < NR_WAYS; i++) {
		int bad = 0, n = i >= BY_HANDLER ? rounds * 4 : rounds;

		for (int k = 0; k < n && !bad; k++) {
			struct way w = {.how = i,
					.us = (unsigned int)(ksft_random(&rng) % 3000),
					.conf = k % 2  ? conf
						: mode ? mode
						       : "",
					.dump = path};
			int status = in_child(start, &w, PATIENCE);

			if (status != 5)
				bad = status ? status : -2;
		}
		ksft_test_result(bad == 0, "%s ends the process %d times as asked: %d", names[i], n,
				 bad);
	}
	snprintf(conf, sizeof(conf), "rm -rf %s", dir);
	if (system(conf))
		ksft_print_msg("%s stays behind", dir);
	ksft_finished();
}
