// SPDX-License-Identifier: MIT
// variant: shared SHARED_FILES=1
/*
 * The service where the system is slow, refuses, or was used by others: a client that takes its
 * answer in small pieces or not at all, descriptors that the program closed, a name that somebody
 * else serves, a folder in /run/user, the end of a process in a signal handler. With descriptors of
 * the service's own, and where the kernel refuses that.
 */
#include "failing_os.h"

#include "../api/serve.h"

#include "conf.h"
#include "serve.h"
#include "serve_socket.h"
#include "slow_path.h"
#include "stats_file.h"

static int no_own_files(void)
{
	return -ENOSYS;
}

static bool apart(bool (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		serve_prepare();
		alarm(60);
		if (getenv("SHARED_FILES"))
			os.unshare_files = no_own_files;
		status = fn() ? 0 : 1;
		serve_clean();
		_exit(status);
	}
	waitpid(pid, &status, 0);
	if (status)
		ksft_print_msg("status %#x", status);
	return status == 0;
}

/* The whole answer to @request in @text; bytes, or -errno. */
static long ask(const char *request, char *text, size_t room)
{
	int fd = serve_connect(getpid());
	size_t got = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	/* A listener that is closed may take with it who has connected: no SIGPIPE then. */
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0) {
		n = -errno;
		close(fd);
		return n;
	}
	while (got + 1 < room && (n = read(fd, text + got, room - got - 1)) > 0)
		got += (size_t)n;
	text[got] = '\0';
	close(fd);
	return (long)got;
}

static char text[1 << 20];
static _Atomic int sends;

/* Every other time there is no room, and else for a few bytes. */
static long send_little(int fd, const void *buf, size_t len)
{
	if (++sends % 2)
		return -EAGAIN;
	return real_os_net.send(fd, buf, len < 700 ? len : 700);
}

static bool slow_reader(void)
{
	os_net.send = send_little;
	return lane_serve_start() == 0 && ask("read all\n", text, sizeof(text)) > 1000 &&
	       strstr(text, "\n== gcinfo ==\n") && sends > 4 && lane_serve_stop() == 0;
}

static long send_nothing(int fd, const void *buf, size_t len)
{
	(void)fd, (void)buf, (void)len;
	sends++;
	return -EAGAIN;
}

static _Atomic u64 later;

static u64 later_ms(void)
{
	return real_os.now_ms() + later;
}

static bool waits_for(_Atomic int *count)
{
	for (int i = 0; i < 2000 && !*count; i++)
		usleep(10000);
	return *count;
}

/* Its time runs out: the connection ends. */
static bool no_reader(void)
{
	int fd;
	bool right;

	os_net.send = send_nothing;
	os.now_ms = later_ms;
	right = lane_serve_start() == 0;
	fd = serve_connect(getpid());
	right &= write(fd, "read heapinfo\n", 14) == 14 && waits_for(&sends);
	later = 2 * LANE_SERVE_TIMEOUT_MS;
	/* poll() waits by the real clock: another one comes. */
	close(serve_connect(getpid()));
	right &= read(fd, text, 10) <= 0;
	os_net.send = real_os_net.send;
	return right && ask("read conf\n", text, sizeof(text)) > 0 && lane_serve_stop() == 0;
}

static _Atomic int closed;

/* The program closes what it does not know, just when somebody has called. */
static int wait_and_close(struct pollfd *fds, u32 n, int ms)
{
	int ret = real_os_net.wait(fds, n, ms);

	if (n && fds[n - 1].revents && !closed++)
		close(fds[n - 1].fd);
	return ret;
}

static bool closed_listener(void)
{
	long n = -1;

	os_net.wait = wait_and_close;
	if (lane_serve_start())
		return false;
	for (int i = 0; i < 1000 && n <= 0; i++)
		n = ask("read conf\n", text, sizeof(text));
	return closed && n > 0 && lane_serve_stop() == 0;
}

#define MOST 4u

/* As where the limit of descriptors is MOST. */
static int wait_for_few(struct pollfd *fds, u32 n, int ms)
{
	return n > MOST ? -EINVAL : real_os_net.wait(fds, n, ms);
}

/* The listener and those who ask; who is too many for it loses its connection in time. */
static bool few_at_a_time(void)
{
	int fds[2 * MOST];
	bool right;

	os_net.wait = wait_for_few;
	right = lane_serve_start() == 0 && ask("read conf\n", text, sizeof(text)) > 0;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = serve_connect(getpid());
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		right &= serve_take(fds[i], text, sizeof(text), SERVE_PATIENCE) >= 0;
		close(fds[i]);
	}
	return right && ask("read conf\n", text, sizeof(text)) > 0 && lane_serve_stop() == 0;
}

