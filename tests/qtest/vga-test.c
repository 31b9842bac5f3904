/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VGA core and the standard VGA card: planes and write modes, DAC, VBE, and pictures as screendump writes them. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"
#include "tests/qtest/screen.h"
#include "tests/qtest/vga-model.h"
#include "tests/unit/test.h"

enum { SEQ = 0x3c4, GFX = 0x3ce, CRTC = 0x3d4, ATTR = 0x3c0, WINDOW = 0xa0000, VBE = 0x1ce, VGA_DEVFN = 0x10 };

static QTest *start(void)
{
    QTest *t = qtest_start("-M pc -m 32M -vga std");

    qtest_outb(t, 0x3c2, 0xe3); /* CRTC at 0x3d4 */
    return t;
}

static void reg(QTest *t, uint16_t port, uint8_t index, uint8_t val)
{
    qtest_outb(t, port, index);
    qtest_outb(t, port + 1, val);
}

static uint8_t get(QTest *t, uint16_t port, uint8_t index)
{
    qtest_outb(t, port, index);
    return qtest_inb(t, port + 1);
}

static void planar(QTest *t)
{
    reg(t, SEQ, 4, 0x06);
    reg(t, SEQ, 2, 0x0f);
    reg(t, GFX, 6, 0x05);
    reg(t, GFX, 5, 0x00);
    reg(t, GFX, 3, 0x00);
    reg(t, GFX, 1, 0x00);
    reg(t, GFX, 8, 0xff);
}

static uint8_t plane(QTest *t, unsigned p, uint32_t off)
{
    reg(t, GFX, 5, get(t, GFX, 5) & ~8);
    reg(t, GFX, 4, (uint8_t)p);
    return qtest_readb(t, WINDOW + off);
}

static void vbe(QTest *t, uint16_t index, uint16_t val)
{
    qtest_outw(t, VBE, index);
    qtest_outw(t, VBE + 1, val);
}

static uint16_t vbe_get(QTest *t, uint16_t index)
{
    qtest_outw(t, VBE, index);
    return qtest_inw(t, VBE + 1);
}

TEST(identity)
{
    QTest *t = start();

    CHECK_EQ(qtest_pci_read(t, 0, VGA_DEVFN, 0, 4), 0x11111234);
    CHECK_EQ(qtest_pci_read(t, 0, VGA_DEVFN, 8, 4) >> 8, 0x030000);
    CHECK_EQ(vbe_get(t, 0), 0xb0c5);
    CHECK_EQ(vbe_get(t, 10), 16 * 16); /* 16 MiB in 64 KiB banks */
    qtest_end(t);
}

TEST(write_modes)
{
    QTest *t = start();

    planar(t);
    reg(t, SEQ, 2, 0x05); /* mode 0: planes 0 and 2 only */
    qtest_writeb(t, WINDOW, 0x5a);
    CHECK_EQ(plane(t, 0, 0), 0x5a);
    CHECK_EQ(plane(t, 1, 0), 0x00);
    CHECK_EQ(plane(t, 2, 0), 0x5a);
    reg(t, SEQ, 2, 0x0f);
    reg(t, GFX, 3, 0x03); /* rotate right by 3 */
    qtest_writeb(t, WINDOW + 1, 0x81);
    CHECK_EQ(plane(t, 3, 1), 0x30);
    reg(t, GFX, 3, 0x00);
    reg(t, GFX, 0, 0x0a); /* set/reset on planes 0, 1 */
    reg(t, GFX, 1, 0x03);
    qtest_writeb(t, WINDOW + 2, 0x33);
    CHECK_EQ(plane(t, 0, 2), 0x00);
    CHECK_EQ(plane(t, 1, 2), 0xff);
    CHECK_EQ(plane(t, 2, 2), 0x33);
    reg(t, GFX, 1, 0x00);
    qtest_readb(t, WINDOW + 2); /* mode 1 copies latches */
    reg(t, GFX, 5, 0x01);
    qtest_writeb(t, WINDOW + 3, 0x77);
    CHECK_EQ(plane(t, 1, 3), 0xff);
    CHECK_EQ(plane(t, 2, 3), 0x33);
    reg(t, GFX, 5, 0x02); /* mode 2: a bit a plane, under the bit mask */
    reg(t, GFX, 8, 0xf0);
    qtest_readb(t, WINDOW + 4);
    qtest_writeb(t, WINDOW + 4, 0x09);
    CHECK_EQ(plane(t, 0, 4), 0xf0);
    CHECK_EQ(plane(t, 1, 4), 0x00);
    CHECK_EQ(plane(t, 3, 4), 0xf0);
    reg(t, GFX, 5, 0x03); /* mode 3: data is a mask for set/reset */
    reg(t, GFX, 8, 0x3c);
    reg(t, GFX, 0, 0x01);
    qtest_readb(t, WINDOW + 5);
    qtest_writeb(t, WINDOW + 5, 0x0f);
    CHECK_EQ(plane(t, 0, 5), 0x0c);
    CHECK_EQ(plane(t, 1, 5), 0x00);
    qtest_end(t);
}

