// SPDX-License-Identifier: MIT
/*
 * A chained hash table of strings: some 400,000 entries, each an entry, a key and
 * a value; entries are looked up, given a longer or shorter value, dropped
 * and put in anew. strings SCALE
 */
#include "bench.h"

#define BUCKETS (1u << 18)
#define KEYS 600000

struct entry {
	struct entry *next;
	char *key, *value;
};

static struct entry *buckets[BUCKETS];

static char *copy(const char *s, size_t len)
{
	char *p = must(malloc(len + 1));

	memcpy(p, s, len);
	p[len] = 0;
	return p;
}

static struct entry **find(const char *key)
{
	uint64_t hash = 14695981039346656037u;
	struct entry **at;

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 1099511628211u;
	at = &buckets[(hash >> 20) & (BUCKETS - 1)];
	while (*at && strcmp((*at)->key, key))
		at = &(*at)->next;
	return at;
}

static void insert(struct entry **at, const char *key, const char *text, size_t len)
{
	struct entry *e = must(malloc(sizeof(*e)));

	*e = (struct entry){.key = copy(key, strlen(key)), .value = copy(text, len)};
	*at = e;
}

static void drop(struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	free(e->key);
	free(e->value);
	free(e);
}

int main(int argc, char **argv)
{
	size_t steps = scaled(arg_scale(argc, argv), 4000000);
	static char text[512];
	uint64_t start;
	struct rng r;

	memset(text, 'x', sizeof(text));
	rng_seed(&r, 1);
	start = now_ns();
	for (size_t n = 0; n < steps; n++) {
		size_t len = rnd_size_log(&r, 3, 8);
		uint32_t user = rnd_below(&r, KEYS);
		struct entry **at;
		char key[64];

		snprintf(key, sizeof(key), "user:%u:%s", user, &"profile/settings"[user & 15]);
		at = find(key);
		if (!*at) {
			insert(at, key, text, len);
		} else if (n & 1) {
			drop(at);
		} else {
			free((*at)->value);
			(*at)->value = copy(text, len);
		}
	}
	start = now_ns() - start;
	put("steady_rss", rss_kb(), "kB");
	put_result(start, (double)steps);
	return 0;
}
