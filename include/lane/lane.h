/* SPDX-License-Identifier: MIT */
/*
 * lane.h - the public interface of Lane, a per-CPU, NUMA-local memory
 * allocator for Linux servers with exact and consistent books.
 *
 * Allocation functions follow the C library: NULL and errno on failure,
 * a pointer that free() accepts on success. Everything else returns 0 or
 * a count on success and -errno on failure.
 *
 * Context, unless a function says otherwise: any thread, at any time, also
 * before main() and after it, in destructors, and as a thread's first call.
 * malloc and free may be called from a signal handler; the functions that
 * read statistics may not. A child of vfork() must call none of them.
 */
#ifndef LANE_LANE_H
#define LANE_LANE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LANE_VERSION_MAJOR 0
#define LANE_VERSION_MINOR 1
#define LANE_VERSION "0.1.0"

#ifndef LANE_API
#define LANE_API
#endif

#if defined(__GNUC__)
#define LANE_MALLOC __attribute__((malloc, warn_unused_result))
#define LANE_SIZE(...) __attribute__((alloc_size(__VA_ARGS__)))
#define LANE_ALIGN(n) __attribute__((alloc_align(n)))
#else
#define LANE_MALLOC
#define LANE_SIZE(...)
#define LANE_ALIGN(n)
#endif

struct mallinfo2; /* <malloc.h> */
struct mallinfo;

/*
 * The C library's interface under Lane's own names. The shared and the
 * static library also define the plain names (malloc, free, ...), which are
 * the same functions.
 */

/**
 * lane_malloc - allocate @size bytes, uninitialised
 * @size: bytes; 0 gives a unique pointer
 *
 * The result is aligned to 16 bytes (8 for sizes up to 8), and lies on the
 * NUMA node of the calling CPU where memory is bound to nodes.
 *
 * Return: the object, or NULL with errno = ENOMEM.
 */
LANE_API void *lane_malloc(size_t size) LANE_MALLOC LANE_SIZE(1);

/**
 * lane_free - give an object back
 * @p: a pointer that an allocation function of Lane returned, or NULL
 *
 * errno is preserved. A pointer that is not a live object of Lane ends the
 * process with one line on stderr that names it; see Documentation/errors.rst
 * for which of them are caught at once and which later.
 */
LANE_API void lane_free(void *p);

/** lane_calloc - allocate @n objects of @size bytes, zeroed; ENOMEM where n * size overflows */
LANE_API void *lane_calloc(size_t n, size_t size) LANE_MALLOC LANE_SIZE(1, 2);

/**
 * lane_realloc - resize an object, moving it where it must
 * @p: the object, or NULL (as malloc)
 * @size: bytes; 0 frees @p and returns NULL, as glibc does
 *
 * Return: the object; NULL with errno = ENOMEM leaves @p as it was.
 */
LANE_API void *lane_realloc(void *p, size_t size) LANE_SIZE(2);

/** lane_reallocarray - realloc(@p, @n * @size) with a check for overflow (ENOMEM) */
LANE_API void *lane_reallocarray(void *p, size_t n, size_t size) LANE_SIZE(2, 3);

/**
 * lane_aligned_alloc - allocate with an alignment
 * @align: bytes, a power of two; otherwise EINVAL
 * @size: bytes; need not be a multiple of @align
 */
LANE_API void *lane_aligned_alloc(size_t align, size_t size) LANE_MALLOC LANE_SIZE(2) LANE_ALIGN(1);

/**
 * lane_posix_memalign - allocate with an alignment
 * @out: where the object is stored; untouched on failure
 * @align: bytes, a power of two and a multiple of sizeof(void *)
 * @size: bytes
 *
 * Return: 0, EINVAL or ENOMEM (positive, as POSIX has it); errno is not set.
 */
LANE_API int lane_posix_memalign(void **out, size_t align, size_t size);

/** lane_memalign - as lane_aligned_alloc; an @align that is no power of two is rounded up */
LANE_API void *lane_memalign(size_t align, size_t size) LANE_MALLOC LANE_SIZE(2) LANE_ALIGN(1);

/** lane_valloc - allocate @size bytes at a page boundary */
LANE_API void *lane_valloc(size_t size) LANE_MALLOC LANE_SIZE(1);

/** lane_pvalloc - allocate whole pages that hold @size bytes */
LANE_API void *lane_pvalloc(size_t size) LANE_MALLOC;

