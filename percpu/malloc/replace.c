// SPDX-License-Identifier: MIT
#include "replace.h"

#include <errno.h>

#include "os.h"

int replace_file(const char *path, const char *beside, int (*write)(int fd, void *arg), void *arg)
{
	int fd = os.create(beside), err, end;

	if (fd == -EEXIST && !os.unlink(beside))
		fd = os.create(beside);
	if (fd < 0)
		return fd;
	err = write(fd, arg);
	end = os.close(fd);
	if (!err)
		err = end;
	if (!err)
		err = os.rename(beside, path);
	if (err)
		os.unlink(beside);
	return err;
}
