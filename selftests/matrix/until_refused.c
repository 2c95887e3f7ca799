// SPDX-License-Identifier: MIT
/*
 * Where the system limits what may be mapped, malloc ends in NULL and ENOMEM instead of
 * a signal. What was held until then is whole, the books are exact, and after it is freed
 * as much can be had again.
 *
 * MATRIX_LIMIT is the limit in MiB: no more than that may be had.
 */
#include "../api/same_as_walk.h"

struct chunk {
	struct chunk *next;
	size_t size;
	uint64_t seed;
};

static struct snap snap, walk;

/*
 * Everything that can be had, touched: pieces of all sizes, and smaller ones each time that
 * one is refused. Bytes; @refused: how often, -1 where it was not by ENOMEM.
 */
static uint64_t take_all(struct chunk **list, uint64_t most, int *refused)
{
	uint64_t rng = 1001, bytes = 0;

	*refused = 0;
	for (size_t largest = MIB(3); largest >= 1024 && bytes <= most;) {
		size_t size = sizeof(struct chunk) + random_size(&rng) % largest;
		struct chunk *c;

		errno = 0;
		c = get(size);
		if (!c) {
			*refused = errno == ENOMEM && *refused >= 0 ? *refused + 1 : -1;
			largest /= 2;
			continue;
		}
		c->next = *list;
		c->size = size - sizeof(*c);
		c->seed = bytes;
		pattern_fill(c + 1, c->size, c->seed);
		*list = c;
		bytes += size;
	}
	return bytes;
}

static bool give_all(struct chunk *list)
{
	bool whole = true;

	while (list) {
		struct chunk *next = list->next;

		whole &= pattern_holds(list + 1, list->size, list->seed);
		put(list);
		list = next;
	}
	return whole;
}

static bool exact(void)
{
	return snap_read(&snap) == 0 && snap_walk(&walk) == 0 && snap_good(&snap) &&
	       snap_differences(&snap, &walk) == 0;
}

int main(void)
{
	const char *text = getenv("MATRIX_LIMIT");
	uint64_t most = (text ? strtoull(text, NULL, 10) : 256) << 20, first, again;
	struct chunk *list = NULL;
	int refused;

	ksft_print_header();
	ksft_set_plan(5);
	first = take_all(&list, most, &refused);
	ksft_test_result(refused > 0, "ENOMEM after %llu MiB of %llu",
			 (unsigned long long)first >> 20, (unsigned long long)most >> 20);
	ksft_test_result(exact(), "the books are what a walk finds when nothing is left");
	ksft_test_result(give_all(list), "what was held is whole");
	ksft_test_result(exact(), "the books are what a walk finds after all was freed");
	list = NULL;
	again = take_all(&list, most, &refused);
	ksft_test_result(refused > 0 && again >= first / 10 * 9 && give_all(list),
			 "%llu MiB can be had again", (unsigned long long)again >> 20);
	ksft_finished();
}