/* All that are open but those it was given: the thread in poll() is woken all the same. */
static bool closed_all(void)
{
	if (lane_serve_start())
		return false;
	usleep(20000);
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	return lane_serve_stop() == 0 && !serve_has_socket(getpid());
}

static int mine[2];
static _Atomic int taken;

static int listen_and_take(int fd, int backlog)
{
	int err = real_os_net.listen(fd, backlog);

	if (mine[1] && !taken)
		taken = dup2(mine[1], fd);
	return err;
}

/* All is closed, and as the service opens its socket again the number becomes the program's. */
static bool taken_number(void)
{
	char c = 0;
	long n = -1;

	os_net.listen = listen_and_take;
	os.unshare_files = no_own_files;
	if (lane_serve_start() || socketpair(AF_UNIX, SOCK_STREAM, 0, mine))
		return false;
	for (int fd = 3; fd < 1024; fd++) {
		if (fd != mine[0] && fd != mine[1])
			close(fd);
	}
	for (int i = 0; i < 2000 && (n <= 0 || !taken); i++) {
		usleep(10000);
		n = ask("read conf\n", text, sizeof(text));
	}
	/* It is the program's still, and nobody wrote to it. */
	return taken > 0 && n > 0 && recv(mine[0], &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN &&
	       write(mine[0], "x", 1) == 1 && read(taken, &c, 1) == 1 && lane_serve_stop() == 0;
}

static int no_socket(void)
{
	return -EMFILE;
}

static bool closed_and_no_other(void)
{
	if (lane_serve_start())
		return false;
	/* It looks again by itself, soon: then it finds no other, and goes on looking. */
	os_net.socket = no_socket;
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	close(serve_connect(getpid()));
	return lane_serve_stop() == 0;
}

static _Atomic int looks;

static int no_look(int fd, struct stat *st)
{
	/* After the listener's own: that of who called. */
	return looks && looks++ == 2 ? -EIO : real_os.fstat(fd, st);
}

static int accept_and_look(int fd)
{
	int ret = real_os_net.accept(fd);

	if (ret >= 0 && !looks)
		looks = 2;
	return ret;
}

static bool no_connection(void)
{
	bool right = lane_serve_start() == 0;

	os.fstat = no_look;
	os_net.accept = accept_and_look;
	ask("read conf\n", text, sizeof(text));
	right &= looks > 2;
	os_net.accept = real_os_net.accept;
	os.fstat = real_os.fstat;
	return right && ask("read conf\n", text, sizeof(text)) > 0 && lane_serve_stop() == 0;
}

/* Somebody of another PID namespace has this number, or may have it. */
static int answer;

static int connect_answers(int fd, const struct sockaddr_un *addr)
{
	(void)fd, (void)addr;
	return answer;
}

static bool others_serve(void)
{
	static const int answers[][2] = {
		{0, -EADDRINUSE}, {-EAGAIN, -EADDRINUSE}, {-EACCES, -EACCES}, {-ECONNREFUSED, 0}};
	char path[128];
	bool right = true;

	serve_path(getpid(), path, sizeof(path));
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		os_net.connect = real_os_net.connect;
		right &= lane_serve_start() == 0 && lane_serve_stop() == 0;
		close(open(path, O_CREAT | O_WRONLY, 0600));
		os_net.connect = connect_answers;
		answer = answers[i][0];
		right &= lane_serve_start() == answers[i][1];
		/* Neither took it away. */
		right &= serve_has_socket(getpid());
		os_net.connect = real_os_net.connect;
		right &= lane_serve_stop() == 0;
		unlink(path);
	}
	close(open(path, O_CREAT | O_WRONLY, 0600));
	os_net.socket = no_socket;
	right &= lane_serve_start() == -EMFILE;
	return right;
}

static int look_answers(const char *path, struct stat *st)
{
	(void)path, (void)st;
	return answer;
}

/* One with a name that leads nowhere is lost; after what says nothing of it all stays as it is. */
static bool lost_names(void)
{
	static const int lost[] = {-ENOENT, -ENOTDIR, -ELOOP, -EACCES};
	static const int unknown[] = {-ENOMEM, -EIO, -EINTR, -EPERM, -ENOSYS};
	struct serve_socket s = {.listener.fd = -1};
	bool right;

	serve_socket_runtime_dir(serve_root);
	right = serve_socket_open(&s) == 0 && serve_socket_intact(&s);
	os.lstat = look_answers;
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
		answer = lost[i];
		right &= !serve_socket_intact(&s);
	}
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		answer = unknown[i];
		right &= serve_socket_intact(&s);
	}
	/* What it cannot see it does not remove. */
	answer = -EACCES;
	serve_socket_unlink(&s);
	os.lstat = real_os.lstat;
	right &= serve_has_socket(getpid()) && !serve_socket_intact(&s);
	own_fd_close(&s.listener);
	return right;
}

