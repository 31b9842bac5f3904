/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A terminal's control sequences: ESC [ parameters final (ECMA-48).  Main thread, big lock. */
#include "util/osdep.h"
#include "ui/term-int.h"

static int term_param(const Term *t, int n, int otherwise)
{
    return n < t->param_count && t->params[n] ? t->params[n] : otherwise;
}

/* ---- colours ---- */

/* Entry of the 256-colour palette: 16 colours, a cube of 6x6x6, 24 greys. */
static uint32_t term_palette(int i)
{
    static const uint8_t steps[6] = { 0, 95, 135, 175, 215, 255 };

    if (i < 16) {
        return term_colors[MAX(i, 0)];
    }
    if (i < 232) {
        i -= 16;
        return (uint32_t)steps[i / 36] << 16 | (uint32_t)steps[i / 6 % 6] << 8 | steps[i % 6];
    }
    uint32_t grey = (uint32_t)(8 + (MIN(i, 255) - 232) * 10);

    return grey << 16 | grey << 8 | grey;
}

/* 38 and 48: ;5;INDEX or ;2;R;G;B.  Returns how many parameters it took. */
static int term_extended_color(const Term *t, int n, uint32_t *color)
{
    if (term_param(t, n + 1, 0) == 5) {
        *color = term_palette(term_param(t, n + 2, 0));
        return 2;
    }
    if (term_param(t, n + 1, 0) == 2) {
        *color = (uint32_t)MIN(term_param(t, n + 2, 0), 255) << 16 | (uint32_t)MIN(term_param(t, n + 3, 0), 255) << 8 |
                 (uint32_t)MIN(term_param(t, n + 4, 0), 255);
        return 4;
    }
    return 0;
}

static void term_rendition_color(Term *t, int p)
{
    TermPen *pen = &t->pen;

    if (p >= 30 && p <= 37) {
        pen->fg = term_colors[p - 30];
        pen->fg_index = (int8_t)(p - 30);
    } else if (p >= 40 && p <= 47) {
        pen->bg = term_colors[p - 40];
    } else if (p >= 90 && p <= 97) {
        pen->fg = term_colors[p - 90 + 8];
        pen->fg_index = -1;
    } else if (p >= 100 && p <= 107) {
        pen->bg = term_colors[p - 100 + 8];
    }
}

/* SGR.  Returns how many further parameters it took. */
static int term_rendition(Term *t, int n)
{
    TermPen *pen = &t->pen, plain = term_plain_pen();
    int p = term_param(t, n, 0);

    switch (p) {
    case 0: *pen = plain; break;
    case 1: pen->flags |= CELL_BOLD; break;
    case 4: pen->flags |= CELL_UNDERLINE; break;
    case 5: pen->flags |= CELL_BLINK; break;
    case 7: pen->reverse = true; break;
    case 22: pen->flags &= ~(uint32_t)CELL_BOLD; break;
    case 24: pen->flags &= ~(uint32_t)CELL_UNDERLINE; break;
    case 25: pen->flags &= ~(uint32_t)CELL_BLINK; break;
    case 27: pen->reverse = false; break;
    case 38:
        pen->fg_index = -1;
        return term_extended_color(t, n, &pen->fg);
    case 39:
        pen->fg = plain.fg;
        pen->fg_index = plain.fg_index;
        break;
    case 48: return term_extended_color(t, n, &pen->bg);
    case 49: pen->bg = plain.bg; break;
    default: term_rendition_color(t, p); break;
    }
    return 0;
}

/* ---- places ---- */

static void term_go(Term *t, int x, int y)
{
    t->x = CLAMP(x, 0, t->cols - 1);
    t->y = CLAMP(y, 0, t->rows - 1);
}

static void term_erase_screen(Term *t, int how)
{
    for (int y = 0; y < t->rows; y++) {
        bool before = y < t->y, after = y > t->y;

        if (how >= 2 || (how == 1 && before) || (how == 0 && after)) {
            term_clear(t, y, 0, t->cols);
        } else if (y == t->y) {
            term_clear(t, y, how == 0 ? t->x : 0, how == 0 ? t->cols : t->x + 1);
        }
    }
}

static void term_erase_line(Term *t, int how)
{
    term_clear(t, t->y, how == 0 ? t->x : 0, how == 1 ? t->x + 1 : t->cols);
}

