// SPDX-License-Identifier: MIT
/*
 * Two processes write one statistics file at the same time, as a program's children do that inherit
 * LANE_CONF: a reader finds what one of them wrote, whole, whichever is done first.
 */
#include "unit.h"

#include <dirent.h>
#include <sys/stat.h>

#include "os.h"
#include "stats_file.h"

static struct os_ops real_os;
static char dir[] = "/tmp/lane-stats-XXXXXX", path[64];
static char ours[1 << 16]; /* what this process wrote */
static size_t ours_len;
static int half_done[2], go_on[2]; /* pipes */
static pid_t other;

/* In the other process: half of it, and the rest when the first one is done. */
static long write_half(int fd, const void *buf, size_t len)
{
	long n = real_os.write(fd, buf, len / 2);
	char c;

	os.write = real_os.write;
	if (write(half_done[1], "", 1) != 1 || read(go_on[0], &c, 1) != 1)
		_exit(2);
	return n;
}

static void write_beside(void)
{
	os.write = write_half;
	snprintf(conf.stats_file, sizeof(conf.stats_file), "%s", path);
	_exit(stats_file_write() ? 1 : 0);
}

/* Before the first byte: another process has come half way. */
static long write_late(int fd, const void *buf, size_t len)
{
	char c;

	os.write = real_os.write;
	memcpy(ours, buf, len < sizeof(ours) ? len : 0);
	ours_len = len;
	conf.stats_file[0] = '\0'; /* or the child had a thread that writes it, too */
	other = fork();
	if (!other)
		write_beside();
	if (read(half_done[0], &c, 1) != 1)
		return -EIO;
	return real_os.write(fd, buf, len);
}

static size_t read_file(char *buf, size_t room)
{
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(buf, 1, room, f) : 0;

	if (f)
		fclose(f);
	return n;
}

static int files(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* Each of its four texts begins so. */
static int texts_in(const char *s)
{
	int n = 0;

	while ((s = strstr(s, "version "))) {
		s++;
		n++;
	}
	return n;
}

int main(void)
{
	static char buf[1 << 16];
	int status = -1;
	size_t n;

	ksft_print_header();
	ksft_set_plan(3);
	if (!mkdtemp(dir) || pipe(half_done) || pipe(go_on))
		ksft_exit_fail_msg("cannot prepare: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/heap", dir);
	lane_free(lane_malloc(100));
	real_os = os;
	os.write = write_late;
	snprintf(conf.stats_file, sizeof(conf.stats_file), "%s", path);
	ksft_test_result(stats_file_write() == 0, "written while another process writes it");
	n = read_file(buf, sizeof(buf));
	if (!ksft_test_result(n == ours_len && n > 0 && !memcmp(buf, ours, n),
			      "the file is what was written, whole"))
		ksft_print_msg("%zu bytes in place of %zu", n, ours_len);
	if (write(go_on[1], "", 1) == 1)
		waitpid(other, &status, 0);
	n = read_file(buf, sizeof(buf) - 1);
	buf[n] = '\0';
	ksft_test_result(status == 0 && texts_in(buf) == 4 && buf[n - 1] == '\n' && files() == 1,
			 "the other process' takes its place, and nothing else is left");
	unlink(path);
	rmdir(dir);
	ksft_finished();
}
