/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A terminal's grid, its history, and its picture.  See term.h.  Main thread, big lock. */
#include "util/osdep.h"
#include "ui/term-int.h"

#include "ui/font.h"

enum { TERM_COLS = 80, TERM_ROWS = 24, TERM_COLS_MAX = 500, TERM_ROWS_MAX = 300, TERM_TAB = 8 };

/* The VGA's colours in the order of ANSI. */
const uint32_t term_colors[16] = {
    0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa,
    0x555555, 0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff,
};

TermPen term_plain_pen(void)
{
    return (TermPen){ .fg = term_colors[7], .bg = term_colors[0], .fg_index = 7 };
}

/* ---- lines ---- */

ConsoleCell *term_line(const Term *t, int y)
{
    return t->lines->pdata[(int)t->lines->len - t->rows + y];
}

void term_clear(Term *t, int y, int from, int to)
{
    ConsoleCell *line = term_line(t, y);

    for (int x = MAX(from, 0); x < MIN(to, t->cols); x++) {
        line[x] = (ConsoleCell){ .ch = ' ', .fg = t->pen.fg, .bg = t->pen.reverse ? t->pen.fg : t->pen.bg };
    }
}

static ConsoleCell *term_new_line(const Term *t)
{
    ConsoleCell *line = g_new(ConsoleCell, (size_t)t->cols);

    for (int x = 0; x < t->cols; x++) {
        line[x] = (ConsoleCell){ .ch = ' ', .fg = t->pen.fg, .bg = t->pen.bg };
    }
    return line;
}

/* The whole screen goes up: its first line becomes history. */
static void term_scroll_off(Term *t)
{
    if (t->lines->len >= (guint)t->rows + TERM_SCROLL_BACK) {
        g_ptr_array_add(t->lines, g_ptr_array_steal_index(t->lines, 0));
    } else {
        g_ptr_array_add(t->lines, term_new_line(t));
    }
    if (t->back) { /* who reads history goes on seeing the same lines */
        t->back = MIN(t->back + 1, (int)t->lines->len - t->rows);
    }
    term_clear(t, t->rows - 1, 0, t->cols);
}

void term_scroll(Term *t, int top, int bottom, int lines)
{
    int height = bottom - top + 1, first = (int)t->lines->len - t->rows;
    int n = CLAMP(lines, -height, height);

    if (top == 0 && bottom == t->rows - 1 && n > 0) {
        for (int i = 0; i < n; i++) {
            term_scroll_off(t);
        }
        return;
    }
    for (int i = 0; i < abs(n); i++) { /* rotate the lines, then clear the one that came round */
        int from = first + (n > 0 ? top : bottom), to = first + (n > 0 ? bottom : top);
        gpointer line = t->lines->pdata[from];

        for (int k = from; k != to; k += n > 0 ? 1 : -1) {
            t->lines->pdata[k] = t->lines->pdata[k + (n > 0 ? 1 : -1)];
        }
        t->lines->pdata[to] = line;
        term_clear(t, to - first, 0, t->cols);
    }
}

void term_line_feed(Term *t)
{
    if (t->y == t->bottom) {
        term_scroll(t, t->top, t->bottom, 1);
    } else if (t->y < t->rows - 1) {
        t->y++;
    }
}

static ConsoleCell term_cell(const Term *t, uint32_t ch)
{
    uint32_t fg = t->pen.fg;

    if ((t->pen.flags & CELL_BOLD) && t->pen.fg_index >= 0) {
        fg = term_colors[t->pen.fg_index + 8];
    }
    return (ConsoleCell){ .ch = ch, .fg = t->pen.reverse ? t->pen.bg : fg, .bg = t->pen.reverse ? fg : t->pen.bg,
                          .flags = t->pen.flags };
}

