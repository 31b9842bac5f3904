/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal of our own: characters, sequences, colours, history, what it answers, and any bytes at all. */
#include "util/osdep.h"
#include "tests/unit/test.h"

#include "ui/term.h"
#include "util/mainloop.h"

static GString *typed;

static void on_typed(void *opaque, const char *bytes, size_t len)
{
    (void)opaque;
    g_string_append_len(typed, bytes, (gssize)len);
}

static Term *make(int cols, int rows)
{
    static bool started;

    if (!started) {
        started = true;
        mainloop_init();
        bql_lock();
        typed = g_string_new(NULL);
    }
    g_string_truncate(typed, 0);
    return term_new("term", cols, rows, on_typed, NULL);
}

static void put(Term *t, const char *text)
{
    term_write(t, (const uint8_t *)text, strlen(text));
}

/* The screen's lines, each cut at its last character, joined by '|'. */
static const char *seen(Term *t)
{
    static GString *out;
    ConsoleText c = { 0 };

    out = out ? g_string_truncate(out, 0) : g_string_new(NULL);
    CHECK(console_text(term_console(t), &c));
    for (int y = 0; y < c.rows; y++) {
        gsize end = out->len;

        for (int x = 0; x < c.cols; x++) {
            const ConsoleCell *cell = &c.cells[y * c.cols + x];

            if (cell->ch) {
                g_string_append_unichar(out, cell->ch);
                end = cell->ch != ' ' ? out->len : end;
            }
        }
        g_string_truncate(out, end);
        g_string_append_c(out, y + 1 < c.rows ? '|' : '.');
    }
    console_text_clear(&c);
    return out->str;
}

static ConsoleCell cell_at(Term *t, int x, int y)
{
    ConsoleText c = { 0 };

    console_text(term_console(t), &c);
    ConsoleCell cell = c.cells[y * c.cols + x];

    console_text_clear(&c);
    return cell;
}

TEST(text_wraps_and_scrolls)
{
    Term *t = make(10, 3);

    put(t, "hello\r\nworld, this is long");
    CHECK_STR(seen(t), "hello|world, thi|s is long.");
    put(t, "!\rX\b\bY\tZ");
    CHECK_STR(seen(t), "hello|world, thi|Y is lonZ!.");
    put(t, "\r\n\r\n\r\nend");
    CHECK_STR(seen(t), "||end.");
    console_scroll(term_console(t), -2);
    CHECK_STR(seen(t), "world, thi|Y is lonZ!|.");
    put(t, "\r\nmore"); /* who looks back is left alone */
    CHECK_STR(seen(t), "world, thi|Y is lonZ!|.");
    console_type(term_console(t), "x", 1);
    CHECK_STR(seen(t), "|end|more.");
    CHECK_STR(typed->str, "x");
    term_free(t);
}

TEST(utf8_good_and_bad)
{
    Term *t = make(20, 2);

    put(t, "\xc3\xa4\xe2\x82\xac\xe6\x97\xa5x");
    CHECK_STR(seen(t), "ä€日x|.");
    CHECK_EQ(cell_at(t, 2, 0).flags & CELL_WIDE, CELL_WIDE);
    CHECK_EQ(cell_at(t, 3, 0).ch, 0);
    CHECK_EQ(cell_at(t, 4, 0).ch, 'x');
    put(t, "\r\n\xff\xc3(\xed\xa0\x80!\xf4\x90\x80\x80");
    CHECK_STR(seen(t), "ä€日x|\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd!\xef\xbf\xbd.");
    put(t, "\033(0lqk\033(B"); /* lines */
    CHECK_EQ(cell_at(t, 6, 1).ch, 0x250c);
    term_free(t);
}

