// SPDX-License-Identifier: MIT
#include "os.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "no_errno.h"

#define CREATE_TRIES 100u

size_t os_page_size = 4096;

static void *os_map(size_t len, int prot)
{
	return (void *)NO_ERRNO(
		mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

static int os_unmap(void *addr, size_t len)
{
	return (int)NO_ERRNO(munmap(addr, len));
}

static int os_protect(void *addr, size_t len, int prot)
{
	return (int)NO_ERRNO(mprotect(addr, len, prot));
}

static int os_advise(void *addr, size_t len, int advice)
{
	return (int)NO_ERRNO(madvise(addr, len, advice));
}

static int os_bind(void *addr, size_t len, int node)
{
	unsigned long mask[16] = {0};

	if (node < 0 || (size_t)node >= sizeof(mask) * 8)
		return -EINVAL;
	mask[node / 64] |= 1UL << (node % 64);
	return (int)NO_ERRNO(syscall(SYS_mbind, addr, len, MPOL_PREFERRED, mask, sizeof(mask) * 8,
				     MPOL_MF_MOVE));
}

static int os_policy(void)
{
	int mode = MPOL_DEFAULT;

	if (NO_ERRNO(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0)) < 0)
		return MPOL_DEFAULT;
	return mode;
}

static u64 os_allowed_nodes(void)
{
	unsigned long mask[16] = {0};

	if (NO_ERRNO(syscall(SYS_get_mempolicy, NULL, mask, sizeof(mask) * 8, NULL,
			     MPOL_F_MEMS_ALLOWED)) < 0)
		return 0;
	return mask[0];
}

static u32 os_cpu_mask_bits(void)
{
	u8 mask[1024];
	long bytes = NO_ERRNO(syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask));

	return bytes > 0 ? (u32)bytes * 8 : 1024;
}

static int os_membarrier(int cmd)
{
	return (int)NO_ERRNO(syscall(SYS_membarrier, cmd, 0, 0));
}

static u64 os_address_space_limit(void)
{
	struct rlimit r;

	if (NO_ERRNO(getrlimit(RLIMIT_AS, &r)) < 0 || r.rlim_cur == RLIM_INFINITY)
		return ~0ULL;
	return r.rlim_cur;
}

static u64 os_address_space_left(void)
{
	u64 limit = os.address_space_limit(), mapped = 0;
	char buf[64];

	if (limit == ~0ULL)
		return limit;
	if (os_read_file("/proc/self/statm", buf, sizeof(buf)) > 0) {
		for (const char *s = buf; *s >= '0' && *s <= '9'; s++)
			mapped = mapped * 10 + (u64)(*s - '0');
	}
	mapped *= os_page_size;
	return limit > mapped ? limit - mapped : 0;
}

static u64 os_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

static u64 os_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static int os_release(char *buf, size_t len)
{
	struct utsname u;
	int err = (int)NO_ERRNO(uname(&u));

	if (!err) {
		strncpy(buf, u.release, len - 1);
		buf[len - 1] = '\0';
	}
	return err;
}

static int os_get_cpus(void *mask, size_t len)
{
	return (int)NO_ERRNO(syscall(SYS_sched_getaffinity, 0, len, mask));
}

static int os_set_cpus(const void *mask, size_t len)
{
	return (int)NO_ERRNO(syscall(SYS_sched_setaffinity, 0, len, mask));
}

static int os_beside(int (*fn)(void *), void *arg, void *stack)
{
	return (int)NO_ERRNO(clone(fn, stack, CLONE_VM | CLONE_FS | CLONE_FILES, arg));
}

static int os_await(int pid)
{
	return (int)NO_ERRNO(waitpid(pid, NULL, __WALL));
}

static int os_close(int fd)
{
	return (int)NO_ERRNO(syscall(SYS_close, fd));
}

static int open_file(const char *path, int flags, int mode)
{
	return (int)NO_ERRNO(syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode));
}

static int os_thread(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	int saved_errno = errno, err = pthread_create(thread, attr, fn, arg);

	errno = saved_errno;
	return -err;
}

static int os_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return (int)NO_ERRNO(sigaction(sig, act, old));
}

/*
 * Not pthread_kill(): it takes a lock of the thread that is asked, which the child of its fork
 * would find taken for ever.
 */
static int os_signal_thread(int tid, int sig)
{
	return (int)NO_ERRNO(syscall(SYS_tgkill, getpid(), tid, sig));
}

static int os_look_for(int pid)
{
	return (int)NO_ERRNO(kill(pid, 0));
}

/* Not at the number of a standard stream, but for a moment. */
static int open_above(const char *path, int flags)
{
	int fd = open_file(path, flags, 0), high;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	high = (int)NO_ERRNO(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
	os_close(fd);
	return high;
}

static int os_open_read(const char *path)
{
	return open_above(path, O_RDONLY);
}

static int os_unlink(const char *path)
{
	return (int)NO_ERRNO(unlink(path));
}

/* What holds the numbers of standard streams, but for what the program has put there since. */
static void let_go(u32 held)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		long flags = held >> fd & 1 ? NO_ERRNO(fcntl(fd, F_GETFL)) : 0;

		if (flags < 0 || flags & O_PATH)
			os_close(fd);
	}
}

/*
 * A file that is written to is not at such a number for a moment: the program may be writing
 * to its standard output, which it has closed. What holds the number meanwhile can be
 * neither read nor written. A bit for each, as the program may close them meanwhile, too.
 */
