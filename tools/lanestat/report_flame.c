// SPDX-License-Identifier: MIT
/* Who holds the memory: the heap profile as flame graphs, or how to get one. */
#include <errno.h>
#include <string.h>

#include "flame.h"
#include "report.h"
#include "report_html.h"

/* Of each: why there is none. */
static void none(FILE *out, const struct report *r, int err)
{
	if (err == -ENOENT)
		fputs("<p class=\"note\">The process' Lane has no heap profile.</p>\n", out);
	else if (err)
		fprintf(out, "<p class=\"note\">The heap profile could not be read (%s).</p>\n",
			strerror(-err));
	else
		fprintf(out,
			"<p class=\"note\">Sampling is off. To switch it on, while the process "
			"runs: <code>lanestat %d conf prof_rate 512k</code>; from its start: "
			"<code>LANE_CONF=prof_rate:512k</code>. What is allocated from then on is "
			"shown here.</p>\n",
			(int)r->pid);
}

static void graph(FILE *out, const struct profile *p, struct symbols *s, enum profile_value v,
		  const char *id, const char *what)
{
	struct flame *root = s ? flame_build(p, s, v) : NULL;

	if (root)
		flame_draw(out, root, id, what);
	flame_free(root);
}

static void graphs(FILE *out, const struct report *r, const struct profile *p)
{
	struct symbols *s = symbols_open(r->pid, p);
	char human[HTML_ROOM], objects[HTML_ROOM], rate[HTML_ROOM];

	fprintf(out, "<p class=\"note\">%s in %s objects are in use by estimate, from ",
		html_bytes(human, (double)p->sum[PROFILE_INUSE_BYTES]),
		html_count(objects, (double)p->sum[PROFILE_INUSE_OBJECTS]));
	if (p->rate)
		fprintf(out, "a sample each %s", html_bytes(rate, (double)p->rate));
	else
		fputs("samples of the time when sampling was on", out);
	if (p->lost)
		fprintf(out,
			", of which %s were lost for want of memory, so there is more than is shown",
			html_count(objects, (double)p->lost));
	fputs(". A function is as wide as what it and what it calls hold; callers are above. "
	      "Click to zoom.</p>\n",
	      out);
	graph(out, p, s, PROFILE_INUSE_BYTES, "flame-inuse", "bytes in use");
	fputs("<details><summary>what was allocated so far, freed or not</summary>\n", out);
	graph(out, p, s, PROFILE_ALLOC_BYTES, "flame-alloc", "bytes allocated");
	fputs("</details>\n", out);
	symbols_close(s);
}

void report_flame(FILE *out, const struct report *r)
{
	struct profile p;
	int err = profile_read(&p, r->pid);

	/* Behind a watch the number may be another process's. */
	if (!err && !process_same(r->pid, &r->process)) {
		profile_free(&p);
		err = -ESRCH;
	}
	fputs("<section id=\"flame\"><h2>Who holds the memory <small>the heap profile, read last"
	      "</small></h2>\n",
	      out);
	if (err || (!p.rate && !p.nr_sites))
		none(out, r, err);
	else
		graphs(out, r, &p);
	fputs("</section>\n", out);
	if (!err)
		profile_free(&p);
}
