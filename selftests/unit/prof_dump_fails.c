// SPDX-License-Identifier: MIT
/*
 * Dumps that cannot be written: each gives its error, leaves the file of
 * before as it was and no other, and the process goes on.
 */
#include "failing_os.h"

#include <dirent.h>
#include <lane/lane_prof.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "prof_dump.h"

static char dir[] = "/tmp/lane-dump-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[2][8192];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static int files_in(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	if (d)
		closedir(d);
	return n;
}

static void put_old(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs("old", f) < 0 || fclose(f))
		ksft_exit_fail_msg("%s: %s", path, strerror(errno));
}

static bool is_old(const char *path)
{
	char text[16] = "";
	FILE *f = fopen(path, "r");
	bool old = f && fgets(text, sizeof(text), f) && !strcmp(text, "old");

	if (f)
		fclose(f);
	return old;
}

/* The first bytes of a file. */
static bool begins(const char *path, const char *bytes, size_t len)
{
	char got[64] = "";
	FILE *f = fopen(path, "r");
	bool good = f && fread(got, 1, len, f) == len && !memcmp(got, bytes, len);

	if (f)
		fclose(f);
	return good;
}

static void test_good(void)
{
	struct stat st;

	put_old(in_dir("a.pb.gz"));
	ksft_test_result(!lane_prof_dump(in_dir("a.pb.gz")) &&
				 begins(in_dir("a.pb.gz"), "\x1f\x8b", 2) &&
				 !lane_prof_dump(in_dir("a.txt")) &&
				 begins(in_dir("a.txt"), "heap profile: ", 14) &&
				 !lane_prof_dump(in_dir(".txt")) &&
				 begins(in_dir(".txt"), "heap profile: ", 14) &&
				 !lane_prof_dump(in_dir("txt")) &&
				 begins(in_dir("txt"), "\x1f\x8b", 2) && files_in(dir) == 4,
			 ".txt is text, all else profile.proto.gz, and nothing else is left");
	ksft_test_result(!stat(in_dir("txt"), &st) && (st.st_mode & 0777) == 0600,
			 "for the user's eyes only");
	unlink(in_dir(".txt"));
	unlink(in_dir("txt"));
	unlink(in_dir("a.txt"));
	unlink(in_dir("a.pb.gz"));
}

