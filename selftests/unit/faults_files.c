// SPDX-License-Identifier: MIT
/*
 * What writes files and serves sockets, with each system call failing in turn (faults.h): the file
 * of before or the new one, whole, and no other; a service that answers again as soon as it can; a
 * client that gets a whole answer, an error, or an end.
 */
#include "faults.h"

#include "../api/serve.h"
#include <lane/lane_prof.h>

#include "background.h"
#include "conf.h"
#include "prof_trigger.h"
#include "stats_file.h"

#define ANY                                                                                        \
	ENOENT, EMFILE, EACCES, ENOSPC, EIO, ENOMEM, EPERM, EROFS, EAGAIN, EADDRINUSE, EINVAL, EINTR

static char path[256];
static void *held;

static int make_folder(void)
{
	serve_prepare();
	return 0;
}

/* Files in the folder of this attempt. */
static int files(void)
{
	DIR *d = opendir(serve_root);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static size_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? 0 : (size_t)st.st_size;
}

/* What was there before is there still, or what is new is whole; nothing else is there. */
static int look_at_file(int err, const char *name, size_t before)
{
	if (err && size_of(name) != before)
		fault_wrong("the file of before has changed");
	if (!err && size_of(name) < 100)
		fault_wrong("the file is not whole");
	/* Where removing is refused as well it stays. */
	if (files() > 1 && !READ_ONCE(os_fail_on) && strcmp(os_first_failed(), "unlink"))
		fault_wrong("%d files are left", files());
	return err;
}

static int begin_dump(const char *name)
{
	make_folder();
	snprintf(path, sizeof(path), "%s/%s", serve_root, name);
	if (lane_prof_set_rate(1024))
		return -EPERM;
	held = lane_malloc(KIB(100));
	return held ? lane_prof_dump(path) : -ENOMEM;
}

static int begin_dump_text(void)
{
	return begin_dump("profile.txt");
}

static int begin_dump_pb(void)
{
	return begin_dump("profile.pb.gz");
}

static int run_dump(void)
{
	size_t before = size_of(path);

	return look_at_file(lane_prof_dump(path), path, before);
}

static void undo_files(void)
{
	lane_free(held);
	held = NULL;
	serve_clean();
}

static int begin_stats_file(void)
{
	make_folder();
	snprintf(conf.stats_file, sizeof(conf.stats_file), "%s/heap", serve_root);
	return 0;
}

static int run_stats_file(void)
{
	size_t before = size_of(conf.stats_file);

	return look_at_file(stats_file_write(), conf.stats_file, before);
}

/* A thread of Lane's own, or a line that says that there is none. */
static int run_background(void)
{
	conf.background_thread = CONF_BACKGROUND_TRUE;
	background_start();
	return 0;
}

static void on_usr2(int sig)
{
	(void)sig;
}

/* The signal is Lane's where the thread runs that it wakes, and else what it was. */
static int run_trigger(void)
{
	struct sigaction now;

	signal(SIGUSR2, on_usr2);
	conf.prof_signal = SIGUSR2;
	strcpy(conf.prof_dump, "/nowhere/at.all");
	prof_trigger_start();
	sigaction(SIGUSR2, NULL, &now);
	conf.prof_signal = 0;
	return now.sa_handler == on_usr2 ? -EAGAIN : 0;
}

/* Where the socket is: in the folder of this attempt, or in the last one there is. */
static int client(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = serve_connect(getpid());

	if (fd != -ENOENT)
		return fd;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/lane-%u/%d.sock", geteuid(),
		 (int)getpid());
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/*
 * All that comes; -ETIMEDOUT where there is no end. What failed once is tried again by the service,
 * what fails for good is not waited for.
 */
static ssize_t take(int fd, char *buf, size_t room)
{
	struct pollfd p = {fd, POLLIN, 0};
	double end = ksft_now() + SERVE_PATIENCE;
	size_t have = 0;
	ssize_t n = 1;

	while (n > 0) {
		bool hopeless = READ_ONCE(os_fail_at) && READ_ONCE(os_fail_on) && os_failed;

		if (poll(&p, 1, 30) <= 0) {
			if (hopeless || ksft_now() > end)
				return -ETIMEDOUT;
			continue;
		}
		n = recv(fd, buf + have, room - 1 - have, 0);
		have += n > 0 ? (size_t)n : 0;
	}
	buf[have] = '\0';
	return n < 0 ? -errno : (ssize_t)have;
}

