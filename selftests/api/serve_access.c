// SPDX-License-Identifier: MIT
/*
 * Who may look in: the same user and root, nobody else, and only in a folder that
 * is the user's own. Needs root, to be others.
 */
#include "serve.h"

#define NOBODY 65534
#define SOMEBODY 54321

static char buf[1 << 16];
static pid_t server;

/* As another uid: connect and ask; 0 where there is no answer. */
static int other_uid(void *arg)
{
	uid_t uid = (uid_t)(uintptr_t)arg;
	int fd;

	if (setgid(uid) != 0 || setuid(uid) != 0)
		return 9;
	fd = serve_connect(server);
	if (fd == -EACCES)
		return 1;
	if (fd < 0)
		return 8;
	send(fd, "read heapinfo\n", 14, MSG_NOSIGNAL);
	return serve_take(fd, buf, sizeof(buf), SERVE_PATIENCE) == 0 ? 2 : 7;
}

/* A user without any rights runs a service; its folder is /tmp/lane-UID. */
static void become_somebody(void)
{
	unsetenv("XDG_RUNTIME_DIR");
	if (setgid(SOMEBODY) != 0 || setuid(SOMEBODY) != 0)
		_exit(9);
}

static int start_as_somebody(void *arg)
{
	const char *folder = arg;
	char path[160];
	struct stat st;

	become_somebody();
	if (folder) {
		setenv("XDG_RUNTIME_DIR", folder, 1);
		snprintf(path, sizeof(path), "%s/lane/%d.sock", folder, (int)getpid());
	} else {
		snprintf(path, sizeof(path), "/tmp/lane-%d/%d.sock", SOMEBODY, (int)getpid());
	}
	switch (lane_serve_start()) {
	case 0:
		return lstat(path, &st) == 0 ? 0 : 2;
	case -EACCES:
		return 1;
	default:
		return 3;
	}
}

static bool with_tmp(void (*make)(const char *path), int want)
{
	char path[64], command[128];
	int got;

	snprintf(path, sizeof(path), "/tmp/lane-%d", SOMEBODY);
	snprintf(command, sizeof(command), "rm -rf %s %s.other", path, path);
	if (system(command) != 0)
		return false;
	make(path);
	got = in_child(start_as_somebody, NULL, 20);
	if (system(command) != 0)
		return false;
	if (got != want)
		ksft_print_msg("got %d, not %d", got, want);
	return got == want;
}

static void make_nothing(const char *path)
{
	(void)path;
}

static void make_own(const char *path)
{
	if (mkdir(path, 0700) != 0 || chown(path, SOMEBODY, SOMEBODY) != 0)
		ksft_print_msg("%s: %s", path, strerror(errno));
}

static void make_of_root(const char *path)
{
	if (mkdir(path, 0777) != 0 || chmod(path, 0777) != 0)
		ksft_print_msg("%s: %s", path, strerror(errno));
}

static void make_open(const char *path)
{
	make_own(path);
	chmod(path, 0755);
}

static void make_sticky(const char *path)
{
	make_own(path);
	chmod(path, 01700);
}

static void make_file(const char *path)
{
	close(open(path, O_CREAT | O_WRONLY, 0700));
	if (chown(path, SOMEBODY, SOMEBODY) != 0)
		ksft_print_msg("%s: %s", path, strerror(errno));
}

/* To a folder that would do. */
static void make_link(const char *path)
{
	char other[80];

	snprintf(other, sizeof(other), "%s.other", path);
	make_own(other);
	if (symlink(other, path) != 0 || lchown(path, SOMEBODY, SOMEBODY) != 0)
		ksft_print_msg("%s: %s", path, strerror(errno));
}

struct folder_case {
	void (*make)(const char *path);
	int want;
	const char *what;
};

static const struct folder_case cases[] = {
	{make_nothing, 0, "no folder: it is made"},
	{make_own, 0, "the user's own folder is taken"},
	{make_of_root, 1, "another's folder is refused"},
	{make_open, 1, "a folder that others can read is refused"},
	{make_sticky, 1, "a folder with another mode is refused"},
	{make_file, 1, "a file is refused"},
	{make_link, 1, "a symbolic link is refused"},
};