/* /run/user of this test. */
static const char *moved(const char *path)
{
	static char to[256];
	char own[40];

	snprintf(own, sizeof(own), "/run/user/%u", geteuid());
	if (strncmp(path, own, strlen(own)))
		return path;
	snprintf(to, sizeof(to), "%s%s", serve_root, path + strlen(own));
	return to;
}

static int moved_stat(const char *path, struct stat *st)
{
	return real_os.stat(moved(path), st);
}

static int moved_lstat(const char *path, struct stat *st)
{
	return real_os.lstat(moved(path), st);
}

static int moved_mkdir(const char *path, u32 mode)
{
	return real_os.mkdir(moved(path), mode);
}

static int moved_chmod(const char *path, u32 mode)
{
	return real_os.chmod(moved(path), mode);
}

static int moved_unlink(const char *path)
{
	return real_os.unlink(moved(path));
}

static int moved_bind(int fd, const struct sockaddr_un *addr)
{
	struct sockaddr_un to = *addr;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", moved(addr->sun_path));
	return real_os_net.bind(fd, &to);
}

static bool without_runtime_dir(void)
{
	bool right;

	unsetenv("XDG_RUNTIME_DIR");
	os.stat = moved_stat;
	os.lstat = moved_lstat;
	os.mkdir = moved_mkdir;
	os.chmod = moved_chmod;
	os.unlink = moved_unlink;
	os_net.bind = moved_bind;
	right = lane_serve_start() == 0 && ask("read conf\n", text, sizeof(text)) > 0;
	return right && lane_serve_stop() == 0 && serve_count_sockets() == 0;
}

static _Atomic int accepting;

static int accept_slowly(int fd)
{
	accepting = 1;
	usleep(400000); /* longer than an exit waits */
	return real_os_net.accept(fd);
}

/* As a handler that interrupted a slow path and calls exit(). */
static bool exits_inside(void)
{
	bool right = lane_serve_start() == 0 && slow_enter();

	serve_exit();
	return right && !serve_has_socket(getpid());
}

/* The service has its lock: the socket is left behind, and the process ends. */
static bool exits_beside_service(void)
{
	bool right;

	os_net.accept = accept_slowly;
	right = lane_serve_start() == 0;
	close(serve_connect(getpid()));
	right &= waits_for(&accepting) && slow_enter();
	serve_exit();
	return right && serve_has_socket(getpid());
}

/* %p in the path of the statistics file. */
static bool file_of_process(void)
{
	char path[128];

	snprintf(conf.stats_file, sizeof(conf.stats_file), "%s/heap.%%p.txt", serve_root);
	snprintf(path, sizeof(path), "%s/heap.%d.txt", serve_root, (int)getpid());
	return stats_file_write() == 0 && access(path, R_OK) == 0;
}

int main(void)
{
	ksft_print_header();
#ifdef __SANITIZE_THREAD__
	ksft_exit_skip(
		"calls are changed beside the service's thread, which the end does not wait for");
#endif
	ksft_set_plan(15);
	lane_free(lane_malloc(1));
	ksft_test_result(apart(slow_reader), "a client that takes little at a time gets all");
	ksft_test_result(apart(no_reader), "one that takes nothing is left when its time is over");
	ksft_test_result(apart(closed_listener),
			 "a listener that the program closed is opened anew");
	ksft_test_result(apart(taken_number),
			 "a number that the program takes meanwhile is the program's");
	ksft_test_result(apart(closed_all), "where it closed all the service ends when told to");
	ksft_test_result(apart(closed_and_no_other),
			 "also where there are no descriptors any more");
	ksft_test_result(apart(few_at_a_time), "it waits for no more than there are");
	ksft_test_result(apart(no_connection), "a connection that cannot be looked at is given up");
	ksft_test_result(apart(others_serve), "a name that others serve, or may, is left alone");
	ksft_test_result(apart(lost_names), "a socket whose name leads nowhere is lost");
	ksft_test_result(apart(without_runtime_dir), "/run/user where XDG_RUNTIME_DIR is not set");
	ksft_test_result(apart(exits_inside), "the end in a handler removes the socket");
	ksft_test_result(apart(exits_beside_service), "but does not wait for the service");
	ksft_test_result(apart(file_of_process), "the statistics file has the process' number");
	ksft_test_result(unit_books_right(), "the books are right");
	ksft_finished();
}
