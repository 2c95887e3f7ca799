// SPDX-License-Identifier: MIT
/*
 * stack.c - how a thread shows its stack: the handler's half and the coordinator's.
 *
 * One request is under way at a time, with one buffer, which grows to what the deepest
 * stack took. The handler writes only to pages that the buffer has had since before.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "backoff.h"
#include "gc_inject.h"
#include "heap.h"
#include "mark.h"
#include "os.h"
#include "signal_frame.h"
#include "slow_path.h"
#include "threads.h"

#define COPY_FIRST (256u << 10) /* bytes of a young buffer */
#define ASK_NS 1000000L		/* before the thread is looked at again */
#define FRAME 1024u		/* below a frame, in which its function keeps registers */
#define RED_ZONE 128u		/* bytes below the stack pointer that x86-64 code may use */

static struct gc_copy copy;
static int copy_signal;
u64 threads_copy_max_ns;
u64 threads_copies;

#if defined(__x86_64__)
#define UC_SP(uc) ((uintptr_t)(uc)->uc_mcontext.gregs[REG_RSP])
#elif defined(__aarch64__)
#define UC_SP(uc) ((uintptr_t)(uc)->uc_mcontext.sp)
#else
#error "where does this machine keep its stack pointer?"
#endif

static void futex_wait(u32 *word, u32 value, long ns)
{
	struct timespec ts = {.tv_nsec = ns};

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &ts, NULL, 0);
}

static void answer(struct gc_copy *c, enum gc_answer a)
{
	smp_store_release(&c->answer, a); /* pairs with ask() */
	syscall(SYS_futex, &c->answer, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* memcpy() would look at the red zones on the way. */
static __no_sanitize void copy_words(char *to, uintptr_t from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += sizeof(uintptr_t))
		*(volatile uintptr_t *)(to + i) = *(volatile uintptr_t *)(from + i);
}
#else
static void copy_words(char *to, uintptr_t from, size_t bytes)
{
	memcpy(to, (const void *)from, bytes);
}
#endif

/* Copy registers and what the stack holds from @sp on, as far as there is room. */
static void fill(struct gc_copy *c, const void *regs, size_t nregs, uintptr_t sp, uintptr_t base)
{
	sp &= ~(uintptr_t)7;
	c->len = nregs + (base - sp);
	if (c->len > c->cap)
		return;
	if (nregs)
		memcpy(c->buf, regs, nregs);
	copy_words(c->buf + nregs, sp, base - sp);
}

/*
 * ThreadSanitizer holds signals back, and hands on a copy of the frame from its own memory. The
 * thread has gone on since: its stack is what this one stands on, with registers in its frames.
 */
static void fill_interrupted(struct gc_copy *c, struct gc_thread *t, ucontext_t *uc, uintptr_t sp)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0) - FRAME;

	if ((uintptr_t)uc >= t->low && (uintptr_t)uc < t->base)
		fill(c, NULL, 0, (uintptr_t)uc, t->base);
	else
		fill(c, uc, sizeof(*uc), here >= t->low && here < sp ? here : sp, t->base);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	struct gc_thread *t = gc_self;
	ucontext_t *uc = context;
	int saved_errno = errno;
	struct gc_copy *c;
	uintptr_t sp;
	u64 began;

	(void)sig, (void)info;
	if (!t || !READ_ONCE(t->asked))
		return;
	c = atomic_xchg(&t->asked, NULL);
	if (!c)
		return; /* taken back */
	GC_INJECT(AT_STACK);
	began = os.now_ns();
	sp = UC_SP(uc) - RED_ZONE;
	if (sp < t->low || sp >= t->base) {
		answer(c, COPY_LATER);
	} else {
		/*
		 * The kernel has laid all registers down between the interrupted frame and this
		 * one, those of vectors, too: a compiler moves pairs of references through them.
		 */
		signal_frame_clear(uc);
		fill_interrupted(c, t, uc, sp);
		c->tiny = READ_ONCE(t->tiny);
		c->took_ns = os.now_ns() - began;
		answer(c, COPY_DONE);
	}
	errno = saved_errno;
}

void stack_decline(struct gc_thread *t)
{
	struct gc_copy *c = atomic_xchg(&t->asked, NULL);

	if (c)
		answer(c, COPY_LATER);
}

