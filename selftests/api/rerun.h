/* SPDX-License-Identifier: MIT */
/* rerun.h - start this program again with another environment and read what it says */
#ifndef LANE_API_RERUN_H
#define LANE_API_RERUN_H

#include "common.h"

#include <poll.h>

struct rerun {
	int status; /* as from waitpid() */
	char out[65536];
	char err[262144];
};

/* Append what is there to @text; false at the end. Text beyond the room is dropped. */
static inline bool rerun_drain(int fd, char *text, size_t room)
{
	size_t used = strlen(text);
	char rest[4096];
	ssize_t n;

	if (used + 1 < room)
		n = read(fd, text + used, room - used - 1);
	else
		n = read(fd, rest, sizeof(rest));
	if (n > 0 && used + 1 < room)
		text[used + (size_t)n] = 0;
	return n > 0 || (n < 0 && errno == EINTR);
}

/* Run @argv with the assignments in @env (ended by NULL; "KEY" alone unsets it). */
static inline void rerun(struct rerun *r, char *const argv[], const char *const env[])
{
	int out[2], err[2];
	bool more_out = true, more_err = true;
	pid_t pid;

	memset(r, 0, sizeof(*r));
	if (pipe(out) != 0 || pipe(err) != 0)
		ksft_exit_fail_msg("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		ksft_exit_fail_msg("fork: %s", strerror(errno));
	if (pid == 0) {
		dup2(out[1], 1);
		dup2(err[1], 2);
		close(out[0]);
		close(err[0]);
		close(out[1]);
		close(err[1]);
		for (; env && *env; env++) {
			if (strchr(*env, '='))
				putenv((char *)(uintptr_t)*env);
			else
				unsetenv(*env);
		}
		alarm(60);
		execv(strcmp(argv[0], "/proc/self/exe") ? argv[0] : own_path(), argv);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	while (more_out || more_err) {
		struct pollfd fds[2] = {{more_out ? out[0] : -1, POLLIN, 0},
					{more_err ? err[0] : -1, POLLIN, 0}};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			more_out = rerun_drain(out[0], r->out, sizeof(r->out));
		if (fds[1].revents)
			more_err = rerun_drain(err[0], r->err, sizeof(r->err));
	}
	close(out[0]);
	close(err[0]);
	waitpid(pid, &r->status, 0);
}

static inline bool rerun_ended(const struct rerun *r)
{
	return WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0;
}

/* Nothing on stderr. What libnuma says as it is loaded, where a filter refuses it a call, is not
 * ours. */
static inline bool rerun_was_silent(const struct rerun *r)
{
	for (const char *line = r->err; *line; line++) {
		if (strncmp(line, "libnuma: ", 9) != 0)
			return false;
		line = strchr(line, '\n');
		if (!line)
			break;
	}
	return true;
}

static inline int count_lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/*
 * The child's part of tests about modes: run where argv[1] is "report".
 * stdout: "NUMBER\nmode TEXT\nmode_reason TEXT\n".
 */
static inline void report_mode(void)
{
	struct lane_stats st = {.sz = sizeof(st)};
	static char text[65536];

	put(get(1000));
	if (lane_stats_read(&st) != 0 || lane_proc_read("heapinfo", text, sizeof(text)) < 0)
		_exit(1);
	ksft_line("%u", st.mode);
	for (char *save = text, *line; (line = strsep(&save, "\n"));)
		if (strncmp(line, "mode ", 5) == 0 || strncmp(line, "mode_reason ", 12) == 0)
			ksft_line("%s", line);
}

/* Builds with a sanitizer are: it does not know restartable sequences. */
static inline bool built_without_rseq(void)
{
	static char text[65536];

	return lane_proc_read("heapinfo", text, sizeof(text)) > 0 &&
	       strstr(text, "mode_reason built without restartable sequences");
}

static inline unsigned int reported_mode(const struct rerun *r)
{
	return (unsigned int)strtoul(r->out, NULL, 10);
}

static inline const char *reported_reason(const struct rerun *r)
{
	const char *reason = strstr(r->out, "mode_reason ");

	return reason ? reason + strlen("mode_reason ") : "";
}

#endif /* LANE_API_RERUN_H */
