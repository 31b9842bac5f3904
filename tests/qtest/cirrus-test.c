/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Cirrus CL-GD5446: identity, extension registers, banks, extended write modes, hardware cursor, pictures of its modes, and BLTs
 * against a plain model (blt-model.c).  CASES=N: so many random BLTs of each kind.
 */
#include "util/osdep.h"
#include "tests/qtest/blt-model.h"
#include "tests/qtest/libqtest.h"
#include "tests/qtest/screen.h"
#include "tests/unit/test.h"

enum { SEQ = 0x3c4, GFX = 0x3ce, CRTC = 0x3d4, ATTR = 0x3c0, WINDOW = 0xa0000, DEVFN = 0x10, AREA = 0x10000 };
enum { LINEAR = 0xe0000000u, MMIO = 0xe8000000u, BLT_APERTURE = LINEAR + 0x1000000u, VRAM = 4 * MiB };

static uint64_t seed = 88172645463325252u;

static uint32_t rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % n;
}

static void reg(QTest *t, uint16_t port, uint8_t index, uint8_t val)
{
    qtest_outw(t, port, (uint16_t)(val << 8 | index));
}

static uint8_t get(QTest *t, uint16_t port, uint8_t index)
{
    qtest_outb(t, port, index);
    return qtest_inb(t, port + 1);
}

static QTest *start(void)
{
    QTest *t = qtest_start("-M pc -m 32M -vga cirrus");

    qtest_outb(t, 0x3c2, 0xe3); /* CRTC at 0x3d4 */
    qtest_pci_write(t, 0, DEVFN, 0x10, LINEAR, 4);
    qtest_pci_write(t, 0, DEVFN, 0x14, MMIO, 4);
    qtest_pci_write(t, 0, DEVFN, 0x04, 3, 2);
    reg(t, SEQ, 0x06, 0x12);
    return t;
}

static void hidden_dac(QTest *t, uint8_t val)
{
    qtest_inb(t, 0x3c8);
    for (int i = 0; i < 4; i++) {
        qtest_inb(t, 0x3c6);
    }
    qtest_outb(t, 0x3c6, val);
}

/* A linear mode; @seq7 and the hidden DAC say the depth. */
static void mode(QTest *t, unsigned width, unsigned height, unsigned stride, uint8_t seq7, uint8_t dac)
{
    reg(t, CRTC, 0x11, 0x00);
    reg(t, CRTC, 0x01, (uint8_t)(width / 8 - 1));
    reg(t, CRTC, 0x12, (uint8_t)(height - 1));
    reg(t, CRTC, 0x07, (uint8_t)(0x10 | ((height - 1) >> 7 & 0x02) | ((height - 1) >> 3 & 0x40)));
    reg(t, CRTC, 0x09, 0x40);
    reg(t, CRTC, 0x18, 0xff);
    reg(t, CRTC, 0x13, (uint8_t)(stride / 8));
    reg(t, CRTC, 0x1b, (uint8_t)(0x22 | (stride / 8 >> 4 & 0x10)));
    reg(t, CRTC, 0x0c, 0);
    reg(t, CRTC, 0x0d, 0);
    reg(t, GFX, 0x06, 0x05);
    reg(t, SEQ, 0x07, seq7);
    hidden_dac(t, dac);
    qtest_inb(t, 0x3da);
    qtest_outb(t, ATTR, 0x20);
}

TEST(identity)
{
    QTest *t = start();

    CHECK_EQ(qtest_pci_read(t, 0, DEVFN, 0, 4), 0x00b81013);
    CHECK_EQ(qtest_pci_read(t, 0, DEVFN, 8, 4) >> 8, 0x030000);
    CHECK_EQ(get(t, CRTC, 0x27), 0xb8);
    CHECK_EQ(get(t, SEQ, 0x06), 0x12);
    reg(t, SEQ, 0x06, 0x00);
    CHECK_EQ(get(t, SEQ, 0x06), 0x0f);
    CHECK_EQ(get(t, SEQ, 0x0f) & 0x98, 0x98); /* 4 MiB */
    CHECK_EQ(get(t, SEQ, 0x17) & 0x38, 0x20); /* PCI */
    CHECK_EQ(qtest_readb(t, MMIO + 0x0c), qtest_inb(t, 0x3cc)); /* ports in memory */
    qtest_end(t);
}

