/* SPDX-License-Identifier: MIT */
/*
 * lane_serve.h - how a process shows its files to others: the protocol between
 * the service thread in a process (percpu/serve/serve.c) and readers (tools/client).
 *
 * Folder. The first of these that is the user's own, mode 0700:
 *
 *	$XDG_RUNTIME_DIR/lane	/run/user/UID/lane	/tmp/lane-UID
 *
 * Each is made where its parent exists. One that has another owner, another
 * mode or is a symbolic link is refused, by both sides.
 *
 * Socket. FOLDER/PID.sock, a Unix stream socket, mode 0600. The service accepts
 * peers with its own effective uid, or uid 0, by SO_PEERCRED; readers accept a
 * service in the same way, and check that the peer's pid is PID. The process
 * removes its socket when it ends; a reader that is refused a connection where
 * no process PID lives removes it.
 *
 * Request. One a connection, one line:
 *
 *	read NAME\n		a file, rendered from one snapshot
 *	write NAME LENGTH\n	LENGTH bytes follow: lines of "key value"
 *
 * LENGTH is decimal, at most LANE_SERVE_WRITE_MAX. A line is at most
 * LANE_SERVE_LINE_MAX bytes with its end. The whole request must arrive within
 * LANE_SERVE_TIMEOUT_MS of the connection, and the answer must be taken within
 * the same time of its beginning.
 *
 * Answer. One line, then bytes; then the service closes.
 *
 *	ok LENGTH\n		LENGTH bytes follow (0 after a write)
 *	error NUMBER TEXT\n	a positive errno number and what it is about:
 *				ENOENT no such file, EINVAL malformed request or
 *				value, EMSGSIZE too long, EACCES the file is not
 *				for writing, EAGAIN, ENOMEM
 *
 * A peer that may not read is closed without an answer.
 */
#ifndef LANE_LANE_SERVE_H
#define LANE_LANE_SERVE_H

#define LANE_SERVE_LINE_MAX 128	   /* bytes of a request line, with its end */
#define LANE_SERVE_WRITE_MAX 4096  /* bytes that a write brings */
#define LANE_SERVE_TIMEOUT_MS 1000 /* for a request to arrive, for an answer to be taken */

/* Every file there is, in the order in which a folder shows them; all but conf are read only. */
#define LANE_SERVE_FILES                                                                           \
	"heapinfo", "classinfo", "cpuinfo", "nodeinfo", "gcinfo", "metrics", "profile",            \
		"profile.pb.gz", "conf", "all"

#endif /* LANE_LANE_SERVE_H */
