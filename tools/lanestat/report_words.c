// SPDX-License-Identifier: MIT
#include "report_words.h"

#include <string.h>

const struct report_word report_parts[REPORT_PARTS] = {
	{"in_use", "In use", UNIT_BYTES, "taken by objects that the program holds"},
	{"collected", "Collected heap", UNIT_BYTES, "spans of the collected heap; gcinfo has more"},
	{"cpu_cached", "CPU caches", UNIT_BYTES, "free objects in CPU caches"},
	{"transfer_cached", "Transfer caches", UNIT_BYTES,
	 "free objects that pass between CPU caches"},
	{"in_transit", "In transit", UNIT_BYTES, "free objects between two layers at the cut"},
	{"central_free", "Free in spans", UNIT_BYTES, "free objects in spans of their class"},
	{"span_tail", "Span tails", UNIT_BYTES, "ends of spans too short for an object"},
	{"page_heap_free", "Free pages", UNIT_BYTES, "free pages, not given back to the system"},
	{"quarantine", "Quarantine", UNIT_BYTES, "freed objects that are held back"},
	{"metadata", "Metadata", UNIT_BYTES, "for Lane itself"},
	{"released", "Released", UNIT_BYTES, "free pages that the system has back"},
};

static const struct report_word words[] = {
	{"version", "Version of the text", UNIT_NUMBER, ""},
	{"generation", "Generation", UNIT_NUMBER, "number of this snapshot"},
	{"library", "Lane", UNIT_TEXT, "version of the library that runs"},
	{"mode", "Mode", UNIT_TEXT, "how the caches are reached"},
	{"mode_reason", "Why this mode", UNIT_TEXT, ""},
	{"binding", "Binding", UNIT_TEXT, "whether memory is bound to nodes"},
	{"fence", "Fence", UNIT_TEXT, "refused: snapshots are not exact any more"},
	{"cpus", "CPUs", UNIT_COUNT, "possible CPU numbers"},
	{"nodes", "Nodes", UNIT_COUNT, "node heaps in use"},
	{"mallocs", "Mallocs", UNIT_COUNT, "objects handed out since the process began"},
	{"frees", "Frees", UNIT_COUNT, "objects taken back since the process began"},
	{"live_objects", "Live objects", UNIT_COUNT, "mallocs less frees"},
	{"mapped", "Mapped", UNIT_BYTES, "writable: the sum of all parts"},
	{"reserved", "Reserved", UNIT_BYTES, "address space, mapped included; costs no memory"},
	{"node", "Node", UNIT_NUMBER, "the kernel's number; -1: none"},
	{"bound", "Bound", UNIT_NUMBER, "1: memory is bound to the node"},
	{"cpu", "CPU", UNIT_NUMBER, "index of the cache; -1: past the caches"},
	{"remote_frees", "Remote frees", UNIT_COUNT, "frees of another node's objects"},
	{"cached", "Cached", UNIT_BYTES, "free objects in this cache"},
	{"capacity", "Capacity", UNIT_BYTES, "what it may cache now"},
	{"refills", "Refills", UNIT_COUNT, "batches taken from the layer below"},
	{"flushes", "Flushes", UNIT_COUNT, "batches given to the layer below"},
};

/* These are objects or exist in classinfo alone. */
static const struct report_word class_words[] = {
	{"size", "Size, bytes", UNIT_NUMBER, "of an object; large: above the largest class"},
	{"live", "Live", UNIT_COUNT, "objects that the program holds"},
	{"cpu_cached", "CPU caches", UNIT_COUNT, "free objects in CPU caches"},
	{"transfer_cached", "Transfer", UNIT_COUNT, "free objects in transfer caches"},
	{"central_free", "In spans", UNIT_COUNT, "free objects in spans"},
	{"in_transit", "In transit", UNIT_COUNT, "free objects between two layers"},
	{"spans", "Spans", UNIT_COUNT, "that hold the class"},
	{"span_bytes", "Spans' size", UNIT_BYTES, "bytes of those spans"},
};

static const struct report_word *find(const struct report_word *all, size_t nr, const char *key)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(all[i].key, key))
			return &all[i];
	return NULL;
}

struct report_word report_word(const char *key, bool class_column)
{
	struct report_word own = {key, key, UNIT_TEXT, ""};
	const struct report_word *w = NULL;

	if (class_column)
		w = find(class_words, sizeof(class_words) / sizeof(class_words[0]), key);
	if (!w)
		w = find(words, sizeof(words) / sizeof(words[0]), key);
	if (!w)
		w = find(report_parts, REPORT_PARTS, key);
	return w ? *w : own;
}

void report_parts_of(const struct text *t, int row, int64_t part[REPORT_PARTS])
{
	for (int i = 0; i < REPORT_PARTS; i++) {
		const char *key = report_parts[i].key;

		part[i] = row < 0 ? text_number(t, key) : text_cell(t, row, text_column(t, key));
	}
}