TEST(memory_sizes)
{
    static const struct { unsigned mb, seq; } sizes[] = { { 1, 0x10 }, { 2, 0x18 }, { 4, 0x98 } };

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        QTest *t = qtest_start("-M pc -m 32M -vga none -device cirrus-vga,vgamem_mb=%u", sizes[i].mb);

        qtest_outb(t, 0x3c2, 0xe3);
        CHECK_EQ(get(t, SEQ, 0x0f) & 0x98, sizes[i].seq);
        qtest_end(t);
    }
}

TEST(hidden_dac_is_behind_four_reads)
{
    QTest *t = start();

    qtest_outb(t, 0x3c6, 0x5a);
    hidden_dac(t, 0xe1);
    CHECK_EQ(qtest_inb(t, 0x3c6), 0x5a);
    for (int i = 0; i < 3; i++) {
        qtest_inb(t, 0x3c6);
    }
    CHECK_EQ(qtest_inb(t, 0x3c6), 0xe1);
    CHECK_EQ(qtest_inb(t, 0x3c6), 0x5a);
    qtest_end(t);
}

TEST(banks)
{
    QTest *t = start();

    mode(t, 640, 480, 640, 0x01, 0);
    for (unsigned k = 0; k < VRAM; k += 0x1000) {
        qtest_writel(t, LINEAR + k, k >> 12);
    }
    reg(t, GFX, 0x0b, 0x00); /* one bank of 64 KiB, steps of 4 KiB */
    reg(t, GFX, 0x09, 0x21);
    CHECK_EQ(qtest_readl(t, WINDOW), 0x21);
    CHECK_EQ(qtest_readl(t, WINDOW + 0xf000), 0x30);
    reg(t, GFX, 0x0b, 0x20); /* steps of 16 KiB */
    CHECK_EQ(qtest_readl(t, WINDOW + 0x1000), 0x21 * 4 + 1);
    reg(t, GFX, 0x0b, 0x21); /* two banks of 32 KiB */
    reg(t, GFX, 0x0a, 0xff);
    CHECK_EQ(qtest_readl(t, WINDOW + 0x7000), 0x21 * 4 + 7);
    CHECK_EQ(qtest_readl(t, WINDOW + 0x8000), 0xff * 4);
    qtest_writel(t, WINDOW + 0x8004, 0x12345678);
    CHECK_EQ(qtest_readl(t, LINEAR + 0xff * 0x4000 + 4), 0x12345678);
    CHECK_EQ(qtest_readl(t, WINDOW + 0xd000), 1); /* wraps at the end of video memory */
    qtest_end(t);
}

TEST(extended_write_modes)
{
    QTest *t = start();

    mode(t, 640, 480, 640, 0x01, 0);
    reg(t, GFX, 0x0b, 0x06);
    reg(t, GFX, 0x00, 0xb0);
    reg(t, GFX, 0x01, 0xf1);
    reg(t, GFX, 0x05, 0x04); /* mode 4: ones only */
    qtest_writeb(t, WINDOW + 2, 0xa1);
    reg(t, GFX, 0x05, 0x05); /* mode 5: zeros are the background */
    qtest_writeb(t, LINEAR + 3, 0x0f);
    reg(t, GFX, 0x0b, 0x00);
    reg(t, GFX, 0x05, 0x00);
    static const uint8_t four[8] = { 0xf1, 0, 0xf1, 0, 0, 0, 0, 0xf1 }, five[8] = { 0xb0, 0xb0, 0xb0, 0xb0, 0xf1, 0xf1, 0xf1, 0xf1 };
    uint8_t got[16];
    qtest_read(t, LINEAR + 16, got, 16);
    CHECK(!memcmp(got, four, 8));
    CHECK(!memcmp(got + 8, five, 8));
    qtest_end(t);
}

