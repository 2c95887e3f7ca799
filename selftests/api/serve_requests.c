// SPDX-License-Identifier: MIT
/*
 * What a peer may send: wrong, half, slow, too long and random requests, and
 * crowds of silent connections. Each is answered or closed within its time, others are
 * served meanwhile, and the program is unharmed. Settings that are written count
 * as a whole or not at all.
 */
#include "serve.h"

#define IDLE 100

static char buf[1 << 20];

struct request {
	const char *bytes;
	int error;
};

static const struct request requests[] = {
	{"read nothing\n", ENOENT},
	{"read ../conf\n", ENOENT},
	{"read HEAPINFO\n", ENOENT},
	{"read heapinfo \n", ENOENT},
	{"read \n", EINVAL},
	{"read\n", EINVAL},
	{"\n", EINVAL},
	{"hello\n", EINVAL},
	{"READ heapinfo\n", EINVAL},
	{" read heapinfo\n", EINVAL},
	{"write heapinfo 3\nabc", EACCES},
	{"write metrics 0\n", EACCES},
	{"write nothing 3\nabc", ENOENT},
	{"write conf\n", EINVAL},
	{"write conf \n", EINVAL},
	{"write conf -1\n", EINVAL},
	{"write conf 1x\n", EINVAL},
	{"write conf 0x10\n", EINVAL},
	{"write  conf 3\n", EINVAL},
	{"write conf 4097\n", EMSGSIZE},
	{"write conf 99999999999999999999999999\n", EMSGSIZE},
	{"write conf 3\nabc", EINVAL},
	{"write conf 0\n", 0},
	{"read heapinfo\nread classinfo\n", 0},
};

static bool answered(const char *bytes, size_t len, int error)
{
	ssize_t n = serve_ask(getpid(), bytes, len, buf, sizeof(buf));

	if (n > 0 && serve_error(buf) == error)
		return true;
	ksft_print_msg("'%.60s': %zd bytes, '%.100s'", bytes, n, buf);
	return false;
}

static bool too_long(void)
{
	static char line[100000];
	bool good;

	memset(line, 'x', sizeof(line));
	good = answered(line, LANE_SERVE_LINE_MAX, EMSGSIZE);
	good &= answered(line, LANE_SERVE_LINE_MAX + 1, EMSGSIZE);
	good &= answered(line, sizeof(line), EMSGSIZE);
	line[LANE_SERVE_LINE_MAX - 1] = '\n';
	memcpy(line, "read ", 5);
	return good && answered(line, LANE_SERVE_LINE_MAX, ENOENT);
}

static bool zero_bytes(void)
{
	return answered("read heapinfo\0\n", 15, EINVAL) && answered("\0\0\0\n", 4, EINVAL) &&
	       answered("read heap\0info\n", 15, EINVAL);
}

/* The peer says that no more will come. */
static bool cut_short(const char *bytes)
{
	int fd = serve_connect(getpid());
	bool good;

	send(fd, bytes, strlen(bytes), MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	/* At once: after the second it would be EAGAIN. */
	good = serve_take(fd, buf, sizeof(buf), SERVE_PATIENCE) > 0 && serve_error(buf) == EINVAL;
	close(fd);
	return good;
}

/* A byte each tenth of a second, so that something always comes: the time counts as a whole. */
static bool ends_in_time(const char *bytes)
{
	int fd = serve_connect(getpid());
	double begin = ksft_now(), spent;
	ssize_t n;

	for (size_t i = 0; bytes[i] && ksft_now() - begin < 3; i++) {
		if (send(fd, bytes + i, 1, MSG_NOSIGNAL) < 0)
			break;
		usleep(100000);
	}
	n = serve_take(fd, buf, sizeof(buf), SERVE_PATIENCE);
	spent = ksft_now() - begin;
	close(fd);
	if (n >= 0 && serve_error(buf) == EAGAIN && spent > 0.9 && spent < 5)
		return true;
	ksft_print_msg("%zd bytes '%.60s' after %.2f s", n, buf, spent);
	return false;
}

/* In parts, but in time. */
static bool parts_are_joined(void)
{
	static const char *const parts[] = {"wri",	 "te conf 1", "8\n",
					    "release_d", "elay_ms ",  "1"};
	int fd = serve_connect(getpid());
	bool good;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		send(fd, parts[i], strlen(parts[i]), MSG_NOSIGNAL);
		usleep(20000);
	}
	good = serve_take(fd, buf, sizeof(buf), SERVE_PATIENCE) > 0 && strcmp(buf, "ok 0\n") == 0;
	close(fd);
	return good && lane_proc_read("conf", buf, sizeof(buf)) > 0 &&
	       strstr(buf, "\nrelease_delay_ms 1\n");
}

