/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main thread's loop: one ppoll (nanoseconds, which g_main_loop_run has not) over GLib's descriptors, ours
 * and the wake-up eventfd; then GLib sources, descriptors, timers and bottom halves run under the big lock.
 */
#include "util/osdep.h"
#include "util/mainloop.h"

#include "util/log.h"
#include "util/timer.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>

typedef struct FdWatch {
    int fd;
    FdCallback *can_read, *can_write;
    void *opaque;
    bool removed; /* freed by the next sweep; until then the loop may look at it */
    int slot;     /* in loop.polls of this turn; -1: not polled in it */
} FdWatch;

enum { BH_SCHEDULED = 1, BH_LISTED = 2, BH_DEAD = 4, BH_ONCE = 8 };

struct BottomHalf {
    void (*fn)(void *opaque);
    void *opaque;
    atomic_uint state;            /* BH_* bits */
    struct BottomHalf *next;      /* owned by whoever set BH_LISTED, then by the main thread */
};

static struct {
    int kick_fd; /* -1 before mainloop_init */
    int timer_fd;
    atomic_bool kicked;
    _Atomic(BottomHalf *) scheduled; /* pushed by any thread, newest first */
    /* main thread */
    BottomHalf *due, **due_tail;     /* taken off `scheduled`, oldest first */
    GArray *polls;                   /* struct pollfd */
    int depth;
    /* big lock */
    GPtrArray *watches;              /* FdWatch * */
    int64_t waits_until;             /* CLOCK_MONOTONIC; 0: the main thread does not wait, and asks timers before it does */
    bool sweep;
} loop = { .kick_fd = -1, .timer_fd = -1 };

static pthread_mutex_t mainloop_bql = PTHREAD_MUTEX_INITIALIZER; /* not GMutex: race detectors know this one */
static atomic_uint mainloop_bql_waiters; /* threads that found it taken */
static atomic_bool mainloop_bql_main_waits; /* the main thread is one of them */
static atomic_uint mainloop_bql_grants;  /* how often one of them got it */
static void (*mainloop_bql_leaving)(void); /* guarded by it: what its holder still has to do */
static _Thread_local bool mainloop_bql_mine;
static _Thread_local bool mainloop_is_main;

/*
 * A vCPU that polls a device takes the lock again before those whom it woke have come round, so the main thread, which brings
 * what is polled for, might never get it: it goes first.
 */
static void mainloop_let_main_first(void)
{
    enum { TRIES = 100 };
    const struct timespec nap = { .tv_nsec = 10 * NS_PER_US };

    for (int i = 0; i < TRIES && atomic_load(&mainloop_bql_main_waits); i++) {
        nanosleep(&nap, NULL);
    }
}

void bql_lock(void)
{
    assert(!mainloop_bql_mine);
    if (!mainloop_is_main && atomic_load_explicit(&mainloop_bql_main_waits, memory_order_relaxed)) {
        mainloop_let_main_first();
    }
    if (pthread_mutex_trylock(&mainloop_bql)) {
        atomic_fetch_add(&mainloop_bql_waiters, 1);
        if (mainloop_is_main) {
            atomic_store(&mainloop_bql_main_waits, true);
        }
        pthread_mutex_lock(&mainloop_bql);
        if (mainloop_is_main) {
            atomic_store(&mainloop_bql_main_waits, false);
        }
        atomic_fetch_sub(&mainloop_bql_waiters, 1);
        atomic_fetch_add(&mainloop_bql_grants, 1);
    }
    mainloop_bql_mine = true;
}

/*
 * With the lock free: lets one thread that waits for it have it.  A mutex goes to whoever comes first, and a loop
 * that never waits comes first each time, since those whom it wakes are still on their way.
 */
static void mainloop_give_way(void)
{
    enum { TRIES = 20 };
    const struct timespec nap = { .tv_nsec = 10 * NS_PER_US };
    unsigned grants = atomic_load(&mainloop_bql_grants);
    for (int i = 0; i < TRIES && atomic_load(&mainloop_bql_waiters); i++) {
        if (atomic_load(&mainloop_bql_grants) != grants) {
            break;
        }
        nanosleep(&nap, NULL);
    }
}

