/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console hub: see console.h.  Main thread, under the big lock; when frames are drawn is decided in console_pace(). */
#include "util/osdep.h"
#include "ui/console.h"

#include "util/timer.h"

#include <pthread.h>

enum {
    CONSOLE_GAP_MIN_NS = 10 * NS_PER_MS,    /* between frames: a hundred a second at most */
    CONSOLE_GAP_MAX_NS = 100 * NS_PER_MS,
    CONSOLE_COST_SHARE = 3,                 /* drawing takes at most this part of the main thread's time */
    CONSOLE_POLL_MAX_NS = 200 * NS_PER_MS,  /* between two looks at a picture that stands still */
    CONSOLE_HURRY_NS = 300 * NS_PER_MS,
};

struct Console {
    char *name, *device;
    int head;
    const ConsoleOps *ops;
    void *opaque;
    Surface surface;
    bool has_surface, over; /* over: pixels are the device's */
    ConsoleCursor *cursor;  /* pixels behind it in the same block; NULL: none */
    int cursor_x, cursor_y;
    bool cursor_visible;
    GPtrArray *listeners; /* DisplayListener * */

    /* pace */
    Timer timer;
    bool refreshing, updated; /* in refresh(); it reported changes */
    bool stale;               /* something changed since the last refresh() */
    bool soon;                /* the timer is set to the earliest time there can be */
    int64_t last_ns, gap_ns, poll_ns, hurry_until_ns; /* realtime clock */
    int64_t next;             /* what refresh() returned */
};

static GPtrArray *consoles;          /* graphic ones first; in order of creation */
static GPtrArray *console_notifiers; /* ConsoleNotifier * */
static pthread_mutex_t console_pixels = PTHREAD_MUTEX_INITIALIZER;

void console_pixels_lock(void)
{
    pthread_mutex_lock(&console_pixels);
}

void console_pixels_unlock(void)
{
    pthread_mutex_unlock(&console_pixels);
}

/* ---- consoles ---- */

static void console_tick(void *opaque);

static void console_notify(void)
{
    for (guint i = 0; console_notifiers && i < console_notifiers->len; i++) {
        ConsoleNotifier *n = console_notifiers->pdata[i];
        n->changed(n);
    }
}

void console_notifier_add(ConsoleNotifier *n)
{
    if (!console_notifiers) {
        console_notifiers = g_ptr_array_new();
    }
    g_ptr_array_add(console_notifiers, n);
}

void console_notifier_remove(ConsoleNotifier *n)
{
    if (console_notifiers) {
        g_ptr_array_remove(console_notifiers, n);
    }
}

Console *console_new(const char *name, const ConsoleOps *ops, void *opaque)
{
    Console *c = g_new0(Console, 1);

    c->name = g_strdup(name);
    c->ops = ops;
    c->opaque = opaque;
    c->listeners = g_ptr_array_new();
    c->gap_ns = c->poll_ns = CONSOLE_GAP_MIN_NS;
    c->stale = true;
    timer_init(&c->timer, CLOCK_KIND_REALTIME, console_tick, c);
    if (!consoles) {
        consoles = g_ptr_array_new();
    }
    guint at = consoles->len;

    while (ops->kind == CONSOLE_GRAPHIC && at && console_kind(consoles->pdata[at - 1]) == CONSOLE_TEXT) {
        at--;
    }
    g_ptr_array_insert(consoles, (gint)at, c);
    console_notify();
    return c;
}

static void console_drop_surface(Console *c)
{
    if (c->has_surface) {
        pixman_image_unref(c->surface.image);
        c->has_surface = false;
    }
}

void console_free(Console *c)
{
    if (!c) {
        return;
    }
    g_ptr_array_remove(consoles, c);
    timer_del(&c->timer);
    while (c->listeners->len) {
        DisplayListener *l = c->listeners->pdata[0];
        g_ptr_array_remove_index(c->listeners, 0);
        l->console = NULL;
        if (l->ops->gone) {
            l->ops->gone(l);
        }
    }
    console_pixels_lock();
    console_drop_surface(c);
    console_pixels_unlock();
    g_ptr_array_free(c->listeners, TRUE);
    g_free(c->cursor);
    g_free(c->device);
    g_free(c->name);
    g_free(c);
    console_notify();
}

void console_set_device(Console *c, const char *id, int head)
{
    g_free(c->device);
    c->device = g_strdup(id);
    c->head = head;
}

/* ---- surfaces and changes ---- */

