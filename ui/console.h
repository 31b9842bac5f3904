/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console hub: display devices draw into surfaces and report dirty rectangles, displays look at them.  The only place
 * where the two meet.  Everything in the main thread under the big lock, unless said otherwise.
 *
 * Who draws when: a device draws only in its refresh(), and the hub calls that only while a display wants a frame, or for a
 * screendump.  Between frames there is a gap that grows with what a frame costs.  What happens when nothing changes
 * depends on what refresh() returned: CONSOLE_NEVER has no timer at all until the device calls console_changed();
 * CONSOLE_POLL is asked again at a pace that slows down, and is fast again after console_changed() or console_hurry().
 *
 * Pixels may also be read by threads of displays: those hold the pixel lock, which the hub holds around refresh() and
 * whenever a surface is replaced or freed.  (Not so for a surface over guest memory, which the guest writes at any time:
 * whoever must see the same pixels twice copies them first.)
 */
#ifndef UI_CONSOLE_H
#define UI_CONSOLE_H

#include "util/error.h"
#include <pixman.h>

typedef struct Console Console;

/* A picture: always PIXMAN_x8r8g8b8 (the top byte means nothing), stride in bytes. */
typedef struct Surface {
    pixman_image_t *image;
    int width, height, stride;
    uint8_t *data;
} Surface;

enum { SURFACE_MAX_WIDTH = 16384, SURFACE_MAX_HEIGHT = 16384 }; /* console_resize() clips to these, and to 1 from below */

/* A screen of characters.  Cells are in rows; all colours are x8r8g8b8. */
enum { CELL_BLINK = 1, CELL_UNDERLINE = 2, CELL_BOLD = 4, CELL_WIDE = 8 /* and the cell to the right, of character 0 */ };
typedef struct ConsoleCell {
    uint32_t ch; /* Unicode; 0 and 32 are empty */
    uint32_t fg, bg;
    uint32_t flags; /* CELL_* */
} ConsoleCell;
typedef struct ConsoleText {
    int cols, rows;
    int cursor_x, cursor_y; /* -1: not shown */
    ConsoleCell *cells;
} ConsoleText;
/* Room for @cols x @rows (clipped to 1..1024); contents undefined.  A zeroed ConsoleText is fine. */
void console_text_resize(ConsoleText *t, int cols, int rows);
void console_text_clear(ConsoleText *t); /* frees the cells */
uint32_t console_cp437(uint8_t code);    /* Unicode of a character of the PC's code page 437; 0 and 255 are spaces */

/* A pointer's picture: a8r8g8b8, alpha not multiplied into the colours, rows without gaps. */
enum { CURSOR_MAX = 256 };
typedef struct ConsoleCursor {
    int width, height;  /* 1..CURSOR_MAX */
    int hot_x, hot_y;   /* 0..size-1 */
    const uint32_t *pixels;
} ConsoleCursor;

/* What a display would like to see: what goes into EDID. */
typedef struct ConsoleSizeHint {
    int width, height;       /* pixels */
    int width_mm, height_mm; /* of the glass; 0: unknown */
    int refresh_mhz;         /* frames in 1000 seconds; 0: unknown */
} ConsoleSizeHint;

typedef enum ConsoleKind { CONSOLE_GRAPHIC, CONSOLE_TEXT /* a terminal of the emulator's own */ } ConsoleKind;

#define CONSOLE_NEVER INT64_MAX /* nothing will change before console_changed() */
#define CONSOLE_POLL 0          /* changes are found by looking only */

/* What a display device offers; only refresh must be there. */
typedef struct ConsoleOps {
    ConsoleKind kind;
    /*
     * Bring the surface up to date: draw what changed since the last call, with console_resize() and console_update().
     * Returns ns until it is worth looking again though nobody calls console_changed() (a blinking cursor), or
     * CONSOLE_NEVER, CONSOLE_POLL.  Called with the pixel lock held.
     */
    int64_t (*refresh)(void *opaque);
    /* The next refresh() draws everything: changes may have been missed, because nobody looked. */
    void (*invalidate)(void *opaque);
    /* A first display looks (true; invalidate() follows), or the last went (false): changes need not be tracked any more. */
    void (*watched)(void *opaque, bool on);
    /* The characters of a text mode; false: graphics.  Works at any time, watched or not. */
    bool (*text)(void *opaque, ConsoleText *out);
    /* A display changed its size. */
    void (*size_hint)(void *opaque, const ConsoleSizeHint *hint);
    /* CONSOLE_TEXT: what a terminal would send (UTF-8, escape sequences), and looking back (negative) and forth. */
    void (*type)(void *opaque, const char *bytes, size_t len);
    void (*scroll)(void *opaque, int lines);
} ConsoleOps;

