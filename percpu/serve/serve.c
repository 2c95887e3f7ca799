// SPDX-License-Identifier: MIT
#include "serve.h"

#include <errno.h>
#include <lane/lane.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backoff.h"
#include "barrier.h"
#include "bug.h"
#include "conf.h"
#include "init.h"
#include "os.h"
#include "os_net.h"
#include "serve_conn.h"
#include "serve_socket.h"
#include "slow_path.h"
#include "space.h"
#include "spinlock.h"
#include "thread.h"

#define NR_CONNS 16u
#define PATIENCE_MS 100u   /* after it a connection without a request makes way for another */
#define STARVED_MS 100u	   /* between two tries while the process has no descriptors left */
#define LOOK_FIRST_MS 100u /* between two looks whether the socket is still there: daemons */
#define LOOK_MS 10000u	   /* close it early, so this doubles, up to that */
#define EXIT_MS 100u	   /* that an exit in a handler waits for the service's step */
#define RETRY_MS 1000u	   /* at most, to the next try where none could be opened */
#define CHILD_MS 100u	   /* age at which a child of fork serves: most are gone before */
#define WAKE SIGURG	   /* blocked, and for the one thread: no handler sees it */
#define DEAF_MS 100u	   /* between two looks while one of the program's is pending, or so */

static struct spinlock control = SPINLOCK_INIT(RANK_CONTROL);

/* Of this process; a child begins with what fork found. */
static struct {
	struct spinlock lock; /* RANK_SERVE */
	bool running;	      /* there is a thread; control */
	bool wanted;	      /* by a child, of its parent; control */
	pthread_t thread;     /* control */
	pid_t pid;	      /* whose it is; control */
	u32 stop;	      /* futex; written under control and lock, or at exit; read without */
	u32 begun;	      /* futex: 1 when the thread has made its first look; atomic */
	int first_look;	      /* what it gave: 0 or -errno; written before @begun */
	int tid;	      /* of the thread; lock */
	int wake_fd;	      /* in the thread's own table, readable when WAKE comes; or -1; lock */
	struct serve_socket socket;  /* lock */
	struct conn conns[NR_CONNS]; /* lock */
	u64 next_look;		     /* ms; lock */
	u32 look_ms;		     /* from one look to the next; lock */
	u64 accept_after;	     /* ms; lock */
	u64 wake_after;		     /* ms; wake_fd is not waited for before; lock */
	bool deaf;		     /* a table of its own, and no wake_fd; lock */
} serve = {.lock = SPINLOCK_INIT(RANK_SERVE), .wake_fd = -1, .socket.listener.fd = -1};

/* Open the socket where it is not there or not ours any more. */
static int look(u64 now)
{
	int err;

	serve.next_look = now + serve.look_ms;
	serve.look_ms = min(serve.look_ms * 2, LOOK_MS);
	if (serve_socket_intact(&serve.socket))
		return 0;
	serve_socket_unlink(&serve.socket);
	own_fd_close(&serve.socket.listener);
	err = serve_socket_open(&serve.socket);
	if (err)
		serve.next_look = now + min(serve.look_ms, RETRY_MS);
	return err;
}

/* A place for one more connection: a free one, or that of who has long kept silent. */
static struct conn *find_place(u64 now)
{
	struct conn *oldest = NULL;

	for (u32 i = 0; i < NR_CONNS; i++) {
		struct conn *c = &serve.conns[i];

		if (c->state == CONN_FREE)
			return c;
		if (c->state == CONN_REQUEST && (!oldest || c->deadline < oldest->deadline))
			oldest = c;
	}
	if (oldest && now + LANE_SERVE_TIMEOUT_MS < oldest->deadline + PATIENCE_MS)
		return NULL;
	return oldest;
}

/* The user's own processes, and root's. */
static bool may_read(int fd)
{
	u32 uid;

	return !os_net.peer(fd, &uid) && (uid == geteuid() || uid == 0);
}

/* Take who waits, one at a time: false when there is nobody, or no place. */
static bool accept_one(u64 now)
{
	struct conn *place = find_place(now);
	int fd;

	if (!place)
		return false;
	if (!own_fd_valid(&serve.socket.listener)) {
		look(now);
		return false;
	}
	fd = os_net.accept(serve.socket.listener.fd);
	if (fd < 0) {
		if (fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED)
			serve.accept_after = now + STARVED_MS;
		return false;
	}
	if (!may_read(fd)) {
		os.close(fd);
		return true;
	}
	if (place->state != CONN_FREE)
		conn_expire(place);
	conn_open(place, fd, now);
	return true;
}

/* What poll() shall wait for: only what there is, as it takes no more than RLIMIT_NOFILE. */
struct waiting {
	struct pollfd fds[NR_CONNS + 2];
	struct conn *conn[NR_CONNS + 2]; /* whose each is; NULL: wake_fd, first, or the listener */
	u32 n;
};

static void wait_for(struct waiting *w, struct conn *c, int fd, short events)
{
	w->fds[w->n] = (struct pollfd){.fd = fd, .events = events};
	w->conn[w->n++] = c;
}

