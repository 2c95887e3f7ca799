/* SPDX-License-Identifier: MIT */
/*
 * dir.h - folders of sockets and connections to them, inside tools/client
 *
 * A folder is opened once and checked by what was opened; everything in it is
 * then reached through that descriptor. So nobody can put another folder in its
 * place between the check and the use, and long paths do not matter.
 */
#ifndef TOOLS_CLIENT_DIR_H
#define TOOLS_CLIENT_DIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct socket_dir {
	int fd;		  /* O_PATH, open while the function called runs */
	uid_t owner;	  /* who must answer on its sockets */
	const char *path; /* as found, for people */
};

/* Called for each folder; a value that is not 0 ends the walk and is returned by it. */
typedef int (*socket_dir_fn)(const struct socket_dir *dir, void *arg);

/* socket_dir_walk - all folders of this user, or for root of all users */
int socket_dir_walk(socket_dir_fn fn, void *arg);

/* digits - the number that @s begins with, written as printf() would; -1 where there is none or
 * it is followed by something else than @end. */
long digits(const char *s, const char *end);

/*
 * socket_dir_connect - a connection to a process, with the other side checked
 *
 * Does not wait. Return: the socket, or -ESRCH it does not serve, -EACCES another
 * process or user has the socket, -EAGAIN its queue is full, or -errno. A socket that
 * refuses is removed where no process has its number.
 */
int socket_dir_connect(const struct socket_dir *dir, pid_t pid);

/* client_serves - whether the process would be in client_list() */
bool client_serves(pid_t pid);

/*
 * client_stat - owner and times of a process's socket; -ESRCH. Without a look at the process, but
 * where there are several sockets of its number.
 */
int client_stat(pid_t pid, struct stat *st);

/* now_ms - CLOCK_MONOTONIC */
int64_t now_ms(void);

#endif
