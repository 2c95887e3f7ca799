// SPDX-License-Identifier: MIT
/*
 * The terminal of lanestat top. ncurses keeps the screen and turns keys into
 * numbers; waiting is poll()'s, so that a terminal that went away is seen, and
 * signals only set a flag: the terminal is always put back.
 */
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lanestat.h"
#include "top.h"

#define HEAD_ROOM (TOTALS_NODES + 8)
#define TABLE_LEAST 4	  /* rows of the table that the head leaves room for */
#define MESSAGE_SECONDS 2 /* that a message stays at least */
#define FIRST_SECONDS 0.5 /* until the second snapshot, for the first rates */

static volatile sig_atomic_t ended;
static attr_t attrs[NR_PAINTS];
static double message_end; /* by now_seconds() */

static const char *const help[] = {
	"  q            quit",
	"  h ?          this page; any key leaves it",
	"  c l n        classes, lanes (CPU caches), nodes of a process; Tab: the next",
	"  p Esc        back to the processes",
	"  Enter        the process under the cursor",
	"  up down      move; also k j, PageUp, PageDown, Home, End",
	"  < >          sort by the column to the left, to the right; also arrows",
	"  r            reverse the order",
	"  i            rows where nothing is, too",
	"  + -          half as often, twice as often",
	"  Space        refresh now",
	"",
	"  Bars have one scale for all nodes: # in use, + in CPU and transfer caches,",
	"  . free and not released, _ released. Rates are those between two refreshes.",
	"  A process' head and tables are of one snapshot, and add up.",
};

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

static void set_attrs(void)
{
	static const short colours[NR_PAINTS] = {[PAINT_USED] = COLOR_GREEN,
						 [PAINT_CACHED] = COLOR_CYAN,
						 [PAINT_FREE] = COLOR_YELLOW,
						 [PAINT_ALERT] = COLOR_RED};
	const char *no = getenv("NO_COLOR");

	attrs[PAINT_BOLD] = A_BOLD;
	attrs[PAINT_TITLE] = A_REVERSE;
	attrs[PAINT_SORT] = A_REVERSE | A_BOLD | A_UNDERLINE;
	attrs[PAINT_CURSOR] = A_REVERSE;
	attrs[PAINT_ALERT] = A_BOLD;
	if ((no && *no) || !has_colors() || start_color() == ERR)
		return;
	use_default_colors();
	for (short i = 0; i < NR_PAINTS; i++) {
		if (!colours[i])
			continue;
		init_pair(i, colours[i], -1);
		attrs[i] |= COLOR_PAIR(i);
	}
}

static void put(int row, const struct line *l)
{
	int width = getmaxx(stdscr);

	move(row, 0);
	clrtoeol();
	for (int i = 0; i < l->len && i < width; i++)
		addch((unsigned char)l->text[i] | attrs[l->paint[i]]);
}

/* What is wrong, else what can be pressed. */
static void status_line(const struct top *t, int width, struct line *l)
{
	const struct member *m = t->fleet.nr ? &t->fleet.members[0] : NULL;
	const struct top_view_kind *v = &top_views[t->view];

	l->len = 0;
	if (t->gone)
		line_add(l, PAINT_ALERT, "process %d has ended%s", (int)t->fleet.only,
			 t->chosen ? "; Esc: back" : "; q: quit");
	else if (t->fleet.only && m && m->err)
		line_add(l, PAINT_ALERT, "process %d does not answer: %s", (int)m->pid,
			 strerror(-m->err));
	else if (*t->message)
		line_add(l, PAINT_BOLD, "%s", t->message);
	else if (!t->fleet.only && !t->fleet.nr)
		line_add(l, PAINT_BOLD, "no process serves: LANE_CONF=serve:true");
	else
		line_add(l, PAINT_PLAIN, "h help  q quit  %s  sort %s%s  < > r  i idle  Space",
			 t->fleet.only ? "c l n views" : "Enter a process",
			 v->columns[t->sort[t->view]].title, t->falling[t->view] ? "" : " (up)");
	line_pad(l, width);
}

/* Keeps the cursor, or the end of the table, in sight. */
static void scroll_to(struct top *t, const struct grid *g, int rows)
{
	int at = -1;

	if (t->view == VIEW_PROCESSES) {
		for (int i = 0; i < g->nr_rows; i++)
			if ((pid_t)grid_row(g, i)->number == t->cursor)
				at = i;
		at = at < 0 ? 0 : at;
		if (at < t->first)
			t->first = at;
		if (at >= t->first + rows)
			t->first = at - rows + 1;
	}
	if (t->first > g->nr_rows - rows)
		t->first = g->nr_rows - rows;
	if (t->first < 0)
		t->first = 0;
}

