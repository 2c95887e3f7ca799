// SPDX-License-Identifier: MIT
/*
 * serve.c - libFuzzer target: what peers may do to the service's connections, in any order: parts
 * of requests, several in one go, absurd lengths, settings, answers that nobody takes, ends of all
 * kinds; and the program that closes a descriptor, and memory that is refused.
 *
 * No socket and no thread: serve_peer.h stands in for the system. The answer must be the one of
 * serve_model.h, byte by byte as far as it is taken; settings count as a whole or not at all; and
 * each descriptor is closed once, each page given back.
 */
#include "guard.h"
#include "prof.h"
#include "serve_peer.h"

/* What is made at first use and stays: the pool of guarded objects, tables of the profile. */
static void make_lasting(void)
{
	struct procfs_text text;

	must(!guard_set_rate(1) && !prof_set_rate(1 << 20), "rates can be set");
	must(!guard_set_rate(0) && !prof_set_rate(0), "rates go back to none");
	for (size_t i = 0; i < ARRAY_SIZE(model_files); i++) {
		must(!procfs_render(model_files[i], &text), "every file can be rendered");
		procfs_text_free(&text);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	peers_install();
	make_lasting();
	return 0;
}

/* What a file is to look like, whatever the numbers in it. */
static bool looks_like(const char *file, const char *text, size_t len)
{
	static const char *const starts[][2] = {{"metrics", "# "},
						{"profile", "heap profile: "},
						{"profile.pb.gz", "\x1f\x8b"},
						{"conf", "mode "},
						{"all", "== heapinfo ==\nversion 1\n"}};
	const char *start = "version 1\ngeneration ";

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		if (!strcmp(starts[i][0], file))
			start = starts[i][1];
	}
	if (len < strlen(start) || memcmp(text, start, strlen(start)) != 0)
		return false;
	if (!strcmp(file, "metrics") && (len < 6 || memcmp(text + len - 6, "# EOF\n", 6) != 0))
		return false;
	return !strcmp(file, "profile.pb.gz") || (text[len - 1] == '\n' && !memchr(text, 0, len));
}

/* @whole: the answer was taken to its end. */
static void check_error(const struct peer *p, int err, bool whole)
{
	char head[32];
	size_t len = (size_t)snprintf(head, sizeof(head), "error %d ", err);
	const char *nl = memchr(p->taken, '\n', p->nr_taken);

	must(!memcmp(p->taken, head, min(len, p->nr_taken)), "another error");
	must(!nl || nl == p->taken + p->nr_taken - 1, "something follows an error");
	must(!whole || (nl && p->nr_taken > len + 1), "an error of no line");
}

static void check_file(const struct peer *p, bool whole)
{
	const char *nl = memchr(p->taken, '\n', p->nr_taken);
	size_t len, head;
	char *end;

	must(!memcmp(p->taken, "ok ", min((size_t)3, p->nr_taken)), "a file is refused");
	must(!whole || nl, "a file without a head");
	if (!nl)
		return;
	head = (size_t)(nl - p->taken) + 1;
	len = strtoul(p->taken + 3, &end, 10);
	must(end == nl, "the head of a file");
	must(whole ? p->nr_taken == head + len : p->nr_taken <= head + len, "a file's length");
	must(!whole || looks_like(p->want.file, nl + 1, len), "a file's text");
}

/* The same settings, written by a call, must do the same. */
static void check_settings(const struct peer *p, bool *good)
{
	const struct conf after = conf;
	const u64 rate = prof_rate(), guarded = guard_rate();

	conf = p->before;
	must(!guard_set_rate(p->guarded) && !prof_set_rate(p->rate), "rates as they were");
	*good = !conf_write((const char *)p->want.body, p->want.len);
	must(!memcmp(&conf, &after, sizeof(conf)), "other settings than those written");
	must(prof_rate() == rate && guard_rate() == guarded, "other rates than those written");
	must(*good || !memcmp(&conf, &p->before, sizeof(conf)), "a bad line changed something");
}

static void check_answer(const struct peer *p, bool whole)
{
	switch (p->want.kind) {
	case MORE:
		must(!p->nr_taken, "an answer to half a request");
		break;
	case READ:
		if (p->refused && p->nr_taken && p->taken[0] == 'e')
			check_error(p, ENOMEM, whole);
		else
			check_file(p, whole);
		break;
	case WRITE:
		must(!memcmp(p->taken, "ok 0\n", min((size_t)5, p->nr_taken)) && p->nr_taken <= 5,
		     "good settings are refused");
		must(!whole || p->nr_taken == 5, "half an answer");
		break;
	case ERROR:
		check_error(p, p->want.err, whole);
		break;
	}
}

/* After each step of a connection. */
static void look(struct peer *p)
{
	bool ended = p->conn->state == CONN_FREE, cut = p->reset || p->foreign || p->expired;

	if (!ended) {
		must(p->foreign || p->accepted || p->moved, "a connection without a socket");
		must((p->conn->state == CONN_REQUEST) == (p->want.kind == MORE),
		     "an answer is due, or none");
	} else {
		must(p->foreign || (!p->accepted && !p->moved), "a socket is left");
		must(!p->conn->file.size, "a file is left");
		must(cut || p->want.kind != MORE, "the end before the answer");
	}
	check_answer(p, ended && !cut);
}

