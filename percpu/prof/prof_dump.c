// SPDX-License-Identifier: MIT
#include "prof_dump.h"

#include <errno.h>
#include <lane/lane_prof.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"
#include "bug.h"
#include "conf.h"
#include "format.h"
#include "gzip.h"
#include "os.h"
#include "prof_write.h"
#include "replace.h"
#include "space.h"

static u32 dumps;    /* begun, for the names of files being written; atomic */
static u32 sequence; /* %n of the last file; atomic */

/* A device or a folder is not to be replaced by a file, nor the link to one. */
static int look_at_place(const char *path)
{
	struct stat st;
	int err = os.lstat(path, &st);

	if (err)
		return err == -ENOENT ? 0 : err;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

static int write_profile(int fd, void *arg)
{
	const struct page_buf *b = arg;

	return os_write_all(fd, b->data, b->len);
}

static int write_file(const char *path, struct page_buf *b)
{
	char beside[PROF_PATH_MAX + 32];

	format(beside, sizeof(beside), "%s.%d.%u.new", path, getpid(),
	       atomic_add_return(&dumps, 1));
	return replace_file(path, beside, write_profile, b);
}

static bool wants_text(const char *path, size_t len)
{
	return len >= 4 && !strcmp(path + len - 4, ".txt");
}

static int dump(const char *path, const char *why)
{
	size_t len = strnlen(path, PROF_PATH_MAX);
	struct prof_source src;
	struct page_buf b = {0};
	int err;

	if (len == PROF_PATH_MAX)
		return -ENAMETOOLONG;
	if (!len)
		return -ENOENT;
	if (path[len - 1] == '/')
		return -EISDIR;
	err = look_at_place(path);
	if (err)
		return err;
	prof_source_init(&src, why);
	if (wants_text(path, len))
		err = prof_text_write(&b, &src);
	else
		err = prof_pprof_gz_write(&b, &src, true);
	if (!err)
		err = write_file(path, &b);
	page_buf_free(&b);
	return err;
}

/* Blocked, so that it stays with this thread, and is no other's that waited already. */
static void take_back_sigxfsz(bool was_pending)
{
	struct timespec now = {0};
	sigset_t pending, one;

	if (was_pending || sigpending(&pending) || !sigismember(&pending, SIGXFSZ))
		return;
	sigemptyset(&one);
	sigaddset(&one, SIGXFSZ);
	sigtimedwait(&one, NULL, &now);
}

int prof_dump(const char *path, const char *why)
{
	sigset_t all, old, pending;
	int saved_errno = errno, cancel, err;
	bool was_pending;

	if (!lane_started())
		return -EAGAIN;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	was_pending = !sigpending(&pending) && sigismember(&pending, SIGXFSZ);
	err = dump(path, why);
	if (err == -EFBIG)
		take_back_sigxfsz(was_pending);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_setcancelstate(cancel, NULL);
	errno = saved_errno;
	return err;
}

int prof_dump_path(char *path, size_t room, const char *pattern, int process, u32 n)
{
	size_t len = 0;

	for (; *pattern && len < room; pattern++) {
		if (*pattern != '%') {
			path[len++] = *pattern;
			continue;
		}
		if (pattern[1] == 'p')
			len += format(path + len, room - len, "%d", process);
		else if (pattern[1] == 'n')
			len += format(path + len, room - len, "%04u", n);
		else
			path[len++] = '%';
		pattern += pattern[1] == 'p' || pattern[1] == 'n' || pattern[1] == '%';
	}
	if (len >= room)
		return -ENAMETOOLONG;
	path[len] = '\0';
	return 0;
}

static int dump_conf(const char *why)
{
	char path[PROF_PATH_MAX];
	int err = prof_dump_path(path, sizeof(path), conf.prof_dump, getpid(),
				 atomic_add_return(&sequence, 1));

	return err ? err : prof_dump(path, why);
}

void prof_dump_prepare(void)
{
	if (!wants_text(conf.prof_dump, strlen(conf.prof_dump)))
		gzip_prepare();
}

void prof_dump_conf(const char *why)
{
	static bool complained;
	int err = dump_conf(why);

	if (!err || READ_ONCE(complained))
		return;
	WRITE_ONCE(complained, true);
	pr_err("cannot write the heap profile '%s' (error %d)", conf.prof_dump, -err);
}

LANE_API int lane_prof_dump(const char *path)
{
	if (path)
		return prof_dump(path, "on request");
	return conf.prof_dump[0] ? dump_conf("on request") : -EINVAL;
}
