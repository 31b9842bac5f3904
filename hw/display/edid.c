/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EDID 1.4 (VESA E-EDID A.2 section 3) and timings with reduced blanking (VESA CVT 1.1).  See edid.h. */
#include "util/osdep.h"
#include "hw/display/edid.h"
#include "util/bytes.h"

typedef struct EdidTiming {
    uint32_t clock_10khz, hblank, vblank, hfront, hsync, vfront, vsync;
} EdidTiming;

/* CVT with reduced blanking: 160 clocks across, at least 460 us down; frames are dropped until the clock fits its 16 bits. */
static EdidTiming edid_timing(uint32_t x, uint32_t y, uint32_t refresh_mhz)
{
    EdidTiming t = { .hblank = 160, .hfront = 48, .hsync = 32, .vfront = 3, .vsync = 10 };

    if (x * 3 == y * 4) {
        t.vsync = 4;
    } else if (x * 9 == y * 16) {
        t.vsync = 5;
    } else if (x * 10 == y * 16) {
        t.vsync = 6;
    }
    for (uint64_t rate = refresh_mhz;; rate -= rate / 8) {
        uint64_t frame_ns = 1000000000000u / rate, line_ns = (frame_ns - 460000) / y;

        t.vblank = (uint32_t)MAX(460000 / MAX(line_ns, 1) + 1, t.vfront + t.vsync + 6);
        uint64_t hz = rate * (x + t.hblank) * (y + t.vblank) / 1000;

        t.clock_10khz = (uint32_t)(hz / 250000 * 25);
        if (t.clock_10khz <= 0xffff && t.vblank < 4096) {
            return t;
        }
    }
}

static void edid_detailed(uint8_t d[18], const EdidInfo *i)
{
    EdidTiming t = edid_timing(i->xres, i->yres, i->refresh_mhz);

    st_le16(d, (uint16_t)MAX(t.clock_10khz, 1));
    d[2] = (uint8_t)i->xres;
    d[3] = (uint8_t)t.hblank;
    d[4] = (uint8_t)((i->xres >> 8) << 4 | t.hblank >> 8);
    d[5] = (uint8_t)i->yres;
    d[6] = (uint8_t)t.vblank;
    d[7] = (uint8_t)((i->yres >> 8) << 4 | t.vblank >> 8);
    d[8] = (uint8_t)t.hfront;
    d[9] = (uint8_t)t.hsync;
    d[10] = (uint8_t)((t.vfront & 15) << 4 | (t.vsync & 15));
    d[11] = 0;
    d[12] = (uint8_t)i->width_mm;
    d[13] = (uint8_t)i->height_mm;
    d[14] = (uint8_t)((i->width_mm >> 8 & 15) << 4 | (i->height_mm >> 8 & 15));
    d[17] = 0x1a; /* separate sync, horizontal positive */
}

static void edid_text(uint8_t d[18], uint8_t tag, const char *text)
{
    size_t n = strlen(text);

    memset(d, 0, 18);
    d[3] = tag;
    memset(d + 5, ' ', 13);
    memcpy(d + 5, text, n);
    d[5 + n] = '\n';
}

static void edid_range(uint8_t d[18])
{
    static const uint8_t range[18] = { 0, 0, 0, 0xfd, 0, 24, 255, 15, 160, 66 /* x 10 MHz */, 1, '\n', ' ', ' ', ' ', ' ', ' ', ' ' };

    memcpy(d, range, sizeof(range));
}

static bool edid_allows(const EdidInfo *i, uint32_t x, uint32_t y)
{
    return (!i->xmax || x <= i->xmax) && (!i->ymax || y <= i->ymax);
}

/* Table 3.18: established timings at 60 Hz. */
static void edid_established(uint8_t e[3], const EdidInfo *i)
{
    e[0] = (uint8_t)((edid_allows(i, 640, 480) ? 0x20 : 0) | (edid_allows(i, 800, 600) ? 0x01 : 0));
    e[1] = (uint8_t)(edid_allows(i, 1024, 768) ? 0x08 : 0);
    e[2] = 0;
}