static Surface *console_new_surface(Console *c, int width, int height, int stride, uint8_t *data)
{
    width = CLAMP(width, 1, SURFACE_MAX_WIDTH);
    height = CLAMP(height, 1, SURFACE_MAX_HEIGHT);
    if (c->has_surface && c->surface.width == width && c->surface.height == height && c->over == (data != NULL) &&
        (!data || (c->surface.data == data && c->surface.stride == stride))) {
        return &c->surface;
    }
    pixman_image_t *image = pixman_image_create_bits(PIXMAN_x8r8g8b8, width, height, (uint32_t *)(void *)data, stride);
    console_drop_surface(c);
    c->surface = (Surface){
        .image = image,
        .width = width,
        .height = height,
        .stride = pixman_image_get_stride(image),
        .data = (uint8_t *)pixman_image_get_data(image),
    };
    c->has_surface = true;
    c->over = data != NULL;
    c->updated = true;
    for (guint i = 0; i < c->listeners->len; i++) {
        DisplayListener *l = c->listeners->pdata[i];
        if (l->ops->resized) {
            l->ops->resized(l, &c->surface);
        }
    }
    return &c->surface;
}

Surface *console_resize(Console *c, int width, int height)
{
    return console_new_surface(c, width, height, 0, NULL);
}

Surface *console_resize_over(Console *c, int width, int height, int stride, uint8_t *data)
{
    return console_new_surface(c, width, height, stride, data);
}

Surface *console_surface(Console *c)
{
    return c->has_surface ? &c->surface : NULL;
}

static void console_tell_update(Console *c, DisplayListener *l, int x, int y, int w, int h)
{
    if (c->has_surface && l->ops->updated) {
        l->ops->updated(l, x, y, w, h);
    }
}

void console_update(Console *c, int x, int y, int w, int h)
{
    int x1 = MAX(x, 0), y1 = MAX(y, 0);
    int x2 = MIN(x + w, c->surface.width), y2 = MIN(y + h, c->surface.height);

    if (!c->has_surface || x1 >= x2 || y1 >= y2) {
        return;
    }
    c->updated = true;
    for (guint i = 0; i < c->listeners->len; i++) {
        console_tell_update(c, c->listeners->pdata[i], x1, y1, x2 - x1, y2 - y1);
    }
}

/* ---- pace ---- */

static bool console_is_wanted(const Console *c)
{
    for (guint i = 0; i < c->listeners->len; i++) {
        if (((DisplayListener *)c->listeners->pdata[i])->wanted) {
            return true;
        }
    }
    return false;
}

/* Sets the timer to when the next frame shall be drawn, if ever. */
static void console_pace(Console *c)
{
    int64_t earliest = c->last_ns + c->gap_ns, now = clock_ns(CLOCK_KIND_REALTIME);

    c->soon = false;
    if (c->refreshing) {
        return; /* comes back here at its end */
    }
    if (!console_is_wanted(c)) {
        timer_del(&c->timer);
    } else if (c->stale) {
        c->soon = true;
        timer_mod(&c->timer, MAX(earliest, now));
    } else if (c->next == CONSOLE_POLL) {
        timer_mod(&c->timer, MAX(now, c->last_ns + MAX(c->gap_ns, c->poll_ns)));
    } else if (c->next == CONSOLE_NEVER) {
        timer_del(&c->timer);
    } else {
        timer_mod(&c->timer, MAX(earliest, c->last_ns + MIN(c->next, INT64_MAX / 2)));
    }
}

static void console_draw(Console *c)
{
    int64_t begin = clock_ns(CLOCK_KIND_REALTIME);

    c->refreshing = true;
    c->updated = c->stale = false;
    console_pixels_lock();
    c->next = c->ops->refresh(c->opaque);
    console_pixels_unlock();
    c->refreshing = false;
    int64_t end = clock_ns(CLOCK_KIND_REALTIME);

    c->last_ns = begin;
    c->gap_ns = CLAMP((end - begin) * CONSOLE_COST_SHARE, CONSOLE_GAP_MIN_NS, CONSOLE_GAP_MAX_NS);
    if (c->updated || end < c->hurry_until_ns) {
        c->poll_ns = CONSOLE_GAP_MIN_NS;
    } else {
        c->poll_ns = MIN(c->poll_ns * 3 / 2, CONSOLE_POLL_MAX_NS);
    }
    for (guint i = 0; c->updated && i < c->listeners->len; i++) {
        DisplayListener *l = c->listeners->pdata[i];
        if (l->ops->frame) {
            l->ops->frame(l);
        }
    }
}

static void console_tick(void *opaque)
{
    Console *c = opaque;

    console_draw(c);
    console_pace(c);
}

void console_refresh(Console *c)
{
    if (c->refreshing) {
        return;
    }
    if (!c->listeners->len && c->ops->invalidate) {
        c->ops->invalidate(c->opaque);
    }
    console_draw(c);
    console_pace(c);
}

void console_changed(Console *c)
{
    c->stale = true;
    if (!c->soon && c->listeners->len) {
        console_pace(c);
    }
}

void console_hurry(void)
{
    int64_t until = clock_ns(CLOCK_KIND_REALTIME) + CONSOLE_HURRY_NS;

    for (guint i = 0; consoles && i < consoles->len; i++) {
        Console *c = consoles->pdata[i];
        c->hurry_until_ns = until;
        if (c->next == CONSOLE_POLL && c->listeners->len) {
            c->poll_ns = CONSOLE_GAP_MIN_NS;
            console_pace(c);
        }
    }
}

