/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console hub: display devices draw into surfaces and report dirty rectangles, displays look at them.
 * The only place where the two meet.  Under the big lock.
 */
#ifndef UI_CONSOLE_H
#define UI_CONSOLE_H

#include "util/error.h"
#include <pixman.h>

typedef struct Console Console;

/* A picture: always PIXMAN_x8r8g8b8, stride in bytes. */
typedef struct Surface {
    pixman_image_t *image;
    int width, height, stride;
    uint8_t *data;
} Surface;

/* What a display device offers.  Called in the main thread. */
typedef struct ConsoleOps {
    /* Bring the surface up to date: the device draws what changed and calls console_update(). */
    void (*refresh)(void *opaque);
    /* Draw everything anew at the next refresh. */
    void (*invalidate)(void *opaque);
    /* Characters of a text mode: cells of (attribute << 8 | code), @cols x @rows; false: graphics mode. */
    bool (*text)(void *opaque, uint16_t **cells, int *cols, int *rows, int *cursor_x, int *cursor_y);
} ConsoleOps;

Console *console_new(const char *name, const ConsoleOps *ops, void *opaque);
void console_free(Console *c);
/* Device: gives the console a surface of this size (the old one is freed after displays let go); contents undefined. */
Surface *console_resize(Console *c, int width, int height);
Surface *console_surface(Console *c); /* NULL before the first resize */
void console_update(Console *c, int x, int y, int w, int h); /* clipped to the surface */

/* Displays. */
typedef struct DisplayListener {
    Console *console;
    void (*resized)(struct DisplayListener *l, Surface *s);
    void (*updated)(struct DisplayListener *l, int x, int y, int w, int h);
} DisplayListener;
void display_listener_add(DisplayListener *l, Console *c);
void display_listener_remove(DisplayListener *l);
Console *console_get(int index); /* by order of creation; NULL: none */
/* Asks the device to refresh now, whether or not a display looks. */
void console_refresh(Console *c);
bool console_text(Console *c, uint16_t **cells, int *cols, int *rows, int *cursor_x, int *cursor_y);

/* Picture of a console as it is now.  @format "ppm" or "png"; NULL: by file name's ending, else ppm.  Writes a
 * temporary file beside @path and renames it. */
bool console_screendump(Console *c, const char *path, const char *format, Error **errp);

#endif
