/* SPDX-License-Identifier: MIT */
/* thread_names.h - threads by the name that ps shows */
#ifndef LANE_API_THREAD_NAMES_H
#define LANE_API_THREAD_NAMES_H

#include "common.h"

#include <dirent.h>

/* How many of this process have @name; -1 where /proc is not there. */
static inline int threads_named(const char *name)
{
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	if (!dir)
		return -1;
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		char path[300], line[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (f && fgets(line, sizeof(line), f))
			line[strcspn(line, "\n")] = '\0';
		n += !strcmp(line, name);
		if (f)
			fclose(f);
	}
	closedir(dir);
	return n;
}

#endif
