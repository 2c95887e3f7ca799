// SPDX-License-Identifier: MIT
/* What the keys of lanestat top do to what it shows. Sees no terminal. */
#include <curses.h>
#include <stdio.h>

#include "top.h"

static void show_view(struct top *t, enum top_view view)
{
	bool of_one = view != VIEW_PROCESSES;

	if (of_one != (t->fleet.only != 0)) {
		snprintf(t->message, sizeof(t->message), "%s",
			 of_one ? "choose a process first: up, down, Enter"
				: "only one process was asked for");
		return;
	}
	t->view = view;
	t->first = 0;
}

/* Tab goes through the views of one process. */
static void next_view(struct top *t)
{
	if (t->fleet.only)
		show_view(t, (t->view + 1) % VIEW_PROCESSES);
}

static void move_sort(struct top *t, int step)
{
	const struct top_view_kind *v = &top_views[t->view];
	int to = t->sort[t->view] + step;

	if (to < 0 || to >= v->nr_columns)
		return;
	t->sort[t->view] = to;
	t->falling[t->view] = grid_falls(&v->columns[to]);
	t->first = 0;
}

/* Down by @step rows: the cursor among processes, else the whole table. */
static void step_by(struct top *t, int step)
{
	struct grid g;
	int at = 0;

	if (t->view != VIEW_PROCESSES) {
		t->first = t->first + step < 0 ? 0 : t->first + step;
		return;
	}
	top_grid(t, &g);
	for (int i = 0; i < g.nr_rows; i++)
		if ((pid_t)grid_row(&g, i)->number == t->cursor)
			at = i;
	at += step;
	at = at >= g.nr_rows ? g.nr_rows - 1 : at;
	at = at < 0 ? 0 : at;
	t->cursor = g.nr_rows ? (pid_t)grid_row(&g, at)->number : 0;
	grid_free(&g);
}

static void enter(struct top *t)
{
	if (t->fleet.only)
		return;
	step_by(t, 0);
	if (!t->cursor)
		return;
	t->fleet.only = t->cursor;
	t->chosen = true;
	t->view = VIEW_CLASSES;
	t->first = 0;
}

static void leave(struct top *t)
{
	if (!t->chosen)
		return;
	t->fleet.only = 0;
	t->chosen = false;
	t->gone = false;
	t->view = VIEW_PROCESSES;
	t->first = 0;
}

static void pace(struct top *t, double factor)
{
	double seconds = t->seconds * factor;

	if (seconds >= 0.1 && seconds <= 3600)
		t->seconds = seconds;
	snprintf(t->message, sizeof(t->message), "refresh every %gs", t->seconds);
}

bool top_key(struct top *t, int key, int page)
{
	switch (key) {
	case 'q':
		return false;
	case 'c':
	case '1':
		show_view(t, VIEW_CLASSES);
		break;
	case 'l':
	case '2':
		show_view(t, VIEW_LANES);
		break;
	case 'n':
	case '3':
		show_view(t, VIEW_NODES);
		break;
	case 'p':
	case '4':
		if (t->chosen)
			leave(t);
		else
			show_view(t, VIEW_PROCESSES);
		break;
	case '\t':
		next_view(t);
		break;
	case '<':
	case KEY_LEFT:
		move_sort(t, -1);
		break;
	case '>':
	case KEY_RIGHT:
		move_sort(t, 1);
		break;
	case 'r':
		t->falling[t->view] = !t->falling[t->view];
		break;
	case 'i':
		t->idle = !t->idle;
		break;
	case '+':
		pace(t, 2);
		break;
	case '-':
		pace(t, 0.5);
		break;
	case KEY_UP:
	case 'k':
		step_by(t, -1);
		break;
	case KEY_DOWN:
	case 'j':
		step_by(t, 1);
		break;
	case KEY_PPAGE:
		step_by(t, -page);
		break;
	case KEY_NPAGE:
		step_by(t, page);
		break;
	case KEY_HOME:
		step_by(t, -(1 << 20));
		break;
	case KEY_END:
		step_by(t, 1 << 20);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER:
		enter(t);
		break;
	case 27: /* Esc */
	case KEY_BACKSPACE:
	case 127:
		leave(t);
		break;
	}
	return true;
}