TEST(logical_functions)
{
    static const uint8_t want[4] = { 0x3c, 0x3c & 0x55, 0x3c | 0x55, 0x3c ^ 0x55 };
    QTest *t = start();

    planar(t);
    for (unsigned f = 0; f < 4; f++) {
        reg(t, GFX, 3, 0);
        qtest_writeb(t, WINDOW + f, 0x55);
        qtest_readb(t, WINDOW + f);
        reg(t, GFX, 3, (uint8_t)(f << 3));
        qtest_writeb(t, WINDOW + f, 0x3c);
        CHECK_EQ(plane(t, 2, f), want[f]);
    }
    qtest_end(t);
}

TEST(read_mode_1)
{
    QTest *t = start();

    planar(t);
    reg(t, SEQ, 2, 0x05);
    qtest_writeb(t, WINDOW, 0xf0);
    reg(t, SEQ, 2, 0x0a);
    qtest_writeb(t, WINDOW, 0xcc);
    reg(t, GFX, 5, 0x08);
    reg(t, GFX, 2, 0x05); /* colour 5: planes 0 and 2 set, 1 and 3 clear */
    reg(t, GFX, 7, 0x0f);
    CHECK_EQ(qtest_readb(t, WINDOW), 0xf0 & ~0xcc);
    reg(t, GFX, 7, 0x01); /* only plane 0 matters */
    CHECK_EQ(qtest_readb(t, WINDOW), 0xf0);
    qtest_end(t);
}

TEST(window_selection)
{
    QTest *t = start();

    planar(t);
    reg(t, GFX, 6, 0x0d); /* b8000, 32 KiB */
    qtest_writeb(t, 0xa0000, 0x11);
    qtest_writeb(t, 0xb8000, 0x22);
    CHECK_EQ(qtest_readb(t, 0xa0000), 0xff);
    CHECK_EQ(qtest_readb(t, 0xb8000), 0x22);
    reg(t, GFX, 6, 0x05);
    CHECK_EQ(qtest_readb(t, 0xa0000), 0x22);
    qtest_end(t);
}

TEST(dac)
{
    QTest *t = start();

    qtest_outb(t, 0x3c8, 10);
    for (unsigned k = 0; k < 6; k++) {
        qtest_outb(t, 0x3c9, (uint8_t)(10 + k));
    }
    qtest_outb(t, 0x3c7, 11);
    CHECK_EQ(qtest_inb(t, 0x3c9), 13);
    CHECK_EQ(qtest_inb(t, 0x3c9), 14);
    CHECK_EQ(qtest_inb(t, 0x3c9), 15);
    CHECK_EQ(qtest_inb(t, 0x3c7), 3);
    qtest_end(t);
}

TEST(crtc_protection)
{
    QTest *t = start();

    reg(t, CRTC, 0x11, 0x00);
    reg(t, CRTC, 0x01, 79);
    reg(t, CRTC, 0x11, 0x80);
    reg(t, CRTC, 0x01, 39);
    CHECK_EQ(get(t, CRTC, 0x01), 79);
    reg(t, CRTC, 0x07, 0xff); /* only line compare's bit 8 may change */
    CHECK_EQ(get(t, CRTC, 0x07), 0x10);
    qtest_end(t);
}