/* Fill @w, and say how long it may take, in ms. Lock held. */
static int prepare_poll(struct waiting *w, u64 now)
{
	u64 until = serve.next_look;
	bool place = false;

	w->n = 0;
	if (serve.deaf)
		until = min(until, now + DEAF_MS);
	else if (now < serve.wake_after)
		until = min(until, serve.wake_after);
	else if (serve.wake_fd >= 0)
		wait_for(w, NULL, serve.wake_fd, POLLIN);
	for (u32 i = 0; i < NR_CONNS; i++) {
		struct conn *c = &serve.conns[i];

		if (c->state == CONN_FREE) {
			place = true;
			continue;
		}
		wait_for(w, c, c->sock.fd, c->state == CONN_ANSWER ? POLLOUT : POLLIN);
		until = min(until, c->deadline);
	}
	if (!place)
		until = min(until, now + PATIENCE_MS);
	if (now < serve.accept_after)
		until = min(until, serve.accept_after);
	else if (serve.socket.listener.fd >= 0 && (place || find_place(now)))
		wait_for(w, NULL, serve.socket.listener.fd, POLLIN);
	/* The clock is coarse: one tick more, so that poll() does not end just before. */
	return until > now ? (int)(until - now) + 4 : 0;
}

static void run_conn(struct conn *c, bool ready)
{
	u64 now = os.now_ms();

	spin_lock(&serve.lock);
	if (c->state != CONN_FREE && !READ_ONCE(serve.stop)) {
		if (now >= c->deadline)
			conn_expire(c);
		else if (ready)
			conn_run(c, now);
	}
	spin_unlock(&serve.lock);
}

static void run_listener(void)
{
	bool more = true;

	for (u32 i = 0; i < NR_CONNS && more; i++) {
		spin_lock(&serve.lock);
		more = !READ_ONCE(serve.stop) && accept_one(os.now_ms());
		spin_unlock(&serve.lock);
	}
}

/*
 * The stop; or a signal of the program's, which is sent to the process and blocked by all threads.
 * It is not ours to take, and as long as it is pending poll() would return at once.
 */
static void run_wake(void)
{
	spin_lock(&serve.lock);
	if (!READ_ONCE(serve.stop))
		serve.wake_after = os.now_ms() + DEAF_MS;
	spin_unlock(&serve.lock);
}

/* Not shorter where a signal comes in between, as of setuid(): then the user is about to change. */
static void wait_for_stop(int ms)
{
	u64 until = os.now_ms() + (u64)ms, now;

	while (!READ_ONCE(serve.stop) && (now = os.now_ms()) < until) {
		u64 left = until - now;
		struct timespec ts = {.tv_sec = (time_t)(left / 1000),
				      .tv_nsec = (long)(left % 1000) * 1000000L};

		syscall(SYS_futex, &serve.stop, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0);
	}
}

/* Close all there is: by the thread whose descriptors they are, or for the child of a fork. */
static void close_all(void)
{
	for (u32 i = 0; i < NR_CONNS; i++) {
		if (serve.conns[i].state != CONN_FREE)
			conn_close(&serve.conns[i]);
	}
	own_fd_close(&serve.socket.listener);
	serve.wake_fd = -1; /* goes with its table */
}

/* Open what the thread needs. 0, or -errno of the socket. */
static int begin(void)
{
	bool own = thread_own_files(false);
	int err = 0;

	spin_lock(&serve.lock);
	serve.tid = gettid();
	/* Where the table is shared the program might close it; then the listener is woken. */
	serve.wake_fd = own ? os_net.signal(WAKE) : -1;
	serve.deaf = own && serve.wake_fd < 0;
	if (!READ_ONCE(serve.stop))
		err = look(os.now_ms());
	spin_unlock(&serve.lock);
	return err;
}

