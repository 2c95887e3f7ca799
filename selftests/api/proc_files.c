// SPDX-License-Identifier: MIT
// variant: no-rseq GLIBC_TUNABLES=glibc.pthread.rseq=0 QUICK=1
// variant: no-membarrier refuse-membarrier QUICK=1
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: cpu LANE_CONF=mode:rseq QUICK=1
// variant: cid LANE_CONF=mode:cid QUICK=1
/*
 * heapinfo, classinfo, cpuinfo, nodeinfo and the others: they parse, their rows add up to
 * the totals, they say what lane_stats_read() says, and lane_proc_read() keeps
 * to the contract of snprintf().
 */
#include "snapshot.h"

static const char *const names[] = {"heapinfo", "classinfo", "cpuinfo",	      "nodeinfo", "gcinfo",
				    "metrics",	"profile",   "profile.pb.gz", "conf",	  "all"};
static char text[1 << 20];
static struct snap snap;

static const char *value_of(const char *from, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = from; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return line + len + 1;
	}
	return NULL;
}

static uint64_t number_of(const char *from, const char *key)
{
	const char *v = value_of(from, key);

	return v ? strtoull(v, NULL, 10) : UINT64_MAX;
}

static bool heapinfo_has_keys(void)
{
	static const char *const numbers[] = {
		"version",	"generation",	"cpus",	     "nodes",	       "mallocs",
		"frees",	"live_objects", "in_use",    "cpu_cached",     "transfer_cached",
		"central_free", "in_transit",	"span_tail", "page_heap_free", "released",
		"metadata",	"mapped",	"reserved"};
	bool good = lane_proc_read("heapinfo", text, sizeof(text)) > 0;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const char *v = value_of(text, numbers[i]);
		char *end = NULL;

		if (v)
			strtoull(v, &end, 10);
		if (!v || end == v || *end != '\n') {
			ksft_print_msg("no number for %s", numbers[i]);
			good = false;
		}
	}
	return good && value_of(text, "mode") && value_of(text, "mode_reason") &&
	       strncmp(text, "version ", 8) == 0 && strstr(text, "\ngeneration ");
}

/* Each line is a key of [a-z0-9_] and a value, each key once. */
static bool heapinfo_lines_parse(void)
{
	bool good = lane_proc_read("heapinfo", text, sizeof(text)) > 0;

	for (char *line = text; *line;) {
		char *end = strchr(line, '\n');
		size_t key = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");
		char name[64];

		if (!end || key == 0 || key >= sizeof(name) || line[key] != ' ' ||
		    line + key + 1 == end)
			return false;
		memcpy(name, line, key);
		name[key] = 0;
		good &= value_of(text, name) == line + key + 1;
		good &= value_of(end, name) == NULL;
		line = end + 1;
	}
	return good;
}

