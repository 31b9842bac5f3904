/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drawing a VGA screen: the CRT controller's address counter, the shift registers of the graphics controller and the attribute
 * controller's palette, one scan line at a time (IBM PS/2 Hardware Interface Technical Reference, Video Subsystem).  Main
 * thread, under the big lock.
 *
 * Each line remembers the words of video memory that it was drawn from; while those and what stays the same over a frame do not
 * change, the line is not drawn again.  Linear modes are fb.c's.
 */
#include "util/osdep.h"
#include "hw/display/vga-int.h"
#include "util/bytes.h"
#include "util/timer.h"

enum { VGA_MAX_COLS = 257, VGA_MAX_DOTS = VGA_MAX_COLS * 9 * 2, VGA_FONT_SIZE = 256 * 32, VGA_BLINK_FRAMES = 16,
       VGA_MAX_LINES = VBE_MAX_YRES };
#define VGA_IDLE_NS NS_PER_SEC /* memory may also be written through a linear aperture, which nobody traps */
/* In the words that a text line is remembered by, above character and attribute: */
#define CELL_CURSOR 0x10000u
#define CELL_DARK 0x20000u

/* What stays the same over one frame.  Zeroed before it is filled, for it is compared as bytes. */
typedef struct Frame {
    int width, height;     /* dots, lines */
    unsigned cols;         /* character clocks a line */
    unsigned cell_width;   /* 8, 9 dots */
    unsigned cell_height;  /* scan lines a row */
    bool graphics, half_clock, double_scan, blank;
    bool planar_vbe;       /* a linear mode of 4 bits a pixel */
    unsigned offset;       /* added to the address counter from row to row */
    unsigned start;
    unsigned pan, first_scan, byte_pan;
    unsigned compare;      /* line where the address counter is cleared */
    unsigned counter_mask;
    uint8_t crtc_mode, underline, shift, attr_mode, planes, cursor_start, cursor_end;
    unsigned fonts[2];     /* offsets in plane 2 */
    uint32_t colors[16];   /* attribute palette through the DAC */
} Frame;

/* What is shown. */
typedef struct VgaScreen {
    Frame frame;
    bool valid;
    unsigned cursor;       /* address counter value; ~0: not shown now */
    bool dark;             /* blinking characters are in their dark half */
    bool blinks;           /* something on the screen does */
    uint8_t font[2][VGA_FONT_SIZE];
    uint32_t palette[256]; /* through the mask */
    uint32_t *words;       /* frame.cols + 1 a scan line */
    size_t words_size;
    uint64_t *bits;
    size_t bits_size;
} VgaScreen;

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

/* Offset in plane 2 of the two fonts that character map select names (sequencer register 3). */
static unsigned font_offset(const Vga *v, bool second)
{
    uint8_t s = v->seq[SEQ_FONT];
    unsigned n = second ? (s >> 2 & 3) | (s >> 3 & 4) : (s & 3) | (s >> 2 & 4);

    return (n & 3) * 0x4000 + (n >> 2) * 0x2000;
}

/* Dots that the attribute controller skips at the left. */
static unsigned pan_dots(const Vga *v, unsigned cell_width)
{
    unsigned pan = v->attr[ATTR_PAN] & 0xf;

    if (cell_width == 9) {
        return pan >= 8 ? 0 : pan + 1;
    }
    return pan & 7;
}

static void frame_init_vbe(Vga *v, Frame *f)
{
    const uint16_t *r = v->vbe.regs;

    f->planar_vbe = f->graphics = true;
    f->width = r[VBE_XRES];
    f->height = r[VBE_YRES];
    f->cols = r[VBE_XRES] / 8u;
    f->cell_width = 8;
    f->cell_height = 1;
    f->offset = vbe_stride(&v->vbe);
    f->start = r[VBE_Y_OFFSET] * f->offset + r[VBE_X_OFFSET] / 8u;
    f->pan = r[VBE_X_OFFSET] % 8u;
    f->compare = UINT_MAX;
    f->counter_mask = UINT_MAX;
    f->blank = !(v->attr_index & 0x20);
}