bool bql_before_unlock(void (*fn)(void))
{
    assert(mainloop_bql_mine);
    bool free = !mainloop_bql_leaving || mainloop_bql_leaving == fn;
    if (free) {
        mainloop_bql_leaving = fn;
    }
    return free;
}

void bql_unlock(void)
{
    assert(mainloop_bql_mine);
    if (mainloop_bql_leaving) {
        void (*fn)(void) = mainloop_bql_leaving;
        mainloop_bql_leaving = NULL;
        fn();
    }
    mainloop_bql_mine = false;
    pthread_mutex_unlock(&mainloop_bql);
}

bool bql_held(void)
{
    return mainloop_bql_mine;
}

void mainloop_init(void)
{
    mainloop_is_main = true;
    if (loop.kick_fd >= 0) {
        return;
    }
    loop.polls = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
    loop.due_tail = &loop.due;
    prctl(PR_SET_TIMERSLACK, 1UL); /* ns; the default of 50 us is longer than what guests program */
    loop.kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop.kick_fd < 0 || loop.timer_fd < 0) {
        g_error("eventfd, timerfd: %s", g_strerror(errno)); /* no descriptors left at start-up: nothing can work */
    }
}

bool mainloop_in_main_thread(void)
{
    return mainloop_is_main;
}

void mainloop_kick(void)
{
    if (!atomic_exchange(&loop.kicked, true) && loop.kick_fd >= 0) {
        int saved = errno;
        uint64_t one = 1;
        ssize_t n = write(loop.kick_fd, &one, sizeof(one)); /* EAGAIN: it is readable anyway */
        (void)n;
        errno = saved;
    }
}

