// SPDX-License-Identifier: MIT
/*
 * A program closes all files that are open, as daemons do, and opens one of its own, at the instant
 * at which Lane has one open to write or read: the program's is neither written, read nor closed,
 * Lane says so, and the next time it works again. And a program that closes the numbers of standard
 * streams while Lane holds them free; one that has closed them, and two files are made at once.
 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <lane/lane_prof.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "os.h"
#include "serve_socket.h"
#include "stats_file.h"

static struct os_ops real_os;
static char dir[] = "/tmp/lane-closed-XXXXXX", path[64], mine[64], made[64];
static int my_fd = -1; /* the program's, at the lowest number */

/* As closefrom(3), and then a file of 4 bytes, at whose beginning it stands. */
static void close_and_open(void)
{
	struct stat st;
	bool folder = !stat(mine, &st) && S_ISDIR(st.st_mode);

	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	my_fd = open(mine, folder ? O_RDONLY | O_DIRECTORY : O_RDWR);
}

static long write_closed(int fd, const void *buf, size_t len)
{
	os.write = real_os.write;
	close_and_open();
	return real_os.write(fd, buf, len);
}

static long read_closed(int fd, void *buf, size_t len)
{
	os.read = real_os.read;
	close_and_open();
	return real_os.read(fd, buf, len);
}

static long read_folder_closed(int fd, void *buf, size_t len)
{
	os.read_folder = real_os.read_folder;
	close_and_open();
	return real_os.read_folder(fd, buf, len);
}

static void make_mine(void)
{
	int fd = open(mine, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, "mine", 4) != 4)
		ksft_exit_fail_msg("%s: %s", mine, strerror(errno));
	close(fd);
	my_fd = -1;
}

/* It is open, nobody has moved in it, and its bytes are what they were. */
static bool mine_untouched(void)
{
	char buf[8] = "";
	bool right = my_fd == 3 && lseek(my_fd, 0, SEEK_CUR) == 0 &&
		     pread(my_fd, buf, sizeof(buf), 0) == 4 && !memcmp(buf, "mine", 4);

	close(my_fd);
	return right;
}

static bool writes_stats(void)
{
	int err;

	make_mine();
	snprintf(conf.stats_file, sizeof(conf.stats_file), "%s", path);
	os.write = write_closed;
	err = stats_file_write();
	return mine_untouched() && err == -EBADF && access(path, F_OK) && !stats_file_write();
}

static bool dumps_profile(void)
{
	int err;

	make_mine();
	os.write = write_closed;
	err = lane_prof_dump(path);
	return mine_untouched() && err == -EBADF && access(path, F_OK) && !lane_prof_dump(path);
}

static bool reads_maps(void)
{
	int err;

	make_mine();
	os.read = read_closed;
	err = lane_prof_dump(path);
	return mine_untouched() && err == -EBADF && access(path, F_OK) && !lane_prof_dump(path);
}

/* The program's folder is read by the program alone. */
static bool sweeps_folder(void)
{
	struct serve_socket s = {.listener.fd = -1};

	unlink(mine);
	mkdir(mine, 0700);
	snprintf(s.path, sizeof(s.path), "%s/1.sock", dir);
	os.read_folder = read_folder_closed;
	serve_socket_sweep(&s);
	rmdir(mine);
	return my_fd == 3 && lseek(my_fd, 0, SEEK_CUR) == 0;
}

static _Atomic bool stop;

static void *close_standard(void *arg)
{
	while (!stop) {
		for (int fd = 0; fd < 3; fd++)
			close(fd);
	}
	return arg;
}

/* Lane opens files meanwhile: at another number, or not at all. */
static bool closes_standard(void)
{
	double until = ksft_now() + (ksft_quick() ? 0.3 : 2);
	bool right = true;
	pthread_t thread;

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	pthread_create(&thread, NULL, close_standard, NULL);
	while (ksft_now() < until) {
		int fd = os.create(made);

		right &= fd > STDERR_FILENO || fd == -EAGAIN;
		if (fd >= 0)
			os.close(fd);
		os.unlink(made);
	}
	stop = true;
	pthread_join(thread, NULL);
	return right;
}

/* What the program has opened at a number that was held free is the program's. */
static bool opens_standard(void)
{
	int fd;

	close(0);
	fd = os.create(made);
	os.close(fd);
	os.unlink(made);
	return fd > STDERR_FILENO && open("/dev/null", O_RDONLY) == 0;
}

#define FILES (ksft_quick() ? 2000 : 20000)

static void *create_many(void *name)
{
	intptr_t failed = 0;

	for (int i = 0; i < FILES; i++) {
		int fd = os.create(name);

		failed += fd <= STDERR_FILENO;
		os.close(fd);
		os.unlink(name);
	}
	return (void *)failed;
}

/* Each holds some of the numbers: none takes the other's for the program's. */
static bool create_two(void)
{
	char other[sizeof(made) + 8];
	void *failed, *others;
	pthread_t thread;

	snprintf(other, sizeof(other), "%s.too", made);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	pthread_create(&thread, NULL, create_many, other);
	failed = create_many(made);
	pthread_join(thread, &others);
	return !failed && !others;
}

static bool apart(bool (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(fn() ? 0 : 1);
	waitpid(pid, &status, 0);
	if (status)
		ksft_print_msg("status %#x", status);
	unlink(path);
	return status == 0;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(7);
	if (!mkdtemp(dir))
		ksft_exit_fail_msg("%s: %s", dir, strerror(errno));
	snprintf(path, sizeof(path), "%s/heap", dir);
	snprintf(mine, sizeof(mine), "%s/mine", dir);
	snprintf(made, sizeof(made), "%s/made", dir);
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	lane_free(lane_malloc(100));
	real_os = os;
	ksft_test_result(apart(writes_stats), "closed while the statistics file is written");
	ksft_test_result(apart(dumps_profile), "closed while a heap profile is written");
	ksft_test_result(apart(reads_maps), "closed while the memory map is read");
	ksft_test_result(apart(sweeps_folder), "closed while the sockets' folder is read");
	ksft_test_result(apart(closes_standard), "closed again and again at 0 to 2");
	ksft_test_result(apart(opens_standard), "closed at 0: free afterwards");
	ksft_test_result(apart(create_two), "closed at 0 to 2: two threads make files");
	unlink(mine);
	rmdir(dir);
	ksft_finished();
}
