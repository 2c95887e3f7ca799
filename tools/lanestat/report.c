// SPDX-License-Identifier: MIT
/* lanestat report: its command line, and what becomes of what was read. */
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <unistd.h>

#include "lanestat.h"

static int make(struct report *r, double step)
{
	int err;

	process_look(r->pid, &r->process);
	gethostname(r->host, sizeof(r->host) - 1);
	err = report_read(r);
	if (!err && r->watch > 0)
		err = report_watch(r, step);
	if (err == -EINVAL)
		return fail("%d: all is not what this lanestat understands", (int)r->pid);
	if (err)
		return fail_client(r->pid, "all", err);
	report_page(stdout, r);
	return finish_output();
}

/* So many points that a page of them is still one that a browser likes. */
#define MOST_SAMPLES 5000

int report_main(int argc, char **argv)
{
	static const struct option options[] = {{"watch", required_argument, NULL, 'w'}, {0}};
	struct report r = {0};
	double step = 0;
	int opt, status;

	while ((opt = getopt_long(argc, argv, ":d:", options, NULL)) != -1) {
		if (opt == 'w' && !parse_seconds(optarg, &r.watch))
			return misused("report: --watch wants seconds from 0.1 to 86400");
		if (opt == 'd' && !parse_seconds(optarg, &step))
			return misused("report: -d wants seconds from 0.1 to 86400");
		if (opt == '?' || opt == ':')
			return misused("report: %s is unknown or wants a value", argv[optind - 1]);
	}
	if (argc - optind != 1)
		return misused("report wants a process");
	if (!parse_pid(argv[optind], &r.pid))
		return misused("'%s' is no process number", argv[optind]);
	if (step > 0 && r.watch <= 0)
		return misused("report: -d is for --watch");
	if (step <= 0)
		step = r.watch > 100 ? r.watch / 100 : r.watch > 10 ? 1 : r.watch / 10;
	if (step < 0.1)
		step = 0.1;
	if (r.watch / step > MOST_SAMPLES)
		return misused("report: more than %d readings", MOST_SAMPLES);
	/* A comma in a number would be two numbers to the browser. */
	setlocale(LC_NUMERIC, "C");
	status = make(&r, step);
	report_free(&r);
	return status;
}
