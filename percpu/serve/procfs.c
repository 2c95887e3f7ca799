// SPDX-License-Identifier: MIT
#include "procfs.h"

#include <errno.h>
#include <lane/lane.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf.h"
#include "fence.h"
#include "hooks.h"
#include "lanes.h"
#include "meta.h"
#include "metrics.h"
#include "node_heap.h"
#include "os.h"
#include "page_buf.h"
#include "prof_write.h"
#include "seq_file.h"
#include "slow_path.h"
#include "snapshot.h"
#include "space.h"
#include "topology.h"

#define U64(x) ((unsigned long)(x))

/* The snapshot that is being rendered, and where it goes; reader's lock. */
static struct {
	struct lane_stats st;
	struct lane_class_stats classes[NR_CLASSES];
	struct lane_node_stats nodes[MAX_HOMES + 1];
	struct lane_cpu_stats *cpus; /* nr_lanes + 1; made at first use */
	struct conf conf;
} view;

const char *procfs_mode_name(u32 m)
{
	switch (m) {
	case LANE_MODE_RSEQ_CPU:
		return "rseq_cpu";
	case LANE_MODE_RSEQ_CID:
		return "rseq_cid";
	default:
		return "lock";
	}
}

static void show_head(struct seq_file *m)
{
	seq_printf(m, "version %u\n", PROCFS_VERSION);
	seq_printf(m, "generation %lu\n", U64(view.st.generation));
}

static void show_heapinfo(struct seq_file *m)
{
	const struct lane_stats *st = &view.st;

	show_head(m);
	seq_printf(m, "library %s\n", LANE_VERSION);
	seq_printf(m, "mode %s\n", procfs_mode_name(st->mode));
	seq_printf(m, "mode_reason %s\n", topology.mode_reason);
	seq_printf(m, "fence %s\n", fence_refused ? "refused" : "ok");
	seq_printf(m, "binding %s\n", topology.binding);
	seq_printf(m, "cpus %u\n", st->nr_possible_cpus);
	seq_printf(m, "nodes %u\n", nr_homes);
	seq_printf(m, "mallocs %lu\n", U64(st->mallocs));
	seq_printf(m, "frees %lu\n", U64(st->frees));
	seq_printf(m, "live_objects %lu\n", U64(st->live_objects));
	seq_printf(m, "in_use %lu\n", U64(st->in_use));
	seq_printf(m, "cpu_cached %lu\n", U64(st->cpu_cached));
	seq_printf(m, "transfer_cached %lu\n", U64(st->transfer_cached));
	seq_printf(m, "central_free %lu\n", U64(st->central_free));
	seq_printf(m, "in_transit %lu\n", U64(st->in_transit));
	seq_printf(m, "span_tail %lu\n", U64(st->span_tail));
	seq_printf(m, "page_heap_free %lu\n", U64(st->page_heap_free));
	seq_printf(m, "released %lu\n", U64(st->released));
	seq_printf(m, "metadata %lu\n", U64(st->metadata));
	seq_printf(m, "mapped %lu\n", U64(st->mapped));
	seq_printf(m, "reserved %lu\n", U64(st->reserved));
	seq_printf(m, "collected %lu\n", U64(st->collected));
	seq_printf(m, "quarantine %lu\n", U64(st->quarantine));
}

static void show_classinfo(struct seq_file *m)
{
	show_head(m);
	seq_printf(m, "size mallocs frees live in_use cpu_cached transfer_cached central_free "
		      "in_transit spans span_bytes refills flushes quarantine\n");
	for (u32 i = 0; i < view.st.nr_classes; i++) {
		const struct lane_class_stats *c = &view.classes[i];

		seq_printf(m, "%lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu\n",
			   U64(c->size), U64(c->mallocs), U64(c->frees), U64(c->live),
			   U64(c->in_use), U64(c->cpu_cached), U64(c->transfer_cached),
			   U64(c->central_free), U64(c->in_transit), U64(c->spans),
			   U64(c->span_bytes), U64(c->refills), U64(c->flushes),
			   U64(c->quarantine));
	}
}

static void show_cpuinfo(struct seq_file *m)
{
	show_head(m);
	seq_printf(m, "cpu node mallocs frees remote_frees cached capacity refills flushes\n");
	for (u32 i = 0; i < view.st.nr_cpus; i++) {
		const struct lane_cpu_stats *c = &view.cpus[i];

		seq_printf(m, "%d %d %lu %lu %lu %lu %lu %lu %lu\n", c->cpu, c->node,
			   U64(c->mallocs), U64(c->frees), U64(c->remote_frees), U64(c->cached),
			   U64(c->capacity), U64(c->refills), U64(c->flushes));
	}
}