TEST(vbe_geometry_is_checked)
{
    QTest *t = start();

    vbe(t, 1, 1024);
    vbe(t, 2, 768);
    vbe(t, 3, 32);
    vbe(t, 4, 0x41);
    CHECK_EQ(vbe_get(t, 6), 1024);
    CHECK_EQ(vbe_get(t, 7), 4096); /* lines that fit 16 MiB */
    vbe(t, 9, 5000); /* y offset beyond memory is cut */
    CHECK_EQ(vbe_get(t, 9), 4096 - 768);
    vbe(t, 6, 2048);
    CHECK_EQ(vbe_get(t, 7), 2048);
    CHECK_EQ(vbe_get(t, 9), 2048 - 768);
    vbe(t, 3, 77); /* no such depth */
    CHECK_EQ(vbe_get(t, 3), 8);
    qtest_end(t);
}

TEST(vbe_picture)
{
    QTest *t = start();
    int w, h;

    qtest_pci_write(t, 0, VGA_DEVFN, 0x10, 0xe0000000, 4);
    qtest_pci_write(t, 0, VGA_DEVFN, 0x04, 3, 2);
    qtest_inb(t, 0x3da);
    qtest_outb(t, ATTR, 0x20); /* video on */
    vbe(t, 1, 640);
    vbe(t, 2, 480);
    vbe(t, 3, 32);
    vbe(t, 4, 0x41);
    qtest_writel(t, 0xe0000000 + (100 * 640 + 7) * 4, 0x123456);
    qtest_writel(t, 0xe0000000 + (479 * 640 + 639) * 4, 0xfedcba);
    uint8_t *p = screendump(t, &w, &h);
    CHECK_EQ(w, 640);
    CHECK_EQ(h, 480);
    CHECK_EQ(pixel(p, w, 7, 100), 0x123456);
    CHECK_EQ(pixel(p, w, 639, 479), 0xfedcba);
    CHECK_EQ(pixel(p, w, 8, 100), 0);
    g_free(p);
    vbe(t, 4, 0);
    vbe(t, 3, 16);
    vbe(t, 4, 0x41);
    qtest_writew(t, 0xe0000000, 0xf81f);
    p = screendump(t, &w, &h);
    CHECK_EQ(pixel(p, w, 0, 0), 0xff00ff);
    g_free(p);
    qtest_end(t);
}

/* 80 by 25 characters of 9 by 16 dots, one character 0x41 whose font line is its row number. */
TEST(text_picture)
{
    static const uint8_t crtc[25] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x20, 0x0e, 0x00,
                                      0x00, 0x00, 0x00, 0x9c, 0x0e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff };
    QTest *t = start();
    int w, h;

    planar(t);
    reg(t, SEQ, 2, 0x04); /* font into plane 2 */
    for (unsigned k = 0; k < 16; k++) {
        qtest_writeb(t, WINDOW + 0x41 * 32 + k, (uint8_t)(k << 4 | k));
    }
    reg(t, SEQ, 1, 0x00);
    reg(t, SEQ, 2, 0x03);
    reg(t, SEQ, 3, 0x00);
    reg(t, SEQ, 4, 0x02);
    reg(t, GFX, 5, 0x10);
    reg(t, GFX, 6, 0x0e);
    reg(t, CRTC, 0x11, 0);
    for (unsigned k = 0; k < 25; k++) {
        reg(t, CRTC, (uint8_t)k, crtc[k]);
    }
    qtest_inb(t, 0x3da);
    for (unsigned k = 0; k < 16; k++) {
        qtest_outb(t, ATTR, (uint8_t)k);
        qtest_outb(t, ATTR, (uint8_t)k);
    }
    qtest_outb(t, ATTR, 0x10);
    qtest_outb(t, ATTR, 0x0c);
    qtest_outb(t, ATTR, 0x12);
    qtest_outb(t, ATTR, 0x0f);
    qtest_outb(t, ATTR, 0x13);
    qtest_outb(t, ATTR, 0x08);
    qtest_outb(t, ATTR, 0x20); /* video on */
    qtest_outb(t, 0x3c8, 0);
    for (unsigned k = 0; k < 16 * 3; k++) {
        qtest_outb(t, 0x3c9, (uint8_t)(k / 3 * 4));
    }
    qtest_writew(t, 0xb8000 + (2 * 80 + 3) * 2, 0x1f41); /* white on blue at column 3, row 2 */
    uint8_t *p = screendump(t, &w, &h);
    CHECK_EQ(w, 720);
    CHECK_EQ(h, 400);
    for (int y = 0; y < 16; y++) {
        for (int x = 0; x < 8; x++) {
            bool on = (y << 4 | y) >> (7 - x) & 1;
            CHECK_EQ(pixel(p, w, 27 + x, 32 + y), on ? 0xf3f3f3 : 0x101010);
        }
        CHECK_EQ(pixel(p, w, 35, 32 + y), 0x101010);
    }
    CHECK_EQ(pixel(p, w, 26, 40), 0);
    g_free(p);
    qtest_end(t);
}

