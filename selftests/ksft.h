/* SPDX-License-Identifier: MIT */
/*
 * ksft.h - test results as TAP, in the manner of the kernel's selftests.
 *
 * Lines go out by write(2) from a buffer on the stack: printing neither
 * allocates nor takes a lock, so it cannot disturb what is being tested, and
 * nothing is printed twice after a fork.
 */
#ifndef LANE_KSFT_H
#define LANE_KSFT_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KSFT_PASS 0
#define KSFT_FAIL 1
#define KSFT_SKIP 4

#define KSFT_PRINTF(n) __attribute__((format(printf, n, (n) + 1), unused))

static struct {
	unsigned int plan;
	unsigned int pass;
	unsigned int fail;
	unsigned int skip;
} ksft_count;

static inline void ksft_put(const char *prefix, const char *fmt, va_list ap)
{
	char line[1024];
	size_t n = strlen(prefix);
	size_t done = 0;
	int len;

	memcpy(line, prefix, n);
	len = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	if (len > 0)
		n += (size_t)len < sizeof(line) - n - 1 ? (size_t)len : sizeof(line) - n - 2;
	if (n == 0 || line[n - 1] != '\n')
		line[n++] = '\n';
	while (done < n) {
		ssize_t ret = write(STDOUT_FILENO, line + done, n - done);

		if (ret > 0)
			done += (size_t)ret;
		else if (ret < 0 && errno != EINTR)
			break;
	}
}

KSFT_PRINTF(1) static inline void ksft_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ksft_put("", fmt, ap);
	va_end(ap);
}

static inline unsigned int ksft_number(void)
{
	return ksft_count.pass + ksft_count.fail + ksft_count.skip;
}

static inline void ksft_print_header(void)
{
	ksft_line("TAP version 13");
}

static inline void ksft_set_plan(unsigned int n)
{
	ksft_count.plan = n;
	ksft_line("1..%u", n);
}

/* A line that says more about what follows or what went before. */
KSFT_PRINTF(1) static inline void ksft_print_msg(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	ksft_put("# ", fmt, ap);
	va_end(ap);
	errno = saved;
}

/* Count one result; returns @cond, so that a test can stop early. */
KSFT_PRINTF(2) static inline bool ksft_test_result(bool cond, const char *fmt, ...)
{
	char prefix[32];
	va_list ap;

	if (cond)
		ksft_count.pass++;
	else
		ksft_count.fail++;
	snprintf(prefix, sizeof(prefix), "%s %u - ", cond ? "ok" : "not ok", ksft_number());
	va_start(ap, fmt);
	ksft_put(prefix, fmt, ap);
	va_end(ap);
	return cond;
}

/* Skip one test of the plan; the text is the reason. */
KSFT_PRINTF(1) static inline void ksft_test_result_skip(const char *fmt, ...)
{
	char prefix[32];
	va_list ap;

	ksft_count.skip++;
	snprintf(prefix, sizeof(prefix), "ok %u # SKIP ", ksft_number());
	va_start(ap, fmt);
	ksft_put(prefix, fmt, ap);
	va_end(ap);
}

/* Skip the whole program; before ksft_set_plan() only. */
KSFT_PRINTF(1) static inline void __attribute__((noreturn)) ksft_exit_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ksft_put("1..0 # SKIP ", fmt, ap);
	va_end(ap);
	exit(KSFT_SKIP);
}

/* Give up: what the test needs is not there although it must be. */
KSFT_PRINTF(1) static inline void __attribute__((noreturn)) ksft_exit_fail_msg(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ksft_put("Bail out! ", fmt, ap);
	va_end(ap);
	exit(KSFT_FAIL);
}

static inline void __attribute__((noreturn)) ksft_finished(void)
{
	bool good = ksft_count.fail == 0 && ksft_number() == ksft_count.plan;

	if (ksft_number() != ksft_count.plan)
		ksft_print_msg("planned %u tests, ran %u", ksft_count.plan, ksft_number());
	ksft_print_msg("Totals: pass:%u fail:%u skip:%u", ksft_count.pass, ksft_count.fail,
		       ksft_count.skip);
	exit(good ? KSFT_PASS : KSFT_FAIL);
}

/* The seed of a random test: from SEED, else from the clock; printed. */
static inline uint64_t ksft_seed(void)
{
	const char *text = getenv("SEED");
	struct timespec ts;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &ts);
	seed = text ? strtoull(text, NULL, 0) : (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	ksft_print_msg("SEED=%llu", (unsigned long long)seed);
	return seed;
}

/* xorshift64*: @state must not be 0, so seed it with ksft_seed() | 1. */
static inline uint64_t ksft_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

/* QUICK=1 (selftests/run --quick) asks for short runs. */
static inline bool ksft_quick(void)
{
	const char *text = getenv("QUICK");

	return text && *text && strcmp(text, "0") != 0;
}

/*
 * Seconds after which a test gives up on what has no limit of its own: more on a machine that
 * is slow, by the factor SLOWER.
 */
static inline double ksft_patience(double seconds)
{
	const char *text = getenv("SLOWER");
	double factor = text ? strtod(text, NULL) : 1;

	return seconds * (factor > 1 ? factor : 1);
}

/* Of @n rounds that take long where a process has the CPU for itself, fewer by that factor; some.
 */
static inline int ksft_rounds(int n)
{
	int fewer = (int)(n / ksft_patience(1));

	return fewer > 5 ? fewer : n < 5 ? n : 5;
}

static inline double ksft_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

#endif /* LANE_KSFT_H */
