// SPDX-License-Identifier: MIT
/*
 * guard_report.c - what a program that touched a guarded object wrongly dies with:
 * one line that says what it did, then where the object was allocated and freed.
 *
 * Context: a signal handler, on a stack that may be small. No lock, no allocation;
 * /proc/self/maps is read for the names of the modules.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bug.h"
#include "guard.h"
#include "os.h"

#define CHUNK 512
#define PATH_BYTES 200

static struct sigaction previous; /* of SIGSEGV, as guard_report_init() found it */

/* What /proc/self/maps says of one mapping. */
struct mapping {
	uintptr_t start, end, offset;
	char path[PATH_BYTES];
};

static uintptr_t parse_hex(const char **s)
{
	uintptr_t v = 0;

	for (;; (*s)++) {
		char c = **s;

		if (c >= '0' && c <= '9')
			v = v << 4 | (uintptr_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uintptr_t)(c - 'a' + 10);
		else
			return v;
	}
}

/* start-end perms offset device inode path */
static void parse_line(const char *line, struct mapping *m)
{
	const char *path = strchr(line, '/');
	size_t n = path ? strlen(path) : 0;

	m->start = parse_hex(&line);
	line++;
	m->end = parse_hex(&line);
	line += 6;
	m->offset = parse_hex(&line);
	n = min(n, (size_t)PATH_BYTES - 1);
	memcpy(m->path, path ? path : "", n);
	m->path[n] = '\0';
}

/* The mapping that @pc lies in; false where there is none, or no /proc. */
static bool find_mapping(uintptr_t pc, struct mapping *m)
{
	int fd = os.open_read("/proc/self/maps");
	char buf[CHUNK], line[PATH_BYTES + 80];
	bool found = false;
	size_t used = 0;
	long n;

	while (fd >= 0 && !found && (n = os.read(fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < n && !found; i++) {
			if (buf[i] != '\n') {
				if (used + 1 < sizeof(line))
					line[used++] = buf[i];
				continue;
			}
			line[used] = '\0';
			used = 0;
			parse_line(line, m);
			found = pc >= m->start && pc < m->end;
		}
	}
	if (fd >= 0)
		os.close(fd);
	return found;
}

static void print_stack(const char *what, const struct prof_stack *stack)
{
	static struct mapping m;

	if (!stack->depth)
		return;
	pr_err("%s:", what);
	for (u32 i = 0; i < stack->depth; i++) {
		void *pc = (void *)stack->pc[i];

		/* A word that is no code: the frame pointers ended before. */
		if (!find_mapping(stack->pc[i], &m))
			break;
		pr_err("  #%u %p %s+%p", i, pc, m.path[0] ? m.path : "?",
		       (void *)(stack->pc[i] - m.start + m.offset));
	}
}

static void print_stacks(const struct guard_slot *s)
{
	print_stack("allocated by", &s->allocated);
	print_stack("freed by", &s->freed);
}

void guard_report_double_free(const struct guard_slot *slot, const void *p)
{
	pr_err("double free of %p", p);
	print_stacks(slot);
	abort();
}

static void report_access(uintptr_t at)
{
	const struct guard_slot *s = guard_slot_of(at);
	uintptr_t object = s->object, end = object + s->size;

	if (READ_ONCE(s->state) == GUARD_UNUSED)
		pr_err("access to %p, beside no guarded object", (void *)at);
	else if (READ_ONCE(s->state) == GUARD_FREED)
		pr_err("access to %p after the %u bytes at %p were freed", (void *)at, s->size,
		       (void *)object);
	else if (at >= end)
		pr_err("access to %p, %zu bytes behind the end of the %u bytes at %p", (void *)at,
		       (size_t)(at - end), s->size, (void *)object);
	else
		pr_err("access to %p, %zu bytes before the %u bytes at %p", (void *)at,
		       (size_t)(object - at), s->size, (void *)object);
	print_stacks(s);
}

/* What is nobody's object, as if this handler were not there. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	const bool sent = info->si_code <= 0; /* by somebody; a fault comes again by itself */
	bool own = previous.sa_flags & SA_SIGINFO ||
		   (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN);

	if (sent && !own && previous.sa_handler == SIG_IGN)
		return;
	if (!own || previous.sa_flags & SA_RESETHAND)
		signal(sig, SIG_DFL);
	if (own && previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(sig, info, context);
	else if (own)
		previous.sa_handler(sig);
	else if (sent)
		raise(sig);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	int saved_errno = errno;

	/* A signal that somebody sent has no address. */
	if (info->si_code > 0 && guard_has(info->si_addr)) {
		report_access((uintptr_t)info->si_addr);
		signal(sig, SIG_DFL); /* the access is done again, and ends the process */
	} else {
		pass_on(sig, info, context);
	}
	errno = saved_errno;
}

void guard_report_init(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault};

	/* Other threads may fault from the moment that it is in place. */
	os.sigaction(SIGSEGV, NULL, &previous);
	sa.sa_mask = previous.sa_mask;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK | (previous.sa_flags & (SA_NODEFER | SA_RESTART));
	os.sigaction(SIGSEGV, &sa, NULL);
}