void threads_unblock_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, copy_signal);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int threads_init(int signal)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

	signal_frame_init();
	copy_signal = signal;
	if (!copy.buf) {
		char *buf = os.map(COPY_FIRST, PROT_READ | PROT_WRITE);

		if (os_is_err(buf))
			return -ENOMEM;
		copy.buf = buf;
		copy.cap = COPY_FIRST;
		memset(copy.buf, 0, copy.cap); /* the handler is not to fault */
	}
	sigfillset(&sa.sa_mask);
	return os.sigaction(signal, &sa, NULL);
}

/* A buffer that holds what the last attempt would have taken. False: no memory; try again. */
static bool grow_copy(void)
{
	size_t cap = ALIGN_UP(copy.len + copy.len / 2, os_page_size);
	char *buf = os.map(cap, PROT_READ | PROT_WRITE), *old;
	size_t old_cap;

	if (os_is_err(buf))
		return false;
	memset(buf, 0, cap); /* the handler is not to fault */
	old = copy.buf;
	old_cap = copy.cap;
	copy.buf = buf;
	copy.cap = cap;
	os_give_back(old, old_cap); /* last: the child of a fork goes on with what it finds */
	return true;
}

/* In a blocking call: copied from here. False where it is not, or leaves just now. */
static bool copy_blocked(struct gc_thread *t)
{
	if (atomic_cmpxchg(&t->state, GC_BLOCKED, GC_COPYING) != GC_BLOCKED)
		return false;
	fill(&copy, t->regs, sizeof(t->regs), t->sp, t->base);
	copy.tiny = t->tiny;
	smp_store_release(&t->state, GC_BLOCKED); /* pairs with lane_gc_leave_blocking() */
	copy.answer = COPY_DONE;
	return true;
}

/*
 * Ask @t for its stack and wait. COPY_ASKED: it has not answered and the request is taken
 * back. threads.lock is held while the signal is sent, and given back.
 */
static enum gc_answer ask(struct gc_thread *t, void (*unlock)(void))
{
	u32 turns = 0;

	copy.answer = COPY_ASKED;
	smp_store_release(&t->asked, &copy);
	/* Refused where the user's queued signals are at their limit; some thread may take one. */
	if (os.signal_thread(t->tid, copy_signal) &&
	    atomic_cmpxchg(&t->asked, &copy, NULL) == &copy) {
		unlock();
		WRITE_ONCE(gc.stalled, true);
		return COPY_LATER;
	}
	unlock();
	WRITE_ONCE(gc.stalled, false);
	while (smp_load_acquire(&copy.answer) == COPY_ASKED) { /* pairs with answer() */
		futex_wait(&copy.answer, COPY_ASKED, ASK_NS);
		if (READ_ONCE(copy.answer) != COPY_ASKED || ++turns < 2)
			continue;
		/* It may have entered a blocking call, with its signals held back. */
		if (READ_ONCE(t->state) == GC_BLOCKED &&
		    atomic_cmpxchg(&t->asked, &copy, NULL) == &copy)
			return COPY_ASKED;
		heap_revise();
	}
	return copy.answer;
}

/* One attempt; true where copy holds the stack. The lock is held, and given back. */
static bool copy_stack(struct gc_thread *t, void (*unlock)(void))
{
	enum gc_answer a;

	if (copy_blocked(t)) {
		unlock();
		a = COPY_DONE;
	} else {
		a = ask(t, unlock);
		if (a == COPY_DONE) {
			threads_copies++;
			threads_copy_max_ns = max(threads_copy_max_ns, copy.took_ns);
		}
	}
	if (a == COPY_DONE && copy.len > copy.cap) {
		grow_copy();
		return false;
	}
	return a == COPY_DONE;
}

static void scan_copy(void)
{
	struct lane_gc_tracer m;

	GC_INJECT(AT_COPIED);
	slow_enter_always();
	mark_begin(&m);
	mark_words(&m, (uintptr_t *)copy.buf, (uintptr_t *)(copy.buf + copy.len));
	if (copy.tiny)
		mark_reference(&m, copy.tiny & ~(uintptr_t)15);
	mark_end(&m);
	slow_exit();
	heap.stacks += copy.len;
}

bool threads_scan(void)
{
	struct gc_thread *t;
	bool any = false;
	u32 turn = 0;

	while ((t = threads_next_unscanned()) != NULL) {
		any = true;
		if (!copy_stack(t, threads_unlock)) {
			/* By now it may be another thread's, which is scanned once more. */
			WRITE_ONCE(t->scanned, 0);
			backoff(&turn);
			continue;
		}
		scan_copy();
	}
	return any;
}
