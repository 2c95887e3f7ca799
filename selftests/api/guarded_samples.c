// SPDX-License-Identifier: MIT
/*
 * With guard_rate set, a read or write beyond a sampled object, or after its free,
 * ends the program at once, with a line that says what was done and the stacks that
 * allocated and freed the object. Correct programs notice nothing, the counts
 * include guarded objects, and a program's own handler of SIGSEGV still runs.
 */
#include "same_as_walk.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SIZE 1000
#define REPORT 16384

extern void *_Znwm(size_t size);

typedef void *allocator(size_t size);

/* Each allocates in a function of its own, whose frame must come first in the report. */
#define ALLOCATOR(name, call)                                                                      \
	static __attribute__((noinline)) void *name(size_t size)                                   \
	{                                                                                          \
		void *p = call;                                                                    \
		__asm__ volatile("" : "+r"(p) : : "memory");                                       \
		return p;                                                                          \
	}

static inline __attribute__((always_inline)) void *aligned(size_t size)
{
	void *p = NULL;

	return posix_memalign(&p, 64, size) ? NULL : p;
}

ALLOCATOR(by_malloc, malloc(size))
ALLOCATOR(by_calloc, calloc(1, size))
ALLOCATOR(by_realloc, realloc(NULL, size))
ALLOCATOR(by_memalign, memalign(16, size))
ALLOCATOR(by_new, _Znwm(size))
ALLOCATOR(by_aligned, aligned(size))

static __attribute__((noinline)) void freeing(void *p)
{
	free(p);
	__asm__ volatile("" : : : "memory");
}

/* A guarded object: none of the heap's nodes has it. */
static char *guarded(allocator *get_one, size_t size)
{
	for (int i = 0; i < 100000; i++) {
		char *p = get_one(size);

		if (lane_node_of(p) < 0)
			return p;
		free(p);
	}
	_exit(99);
}

static void touch(volatile char *p)
{
	__asm__ volatile("" : "+r"(p));
	*p = 1;
}

struct deed {
	const char *name;
	allocator *get;
	bool stack; /* the report has one */
	void (*act)(char *p);
	const char *line; /* %A: access, %O: object */
	long at;	  /* the access, from the object */
	bool frees;
	int signal;
};

static void overflow(char *p)
{
	touch(p + SIZE + 8); /* the object's end is 16-byte aligned */
}

static void behind(char *p)
{
	touch(p + SIZE + 100);
}

static void read_behind(char *p)
{
	__asm__ volatile("" : : "r"(*(volatile char *)(p + SIZE + 8)));
}

static void after_free(char *p)
{
	freeing(p);
	touch(p + 5);
}

static void twice(char *p)
{
	freeing(p);
	freeing(p);
}

static void inside(char *p)
{
	free(p + 16);
}

static void resize_freed(char *p)
{
	freeing(p);
	p = realloc(p, 2000);
	__asm__ volatile("" : : "r"(p));
}

static void resized(char *p)
{
	char *moved = realloc(p, SIZE - 200);

	__asm__ volatile("" : : "r"(moved));
	touch(p + 5);
}

#define BEHIND_8 "lane: access to %A, 8 bytes behind the end of the 1000 bytes at %O"

static const struct deed deeds[] = {
	{"an overflow", by_malloc, true, overflow, BEHIND_8, SIZE + 8, false, SIGSEGV},
	{"an overflow far behind", by_malloc, true, behind,
	 "lane: access to %A, 100 bytes behind the end of the 1000 bytes at %O", SIZE + 100, false,
	 SIGSEGV},
	{"a read behind the end", by_malloc, true, read_behind, BEHIND_8, SIZE + 8, false, SIGSEGV},
	{"an overflow, calloc", by_calloc, true, overflow, BEHIND_8, SIZE + 8, false, SIGSEGV},
	{"an overflow, realloc", by_realloc, true, overflow, BEHIND_8, SIZE + 8, false, SIGSEGV},
	{"an overflow, memalign", by_memalign, true, overflow, BEHIND_8, SIZE + 8, false, SIGSEGV},
	{"an overflow, operator new", by_new, true, overflow, BEHIND_8, SIZE + 8, false, SIGSEGV},
	{"an overflow, posix_memalign", by_aligned, true, behind,
	 "lane: access to %A, 100 bytes behind the end of the 1000 bytes at %O", SIZE + 100, false,
	 SIGSEGV},
	{"use after free", by_malloc, true, after_free,
	 "lane: access to %A after the 1000 bytes at %O were freed", 5, true, SIGSEGV},
	{"a double free", by_malloc, true, twice, "lane: double free of %O", 0, true, SIGABRT},
	{"a free inside", by_malloc, false, inside,
	 "lane: free of %A, which is inside an object or a free page", 16, false, SIGABRT},
	{"realloc after free", by_malloc, false, resize_freed,
	 "lane: realloc of %O, which is inside an object or a free page", 0, false, SIGABRT},
	{"use after a realloc to less", by_malloc, true, resized,
	 "lane: access to %A after the 1000 bytes at %O were freed", 5, false, SIGSEGV},
};

/* The child: names the object on stdout. */
static void do_deed(const struct deed *d)
{
	char *p = guarded(d->get, SIZE), text[32];
	int n = snprintf(text, sizeof(text), "%p", (void *)p);

	if (write(1, text, (size_t)n) != n)
		_exit(98);
	memset(p, 7, SIZE);
	d->act(p);
	_exit(0);
}

