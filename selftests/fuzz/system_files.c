// SPDX-License-Identifier: MIT
/*
 * system_files.c - libFuzzer target: what the system says, in any words: the list of CPUs, the
 * address space in use, the kernel's release, and the names in the folder of sockets. Each is held
 * against what a reader that is as simple as can be makes of it.
 */
#include <sys/stat.h>
#include <sys/un.h>

#include "fake_file.h"
#include "lanes.h"
#include "os_net.h"
#include "rseq_restart.h"
#include "serve_socket.h"
#include "topology.h"

#define FOLDER "/run/user/7/lane"
#define FOLDER_FD 100001
#define SOCKET_FD 100002

static struct {
	u8 text[4096]; /* as getdents64(2) gives it */
	size_t len, at;
	bool open, socket;
	int connect; /* what a connection gives */
	u32 removed;
	char asked[300]; /* the name that a connection was tried by last */
} folder;

static u64 limit; /* of the address space */
static u32 mask_bits;

static u32 fake_cpu_mask_bits(void)
{
	return mask_bits;
}

static u64 fake_limit(void)
{
	return limit;
}

static int fake_membarrier(int cmd)
{
	(void)cmd;
	return 0;
}

/* Those of an odd number are dead. */
static int fake_look_for(int pid)
{
	must(pid > 0, "a number of no process");
	return pid & 1 ? -ESRCH : 0;
}

static int fake_lstat(const char *path, struct stat *st)
{
	must(!strncmp(path, FOLDER "/", sizeof(FOLDER)), "a name outside the folder");
	memset(st, 0, sizeof(*st));
	return 0;
}

static int fake_open_folder(const char *path)
{
	must(!strcmp(path, FOLDER) && !folder.open, "another folder");
	folder.open = true;
	return FOLDER_FD;
}

/* Whole entries, as many as there is room for. */
static long fake_read_folder(int fd, void *buf, size_t len)
{
	size_t n = 0;
	u16 entry;

	must(fd == FOLDER_FD && folder.open, "a read of no folder");
	while (folder.at + n < folder.len) {
		memcpy(&entry, folder.text + folder.at + n + 16, sizeof(entry));
		if (n + entry > len)
			break;
		n += entry;
	}
	memcpy(buf, folder.text + folder.at, n);
	folder.at += n;
	return (long)n;
}

static int fake_socket(void)
{
	must(!folder.socket, "a second socket");
	folder.socket = true;
	return SOCKET_FD;
}

static int fake_connect(int fd, const struct sockaddr_un *addr)
{
	must(fd == SOCKET_FD && folder.socket, "no socket");
	snprintf(folder.asked, sizeof(folder.asked), "%s", addr->sun_path);
	return folder.connect;
}

static int fake_unlink(const char *path)
{
	must(!strcmp(path, folder.asked), "a name is removed that nobody was looked for by");
	must(folder.connect == -ECONNREFUSED || folder.connect == -ENOENT,
	     "the name of a service is removed");
	folder.removed++;
	return 0;
}

static int fake_close_any(int fd)
{
	bool *open = fd == FOLDER_FD ? &folder.open : &folder.socket;

	if (fd == FAKE_FD)
		return fake_close(fd);
	must(*open, "closed twice");
	*open = false;
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fake_install();
	os.close = fake_close_any;
	os.cpu_mask_bits = fake_cpu_mask_bits;
	os.address_space_limit = fake_limit;
	os.membarrier = fake_membarrier;
	os.look_for = fake_look_for;
	os.lstat = fake_lstat;
	os.open_folder = fake_open_folder;
	os.read_folder = fake_read_folder;
	os.unlink = fake_unlink;
	os_net.socket = fake_socket;
	os_net.connect = fake_connect;
	return 0;
}

/* The number at *@s, digits only; false where there is none or it is above @most. */
static bool plain_number(const char **s, u64 most, u64 *v)
{
	size_t n = strspn(*s, "0123456789");

	*v = 0;
	for (size_t i = 0; i < n && *v <= most; i++)
		*v = *v * 10 + (u64)((*s)[i] - '0');
	*s += n;
	return n && *v <= most;
}

/* The largest of a list of CPUs; -1 where it is none. */
static s64 largest_of(const char *s)
{
	u64 first, last, largest = 0;

	for (;;) {
		if (!plain_number(&s, UINT16_MAX, &first))
			return -1;
		last = first;
		if (*s == '-' && (s++, !plain_number(&s, UINT16_MAX, &last)))
			return -1;
		if (last < first)
			return -1;
		largest = max(largest, last);
		if (*s != ',')
			return *s && *s != '\n' ? -1 : (s64)largest;
		s++;
	}
}

