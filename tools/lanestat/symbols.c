// SPDX-License-Identifier: MIT
#include "symbols.h"

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INLINED_MAX 32

/* Of the C++ library, where the machine has one. */
typedef char *demangle_fn(const char *name, char *buf, size_t *len, int *status);

struct symbols {
	Dwfl *dwfl; /* NULL: no names to be had */
	const struct profile *profile;
	void *places; /* tree of struct place, by pc */
	void *names;  /* tree of strings */
	demangle_fn *demangle;
};

static const char no_path[] = "";

static int order_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->pc > y->pc) - (x->pc < y->pc);
}

static int order_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* One copy of each name. */
static const char *intern(struct symbols *s, const char *name)
{
	char **found = tfind(name, &s->names, order_names);
	char *copy;

	if (found)
		return *found;
	copy = strdup(name);
	if (copy && !tsearch(copy, &s->names, order_names)) {
		free(copy);
		copy = NULL;
	}
	return copy ? copy : "?";
}

static const char *function_name(struct symbols *s, const char *name)
{
	char *plain = NULL;
	const char *ours;
	int status = 1;

	if (s->demangle && !strncmp(name, "_Z", 2))
		plain = s->demangle(name, NULL, NULL, &status);
	ours = intern(s, plain && !status ? plain : name);
	free(plain);
	return ours;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const struct profile_mapping *mapping_of(const struct symbols *s, uint64_t pc)
{
	for (size_t i = 0; i < s->profile->nr_mappings; i++) {
		const struct profile_mapping *m = &s->profile->mappings[i];

		if (pc >= m->start && pc < m->limit)
			return m;
	}
	return NULL;
}

/* Whether what is mapped there now is what was profiled. */
static bool same_build(Dwfl_Module *mod, const struct profile_mapping *m)
{
	const unsigned char *id;
	GElf_Addr at;
	int len = dwfl_module_build_id(mod, &id, &at);
	char hex[3];

	if (!m || !m->build_id[0] || len <= 0)
		return true;
	if (strlen(m->build_id) != (size_t)len * 2)
		return false;
	for (int i = 0; i < len; i++) {
		snprintf(hex, sizeof(hex), "%02x", id[i]);
		if (memcmp(hex, m->build_id + 2 * i, 2) != 0)
			return false;
	}
	return true;
}

static const char *die_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	const char *name = NULL;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attr))
		name = dwarf_formstring(&attr);
	return name ? name : dwarf_diename(die);
}

/* The scopes that enclose @pc, innermost first, from malloc(); their number or 0. */
static int scopes_at(Dwfl_Module *mod, uint64_t pc, Dwarf_Die **scopes)
{
	Dwarf_Addr bias;
	Dwarf_Die *cu = dwfl_module_addrdie(mod, pc, &bias), *inner = NULL, die;
	int n = cu ? dwarf_getscopes(cu, pc - bias, &inner) : 0;

	*scopes = NULL;
	if (n <= 0)
		return 0;
	/* Those by address end in the definition of what was inlined; by the tree, in its caller.
	 */
	die = inner[0];
	free(inner);
	n = dwarf_getscopes_die(&die, scopes);
	return n > 0 ? n : 0;
}

static const char *call_place(Dwarf_Die *die, int *line)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;
	Dwarf_Files *files;
	Dwarf_Die cu;
	const char *file = NULL;

	*line = 0;
	if (dwarf_attr(die, DW_AT_call_line, &attr) && !dwarf_formudata(&attr, &value))
		*line = (int)value;
	if (dwarf_attr(die, DW_AT_call_file, &attr) && !dwarf_formudata(&attr, &value) &&
	    dwarf_diecu(die, &cu, NULL, NULL) && !dwarf_getsrcfiles(&cu, &files, NULL))
		file = dwarf_filesrc(files, value, NULL, NULL);
	return file;
}

