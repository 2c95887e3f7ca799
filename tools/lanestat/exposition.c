// SPDX-License-Identifier: MIT
#include "exposition.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

/* Of each type: the endings its samples have, and what 0.0.4 calls it. */
static const struct type {
	const char *name, *old_name;
	const char *endings; /* each with a blank behind it; a lone blank is none */
	const char *main;    /* the ending that 0.0.4 counts as part of the family's name */
} types[] = {
	{"unknown", "untyped", " ", ""},
	{"gauge", "gauge", " ", ""},
	{"counter", "counter", "_total _created ", "_total"},
	{"info", "gauge", "_info ", "_info"},
	{"stateset", "gauge", " ", ""},
	{"histogram", "histogram", "_bucket _count _sum _created ", ""},
	{"summary", "summary", "_count _sum _created  ", ""},
	{"gaugehistogram", NULL, "_bucket _gcount _gsum ", ""},
};

#define NR_TYPES (sizeof(types) / sizeof(types[0]))
#define FAMILIES_MAX 1000 /* of one text that are believed; each is looked for among all */

struct family {
	char *name;
	const struct type *type;
	char *unit, *help; /* NULL: none */
	char *samples;	   /* whole lines */
	size_t len;
	bool typed; /* said so, and not only met as a sample */
};

static void family_free(struct family *f)
{
	free(f->name);
	free(f->unit);
	free(f->help);
	free(f->samples);
}

void exposition_free(struct exposition *e)
{
	for (int i = 0; i < e->nr; i++)
		family_free(&e->families[i]);
	free(e->families);
	*e = (struct exposition){0};
}

static struct family *find(const struct exposition *e, const char *name, size_t len)
{
	/* From the end: a text's lines are about the family it named last. */
	for (int i = e->nr - 1; i >= 0; i--)
		if (strlen(e->families[i].name) == len && !memcmp(e->families[i].name, name, len))
			return &e->families[i];
	return NULL;
}

static struct family *find_or_add(struct exposition *e, const char *name, size_t len)
{
	struct family *f = find(e, name, len);

	if (f)
		return f;
	f = reallocarray(e->families, e->nr + 1, sizeof(*f));
	if (!f)
		return NULL;
	e->families = f;
	f += e->nr;
	*f = (struct family){.name = strndup(name, len), .type = &types[0]};
	if (!f->name)
		return NULL;
	e->nr++;
	return f;
}

static int set_type(struct family *f, const char *s, size_t len)
{
	if (f->typed || f->len)
		return -EINVAL;
	for (size_t i = 0; i < NR_TYPES; i++) {
		if (strlen(types[i].name) != len || memcmp(types[i].name, s, len) != 0)
			continue;
		f->type = &types[i];
		f->typed = true;
		return 0;
	}
	return -EINVAL;
}

static int set_text(char **at, const char *s, size_t len)
{
	if (*at || !sample_help_good(s, len))
		return -EINVAL;
	*at = strndup(s, len);
	return *at ? 0 : -ENOMEM;
}

/* A unit is the end of its family's name. */
static bool ends_in_unit(const char *name, const char *unit, size_t len)
{
	size_t own = strlen(name);

	return len && own > len + 1 && name[own - len - 1] == '_' &&
	       !memcmp(name + own - len, unit, len);
}

/* "# TYPE name word" and the like. */
static int take_comment(struct exposition *e, const char *line, size_t len)
{
	struct family *f;
	const char *s = line + 7;
	size_t n;

	if (len < 8 || line[6] != ' ')
		return -EINVAL;
	n = sample_name_len(s, len - 7);
	if (!n || n + 8 > len || s[n] != ' ')
		return -EINVAL;
	f = find_or_add(e, s, n);
	if (!f)
		return -ENOMEM;
	s += n + 1;
	len -= n + 8;
	if (!memcmp(line, "# TYPE", 6))
		return set_type(f, s, len);
	if (!memcmp(line, "# HELP", 6))
		return set_text(&f->help, s, len);
	if (!memcmp(line, "# UNIT", 6) && ends_in_unit(f->name, s, len))
		return set_text(&f->unit, s, len);
	return -EINVAL;
}

/* Whether a sample of @len bytes of name is one of @f. */
static bool belongs(const struct family *f, const char *name, size_t len)
{
	size_t own = strlen(f->name);
	const char *ending = f->type->endings;

	if (len < own || memcmp(name, f->name, own) != 0)
		return false;
	for (; *ending; ending += strcspn(ending, " ") + 1)
		if (strcspn(ending, " ") == len - own && !memcmp(ending, name + own, len - own))
			return true;
	return false;
}

/* Whether a sample of one could be one of the other, as those of counter x and of gauge x_total. */
static bool clash(const struct family *a, const struct family *b)
{
	size_t own = strlen(a->name), other = strlen(b->name);
	const char *ending = a->type->endings;

	if (own > other)
		return clash(b, a);
	if (memcmp(a->name, b->name, own) != 0)
		return false;
	for (; *ending; ending += strcspn(ending, " ") + 1) {
		/* What stands behind the shorter name in both: a's ending, b's rest and ending. */
		size_t len = strcspn(ending, " ");
		const char *of_b = b->type->endings;

		if (len < other - own || memcmp(ending, b->name + own, other - own) != 0)
			continue;
		for (; *of_b; of_b += strcspn(of_b, " ") + 1)
			if (strcspn(of_b, " ") == len - (other - own) &&
			    !memcmp(of_b, ending + (other - own), len - (other - own)))
				return true;
	}
	return false;
}

static bool clashes(const struct exposition *e, int nr, const struct family *f)
{
	for (int i = 0; i < nr; i++)
		if (clash(&e->families[i], f))
			return true;
	return false;
}