/* --- pictures ------------------------------------------------------------------------------------------------------------------ */

static uint32_t spread(unsigned v, unsigned bits)
{
    return (v * 255 * 2 + ((1u << bits) - 1)) / (((1u << bits) - 1) * 2); /* nearest */
}

/* The colour of one pixel by the manual's table of formats; 8 bits: the palette entry is three times its number. */
static uint32_t model_pixel(const uint8_t *memory, unsigned bits, size_t at)
{
    const uint8_t *p = memory + at;

    switch (bits) {
    case 8: return (uint32_t)*p & 63 ? ((*p & 63u) << 2 | (*p & 63u) >> 4) * 0x010101u : 0;
    case 15: return spread(p[1] >> 2 & 31, 5) << 16 | spread((p[1] & 3u) << 3 | p[0] >> 5, 5) << 8 | spread(p[0] & 31, 5);
    case 16: return spread(p[1] >> 3, 5) << 16 | spread((p[1] & 7u) << 3 | p[0] >> 5, 6) << 8 | spread(p[0] & 31, 5);
    default: return (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
    }
}

static void near(uint32_t got, uint32_t want, int x, int y)
{
    for (int s = 0; s < 24; s += 8) { /* a narrow colour's bits are repeated: at most one off the nearest */
        int d = (int)(got >> s & 255) - (int)(want >> s & 255);

        if (d < -1 || d > 1) {
            TEST_FAIL("pixel %d, %d is %06x, not %06x", x, y, got, want);
        }
    }
}

TEST(pictures)
{
    static const struct { unsigned width, height, stride, bits; uint8_t seq7, dac; } modes[] = {
        { 640, 480, 640, 8, 0x01, 0x00 },  { 640, 480, 1288, 15, 0x07, 0xf0 }, { 320, 200, 640, 16, 0x07, 0xe1 },
        { 640, 400, 1920, 24, 0x05, 0xe5 }, { 800, 600, 3200, 32, 0x09, 0xe5 }, { 1024, 768, 2048, 16, 0x07, 0xc1 },
    };
    uint8_t *memory = g_malloc(VRAM);
    QTest *t = start();

    for (unsigned k = 0; k < VRAM; k++) {
        memory[k] = (uint8_t)rnd(256);
    }
    qtest_write(t, LINEAR, memory, VRAM);
    qtest_outb(t, 0x3c6, 0xff);
    qtest_outb(t, 0x3c8, 0);
    for (unsigned k = 0; k < 768; k++) {
        qtest_outb(t, 0x3c9, (uint8_t)(k / 3 & 63));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        unsigned at = i % 2 ? 0x12345 : 0; /* in units of four bytes */
        int w, h;

        mode(t, modes[i].width, modes[i].height, modes[i].stride, modes[i].seq7, modes[i].dac);
        reg(t, CRTC, 0x0c, (uint8_t)(at >> 8));
        reg(t, CRTC, 0x0d, (uint8_t)at);
        reg(t, CRTC, 0x1b, (uint8_t)(get(t, CRTC, 0x1b) | (at >> 16 & 1) | (at >> 15 & 0x0c)));
        uint8_t *p = screendump(t, &w, &h);
        CHECK_EQ(w, (int)modes[i].width);
        CHECK_EQ(h, (int)modes[i].height);
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                size_t from = at * 4u + (size_t)y * modes[i].stride + (size_t)x * ((modes[i].bits + 7) / 8);

                near(pixel(p, w, x, y), model_pixel(memory, modes[i].bits, from), x, y);
            }
        }
        g_free(p);
    }
    g_free(memory);
    qtest_end(t);
}

static void attribute(QTest *t, uint8_t index, uint8_t val)
{
    qtest_inb(t, 0x3da);
    qtest_outb(t, ATTR, index | 0x20);
    qtest_outb(t, ATTR, val);
}

typedef struct Scroll {
    unsigned start, bytes, rows, twice, preset, pan, compare;
    bool keep; /* panning goes on below the split */
} Scroll;