static bool heapinfo_adds_up(void)
{
	static const char *const parts[] = {"in_use",	      "cpu_cached", "transfer_cached",
					    "central_free",   "in_transit", "span_tail",
					    "page_heap_free", "released",   "metadata"};
	uint64_t sum = 0;

	lane_proc_read("heapinfo", text, sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		sum += number_of(text, parts[i]);
	return number_of(text, "mapped") == sum && number_of(text, "reserved") >= sum &&
	       number_of(text, "mallocs") - number_of(text, "frees") ==
		       number_of(text, "live_objects");
}

static bool heapinfo_is_snapshot(void)
{
	bool good = true;

	lane_proc_read("heapinfo", text, sizeof(text));
	snap_read(&snap);
	good &= number_of(text, "mallocs") == snap.st.mallocs;
	good &= number_of(text, "frees") == snap.st.frees;
	good &= number_of(text, "in_use") == snap.st.in_use;
	good &= number_of(text, "mapped") == snap.st.mapped;
	good &= number_of(text, "reserved") == snap.st.reserved;
	good &= number_of(text, "metadata") == snap.st.metadata;
	good &= number_of(text, "generation") + 1 == snap.st.generation;
	return good;
}

struct table {
	char *column[32];
	int columns;
	int rows;
	uint64_t cell[1100][32];
};

static struct table table;

static int split(char *line, char **word, int room)
{
	int n = 0;

	for (char *w = strtok(line, " \t"); w && n < room; w = strtok(NULL, " \t"))
		word[n++] = w;
	return n;
}

/* Lines: version, generation, names of columns, rows. Overwrites @text. */
static bool parse_table(void)
{
	char *save = text, *line;
	int number = 0;

	table.rows = 0;
	while ((line = strsep(&save, "\n")) && *line) {
		char *word[32];

		if (number == 0 && strncmp(line, "version ", 8) != 0)
			return false;
		if (number == 1 && strncmp(line, "generation ", 11) != 0)
			return false;
		if (number == 2)
			table.columns = split(line, table.column, 32);
		if (number++ < 3)
			continue;
		if (split(line, word, 32) != table.columns || table.rows == 1100)
			return false;
		for (int i = 0; i < table.columns; i++) {
			char *end;

			table.cell[table.rows][i] = (uint64_t)strtoll(word[i], &end, 10);
			if (*end)
				return false;
		}
		table.rows++;
	}
	return number > 3 && table.columns > 0;
}

static int column(const char *name)
{
	for (int i = 0; i < table.columns; i++)
		if (strcmp(table.column[i], name) == 0)
			return i;
	ksft_print_msg("no column %s", name);
	return -1;
}

static uint64_t sum(const char *name, const char *times)
{
	int c = column(name), t = times ? column(times) : -1;
	uint64_t total = 0;

	if (c < 0)
		return UINT64_MAX;
	for (int i = 0; i < table.rows; i++)
		total += table.cell[i][c] * (t < 0 ? 1 : table.cell[i][t]);
	return total;
}

static bool read_table(const char *name)
{
	return lane_proc_read(name, text, sizeof(text)) > 0 && parse_table();
}

#define SAME_SUM(field) (sum(#field, NULL) == snap.st.field)

static bool classinfo_adds_up(void)
{
	bool good = read_table("classinfo");

	snap_read(&snap);
	good &= table.rows == (int)snap.st.nr_classes;
	good &= SAME_SUM(mallocs) && SAME_SUM(frees) && SAME_SUM(in_use);
	good &= sum("live", NULL) == snap.st.live_objects;
	good &= sum("cpu_cached", "size") == snap.st.cpu_cached;
	good &= sum("transfer_cached", "size") == snap.st.transfer_cached;
	good &= sum("central_free", "size") == snap.st.central_free;
	good &= sum("in_transit", "size") == snap.st.in_transit;
	for (int i = 0; i < table.rows && good; i++)
		good &= table.cell[i][column("size")] == snap.classes[i].size &&
			table.cell[i][column("span_bytes")] == snap.classes[i].span_bytes &&
			table.cell[i][column("spans")] == snap.classes[i].spans &&
			table.cell[i][column("refills")] == snap.classes[i].refills &&
			table.cell[i][column("flushes")] == snap.classes[i].flushes;
	return good;
}

static bool cpuinfo_adds_up(void)
{
	bool good = read_table("cpuinfo");

	snap_read(&snap);
	good &= SAME_SUM(mallocs) && SAME_SUM(frees);
	good &= sum("cached", NULL) == snap.st.cpu_cached;
	for (int i = 0; i < table.rows && good; i++)
		good &= table.cell[i][column("capacity")] >= table.cell[i][column("cached")] &&
			table.cell[i][column("cpu")] == (uint64_t)snap.cpus[i].cpu &&
			table.cell[i][column("node")] == (uint64_t)snap.cpus[i].node &&
			table.cell[i][column("remote_frees")] == snap.cpus[i].remote_frees;
	return good;
}

static bool nodeinfo_adds_up(void)
{
	bool good = read_table("nodeinfo");

	snap_read(&snap);
	good &= table.rows == (int)snap.st.nr_nodes;
	good &= SAME_SUM(mallocs) && SAME_SUM(frees) && SAME_SUM(live_objects) && SAME_SUM(in_use);
	good &= SAME_SUM(cpu_cached) && SAME_SUM(transfer_cached) && SAME_SUM(central_free);
	good &= SAME_SUM(in_transit) && SAME_SUM(span_tail) && SAME_SUM(page_heap_free);
	good &= SAME_SUM(released) && SAME_SUM(metadata) && SAME_SUM(mapped) && SAME_SUM(reserved);
	return good && column("node") >= 0 && column("bound") >= 0;
}

static bool like_snprintf(const char *name)
{
	ssize_t whole = lane_proc_read(name, text, sizeof(text));
	static const size_t rooms[] = {1, 2, 10, 64, 100};
	bool good = whole > 0 && (size_t)whole == strlen(text) && text[whole - 1] == '\n';

	good &= lane_proc_read(name, NULL, 0) >= whole - 64;
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		char small[128];
		ssize_t n;

		memset(small, 'x', sizeof(small));
		n = lane_proc_read(name, small, rooms[i]);
		good &= n >= whole - 64 && n <= whole + 64;
		good &= strlen(small) == (n < (ssize_t)rooms[i] ? (size_t)n : rooms[i] - 1) &&
			small[rooms[i]] == 'x';
		good &= strncmp(small, text, rooms[i] - 1 > 8 ? 8 : rooms[i] - 1) == 0;
	}
	/* With room for all but the end, all but the end is there. */
	memset(text, 'x', sizeof(text));
	whole = lane_proc_read(name, text, (size_t)whole);
	return good && strlen(text) < (size_t)whole + 16;
}

