/* SPDX-License-Identifier: MIT */
/*
 * lanefs.h - processes as folders of files
 *
 * MOUNTPOINT/<pid>/<file>. Nothing is kept between two requests but what is
 * open: which processes there are, and what a file holds, is asked each time
 * (timeouts are 0). An inode's number says what it is, so there is no table of
 * them and no lock anywhere:
 *
 *	1			the mount point
 *	pid * 16		the folder of a process
 *	pid * 16 + 1 + i	its file number i of LANE_SERVE_FILES
 *
 * open() asks the process and keeps the text; all reads of that open file are
 * of that text. Each request is handled by a thread of its own and ends within
 * the client's second, so a process that hangs costs others nothing.
 */
#ifndef TOOLS_LANEFS_H
#define TOOLS_LANEFS_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <stdbool.h>

#define FILE_CONF 8 /* the file that can be written */

extern const char *const file_names[];
extern const int file_count;

static inline pid_t ino_pid(fuse_ino_t ino)
{
	return (pid_t)(ino / 16);
}

/* Return: number of the file, -1 for a folder. */
static inline int ino_file(fuse_ino_t ino)
{
	return (int)(ino % 16) - 1;
}

/* tree.c */
void tree_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void tree_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void tree_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		  struct fuse_file_info *fi);
void tree_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		 struct fuse_file_info *fi);
void tree_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void tree_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		  struct fuse_file_info *fi);
void tree_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/* file.c */
void file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void file_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void file_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		struct fuse_file_info *fi);
void file_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/*
 * mount_point - where to mount, as a path that holds in any folder, from malloc()
 *
 * What a killed lanefs left mounted there is taken away. Return: NULL where
 * nothing can be mounted; the reason is then said.
 */
char *mount_point(const char *arg);

/* said - one line on stderr, with the program's name before it */
void said(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Whether there was one. */
bool said_any(void);

#endif
