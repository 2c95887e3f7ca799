// SPDX-License-Identifier: MIT
/*
 * The generated tables, the formulas and the layout of a CPU's cache agree for
 * every size and every offset.
 */
#include "unit.h"

#include "cpu_block.h"
#include "meta.h"
#include "span.h"

#define META_BITMAP_BITS (META_BITMAP_BYTES * 8)

static bool sizes_agree(void)
{
	for (u32 size = 1; size <= SMALL_MAX; size++) {
		u32 cls = size_to_class(size);
		bool fits = cls >= 1 && cls <= NR_SMALL && size_classes[cls].size >= size &&
			    (cls == 1 || size_classes[cls - 1].size < size);

		if (!fits || class_to_size(cls) != size_classes[cls].size ||
		    size_to_block[(size - 1) / 8] != block_offset(cls)) {
			ksft_print_msg(
				"size %u: class %u of %u bytes, by formula %u, block %u of %u",
				size, cls, size_classes[cls].size, class_to_size(cls),
				size_to_block[(size - 1) / 8], block_offset(cls));
			return false;
		}
	}
	return size_classes[NR_SMALL].size == SMALL_MAX;
}

/* Above 128 bytes no more than an eighth of an object is lost; up to there, 15 bytes. */
static bool rounding_is_bounded(void)
{
	for (u32 size = 1; size <= SMALL_MAX; size++) {
		u32 got = size_classes[size_to_class(size)].size;

		/* Four steps a doubling from 1 KiB: a fifth. */
		if (got - size > (size <= 128 ? 15 : size <= 1024 ? got / 8 : got / 5))
			return false;
	}
	return true;
}

static bool objects_are_aligned(void)
{
	for (u32 c = 1; c < NR_CLASSES; c++) {
		if (size_classes[c].size % (c == 1 ? 8 : 16))
			return false;
	}
	return true;
}

/* What aligned_class() finds by arithmetic is what a search of the table finds. */
static bool alignments_have_classes(void)
{
	for (u32 align = 1; align <= PAGE_SIZE; align *= 2) {
		u32 c = 1;

		for (u32 size = 0; size <= SMALL_MAX; size++) {
			while (size_classes[c].size < size || size_classes[c].size % align)
				c++;
			if (aligned_class(size, align) != c) {
				ksft_print_msg("size %u, alignment %u: class %u, not %u", size,
					       align, aligned_class(size, align), c);
				return false;
			}
		}
	}
	return !aligned_class(1, PAGE_SIZE * 2) && !aligned_class(SMALL_MAX + 1, 1);
}

static bool every_offset_has_its_object(void)
{
	for (u32 c = 1; c < NR_CLASSES; c++) {
		u32 bytes = (u32)size_classes[c].pages << PAGE_SHIFT;

		for (u32 offset = 0; offset < bytes; offset++) {
			if (span_object_index(c, offset) != offset / size_classes[c].size) {
				ksft_print_msg("class %u, offset %u: object %u", c, offset,
					       span_object_index(c, offset));
				return false;
			}
		}
	}
	return true;
}

static bool spans_are_full(void)
{
	for (u32 c = 1; c < NR_CLASSES; c++) {
		const struct size_class *k = &size_classes[c];
		u32 bytes = (u32)k->pages << PAGE_SHIFT;

		if (k->objects != bytes / k->size || k->span_tail != bytes % k->size ||
		    k->span_tail > bytes / 64 || k->objects > META_BITMAP_BITS)
			return false;
	}
	return true;
}

/* Blocks lie behind the books, apart from each other, within the cache. */
static bool blocks_lie_apart(void)
{
	u32 free_from = sizeof(struct cpu_cache);

	for (u32 c = 1; c < NR_CLASSES; c++) {
		u32 bytes = sizeof(struct cpu_block) + size_classes[c].cap_max * sizeof(void *);

		if (block_offset(c) < free_from || size_classes[c].cap_max > WORD_IDX_MASK - 1 ||
		    size_classes[c].cap_max < 2 || !size_classes[c].batch)
			return false;
		free_from = block_offset(c) + bytes;
	}
	return free_from <= cpu_cache_bytes;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(7);
	ksft_test_result(sizes_agree(), "size to class, class to size and both tables agree");
	ksft_test_result(rounding_is_bounded(), "rounding up loses no more than it says");
	ksft_test_result(objects_are_aligned(), "sizes keep objects aligned");
	ksft_test_result(alignments_have_classes(), "the smallest class that is aligned is found");
	ksft_test_result(every_offset_has_its_object(), "an offset in a span has its object");
	ksft_test_result(spans_are_full(), "spans hold all objects that fit");
	ksft_test_result(blocks_lie_apart(), "blocks of a CPU's cache do not overlap");
	ksft_finished();
}
