/* SPDX-License-Identifier: MIT */
/*
 * faults.h - an operation with each of its system calls failing in turn.
 *
 * For every n until the operation ends without a failure, with the nth call failing once, once with
 * the call's second error, and with all that follow: in a process of its own, the operation is run
 * with failures, and again without. Then
 *
 *	what it returned is documented for it, and is 0 where nothing failed
 *	the books' identities hold, and the books say what the walk finds
 *	the second run succeeds
 *	undone, as many objects are alive as before; as many bytes of address space are mapped and
 *	set aside, and as many files open, as after two runs without failures. Only what munmap
 *	was asked to give back and refused is lost.
 */
#ifndef LANE_FAULTS_H
#define LANE_FAULTS_H

#include <dirent.h>
#include <sys/mman.h>

#include "failing_os.h"
#include "meta.h"

#define FAULT_CALLS_MAX 300 /* an operation that makes more is broken */
#define FAULT_SECONDS 60

#define FAULT_BESIDE 16

/*
 * Flags of an operation: it cannot end while all fails; it waits more than it computes; its
 * child of fork has threads, which sanitizers are not made for.
 */
#define FAULT_ONCE 1
#define FAULT_WAITS 2
#define FAULT_NO_SANITIZER 4

/* An operation. */
struct fault_op {
	const char *name;
	int (*run)(void);   /* 0 or -errno; may be called again */
	void (*undo)(void); /* what successful runs have made, or NULL */
	int (*begin)(void); /* before, without failures, or NULL; 0 */
	unsigned int flags;
	int errors[14]; /* documented, ended by 0; positive */
};

/* What a child found; in memory that it shares with its parent. */
struct fault_report {
	bool failed;	   /* a call did */
	char call[24];	   /* the first one */
	char why[200];	   /* it is wrong; "" */
	const char *step;  /* where it is; the string is the parent's, too */
	int64_t mapped;	   /* bytes, without what could not be given back */
	uint64_t reserved; /* by the books */
	int files;	   /* open */
};

/* Attempts that run beside each other. */
static struct fault_slot {
	struct fault_report *report;
	int stderr_fd; /* what it says, shown where something is wrong */
	pid_t pid;
} fault_slots[FAULT_BESIDE];

static struct fault_report *fault_report; /* of this process, or of the one that is looked at */

#define fault_wrong(...)                                                                           \
	({                                                                                         \
		if (!fault_report->why[0])                                                         \
			snprintf(fault_report->why, sizeof(fault_report->why), __VA_ARGS__);       \
	})

static inline int fault_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static inline bool fault_documented(const struct fault_op *op, int ret)
{
	for (int i = 0; ret && op->errors[i]; i++) {
		if (ret == -op->errors[i])
			return true;
	}
	return ret == 0;
}

/* The objects that are alive, once the books are right. Other threads may be about to end. */
static inline uint64_t fault_books(const char *when)
{
	static struct snap snap, walk;
	int err = 0;

	for (int tries = 0; tries < 50; tries++) {
		struct timespec pause = {.tv_nsec = 2000000};

		err = snap_read(&snap);
		if (!err)
			err = snap_walk(&walk);
		if (!err && snap_good(&snap) && snap_faults(&walk, true) == 0 &&
		    snap_differences(&snap, &walk) == 0)
			break;
		nanosleep(&pause, NULL);
		if (tries == 49)
			fault_wrong("the books %s (%d)", when, err);
	}
	fault_report->reserved = snap.st.reserved;
	return snap.st.live_objects;
}

/* What is writable of the memory for Lane's own structures is used up: the next asks the system. */
static inline void fault_use_up(void)
{
	failing_from(1, true);
	while (meta_alloc(64, 64))
		;
	failures_end();
}

static inline void fault_attempt(const struct fault_op *op, unsigned int n, bool on, bool second)
{
	uint64_t live;
	int err;

	fault_report->step = "before it";
	live = fault_books("before");
	err = op->begin ? op->begin() : 0;
	if (err) {
		fault_wrong("it cannot begin (%d)", err);
		return;
	}
	fault_report->step = "memory is used up";
	fault_use_up();
	failures(n, on, true, second);
	fault_report->step = "while calls fail";
	err = op->run();
	fault_report->step = "after the failure";
	fault_report->failed = os_failed > 0;
	snprintf(fault_report->call, sizeof(fault_report->call), "%s", os_first_failed());
	failures_end();
	if (err && !fault_report->failed)
		fault_wrong("nothing failed, and it returns %d", err);
	if (!fault_documented(op, err))
		fault_wrong("it returns %d", err);
	fault_books("after the failure");
	fault_report->step = "without failures";
	err = op->run();
	if (err)
		fault_wrong("without failures afterwards it returns %d", err);
	fault_report->step = "in the end";
	if (op->undo)
		op->undo();
	if (fault_books("in the end") != live)
		fault_wrong("objects are left, or were lost");
	fault_report->mapped = os_mapped - os_refused;
	fault_report->files = fault_files();
}