/* Cells of the cursor's line from the cursor on: moved right (@n positive) or left. */
static void term_shift(Term *t, int n)
{
    ConsoleCell *line = term_line(t, t->y);
    int x = MIN(t->x, t->cols - 1), width = t->cols - x, count = MIN(abs(n), width);

    if (n > 0) {
        memmove(line + x + count, line + x, sizeof(*line) * (size_t)(width - count));
        term_clear(t, t->y, x, x + count);
    } else {
        memmove(line + x, line + x + count, sizeof(*line) * (size_t)(width - count));
        term_clear(t, t->y, t->cols - count, t->cols);
    }
    for (int i = x; i < t->cols; i++) { /* halves of wide characters that lost the other one */
        if ((line[i].flags & CELL_WIDE) && (i + 1 == t->cols || line[i + 1].ch)) {
            line[i] = (ConsoleCell){ .ch = ' ', .fg = line[i].fg, .bg = line[i].bg };
        } else if (!line[i].ch && (i == 0 || !(line[i - 1].flags & CELL_WIDE))) {
            line[i].ch = ' ';
        }
    }
}

static void term_region(Term *t)
{
    int top = term_param(t, 0, 1) - 1, bottom = term_param(t, 1, t->rows) - 1;

    if (top < bottom && bottom < t->rows) {
        t->top = top;
        t->bottom = bottom;
        term_go(t, 0, 0);
    }
}

static void term_mode(Term *t, bool on)
{
    for (int i = 0; t->prefix == '?' && i < t->param_count; i++) {
        if (t->params[i] == 25) {
            t->cursor_hidden = !on;
        } else if (t->params[i] == 7) {
            t->no_wrap = !on;
        } else if (on && (t->params[i] == 1049 || t->params[i] == 47)) {
            term_erase_screen(t, 2); /* there is no second screen: the program draws all of it */
        }
    }
}

/* Answers to questions go where typed keys go. */
static void term_report(Term *t, char final)
{
    char text[32] = "";

    if (final == 'n' && term_param(t, 0, 0) == 6) {
        g_snprintf(text, sizeof(text), "\033[%d;%dR", t->y + 1, MIN(t->x, t->cols - 1) + 1);
    } else if (final == 'n' && term_param(t, 0, 0) == 5) {
        g_strlcpy(text, "\033[0n", sizeof(text));
    } else if (final == 'c' && !t->prefix) {
        g_strlcpy(text, "\033[?6c", sizeof(text)); /* a VT102 */
    }
    if (*text) {
        t->typed(t->opaque, text, strlen(text));
    }
}

static void term_lines(Term *t, char final)
{
    int n = term_param(t, 0, 1);

    switch (final) {
    case 'L':
    case 'M':
        if (t->y >= t->top && t->y <= t->bottom) {
            bool whole = t->y == 0 && t->bottom == t->rows - 1; /* deleted lines are no history */

            if (whole && final == 'M') {
                for (int i = 0; i < MIN(n, t->rows); i++) {
                    term_scroll(t, 0, t->rows - 2, 1);
                    memcpy(term_line(t, t->rows - 2), term_line(t, t->rows - 1), sizeof(ConsoleCell) * (size_t)t->cols);
                    term_clear(t, t->rows - 1, 0, t->cols);
                }
            } else {
                term_scroll(t, t->y, t->bottom, final == 'M' ? n : -n);
            }
        }
        break;
    case 'S': term_scroll(t, t->top, t->bottom, n); break;
    case 'T': term_scroll(t, t->top, t->bottom, -n); break;
    default: break;
    }
}

void term_csi(Term *t, char final)
{
    int n = term_param(t, 0, 1);

    switch (final) {
    case 'A': term_go(t, t->x, t->y - n); break;
    case 'B':
    case 'e': term_go(t, t->x, t->y + n); break;
    case 'C':
    case 'a': term_go(t, MIN(t->x, t->cols - 1) + n, t->y); break;
    case 'D': term_go(t, MIN(t->x, t->cols - 1) - n, t->y); break;
    case 'E': term_go(t, 0, t->y + n); break;
    case 'F': term_go(t, 0, t->y - n); break;
    case 'G':
    case '`': term_go(t, n - 1, t->y); break;
    case 'd': term_go(t, t->x, n - 1); break;
    case 'H':
    case 'f': term_go(t, term_param(t, 1, 1) - 1, n - 1); break;
    case 'J': term_erase_screen(t, term_param(t, 0, 0)); break;
    case 'K': term_erase_line(t, term_param(t, 0, 0)); break;
    case 'X': term_clear(t, t->y, t->x, t->x + n); break;
    case '@': term_shift(t, n); break;
    case 'P': term_shift(t, -n); break;
    case 'L':
    case 'M':
    case 'S':
    case 'T': term_lines(t, final); break;
    case 'r': term_region(t); break;
    case 'h': term_mode(t, true); break;
    case 'l': term_mode(t, false); break;
    case 'n':
    case 'c': term_report(t, final); break;
    case 'm':
        for (int i = 0; i < t->param_count; i++) {
            i += term_rendition(t, i);
        }
        break;
    default: break;
    }
}
