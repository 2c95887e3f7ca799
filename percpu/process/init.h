/* SPDX-License-Identifier: MIT */
/*
 * init.h - bring-up, in two steps.
 *
 *	lane_start()	at the first malloc, perhaps in the dynamic loader: no
 *			C library calls but raw ones, no environment. From then
 *			on the heap works, with one node heap.
 *	constructor	once the C library is up: LANE_CONF, fork handlers, the
 *			nodes, the background thread, the service.
 */
#ifndef PERCPU_INIT_H
#define PERCPU_INIT_H

/* 0, or -ENOMEM: there is no address space, and the next malloc tries again. Inside a slow path. */
int lane_start(void);

/* The same from outside; -EAGAIN in a handler that interrupted one. */
int lane_start_outside(void);

#endif
