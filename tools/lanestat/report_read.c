// SPDX-License-Identifier: MIT
/* What the page is made of: the files of one snapshot. */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
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
	/* Its number may be another's by now, and then so is the answer. */
	if (!process_same(r->pid, &r->process)) {
		free(all);
		return -ESRCH;
	}
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

void report_free(struct report *r)
{
	files_free(r->files);
	free(r->samples);
}
