// SPDX-License-Identifier: MIT
/*
 * The flame graph of call sites with names that HTML could take for its own, of stacks
 * as deep as they come with inlined functions, and of as many sites as Lane keeps: every
 * tag is closed where it was opened, every name reads as it was, nothing is lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ksft.h>

#include "flame.h"

#define INLINED 32
#define SITES_MAX 65536
#define TAGS_DEEP 20000

/* As an address names them: with @deep each has INLINED frames, else one. */
static const char *const odd[] = {
	"<script>alert(1)</script>",
	"a & b &amp; &lt;",
	"\"double\" 'single' `back`",
	"operator<<(std::ostream&, char const*)",
	"std::map<int, std::less<>>::operator[](int&&)",
	"</title></svg></div></section>",
	"<!-- ]]> -->",
	"javascript:alert(1)",
	"\xf0\x9f\x94\xa5 \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x80\xae",
	"%s%n%d",
	"a\\b\\\"c",
	"",
};
#define ODD (sizeof(odd) / sizeof(odd[0]))
/* What has no place in HTML is shown as the sign for that. */
static const char bad[] = "\xff\x80 \x01\x1b[31m \xc3", bad_shown[] = "\xef\xbf\xbd\xef\xbf\xbd "
								      "\xef\xbf\xbd\xef\xbf\xbd"
								      "[31m \xef\xbf\xbd";

static int inlined = 1;
static char many_names[SITES_MAX][12];

const struct place *symbols_at(struct symbols *s, uint64_t pc)
{
	static struct frame frames[INLINED];
	static struct place place;

	(void)s;
	for (int i = 0; i < inlined; i++)
		frames[i] = (struct frame){pc < ODD    ? odd[pc]
					   : pc == ODD ? bad
						       : many_names[pc % SITES_MAX],
					   pc < ODD ? odd[pc] : "server", pc < ODD ? odd[pc] : NULL,
					   (int)pc};
	place = (struct place){pc, frames, inlined};
	return &place;
}

static struct profile_site *sites;
static struct profile p;

static void begin(size_t nr, uint32_t depth)
{
	memset(&p, 0, sizeof(p));
	sites = calloc(nr, sizeof(*sites));
	for (size_t i = 0; sites && i < nr; i++) {
		sites[i] = (struct profile_site){.pc = calloc(depth, sizeof(uint64_t)),
						 .depth = depth,
						 .value = {1, 1000, 1, 1000}};
		for (int v = 0; v < PROFILE_VALUES; v++)
			p.sum[v] += sites[i].value[v];
	}
	p.sites = sites;
	p.nr_sites = nr;
}

static void end(void)
{
	for (size_t i = 0; i < p.nr_sites; i++)
		free(sites[i].pc);
	free(sites);
}

/* The page, from malloc(). */
static char *drawn(struct flame *root)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	flame_draw(out, root, "id", "what");
	fclose(out);
	return text;
}

/* Whether each tag is closed in its order; counts the functions. */
static bool well_formed(const char *text, int *functions)
{
	static const char *stack[TAGS_DEEP];
	static size_t len[TAGS_DEEP];
	int deep = 0;

	*functions = 0;
	for (; (text = strchr(text, '<')) != NULL; text++) {
		bool closing = text[1] == '/';
		const char *name = text + 1 + closing, *to = strchr(name, '>');
		size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz");

		if (!to || !n ||
		    (closing &&
		     (!deep || len[deep - 1] != n || strncmp(stack[deep - 1], name, n) != 0)))
			return false;
		*functions += !strncmp(text, "<svg class=\"f ", 14);
		if (closing) {
			deep--;
		} else if (to[-1] != '/' && strncmp(name, "input", n) != 0) {
			if (deep == TAGS_DEEP)
				return false;
			stack[deep] = name;
			len[deep++] = n;
		}
	}
	return deep == 0;
}

