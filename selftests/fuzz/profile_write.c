// SPDX-License-Identifier: MIT
/*
 * profile_write.c - libFuzzer target: tables of call sites, made of the input, are
 * written in each format and read again: profile.proto by a strict decoder and by
 * lanestat's, packed both ways, and the text line by line. All numbers and frames
 * must be those of the table, up to the first frame that is in no code.
 */
#include <errno.h>
#include <inttypes.h>

#include "gzip.h"
#include "prof_write.h"
#include "profile.h"
#include "proto_check.h"

#define SITES 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static struct prof_site sites[SITES];
static uintptr_t frames[SITES][PROF_FRAMES];
static uint32_t shown[SITES]; /* frames of each, by our own look at the memory map */
static uint32_t nr_sites;
static struct {
	uintptr_t start, end;
} code[1024];
static int nr_code;

static uint8_t byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

/* Of any magnitude. */
static uint64_t number(struct input *in)
{
	uint64_t v = 0;

	for (int n = byte(in) % 9; n > 0; n--)
		v = v << 8 | byte(in);
	return v;
}

static void read_map(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[4096], perms[8];

	nr_code = 0;
	while (f && fgets(line, sizeof(line), f) && nr_code < 1024) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &code[nr_code].start,
			   &code[nr_code].end, perms) == 3)
			nr_code += perms[2] == 'x';
	}
	must(f && nr_code, "no memory map");
	fclose(f);
}

static bool is_call(uintptr_t pc)
{
	for (int i = 0; i < nr_code; i++) {
		if (pc - 1 >= code[i].start && pc - 1 < code[i].end)
			return true;
	}
	return false;
}

static uintptr_t frame(struct input *in)
{
	uint8_t how = byte(in);
	int i = (how >> 3) % nr_code;
	uint64_t n = number(in);

	switch (how & 7) {
	case 0:
		return n;
	case 1:
		return code[i].start + (n & 1); /* the first byte follows no code */
	case 2:
		return code[i].end + (n & 1);
	case 3:
		return (uintptr_t)&sites[0] + n % sizeof(sites);
	default:
		return code[i].start + n % (code[i].end - code[i].start);
	}
}

static void make_site(struct input *in)
{
	struct prof_site *s = &sites[nr_sites];
	uintptr_t *pc = frames[nr_sites];

	memset(s, 0, sizeof(*s));
	s->depth = byte(in) % (PROF_FRAMES + 1);
	s->pc = pc;
	shown[nr_sites] = s->depth;
	for (uint32_t i = s->depth; i--;) {
		pc[i] = frame(in);
		if (!is_call(pc[i]))
			shown[nr_sites] = i;
	}
	/* As the books have it: never more in use than allocated, no sign bit. */
	s->raw_alloc_objects = number(in) >> 1;
	s->raw_alloc_bytes = number(in) >> 1;
	s->raw_inuse_objects = s->raw_alloc_objects >> byte(in) % 64;
	s->raw_inuse_bytes = s->raw_alloc_bytes >> byte(in) % 64;
	s->alloc_objects = number(in) >> 1;
	s->alloc_bytes = number(in) >> 1;
	s->inuse_objects = s->alloc_objects >> byte(in) % 64;
	s->inuse_bytes = s->alloc_bytes >> byte(in) % 64;
	nr_sites++;
}

static u32 read_sites(void (*row)(void *arg, const struct prof_site *site), void *arg)
{
	for (uint32_t i = 0; i < nr_sites; i++)
		row(arg, &sites[i]);
	return nr_sites;
}

static void compare_message(const struct proto *p, const struct prof_source *src)
{
	uint32_t n = 0;

	must(p->period == src->totals.rate && p->nr_comments == 2, "the period, the comments");
	for (uint32_t i = 0; i < nr_sites; i++) {
		const struct prof_site *s = &sites[i];

		if (!s->raw_alloc_objects)
			continue;
		must(n < p->nr_samples, "a site is missing");
		must(p->samples[n].value[0] == s->alloc_objects &&
			     p->samples[n].value[1] == s->alloc_bytes &&
			     p->samples[n].value[2] == s->inuse_objects &&
			     p->samples[n].value[3] == s->inuse_bytes,
		     "a site's numbers");
		must(p->samples[n].depth == (shown[i] ? shown[i] : 1), "a site's depth");
		for (uint32_t k = 0; k < p->samples[n].depth; k++)
			must(p->locations[p->samples[n].location[k]].address ==
				     (shown[i] ? s->pc[k] - 1 : 0),
			     "a site's frames");
		n++;
	}
	must(n == p->nr_samples, "a sample that is no site");
}

/* Whether the sum over all sites is one that lanestat takes. */
static bool sums(const struct proto *p, int64_t *sum)
{
	bool fit = true;

	for (int v = 0; v < PROFILE_VALUES; v++) {
		sum[v] = 0;
		for (size_t i = 0; i < p->nr_samples; i++)
			fit &= !__builtin_add_overflow(sum[v], (int64_t)p->samples[i].value[v],
						       &sum[v]);
	}
	return fit;
}