static int append(struct family *f, const struct sample_line *s, const char *labels)
{
	size_t room = s->name_len + strlen(labels) + s->labels_len + s->value_len + 8;
	char *all = realloc(f->samples, f->len + room);

	if (!all)
		return -ENOMEM;
	f->samples = all;
	f->len += (size_t)snprintf(all + f->len, room, "%.*s{%s%s%.*s} %.*s\n", (int)s->name_len,
				   s->name, labels, s->labels_len && *labels ? "," : "",
				   (int)s->labels_len, s->labels, (int)s->value_len, s->value);
	return 0;
}

static int take_sample(struct exposition *e, const char *line, size_t len, const char *labels)
{
	struct family *f = e->nr ? &e->families[e->nr - 1] : NULL;
	struct sample_line s;

	if (!sample_parse(&s, line, len))
		return -EINVAL;
	if (!f || !belongs(f, s.name, s.name_len)) {
		/* Without a word about its family it is one of its own, that nobody else may be. */
		if (find(e, s.name, s.name_len))
			return -EINVAL;
		f = find_or_add(e, s.name, s.name_len);
	}
	return f ? append(f, &s, labels) : -ENOMEM;
}

/* Each name is of one family alone. */
static int check_names(const struct exposition *e)
{
	for (int i = 0; i < e->nr; i++)
		if (clashes(e, i, &e->families[i]))
			return -EINVAL;
	return 0;
}

/* One text into an exposition of its own, up to its EOF line. */
static int parse(struct exposition *e, const char *text, size_t len, const char *labels)
{
	const char *end = text + len;
	int err = 0;

	while (text < end && !err) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t n;

		if (!stop)
			return -EINVAL;
		n = (size_t)(stop - text);
		if (n == 5 && !memcmp(text, "# EOF", 5))
			return stop + 1 == end ? check_names(e) : -EINVAL;
		err = *text == '#' ? take_comment(e, text, n) : take_sample(e, text, n, labels);
		if (!err && e->nr > FAMILIES_MAX)
			err = -EINVAL;
		text = stop + 1;
	}
	return err ? err : -EINVAL;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* The samples of @from behind those of @to. Memory is there: it was asked for before. */
static void join(struct family *to, struct family *from)
{
	if (to->type != from->type || !same(to->unit, from->unit))
		return;
	memcpy(to->samples + to->len, from->samples, from->len);
	to->len += from->len;
}

/* Room for all of @more, so that taking it over cannot fail half way. */
static int reserve(struct exposition *e, const struct exposition *more)
{
	struct family *all = reallocarray(e->families, e->nr + more->nr + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	e->families = all;
	for (int i = 0; i < more->nr; i++) {
		const struct family *from = &more->families[i];
		struct family *to = find(e, from->name, strlen(from->name));
		char *samples = to ? realloc(to->samples, to->len + from->len + 1) : NULL;

		if (to && !samples)
			return -ENOMEM;
		if (to)
			to->samples = samples;
	}
	return 0;
}

int exposition_add(struct exposition *e, const char *text, size_t len, const char *labels)
{
	struct exposition more = {0};
	int err = parse(&more, text, len, labels);

	if (!err)
		err = reserve(e, &more);
	for (int i = 0; !err && i < more.nr; i++) {
		struct family *from = &more.families[i];
		struct family *to = find(e, from->name, strlen(from->name));

		if (to) {
			join(to, from);
		} else if (!clashes(e, e->nr, from)) {
			e->families[e->nr++] = *from;
			*from = (struct family){0};
		}
	}
	exposition_free(&more);
	return err;
}

/* 0.0.4 has no escaped quotes in HELP. */
static void write_help(const char *help, FILE *out)
{
	for (; *help; help++) {
		if (*help == '\\' && help[1] == '"')
			help++;
		else if (*help == '\\')
			fputc(*help++, out);
		fputc(*help, out);
	}
}

static bool ends_with_created(const char *line, size_t own)
{
	return !strncmp(line + own, "_created{", 9);
}

static void write_old(const struct family *f, FILE *out)
{
	const struct type *type = f->type;
	size_t own = strlen(f->name);

	if (f->help && type->old_name) {
		fprintf(out, "# HELP %s%s ", f->name, type->main);
		write_help(f->help, out);
		fputc('\n', out);
	}
	if (type->old_name)
		fprintf(out, "# TYPE %s%s %s\n", f->name, type->main, type->old_name);
	/* There it would be a family of its own without a type. */
	for (const char *line = f->samples; line < f->samples + f->len;) {
		const char *next = (const char *)memchr(line, '\n', f->len) + 1;

		if (!ends_with_created(line, own))
			fwrite(line, 1, (size_t)(next - line), out);
		line = next;
	}
}

static void write_new(const struct family *f, FILE *out)
{
	fprintf(out, "# TYPE %s %s\n", f->name, f->type->name);
	if (f->unit)
		fprintf(out, "# UNIT %s %s\n", f->name, f->unit);
	if (f->help)
		fprintf(out, "# HELP %s %s\n", f->name, f->help);
	fwrite(f->samples, 1, f->len, out);
}

void exposition_write(const struct exposition *e, enum exposition_format format, FILE *out)
{
	for (int i = 0; i < e->nr; i++) {
		/* Without a sample there is nothing to tell; some readers mind. */
		if (!e->families[i].len)
			continue;
		if (format == FORMAT_OPENMETRICS)
			write_new(&e->families[i], out);
		else
			write_old(&e->families[i], out);
	}
	if (format == FORMAT_OPENMETRICS)
		fputs("# EOF\n", out);
}
