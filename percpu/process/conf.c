// SPDX-License-Identifier: MIT
#include "conf.h"

#include <errno.h>
#include <lane/lane.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "bug.h"
#include "cpu_capacity.h"
#include "guard.h"
#include "os.h"
#include "prof.h"
#include "seq_file.h"
#include "snapshot.h"

#define THP_FROM                                                                                   \
	(64ULL << 20) /* thp:auto: bytes of heap below which no huge pages are asked for           \
		       */

struct conf conf = {
	.cpu_cache_max = 4ULL << 20,
	.cpu_cache_total = 512ULL << 20,
	.release_delay_ms = 2000,
	.release_slack = 4ULL << 20,
	.stats_interval_ms = 1000,
	.check_quarantine = 32ULL << 10,
};

/* KIND_RATE, KIND_GUARD: numbers that prof_rate.c and guard.c keep and apply. */
enum kind { KIND_BOOL, KIND_NUMBER, KIND_RATE, KIND_GUARD, KIND_CHOICE, KIND_PATH };

struct key {
	const char *name;
	enum kind kind;
	size_t at;		    /* in struct conf */
	const char *const *choices; /* KIND_CHOICE: names by value, NULL at the end */
	bool live;		    /* may change while the process runs */
};

static const char *const mode_names[] = {"auto", "rseq", "cid", "lock", NULL};
static const char *const thp_names[] = {"auto", "always", "never", NULL};
static const char *const numa_names[] = {"auto", "off", NULL};
static const char *const check_names[] = {"off", "full", NULL};
static const char *const background_names[] = {"auto", "true", "false", NULL};

#define FIELD(name) offsetof(struct conf, name)

static const struct key keys[] = {
	{"mode", KIND_CHOICE, FIELD(mode), mode_names, false},
	{"thp", KIND_CHOICE, FIELD(thp), thp_names, false},
	{"numa", KIND_CHOICE, FIELD(numa), numa_names, false},
	{"stats_print", KIND_BOOL, FIELD(stats_print), NULL, true},
	{"verbose", KIND_BOOL, FIELD(verbose), NULL, true},
	{"background_thread", KIND_CHOICE, FIELD(background_thread), background_names, false},
	{"serve", KIND_BOOL, FIELD(serve), NULL, false},
	{"cpu_cache_max", KIND_NUMBER, FIELD(cpu_cache_max), NULL, true},
	{"cpu_cache_total", KIND_NUMBER, FIELD(cpu_cache_total), NULL, true},
	{"release_delay_ms", KIND_NUMBER, FIELD(release_delay_ms), NULL, true},
	{"release_slack", KIND_NUMBER, FIELD(release_slack), NULL, true},
	{"stats_interval_ms", KIND_NUMBER, FIELD(stats_interval_ms), NULL, true},
	{"gc_percent", KIND_NUMBER, FIELD(gc_percent), NULL, false},
	{"gc_memory_limit", KIND_NUMBER, FIELD(gc_memory_limit), NULL, false},
	{"gc_check", KIND_BOOL, FIELD(gc_check), NULL, false},
	{"gctrace", KIND_BOOL, FIELD(gctrace), NULL, true},
	{"prof_rate", KIND_RATE, FIELD(prof_rate), NULL, true},
	{"check", KIND_CHOICE, FIELD(check), check_names, false},
	{"check_quarantine", KIND_NUMBER, FIELD(check_quarantine), NULL, false},
	{"guard_rate", KIND_GUARD, FIELD(guard_rate), NULL, true},
	{"stats_file", KIND_PATH, FIELD(stats_file), NULL, false},
	{"prof_dump", KIND_PATH, FIELD(prof_dump), NULL, false},
	{"prof_signal", KIND_NUMBER, FIELD(prof_signal), NULL, false},
	{"prof_final", KIND_BOOL, FIELD(prof_final), NULL, false},
	{"prof_peak", KIND_BOOL, FIELD(prof_peak), NULL, false},
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

static bool is_true(const char *s, size_t len)
{
	return equals(s, len, "true") || equals(s, len, "1");
}

static bool is_false(const char *s, size_t len)
{
	return equals(s, len, "false") || equals(s, len, "0");
}

/* A choice that is a switch, too, is written as one. */
static bool chooses(const char *s, size_t len, const char *choice)
{
	return equals(s, len, choice) || (is_true(s, len) && !strcmp(choice, "true")) ||
	       (is_false(s, len) && !strcmp(choice, "false"));
}

static bool set_value(struct conf *c, const struct key *k, const char *s, size_t len)
{
	void *value = (char *)c + k->at;
	u64 n;

	switch (k->kind) {
	case KIND_BOOL:
		if (!is_true(s, len) && !is_false(s, len))
			return false;
		*(bool *)value = is_true(s, len);
		return true;
	case KIND_NUMBER:
	case KIND_GUARD:
		return parse_number(s, len, value);
	case KIND_RATE:
		if (!parse_number(s, len, &n) || !prof_rate_good(n))
			return false;
		*(u64 *)value = n;
		return true;
	case KIND_CHOICE:
		for (u32 i = 0; k->choices[i]; i++) {
			if (chooses(s, len, k->choices[i])) {
				*(u32 *)value = i;
				return true;
			}
		}
		break;
	case KIND_PATH:
		if (!len || len >= sizeof(conf.stats_file))
			return false;
		memcpy(value, s, len);
		((char *)value)[len] = '\0';
		return true;
	}
	return false;
}

static const struct key *find_key(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (equals(name, len, keys[i].name))
			return &keys[i];
	}
	return NULL;
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
	size_t len_value = (size_t)(item + len - value);
	const struct key *k = find_key(item, name);
	char buf[CUT_BYTES];

	if (!k)
		pr_err("LANE_CONF: unknown key '%s', ignored", cut(buf, item, name));
	else if (!set_value(&conf, k, value, len_value))
		pr_err("LANE_CONF: bad value '%s' for key '%s', ignored",
		       cut(buf, value, len_value), k->name);
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

/* One line, without its end, into @c. */
static bool write_line(struct conf *c, const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);
	const struct key *k = blank ? find_key(line, (size_t)(blank - line)) : NULL;

	return k && k->live && set_value(c, k, blank + 1, (size_t)(line + len - blank - 1));
}

