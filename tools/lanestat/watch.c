// SPDX-License-Identifier: MIT
/*
 * lanestat watch: a file again and again. On a terminal each time from the top
 * left corner, cut to its size; elsewhere one after the other, an empty line
 * between them.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "lanestat.h"
#include "process.h"

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

static void print_cut(const char *text, const struct winsize *ws, int used)
{
	int row = used;

	while (*text && row < ws->ws_row) {
		int len = (int)strcspn(text, "\n");

		/* No newline in the last row: it would scroll. */
		printf("%s%.*s\033[K", row ? "\r\n" : "", len < ws->ws_col ? len : ws->ws_col,
		       text);
		text += len + (text[len] == '\n');
		row++;
	}
	fputs("\033[J", stdout);
}

static void show(pid_t pid, const char *file, const char *text, double seconds, int round)
{
	char clock[32] = "";
	struct winsize ws;
	time_t now = time(NULL);

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) || !ws.ws_row) {
		printf("%s%s", round ? "\n" : "", text);
		return;
	}
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
	printf("\033[H");
	if (ws.ws_row > 2 && ws.ws_col > 50) {
		printf("every %gs: %d %s  %s\033[K\r\n\033[K", seconds, (int)pid, file, clock);
		print_cut(text, &ws, 2);
	} else {
		print_cut(text, &ws, 0);
	}
}

/* Not where a signal has come since the last look at it, as while a process took its time. */
static void wait_for(double seconds)
{
	struct timespec ts = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	sigset_t ends, before;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, &before);
	if (!ended)
		ppoll(NULL, 0, &ts, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static int run(pid_t pid, const char *file, double seconds, long rounds)
{
	double next = now_seconds();

	for (long i = 0; !ended && (!rounds || i < rounds); i++) {
		char *text;
		size_t len;
		double left;
		int err = client_read(pid, file, &text, &len);

		if (err == -EINTR)
			break;
		if (err) {
			if (isatty(STDOUT_FILENO))
				putchar('\n');
			return fail_client(pid, file, err);
		}
		show(pid, file, text, seconds, i > 0);
		free(text);
		if (finish_output())
			return STATUS_FAILED;
		if (rounds && i + 1 == rounds)
			break;
		/* A reading that took long does not make the next ones come late. */
		next += seconds;
		left = next - now_seconds();
		if (left < 0)
			next = now_seconds();
		else
			wait_for(left);
	}
	if (isatty(STDOUT_FILENO))
		putchar('\n');
	return finish_output();
}

int watch_main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal};
	double seconds = 2;
	long rounds = 0;
	pid_t pid;
	int opt;

	while ((opt = getopt(argc, argv, "+:n:c:")) != -1) {
		if (opt == 'n' && !parse_seconds(optarg, &seconds))
			return misused("watch: '%s' is no number of seconds from 0.1 to 86400",
				       optarg);
		if (opt == 'c' && !parse_count(optarg, &rounds))
			return misused("watch: '%s' is no count", optarg);
		if (opt == '?' || opt == ':')
			return misused("watch: -%c is unknown or wants a value", optopt);
	}
	if (argc - optind < 1 || argc - optind > 2)
		return misused("watch wants a process and a file");
	if (!parse_pid(argv[optind], &pid))
		return misused("'%s' is no process number", argv[optind]);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	return run(pid, argc - optind == 2 ? argv[optind + 1] : "heapinfo", seconds, rounds);
}
