/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CL-GD5446's BLT engine (Technical Reference Manual, chapters 5 and 9).  All addresses and widths are in bytes.  An operation
 * is a number of lines; for each, the source's bytes are made (copied, taken from a pattern, expanded from bits, or a colour), then
 * combined with the destination's by one of 16 raster operations, except where a mask says no.
 *
 * What the guest asks for is read from the registers once, and each rectangle of video memory is checked once, by blt_rect(); a
 * rectangle that does not lie in video memory ends the operation.
 */
#include "util/osdep.h"
#include "hw/display/cirrus-int.h"
#include "util/log.h"

/* --- rectangles --------------------------------------------------------------------------------------------------------- */

/* @at: the first byte, or the last when backwards.  False: it is not all in video memory. */
static bool blt_rect(const Cirrus *c, BltRect *r, uint32_t at, uint32_t pitch, uint32_t width, uint32_t height, bool backwards)
{
    uint64_t span = (uint64_t)pitch * (height - 1) + width;

    if (!width || width > BLT_MAX_WIDTH || !height || height > BLT_MAX_HEIGHT) {
        return false;
    }
    if (backwards) {
        if ((uint64_t)at + 1 < span) {
            return false;
        }
        at = (uint32_t)(at + 1 - span);
    }
    *r = (BltRect){ .at = at, .pitch = pitch, .width = width, .height = height };
    return at + span <= c->vga.vram_size;
}

/* The bytes of one line; NULL beyond the rectangle. */
static uint8_t *blt_line(Cirrus *c, const BltRect *r, uint32_t y)
{
    uint64_t at = r->at + (uint64_t)r->pitch * y;

    return y < r->height && at + r->width <= c->vga.vram_size ? mem_ram_ptr(&c->vga.vram) + at : NULL;
}

/* --- raster operations: one byte, and whole lines of it ------------------------------------------------------------------ */

/* Names are those of register GR32's values: 0x0d is "source". */
#define BLT_ROPS(X) \
    X(0x00, 0) X(0x05, s & d) X(0x06, d) X(0x09, s & ~d) X(0x0b, ~d) X(0x0d, s) X(0x0e, 0xff) X(0x50, ~s & d) X(0x59, s ^ d) \
    X(0x6d, s | d) X(0x90, ~s & ~d) X(0x95, ~(s ^ d)) X(0xad, s | ~d) X(0xd0, ~s) X(0xd6, ~s | d) X(0xda, ~s | ~d)

static uint8_t blt_rop(uint8_t rop, unsigned s, unsigned d)
{
#define BLT_CASE(code, expression) case code: return (uint8_t)(expression);
    switch (rop) {
    BLT_ROPS(BLT_CASE)
    default: return (uint8_t)d; /* not a code of the table: nothing happens */
    }
#undef BLT_CASE
}

static void blt_rop_line(uint8_t rop, uint8_t *dst, const uint8_t *src, uint32_t n)
{
#define BLT_CASE(code, expression) \
    case code: \
        for (uint32_t x = 0; x < n; x++) { \
            unsigned s = src[x], d = dst[x]; \
            (void)s, (void)d; \
            dst[x] = (uint8_t)(expression); \
        } \
        break;
    switch (rop) {
    BLT_ROPS(BLT_CASE)
    default: break;
    }
#undef BLT_CASE
}

/* --- lines ---------------------------------------------------------------------------------------------------------------- */

static unsigned blt_pixel(const CirrusBlt *b)
{
    return (b->mode >> 4 & 3) + 1u;
}

static bool blt_solid(const CirrusBlt *b)
{
    return (b->mode & (BLT_EXPAND | BLT_PATTERN)) == (BLT_EXPAND | BLT_PATTERN) && (b->ext & BLT_EXT_SOLID);
}

/* Pixels at the left that a colour expansion leaves alone; of 24 bits: bytes. */
static uint32_t blt_skip(const CirrusBlt *b)
{
    if (!(b->mode & BLT_EXPAND) || blt_solid(b)) {
        return 0;
    }
    return blt_pixel(b) == 3 ? b->skip & 0x1fu : (b->skip & 7u) * blt_pixel(b);
}