/* Ask; 0 for "ok" with all its bytes, else the error that was answered, or that there was none. */
static int ask(const char *request)
{
	static char buf[1 << 20];
	int fd = client(), err = 0;
	size_t length = 0;
	ssize_t n;
	char *text;

	if (fd < 0)
		return fd;
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	n = take(fd, buf, sizeof(buf));
	close(fd);
	if (n <= 0)
		return n ? (int)n : -ECONNRESET;
	text = strchr(buf, '\n');
	if (sscanf(buf, "error %d ", &err) == 1)
		return -err;
	if (!text || sscanf(buf, "ok %zu", &length) != 1)
		return -ECONNRESET;
	/* Cut short it is only where the connection broke. */
	return (size_t)n == (size_t)(text + 1 - buf) + length ? 0 : -ECONNRESET;
}

static int run_serve_start(void)
{
	int err = lane_serve_start(), first;

	if (err)
		return err;
	/* What failed meanwhile was the service's, which goes on. */
	first = ask("read conf\n");
	if (first && !os_failed)
		fault_wrong("the service does not answer (%d)", first);
	return 0;
}

static void stop_service(void)
{
	int err = ask("read heapinfo\n");

	/* The socket may have to be opened once more, which is tried once a second. */
	for (int tries = 0; err && tries < 200; tries++) {
		usleep(50000);
		err = ask("read heapinfo\n");
	}
	if (err)
		fault_wrong("the service does not answer in the end (%d)", err);
	lane_serve_stop();
	if (client() >= 0)
		fault_wrong("a socket is left");
	serve_clean();
}

static int begin_service(void)
{
	make_folder();
	return lane_serve_start();
}

/* A socket that was lost among failures, as its folder could not be seen, is back within a second.
 */
static int ask_once_there(const char *request)
{
	int err = ask(request);

	for (int tries = 0;
	     tries < 60 && !READ_ONCE(os_fail_at) && (err == -ECONNREFUSED || err == -ENOENT);
	     tries++) {
		usleep(50000);
		err = ask(request);
	}
	return err;
}

static int run_read(void)
{
	return ask_once_there("read all\n");
}

static int run_read_profile(void)
{
	return ask_once_there("read profile.pb.gz\n");
}

static int run_write(void)
{
	return ask_once_there("write conf 13\nverbose true\n");
}

/* It ends whatever fails; and can be started again. */
static int run_serve_stop(void)
{
	int err = lane_serve_stop();

	if (err || READ_ONCE(os_fail_at))
		return err;
	err = lane_serve_start();
	return err ? err : ask("read conf\n");
}

static void undo_stop(void)
{
	lane_serve_stop();
	serve_clean();
}

/* The child has a service of its own, or none; and it ends. */
static int run_fork(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		usleep(110000);
		failures_end();
		lane_serve_stop();
		_exit(lane_serve_start() || ask("read conf\n") || !unit_books_right());
	}
	waitpid(pid, &status, 0);
	return status ? -ECHILD : 0;
}

static const struct fault_op ops[] = {
	{"lane_prof_dump as text", run_dump, undo_files, begin_dump_text, 0, {ANY}},
	{"lane_prof_dump as profile.proto", run_dump, undo_files, begin_dump_pb, 0, {ANY}},
	{"the statistics file", run_stats_file, undo_files, begin_stats_file, 0, {ANY}},
	{"the background thread", run_background, NULL, NULL, 0, {0}},
	{"the signal for a dump", run_trigger, NULL, NULL, 0, {EAGAIN}},
	{"lane_serve_start", run_serve_start, stop_service, make_folder, FAULT_WAITS, {ANY}},
	{"a client that reads",
	 run_read,
	 stop_service,
	 begin_service,
	 0,
	 {ECONNRESET, ETIMEDOUT, ENOMEM, EAGAIN, EPIPE, ECONNREFUSED, ENOENT}},
	{"a client that reads the profile",
	 run_read_profile,
	 stop_service,
	 begin_service,
	 0,
	 {ECONNRESET, ETIMEDOUT, ENOMEM, EAGAIN, EPIPE, EMFILE, EIO, ENOENT}},
	{"a client that writes",
	 run_write,
	 stop_service,
	 begin_service,
	 0,
	 {ECONNRESET, ETIMEDOUT, EPIPE, EAGAIN, ECONNREFUSED, ENOENT}},
	{"lane_serve_stop", run_serve_stop, undo_stop, begin_service, FAULT_WAITS, {0}},
	{"fork of a process with a service",
	 run_fork,
	 stop_service,
	 begin_service,
	 FAULT_WAITS | FAULT_NO_SANITIZER,
	 {0}},
};

int main(void)
{
	ksft_print_header();
	FAULT_TESTS(ops, 0);
}
