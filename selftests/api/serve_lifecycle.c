// SPDX-License-Identifier: MIT
/*
 * The service through the life of a process: start and stop, exit, fork, exec,
 * many short processes, a program that closes every descriptor.
 */
#include "rerun.h"
#include "serve.h"

#include <sys/mount.h>
#include <sys/resource.h>

#define PROCESSES 500
#define CYCLES 200

static char buf[1 << 20];
static struct rerun r;

static int count_fds(pid_t pid)
{
	struct dirent *e;
	char path[64];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* As many as we have, once the services have closed what they have just answered. */
static bool come_to_be_ours(pid_t pid)
{
	double end = ksft_now() + SERVE_PATIENCE;

	/* Ours are counted through one more. */
	while (count_fds(pid) != count_fds(getpid()) - 1) {
		if (ksft_now() > end)
			return false;
		usleep(1000);
	}
	return true;
}

static int count_threads(void)
{
	char path[64];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)getpid());
	d = opendir(path);
	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* pthread_join() returns a moment before the kernel takes the thread out of the list. */
static bool come_to_be_alone(void)
{
	double end = ksft_now() + SERVE_PATIENCE;

	while (count_threads() != 1) {
		if (ksft_now() > end)
			return false;
		usleep(1000);
	}
	return true;
}

/* Pages mapped, from statm. */
static long mapped(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%ld", &pages) != 1)
		pages = -1;
	if (f)
		fclose(f);
	return pages;
}

static bool cycles_leak_nothing(void)
{
	struct lane_stats before = {.sz = sizeof(before)}, after = {.sz = sizeof(after)};
	long pages = 0;
	int fds = 0;
	bool good = true;

	for (int i = 0; i < CYCLES; i++) {
		if (i == 10) {
			lane_stats_read(&before);
			pages = mapped();
			fds = count_fds(getpid());
		}
		good &= lane_serve_start() == 0 && lane_serve_start() == 0;
		if (i % 4 == 0)
			good &= serve_read(getpid(), "heapinfo", buf, sizeof(buf)) > 0;
		good &= lane_serve_stop() == 0 && lane_serve_stop() == 0;
		good &= !serve_has_socket(getpid());
	}
	lane_stats_read(&after);
	ksft_print_msg("live objects %llu, %llu; mapped pages %ld, %ld; descriptors %d, %d",
		       (unsigned long long)before.live_objects,
		       (unsigned long long)after.live_objects, pages, mapped(), fds,
		       count_fds(getpid()));
	return good && before.live_objects == after.live_objects && mapped() <= pages + 64 &&
	       count_fds(getpid()) == fds && come_to_be_alone();
}

/* A silent connection does not hold stop up, and is closed. */
static bool stop_closes_connections(void)
{
	int fd = serve_connect(getpid());
	double begin = ksft_now();
	bool good;

	usleep(10000);
	good = lane_serve_stop() == 0 && ksft_now() - begin < 5;
	good &= serve_take(fd, buf, sizeof(buf), SERVE_PATIENCE) == 0;
	close(fd);
	return good && serve_connect(getpid()) == -ENOENT;
}

static bool signals_are_blocked(void)
{
	char path[96], line[256];
	struct dirent *e;
	bool seen = false;
	DIR *d = opendir("/proc/self/task");

	while (d && (e = readdir(d))) {
		unsigned long long mask = 0;
		bool serve = false;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", e->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			serve |= strcmp(line, "Name:\tlane-serve\n") == 0;
			sscanf(line, "SigBlk:\t%llx", &mask);
		}
		if (f)
			fclose(f);
		/* All but those of the C library, KILL and STOP. */
		seen |= serve && (mask | 0x180040100ULL) == ~0ULL;
	}
	if (d)
		closedir(d);
	return seen;
}