void term_put(Term *t, uint32_t ch)
{
    int width = g_unichar_iszerowidth(ch) ? 0 : g_unichar_iswide(ch) ? 2 : 1;

    if (!width || width > t->cols) {
        return;
    }
    if (t->x + width > t->cols) {
        if (t->no_wrap) {
            t->x = t->cols - width;
        } else {
            t->x = 0;
            term_line_feed(t);
        }
    }
    ConsoleCell *cell = term_line(t, t->y) + t->x;

    cell[0] = term_cell(t, ch);
    if (width == 2) {
        cell[0].flags |= CELL_WIDE;
        cell[1] = term_cell(t, 0);
    }
    t->x += width;
}

void term_reset(Term *t)
{
    t->pen = t->saved_pen = term_plain_pen();
    t->x = t->y = t->top = t->saved_x = t->saved_y = t->back = 0;
    t->bottom = t->rows - 1;
    t->cursor_hidden = t->no_wrap = t->graphics = false;
    for (int y = 0; y < t->rows; y++) {
        term_clear(t, y, 0, t->cols);
    }
}

/* ---- size ---- */

/* The lines at the bottom stay; new columns are empty. */
static void term_resize(Term *t, int cols, int rows)
{
    GPtrArray *old = t->lines;
    int old_cols = t->cols, keep = MIN((int)old->len, rows + TERM_SCROLL_BACK);

    t->lines = g_ptr_array_new_with_free_func(g_free);
    t->cols = cols;
    t->rows = rows;
    for (int i = keep; i > 0; i--) {
        ConsoleCell *line = term_new_line(t);

        memcpy(line, old->pdata[(int)old->len - i], sizeof(*line) * (size_t)MIN(cols, old_cols));
        if (line[cols - 1].flags & CELL_WIDE) { /* cut in two */
            line[cols - 1].flags = 0;
            line[cols - 1].ch = ' ';
        }
        g_ptr_array_add(t->lines, line);
    }
    while ((int)t->lines->len < rows) {
        g_ptr_array_add(t->lines, term_new_line(t));
    }
    g_ptr_array_unref(old);
    t->top = 0;
    t->bottom = rows - 1;
    t->back = 0;
    t->x = CLAMP(t->x, 0, cols);
    t->y = CLAMP(t->y, 0, rows - 1);
    t->saved_x = t->saved_y = 0;
}

static void term_size_hint(void *opaque, const ConsoleSizeHint *hint)
{
    Term *t = opaque;
    int cols = CLAMP(hint->width / FONT_WIDTH, 20, TERM_COLS_MAX), rows = CLAMP(hint->height / FONT_HEIGHT, 4, TERM_ROWS_MAX);

    if (cols != t->cols || rows != t->rows) {
        term_resize(t, cols, rows);
        console_changed(t->console);
    }
}

/* ---- picture ---- */

/* What is to be seen at a place: history while scrolled back, the cursor as an inverted cell. */
static ConsoleCell term_visible(const Term *t, int x, int y)
{
    const ConsoleCell *line = t->lines->pdata[(int)t->lines->len - t->rows - t->back + y];
    ConsoleCell c = line[x];

    if (!t->back && !t->cursor_hidden && y == t->y && x == MIN(t->x, t->cols - 1)) {
        uint32_t fg = c.fg;

        c.fg = c.bg;
        c.bg = fg == c.bg ? term_colors[7] : fg;
    }
    return c;
}

static void term_draw_cell(const Surface *s, int x, int y, const ConsoleCell *c)
{
    const uint8_t *glyph = font_glyph(c->ch);
    bool wide = c->flags & CELL_WIDE; /* the font has none: the left half, and nothing to its right */

    for (int row = 0; row < FONT_HEIGHT; row++) {
        uint32_t *out = (uint32_t *)(void *)(s->data + (size_t)(y * FONT_HEIGHT + row) * (size_t)s->stride) + x * FONT_WIDTH;
        uint8_t bits = (c->flags & CELL_UNDERLINE) && row == FONT_HEIGHT - 2 ? 0xff : glyph[row];

        for (int i = 0; i < FONT_WIDTH * (wide ? 2 : 1); i++) {
            out[i] = i < FONT_WIDTH && (bits & 0x80 >> i) ? c->fg : c->bg;
        }
    }
}

