/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the grid of a terminal (term.c) and what understands its input (term-parse.c). */
#ifndef UI_TERM_INT_H
#define UI_TERM_INT_H

#include "ui/term.h"

enum { TERM_ESC_PARAMS = 16, TERM_SCROLL_BACK = 2000 /* lines */ };

typedef enum TermState { TERM_TEXT, TERM_ESC, TERM_CSI, TERM_CHARSET, TERM_STRING, TERM_STRING_ESC } TermState;

/* How characters are written from now on. */
typedef struct TermPen {
    uint32_t fg, bg;
    uint32_t flags; /* CELL_* */
    bool reverse;
    int8_t fg_index; /* 0..7: bold makes it bright; -1: not one of those */
} TermPen;

struct Term {
    Console *console;
    void (*typed)(void *opaque, const char *bytes, size_t len);
    void *opaque;

    int cols, rows;
    GPtrArray *lines;  /* ConsoleCell[cols]; the last @rows are the screen, those before it are history */
    int back;          /* lines that the view is scrolled up */
    int x, y;          /* cursor; x == cols: behind the last column, the next character wraps */
    int top, bottom;   /* scrolled lines, inclusive */
    int saved_x, saved_y;
    TermPen pen, saved_pen;
    bool cursor_hidden, no_wrap, graphics /* DEC line drawing */;

    ConsoleCell *drawn; /* what the surface shows; NULL: nothing */
    int drawn_cols, drawn_rows;

    TermState state;
    uint32_t ch;        /* UTF-8 character in the making */
    int ch_left;
    int params[TERM_ESC_PARAMS], param_count;
    char prefix;        /* '?', '>', or 0 */
};

/* term.c */
extern const uint32_t term_colors[16];
TermPen term_plain_pen(void);
ConsoleCell *term_line(const Term *t, int y);
void term_clear(Term *t, int y, int from, int to); /* cells of a line with the pen's background */
void term_scroll(Term *t, int top, int bottom, int lines); /* up: positive */
void term_put(Term *t, uint32_t ch);
void term_line_feed(Term *t);
void term_reset(Term *t);
/* term-csi.c */
void term_csi(Term *t, char final);

#endif