/* A child answers for itself, and its end leaves the parent's socket alone. */
static bool child_has_its_own(void)
{
	int fd = serve_connect(getpid()), status;
	bool good;
	pid_t pid;

	/* Under way while the process forks: it is the parent's, and closed when that is done. */
	send(fd, "read heap", 9, MSG_NOSIGNAL);
	usleep(20000);
	pid = fork();
	if (pid == 0) {
		close(fd);
		void *mine[1000];

		for (int i = 0; i < 1000; i++)
			mine[i] = get(3000);
		good = serve_wait(getpid(), 20) && serve_has_socket(getppid());
		for (int i = 0; i < 1000; i++)
			put(mine[i]);
		pause();
		_exit(1);
	}
	send(fd, "info\n", 5, MSG_NOSIGNAL);
	good = serve_take(fd, buf, sizeof(buf), SERVE_PATIENCE) > 0 &&
	       atol(buf + 3) == (long)strlen(strchr(buf, '\n') + 1);
	close(fd);
	good &= serve_wait(pid, 20) && serve_read(getpid(), "heapinfo", buf, sizeof(buf)) > 0;
	/* The same descriptors: its own socket in place of the parent's. */
	good &= come_to_be_ours(pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return good && serve_read(getpid(), "heapinfo", buf, sizeof(buf)) > 0;
}

/* A request that the parent answers while it forks is not answered twice, nor cut. */
static bool forks_while_serving(void)
{
	bool good = true;

	for (int i = 0; i < 100; i++) {
		int fd = serve_connect(getpid()), status;
		pid_t pid;

		good &= fd >= 0;
		if (i % 2)
			send(fd, "read metrics\n", 13, MSG_NOSIGNAL);
		pid = fork();
		if (pid == 0)
			_exit(0);
		if (i % 2 == 0)
			send(fd, "read metrics\n", 13, MSG_NOSIGNAL);
		good &= serve_take(fd, buf, sizeof(buf), SERVE_PATIENCE) > 0 &&
			strncmp(buf, "ok ", 3) == 0;
		close(fd);
		waitpid(pid, &status, 0);
		good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return good;
}

static void start_program(const char *what, pid_t *pid, const char *conf)
{
	*pid = fork();
	if (*pid == 0) {
		setenv("LANE_CONF", conf, 1);
		execl("/proc/self/exe", "serve_lifecycle", what, NULL);
		_exit(127);
	}
}

static bool short_processes_leave_nothing(void)
{
	bool good = true;
	int n = ksft_quick() ? PROCESSES / 5 : PROCESSES, before = serve_count_sockets();

	for (int i = 0; i < n; i += 10) {
		pid_t pid[10];

		for (int k = 0; k < 10; k++)
			start_program("end", &pid[k], "serve:true");
		for (int k = 0; k < 10; k++) {
			int status;

			waitpid(pid[k], &status, 0);
			good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
		}
	}
	ksft_print_msg("%d sockets before, %d after", before, serve_count_sockets());
	return good && serve_count_sockets() == 1;
}

/* What the killed leave is gone with the next process that starts. */
static bool killed_ones_are_swept(void)
{
	pid_t pid[20];
	int status, before = serve_count_sockets();
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(pid); i++)
		start_program("wait", &pid[i], "serve:true");
	for (size_t i = 0; i < ARRAY_SIZE(pid); i++)
		good &= serve_wait(pid[i], 20);
	for (size_t i = 0; i < ARRAY_SIZE(pid); i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], &status, 0);
	}
	start_program("wait", &pid[0], "serve:true");
	good &= serve_wait(pid[0], 20);
	good &= serve_count_sockets() == before + 1;
	kill(pid[0], SIGTERM);
	waitpid(pid[0], &status, 0);
	start_program("linger", &pid[0], "serve:true");
	waitpid(pid[0], &status, 0);
	return good && serve_count_sockets() == before;
}

/* The program after exec serves under the same number, or leaves a socket that refuses. */
static bool exec_starts_anew(void)
{
	pid_t pid;
	bool good;
	int status;

	start_program("exec", &pid, "serve:true");
	usleep(50000);
	good = serve_wait(pid, 20);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return good;
}

/* poll() takes no more entries than there may be descriptors. */
static bool few_descriptors(void)
{
	const struct rlimit few = {12, 12};
	int idle[4], status;
	bool good;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_NOFILE, &few);
		setenv("LANE_CONF", "serve:true", 1);
		execl("/proc/self/exe", "serve_lifecycle", "wait", NULL);
		_exit(127);
	}
	good = serve_wait(pid, SERVE_PATIENCE);
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		idle[i] = serve_connect(pid);
	good &= serve_read(pid, "all", buf, sizeof(buf)) > 0;
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++) {
		good &= idle[i] >= 0;
		close(idle[i]);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return good;
}