/* ---- for devices ---- */

/* @name is what `info` and window titles show; copied.  The console has no surface yet. */
Console *console_new(const char *name, const ConsoleOps *ops, void *opaque);
void console_free(Console *c); /* NULL is fine; displays are told that it is gone */
/* The device as `screendump -d` names it, and which of its outputs this is. */
void console_set_device(Console *c, const char *id, int head);
/* A surface of this size; contents undefined; the same one while the size is the same.  Only in refresh(). */
Surface *console_resize(Console *c, int width, int height);
/* A surface over memory of the device's own, which stays until the next resize or console_free(); nothing is copied.
 * @stride in bytes, a multiple of 4, may be larger than the width.  Only in refresh(). */
Surface *console_resize_over(Console *c, int width, int height, int stride, uint8_t *data);
void console_update(Console *c, int x, int y, int w, int h); /* these pixels changed; clipped to the surface; in refresh() */
/* Something that refresh() would draw has changed (a register, trapped memory).  Any thread with the big lock; cheap. */
void console_changed(Console *c);
/* The pointer that hardware shows; NULL: none.  Larger ones than CURSOR_MAX are ignored.  At any time. */
void console_define_cursor(Console *c, const ConsoleCursor *cursor);
void console_move_cursor(Console *c, int x, int y, bool visible); /* of the picture's top left corner */

/* ---- for displays ---- */

/* Embedded by a display; one looks at one console at a time.  Callbacks may be NULL; resized() and updated() may run with
 * the pixel lock held and must not take it. */
typedef struct DisplayListener DisplayListener;
typedef struct DisplayListenerOps {
    void (*resized)(DisplayListener *l, Surface *s); /* another surface; @s stays until the next resized() or gone() */
    void (*updated)(DisplayListener *l, int x, int y, int w, int h); /* within the surface */
    void (*frame)(DisplayListener *l);               /* after a refresh() that reported changes */
    void (*cursor_defined)(DisplayListener *l, const ConsoleCursor *cursor); /* NULL: none */
    void (*cursor_moved)(DisplayListener *l, int x, int y, bool visible);
    void (*gone)(DisplayListener *l);                /* the console is freed; the listener is off it already */
} DisplayListenerOps;
struct DisplayListener {
    const DisplayListenerOps *ops;
    Console *console; /* owned by the hub; NULL: none */
    bool wanted;      /* owned by the hub */
};
/* Looks at @c; it wants frames at once and is told of surface, contents and cursor.  @l->ops is set, the rest zero. */
void display_listener_add(DisplayListener *l, Console *c);
void display_listener_remove(DisplayListener *l); /* fine when it looks at nothing */
/* False: the next frame would be of no use yet (a slow link): nothing is drawn for this one until it wants again. */
void display_listener_want(DisplayListener *l, bool on);

Console *console_get(int index); /* graphic ones first, else by order of creation; NULL: none */
int console_count(void);
int console_index(const Console *c);
Console *console_find_device(const char *id, int head); /* NULL: none */
/* What displays show first: the first graphic console, else the first of all; NULL: there is none. */
Console *console_default(void);
const char *console_name(const Console *c);
ConsoleKind console_kind(const Console *c);
Surface *console_surface(Console *c); /* NULL before the first resize */
void console_refresh(Console *c);     /* now, whether or not a display looks */
void console_hurry(void);             /* somebody pressed a key: look often for a while */
bool console_text(Console *c, ConsoleText *out); /* false: it shows graphics */
bool console_takes_size(const Console *c);
void console_hint_size(Console *c, const ConsoleSizeHint *hint);
void console_type(Console *c, const char *bytes, size_t len); /* to a text console; others ignore it */
void console_scroll(Console *c, int lines);

/* Told when consoles come and go.  Owner embeds; removal is immediate. */
typedef struct ConsoleNotifier {
    void (*changed)(struct ConsoleNotifier *n);
} ConsoleNotifier;
void console_notifier_add(ConsoleNotifier *n);
void console_notifier_remove(ConsoleNotifier *n);

/* Any thread.  Not recursive; never held while waiting for anything. */
void console_pixels_lock(void);
void console_pixels_unlock(void);

/* Picture of a console as it is now.  @format "ppm" or "png"; NULL: by file name's ending, else ppm.  Writes a
 * temporary file beside @path and renames it. */
bool console_screendump(Console *c, const char *path, const char *format, Error **errp);

#endif