static void publish(const struct conf *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];
		const void *from = (const char *)c + k->at;
		void *to = (char *)&conf + k->at;

		if (k->live && k->kind == KIND_NUMBER)
			WRITE_ONCE(*(u64 *)to, *(const u64 *)from);
		else if (k->live && k->kind == KIND_BOOL)
			WRITE_ONCE(*(bool *)to, *(const bool *)from);
	}
}

void conf_read(struct conf *c)
{
	*c = conf;
	c->prof_rate = prof_rate();
	c->guard_rate = guard_rate();
}

int conf_write(const char *text, size_t len)
{
	const char *end = text + len;
	u64 rate, guarded;
	int guard_err = 0, err = 0;
	bool good = true;
	struct conf next;

	snapshot_lock();
	conf_read(&next);
	rate = next.prof_rate;
	guarded = next.guard_rate;
	while (text < end && good) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t line = (size_t)((nl ? nl : end) - text);

		good = write_line(&next, text, line);
		text += line + (nl != NULL);
	}
	if (good)
		publish(&next);
	snapshot_unlock();
	if (!good)
		return -EINVAL;
	capacity_fit();
	if (next.guard_rate != guarded)
		guard_err = guard_set_rate(next.guard_rate);
	if (next.prof_rate != rate)
		err = prof_set_rate(next.prof_rate);
	return err ? err : guard_err;
}

LANE_API int lane_conf_write(const char *text, size_t len)
{
	return conf_write(text, len);
}

void conf_show(struct seq_file *m, const struct conf *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];
		const void *value = (const char *)c + k->at;

		seq_printf(m, "%s ", k->name);
		if (k->kind == KIND_NUMBER || k->kind == KIND_RATE || k->kind == KIND_GUARD)
			seq_printf(m, "%llu\n", (unsigned long long)*(const u64 *)value);
		else if (k->kind == KIND_BOOL)
			seq_printf(m, "%s\n", *(const bool *)value ? "true" : "false");
		else if (k->kind == KIND_CHOICE)
			seq_printf(m, "%s\n", k->choices[*(const u32 *)value]);
		else
			seq_printf(m, "%s\n", *(const char *)value ? (const char *)value : "none");
	}
}

u64 conf_small_pages(u64 from, u64 bytes)
{
	if (conf.thp == CONF_THP_AUTO)
		return from < THP_FROM ? min(THP_FROM - from, bytes) : 0;
	return conf.thp == CONF_THP_ALWAYS ? 0 : bytes;
}

bool conf_advise_huge(void *addr, u64 bytes, u64 small)
{
	/* Or a system that makes them always would back more than the books can say. */
	if (small)
		os.advise(addr, small, MADV_NOHUGEPAGE);
	return small < bytes && !os.advise((char *)addr + small, bytes - small, MADV_HUGEPAGE);
}