/* Bytes of source bits a line has. */
static uint32_t blt_bits_pitch(const CirrusBlt *b)
{
    uint32_t pixels = (b->width + blt_pixel(b) - 1) / blt_pixel(b);

    return b->ext & BLT_EXT_DWORD ? (pixels + 31) / 32 * 4 : (pixels + 7) / 8;
}

/* What the CPU must write for one line, in bytes. */
static uint32_t blt_system_pitch(const CirrusBlt *b)
{
    uint32_t n = b->mode & BLT_EXPAND ? blt_bits_pitch(b) : (b->width + 3) & ~3u;

    return MIN(n, BLT_MAX_WIDTH);
}

static uint8_t blt_color(uint32_t color, uint32_t byte)
{
    return (uint8_t)(color >> byte * 8);
}

/*
 * Pixels out of bits.  @write says which bytes are written at all: with transparency, ones only, or with the sense
 * inverted zeros only, in the background's colour.
 */
static void blt_expand(const CirrusBlt *b, const uint8_t *bits, bool repeat, uint8_t *src, uint8_t *write)
{
    unsigned pixel = blt_pixel(b);
    bool transparent = b->mode & BLT_TRANSPARENT, invert = transparent && (b->ext & BLT_EXT_INVERT);
    uint32_t skip = blt_skip(b);

    for (uint32_t x = 0; x < b->width; x++) {
        uint32_t k = x / pixel;
        bool one = bits[repeat ? 0 : k / 8] >> (7 - k % 8) & 1;

        src[x] = blt_color(one ? b->fg : b->bg, x % pixel);
        write[x] = x >= skip && (!transparent || one != invert);
    }
}

/* A line of an 8 x 8 pattern: 8 pixels, padded to 32 bytes where a pixel has three. */
static void blt_pattern(const CirrusBlt *b, const uint8_t *row, uint8_t *src)
{
    unsigned period = 8 * blt_pixel(b);

    for (uint32_t x = 0; x < b->width; x++) {
        src[x] = row[x % period];
    }
}

static uint32_t blt_pattern_pitch(const CirrusBlt *b)
{
    return b->mode & BLT_EXPAND ? 1 : blt_pixel(b) == 3 ? 32 : 8 * blt_pixel(b);
}

/* The transparent colour of a copy: pixels that come out as it are not written.  8 and 16 bits a pixel. */
static bool blt_has_key(const CirrusBlt *b)
{
    return (b->mode & (BLT_TRANSPARENT | BLT_EXPAND | BLT_PATTERN)) == BLT_TRANSPARENT && blt_pixel(b) <= 2;
}

static void blt_key_mask(const CirrusBlt *b, const uint8_t *dst, const uint8_t *src, uint8_t *write)
{
    unsigned pixel = blt_pixel(b);

    memset(write, 1, b->width);
    for (uint32_t x = 0; x + pixel <= b->width; x += pixel) {
        bool same = blt_rop(b->rop, src[x], dst[x]) == (b->key & 0xff) &&
                    (pixel == 1 || blt_rop(b->rop, src[x + 1], dst[x + 1]) == b->key >> 8);

        memset(write + x, !same, pixel);
    }
}

/* Combines a line's source with its destination; @write NULL: everywhere. */
static void blt_put(const CirrusBlt *b, uint8_t *dst, const uint8_t *src, const uint8_t *write)
{
    if (!write) {
        blt_rop_line(b->rop, dst, src, b->width);
        return;
    }
    for (uint32_t x = 0; x < b->width; x++) {
        if (write[x]) {
            dst[x] = blt_rop(b->rop, src[x], dst[x]);
        }
    }
}

/* Source and destination share bytes of this line, and the engine reads what it has written: byte after byte. */
static void blt_put_overlapping(const CirrusBlt *b, uint8_t *dst, const uint8_t *src)
{
    uint32_t pixel = blt_has_key(b) ? blt_pixel(b) : 1, n = b->width / pixel;

    for (uint32_t k = 0; k < n; k++) {
        uint32_t x = (b->mode & BLT_BACKWARDS ? n - 1 - k : k) * pixel;
        uint8_t low = blt_rop(b->rop, src[x], dst[x]);
        uint8_t high = pixel == 2 ? blt_rop(b->rop, src[x + 1], dst[x + 1]) : 0;

        if (blt_has_key(b) && low == (b->key & 0xff) && (pixel == 1 || high == b->key >> 8)) {
            continue;
        }
        dst[x] = low;
        if (pixel == 2) {
            dst[x + 1] = high;
        }
    }
}