static void draw_table(struct top *t, int top, int rows, int width)
{
	struct line l = {0};
	struct grid g;
	bool cursor;

	top_grid(t, &g);
	grid_heading(&g, t->sort[t->view], width, &l);
	put(top, &l);
	scroll_to(t, &g, rows - 1);
	for (int i = 0; i < rows - 1; i++) {
		int at = t->first + i;

		l.len = 0;
		if (at < g.nr_rows) {
			grid_line(&g, at, width, &l);
			cursor = t->view == VIEW_PROCESSES &&
				 ((pid_t)grid_row(&g, at)->number == t->cursor ||
				  (!fleet_find(&t->fleet, t->cursor) && !at));
			if (cursor) {
				line_pad(&l, width);
				line_repaint(&l, PAINT_CURSOR);
			}
		}
		put(top + 1 + i, &l);
	}
	grid_free(&g);
}

/* Rows of the table, for the keys that go by pages. */
static int draw(struct top *t)
{
	static struct line lines[HEAD_ROOM];
	int width = getmaxx(stdscr), height = getmaxy(stdscr);
	int room = height - 2 - TABLE_LEAST, n, table;

	if (width > LINE_ROOM)
		width = LINE_ROOM;
	room = room < 1 ? 1 : room > HEAD_ROOM ? HEAD_ROOM : room;
	n = top_head(t, width, height / 4, lines, room);
	for (int i = 0; i < n; i++)
		put(i, &lines[i]);
	/* An empty line, the table with its heading, the status. */
	if (height > n + 8)
		put(n++, &(struct line){0});
	table = height - n - 1;
	if (table > 1)
		draw_table(t, n, table, width);
	if (height > 1) {
		status_line(t, width, &lines[0]);
		put(height - 1, &lines[0]);
	}
	move(height - 1, 0);
	refresh();
	return table > 2 ? table - 1 : 1;
}

static void draw_help(void)
{
	erase();
	for (int i = 0; i < (int)(sizeof(help) / sizeof(help[0])) && i < getmaxy(stdscr); i++)
		mvaddnstr(i, 0, help[i], getmaxx(stdscr));
	refresh();
}

/*
 * Waits for a key until @deadline. Returns it, ERR when the time has come, or
 * 'q' where the terminal is gone or a signal ends this.
 */
static int wait_key(double deadline)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	for (;;) {
		double left = deadline - now_seconds();
		int key, n;

		/* What ncurses has read already, and changes of the size. */
		key = getch();
		if (ended)
			return 'q';
		if (key != ERR)
			return key;
		if (left <= 0)
			return ERR;
		n = poll(&p, 1, (int)(left * 1000) + 1);
		if (n > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)))
			return 'q';
	}
}

static int refresh_fleet(struct top *t)
{
	int err = fleet_refresh(&t->fleet);

	if (now_seconds() >= message_end)
		t->message[0] = '\0';
	t->gone = err == -ESRCH;
	if (err && !t->gone)
		snprintf(t->message, sizeof(t->message), "%s", strerror(-err));
	return err;
}

/* False: quit. What it has to say replaces what was said before. */
static bool press(struct top *t, int key, int page)
{
	t->message[0] = '\0';
	message_end = now_seconds() + MESSAGE_SECONDS;
	return top_key(t, key, page);
}

static int loop(struct top *t)
{
	double next = now_seconds() + (t->seconds < FIRST_SECONDS ? t->seconds : FIRST_SECONDS);
	bool helping = false;
	long round = 1;

	for (;;) {
		int page = 1, key;
		pid_t only = t->fleet.only;

		if (helping)
			draw_help();
		else
			page = draw(t);
		key = wait_key(next);
		if (ended)
			return STATUS_OK;
		if (key == KEY_RESIZE) {
			erase();
			continue;
		}
		if (key != ERR && helping) {
			helping = false;
			erase();
			continue;
		}
		if (key == 'h' || key == '?') {
			helping = true;
			continue;
		}
		if (key != ERR && key != ' ' && !press(t, key, page))
			return STATUS_OK;
		/* The pace may have changed, and another process asks for its files now. */
		if (next > now_seconds() + t->seconds)
			next = now_seconds() + t->seconds;
		if (key != ERR && key != ' ' && only == t->fleet.only)
			continue;
		if (key == ERR && t->rounds && round++ >= t->rounds)
			return STATUS_OK;
		refresh_fleet(t);
		next = now_seconds() + t->seconds;
	}
}

int top_screen(struct top *t)
{
	struct sigaction sa = {.sa_handler = on_signal};
	const char *term = getenv("TERM");
	SCREEN *screen;
	int status, err = fleet_refresh(&t->fleet);

	if (err && t->fleet.only)
		return fail_client(t->fleet.only, "top", err);
	if (err)
		return fail("the list of processes: %s", strerror(-err));
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return fail("top: the terminal '%s' is not known; -b needs none", term ? term : "");
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	set_escdelay(50);
	set_attrs();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	status = loop(t);
	endwin();
	delscreen(screen);
	return status;
}