void mainloop_wake_in(int64_t ns)
{
    assert(mainloop_bql_mine);
    int64_t at = ns < 0 ? INT64_MAX : clock_ns(CLOCK_KIND_REALTIME) + ns;
    if (at >= loop.waits_until) {
        return;
    }
    loop.waits_until = at;
    if (ns == 0) {
        mainloop_kick();
        return;
    }
    struct itimerspec spec = { .it_value = { .tv_sec = at / NS_PER_SEC, .tv_nsec = at % NS_PER_SEC } };
    timerfd_settime(loop.timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void mainloop_clear_timer(bool readable)
{
    uint64_t count;
    ssize_t n = readable ? read(loop.timer_fd, &count, sizeof(count)) : 0;
    (void)n;
}

/*
 * Called after every wait, before anything is looked at.  The descriptor is drained before the flag is taken
 * back: the other way round, a kick between the two would lose its wake-up and leave the flag set.
 */
static void mainloop_clear_kick(bool readable)
{
    if (readable) {
        uint64_t count;
        ssize_t n = read(loop.kick_fd, &count, sizeof(count));
        (void)n;
    }
    atomic_exchange(&loop.kicked, false); /* an exchange, so that what the kicker did before is seen */
}

/* Descriptors. */

static FdWatch *fd_watch_find(int fd)
{
    for (unsigned i = 0; i < loop.watches->len; i++) {
        FdWatch *w = loop.watches->pdata[i];
        if (w->fd == fd && !w->removed) {
            return w;
        }
    }
    return NULL;
}

static void fd_watch_remove(FdWatch *w)
{
    w->removed = true;
    w->can_read = NULL;
    w->can_write = NULL;
    loop.sweep = true;
}

void fd_watch(int fd, FdCallback *can_read, FdCallback *can_write, void *opaque)
{
    assert(bql_held() && fd >= 0);
    if (!loop.watches) {
        loop.watches = g_ptr_array_new();
    }
    FdWatch *w = fd_watch_find(fd);
    if (!can_read && !can_write) {
        if (w) {
            fd_watch_remove(w);
        }
    } else {
        if (!w) {
            w = g_new0(FdWatch, 1);
            w->fd = fd;
            w->slot = -1;
            g_ptr_array_add(loop.watches, w);
        }
        w->can_read = can_read;
        w->can_write = can_write;
        w->opaque = opaque;
    }
    if (!mainloop_is_main) {
        mainloop_kick(); /* the loop is waiting for the old set */
    }
}

static void fd_watches_prepare(void)
{
    for (unsigned i = 0; loop.watches && i < loop.watches->len; i++) {
        FdWatch *w = loop.watches->pdata[i];
        w->slot = -1;
        if (!w->removed) {
            struct pollfd p = { .fd = w->fd };
            p.events = (short)((w->can_read ? POLLIN : 0) | (w->can_write ? POLLOUT : 0));
            w->slot = (int)loop.polls->len;
            g_array_append_val(loop.polls, p);
        }
    }
}

static void fd_watch_dispatch(FdWatch *w, int revents)
{
    if (revents & POLLNVAL) {
        log_printf(LOG_GUEST_ERROR, "main loop: descriptor %d was closed while it was watched\n", w->fd);
        fd_watch_remove(w);
        return;
    }
    /* An error or a hang-up is found out by whoever reads or writes. */
    if (w->can_read && (revents & (POLLIN | POLLHUP | POLLERR))) {
        w->can_read(w->opaque);
    }
    if (w->can_write && (revents & (POLLOUT | POLLHUP | POLLERR))) {
        w->can_write(w->opaque);
    }
}

static void fd_watches_dispatch(void)
{
    /* Callbacks may add watches (at the end, not polled in this turn) and remove any (marked only). */
    for (unsigned i = 0; loop.watches && i < loop.watches->len; i++) {
        FdWatch *w = loop.watches->pdata[i];
        if (w->slot >= 0 && !w->removed) {
            int revents = g_array_index(loop.polls, struct pollfd, w->slot).revents;
            w->slot = -1; /* a nested turn polls anew */
            if (revents) {
                fd_watch_dispatch(w, revents);
            }
        }
    }
    if (!loop.sweep || loop.depth > 1) {
        return;
    }
    loop.sweep = false;
    for (unsigned i = loop.watches->len; i > 0; i--) {
        FdWatch *w = loop.watches->pdata[i - 1];
        if (w->removed) {
            g_ptr_array_remove_index(loop.watches, i - 1);
            g_free(w);
        }
    }
}

/* Bottom halves. */

static void bh_push(BottomHalf *bh, unsigned bits_set)
{
    unsigned old = atomic_fetch_or(&bh->state, bits_set | BH_LISTED);
    if (!(old & BH_LISTED)) {
        BottomHalf *head = atomic_load_explicit(&loop.scheduled, memory_order_relaxed);
        do {
            bh->next = head;
        } while (!atomic_compare_exchange_weak(&loop.scheduled, &head, bh));
    }
    if (!mainloop_is_main || !mainloop_bql_mine) {
        mainloop_kick(); /* else the loop looks at the list before it waits */
    }
}

BottomHalf *bh_new(void (*fn)(void *opaque), void *opaque)
{
    BottomHalf *bh = g_new0(BottomHalf, 1);
    bh->fn = fn;
    bh->opaque = opaque;
    return bh;
}

void bh_schedule(BottomHalf *bh)
{
    bh_push(bh, BH_SCHEDULED);
}

void bh_cancel(BottomHalf *bh)
{
    assert(bql_held());
    atomic_fetch_and(&bh->state, ~(unsigned)BH_SCHEDULED);
}

void bh_free(BottomHalf *bh)
{
    if (bh) {
        assert(bql_held());
        bh_push(bh, BH_DEAD); /* the loop frees it: it may be in a list */
    }
}

void bh_run_once(void (*fn)(void *opaque), void *opaque)
{
    bh_push(bh_new(fn, opaque), BH_SCHEDULED | BH_ONCE);
}

/* Moves what was scheduled to the end of the due list, oldest first. */
static void bh_collect(void)
{
    BottomHalf *newest = atomic_exchange(&loop.scheduled, NULL);
    BottomHalf *oldest = NULL, *last = newest;
    while (newest) {
        BottomHalf *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    if (oldest) {
        *loop.due_tail = oldest;
        loop.due_tail = &last->next;
    }
}

static void bh_run_due(void)
{
    /* What is scheduled from here on waits for the next turn; a nested turn may empty the list for us. */
    bh_collect();
    while (loop.due) {
        BottomHalf *bh = loop.due;
        loop.due = bh->next;
        if (!loop.due) {
            loop.due_tail = &loop.due;
        }
        unsigned state = atomic_fetch_and(&bh->state, ~(unsigned)(BH_SCHEDULED | BH_LISTED));
        if (state & BH_DEAD) {
            g_free(bh);
        } else if (state & BH_SCHEDULED) {
            void (*fn)(void *) = bh->fn;
            void *opaque = bh->opaque;
            if (state & BH_ONCE) {
                g_free(bh);
            }
            fn(opaque);
        }
    }
}

/* One turn. */

static int mainloop_glib_query(GMainContext *ctx, int priority, int *timeout_ms)
{
    /* GPollFD and struct pollfd are the same on every Linux, by GLib's own static assertion. */
    int n = 0, room = 8;
    do {
        room = MAX(room, n);
        g_array_set_size(loop.polls, (unsigned)room);
        n = g_main_context_query(ctx, priority, timeout_ms, (GPollFD *)loop.polls->data, room);
    } while (n > room);
    g_array_set_size(loop.polls, (unsigned)n);
    return n;
}

static void mainloop_wait(int64_t timeout_ns)
{
    struct timespec ts = { .tv_sec = timeout_ns / NS_PER_SEC, .tv_nsec = timeout_ns % NS_PER_SEC };
    struct pollfd *polls = (struct pollfd *)loop.polls->data;
    loop.waits_until = timeout_ns < 0 ? INT64_MAX : clock_ns(CLOCK_KIND_REALTIME) + timeout_ns;
    bql_unlock();
    int n = ppoll(polls, loop.polls->len, timeout_ns < 0 ? NULL : &ts, NULL);
    if (n < 0) {
        for (unsigned i = 0; i < loop.polls->len; i++) {
            polls[i].revents = 0; /* interrupted by a signal: nothing is known */
        }
    }
    mainloop_give_way();
    bql_lock();
    loop.waits_until = 0;
}

static int64_t mainloop_timeout_ns(bool nonblocking, int glib_ms)
{
    if (nonblocking || atomic_load(&loop.scheduled) || loop.due) {
        return 0;
    }
    int64_t ns = timers_deadline_ns();
    if (glib_ms >= 0) {
        int64_t glib_ns = glib_ms * NS_PER_MS;
        ns = ns < 0 ? glib_ns : MIN(ns, glib_ns);
    }
    return ns;
}

void mainloop_iterate(bool nonblocking)
{
    assert(bql_held() && mainloop_is_main && loop.kick_fd >= 0);
    GMainContext *ctx = g_main_context_default();
    gboolean acquired = g_main_context_acquire(ctx);
    assert(acquired);
    loop.depth++;

    int priority, glib_ms;
    g_main_context_prepare(ctx, &priority);
    int nglib = mainloop_glib_query(ctx, priority, &glib_ms);
    struct pollfd kick = { .fd = loop.kick_fd, .events = POLLIN };
    struct pollfd timer = { .fd = loop.timer_fd, .events = POLLIN };
    g_array_append_val(loop.polls, kick);
    g_array_append_val(loop.polls, timer);
    fd_watches_prepare();

    mainloop_wait(mainloop_timeout_ns(nonblocking, glib_ms));
    mainloop_clear_kick(g_array_index(loop.polls, struct pollfd, nglib).revents != 0);
    mainloop_clear_timer(g_array_index(loop.polls, struct pollfd, nglib + 1).revents != 0);

    /* From here on callbacks may nest a turn, which refills loop.polls; descriptors are ours only until then. */
    bool ready = g_main_context_check(ctx, priority, (GPollFD *)loop.polls->data, nglib);
    timers_run();
    fd_watches_dispatch();
    if (ready) {
        g_main_context_dispatch(ctx);
    }
    bh_run_due();

    loop.depth--;
    g_main_context_release(ctx);
}