/* --- pictures of every kind of mode against a plain model ------------------------------------------------------------------- */

typedef struct Kind {
    const char *name;
    uint8_t misc, seq[5], gfx[9], crtc[25], attr_mode, pan, select;
} Kind;

/* Registers as IBM's BIOS sets them, and what programs made of those. */
#define TEXT80 { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0xa3, 0x9c, 0x0e, \
    0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff }
static const Kind kinds[] = {
    { "text 80x25, 9 dots", 0x67, { 3, 0x00, 3, 0, 2 }, { 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff }, TEXT80, 0x0c, 8, 0 },
    { "text, 8 dots, no blinking, two fonts", 0x63, { 3, 0x01, 3, 0x34, 2 }, { 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff }, TEXT80,
      0x04, 0, 0 },
    { "text, panned, preset row, skew, split", 0x67, { 3, 0x00, 3, 0x09, 2 }, { 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff },
      { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x0f, 0x25, 0x0d, 0x03, 0x29, 0x12, 0x34, 0x12, 0xa3, 0x9c, 0x0e, 0x8f, 0x33,
      0x1f, 0x96, 0xb9, 0xa3, 0xc0 }, 0x08, 3, 0 },
    { "text 40x25, monochrome attributes", 0x66, { 3, 0x08, 3, 0, 2 }, { 0, 0, 0, 0, 0, 0x10, 0x0a, 0, 0xff },
      { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x13, 0x9c, 0x8e, 0x8f, 0x14,
      0x0d, 0x96, 0xb9, 0xa3, 0xff }, 0x0e, 8, 0 },
    { "CGA 320x200x4", 0x63, { 3, 0x09, 3, 0, 2 }, { 0, 0, 0, 0, 0, 0x30, 0x0f, 0, 0xff },
      { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9,
      0xa2, 0xff }, 0x01, 0, 0 },
    { "CGA 640x200x2", 0x63, { 3, 0x01, 1, 0, 6 }, { 0, 0, 0, 0, 0, 0x00, 0x0d, 0, 0xff },
      { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x00, 0x96, 0xb9,
      0xc2, 0xff }, 0x01, 0, 0 },
    { "Hercules-like four-way interleave", 0x63, { 3, 0x01, 1, 0, 6 }, { 0, 0, 0, 0, 0, 0x00, 0x09, 0, 0xff },
      { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x43, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x2d, 0x00, 0x96, 0xb9,
      0xc0, 0xff }, 0x01, 0, 0 },
    { "EGA 320x200x16", 0x63, { 3, 0x09, 15, 0, 6 }, { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff },
      { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc0, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9,
      0xe3, 0xff }, 0x01, 0, 0 },
    { "VGA 640x480x16, panned and split with and without compatibility", 0xe3, { 3, 0x01, 15, 0, 6 }, { 0, 0, 0, 0, 0, 0x00,
      0x05, 0x0f, 0xff },
      { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x40, 0x00, 0, 0, 0x20, 0x01, 0, 0, 0xea, 0x8c, 0xdf, 0x51, 0x00, 0xe7,
      0x04, 0xe3, 0x20 }, 0x21, 5, 0 },
    { "VGA 640x480x16, split that pans too", 0xe3, { 3, 0x01, 15, 0, 6 }, { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff },
      { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x2e, 0x20, 0x00, 0, 0, 0x20, 0x01, 0, 0, 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7,
      0x04, 0xe3, 0xc8 }, 0x81, 7, 0x0b },
    { "mode 13h", 0x63, { 3, 0x01, 15, 0, 14 }, { 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff },
      { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9,
      0xa3, 0xff }, 0x41, 0, 0 },
    { "mode X 320x240, odd stride, panned", 0xe3, { 3, 0x01, 15, 0, 6 }, { 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff },
      { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0d, 0x3e, 0x00, 0x41, 0, 0, 0x40, 0x17, 0, 0, 0xea, 0x8c, 0xdf, 0x2b, 0x00, 0xe7,
      0x06, 0xe3, 0xff }, 0x41, 4, 0 },
    { "nibbles, two pixels a byte", 0xe3, { 3, 0x01, 15, 0, 6 }, { 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff },
      { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04,
      0xe3, 0xff }, 0x01, 0, 0 },
    { "switched off", 0x63, { 3, 0x21, 15, 0, 14 }, { 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff },
      { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9,
      0xa3, 0xff }, 0x41, 0, 0 },
};

