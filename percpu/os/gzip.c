// SPDX-License-Identifier: MIT
#include "gzip.h"

#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#include "atomic.h"
#include "barrier.h"
#include "bug.h"
#include "conf.h"
#include "os.h"

#define BLOCK_MAX 65535u       /* bytes of a stored block */
#define ARENA_BYTES (1u << 20) /* more than deflate ever takes */
#define GZIP_BITS (15 + 16)    /* a window of 32 KiB, and a gzip head */
#define MEM_LEVEL 8

/* The functions of zlib that are used, by its own prototypes. */
struct zlib {
	__typeof__(deflateInit2_) *init;
	__typeof__(deflate) *deflate;
	__typeof__(deflateEnd) *end;
	__typeof__(deflateBound) *bound;
};

static struct zlib zlib; /* what was found, once known is set; each written alone, to one value */
static u32 known;
static u32 missed; /* it has been said; atomic */

static bool is_there(const struct zlib *z)
{
	return z->init && z->deflate && z->end && z->bound;
}

static struct zlib load(void)
{
	void *lib = os.library("libz.so.1");
	struct zlib z = {0};

	if (!lib)
		return z;
	z.init = (__typeof__(z.init))os.symbol(lib, "deflateInit2_");
	z.deflate = (__typeof__(z.deflate))os.symbol(lib, "deflate");
	z.end = (__typeof__(z.end))os.symbol(lib, "deflateEnd");
	z.bound = (__typeof__(z.bound))os.symbol(lib, "deflateBound");
	return z;
}

/*
 * Nobody waits here for another who loads it: that one waits for the dynamic loader's lock, which
 * who comes second may hold, in the constructor of a library. Both load the same, and both write
 * it down: whoever comes back from here will not load it again, in the child of a fork either.
 */
static void find_zlib(void)
{
	struct zlib z;

	if (smp_load_acquire(&known))
		return;
	z = load();
	if (is_there(&z)) {
		WRITE_ONCE(zlib.init, z.init);
		WRITE_ONCE(zlib.deflate, z.deflate);
		WRITE_ONCE(zlib.end, z.end);
		WRITE_ONCE(zlib.bound, z.bound);
	}
	smp_store_release(&known, 1); /* pairs with the load above */
	if (!is_there(&z) && conf.verbose && !atomic_xchg(&missed, 1))
		pr_err("libz.so.1 is not installed: profiles are not compressed");
}

void gzip_prepare(void)
{
	find_zlib();
}

/* Pages for the time of one compression; nothing in it is given back before. */
struct arena {
	char *at, *end;
};

static voidpf arena_alloc(voidpf opaque, uInt items, uInt size)
{
	struct arena *a = opaque;
	size_t bytes = ALIGN_UP((size_t)items * size, 64);
	char *p = a->at;

	if (bytes > (size_t)(a->end - p))
		return Z_NULL;
	a->at += bytes;
	return p;
}

static void arena_free(voidpf opaque, voidpf p)
{
	(void)opaque, (void)p;
}

static bool compress_into(struct page_buf *to, const void *data, size_t len, struct arena *a,
			  const struct zlib *zlib)
{
	z_stream z = {.zalloc = arena_alloc, .zfree = arena_free, .opaque = a};
	uLong bound;
	int end;

	if (zlib->init(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY,
		       ZLIB_VERSION, (int)sizeof(z)) != Z_OK)
		return false;
	bound = zlib->bound(&z, len);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)page_buf_room(to, bound);
	z.avail_out = (uInt)bound;
	end = z.next_out ? zlib->deflate(&z, Z_FINISH) : Z_MEM_ERROR;
	zlib->end(&z);
	if (end != Z_STREAM_END)
		return false;
	to->len += z.total_out;
	return true;
}

void gzip_compress(struct page_buf *to, const void *data, size_t len)
{
	struct arena a;
	bool done = false;
	struct zlib z;
	void *pages;

	find_zlib();
	z = (struct zlib){READ_ONCE(zlib.init), READ_ONCE(zlib.deflate), READ_ONCE(zlib.end),
			  READ_ONCE(zlib.bound)};
	/* zlib counts in 32 bits here. */
	if (is_there(&z) && len < UINT32_MAX / 2) {
		pages = os.map(ARENA_BYTES, PROT_READ | PROT_WRITE);
		if (!os_is_err(pages)) {
			a = (struct arena){pages, (char *)pages + ARENA_BYTES};
			done = compress_into(to, data, len, &a, &z);
			os_give_back(pages, ARENA_BYTES);
		}
	}
	if (!done)
		gzip_store(to, data, len);
}

/* Half a byte at a time: a table of 16 is quick enough, and small. */
u32 gzip_crc32(u32 crc, const u8 *data, size_t len)
{
	static const u32 table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
				      0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
				      0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
				      0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};

	crc = ~crc;
	while (len--) {
		crc ^= *data++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

static void put_le32(struct page_buf *to, u32 v)
{
	u8 b[4] = {(u8)v, (u8)(v >> 8), (u8)(v >> 16), (u8)(v >> 24)};

	page_buf_put(to, b, sizeof(b));
}

void gzip_store(struct page_buf *to, const void *data, size_t len)
{
	/* No name, no time, no level, system unix. */
	static const u8 head[10] = {0x1f, 0x8b, Z_DEFLATED, [9] = 3};
	const u8 *from = data;
	size_t left = len;

	page_buf_put(to, head, sizeof(head));
	do {
		u16 n = (u16)min(left, (size_t)BLOCK_MAX);
		u8 block[5] = {left == n, (u8)n, (u8)(n >> 8), (u8)~n, (u8)((u16)~n >> 8)};

		page_buf_put(to, block, sizeof(block));
		page_buf_put(to, from, n);
		from += n;
		left -= n;
	} while (left);
	put_le32(to, gzip_crc32(0, data, len));
	put_le32(to, (u32)len);
}
