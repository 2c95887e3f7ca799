// SPDX-License-Identifier: MIT
// variant: no-rseq GLIBC_TUNABLES=glibc.pthread.rseq=0 QUICK=1
// variant: no-membarrier refuse-membarrier QUICK=1
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: cpu LANE_CONF=mode:rseq QUICK=1
// variant: cid LANE_CONF=mode:cid QUICK=1
/*
 * The file "all": its sections are the files of their names, in order, and of
 * one snapshot. While threads allocate and free, what the sections of one text
 * say is put together again, and every identity holds from one section to the
 * other, exactly.
 */
#include "snapshot.h"

#include <stddef.h>

#define THREADS 4
#define HELD 300

static const char *const names[] = {"heapinfo", "classinfo", "cpuinfo", "nodeinfo", "gcinfo"};
static char text[1 << 20], file[1 << 20];
static char *section[ARRAY_SIZE(names)];
static struct snap snap, then;
static _Atomic bool stop;

struct field {
	const char *name;
	size_t at;
};

#define FIELD(type, name)                                                                          \
	{                                                                                          \
#name, offsetof(struct type, name)                                                 \
	}

static const struct field heap_fields[] = {
	FIELD(lane_stats, generation), FIELD(lane_stats, mallocs),
	FIELD(lane_stats, frees),      FIELD(lane_stats, live_objects),
	FIELD(lane_stats, in_use),     FIELD(lane_stats, cpu_cached),
	FIELD(lane_stats, in_transit), FIELD(lane_stats, transfer_cached),
	FIELD(lane_stats, span_tail),  FIELD(lane_stats, central_free),
	FIELD(lane_stats, released),   FIELD(lane_stats, page_heap_free),
	FIELD(lane_stats, metadata),   FIELD(lane_stats, mapped),
	FIELD(lane_stats, reserved),
};

static const struct field class_fields[] = {
	FIELD(lane_class_stats, size),	     FIELD(lane_class_stats, mallocs),
	FIELD(lane_class_stats, frees),	     FIELD(lane_class_stats, live),
	FIELD(lane_class_stats, in_use),     FIELD(lane_class_stats, cpu_cached),
	FIELD(lane_class_stats, in_transit), FIELD(lane_class_stats, transfer_cached),
	FIELD(lane_class_stats, spans),	     FIELD(lane_class_stats, central_free),
	FIELD(lane_class_stats, span_bytes), FIELD(lane_class_stats, refills),
	FIELD(lane_class_stats, flushes),
};

static const struct field cpu_fields[] = {
	FIELD(lane_cpu_stats, mallocs), FIELD(lane_cpu_stats, frees),
	FIELD(lane_cpu_stats, cached),	FIELD(lane_cpu_stats, remote_frees),
	FIELD(lane_cpu_stats, refills), FIELD(lane_cpu_stats, capacity),
	FIELD(lane_cpu_stats, flushes),
};

static const struct field node_fields[] = {
	FIELD(lane_node_stats, mallocs),    FIELD(lane_node_stats, frees),
	FIELD(lane_node_stats, in_use),	    FIELD(lane_node_stats, live_objects),
	FIELD(lane_node_stats, cpu_cached), FIELD(lane_node_stats, transfer_cached),
	FIELD(lane_node_stats, in_transit), FIELD(lane_node_stats, central_free),
	FIELD(lane_node_stats, span_tail),  FIELD(lane_node_stats, page_heap_free),
	FIELD(lane_node_stats, released),   FIELD(lane_node_stats, metadata),
	FIELD(lane_node_stats, mapped),	    FIELD(lane_node_stats, reserved),
};

/* Cut @text into its sections, which end where the next heading begins. */
static bool cut_sections(void)
{
	char heading[32], *at = text;

	if (lane_proc_read("all", text, sizeof(text)) <= 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = (size_t)snprintf(heading, sizeof(heading), "== %s ==\n", names[i]);

		if (strncmp(at, heading, len) != 0)
			return false;
		*at = 0;
		section[i] = at += len;
		at = strstr(at, "\n== ");
		if (!at != (i + 1 == ARRAY_SIZE(names)))
			return false;
		if (at)
			at++;
	}
	return true;
}

/* Without the one number that another snapshot changes in a quiet process. */
static char *blank_generation(char *s)
{
	char *at = strstr(s, "\ngeneration ");

	for (at = at ? at + 12 : NULL; at && *at != '\n'; at++)
		*at = '#';
	return s;
}

static bool sections_are_the_files(void)
{
	bool good = cut_sections();

	for (size_t i = 0; i < ARRAY_SIZE(names) && good; i++) {
		good = lane_proc_read(names[i], file, sizeof(file)) > 0;
		blank_generation(file);
		/* The last generation's digits may have become one more. */
		if (strcmp(strstr(blank_generation(section[i]), "#\n") + 2,
			   strstr(file, "#\n") + 2) == 0)
			continue;
		ksft_print_msg("%s: %.300s / %.300s", names[i], section[i], file);
		good = false;
	}
	return good;
}