/* Where line @y begins, counted as the CRTC does: line by line from the top. */
static unsigned model_line(const Scroll *s, unsigned stride, unsigned y)
{
    unsigned from = s->start * 4 + s->bytes * 4 + s->pan, row = MIN(s->preset, s->rows - 1), again = 0;

    for (unsigned k = 0; k < y; k++) {
        if (k == s->compare) {
            from = s->keep ? s->bytes * 4 + s->pan : 0;
            row = again = 0;
        } else if (s->twice && !again) {
            again = 1;
        } else {
            again = 0;
            row = (row + 1) % s->rows;
            from += row ? 0 : stride;
        }
    }
    return from;
}

/* Pixel and byte panning, preset row scan, several lines a row, double scan and split, at every depth. */
TEST(smooth_scrolling)
{
    static const struct { unsigned bits; uint8_t seq7, dac; } depths[] = {
        { 8, 0x01, 0x00 }, { 15, 0x07, 0xf0 }, { 16, 0x07, 0xe1 }, { 24, 0x05, 0xe5 }, { 32, 0x09, 0xe5 },
    };
    enum { W = 64, H = 48, STRIDE = 264, SIZE = 0x10000 };
    uint8_t *memory = g_malloc(SIZE);
    QTest *t = start();

    for (unsigned k = 0; k < SIZE; k++) {
        memory[k] = (uint8_t)rnd(256);
    }
    qtest_write(t, LINEAR, memory, SIZE);
    qtest_outb(t, 0x3c6, 0xff);
    qtest_outb(t, 0x3c8, 0);
    for (unsigned k = 0; k < 768; k++) {
        qtest_outb(t, 0x3c9, (uint8_t)(k / 3 & 63));
    }
    for (unsigned i = 0; i < 60; i++) {
        unsigned bits = depths[i % 5].bits;
        Scroll s = { .start = rnd(2000), .bytes = rnd(4), .rows = 1 + rnd(4), .twice = rnd(2), .pan = rnd(4), .compare = rnd(80),
                     .keep = rnd(2) };
        int w, h;

        s.preset = rnd(s.rows + 1);
        mode(t, W, H, STRIDE, depths[i % 5].seq7, depths[i % 5].dac);
        reg(t, CRTC, 0x07, 0);
        reg(t, CRTC, 0x18, (uint8_t)s.compare);
        reg(t, CRTC, 0x09, (uint8_t)((s.rows - 1) | s.twice << 7));
        reg(t, CRTC, 0x08, (uint8_t)(s.preset | s.bytes << 5));
        reg(t, CRTC, 0x0c, (uint8_t)(s.start >> 8));
        reg(t, CRTC, 0x0d, (uint8_t)s.start);
        attribute(t, 0x10, s.keep ? 0x41 : 0x61);
        attribute(t, 0x13, (uint8_t)(s.pan * 2));
        uint8_t *p = screendump(t, &w, &h);
        CHECK_EQ(w, W);
        CHECK_EQ(h, H);
        for (int y = 0; y < h; y++) {
            unsigned from = model_line(&s, STRIDE, (unsigned)y);

            for (int x = 0; x < w; x++) {
                near(pixel(p, w, x, y), model_pixel(memory, bits, from + (unsigned)x * ((bits + 7) / 8)), x, y);
            }
        }
        g_free(p);
    }
    g_free(memory);
    qtest_end(t);
}

/* --- the monitor at DDC, as a driver of an I2C bus does it ---------------------------------------------------------------------- */

static void ddc_lines(QTest *t, unsigned clock, unsigned data)
{
    reg(t, SEQ, 0x08, (uint8_t)(0x40 | data << 1 | clock));
    CHECK_EQ(get(t, SEQ, 0x08) >> 2 & 1, clock);
}

static unsigned ddc_bit(QTest *t, unsigned out)
{
    ddc_lines(t, 0, out);
    ddc_lines(t, 1, out);
    unsigned in = get(t, SEQ, 0x08) >> 7;
    ddc_lines(t, 0, out);
    return in;
}