static void frame_init_crtc(Vga *v, Frame *f)
{
    uint8_t over = v->crtc[CRTC_OVERFLOW], scan = v->crtc[CRTC_MAX_SCAN];

    f->graphics = v->gfx[GFX_MISC] & 1;
    f->half_clock = v->seq[SEQ_CLOCKING] & 8;
    f->blank = !(v->attr_index & 0x20) || (v->seq[SEQ_CLOCKING] & 0x20);
    f->cols = v->crtc[CRTC_HDE] + 1u;
    f->cell_width = f->graphics || (v->seq[SEQ_CLOCKING] & 1) ? 8 : 9;
    f->cell_height = (scan & 0x1f) + 1u;
    f->double_scan = scan & 0x80;
    f->height = (v->crtc[CRTC_VDE] | (over & 0x02) << 7 | (over & 0x40) << 3) + 1;
    f->width = (int)(f->cols * f->cell_width * (f->half_clock ? 2 : 1));
    f->offset = (v->crtc[CRTC_OFFSET] + v->offset_more) * 2u;
    f->start = crtc_word(v, CRTC_START_HI, CRTC_START_LO) + v->start_more;
    f->byte_pan = v->crtc[CRTC_PRESET] >> 5 & 3;
    f->first_scan = v->crtc[CRTC_PRESET] & 0x1f;
    f->pan = pan_dots(v, f->cell_width);
    f->compare = v->crtc[CRTC_COMPARE] | (over & 0x10u) << 4 | (scan & 0x40u) << 3;
    f->counter_mask = v->plane_mask;
    f->crtc_mode = v->crtc[CRTC_MODE];
    f->underline = v->crtc[CRTC_UNDERLINE];
    f->cursor_start = v->crtc[CRTC_CURSOR_START];
    f->cursor_end = v->crtc[CRTC_CURSOR_END];
    f->fonts[0] = font_offset(v, false);
    f->fonts[1] = font_offset(v, true);
}

static void frame_init(Vga *v, Frame *f)
{
    memset(f, 0, sizeof(*f));
    if (v->palette_stale) {
        vga_update_palettes(v);
        v->palette_stale = false;
    }
    if (vbe_planar(&v->vbe)) {
        frame_init_vbe(v, f);
    } else {
        frame_init_crtc(v, f);
    }
    f->shift = vbe_planar(&v->vbe) ? 0 : v->gfx[GFX_MODE] & 0x60;
    f->attr_mode = v->attr[ATTR_MODE];
    f->planes = v->attr[ATTR_PLANES] & 15;
    for (unsigned i = 0; i < 16; i++) {
        f->colors[i] = dac_color(v, attr_dac(v, i));
    }
}

/* The address counter as memory sees it: byte, word or doubleword mode; row scan bits in place of address bits 13, 14. */
static unsigned crtc_address(const Frame *f, unsigned counter, unsigned row_scan)
{
    unsigned a = counter;

    if (f->planar_vbe) {
        return a;
    }
    if (f->underline & 0x40) {
        a = a << 2 | (a >> 14 & 3);
    } else if (!(f->crtc_mode & 0x40)) {
        a = a << 1 | (a >> (f->crtc_mode & 0x20 ? 15 : 13) & 1);
    }
    if (!(f->crtc_mode & 1)) {
        a = (a & ~(1u << 13)) | (row_scan & 1) << 13;
    }
    if (!(f->crtc_mode & 2)) {
        a = (a & ~(1u << 14)) | (row_scan >> 1 & 1) << 14;
    }
    return a & f->counter_mask;
}

/* The four planes at one address, plane 0 in the lowest byte. */
static uint32_t plane_word(const Vga *v, unsigned a)
{
    return ld_le32(mem_ram_ptr(&v->vram) + ((size_t)(a & vga_plane_mask(v)) << 2));
}

/* --- text --------------------------------------------------------------------------------------------------------------- */

