/* SPDX-License-Identifier: MIT */
/*
 * client.h - find the processes that serve, and read and write their files.
 * What lanefs and lanestat share; the protocol is in lane/lane_serve.h.
 *
 * Every call ends within LANE_SERVE_TIMEOUT_MS and a little, whatever the other
 * side does. Safe to call from several threads at once.
 */
#ifndef TOOLS_CLIENT_H
#define TOOLS_CLIENT_H

#include <stddef.h>
#include <sys/types.h>

/* A folder of sockets, checked: owner, mode, no symbolic link. */
struct client_dir {
	char path[108];
};

/*
 * client_dirs - the folders that exist, of this user; for root of all users
 * @dirs: where they go
 * @room: how many fit
 *
 * Return: how many were found, at most @room.
 */
int client_dirs(struct client_dir *dirs, int room);

/*
 * client_list - the processes that serve, by rising number
 * @pids: set to an array from malloc(), NULL where there are none
 *
 * Sockets whose process is gone are removed on the way.
 *
 * Return: how many, or -errno.
 */
int client_list(pid_t **pids);

/*
 * client_read - a file of a process
 * @pid: the process
 * @name: "heapinfo" or another of LANE_SERVE_FILES
 * @text: set to the whole text from malloc(), ended by a 0 byte
 * @len: set to its bytes, without the 0
 *
 * Return: 0; -ESRCH no such process or it does not serve; -ENOENT no such
 * file; -EACCES not ours; -EIO it hangs or died meanwhile, or answered
 * something else than the protocol has; or what the service said.
 */
int client_read(pid_t pid, const char *name, char **text, size_t *len);

/*
 * client_write - write "key value" lines to a file of a process
 *
 * All lines are applied or none. Return: 0, or -errno as client_read();
 * -EINVAL for a bad key or value, -EMSGSIZE for too much.
 */
int client_write(pid_t pid, const char *name, const char *text, size_t len);

#endif
