/* SPDX-License-Identifier: MIT */
/*
 * lanestat.h - what the commands of lanestat have in common: one function for
 * each, and errors as one line on stderr with an exit status.
 */
#ifndef LANESTAT_LANESTAT_H
#define LANESTAT_LANESTAT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum lanestat_status {
	STATUS_OK = 0,
	STATUS_FAILED = 1, /* no such process or file, not allowed, cannot be written */
	STATUS_USAGE = 2,
};

/* One line on stderr; returns STATUS_FAILED. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One line on stderr that points to --help; returns STATUS_USAGE. */
int misused(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The line for @err, a negative errno number of the client, about @pid's file @name. */
int fail_client(pid_t pid, const char *name, int err);

/* Whether everything that was printed went out; a full disk is an error, too. */
int finish_output(void);

/* Numbers of the command line; false where @text is something else. */
bool parse_pid(const char *text, pid_t *pid);
bool parse_seconds(const char *text, double *seconds);
bool parse_count(const char *text, long *count);

/* The commands; argv[0] is the command's own name. Each returns an exit status. */
int list_main(bool json, double seconds);
int show_main(pid_t pid, const char *file, bool json);
int conf_main(pid_t pid, const char *file, char **words, int nr_words);
int watch_main(int argc, char **argv);
int top_main(int argc, char **argv);
int export_main(int argc, char **argv);
int profile_main(int argc, char **argv);
int report_main(int argc, char **argv);

#endif /* LANESTAT_LANESTAT_H */
