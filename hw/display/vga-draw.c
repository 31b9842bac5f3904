/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drawing a VGA screen: the CRT controller's address counter, the shift registers of the graphics controller and the attribute
 * controller's palette, one scan line at a time (IBM PS/2 Hardware Interface Technical Reference, Video Subsystem); and
 * the linear VBE modes.  Main thread, under the big lock.
 */
#include "util/osdep.h"
#include "hw/display/vga-int.h"
#include "util/bytes.h"
#include "util/timer.h"

#define VGA_MAX_DOTS (256 * 9 * 2)

/* What stays the same over one frame. */
typedef struct Frame {
    int width, height;     /* dots, lines */
    unsigned cols;         /* character clocks a line */
    unsigned cell_width;   /* 8, 9 dots */
    unsigned cell_height;  /* scan lines a row */
    bool graphics, half_clock, double_scan, blink_off;
    unsigned offset;       /* added to the address counter from row to row */
    unsigned start;
    unsigned compare;      /* line where the address counter is cleared */
    unsigned cursor;       /* address counter value */
    uint32_t colors[16];   /* attribute palette through the DAC */
} Frame;

static unsigned crtc_word(const Vga *v, unsigned hi, unsigned lo)
{
    return (unsigned)v->crtc[hi] << 8 | v->crtc[lo];
}

/* DAC index of attribute palette entry @i. */
static uint8_t attr_dac(const Vga *v, unsigned i)
{
    uint8_t c = v->attr[i & v->attr[ATTR_PLANES] & 15];

    if (v->attr[ATTR_MODE] & 0x80) {
        return (uint8_t)((v->attr[ATTR_SELECT] & 0xf) << 4 | (c & 0xf));
    }
    return (uint8_t)((v->attr[ATTR_SELECT] & 0xc) << 4 | (c & 0x3f));
}

static uint32_t dac_color(const Vga *v, uint8_t index)
{
    return v->palette[index & v->dac_mask];
}

static void frame_init(Vga *v, Frame *f)
{
    uint8_t over = v->crtc[CRTC_OVERFLOW], scan = v->crtc[CRTC_MAX_SCAN];

    f->graphics = v->gfx[GFX_MISC] & 1;
    f->half_clock = v->seq[SEQ_CLOCKING] & 8;
    f->cols = v->crtc[CRTC_HDE] + 1u;
    f->cell_width = f->graphics || (v->seq[SEQ_CLOCKING] & 1) ? 8 : 9;
    f->cell_height = (scan & 0x1f) + 1u;
    f->double_scan = scan & 0x80;
    f->height = (v->crtc[CRTC_VDE] | (over & 0x02) << 7 | (over & 0x40) << 3) + 1;
    f->width = (int)(f->cols * f->cell_width * (f->half_clock ? 2 : 1));
    f->offset = v->crtc[CRTC_OFFSET] * 2u;
    f->start = crtc_word(v, CRTC_START_HI, CRTC_START_LO);
    f->compare = v->crtc[CRTC_COMPARE] | (over & 0x10u) << 4 | (scan & 0x40u) << 3;
    f->cursor = crtc_word(v, CRTC_CURSOR_HI, CRTC_CURSOR_LO);
    /* 32 frames on, 32 off for characters; a display looks at the virtual clock */
    f->blink_off = clock_ns(CLOCK_KIND_VIRTUAL) / (NS_PER_SEC * 32 / 60) & 1;
    for (unsigned i = 0; i < 16; i++) {
        f->colors[i] = dac_color(v, attr_dac(v, i));
    }
}

/* The address counter as memory sees it: byte, word or doubleword mode; row scan bits in place of address bits 13, 14. */
static unsigned crtc_address(const Vga *v, unsigned counter, unsigned row_scan)
{
    uint8_t mode = v->crtc[CRTC_MODE];
    unsigned a = counter;

    if (v->crtc[CRTC_UNDERLINE] & 0x40) {
        a = a << 2 | (a >> 14 & 3);
    } else if (!(mode & 0x40)) {
        a = a << 1 | (a >> (mode & 0x20 ? 15 : 13) & 1);
    }
    if (!(mode & 1)) {
        a = (a & ~(1u << 13)) | (row_scan & 1) << 13;
    }
    if (!(mode & 2)) {
        a = (a & ~(1u << 14)) | (row_scan >> 1 & 1) << 14;
    }
    return a & (VGA_PLANE_SIZE - 1);
}

