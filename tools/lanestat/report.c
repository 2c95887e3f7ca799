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
#include "sections.h"

const char *const report_files[REPORT_FILES] = {
	[REPORT_HEAP] = "heapinfo",
	[REPORT_CLASS] = "classinfo",
	[REPORT_CPU] = "cpuinfo",
	[REPORT_NODE] = "nodeinfo",
};

static void files_free(struct report_file *files)
{
	for (int i = 0; i < REPORT_FILES; i++) {
		free(files[i].raw);
		text_free(&files[i].text);
	}
}

static int take_file(struct report_file *f, const char *all, size_t len, const char *name)
{
	struct section s;
	int err;

	if (!section_find(&s, all, len, name))
		return -EINVAL;
	err = text_parse(&f->text, s.text, s.len);
	if (err)
		return err;
	f->raw = strndup(s.text, s.len);
	return f->raw ? 0 : -ENOMEM;
}

int report_read(struct report *r)
{
	struct report_file files[REPORT_FILES] = {0};
	struct timespec when;
	char *all;
	size_t len;
	int err = client_read(r->pid, "all", &all, &len);

	if (err)
		return err;
	clock_gettime(CLOCK_REALTIME, &when);
	for (int i = 0; i < REPORT_FILES && !err; i++)
		err = take_file(&files[i], all, len, report_files[i]);
	free(all);
	if (err) {
		files_free(files);
		return err;
	}
	files_free(r->files);
	memcpy(r->files, files, sizeof(files));
	r->when = when;
	return 0;
}

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
	files_free(r.files);
	free(r.samples);
	return status;
}
