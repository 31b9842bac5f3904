/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The screen's characters in a terminal, by ncurses.  A picture without text says only what it is.  Keys come as characters and
 * are typed on the layout -k; Alt-1 to Alt-9 (Esc and a digit) show other consoles.  Main thread, big lock.
 */
#include "util/osdep.h"
#include "ui/curses.h"

#include "ui/display.h"
#include "ui/keymap.h"
#include "util/mainloop.h"

#include <curses.h>
#include <locale.h>

enum { CURSES_PAIRS = 255, CURSES_ESC = 27 };

typedef struct CursesDisplay {
    SCREEN *screen;
    DisplayListener listener;
    ConsoleNotifier consoles;
    uint16_t pairs[CURSES_PAIRS + 1]; /* colours of each pair: foreground << 8 | background, of the terminal */
    int pair_count;
    bool escape;             /* Esc came, alone so far */
} CursesDisplay;

static CursesDisplay *curses_display;

bool curses_built(void)
{
    return true;
}

/* ---- colours ---- */

/* Nearest of the terminal's: the cube and greys of 256, or 8 with brightness. */
static int curses_color(uint32_t rgb)
{
    int r = rgb >> 16 & 255, g = rgb >> 8 & 255, b = rgb & 255;

    if (COLORS >= 256) {
        int max = MAX(r, MAX(g, b)), min = MIN(r, MIN(g, b));

        if (max - min < 8) {
            return max < 8 ? 16 : max > 246 ? 231 : 232 + CLAMP((max - 8) / 10, 0, 23);
        }
        return 16 + (r * 5 + 127) / 255 * 36 + (g * 5 + 127) / 255 * 6 + (b * 5 + 127) / 255;
    }
    return (r > 100 ? 1 : 0) | (g > 60 ? 2 : 0) | (b > 100 ? 4 : 0);
}

static int curses_pair(CursesDisplay *d, uint32_t fg, uint32_t bg)
{
    uint16_t want = (uint16_t)(curses_color(fg) << 8 | curses_color(bg));
    int limit = MIN(CURSES_PAIRS, COLOR_PAIRS - 1);

    for (int i = 1; i <= d->pair_count; i++) {
        if (d->pairs[i] == want) {
            return i;
        }
    }
    if (d->pair_count >= limit) {
        return 0;
    }
    d->pairs[++d->pair_count] = want;
    init_pair((short)d->pair_count, (short)(want >> 8), (short)(want & 255));
    return d->pair_count;
}

/* ---- drawing ---- */

static void curses_draw_cell(CursesDisplay *d, int y, int x, const ConsoleCell *c)
{
    wchar_t text[2] = { c->ch >= ' ' && c->ch != 0x7f ? (wchar_t)c->ch : L' ', 0 };
    attr_t attr = (c->flags & CELL_BLINK ? A_BLINK : 0) | (c->flags & CELL_UNDERLINE ? A_UNDERLINE : 0);
    cchar_t cell;
    int pair = has_colors() ? curses_pair(d, c->fg, c->bg) : 0;

    if (COLORS < 256 && ((c->fg >> 16 & 255) > 200 || (c->fg >> 8 & 255) > 200 || (c->fg & 255) > 200)) {
        attr |= A_BOLD;
    }
    setcchar(&cell, text, attr, (short)pair, NULL);
    mvadd_wch(y, x, &cell);
}

static void curses_draw_text(CursesDisplay *d, const ConsoleText *t)
{
    int rows = MIN(t->rows, LINES), cols = MIN(t->cols, COLS);

    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < cols; x++) {
            const ConsoleCell *c = &t->cells[y * t->cols + x];

            if (c->ch || x == 0) {
                curses_draw_cell(d, y, x, c);
            }
        }
    }
    bool cursor = t->cursor_x >= 0 && t->cursor_x < cols && t->cursor_y >= 0 && t->cursor_y < rows;

    curs_set(cursor ? 1 : 0);
    if (cursor) {
        move(t->cursor_y, t->cursor_x);
    }
}

static void curses_draw(CursesDisplay *d)
{
    Console *c = d->listener.console;
    ConsoleText t = { 0 };

    erase();
    if (c && console_text(c, &t)) {
        curses_draw_text(d, &t);
    } else {
        const Surface *s = c ? console_surface(c) : NULL;
        char *text = s ? g_strdup_printf("%d x %d Graphics mode", s->width, s->height) : g_strdup("No picture yet");

        curs_set(0);
        mvaddstr(LINES / 2, MAX((COLS - (int)strlen(text)) / 2, 0), text);
        g_free(text);
    }
    console_text_clear(&t);
    refresh();
}

static void curses_on_frame(DisplayListener *l)
{
    curses_draw(container_of(l, CursesDisplay, listener));
}

static void curses_show(CursesDisplay *d, Console *c)
{
    display_listener_remove(&d->listener);
    if (c) {
        display_listener_add(&d->listener, c);
    }
    curses_draw(d);
}

static void curses_on_gone(DisplayListener *l)
{
    curses_show(container_of(l, CursesDisplay, listener), console_default());
}

static const DisplayListenerOps curses_listener_ops = { .frame = curses_on_frame, .gone = curses_on_gone };

