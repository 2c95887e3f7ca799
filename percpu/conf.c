// SPDX-License-Identifier: MIT
#include "conf.h"

#include <string.h>
#include <sys/mman.h>

#include "bug.h"
#include "os.h"

#define THP_FROM                                                                                   \
	(64ULL << 20) /* thp:auto: bytes of heap below which no huge pages are asked for           \
		       */

struct conf conf = {
	.cpu_cache_max = 4ULL << 20,
	.cpu_cache_total = 512ULL << 20,
	.release_delay_ms = 2000,
	.release_slack = 4ULL << 20,
	.stats_interval_ms = 1000,
};

enum kind { KIND_BOOL, KIND_NUMBER, KIND_CHOICE, KIND_PATH };

struct key {
	const char *name;
	enum kind kind;
	void *value;
	const char *const *choices; /* KIND_CHOICE: names by value, NULL at the end */
};

static const char *const mode_names[] = {"auto", "rseq", "cid", "lock", NULL};
static const char *const thp_names[] = {"auto", "always", "never", NULL};
static const char *const numa_names[] = {"auto", "off", NULL};

static const struct key keys[] = {
	{"mode", KIND_CHOICE, &conf.mode, mode_names},
	{"thp", KIND_CHOICE, &conf.thp, thp_names},
	{"numa", KIND_CHOICE, &conf.numa, numa_names},
	{"stats_print", KIND_BOOL, &conf.stats_print, NULL},
	{"verbose", KIND_BOOL, &conf.verbose, NULL},
	{"background_thread", KIND_BOOL, &conf.background_thread, NULL},
	{"cpu_cache_max", KIND_NUMBER, &conf.cpu_cache_max, NULL},
	{"cpu_cache_total", KIND_NUMBER, &conf.cpu_cache_total, NULL},
	{"release_delay_ms", KIND_NUMBER, &conf.release_delay_ms, NULL},
	{"release_slack", KIND_NUMBER, &conf.release_slack, NULL},
	{"stats_interval_ms", KIND_NUMBER, &conf.stats_interval_ms, NULL},
	{"stats_file", KIND_PATH, conf.stats_file, NULL},
};

/* Digits with an optional k, m or g (1024s); false where it is not a number or too large. */
static bool parse_number(const char *s, size_t len, u64 *out)
{
	u64 v = 0;
	u32 shift = 0;

	if (!len)
		return false;
	switch (s[len - 1] | 0x20) {
	case 'g':
		shift += 10;
		__attribute__((fallthrough));
	case 'm':
		shift += 10;
		__attribute__((fallthrough));
	case 'k':
		shift += 10;
		len--;
	}
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (u64)(s[i] - '0'), &v))
			return false;
	}
	if (!len || v > (~0ULL >> shift) / 2)
		return false;
	*out = v << shift;
	return true;
}

static bool equals(const char *s, size_t len, const char *name)
{
	return strlen(name) == len && !memcmp(s, name, len);
}

static bool set_value(const struct key *k, const char *s, size_t len)
{
	switch (k->kind) {
	case KIND_BOOL:
		if (!equals(s, len, "true") && !equals(s, len, "false"))
			return false;
		*(bool *)k->value = s[0] == 't';
		return true;
	case KIND_NUMBER:
		return parse_number(s, len, k->value);
	case KIND_CHOICE:
		for (u32 i = 0; k->choices[i]; i++) {
			if (equals(s, len, k->choices[i])) {
				*(u32 *)k->value = i;
				return true;
			}
		}
		return false;
	case KIND_PATH:
		if (!len || len >= sizeof(conf.stats_file))
			return false;
		memcpy(k->value, s, len);
		((char *)k->value)[len] = '\0';
		return true;
	}
	return false;
}

/* A part of the text as a string of its own, cut to what a line holds. */
#define CUT_BYTES 128
static const char *cut(char *buf, const char *s, size_t len)
{
	len = min(len, (size_t)CUT_BYTES - 1);
	memcpy(buf, s, len);
	buf[len] = '\0';
	return buf;
}

static void parse_item(const char *item, size_t len)
{
	const char *colon = memchr(item, ':', len);
	size_t name = colon ? (size_t)(colon - item) : len;
	const char *value = colon ? colon + 1 : item + len;
	char buf[CUT_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!equals(item, name, keys[i].name))
			continue;
		if (!set_value(&keys[i], value, (size_t)(item + len - value)))
			pr_err("LANE_CONF: bad value '%s' for key '%s', ignored",
			       cut(buf, value, (size_t)(item + len - value)), keys[i].name);
		return;
	}
	pr_err("LANE_CONF: unknown key '%s', ignored", cut(buf, item, name));
}

void conf_parse(const char *text)
{
	while (text && *text) {
		size_t len = strcspn(text, ",");

		if (len)
			parse_item(text, len);
		text += len + (text[len] == ',');
	}
}

bool conf_advise_huge(void *addr, u64 bytes, u64 from)
{
	if (conf.thp == CONF_THP_NEVER)
		os.advise(addr, bytes, MADV_NOHUGEPAGE);
	else if (conf.thp == CONF_THP_ALWAYS || from >= THP_FROM)
		return !os.advise(addr, bytes, MADV_HUGEPAGE);
	return false;
}
