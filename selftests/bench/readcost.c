// SPDX-License-Identifier: MIT
/*
 * What a reading of a file costs from open to close, of this process itself
 * while it is otherwise idle: in the process, over its socket, and through
 * lanefs where a mount point is given. For machines without an interpreter;
 * scripts/bench-views runs it in the guest. readcost SCALE [MOUNT]
 */
#include "bench.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#define READS 1000
#define WARM 20

static ssize_t (*proc_read)(const char *, char *, size_t);
static char text[1 << 20], path[128];
static const char *file;

/* Bytes to the end of @fd, which is closed. */
static size_t take_all(int fd)
{
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		die("cannot open");
	while ((n = read(fd, text + have, sizeof(text) - have)) > 0)
		have += (size_t)n;
	close(fd);
	return have;
}

static size_t by_call(void)
{
	return (size_t)proc_read(file, text, sizeof(text));
}

static size_t by_socket(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/lane/%d.sock", getenv("XDG_RUNTIME_DIR"),
		 (int)getpid());
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("the process does not serve in $XDG_RUNTIME_DIR (LANE_CONF=serve:true)");
	dprintf(fd, "read %s\n", file);
	return take_all(fd);
}

static size_t by_lanefs(void)
{
	return take_all(open(path, O_RDONLY | O_CLOEXEC));
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void measure(const char *how, size_t (*fetch)(void), size_t reads)
{
	static uint64_t ns[READS];
	char name[64];
	size_t len = 0;

	for (size_t i = 0; i < WARM + reads; i++) {
		uint64_t start = now_ns();

		len = fetch();
		if (!len || len == SIZE_MAX)
			die("nothing was read");
		if (i >= WARM)
			ns[i - WARM] = now_ns() - start;
	}
	qsort(ns, reads, sizeof(*ns), by_value);
	snprintf(name, sizeof(name), "%s.%s.median", file, how);
	put(name, (double)ns[reads / 2] / 1e3, "us");
	snprintf(name, sizeof(name), "%s.%s.p99", file, how);
	put(name, (double)ns[reads * 99 / 100] / 1e3, "us");
}

int main(int argc, char **argv)
{
	static const char *const files[] = {"heapinfo", "all"};
	size_t reads = scaled(arg_scale(argc, argv), READS);

	*(void **)&proc_read = dlsym(RTLD_DEFAULT, "lane_proc_read");
	if (!proc_read)
		die("this is not Lane");
	if (reads > READS)
		reads = READS;
	sleep_ms(200); /* the service has made its socket */
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		file = files[i];
		measure("call", by_call, reads);
		measure("socket", by_socket, reads);
		if (argc > 2) {
			snprintf(path, sizeof(path), "%s/%d/%s", argv[2], (int)getpid(), file);
			measure("lanefs", by_lanefs, reads);
		}
	}
	return 0;
}
