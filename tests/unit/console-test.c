/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console hub: who is told what, and when a device is asked to draw. */
#include "util/osdep.h"
#include "tests/unit/test.h"

#include "ui/console.h"
#include "util/mainloop.h"
#include "util/timer.h"

typedef struct Card {
    Console *con;
    int64_t next;      /* what refresh() returns */
    bool change;       /* refresh() reports a changed pixel */
    int width, height;
    int refreshes, invalidated, watched;
    uint32_t *memory;  /* surface over this */
    ConsoleSizeHint hint;
} Card;

static int64_t card_refresh(void *opaque)
{
    Card *d = opaque;
    d->refreshes++;
    if (d->memory) {
        console_resize_over(d->con, d->width, d->height, d->width * 4, (uint8_t *)d->memory);
    } else {
        console_resize(d->con, d->width, d->height);
    }
    if (d->change) {
        console_update(d->con, 1, 1, 1, 1);
    }
    return d->next;
}

static void card_invalidate(void *opaque)
{
    ((Card *)opaque)->invalidated++;
}

static void card_watched(void *opaque, bool on)
{
    ((Card *)opaque)->watched += on ? 1 : -1;
}

static void card_hint(void *opaque, const ConsoleSizeHint *hint)
{
    ((Card *)opaque)->hint = *hint;
}

static const ConsoleOps card_ops = { .kind = CONSOLE_GRAPHIC, .refresh = card_refresh, .invalidate = card_invalidate,
                                     .watched = card_watched, .size_hint = card_hint };

typedef struct Viewer {
    DisplayListener l;
    int resized, updated, frames, gone, cursors, x, y, w, h;
    Surface *surface;
    int cursor_x, cursor_y;
    bool cursor_visible;
    uint32_t cursor_pixel;
} Viewer;

static void viewer_resized(DisplayListener *l, Surface *s)
{
    Viewer *v = container_of(l, Viewer, l);
    v->resized++;
    v->surface = s;
}

static void viewer_updated(DisplayListener *l, int x, int y, int w, int h)
{
    Viewer *v = container_of(l, Viewer, l);
    v->updated++;
    v->x = x;
    v->y = y;
    v->w = w;
    v->h = h;
}

static void viewer_frame(DisplayListener *l)
{
    container_of(l, Viewer, l)->frames++;
}

static void viewer_gone(DisplayListener *l)
{
    container_of(l, Viewer, l)->gone++;
}

static void viewer_cursor_defined(DisplayListener *l, const ConsoleCursor *cursor)
{
    Viewer *v = container_of(l, Viewer, l);
    v->cursors++;
    v->cursor_pixel = cursor ? cursor->pixels[0] : 0;
}

static void viewer_cursor_moved(DisplayListener *l, int x, int y, bool visible)
{
    Viewer *v = container_of(l, Viewer, l);
    v->cursor_x = x;
    v->cursor_y = y;
    v->cursor_visible = visible;
}

static const DisplayListenerOps viewer_ops = { viewer_resized,        viewer_updated,      viewer_frame,
                                               viewer_cursor_defined, viewer_cursor_moved, viewer_gone };

static void setup(Card *d, Viewer *v)
{
    static bool started;
    if (!started) {
        started = true;
        mainloop_init();
        bql_lock();
    }
    *d = (Card){ .width = 64, .height = 32, .next = CONSOLE_NEVER };
    d->con = console_new("card", &card_ops, d);
    *v = (Viewer){ .l.ops = &viewer_ops };
}

static void run_ms(int ms)
{
    int64_t end = clock_ns(CLOCK_KIND_REALTIME) + ms * NS_PER_MS;
    while (clock_ns(CLOCK_KIND_REALTIME) < end) {
        mainloop_iterate(true);
        g_usleep(500);
    }
}

TEST(nobody_looks_nothing_is_drawn)
{
    Card d;
    Viewer v;
    setup(&d, &v);
    d.next = CONSOLE_POLL;
    console_changed(d.con);
    run_ms(30);
    CHECK_EQ(d.refreshes, 0);
    display_listener_add(&v.l, d.con);
    CHECK_EQ(d.watched, 1);
    CHECK_EQ(d.invalidated, 1);
    run_ms(20);
    CHECK(d.refreshes >= 1);
    display_listener_remove(&v.l);
    CHECK_EQ(d.watched, 0);
    int before = d.refreshes;
    run_ms(30);
    CHECK_EQ(d.refreshes, before);
    console_free(d.con);
}

