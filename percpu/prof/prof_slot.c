// SPDX-License-Identifier: MIT
#include "prof_slot.h"

#include "atomic.h"
#include "meta.h"

static u64 memory; /* bytes; atomic */

struct prof_slot *prof_slots_make(u32 n)
{
	struct prof_slot *slots = meta_alloc(n * sizeof(*slots), CACHE_LINE);

	if (slots)
		atomic_add_return(&memory, n * sizeof(*slots));
	return slots;
}

u64 prof_slots_memory(void)
{
	return READ_ONCE(memory);
}