/* Of the characters that html_text() writes otherwise; enough room for all names here. */
static void unescape(const char *from, const char *to, char *out)
{
	static const struct {
		const char *as, *is;
	} table[] = {
		{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}, {"&quot;", "\""}, {"&#39;", "'"}};

	while (from < to) {
		size_t i = 0;

		while (i < 5 && strncmp(from, table[i].as, strlen(table[i].as)) != 0)
			i++;
		*out++ = i < 5 ? *table[i].is : *from;
		from += i < 5 ? strlen(table[i].as) : 1;
	}
	*out = '\0';
}

/* Whether a function is labelled with exactly this name. */
static bool has_label(const char *page, const char *name)
{
	char label[512];

	while ((page = strstr(page, "y=\"13\">")) != NULL) {
		const char *to = strstr(page += 7, "</text>");

		unescape(page, to, label);
		if (!strcmp(label, name))
			return true;
	}
	return false;
}

static void test_names(void)
{
	struct flame *root;
	int functions, shown = 0;
	char *page;

	begin(ODD + 1, 2);
	for (size_t i = 0; i <= ODD; i++)
		sites[i].pc[0] = i, sites[i].pc[1] = ODD + 5;
	snprintf(many_names[ODD + 5], sizeof(many_names[0]), "main");
	root = flame_build(&p, NULL, PROFILE_INUSE_BYTES);
	page = drawn(root);
	for (size_t i = 0; i < ODD; i++)
		shown += has_label(page, odd[i]);
	ksft_test_result(well_formed(page, &functions) && functions == (int)ODD + 3,
			 "names that look like HTML stay in their place");
	ksft_test_result(shown == (int)ODD, "and read as they are");
	ksft_test_result(has_label(page, bad_shown), "bytes that are no text are shown as such");
	free(page);
	flame_free(root);
	end();
}

static int depth_of(const struct flame *f)
{
	int n = 0;

	for (; f; f = f->first)
		n++;
	return n;
}

static void test_deep(void)
{
	struct flame *root;
	int functions;
	char *page;

	inlined = INLINED;
	begin(1, PROFILE_DEPTH_MAX);
	for (uint32_t i = 0; i < PROFILE_DEPTH_MAX; i++)
		sites[0].pc[i] = 100 + i;
	root = flame_build(&p, NULL, PROFILE_INUSE_BYTES);
	page = drawn(root);
	ksft_test_result(depth_of(root) == INLINED * PROFILE_DEPTH_MAX + 1 &&
				 well_formed(page, &functions) &&
				 functions == INLINED * PROFILE_DEPTH_MAX + 1,
			 "a stack of %d calls, each with %d inlined functions", PROFILE_DEPTH_MAX,
			 INLINED);
	free(page);
	flame_free(root);
	end();
	inlined = 1;
}

/* One caller of all, and none: both are wide. */
static void test_many(uint32_t depth, const char *name)
{
	struct flame *root;
	int functions, nodes = 0;
	int64_t bytes = 0;
	char *page;

	begin(SITES_MAX, depth);
	for (size_t i = 0; i < SITES_MAX; i++) {
		snprintf(many_names[i], sizeof(many_names[0]), "f%zu", i);
		sites[i].pc[0] = 2 * SITES_MAX + i;
		if (depth > 1)
			sites[i].pc[1] = SITES_MAX + 1;
	}
	/* Two that are wide enough to be drawn. */
	sites[7].value[PROFILE_INUSE_BYTES] += 1 << 30;
	sites[8].value[PROFILE_INUSE_BYTES] += 1 << 20;
	root = flame_build(&p, NULL, PROFILE_INUSE_BYTES);
	for (struct flame *f = depth > 1 ? root->first->first : root->first; f; f = f->next) {
		nodes++;
		bytes += f->bytes;
	}
	page = drawn(root);
	ksft_test_result(nodes == SITES_MAX && bytes == root->bytes &&
				 well_formed(page, &functions) && functions == (int)depth + 2 &&
				 has_label(page, "f7") && has_label(page, "f8") &&
				 strstr(page, "Left out: 65534 of less"),
			 "%s", name);
	free(page);
	flame_free(root);
	end();
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(6);
	test_names();
	test_deep();
	test_many(1, "65536 functions without a common caller");
	test_many(2, "65536 functions below one caller; what is narrow is left out, and counted");
	ksft_finished();
}
