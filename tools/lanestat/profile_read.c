// SPDX-License-Identifier: MIT
/* The profile of a process, asked for over its socket. */
#include "profile.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"

int profile_read(struct profile *p, pid_t pid)
{
	size_t len;
	char *data;
	int err = client_read(pid, "profile.pb.gz", &data, &len);

	memset(p, 0, sizeof(*p));
	if (err)
		return err;
	err = profile_parse(p, data, len);
	free(data);
	return err;
}