/* ---- pointer ---- */

void console_define_cursor(Console *c, const ConsoleCursor *cursor)
{
    if (cursor && (cursor->width < 1 || cursor->height < 1 || cursor->width > CURSOR_MAX || cursor->height > CURSOR_MAX)) {
        return;
    }
    g_free(c->cursor);
    c->cursor = NULL;
    if (cursor) {
        size_t size = (size_t)cursor->width * (size_t)cursor->height * 4;
        c->cursor = g_malloc(sizeof(*cursor) + size);
        *c->cursor = *cursor;
        c->cursor->hot_x = CLAMP(cursor->hot_x, 0, cursor->width - 1);
        c->cursor->hot_y = CLAMP(cursor->hot_y, 0, cursor->height - 1);
        c->cursor->pixels = memcpy(c->cursor + 1, cursor->pixels, size);
    }
    for (guint i = 0; i < c->listeners->len; i++) {
        DisplayListener *l = c->listeners->pdata[i];
        if (l->ops->cursor_defined) {
            l->ops->cursor_defined(l, c->cursor);
        }
    }
}

void console_move_cursor(Console *c, int x, int y, bool visible)
{
    if (c->cursor_x == x && c->cursor_y == y && c->cursor_visible == visible) {
        return;
    }
    c->cursor_x = x;
    c->cursor_y = y;
    c->cursor_visible = visible;
    for (guint i = 0; i < c->listeners->len; i++) {
        DisplayListener *l = c->listeners->pdata[i];
        if (l->ops->cursor_moved) {
            l->ops->cursor_moved(l, x, y, visible);
        }
    }
}

/* ---- displays ---- */

void display_listener_add(DisplayListener *l, Console *c)
{
    bool first = !c->listeners->len;

    l->console = c;
    l->wanted = true;
    g_ptr_array_add(c->listeners, l);
    if (c->has_surface && l->ops->resized) {
        console_pixels_lock();
        l->ops->resized(l, &c->surface);
        console_pixels_unlock();
    }
    console_tell_update(c, l, 0, 0, c->surface.width, c->surface.height);
    if (l->ops->cursor_defined) {
        l->ops->cursor_defined(l, c->cursor);
    }
    if (l->ops->cursor_moved) {
        l->ops->cursor_moved(l, c->cursor_x, c->cursor_y, c->cursor_visible);
    }
    if (first && c->ops->watched) {
        c->ops->watched(c->opaque, true);
    }
    if (first && c->ops->invalidate) {
        c->ops->invalidate(c->opaque);
    }
    c->stale = true;
    console_pace(c);
}

void display_listener_remove(DisplayListener *l)
{
    Console *c = l->console;

    if (!c) {
        return;
    }
    g_ptr_array_remove(c->listeners, l);
    l->console = NULL;
    if (!c->listeners->len && c->ops->watched) {
        c->ops->watched(c->opaque, false);
    }
    console_pace(c);
}

void display_listener_want(DisplayListener *l, bool on)
{
    if (l->wanted != on) {
        l->wanted = on;
        if (l->console) {
            console_pace(l->console);
        }
    }
}

Console *console_get(int index)
{
    return consoles && index >= 0 && (guint)index < consoles->len ? consoles->pdata[index] : NULL;
}

int console_count(void)
{
    return consoles ? (int)consoles->len : 0;
}

int console_index(const Console *c)
{
    guint i = 0;

    return consoles && g_ptr_array_find(consoles, c, &i) ? (int)i : -1;
}

Console *console_find_device(const char *id, int head)
{
    for (int i = 0; i < console_count(); i++) {
        Console *c = console_get(i);
        if (c->device && !strcmp(c->device, id) && c->head == head) {
            return c;
        }
    }
    return NULL;
}

Console *console_default(void)
{
    for (int i = 0; i < console_count(); i++) {
        if (console_kind(console_get(i)) == CONSOLE_GRAPHIC) {
            return console_get(i);
        }
    }
    return console_get(0);
}

const char *console_name(const Console *c)
{
    return c->name;
}

ConsoleKind console_kind(const Console *c)
{
    return c->ops->kind;
}

bool console_text(Console *c, ConsoleText *out)
{
    return c->ops->text && c->ops->text(c->opaque, out);
}

bool console_takes_size(const Console *c)
{
    return c->ops->size_hint != NULL;
}

void console_hint_size(Console *c, const ConsoleSizeHint *hint)
{
    if (c->ops->size_hint) {
        c->ops->size_hint(c->opaque, hint);
    }
}

void console_type(Console *c, const char *bytes, size_t len)
{
    if (c->ops->type) {
        c->ops->type(c->opaque, bytes, len);
    }
}

void console_scroll(Console *c, int lines)
{
    if (c->ops->scroll) {
        c->ops->scroll(c->opaque, lines);
    }
}
