/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks, and timers in one binary heap per clock.
 *
 * Heaps are guarded by the big lock.  The virtual clock's three words are written under the big lock and read by
 * any thread through a sequence lock: vCPUs ask for the time (TSC, PM timer) much more often than it is stopped.
 */
#include "util/osdep.h"
#include "util/timer.h"

#include "util/mainloop.h"

#include <time.h>

typedef struct TimerSlot {
    int64_t key;  /* when it is due; at least the time of the run in which it was armed */
    uint64_t seq; /* equal keys run in the order of arming */
    Timer *timer;
} TimerSlot;

typedef struct TimerHeap {
    TimerSlot *slots;
    unsigned len, cap;
    bool running;    /* inside timers_run for this clock */
    int64_t run_now; /* the time that run works with */
} TimerHeap;

static TimerHeap timer_heaps[CLOCK_KIND_COUNT];
static uint64_t timer_seq;

/* The virtual clock: value = running ? monotonic + base : base. */
static atomic_uint timer_virtual_seq; /* odd while it is being written */
static atomic_bool timer_virtual_running;
static _Atomic int64_t timer_virtual_base;
static bool timer_virtual_manual; /* big lock */

static int64_t timer_host_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static int64_t timer_virtual_ns(void)
{
    for (;;) {
        unsigned seq = atomic_load_explicit(&timer_virtual_seq, memory_order_acquire);
        bool running = atomic_load_explicit(&timer_virtual_running, memory_order_relaxed);
        int64_t base = atomic_load_explicit(&timer_virtual_base, memory_order_relaxed);
        int64_t now = running ? timer_host_ns(CLOCK_MONOTONIC) + base : base;
        atomic_thread_fence(memory_order_acquire);
        if (!(seq & 1) && seq == atomic_load_explicit(&timer_virtual_seq, memory_order_relaxed)) {
            return now;
        }
    }
}

static void timer_virtual_write(bool running, int64_t base)
{
    unsigned seq = atomic_load_explicit(&timer_virtual_seq, memory_order_relaxed);
    atomic_store_explicit(&timer_virtual_seq, seq + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&timer_virtual_running, running, memory_order_relaxed);
    atomic_store_explicit(&timer_virtual_base, base, memory_order_relaxed);
    atomic_store_explicit(&timer_virtual_seq, seq + 2, memory_order_release);
}

int64_t clock_ns(ClockKind clock)
{
    switch (clock) {
    case CLOCK_KIND_VIRTUAL: return timer_virtual_ns();
    case CLOCK_KIND_HOST: return timer_host_ns(CLOCK_REALTIME);
    default: return timer_host_ns(CLOCK_MONOTONIC);
    }
}

/* The main thread asks for the deadline before it waits; others tell it. */
static void timer_deadline_changed(void)
{
    if (!mainloop_in_main_thread()) {
        mainloop_wake_in(timers_deadline_ns());
    }
}

void clock_virtual_enable(bool running)
{
    assert(bql_held());
    bool was = atomic_load_explicit(&timer_virtual_running, memory_order_relaxed);
    if (timer_virtual_manual || running == was) {
        return;
    }
    int64_t now = timer_virtual_ns();
    timer_virtual_write(running, running ? now - timer_host_ns(CLOCK_MONOTONIC) : now);
    timer_deadline_changed();
}

void clock_virtual_set(int64_t ns)
{
    assert(bql_held());
    bool running = atomic_load_explicit(&timer_virtual_running, memory_order_relaxed);
    timer_virtual_write(running, running ? ns - timer_host_ns(CLOCK_MONOTONIC) : ns);
    timer_deadline_changed();
}

void clock_virtual_manual(void)
{
    assert(bql_held());
    timer_virtual_write(false, timer_virtual_ns());
    timer_virtual_manual = true;
}

/* The heap. */

