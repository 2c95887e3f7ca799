// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include <lane/lane.h>

#include "lanestat.h"

static const char help[] =
	"usage: lanestat [--json] [-d SEC]            processes that serve\n"
	"       lanestat [--json] PID [FILE]          a file of one (heapinfo)\n"
	"       lanestat PID conf KEY VALUE ...       set keys, all or none\n"
	"       lanestat watch [-n SEC] [-c COUNT] PID [FILE]\n"
	"       lanestat top [-b] [-d SEC] [-n COUNT] [-s KEY] [-v VIEW] [PID]\n"
	"       lanestat export --listen ADDRESS:PORT\n"
	"       lanestat profile [--diff SEC] [--sort KEY] [-n ROWS] [--full|--json] PID\n"
	"       lanestat report [--watch SEC [-d SEC]] PID > FILE.html\n"
	"\n"
	"Files: heapinfo classinfo cpuinfo nodeinfo gcinfo metrics profile\n"
	"profile.pb.gz conf all.\n"
	"\n"
	"  --json      JSON instead of text; not for metrics and raw profiles\n"
	"  -d SEC      list: mallocs/s over SEC seconds, not since the process began;\n"
	"              top: seconds between refreshes (2)\n"
	"  -n SEC      watch: seconds between refreshes (2)\n"
	"  -c COUNT    watch: end after COUNT readings\n"
	"  -b          top: text, one screen after the other, no keys\n"
	"  -n COUNT    top: end after COUNT refreshes\n"
	"  -s KEY      top: sort by this column\n"
	"  -v VIEW     top: classes, lanes, nodes or processes\n"
	"  --watch SEC report: read for so long, and draw curves; -d SEC between readings\n"
	"  --listen    export: serve GET /metrics, e.g. on 127.0.0.1:9464\n"
	"  --diff SEC  profile: what grew in SEC seconds\n"
	"  --sort KEY  profile: by bytes in use (inuse) or allocated so far (alloc)\n"
	"  -n ROWS     profile: so many call sites (20)\n"
	"  --full      profile: whole stacks, a call a line\n"
	"  --json      profile: all call sites, or -n of them, with their stacks\n"
	"  --help, --version\n"
	"\n"
	"A process serves where LANE_CONF has serve:true. Exit status: 0, 1 no such\n"
	"process or file, 2 usage. See lanestat(1).\n";

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
} commands[] = {
	{"watch", watch_main},	   {"top", top_main},	    {"export", export_main},
	{"profile", profile_main}, {"report", report_main},
};

/* What has no command's name: the list, or a process and its file. */
static int look(bool json, double seconds, int argc, char **argv)
{
	pid_t pid;

	if (argc == 0)
		return list_main(json, seconds);
	if (!parse_pid(argv[0], &pid))
		return misused("'%s' is neither a command nor a process number", argv[0]);
	if (seconds > 0)
		return misused("-d is for the list");
	if (argc <= 2)
		return show_main(pid, argc == 2 ? argv[1] : "heapinfo", json);
	if (json)
		return misused("--json is for reading");
	return conf_main(pid, argv[1], argv + 2, argc - 2);
}

int main(int argc, char **argv)
{
	bool json = false;
	double seconds = 0;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return finish_output();
		} else if (!strcmp(argv[i], "--version") || !strcmp(argv[i], "-V")) {
			puts("lanestat " LANE_VERSION);
			return finish_output();
		} else if (!strcmp(argv[i], "-d")) {
			if (i + 1 == argc || !parse_seconds(argv[++i], &seconds))
				return misused("-d wants seconds from 0.1 to 86400");
		} else if (!strcmp(argv[i], "--")) {
			i++;
			break;
		} else {
			return misused("unknown option %s", argv[i]);
		}
	}
	for (size_t c = 0; i < argc && c < sizeof(commands) / sizeof(commands[0]); c++) {
		if (strcmp(argv[i], commands[c].name) != 0)
			continue;
		if (json || seconds > 0)
			return misused("options of %s stand behind it", commands[c].name);
		return commands[c].main(argc - i, argv + i);
	}
	/* Also where it stands last, as people type it. */
	if (i < argc && !strcmp(argv[argc - 1], "--json")) {
		json = true;
		argc--;
	}
	return look(json, seconds, argc - i, argv + i);
}