static int run(const struct deed *d, char *report, char **object)
{
	static char named[32];
	int err[2], out[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(err) || pipe(out))
		ksft_exit_fail_msg("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		dup2(err[1], 2);
		dup2(out[1], 1);
		do_deed(d);
	}
	close(err[1]);
	close(out[1]);
	while (used + 1 < REPORT && (n = read(err[0], report + used, REPORT - used - 1)) > 0)
		used += (size_t)n;
	report[used] = '\0';
	n = read(out[0], named, sizeof(named) - 1);
	named[n > 0 ? n : 0] = '\0';
	*object = (char *)strtoull(named, NULL, 16);
	close(err[0]);
	close(out[0]);
	waitpid(pid, &status, 0);
	return status;
}

static void expand(const char *line, char *out, size_t room, const char *object, long at)
{
	size_t used = 0;

	for (; *line && used + 24 < room; line++) {
		if (*line != '%')
			out[used++] = *line;
		else if (*++line == 'A')
			used += (size_t)snprintf(out + used, 24, "%p", (void *)(object + at));
		else
			used += (size_t)snprintf(out + used, 24, "%p", (void *)object);
	}
	out[used] = '\0';
}

/* Whether frame #0 below @head lies in the small function @fn. */
static bool first_frame_in(const char *report, const char *head, const void *fn)
{
	const char *at = strstr(report, head), *frame = at ? strstr(at, "#0 ") : NULL;
	uintptr_t pc = frame ? strtoull(frame + 3, NULL, 16) : 0;

	return pc > (uintptr_t)fn && pc <= (uintptr_t)fn + 100 && strstr(frame, "guarded_samples+");
}

static void check(const struct deed *d)
{
	static char report[REPORT], want[256];
	char *object, *end;
	int status = run(d, report, &object);
	bool line, stacks = true;

	expand(d->line, want, sizeof(want), object, d->at);
	end = strchr(report, '\n');
	line = end && (size_t)(end - report) == strlen(want) &&
	       !strncmp(report, want, strlen(want));
	if (d->stack)
		stacks = first_frame_in(report, "allocated by:", (void *)d->get);
	if (d->frees)
		stacks &= first_frame_in(report, "freed by:", (void *)freeing);
	if (!line || !stacks || !WIFSIGNALED(status) || WTERMSIG(status) != d->signal)
		ksft_print_msg("status %#x, wanted '%s', report:\n%s", status, want, report);
	ksft_test_result(line && WIFSIGNALED(status) && WTERMSIG(status) == d->signal,
			 "%s: dies with the line that says so", d->name);
	ksft_test_result(stacks, "%s: the right frames stand first", d->name);
}

static sigjmp_buf back;

static void on_segv(int sig)
{
	siglongjmp(back, sig);
}

/* Handlers before and after Lane's: here after, as Lane installs its own at start. */
static bool own_handler_runs(void)
{
	struct sigaction sa = {.sa_handler = on_segv}, old;
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool came = false;

	sigaction(SIGSEGV, &sa, &old);
	if (sigsetjmp(back, 1))
		came = true;
	else
		touch(page);
	sigaction(SIGSEGV, &old, NULL);
	munmap(page, 4096);
	return came;
}

static bool others_fault_as_ever(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		touch((char *)16);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

/* Everything a correct program does with objects, guarded or not; more than there are slots. */
static bool content_is_kept(uint64_t *rng)
{
	static char *held[600];
	static size_t size[600];
	bool right = true;

	for (int i = 0; i < 60000; i++) {
		size_t k = ksft_random(rng) % 600, want = 1 + ksft_random(rng) % 5000;

		for (size_t b = 0; held[k] && b < size[k]; b += 97)
			right &= held[k][b] == (char)k;
		if (held[k] && i % 3 == 0) {
			held[k] = realloc(held[k], want);
		} else {
			free(held[k]);
			held[k] = i % 3 == 1 ? calloc(1, want) : memalign(1 << i % 8, want);
			right &= i % 3 != 2 || (uintptr_t)held[k] % (1u << i % 8) == 0;
		}
		right &= malloc_usable_size(held[k]) >= want && (uintptr_t)held[k] % 8 == 0;
		size[k] = want;
		memset(held[k], (int)k, want);
	}
	for (int k = 0; k < 600; k++)
		free(held[k]);
	return right;
}

int main(int argc, char **argv)
{
	struct snap *before = calloc(1, sizeof(*before)), *after = calloc(1, sizeof(*after)), *walk;
	uint64_t rng;
	bool content;

	(void)argc;
	if (!getenv("GUARDED")) {
		setenv("GUARDED", "1", 1);
		setenv("LANE_CONF", "prof_rate:1024,guard_rate:2", 1);
		execv("/proc/self/exe", argv);
	}
	walk = calloc(1, sizeof(*walk));
	ksft_print_header();
	ksft_set_plan(2 * (unsigned int)(sizeof(deeds) / sizeof(deeds[0])) + 5);
	rng = ksft_seed() | 1;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		check(&deeds[i]);
	snap_read(before);
	content = content_is_kept(&rng);
	snap_read(after);
	ksft_test_result(content, "correct programs notice nothing");
	ksft_test_result(after->st.live_objects == before->st.live_objects && snap_good(after),
			 "guarded objects are counted");
	snap_walk(walk);
	snap_read(after);
	ksft_test_result(snap_differences(after, walk) == 0, "and found by the walk");
	ksft_test_result(own_handler_runs(), "a handler of the program's own runs");
	ksft_test_result(others_fault_as_ever(), "other faults end the program as ever");
	ksft_finished();
}
