/* SPDX-License-Identifier: MIT */
/*
 * failing_os.h - the tables of system calls with a chosen call failing: the nth one, or all from
 * the nth on. It is in place before Lane starts, and passes all calls on until it is told
 * otherwise. FAIL_START=n[+][p][/] makes it fail from the first call of the process, so that
 * starting is tested too: + all that follow, p only what makes memory writable, / each call's
 * second error.
 *
 * A call fails with an error that the kernel can give it. What cannot fail for a descriptor of
 * one's own (fstat, shutdown) does not, nor does waitpid. EINTR comes once, as nobody is
 * interrupted for ever.
 */
#ifndef LANE_FAILING_OS_H
#define LANE_FAILING_OS_H

#include "unit.h"

#include <linux/membarrier.h>
#include <sys/mman.h>

#include "os.h"
#include "os_net.h"

static struct os_ops real_os;
static struct os_net_ops real_os_net;

/* Since the failures were asked for; atomic, and shared with children that are forked meanwhile. */
static struct os_count {
	unsigned int calls;
	unsigned int failed;
	const char *first; /* of those that failed */
} * os_count;
#define os_failed __atomic_load_n(&os_count->failed, __ATOMIC_SEQ_CST)

static unsigned int os_fail_at;
static bool os_fail_on;	     /* and all that follow */
static bool os_fail_protect; /* only what makes writable is counted: address space, but no memory */
static bool os_fail_all;     /* not only what is about memory */
static bool os_fail_second;  /* with the second error; calls that have none are not counted */

/* What is mapped by the table's calls, and what was to be unmapped and was refused, bytes; atomic.
 */
static int64_t os_mapped, os_refused;