static int64_t blink_half_ns(const Vga *v)
{
    return vga_timing(v).frame_ns * VGA_BLINK_FRAMES;
}

/* Cursor and blinking: the cursor is on for 16 frames and off for 16, characters are twice as slow. */
static void blink_now(const Vga *v, const Frame *f, unsigned *cursor, bool *dark)
{
    int64_t half = clock_ns(CLOCK_KIND_VIRTUAL) / blink_half_ns(v);
    bool shown = !(f->cursor_start & 0x20) && !(half & 1);

    *cursor = shown && !f->graphics ? crtc_word(v, CRTC_CURSOR_HI, CRTC_CURSOR_LO) + (f->cursor_end >> 5 & 3) : UINT_MAX;
    *dark = half >> 1 & 1;
}

static void text_words(Vga *v, const Frame *f, unsigned counter, unsigned row_scan, uint32_t *out)
{
    VgaScreen *s = v->screen;

    for (unsigned c = 0; c < f->cols + 1; c++) {
        unsigned at = (counter + c) & 0xffff;
        uint32_t w = plane_word(v, crtc_address(f, at, row_scan & 3)) & 0xffff;

        if ((f->attr_mode & 8) && (w & 0x8000)) {
            s->blinks = true;
            w |= s->dark ? CELL_DARK : 0;
        }
        out[c] = w | (at == s->cursor ? CELL_CURSOR : 0);
    }
}

/* Nine dots of one character's line, leftmost in bit 8. */
static unsigned text_dots(const Vga *v, const Frame *f, uint32_t w, unsigned row_scan)
{
    unsigned ch = w & 0xff, attr = w >> 8 & 0xff;
    bool second = (attr & 8) && f->fonts[0] != f->fonts[1];
    unsigned dots = (unsigned)v->screen->font[second][ch * 32 + row_scan] << 1;

    /* the ninth dot repeats the eighth for line-drawing characters */
    if ((f->attr_mode & 4) && ch >= 0xc0 && ch <= 0xdf) {
        dots |= dots >> 1 & 1;
    }
    if (w & CELL_DARK) {
        dots = 0;
    }
    if ((f->attr_mode & 2) && (attr & 7) == 1 && row_scan == (f->underline & 0x1fu)) {
        dots = 0x1ff; /* underline of monochrome modes */
    }
    if ((w & CELL_CURSOR) && row_scan >= (f->cursor_start & 0x1fu) && row_scan <= (f->cursor_end & 0x1fu)) {
        dots = 0x1ff;
    }
    return dots;
}

static void text_line(const Vga *v, const Frame *f, const uint32_t *words, unsigned row_scan, uint32_t *out)
{
    for (unsigned c = 0; c < f->cols + 1; c++) {
        unsigned attr = words[c] >> 8 & 0xff, dots = text_dots(v, f, words[c], row_scan);
        uint32_t fg = f->colors[attr & 15], bg = f->colors[f->attr_mode & 8 ? attr >> 4 & 7 : attr >> 4];

        for (unsigned k = 0; k < f->cell_width; k++) {
            *out++ = dots & 0x100u >> k ? fg : bg;
        }
    }
}

/* Copies the fonts out of plane 2; true when they differ from what is shown. */
static bool fetch_fonts(Vga *v, const Frame *f)
{
    bool changed = false;

    for (unsigned n = 0; n < 2; n++) {
        for (unsigned k = 0; k < VGA_FONT_SIZE; k++) {
            uint8_t b = *vga_plane(v, 2, f->fonts[n] + k);

            changed |= b != v->screen->font[n][k];
            v->screen->font[n][k] = b;
        }
    }
    return changed;
}

/* --- graphics ------------------------------------------------------------------------------------------------------------ */

static void planar_dots(const Frame *f, uint32_t w, uint32_t *out)
{
    for (unsigned k = 0; k < 8; k++) {
        unsigned s = 7 - k;

        out[k] = f->colors[(w >> s & 1) | (w >> (7 + s) & 2) | (w >> (14 + s) & 4) | (w >> (21 + s) & 8)];
    }
}

