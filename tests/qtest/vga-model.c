/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See vga-model.h. */
#include "util/osdep.h"
#include "tests/qtest/vga-model.h"

#define BIT(value, n) ((unsigned)(value) >> (n) & 1u)

static bool text(const VgaModel *m)
{
    return !BIT(m->gfx[6], 0);
}

static int char_dots(const VgaModel *m)
{
    return text(m) && !BIT(m->seq[1], 0) ? 9 : 8;
}

void vga_model_size(const VgaModel *m, int *width, int *height)
{
    *width = (m->crtc[1] + 1) * char_dots(m) * (BIT(m->seq[1], 3) ? 2 : 1);
    *height = 1 + (int)(m->crtc[0x12] + 256 * BIT(m->crtc[7], 1) + 512 * BIT(m->crtc[7], 6));
}

/* A colour of six bits a component; 0 is 0 and 63 is 255, and the top bits are repeated below. */
static uint32_t dac(const VgaModel *m, unsigned index)
{
    uint32_t rgb = 0;

    for (int k = 0; k < 3; k++) {
        rgb = rgb * 256 + m->dac[index & m->dac_mask][k] * 4u + m->dac[index & m->dac_mask][k] / 16u;
    }
    return rgb;
}

static uint32_t sixteen(const VgaModel *m, unsigned color)
{
    unsigned entry = m->attr[color & m->attr[0x12] & 15], high = m->attr[0x14];

    if (BIT(m->attr[0x10], 7)) {
        return dac(m, entry % 16 + high % 16 * 16);
    }
    return dac(m, entry % 64 + high / 4 % 4 * 64);
}

/* The line's row of characters and the line within the row: counted from the top, line by line. */
typedef struct Line {
    unsigned address, row_line;
    bool split;
} Line;

static Line find_line(const VgaModel *m, int y)
{
    unsigned compare = m->crtc[0x18] + 256 * BIT(m->crtc[7], 4) + 512 * BIT(m->crtc[9], 6), rows = m->crtc[9] % 32 + 1u;
    unsigned twice = BIT(m->crtc[9], 7) ? 2 : 1, first = m->crtc[8] % 32, start = m->crtc[0xc] * 256u + m->crtc[0xd];
    bool split = (unsigned)y > compare;
    unsigned down = split ? (unsigned)y - compare - 1 : (unsigned)y, lines = down / twice;
    Line l = { .split = split };

    if (split) {
        first = start = 0;
    }
    l.row_line = (first + lines) % rows;
    l.address = start + (first + lines) / rows * m->crtc[0x13] * 2;
    if (!split || !BIT(m->attr[0x10], 5)) {
        l.address += m->crtc[8] / 32 % 4;
    }
    return l;
}

static unsigned memory_address(const VgaModel *m, unsigned counter, unsigned row_line)
{
    unsigned a = counter % 65536;

    if (BIT(m->crtc[0x14], 6)) {
        a = a * 4 + a / 16384 % 4;
    } else if (!BIT(m->crtc[0x17], 6)) {
        a = a * 2 + (BIT(m->crtc[0x17], 5) ? BIT(a, 15) : BIT(a, 13));
    }
    if (!BIT(m->crtc[0x17], 0)) {
        a = (a & ~0x2000u) + 0x2000 * BIT(row_line, 0);
    }
    if (!BIT(m->crtc[0x17], 1)) {
        a = (a & ~0x4000u) + 0x4000 * BIT(row_line, 1);
    }
    return a % 65536;
}

static uint32_t text_pixel(const VgaModel *m, Line l, unsigned dot)
{
    static const unsigned fonts[8] = { 0, 0x4000, 0x8000, 0xc000, 0x2000, 0x6000, 0xa000, 0xe000 };
    unsigned wide = (unsigned)char_dots(m), counter = (l.address + dot / wide) % 65536, column = dot % wide;
    unsigned a = memory_address(m, counter, l.row_line), code = m->plane[0][a], attr = m->plane[1][a];
    unsigned map_b = m->seq[3] % 4 + 4 * BIT(m->seq[3], 4), map_a = m->seq[3] / 4 % 4 + 4 * BIT(m->seq[3], 5);
    unsigned font = fonts[BIT(attr, 3) ? map_a : map_b], line = m->plane[2][font + code * 32 + l.row_line];
    bool blink = BIT(m->attr[0x10], 3), on;

    if (column < 8) {
        on = BIT(line, 7 - column);
    } else {
        on = BIT(m->attr[0x10], 2) && code >= 0xc0 && code < 0xe0 && BIT(line, 0);
    }
    if (blink && BIT(attr, 7) && m->blink_phase) {
        on = false;
    }
    if (BIT(m->attr[0x10], 1) && attr % 8 == 1 && l.row_line == m->crtc[0x14] % 32u) {
        on = true;
    }
    if (m->cursor_phase && counter == m->crtc[0xe] * 256u + m->crtc[0xf] + m->crtc[0xb] / 32 % 4 && !BIT(m->crtc[0xa], 5) &&
        l.row_line >= m->crtc[0xa] % 32u && l.row_line <= m->crtc[0xb] % 32u) {
        on = true;
    }
    return sixteen(m, on ? attr % 16 : blink ? attr / 16 % 8 : attr / 16);
}

static uint32_t graphics_pixel(const VgaModel *m, Line l, unsigned dot)
{
    unsigned a = memory_address(m, l.address + dot / 8, l.row_line), k = dot % 8, color = 0;

    if (BIT(m->gfx[5], 6)) {
        unsigned byte = m->plane[k / 2][a];

        return BIT(m->attr[0x10], 6) ? dac(m, byte & m->attr[0x12] % 16 * 17u) : sixteen(m, k % 2 ? byte % 16 : byte / 16);
    }
    if (BIT(m->gfx[5], 5)) { /* two bits a dot, the first four dots from even planes, the others from odd ones */
        unsigned low = m->plane[k / 4][a], high = m->plane[2 + k / 4][a], shift = 6 - k % 4 * 2;

        return sixteen(m, (low >> shift) % 4 + (high >> shift) % 4 * 4);
    }
    for (unsigned p = 0; p < 4; p++) {
        color += BIT(m->plane[p][a], 7 - k) << p;
    }
    return sixteen(m, color);
}

uint32_t vga_model_pixel(const VgaModel *m, int x, int y)
{
    Line l = find_line(m, y);
    unsigned dot = (unsigned)(BIT(m->seq[1], 3) ? x / 2 : x), pan = m->attr[0x13] % 16;

    if (char_dots(m) == 9) {
        pan = pan < 8 ? pan + 1 : 0;
    } else {
        pan %= 8;
    }
    if (l.split && BIT(m->attr[0x10], 5)) {
        pan = char_dots(m) == 9 ? 1 : 0;
    }
    if (BIT(m->seq[1], 5)) {
        return 0;
    }
    return text(m) ? text_pixel(m, l, dot + pan) : graphics_pixel(m, l, dot + pan);
}
