// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Heap profiles that nobody calls for: on a signal, at exit, at a peak, in
 * children. What LANE_CONF asks for and cannot be gives one line.
 */
#include "rerun.h"

#include <dirent.h>
#include <lane/lane_prof.h>
#include <signal.h>

static struct rerun r;
static char dir[] = "/tmp/lane-prof-XXXXXX";

static int files(const char *part)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.' && strstr(e->d_name, part);
	if (d)
		closedir(d);
	return n;
}

static void clear(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -f %s/*", dir);
	if (system(command))
		ksft_exit_fail_msg("%s", command);
}

/* Whether the file is whole, and has @word. */
static bool whole(const char *name, const char *word)
{
	static char text[1 << 20];
	char path[256];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return !strncmp(text, "heap profile: ", 14) && strstr(text, "MAPPED_LIBRARIES:") &&
	       strstr(text, word) && text[n - 1] == '\n';
}

/* This program as "@what DIR" under @conf, in which %s is the folder. */
static bool run(const char *what, const char *conf)
{
	char env[512], text[400];
	const char *const list[] = {env, NULL};
	char *const argv[] = {"/proc/self/exe", (char *)(uintptr_t)what, dir, NULL};
	const char *mode = getenv("LANE_CONF");

	clear();
	snprintf(text, sizeof(text), conf, dir);
	snprintf(env, sizeof(env), "LANE_CONF=%s%s%s", text, mode ? "," : "", mode ? mode : "");
	rerun(&r, argv, list);
	if (!rerun_ended(&r))
		ksft_print_msg("%s: status %#x, %.300s", env, (unsigned int)r.status, r.err);
	return rerun_ended(&r);
}

/* One that is being written is no file yet; another one may begin at any time. */
static bool wait_for(const char *part, int n)
{
	for (int i = 0; i < 500; i++) {
		if (files(part) == n && files(".new") == 0)
			return true;
		usleep(10000);
	}
	return false;
}

/* A signal, and its file; then another one. */
static int child_signal(void)
{
	char part[32];

	for (int i = 1; i <= 2; i++) {
		raise(SIGUSR2);
		snprintf(part, sizeof(part), "%d.000%d.txt", getpid(), i);
		if (!wait_for(part, 1))
			return i;
	}
	return 0;
}

static void *allocate(void *arg)
{
	for (;;)
		put(get((size_t)(uintptr_t)arg));
	return NULL;
}

/* Signals rain on all threads while they allocate. */
static int child_rain(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		start_thread(&t[i], allocate, (void *)(uintptr_t)(100 << 4 * i));
	for (int i = 0; i < 2000; i++) {
		pthread_kill(t[i % 4], SIGUSR2);
		if (i % 100 == 0)
			usleep(1000);
	}
	return wait_for("rain.txt", 1) ? 0 : 1;
}

/* The child has a thread of its own, and its own number. */
static int child_fork(void)
{
	char part[32];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		raise(SIGUSR2);
		snprintf(part, sizeof(part), "%d.0001.txt", getpid());
		_exit(wait_for(part, 1) ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		return 1;
	return child_signal();
}

/* Forks while a dump is under way. */
static int child_forks(void)
{
	int status;

	for (int i = 0; i < 100; i++) {
		pid_t pid;

		raise(SIGUSR2);
		pid = fork();
		if (pid == 0)
			exit(0); /* runs the destructor */
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
	return 0;
}

static int child_exit(void)
{
	put(get(1000));
	return 0;
}

#define PEAK_STEPS 6

/* Ever more in use; then less, which is no peak. */
static int child_peak(void)
{
	static char *held[PEAK_STEPS];
	int before;

	for (int i = 0; i < PEAK_STEPS; i++) {
		held[i] = get(MIB(8));
		usleep(500000);
	}
	/* The last one may have waited for its second. */
	usleep(700000);
	before = files("peak.");
	for (int i = 0; i < PEAK_STEPS; i++)
		put(held[i]);
	for (int i = 0; i < PEAK_STEPS - 1; i++)
		held[i] = get(MIB(8));
	usleep(1200000);
	return files("peak.") == before ? 0 : 1;
}

#define CLIMBERS 4
#define CLIMB 16 /* MiB of each */

/* Ever more in use, and much that comes and goes. */
static void *climb(void *arg)
{
	for (int i = 0; i < CLIMB; i++) {
		((char **)arg)[i] = get(MIB(1));
		for (int k = 0; k < 20000; k++)
			put(get((size_t)(k % 5000)));
		usleep(50000);
	}
	return NULL;
}

/* Bytes in use by the first line of a file, 0 where it is not there. */
static unsigned long long file_bytes(int n)
{
	unsigned long long objects, bytes = 0;
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/climb.%04d.txt", dir, n);
	f = fopen(path, "r");
	if (f && fscanf(f, "heap profile: %llu: %llu", &objects, &bytes) != 2)
		bytes = 0;
	if (f)
		fclose(f);
	return bytes;
}

/* Threads that climb together; the last file is of the top, and each of more than the one before.
 */
static int child_climb(void)
{
	static char *held[CLIMBERS][CLIMB];
	unsigned long long top = MIB(CLIMBERS * CLIMB), last = 0;
	pthread_t t[CLIMBERS];
	int n;

	for (int i = 0; i < CLIMBERS; i++)
		start_thread(&t[i], climb, held[i]);
	for (int i = 0; i < CLIMBERS; i++)
		pthread_join(t[i], NULL);
	/* The step is a twentieth; the other one is for what the threads' own objects take off. */
	for (int i = 0; i < 500 && file_bytes(files("climb.")) < top - top / 10; i++)
		usleep(10000);
	n = files("climb.");
	for (int i = 1; i <= n; i++) {
		if (file_bytes(i) <= last - last / 100)
			return i;
		last = file_bytes(i);
	}
	return last >= top - top / 10 ? 0 : 100;
}

/* Ends while the thread writes. */
static int child_quick_end(void)
{
	raise(SIGUSR2);
	return 0;
}

static void bad_settings(void)
{
	static const struct {
		const char *conf, *want;
	} cases[] = {
		{"prof_signal:12", "lane: prof_signal, prof_peak and prof_final want a path in "
				   "prof_dump, ignored\n"},
		{"prof_signal:9,prof_dump:%s/a",
		 "lane: prof_signal: 9 is no signal for this, ignored\n"},
		{"prof_signal:11,prof_dump:%s/a",
		 "lane: prof_signal: 11 is no signal for this, ignored\n"},
		{"prof_signal:33,prof_dump:%s/a",
		 "lane: prof_signal: 33 is no signal for this, ignored\n"},
		{"prof_signal:4294967308,prof_dump:%s/a",
		 "lane: prof_signal: 4294967308 is no signal for this, ignored\n"},
		{"prof_dump:", "lane: LANE_CONF: bad value '' for key 'prof_dump', ignored\n"},
		{"prof_final:2", "lane: LANE_CONF: bad value '2' for key 'prof_final', ignored\n"},
		{"prof_final:true,prof_dump:/nowhere/at/all",
		 "lane: cannot write the heap profile '/nowhere/at/all' (error 2)\n"},
		{"prof_final:true,prof_dump:/dev/null",
		 "lane: cannot write the heap profile '/dev/null' (error 22)\n"},
	};
	unsigned int good = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool same = run("exit", cases[i].conf) && !strcmp(r.err, cases[i].want);

		if (!same)
			ksft_print_msg("%s: %.300s", cases[i].conf, r.err);
		good += same && files("") == 0;
	}
	ksft_test_result(good == ARRAY_SIZE(cases),
			 "what cannot be is said in one line, and the program runs");
}

static int child(char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} children[] = {{"signal", child_signal}, {"rain", child_rain},	 {"fork", child_fork},
			{"forks", child_forks},	  {"exit", child_exit},	 {"end", child_quick_end},
			{"peak", child_peak},	  {"climb", child_climb}};

	memcpy(dir, argv[2], sizeof(dir));
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		if (!strcmp(argv[1], children[i].name))
			return children[i].fn();
	}
	return 99;
}

