// SPDX-License-Identifier: MIT
#include "serve_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "format.h"
#include "os.h"
#include "os_net.h"

#define BACKLOG 64

static char runtime_dir[80]; /* written before a service runs; "" for none */

void serve_socket_runtime_dir(const char *dir)
{
	if (dir && dir[0] == '/' && strlen(dir) < sizeof(runtime_dir))
		strcpy(runtime_dir, dir);
}

static bool is_own_folder(const char *path, uid_t user)
{
	struct stat st;

	return !os.lstat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == user &&
	       (st.st_mode & 07777) == 0700;
}

/* A folder in @parent, which must be the user's own, too, unless it is @shared. */
static bool folder_in(const char *parent, bool shared, const char *path, uid_t user)
{
	struct stat st;
	bool own, made;

	if (os.stat(parent, &st) || (!shared && st.st_uid != user))
		return false;
	made = !os.mkdir(path, 0700);
	if (made)
		os.chmod(path, 0700); /* whatever the umask and the parent's bits made of it */
	own = is_own_folder(path, user);
	/* Another thread has just changed the user: the first one's name is not for the second. */
	if (made && !own)
		os.rmdir(path);
	return own;
}

static bool choose_folder(char *path, size_t len)
{
	uid_t user = geteuid(); /* once: it may change meanwhile */
	char parent[64];

	if (runtime_dir[0]) {
		format(path, len, "%s/lane", runtime_dir);
		if (folder_in(runtime_dir, false, path, user))
			return true;
	}
	format(parent, sizeof(parent), "/run/user/%u", user);
	format(path, len, "%s/lane", parent);
	if (folder_in(parent, false, path, user))
		return true;
	format(path, len, "/tmp/lane-%u", user);
	return folder_in("/tmp", true, path, user);
}

/* Remove a socket that nobody serves. */
static int remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, err;

	if (os.lstat(addr->sun_path, &st))
		return 0;
	fd = os_net.socket();
	if (fd < 0)
		return fd;
	err = os_net.connect(fd, addr);
	os.close(fd);
	/* Anything else says nothing about who serves there; of another namespace, perhaps. */
	if (err != -ECONNREFUSED && err != -ENOENT)
		return err && err != -EAGAIN ? err : -EADDRINUSE;
	err = os.unlink(addr->sun_path);
	return err == -ENOENT ? 0 : err;
}

static int bind_and_listen(int fd, const struct sockaddr_un *addr)
{
	/* The mode of the name is that of the socket less the umask, which is not ours to change.
	 */
	int err = os.fchmod(fd, 0600);

	if (!err)
		err = os_net.bind(fd, addr);
	if (err)
		return err;
	err = os.chmod(addr->sun_path, 0600);
	if (!err)
		err = os_net.listen(fd, BACKLOG);
	if (err)
		os.unlink(addr->sun_path);
	return err;
}

int serve_socket_open(struct serve_socket *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;
	char folder[100];
	int fd, err;

	if (!choose_folder(folder, sizeof(folder)))
		return -EACCES;
	/* It fits: runtime_dir is short. */
	format(addr.sun_path, sizeof(addr.sun_path), "%s/%d.sock", folder, getpid());
	err = remove_stale(&addr);
	if (err)
		return err;
	fd = os_net.socket();
	if (fd < 0)
		return fd;
	/* Ours before it has a name: the program may give its number to a file at any time. */
	err = own_fd_take(&s->listener, fd);
	if (err)
		return err;
	err = bind_and_listen(s->listener.fd, &addr);
	if (err) {
		own_fd_close(&s->listener);
		return err;
	}
	err = own_fd_valid(&s->listener) ? os.lstat(addr.sun_path, &st) : -EBADF;
	if (err) {
		own_fd_close(&s->listener);
		os.unlink(addr.sun_path);
		return err;
	}
	strcpy(s->path, addr.sun_path);
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

/* The process' number in "PID.sock", else 0. */
static pid_t pid_of_name(const char *name)
{
	pid_t pid = 0;

	for (; *name >= '0' && *name <= '9' && pid < 100000000; name++)
		pid = pid * 10 + (*name - '0');
	return strcmp(name, ".sock") ? 0 : pid;
}

/* As getdents64(2) fills it; opendir() would allocate. */
struct dirent64_head {
	u64 ino;
	s64 off;
	u16 reclen;
	u8 type;
	char name[];
};

void serve_socket_sweep(const struct serve_socket *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const char *slash = strrchr(s->path, '/');
	char buf[1024] __aligned_to(8), folder[sizeof(s->path)];
	long got;
	int fd;

	if (!slash)
		return;
	format(folder, (size_t)(slash - s->path) + 1, "%s", s->path);
	fd = os.open_folder(folder);
	if (fd < 0)
		return;
	fd = os_out_of_the_way(fd);
	while ((got = os.read_folder(fd, buf, sizeof(buf))) > 0) {
		const struct dirent64_head *d;

		for (long at = 0; at < got; at += d->reclen) {
			pid_t pid;

			d = (const struct dirent64_head *)(buf + at);
			pid = pid_of_name(d->name);
			if (!pid || os.look_for(pid) != -ESRCH)
				continue;
			if (format(addr.sun_path, sizeof(addr.sun_path), "%s/%s", folder, d->name) <
			    sizeof(addr.sun_path))
				remove_stale(&addr);
		}
	}
	os.close(fd);
}

static bool path_is_ours(const struct serve_socket *s)
{
	struct stat st;

	return s->path[0] && !os.lstat(s->path, &st) && st.st_dev == s->dev && st.st_ino == s->ino;
}

/* No reader comes by that name any more; after other errors it cannot be said. */
static bool leads_nowhere(int err)
{
	/* EACCES: this user has no way to the folder, which was another user's. */
	return err == -ENOENT || err == -ENOTDIR || err == -ELOOP || err == -EACCES;
}

bool serve_socket_intact(const struct serve_socket *s)
{
	struct stat st;
	int err;

	if (!own_fd_valid(&s->listener) || !s->path[0])
		return false;
	err = os.lstat(s->path, &st);
	if (err)
		return !leads_nowhere(err);
	return st.st_dev == s->dev && st.st_ino == s->ino;
}

/*
 * Where the program closed the number, or it is one in the thread's own table, poll() holds the
 * socket still, and its name leads to it.
 */
void serve_socket_wake(const struct serve_socket *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (own_fd_valid(&s->listener)) {
		os_net.shutdown(s->listener.fd);
		return;
	}
	if (!path_is_ours(s))
		return;
	strcpy(addr.sun_path, s->path);
	fd = os_net.socket();
	if (fd < 0)
		return;
	os_net.connect(fd, &addr);
	os.close(fd);
}

void serve_socket_unlink(struct serve_socket *s)
{
	if (path_is_ours(s))
		os.unlink(s->path);
	s->path[0] = '\0';
}
