/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VGA core and the standard VGA card: planes and write modes, DAC, VBE, and pictures as screendump writes them. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"
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

/* A PPM's pixels; *w and *h its size. */
static uint8_t *screendump(QTest *t, int *w, int *h)
{
    char path[] = "/tmp/rhea-vga-XXXXXX";
    int fd = mkstemp(path);
    char *out = qtest_hmp(t, "screendump %s", path), *data;
    gsize len;

    CHECK_STR(out, "");
    g_free(out);
    close(fd);
    CHECK(g_file_get_contents(path, &data, &len, NULL));
    unlink(path);
    int head = 0;
    CHECK_EQ(sscanf(data, "P6 %d %d 255%n", w, h, &head), 2);
    CHECK_EQ(len, (gsize)head + 1 + (gsize)*w * (gsize)*h * 3);
    uint8_t *pixels = g_memdup2(data + head + 1, (gsize)*w * (gsize)*h * 3);
    g_free(data);
    return pixels;
}

static uint32_t pixel(const uint8_t *p, int w, int x, int y)
{
    p += ((size_t)y * (size_t)w + (size_t)x) * 3;
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
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