int main(int argc, char **argv)
{
	int ends = 0;

	if (argc == 3)
		return child(argv);
	ksft_print_header();
	ksft_set_plan(12);
	if (!mkdtemp(dir))
		ksft_exit_fail_msg("%s: %s", dir, strerror(errno));
	ksft_test_result(run("signal", "prof_signal:12,prof_dump:%s/h.%%p.%%n.txt") &&
				 files("") == 2,
			 "each signal gives a file, numbered");
	ksft_test_result(run("rain", "prof_rate:64k,prof_signal:12,prof_dump:%s/rain.txt") &&
				 files("") == 1 && whole("rain.txt", "# state on"),
			 "thousands of signals in threads that allocate leave one file, whole");
	ksft_test_result(run("fork", "prof_signal:12,prof_dump:%s/h.%%p.%%n.txt") && files("") == 3,
			 "a child of fork has its own");
	ksft_test_result(run("forks", "prof_rate:64k,prof_signal:12,prof_dump:%s/forks.txt") &&
				 files("forks.txt") == 1 && files("") == 1,
			 "fork in the midst of dumps harms neither");
	ksft_test_result(run("forks", "prof_rate:64k,prof_signal:12,prof_dump:%s/forks.pb.gz") &&
				 files("") == 1,
			 "nor where a dump loads a library");
	ksft_test_result(run("exit", "prof_rate:64k,prof_final:true,prof_dump:%s/final.txt") &&
				 !r.err[0] && files("") == 1 && whole("final.txt", "# state on"),
			 "prof_final gives one at exit");
	ksft_test_result(run("exit", "prof_final:true,prof_dump:%s/final.%%n.pb.gz") && !r.err[0] &&
				 files("final.0001.pb.gz") == 1,
			 "also where zlib is loaded there");
	for (int i = 0; i < 20; i++)
		ends += run("end", "prof_signal:12,prof_dump:%s/end.pb.gz") && files(".new") == 0;
	ksft_test_result(ends == 20, "an exit in the midst of a dump leaves no part of it");
	ksft_test_result(run("peak", "prof_rate:64k,prof_peak:true,prof_dump:%s/peak.%%n.txt") &&
				 files("peak.") >= 2 && files("peak.") <= 5,
			 "rising peaks give a file a second at most, what is less gives none");
	ksft_print_msg("%d files of %d steps in 3.7 s", files("peak."), PEAK_STEPS);
	ksft_test_result(run("climb", "prof_rate:64k,prof_peak:true,prof_dump:%s/climb.%%n.txt"),
			 "threads that climb together: each file is of more, the last of the top");
	ksft_test_result(run("peak", "prof_peak:true,prof_dump:%s/peak.txt") && files("") == 0,
			 "without samples there is no peak");
	bad_settings();
	clear();
	rmdir(dir);
	ksft_finished();
}
