/* SPDX-License-Identifier: MIT */
/*
 * proto_check.h - a message of profile.proto taken apart strictly, for the fuzzer:
 * a field that is not known, comes twice, has the wrong wire type or refers to
 * nothing ends the program. Written from the format's description, not from the
 * writer or from lanestat's reader.
 */
#ifndef LANE_PROTO_CHECK_H
#define LANE_PROTO_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROTO_STRINGS 8192
#define PROTO_MAPPINGS 8192
#define PROTO_LOCATIONS 32768
#define PROTO_SAMPLES 1024
#define PROTO_DEPTH 65

struct proto_field {
	uint64_t number, value; /* value: where it is no bytes */
	const uint8_t *data;	/* NULL: a number */
	size_t len;
};

struct proto_location {
	uint64_t mapping, address, function;
};

struct proto {
	struct {
		const char *at;
		size_t len;
	} strings[PROTO_STRINGS];
	struct {
		uint64_t start, limit;
	} mappings[PROTO_MAPPINGS];			  /* by id */
	struct proto_location locations[PROTO_LOCATIONS]; /* by id; address 0: a function alone */
	struct {
		uint64_t location[PROTO_DEPTH], value[4];
		uint32_t depth;
	} samples[PROTO_SAMPLES];
	uint64_t references[4 * PROTO_MAPPINGS]; /* strings that are referred to */
	uint64_t types[8], nr_types;		 /* type and unit of each kind of value */
	uint64_t functions, period, nr_comments;
	size_t nr_strings, nr_mappings, nr_locations, nr_samples, nr_references;
};

static inline void must(bool cond, const char *what)
{
	if (cond)
		return;
	printf("profile: %s\n", what);
	fflush(stdout);
	abort();
}

static inline uint64_t proto_varint(const uint8_t **at, const uint8_t *end)
{
	uint64_t v = 0;

	for (unsigned int shift = 0;; shift += 7) {
		must(*at < end && shift < 64, "a number without an end");
		must(shift < 63 || **at < 2, "a number of more than 64 bits");
		v |= (uint64_t)(**at & 127) << shift;
		if (*(*at)++ < 128)
			return v;
	}
}

static inline bool proto_next(const uint8_t **at, const uint8_t *end, struct proto_field *f)
{
	uint64_t key;

	if (*at == end)
		return false;
	key = proto_varint(at, end);
	*f = (struct proto_field){.number = key >> 3};
	must((key & 7) == 0 || (key & 7) == 2, "a wire type that is not used");
	if ((key & 7) == 0) {
		f->value = proto_varint(at, end);
		return true;
	}
	f->len = proto_varint(at, end);
	must(f->len <= (size_t)(end - *at), "a field longer than its message");
	f->data = *at;
	*at += f->len;
	return true;
}

/* The numbers of a message that has nothing else, by field; each once. */
static inline void proto_numbers(const struct proto_field *m, uint64_t *v, uint32_t fields)
{
	const uint8_t *at = m->data, *end = at + m->len;
	struct proto_field f;
	uint32_t seen = 0;

	must(at != NULL, "a number in place of a message");
	memset(v, 0, (fields + 1) * sizeof(*v));
	while (proto_next(&at, end, &f)) {
		must(!f.data && f.number >= 1 && f.number <= fields, "a field that is not known");
		must(!(seen >> f.number & 1), "a field twice");
		seen |= 1u << f.number;
		v[f.number] = f.value;
	}
}

static inline void proto_refer(struct proto *p, uint64_t string)
{
	must(p->nr_references < 4 * PROTO_MAPPINGS, "too many names");
	p->references[p->nr_references++] = string;
}

static inline void proto_mapping(struct proto *p, const struct proto_field *m)
{
	uint64_t v[7]; /* id, start, limit, offset, file, build id */

	proto_numbers(m, v, 6);
	must(v[1] && v[1] < PROTO_MAPPINGS && !p->mappings[v[1]].limit, "the id of a mapping");
	must(v[2] < v[3], "a mapping without bytes");
	p->mappings[v[1]].start = v[2];
	p->mappings[v[1]].limit = v[3];
	proto_refer(p, v[5]);
	proto_refer(p, v[6]);
	p->nr_mappings++;
}