TEST(told_of_changes_no_timer)
{
    Card d;
    Viewer v;
    setup(&d, &v);
    display_listener_add(&v.l, d.con);
    run_ms(100);
    CHECK_EQ(d.refreshes, 1);
    CHECK_EQ(v.frames, 1); /* the first surface counts as a change */
    d.change = true;
    console_changed(d.con);
    console_changed(d.con);
    run_ms(50);
    CHECK_EQ(d.refreshes, 2);
    CHECK_EQ(v.frames, 2);
    CHECK(v.x == 1 && v.y == 1 && v.w == 1 && v.h == 1);
    console_free(d.con);
    CHECK_EQ(v.gone, 1);
    CHECK(v.l.console == NULL);
}

TEST(polling_slows_down_and_hurries)
{
    Card d;
    Viewer v;
    setup(&d, &v);
    d.next = CONSOLE_POLL;
    display_listener_add(&v.l, d.con);
    run_ms(1000);
    int before = d.refreshes;
    run_ms(500);
    int idle = d.refreshes - before;
    CHECK(idle >= 1 && idle <= 3);
    before = d.refreshes;
    console_hurry();
    run_ms(200);
    CHECK(d.refreshes - before >= 8);
    display_listener_want(&v.l, false); /* its link is full */
    before = d.refreshes;
    run_ms(50);
    CHECK_EQ(d.refreshes, before);
    display_listener_want(&v.l, true);
    run_ms(50);
    CHECK(d.refreshes > before);
    console_free(d.con);
}

TEST(surfaces_and_clipping)
{
    Card d;
    Viewer v;
    setup(&d, &v);
    uint32_t memory[4 * 4] = { 0 };
    display_listener_add(&v.l, d.con);
    run_ms(20);
    CHECK_EQ(v.resized, 1);
    CHECK_EQ(v.surface->width, 64);
    d.width = d.height = 4;
    d.memory = memory;
    console_refresh(d.con);
    CHECK_EQ(v.resized, 2);
    CHECK(v.surface->data == (uint8_t *)memory && v.surface->stride == 16);
    console_refresh(d.con);
    CHECK_EQ(v.resized, 2);
    int before = v.updated;
    console_update(d.con, 4, 0, 1, 1);
    console_update(d.con, 0, 0, 0, 5);
    CHECK_EQ(v.updated, before);
    console_update(d.con, -3, 2, 100, 100);
    CHECK(v.x == 0 && v.y == 2 && v.w == 4 && v.h == 2);
    console_free(d.con);
}

TEST(cursor_reaches_old_and_new_viewers)
{
    Card d;
    Viewer v, w = { .l.ops = &viewer_ops };
    setup(&d, &v);
    display_listener_add(&v.l, d.con);
    uint32_t pixels[4] = { 0xff112233 };
    console_define_cursor(d.con, &(ConsoleCursor){ .width = 2, .height = 2, .hot_x = 9, .pixels = pixels });
    console_move_cursor(d.con, 5, 6, true);
    CHECK_EQ(v.cursor_pixel, 0xff112233);
    CHECK(v.cursor_x == 5 && v.cursor_y == 6 && v.cursor_visible);
    pixels[0] = 0;
    display_listener_add(&w.l, d.con);
    CHECK_EQ(w.cursor_pixel, 0xff112233);
    CHECK(w.cursor_x == 5 && w.cursor_visible);
    int before = v.cursors;
    console_define_cursor(d.con, &(ConsoleCursor){ .width = 257, .height = 2, .pixels = pixels });
    CHECK_EQ(v.cursors, before);
    console_free(d.con);
    CHECK_EQ(w.gone, 1);
}

TEST(names_devices_hints)
{
    Card d, e;
    Viewer v;
    setup(&d, &v);
    setup(&e, &v);
    console_set_device(e.con, "video1", 2);
    CHECK(console_find_device("video1", 2) == e.con);
    CHECK(console_find_device("video1", 0) == NULL);
    CHECK_EQ(console_index(e.con), 1);
    CHECK_EQ(console_count(), 2);
    CHECK(console_default() == d.con);
    CHECK(console_takes_size(e.con));
    console_hint_size(e.con, &(ConsoleSizeHint){ .width = 1280, .height = 800 });
    CHECK_EQ(e.hint.width, 1280);
    console_free(d.con);
    CHECK(console_default() == e.con);
    console_free(e.con);
    CHECK(console_default() == NULL);
    CHECK_EQ(console_cp437(0xdb), 0x2588);
    CHECK_EQ(console_cp437('A'), 'A');
    CHECK_EQ(console_cp437(0), ' ');
}