static uint32_t model_seed = 12345;

static uint8_t model_rnd(void)
{
    model_seed = model_seed * 1664525 + 1013904223;
    return (uint8_t)(model_seed >> 24);
}

/* Random planes and colours, through the ports and the window, and into the model. */
static void fill(QTest *t, VgaModel *m)
{
    planar(t);
    for (unsigned p = 0; p < 4; p++) {
        for (unsigned k = 0; k < 65536; k++) {
            m->plane[p][k] = model_rnd();
        }
        reg(t, SEQ, 2, (uint8_t)(1 << p));
        qtest_write(t, WINDOW, m->plane[p], 65536);
    }
    qtest_outb(t, 0x3c8, 0);
    for (unsigned k = 0; k < 768; k++) {
        m->dac[k / 3][k % 3] = model_rnd() & 63;
        qtest_outb(t, 0x3c9, m->dac[k / 3][k % 3]);
    }
}

static void program(QTest *t, const Kind *k, VgaModel *m)
{
    uint16_t crtc = k->misc & 1 ? 0x3d4 : 0x3b4, status = crtc + 6;

    m->misc = k->misc;
    memcpy(m->seq, k->seq, sizeof(m->seq));
    memcpy(m->gfx, k->gfx, sizeof(m->gfx));
    memcpy(m->crtc, k->crtc, sizeof(m->crtc));
    m->dac_mask = 0xff;
    qtest_outb(t, 0x3c6, 0xff);
    qtest_outb(t, 0x3c2, k->misc);
    for (uint8_t i = 0; i < 5; i++) {
        reg(t, SEQ, i, k->seq[i]);
    }
    for (uint8_t i = 0; i < 9; i++) {
        reg(t, GFX, i, k->gfx[i]);
    }
    reg(t, crtc, 0x11, 0);
    for (uint8_t i = 0; i < 25; i++) {
        reg(t, crtc, i, k->crtc[i]);
    }
    qtest_inb(t, status);
    for (uint8_t i = 0; i < 21; i++) {
        m->attr[i] = i < 16 ? model_rnd() & 63 : i == 16 ? k->attr_mode : i == 18 ? 15 : i == 19 ? k->pan : i == 20 ? k->select : 0;
        qtest_outb(t, ATTR, i);
        qtest_outb(t, ATTR, m->attr[i]);
    }
    qtest_outb(t, ATTR, 0x20);
}

static void compare(QTest *t, const Kind *k, const VgaModel *m)
{
    int w, h, mw, mh;
    uint8_t *p = screendump(t, &w, &h);

    vga_model_size(m, &mw, &mh);
    if (w != mw || h != mh) {
        TEST_FAIL("%s: %d x %d, not %d x %d", k->name, w, h, mw, mh);
    }
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            if (pixel(p, w, x, y) != vga_model_pixel(m, x, y)) {
                TEST_FAIL("%s: pixel %d, %d is %06x, not %06x", k->name, x, y, pixel(p, w, x, y), vga_model_pixel(m, x, y));
            }
        }
    }
    g_free(p);
}

TEST(every_kind_of_mode)
{
    VgaModel *m = g_new0(VgaModel, 1);
    QTest *t = start();

    fill(t, m);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        program(t, &kinds[i], m);
        m->cursor_phase = true; /* the clock stands at 0 */
        m->blink_phase = false;
        compare(t, &kinds[i], m);
    }
    qtest_end(t);
    g_free(m);
}

