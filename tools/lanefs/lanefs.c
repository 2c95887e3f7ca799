// SPDX-License-Identifier: MIT
/*
 * lanefs.c - mount, serve requests until a signal or umount, unmount
 */
#include "lanefs.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lane/lane.h"

#define THREADS_MAX 256 /* requests that wait for processes at the same time */
#define THREADS_IDLE 8	/* kept for the next ones */

struct options {
	int foreground;
	int debug;
	int help;
	int version;
	char *where;
};

static const struct fuse_opt spec[] = {
	{"-f", offsetof(struct options, foreground), 1},
	{"-d", offsetof(struct options, debug), 1},
	{"-h", offsetof(struct options, help), 1},
	{"--help", offsetof(struct options, help), 1},
	{"-V", offsetof(struct options, version), 1},
	{"--version", offsetof(struct options, version), 1},
	FUSE_OPT_END,
};

static const struct fuse_lowlevel_ops operations = {
	.lookup = tree_lookup,
	.getattr = tree_getattr,
	.setattr = tree_setattr,
	.create = tree_create,
	.opendir = tree_opendir,
	.readdir = tree_readdir,
	.releasedir = tree_releasedir,
	.open = file_open,
	.read = file_read,
	.write = file_write,
	.release = file_release,
};

static const char usage[] = "usage: lanefs [-f] [-o option,...] MOUNTPOINT\n"
			    "  -f          stay in the foreground\n"
			    "  -o option   of mount(8) and mount.fuse3(8)\n"
			    "  -d          stay, and show every request\n"
			    "  -V, -h      version, this help\n"
			    "The files of every process that serves are in MOUNTPOINT/<pid>/.\n";

static bool debugging;
static const char *mounting; /* where, until it is mounted */

/* Of what libfuse says of one failure, the first line tells most. */
static void fuse_said(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char line[400];

	if (debugging) {
		vfprintf(stderr, fmt, ap);
		return;
	}
	if (level > FUSE_LOG_ERR || said_any())
		return;
	vsnprintf(line, sizeof(line), strncmp(fmt, "fuse: ", 6) ? fmt : fmt + 6, ap);
	if (mounting)
		said("cannot mount on %s: %s", mounting, line);
	else
		said("%s", line);
}

static int take(void *data, const char *arg, int key, struct fuse_args *rest)
{
	struct options *o = data;

	(void)rest;
	if (key == FUSE_OPT_KEY_OPT && arg[0] == '-') {
		said("no option '%s'; see lanefs -h", arg);
		return -1;
	}
	if (key != FUSE_OPT_KEY_NONOPT)
		return 1;
	if (o->where) {
		said("one mount point, not also '%s'", arg);
		return -1;
	}
	o->where = strdup(arg);
	return o->where ? 0 : -1;
}

/* Return: a signal's number, 0 after umount, -errno. */
static int serve(struct fuse_session *se)
{
	struct fuse_loop_config *cfg = fuse_loop_cfg_create();
	int ret;

	if (!cfg)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(cfg, THREADS_MAX);
	fuse_loop_cfg_set_idle_threads(cfg, THREADS_IDLE);
	ret = fuse_session_loop_mt(se, cfg);
	fuse_loop_cfg_destroy(cfg);
	return ret;
}

static int run(struct fuse_args *args, const struct options *o, const char *where)
{
	struct fuse_session *se;
	int ret = -1;

	mounting = where;
	se = fuse_session_new(args, &operations, sizeof(operations), NULL);
	if (!se)
		goto out;
	if (fuse_set_signal_handlers(se))
		goto out_session;
	if (fuse_session_mount(se, where))
		goto out_signals;
	mounting = NULL;
	ret = fuse_daemonize(o->foreground || o->debug);
	if (!ret) {
		ret = serve(se);
		if (ret < 0)
			said("%s", strerror(-ret));
	}
	fuse_session_unmount(se);
out_signals:
	fuse_remove_signal_handlers(se);
out_session:
	fuse_session_destroy(se);
out:
	if (ret < 0 && !said_any())
		said("cannot mount on %s", where);
	return ret < 0;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct options o = {0};
	char *where;
	int status = 2; /* of a wrong command line; 1 where it cannot be mounted */

	fuse_set_log_func(fuse_said);
	if (fuse_opt_parse(&args, &o, spec, take)) {
		if (!said_any())
			said("wrong options; see lanefs -h");
	} else if (o.help) {
		fputs(usage, stdout);
		status = 0;
	} else if (o.version) {
		printf("lanefs %s, libfuse %s\n", LANE_VERSION, fuse_pkgversion());
		status = 0;
	} else if (!o.where) {
		said("where to mount? see lanefs -h");
	} else {
		where = mount_point(o.where);
		status = 1;
		debugging = o.debug;
		if (where &&
		    !fuse_opt_add_arg(&args,
				      "-ofsname=lane,subtype=lanefs,default_permissions,noexec") &&
		    (!o.debug || !fuse_opt_add_arg(&args, "-odebug")))
			status = run(&args, &o, where);
		free(where);
	}
	free(o.where);
	fuse_opt_free_args(&args);
	return status;
}
