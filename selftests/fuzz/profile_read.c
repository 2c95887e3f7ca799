// SPDX-License-Identifier: MIT
/*
 * profile_read.c - libFuzzer target: any bytes as a heap profile that a process
 * answers lanestat with. What is taken keeps its own rules, is sorted, merged and
 * drawn as a flame graph with names of all kinds, and nothing of them gets out of
 * its place in the page.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flame.h"
#include "profile.h"
#include "profile_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool cond, const char *what)
{
	if (cond)
		return;
	printf("profile_read: %s\n", what);
	fflush(stdout);
	abort();
}

#define ODD 12
static struct frame odd[ODD] = {
	{"main", "server", "server.c", 12},
	{"<script>alert(1)</script>", "a&b", "\"x\".c", -1},
	{"std::map<int, std::less<>>::operator<", "lib'q'.so", NULL, 0},
	{"", "", NULL, 0},
	{"\xff\xfe\x80", "\xc3", "\xe2\x82", 3},
	{"a\nb\tc\x01\x1f\x7f", "</svg>", NULL, 0},
	{"]]>--><!--", "&amp;", "&#0;", 1},
	{"operator\"\"_x", "a", "a.c", 2147483647},
	{"\xf0\x9f\x92\xa9 \xe2\x80\xae", "b", NULL, 0},
	{"f", "c", NULL, 0},
	{"g", "d", NULL, 0},
	{"h", "e", NULL, 0},
};

const struct place *symbols_at(struct symbols *s, uint64_t pc)
{
	static struct place place[ODD];
	int i = (int)(pc % ODD), n = 1 + (int)(pc / ODD % 3);

	(void)s;
	place[i] = (struct place){pc, &odd[i], i + n <= ODD ? n : 1};
	return &place[i];
}

/* Every tag is one of ours, and as many are closed as were opened. */
static void check_page(const char *text)
{
	static const char *const tags[] = {"svg ",    "/svg>",	  "title>",   "/title>", "text ",
					   "/text>",  "div ",	  "/div>",    "p ",	 "/p>",
					   "button ", "/button>", "span>",    "/span>",	 "bdi>",
					   "/bdi>",   "output>",  "/output>", "rect ",	 "input "};
	const size_t nr = sizeof(tags) / sizeof(tags[0]), pairs = nr - 2;
	size_t seen[sizeof(tags) / sizeof(tags[0])] = {0};

	for (; *text; text++) {
		size_t i = 0;

		if (*text != '<')
			continue;
		while (i < nr && strncmp(text + 1, tags[i], strlen(tags[i])) != 0)
			i++;
		must(i < nr, "a name became a tag");
		seen[i]++;
	}
	for (size_t i = 0; i < pairs; i += 2)
		must(seen[i] == seen[i + 1], "a tag is not closed");
}

static void draw(const struct profile *p, enum profile_value v)
{
	struct flame *root = flame_build(p, NULL, v);
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	must(root && root->bytes == p->sum[v], "the whole is not the sum of its parts");
	out = open_memstream(&text, &len);
	must(out != NULL, "no memory");
	flame_draw(out, root, "id", "what");
	fclose(out);
	check_page(text);
	free(text);
	flame_free(root);
}

static void check(const struct profile *p)
{
	int64_t sum[PROFILE_VALUES] = {0};
	struct profile_row *rows = profile_rows(p, p, false);

	must(p->rate >= 0 && rows, "a rate below 0");
	for (size_t i = 0; i < p->nr_sites; i++) {
		const struct profile_site *s = &p->sites[i];

		must(s->depth <= PROFILE_DEPTH_MAX, "too deep");
		must(!i || profile_order(&p->sites[i - 1], s) < 0, "out of order, or twice");
		must(!rows[i].key, "it has grown beside itself");
		for (int v = 0; v < PROFILE_VALUES; v++) {
			must(s->value[v] >= 0, "a number below 0");
			sum[v] += s->value[v];
		}
	}
	must(!memcmp(sum, p->sum, sizeof(sum)), "the sums");
	for (size_t i = 0; i < p->nr_mappings; i++)
		must(p->mappings[i].file && p->mappings[i].build_id, "a mapping without names");
	free(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Its own block of the exact size, so that a read beyond it is seen. */
	uint8_t *exact = malloc(size ? size : 1);
	struct profile p;

	memcpy(exact, data, size);
	if (!profile_parse(&p, exact, size)) {
		check(&p);
		draw(&p, PROFILE_INUSE_BYTES);
		draw(&p, PROFILE_ALLOC_BYTES);
		profile_free(&p);
	}
	must(!p.sites && !p.strings && !p.mappings, "something is left");
	free(exact);
	return 0;
}
