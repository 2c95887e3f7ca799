/* SPDX-License-Identifier: MIT */
/*
 * os.h - every system call that Lane makes on its own behalf, in a table, so that tests can make
 * each of them fail; and the libraries that it loads. Calls on sockets are in os_net.h.
 *
 * All return 0 (or a value) or -errno and leave errno alone. None is a point of
 * cancellation: a thread may be inside a slow path, with locks held. Hence syscall()
 * where the C library's own function would be one.
 *
 * Not here is what cannot fail, or only in a way that nobody could act on: clocks but the two,
 * futex, sched_yield, nanosleep, the numbers of process, thread and user, signal masks,
 * setpriority, a thread's name, and a line on stderr.
 */
#ifndef PERCPU_OS_H
#define PERCPU_OS_H

#include <pthread.h>

#include "compiler.h"

struct sigaction;
struct stat;

struct os_ops {
	/* Anonymous private memory, no reserve; the address, or -errno as a pointer. */
	void *(*map)(size_t len, int prot);
	int (*unmap)(void *addr, size_t len);
	int (*protect)(void *addr, size_t len, int prot);
	int (*advise)(void *addr, size_t len, int advice);
	/* Prefer @node for the pages of the range; those that lie elsewhere already are moved. */
	int (*bind)(void *addr, size_t len, int node);
	/* Policy of the calling thread, MPOL_DEFAULT where the kernel has none. */
	int (*policy)(void);
	/* Bit mask of the first 64 nodes this process may use; 0 where unknown. */
	u64 (*allowed_nodes)(void);
	/* Bits of the kernel's CPU masks: larger than any CPU id. */
	u32 (*cpu_mask_bits)(void);
	int (*membarrier)(int cmd);
	/* Bytes of address space that may still be mapped: RLIMIT_AS less what is mapped. */
	u64 (*address_space_left)(void);
	/* RLIMIT_AS, bytes; ~0 where unlimited. */
	u64 (*address_space_limit)(void);
	u64 (*now_ms)(void); /* monotonic, coarse */
	u64 (*now_ns)(void); /* monotonic */
	/* The kernel's release, as uname(2) says it. */
	int (*release)(char *buf, size_t len);
	/* The CPUs of the calling thread as a bit mask of @len bytes; get: how many of them are
	 * used. */
	int (*get_cpus)(void *mask, size_t len);
	int (*set_cpus)(const void *mask, size_t len);
	/*
	 * A process that shares our memory and runs @fn(@arg) on the stack that ends at @stack.
	 * Its number; it ends without a signal, and os.await() waits for it.
	 */
	int (*beside)(int (*fn)(void *), void *arg, void *stack);
	int (*await)(int pid);
	/* pthread_create(); the signal mask is the caller's. */
	int (*thread)(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
		      void *arg);
	int (*sigaction)(int sig, const struct sigaction *act, struct sigaction *old);
	/* Send @sig to thread @tid of this process: tgkill(2). */
	int (*signal_thread)(int tid, int sig);
	/* 0 or -EPERM where there is a process @pid, -ESRCH where there is none. */
	int (*look_for)(int pid);
	/*
	 * Files: what open(2) and the others do, close-on-exec, and never at the number of a
	 * standard stream. A new one must not exist; 0600; it is out of the program's way.
	 */
	int (*open_read)(const char *path);
	int (*create)(const char *path);
	long (*read)(int fd, void *buf, size_t len);
	long (*write)(int fd, const void *buf, size_t len);
	int (*close)(int fd);
	int (*rename)(const char *from, const char *to);
	int (*unlink)(const char *path);
	/* What a path leads to; the path itself where it is a link; what is open. */
	int (*stat)(const char *path, struct stat *st);
	int (*lstat)(const char *path, struct stat *st);
	int (*fstat)(int fd, struct stat *st);
	int (*mkdir)(const char *path, u32 mode);
	int (*rmdir)(const char *path);
	int (*chmod)(const char *path, u32 mode);
	int (*fchmod)(int fd, u32 mode);
	/* A second number for @fd, @least or above, close-on-exec. */
	int (*dup_above)(int fd, int least);
	/* The calling thread has a table of its own from now on, an empty one: close_range(2). */
	int (*unshare_files)(void);
	/* A folder that is no link, and what it holds: getdents64(2). */
	int (*open_folder)(const char *path);
	long (*read_folder)(int fd, void *buf, size_t len);
	/* Copy @len bytes of our own memory; -EFAULT where some are not there, and no signal. */
	int (*peek)(void *to, uintptr_t from, size_t len);
	/* dlopen() of a library by its name and dlsym() in it; NULL where it is not there. */
	void *(*library)(const char *name);
	void *(*symbol)(void *lib, const char *name);
};

extern struct os_ops os;

extern size_t os_page_size; /* bytes */

static inline bool os_is_err(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)-4095;
}

/*
 * The first bytes of a file of /proc or /sys, at most @len - 1, ended by a 0 byte; returns
 * their number or -errno, also where an error comes in the middle. Usable before the C library
 * is up.
 */
int os_read_file(const char *path, char *buf, size_t len);

/* All @len bytes, in as many pieces as it takes; 0 or -errno. */
int os_write_all(int fd, const char *data, size_t len);

/*
 * Another number for @fd, a high one where that can be. A program may close all numbers that there
 * are, as daemons do, and open a file of its own at the lowest: that is not to be read, written or
 * closed in the place of Lane's. At a high number there is nothing then, and -EBADF.
 */
#define OS_HIGH_FD 200 /* below what select() takes */
int os_out_of_the_way(int fd);

/*
 * Give a mapping back. Where the system refuses, as it may where that takes one more mapping than
 * it allows, the address range is lost, but not the memory.
 */
void os_give_back(void *addr, size_t len);

#endif
