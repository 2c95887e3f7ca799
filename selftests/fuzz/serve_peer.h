/* SPDX-License-Identifier: MIT */
/*
 * serve_peer.h - the other ends of the service's connections, in the tables of system calls: what
 * they send, what they take, and what becomes of their descriptors. Each call also holds the
 * service to what it may do at that moment.
 */
#ifndef LANE_SERVE_PEER_H
#define LANE_SERVE_PEER_H

#include <sys/stat.h>

#include "conf.h"
#include "os.h"
#include "os_net.h"
#include "serve_conn.h"
#include "serve_model.h"

#define PEERS 4
#define ACCEPTED 100000 /* numbers of descriptors: as accept() gives them */
#define MOVED 200000	/* as the service moves them out of the way */
#define SENT_MAX 65536
#define TAKEN_MAX (4u << 20)

struct peer {
	struct conn *conn; /* a block of its own: its request is the last of it */
	bool accepted;	   /* that descriptor is open */
	bool moved;	   /* the other one is */
	bool foreign;	   /* it has become the program's */
	bool eof, reset;   /* the peer has gone, in peace or not */
	bool expired;	   /* its time was up */
	bool refused;	   /* no memory since the request came */
	struct verdict want;
	struct conf before; /* settings when the request was whole */
	u64 rate, guarded;
	size_t nr_sent, nr_read;
	size_t step; /* bytes that one recv() gives */
	size_t room; /* bytes that may be sent until somebody takes them */
	size_t nr_taken;
	u8 sent[SENT_MAX];
	char *taken;
};

static struct peer peers[PEERS];
static struct os_ops real_os;
static bool interrupted, no_memory, no_descriptors;
static s64 mapped;

/* Whose descriptor it is, NULL where it is none of these. */
static struct peer *peer_of(int fd)
{
	if (fd < ACCEPTED)
		return NULL;
	return &peers[fd % ACCEPTED];
}

static void *fake_map(size_t len, int prot)
{
	void *p = no_memory ? (void *)-(long)ENOMEM : real_os.map(len, prot);

	if (!os_is_err(p))
		mapped += (s64)len;
	return p;
}

static int fake_unmap(void *addr, size_t len)
{
	mapped -= (s64)len;
	return real_os.unmap(addr, len);
}

static int fake_dup_above(int fd, int least)
{
	struct peer *p = peer_of(fd);

	if (!p)
		return real_os.dup_above(fd, least);
	must(p->accepted && !p->moved, "a descriptor that is not open is moved");
	if (no_descriptors)
		return -EMFILE;
	p->moved = true;
	return fd - ACCEPTED + MOVED;
}

static int fake_fstat(int fd, struct stat *st)
{
	struct peer *p = peer_of(fd);

	if (!p)
		return real_os.fstat(fd, st);
	if (!(fd >= MOVED ? p->moved : p->accepted))
		return -EBADF;
	*st = (struct stat){.st_dev = 1, .st_ino = (ino_t)fd + p->foreign};
	return 0;
}

static int fake_close(int fd)
{
	struct peer *p = peer_of(fd);
	bool *open;

	if (!p)
		return real_os.close(fd);
	open = fd >= MOVED ? &p->moved : &p->accepted;
	must(*open && !p->foreign, "a descriptor is closed that is not the service's");
	*open = false;
	return 0;
}

static void take_interrupt(int *err)
{
	*err = interrupted ? -EINTR : 0;
	interrupted = false;
}

static long fake_receive(int fd, void *buf, size_t len)
{
	struct peer *p = peer_of(fd);
	size_t n = min(min(p->nr_sent - p->nr_read, len), p->step);
	int err;

	must(!p->foreign && p->want.kind == MORE && len > 0, "it reads on");
	take_interrupt(&err);
	if (err)
		return err;
	if (p->reset)
		return -ECONNRESET;
	if (!n && !p->eof)
		return -EAGAIN;
	memcpy(buf, p->sent + p->nr_read, n);
	p->nr_read += n;
	p->want = model_verdict(p->sent, p->nr_read, !n);
	return (long)n;
}

static long fake_send(int fd, const void *buf, size_t len)
{
	struct peer *p = peer_of(fd);
	size_t n = min(len, p->room);
	int err;

	must(!p->foreign && p->want.kind != MORE && len > 0, "it answers what was not asked");
	take_interrupt(&err);
	if (err)
		return err;
	if (p->reset)
		return -EPIPE;
	if (!n)
		return -EAGAIN;
	must(p->nr_taken + n <= TAKEN_MAX, "an answer without end");
	memcpy(p->taken + p->nr_taken, buf, n);
	p->nr_taken += n;
	p->room -= n;
	return (long)n;
}

static void peers_install(void)
{
	real_os = os;
	os.map = fake_map;
	os.unmap = fake_unmap;
	os.dup_above = fake_dup_above;
	os.fstat = fake_fstat;
	os.close = fake_close;
	os_net.receive = fake_receive;
	os_net.send = fake_send;
	for (int i = 0; i < PEERS; i++)
		peers[i].taken = malloc(TAKEN_MAX);
}

#endif /* LANE_SERVE_PEER_H */