static int64_t term_refresh(void *opaque)
{
    Term *t = opaque;
    Surface *s = console_resize(t->console, t->cols * FONT_WIDTH, t->rows * FONT_HEIGHT);
    bool all = !t->drawn || t->drawn_cols != t->cols || t->drawn_rows != t->rows;

    if (all) {
        g_free(t->drawn);
        t->drawn = g_new0(ConsoleCell, (size_t)t->cols * (size_t)t->rows);
        t->drawn_cols = t->cols;
        t->drawn_rows = t->rows;
    }
    for (int y = 0; y < t->rows; y++) {
        int first = t->cols, last = -1;

        for (int x = 0; x < t->cols; x++) {
            ConsoleCell c = term_visible(t, x, y), *old = &t->drawn[y * t->cols + x];

            if (!all && !memcmp(&c, old, sizeof(c))) {
                continue;
            }
            *old = c;
            first = MIN(first, x);
            last = MAX(last, x + (c.flags & CELL_WIDE ? 1 : 0));
            if (c.ch || x == 0) { /* 0: drawn with its left half */
                term_draw_cell(s, x, y, &c);
            }
        }
        if (last >= 0) {
            console_update(t->console, first * FONT_WIDTH, y * FONT_HEIGHT, (last - first + 1) * FONT_WIDTH, FONT_HEIGHT);
        }
    }
    return CONSOLE_NEVER;
}

static void term_invalidate(void *opaque)
{
    Term *t = opaque;

    g_free(t->drawn);
    t->drawn = NULL;
}

static bool term_text(void *opaque, ConsoleText *out)
{
    Term *t = opaque;
    bool cursor = !t->back && !t->cursor_hidden;

    console_text_resize(out, t->cols, t->rows);
    for (int y = 0; y < t->rows; y++) {
        memcpy(out->cells + y * t->cols, t->lines->pdata[(int)t->lines->len - t->rows - t->back + y],
               sizeof(ConsoleCell) * (size_t)t->cols);
    }
    out->cursor_x = cursor ? MIN(t->x, t->cols - 1) : -1;
    out->cursor_y = cursor ? t->y : -1;
    return true;
}

static void term_type(void *opaque, const char *bytes, size_t len)
{
    Term *t = opaque;

    if (t->back) {
        t->back = 0;
        console_changed(t->console);
    }
    t->typed(t->opaque, bytes, len);
}

static void term_scroll_view(void *opaque, int lines)
{
    Term *t = opaque;

    t->back = CLAMP(t->back - lines, 0, (int)t->lines->len - t->rows);
    console_changed(t->console);
}

static const ConsoleOps term_ops = {
    .kind = CONSOLE_TEXT,
    .refresh = term_refresh,
    .invalidate = term_invalidate,
    .text = term_text,
    .size_hint = term_size_hint,
    .type = term_type,
    .scroll = term_scroll_view,
};

/* ---- birth and death ---- */

Term *term_new(const char *name, int cols, int rows, void (*typed)(void *opaque, const char *bytes, size_t len), void *opaque)
{
    Term *t = g_new0(Term, 1);

    t->typed = typed;
    t->opaque = opaque;
    t->cols = cols ? CLAMP(cols, 2, TERM_COLS_MAX) : TERM_COLS;
    t->rows = rows ? CLAMP(rows, 2, TERM_ROWS_MAX) : TERM_ROWS;
    t->pen = term_plain_pen();
    t->lines = g_ptr_array_new_with_free_func(g_free);
    while ((int)t->lines->len < t->rows) {
        g_ptr_array_add(t->lines, term_new_line(t));
    }
    t->console = console_new(name, &term_ops, t);
    term_reset(t);
    return t;
}

void term_free(Term *t)
{
    console_free(t->console);
    g_ptr_array_unref(t->lines);
    g_free(t->drawn);
    g_free(t);
}

Console *term_console(Term *t)
{
    return t->console;
}