static void blt_copy_line(const CirrusBlt *b, uint8_t *dst, const uint8_t *src)
{
    uint8_t copy[BLT_MAX_WIDTH], write[BLT_MAX_WIDTH];
    bool backwards = b->mode & BLT_BACKWARDS;

    if (backwards ? src > dst && src < dst + b->width : src < dst && dst < src + b->width) {
        blt_put_overlapping(b, dst, src);
        return;
    }
    memcpy(copy, src, b->width);
    if (blt_has_key(b)) {
        blt_key_mask(b, dst, copy, write);
    }
    blt_put(b, dst, copy, blt_has_key(b) ? write : NULL);
}

/* One line whose source is not video memory as it is: bits, a pattern's row or a colour. */
static void blt_made_line(const CirrusBlt *b, uint8_t *dst, const uint8_t *row)
{
    uint8_t src[BLT_MAX_WIDTH], write[BLT_MAX_WIDTH];

    if (blt_solid(b)) {
        for (uint32_t x = 0; x < b->width; x++) {
            src[x] = blt_color(b->fg, x % blt_pixel(b));
        }
        blt_put(b, dst, src, NULL);
    } else if (b->mode & BLT_EXPAND) {
        blt_expand(b, row, b->mode & BLT_PATTERN, src, write);
        blt_put(b, dst, src, write);
    } else {
        blt_pattern(b, row, src);
        blt_put(b, dst, src, NULL);
    }
}

/* --- operations ------------------------------------------------------------------------------------------------------------ */

static void blt_end(Cirrus *c)
{
    c->blt.active = false;
    c->vga.gfx[GR_BLT_START] &= (uint8_t)~(BLT_BUSY | BLT_START | BLT_BUFFERED);
    cirrus_mem_update(c);
}

static bool blt_dst_rect(const Cirrus *c, BltRect *r)
{
    const CirrusBlt *b = &c->blt;

    return blt_rect(c, r, b->dst, b->dst_pitch, b->width, b->height, b->mode & BLT_BACKWARDS);
}

static void blt_written(Cirrus *c, const BltRect *r)
{
    mem_set_dirty(&c->vga.vram, r->at, (uint64_t)r->pitch * (r->height - 1) + r->width);
    console_changed(c->vga.console);
}

static void blt_from_video(Cirrus *c, const BltRect *dst)
{
    const CirrusBlt *b = &c->blt;
    bool backwards = b->mode & BLT_BACKWARDS;
    BltRect src;

    if (!blt_rect(c, &src, b->src, b->src_pitch, b->width, b->height, backwards)) {
        log_guest(LOG_GUEST_ERROR, "cirrus: a BLT's source of %u x %u bytes at 0x%x is not in video memory\n", b->width, b->height,
                  b->src);
        return;
    }
    for (uint32_t k = 0; k < b->height; k++) {
        uint32_t y = backwards ? b->height - 1 - k : k;
        uint8_t *to = blt_line(c, dst, y);
        const uint8_t *from = blt_line(c, &src, y);

        if (to && from) {
            blt_copy_line(b, to, from);
        }
    }
    blt_written(c, dst);
}

/* An 8 x 8 pattern, which the engine loads before it begins; or a colour. */
static void blt_fill(Cirrus *c, const BltRect *dst)
{
    const CirrusBlt *b = &c->blt;
    uint32_t pitch = blt_pattern_pitch(b), align = b->mode & BLT_EXPAND ? 8 : MAX(8 * pitch, 64);
    uint8_t pattern[8 * 32] = { 0 };
    BltRect src = { 0 };

    if (!blt_solid(b)) {
        const uint8_t *from = blt_rect(c, &src, b->src & ~(align - 1), 0, 8 * pitch, 1, false) ? blt_line(c, &src, 0) : NULL;

        if (!from) {
            log_guest(LOG_GUEST_ERROR, "cirrus: a BLT's pattern at 0x%x is not in video memory\n", b->src);
            return;
        }
        memcpy(pattern, from, 8 * pitch); /* at most 8 * 32 */
    }
    for (uint32_t y = 0; y < b->height; y++) {
        uint8_t *to = blt_line(c, dst, y);

        if (to) {
            blt_made_line(b, to, pattern + ((y + b->src) & 7) * pitch);
        }
    }
    blt_written(c, dst);
}