/** lane_malloc_usable_size - bytes that may be used at @p, at least those asked for; 0 for NULL */
LANE_API size_t lane_malloc_usable_size(void *p);

/**
 * lane_free_sized - free() with the size that was asked for (C23)
 * @p: from malloc, calloc or realloc
 * @size: bytes, as passed to the allocation. Debug builds check it.
 */
LANE_API void lane_free_sized(void *p, size_t size);

/** lane_free_aligned_sized - free() of what aligned_alloc(@align, @size) returned (C23) */
LANE_API void lane_free_aligned_sized(void *p, size_t align, size_t size);

/**
 * lane_mallinfo2 - glibc's summary in bytes, from one snapshot; not from a signal handler. Where
 * the C library is another, this function is missing.
 */
LANE_API struct mallinfo2 lane_mallinfo2(void);

/** lane_mallinfo - likewise, for programs of before glibc 2.33; INT_MAX stands for what is more */
LANE_API struct mallinfo lane_mallinfo(void);

/**
 * lane_malloc_info - write the snapshot as XML, as glibc's malloc_info()
 * @options: 0; otherwise -1 with errno = EINVAL
 *
 * Return: 0; -1 with errno also where @stream fails, or with EAGAIN before the heap has started.
 */
LANE_API int lane_malloc_info(int options, FILE *stream);

/** lane_malloc_stats - write heapinfo to stderr */
LANE_API void lane_malloc_stats(void);

/**
 * lane_malloc_trim - return free memory to the system, as lane_release(SIZE_MAX)
 * @pad: accepted for compatibility; Lane keeps no pad
 *
 * Return: 1 where memory was returned, else 0.
 */
LANE_API int lane_malloc_trim(size_t pad);

/**
 * lane_mallopt - accept glibc's tuning parameters
 *
 * Lane has no counterpart for them; each is named once on stderr where LANE_CONF
 * has verbose:true.
 *
 * Return: 1.
 */
LANE_API int lane_mallopt(int param, int value);

/*
 * What other allocators do not have.
 */

/**
 * lane_malloc_onnode - allocate on a given NUMA node
 * @size: bytes
 * @node: the kernel's node number, as numactl shows it
 *
 * The object's pages lie on @node where memory is bound to nodes
 * (heapinfo: binding). Slower than malloc: it takes the node's lock.
 *
 * Return: the object, or NULL with errno = EINVAL (no heap of that node: no
 * such node, one without memory, or one heap for all) or ENOMEM.
 */
LANE_API void *lane_malloc_onnode(size_t size, int node) LANE_MALLOC LANE_SIZE(1);

/**
 * lane_node_of - the NUMA node that an object belongs to
 * @p: any address inside Lane's heap
 *
 * Return: the kernel's node number, or -EINVAL where @p is not Lane's.
 */
LANE_API int lane_node_of(const void *p);

/**
 * lane_release - return free memory to the system now
 * @bytes: stop after this much; SIZE_MAX for all there is. With SIZE_MAX the
 *         caches of all CPUs are drained first.
 *
 * Other threads go on; those whose CPU is being drained take the slower
 * path for some microseconds.
 *
 * Return: bytes returned.
 */
LANE_API size_t lane_release(size_t bytes);

/** lane_version - "MAJOR.MINOR.PATCH" of the library that is running */
LANE_API const char *lane_version(void);

/*
 * Statistics. Counts are operations since start, bytes are bytes of size
 * class (what an object takes, not what was asked for). struct lane_stats may
 * grow at its end; the rows of its arrays do not change within one soname.
 */

enum lane_mode {
	LANE_MODE_RSEQ_CPU = 1, /* restartable sequences, caches by cpu_id */
	LANE_MODE_RSEQ_CID = 2, /* restartable sequences, caches by mm_cid */
	LANE_MODE_LOCK = 3,	/* caches under locks */
};

/**
 * struct lane_class_stats - one size class, objects
 *
 * mallocs - frees = live. The last class stands for all large objects: its
 * size is 0 and its bytes are in in_use.
 */