static void curses_on_consoles(ConsoleNotifier *n)
{
    CursesDisplay *d = container_of(n, CursesDisplay, consoles);

    if (!d->listener.console && console_default()) {
        curses_show(d, console_default());
    }
}

/* ---- keys ---- */

static void curses_tap(CursesDisplay *d, uint32_t keysym)
{
    display_keysym(d->listener.console, keysym, true);
    display_keysym(d->listener.console, keysym, false);
}

static uint32_t curses_function_key(wint_t key)
{
    static const struct {
        int key;
        uint32_t keysym;
    } keys[] = {
        { KEY_BACKSPACE, KEYSYM_BACKSPACE }, { KEY_HOME, KEYSYM_HOME },   { KEY_LEFT, KEYSYM_LEFT },   { KEY_UP, KEYSYM_UP },
        { KEY_RIGHT, KEYSYM_RIGHT },         { KEY_DOWN, KEYSYM_DOWN },   { KEY_PPAGE, KEYSYM_PAGE_UP }, { KEY_END, KEYSYM_END },
        { KEY_NPAGE, KEYSYM_PAGE_DOWN },     { KEY_IC, KEYSYM_INSERT },   { KEY_DC, KEYSYM_DELETE },   { KEY_ENTER, KEYSYM_RETURN },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if ((wint_t)keys[i].key == key) {
            return keys[i].keysym;
        }
    }
    return key >= KEY_F(1) && key <= KEY_F(12) ? KEYSYM_F1 + (uint32_t)(key - KEY_F(1)) : 0;
}

static void curses_character(CursesDisplay *d, wint_t ch)
{
    if (ch == '\r' || ch == '\n') {
        curses_tap(d, KEYSYM_RETURN);
    } else if (ch == '\t') {
        curses_tap(d, KEYSYM_TAB);
    } else if (ch == 127 || ch == '\b') {
        curses_tap(d, KEYSYM_BACKSPACE);
    } else if (ch < 32) { /* Ctrl and a letter */
        display_keysym(d->listener.console, KEYSYM_CTRL_L, true);
        curses_tap(d, ch ? ch + (ch <= 26 ? 'a' - 1 : '@') : ' ');
        display_keysym(d->listener.console, KEYSYM_CTRL_L, false);
    } else if (keysym_from_unicode(ch)) {
        curses_tap(d, keysym_from_unicode(ch));
    }
}

static void curses_key(CursesDisplay *d, int kind, wint_t key)
{
    bool alt = d->escape;

    d->escape = false;
    if (kind == KEY_CODE_YES) {
        if (key == KEY_RESIZE) {
            curses_draw(d);
        } else if (curses_function_key(key)) {
            curses_tap(d, curses_function_key(key));
        }
        return;
    }
    if (key == CURSES_ESC && !alt) {
        d->escape = true;
        return;
    }
    if (alt && key >= '1' && key <= '9' && console_get((int)(key - '1'))) {
        curses_show(d, console_get((int)(key - '1')));
        return;
    }
    if (alt) {
        display_keysym(d->listener.console, KEYSYM_ALT_L, true);
    }
    curses_character(d, key);
    if (alt) {
        display_keysym(d->listener.console, KEYSYM_ALT_L, false);
    }
}

/* The terminal has something; Esc that nothing follows is the key itself. */
static void curses_can_read(void *opaque)
{
    CursesDisplay *d = opaque;
    wint_t key;
    int kind;

    while ((kind = get_wch(&key)) != ERR) {
        curses_key(d, kind, key);
    }
    if (d->escape) {
        d->escape = false;
        curses_tap(d, KEYSYM_ESCAPE);
    }
}

/* ---- birth and death ---- */

bool curses_start(Error **errp)
{
    if (!isatty(0) || !isatty(1)) {
        error_set(errp, "-curses needs a terminal on standard input and output");
        error_add_hint(errp, "-vnc :0 serves the screen to VNC viewers; -nographic shows the serial console.");
        return false;
    }
    setlocale(LC_CTYPE, "");
    SCREEN *screen = newterm(NULL, stdout, stdin);

    if (!screen) {
        error_set(errp, "the terminal '%s' is not known to curses", g_getenv("TERM") ? g_getenv("TERM") : "");
        error_add_hint(errp, "Set TERM to the terminal's type, such as xterm.");
        return false;
    }
    CursesDisplay *d = g_new0(CursesDisplay, 1);

    curses_display = d;
    d->screen = screen;
    d->listener.ops = &curses_listener_ops;
    d->consoles.changed = curses_on_consoles;
    console_notifier_add(&d->consoles);
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    if (has_colors()) {
        start_color();
    }
    fd_watch(0, curses_can_read, NULL, d);
    curses_show(d, console_default());
    return true;
}

void curses_stop(void)
{
    CursesDisplay *d = curses_display;

    if (!d) {
        return;
    }
    curses_display = NULL;
    fd_watch(0, NULL, NULL, NULL);
    console_notifier_remove(&d->consoles);
    display_listener_remove(&d->listener);
    endwin();
    delscreen(d->screen);
    g_free(d);
}