static void compare_reader(const struct proto *p, const struct page_buf *b,
			   const struct prof_source *src)
{
	struct profile got;
	int64_t sum[PROFILE_VALUES];
	int err = profile_parse(&got, b->data, b->len);

	if (!sums(p, sum)) {
		must(err == -EINVAL, "sums that do not fit are taken");
		return;
	}
	must(!err, "lanestat does not read it");
	must(!memcmp(sum, got.sum, sizeof(sum)), "lanestat's sums");
	must(got.rate == (int64_t)src->totals.rate && got.samples == src->totals.samples &&
		     got.lost == src->totals.samples_lost && got.nr_sites <= p->nr_samples,
	     "lanestat's rate, samples and sites");
	profile_free(&got);
}

static const char *next_line(const char *line, const char *end)
{
	const char *nl = memchr(line, '\n', (size_t)(end - line));

	must(nl != NULL, "a text without an end");
	return nl + 1;
}

static const char *compare_line(const char *line, const struct prof_site *s, uint32_t depth,
				bool scaled, uint64_t sum[4])
{
	uint64_t v[4], want[4] = {s->raw_inuse_objects, s->raw_inuse_bytes, s->raw_alloc_objects,
				  s->raw_alloc_bytes};
	uint64_t estimate[4] = {s->inuse_objects, s->inuse_bytes, s->alloc_objects, s->alloc_bytes};
	const uint64_t *w = scaled ? want : estimate;
	int n = 0;
	char *end;

	must(sscanf(line, "%" SCNu64 ": %" SCNu64 " [%" SCNu64 ": %" SCNu64 "] @%n", &v[0], &v[1],
		    &v[2], &v[3], &n) == 4 &&
		     n,
	     "a line of a site");
	must(v[0] == w[0] && v[1] == (w[0] ? w[1] : 0) && v[2] == w[2] && v[3] == w[3],
	     "the numbers of a line");
	line += n;
	for (uint32_t k = 0; k < depth; k++) {
		must(!strncmp(line, " 0x", 3) && strtoull(line, &end, 16) == s->pc[k] - !k,
		     "the frames of a line");
		line = end;
	}
	if (!depth) {
		must(!strncmp(line, " 0x", 3) && strtoull(line, &end, 16), "no frame");
		line = end;
	}
	must(*line == '\n', "a line that goes on");
	for (int i = 0; i < 4; i++)
		sum[i] += v[i];
	return line + 1;
}

static void compare_text(const struct page_buf *b, const struct prof_source *src)
{
	uint64_t v[4], sum[4] = {0}, rate, want = src->totals.one_rate;
	const char *text = b->data, *end = text + b->len, *line;

	must(sscanf(text,
		    "heap profile: %" SCNu64 ": %" SCNu64 " [%" SCNu64 ": %" SCNu64
		    "] @ heap_v2/%" SCNu64,
		    &v[0], &v[1], &v[2], &v[3], &rate) == 5,
	     "the first line");
	must(rate == (want ? want : src->totals.samples > 0), "the rate");
	for (line = next_line(text, end); *line == '#'; line = next_line(line, end))
		;
	for (uint32_t i = 0; i < nr_sites; i++) {
		if (sites[i].raw_alloc_objects)
			line = compare_line(line, &sites[i], shown[i], rate != 1, sum);
	}
	must(!memcmp(v, sum, sizeof(sum)), "the first line's sums");
	must(!strncmp(line, "\nMAPPED_LIBRARIES:\n", 19), "the memory map");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct proto proto;
	struct input in = {data, size};
	struct page_buf plain = {0}, packed = {0}, stored = {0}, text = {0};
	struct prof_source src = {.read = read_sites, .why = "fuzzing"};

	read_map();
	nr_sites = 0;
	src.totals.rate = number(&in) >> 1;
	src.totals.one_rate = byte(&in) & 1 ? src.totals.rate : 0;
	src.totals.samples = number(&in);
	src.totals.samples_lost = number(&in);
	while (in.left && nr_sites < SITES)
		make_site(&in);
	must(!prof_pprof_write(&plain, &src), "profile.proto cannot be written");
	proto_check(&proto, plain.data, plain.len);
	compare_message(&proto, &src);
	compare_reader(&proto, &plain, &src);
	gzip_store(&stored, plain.data, plain.len);
	gzip_compress(&packed, plain.data, plain.len);
	must(!stored.err && !packed.err, "it cannot be packed");
	compare_reader(&proto, &stored, &src);
	compare_reader(&proto, &packed, &src);
	must(!prof_text_write(&text, &src), "the text cannot be written");
	page_buf_put(&text, "", 1);
	compare_text(&text, &src);
	page_buf_free(&plain);
	page_buf_free(&packed);
	page_buf_free(&stored);
	page_buf_free(&text);
	return 0;
}
