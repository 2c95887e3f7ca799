/* SPDX-License-Identifier: MIT */
/*
 * atomic.h - read-modify-write operations. liburcu's uatomic does the work;
 * under ThreadSanitizer the compiler's builtins do, because liburcu's
 * assembly is invisible to it.
 */
#ifndef KERN_ATOMIC_H
#define KERN_ATOMIC_H

#include "compiler.h"

#if defined(__SANITIZE_THREAD__)
#define atomic_cmpxchg(p, old, new)                                                                \
	({                                                                                         \
		__typeof__(*(p)) _old = (old);                                                     \
		__atomic_compare_exchange_n((p), &_old, (new), false, __ATOMIC_SEQ_CST,            \
					    __ATOMIC_SEQ_CST);                                     \
		_old;                                                                              \
	})
#define atomic_xchg(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_add_return(p, v) __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_or(p, v) ((void)__atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))
#else
#include <urcu/uatomic.h>
/* Each is a full barrier and returns: the value before; the value before; the value after. */
#define atomic_cmpxchg(p, old, new) uatomic_cmpxchg(p, old, new)
#define atomic_xchg(p, v) uatomic_xchg(p, v)
#define atomic_add_return(p, v) uatomic_add_return(p, v)
#define atomic_or(p, v)                                                                            \
	do {                                                                                       \
		uatomic_or(p, v);                                                                  \
		cmm_smp_mb__after_uatomic_or();                                                    \
	} while (0)
#endif

#endif
