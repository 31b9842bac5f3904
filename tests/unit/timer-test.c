/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks and timers.  The virtual clock is set by hand here, so that nothing waits. */
#include "util/osdep.h"
#include "util/mainloop.h"
#include "util/timer.h"

#include "tests/unit/test.h"

static GString *fired;

typedef struct Probe {
    Timer t;
    char name;
    int64_t rearm; /* -1: not */
    int left;
} Probe;

static void probe_fire(void *opaque)
{
    Probe *p = opaque;
    CHECK(!timer_pending(&p->t));
    g_string_append_c(fired, p->name);
    if (p->rearm >= 0 && p->left-- > 0) {
        timer_mod(&p->t, p->rearm);
    }
}

static void probe_init(Probe *p, char name)
{
    p->name = name;
    p->rearm = -1;
    p->left = 0;
    timer_init(&p->t, CLOCK_KIND_VIRTUAL, probe_fire, p);
}

static void begin(int64_t now)
{
    if (!fired) {
        fired = g_string_new(NULL);
        bql_lock();
    }
    g_string_truncate(fired, 0);
    clock_virtual_manual();
    clock_virtual_set(now);
}

TEST(virtual_clock_stops_and_goes_on)
{
    bql_lock();
    int64_t a = clock_ns(CLOCK_KIND_VIRTUAL);
    g_usleep(2000);
    CHECK_EQ(clock_ns(CLOCK_KIND_VIRTUAL), a); /* not started yet */
    clock_virtual_enable(true);
    g_usleep(2000);
    int64_t b = clock_ns(CLOCK_KIND_VIRTUAL);
    CHECK(b >= a + 2 * NS_PER_MS && b < a + NS_PER_SEC);
    clock_virtual_set(NS_PER_SEC * 100);
    CHECK(clock_ns(CLOCK_KIND_VIRTUAL) >= NS_PER_SEC * 100);
    CHECK(clock_ns(CLOCK_KIND_VIRTUAL) < NS_PER_SEC * 110);
    clock_virtual_enable(false);
    int64_t c = clock_ns(CLOCK_KIND_VIRTUAL);
    g_usleep(1000);
    CHECK_EQ(clock_ns(CLOCK_KIND_VIRTUAL), c);
    bql_unlock();
}

TEST(other_clocks)
{
    CHECK(clock_ns(CLOCK_KIND_HOST) > 1600000000LL * NS_PER_SEC);
    int64_t a = clock_ns(CLOCK_KIND_REALTIME);
    CHECK(clock_ns(CLOCK_KIND_REALTIME) >= a);
}

TEST(in_order_of_time_then_of_arming)
{
    Probe p[5];
    begin(0);
    for (int i = 0; i < 5; i++) {
        probe_init(&p[i], (char)('a' + i));
    }
    timer_mod(&p[0].t, 30);
    timer_mod(&p[1].t, 10);
    timer_mod(&p[2].t, 20);
    timer_mod(&p[3].t, 10);
    timer_mod(&p[4].t, 40);
    CHECK_EQ(timers_next_expiry(CLOCK_KIND_VIRTUAL), 10);
    CHECK_EQ(timers_deadline_ns(), -1); /* waiting does not bring manual time nearer */
    timers_run();
    CHECK_STR(fired->str, "");
    clock_virtual_set(30);
    CHECK_EQ(timers_deadline_ns(), 0);
    timers_run();
    CHECK_STR(fired->str, "bdca");
    timer_del(&p[4].t);
    timer_del(&p[4].t);
    CHECK_EQ(timers_next_expiry(CLOCK_KIND_VIRTUAL), -1);
    clock_virtual_set(50);
    timers_run();
    CHECK_STR(fired->str, "bdca");
}

TEST(modified_while_pending)
{
    Probe a, b;
    begin(0);
    probe_init(&a, 'a');
    probe_init(&b, 'b');
    timer_mod(&a.t, 10);
    timer_mod(&b.t, 20);
    timer_mod(&a.t, 30);
    CHECK_EQ(a.t.expires, 30);
    clock_virtual_set(25);
    timers_run();
    CHECK_STR(fired->str, "b");
    clock_virtual_set(35);
    timers_run();
    CHECK_STR(fired->str, "ba");
}

