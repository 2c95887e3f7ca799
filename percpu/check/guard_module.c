// SPDX-License-Identifier: MIT
#include "guard_module.h"

#include <errno.h>
#include <string.h>

#include "os.h"
#include "prof_maps.h"

#define CHUNK 512		      /* bytes read at a time */
#define LINE (GUARD_PATH_BYTES + 100) /* bytes that are kept of one */

/* Whether @pc lies in the mapping of this line. */
static bool take_line(struct guard_module *m, const char *line, size_t len, uintptr_t pc)
{
	struct prof_mapping one;
	size_t n;

	if (!prof_maps_line(line, line + len, &one) || pc < one.start || pc >= one.end)
		return false;
	n = one.path_len && one.path[0] == '/' ? min(one.path_len, GUARD_PATH_BYTES - 1u) : 0;
	m->start = one.start;
	m->offset = one.offset;
	memcpy(m->path, one.path, n);
	m->path[n] = '\0';
	return true;
}

/* Not of /proc/self: as read_text() of prof_maps.c. */
bool guard_module_find(struct guard_module *m, uintptr_t pc)
{
	int fd = os.open_read("/proc/thread-self/maps");
	char buf[CHUNK], line[LINE];
	bool found = false;
	size_t used = 0;
	long n;

	while (fd >= 0 && !found && ((n = os.read(fd, buf, sizeof(buf))) > 0 || n == -EINTR)) {
		for (long i = 0; i < n && !found; i++) {
			if (buf[i] != '\n') {
				if (used < sizeof(line))
					line[used++] = buf[i];
				continue;
			}
			found = take_line(m, line, used, pc);
			used = 0;
		}
	}
	if (fd >= 0)
		os.close(fd);
	return found;
}
