// SPDX-License-Identifier: MIT
#include "own_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HIGH_FD 200 /* below what select() takes */

int own_fd_take(struct own_fd *f, int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD), err;
	struct stat st;

	/* Few are allowed: any but a standard stream's, which the program would write to. */
	if (high < 0 && fd <= STDERR_FILENO) {
		high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (high < 0) {
			close(fd);
			return -EMFILE;
		}
	}
	if (high >= 0) {
		close(fd);
		fd = high;
	}
	if (fstat(fd, &st) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*f = (struct own_fd){.fd = fd, .dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

bool own_fd_valid(const struct own_fd *f)
{
	struct stat st;

	return f->fd >= 0 && !fstat(f->fd, &st) && st.st_dev == f->dev && st.st_ino == f->ino;
}

void own_fd_close(struct own_fd *f)
{
	if (own_fd_valid(f))
		close(f->fd);
	f->fd = -1;
}
