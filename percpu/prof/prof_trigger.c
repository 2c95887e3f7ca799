// SPDX-License-Identifier: MIT
#include "prof_trigger.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"
#include "bug.h"
#include "conf.h"
#include "os.h"
#include "prof.h"
#include "prof_dump.h"
#include "spinlock.h"
#include "thread.h"

#define PEAK_MS 1000u
#define PEAK_STEP_MIN (1ULL << 20) /* bytes */

enum { WANT_SIGNAL = 1, WANT_PEAK = 2 };

static struct {
	struct spinlock lock; /* RANK_DUMP */
	u32 wanted;	      /* futex; atomic */
	bool threaded;	      /* there is a thread; written at start and after fork */
	pid_t pid;	      /* whose this is; likewise */
	/* The thread's own. */
	u64 peak;	/* bytes in use in the last profile of a peak */
	u64 peak_after; /* ms; no other before */
} trigger = {.lock = SPINLOCK_INIT(RANK_DUMP)};

static void want(u32 what)
{
	int saved_errno = errno;

	atomic_or(&trigger.wanted, what); /* full barrier: the futex looks at it afterwards */
	syscall(SYS_futex, &trigger.wanted, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	errno = saved_errno;
}

static void on_signal(int sig)
{
	(void)sig;
	want(WANT_SIGNAL);
}

static void on_peak(void)
{
	want(WANT_PEAK);
}

/* A library is loaded before: a constructor that calls exit() has the loader's lock. */
static void dump(const char *why)
{
	prof_dump_prepare();
	spin_lock(&trigger.lock);
	prof_dump_conf(why);
	spin_unlock(&trigger.lock);
}

/* The next one shall be higher by as much as matters. */
static void set_step(u64 bytes)
{
	WRITE_ONCE(prof_peak_step, max(bytes / 20, (u64)PEAK_STEP_MIN));
}

static void dump_peak(u64 now)
{
	struct prof_totals t;

	prof_totals(&t);
	if (t.inuse_bytes <= trigger.peak)
		return;
	trigger.peak = t.inuse_bytes;
	trigger.peak_after = now + PEAK_MS;
	set_step(t.inuse_bytes);
	dump("at a peak");
}

/* Until @until (ms), or for ever (0), or another wish comes. */
static void wait(u32 seen, u64 until, u64 now)
{
	u64 ms = until > now ? until - now : 1;
	struct timespec ts = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};

	syscall(SYS_futex, &trigger.wanted, FUTEX_WAIT_PRIVATE, seen, until ? &ts : NULL, NULL, 0);
}

static void *serve_wishes(void *arg)
{
	bool peak = false;

	(void)arg;
	thread_set_name("lane-prof");
	thread_own_files(true);
	for (;;) {
		u32 wanted = atomic_xchg(&trigger.wanted, 0); /* pairs with want() */
		u64 now = os.now_ms();

		peak |= wanted & WANT_PEAK;
		if (wanted & WANT_SIGNAL)
			dump("on a signal");
		if (peak && now >= trigger.peak_after) {
			dump_peak(now);
			peak = false;
		}
		wait(0, peak ? trigger.peak_after : 0, now);
	}
	return NULL;
}

/* Those that tell of an error, and cannot be put off, are not for this. */
static bool signal_allowed(u64 sig)
{
	static const u8 not [] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,
				  SIGILL,  SIGTRAP, SIGABRT, SIGSYS, SIGXFSZ};

	return sig >= 1 && sig <= 64 && !memchr(not, (int)sig, sizeof(not ));
}

static void take_signal(u64 sig)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};

	sigfillset(&act.sa_mask);
	if (!signal_allowed(sig) || os.sigaction((int)sig, &act, NULL))
		pr_err("prof_signal: %lu is no signal for this, ignored", (unsigned long)sig);
}

static void start_thread(void)
{
	pthread_t thread;

	trigger.threaded = !thread_start(&thread, serve_wishes, NULL);
	if (trigger.threaded)
		pthread_detach(thread);
	else
		pr_err("no thread for heap profiles could be started");
}

void prof_trigger_start(void)
{
	trigger.pid = getpid();
	if (!conf.prof_signal && !conf.prof_peak && !conf.prof_final)
		return;
	if (!conf.prof_dump[0]) {
		pr_err("prof_signal, prof_peak and prof_final want a path in prof_dump, ignored");
		conf.prof_signal = 0;
		conf.prof_peak = false;
		conf.prof_final = false;
		return;
	}
	/* The thread first: without it a signal would be for nothing, and no longer kill. */
	if (conf.prof_signal || conf.prof_peak)
		start_thread();
	if (trigger.threaded && conf.prof_signal)
		take_signal(conf.prof_signal);
	if (trigger.threaded && conf.prof_peak) {
		set_step(0);
		WRITE_ONCE(prof_peak_hook, on_peak);
	}
}

void prof_trigger_after_fork(void)
{
	trigger.pid = getpid();
	spin_lock_init(&trigger.lock, RANK_DUMP);
	WRITE_ONCE(trigger.wanted, 0);
	trigger.peak = 0;
	trigger.peak_after = 0;
	if (trigger.threaded)
		start_thread();
}

void prof_trigger_exit(void)
{
	/* A child of vfork() has the parent's memory, and no say in it. */
	if (trigger.pid != getpid())
		return;
	if (trigger.threaded)
		spin_lock(&trigger.lock);
	if (conf.prof_final)
		prof_dump_conf("at exit");
}
