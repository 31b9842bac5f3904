/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main loop: descriptors, bottom halves, kicks, timers, GLib sources, the big lock. */
#include "util/osdep.h"
#include "util/mainloop.h"
#include "util/timer.h"

#include "tests/unit/test.h"

static void begin(void)
{
    static bool done;
    if (!done) {
        mainloop_init();
        bql_lock();
        done = true;
    }
    while (g_main_context_pending(NULL)) {
        mainloop_iterate(true);
    }
}

static void count(void *opaque)
{
    CHECK(bql_held());
    ++*(int *)opaque;
}

TEST(lock_is_owned_by_a_thread)
{
    begin();
    CHECK(bql_held());
    bql_unlock();
    CHECK(!bql_held());
    bql_lock();
    CHECK(mainloop_in_main_thread());
}

TEST(bottom_half_runs_once_however_often_scheduled)
{
    begin();
    int n = 0;
    BottomHalf *bh = bh_new(count, &n);
    mainloop_iterate(true);
    CHECK_EQ(n, 0);
    bh_schedule(bh);
    bh_schedule(bh);
    mainloop_iterate(false);
    CHECK_EQ(n, 1);
    mainloop_iterate(true);
    CHECK_EQ(n, 1);
    bh_schedule(bh);
    bh_cancel(bh);
    mainloop_iterate(true);
    CHECK_EQ(n, 1);
    bh_cancel(bh);
    bh_schedule(bh);
    mainloop_iterate(true);
    CHECK_EQ(n, 2);
    bh_schedule(bh);
    bh_free(bh);
    mainloop_iterate(true);
    CHECK_EQ(n, 2);
}

typedef struct Again {
    BottomHalf *bh;
    int n;
} Again;

static void again(void *opaque)
{
    Again *a = opaque;
    if (++a->n < 3) {
        bh_schedule(a->bh);
    } else {
        bh_free(a->bh);
    }
}

TEST(bottom_half_reschedules_and_frees_itself)
{
    begin();
    Again a = { NULL, 0 };
    a.bh = bh_new(again, &a);
    bh_schedule(a.bh);
    mainloop_iterate(false);
    CHECK_EQ(a.n, 1); /* the next one waits for the next turn */
    mainloop_iterate(false);
    mainloop_iterate(false);
    mainloop_iterate(true);
    CHECK_EQ(a.n, 3);
}

static GString *order;

static void note(void *opaque)
{
    g_string_append(order, opaque);
}

TEST(bottom_halves_keep_their_order)
{
    begin();
    order = g_string_new(NULL);
    bh_run_once(note, (void *)"a");
    bh_run_once(note, (void *)"b");
    bh_run_once(note, (void *)"c");
    mainloop_iterate(false);
    CHECK_STR(order->str, "abc");
    g_string_free(order, TRUE);
}

static void nested(void *opaque)
{
    (void)opaque;
    g_string_append(order, "<");
    mainloop_iterate(true);
    g_string_append(order, ">");
}

TEST(a_nested_turn_runs_what_the_outer_one_took)
{
    begin();
    order = g_string_new(NULL);
    bh_run_once(nested, NULL);
    bh_run_once(note, (void *)"b");
    mainloop_iterate(false);
    CHECK_STR(order->str, "<b>");
    g_string_free(order, TRUE);
}

/* Descriptors. */

typedef struct Pipe {
    int fd[2];
    int reads, writes;
    struct Pipe *other;
} Pipe;

static void pipe_read(void *opaque)
{
    Pipe *p = opaque;
    char c;
    CHECK_EQ(read(p->fd[0], &c, 1), 1);
    p->reads++;
    if (p->other) {
        fd_watch(p->other->fd[0], NULL, NULL, NULL);
    }
}

static void pipe_write(void *opaque)
{
    Pipe *p = opaque;
    p->writes++;
    fd_watch(p->fd[1], NULL, NULL, NULL); /* its own */
}

static void pipe_eof(void *opaque)
{
    Pipe *p = opaque;
    char c;
    CHECK_EQ(read(p->fd[0], &c, 1), 0);
    p->reads++;
    fd_watch(p->fd[0], NULL, NULL, NULL);
}

