// SPDX-License-Identifier: MIT
/*
 * connect.c - a connection to a process, with the other side checked
 *
 * The kernel notes who called listen(); that must be process PID of the user
 * who owns the folder. A socket that refuses belongs to nobody any more, or to
 * a process between bind() and listen(), or to one that has run exec(): it is
 * removed only where no process of that number lives.
 */
#include "dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void remove_stale(const struct socket_dir *dir, pid_t pid)
{
	struct stat st;
	char name[32];

	if (!kill(pid, 0) || errno != ESRCH)
		return;
	snprintf(name, sizeof(name), "%d.sock", pid);
	if (!fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISSOCK(st.st_mode))
		unlinkat(dir->fd, name, 0);
}

static int connect_now(int fd, const struct sockaddr_un *to)
{
	int ret;

	do
		ret = connect(fd, (const struct sockaddr *)to, sizeof(*to));
	while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

static int check_peer(int fd, const struct socket_dir *dir, pid_t pid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	return peer.pid == pid && peer.uid == dir->owner ? 0 : -EACCES;
}

int socket_dir_connect(const struct socket_dir *dir, pid_t pid)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd, ret;

	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/%d.sock", dir->fd, pid);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = connect_now(fd, &to);
	if (!ret)
		ret = check_peer(fd, dir, pid);
	if (!ret)
		return fd;
	close(fd);
	if (ret == -ECONNREFUSED)
		remove_stale(dir, pid);
	if (ret == -ECONNREFUSED || ret == -ENOENT || ret == -EPROTOTYPE || ret == -ELOOP)
		ret = -ESRCH;
	return ret;
}