/* Bits in video memory, one line after the other. */
static void blt_expand_video(Cirrus *c, const BltRect *dst)
{
    const CirrusBlt *b = &c->blt;
    uint32_t pitch = blt_bits_pitch(b);
    BltRect src;

    if (!blt_rect(c, &src, b->src, pitch, pitch, b->height, false)) {
        log_guest(LOG_GUEST_ERROR, "cirrus: a BLT's bits at 0x%x are not in video memory\n", b->src);
        return;
    }
    for (uint32_t y = 0; y < b->height; y++) {
        uint8_t row[BLT_MAX_WIDTH];
        uint8_t *to = blt_line(c, dst, y);
        const uint8_t *from = blt_line(c, &src, y);

        if (to && from) {
            memcpy(row, from, pitch); /* a copy, for the destination may cover it */
            blt_made_line(b, to, row);
        }
    }
    blt_written(c, dst);
}

static uint32_t blt_long(const Cirrus *c, unsigned index, unsigned bytes)
{
    uint32_t val = 0;

    for (unsigned k = 0; k < bytes; k++) {
        val |= (uint32_t)c->vga.gfx[index + k] << k * 8;
    }
    return val;
}

static void blt_fetch_registers(const Cirrus *c, CirrusBlt *b)
{
    const uint8_t *g = c->vga.gfx;

    b->mode = g[GR_BLT_MODE];
    b->ext = g[GR_BLT_EXT];
    b->rop = g[GR_BLT_ROP];
    b->skip = g[GR_BLT_MASK];
    b->key = (uint16_t)(g[GR_KEY0] | g[GR_KEY1] << 8);
    b->fg = g[GFX_ENABLE_SR] | (uint32_t)g[GR_FG1] << 8 | (uint32_t)g[GR_FG2] << 16 | (uint32_t)g[GR_FG3] << 24;
    b->bg = g[GFX_SET_RESET] | (uint32_t)g[GR_BG1] << 8 | (uint32_t)g[GR_BG2] << 16 | (uint32_t)g[GR_BG3] << 24;
    b->width = (blt_long(c, GR_WIDTH, 2) & 0x1fff) + 1;
    b->height = (blt_long(c, GR_HEIGHT, 2) & 0x7ff) + 1;
    b->dst_pitch = blt_long(c, GR_DST_PITCH, 2) & 0x1fff;
    b->src_pitch = blt_long(c, GR_SRC_PITCH, 2) & 0x1fff;
    b->dst = blt_long(c, GR_DST, 3) & 0x3fffff;
    b->src = blt_long(c, GR_SRC, 3) & 0x3fffff;
    b->line = b->have = 0;
    if (b->mode & (BLT_EXPAND | BLT_PATTERN | BLT_FROM_SYSTEM)) {
        b->mode &= (uint8_t)~BLT_BACKWARDS; /* only copies within video memory go backwards */
    }
}

/* The CPU is one side: the operation goes on with its accesses. */
static bool blt_wait_for_cpu(Cirrus *c)
{
    CirrusBlt *b = &c->blt;
    BltRect r;

    if (b->mode & BLT_TO_SYSTEM) {
        if ((b->mode & (BLT_EXPAND | BLT_PATTERN | BLT_FROM_SYSTEM)) ||
            !blt_rect(c, &r, b->src, b->src_pitch, b->width, b->height, false)) {
            return false;
        }
    } else if ((b->mode & BLT_PATTERN) || !blt_dst_rect(c, &r)) {
        return false; /* patterns are in video memory */
    }
    b->active = true;
    c->vga.gfx[GR_BLT_START] |= BLT_BUSY | BLT_START | BLT_BUFFERED;
    cirrus_mem_update(c);
    return true;
}

