// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * fork() while cycles run: the child has the heap as it was, goes on allocating, collects,
 * and forks again; the parent notices nothing. exec and exit at any moment of a cycle.
 */
#include "nodes.h"

static _Atomic bool stop;
static _Atomic uint64_t broken;
static struct node *kept; /* a root */
static uint64_t finalized;

static __attribute__((noinline)) struct node *tree(unsigned int depth, uint64_t id)
{
	struct node *node = node_make((enum node_kind)(id % NODE_KINDS), id, depth ? 2 : 0);

	for (unsigned int i = 0; depth && i < 2; i++)
		node_set(node, i, tree(depth - 1, id * 2 + i));
	return node;
}

static bool whole(const struct node *node, unsigned int depth, uint64_t id)
{
	return node && node->id == id && node_whole(node) &&
	       (!depth || (whole(node_get(node, 0), depth - 1, id * 2) &&
			   whole(node_get(node, 1), depth - 1, id * 2 + 1)));
}

static void count(void *obj, void *arg)
{
	(void)obj, (void)arg;
	__atomic_fetch_add(&finalized, 1, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	struct lane_gc_handle *h = lane_gc_handle_create(NULL);
	struct lane_gc_weak *w = NULL;

	(void)arg;
	while (!atomic_load(&stop)) {
		struct node *node = tree(6, 1);

		lane_gc_handle_set(h, node);
		lane_gc_weak_destroy(w);
		w = lane_gc_weak_create(node);
		lane_gc_set_finalizer(node, count, NULL);
		lane_gc_free(lane_gc_alloc_conservative(100));
		gc_garbage(30000);
		if (!whole(lane_gc_handle_get(h), 6, 1))
			atomic_fetch_add(&broken, 1);
	}
	return NULL;
}

/* Returns 0 where all is right. */
static int child(int generation)
{
	uint64_t before = gc_stats().cycles;
	pthread_t t;
	int status;
	pid_t pid;

	if (!whole(kept, 8, 1) || !node_whole(kept))
		return 10;
	for (int i = 0; i < 300; i++)
		if (!whole(tree(5, 1), 5, 1))
			return 11;
	if (lane_gc_verify() || lane_gc_collect())
		return 12;
	if (gc_stats().cycles < before + 2 || gc_stats().threads > 2)
		return 13;
	if (!whole(kept, 8, 1))
		return 14;
	/* Threads of the child's own. */
	atomic_store(&stop, false);
	if (lane_gc_pthread_create(&t, NULL, work, NULL))
		return 15;
	usleep(2000);
	if (generation > 0) {
		pid = fork();
		if (pid == 0)
			_exit(child(generation - 1));
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
			return 16;
		if (WEXITSTATUS(status))
			return WEXITSTATUS(status);
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	lane_gc_collect();
	return atomic_load(&broken) || !whole(kept, 8, 1) ? 17 : 0;
}

/* As in_child(), but for any status. */
static int wait_for(pid_t pid, double seconds)
{
	int status = 0;

	for (double end = ksft_now() + ksft_patience(seconds);
	     waitpid(pid, &status, WNOHANG) == 0;) {
		if (ksft_now() > end) {
			char name[64];
			snprintf(name, sizeof(name), "%d", pid);
			if (getenv("GC_TEST_STAY"))
				pause();
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		usleep(500);
	}
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void children(int n)
{
	int good = 0;

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		int got;

		if (pid == 0)
			_exit(child(i % 3));
		got = wait_for(pid, 30);
		good += got == 0;
		if (got) {
			ksft_print_msg("child %d: %d", i, got);
			break;
		}
	}
	ksft_test_result(good == n, "%d children, and children of theirs, collect", good);
}

static void execs(int n)
{
	int good = 0;

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(1);
		}
		good += wait_for(pid, 20) == 0;
	}
	ksft_test_result(good == n, "exec");
}

static void exits(int n)
{
	int good = 0;

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			pthread_t t;

			lane_gc_pthread_create(&t, NULL, work, NULL);
			usleep((useconds_t)(i * 37 % 3000));
			exit(7);
		}
		good += wait_for(pid, 20) == 7;
	}
	ksft_test_result(good == n, "exit at any moment: %d of %d", good, n);
}

int main(int argc, char **argv)
{
	pthread_t t[2];

	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(5);
	gc_begin_small();
	node_make_types();
	lane_gc_add_roots(&kept, sizeof(kept));
	lane_gc_write(&kept, tree(8, 1));
	for (int i = 0; i < 2; i++)
		gc_thread(&t[i], work, NULL);
	children(ksft_rounds(ksft_quick() ? 60 : 300));
	execs(ksft_rounds(ksft_quick() ? 20 : 100));
	exits(ksft_rounds(ksft_quick() ? 20 : 100));
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ksft_test_result(!atomic_load(&broken) && whole(kept, 8, 1), "the parent's heap is whole");
	ksft_test_result(lane_gc_verify() == 0, "the verifier finds no fault");
	ksft_finished();
}
