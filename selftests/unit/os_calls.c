// SPDX-License-Identifier: MIT
/*
 * The calls of os.h on the real system, at the edges: files opened where standard streams are
 * closed, few file numbers, memory that is not there, calls that a filter refuses. And what is
 * built on them: buffers of pages that cannot grow, zlib that is missing or refuses.
 */
#include "failing_os.h"

#include "../api/filter.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <zlib.h>

#include "conf.h"
#include "gzip.h"
#include "layout.h"
#include "meta.h"
#include "own_fd.h"
#include "page_buf.h"
#include "space.h"

static char dir[] = "/tmp/lane-os-XXXXXX";

/* @fn in a process of its own; what it returns ends it. */
static bool apart(bool (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(fn() ? 0 : 1);
	waitpid(pid, &status, 0);
	return status == 0;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The numbers of the standard streams stay free, whichever of them are closed. */
static bool opens_above(void)
{
	char path[64];
	bool right = true;

	snprintf(path, sizeof(path), "%s/file", dir);
	for (int closed = 1; closed < 8; closed++) {
		int fd[3];

		for (int i = 0; i < 3; i++) {
			if (closed >> i & 1)
				close(i);
		}
		fd[0] = os.open_read("/proc/self/stat");
		fd[1] = os.open_folder("/proc");
		fd[2] = os.create(path);
		for (int i = 0; i < 3; i++) {
			right &= fd[i] > STDERR_FILENO && fcntl(fd[i], F_GETFD) == FD_CLOEXEC;
			right &= is_open(i) == !(closed >> i & 1);
			close(fd[i]);
		}
		right &= os.create(path) == -EEXIST && os.unlink(path) == 0;
		for (int i = 0; i < 3; i++) {
			if (closed >> i & 1)
				right &= open("/dev/null", O_RDWR) == i;
		}
	}
	return right;
}

/* Two numbers are allowed, and both are those of standard streams. */
static bool opens_few(void)
{
	struct rlimit two = {2, 2};
	struct own_fd own = {.fd = -1};

	close(0);
	close(1);
	close(2);
	setrlimit(RLIMIT_NOFILE, &two);
	return os.open_read("/proc/self/stat") == -EINVAL && os.create("/tmp/x") == -EMFILE &&
	       own_fd_take(&own, open("/dev/null", O_RDONLY)) == -EMFILE && own.fd == -1 &&
	       !is_open(0) && !is_open(1);
}

/* Above 2, but not as high as one would have it. */
static bool takes_low(void)
{
	struct rlimit ten = {10, 10};
	struct own_fd own = {.fd = -1};

	close(0);
	setrlimit(RLIMIT_NOFILE, &ten);
	return own_fd_take(&own, open("/dev/null", O_RDONLY)) == 0 && own.fd > STDERR_FILENO &&
	       !is_open(0) && own_fd_valid(&own);
}

static int no_fstat(int fd, struct stat *st)
{
	(void)fd, (void)st;
	return -EIO;
}

static bool takes_none(void)
{
	struct own_fd own = {.fd = -1};
	int fd = open("/dev/null", O_RDONLY);

	os.fstat = no_fstat;
	return own_fd_take(&own, fd) == -EIO && own.fd == -1 && !is_open(fd) && !is_open(200);
}

/* Some of the memory is there: from its last page into the hole behind. */
static bool peeks(void)
{
	size_t page = os_page_size;
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char to[64];

	munmap(p + page, page);
	memset(p, 7, page);
	return os.peek(to, (uintptr_t)p, sizeof(to)) == 0 && to[63] == 7 &&
	       os.peek(to, (uintptr_t)p + page, 8) == -EFAULT &&
	       os.peek(to, (uintptr_t)p + page - 8, 64) == -EFAULT;
}

static bool refuses(int nr)
{
	return filter_calls(&nr, 1, SECCOMP_RET_ERRNO | EPERM) == 0;
}

static bool no_policy(void)
{
	return refuses(SYS_get_mempolicy) && os.policy() == MPOL_DEFAULT && os.allowed_nodes() == 0;
}

static bool no_affinity(void)
{
	u8 mask[1024];

	return refuses(SYS_sched_getaffinity) && os.cpu_mask_bits() == 1024 &&
	       os.get_cpus(mask, sizeof(mask)) == -EPERM;
}

static bool no_limit_known(void)
{
	return refuses(SYS_prlimit64) && os.address_space_limit() == ~0ULL &&
	       os.address_space_left() == ~0ULL;
}

static bool no_release(void)
{
	char text[65];

	return refuses(SYS_uname) && os.release(text, sizeof(text)) == -EPERM;
}

static void test_system(void)
{
	char text[65], shorter[4];
	struct utsname u;
	void *page = os.map(os_page_size, PROT_READ | PROT_WRITE);
	bool right = uname(&u) == 0;

	ksft_test_result(apart(opens_above), "files: never at the number of a standard stream");
	ksft_test_result(apart(opens_few),
			 "files: where there is no other number, -EMFILE or -EINVAL");
	ksft_test_result(apart(takes_low),
			 "a descriptor of Lane's own: above 2 where few are allowed");
	ksft_test_result(apart(takes_none), "a descriptor that cannot be looked at is closed");
	ksft_test_result(apart(peeks), "memory that is not there gives -EFAULT, also in part");
	ksft_test_result(apart(no_policy), "get_mempolicy refused: the default, nodes not known");
	ksft_test_result(apart(no_affinity), "sched_getaffinity refused: 1024 CPUs at most");
	ksft_test_result(apart(no_limit_known), "getrlimit refused: address space has no limit");
	ksft_test_result(apart(no_release), "uname refused: no release");
	right &= !os.release(text, sizeof(text)) && !strcmp(text, u.release);
	right &= !os.release(shorter, sizeof(shorter)) && !strncmp(shorter, u.release, 3) &&
		 !shorter[3];
	right &= os.policy() == MPOL_DEFAULT; /* nobody has set one */
	ksft_test_result(right, "the kernel's release, cut to what there is room for");
	right = os.bind(page, os_page_size, -1) == -EINVAL &&
		os.bind(page, os_page_size, 1024) == -EINVAL &&
		os.bind((char *)page + 1, os_page_size, 0) == -EINVAL;
	/* Where there is mbind at all; containers may refuse it. */
	if (syscall(SYS_mbind, page, os_page_size, MPOL_DEFAULT, NULL, 0, 0) == 0)
		right &= os.bind(page, os_page_size, 0) == 0;
	os.unmap(page, os_page_size);
	ksft_test_result(right, "mbind of a node that cannot be, of what is no page");
}

static void test_memory(void)
{
	struct page_buf b = {0};
	bool right;

	right = !page_buf_room(&b, SIZE_MAX / 2) && b.err == -ENOMEM;
	page_buf_put(&b, "text", 4);
	page_buf_printf(&b, "%s", "text");
	right &= b.len == 0 && b.err == -ENOMEM;
	page_buf_free(&b);
	page_buf_printf(&b, "%d", 17);
	right &= b.len == 2 && !b.err && !memcmp(b.data, "17", 2);
	page_buf_free(&b);
	ksft_test_result(right, "a count of bytes gone wrong is an error, which stays");
	ksft_test_result(!meta_alloc(SIZE_MAX / 2, 64) && meta_alloc(64, 64),
			 "more of Lane's own memory than was set aside is none");
	ksft_test_result(lane_node_of((void *)(space.base + space.home_bytes - 64)) == -EINVAL &&
				 lane_node_of(&b) == -EINVAL,
			 "an address of the heap that was never open belongs to no node");
}

/* The limit is less than what is mapped; mprotect() would not mind. */
static bool limited(void)
{
	struct rlimit limit = {MIB(64), MIB(64)};
	void *p;

	setrlimit(RLIMIT_AS, &limit);
	p = lane_malloc(MIB(10));
	errno = 0;
	return p && !lane_malloc(MIB(200)) && errno == ENOMEM && unit_books_right();
}

/* The CRC and the length at the end, and the head, of a gzip file. */
static bool is_gzip(const struct page_buf *b, const char *data, size_t len)
{
	static char out[300000];
	z_stream z = {.next_in = (Bytef *)b->data,
		      .avail_in = (uInt)b->len,
		      .next_out = (Bytef *)out,
		      .avail_out = sizeof(out)};
	int (*init)(z_stream *, int, const char *, int);
	int (*run)(z_stream *, int);
	void *lib = real_os.library("libz.so.1");

	if (!lib) /* then what Lane stores is all that can be looked at */
		return b->len > len && !memcmp(b->data, "\x1f\x8b", 2);
	*(void **)&init = real_os.symbol(lib, "inflateInit2_");
	*(void **)&run = real_os.symbol(lib, "inflate");
	return init(&z, 15 + 16, ZLIB_VERSION, (int)sizeof(z)) == Z_OK &&
	       run(&z, Z_FINISH) == Z_STREAM_END && z.total_out == len && !memcmp(out, data, len);
}

static void *no_library(const char *name)
{
	(void)name;
	return NULL;
}

/* deflateInit2_() of a zlib that wants more memory than any did, and takes the refusal well. */
static int greedy_init(z_stream *z)
{
	return z->zalloc(z->opaque, 1, 60000) && !z->zalloc(z->opaque, 1000, 2000) ? Z_MEM_ERROR
										   : Z_OK;
}

static void *greedy_symbol(void *lib, const char *name)
{
	if (!strcmp(name, "deflateInit2_"))
		return (void *)(uintptr_t)greedy_init;
	return real_os.symbol(lib, name);
}

static void *lacking_symbol(void *lib, const char *name)
{
	return strcmp(name, "deflateBound") ? real_os.symbol(lib, name) : NULL;
}

static char data[200000];

static bool compresses(void)
{
	struct page_buf b = {0};

	gzip_compress(&b, data, sizeof(data));
	return is_gzip(&b, data, sizeof(data));
}

static bool without_zlib(void)
{
	os.library = no_library;
	conf.verbose = true;
	return compresses() && compresses();
}

static bool with_greedy_zlib(void)
{
	os.symbol = greedy_symbol;
	return compresses() && unit_books_right();
}

static bool with_old_zlib(void)
{
	os.symbol = lacking_symbol;
	return compresses();
}

static bool says_nothing_wrong(void)
{
	return !os.library("liblane-is-not-installed.so.1") && !dlerror() &&
	       !os.symbol(RTLD_DEFAULT, "lane_no_such_function") && !dlerror();
}

static void test_zlib(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i % 251 * (i / 1000));
	ksft_test_result(apart(compresses), "a gzip file, where zlib is there");
	ksft_test_result(apart(without_zlib), "a gzip file of stored blocks, where it is not");
	ksft_test_result(apart(with_greedy_zlib), "or where it takes more memory than it should");
	ksft_test_result(apart(with_old_zlib), "or lacks a function");
	ksft_test_result(apart(says_nothing_wrong),
			 "what is missing is not said to the program by dlerror()");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(20);
	lane_free(lane_malloc(1));
	if (!mkdtemp(dir))
		ksft_exit_fail_msg("%s: %s", dir, strerror(errno));
	test_system();
	test_memory();
	ksft_test_result(apart(limited), "RLIMIT_AS set later holds for the heap");
	test_zlib();
	rmdir(dir);
	ksft_finished();
}
