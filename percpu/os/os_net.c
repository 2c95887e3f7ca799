// SPDX-License-Identifier: MIT
#include "os_net.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "no_errno.h"

static int net_socket(void)
{
	return (int)NO_ERRNO(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

static int net_bind(int fd, const struct sockaddr_un *addr)
{
	return (int)NO_ERRNO(bind(fd, (const struct sockaddr *)addr, sizeof(*addr)));
}

static int net_listen(int fd, int backlog)
{
	return (int)NO_ERRNO(listen(fd, backlog));
}

static int net_connect(int fd, const struct sockaddr_un *addr)
{
	return (int)NO_ERRNO(connect(fd, (const struct sockaddr *)addr, sizeof(*addr)));
}

static int net_accept(int fd)
{
	return (int)NO_ERRNO(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static int net_peer(int fd, u32 *uid)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	int err = (int)NO_ERRNO(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len));

	*uid = peer.uid;
	return err;
}

static long net_receive(int fd, void *buf, size_t len)
{
	return NO_ERRNO(recv(fd, buf, len, MSG_DONTWAIT));
}

static long net_send(int fd, const void *buf, size_t len)
{
	return NO_ERRNO(send(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static int net_shutdown(int fd)
{
	return (int)NO_ERRNO(shutdown(fd, SHUT_RDWR));
}

static int net_signal(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return (int)NO_ERRNO(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

static int net_wait(struct pollfd *fds, u32 n, int ms)
{
	return (int)NO_ERRNO(poll(fds, n, ms));
}

struct os_net_ops os_net = {
	.socket = net_socket,
	.bind = net_bind,
	.listen = net_listen,
	.connect = net_connect,
	.accept = net_accept,
	.peer = net_peer,
	.receive = net_receive,
	.send = net_send,
	.shutdown = net_shutdown,
	.signal = net_signal,
	.wait = net_wait,
};