static void ddc_start(QTest *t)
{
    ddc_lines(t, 0, 1);
    ddc_lines(t, 1, 1);
    ddc_lines(t, 1, 0);
    ddc_lines(t, 0, 0);
}

static void ddc_stop(QTest *t)
{
    ddc_lines(t, 0, 0);
    ddc_lines(t, 1, 0);
    ddc_lines(t, 1, 1);
}

static bool ddc_write(QTest *t, unsigned byte) /* true: acknowledged */
{
    for (int k = 7; k >= 0; k--) {
        ddc_bit(t, byte >> k & 1);
    }
    return !ddc_bit(t, 1);
}

static uint8_t ddc_read(QTest *t, bool more)
{
    unsigned byte = 0;

    for (int k = 0; k < 8; k++) {
        byte = byte << 1 | ddc_bit(t, 1);
    }
    ddc_bit(t, !more);
    return (uint8_t)byte;
}

/* Other addresses, writes, a reader who comes back later, one who gives up. */
static void ddc_oddities(QTest *t, const uint8_t *edid)
{
    ddc_start(t);
    CHECK(!ddc_write(t, 0xa2)); /* nobody */
    CHECK(!ddc_write(t, 0x00));
    ddc_start(t);
    CHECK(ddc_write(t, 0xa0));
    CHECK(ddc_write(t, 20));
    CHECK(ddc_write(t, 0x77)); /* protected */
    ddc_stop(t);
    CHECK_EQ(get(t, SEQ, 0x08) >> 7, 1);
    ddc_start(t);
    CHECK(ddc_write(t, 0xa1));
    CHECK_EQ(ddc_read(t, false), edid[20]); /* where it was left */
    CHECK_EQ(get(t, SEQ, 0x08) >> 7, 1);
    ddc_stop(t);
    ddc_start(t);
    CHECK(ddc_write(t, 0xa1));
    CHECK_EQ(ddc_read(t, true), edid[21]);
    reg(t, SEQ, 0x08, 0); /* pins off: the card pulls nothing, and the next start is one in the middle of a byte */
    CHECK_EQ(get(t, SEQ, 0x08) & 0x7f, 0x04);
    ddc_start(t);
    CHECK(ddc_write(t, 0xa1));
    CHECK_EQ(ddc_read(t, false), edid[23]);
    ddc_stop(t);
}

TEST(monitor_is_read_by_ddc)
{
    QTest *t = qtest_start("-M pc -m 32M -vga none -device cirrus-vga,xres=1024,yres=600 -device bochs-display,xres=1024,yres=600");
    uint8_t edid[256], sum = 0;

    qtest_outb(t, 0x3c2, 0xe3);
    reg(t, SEQ, 0x06, 0x12);
    for (int round = 0; round < 2; round++) {
        ddc_start(t);
        CHECK(ddc_write(t, 0xa0));
        CHECK(ddc_write(t, 0));
        ddc_start(t); /* repeated */
        CHECK(ddc_write(t, 0xa1));
        for (int k = 0; k < 256; k++) {
            edid[k] = ddc_read(t, k < 255);
        }
        ddc_stop(t);
    }
    static const uint8_t head[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };
    CHECK(!memcmp(edid, head, 8));
    CHECK(!memcmp(edid, edid + 128, 128)); /* it wraps */
    for (int k = 0; k < 128; k++) {
        sum = (uint8_t)(sum + edid[k]);
    }
    CHECK_EQ(sum, 0);
    CHECK_EQ(edid[56] | (edid[58] & 0xf0) << 4, 1024);
    CHECK_EQ(edid[59] | (edid[61] & 0xf0) << 4, 600);
    qtest_pci_write(t, 0, 0x18, 0x18, MMIO, 4); /* the same monitor as at a card that has it in memory */
    qtest_pci_write(t, 0, 0x18, 0x04, 2, 2);
    for (unsigned k = 0; k < 128; k++) {
        CHECK_EQ(qtest_readb(t, MMIO + k), edid[k]);
    }
    ddc_oddities(t, edid);
    qtest_end(t);
    t = qtest_start("-M pc -m 32M -vga none -device cirrus-vga,edid=off");
    qtest_outb(t, 0x3c2, 0xe3);
    ddc_start(t);
    CHECK(!ddc_write(t, 0xa0));
    qtest_end(t);
}

