// SPDX-License-Identifier: MIT
#include "own_fd.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os.h"

int own_fd_take(struct own_fd *f, int fd)
{
	int high = os.dup_above(fd, OS_HIGH_FD), err;
	struct stat st;

	/* Few are allowed: any but a standard stream's, which the program would write to. */
	if (high < 0 && fd <= STDERR_FILENO) {
		high = os.dup_above(fd, STDERR_FILENO + 1);
		if (high < 0) {
			os.close(fd);
			return high == -EINVAL ? -EMFILE : high; /* EINVAL: above the limit */
		}
	}
	if (high >= 0) {
		os.close(fd);
		fd = high;
	}
	err = os.fstat(fd, &st);
	if (err) {
		os.close(fd);
		return err;
	}
	*f = (struct own_fd){.fd = fd, .dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

bool own_fd_valid(const struct own_fd *f)
{
	struct stat st;

	return f->fd >= 0 && !os.fstat(f->fd, &st) && st.st_dev == f->dev && st.st_ino == f->ino;
}

void own_fd_close(struct own_fd *f)
{
	if (own_fd_valid(f))
		os.close(f->fd);
	f->fd = -1;
}