static void show_nodeinfo(struct seq_file *m)
{
	show_head(m);
	seq_printf(m, "node bound mallocs frees live_objects in_use cpu_cached transfer_cached "
		      "central_free in_transit span_tail page_heap_free released metadata mapped "
		      "reserved collected quarantine\n");
	for (u32 i = 0; i < view.st.nr_nodes; i++) {
		const struct lane_node_stats *n = &view.nodes[i];

		seq_printf(
			m,
			"%d %d %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu\n",
			n->node, n->bound, U64(n->mallocs), U64(n->frees), U64(n->live_objects),
			U64(n->in_use), U64(n->cpu_cached), U64(n->transfer_cached),
			U64(n->central_free), U64(n->in_transit), U64(n->span_tail),
			U64(n->page_heap_free), U64(n->released), U64(n->metadata), U64(n->mapped),
			U64(n->reserved), U64(n->collected), U64(n->quarantine));
	}
}

/* What is not in use is there, and says so. */
static void show_gcinfo(struct seq_file *m)
{
	show_head(m);
	if (hooks.show) {
		hooks.show(m);
		return;
	}
	seq_printf(m, "state off\n");
	seq_printf(m, "reason the program has not called lane_gc_init\n");
}

/* Not from the snapshot: the heap profile has its own way of being read whole. */
static int write_profile(struct page_buf *b)
{
	struct prof_source src;

	prof_source_init(&src, "read as a file");
	return prof_text_write(b, &src);
}

/* Stored: it goes over a socket of this machine, and a library may not be loaded here. */
static int write_profile_pb(struct page_buf *b)
{
	struct prof_source src;

	prof_source_init(&src, "read as a file");
	return prof_pprof_gz_write(b, &src, false);
}

static void show_metrics_part(struct seq_file *m)
{
	metrics_show(m, &view.st);
}

static void show_metrics(struct seq_file *m)
{
	show_metrics_part(m);
	seq_printf(m, "# EOF\n");
}

static void show_conf(struct seq_file *m)
{
	conf_show(m, &view.conf);
}

static void show_section(struct seq_file *m, const char *name, void (*show)(struct seq_file *m))
{
	seq_printf(m, "== %s ==\n", name);
	show(m);
}

/* metrics would say the same a second time; profile and conf are no part of a snapshot. */
static void show_all(struct seq_file *m)
{
	show_section(m, "heapinfo", show_heapinfo);
	show_section(m, "classinfo", show_classinfo);
	show_section(m, "cpuinfo", show_cpuinfo);
	show_section(m, "nodeinfo", show_nodeinfo);
	show_section(m, "gcinfo", show_gcinfo);
}

struct proc_file {
	const char *name;
	void (*show)(struct seq_file *m); /* from the snapshot */
	int (*write)(struct page_buf *b); /* or by itself: 0 or -errno */
};

static const struct proc_file files[] = {
	{"heapinfo", show_heapinfo, NULL}, {"classinfo", show_classinfo, NULL},
	{"cpuinfo", show_cpuinfo, NULL},   {"nodeinfo", show_nodeinfo, NULL},
	{"gcinfo", show_gcinfo, NULL},	   {"metrics", show_metrics, NULL},
	{"profile", NULL, write_profile},  {"profile.pb.gz", NULL, write_profile_pb},
	{"conf", show_conf, NULL},	   {"all", show_all, NULL},
};

#define SPARE 128u /* bytes of room beyond what the first pass counts, the 0 byte among them */
#define NR_STATS_FILES 4u /* the first of them, in a statistics file */

/* Take the snapshot that the files are rendered from. Reader's lock held. */
static int take_view(void)
{
	if (!lane_started())
		return -EAGAIN;
	if (!view.cpus && slow_enter()) {
		view.cpus = meta_alloc((nr_lanes + 1) * sizeof(*view.cpus), CACHE_LINE);
		slow_exit();
	}
	if (!view.cpus)
		return -ENOMEM;
	view.st = (struct lane_stats){.sz = sizeof(view.st),
				      .classes = view.classes,
				      .nr_classes = ARRAY_SIZE(view.classes),
				      .cpus = view.cpus,
				      .nr_cpus = nr_lanes + 1,
				      .nodes = view.nodes,
				      .nr_nodes = ARRAY_SIZE(view.nodes)};
	snapshot_read(&view.st);
	conf_read(&view.conf);
	return 0;
}