/* Both sizes, all four kinds of dots, over the right and lower border; and it goes when it is switched off. */
TEST(hardware_cursor)
{
    QTest *t = start();
    int w, h;

    mode(t, 320, 200, 1280, 0x09, 0xe5);
    for (unsigned k = 0; k < 320 * 200; k += 64) {
        qtest_memset(t, LINEAR + k * 4, 0x33, 256);
    }
    for (int large = 0; large < 2; large++) {
        int size = large ? 64 : 32, px = 320 - size / 2, py = 200 - size / 2 - 3;
        uint8_t pattern[1024];
        uint32_t base = LINEAR + VRAM - 0x4000 + (large ? 8 : 5) * 256;

        for (size_t k = 0; k < sizeof(pattern); k++) {
            pattern[k] = (uint8_t)rnd(256);
        }
        qtest_write(t, base, pattern, large ? 1024 : 256);
        reg(t, SEQ, 0x12, 0x02); /* the cursor's colours */
        static const uint8_t colours[2][4] = { { 0, 0x10, 0x20, 0x3f }, { 15, 0x3f, 0x01, 0x2a } };
        for (int c = 0; c < 2; c++) {
            qtest_outb(t, 0x3c8, colours[c][0]);
            for (int k = 1; k < 4; k++) {
                qtest_outb(t, 0x3c9, colours[c][k]);
            }
        }
        reg(t, SEQ, 0x13, (uint8_t)(large ? 8 : 5));
        reg(t, SEQ, (uint8_t)(0x10 | (px & 7) << 5), (uint8_t)(px >> 3));
        reg(t, SEQ, (uint8_t)(0x11 | (py & 7) << 5), (uint8_t)(py >> 3));
        reg(t, SEQ, 0x12, (uint8_t)(large ? 0x05 : 0x01));
        uint8_t *p = screendump(t, &w, &h);
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                int cx = x - px, cy = y - py;
                uint32_t want = 0x333333;

                if (cx >= 0 && cx < size && cy >= 0 && cy < size) {
                    int line = cy * (large ? 16 : 4), second = large ? 8 : 128;
                    bool p0 = pattern[line + cx / 8] & 0x80 >> cx % 8, p1 = pattern[line + second + cx / 8] & 0x80 >> cx % 8;

                    want = p1 ? p0 ? 0xff04aa : 0x4182ff : p0 ? 0xcccccc : want;
                }
                if (pixel(p, w, x, y) != want) {
                    TEST_FAIL("%d: pixel %d, %d is %06x, not %06x", size, x, y, pixel(p, w, x, y), want);
                }
            }
        }
        g_free(p);
    }
    reg(t, SEQ, 0x12, 0x04);
    uint8_t *p = screendump(t, &w, &h);
    for (int k = 0; k < w * h; k++) {
        CHECK_EQ(pixel(p, w, k % w, k / w), 0x333333);
    }
    g_free(p);
    qtest_end(t);
}

/* --- BLTs ------------------------------------------------------------------------------------------------------------------------ */

static void blt_registers(QTest *t, const BltModel *b)
{
    uint8_t r[0x20] = { 0 };

    for (int k = 0; k < 4; k++) {
        r[k] = (uint8_t)(b->bg >> 8 * k);
        r[4 + k] = (uint8_t)(b->fg >> 8 * k);
    }
    for (int k = 0; k < 2; k++) {
        r[0x08 + k] = (uint8_t)((b->width - 1) >> 8 * k);
        r[0x0a + k] = (uint8_t)((b->height - 1) >> 8 * k);
        r[0x0c + k] = (uint8_t)(b->dst_pitch >> 8 * k);
        r[0x0e + k] = (uint8_t)(b->src_pitch >> 8 * k);
        r[0x1c + k] = (uint8_t)(b->key >> 8 * k);
    }
    for (int k = 0; k < 3; k++) {
        r[0x10 + k] = (uint8_t)(b->dst >> 8 * k);
        r[0x14 + k] = (uint8_t)(b->src >> 8 * k);
    }
    r[0x17] = b->skip;
    r[0x18] = b->mode;
    r[0x1a] = b->rop;
    r[0x1b] = b->ext;
    for (int k = 0; k < 0x20; k += 4) {
        uint32_t w = (uint32_t)r[k] | (uint32_t)r[k + 1] << 8 | (uint32_t)r[k + 2] << 16 | (uint32_t)r[k + 3] << 24;

        qtest_writel(t, MMIO + 0x100 + (unsigned)k, w);
    }
}