/* Section 3.9: width / 8 - 31, aspect ratio in the top bits, refresh rate - 60. */
static void edid_standard(uint8_t s[16], const EdidInfo *i)
{
    static const struct {
        uint16_t x, y;
        uint8_t aspect; /* 0: 16:10, 1: 4:3, 2: 5:4, 3: 16:9 */
    } modes[] = { { 1920, 1080, 3 }, { 1280, 720, 3 }, { 1440, 900, 0 }, { 1680, 1050, 0 }, { 2048, 1152, 3 }, { 1920, 1200, 0 },
                  { 1600, 1200, 1 }, { 1280, 1024, 2 } };
    unsigned n = 0;

    memset(s, 1, 16); /* 01 01: unused */
    for (size_t k = 0; k < G_N_ELEMENTS(modes) && n < 8; k++) {
        if (edid_allows(i, modes[k].x, modes[k].y)) {
            s[n * 2] = (uint8_t)(modes[k].x / 8 - 31);
            s[n * 2 + 1] = (uint8_t)(modes[k].aspect << 6);
            n++;
        }
    }
}

void edid_make(uint8_t b[EDID_BLOCK], const EdidInfo *info)
{
    /* section 3.7: sRGB's primaries and white */
    static const uint8_t chroma[10] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 };
    static const uint8_t head[8] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
    EdidInfo i = *info;
    uint8_t sum = 0;

    i.xres = CLAMP(i.xres ? i.xres : 1280, 64, EDID_MAX_SIZE);
    i.yres = CLAMP(i.yres ? i.yres : 800, 64, EDID_MAX_SIZE);
    i.refresh_mhz = CLAMP(i.refresh_mhz ? i.refresh_mhz : 60000, 1000, 480000);
    i.width_mm = MIN(i.width_mm ? i.width_mm : i.xres * 254 / 1000, 4095);
    i.height_mm = MIN(i.height_mm ? i.height_mm : i.yres * 254 / 1000, 4095);
    memset(b, 0, EDID_BLOCK);
    memcpy(b, head, sizeof(head));
    st_be16(b + 8, ('R' - 64) << 10 | ('H' - 64) << 5 | ('E' - 64)); /* three letters of five bits */
    st_le16(b + 10, 1);
    b[16] = 42;        /* week, and year - 1990 */
    b[17] = 36;
    b[18] = 1;         /* EDID 1.4 */
    b[19] = 4;
    b[20] = 0xa5;      /* digital, 8 bits a colour, DisplayPort: no limits of an older plug */
    b[21] = (uint8_t)MIN(i.width_mm / 10, 255);
    b[22] = (uint8_t)MIN(i.height_mm / 10, 255);
    b[23] = 120;       /* gamma 2.2 */
    b[24] = 0x06;      /* sRGB; the first timing is the native one */
    memcpy(b + 25, chroma, sizeof(chroma));
    edid_established(b + 35, &i);
    edid_standard(b + 38, &i);
    edid_detailed(b + 54, &i);
    edid_range(b + 72);
    edid_text(b + 90, 0xfc, "Rhea Monitor");
    b[108 + 3] = 0x10; /* dummy */
    for (unsigned k = 0; k < EDID_BLOCK - 1; k++) {
        sum = (uint8_t)(sum + b[k]);
    }
    b[EDID_BLOCK - 1] = (uint8_t)-sum;
}

EdidInfo edid_hinted(const EdidInfo *info, const ConsoleSizeHint *hint)
{
    EdidInfo e = *info;

    if (hint->width > 0 && hint->height > 0) {
        e.xres = (uint32_t)MIN(hint->width, EDID_MAX_SIZE) & ~7u;
        e.yres = (uint32_t)MIN(hint->height, EDID_MAX_SIZE);
        e.width_mm = (uint32_t)MAX(hint->width_mm, 0);
        e.height_mm = (uint32_t)MAX(hint->height_mm, 0);
        e.refresh_mhz = hint->refresh_mhz > 0 ? (uint32_t)hint->refresh_mhz : e.refresh_mhz;
    }
    return e;
}
