/* SPDX-License-Identifier: MIT */
/*
 * barrier.h - memory ordering by kernel names. Every use names its pair in
 * a comment beside it.
 */
#ifndef KERN_BARRIER_H
#define KERN_BARRIER_H

#include "compiler.h"

/* Compiler builtins rather than urcu/arch.h, so that ThreadSanitizer sees the ordering. */
#if defined(__SANITIZE_THREAD__)
/* TSan has no model of fences: an atomic exchange on one shared word orders as much for it. */
extern int kern_tsan_fence;
#define smp_mb() ((void)__atomic_exchange_n(&kern_tsan_fence, 0, __ATOMIC_SEQ_CST))
#define smp_rmb() smp_mb()
#define smp_wmb() smp_mb()
#else
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#endif

#define barrier() __asm__ __volatile__("" ::: "memory")

#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#if defined(__x86_64__)
#define cpu_relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define cpu_relax() __asm__ __volatile__("isb" ::: "memory")
#else
#define cpu_relax() barrier()
#endif

#endif