struct lane_class_stats {
	uint64_t size; /* bytes per object; 0 = large objects */
	uint64_t mallocs;
	uint64_t frees;
	uint64_t live;
	uint64_t in_use;	  /* bytes of live objects */
	uint64_t cpu_cached;	  /* objects in CPU caches */
	uint64_t transfer_cached; /* objects in transfer caches */
	uint64_t central_free;	  /* objects free in spans */
	uint64_t in_transit;	  /* objects between two layers at the cut */
	uint64_t spans;		  /* spans that hold this class */
	uint64_t span_bytes;	  /* bytes of those spans */
	uint64_t refills;	  /* batches taken by CPU caches */
	uint64_t flushes;	  /* batches given back by CPU caches */
	uint64_t quarantine;	  /* bytes of freed objects held back (check:full) */
};

/** struct lane_cpu_stats - one CPU cache; counts of operations that ran on it */
struct lane_cpu_stats {
	int32_t cpu;  /* index: cpu_id or mm_cid, by mode; -1 = operations past the caches */
	int32_t node; /* kernel's node number; -1 where cpu is -1 */
	uint64_t mallocs;
	uint64_t frees;
	uint64_t remote_frees; /* frees of objects whose home is another node */
	uint64_t cached;       /* bytes of objects cached */
	uint64_t capacity;     /* bytes it may cache */
	uint64_t refills;
	uint64_t flushes;
};

/** struct lane_node_stats - one node heap, by the home of the memory; bytes unless said */
struct lane_node_stats {
	int32_t node;  /* kernel's node number; -1 = what belongs to none: metadata, mappings of
			  handlers */
	int32_t bound; /* 1 where the memory is bound to the node */
	uint64_t mallocs;
	uint64_t frees;
	uint64_t live_objects;
	uint64_t in_use;
	uint64_t cpu_cached;
	uint64_t transfer_cached;
	uint64_t central_free;
	uint64_t in_transit;
	uint64_t span_tail;
	uint64_t page_heap_free;
	uint64_t released;
	uint64_t metadata;
	uint64_t mapped;
	uint64_t reserved;
	uint64_t collected; /* bytes of spans that hold collected objects (lane_gc.h) */
	uint64_t quarantine;
};

/**
 * struct lane_stats - one consistent snapshot of the process
 *
 * The state described really existed: whatever happened before a counted
 * operation is counted too. Always, to the byte:
 *
 *   mapped = in_use + cpu_cached + transfer_cached + central_free +
 *            in_transit + span_tail + page_heap_free + released + metadata +
 *            collected + quarantine
 *   reserved >= mapped
 *   mallocs - frees = live_objects
 *   totals = sum over classes = sum over cpus = sum over nodes
 */
struct lane_stats {
	size_t sz; /* in: sizeof(struct lane_stats) */

	uint64_t generation; /* of this snapshot; grows by one each */
	uint32_t mode;	     /* enum lane_mode */
	uint32_t nr_possible_cpus;

	uint64_t mallocs;      /* operations */
	uint64_t frees;	       /* operations */
	uint64_t live_objects; /* objects */
	uint64_t in_use;       /* bytes held by the program */
	uint64_t cpu_cached;   /* bytes in CPU caches */
	uint64_t transfer_cached;
	uint64_t central_free;	 /* bytes of free objects in spans */
	uint64_t in_transit;	 /* bytes between two layers at the cut */
	uint64_t span_tail;	 /* bytes at the end of spans that hold no object */
	uint64_t page_heap_free; /* bytes of free pages that are backed */
	uint64_t released;	 /* bytes of free pages that the system holds */
	uint64_t metadata;	 /* bytes mapped for Lane's own structures */
	uint64_t collected;	 /* bytes of spans that hold collected objects (lane_gc.h) */
	uint64_t quarantine;	 /* bytes of freed objects held back (check:full) */
	uint64_t mapped;	 /* bytes mapped readable and writable */
	uint64_t reserved;	 /* bytes of address space set aside */

	/*
	 * in: room in the arrays below; out: how many rows exist, which may be
	 * more than there was room for. An array may be NULL with room 0.
	 */
	uint32_t nr_classes;
	uint32_t nr_cpus;
	uint32_t nr_nodes;
	uint32_t reserved0;
	struct lane_class_stats *classes;
	struct lane_cpu_stats *cpus;
	struct lane_node_stats *nodes;
};

/**
 * lane_stats_read - take a consistent snapshot
 * @st: sz and the three arrays with their room set by the caller, the rest 0
 *
 * Takes no lock that an allocating thread waits for and stops no thread. Its
 * cost grows with CPUs x classes, never with the heap. Readers wait for each
 * other.
 *
 * Context: any thread, not a signal handler.
 * Return: 0, -EINVAL (sz), or -EAGAIN where the heap could not start yet.
 */
