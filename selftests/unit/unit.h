/* SPDX-License-Identifier: MIT */
/*
 * unit.h - what tests of the core's insides share. They link the library with
 * all its symbols, under the lane_ names only: the test's own malloc is the C
 * library's and so disturbs no count.
 */
#ifndef LANE_UNIT_H
#define LANE_UNIT_H

#include "../api/same_as_walk.h"

#include "compiler.h"
#include "conf.h"

/* Start again with LANE_CONF=@conf, unless the caller of the test has set one. */
static inline void unit_conf(char **argv, const char *conf)
{
	if (getenv("LANE_CONF"))
		return;
	setenv("LANE_CONF", conf, 1);
	execv("/proc/self/exe", argv);
	ksft_exit_fail_msg("exec: %s", strerror(errno));
}

static int unit_cpus[64], unit_nr_cpus; /* allowed when the program started */

__attribute__((constructor)) static void unit_find_cpus(void)
{
	unit_nr_cpus = allowed_cpus(unit_cpus, (int)ARRAY_SIZE(unit_cpus));
}

/* Move the calling thread to CPU @n of those, counted round. */
static inline void unit_pin(unsigned int n)
{
	if (unit_nr_cpus > 0)
		run_on_cpu(unit_cpus[n % (unsigned int)unit_nr_cpus]);
}

/*
 * A collected heap without the thread that returns memory: before lane_gc_init(), for who compares
 * books with a walk, or changes the calls that it would make, too.
 */
static inline void unit_no_background(void)
{
	conf.background_thread = CONF_BACKGROUND_FALSE;
}

/* The process is quiet: all identities, and the books say what the walk finds. */
static inline bool unit_books_right(void)
{
	static struct snap snap, walk;

	return snap_read(&snap) == 0 && snap_walk(&walk) == 0 && snap_good(&snap) &&
	       snap_faults(&walk, true) == 0 && snap_differences(&snap, &walk) == 0;
}

/* Objects alive, by a snapshot. */
static inline uint64_t unit_live(void)
{
	static struct snap snap;

	return snap_read(&snap) ? UINT64_MAX : snap.st.live_objects;
}

/* Run @fn in a child with its stderr in @text; returns the status of waitpid(). */
static inline int unit_stderr_of(void (*fn)(void *), void *arg, char *text, size_t room)
{
	int fd[2], status = 0;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(fd))
		ksft_exit_fail_msg("pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		dup2(fd[1], 2);
		close(fd[0]);
		close(fd[1]);
		fn(arg);
		_exit(0);
	}
	close(fd[1]);
	while (used + 1 < room && (n = read(fd[0], text + used, room - used - 1)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(fd[0]);
	waitpid(pid, &status, 0);
	return status;
}

/* True where @fn ends the process by abort() with exactly @line on stderr. */
static inline bool unit_dies(void (*fn)(void *), void *arg, const char *line)
{
	char text[1024];
	int status = unit_stderr_of(fn, arg, text, sizeof(text));
	size_t n = strlen(text);

	if (n && text[n - 1] == '\n')
		text[n - 1] = '\0';
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && !strcmp(text, line))
		return true;
	ksft_print_msg("status %#x, '%s' instead of '%s'", status, text, line);
	return false;
}

#endif /* LANE_UNIT_H */