static unsigned long generation_of(const char *s)
{
	const char *at = strstr(s, "\ngeneration ");

	return at ? strtoul(at + 12, NULL, 10) : 0;
}

static bool one_snapshot(void)
{
	unsigned long before, all;

	lane_proc_read("heapinfo", file, sizeof(file));
	before = generation_of(file);
	if (!cut_sections())
		return false;
	all = generation_of(section[0]);
	for (size_t i = 1; i < ARRAY_SIZE(names); i++)
		if (generation_of(section[i]) != all)
			return false;
	lane_proc_read("heapinfo", file, sizeof(file));
	return all == before + 1 && generation_of(file) == all + 1;
}

/* heapinfo's numbers; how many were found. */
static size_t take_keys(char *s, struct lane_stats *st)
{
	size_t found = 0;
	char *line;

	while ((line = strsep(&s, "\n"))) {
		char *value = strchr(line, ' ');

		for (size_t i = 0; value && i < ARRAY_SIZE(heap_fields); i++) {
			size_t len = (size_t)(value - line);

			if (strncmp(line, heap_fields[i].name, len) || heap_fields[i].name[len])
				continue;
			*(uint64_t *)((char *)st + heap_fields[i].at) = strtoull(value, NULL, 10);
			found++;
		}
	}
	return found;
}

/* A table into structs of @size bytes by the names of its columns. Rows; 0: a column is missing. */
static unsigned int take_rows(char *s, void *rows, size_t size, const struct field *f, size_t nr)
{
	char *line, *word, *columns[32] = {0};
	unsigned int number = 0, row = 0;

	while ((line = strsep(&s, "\n")) && *line) {
		size_t found = 0, at = 0;

		for (; number >= 2 && (word = strsep(&line, " ")) && at < 32; at++) {
			if (number == 2)
				columns[at] = word;
			for (size_t i = 0; number > 2 && i < nr; i++) {
				if (!columns[at] || strcmp(columns[at], f[i].name))
					continue;
				*(uint64_t *)((char *)rows + row * size + f[i].at) =
					strtoull(word, NULL, 10);
				found++;
			}
		}
		if (number > 2 && found != nr)
			return 0;
		row += number++ > 2;
	}
	return row;
}

static bool take_sections(struct snap *s)
{
	memset(s, 0, sizeof(*s));
	if (!cut_sections() || take_keys(section[0], &s->st) != ARRAY_SIZE(heap_fields))
		return false;
	s->st.nr_classes = take_rows(section[1], s->classes, sizeof(s->classes[0]), class_fields,
				     ARRAY_SIZE(class_fields));
	s->st.nr_cpus = take_rows(section[2], s->cpus, sizeof(s->cpus[0]), cpu_fields,
				  ARRAY_SIZE(cpu_fields));
	s->st.nr_nodes = take_rows(section[3], s->nodes, sizeof(s->nodes[0]), node_fields,
				   ARRAY_SIZE(node_fields));
	return s->st.nr_classes > 1 && s->st.nr_cpus > 1 && s->st.nr_nodes > 1;
}

static void *load(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	void *p[HELD] = {0};

	while (!atomic_load(&stop)) {
		size_t i = ksft_random(&rng) % HELD;

		put(p[i]);
		p[i] = get(random_size(&rng) % KIB(300));
	}
	for (size_t i = 0; i < HELD; i++)
		put(p[i]);
	return NULL;
}

int main(void)
{
	double end;
	pthread_t t[THREADS];
	unsigned long taken = 0, malformed = 0, broken = 0, fell = 0;

	ksft_print_header();
	ksft_set_plan(5);
	put(get(100000));
	lane_proc_read("all", text, sizeof(text));
	ksft_test_result(sections_are_the_files(), "the sections are the files of their names");
	ksft_test_result(one_snapshot(), "all sections are of one snapshot");
	for (uintptr_t i = 0; i < THREADS; i++)
		start_thread(&t[i], load, (void *)(i + 1));
	for (end = ksft_now() + (ksft_quick() ? 1.5 : 8); ksft_now() < end; taken++) {
		if (!take_sections(&snap)) {
			malformed++;
			continue;
		}
		broken += broken < 5 && snap_faults(&snap, false) != 0;
		fell += snap.st.mallocs < then.st.mallocs || snap.st.frees < then.st.frees ||
			snap.st.generation <= then.st.generation;
		then.st = snap.st;
		if (taken % 16 == 0)
			usleep(1000);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("%lu texts", taken);
	ksft_test_result(malformed == 0 && taken > 50, "every text has all sections, whole");
	ksft_test_result(broken == 0, "all sections of a text agree, while %d threads allocate",
			 THREADS);
	ksft_test_result(fell == 0, "no count falls from one text to the next");
	ksft_finished();
}
