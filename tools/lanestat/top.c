// SPDX-License-Identifier: MIT
#include "top.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "lanestat.h"

static int find_view(const char *name)
{
	for (int i = 0; i < NR_VIEWS; i++)
		if (*name && !strncmp(top_views[i].name, name, strlen(name)))
			return i;
	return -1;
}

static int take_option(struct top *t, int opt, const char **sort, int *view)
{
	switch (opt) {
	case 'b':
		t->batch = true;
		return 0;
	case 'd':
		if (parse_seconds(optarg, &t->seconds))
			return 0;
		return misused("top: '%s' is no number of seconds from 0.1 to 86400", optarg);
	case 'n':
		if (parse_count(optarg, &t->rounds))
			return 0;
		return misused("top: '%s' is no count", optarg);
	case 's':
		*sort = optarg;
		return 0;
	case 'v':
		*view = find_view(optarg);
		if (*view >= 0)
			return 0;
		return misused("top: no view '%s'", optarg);
	default:
		return misused("top: -%c is unknown or wants a value", optopt);
	}
}

/* The view and the order, once all options are known. */
static int settle(struct top *t, const char *sort, int view)
{
	const struct top_view_kind *v;
	int column;

	t->view = t->fleet.only ? VIEW_CLASSES : VIEW_PROCESSES;
	if (view >= 0 && (view == VIEW_PROCESSES) != !t->fleet.only)
		return misused(t->fleet.only ? "top: the processes are shown without one"
					     : "top: the view %s wants a process",
			       top_views[view].name);
	if (view >= 0)
		t->view = view;
	for (int i = 0; i < NR_VIEWS; i++) {
		t->sort[i] = top_views[i].sort;
		t->falling[i] = grid_falls(&top_views[i].columns[t->sort[i]]);
	}
	if (!sort)
		return 0;
	v = &top_views[t->view];
	column = grid_find(v->columns, v->nr_columns, sort);
	if (column < 0)
		return misused("top: the view %s has no column '%s'", v->name, sort);
	t->sort[t->view] = column;
	t->falling[t->view] = grid_falls(&v->columns[column]);
	return 0;
}

int top_main(int argc, char **argv)
{
	static struct top t = {.seconds = 2};
	const char *sort = NULL;
	int opt, view = -1, status = 0;

	while (!status && (opt = getopt(argc, argv, ":bd:n:s:v:")) != -1)
		status = take_option(&t, opt, &sort, &view);
	if (status)
		return status;
	if (argc - optind > 1)
		return misused("top wants one process or none");
	if (argc > optind && !parse_pid(argv[optind], &t.fleet.only))
		return misused("'%s' is no process number", argv[optind]);
	status = settle(&t, sort, view);
	if (status)
		return status;
	if (!t.batch && (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)))
		return misused("top wants a terminal, or -b");
	status = t.batch ? top_batch(&t) : top_screen(&t);
	fleet_free(&t.fleet);
	return status;
}
