/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See screentext.h. */
#include "util/osdep.h"
#include "ui/screentext.h"

#include "ui/font.h"
#include "util/timer.h"

enum { SCREENTEXT_LEARN_S = 5 };

static uint32_t screentext_pixel(const Surface *s, int x, int y)
{
    return ((const uint32_t *)(const void *)(s->data + (size_t)y * (size_t)s->stride))[x] & 0xffffff;
}

/* Bits where a cell's pixels differ from its last one, which is background in most characters.  False: it has three colours. */
static bool screentext_cell(const Surface *s, int cx, int cy, uint8_t rows[FONT_HEIGHT])
{
    uint32_t bg = screentext_pixel(s, cx + FONT_WIDTH - 1, cy + FONT_HEIGHT - 1), fg = bg;

    for (int y = 0; y < FONT_HEIGHT; y++) {
        rows[y] = 0;
        for (int x = 0; x < FONT_WIDTH; x++) {
            uint32_t p = screentext_pixel(s, cx + x, cy + y);

            if (p == bg) {
                continue;
            }
            if (fg != bg && p != fg) {
                return false;
            }
            fg = p;
            rows[y] |= (uint8_t)(0x80 >> x);
        }
    }
    return true;
}

/* The four corners of a cell, as far as they are on the screen. */
static void screentext_vote(const Surface *s, int cx, int cy, uint32_t bg, uint32_t fg, int *votes)
{
    for (int k = 0; k < 4; k++) {
        int x = cx + (k & 1 ? FONT_WIDTH - 1 : 0), y = cy + (k & 2 ? FONT_HEIGHT - 1 : 0);

        if (x >= 0 && y >= 0 && x < s->width && y < s->height) {
            uint32_t p = screentext_pixel(s, x, y);

            *votes += p == bg ? 1 : p == fg ? -1 : 0;
        }
    }
}

/* For a cell that is a character either way: is the colour of its last pixel less common around it than its other one? */
static bool screentext_is_inverse(const Surface *s, int cx, int cy, const uint8_t rows[FONT_HEIGHT])
{
    uint32_t bg = screentext_pixel(s, cx + FONT_WIDTH - 1, cy + FONT_HEIGHT - 1), fg = bg;
    int votes = 0;

    for (int y = 0; y < FONT_HEIGHT; y++) {
        for (int x = 0; x < FONT_WIDTH; x++) {
            fg = rows[y] & 0x80 >> x ? screentext_pixel(s, cx + x, cy + y) : fg;
        }
    }
    for (int dy = -1; dy <= 1; dy++) {
        for (int dx = -1; dx <= 1; dx++) {
            if (dx || dy) {
                screentext_vote(s, cx + dx * FONT_WIDTH, cy + dy * FONT_HEIGHT, bg, fg, &votes);
            }
        }
    }
    return votes < 0;
}

/* The character of a cell; ' ' for an empty one, 0 for none that is known.  The cursor may underline it or invert it. */
static uint32_t screentext_recognise(const Surface *s, int cx, int cy)
{
    uint8_t rows[FONT_HEIGHT], inverse[FONT_HEIGHT];
    uint32_t ch, other = 0;

    if (!screentext_cell(s, cx, cy, rows)) {
        return 0;
    }
    ch = font_recognise(rows);
    if (ch != ' ') { /* blocks are characters either way */
        for (int y = 0; y < FONT_HEIGHT; y++) {
            inverse[y] = (uint8_t)~rows[y];
        }
        other = font_recognise(inverse);
    }
    if (other && (!ch || screentext_is_inverse(s, cx, cy, rows))) {
        ch = other;
    }
    if (!ch) { /* an underline cursor: the last two rows are filled */
        rows[FONT_HEIGHT - 1] = rows[FONT_HEIGHT - 2] = 0;
        ch = font_recognise(rows);
    }
    return ch;
}

/* @unknown: cells with something else in them. */
static unsigned screentext_read_cells(const Surface *s, ConsoleText *t, unsigned *unknown)
{
    unsigned known = 0;

    *unknown = 0;
    for (int y = 0; y < t->rows; y++) {
        for (int x = 0; x < t->cols; x++) {
            uint32_t ch = screentext_recognise(s, x * FONT_WIDTH, y * FONT_HEIGHT);

            known += ch && ch != ' ';
            *unknown += !ch;
            t->cells[y * t->cols + x] = (ConsoleCell){ .ch = ch ? ch : 0xfffd };
        }
    }
    return known;
}

/* The guest's memory is searched for its font at most so often. */
static bool screentext_may_learn(void)
{
    static int64_t next_ns;
    int64_t now = clock_ns(CLOCK_KIND_REALTIME);

    if (now < next_ns) {
        return false;
    }
    next_ns = now + SCREENTEXT_LEARN_S * NS_PER_SEC;
    return true;
}

static bool screentext_from_picture(Console *c, ConsoleText *t)
{
    const Surface *s = console_surface(c);
    unsigned unknown;

    if (!s || !font_loaded() || s->width < FONT_WIDTH || s->height < FONT_HEIGHT) {
        return false;
    }
    console_text_resize(t, s->width / FONT_WIDTH, s->height / FONT_HEIGHT);
    unsigned known = screentext_read_cells(s, t, &unknown);

    if (known && unknown && unknown <= known && screentext_may_learn() && font_learn()) {
        known = screentext_read_cells(s, t, &unknown);
    }
    return known && unknown <= known; /* pictures beside text (a boot logo) are fine */
}

static char *screentext_print(const ConsoleText *t)
{
    GString *out = g_string_new(NULL);
    gsize end = 0;

    for (int y = 0; y < t->rows; y++) {
        gsize line_end = out->len;

        for (int x = 0; x < t->cols; x++) {
            uint32_t ch = t->cells[y * t->cols + x].ch;

            if (!ch && x > 0 && (t->cells[y * t->cols + x - 1].flags & CELL_WIDE)) {
                continue;
            }
            g_string_append_unichar(out, ch >= ' ' ? ch : ' ');
            line_end = ch > ' ' ? out->len : line_end;
        }
        g_string_truncate(out, line_end);
        bool empty = !out->len || out->str[out->len - 1] == '\n';

        g_string_append_c(out, '\n');
        end = empty ? end : out->len;
    }
    g_string_truncate(out, end);
    return g_string_free(out, FALSE);
}

char *screentext_read(Console *c, Error **errp)
{
    ConsoleText t = { 0 };
    char *text = NULL;

    if (console_text(c, &t)) {
        text = screentext_print(&t);
    } else {
        console_refresh(c);
        if (screentext_from_picture(c, &t)) {
            text = screentext_print(&t);
        } else {
            error_set(errp, "the screen shows no text that can be read");
            error_add_hint(errp, "Text modes, and graphics with the PC's 8x16 font can be; screendump saves a picture.");
        }
    }
    console_text_clear(&t);
    return text;
}