static void cpus(struct input *in)
{
	const struct topology before = topology;
	char text[8192];
	s64 largest;

	mask_bits = (u32)number(in) + 1;
	fake_file("/sys/devices/system/cpu/possible", text, 0, in);
	fake.len = min(in->left, sizeof(text) - 1);
	if (fake.broken != SIZE_MAX)
		fake.broken = fake.len / 2;
	memcpy(text, in->at, fake.len);
	text[fake.len] = '\0';
	largest = fake.len < 4095 && fake.broken >= fake.len ? largest_of(text) : -1;
	topology_probe();
	must(topology.cpus == min(largest < 0 ? mask_bits : (u32)largest + 1, (u32)MAX_LANES),
	     "another number of CPUs");
	topology = before;
}

static void address_space(struct input *in)
{
	u64 pages, left;
	const char *s;
	char text[64];

	limit = number(in);
	fake_file("/proc/self/statm", text, 0, in);
	fake.len = min(in->left, sizeof(text) - 1);
	fake.broken = SIZE_MAX;
	memcpy(text, in->at, fake.len);
	text[fake.len] = '\0';
	s = text;
	left = os.address_space_left();
	must(left <= limit, "more is left than there is");
	if (plain_number(&s, 1ULL << 51, &pages))
		must(limit == ~0ULL || left == limit - min(limit, pages * os_page_size),
		     "what is left");
}

static void release(struct input *in)
{
	size_t n = in->left;
	char *text = malloc(n + 1);
	const char *s = text;
	u64 major, minor;

	memcpy(text, in->at, n);
	text[n] = '\0';
	if (plain_number(&s, 999, &major) && *s == '.') {
		s++;
		if (plain_number(&s, 999, &minor))
			must(rseq_restart_suspect(text) ==
				     ((major == 6 && minor >= 19) || (major == 7 && minor == 0)),
			     "another kernel");
	}
	rseq_restart_suspect(text);
	free(text);
}

/* Whether it is that of a dead process' socket, and fits into an address. */
static bool dead_socket(const char *name)
{
	const char *s = name;
	u64 pid;

	return plain_number(&s, 999999999, &pid) && !strcmp(s, ".sock") && pid & 1 &&
	       strlen(FOLDER "/") + strlen(name) < sizeof(((struct sockaddr_un *)0)->sun_path);
}

static void add_name(const char *name)
{
	u16 len = (u16)ALIGN_UP(19 + strlen(name) + 1, 8);

	if (folder.len + len > sizeof(folder.text))
		return;
	memset(folder.text + folder.len, 0, len);
	memcpy(folder.text + folder.len + 16, &len, sizeof(len));
	strcpy((char *)folder.text + folder.len + 19, name);
	folder.len += len;
}

static void make_name(struct input *in, char *name)
{
	u8 how = byte(in);
	size_t n = how >> 2;
	const u8 *from;

	if (how & 1) {
		sprintf(name, "%lu%s", number(in), how & 2 ? ".sock" : "");
		return;
	}
	from = bytes(in, &n);
	memcpy(name, from, n);
	strcpy(name + n, how & 2 ? ".sock" : "");
	for (char *s = name; *s; s++)
		*s = *s == '/' ? '_' : *s;
}

static void sockets(struct input *in)
{
	static const int connects[] = {-ECONNREFUSED, -ENOENT, 0, -EAGAIN, -EACCES};
	struct serve_socket s = {.listener.fd = -1, .path = FOLDER "/8.sock"};
	u32 dead = 0;
	char name[256];

	memset(&folder, 0, sizeof(folder));
	folder.connect = connects[byte(in) % ARRAY_SIZE(connects)];
	while (in->left && folder.len < sizeof(folder.text) - 300) {
		make_name(in, name);
		add_name(name);
		dead += dead_socket(name);
	}
	serve_socket_sweep(&s);
	must(!folder.open && !folder.socket && folder.at == folder.len, "it is left half read");
	must(folder.removed ==
		     (folder.connect == -ECONNREFUSED || folder.connect == -ENOENT ? dead : 0),
	     "a dead process' name stays, or another goes");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {data, size};

	switch (byte(&in) % 4) {
	case 0:
		cpus(&in);
		break;
	case 1:
		address_space(&in);
		break;
	case 2:
		release(&in);
		break;
	default:
		sockets(&in);
		break;
	}
	must(!fake.open, "a file is left open");
	return 0;
}