TEST(a_timer_rearmed_in_the_past_holds_up_nobody)
{
    Probe a, b;
    begin(100);
    probe_init(&a, 'a');
    probe_init(&b, 'b');
    a.rearm = 0;
    a.left = 2;
    timer_mod(&a.t, 0);
    timer_mod(&b.t, 100);
    timers_run();
    CHECK_STR(fired->str, "ab"); /* once a run */
    CHECK_EQ(a.t.expires, 0);
    CHECK_EQ(timers_deadline_ns(), 0);
    timers_run();
    timers_run();
    timers_run();
    CHECK_STR(fired->str, "abaa");
}

static void delete_other(void *opaque)
{
    timer_del(opaque);
    g_string_append_c(fired, 'd');
}

TEST(a_callback_may_delete_another_due_timer)
{
    Probe a;
    Timer t;
    begin(0);
    probe_init(&a, 'a');
    timer_init(&t, CLOCK_KIND_VIRTUAL, delete_other, &a.t);
    timer_mod(&t, 1);
    timer_mod(&a.t, 2);
    clock_virtual_set(5);
    timers_run();
    CHECK_STR(fired->str, "d");
}

TEST(zeroed_timer_may_be_deleted)
{
    Timer t = { 0 };
    begin(0);
    CHECK(!timer_pending(&t));
    timer_del(&t);
}

TEST(random_against_sorting)
{
    enum { N = 300 };
    static Probe p[N];
    uint32_t seed = 7;
    begin(0);
    for (int i = 0; i < N; i++) {
        probe_init(&p[i], 'x');
    }
    for (int round = 0; round < 20000; round++) {
        seed = seed * 1664525 + 1013904223;
        Probe *q = &p[(seed >> 8) % N];
        if (seed >> 31) {
            timer_mod(&q->t, (seed >> 12) % 1000);
        } else {
            timer_del(&q->t);
        }
        if (round % 64) {
            continue;
        }
        int64_t least = -1;
        for (int i = 0; i < N; i++) {
            if (timer_pending(&p[i].t) && (least < 0 || p[i].t.expires < least)) {
                least = p[i].t.expires;
            }
        }
        CHECK_EQ(timers_next_expiry(CLOCK_KIND_VIRTUAL), least);
    }
    size_t pending = 0;
    for (int i = 0; i < N; i++) {
        pending += timer_pending(&p[i].t);
    }
    g_string_truncate(fired, 0);
    clock_virtual_set(1000);
    timers_run();
    CHECK_EQ(fired->len, pending);
    CHECK_EQ(timers_next_expiry(CLOCK_KIND_VIRTUAL), -1);
}

TEST(realtime_deadline)
{
    Probe a;
    begin(0);
    probe_init(&a, 'a');
    a.t.clock = CLOCK_KIND_REALTIME;
    timer_mod(&a.t, clock_ns(CLOCK_KIND_REALTIME) + NS_PER_SEC);
    int64_t left = timers_deadline_ns();
    CHECK(left > 0 && left <= NS_PER_SEC);
    timer_del(&a.t);
    CHECK_EQ(timers_deadline_ns(), -1);
}

static void *read_clock(void *stop)
{
    int64_t last = 0;
    while (!atomic_load((atomic_bool *)stop)) {
        int64_t now = clock_ns(CLOCK_KIND_HOST);
        now = clock_ns(CLOCK_KIND_VIRTUAL);
        if (now < last) {
            return (void *)1;
        }
        last = now;
    }
    return NULL;
}

TEST(any_thread_reads_a_whole_value)
{
    atomic_bool stop = false;
    begin(0);
    GThread *t = g_thread_new("reader", read_clock, &stop);
    for (int64_t i = 1; i < 200000; i++) {
        clock_virtual_set(i << 32 | i);
    }
    atomic_store(&stop, true);
    CHECK(!g_thread_join(t));
}