/* Cursor and blinking characters, half a second after the other, and what changes in memory while the picture is on. */
TEST(blinking_and_changes)
{
    VgaModel *m = g_new0(VgaModel, 1);
    QTest *t = start();
    int64_t half;

    fill(t, m);
    program(t, &kinds[0], m);
    /* 100 characters of 9 dots a line, 449 lines, 28.322 MHz: 70.09 frames a second; 16 frames on, 16 off */
    half = 16 * 449 * (100 * 9 * (int64_t)1000000000 / 28322000);
    for (int k = 1; k < 5; k++) {
        qtest_clock_set(t, half * k + half / 2);
        m->cursor_phase = k % 2 == 0;
        m->blink_phase = k / 2 % 2;
        compare(t, &kinds[0], m);
        for (int n = 0; n < 20; n++) { /* text and a line of a font */
            unsigned at = (unsigned)(model_rnd() << 4 | model_rnd() >> 4) & ~1u;
            uint8_t code = model_rnd();

            qtest_writeb(t, 0xb8000 + at, code);
            m->plane[0][at] = code;
        }
        reg(t, SEQ, 2, 4);
        reg(t, SEQ, 4, 6);
        reg(t, GFX, 5, 0);
        reg(t, GFX, 6, 4);
        qtest_writeb(t, WINDOW + 0x41 * 32 + 3, (uint8_t)k);
        m->plane[2][0x41 * 32 + 3] = (uint8_t)k;
        for (uint8_t i = 2; i < 5; i++) {
            reg(t, SEQ, i, kinds[0].seq[i]);
        }
        reg(t, GFX, 5, kinds[0].gfx[5]);
        reg(t, GFX, 6, kinds[0].gfx[6]);
        compare(t, &kinds[0], m);
    }
    qtest_end(t);
    g_free(m);
}

/* 8 bits a component, set with the VBE interface, and the pixel mask. */
TEST(dac_widths)
{
    QTest *t = start();
    int w, h;

    qtest_pci_write(t, 0, VGA_DEVFN, 0x10, 0xe0000000, 4);
    qtest_pci_write(t, 0, VGA_DEVFN, 0x04, 3, 2);
    qtest_inb(t, 0x3da);
    qtest_outb(t, ATTR, 0x20);
    vbe(t, 1, 640);
    vbe(t, 2, 480);
    vbe(t, 3, 8);
    vbe(t, 4, 0x41);
    qtest_outb(t, 0x3c8, 7);
    qtest_outb(t, 0x3c9, 0x2a);
    qtest_outb(t, 0x3c9, 0x15);
    qtest_outb(t, 0x3c9, 0x3f);
    qtest_writeb(t, 0xe0000000, 0xf7);
    qtest_outb(t, 0x3c6, 0x0f);
    uint8_t *p = screendump(t, &w, &h);
    CHECK_EQ(pixel(p, w, 0, 0), 0xaa55ff);
    g_free(p);
    vbe(t, 4, 0x41 | 0x20);
    p = screendump(t, &w, &h);
    CHECK_EQ(pixel(p, w, 0, 0), 0x2a153f);
    g_free(p);
    qtest_end(t);
}