/* Note what counts before a step, take it, and see what it did. */
static void step(struct peer *p, void (*run)(struct peer *p))
{
	bool was_due = p->want.kind != MORE, good;

	p->before = conf;
	p->rate = prof_rate();
	p->guarded = guard_rate();
	p->refused |= no_memory;
	run(p);
	no_memory = false;
	if (!was_due && p->want.kind == WRITE) {
		check_settings(p, &good);
		if (!good)
			p->want = model_error(EINVAL);
	}
	look(p);
}

static void run_open(struct peer *p)
{
	conn_open(p->conn, ACCEPTED + (int)(p - peers), 0);
	no_descriptors = false;
}

static void run(struct peer *p)
{
	conn_run(p->conn, 0);
}

static void run_expire(struct peer *p)
{
	if (p->want.kind == MORE)
		p->want = model_error(EAGAIN);
	p->expired = true;
	conn_expire(p->conn);
	must(p->conn->state == CONN_FREE, "time is up, and it goes on");
}

static void ensure_open(struct peer *p)
{
	struct conn *conn = p->conn;
	char *taken = p->taken;

	if (conn->state != CONN_FREE)
		return;
	memset(p, 0, offsetof(struct peer, sent));
	p->conn = conn;
	p->taken = taken;
	p->accepted = true;
	p->step = SENT_MAX;
	step(p, run_open);
}

static void deliver(struct peer *p, const void *from, size_t n)
{
	n = min(n, (size_t)SENT_MAX - p->nr_sent);
	if (p->eof)
		return;
	memcpy(p->sent + p->nr_sent, from, n);
	p->nr_sent += n;
}

static void deliver_token(struct peer *p, u8 which)
{
	static const char *const tokens[] = {
		"read ",
		"write ",
		"write conf ",
		"read conf\n",
		"read all\n",
		" ",
		"\n",
		"0",
		"4096\n",
		"4097\n",
		"99999999999999999999999",
		"-1\n",
		"true\n",
		"false\n",
		"verbose ",
		"gctrace ",
		"cpu_cache_max ",
		"prof_rate ",
		"guard_rate ",
		"stats_print ",
		"release_delay_ms ",
		"mode lock\n",
		"18446744073709551616\n",
		"cpu_cache_total 64k\n",
		"release_slack 1m\n",
		"stats_interval_ms 7\n",
	};

	if (which < ARRAY_SIZE(tokens))
		deliver(p, tokens[which], strlen(tokens[which]));
	else
		deliver(p, model_files[which % ARRAY_SIZE(model_files)],
			strlen(model_files[which % ARRAY_SIZE(model_files)]));
}

/* A write whose length is right. */
static void deliver_write(struct peer *p, struct input *in)
{
	size_t n = byte(in);
	const u8 *body = bytes(in, &n);
	char head[32];

	deliver(p, head, (size_t)snprintf(head, sizeof(head), "write conf %zu\n", n));
	deliver(p, body, n);
}

static void deliver_many(struct peer *p, struct input *in)
{
	size_t n = 33u * byte(in);
	u8 what = byte(in);

	while (n--)
		deliver(p, &what, 1);
}

static void act(struct input *in)
{
	u8 op = byte(in);
	struct peer *p = &peers[op >> 4 & 3];
	size_t n;

	if ((op & 15) == 12)
		no_descriptors = op >> 7;
	ensure_open(p);
	switch (op & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		n = byte(in);
		deliver(p, bytes(in, &n), n);
		break;
	case 4:
		deliver_token(p, byte(in));
		return; /* nobody looks yet */
	case 5:
		deliver_write(p, in);
		break;
	case 6:
		deliver_many(p, in);
		break;
	case 7:
		p->room += (size_t)byte(in) * byte(in);
		break;
	case 8:
		p->eof = true;
		break;
	case 9:
		p->reset = byte(in) == 1;
		break;
	case 10:
		step(p, run_expire);
		return;
	case 11:
		/* Closed, and the number is a file's of the program. */
		p->foreign = byte(in) == 1;
		break;
	case 13:
		interrupted = true;
		break;
	case 14:
		p->step = byte(in) + 1u;
		break;
	case 15:
		no_memory = true;
		break;
	}
	step(p, run);
}

/* Who is left says no more, and takes all. */
static void finish(struct peer *p)
{
	if (p->conn->state == CONN_FREE)
		return;
	p->eof = true;
	p->room = TAKEN_MAX;
	step(p, run);
	must(p->conn->state == CONN_FREE, "a connection does not end");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct conf start = conf;
	struct input in = {data, size};
	const s64 mapped_before = mapped;

	interrupted = no_memory = no_descriptors = false;
	for (int i = 0; i < PEERS; i++)
		peers[i].conn = calloc(1, sizeof(struct conn));
	while (in.left)
		act(&in);
	for (int i = 0; i < PEERS; i++) {
		finish(&peers[i]);
		free(peers[i].conn);
	}
	must(!guard_set_rate(0) && !prof_set_rate(0), "rates go back to none");
	conf = start;
	must(mapped == mapped_before, "pages are left");
	return 0;
}