/* Shift register interleave: two bits a dot, planes 0 and 1, 2 and 3 (CGA's four colours). */
static void interleaved_dots(const Frame *f, uint32_t w, uint32_t *out)
{
    for (unsigned k = 0; k < 8; k++) {
        unsigned s = 6 - (k & 3) * 2 + (k < 4 ? 0 : 8);

        out[k] = f->colors[(w >> s & 3) | (w >> (16 + s) & 3) << 2];
    }
}

/* 256 colours: a byte of each plane is a pixel, two dots wide; without the attribute controller's part, two of four bits. */
static void packed_dots(const Vga *v, const Frame *f, uint32_t w, uint32_t *out)
{
    for (unsigned k = 0; k < 8; k++) {
        unsigned b = w >> (k / 2 * 8) & 0xff;

        if (f->attr_mode & 0x40) {
            out[k] = v->screen->palette[b & (f->planes | f->planes << 4)];
        } else {
            out[k] = f->colors[k & 1 ? b & 15 : b >> 4];
        }
    }
}

static void graphics_line(const Vga *v, const Frame *f, const uint32_t *words, uint32_t *out)
{
    for (unsigned c = 0; c < f->cols + 1; c++, out += 8) {
        if (f->shift & 0x40) {
            packed_dots(v, f, words[c], out);
        } else if (f->shift & 0x20) {
            interleaved_dots(f, words[c], out);
        } else {
            planar_dots(f, words[c], out);
        }
    }
}

static void emit_line(const Frame *f, const uint32_t *dots, unsigned pan, uint32_t *out)
{
    unsigned n = f->cols * f->cell_width;

    if (!f->half_clock) {
        memcpy(out, dots + pan, n * sizeof(*out));
        return;
    }
    for (unsigned k = 0; k < n; k++) {
        out[k * 2] = out[k * 2 + 1] = dots[k + pan];
    }
}

/* --- the frame ----------------------------------------------------------------------------------------------------------- */

/* The CRT controller's vertical counters. */
typedef struct Beam {
    unsigned counter, scan, repeat, pan, byte_pan;
} Beam;

static void beam_next(const Frame *f, Beam *b, int y)
{
    if ((unsigned)y == f->compare) { /* split: below, memory is shown from its start */
        if (f->attr_mode & 0x20) {
            b->pan = f->cell_width == 9 ? 1 : 0;
            b->byte_pan = 0;
        }
        b->counter = b->byte_pan;
        b->scan = b->repeat = 0;
        return;
    }
    if (f->double_scan && !b->repeat) {
        b->repeat = 1;
        return;
    }
    b->repeat = 0;
    if (++b->scan >= f->cell_height) {
        b->scan = 0;
        b->counter += f->offset;
    }
}

/* The words of a line; true when they differ from those it was drawn from. */
static bool line_words(Vga *v, const Frame *f, const Beam *b, uint32_t *shown)
{
    uint32_t words[VBE_MAX_XRES / 8 + 1];
    size_t n = f->cols + 1;

    if (!f->graphics) {
        text_words(v, f, b->counter, b->scan, words);
    } else {
        for (unsigned c = 0; c < n; c++) {
            words[c] = plane_word(v, crtc_address(f, (b->counter + c) & f->counter_mask, b->scan));
        }
    }
    if (!memcmp(words, shown, n * sizeof(*words))) {
        return false;
    }
    memcpy(shown, words, n * sizeof(*words));
    return true;
}

static bool line_has(const Frame *f, const Beam *b, unsigned cursor)
{
    return ((cursor - b->counter) & 0xffff) <= f->cols;
}