static void test_names(void)
{
	char longest[5000], name[300];
	struct stat st;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(name, 'y', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ksft_test_result(lane_prof_dump("") == -ENOENT, "no name");
	ksft_test_result(lane_prof_dump(NULL) == -EINVAL, "NULL, and no path in LANE_CONF");
	ksft_test_result(lane_prof_dump(longest) == -ENAMETOOLONG, "a path too long");
	ksft_test_result(lane_prof_dump(in_dir(name)) == -ENAMETOOLONG, "a name too long");
	ksft_test_result(lane_prof_dump(in_dir("none/a")) == -ENOENT, "a folder that is not there");
	ksft_test_result(lane_prof_dump(dir) == -EISDIR && lane_prof_dump(in_dir("")) == -EISDIR &&
				 lane_prof_dump("/") == -EISDIR,
			 "a folder");
	put_old(in_dir("f"));
	ksft_test_result(lane_prof_dump(in_dir("f/a")) == -ENOTDIR, "below a file");
	ksft_test_result(!symlink("f", in_dir("link")) &&
				 lane_prof_dump(in_dir("link")) == -ELOOP && is_old(in_dir("f")),
			 "a symbolic link");
	ksft_test_result(lane_prof_dump("/dev/null") == -EINVAL && !stat("/dev/null", &st) &&
				 S_ISCHR(st.st_mode),
			 "a device, which stays one");
	ksft_test_result(!mkfifo(in_dir("fifo"), 0600) && lane_prof_dump(in_dir("fifo")) == -EINVAL,
			 "a fifo, without waiting for its reader");
	ksft_test_result(lane_prof_dump("/proc/self/a") < 0 && lane_prof_dump("/sys/a") < 0,
			 "where the system allows no files");
	ksft_test_result(files_in(dir) == 3, "and no file is left of all these");
	unlink(in_dir("link"));
	unlink(in_dir("fifo"));
	unlink(in_dir("f"));
}

/* What fails, with which error, after how many calls that succeed. */
static struct {
	int create, write, close, rename;
	int good_writes;
	bool short_writes;
} fails;

static int fail_create(const char *path)
{
	return fails.create ? fails.create : real_os.create(path);
}

static long fail_write(int fd, const void *buf, size_t len)
{
	if (fails.write && fails.good_writes-- <= 0)
		return fails.write;
	return real_os.write(fd, buf,
			     fails.short_writes || fails.write ? min(len, (size_t)7) : len);
}

static int fail_close(int fd)
{
	int ret = real_os.close(fd);

	return fails.close ? fails.close : ret;
}

static int fail_rename(const char *from, const char *to)
{
	return fails.rename ? fails.rename : real_os.rename(from, to);
}

static bool fails_with(int err)
{
	char path[8192];
	bool good;

	snprintf(path, sizeof(path), "%s", in_dir("a.txt"));
	put_old(path);
	good = lane_prof_dump(path) == err && is_old(path) && files_in(dir) == 1;
	memset(&fails, 0, sizeof(fails));
	return good && !lane_prof_dump(path) && !is_old(path) && files_in(dir) == 1;
}

static void test_system_calls(void)
{
	os.create = fail_create;
	os.write = fail_write;
	os.close = fail_close;
	os.rename = fail_rename;
	fails.create = -EACCES;
	ksft_test_result(fails_with(-EACCES), "a folder that may not be written: -EACCES");
	fails.create = -EMFILE;
	ksft_test_result(fails_with(-EMFILE), "no descriptor left: -EMFILE");
	fails.write = -ENOSPC;
	ksft_test_result(fails_with(-ENOSPC), "a full disk from the start: -ENOSPC");
	fails.write = -ENOSPC;
	fails.good_writes = 20;
	ksft_test_result(fails_with(-ENOSPC), "a disk that becomes full");
	fails.write = -EIO;
	fails.good_writes = 1;
	ksft_test_result(fails_with(-EIO), "a disk that breaks: -EIO");
	fails.close = -EDQUOT;
	ksft_test_result(fails_with(-EDQUOT), "a close that fails, as with a quota over NFS");
	fails.rename = -EROFS;
	ksft_test_result(fails_with(-EROFS), "a rename that fails");
	fails.short_writes = true;
	ksft_test_result(!lane_prof_dump(in_dir("a.txt")) &&
				 begins(in_dir("a.txt"), "heap profile: ", 14),
			 "writes of a few bytes at a time are all it takes");
	fails.short_writes = false;
	failing_from(1, true);
	put_old(in_dir("a.txt"));
	ksft_test_result(lane_prof_dump(in_dir("a.txt")) == -ENOMEM && is_old(in_dir("a.txt")) &&
				 files_in(dir) == 1,
			 "no memory: -ENOMEM");
	failing_from(0, false);
	unlink(in_dir("a.txt"));
}

/* Beyond RLIMIT_FSIZE the kernel sends a signal that kills. */
static void test_file_size_limit(void)
{
	struct rlimit old, tiny;
	sigset_t pending;
	int err;

	getrlimit(RLIMIT_FSIZE, &old);
	tiny = (struct rlimit){100, old.rlim_max};
	put_old(in_dir("a.txt"));
	setrlimit(RLIMIT_FSIZE, &tiny);
	err = lane_prof_dump(in_dir("a.txt"));
	setrlimit(RLIMIT_FSIZE, &old);
	sigpending(&pending);
	ksft_test_result(err == -EFBIG && is_old(in_dir("a.txt")) && files_in(dir) == 1 &&
				 !sigismember(&pending, SIGXFSZ),
			 "RLIMIT_FSIZE: -EFBIG, and its signal kills nobody");
	unlink(in_dir("a.txt"));
}

/* One of the program's own waits already: it is not taken for the dump's. */
static void test_signal_waits(void)
{
	struct rlimit old, tiny;
	sigset_t one, pending;
	struct timespec now = {0};
	int err;

	sigemptyset(&one);
	sigaddset(&one, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
	raise(SIGXFSZ);
	getrlimit(RLIMIT_FSIZE, &old);
	tiny = (struct rlimit){100, old.rlim_max};
	setrlimit(RLIMIT_FSIZE, &tiny);
	err = lane_prof_dump(in_dir("a.txt"));
	setrlimit(RLIMIT_FSIZE, &old);
	sigpending(&pending);
	ksft_test_result(err == -EFBIG && sigismember(&pending, SIGXFSZ),
			 "a SIGXFSZ that waited before still waits");
	sigtimedwait(&one, NULL, &now);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

static void test_full_disk(void)
{
	char path[8192];
	int err = 0;

	snprintf(path, sizeof(path), "%s", in_dir("full"));
	if (mkdir(path, 0700) || mount("none", path, "tmpfs", 0, "size=4k")) {
		ksft_test_result_skip("a full disk: no tmpfs may be mounted here (%s)",
				      strerror(errno));
	} else {
		put_old(in_dir("full/other"));
		err = lane_prof_dump(in_dir("full/a.txt"));
		ksft_test_result(err == -ENOSPC && files_in(path) == 1,
				 "a disk of one page, which is taken: -ENOSPC, and no file");
		umount(path);
	}
	rmdir(path);
}

static bool expands(const char *pattern, const char *want)
{
	char path[64];

	return !prof_dump_path(path, sizeof(path), pattern, 4711, 3) && !strcmp(path, want);
}

static void test_pattern(void)
{
	char path[8];

	ksft_test_result(expands("/a/b", "/a/b") && expands("h.%p.%n.gz", "h.4711.0003.gz") &&
				 expands("%p%p%n", "471147110003") && expands("%%p", "%p") &&
				 expands("a%", "a%") && expands("%x", "%x") && expands("", ""),
			 "%%p and %%n become numbers, %%%% a percent sign, all else stays");
	ksft_test_result(prof_dump_path(path, 8, "1234567", 1, 1) == 0 &&
				 prof_dump_path(path, 8, "12345678", 1, 1) == -ENAMETOOLONG &&
				 prof_dump_path(path, 8, "1234%n", 1, 1) == -ENAMETOOLONG &&
				 prof_dump_path(path, 8, "123%n", 1, 1) == 0 &&
				 prof_dump_path(path, 8, "1234567%p", 1, 1) == -ENAMETOOLONG,
			 "what becomes too long is refused");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(29);
	if (!mkdtemp(dir))
		ksft_exit_fail_msg("%s: %s", dir, strerror(errno));
	test_good();
	test_names();
	test_system_calls();
	test_file_size_limit();
	test_signal_waits();
	test_full_disk();
	test_pattern();
	ksft_test_result(files_in(dir) == 0 && !rmdir(dir), "the folder is empty at the end");
	ksft_finished();
}