LANE_API int lane_stats_read(struct lane_stats *st);

/**
 * lane_stats_walk - count the same by walking every span and cache
 * @st: as for lane_stats_read
 *
 * The cross-check: it takes the locks, drains nothing, and reads the heap
 * itself instead of the books. Threads may wait for it. It knows the present
 * only: mallocs, frees, refills and flushes stay 0. In a process that is
 * otherwise quiet every other figure equals lane_stats_read()'s.
 *
 * Context: any thread, not a signal handler.
 * Return: 0, -EINVAL (sz), -EAGAIN as above, -EBUSY inside a handler that
 * interrupted an allocation, or -EPERM: membarrier is refused since start.
 */
LANE_API int lane_stats_walk(struct lane_stats *st);

/**
 * lane_proc_read - render one of Lane's files from one snapshot
 * @name: "heapinfo", "classinfo", "cpuinfo", "nodeinfo", "metrics" (OpenMetrics
 *        1.0), "gcinfo" (which says where there is nothing), "profile" (the heap
 *        profile as text), "profile.pb.gz" (the same as bytes of a gzip file),
 *        "conf", or "all": heapinfo, classinfo, cpuinfo, nodeinfo and gcinfo of one
 *        snapshot, each behind a line "== NAME =="
 * @buf: where the text goes, ended by a 0 byte where @len allows one byte
 * @len: bytes of room
 *
 * Context: any thread, not a signal handler.
 * Return: bytes of the whole text without the 0 byte, which may be more than
 * @len - 1, as snprintf() has it; -ENOENT for an unknown name, -EAGAIN and
 * -ENOMEM where the heap or the text's own tables could not be made; for the two
 * profiles also what opening and reading /proc/self/maps gives, -EMFILE say.
 */
LANE_API ssize_t lane_proc_read(const char *name, char *buf, size_t len);

/**
 * lane_metrics_write - the file "metrics" without its last line
 * @buf: as for lane_proc_read
 * @len: likewise
 *
 * For a server that has a /metrics endpoint of its own: append its own families,
 * and end the text with "# EOF" where it is OpenMetrics.
 *
 * Context: any thread, not a signal handler.
 * Return: as lane_proc_read.
 */
LANE_API ssize_t lane_metrics_write(char *buf, size_t len);

/**
 * lane_conf_write - change settings of the running process
 * @text: lines of "key value", as the file "conf" shows them
 * @len: bytes of them
 *
 * All lines count, or, where one is bad, none. Keys that may change while the
 * process runs: cpu_cache_max, cpu_cache_total, gctrace, guard_rate, prof_rate,
 * release_delay_ms, release_slack, stats_interval_ms, stats_print, verbose. CPU
 * caches that are larger than they may be now are emptied.
 *
 * Context: any thread, not a signal handler.
 * Return: 0, or -EINVAL: a line that is not "key value", another key, or a
 * value that the key does not take. All was applied but a rate where it is
 * -ENOMEM (guard_rate: no pages) or -EPERM (prof_rate: as lane_prof_set_rate()).
 */
LANE_API int lane_conf_write(const char *text, size_t len);

/**
 * lane_serve_start - show this process' files to the user's other programs
 *
 * Starts a thread that answers lanestat(1), lanefs(1) and whoever speaks the
 * protocol of lane/lane_serve.h, on a socket that only this user and root can
 * reach. Has no effect where it runs already, as with LANE_CONF=serve:true. A
 * child of fork() has a socket of its own after a tenth of a second.
 *
 * Context: any thread, not a signal handler.
 * Return: 0; -EACCES where no folder for the socket is the user's own with mode
 * 0700, -EADDRINUSE, -EAGAIN where the heap or a thread cannot start, or what
 * else the system says.
 */
LANE_API int lane_serve_start(void);

/**
 * lane_serve_stop - end what lane_serve_start() began
 *
 * The socket is gone when it returns, and connections are closed. Waits for
 * the thread.
 *
 * Context: any thread, not a signal handler.
 * Return: 0, also where nothing ran.
 */
LANE_API int lane_serve_stop(void);

#ifdef __cplusplus
}
#endif

#endif /* LANE_LANE_H */
