// SPDX-License-Identifier: MIT
/*
 * A server in steady state. Threads serve requests on shared sessions: each
 * request allocates a buffer, some parsed fields and a response, frees them
 * at its end, and puts a new value into a random session, whose old value was
 * most likely allocated by another thread. server SCALE [THREADS]
 */
#include "bench.h"

#define SESSIONS 40000
#define FIELDS 8

static _Atomic(void *) sessions[SESSIONS];
static size_t requests;

static void request(struct rng *r)
{
	void *fields[FIELDS];
	char *in = take(128 + rnd_below(r, 2048));
	size_t reply = rnd_size_log(r, 8, 14);
	uint32_t bits = rnd(r);
	char *out, *value;

	for (int i = 0; i < FIELDS; i++)
		fields[i] = take(16 + ((bits >> i) & 0xff));
	value = take(rnd_size_log(r, 5, 11));
	out = take(reply);
	memset(out, 1, reply < 512 ? reply : 512);
	free(atomic_exchange_explicit(&sessions[rnd_below(r, SESSIONS)], value,
				      memory_order_acq_rel));
	for (int i = 0; i < FIELDS; i++)
		free(fields[i]);
	free(in);
	free(out);
}

static void work(unsigned int id, void *arg)
{
	struct rng r;

	(void)arg;
	rng_seed(&r, id);
	for (size_t n = 0; n < requests; n++)
		request(&r);
}

int main(int argc, char **argv)
{
	unsigned int threads = (unsigned int)arg_num(argc, argv, 2, 2);
	uint64_t ns;

	requests = scaled(arg_scale(argc, argv), 6000000) / threads;
	ns = run_threads(threads, work, NULL);
	put("steady_rss", rss_kb(), "kB");
	put_result(ns, (double)requests * threads);
	return 0;
}
