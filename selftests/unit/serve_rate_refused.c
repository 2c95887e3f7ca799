// SPDX-License-Identifier: MIT
/*
 * Settings written to the service of which a rate cannot be set: the answer says that the others
 * are, and they are.
 */
#include "failing_os.h"

#include <sys/socket.h>

#include "conf.h"
#include "guard.h"
#include "serve_conn.h"

static char answer[256];

/* What a connection answers to @request; "" for nothing. */
static const char *ask(const char *request)
{
	static struct conn conn;
	int fd[2];
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		ksft_exit_fail_msg("socketpair: %s", strerror(errno));
	if (write(fd[1], request, strlen(request)) != (ssize_t)strlen(request))
		ksft_exit_fail_msg("write: %s", strerror(errno));
	conn_open(&conn, fd[0], 0);
	n = recv(fd[1], answer, sizeof(answer) - 1, MSG_DONTWAIT);
	answer[max(n, (ssize_t)0)] = '\0';
	close(fd[1]);
	return answer;
}

int main(void)
{
	static const char request[] = "write conf 28\ngctrace true\nguard_rate 100\n";
	const char *got;

	ksft_print_header();
	ksft_set_plan(3);
	lane_free(lane_malloc(1));
	failing_from(1, true);
	got = ask(request);
	failing_from(0, false);
	ksft_print_msg("%s", got);
	ksft_test_result(!strcmp(got, "error 12 a rate cannot be set, all else is\n") &&
				 !guard_rate() && conf.gctrace,
			 "without memory for it: all else is set, and the answer says so");
	got = ask(request);
	ksft_test_result(!strcmp(got, "ok 0\n") && guard_rate() == 100, "then it can be set");
	got = ask("write conf 27\ngctrace false\nguard_rate x\n");
	ksft_test_result(!strcmp(got, "error 22 bad key or value, nothing is changed\n") &&
				 conf.gctrace && guard_rate() == 100,
			 "a bad value: nothing is set");
	ksft_finished();
}