TEST(cursor_and_erasing)
{
    Term *t = make(8, 3);

    put(t, "\033[2;3Hab\033[1;1Hc\033[3;8Hd\033[99;99H\033[Ae");
    CHECK_STR(seen(t), "c|  ab   e|       d.");
    put(t, "\033[2;4H\033[K");
    CHECK_STR(seen(t), "c|  a|       d.");
    put(t, "\033[2;3H12345\033[2;4H\033[2P\033[1@x");
    CHECK_STR(seen(t), "c|  1x45|       d.");
    put(t, "\033[1J");
    CHECK_STR(seen(t), "|     5|       d.");
    put(t, "\033[2;1H\033[L");
    CHECK_STR(seen(t), "||     5.");
    put(t, "\033[1;1H\033[M");
    CHECK_STR(seen(t), "|     5|.");
    put(t, "\033[2J\033[HA\r\nB\r\nC\033[2;3r\033[3;1H\nD");
    CHECK_STR(seen(t), "A|C|D.");
    put(t, "\033[2;1H\033M");
    CHECK_STR(seen(t), "A||C.");
    put(t, "\0337\033[3;3Hq\0338r\033c");
    CHECK_STR(seen(t), "||.");
    term_free(t);
}

TEST(colours)
{
    Term *t = make(10, 2);

    put(t, "\033[31ma\033[1mb\033[0;7mc\033[0;38;5;196;48;5;21md\033[38;2;1;2;3me\033[mf\033[4;97mg");
    CHECK_EQ(cell_at(t, 0, 0).fg, 0xaa0000);
    CHECK_EQ(cell_at(t, 1, 0).fg, 0xff5555);
    CHECK_EQ(cell_at(t, 2, 0).bg, 0xaaaaaa);
    CHECK_EQ(cell_at(t, 2, 0).fg, 0);
    CHECK_EQ(cell_at(t, 3, 0).fg, 0xff0000);
    CHECK_EQ(cell_at(t, 3, 0).bg, 0x0000ff);
    CHECK_EQ(cell_at(t, 4, 0).fg, 0x010203);
    CHECK_EQ(cell_at(t, 5, 0).fg, 0xaaaaaa);
    CHECK_EQ(cell_at(t, 6, 0).fg, 0xffffff);
    CHECK_EQ(cell_at(t, 6, 0).flags, CELL_UNDERLINE);
    term_free(t);
}

TEST(answers_and_titles)
{
    Term *t = make(10, 2);

    put(t, "abc\033[6n\033[5n\033[c\033]0;title\007d\033]2;x\033\\e");
    CHECK_STR(typed->str, "\033[1;4R\033[0n\033[?6c");
    CHECK_STR(seen(t), "abcde|.");
    term_free(t);
}

TEST(size_follows_the_window)
{
    Term *t = make(10, 3);

    put(t, "one\r\ntwo\r\nthree");
    console_hint_size(term_console(t), &(ConsoleSizeHint){ .width = 30 * 8, .height = 5 * 16 });
    CHECK_STR(seen(t), "one|two|three||.");
    put(t, "!");
    console_hint_size(term_console(t), &(ConsoleSizeHint){ .width = 1, .height = 1 });
    console_refresh(term_console(t));
    CHECK_EQ(console_surface(term_console(t))->width, 20 * 8);
    term_free(t);
}

TEST(any_bytes)
{
    Term *t = make(33, 7);
    GRand *rand = g_rand_new_with_seed(5);
    static const char likely[] = "\033[;0123456789?HJKLMPXrm@ST\n\r\t\b\xe6\x97\xa5";

    for (int i = 0; i < 300000; i++) {
        uint8_t b = g_rand_int_range(rand, 0, 3) ? (uint8_t)likely[g_rand_int_range(rand, 0, sizeof(likely))]
                                                 : (uint8_t)g_rand_int_range(rand, 0, 256);

        term_write(t, &b, 1);
        g_string_truncate(typed, 0);
        if (i % 1000 == 0) {
            console_refresh(term_console(t));
            console_scroll(term_console(t), g_rand_int_range(rand, -20, 20));
        }
        if (i % 5000 == 0) {
            console_hint_size(term_console(t), &(ConsoleSizeHint){ .width = g_rand_int_range(rand, 1, 1000),
                                                                   .height = g_rand_int_range(rand, 1, 600) });
        }
    }
    g_rand_free(rand);
    term_free(t);
}