TEST(descriptors_are_watched)
{
    begin();
    Pipe p = { .reads = 0 };
    CHECK_EQ(pipe(p.fd), 0);
    fd_watch(p.fd[0], pipe_read, NULL, &p);
    fd_watch(p.fd[1], NULL, pipe_write, &p);
    mainloop_iterate(false);
    CHECK(p.writes == 1 && p.reads == 0);
    CHECK_EQ(write(p.fd[1], "xy", 2), 2);
    mainloop_iterate(false);
    CHECK_EQ(p.reads, 1);
    mainloop_iterate(false);
    CHECK_EQ(p.reads, 2);
    CHECK_EQ(p.writes, 1);
    fd_watch(p.fd[0], pipe_eof, NULL, &p);
    close(p.fd[1]);
    mainloop_iterate(false); /* a hang-up is for the reader */
    CHECK_EQ(p.reads, 3);
    close(p.fd[0]);
}

TEST(a_callback_may_remove_another_ready_watch)
{
    begin();
    Pipe a = { .reads = 0 }, b = { .reads = 0 };
    CHECK_EQ(pipe(a.fd) | pipe(b.fd), 0);
    a.other = &b;
    b.other = &a;
    fd_watch(a.fd[0], pipe_read, NULL, &a);
    fd_watch(b.fd[0], pipe_read, NULL, &b);
    CHECK_EQ(write(a.fd[1], "x", 1) + write(b.fd[1], "x", 1), 2);
    mainloop_iterate(false);
    mainloop_iterate(true);
    CHECK_EQ(a.reads + b.reads, 1);
    fd_watch(a.fd[0], NULL, NULL, NULL);
    fd_watch(b.fd[0], NULL, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        close(a.fd[i]);
        close(b.fd[i]);
    }
}

TEST(a_closed_descriptor_does_not_spin)
{
    begin();
    Pipe p = { .reads = 0 };
    CHECK_EQ(pipe(p.fd), 0);
    fd_watch(p.fd[0], pipe_read, NULL, &p);
    close(p.fd[0]);
    close(p.fd[1]);
    mainloop_iterate(true);
    Timer t;
    int n = 0;
    timer_init(&t, CLOCK_KIND_REALTIME, count, &n);
    timer_mod(&t, clock_ns(CLOCK_KIND_REALTIME) + 20 * NS_PER_MS);
    int turns = 0;
    while (!n) {
        mainloop_iterate(false);
        turns++;
    }
    CHECK(turns < 5);
}

/* Time, threads, GLib. */

TEST(waits_as_long_as_the_nearest_timer)
{
    begin();
    Timer t;
    int n = 0;
    timer_init(&t, CLOCK_KIND_REALTIME, count, &n);
    int64_t start = clock_ns(CLOCK_KIND_REALTIME);
    timer_mod(&t, start + 3 * NS_PER_MS);
    while (!n) {
        mainloop_iterate(false);
    }
    int64_t took = clock_ns(CLOCK_KIND_REALTIME) - start;
    CHECK(took >= 3 * NS_PER_MS && took < NS_PER_SEC);
}

static gboolean glib_source(void *opaque)
{
    count(opaque);
    return G_SOURCE_REMOVE;
}

TEST(glib_sources_run)
{
    begin();
    int n = 0;
    g_idle_add(glib_source, &n);
    mainloop_iterate(false);
    CHECK_EQ(n, 1);
    g_timeout_add(2, glib_source, &n);
    while (n < 2) {
        mainloop_iterate(false);
    }
    mainloop_iterate(true);
    CHECK_EQ(n, 2);
}

static Timer thread_timer;
static int thread_timer_fired;

static void *arm_from_thread(void *unused)
{
    (void)unused;
    g_usleep(5000); /* let the loop wait first */
    bql_lock();
    timer_mod(&thread_timer, clock_ns(CLOCK_KIND_REALTIME) + NS_PER_MS);
    bql_unlock();
    return NULL;
}