/* --- text --------------------------------------------------------------------------------------------------------------- */

/* Offset in plane 2 of the two fonts that character map select names (sequencer register 3). */
static unsigned font_offset(const Vga *v, bool second)
{
    uint8_t s = v->seq[SEQ_FONT];
    unsigned n = second ? (s >> 2 & 3) | (s >> 3 & 4) : (s & 3) | (s >> 2 & 4);

    return (n & 3) * 0x4000 + (n >> 2) * 0x2000;
}

static bool cursor_on_line(const Vga *v, const Frame *f, unsigned row_scan)
{
    unsigned from = v->crtc[CRTC_CURSOR_START] & 0x1f, to = v->crtc[CRTC_CURSOR_END] & 0x1f;

    if ((v->crtc[CRTC_CURSOR_START] & 0x20) || (clock_ns(CLOCK_KIND_VIRTUAL) / (NS_PER_SEC * 16 / 60) & 1)) {
        return false;
    }
    return row_scan >= from && row_scan <= MIN(to, f->cell_height - 1);
}

/* Nine dots of one character's line, leftmost in bit 8. */
static unsigned text_dots(Vga *v, const Frame *f, unsigned counter, unsigned row_scan, uint8_t *attr)
{
    unsigned a = crtc_address(v, counter, row_scan & 3);
    uint8_t ch = *vga_plane(v, 0, a);

    *attr = *vga_plane(v, 1, a);
    bool second = (*attr & 8) && font_offset(v, true) != font_offset(v, false);
    unsigned dots = (unsigned)*vga_plane(v, 2, font_offset(v, second) + ch * 32u + row_scan) << 1;

    /* the ninth dot repeats the eighth for line-drawing characters */
    if ((v->attr[ATTR_MODE] & 4) && ch >= 0xc0 && ch <= 0xdf) {
        dots |= dots >> 1 & 1;
    }
    if ((v->attr[ATTR_MODE] & 8) && (*attr & 0x80) && f->blink_off) {
        dots = 0;
    }
    if ((v->attr[ATTR_MODE] & 2) && (*attr & 7) == 1 && row_scan == (v->crtc[CRTC_UNDERLINE] & 0x1fu)) {
        dots = 0x1ff; /* underline of monochrome modes */
    }
    if (counter == f->cursor && cursor_on_line(v, f, row_scan)) {
        dots = 0x1ff;
    }
    return dots;
}

static unsigned text_line(Vga *v, const Frame *f, unsigned counter, unsigned row_scan, uint32_t *out)
{
    unsigned n = 0;

    for (unsigned c = 0; c < f->cols + 1; c++) {
        uint8_t attr;
        unsigned dots = text_dots(v, f, (counter + c) & 0xffff, row_scan, &attr);
        uint32_t fg = f->colors[attr & 15], bg = f->colors[v->attr[ATTR_MODE] & 8 ? attr >> 4 & 7 : attr >> 4];

        for (unsigned k = 0; k < f->cell_width; k++) {
            out[n++] = dots & 0x100u >> k ? fg : bg;
        }
    }
    return n;
}

/* --- graphics ------------------------------------------------------------------------------------------------------------ */

static void planar_dots(const Vga *v, const Frame *f, const uint8_t p[4], uint32_t *out)
{
    (void)v;
    for (unsigned k = 0; k < 8; k++) {
        unsigned s = 7 - k, c = (p[0] >> s & 1) | (p[1] >> s & 1) << 1 | (p[2] >> s & 1) << 2 | (p[3] >> s & 1) << 3;

        out[k] = f->colors[c];
    }
}

/* Shift register interleave: two bits a dot, planes 0 and 1, 2 and 3 (CGA's four colours). */
static void interleaved_dots(const Vga *v, const Frame *f, const uint8_t p[4], uint32_t *out)
{
    (void)v;
    for (unsigned k = 0; k < 8; k++) {
        unsigned s = 6 - (k & 3) * 2, even = k < 4 ? 0 : 1;

        out[k] = f->colors[(p[even] >> s & 3) | (p[even + 2] >> s & 3) << 2];
    }
}