/* In file systems of its own, where no folder can be had. */
static int start_without_folder(void *arg)
{
	const char *const env[] = {"LANE_CONF=serve:true", "XDG_RUNTIME_DIR", NULL};
	char *const argv[] = {"/proc/self/exe", "end", NULL};
	char folder[64];

	(void)arg;
	snprintf(folder, sizeof(folder), "/tmp/lane-%d", (int)geteuid());
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/tmp", "tmpfs", 0, NULL) != 0 ||
	    mount("none", "/run", "tmpfs", 0, NULL) != 0 || mkdir(folder, 0755) != 0)
		return 4;
	rerun(&r, argv, env);
	ksft_print_msg("%.100s", r.err);
	return rerun_ended(&r) && strcmp(r.err, "lane: serve: no folder for the socket, or no "
						"thread (error 13)\n") == 0
		       ? 0
		       : 1;
}

/* As daemons do, and then a file of its own under each of the numbers. */
static bool closing_all_is_survived(void)
{
	pid_t pid;
	bool good;
	int status;

	start_program("close", &pid, "serve:true");
	usleep(300000);
	serve_read(pid, "heapinfo", buf, sizeof(buf)); /* this one may be lost */
	good = serve_wait(pid, 20);
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	/* It says by its status whether anybody wrote into its files. */
	return good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

/* Where the table is shared the service may be about to open that number: dup2(2), EBUSY. */
static bool take_number(int fd, int number)
{
	int got;

	while ((got = dup2(fd, number)) < 0 && errno == EBUSY)
		sched_yield();
	return got == number;
}

static int close_all(void)
{
	int pair[2], n = 0;
	char c;

	signal(SIGTERM, on_term);
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return 2;
	for (int fd = 10; fd < 512; fd++)
		if (!take_number(pair[1], fd))
			return 3;
	while (!ended)
		usleep(10000);
	n = (int)recv(pair[0], &c, 1, MSG_DONTWAIT);
	/* Nothing came, and it is open still. */
	return n < 0 && errno == EAGAIN && fcntl(300, F_GETFD) >= 0 && fcntl(200, F_GETFD) >= 0 ? 0
												: 4;
}

static int program(char **argv)
{
	const char *what = argv[1];

	put(get(100));
	if (strcmp(what, "exec") == 0) {
		if (!serve_wait(getpid(), 20))
			return 1;
		execl("/proc/self/exe", "serve_lifecycle", "wait", NULL);
	}
	if (strcmp(what, "wait") == 0)
		for (;;)
			pause();
	if (strcmp(what, "linger") == 0)
		usleep(200000);
	if (strcmp(what, "close") == 0)
		return close_all();
	return 0;
}

int main(int argc, char **argv)
{
	int failed;

	if (argc > 1) {
		snprintf(serve_root, sizeof(serve_root), "%s", getenv("XDG_RUNTIME_DIR"));
		return program(argv);
	}
	ksft_print_header();
	ksft_set_plan(12);
	serve_prepare();
	ksft_test_result(cycles_leak_nothing(), "%d cycles of start and stop leak nothing", CYCLES);
	lane_serve_start();
	ksft_test_result(signals_are_blocked(), "lane-serve has all signals blocked");
	ksft_test_result(child_has_its_own(), "a child has its own socket, the parent keeps its");
	ksft_test_result(forks_while_serving(),
			 "requests are answered whole while the process forks");
	usleep(300000);
	/* Its own, and that of the child that was killed. */
	ksft_test_result(serve_count_sockets() == 2, "children that end at once make no socket");
	ksft_test_result(short_processes_leave_nothing(), "short processes leave no socket");
	ksft_test_result(killed_ones_are_swept(), "what killed ones leave is swept");
	ksft_test_result(exec_starts_anew(), "after exec the new program serves");
	ksft_test_result(few_descriptors(), "with 12 descriptors at most it answers");
	ksft_test_result(closing_all_is_survived(),
			 "a program that closes all is served still, its files are left alone");
	ksft_test_result(stop_closes_connections(),
			 "stop closes connections and removes the socket");
	failed = in_child(start_without_folder, NULL, 60);
	if (failed == 4)
		ksft_test_result_skip("no file systems of one's own here");
	else
		ksft_test_result(failed == 0, "a start that fails says so in one line");
	serve_clean();
	ksft_finished();
}
