// SPDX-License-Identifier: MIT
/*
 * lanestat export: the metrics of all processes of the user on one endpoint. The
 * processes are asked when somebody asks, so that what is scraped is of now, and
 * once for all requests of a round.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "exposition.h"
#include "gather.h"
#include "human.h"
#include "lanestat.h"
#include "process.h"
#include "serve_http.h"

static struct exposition exposition;
static unsigned long gathered; /* the round that it is of */

/* pid and comm as labels; the name's two characters that end a value get a backslash. */
static void make_labels(pid_t pid, char *buf, size_t room)
{
	struct process proc;
	int n = snprintf(buf, room, "pid=\"%d\",comm=\"", (int)pid);

	process_look(pid, &proc);
	human_printable(proc.comm);
	for (const char *s = proc.comm; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf[n++] = '\\';
		buf[n++] = *s;
	}
	strcpy(buf + n, "\"");
}

/* Whether a process answered is a metric, too: lane_up. */
static int add_up(struct exposition *e, const char *labels, bool up)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "# TYPE lane_up gauge\n"
		 "# HELP lane_up 1 where the process gave its metrics.\n"
		 "lane_up %d\n# EOF\n",
		 up);
	return exposition_add(e, text, strlen(text), labels);
}

/* A family of that name is ours alone: another one's would be there twice, or of another type. */
static bool says_up(const char *text)
{
	for (; (text = strstr(text, "lane_up")); text += strlen("lane_up"))
		if (!isalnum((unsigned char)text[7]) && text[7] != '_' && text[7] != ':')
			return true;
	return false;
}

static int gather_all(struct exposition *e)
{
	char labels[128];
	struct gather *all;
	pid_t *pids;
	int err = 0, nr = client_list(&pids);

	if (nr < 0)
		return nr;
	all = calloc((size_t)nr + 1, sizeof(*all));
	if (!all) {
		free(pids);
		return -ENOMEM;
	}
	for (int i = 0; i < nr; i++)
		all[i] = (struct gather){.pid = pids[i], .name = "metrics"};
	gather(all, nr);
	for (int i = 0; i < nr && !err; i++) {
		/* It ended meanwhile, which is nothing to report. */
		if (all[i].err == -ESRCH)
			continue;
		make_labels(pids[i], labels, sizeof(labels));
		if (!all[i].err && says_up(all[i].text))
			all[i].err = -EINVAL;
		if (!all[i].err)
			all[i].err = exposition_add(e, all[i].text, all[i].len, labels);
		err = all[i].err == -ENOMEM ? -ENOMEM : add_up(e, labels, !all[i].err);
	}
	gather_free(all, nr);
	free(all);
	free(pids);
	return err;
}

static char *body(bool openmetrics, unsigned long round, size_t *len)
{
	char *text = NULL;
	FILE *out;

	if (round != gathered) {
		exposition_free(&exposition);
		gathered = 0;
		if (gather_all(&exposition))
			return NULL;
		gathered = round;
	}
	out = open_memstream(&text, len);
	if (!out)
		return NULL;
	exposition_write(&exposition, openmetrics ? FORMAT_OPENMETRICS : FORMAT_TEXT, out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* ADDRESS:PORT or [ADDRESS]:PORT cut in two; false where it is neither. */
static bool split(char *listen, char **host, char **port)
{
	char *colon = strrchr(listen, ':');

	if (!colon || colon == listen || !colon[1] ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) || atol(colon + 1) > 65535)
		return false;
	*port = colon + 1;
	*host = listen;
	*colon = '\0';
	if (*listen == '[') {
		if (colon[-1] != ']')
			return false;
		colon[-1] = '\0';
		(*host)++;
	}
	return **host && (*listen == '[' || !strchr(listen, ':'));
}

/* A socket that listens, or -errno; -EINVAL: no such address. */
static int open_listener(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *ai;
	int fd, one = 1, err;

	if (getaddrinfo(host, port, &hints, &ai))
		return -EINVAL;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, SERVE_CONNECTIONS)) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		fd = err;
	}
	freeaddrinfo(ai);
	return fd;
}

/* With port 0 only the system knows which one it is. */
static int say_where(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char host[64], port[16];

	if (getsockname(fd, (struct sockaddr *)&addr, &len) ||
	    getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return fail("export: the address is not known");
	printf(strchr(host, ':') ? "http://[%s]:%s/metrics\n" : "http://%s:%s/metrics\n", host,
	       port);
	return finish_output();
}

int export_main(int argc, char **argv)
{
	static const struct option options[] = {{"listen", required_argument, NULL, 'l'}, {0}};
	char listen[280] = "", *host, *port; /* a name has 253 bytes at most */
	int opt, fd, err;

	while ((opt = getopt_long(argc, argv, ":l:", options, NULL)) != -1) {
		if (opt != 'l')
			return misused("export: %s is unknown or wants a value", argv[optind - 1]);
		snprintf(listen, sizeof(listen), "%s", optarg);
	}
	if (!*listen || optind != argc)
		return misused("export wants --listen ADDRESS:PORT and nothing else");
	if (!split(listen, &host, &port))
		return misused("export: '%s' is not ADDRESS:PORT", listen);
	fd = open_listener(host, port);
	if (fd < 0)
		err = fail("export: %s port %s: %s", host, port,
			   fd == -EINVAL ? "no such address" : strerror(-fd));
	else
		err = say_where(fd);
	if (!err) {
		err = serve_http(fd, body);
		err = err ? fail("export: %s", strerror(-err)) : STATUS_OK;
	}
	exposition_free(&exposition);
	if (fd >= 0)
		close(fd);
	return err;
}