static int create_once(const char *path)
{
	u32 held = 0;
	int fd;

	while ((fd = open_file("/", O_PATH, 0)) >= 0 && fd <= STDERR_FILENO)
		held |= 1u << fd;
	if (fd >= 0)
		os_close(fd);
	fd = fd < 0 ? fd : open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	let_go(held);
	if (fd >= 0 && fd <= STDERR_FILENO) {
		/* What was held has been closed: the program may have written there. */
		os_close(fd);
		os_unlink(path);
		return -EAGAIN;
	}
	return fd < 0 ? fd : os_out_of_the_way(fd);
}

/* Another thread of ours, which creates one as well, may have held such a number, not we. */
static int os_create(const char *path)
{
	int fd = -EAGAIN;

	for (u32 i = 0; i < CREATE_TRIES && fd == -EAGAIN; i++)
		fd = create_once(path);
	return fd;
}

static long os_read(int fd, void *buf, size_t len)
{
	return NO_ERRNO(syscall(SYS_read, fd, buf, len));
}

static long os_write(int fd, const void *buf, size_t len)
{
	return NO_ERRNO(syscall(SYS_write, fd, buf, len));
}

static int os_rename(const char *from, const char *to)
{
	return (int)NO_ERRNO(rename(from, to));
}

static int os_stat(const char *path, struct stat *st)
{
	return (int)NO_ERRNO(stat(path, st));
}

static int os_lstat(const char *path, struct stat *st)
{
	return (int)NO_ERRNO(lstat(path, st));
}

static int os_fstat(int fd, struct stat *st)
{
	return (int)NO_ERRNO(fstat(fd, st));
}

static int os_mkdir(const char *path, u32 mode)
{
	return (int)NO_ERRNO(mkdir(path, mode));
}

static int os_rmdir(const char *path)
{
	return (int)NO_ERRNO(rmdir(path));
}

static int os_chmod(const char *path, u32 mode)
{
	return (int)NO_ERRNO(chmod(path, mode));
}

static int os_fchmod(int fd, u32 mode)
{
	return (int)NO_ERRNO(fchmod(fd, mode));
}

static int os_dup_above(int fd, int least)
{
	return (int)NO_ERRNO(fcntl(fd, F_DUPFD_CLOEXEC, least));
}

static int os_unshare_files(void)
{
	return (int)NO_ERRNO(syscall(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE));
}

static int os_open_folder(const char *path)
{
	return open_above(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

static long os_read_folder(int fd, void *buf, size_t len)
{
	return NO_ERRNO(syscall(SYS_getdents64, fd, buf, len));
}

static int os_peek(void *to, uintptr_t from, size_t len)
{
	struct iovec local = {to, len}, remote = {(void *)from, len};
	long n = NO_ERRNO(syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0));

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EFAULT;
}

/* What is missing is not the program's error, which dlerror() would say. */
static void *known(void *found)
{
	if (!found)
		dlerror();
	return found;
}

static void *os_library(const char *name)
{
	return known(dlopen(name, RTLD_NOW | RTLD_LOCAL));
}

static void *os_symbol(void *lib, const char *name)
{
	return known(dlsym(lib, name));
}

struct os_ops os = {
	.map = os_map,
	.unmap = os_unmap,
	.protect = os_protect,
	.advise = os_advise,
	.bind = os_bind,
	.policy = os_policy,
	.allowed_nodes = os_allowed_nodes,
	.cpu_mask_bits = os_cpu_mask_bits,
	.membarrier = os_membarrier,
	.address_space_left = os_address_space_left,
	.address_space_limit = os_address_space_limit,
	.now_ms = os_now_ms,
	.now_ns = os_now_ns,
	.release = os_release,
	.get_cpus = os_get_cpus,
	.set_cpus = os_set_cpus,
	.beside = os_beside,
	.await = os_await,
	.thread = os_thread,
	.sigaction = os_sigaction,
	.signal_thread = os_signal_thread,
	.look_for = os_look_for,
	.open_read = os_open_read,
	.create = os_create,
	.read = os_read,
	.write = os_write,
	.close = os_close,
	.rename = os_rename,
	.unlink = os_unlink,
	.stat = os_stat,
	.lstat = os_lstat,
	.fstat = os_fstat,
	.mkdir = os_mkdir,
	.rmdir = os_rmdir,
	.chmod = os_chmod,
	.fchmod = os_fchmod,
	.dup_above = os_dup_above,
	.unshare_files = os_unshare_files,
	.open_folder = os_open_folder,
	.read_folder = os_read_folder,
	.peek = os_peek,
	.library = os_library,
	.symbol = os_symbol,
};

int os_read_file(const char *path, char *buf, size_t len)
{
	int fd = os.open_read(path);
	long n, got = 0;

	if (fd < 0)
		return fd;
	do {
		n = os.read(fd, buf + got, len - 1 - (size_t)got);
		if (n > 0)
			got += n;
	} while ((n > 0 || n == -EINTR) && (size_t)got + 1 < len);
	buf[got] = '\0';
	os.close(fd);
	return n < 0 ? (int)n : (int)got;
}

int os_write_all(int fd, const char *data, size_t len)
{
	while (len) {
		long n = os.write(fd, data, len);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n ? (int)n : -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int os_out_of_the_way(int fd)
{
	int high = os.dup_above(fd, OS_HIGH_FD);

	if (high < 0)
		return fd;
	os.close(fd);
	return high;
}

void os_give_back(void *addr, size_t len)
{
	if (os.unmap(addr, len))
		os.advise(addr, len, MADV_DONTNEED);
}