/* A BLT whose rectangles lie within AREA. */
static void random_blt(BltModel *b, uint8_t mode_bits, uint8_t ext)
{
    unsigned bytes = rnd(4);

    memset(b, 0, sizeof(*b));
    b->mode = (uint8_t)(mode_bits | bytes << 4);
    b->ext = ext;
    b->rop = blt_model_rops[rnd(16)];
    bytes++;
    b->width = (1 + rnd(60)) * bytes;
    b->height = 1 + rnd(20);
    b->dst_pitch = b->width + rnd(100);
    b->src_pitch = b->width + rnd(100);
    b->fg = rnd(0xffffffff);
    b->bg = rnd(0xffffffff);
    b->key = (uint16_t)(rnd(4) ? rnd(0x10000) : 0x0101 * rnd(4));
    b->skip = mode_bits & 0x80 ? (uint8_t)rnd(bytes == 3 ? 22 : 8) : 0;
    if (bytes == 3) {
        b->skip = (uint8_t)(b->skip / 3 * 3);
    }
    b->dst = rnd(AREA - b->dst_pitch * b->height);
    b->src = mode_bits & 0x40 ? rnd(AREA - 512) : rnd(AREA - b->src_pitch * b->height);
    if (mode_bits & 0xc0) { /* patterns and bits apart from the destination: what else is undefined */
        b->dst = rnd(AREA / 2 - b->dst_pitch * b->height);
        b->src = AREA / 2 + rnd(AREA / 2 - 2048);
    }
    if (rnd(3) == 0 && !(mode_bits & 0xc4)) { /* overlapping */
        b->src = MIN(b->dst + rnd(8), AREA - b->src_pitch * b->height);
    }
    if (mode_bits & 1) { /* from the last byte on */
        b->dst += b->dst_pitch * (b->height - 1) + b->width - 1;
        b->src += b->src_pitch * (b->height - 1) + b->width - 1;
    }
}

static void feed(QTest *t, const BltModel *b, int way)
{
    size_t size = (blt_model_system_size(b) + 3) & ~(size_t)3; /* the CPU writes doublewords */
    uint64_t to = way == 0 ? WINDOW : way == 1 ? LINEAR + 0x1000 : BLT_APERTURE;

    for (size_t k = 0; k < size; k += 4) {
        uint32_t w;

        memcpy(&w, b->system + k, 4);
        qtest_writel(t, to + k % 0x8000, w);
    }
}

static unsigned cases(void)
{
    const char *text = getenv("CASES");

    return text ? (unsigned)atoi(text) : 40;
}

static void compare_kind(QTest *t, uint8_t mode_bits, uint8_t ext)
{
    static uint8_t want[AREA], got[AREA], system[0x10000];

    for (unsigned k = 0; k < cases(); k++) {
        BltModel b;

        random_blt(&b, mode_bits, ext);
        if (k % 16 == 0) {
            for (size_t n = 0; n < AREA; n++) {
                want[n] = (uint8_t)rnd(rnd(3) ? 256 : 4);
            }
            qtest_write(t, LINEAR, want, AREA);
        }
        for (size_t n = 0; n < sizeof(system); n++) {
            system[n] = (uint8_t)rnd(256);
        }
        b.system = system;
        blt_registers(t, &b);
        qtest_writeb(t, MMIO + 0x140, 0x02);
        if (mode_bits & 4) {
            CHECK_EQ(qtest_readb(t, MMIO + 0x140) & 1, 1);
            feed(t, &b, (int)rnd(3));
        }
        CHECK_EQ(qtest_readb(t, MMIO + 0x140) & 1, 0);
        blt_model_run(&b, want);
        qtest_read(t, LINEAR, got, AREA);
        for (size_t n = 0; n < AREA; n++) {
            if (got[n] != want[n]) {
                TEST_FAIL("case %u: mode %02x ext %02x rop %02x skip %u key %04x %ux%u pitch %u %u dst %x src %x fg %x bg %x: byte %zx is "
                          "%02x, not %02x", k, b.mode, b.ext, b.rop, b.skip, b.key, b.width, b.height, b.dst_pitch, b.src_pitch, b.dst,
                          b.src, b.fg, b.bg, n, got[n], want[n]);
            }
        }
    }
}