static bool served_beside_idle_ones(void)
{
	int fds[IDLE];
	int quick = 0;
	bool good = true;

	for (int i = 0; i < IDLE; i++) {
		double begin = ksft_now();

		fds[i] = serve_connect(getpid());
		good &= fds[i] >= 0;
		if (i % 10 == 9) {
			good &= serve_read(getpid(), "heapinfo", buf, sizeof(buf)) > 0;
			quick += ksft_now() - begin < 0.5;
		}
	}
	ksft_print_msg("%d of %d reads took less than half a second", quick, IDLE / 10);
	for (int i = 0; i < IDLE; i++) {
		good &= serve_take(fds[i], buf, sizeof(buf), SERVE_PATIENCE) >= 0;
		close(fds[i]);
	}
	return good && quick > IDLE / 10 / 2;
}

/* Peers that go away, before and after they have asked. */
static bool vanishing_peers(void)
{
	for (int i = 0; i < 300; i++) {
		int fd = serve_connect(getpid());

		if (fd < 0)
			return false;
		if (i % 3)
			send(fd, "read metrics\n", i % 3 == 1 ? 13 : 5, MSG_NOSIGNAL);
		close(fd);
	}
	return serve_read(getpid(), "heapinfo", buf, sizeof(buf)) > 0;
}

/* Descriptors of this process. */
static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static size_t random_request(uint64_t *rng, char *out, size_t room)
{
	static const char *const words[] = {"read ",
					    "write ",
					    "conf",
					    "heapinfo",
					    " ",
					    "\n",
					    "12",
					    "4096",
					    "metrics",
					    "-",
					    "\n\n",
					    "18446744073709551616",
					    "read heapinfo\n",
					    "write conf 12\nverbose true"};
	size_t n = 0, want = ksft_random(rng) % 12;

	if (ksft_random(rng) % 8 == 0)
		want *= 40;
	while (want-- && n + 32 < room) {
		if (ksft_random(rng) % 4) {
			const char *w = words[ksft_random(rng) % ARRAY_SIZE(words)];

			memcpy(out + n, w, strlen(w));
			n += strlen(w);
		} else {
			out[n++] = (char)ksft_random(rng);
		}
	}
	return n;
}

/*
 * Any bytes: an answer of the protocol's form, or the end. Requests go out many at
 * a time, as a half one is answered only when its time is up.
 */
static bool any_bytes(double seconds)
{
	uint64_t rng = ksft_seed() | 1;
	double end = ksft_now() + seconds;
	unsigned long sent = 0, ok = 0, bad = 0;

	while (ksft_now() < end && bad < 5) {
		char request[4200];
		int fd[8];

		for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
			size_t len = random_request(&rng, request, sizeof(request));

			fd[i] = serve_connect(getpid());
			bad += fd[i] < 0;
			send(fd[i], request, len, MSG_NOSIGNAL);
			if (ksft_random(&rng) % 512)
				shutdown(fd[i], SHUT_WR);
			sent++;
		}
		for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
			ssize_t n = serve_take(fd[i], buf, sizeof(buf), SERVE_PATIENCE);

			bad += n < 0 || (n > 0 && serve_error(buf) < 0);
			ok += n > 0 && serve_error(buf) == 0;
			close(fd[i]);
		}
	}
	ksft_print_msg("%lu requests, %lu of them good", sent, ok);
	return bad == 0 && sent > 20 && serve_read(getpid(), "heapinfo", buf, sizeof(buf)) > 0;
}

static char before[4096], after[4096];

static bool refused(const char *text)
{
	bool same;

	lane_proc_read("conf", before, sizeof(before));
	same = lane_conf_write(text, strlen(text)) == -EINVAL;
	lane_proc_read("conf", after, sizeof(after));
	if (same && strcmp(before, after) == 0)
		return true;
	ksft_print_msg("written: '%s'", text);
	return false;
}

static bool bad_lines_change_nothing(void)
{
	static const char *const bad[] = {
		"release_delay_ms 77\nnonsense 1\n",
		"release_delay_ms 77\nverbose maybe\n",
		"release_delay_ms 77\nmode lock\n",
		"release_delay_ms 77\nserve true\n",
		"release_delay_ms 77\nstats_file /x\n",
		"release_delay_ms 77\n\n",
		"release_delay_ms 77\nrelease_slack\n",
		"release_delay_ms 77\nrelease_slack \n",
		"release_delay_ms  77\n",
		"release_delay_ms 77 \n",
		"release_delay_ms:77\n",
		" release_delay_ms 77\n",
		"release_delay_ms -1\n",
		"release_delay_ms 99999999999999999999\n",
		"\n",
		"x",
	};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		good &= refused(bad[i]);
	return good && lane_conf_write("release_delay_ms 7\0007\n", 21) == -EINVAL;
}