/* Begin an attempt in the slot of number @n. */
static inline void fault_start(const struct fault_op *op, unsigned int n, bool on, bool second)
{
	struct fault_slot *slot = &fault_slots[n % FAULT_BESIDE];

	fault_report = slot->report;
	memset(fault_report, 0, sizeof(*fault_report));
	if (ftruncate(slot->stderr_fd, 0))
		ksft_exit_fail_msg("ftruncate: %s", strerror(errno));
	slot->pid = fork();
	if (slot->pid < 0)
		ksft_exit_fail_msg("fork: %s", strerror(errno));
	if (slot->pid)
		return;
	dup2(slot->stderr_fd, STDOUT_FILENO);
	dup2(slot->stderr_fd, STDERR_FILENO);
	failures_apart();
	alarm(FAULT_SECONDS);
	fault_attempt(op, n, on, second);
	_exit(0);
}

/* Wait for it; what it found is in fault_report. */
static inline void fault_end(unsigned int n)
{
	struct fault_slot *slot = &fault_slots[n % FAULT_BESIDE];
	int status = 0;

	waitpid(slot->pid, &status, 0);
	fault_report = slot->report;
	if (status && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fault_wrong("no end after %d s, %s", FAULT_SECONDS,
			    fault_report->step ? fault_report->step : "at the beginning");
	else if (status)
		fault_wrong("the process ends with status %#x", status);
}

static inline void fault_show_stderr(unsigned int n)
{
	char text[900];
	ssize_t got = pread(fault_slots[n % FAULT_BESIDE].stderr_fd, text, sizeof(text) - 1, 0);

	text[got > 0 ? got : 0] = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ksft_print_msg("  %s", line);
}

/* Compare with a run in which nothing failed. */
static inline void fault_compare(const struct fault_report *good)
{
	const struct fault_report *r = fault_report;

	if (r->mapped != good->mapped)
		fault_wrong("%lld bytes of address space are lost",
			    (long long)(r->mapped - good->mapped));
	if (r->reserved != good->reserved)
		fault_wrong("%lld bytes more are set aside",
			    (long long)(r->reserved - good->reserved));
	if (r->files != good->files)
		fault_wrong("%d files are open instead of %d", r->files, good->files);
}

/* Every n, so many at a time; how many calls the operation makes, -1 where something is wrong. */
static inline int fault_every_call(const struct fault_op *op, bool on, bool second,
				   const struct fault_report *good)
{
	unsigned int beside = op->flags & FAULT_WAITS ? FAULT_BESIDE : 2, last = 0;
	int wrong = 0;

	for (unsigned int from = 1; !last && from < FAULT_CALLS_MAX && wrong < 5; from += beside) {
		for (unsigned int n = from; n < from + beside; n++)
			fault_start(op, n, on, second);
		for (unsigned int n = from; n < from + beside; n++) {
			fault_end(n);
			if (!fault_report->why[0])
				fault_compare(good);
			if (fault_report->why[0] && !last && wrong++ < 5) {
				ksft_print_msg("%s, call %u (%s)%s%s: %s", op->name, n,
					       fault_report->call, on ? " and all that follow" : "",
					       second ? ", second error" : "", fault_report->why);
				fault_show_stderr(n);
			} else if (!fault_report->failed && !last) {
				last = n;
			}
		}
	}
	return wrong || !last ? -1 : (int)last - 1;
}

static inline void fault_test(const struct fault_op *op)
{
	struct fault_report good;
	int calls[3] = {0};
	bool right = true;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	if (op->flags & FAULT_NO_SANITIZER) {
		ksft_test_result_skip("%s: sanitizers are not made for it", op->name);
		return;
	}
#endif
	fault_start(op, 0, false, false);
	fault_end(0);
	good = *fault_report;
	if (good.why[0]) {
		ksft_print_msg("%s, nothing fails: %s", op->name, good.why);
		fault_show_stderr(0);
		right = false;
	}
	/* Once, once with the second error, and for good. */
	for (int i = 0; i < 3 && right; i++) {
		if (i == 2 && op->flags & FAULT_ONCE)
			continue;
		calls[i] = fault_every_call(op, i == 2, i == 1, &good);
		right &= calls[i] >= 0;
	}
	ksft_test_result(right, "%s: each of %d calls fails", op->name, calls[0]);
}

/* All of @ops, as the rest of the program's plan; does not return. */
static inline void __attribute__((noreturn))
fault_tests(const struct fault_op *ops, size_t n, unsigned int others)
{
	const char *only = getenv("FAULT_OP");

	for (int i = 0; i < FAULT_BESIDE; i++) {
		struct fault_slot *slot = &fault_slots[i];

		slot->report = mmap(NULL, sizeof(*slot->report), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		slot->stderr_fd = memfd_create("stderr", MFD_CLOEXEC);
		if (slot->report == MAP_FAILED || slot->stderr_fd < 0)
			ksft_exit_fail_msg("no memory to share");
	}
	mallopt(M_ARENA_MAX, 1);
	ksft_set_plan((unsigned int)n + others);
	for (size_t i = 0; i < n; i++) {
		if (only && strcmp(only, ops[i].name))
			continue;
		fault_test(&ops[i]);
	}
	ksft_finished();
}

#define FAULT_TESTS(ops, others) fault_tests(ops, ARRAY_SIZE(ops), others)

#endif /* LANE_FAULTS_H */
