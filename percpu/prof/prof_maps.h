/* SPDX-License-Identifier: MIT */
/*
 * prof_maps.h - what lies where in this process, for a profile: /proc/thread-self/maps
 * as text and as a table, with the build ids of the files mapped.
 *
 * Read at once and kept by whoever writes the profile; a library that is
 * unloaded meanwhile is there still. No lock of the dynamic loader is taken: a
 * thread may hold that and wait in fork() for the writer. And memory is looked
 * at by os.peek() alone, which fails where the memory is gone.
 */
#ifndef PERCPU_PROF_MAPS_H
#define PERCPU_PROF_MAPS_H

#include "page_buf.h"

#define BUILD_ID_MAX 32 /* bytes */

struct prof_mapping {
	uintptr_t start, end;
	u64 offset;	  /* bytes into the file */
	const char *path; /* not ended by a 0 byte: of path_len bytes */
	u32 path_len;	  /* 0: no file */
	bool read, exec;
	u8 build_id_len; /* 0: none found */
	u8 build_id[BUILD_ID_MAX];
	u32 id; /* for the writer; 0 at first */
};

struct prof_maps {
	struct page_buf text;  /* as the kernel gave it */
	struct page_buf table; /* struct prof_mapping, by rising address */
	u32 nr;
};

/* A line of /proc/thread-self/maps, without its end; false where it is another kind. Any context.
 */
bool prof_maps_line(const char *s, const char *end, struct prof_mapping *m);

/* 0 or -errno; @m is to be freed in either case. Build ids are looked for where @build_ids. */
int prof_maps_read(struct prof_maps *m, bool build_ids);
void prof_maps_free(struct prof_maps *m);

static inline struct prof_mapping *prof_maps_at(const struct prof_maps *m, u32 i)
{
	return (struct prof_mapping *)m->table.data + i;
}

/* The executable mapping that holds @pc, NULL where there is none. */
struct prof_mapping *prof_maps_find(const struct prof_maps *m, uintptr_t pc);

/*
 * How many of @depth return addresses are to be shown: up to the first that
 * follows no code, where a walk by frame pointers has gone astray.
 */
u32 prof_maps_depth(const struct prof_maps *m, const uintptr_t *pc, u32 depth);

#endif
