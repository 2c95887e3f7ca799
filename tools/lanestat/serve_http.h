/* SPDX-License-Identifier: MIT */
/*
 * serve_http.h - a small HTTP server for one reader or a few: one thread, poll(),
 * a bounded number of connections, a deadline for each. Nothing that a client
 * does holds up the others for longer than an answer takes to make.
 */
#ifndef LANESTAT_SERVE_HTTP_H
#define LANESTAT_SERVE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define SERVE_CONNECTIONS 32	/* further ones wait in the listen queue */
#define SERVE_REQUEST_SECONDS 5 /* for a request to arrive */
#define SERVE_ANSWER_SECONDS 10 /* for an answer to be taken */

/*
 * Makes the body of GET /metrics, from malloc(); NULL: 503. @round is the same
 * for requests that came together, which may share what is gathered.
 */
typedef char *(*serve_body)(bool openmetrics, unsigned long round, size_t *len);

/* Serve on @listener, a non-blocking socket that listens, until SIGINT or SIGTERM. 0 or -errno. */
int serve_http(int listener, serve_body body);

#endif /* LANESTAT_SERVE_HTTP_H */
