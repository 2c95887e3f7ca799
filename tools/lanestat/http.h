/* SPDX-License-Identifier: MIT */
/*
 * http.h - as much of HTTP/1.1 as GET /metrics needs. One request a connection;
 * every answer says that it is the last. Sees no sockets.
 */
#ifndef LANESTAT_HTTP_H
#define LANESTAT_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX 8192 /* bytes of a request with its headers */

enum http_state {
	HTTP_MORE = 0,	/* not all here yet */
	HTTP_OK = 200,	/* GET /metrics */
	HTTP_BAD = 400, /* malformed */
	HTTP_NOT_FOUND = 404,
	HTTP_NOT_ALLOWED = 405,
	HTTP_TOO_LONG = 431,
	HTTP_VERSION = 505,
};

struct http_request {
	bool openmetrics; /* is what the reader prefers */
};

/* What the first @len bytes at @buf ask for. */
enum http_state http_parse(const char *buf, size_t len, struct http_request *req);

const char *http_reason(int status);

#endif /* LANESTAT_HTTP_H */
