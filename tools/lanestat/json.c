// SPDX-License-Identifier: MIT
#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sections.h"
#include "utf8.h"

static const char *const words[] = {"library", "mode", "mode_reason", "binding", "fence"};

void json_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (int n; *s; s += n) {
		n = utf8_len(s, strnlen(s, UTF8_MAX));
		if (!n) {
			fputs("\\ufffd", out);
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			fprintf(out, "\\%c", *s);
		} else if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			fprintf(out, "\\u%04x", *s);
		} else {
			fwrite(s, 1, n, out);
		}
	}
	fputc('"', out);
}

/* An integer in JSON's grammar, which has no leading zeros. */
static bool is_integer(const char *s)
{
	s += *s == '-';
	if (*s == '0')
		return !s[1];
	return *s && strspn(s, "0123456789") == strlen(s);
}

void json_value(FILE *out, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(words[i], key)) {
			json_string(out, value);
			return;
		}
	}
	if (is_integer(value) || !strcmp(value, "true") || !strcmp(value, "false"))
		fputs(value, out);
	else
		json_string(out, value);
}

static void member(FILE *out, const char *key, const char *value)
{
	json_string(out, key);
	fputs(": ", out);
	json_value(out, key, value);
}

static void rows(FILE *out, const struct text *t)
{
	for (int r = 0; r < t->nr_rows; r++) {
		fputs(r ? ",\n    {" : "\n    {", out);
		for (int c = 0; c < t->nr_columns; c++) {
			fputs(c ? ", " : "", out);
			member(out, t->columns[c], t->cells[(size_t)r * t->nr_columns + c]);
		}
		fputc('}', out);
	}
}

static void object(FILE *out, const struct text *t)
{
	fputc('{', out);
	for (int i = 0; i < t->nr_keys; i++) {
		fputs(i ? ",\n  " : "\n  ", out);
		member(out, t->keys[i].key, t->keys[i].value);
	}
	if (t->nr_columns) {
		fputs(t->nr_keys ? ",\n  \"rows\": [" : "\n  \"rows\": [", out);
		rows(out, t);
		fputs("\n  ]", out);
	}
	fputs("\n}", out);
}

void json_text(FILE *out, const struct text *t)
{
	object(out, t);
	fputc('\n', out);
}

static int sections(FILE *out, const char *all, size_t len)
{
	const char *at = all, *comma = "";
	struct section s;
	struct text t;
	int err;

	fputc('{', out);
	while (section_next(&s, &at, all + len)) {
		err = text_parse(&t, s.text, s.len);
		if (err)
			return err;
		fprintf(out, "%s\n", comma);
		json_string(out, s.name);
		fputs(": ", out);
		object(out, &t);
		text_free(&t);
		comma = ",";
	}
	fputs("\n}\n", out);
	return len && at == all + len ? 0 : -EINVAL;
}

int json_sections(FILE *out, const char *all, size_t len)
{
	char *buf = NULL;
	size_t size = 0;
	FILE *mem = open_memstream(&buf, &size);
	int err;

	if (!mem)
		return -ENOMEM;
	err = sections(mem, all, len);
	if (fclose(mem) && !err)
		err = -ENOMEM;
	if (!err)
		fwrite(buf, 1, size, out);
	free(buf);
	return err;
}