/* Frames from DWARF; 0 where there is none for this address. */
static int dwarf_frames(struct symbols *s, Dwfl_Module *mod, uint64_t pc, struct frame *frames)
{
	Dwfl_Line *at = dwfl_module_getsrc(mod, pc);
	Dwarf_Die *scopes;
	int line = 0, n = 0, nr = scopes_at(mod, pc, &scopes);
	const char *file = at ? dwfl_lineinfo(at, NULL, &line, NULL, NULL, NULL) : NULL;

	for (int i = 0; i < nr && n < INLINED_MAX; i++) {
		int tag = dwarf_tag(&scopes[i]);
		const char *name;

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		name = die_name(&scopes[i]);
		frames[n++] = (struct frame){function_name(s, name ? name : "?"), NULL,
					     file ? intern(s, last_name(file)) : NULL, line};
		if (tag == DW_TAG_subprogram)
			break;
		file = call_place(&scopes[i], &line);
	}
	free(scopes);
	return n;
}

static int frames_at(struct symbols *s, uint64_t pc, struct frame *frames)
{
	const struct profile_mapping *m = mapping_of(s, pc);
	Dwfl_Module *mod = s->dwfl ? dwfl_addrmodule(s->dwfl, pc) : NULL;
	const char *module = intern(s, m ? last_name(m->file) : no_path), *symbol;
	char text[300];
	int n = 0;

	if (mod && !same_build(mod, m))
		mod = NULL;
	if (mod)
		n = dwarf_frames(s, mod, pc, frames);
	if (!n) {
		symbol = mod ? dwfl_module_addrname(mod, pc) : NULL;
		if (m && m->file[0])
			snprintf(text, sizeof(text), "%.200s+0x%llx", last_name(m->file),
				 (unsigned long long)(pc - m->start + m->offset));
		else
			snprintf(text, sizeof(text), "0x%llx", (unsigned long long)pc);
		frames[n++] = (struct frame){.function = symbol ? function_name(s, symbol)
								: intern(s, text)};
	}
	for (int i = 0; i < n; i++)
		frames[i].module = module;
	return n;
}

const struct place *symbols_at(struct symbols *s, uint64_t pc)
{
	struct place key = {.pc = pc}, **found = tfind(&key, &s->places, order_places), *p;
	struct frame frames[INLINED_MAX + 1];

	if (found)
		return *found;
	p = malloc(sizeof(*p));
	if (!p)
		return NULL;
	p->pc = pc;
	p->nr_frames = frames_at(s, pc, frames);
	p->frames = malloc((size_t)p->nr_frames * sizeof(*p->frames));
	if (!p->frames || !tsearch(p, &s->places, order_places)) {
		free(p->frames);
		free(p);
		return NULL;
	}
	memcpy(p->frames, frames, (size_t)p->nr_frames * sizeof(*p->frames));
	return p;
}

struct symbols *symbols_open(pid_t pid, const struct profile *p)
{
	static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_linux_proc_find_elf,
						 .find_debuginfo = dwfl_standard_find_debuginfo};
	struct symbols *s = calloc(1, sizeof(*s));
	void *lib;

	if (!s)
		return NULL;
	s->profile = p;
	unsetenv("DEBUGINFOD_URLS");
	lib = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
	if (lib)
		s->demangle = (demangle_fn *)dlsym(lib, "__cxa_demangle");
	s->dwfl = dwfl_begin(&callbacks);
	if (s->dwfl &&
	    (dwfl_linux_proc_report(s->dwfl, pid) || dwfl_report_end(s->dwfl, NULL, NULL))) {
		dwfl_end(s->dwfl);
		s->dwfl = NULL;
	}
	return s;
}

static void free_place(void *node)
{
	struct place *p = node;

	free(p->frames);
	free(p);
}

void symbols_close(struct symbols *s)
{
	if (!s)
		return;
	tdestroy(s->places, free_place);
	tdestroy(s->names, free);
	dwfl_end(s->dwfl);
	free(s);
}