static bool runtime_dir_of_other(void)
{
	struct stat st;
	char path[128];

	/* Not the user's own: the next one is taken, and nothing is made in it. */
	snprintf(path, sizeof(path), "%s/lane", serve_root);
	return in_child(start_as_somebody, "/tmp", 20) == 2 && lstat("/tmp/lane", &st) != 0;
}

/* Serves as root first; 0 where it answers in the folder of whom it becomes. */
static int change_user(void *arg)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err = -1;

	(void)arg;
	if (!serve_wait(getpid(), SERVE_PATIENCE))
		return 1;
	become_somebody();
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/lane-%d/%d.sock", SOMEBODY,
		 (int)getpid());
	for (double end = ksft_now() + SERVE_PATIENCE; err && ksft_now() < end; usleep(10000))
		err = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (err)
		return 2;
	send(fd, "read heapinfo\n", 14, MSG_NOSIGNAL);
	return serve_take(fd, buf, sizeof(buf), SERVE_PATIENCE) > 0 && !strncmp(buf, "ok ", 3) ? 0
											       : 3;
}

static bool follows_change_of_user(void)
{
	int got = in_child(change_user, NULL, 60);

	if (got)
		ksft_print_msg("got %d", got);
	/* Ours, and its first, which was out of its reach; it swept what others left. */
	return got == 0 && serve_count_sockets() == 2;
}

/* Root could write there; it is another's all the same. */
static bool root_refuses_folder_of_other(void)
{
	char path[128];
	bool good;

	lane_serve_stop();
	snprintf(path, sizeof(path), "%s/lane", serve_root);
	if (chown(path, SOMEBODY, SOMEBODY) != 0 || chmod(path, 0700) != 0)
		return false;
	good = lane_serve_start() == 0 && !serve_has_socket(getpid());
	lane_serve_stop();
	rmdir("/tmp/lane-0"); /* where it went; others may use it */
	return good;
}

static bool rights_of_what_is_made(void)
{
	struct stat folder, sock;
	char path[128];
	mode_t old = umask(0);
	bool good;

	lane_serve_stop();
	serve_clean();
	mkdir(serve_root, 0700);
	good = lane_serve_start() == 0;
	umask(old);
	serve_path(getpid(), path, sizeof(path));
	good &= lstat(path, &sock) == 0;
	*strrchr(path, '/') = 0;
	good &= lstat(path, &folder) == 0;
	return good && (folder.st_mode & 07777) == 0700 && (sock.st_mode & 07777) == 0600;
}

static void open_all(void)
{
	char path[128];

	serve_path(server, path, sizeof(path));
	chmod(path, 0666);
	*strrchr(path, '/') = 0;
	chmod(path, 0755);
	chmod(serve_root, 0755);
}

int main(void)
{
	int got;

	ksft_print_header();
	if (getuid() != 0)
		ksft_exit_skip("needs root, to become other users");
	ksft_set_plan(ARRAY_SIZE(cases) + 8);
	serve_prepare();
	server = getpid();
	if (lane_serve_start() != 0)
		ksft_exit_fail_msg("the service does not start");
	ksft_test_result(rights_of_what_is_made(), "folder 0700 and socket 0600 with any umask");
	chmod(serve_root, 0755);
	ksft_test_result(in_child(other_uid, (void *)NOBODY, 20) == 1,
			 "another user cannot reach the socket");
	ksft_test_result(follows_change_of_user(),
			 "a process that becomes another user answers in that user's folder");
	open_all();
	got = in_child(other_uid, (void *)NOBODY, 30);
	ksft_test_result(got == 2, "nor, where all rights were given away, gets an answer (%d)",
			 got);
	ksft_test_result(in_child(other_uid, (void *)0, 30) == 7, "root gets one");
	ksft_test_result(serve_read(server, "heapinfo", buf, sizeof(buf)) > 0,
			 "the service goes on");
	ksft_test_result(root_refuses_folder_of_other(), "root refuses another's folder, too");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ksft_test_result(with_tmp(cases[i].make, cases[i].want), "%s", cases[i].what);
	ksft_test_result(runtime_dir_of_other(), "nothing is made in another's runtime directory");
	if (system("rm -rf /tmp/lane-54321") != 0)
		ksft_print_msg("/tmp/lane-54321 stays behind");
	serve_clean();
	ksft_finished();
}
