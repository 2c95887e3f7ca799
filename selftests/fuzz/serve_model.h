/* SPDX-License-Identifier: MIT */
/*
 * serve_model.h - what the service has to answer to bytes that have come, written from the
 * protocol in lane/lane_serve.h and not from the service.
 */
#ifndef LANE_SERVE_MODEL_H
#define LANE_SERVE_MODEL_H

#include <errno.h>
#include <lane/lane_serve.h>

#include "fuzz.h"

enum verdict_kind {
	MORE, /* not enough has come */
	ERROR,
	READ,
	WRITE,
};

struct verdict {
	enum verdict_kind kind;
	int err;	  /* ERROR: as the line has it */
	const char *file; /* READ */
	const u8 *body;	  /* WRITE */
	size_t len;	  /* bytes of it */
};

static const char *const model_files[] = {LANE_SERVE_FILES};

/* The file of @len bytes of name, NULL where there is none. */
static inline const char *model_file(const u8 *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(model_files); i++) {
		if (strlen(model_files[i]) == len && !memcmp(model_files[i], name, len))
			return model_files[i];
	}
	return NULL;
}

static inline struct verdict model_error(int err)
{
	return (struct verdict){.kind = ERROR, .err = err};
}

/* "NAME LENGTH", @n bytes, and what has come behind the line. */
static inline struct verdict model_write(const u8 *args, size_t n, const u8 *body, size_t have,
					 bool eof)
{
	const u8 *blank = memchr(args, ' ', n);
	const char *file;
	u64 len = 0;

	if (!blank || blank + 1 == args + n)
		return model_error(EINVAL);
	for (const u8 *s = blank + 1; s < args + n; s++) {
		if (*s < '0' || *s > '9')
			return model_error(EINVAL);
		if (len <= LANE_SERVE_WRITE_MAX)
			len = len * 10 + (u64)(*s - '0');
	}
	if (len > LANE_SERVE_WRITE_MAX)
		return model_error(EMSGSIZE);
	file = model_file(args, (size_t)(blank - args));
	if (!file)
		return model_error(ENOENT);
	if (strcmp(file, "conf") != 0)
		return model_error(EACCES);
	if (have < len)
		return eof ? model_error(EINVAL) : (struct verdict){.kind = MORE};
	return (struct verdict){.kind = WRITE, .body = body, .len = len};
}

/* What @n bytes ask for; @eof: no more will come. */
static inline struct verdict model_verdict(const u8 *sent, size_t n, bool eof)
{
	size_t room = min(n, (size_t)LANE_SERVE_LINE_MAX), line;
	const u8 *nl = memchr(sent, '\n', room);
	struct verdict v = {.kind = READ};

	if (!nl && room == LANE_SERVE_LINE_MAX)
		return model_error(EMSGSIZE);
	if (!nl)
		return eof ? model_error(EINVAL) : (struct verdict){.kind = MORE};
	line = (size_t)(nl - sent);
	if (memchr(sent, 0, line))
		return model_error(EINVAL);
	if (line > 6 && !memcmp(sent, "write ", 6))
		return model_write(sent + 6, line - 6, nl + 1, n - line - 1, eof);
	if (line <= 5 || memcmp(sent, "read ", 5) != 0)
		return model_error(EINVAL);
	v.file = model_file(sent + 5, line - 5);
	return v.file ? v : model_error(ENOENT);
}

#endif /* LANE_SERVE_MODEL_H */
