/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console hub: see console.h.  Under the big lock. */
#include "util/osdep.h"
#include "ui/console.h"

struct Console {
    char *name;
    const ConsoleOps *ops;
    void *opaque;
    Surface surface;
    bool has_surface;
    GPtrArray *listeners; /* DisplayListener * */
};

static GPtrArray *consoles; /* in order of creation */

Console *console_new(const char *name, const ConsoleOps *ops, void *opaque)
{
    Console *c = g_new0(Console, 1);

    c->name = g_strdup(name);
    c->ops = ops;
    c->opaque = opaque;
    c->listeners = g_ptr_array_new();
    if (!consoles) {
        consoles = g_ptr_array_new();
    }
    g_ptr_array_add(consoles, c);
    return c;
}

void console_free(Console *c)
{
    if (!c) {
        return;
    }
    while (c->listeners->len) {
        display_listener_remove(c->listeners->pdata[0]);
    }
    g_ptr_array_remove(consoles, c);
    g_ptr_array_free(c->listeners, TRUE);
    if (c->has_surface) {
        pixman_image_unref(c->surface.image);
    }
    g_free(c->name);
    g_free(c);
}

Surface *console_resize(Console *c, int width, int height)
{
    if (c->has_surface && c->surface.width == width && c->surface.height == height) {
        return &c->surface;
    }
    if (c->has_surface) {
        pixman_image_unref(c->surface.image);
    }
    pixman_image_t *image = pixman_image_create_bits(PIXMAN_x8r8g8b8, width, height, NULL, 0);

    c->surface = (Surface){
        .image = image,
        .width = width,
        .height = height,
        .stride = pixman_image_get_stride(image),
        .data = (uint8_t *)pixman_image_get_data(image),
    };
    c->has_surface = true;
    for (guint i = 0; i < c->listeners->len; i++) {
        DisplayListener *l = c->listeners->pdata[i];

        if (l->resized) {
            l->resized(l, &c->surface);
        }
    }
    return &c->surface;
}

Surface *console_surface(Console *c)
{
    return c->has_surface ? &c->surface : NULL;
}

void console_update(Console *c, int x, int y, int w, int h)
{
    int x1 = MAX(x, 0), y1 = MAX(y, 0);
    int x2 = MIN(x + w, c->surface.width), y2 = MIN(y + h, c->surface.height);

    if (!c->has_surface || x1 >= x2 || y1 >= y2) {
        return;
    }
    for (guint i = 0; i < c->listeners->len; i++) {
        DisplayListener *l = c->listeners->pdata[i];

        if (l->updated) {
            l->updated(l, x1, y1, x2 - x1, y2 - y1);
        }
    }
}

void display_listener_add(DisplayListener *l, Console *c)
{
    l->console = c;
    g_ptr_array_add(c->listeners, l);
    if (c->has_surface && l->resized) {
        l->resized(l, &c->surface);
    }
    if (c->ops->invalidate) {
        c->ops->invalidate(c->opaque);
    }
}

void display_listener_remove(DisplayListener *l)
{
    if (l->console) {
        g_ptr_array_remove(l->console->listeners, l);
        l->console = NULL;
    }
}

Console *console_get(int index)
{
    return consoles && index >= 0 && (guint)index < consoles->len ? consoles->pdata[index] : NULL;
}

void console_refresh(Console *c)
{
    if (c->ops->refresh) {
        c->ops->refresh(c->opaque);
    }
}

bool console_text(Console *c, uint16_t **cells, int *cols, int *rows, int *cursor_x, int *cursor_y)
{
    return c->ops->text && c->ops->text(c->opaque, cells, cols, rows, cursor_x, cursor_y);
}