/* @old_cursor: nothing but the cursor has changed, which was there; NULL: anything may have. */
static void draw_lines(Vga *v, const Frame *f, Surface *sf, bool all, bool report_all, const unsigned *old_cursor)
{
    uint32_t dots[VBE_MAX_XRES + 16], line[VBE_MAX_XRES + 16]; /* larger than VGA_MAX_DOTS */
    Beam b = { .counter = f->start + f->byte_pan, .scan = f->first_scan, .pan = f->pan, .byte_pan = f->byte_pan };
    VgaScreen *s = v->screen;
    FbRects rects = { 0 };

    G_STATIC_ASSERT(VGA_MAX_DOTS < VBE_MAX_XRES);
    for (int y = 0; y < f->height; y++) {
        uint32_t *words = s->words + (size_t)y * (f->cols + 1);

        if (old_cursor && !line_has(f, &b, *old_cursor) && !line_has(f, &b, s->cursor)) {
            beam_next(f, &b, y);
            continue;
        }
        if (f->blank) {
            memset(line, 0, (size_t)f->width * sizeof(*line));
            fb_put_line(v->console, &rects, sf, y, line, report_all);
            continue;
        }
        if (line_words(v, f, &b, words) || all) {
            if (f->graphics) {
                graphics_line(v, f, words, dots);
            } else {
                text_line(v, f, words, b.scan, dots);
            }
            emit_line(f, dots, b.pan, line);
            fb_put_line(v->console, &rects, sf, y, line, report_all);
        }
        beam_next(f, &b, y);
    }
    fb_flush(v->console, &rects);
}

static bool screen_dirty(Vga *v)
{
    VgaScreen *s = v->screen;
    uint64_t len = ((uint64_t)vga_plane_mask(v) + 1) * 4;
    size_t words = (size_t)(len >> 12) / 64 + 1;

    if (words > s->bits_size) {
        s->bits_size = words;
        s->bits = g_renew(uint64_t, s->bits, words);
    }
    return mem_take_dirty(&v->vram, DIRTY_DISPLAY, 0, len, s->bits);
}

/* The 256 colours as packed modes see them; true when they are not what is shown. */
static bool fetch_palette(Vga *v)
{
    bool changed = false;

    for (unsigned i = 0; i < 256; i++) {
        uint32_t c = dac_color(v, (uint8_t)i);

        changed |= c != v->screen->palette[i];
        v->screen->palette[i] = c;
    }
    return changed;
}

/* Room for the words of each line, forgotten. */
static void screen_resize(VgaScreen *s, const Frame *f)
{
    size_t words = (size_t)f->height * (f->cols + 1);

    if (words > s->words_size) {
        s->words_size = words;
        s->words = g_renew(uint32_t, s->words, words);
    }
    memset(s->words, 0, words * sizeof(*s->words));
}

static int64_t draw_legacy(Vga *v)
{
    VgaScreen *s = v->screen ? v->screen : (v->screen = g_new0(VgaScreen, 1));
    Surface *before = console_surface(v->console);
    const uint8_t *data = before ? before->data : NULL;
    unsigned cursor;
    bool dark;
    Frame f;

    frame_init(v, &f);
    Surface *sf = console_resize(v->console, f.width, f.height);

    if (sf->width < f.width || sf->height < f.height) {
        return VGA_IDLE_NS;
    }
    bool report_all = sf->data != data, all = report_all || !s->valid || memcmp(&f, &s->frame, sizeof(f)) != 0;
    bool dirty = screen_dirty(v) || all;

    blink_now(v, &f, &cursor, &dark);
    if (all) {
        screen_resize(s, &f);
    }
    all |= f.shift & 0x40 ? fetch_palette(v) : false;
    all |= dirty && !f.graphics ? fetch_fonts(v, &f) : false;
    bool whole = all || dirty || (dark != s->dark && s->blinks);

    if (whole || cursor != s->cursor) {
        unsigned old_cursor = s->cursor;

        s->frame = f;
        s->cursor = cursor;
        s->dark = dark;
        s->blinks &= !whole; /* drawing finds out */
        s->valid = true;
        draw_lines(v, &f, sf, all, report_all, whole ? NULL : &old_cursor);
    }
    bool moves = !f.graphics && !f.blank && (s->blinks || !(f.cursor_start & 0x20));
    int64_t half = blink_half_ns(v);

    return moves ? half - clock_ns(CLOCK_KIND_VIRTUAL) % half : VGA_IDLE_NS;
}

