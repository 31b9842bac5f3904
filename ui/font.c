/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See font.h. */
#include "util/osdep.h"
#include "ui/font.h"

#include "ui/console.h"

enum { FONT_GLYPHS = 256 };

static uint8_t font_data[FONT_GLYPHS][FONT_HEIGHT];
static bool font_there;
static GHashTable *font_codes; /* Unicode -> code + 1 */

/* Is this the font: blank, letters with something in them, the four block characters? */
static bool font_is_plausible(const uint8_t *f)
{
    static const uint8_t zero[FONT_HEIGHT];
    bool ok = !memcmp(f, zero, FONT_HEIGHT) && !memcmp(f + ' ' * FONT_HEIGHT, zero, FONT_HEIGHT);

    for (unsigned ch = '!'; ok && ch <= '~'; ch++) {
        ok = memcmp(f + ch * FONT_HEIGHT, zero, FONT_HEIGHT) != 0;
    }
    for (unsigned y = 0; ok && y < FONT_HEIGHT; y++) {
        ok = f[0xdb * FONT_HEIGHT + y] == 0xff && f[0xdd * FONT_HEIGHT + y] == 0xf0 && f[0xde * FONT_HEIGHT + y] == 0x0f;
    }
    return ok;
}

bool font_load(const uint8_t *image, size_t len)
{
    for (size_t at = 0; at + sizeof(font_data) <= len; at++) {
        if (image[at + 0xdb * FONT_HEIGHT] == 0xff && font_is_plausible(image + at)) {
            memcpy(font_data, image + at, sizeof(font_data));
            font_there = true;
            return true;
        }
    }
    return false;
}

bool font_loaded(void)
{
    return font_there;
}

static unsigned font_code(uint32_t ch)
{
    if (!font_codes) {
        font_codes = g_hash_table_new(NULL, NULL);
        for (unsigned i = FONT_GLYPHS; i-- > 0;) {
            g_hash_table_insert(font_codes, GUINT_TO_POINTER(console_cp437((uint8_t)i)), GUINT_TO_POINTER(i + 1));
        }
    }
    return GPOINTER_TO_UINT(g_hash_table_lookup(font_codes, GUINT_TO_POINTER(ch)));
}

const uint8_t *font_glyph(uint32_t ch)
{
    static const uint8_t box[FONT_HEIGHT] = { 0, 0, 0x7e, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x7e, 0, 0, 0, 0 };
    static const uint8_t blank[FONT_HEIGHT];
    gunichar base = ch, mark;
    unsigned code = font_code(ch);

    if (ch == 0 || ch == ' ' || ch == 0xa0) {
        return blank;
    }
    for (int depth = 0; !code && depth < 4 && g_unichar_decompose(base, &base, &mark); depth++) {
        code = font_code(base);
    }
    return code && font_there ? font_data[code - 1] : box;
}

uint32_t font_recognise(const uint8_t rows[FONT_HEIGHT])
{
    for (unsigned i = 0; font_there && i < FONT_GLYPHS; i++) {
        unsigned code = (i + ' ') % FONT_GLYPHS; /* of glyphs that look alike, ASCII's come first */

        if (!memcmp(font_data[code], rows, FONT_HEIGHT)) {
            return console_cp437((uint8_t)code);
        }
    }
    return 0;
}
