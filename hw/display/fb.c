/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scan-out of linear frame buffers.  See fb.h. */
#include "util/osdep.h"
#include "hw/display/fb.h"
#include "util/bytes.h"

enum { FB_PAGE_BITS = 12, FB_GROUP_LINES = 32 /* a reported rectangle is at most so high */ };

void fb_init(FbScan *s, Console *c, const MemRegion *vram, uint64_t vram_size)
{
    *s = (FbScan){ .console = c, .vram = vram, .vram_size = vram_size, .full = true };
}

void fb_free(FbScan *s)
{
    g_free(s->bits);
    g_free(s->bytes);
    g_free(s->line);
    *s = (FbScan){ 0 };
}

void fb_watched(FbScan *s, bool on)
{
    s->watched = on;
    mem_set_dirty_tracking(s->vram, DIRTY_DISPLAY, on);
}

void fb_invalidate(FbScan *s)
{
    s->full = true;
}

void fb_forget(FbScan *s)
{
    s->shown = (FbMode){ 0 };
}

/* --- pixels ------------------------------------------------------------------------------------------------------------- */

static uint32_t fb_555(unsigned w)
{
    return (w >> 10 & 31) << 19 | (w >> 12 & 7) << 16 | (w >> 5 & 31) << 11 | (w >> 7 & 7) << 8 | (w & 31) << 3 | (w >> 2 & 7);
}

static uint32_t fb_565(unsigned w)
{
    return (w >> 11 & 31) << 19 | (w >> 13 & 7) << 16 | (w >> 5 & 63) << 10 | (w >> 9 & 3) << 8 | (w & 31) << 3 | (w >> 2 & 7);
}

/* Three bits of red, three of green, two of blue, each spread over eight. */
static uint32_t fb_332(unsigned b)
{
    unsigned r = b >> 5 & 7, g = b >> 2 & 7, l = b & 3;

    return (r << 5 | r << 2 | r >> 1) << 16 | (g << 5 | g << 2 | g >> 1) << 8 | l * 0x55;
}

static void fb_convert_8(const FbMode *m, const uint8_t *p, const uint32_t *palette, uint32_t *out)
{
    for (int x = 0; x < m->width; x++) {
        out[x] = m->rgb332 ? fb_332(p[x]) : m->gray ? p[x] * 0x010101u : palette[p[x]];
    }
}

static void fb_convert_16(const FbMode *m, const uint8_t *p, uint32_t *out)
{
    for (int x = 0; x < m->width; x++) {
        unsigned w = m->swapped ? ld_be16(p + x * 2) : ld_le16(p + x * 2);

        out[x] = m->bits == 15 ? fb_555(w) : fb_565(w);
    }
}

static void fb_convert_24(const FbMode *m, const uint8_t *p, uint32_t *out)
{
    unsigned red = m->bgr ? 0 : 16, blue = 16 - red;

    for (int x = 0; x < m->width; x++, p += 3) {
        out[x] = (uint32_t)p[0] << blue | (uint32_t)p[1] << 8 | (uint32_t)p[2] << red;
    }
    (void)red;
}

static void fb_convert_32(const FbMode *m, const uint8_t *p, uint32_t *out)
{
    int x = 0;

    if (!m->swapped && !m->bgr) { /* what nearly all guests use: two pixels at a time */
        for (; x + 1 < m->width; x += 2) {
            uint64_t two = ld_le64(p + x * 4) & 0x00ffffff00ffffffu;

            memcpy(out + x, &two, sizeof(two));
        }
    }
    for (; x < m->width; x++) {
        uint32_t w = ld_le32(p + x * 4);

        if (m->swapped) {
            w = __builtin_bswap32(w);
        }
        if (m->bgr) {
            w = __builtin_bswap32(w) >> 8;
        }
        out[x] = w & 0xffffff;
    }
}

static void fb_convert(const FbMode *m, const uint8_t *p, const uint32_t *palette, uint32_t *out)
{
    switch (m->bits) {
    case 8: fb_convert_8(m, p, palette, out); break;
    case 15: case 16: fb_convert_16(m, p, out); break;
    case 24: fb_convert_24(m, p, out); break;
    default: fb_convert_32(m, p, out); break;
    }
}

static size_t fb_line_bytes(const FbMode *m)
{
    return (size_t)m->width * ((m->bits + 7u) / 8);
}

static uint64_t fb_line_offset(const FbMode *m, int y)
{
    unsigned repeat = m->repeat ? m->repeat : 1;

    if (m->split && y >= m->split) {
        return m->split_offset + (uint64_t)m->stride * ((unsigned)(y - m->split) / repeat);
    }
    return m->offset + (uint64_t)m->stride * (((unsigned)y + m->first) / repeat);
}

/*
 * One line's bytes: in memory, or in a copy when they wrap round its end.  The guest may write while we look: whoever converts
 * reads each byte once, into a private line.
 */
static const uint8_t *fb_source(FbScan *s, const FbMode *m, int y)
{
    const uint8_t *ram = mem_ram_ptr(s->vram);
    uint64_t at = fb_line_offset(m, y) % s->vram_size;
    size_t len = fb_line_bytes(m), done = 0;

    if (len <= s->vram_size - at) {
        return ram + at;
    }
    while (done < len) {
        size_t n = (size_t)MIN(len - done, s->vram_size - at);

        memcpy(s->bytes + done, ram + at, n);
        done += n;
        at = 0;
    }
    return s->bytes;
}