TEST(blt_kinds)
{
    static const uint8_t kinds[][2] = {
        { 0x00, 0 }, { 0x01, 0 }, { 0x08, 0 }, { 0x09, 0 },              /* copies */
        { 0x40, 0 },                                                      /* colour pattern */
        { 0xc0, 0 }, { 0xc8, 0 }, { 0xc8, 2 }, { 0xc0, 4 },               /* pattern of bits, solid fill */
        { 0x80, 0 }, { 0x88, 0 }, { 0x88, 2 },                            /* bits in video memory */
        { 0x04, 0 }, { 0x0c, 0 }, { 0x84, 0 }, { 0x84, 1 }, { 0x8c, 0 }, { 0x8c, 3 }, /* from the CPU */
    };
    QTest *t = start();

    mode(t, 640, 480, 640, 0x01, 0);
    reg(t, SEQ, 0x17, 0x24); /* registers in memory */
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        compare_kind(t, kinds[i][0], kinds[i][1]);
    }
    qtest_end(t);
}

/* What does not lie in video memory is not done, and the engine is idle afterwards; reset ends a BLT that waits. */
TEST(blt_outside_and_reset)
{
    QTest *t = start();
    BltModel b = { .rop = 0x0d, .width = 64, .height = 8, .dst_pitch = 64, .src_pitch = 64, .dst = VRAM - 100, .src = 0 };

    qtest_memset(t, LINEAR + VRAM - 4096, 0x55, 4096);
    blt_registers(t, &b);
    qtest_writeb(t, MMIO + 0x140, 0x02);
    CHECK_EQ(qtest_readb(t, MMIO + 0x140) & 1, 0);
    CHECK_EQ(qtest_readl(t, LINEAR + VRAM - 100), 0x55555555);
    b.mode = 0x01; /* backwards from the first byte */
    b.dst = 10;
    blt_registers(t, &b);
    qtest_writeb(t, MMIO + 0x140, 0x02);
    CHECK_EQ(qtest_readb(t, MMIO + 0x140) & 1, 0);
    b.mode = 0x04;
    b.dst = 0x1000;
    blt_registers(t, &b);
    qtest_writeb(t, MMIO + 0x140, 0x02);
    CHECK_EQ(qtest_readb(t, MMIO + 0x140) & 1, 1);
    qtest_writeb(t, MMIO + 0x140, 0x04);
    qtest_writeb(t, MMIO + 0x140, 0x00);
    CHECK_EQ(qtest_readb(t, MMIO + 0x140) & 1, 0);
    qtest_writel(t, LINEAR + 0x2000, 0xabcdef01); /* memory again */
    CHECK_EQ(qtest_readl(t, LINEAR + 0x2000), 0xabcdef01);
    b.mode = 0x00; /* autostart: the destination's last byte starts it */
    b.src = 0x2000;
    blt_registers(t, &b);
    qtest_writeb(t, MMIO + 0x140, 0x80);
    CHECK(qtest_readl(t, LINEAR + 0x1000) != 0xabcdef01);
    qtest_writeb(t, MMIO + 0x112, 0x00);
    CHECK_EQ(qtest_readl(t, LINEAR + 0x1000), 0xabcdef01);
    qtest_end(t);
}