static bool linear_mode(Vga *v, FbMode *m)
{
    if (v->card && v->card->fb_mode) {
        return v->card->fb_mode(v, m);
    }
    return vbe_fb_mode(&v->vbe, m);
}

static int64_t vga_refresh(void *opaque)
{
    Vga *v = opaque;
    FbMode mode;

    if (!linear_mode(v, &mode)) {
        fb_forget(&v->scan);
        return draw_legacy(v);
    }
    mode.blank = !(v->attr_index & 0x20) || (v->seq[SEQ_CLOCKING] & 0x20);
    if (v->screen) {
        v->screen->valid = false;
    }
    if (v->palette_stale) {
        vga_update_palettes(v);
        v->palette_stale = false;
    }
    uint32_t palette[256];

    for (unsigned i = 0; i < 256; i++) {
        palette[i] = dac_color(v, (uint8_t)i);
    }
    if (v->card && v->card->overlay_lines) {
        v->card->overlay_lines(v, &v->scan);
    }
    fb_refresh(&v->scan, &mode, palette);
    return CONSOLE_POLL;
}

static void vga_watched(void *opaque, bool on)
{
    fb_watched(&((Vga *)opaque)->scan, on);
}

static void vga_invalidate(void *opaque)
{
    Vga *v = opaque;

    fb_invalidate(&v->scan);
    if (v->screen) {
        v->screen->valid = false;
    }
}

void vga_screen_free(Vga *v)
{
    if (v->screen) {
        g_free(v->screen->words);
        g_free(v->screen->bits);
        g_free(v->screen);
        v->screen = NULL;
    }
}

/* --- the characters ---------------------------------------------------------------------------------------------------- */

static bool vga_text(void *opaque, ConsoleText *out)
{
    Vga *v = opaque;
    FbMode mode;
    Frame f;

    if (linear_mode(v, &mode) || vbe_on(&v->vbe) || (v->gfx[GFX_MISC] & 1)) {
        return false;
    }
    frame_init(v, &f);
    bool blinks = f.attr_mode & 8;

    console_text_resize(out, (int)f.cols, MAX(f.height / (int)(f.cell_height * (f.double_scan ? 2 : 1)), 1));
    for (int y = 0; y < out->rows; y++) {
        for (int x = 0; x < out->cols; x++) {
            uint32_t w = plane_word(v, crtc_address(&f, (f.start + (unsigned)y * f.offset + (unsigned)x) & 0xffff, 0));
            unsigned attr = w >> 8 & 0xff;

            out->cells[y * out->cols + x] = (ConsoleCell){
                .ch = f.blank ? ' ' : console_cp437(w & 0xff),
                .fg = f.colors[attr & 15],
                .bg = f.colors[blinks ? attr >> 4 & 7 : attr >> 4],
                .flags = blinks && (attr & 0x80) ? CELL_BLINK : 0,
            };
        }
    }
    unsigned pos = (crtc_word(v, CRTC_CURSOR_HI, CRTC_CURSOR_LO) - f.start) & 0xffff;
    bool shown = f.offset && !(f.cursor_start & 0x20) && pos / f.offset < (unsigned)out->rows &&
                 pos % f.offset < (unsigned)out->cols;

    out->cursor_x = shown ? (int)(pos % f.offset) : -1;
    out->cursor_y = shown ? (int)(pos / f.offset) : -1;
    return true;
}

const ConsoleOps vga_console_ops = { .kind = CONSOLE_GRAPHIC, .refresh = vga_refresh, .invalidate = vga_invalidate,
                                     .watched = vga_watched, .text = vga_text };

static void vga_size_hint(void *opaque, const ConsoleSizeHint *hint)
{
    Vga *v = opaque;

    v->card->size_hint(v, hint);
}

const ConsoleOps vga_sized_console_ops = { .kind = CONSOLE_GRAPHIC, .refresh = vga_refresh, .invalidate = vga_invalidate,
                                           .watched = vga_watched, .text = vga_text, .size_hint = vga_size_hint };