/* --- what changed ------------------------------------------------------------------------------------------------------ */

void fb_flush(Console *c, FbRects *r)
{
    if (r->y1 > r->y0) {
        console_update(c, r->x0, r->y0, r->x1 - r->x0, r->y1 - r->y0);
    }
    r->y0 = r->y1 = 0;
}

void fb_put_line(Console *c, FbRects *r, Surface *s, int y, const uint32_t *pixels, bool all)
{
    uint32_t *shown = (uint32_t *)(void *)(s->data + (size_t)y * (size_t)s->stride);
    int x0 = 0, x1 = s->width;

    if (!all) {
        if (!memcmp(shown, pixels, (size_t)x1 * 4)) {
            return;
        }
        while (shown[x0] == pixels[x0]) {
            x0++;
        }
        while (shown[x1 - 1] == pixels[x1 - 1]) {
            x1--;
        }
    }
    memcpy(shown + x0, pixels + x0, (size_t)(x1 - x0) * 4);
    if (r->y1 <= r->y0 || r->y1 != y || y - r->y0 >= FB_GROUP_LINES) {
        fb_flush(c, r);
        *r = (FbRects){ .x0 = x0, .x1 = x1, .y0 = y, .y1 = y + 1 };
        return;
    }
    r->x0 = MIN(r->x0, x0);
    r->x1 = MAX(r->x1, x1);
    r->y1 = y + 1;
}

static bool fb_bits_any(const uint64_t *bits, uint64_t from, uint64_t to)
{
    for (uint64_t k = from; k <= to; k++) {
        if (bits[k / 64] >> (k % 64) & 1) {
            return true;
        }
    }
    return false;
}

/* Dirty pages of the picture into s->bits; false: none.  Sets *all when a dirty page does not tell which lines are. */
static bool fb_take_dirty(FbScan *s, const FbMode *m, bool *all)
{
    uint64_t len = (uint64_t)m->stride * (uint64_t)(m->height - 1) + fb_line_bytes(m), from = m->offset;

    if (from + len > s->vram_size || m->split) {
        *all = true;
        from = 0;
        len = s->vram_size;
    }
    size_t words = (size_t)(((from + len - 1) >> FB_PAGE_BITS) - (from >> FB_PAGE_BITS)) / 64 + 1;

    if (words > s->bits_size) {
        s->bits_size = words;
        s->bits = g_renew(uint64_t, s->bits, words);
    }
    if (s->watched) { /* it may be another block of RAM than before */
        mem_set_dirty_tracking(s->vram, DIRTY_DISPLAY, true);
    }
    return mem_take_dirty(s->vram, DIRTY_DISPLAY, from, len, s->bits);
}

static bool fb_line_dirty(const FbScan *s, const FbMode *m, int y)
{
    uint64_t first = m->offset >> FB_PAGE_BITS, at = fb_line_offset(m, y);

    return fb_bits_any(s->bits, (at >> FB_PAGE_BITS) - first, ((at + fb_line_bytes(m) - 1) >> FB_PAGE_BITS) - first);
}

static bool fb_in_overlay(const FbScan *s, int y)
{
    return s->over_changed && ((y >= s->over_y0 && y < s->over_y1) || (y >= s->shown_over_y0 && y < s->shown_over_y1));
}

static void fb_draw(FbScan *s, const FbMode *mode, Surface *sf, bool look_at_all, bool report_all)
{
    FbRects rects = { 0 };

    for (int y = 0; y < mode->height; y++) {
        if (!look_at_all && !fb_in_overlay(s, y) && !fb_line_dirty(s, mode, y)) {
            continue;
        }
        if (mode->blank) {
            memset(s->line, 0, (size_t)mode->width * sizeof(*s->line));
        } else {
            fb_convert(mode, fb_source(s, mode, y), s->palette, s->line);
        }
        if (s->overlay && !mode->blank && y >= s->over_y0 && y < s->over_y1) {
            s->overlay(s->opaque, y, s->line, mode->width);
        }
        fb_put_line(s->console, &rects, sf, y, s->line, report_all);
    }
    fb_flush(s->console, &rects);
}

void fb_refresh(FbScan *s, const FbMode *mode, const uint32_t palette[256])
{
    Surface *before = console_surface(s->console);
    const uint8_t *data = before ? before->data : NULL;
    Surface *sf = console_resize(s->console, mode->width, mode->height);
    bool report_all = sf->data != data || memcmp(mode, &s->shown, sizeof(*mode)) != 0, all = report_all || s->full;

    if (sf->width < mode->width || sf->height < mode->height || !s->vram_size) {
        return;
    }
    if ((size_t)mode->width > s->line_size) {
        s->line_size = (size_t)mode->width;
        s->line = g_renew(uint32_t, s->line, s->line_size);
        s->bytes = g_realloc(s->bytes, s->line_size * 4);
    }
    if (mode->bits == 8 && memcmp(palette, s->palette, sizeof(s->palette))) {
        memcpy(s->palette, palette, sizeof(s->palette));
        all = true;
    }
    bool wraps = false, dirty = fb_take_dirty(s, mode, &wraps);

    if (all || dirty || s->over_changed) {
        fb_draw(s, mode, sf, all || wraps, report_all);
    }
    s->shown = *mode;
    s->full = s->over_changed = false;
    s->shown_over_y0 = s->over_y0;
    s->shown_over_y1 = s->over_y1;
}