/* 256 colours: a byte of each plane is a pixel two dots wide. */
static void packed_dots(const Vga *v, const Frame *f, const uint8_t p[4], uint32_t *out)
{
    (void)f;
    for (unsigned k = 0; k < 8; k++) {
        out[k] = dac_color(v, p[k >> 1]);
    }
}

static unsigned graphics_line(Vga *v, const Frame *f, unsigned counter, unsigned row_scan, uint32_t *out)
{
    void (*dots)(const Vga *, const Frame *, const uint8_t[4], uint32_t *) =
        v->gfx[GFX_MODE] & 0x40 ? packed_dots : v->gfx[GFX_MODE] & 0x20 ? interleaved_dots : planar_dots;

    for (unsigned c = 0; c < f->cols + 1; c++) {
        unsigned a = crtc_address(v, (counter + c) & 0xffff, row_scan);
        const uint8_t p[4] = { *vga_plane(v, 0, a), *vga_plane(v, 1, a), *vga_plane(v, 2, a), *vga_plane(v, 3, a) };

        dots(v, f, p, out + c * 8);
    }
    return (f->cols + 1) * 8;
}

/* Dots that the attribute controller skips at the left. */
static unsigned pan_dots(const Vga *v, const Frame *f)
{
    unsigned pan = v->attr[ATTR_PAN] & 0xf;

    if (f->cell_width == 9) {
        return pan >= 8 ? 0 : pan + 1;
    }
    return v->gfx[GFX_MODE] & 0x40 ? (pan & 7) : pan & 7;
}

static void emit_line(const Frame *f, const uint32_t *dots, unsigned pan, uint32_t *out)
{
    unsigned n = f->cols * f->cell_width;

    for (unsigned k = 0; k < n; k++) {
        uint32_t c = dots[k + pan];

        if (f->half_clock) {
            out[k * 2] = out[k * 2 + 1] = c;
        } else {
            out[k] = c;
        }
    }
}

static void draw_legacy(Vga *v)
{
    static const unsigned blank_bit = 0x20;
    uint32_t dots[VGA_MAX_DOTS + 32];
    Frame f;

    frame_init(v, &f);
    Surface *s = console_resize(v->console, f.width, f.height);
    unsigned counter = f.start + (v->crtc[CRTC_PRESET] >> 5 & 3), pan = pan_dots(v, &f);
    unsigned scan = v->crtc[CRTC_PRESET] & 0x1f, repeat = 0;
    bool blank = !(v->attr_index & 0x20) || (v->seq[SEQ_CLOCKING] & blank_bit);

    for (int y = 0; y < f.height; y++) {
        uint32_t *out = (uint32_t *)(s->data + (size_t)y * (size_t)s->stride);

        if (blank) {
            memset(out, 0, (size_t)f.width * 4);
        } else {
            f.graphics ? graphics_line(v, &f, counter, scan, dots) : text_line(v, &f, counter, scan, dots);
            emit_line(&f, dots, pan, out);
        }
        if ((unsigned)y == f.compare) {
            counter = scan = repeat = 0;
            pan = v->attr[ATTR_MODE] & 0x20 ? 0 : pan;
            continue;
        }
        if (f.double_scan && !repeat) {
            repeat = 1;
            continue;
        }
        repeat = 0;
        if (++scan >= f.cell_height) {
            scan = 0;
            counter = (counter + f.offset) & 0xffff;
        }
    }
    console_update(v->console, 0, 0, f.width, f.height);
}

/* --- VBE ----------------------------------------------------------------------------------------------------------------- */

static uint32_t vbe_pixel(const Vga *v, const uint8_t *p, unsigned bpp)
{
    uint32_t w;

    switch (bpp) {
    case 8: return dac_color(v, *p);
    case 15:
        w = ld_le16(p);
        return (w >> 10 & 31) << 19 | (w >> 12 & 7) << 16 | (w >> 5 & 31) << 11 | (w >> 7 & 7) << 8 | (w & 31) << 3 |
               (w >> 2 & 7);
    case 16:
        w = ld_le16(p);
        return (w >> 11) << 19 | (w >> 13) << 16 | (w >> 5 & 63) << 10 | (w >> 9 & 3) << 8 | (w & 31) << 3 | (w >> 2 & 7);
    default: return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
    }
}