static inline void proto_location(struct proto *p, const struct proto_field *m)
{
	const uint8_t *at = m->data, *end = at + m->len;
	struct proto_location l = {0};
	uint64_t id = 0, line[2];
	struct proto_field f;

	must(at != NULL, "a number in place of a location");
	while (proto_next(&at, end, &f)) {
		must(f.number >= 1 && f.number <= 4 && (f.data != NULL) == (f.number == 4),
		     "a location's field");
		if (f.number == 1)
			id = f.value;
		else if (f.number == 2)
			l.mapping = f.value;
		else if (f.number == 3)
			l.address = f.value;
		else
			proto_numbers(&f, line, 1), l.function = line[1];
	}
	must(id && id < PROTO_LOCATIONS && !p->locations[id].address &&
		     !p->locations[id].function && (l.address || l.function),
	     "the id of a location");
	p->locations[id] = l;
	p->nr_locations++;
}

static inline void proto_sample(struct proto *p, const struct proto_field *m)
{
	const uint8_t *at = m->data, *end = at + m->len;
	uint32_t values = 0, depth = 0;
	struct proto_field f;

	must(at != NULL && p->nr_samples < PROTO_SAMPLES, "a sample");
	while (proto_next(&at, end, &f)) {
		must(!f.data && (f.number == 1 || f.number == 2), "a sample's field");
		must(f.number == 1 ? depth < PROTO_DEPTH : values < 4, "a sample too long");
		if (f.number == 1)
			p->samples[p->nr_samples].location[depth++] = f.value;
		else
			p->samples[p->nr_samples].value[values++] = f.value;
	}
	must(depth && values == 4, "a sample without frames or with other than four values");
	p->samples[p->nr_samples++].depth = depth;
}

static inline void proto_top(struct proto *p, const struct proto_field *f)
{
	uint64_t v[4];

	switch (f->number) {
	case 1:
	case 11:
		proto_numbers(f, v, 2);
		must(f->number == 11 || p->nr_types < 4, "a fifth kind of value");
		if (f->number == 1) {
			p->types[2 * p->nr_types] = v[1];
			p->types[2 * p->nr_types++ + 1] = v[2];
		}
		proto_refer(p, v[1]);
		proto_refer(p, v[2]);
		break;
	case 2:
		proto_sample(p, f);
		break;
	case 3:
		proto_mapping(p, f);
		break;
	case 4:
		proto_location(p, f);
		break;
	case 5:
		proto_numbers(f, v, 3);
		must(v[1] == ++p->functions, "the id of a function");
		proto_refer(p, v[2]);
		proto_refer(p, v[3]);
		break;
	case 6:
		must(f->data && p->nr_strings < PROTO_STRINGS, "a string");
		p->strings[p->nr_strings].at = (const char *)f->data;
		p->strings[p->nr_strings++].len = f->len;
		break;
	case 7:
	case 13:
	case 14:
		must(!f->data, "bytes in place of a string's number");
		proto_refer(p, f->value);
		p->nr_comments += f->number == 13;
		break;
	case 9:
	case 12:
		must(!f->data, "bytes in place of a number");
		p->period = f->number == 12 ? f->value : p->period;
		break;
	default:
		must(false, "a field of the profile that is not known");
	}
}

static inline bool proto_string_is(const struct proto *p, uint64_t n, const char *s)
{
	return p->strings[n].len == strlen(s) && !memcmp(p->strings[n].at, s, strlen(s));
}

/* All of it, every reference looked up. */
static inline void proto_check(struct proto *p, const void *data, size_t len)
{
	static const char *const names[8] = {"alloc_objects", "count", "alloc_space", "bytes",
					     "inuse_objects", "count", "inuse_space", "bytes"};
	const uint8_t *at = data, *end = at + len;
	struct proto_field f;

	memset(p, 0, sizeof(*p));
	while (proto_next(&at, end, &f))
		proto_top(p, &f);
	must(p->nr_strings && !p->strings[0].len, "the first string is not empty");
	must(p->nr_types == 4, "not four kinds of values");
	for (size_t i = 0; i < p->nr_references; i++)
		must(p->references[i] < p->nr_strings, "a string that is not there");
	for (int i = 0; i < 8; i++)
		must(proto_string_is(p, p->types[i], names[i]), "a kind of value");
	for (size_t i = 1; i <= p->nr_locations; i++) {
		const struct proto_location *l = &p->locations[i];

		must(l->address || l->function, "ids of locations with a gap");
		must(l->function <= p->functions, "a function that is not there");
		must(l->mapping < PROTO_MAPPINGS && (!l->address || l->mapping), "no mapping");
		must(!l->address || (l->address >= p->mappings[l->mapping].start &&
				     l->address < p->mappings[l->mapping].limit),
		     "a location outside of its mapping");
	}
	for (size_t i = 0; i < p->nr_samples; i++) {
		for (uint32_t k = 0; k < p->samples[i].depth; k++)
			must(p->samples[i].location[k] &&
				     p->samples[i].location[k] <= p->nr_locations,
			     "a location that is not there");
	}
}

#endif /* LANE_PROTO_CHECK_H */
