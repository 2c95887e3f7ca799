// SPDX-License-Identifier: MIT
/*
 * mount.c - whether and where to mount
 *
 * What can be known before libfuse is asked is said in one plain line. A mount
 * whose lanefs was killed answers ENOTCONN to everybody; it is taken away.
 */
#include "lanefs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* realpath() without a look at the last part, which may be a dead mount. */
static char *path_of(const char *arg)
{
	char *copy = strdup(arg), *parent = NULL, *path = NULL;
	char *slash;

	if (!copy)
		return NULL;
	for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	slash = strrchr(copy, '/');
	if (slash) {
		*slash = '\0';
		parent = realpath(slash == copy ? "/" : copy, NULL);
	} else {
		parent = realpath(".", NULL);
	}
	if (parent && asprintf(&path, "%s/%s", strcmp(parent, "/") ? parent : "",
			       slash ? slash + 1 : copy) < 0)
		path = NULL;
	free(parent);
	free(copy);
	return path;
}

static bool is_lanefs(const char *path)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	if (!f)
		return false;
	while ((m = getmntent(f))) {
		if (!strcmp(m->mnt_dir, path))
			found = !strcmp(m->mnt_type, "fuse.lanefs");
	}
	endmntent(f);
	return found;
}

static void unmount_dead(const char *path)
{
	char *argv[] = {"fusermount3", "-u", "-z", "--", (char *)path, NULL};
	pid_t pid;

	if (!umount2(path, MNT_DETACH))
		return;
	if (!posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ))
		waitpid(pid, NULL, 0);
}

static bool device_opens(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return true;
	}
	said("/dev/fuse: %s", strerror(errno));
	return false;
}

char *mount_point(const char *arg)
{
	struct stat st;
	char *path;

	if (!device_opens())
		return NULL;
	if (stat(arg, &st) && errno == ENOTCONN) {
		path = path_of(arg);
		if (path && is_lanefs(path))
			unmount_dead(path);
		free(path);
	}
	path = realpath(arg, NULL);
	if (!path || stat(path, &st)) {
		said("%s: %s", arg, strerror(errno));
		free(path);
		return NULL;
	}
	if (!S_ISDIR(st.st_mode)) {
		said("%s: %s", arg, strerror(ENOTDIR));
		free(path);
		return NULL;
	}
	if (is_lanefs(path)) {
		said("%s: a lanefs is mounted there", arg);
		free(path);
		return NULL;
	}
	return path;
}