static void vbe_planar_line(Vga *v, unsigned y, uint32_t *out)
{
    uint32_t colors[16];
    unsigned at = (v->vbe[VBE_Y_OFFSET] + y) * vga_vbe_stride(v);

    for (unsigned i = 0; i < 16; i++) {
        colors[i] = dac_color(v, attr_dac(v, i));
    }
    for (unsigned x = 0; x < v->vbe[VBE_XRES]; x++) {
        unsigned px = v->vbe[VBE_X_OFFSET] + x, c = 0;

        for (unsigned p = 0; p < 4; p++) {
            c |= (*vga_plane(v, p, at + px / 8) >> (7 - px % 8) & 1u) << p;
        }
        out[x] = colors[c];
    }
}

static void draw_vbe(Vga *v)
{
    unsigned bpp = v->vbe[VBE_BPP], bytes = (bpp + 7) / 8, stride = vga_vbe_stride(v);
    int width = v->vbe[VBE_XRES], height = v->vbe[VBE_YRES];
    Surface *s = console_resize(v->console, width, height);
    const uint8_t *vram = mem_ram_ptr(&v->vram);

    for (int y = 0; y < height; y++) {
        uint32_t *out = (uint32_t *)(s->data + (size_t)y * (size_t)s->stride);
        size_t at = ((size_t)v->vbe[VBE_Y_OFFSET] + (size_t)y) * stride + (size_t)v->vbe[VBE_X_OFFSET] * bytes;

        if (bpp == 4) {
            vbe_planar_line(v, (unsigned)y, out);
        } else if (at + (size_t)width * bytes > v->vram_size) {
            memset(out, 0, (size_t)width * 4);
        } else {
            for (int x = 0; x < width; x++) {
                out[x] = vbe_pixel(v, vram + at + (size_t)x * bytes, bpp);
            }
        }
    }
    console_update(v->console, 0, 0, width, height);
}

static int64_t vga_refresh(void *opaque)
{
    Vga *v = opaque;

    if (vga_vbe_on(v)) {
        draw_vbe(v);
    } else {
        draw_legacy(v);
    }
    return CONSOLE_POLL;
}

static bool vga_text(void *opaque, ConsoleText *out)
{
    Vga *v = opaque;
    Frame f;

    if (vga_vbe_on(v) || (v->gfx[GFX_MISC] & 1)) {
        return false;
    }
    frame_init(v, &f);
    console_text_resize(out, (int)f.cols, f.height / (int)(f.cell_height * (f.double_scan ? 2 : 1)));
    for (int y = 0; y < out->rows; y++) {
        for (int x = 0; x < out->cols; x++) {
            unsigned a = crtc_address(v, (f.start + (unsigned)y * f.offset + (unsigned)x) & 0xffff, 0);
            uint8_t attr = *vga_plane(v, 1, a);
            bool blinks = v->attr[ATTR_MODE] & 8;

            out->cells[y * out->cols + x] = (ConsoleCell){
                .ch = console_cp437(*vga_plane(v, 0, a)),
                .fg = f.colors[attr & 15],
                .bg = f.colors[blinks ? attr >> 4 & 7 : attr >> 4],
                .flags = blinks && (attr & 0x80) ? CELL_BLINK : 0,
            };
        }
    }
    unsigned pos = (f.cursor - f.start) & 0xffff;
    bool shown = f.offset && !(v->crtc[CRTC_CURSOR_START] & 0x20) && pos / f.offset < (unsigned)out->rows &&
                 pos % f.offset < (unsigned)out->cols;

    out->cursor_x = shown ? (int)(pos % f.offset) : -1;
    out->cursor_y = shown ? (int)(pos / f.offset) : -1;
    return true;
}

const ConsoleOps vga_console_ops = { .kind = CONSOLE_GRAPHIC, .refresh = vga_refresh, .text = vga_text };
