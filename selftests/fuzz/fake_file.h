/* SPDX-License-Identifier: MIT */
/*
 * fake_file.h - a file of /proc or /sys whose text is the input's, in the table of system calls:
 * read in pieces, with interruptions, and broken off by an error. What a read did not fill may not
 * be looked at (AddressSanitizer).
 */
#ifndef LANE_FAKE_FILE_H
#define LANE_FAKE_FILE_H

#include <errno.h>
#include <sanitizer/asan_interface.h>

#include "fuzz.h"
#include "os.h"

#define FAKE_FD 100000

static struct {
	const char *path; /* NULL: there is none */
	const char *text;
	size_t len, at;
	size_t step;   /* bytes that one read gives */
	size_t broken; /* where a read fails; at @len or beyond: nowhere */
	bool interrupted, open;
} fake;

static struct os_ops real_os;

static int fake_open_read(const char *path)
{
	if (!fake.path || strcmp(path, fake.path) != 0)
		return -ENOENT;
	must(!fake.open, "a file is opened twice");
	fake.open = true;
	fake.at = 0;
	return FAKE_FD;
}

static long fake_read(int fd, void *buf, size_t len)
{
	size_t n = min(min(len, fake.step), fake.len - fake.at);

	must(fd == FAKE_FD && fake.open && len > 0, "a read of no file");
	fake.interrupted = !fake.interrupted;
	if (!fake.interrupted)
		return -EINTR;
	if (fake.at >= fake.broken && fake.broken < fake.len)
		return -EIO;
	ASAN_UNPOISON_MEMORY_REGION(buf, len);
	memcpy(buf, fake.text + fake.at, n);
	if (n < len) {
		((char *)buf)[n] = 'f'; /* where a reader may put its 0 */
		ASAN_POISON_MEMORY_REGION((char *)buf + n + 1, len - n - 1);
	}
	fake.at += n;
	return (long)n;
}

static int fake_close(int fd)
{
	must(fd == FAKE_FD && fake.open, "a file is closed twice");
	fake.open = false;
	return 0;
}

static int fake_unmap(void *addr, size_t len)
{
	ASAN_UNPOISON_MEMORY_REGION(addr, len);
	return real_os.unmap(addr, len);
}

static inline void fake_install(void)
{
	real_os = os;
	os.open_read = fake_open_read;
	os.read = fake_read;
	os.close = fake_close;
	os.unmap = fake_unmap;
}

/* The file is there from now on: @text, which stays the caller's. */
static inline void fake_file(const char *path, const char *text, size_t len, struct input *how)
{
	u8 flags = byte(how);

	fake.path = path;
	fake.text = text;
	fake.len = len;
	fake.step = flags & 1 ? byte(how) + 1u : SIZE_MAX;
	fake.broken = flags & 2 ? number(how) % (len + 1) : SIZE_MAX;
	fake.interrupted = flags & 4;
}

#endif /* LANE_FAKE_FILE_H */