static const struct proc_file *find_file(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (!strcmp(files[i].name, name))
			return &files[i];
	}
	return NULL;
}

bool procfs_exists(const char *name)
{
	return find_file(name);
}

/* What writes itself, cut to what @buf has room for. */
static ssize_t read_written(const struct proc_file *f, char *buf, size_t len)
{
	struct page_buf b = {0};
	int err = lane_started() ? f->write(&b) : -EAGAIN;
	size_t n = len ? min(b.len, len - 1) : 0;
	ssize_t ret = err ? err : (ssize_t)b.len;

	if (!err && n)
		memcpy(buf, b.data, n);
	if (!err && len)
		buf[n] = '\0';
	page_buf_free(&b);
	return ret;
}

static ssize_t read_file(const struct proc_file *f, char *buf, size_t len)
{
	struct seq_file m = {.buf = buf, .size = len};
	int err;

	if (!f)
		return -ENOENT;
	if (f->write)
		return read_written(f, buf, len);
	snapshot_lock();
	err = take_view();
	if (!err)
		f->show(&m);
	snapshot_unlock();
	return err ? err : (ssize_t)m.count;
}

LANE_API ssize_t lane_proc_read(const char *name, char *buf, size_t len)
{
	return read_file(find_file(name), buf, len);
}

LANE_API ssize_t lane_metrics_write(char *buf, size_t len)
{
	static const struct proc_file part = {"", show_metrics_part, NULL};

	return read_file(&part, buf, len);
}

/* One file, or all that a statistics file has, with an empty line between them. */
static void show(struct seq_file *m, const struct proc_file *only)
{
	if (only) {
		only->show(m);
		return;
	}
	for (size_t i = 0; i < NR_STATS_FILES; i++) {
		if (i)
			seq_printf(m, "\n");
		files[i].show(m);
	}
}

void procfs_text_free(struct procfs_text *t)
{
	size_t size = t->size;

	t->size = 0;
	barrier(); /* likewise */
	os_give_back(t->buf, size);
}

/*
 * The first pass counts. What is no part of the snapshot may be longer by the next: a lost fence,
 * a collected heap that begins. Then there is one more. Reader's lock held.
 */
static int render_view(const struct proc_file *only, struct procfs_text *t)
{
	struct seq_file m = {0};
	size_t size;

	show(&m, only);
	for (;;) {
		size = ALIGN_UP(PROCFS_HEAD + m.count + SPARE, os_page_size);
		t->buf = os.map(size, PROT_READ | PROT_WRITE);
		if (os_is_err(t->buf))
			return -ENOMEM;
		barrier(); /* the child of a fork at any point gives back what has a size */
		t->size = size;
		m = (struct seq_file){.buf = t->buf + PROCFS_HEAD, .size = t->size - PROCFS_HEAD};
		show(&m, only);
		t->len = m.count;
		if (m.count < m.size)
			return 0;
		procfs_text_free(t);
	}
}

static int render(const struct proc_file *only, struct procfs_text *t)
{
	int err;

	snapshot_lock();
	err = take_view();
	if (!err)
		err = render_view(only, t);
	snapshot_unlock();
	return err;
}

/* As page_buf keeps it, with room for the head before it. */
static int render_written(const struct proc_file *f, struct procfs_text *t)
{
	struct page_buf b = {0};
	int err = -EAGAIN;

	if (lane_started() && page_buf_room(&b, PROCFS_HEAD)) {
		b.len = PROCFS_HEAD;
		err = f->write(&b);
	}
	if (err || b.err) {
		page_buf_free(&b);
		return err ? err : -ENOMEM;
	}
	*t = (struct procfs_text){b.data, b.size, b.len - PROCFS_HEAD};
	return 0;
}

int procfs_render(const char *name, struct procfs_text *t)
{
	const struct proc_file *f = find_file(name);

	if (!f)
		return -ENOENT;
	return f->write ? render_written(f, t) : render(f, t);
}

static int write_files(int fd, const struct proc_file *only)
{
	struct procfs_text t;
	int err = render(only, &t);

	if (err)
		return err;
	err = os_write_all(fd, t.buf + PROCFS_HEAD, t.len);
	procfs_text_free(&t);
	return err;
}

void procfs_print(const char *name)
{
	write_files(STDERR_FILENO, find_file(name));
}

int procfs_write_all(int fd)
{
	return write_files(fd, NULL);
}
