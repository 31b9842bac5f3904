/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Characters in a picture: drawn with the PC's font and with one that is only in the guest's memory. */
#include "util/osdep.h"
#include "tests/unit/test.h"

#include "ui/console.h"
#include "ui/font.h"
#include "ui/screentext.h"

#define NONE "\xef\xbf\xbd" /* U+FFFD */
enum { COLS = 40, ROWS = 4, FONT_BYTES = 256 * FONT_HEIGHT };
static uint8_t fonts[2][FONT_BYTES]; /* the PC's; the guest's */
static uint8_t memory[3 * FONT_BYTES];
static unsigned looked;
static Console *screen;
static Surface *surface;

static int64_t refresh(void *opaque)
{
    (void)opaque;
    surface = console_resize(screen, COLS * FONT_WIDTH, ROWS * FONT_HEIGHT);
    return CONSOLE_NEVER;
}

static const ConsoleOps ops = { .refresh = refresh };

/* Glyphs of chance, and the blanks and blocks by which a font is told. */
static void make_fonts(void)
{
    uint32_t seed = 1;

    for (unsigned i = 0; i < FONT_BYTES; i++) {
        seed = seed * 1103515245 + 12345;
        fonts[0][i] = (uint8_t)(i % FONT_HEIGHT < 2 || i % FONT_HEIGHT > 12 ? 0 : (seed >> 16 | 0x10) & 0xfe);
    }
    memset(fonts[0], 0, FONT_HEIGHT);
    memset(fonts[0] + ' ' * FONT_HEIGHT, 0, FONT_HEIGHT);
    memset(fonts[0] + 0xdb * FONT_HEIGHT, 0xff, FONT_HEIGHT);
    memset(fonts[0] + 0xdd * FONT_HEIGHT, 0xf0, FONT_HEIGHT);
    memset(fonts[0] + 0xde * FONT_HEIGHT, 0x0f, FONT_HEIGHT);
    memcpy(fonts[1], fonts[0], FONT_BYTES);
    for (const char *p = "0MTfmw~"; *p; p++) {
        fonts[1][*p * FONT_HEIGHT + 7] ^= 0x24;
    }
    fonts[1][0xe3 * FONT_HEIGHT + 5] ^= 0x18;
}

static void draw(const uint8_t *font, const char *text)
{
    console_refresh(screen);
    for (int y = 0; y < surface->height; y++) {
        uint32_t *row = (uint32_t *)(void *)(surface->data + (size_t)y * (size_t)surface->stride);

        for (int x = 0; x < surface->width; x++) {
            size_t cell = (size_t)x / FONT_WIDTH;
            unsigned ch = y < FONT_HEIGHT && cell < strlen(text) ? (uint8_t)text[cell] : ' ';

            row[x] = font[ch * FONT_HEIGHT + (unsigned)y % FONT_HEIGHT] << x % FONT_WIDTH & 0x80 ? 0xaaaaaa : 0x101010;
        }
    }
}

static void guest_memory(FontLook *look, void *opaque)
{
    looked++;
    look(opaque, memory, sizeof(memory));
}

static void must_read(const char *expected)
{
    char *text = screentext_read(screen, NULL);

    CHECK_STR(text, expected);
    g_free(text);
}

TEST(pc_font_needs_no_memory)
{
    make_fonts();
    CHECK(font_load(fonts[0], FONT_BYTES));
    screen = console_new("screen", &ops, NULL);
    font_set_memory(guest_memory);
    draw(fonts[0], "Forecasts from 0 to MTw~ \xe3");
    must_read("Forecasts from 0 to MTw~ π\n");
    CHECK_EQ(looked, 0);
}

TEST(guest_font_is_found_in_its_memory)
{
    uint8_t rows[FONT_HEIGHT];

    memcpy(memory + 1234, fonts[0], FONT_BYTES);                    /* a copy of the BIOS */
    memcpy(memory + 2 * FONT_BYTES, fonts[1], FONT_BYTES);
    memcpy(memory, fonts[1] + 'A' * FONT_HEIGHT, 8 * FONT_HEIGHT);  /* its beginning would be outside */
    draw(fonts[1], "Forecasts from 0 to MTw~ \xe3");
    must_read("Forecasts from 0 to MTw~ π\n");
    CHECK_EQ(looked, 1);
    CHECK(!font_learn()); /* nothing new */
    memcpy(rows, fonts[1] + 'M' * FONT_HEIGHT, FONT_HEIGHT);
    CHECK_EQ(font_recognise(rows), 'M');
    rows[3] ^= 1;
    CHECK_EQ(font_recognise(rows), 0);
    font_set_memory(guest_memory); /* forgets */
    rows[3] ^= 1;
    CHECK_EQ(font_recognise(rows), 0);
}

TEST(memory_is_not_searched_again_and_again)
{
    memset(memory, 0, sizeof(memory));
    for (int i = 0; i < 5; i++) {
        must_read("Forecasts " NONE "ro" NONE " " NONE " to " NONE NONE NONE NONE " " NONE "\n");
    }
    CHECK_EQ(looked, 2); /* once above by font_learn() */
}

TEST(fonts_that_end_too_early_or_are_none)
{
    memcpy(memory + 2 * FONT_BYTES + 16, fonts[1], FONT_BYTES - 16);
    CHECK(!font_learn());
    memset(memory, 0, sizeof(memory));
    memcpy(memory + FONT_BYTES, fonts[1], FONT_BYTES);
    memset(memory + FONT_BYTES + 'z' * FONT_HEIGHT, 0, FONT_HEIGHT);
    CHECK(!font_learn());
    memcpy(memory + FONT_BYTES, fonts[1], FONT_BYTES);
    memory[FONT_BYTES + 0xdb * FONT_HEIGHT] = 0; /* not of code page 437: ASCII only */
    CHECK(font_learn());
    CHECK_EQ(font_recognise(fonts[1] + 'M' * FONT_HEIGHT), 'M');
    CHECK_EQ(font_recognise(fonts[1] + 0xe3 * FONT_HEIGHT), 0);
    for (unsigned i = 0; i < 10; i++) { /* a memory full of fonts: a few are kept */
        memory[FONT_BYTES + 'M' * FONT_HEIGHT] = (uint8_t)(i + 1);
        font_learn();
    }
    console_free(screen);
    font_set_memory(NULL);
}


/* Half blocks are read by the background around them, on a dark and on a bright screen. */
TEST(blocks_are_not_inverse)
{
    uint8_t font[FONT_BYTES];

    memcpy(font, fonts[0], FONT_BYTES);
    for (int y = 0; y < FONT_HEIGHT; y++) {
        font[0xdc * FONT_HEIGHT + y] = y < FONT_HEIGHT / 2 ? 0 : 0xff;
        font[0xdf * FONT_HEIGHT + y] = y < FONT_HEIGHT / 2 ? 0xff : 0;
    }
    CHECK(font_load(font, FONT_BYTES));
    for (int bright = 0; bright < 2; bright++) {
        draw(font, "Blocks \xdc \xdd \xde \xdf to \xdc\xdc\xdf\xdf\xdd\xde\xde");
        for (int y = 0; bright && y < surface->height; y++) {
            uint32_t *row = (uint32_t *)(void *)(surface->data + (size_t)y * (size_t)surface->stride);

            for (int x = 0; x < surface->width; x++) {
                row[x] ^= 0xbababa;
            }
        }
        must_read("Blocks ▄ ▌ ▐ ▀ to ▄▄▀▀▌▐▐\n");
    }
}
