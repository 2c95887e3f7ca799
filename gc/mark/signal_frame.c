// SPDX-License-Identifier: MIT
#include "signal_frame.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

#define LEAF_XSTATE 0xd
#define MAGIC 0x46505853u /* FP_XSTATE_MAGIC1: more than the oldest registers follows */
#define SW_BYTES 464	  /* where the kernel says what it stored, and how much */
#define FREE_BYTES 48	  /* before that; neither stored nor read */
#define WORDS 2048u	  /* 16 KiB, more than all components */
#define FIRST_EXT 72u	  /* word behind the header */
#define BNDCSR 4u	  /* a component that names 64 bytes and has 16 */
#define BNDCSR_BYTES 16u

static u64 stored[WORDS / 64]; /* words that a component has; constant after init */

static void add_component(u32 n)
{
	u32 size, at, c, d;

	__cpuid_count(LEAF_XSTATE, n, size, at, c, d);
	if (c & 1)
		return; /* the kernel's own: not in frames */
	if (n == BNDCSR)
		size = min(size, BNDCSR_BYTES);
	for (u32 w = at / 8; w < (at + size + 7) / 8 && w < WORDS; w++)
		stored[w / 64] |= 1ULL << (w % 64);
}

void signal_frame_init(void)
{
	u32 low, high, b, c;

	if (!__get_cpuid_count(LEAF_XSTATE, 0, &low, &b, &c, &high))
		return;
	for (u64 components = ((u64)high << 32 | low) & ~3ULL; components;
	     components &= components - 1)
		add_component((u32)__builtin_ctzll(components));
}

void signal_frame_clear(ucontext_t *uc)
{
	char *fp = (char *)uc->uc_mcontext.fpregs;
	u32 sw[5]; /* magic, size of all, components (two words), size of the state */

	memset(uc->uc_mcontext.__reserved1, 0, sizeof(uc->uc_mcontext.__reserved1));
	if (!fp)
		return;
	memcpy(sw, fp + SW_BYTES, sizeof(sw));
	if (sw[0] != MAGIC)
		return;
	memset(fp + SW_BYTES - FREE_BYTES, 0, FREE_BYTES);
	for (u32 w = FIRST_EXT; w < sw[4] / 8 && w < WORDS; w++)
		if (!(stored[w / 64] >> (w % 64) & 1))
			memset(fp + (size_t)w * 8, 0, 8);
}
#elif defined(__aarch64__)
#define MASK_BYTES 8u /* of the signal mask that the kernel stores; it has room for 128 */

void signal_frame_init(void)
{
}

void signal_frame_clear(ucontext_t *uc)
{
	char *mask_end = (char *)&uc->uc_sigmask + MASK_BYTES;
	char *regs_end = (char *)(&uc->uc_mcontext.pstate + 1);
	char *at = (char *)uc->uc_mcontext.__reserved;
	char *end = at + sizeof(uc->uc_mcontext.__reserved);
	u32 record[2]; /* magic, size in bytes with this head */

	memset(mask_end, 0, (size_t)((char *)&uc->uc_mcontext - mask_end));
	memset(regs_end, 0, (size_t)(at - regs_end));
	/* Records one after the other, ended by one of zeroes. */
	for (; at + sizeof(record) <= end; at += record[1]) {
		memcpy(record, at, sizeof(record));
		if (!record[0] || record[1] < sizeof(record))
			break;
	}
	at += sizeof(record);
	if (at < end)
		memset(at, 0, (size_t)(end - at));
}
#else
#error "what does this machine's signal frame look like?"
#endif
