// SPDX-License-Identifier: MIT
/*
 * Pairs of threads: one allocates objects and passes them in parcels of 64
 * through a bounded queue, the other frees them. prodcons SCALE [PAIRS]
 */
#include "bench.h"

#define PARCEL 64
#define QUEUE 64

struct pipe {
	pthread_mutex_t lock;
	pthread_cond_t room, goods;
	void **parcels[QUEUE];
	size_t head, tail;
};

static struct pipe pipes[MAX_THREADS / 2];
static size_t parcels;

static void send_parcel(struct pipe *q, void **parcel)
{
	pthread_mutex_lock(&q->lock);
	while (q->head - q->tail == QUEUE)
		pthread_cond_wait(&q->room, &q->lock);
	q->parcels[q->head++ % QUEUE] = parcel;
	pthread_cond_signal(&q->goods);
	pthread_mutex_unlock(&q->lock);
}

static void **recv_parcel(struct pipe *q)
{
	void **parcel;

	pthread_mutex_lock(&q->lock);
	while (q->head == q->tail)
		pthread_cond_wait(&q->goods, &q->lock);
	parcel = q->parcels[q->tail++ % QUEUE];
	pthread_cond_signal(&q->room);
	pthread_mutex_unlock(&q->lock);
	return parcel;
}

static void produce(struct pipe *q, struct rng *r)
{
	for (size_t n = 0; n < parcels; n++) {
		void **parcel = must(malloc(PARCEL * sizeof(*parcel)));

		for (int i = 0; i < PARCEL; i++)
			parcel[i] = take(rnd_size_log(r, 4, 9));
		send_parcel(q, parcel);
	}
}

static void consume(struct pipe *q)
{
	for (size_t n = 0; n < parcels; n++) {
		void **parcel = recv_parcel(q);

		for (int i = 0; i < PARCEL; i++)
			free(parcel[i]);
		free(parcel);
	}
}

static void work(unsigned int id, void *arg)
{
	struct pipe *q = &pipes[id / 2];
	struct rng r;

	(void)arg;
	rng_seed(&r, id);
	if (id & 1)
		consume(q);
	else
		produce(q, &r);
}

int main(int argc, char **argv)
{
	unsigned int pairs = (unsigned int)arg_num(argc, argv, 2, 1);
	uint64_t ns;

	parcels = scaled(arg_scale(argc, argv), 500000) / pairs;
	for (unsigned int i = 0; i < pairs; i++) {
		pthread_mutex_init(&pipes[i].lock, NULL);
		pthread_cond_init(&pipes[i].room, NULL);
		pthread_cond_init(&pipes[i].goods, NULL);
	}
	ns = run_threads(2 * pairs, work, NULL);
	put("steady_rss", rss_kb(), "kB");
	put_result(ns, (double)parcels * pairs * PARCEL);
	return 0;
}
