// SPDX-License-Identifier: MIT
/*
 * opener.c - opens and closes a library that is linked with Lane. "close": a hundred times, with
 * threads and children in between; what it gave stays valid. "namespace": in namespaces of its
 * own, beside the first one's malloc. "late": when static TLS is used up, by libraries that
 * follow on the command line.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMES 100

static void *(*give)(size_t), *(*give_plain)(size_t);
static void (*take)(void *), (*take_plain)(void *);
static long (*live_objects)(void);

static int find(void *h)
{
	give = dlsym(h, "give");
	give_plain = dlsym(h, "give_plain");
	take = dlsym(h, "take");
	take_plain = dlsym(h, "take_plain");
	live_objects = dlsym(h, "live_objects");
	return give && give_plain && take && take_plain && live_objects;
}

static void *work(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		take(give((size_t)(i % 3000 + 1)));
		take_plain(give_plain((size_t)(i % 3000 + 1)));
		free(malloc((size_t)(i % 3000)));
	}
	return arg;
}

static int is_whole(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 7)
			return 0;
	return 1;
}

static int child_works(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(work(NULL) != NULL || live_objects() < 0);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static int close_often(const char *library)
{
	unsigned char *kept[TIMES];
	long before;

	for (int i = 0; i < TIMES; i++) {
		void *h = dlopen(library, i % 2 ? RTLD_NOW | RTLD_GLOBAL : RTLD_LAZY);
		pthread_t t;

		if (!h || !find(h))
			return 2;
		pthread_create(&t, NULL, work, NULL);
		kept[i] = give((size_t)i * 500 + 1);
		if (i % 10 == 0 && !child_works())
			return 3;
		pthread_join(t, NULL);
		if (dlclose(h))
			return 4;
	}
	if (!find(dlopen(library, RTLD_NOW)))
		return 2;
	before = live_objects();
	for (int i = 0; i < TIMES; i++) {
		if (!is_whole(kept[i], (size_t)i * 500 + 1))
			return 5;
		take(kept[i]);
	}
	/* The same Lane all the time: it counted them. */
	return before - live_objects() == TIMES ? 0 : 6;
}

static int in_namespaces(const char *library)
{
	for (int i = 0; i < 4; i++) {
		void *h = dlmopen(LM_ID_NEWLM, library, RTLD_NOW);
		pthread_t t;
		void *p;

		if (!h || !find(h)) {
			fprintf(stderr, "%s\n", dlerror());
			return 2;
		}
		p = give(1000);
		pthread_create(&t, NULL, work, NULL);
		work(NULL);
		pthread_join(t, NULL);
		if (!child_works() || live_objects() < 1 || !is_whole(p, 1000))
			return 3;
		take(p);
	}
	return 0;
}

/* The @others take what there is of static TLS. Lane says so, and all goes on without it. */
static int late(const char *library, char **others)
{
	const char *error;

	for (; *others; others++)
		dlopen(*others, RTLD_NOW);
	dlerror();
	if (dlopen(library, RTLD_NOW))
		return 7;
	error = dlerror();
	free(malloc(1000));
	return error && strstr(error, "static TLS") ? 0 : 8;
}

int main(int argc, char **argv)
{
	int err = 1;

	alarm(60);
	if (argc > 2 && !strcmp(argv[1], "close"))
		err = close_often(argv[2]);
	else if (argc > 2 && !strcmp(argv[1], "namespace"))
		err = in_namespaces(argv[2]);
	else if (argc > 2 && !strcmp(argv[1], "late"))
		err = late(argv[2], argv + 3);
	if (!err)
		puts("good");
	return err;
}
