// SPDX-License-Identifier: MIT
/* lanestat PID [FILE] shows a file as it is, or as JSON; lanestat PID conf KEY VALUE writes it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "json.h"
#include "lanestat.h"
#include "text.h"

/* That has a form of its own. */
static bool has_json(const char *file)
{
	return strcmp(file, "metrics") != 0;
}

static int show_json(const char *file, const char *text, size_t len)
{
	struct text t;
	int err;

	if (!strcmp(file, "all"))
		return json_sections(stdout, text, len);
	err = text_parse(&t, text, len);
	if (err)
		return err;
	json_text(stdout, &t);
	text_free(&t);
	return 0;
}

int show_main(pid_t pid, const char *file, bool json)
{
	char *text;
	size_t len;
	int err;

	if (json && !strncmp(file, "profile", 7))
		return misused("%s is not shown as JSON, but lanestat profile --json %d is", file,
			       (int)pid);
	if (json && !has_json(file))
		return misused("%s is not shown as JSON", file);
	err = client_read(pid, file, &text, &len);
	if (err)
		return fail_client(pid, file, err);
	if (json)
		err = show_json(file, text, len);
	else
		fwrite(text, 1, len, stdout);
	free(text);
	if (err)
		return fail("%d: %s is neither lines of key and value nor a table", (int)pid, file);
	return finish_output();
}

/* A line is all that a word may not hold: it would write a second key. */
static bool one_word(const char *word)
{
	return *word && !word[strcspn(word, "\n")];
}

int conf_main(pid_t pid, const char *file, char **words, int nr_words)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out;
	int err;

	if (nr_words % 2)
		return misused("%s has no value", words[nr_words - 1]);
	out = open_memstream(&text, &len);
	if (!out)
		return fail("%s", strerror(errno));
	for (int i = 0; i < nr_words; i += 2) {
		if (!one_word(words[i]) || !one_word(words[i + 1])) {
			fclose(out);
			free(text);
			return misused("a key and its value are one line");
		}
		fprintf(out, "%s %s\n", words[i], words[i + 1]);
	}
	if (fclose(out)) {
		free(text);
		return fail("%s", strerror(ENOMEM));
	}
	err = client_write(pid, file, text, len);
	free(text);
	if (err == -EINVAL)
		return fail("%d: %s: bad key or value, nothing was changed", (int)pid, file);
	return err ? fail_client(pid, file, err) : STATUS_OK;
}
