/* SPDX-License-Identifier: MIT */
/* no_errno.h - the result of a C library call as -errno, with errno as it was. */
#ifndef PERCPU_NO_ERRNO_H
#define PERCPU_NO_ERRNO_H

#include <errno.h>

#define NO_ERRNO(call)                                                                             \
	({                                                                                         \
		int _saved = errno;                                                                \
		long _ret = (long)(call);                                                          \
		if (_ret == -1)                                                                    \
			_ret = -errno;                                                             \
		errno = _saved;                                                                    \
		_ret;                                                                              \
	})

#endif