static void tell_starter(int err)
{
	serve.first_look = err;
	smp_store_release(&serve.begun, 1); /* pairs with wait_until_begun() */
	syscall(SYS_futex, &serve.begun, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int wait_until_begun(void)
{
	while (!smp_load_acquire(&serve.begun))
		syscall(SYS_futex, &serve.begun, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return serve.first_look;
}

/* False: stop. */
static bool run_once(bool first)
{
	u64 now = os.now_ms();
	struct waiting w;
	int timeout;
	bool stop;

	spin_lock(&serve.lock);
	stop = READ_ONCE(serve.stop);
	if (!stop && now >= serve.next_look)
		look(now);
	if (!stop && first)
		serve_socket_sweep(&serve.socket);
	timeout = prepare_poll(&w, now);
	spin_unlock(&serve.lock);
	if (stop)
		return false;
	if (!w.n)
		wait_for_stop(timeout);
	/* Connections' time runs out all the same: it may be able to take fewer. */
	else if (os_net.wait(w.fds, w.n, timeout) < 0)
		wait_for_stop(STARVED_MS);
	for (u32 i = 0; i < w.n; i++) {
		if (w.conn[i])
			run_conn(w.conn[i], w.fds[i].revents);
		else if (w.fds[i].revents && w.fds[i].fd == serve.wake_fd)
			run_wake();
		else if (w.fds[i].revents)
			run_listener();
	}
	return true;
}

static void *service(void *late)
{
	int err;

	thread_set_name("lane-serve");
	if (late)
		wait_for_stop(CHILD_MS);
	err = begin();
	if (!late)
		tell_starter(err);
	if (err && !late)
		return NULL;
	for (bool first = true; run_once(first); first = false)
		;
	spin_lock(&serve.lock);
	close_all();
	spin_unlock(&serve.lock);
	return NULL;
}

/* Control held, no service. A @late one opens its socket when it likes, and tries until it can. */
static int start(bool late)
{
	int err;

	WRITE_ONCE(serve.stop, 0);
	WRITE_ONCE(serve.begun, 0);
	serve.pid = getpid();
	serve.accept_after = 0;
	serve.wake_after = 0;
	serve.next_look = 0;
	serve.look_ms = LOOK_FIRST_MS;
	err = thread_start(&serve.thread, service, late ? &serve : NULL);
	if (!err && !late) {
		err = wait_until_begun();
		if (err)
			pthread_join(serve.thread, NULL);
	}
	serve.running = !err;
	return err;
}

struct control_state {
	sigset_t mask;
	int cancel;
};

/*
 * Signals are blocked around control, so that no handler finds it held by its own thread; and
 * cancellation is put off: files and pthread_join() are points of it.
 */
static void control_prepare(struct control_state *old)
{
	sigset_t all;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old->cancel);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old->mask);
}

static void control_restore(const struct control_state *old)
{
	pthread_sigmask(SIG_SETMASK, &old->mask, NULL);
	pthread_setcancelstate(old->cancel, NULL);
}

static void control_lock(struct control_state *old)
{
	control_prepare(old);
	spin_lock(&control);
}

static void control_unlock(const struct control_state *old)
{
	spin_unlock(&control);
	control_restore(old);
}

LANE_API int lane_serve_start(void)
{
	struct control_state old;
	int err;

	if (!lane_started() && lane_start_outside())
		return -EAGAIN;
	control_lock(&old);
	spin_lock(&serve.lock); /* a service that runs looks at it */
	serve_socket_runtime_dir(secure_getenv("XDG_RUNTIME_DIR"));
	spin_unlock(&serve.lock);
	err = serve.running ? 0 : start(false);
	control_unlock(&old);
	return err;
}

/* Lock held. */
static void wake_thread(void)
{
	bool deaf = serve.wake_fd < 0 || os.now_ms() < serve.wake_after;

	if (deaf || os.signal_thread(serve.tid, WAKE))
		serve_socket_wake(&serve.socket);
}

LANE_API int lane_serve_stop(void)
{
	struct control_state old;

	control_lock(&old);

	if (serve.running && serve.pid == getpid()) {
		spin_lock(&serve.lock);
		WRITE_ONCE(serve.stop, 1);
		wake_thread();
		serve_socket_unlink(&serve.socket);
		spin_unlock(&serve.lock);
		syscall(SYS_futex, &serve.stop, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		pthread_join(serve.thread, NULL);
		serve.running = false;
	}
	control_unlock(&old);
	return 0;
}

void serve_init(const char *runtime_dir)
{
	struct control_state old;
	int err;

	if (!conf.serve)
		return;
	control_lock(&old);
	serve_socket_runtime_dir(runtime_dir);
	err = start(false);
	control_unlock(&old);
	if (err)
		pr_err("serve: no folder for the socket, or no thread (error %d)", -err);
}

/* In a handler the service may wait for what it interrupted: then the socket is left behind. */
static bool lock_at_exit(void)
{
	u64 until = os.now_ms() + EXIT_MS;
	u32 turn = 0;

	if (!slow_interrupted()) {
		spin_lock(&serve.lock);
		return true;
	}
	while (!spin_trylock_any_order(&serve.lock)) {
		if (os.now_ms() >= until)
			return false;
		backoff(&turn);
	}
	return true;
}

void serve_exit(void)
{
	sigset_t all, old;

	/* A child of vfork() has the parent's memory, and nothing of its own. */
	if (serve.pid != getpid())
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	WRITE_ONCE(serve.stop, 1);
	if (lock_at_exit()) {
		serve_socket_unlink(&serve.socket);
		spin_unlock(&serve.lock);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void serve_fork_locks(struct spinlock *locks[2])
{
	locks[0] = &control;
	locks[1] = &serve.lock;
}

void serve_fork_child(void)
{
	serve.wanted = serve.running && !READ_ONCE(serve.stop);
	serve.running = false;
	serve.socket.path[0] = '\0'; /* the parent's */
	close_all();
}

void serve_after_fork(void)
{
	struct control_state old;

	control_prepare(&old);
	/* There is nobody else who could hold it; this thread may be a forker, inside a slow path.
	 */
	if (spin_trylock_any_order(&control)) {
		if (serve.wanted && !serve.running)
			start(true);
		serve.wanted = false;
		spin_unlock(&control);
	}
	control_restore(&old);
}
