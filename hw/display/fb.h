/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scan-out of a linear frame buffer: turns what changed in guest memory into changed rectangles of a console.  Used by every
 * card with such a mode.  Main thread, big lock, from the console's refresh().
 *
 * Pages that the RAM's dirty bitmap names are converted line by line into a private buffer and compared with what is shown, so
 * that only pixels that differ are reported, whatever the granularity of the bitmap.
 */
#ifndef HW_DISPLAY_FB_H
#define HW_DISPLAY_FB_H

#include "system/memory.h"
#include "ui/console.h"

typedef struct FbMode {
    int width, height;   /* pixels, 1..16384 */
    uint8_t bits;        /* a pixel: 8 (palette), 15, 16, 24, 32 */
    bool swapped;        /* 15, 16, 32: most significant byte first */
    bool bgr;            /* 24, 32: red in the lowest byte */
    bool rgb332, gray;   /* 8: the byte is a colour by itself */
    bool blank;          /* black, whatever memory holds */
    uint8_t repeat;      /* lines of the screen a line of memory; 0 is 1 */
    uint8_t first;       /* so many of the repetitions of the first line of memory are above the screen; less than repeat */
    int split;           /* from this line on, memory is shown from split_offset; 0: never */
    uint32_t split_offset;
    uint64_t offset;     /* of the first pixel in memory */
    uint32_t stride;     /* bytes from line to line */
} FbMode;

typedef struct FbRects {
    int x0, x1, y0, y1;  /* changed and not yet reported; y1 <= y0: none */
} FbRects;

typedef struct FbScan {
    Console *console;
    const MemRegion *vram; /* RAM; accesses beyond its end wrap */
    uint64_t vram_size;    /* bytes, a power of two, or such that the mode does not reach beyond */
    /* Draws over line @y after conversion (a hardware cursor), and says which lines it may touch; may be NULL. */
    void (*overlay)(void *opaque, int y, uint32_t *line, int width);
    void *opaque;
    int over_y0, over_y1;  /* lines of the overlay now; set before fb_refresh() */
    bool over_changed;

    /* fb.c's own */
    bool watched;          /* a display looks: the dirty bitmap is kept */
    FbMode shown;
    bool full;
    int shown_over_y0, shown_over_y1;
    uint32_t palette[256];
    uint64_t *bits;
    size_t bits_size;
    uint8_t *bytes;        /* one line that wraps round the end of memory */
    uint32_t *line;        /* and as pixels */
    size_t line_size;
} FbScan;

void fb_init(FbScan *s, Console *c, const MemRegion *vram, uint64_t vram_size);
void fb_free(FbScan *s);
/* From the console's watched(): memory's writers report only while somebody looks.  Unwatched, all lines are looked at. */
void fb_watched(FbScan *s, bool on);
void fb_invalidate(FbScan *s); /* look at every line next time */
void fb_forget(FbScan *s);     /* something else was drawn to the surface */
void fb_refresh(FbScan *s, const FbMode *mode, const uint32_t palette[256]);

/* For who draws lines otherwise: puts pixels into the surface's line @y, collects and reports what differs. */
void fb_put_line(Console *c, FbRects *r, Surface *s, int y, const uint32_t *pixels, bool all);
void fb_flush(Console *c, FbRects *r);

#endif
