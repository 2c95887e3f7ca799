// SPDX-License-Identifier: MIT
/*
 * A program whose memory is known, for selftests/tools/heap_profile.py: it holds
 * 64 MiB of nodes, 32 MiB of blocks, and frees 256 MiB of replies. With an
 * argument it goes on and leaks nodes, 16 MiB a second.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NODE 1024
#define BLOCK (1 << 20)
#define REPLY 4096
#define KEEP __asm__ volatile("" ::: "memory") /* no tail call, nothing merged */

struct node {
	struct node *next;
	char text[NODE - 8];
};

static struct node *list;
static char *blocks[32];

__attribute__((noinline)) static void add_node(void)
{
	struct node *n = malloc(sizeof(*n));

	n->next = list;
	list = n;
	KEEP;
}

static inline __attribute__((always_inline)) void add_nodes(int n)
{
	for (int i = 0; i < n; i++)
		add_node();
	KEEP;
}

__attribute__((noinline)) static void handle_request(int nodes)
{
	add_nodes(nodes);
	KEEP;
}

__attribute__((noinline)) static void read_block(int i)
{
	blocks[i] = malloc(BLOCK);
	memset(blocks[i], 1, 64);
	KEEP;
}

__attribute__((noinline)) static void make_reply(void)
{
	char *p = malloc(REPLY);

	memset(p, 1, 64);
	KEEP;
	free(p);
	KEEP;
}

__attribute__((noinline)) static void main_loop(void)
{
	handle_request(64 << 10);
	for (int i = 0; i < 32; i++)
		read_block(i);
	for (int i = 0; i < 64 << 10; i++)
		make_reply();
	KEEP;
}

__attribute__((noinline)) static void leak(void)
{
	handle_request(1600);
	KEEP;
}

int main(int argc, char **argv)
{
	(void)argv;
	/* No stdio: now and then its buffers would be sampled. */
	main_loop();
	if (write(1, "ready\n", 6) != 6)
		return 1;
	while (argc > 1) {
		usleep(100000);
		leak();
	}
	return read(0, &(char){0}, 1) < 0;
}