/* Not text: there may be 0 bytes anywhere. The same is asked of its length, give or take a map. */
static bool bytes_like_snprintf(const char *name)
{
	ssize_t whole = lane_proc_read(name, NULL, 0), n;
	char small[64];

	memset(small, 'x', sizeof(small));
	n = lane_proc_read(name, small, 32);
	return whole > 100 && n >= whole - 64 && n <= whole + 64 &&
	       !memcmp(small, "\x1f\x8b\x08", 3) && !small[31] && small[32] == 'x' &&
	       lane_proc_read(name, text, sizeof(text)) > 100;
}

static bool reading_counts_nothing(void)
{
	uint64_t mallocs;

	snap_read(&snap);
	mallocs = snap.st.mallocs;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		lane_proc_read(names[i], text, sizeof(text));
	snap_read(&snap);
	return snap.st.mallocs == mallocs;
}

static bool unknown_names(void)
{
	static const char *const bad[] = {"",	      "heap",	    "heapinfo2",
					  "HEAPINFO", "heapinfo\n", "../heapinfo"};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		good &= lane_proc_read(bad[i], text, sizeof(text)) == -ENOENT &&
			lane_proc_read(bad[i], NULL, 0) == -ENOENT;
	return good;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(9 + ARRAY_SIZE(names));
	for (size_t size = 1; size < MIB(4); size += size / 3 + 1)
		if (size % 2)
			put(get(size));
	ksft_test_result(heapinfo_has_keys(), "heapinfo has every key, version first");
	ksft_test_result(heapinfo_lines_parse(), "heapinfo is key and value a line, each key once");
	ksft_test_result(heapinfo_adds_up(), "heapinfo adds up");
	ksft_test_result(heapinfo_is_snapshot(), "heapinfo says what lane_stats_read says");
	ksft_test_result(classinfo_adds_up(), "classinfo's rows add up to the totals");
	ksft_test_result(cpuinfo_adds_up(), "cpuinfo's rows add up to the totals");
	ksft_test_result(nodeinfo_adds_up(), "nodeinfo's rows add up to the totals");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ksft_test_result(strcmp(names[i], "profile.pb.gz") ? like_snprintf(names[i])
								   : bytes_like_snprintf(names[i]),
				 "%s: lengths as snprintf has them", names[i]);
	ksft_test_result(reading_counts_nothing(), "reading allocates nothing");
	ksft_test_result(unknown_names(), "unknown names give -ENOENT");
	ksft_finished();
}