static bool good_lines_count(void)
{
	static const char all[] = "cpu_cache_max 64k\ncpu_cache_total 3m\nrelease_delay_ms 55\n"
				  "release_slack 1m\nstats_interval_ms 70\nstats_print false\n"
				  "verbose true";

	if (lane_conf_write(all, strlen(all)) != 0 || lane_conf_write("", 0) != 0)
		return false;
	lane_proc_read("conf", after, sizeof(after));
	return strstr(after, "\ncpu_cache_max 65536\n") &&
	       strstr(after, "\ncpu_cache_total 3145728\n") &&
	       strstr(after, "\nrelease_delay_ms 55\n") &&
	       strstr(after, "\nrelease_slack 1048576\n") &&
	       strstr(after, "\nstats_interval_ms 70\n") && strstr(after, "\nverbose true\n");
}

/* Caches that were allowed to grow shrink with the limit, at once. */
static bool lower_limit_shrinks_caches(void)
{
	static void *p[20000];
	struct lane_stats big = {.sz = sizeof(big)}, small = {.sz = sizeof(small)};

	if (lane_conf_write("cpu_cache_max 8m\ncpu_cache_total 64m\n", 36) != 0)
		return false;
	for (int round = 0; round < 60; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(p); i++)
			p[i] = get(64 << round % 6);
		for (size_t i = 0; i < ARRAY_SIZE(p); i++)
			put(p[i]);
	}
	lane_stats_read(&big);
	if (lane_conf_write("cpu_cache_max 16k\n", 18) != 0)
		return false;
	lane_stats_read(&small);
	ksft_print_msg("cached before and after: %llu, %llu", (unsigned long long)big.cpu_cached,
		       (unsigned long long)small.cpu_cached);
	return big.cpu_cached > KIB(64) && small.cpu_cached <= KIB(16) * big.nr_possible_cpus;
}

/* Nothing of all that has harmed the heap. */
static bool unharmed(int fds)
{
	struct lane_stats st = {.sz = sizeof(st)};
	bool good = true;

	for (size_t size = 1; size < MIB(1); size = size * 2 + 1) {
		void *p = get(size);

		pattern_fill(p, size, size);
		good &= pattern_holds(p, size, size);
		put(p);
	}
	usleep(1200000);
	lane_stats_read(&st);
	ksft_print_msg("descriptors: %d before, %d now", fds, count_fds());
	return good && st.mallocs - st.frees == st.live_objects && count_fds() == fds;
}

int main(void)
{
	int fds;

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(requests) + 15);
	serve_prepare();
	if (lane_serve_start() != 0)
		ksft_exit_fail_msg("the service does not start");
	fds = count_fds();
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		ksft_test_result(
			answered(requests[i].bytes, strlen(requests[i].bytes), requests[i].error),
			"request %zu gives %d", i, requests[i].error);
	ksft_test_result(too_long(), "lines of %d bytes and more are too long",
			 LANE_SERVE_LINE_MAX);
	ksft_test_result(zero_bytes(), "zero bytes are malformed");
	ksft_test_result(cut_short("read heapinfo"), "a line without an end is malformed");
	ksft_test_result(cut_short("write conf 10\nverb"), "a write that ends early is malformed");
	ksft_test_result(cut_short(""), "so is nothing");
	ksft_test_result(ends_in_time("read heapinfo"), "a slow request ends after its second");
	ksft_test_result(ends_in_time("write conf 40\nverbose true\nverbose false\n"),
			 "a slow write, too");
	ksft_test_result(parts_are_joined(), "a request in parts is served");
	ksft_test_result(served_beside_idle_ones(), "%d silent connections hold nobody up", IDLE);
	ksft_test_result(vanishing_peers(), "peers that vanish harm nobody");
	ksft_test_result(any_bytes(ksft_quick() ? 2 : 20), "any bytes give an answer or the end");
	ksft_test_result(bad_lines_change_nothing(), "a bad line changes no setting");
	ksft_test_result(good_lines_count(), "good lines change all of theirs");
	ksft_test_result(lower_limit_shrinks_caches(), "a lower cpu_cache_max empties caches");
	ksft_test_result(unharmed(fds), "the program is unharmed, no descriptor is left");
	lane_serve_stop();
	serve_clean();
	ksft_finished();
}