static bool timer_before(const TimerSlot *a, const TimerSlot *b)
{
    return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void timer_place(TimerHeap *h, unsigned i, TimerSlot s)
{
    h->slots[i] = s;
    s.timer->heap_index = i;
}

static void timer_sift_up(TimerHeap *h, unsigned i, TimerSlot s)
{
    while (i > 0 && timer_before(&s, &h->slots[(i - 1) / 2])) {
        timer_place(h, i, h->slots[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    timer_place(h, i, s);
}

static void timer_sift_down(TimerHeap *h, unsigned i, TimerSlot s)
{
    for (;;) {
        unsigned child = 2 * i + 1;
        if (child >= h->len) {
            break;
        }
        if (child + 1 < h->len && timer_before(&h->slots[child + 1], &h->slots[child])) {
            child++;
        }
        if (!timer_before(&h->slots[child], &s)) {
            break;
        }
        timer_place(h, i, h->slots[child]);
        i = child;
    }
    timer_place(h, i, s);
}

static void timer_heap_remove(TimerHeap *h, unsigned i)
{
    assert(i < h->len);
    TimerSlot last = h->slots[--h->len];
    if (i == h->len) {
        return;
    }
    if (i > 0 && timer_before(&last, &h->slots[(i - 1) / 2])) {
        timer_sift_up(h, i, last);
    } else {
        timer_sift_down(h, i, last);
    }
}

void timer_init(Timer *t, ClockKind clock, void (*fn)(void *opaque), void *opaque)
{
    t->clock = clock;
    t->expires = -1;
    t->fn = fn;
    t->opaque = opaque;
    t->heap_index = 0;
}

void timer_mod(Timer *t, int64_t expires_ns)
{
    assert(bql_held() && t->fn);
    TimerHeap *h = &timer_heaps[t->clock];
    if (t->expires >= 0) {
        timer_heap_remove(h, t->heap_index);
    }
    t->expires = MAX(expires_ns, 0);
    if (h->len == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 16;
        h->slots = g_renew(TimerSlot, h->slots, h->cap);
    }
    /*
     * A callback that arms a timer for now or earlier must not hold up the timers that are due in this run,
     * nor be run again in it: it queues behind them.
     */
    int64_t key = h->running ? MAX(t->expires, h->run_now) : t->expires;
    timer_sift_up(h, h->len++, (TimerSlot){ .key = key, .seq = ++timer_seq, .timer = t });
    if (t->heap_index == 0) {
        timer_deadline_changed();
    }
}

void timer_del(Timer *t)
{
    if (!timer_pending(t)) {
        return;
    }
    assert(bql_held());
    timer_heap_remove(&timer_heaps[t->clock], t->heap_index);
    t->expires = -1;
}

int64_t timers_next_expiry(ClockKind clock)
{
    const TimerHeap *h = &timer_heaps[clock];
    return h->len ? h->slots[0].timer->expires : -1;
}

static bool timer_clock_runs(ClockKind clock)
{
    return clock != CLOCK_KIND_VIRTUAL || timer_virtual_manual ||
           atomic_load_explicit(&timer_virtual_running, memory_order_relaxed);
}

int64_t timers_deadline_ns(void)
{
    int64_t nearest = -1;
    for (ClockKind c = 0; c < CLOCK_KIND_COUNT; c++) {
        const TimerHeap *h = &timer_heaps[c];
        if (!h->len || !timer_clock_runs(c)) {
            continue;
        }
        int64_t left = h->slots[0].key - clock_ns(c);
        if (left <= 0) {
            return 0;
        }
        if (c == CLOCK_KIND_VIRTUAL && timer_virtual_manual) {
            continue; /* time does not come nearer by waiting */
        }
        if (c == CLOCK_KIND_HOST) {
            left = MIN(left, NS_PER_SEC); /* the wall clock may be set while we wait */
        }
        nearest = nearest < 0 ? left : MIN(nearest, left);
    }
    return nearest;
}

static void timers_run_clock(ClockKind c)
{
    TimerHeap *h = &timer_heaps[c];
    if (!h->len || h->running || !timer_clock_runs(c)) {
        return;
    }
    uint64_t newest = timer_seq;
    h->run_now = clock_ns(c);
    h->running = true;
    while (h->len && h->slots[0].key <= h->run_now && h->slots[0].seq <= newest) {
        Timer *t = h->slots[0].timer;
        timer_heap_remove(h, 0);
        t->expires = -1;
        t->fn(t->opaque);
    }
    h->running = false;
}

void timers_run(void)
{
    assert(bql_held());
    for (ClockKind c = 0; c < CLOCK_KIND_COUNT; c++) {
        timers_run_clock(c);
    }
}
