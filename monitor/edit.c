/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small line editor for a monitor on any character device: cursor keys, history, completion.  It assumes a terminal
 * that knows ESC [ sequences (ECMA-48).  Main thread, big lock.
 */
#include "util/osdep.h"
#include "monitor/monitor-int.h"

#define EDITOR_LINE_MAX 4095
#define EDITOR_HISTORY_MAX 64

enum { ESC_NONE, ESC_SEEN, ESC_CSI, ESC_SS3 };

struct Editor {
    const EditorOps *ops;
    void *opaque;
    char *prompt;
    GString *line;
    size_t cursor;
    int escape;       /* ESC_* */
    int escape_arg;
    GPtrArray *history;
    unsigned browsing; /* index into history; history->len: the new line */
    char *unfinished;  /* the new line, while history is shown */
};

static void editor_write(Editor *e, const char *text)
{
    e->ops->write(e->opaque, text);
}

Editor *editor_new(const EditorOps *ops, void *opaque, const char *prompt)
{
    Editor *e = g_new0(Editor, 1);
    e->ops = ops;
    e->opaque = opaque;
    e->prompt = g_strdup(prompt);
    e->line = g_string_new(NULL);
    e->history = g_ptr_array_new_with_free_func(g_free);
    return e;
}

void editor_free(Editor *e)
{
    g_free(e->prompt);
    g_free(e->unfinished);
    g_string_free(e->line, TRUE);
    g_ptr_array_unref(e->history);
    g_free(e);
}

const GPtrArray *editor_history(const Editor *e)
{
    return e->history;
}

void editor_clear(Editor *e)
{
    g_string_truncate(e->line, 0);
    e->cursor = 0;
    e->browsing = e->history->len;
}

void editor_prompt(Editor *e)
{
    editor_write(e, e->prompt);
    editor_write(e, e->line->str);
}

/* The whole line anew, the cursor where it belongs. */
static void editor_redraw(Editor *e)
{
    editor_write(e, "\r");
    editor_prompt(e);
    editor_write(e, "\033[K");
    size_t back = e->line->len - e->cursor;
    if (back) {
        char text[24];
        g_snprintf(text, sizeof(text), "\033[%zuD", back);
        editor_write(e, text);
    }
}

static void editor_insert(Editor *e, const char *text)
{
    size_t len = strlen(text);
    if (e->line->len + len > EDITOR_LINE_MAX) {
        return;
    }
    bool at_end = e->cursor == e->line->len;
    g_string_insert(e->line, (gssize)e->cursor, text);
    e->cursor += len;
    if (at_end) {
        editor_write(e, text);
    } else {
        editor_redraw(e);
    }
}

static void editor_erase(Editor *e, size_t from, size_t to)
{
    if (from < to && to <= e->line->len) {
        g_string_erase(e->line, (gssize)from, (gssize)(to - from));
        e->cursor = from;
        editor_redraw(e);
    }
}

static void editor_move(Editor *e, size_t cursor)
{
    if (cursor <= e->line->len && cursor != e->cursor) {
        e->cursor = cursor;
        editor_redraw(e);
    }
}

/* History. */

static void editor_show(Editor *e, unsigned index)
{
    if (e->browsing == e->history->len) {
        g_free(e->unfinished);
        e->unfinished = g_strdup(e->line->str);
    }
    e->browsing = index;
    g_string_assign(e->line, index == e->history->len ? e->unfinished : (char *)e->history->pdata[index]);
    e->cursor = e->line->len;
    editor_redraw(e);
}

static void editor_older(Editor *e)
{
    if (e->browsing > 0) {
        editor_show(e, e->browsing - 1);
    }
}

static void editor_newer(Editor *e)
{
    if (e->browsing < e->history->len) {
        editor_show(e, e->browsing + 1);
    }
}

/* A line that was there before moves to the end. */
static void editor_remember(Editor *e, const char *line)
{
    if (!*line) {
        return;
    }
    for (unsigned i = 0; i < e->history->len; i++) {
        if (!strcmp(e->history->pdata[i], line)) {
            g_ptr_array_remove_index(e->history, i);
            break;
        }
    }
    if (e->history->len == EDITOR_HISTORY_MAX) {
        g_ptr_array_remove_index(e->history, 0);
    }
    g_ptr_array_add(e->history, g_strdup(line));
}

static void editor_enter(Editor *e)
{
    char *line = g_strdup(e->line->str);
    editor_write(e, "\n");
    editor_remember(e, line);
    editor_clear(e);
    e->ops->line(e->opaque, line);
    g_free(line);
}

/* Completion. */

static size_t editor_common(const GPtrArray *matches)
{
    const char *first = matches->pdata[0];
    size_t len = strlen(first);
    for (unsigned i = 1; i < matches->len; i++) {
        const char *m = matches->pdata[i];
        size_t n = 0;
        while (n < len && m[n] == first[n]) {
            n++;
        }
        len = n;
    }
    return len;
}

static int editor_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void editor_list(Editor *e, GPtrArray *matches)
{
    g_ptr_array_sort(matches, editor_compare);
    editor_write(e, "\n");
    for (unsigned i = 0; i < matches->len; i++) {
        editor_write(e, matches->pdata[i]);
        editor_write(e, i + 1 < matches->len ? "  " : "\n");
    }
    editor_prompt(e);
    editor_redraw(e);
}

static void editor_complete(Editor *e)
{
    GPtrArray *matches = g_ptr_array_new_with_free_func(g_free);
    char *before = g_strndup(e->line->str, e->cursor);
    e->ops->complete(e->opaque, before, matches);
    const char *blank = strrchr(before, ' ');
    size_t typed = strlen(blank ? blank + 1 : before);
    if (matches->len) {
        size_t common = editor_common(matches);
        char *more = g_strndup((char *)matches->pdata[0] + typed, common - typed);
        if (*more) {
            editor_insert(e, more);
        }
        if (matches->len == 1) {
            editor_insert(e, " ");
        } else if (!*more) {
            editor_list(e, matches);
        }
        g_free(more);
    }
    g_free(before);
    g_ptr_array_unref(matches);
}

/* Keys. */

static size_t editor_word_start(const Editor *e)
{
    size_t i = e->cursor;
    while (i > 0 && e->line->str[i - 1] == ' ') {
        i--;
    }
    while (i > 0 && e->line->str[i - 1] != ' ') {
        i--;
    }
    return i;
}

static void editor_cursor_key(Editor *e, uint8_t key)
{
    switch (key) {
    case 'A': editor_older(e); break;
    case 'B': editor_newer(e); break;
    case 'C': editor_move(e, e->cursor + 1); break;
    case 'D': editor_move(e, e->cursor ? e->cursor - 1 : 0); break;
    case 'H': editor_move(e, 0); break;
    case 'F': editor_move(e, e->line->len); break;
    case '~':
        if (e->escape_arg == 1 || e->escape_arg == 7) {
            editor_move(e, 0);
        } else if (e->escape_arg == 4 || e->escape_arg == 8) {
            editor_move(e, e->line->len);
        } else if (e->escape_arg == 3) {
            editor_erase(e, e->cursor, e->cursor + 1);
        }
        break;
    default: break;
    }
}

static void editor_escape(Editor *e, uint8_t byte)
{
    if (e->escape == ESC_SEEN) {
        e->escape = byte == '[' ? ESC_CSI : byte == 'O' ? ESC_SS3 : ESC_NONE;
        e->escape_arg = 0;
    } else if (e->escape == ESC_CSI && byte >= '0' && byte <= '9') {
        e->escape_arg = MIN(e->escape_arg * 10 + byte - '0', 1000);
    } else if (byte >= 0x40 && byte <= 0x7e) {
        e->escape = ESC_NONE;
        editor_cursor_key(e, byte);
    } else if (byte < 0x20 || byte > 0x7e) {
        e->escape = ESC_NONE;
    }
}

static void editor_control(Editor *e, uint8_t byte)
{
    switch (byte) {
    case '\r':
    case '\n': editor_enter(e); break;
    case '\t': editor_complete(e); break;
    case 1: editor_move(e, 0); break;                              /* Ctrl-A */
    case 2: editor_move(e, e->cursor ? e->cursor - 1 : 0); break;  /* Ctrl-B */
    case 4: editor_erase(e, e->cursor, e->cursor + 1); break;      /* Ctrl-D */
    case 5: editor_move(e, e->line->len); break;                   /* Ctrl-E */
    case 6: editor_move(e, e->cursor + 1); break;                  /* Ctrl-F */
    case 8:
    case 127: editor_erase(e, e->cursor ? e->cursor - 1 : 0, e->cursor); break;
    case 11: editor_erase(e, e->cursor, e->line->len); break;      /* Ctrl-K */
    case 12: editor_redraw(e); break;                              /* Ctrl-L */
    case 14: editor_newer(e); break;                               /* Ctrl-N */
    case 16: editor_older(e); break;                               /* Ctrl-P */
    case 21: editor_erase(e, 0, e->cursor); break;                 /* Ctrl-U */
    case 23: editor_erase(e, editor_word_start(e), e->cursor); break; /* Ctrl-W */
    case 27: e->escape = ESC_SEEN; break;
    default: break;
    }
}

void editor_input(Editor *e, uint8_t byte)
{
    if (e->escape != ESC_NONE) {
        editor_escape(e, byte);
    } else if (byte < 32 || byte == 127) {
        editor_control(e, byte);
    } else {
        editor_insert(e, (char[2]){ (char)byte, 0 });
    }
}
