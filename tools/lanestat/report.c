// SPDX-License-Identifier: MIT
/* lanestat report: reads what the page is made of, and frees it. */
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "lanestat.h"

static const char *const names[REPORT_FILES] = {
	[REPORT_HEAP] = "heapinfo",
	[REPORT_CLASS] = "classinfo",
	[REPORT_CPU] = "cpuinfo",
	[REPORT_NODE] = "nodeinfo",
};

static void file_free(struct report_file *f)
{
	free(f->raw);
	text_free(&f->text);
}

static int file_read(struct report_file *f, pid_t pid, const char *name)
{
	int err = client_read(pid, name, &f->raw, &f->len);

	if (err) {
		f->raw = NULL;
		return err;
	}
	clock_gettime(CLOCK_REALTIME, &f->when);
	err = text_parse(&f->text, f->raw, f->len);
	if (err) {
		free(f->raw);
		f->raw = NULL;
	}
	return err;
}

int report_read(struct report *r, const char **name)
{
	struct report_file files[REPORT_FILES] = {0};
	int err;

	for (int i = 0; i < REPORT_FILES; i++) {
		*name = names[i];
		err = file_read(&files[i], r->pid, names[i]);
		if (err) {
			while (i--)
				file_free(&files[i]);
			return err;
		}
	}
	for (int i = 0; i < REPORT_FILES; i++) {
		file_free(&r->files[i]);
		r->files[i] = files[i];
	}
	return 0;
}

static int make(struct report *r, double step)
{
	const char *name = names[REPORT_HEAP];
	int err;

	process_look(r->pid, &r->process);
	gethostname(r->host, sizeof(r->host) - 1);
	err = report_read(r, &name);
	if (!err && r->watch > 0)
		err = report_watch(r, step);
	if (err == -EINVAL)
		return fail("%d: %s is not what this lanestat understands", (int)r->pid, name);
	if (err)
		return fail_client(r->pid, name, err);
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
	for (int i = 0; i < REPORT_FILES; i++)
		file_free(&r.files[i]);
	free(r.samples);
	return status;
}