TEST(a_timer_armed_by_another_thread_wakes_the_loop)
{
    begin();
    timer_init(&thread_timer, CLOCK_KIND_REALTIME, count, &thread_timer_fired);
    GThread *t = g_thread_new("arm", arm_from_thread, NULL);
    int64_t start = clock_ns(CLOCK_KIND_REALTIME);
    unsigned turns = 0;
    while (!thread_timer_fired) {
        mainloop_iterate(false); /* would wait for ever */
        turns++;
    }
    CHECK_EQ(turns, 1); /* woken for the timer, not for its being armed */
    CHECK(clock_ns(CLOCK_KIND_REALTIME) - start < 2 * NS_PER_SEC);
    g_thread_join(t);
}

enum { THREADS = 4, PER_THREAD = 5000 };
static BottomHalf *shared_bh;
static int shared_runs, once_runs;

static void *schedule_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < PER_THREAD; i++) {
        bh_schedule(shared_bh);
        bh_run_once(count, &once_runs);
        if (i % 100 == 0) {
            bql_lock();
            CHECK(bql_held());
            bql_unlock();
        }
        mainloop_kick();
    }
    return NULL;
}

TEST(many_threads_schedule_and_nothing_is_lost)
{
    begin();
    shared_bh = bh_new(count, &shared_runs);
    GThread *t[THREADS];
    for (int i = 0; i < THREADS; i++) {
        t[i] = g_thread_new("schedule", schedule_many, NULL);
    }
    while (once_runs < THREADS * PER_THREAD) {
        mainloop_iterate(false);
    }
    for (int i = 0; i < THREADS; i++) {
        g_thread_join(t[i]);
    }
    CHECK(shared_runs >= 1 && shared_runs <= THREADS * PER_THREAD);
    int before = shared_runs;
    bh_schedule(shared_bh);
    mainloop_iterate(false);
    mainloop_iterate(true);
    CHECK(shared_runs > before);
    bh_free(shared_bh);
    mainloop_iterate(true);
}

static int watch_fd[2];
static int watch_count;

static void watched(void *opaque)
{
    char c;
    CHECK_EQ(read(watch_fd[0], &c, 1), 1);
    count(opaque);
}

static void *watch_from_thread(void *unused)
{
    (void)unused;
    g_usleep(5000);
    bql_lock();
    fd_watch(watch_fd[0], watched, NULL, &watch_count);
    bql_unlock();
    return NULL;
}

TEST(a_watch_added_by_another_thread_is_seen)
{
    begin();
    CHECK_EQ(pipe(watch_fd), 0);
    CHECK_EQ(write(watch_fd[1], "x", 1), 1);
    GThread *t = g_thread_new("watch", watch_from_thread, NULL);
    while (!watch_count) {
        mainloop_iterate(false);
    }
    g_thread_join(t);
    fd_watch(watch_fd[0], NULL, NULL, NULL);
    close(watch_fd[0]);
    close(watch_fd[1]);
    mainloop_iterate(true);
}

static BottomHalf *busy_bh;
static atomic_bool busy_end;

static void busy(void *unused)
{
    (void)unused;
    int64_t until = clock_ns(CLOCK_KIND_REALTIME) + 200 * NS_PER_US;
    while (clock_ns(CLOCK_KIND_REALTIME) < until) {
    }
    if (!atomic_load(&busy_end)) {
        bh_schedule(busy_bh);
    }
}

static void *want_lock(void *unused)
{
    (void)unused;
    for (int i = 0; i < 200; i++) {
        g_usleep(20); /* the loop is busy again by then */
        bql_lock();
        bql_unlock();
    }
    atomic_store(&busy_end, true);
    mainloop_kick();
    return NULL;
}

TEST(a_busy_loop_lets_others_have_the_lock)
{
    begin();
    busy_bh = bh_new(busy, NULL);
    bh_schedule(busy_bh);
    GThread *t = g_thread_new("want", want_lock, NULL);
    int turns = 0;
    while (!atomic_load(&busy_end)) {
        mainloop_iterate(false);
        turns++;
    }
    g_thread_join(t);
    bh_free(busy_bh);
    mainloop_iterate(true);
    /* Counted in turns, not in time, which belongs to whatever else this computer does. */
    if (turns > 1000) {
        TEST_FAIL("200 locks took %d turns", turns);
    }
}