/* A count of this process' own. */
static inline void failures_apart(void)
{
	os_count = mmap(NULL, sizeof(*os_count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
}

static inline void failures(unsigned int n, bool and_on, bool all, bool second)
{
	__atomic_store_n(&os_fail_at, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&os_count->calls, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&os_count->failed, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&os_count->first, NULL, __ATOMIC_SEQ_CST);
	WRITE_ONCE(os_fail_on, and_on);
	WRITE_ONCE(os_fail_all, all);
	WRITE_ONCE(os_fail_second, second);
	__atomic_store_n(&os_fail_at, n, __ATOMIC_SEQ_CST);
}

/* The first call that failed, "" for none. */
static inline const char *os_first_failed(void)
{
	const char *first = __atomic_load_n(&os_count->first, __ATOMIC_SEQ_CST);

	return first ? first : "";
}

/* No more fail; what was counted stays. */
static inline void failures_end(void)
{
	__atomic_store_n(&os_fail_at, 0, __ATOMIC_SEQ_CST);
}

/* Memory is refused: the nth time, or from then on. 0: no more. */
static inline void failing_from(unsigned int n, bool and_on)
{
	failures(n, and_on, false, false);
}

/* Does this call fail? 0, or the error that it gives. */
static inline int os_fails(const char *call, int err, int second, bool memory)
{
	unsigned int at = __atomic_load_n(&os_fail_at, __ATOMIC_SEQ_CST), n;

	if (READ_ONCE(os_fail_second))
		err = second;
	if (!at || !err || (!memory && !READ_ONCE(os_fail_all)))
		return 0;
	n = __atomic_add_fetch(&os_count->calls, 1, __ATOMIC_SEQ_CST);
	if (n != at && !(READ_ONCE(os_fail_on) && n > at && err != EINTR))
		return 0;
	if (!__atomic_fetch_add(&os_count->failed, 1, __ATOMIC_SEQ_CST))
		__atomic_store_n(&os_count->first, call, __ATOMIC_SEQ_CST);
	return -err;
}

static void *failing_map(size_t len, int prot)
{
	long err = READ_ONCE(os_fail_protect) ? 0 : os_fails("mmap", ENOMEM, 0, true);
	void *p = err ? (void *)err : real_os.map(len, prot);

	if (!os_is_err(p))
		__atomic_fetch_add(&os_mapped, (int64_t)len, __ATOMIC_SEQ_CST);
	return p;
}

static int failing_unmap(void *addr, size_t len)
{
	int err = READ_ONCE(os_fail_all) ? os_fails("munmap", ENOMEM, 0, false) : 0;

	__atomic_fetch_sub(err ? &os_refused : &os_mapped, err ? -(int64_t)len : (int64_t)len,
			   __ATOMIC_SEQ_CST);
	return err ? err : real_os.unmap(addr, len);
}

static int failing_protect(void *addr, size_t len, int prot)
{
	int err = READ_ONCE(os_fail_protect) && !(prot & PROT_WRITE)
			  ? 0
			  : os_fails("mprotect", ENOMEM, 0, true);

	return err ? err : real_os.protect(addr, len, prot);
}

static int failing_advise(void *addr, size_t len, int advice)
{
	int err = READ_ONCE(os_fail_protect) ? 0 : os_fails("madvise", EAGAIN, ENOMEM, true);

	return err ? err : real_os.advise(addr, len, advice);
}

static int failing_bind(void *addr, size_t len, int node)
{
	int err = READ_ONCE(os_fail_protect) ? 0 : os_fails("mbind", EPERM, ENOMEM, true);

	return err ? err : real_os.bind(addr, len, node);
}

/* What worked once is refused later by a filter (EPERM), or for want of a mask (ENOMEM). */
static int failing_membarrier(int cmd)
{
	int err = 0;

	if (cmd == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
		err = READ_ONCE(os_fail_protect) ? 0 : os_fails("membarrier", ENOSYS, ENOMEM, true);
	else if (READ_ONCE(os_fail_all))
		err = os_fails("membarrier", EPERM, ENOMEM, false);
	return err ? err : real_os.membarrier(cmd);
}

/* The descriptor is gone all the same, as Linux has it. */
static int failing_close(int fd)
{
	int err = os_fails("close", EIO, EINTR, false), ret = real_os.close(fd);

	return err ? err : ret;
}

#define FAILING(table, name, type, params, args, err, second)                                      \
	static type failing_##name params                                                          \
	{                                                                                          \
		int err_ = os_fails(#name, err, second, false);                                    \
                                                                                                   \
		return err_ ? err_ : real_##table.name args;                                       \
	}

FAILING(os, get_cpus, int, (void *mask, size_t len), (mask, len), EPERM, 0)
FAILING(os, set_cpus, int, (const void *mask, size_t len), (mask, len), EINVAL, 0)
FAILING(os, beside, int, (int (*fn)(void *), void *arg, void *stack), (fn, arg, stack), EAGAIN, 0)
FAILING(os, thread, int,
	(pthread_t * thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg),
	(thread, attr, fn, arg), EAGAIN, EPERM)
FAILING(os, sigaction, int, (int sig, const struct sigaction *act, struct sigaction *old),
	(sig, act, old), EINVAL, 0)
FAILING(os, signal_thread, int, (int tid, int sig), (tid, sig), EAGAIN, 0)
FAILING(os, look_for, int, (int pid), (pid), EPERM, 0)
FAILING(os, open_read, int, (const char *path), (path), EMFILE, ENOENT)
FAILING(os, create, int, (const char *path), (path), EMFILE, EACCES)
FAILING(os, read, long, (int fd, void *buf, size_t len), (fd, buf, len), EIO, EINTR)
FAILING(os, write, long, (int fd, const void *buf, size_t len), (fd, buf, len), ENOSPC, EINTR)
FAILING(os, rename, int, (const char *from, const char *to), (from, to), EACCES, ENOSPC)
FAILING(os, unlink, int, (const char *path), (path), EACCES, 0)
FAILING(os, stat, int, (const char *path, struct stat *st), (path, st), EACCES, ENOMEM)
FAILING(os, lstat, int, (const char *path, struct stat *st), (path, st), EACCES, ENOMEM)
FAILING(os, rmdir, int, (const char *path), (path), EACCES, ENOTEMPTY)
FAILING(os, mkdir, int, (const char *path, u32 mode), (path, mode), EACCES, ENOSPC)
FAILING(os, chmod, int, (const char *path, u32 mode), (path, mode), EPERM, EROFS)
FAILING(os, fchmod, int, (int fd, u32 mode), (fd, mode), EPERM, 0)
FAILING(os, dup_above, int, (int fd, int least), (fd, least), EMFILE, EINVAL)
FAILING(os, unshare_files, int, (void), (), ENOSYS, EPERM)
FAILING(os, open_folder, int, (const char *path), (path), EMFILE, EACCES)
FAILING(os, read_folder, long, (int fd, void *buf, size_t len), (fd, buf, len), EIO, 0)
FAILING(os, peek, int, (void *to, uintptr_t from, size_t len), (to, from, len), EPERM, EFAULT)
FAILING(os_net, socket, int, (void), (), EMFILE, EACCES)
static int failing_bind_socket(int fd, const struct sockaddr_un *addr)
{
	int err = os_fails("bind", EACCES, EADDRINUSE, false);

	return err ? err : real_os_net.bind(fd, addr);
}

FAILING(os_net, listen, int, (int fd, int backlog), (fd, backlog), EADDRINUSE, 0)
FAILING(os_net, connect, int, (int fd, const struct sockaddr_un *addr), (fd, addr), EACCES, EINTR)
FAILING(os_net, accept, int, (int fd), (fd), EMFILE, ECONNABORTED)
FAILING(os_net, peer, int, (int fd, u32 *uid), (fd, uid), ENOBUFS, 0)
FAILING(os_net, receive, long, (int fd, void *buf, size_t len), (fd, buf, len), ECONNRESET, EINTR)
FAILING(os_net, send, long, (int fd, const void *buf, size_t len), (fd, buf, len), EPIPE, EINTR)
FAILING(os_net, signal, int, (int sig), (sig), EMFILE, ENODEV)
FAILING(os_net, wait, int, (struct pollfd * fds, u32 n, int ms), (fds, n, ms), ENOMEM, EINTR)
#undef FAILING

/* As where the library is not installed. */
static void *failing_library(const char *name)
{
	return os_fails("library", ENOENT, 0, false) ? NULL : real_os.library(name);
}

static inline void failing_install_others(void)
{
	os.get_cpus = failing_get_cpus;
	os.set_cpus = failing_set_cpus;
	os.beside = failing_beside;
	os.thread = failing_thread;
	os.sigaction = failing_sigaction;
	os.signal_thread = failing_signal_thread;
	os.look_for = failing_look_for;
	os.open_read = failing_open_read;
	os.create = failing_create;
	os.read = failing_read;
	os.write = failing_write;
	os.close = failing_close;
	os.rename = failing_rename;
	os.unlink = failing_unlink;
	os.stat = failing_stat;
	os.lstat = failing_lstat;
	os.mkdir = failing_mkdir;
	os.rmdir = failing_rmdir;
	os.chmod = failing_chmod;
	os.fchmod = failing_fchmod;
	os.dup_above = failing_dup_above;
	os.unshare_files = failing_unshare_files;
	os.open_folder = failing_open_folder;
	os.read_folder = failing_read_folder;
	os.peek = failing_peek;
	os.library = failing_library;
	os_net.socket = failing_socket;
	os_net.bind = failing_bind_socket;
	os_net.listen = failing_listen;
	os_net.connect = failing_connect;
	os_net.accept = failing_accept;
	os_net.peer = failing_peer;
	os_net.receive = failing_receive;
	os_net.send = failing_send;
	os_net.signal = failing_signal;
	os_net.wait = failing_wait;
}

/* Before Lane's own constructor, which has no priority. */
__attribute__((constructor(101))) static void failing_install(void)
{
	const char *text = getenv("FAIL_START");

	failures_apart();
	real_os = os;
	real_os_net = os_net;
	os.map = failing_map;
	os.unmap = failing_unmap;
	os.protect = failing_protect;
	os.advise = failing_advise;
	os.bind = failing_bind;
	os.membarrier = failing_membarrier;
	failing_install_others();
	WRITE_ONCE(os_fail_protect, text && strchr(text, 'p'));
	if (text)
		failures((unsigned int)strtoul(text, NULL, 10), strchr(text, '+') != NULL,
			 !READ_ONCE(os_fail_protect), strchr(text, '/') != NULL);
}

#endif /* LANE_FAILING_OS_H */