static void blt_start(Cirrus *c)
{
    CirrusBlt *b = &c->blt;
    BltRect dst;

    blt_fetch_registers(c, b);
    if (!c->blitter) {
        blt_end(c);
    } else if ((b->mode & BLT_TO_SYSTEM) || ((b->mode & BLT_FROM_SYSTEM) && !blt_solid(b))) {
        if (!blt_wait_for_cpu(c)) {
            log_guest(LOG_GUEST_ERROR, "cirrus: a BLT of mode 0x%x between CPU and video memory cannot be done\n", b->mode);
            blt_end(c);
        }
    } else if (!blt_dst_rect(c, &dst)) {
        log_guest(LOG_GUEST_ERROR, "cirrus: a BLT's destination of %u x %u bytes at 0x%x is not in video memory\n", b->width,
                  b->height, b->dst);
        blt_end(c);
    } else {
        if (b->mode & BLT_PATTERN) {
            blt_fill(c, &dst);
        } else if (b->mode & BLT_EXPAND) {
            blt_expand_video(c, &dst);
        } else {
            blt_from_video(c, &dst);
        }
        blt_end(c);
    }
}

void cirrus_blt_reset(Cirrus *c)
{
    memset(&c->blt, 0, sizeof(c->blt));
    blt_end(c);
}

void cirrus_blt_control(Cirrus *c, uint8_t val)
{
    uint8_t old = c->vga.gfx[GR_BLT_START];

    c->vga.gfx[GR_BLT_START] = (uint8_t)((val & ~(BLT_BUSY | BLT_BUFFERED | 0x08)) | (old & (BLT_BUSY | BLT_BUFFERED)));
    if ((old & BLT_RESET) && !(val & BLT_RESET)) {
        cirrus_blt_reset(c);
    } else if (!(old & BLT_START) && (val & BLT_START) && !c->blt.active) {
        blt_start(c);
    }
}

void cirrus_blt_autostart(Cirrus *c)
{
    if ((c->vga.gfx[GR_BLT_START] & BLT_AUTOSTART) && !c->blt.active) {
        blt_start(c);
    }
}

/* --- the CPU's side ------------------------------------------------------------------------------------------------------- */

bool cirrus_blt_wants_data(const Cirrus *c)
{
    return c->blt.active && !(c->blt.mode & BLT_TO_SYSTEM);
}

bool cirrus_blt_gives_data(const Cirrus *c)
{
    return c->blt.active && (c->blt.mode & BLT_TO_SYSTEM);
}

static void blt_next_line(Cirrus *c)
{
    c->blt.have = 0;
    if (++c->blt.line >= c->blt.height) {
        blt_end(c);
    }
}

void cirrus_blt_write(Cirrus *c, uint8_t val)
{
    CirrusBlt *b = &c->blt;
    BltRect dst;

    if (b->have < sizeof(b->data)) {
        b->data[b->have++] = val;
    }
    if (b->have < blt_system_pitch(b)) {
        return;
    }
    uint8_t *to = blt_dst_rect(c, &dst) ? blt_line(c, &dst, b->line) : NULL;

    if (to && (b->mode & BLT_EXPAND)) {
        blt_made_line(b, to, b->data);
    } else if (to) {
        blt_copy_line(b, to, b->data);
    }
    if (to) {
        mem_set_dirty(&c->vga.vram, (hwaddr)(to - mem_ram_ptr(&c->vga.vram)), b->width);
        console_changed(c->vga.console);
    }
    blt_next_line(c);
}

uint8_t cirrus_blt_read(Cirrus *c)
{
    CirrusBlt *b = &c->blt;
    BltRect src;
    const uint8_t *from = blt_rect(c, &src, b->src, b->src_pitch, b->width, b->height, false) ? blt_line(c, &src, b->line) : NULL;
    uint8_t val = from && b->have < b->width ? from[b->have] : 0;

    if (++b->have >= ((b->width + 3) & ~3u)) {
        blt_next_line(c);
    }
    return val;
}

bool cirrus_blt_valid(const CirrusBlt *b)
{
    return b->width >= 1 && b->width <= BLT_MAX_WIDTH && b->height >= 1 && b->height <= BLT_MAX_HEIGHT && b->line < b->height &&
           b->have < BLT_MAX_WIDTH;
}
