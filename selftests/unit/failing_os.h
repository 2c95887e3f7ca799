/* SPDX-License-Identifier: MIT */
/*
 * failing_os.h - the os table with a chosen call failing: the nth one, or all
 * from the nth on. It is in place before Lane starts, and passes all calls on
 * until failing_from() is called. FAIL_START=n[+][p] makes it fail from the
 * first call of the process, so that starting is tested too.
 */
#ifndef LANE_FAILING_OS_H
#define LANE_FAILING_OS_H

#include "unit.h"

#include <linux/membarrier.h>
#include <sys/mman.h>

#include "os.h"

static struct os_ops real_os;
static unsigned int os_calls;  /* since failing_from() */
static unsigned int os_failed; /* of them */
static unsigned int os_fail_at;
static bool os_fail_on;	     /* and all that follow */
static bool os_fail_protect; /* only what makes writable is counted: address space, but no memory */

static inline void failing_from(unsigned int n, bool and_on)
{
	os_calls = 0;
	os_failed = 0;
	os_fail_at = n;
	os_fail_on = and_on;
}

static inline bool os_fails(bool writable)
{
	bool fails;

	if (!os_fail_at || (os_fail_protect && !writable))
		return false;
	os_calls++;
	fails = os_calls == os_fail_at || (os_fail_on && os_calls > os_fail_at);
	os_failed += fails;
	return fails;
}

static void *failing_map(size_t len, int prot)
{
	return os_fails(false) ? (void *)(intptr_t)-ENOMEM : real_os.map(len, prot);
}

static int failing_protect(void *addr, size_t len, int prot)
{
	return os_fails(prot & PROT_WRITE) ? -ENOMEM : real_os.protect(addr, len, prot);
}

static int failing_advise(void *addr, size_t len, int advice)
{
	return os_fails(false) ? -EAGAIN : real_os.advise(addr, len, advice);
}

static int failing_bind(void *addr, size_t len, int node)
{
	return os_fails(false) ? -EPERM : real_os.bind(addr, len, node);
}

/* Only the registration may be refused: what worked once does not fail later. */
static int failing_membarrier(int cmd)
{
	if (cmd == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ && os_fails(false))
		return -ENOSYS;
	return real_os.membarrier(cmd);
}

/* Before Lane's own constructor, which has no priority. */
__attribute__((constructor(101))) static void failing_install(void)
{
	const char *text = getenv("FAIL_START");

	real_os = os;
	os.map = failing_map;
	os.protect = failing_protect;
	os.advise = failing_advise;
	os.bind = failing_bind;
	os.membarrier = failing_membarrier;
	os_fail_protect = text && strchr(text, 'p');
	if (text)
		failing_from((unsigned int)strtoul(text, NULL, 10), strchr(text, '+') != NULL);
}

#endif /* LANE_FAILING_OS_H */
