/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See font.h. */
#include "util/osdep.h"
#include "ui/font.h"

#include "ui/console.h"

enum { FONT_GLYPHS = 256, FONT_LEARNT_MAX = 4, FONT_SURE = 8 /* letters from A that tell a font */ };

typedef uint8_t Font[FONT_GLYPHS][FONT_HEIGHT];
static Font font_data;
static bool font_there;
static FontMemory *font_memory;
static struct {
    Font font;
    bool is_cp437; /* else only ASCII is sure */
} font_learnt[FONT_LEARNT_MAX];
static unsigned font_learnt_count;
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

/* The first @count characters from the space on; of glyphs that look alike, ASCII's come first. */
static uint32_t font_find(Font font, unsigned count, const uint8_t *rows)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned code = (i + ' ') % FONT_GLYPHS;

        if (!memcmp(font[code], rows, FONT_HEIGHT)) {
            return console_cp437((uint8_t)code);
        }
    }
    return 0;
}

uint32_t font_recognise(const uint8_t rows[FONT_HEIGHT])
{
    uint32_t ch = font_there ? font_find(font_data, FONT_GLYPHS, rows) : 0;

    for (unsigned i = 0; !ch && i < font_learnt_count; i++) {
        ch = font_find(font_learnt[i].font, font_learnt[i].is_cp437 ? FONT_GLYPHS : 0x7f - ' ', rows);
    }
    return ch;
}

/* ---- learning ---- */

void font_set_memory(FontMemory *memory)
{
    font_memory = memory;
    font_learnt_count = 0;
}

/* Letters have something in them, and the space has not. */
static bool font_is_alphabet(const uint8_t *f)
{
    static const uint8_t zero[FONT_HEIGHT];

    for (unsigned ch = '!'; ch <= '~'; ch++) {
        if (!memcmp(f + ch * FONT_HEIGHT, zero, FONT_HEIGHT)) {
            return false;
        }
    }
    return !memcmp(f + ' ' * FONT_HEIGHT, zero, FONT_HEIGHT);
}

static bool font_is_known(const uint8_t *f)
{
    bool known = !memcmp(f, font_data, sizeof(font_data));

    for (unsigned i = 0; !known && i < font_learnt_count; i++) {
        known = !memcmp(f, font_learnt[i].font, sizeof(Font));
    }
    return known;
}

/* The guest may write there meanwhile: what is judged and kept is a copy. */
static bool font_look(void *opaque, const uint8_t *data, size_t len)
{
    static const size_t before = 'A' * FONT_HEIGHT;
    const uint8_t *end = data + len, *at = data;
    Font copy;

    (void)opaque;
    while (font_learnt_count < FONT_LEARNT_MAX &&
           (at = memmem(at, (size_t)(end - at), (const uint8_t *)font_data + before, FONT_SURE * FONT_HEIGHT)) != NULL) {
        if ((size_t)(at - data) >= before && (size_t)(end - at) >= sizeof(copy) - before) {
            memcpy(copy, at - before, sizeof(copy));
            if (font_is_alphabet(copy[0]) && !font_is_known(copy[0])) {
                memcpy(font_learnt[font_learnt_count].font, copy, sizeof(copy));
                font_learnt[font_learnt_count++].is_cp437 = font_is_plausible(copy[0]);
            }
        }
        at++;
    }
    return font_learnt_count < FONT_LEARNT_MAX;
}

bool font_learn(void)
{
    unsigned before = font_learnt_count;

    if (font_there && font_memory) {
        font_memory(font_look, NULL);
    }
    return font_learnt_count > before;
}
