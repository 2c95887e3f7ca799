// SPDX-License-Identifier: MIT
#include "http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct span {
	const char *at;
	size_t len;
};

static struct span trimmed(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct span){at, (size_t)(end - at)};
}

static bool is(struct span s, const char *word)
{
	return s.len == strlen(word) && !memcmp(s.at, word, s.len);
}

static bool is_whatever_case(struct span s, const char *word)
{
	return s.len == strlen(word) && !strncasecmp(s.at, word, s.len);
}

/* The piece up to @sep; *@rest moves behind it. */
static struct span piece(struct span *rest, char sep)
{
	const char *end = memchr(rest->at, sep, rest->len);
	const char *all = rest->at + rest->len;
	struct span s = trimmed(rest->at, end ? end : all);

	*rest = end ? (struct span){end + 1, (size_t)(all - end - 1)} : (struct span){all, 0};
	return s;
}

/* The q of a media range, 1 where it has none. */
static double weight(struct span params)
{
	while (params.len) {
		struct span p = piece(&params, ';');
		char buf[8] = "";

		if (p.len < 2 || (p.at[0] | 0x20) != 'q' || p.at[1] != '=')
			continue;
		memcpy(buf, p.at + 2, p.len - 2 < sizeof(buf) ? p.len - 2 : sizeof(buf) - 1);
		return isdigit((unsigned char)buf[0]) ? strtod(buf, NULL) : 0;
	}
	return 1;
}

/* OpenMetrics for who asks for it by name and does not like plain text better. */
static bool prefers_openmetrics(struct span accept)
{
	double openmetrics = 0, text = 0;

	while (accept.len) {
		struct span range = piece(&accept, ',');
		struct span type = piece(&range, ';');
		double q = weight(range);

		if (is_whatever_case(type, "application/openmetrics-text"))
			openmetrics = q > openmetrics ? q : openmetrics;
		else if (is_whatever_case(type, "text/plain"))
			text = q > text ? q : text;
	}
	return openmetrics > 0 && openmetrics >= text;
}

/* Method and target of the first line. */
static enum http_state first_line(struct span line, bool *one_one)
{
	struct span method = piece(&line, ' '), target = piece(&line, ' ');

	if (!method.len || !target.len || line.len != 8 || memcmp(line.at, "HTTP/", 5) != 0)
		return HTTP_BAD;
	if (memcmp(line.at + 5, "1.", 2) != 0)
		return HTTP_VERSION;
	*one_one = line.at[7] != '0';
	if (target.len > 7 && !strncasecmp(target.at, "http://", 7)) {
		const char *end = target.at + target.len;
		const char *path = memchr(target.at + 7, '/', target.len - 7);

		target = path ? (struct span){path, (size_t)(end - path)} : (struct span){"/", 1};
	}
	target = piece(&target, '?');
	if (!is(target, "/metrics"))
		return HTTP_NOT_FOUND;
	return is(method, "GET") ? HTTP_OK : HTTP_NOT_ALLOWED;
}

static bool token(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.at[i]) && !strchr("!#$%&'*+-.^_`|~", s.at[i]))
			return false;
	return s.len > 0;
}

/* The line that ends at or before @end; *@at moves behind it. NULL in @line.at: none is whole. */
static struct span next_line(const char **at, const char *end)
{
	const char *stop = memchr(*at, '\n', (size_t)(end - *at));
	struct span line = {*at, 0};

	if (!stop)
		return (struct span){NULL, 0};
	line.len = (size_t)(stop - *at);
	if (line.len && stop[-1] == '\r')
		line.len--;
	*at = stop + 1;
	return line;
}

enum http_state http_parse(const char *buf, size_t len, struct http_request *req)
{
	const char *end = buf + (len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX);
	enum http_state first = HTTP_MORE;
	bool one_one = false, host = false;
	struct span line, name;
	const char *colon;

	*req = (struct http_request){0};
	for (;;) {
		line = next_line(&buf, end);
		if (!line.at)
			return len >= HTTP_HEAD_MAX ? HTTP_TOO_LONG : HTTP_MORE;
		if (memchr(line.at, '\0', line.len))
			return HTTP_BAD;
		if (first == HTTP_MORE) {
			/* Some send an empty line before it. */
			if (line.len)
				first = first_line(line, &one_one);
			if (first == HTTP_BAD || first == HTTP_VERSION)
				return first;
			continue;
		}
		if (!line.len)
			return one_one && !host ? HTTP_BAD : first;
		colon = memchr(line.at, ':', line.len);
		name = (struct span){line.at, colon ? (size_t)(colon - line.at) : 0};
		if (!token(name))
			return HTTP_BAD;
		host = host || is_whatever_case(name, "Host");
		if (is_whatever_case(name, "Accept"))
			req->openmetrics =
				prefers_openmetrics(trimmed(colon + 1, line.at + line.len));
	}
}

const char *http_reason(int status)
{
	switch (status) {
	case HTTP_OK:
		return "OK";
	case HTTP_NOT_FOUND:
		return "Not Found";
	case HTTP_NOT_ALLOWED:
		return "Method Not Allowed";
	case HTTP_TOO_LONG:
		return "Request Header Fields Too Large";
	case HTTP_VERSION:
		return "HTTP Version Not Supported";
	case 503:
		return "Service Unavailable";
	default:
		return "Bad Request";
	}
}
