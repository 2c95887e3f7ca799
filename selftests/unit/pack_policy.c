// SPDX-License-Identifier: MIT
/*
 * When a class is packed: where its spans are sparse, as long as that brings
 * something, and less and less often where it brings nothing.
 */
#include "unit.h"

#include "pack_pace.h"

#define TICK 100u /* ms */
#define WORTH 1000u

/* A class as the policy sees it. */
struct model {
	struct pack_view v;
	struct pack_pace p;
	u64 now;
	u64 packed; /* ticks of it */
	u64 begun;  /* times */
};

static void tick(struct model *m)
{
	bool was = m->p.on;

	m->now += TICK;
	if (!pack_pace_tick(&m->p, &m->v, m->now))
		return;
	m->packed++;
	m->begun += !was;
}

static struct model model(u64 objects, u64 free)
{
	return (struct model){.v = {.objects = objects, .free = free, .worth = WORTH}};
}

static bool dense_is_left_alone(void)
{
	struct model m = model(0, 0);

	/* It grows and shrinks, a seventh of it free at most. */
	for (u64 live = 0; live < 1000000; live += 1000) {
		m.v = (struct pack_view){.objects = live + live / 6,
					 .free = live / 6,
					 .passed = live * 10,
					 .worth = WORTH};
		tick(&m);
	}
	return m.packed == 0;
}

static bool little_is_left_alone(void)
{
	struct model m = model(1010, WORTH - 1);

	tick(&m);
	return m.packed == 0;
}

/* Each life of the live ones halves what is free. */
static bool packs_until_dense(void)
{
	struct model m = model(1000000, 900000);
	u64 live = m.v.objects - m.v.free;

	for (int i = 0; i < 1000; i++) {
		m.v.passed += live / 10;
		if (m.p.on)
			m.v.free -= m.v.free / 14;
		m.v.objects = live + m.v.free;
		tick(&m);
	}
	ksft_print_msg("%llu of %llu objects free after %llu ticks of packing",
		       (unsigned long long)m.v.free, (unsigned long long)m.v.objects,
		       (unsigned long long)m.packed);
	return m.begun == 1 && m.v.free <= m.v.objects / 12 && !m.p.on && m.packed < 100;
}

/* Nobody uses the class: to pack it costs nothing, and it is there when it is used. */
static bool waits_for_use(void)
{
	struct model m = model(1000000, 900000);

	for (int i = 0; i < 100000; i++)
		tick(&m);
	return m.begun == 1 && m.p.on;
}

/* An hour: what lives does not move, however much passes. */
static bool rests_where_it_brings_nothing(void)
{
	struct model m = model(1000000, 900000);
	u64 live = m.v.objects - m.v.free, while_packed = 0;

	for (u64 t = 0; t < 3600000; t += TICK) {
		m.v.passed += live / 10;
		while_packed += m.p.on ? live / 10 : 0;
		tick(&m);
	}
	ksft_print_msg("packed %llu times, %llu times the live passed", (unsigned long long)m.begun,
		       (unsigned long long)(while_packed / live));
	return m.begun >= 5 && m.begun <= 15 && while_packed <= m.begun * live * 3;
}

/* A burst comes in spans of its own and is given back while the few that live are packed. */
static bool goes_on_through_a_burst(void)
{
	struct model m = model(100000, 80000);
	u64 live = m.v.objects - m.v.free;

	tick(&m);
	m.v.objects = 400000;
	while (m.v.objects - m.v.free > live) {
		m.v.free += 10000;
		m.v.passed += 10000;
		tick(&m);
	}
	return m.p.on && m.begun == 1;
}

/* After a long rest it moves again, and then the next rest is a short one. */
static bool learns_that_it_moves(void)
{
	struct model m = model(1000000, 900000);
	u64 live = m.v.objects - m.v.free;

	while (m.now < 3600000) {
		m.v.passed += live;
		tick(&m);
	}
	while (m.p.on || m.v.free > m.v.objects / 12) {
		m.v.passed += live;
		m.v.free -= m.p.on ? m.v.free / 2 : 0;
		m.v.objects = live + m.v.free;
		tick(&m);
	}
	return m.p.rest == 0;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(7);
	ksft_test_result(dense_is_left_alone(), "a class of dense spans is never packed");
	ksft_test_result(little_is_left_alone(), "nor one where it is not worth it");
	ksft_test_result(packs_until_dense(), "a sparse one is packed until its spans are dense");
	ksft_test_result(waits_for_use(), "a sparse one that nobody uses waits for its use");
	ksft_test_result(rests_where_it_brings_nothing(),
			 "where it brings nothing it is tried ever less often");
	ksft_test_result(goes_on_through_a_burst(), "the end of a burst does not end it");
	ksft_test_result(learns_that_it_moves(), "until it brings something again");
	ksft_finished();
}