/* EDID behind BAR 2: header, checksum, the preferred mode of the properties. */
TEST(edid)
{
    static const uint8_t head[8] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
    static const struct { const char *device; unsigned x, y; } cases[] = {
        { "VGA,addr=06.0", 1280, 800 }, { "VGA,addr=06.0,xres=1920,yres=1080", 1920, 1080 },
        { "bochs-display,addr=06.0,xres=800,yres=600", 800, 600 }, { "secondary-vga,addr=06.0", 1280, 800 },
        { "VGA,addr=06.0,edid=off", 0, 0 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        QTest *t = qtest_start("-M pc -m 32M -vga none -device %s,romfile=", cases[i].device);
        uint8_t e[128], sum = 0;

        qtest_pci_write(t, 0, 0x30, 0x18, 0xe8000000, 4);
        qtest_pci_write(t, 0, 0x30, 0x04, 2, 2);
        qtest_read(t, 0xe8000000, e, sizeof(e));
        for (size_t k = 0; k < sizeof(e); k++) {
            sum = (uint8_t)(sum + e[k]);
        }
        CHECK_EQ(sum, 0);
        CHECK_EQ(e[54 + 2] | (e[54 + 4] >> 4) << 8, cases[i].x);
        CHECK_EQ(e[54 + 5] | (e[54 + 7] >> 4) << 8, cases[i].y);
        CHECK(!cases[i].x || !memcmp(e, head, 8));
        CHECK_EQ(qtest_readw(t, 0xe8000500), 0xb0c5);
        CHECK_EQ(qtest_readl(t, 0xe8000600), 8);
        qtest_writel(t, 0xe8000604, 0xbebebebe);
        CHECK_EQ(qtest_readl(t, 0xe8000604), 0xbebebebe);
        qtest_end(t);
    }
}

/* All depths of VBE with a virtual screen, seen through an offset; 4 bits a pixel are four planes. */
static uint32_t vbe_model(const uint8_t *memory, const uint8_t (*dac)[3], unsigned bits, unsigned stride, unsigned x, unsigned y)
{
    const uint8_t *p = memory + (size_t)y * stride + (size_t)x * ((bits + 7) / 8);
    unsigned word = (unsigned)p[0] | (unsigned)p[1] << 8, index = p[0], r, g, b;

    switch (bits) {
    case 15:
        r = word >> 10 & 31, g = word >> 5 & 31, b = word & 31;
        return (r * 8 + r / 4) << 16 | (g * 8 + g / 4) << 8 | (b * 8 + b / 4);
    case 16:
        r = word >> 11, g = word >> 5 & 63, b = word & 31;
        return (r * 8 + r / 4) << 16 | (g * 4 + g / 16) << 8 | (b * 8 + b / 4);
    case 24: case 32: return (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
    case 4:
        index = 0;
        for (unsigned k = 0; k < 4; k++) {
            index |= (memory[((size_t)y * stride + x / 8) * 4 + k] >> (7 - x % 8) & 1u) << k;
        }
        break;
    default: break;
    }
    return (dac[index][0] * 4u + dac[index][0] / 16u) << 16 | (dac[index][1] * 4u + dac[index][1] / 16u) << 8 |
           (dac[index][2] * 4u + dac[index][2] / 16u);
}

TEST(vbe_pictures)
{
    static const struct { uint16_t bits, w, h, virt, x, y; } modes[] = {
        { 8, 640, 480, 640, 0, 0 },    { 8, 320, 200, 1016, 13, 77 }, { 15, 640, 480, 648, 5, 1 },
        { 16, 800, 600, 1024, 1, 2 },  { 24, 640, 400, 656, 3, 9 },   { 32, 1024, 768, 1024, 0, 100 },
        { 4, 640, 480, 640, 0, 0 },    { 4, 320, 240, 1024, 13, 5 },
    };
    static uint8_t memory[4 * 1024 * 1024], dac[256][3];
    QTest *t = start();
    int w, h;

    qtest_pci_write(t, 0, VGA_DEVFN, 0x10, 0xe0000000, 4);
    qtest_pci_write(t, 0, VGA_DEVFN, 0x04, 3, 2);
    for (size_t k = 0; k < sizeof(memory); k++) {
        memory[k] = model_rnd();
    }
    qtest_outb(t, 0x3c6, 0xff);
    qtest_outb(t, 0x3c8, 0);
    for (unsigned k = 0; k < 768; k++) {
        dac[k / 3][k % 3] = model_rnd() & 63;
        qtest_outb(t, 0x3c9, dac[k / 3][k % 3]);
    }
    qtest_inb(t, 0x3da);
    for (uint8_t k = 0; k < 19; k++) {
        qtest_outb(t, ATTR, k);
        qtest_outb(t, ATTR, k < 16 ? k : k == 18 ? 15 : 0);
    }
    qtest_outb(t, ATTR, 0x20);
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        unsigned stride = modes[i].bits == 4 ? modes[i].virt / 8u : modes[i].virt * ((modes[i].bits + 7u) / 8);

        vbe(t, 4, 0);
        vbe(t, 1, modes[i].w);
        vbe(t, 2, modes[i].h);
        vbe(t, 3, modes[i].bits);
        vbe(t, 4, 0x41);
        qtest_write(t, 0xe0000000, memory, sizeof(memory));
        vbe(t, 6, modes[i].virt);
        vbe(t, 8, modes[i].x);
        vbe(t, 9, modes[i].y);
        uint8_t *p = screendump(t, &w, &h);
        CHECK_EQ(w, modes[i].w);
        CHECK_EQ(h, modes[i].h);
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                uint32_t want = vbe_model(memory, dac, modes[i].bits, stride, (unsigned)x + modes[i].x, (unsigned)y + modes[i].y);

                if (pixel(p, w, x, y) != want) {
                    TEST_FAIL("%u bits: pixel %d, %d is %06x, not %06x", modes[i].bits, x, y, pixel(p, w, x, y), want);
                }
            }
        }
        g_free(p);
    }
    qtest_end(t);
}
