/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes into characters and escape sequences (ECMA-48; DEC's VT100 for private modes).  Any bytes are safe; sequences have a fixed
 * number of parameters and no stored text.  Main thread, big lock.
 */
#include "util/osdep.h"
#include "ui/term-int.h"

enum { TERM_REPLACEMENT = 0xfffd };

static void term_control(Term *t, uint8_t c)
{
    switch (c) {
    case '\b':
        t->x = MAX(MIN(t->x, t->cols - 1) - 1, 0);
        break;
    case '\t':
        t->x = MIN((t->x / 8 + 1) * 8, t->cols - 1);
        break;
    case '\n':
    case '\v':
    case '\f':
        term_line_feed(t);
        break;
    case '\r':
        t->x = 0;
        break;
    case 27:
        t->state = TERM_ESC;
        break;
    default: /* the bell and the like */
        break;
    }
}

/* DEC's line drawing characters, '`' to '~'. */
static uint32_t term_drawing(uint32_t ch)
{
    static const uint16_t drawing[] = {
        0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1, 0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba,
        0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7,
    };

    return ch >= '`' && ch <= '~' ? drawing[ch - '`'] : ch;
}

/* One byte of text: UTF-8, where a byte that does not fit shows a replacement. */
static void term_text_byte(Term *t, uint8_t c)
{
    if (t->ch_left) {
        if ((c & 0xc0) == 0x80) {
            t->ch = t->ch << 6 | (c & 0x3f);
            if (--t->ch_left == 0) {
                term_put(t, g_unichar_validate(t->ch) && t->ch >= 0xa0 ? t->ch : TERM_REPLACEMENT);
            }
            return;
        }
        t->ch_left = 0;
        term_put(t, TERM_REPLACEMENT);
    }
    if (c < 0x20) {
        term_control(t, c);
    } else if (c < 0x7f) {
        term_put(t, t->graphics ? term_drawing(c) : c);
    } else if (c >= 0xc2 && c < 0xf5) {
        t->ch_left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        t->ch = c & (0x3fu >> t->ch_left);
    } else if (c != 0x7f) {
        term_put(t, TERM_REPLACEMENT);
    }
}

static void term_save(Term *t)
{
    t->saved_x = t->x;
    t->saved_y = t->y;
    t->saved_pen = t->pen;
}

static void term_restore(Term *t)
{
    t->x = MIN(t->saved_x, t->cols);
    t->y = MIN(t->saved_y, t->rows - 1);
    t->pen = t->saved_pen;
}

/* After ESC. */
static void term_escape(Term *t, uint8_t c)
{
    t->state = TERM_TEXT;
    switch (c) {
    case '[':
        t->state = TERM_CSI;
        memset(t->params, 0, sizeof(t->params));
        t->param_count = 0;
        t->prefix = 0;
        break;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
        t->state = TERM_STRING;
        break;
    case '(':
    case ')':
    case '*':
    case '+':
    case '#':
    case '%':
        t->state = TERM_CHARSET;
        t->prefix = (char)c;
        break;
    case '7': term_save(t); break;
    case '8': term_restore(t); break;
    case 'E': t->x = 0; /* fall through */
    case 'D': term_line_feed(t); break;
    case 'M':
        if (t->y == t->top) {
            term_scroll(t, t->top, t->bottom, -1);
        } else {
            t->y = MAX(t->y - 1, 0);
        }
        break;
    case 'c': term_reset(t); break;
    default: break;
    }
}

static void term_csi_byte(Term *t, uint8_t c)
{
    if (c >= '0' && c <= '9') {
        int *p = &t->params[MIN(t->param_count, TERM_ESC_PARAMS - 1)];

        *p = MIN(*p * 10 + (c - '0'), 9999);
    } else if (c == ';' || c == ':') {
        t->param_count = MIN(t->param_count + 1, TERM_ESC_PARAMS);
    } else if (c >= '<' && c <= '?') {
        t->prefix = (char)c;
    } else if (c >= '@' && c <= '~') {
        t->param_count = MIN(t->param_count + 1, TERM_ESC_PARAMS);
        t->state = TERM_TEXT;
        if (c == 's' && !t->prefix) {
            term_save(t);
        } else if (c == 'u' && !t->prefix) {
            term_restore(t);
        } else {
            term_csi(t, (char)c);
        }
    } else if (c == 27) {
        t->state = TERM_ESC;
    } else if (c < 0x20) {
        term_control(t, c);
    }
}

static void term_byte(Term *t, uint8_t c)
{
    switch (t->state) {
    case TERM_TEXT: term_text_byte(t, c); break;
    case TERM_ESC: term_escape(t, c); break;
    case TERM_CSI: term_csi_byte(t, c); break;
    case TERM_CHARSET:
        if (t->prefix == '(') {
            t->graphics = c == '0';
        }
        t->state = TERM_TEXT;
        break;
    case TERM_STRING: /* titles and the like: up to BEL or ESC \ */
        t->state = c == 7 || c == 0x9c ? TERM_TEXT : c == 27 ? TERM_STRING_ESC : TERM_STRING;
        break;
    case TERM_STRING_ESC:
        t->state = TERM_TEXT;
        if (c != '\\') {
            term_escape(t, c);
        }
        break;
    }
}

void term_write(Term *t, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        term_byte(t, bytes[i]);
    }
    console_changed(t->console);
}
