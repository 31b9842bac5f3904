/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ramfb: set up by a DMA write to "etc/ramfb", pictures in several formats, and set-ups that cannot be; and bochs-display's pictures. */
#include "util/osdep.h"
#include "tests/qtest/fwcfg.h"
#include "tests/qtest/screen.h"
#include "tests/unit/test.h"

enum { FILE_SIZE = 28, AT = 0x100000, DMA_WRITE_SELECT = 0x18, DMA_READ_SELECT = 0x0a };

static uint16_t find_key(QTest *t, const char *name)
{
    uint8_t count[4], e[64];

    fwcfg_read(t, 0x19, count, 4);
    for (uint32_t n = ld_be32(count); n; n--) {
        for (size_t j = 0; j < sizeof(e); j++) {
            e[j] = qtest_inb(t, 0x511);
        }
        if (!strcmp((const char *)e + 8, name)) {
            CHECK(strcmp(name, "etc/ramfb") || ld_be32(e) == FILE_SIZE);
            return ld_be16(e + 4);
        }
    }
    TEST_FAIL("no file %s", name);
}

static uint32_t set_up(QTest *t, uint64_t addr, const char *fourcc, uint32_t width, uint32_t height, uint32_t stride)
{
    uint8_t file[FILE_SIZE] = { 0 };

    st_be64(file, addr);
    st_be32(file + 8, ld_le32(fourcc));
    st_be32(file + 16, width);
    st_be32(file + 20, height);
    st_be32(file + 24, stride);
    qtest_write(t, 0x2000, file, sizeof(file));
    return fwcfg_dma(t, (uint32_t)find_key(t, "etc/ramfb") << 16 | DMA_WRITE_SELECT, 0x2000, FILE_SIZE);
}

TEST(pictures)
{
    static const struct { const char *fourcc; uint8_t bytes; uint32_t raw, want; } formats[] = {
        { "XR24", 4, 0xff123456, 0x123456 }, { "AB24", 4, 0xff123456, 0x563412 }, { "RG24", 3, 0x123456, 0x123456 },
        { "RG16", 2, 0xf81f, 0xff00ff },     { "XR15", 2, 0x7c00, 0xff0000 },
    };
    QTest *t = qtest_start("-M pc -m 32M -vga none -device ramfb");
    size_t len;
    uint8_t *rom = fwcfg_file(t, "vgaroms/vgabios-ramfb.bin", &len);
    int w, h;

    CHECK(rom && len > 1024 && rom[0] == 0x55 && rom[1] == 0xaa);
    g_free(rom);
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        uint32_t stride = 640u * formats[i].bytes + (i % 2 ? 64 : 0);
        uint64_t at = AT + 0x100 * i;

        qtest_memset(t, AT, 0, 0x200000);
        CHECK_EQ(set_up(t, at, formats[i].fourcc, 640, 400, i % 2 ? stride : 0), 0);
        qtest_write(t, at + 399 * stride + 639u * formats[i].bytes, &formats[i].raw, formats[i].bytes);
        uint8_t *p = screendump(t, &w, &h);
        CHECK_EQ(w, 640);
        CHECK_EQ(h, 400);
        CHECK_EQ(pixel(p, w, 639, 399), formats[i].want);
        CHECK_EQ(pixel(p, w, 638, 399), 0);
        g_free(p);
        qtest_write(t, at + 17u * formats[i].bytes, &formats[i].raw, formats[i].bytes);
        p = screendump(t, &w, &h);
        CHECK_EQ(pixel(p, w, 17, 0), formats[i].want);
        g_free(p);
    }
    qtest_end(t);
}

/* Beyond RAM, in a hole, too wide for its stride, no such format, nothing at all: black, and never a crash. */
TEST(impossible)
{
    static const struct { uint64_t addr; const char *fourcc; uint32_t w, h, stride; } bad[] = {
        { 32 * 1024 * 1024 - 4096, "XR24", 640, 480, 0 }, { 0xa0000, "XR24", 640, 480, 0 },  { UINT64_MAX - 3, "XR24", 640, 480, 0 },
        { AT, "XR24", 640, 480, 100 },                    { AT, "NV12", 640, 480, 0 },       { AT, "XR24", 0, 0, 0 },
        { AT, "XR24", 0xffffffff, 0xffffffff, 0xffffffff }, { AT, "XR24", 16000, 16000, 0 }, { 0xfffc0000, "XR24", 64, 64, 0 },
        { 0xf0000000, "XR24", 64, 64, 0 },
    };
    QTest *t = qtest_start("-M pc -m 32M -vga none -device ramfb");
    int w, h;

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        CHECK_EQ(set_up(t, bad[i].addr, bad[i].fourcc, bad[i].w, bad[i].h, bad[i].stride), 0);
        uint8_t *p = screendump(t, &w, &h);
        CHECK_EQ(pixel(p, w, w - 1, h - 1), 0);
        g_free(p);
    }
    /* other files stay as they are */
    CHECK_EQ(fwcfg_dma(t, (uint32_t)find_key(t, "etc/e820") << 16 | DMA_WRITE_SELECT, 0x2000, 4), 1);
    CHECK_EQ(fwcfg_dma(t, (uint32_t)find_key(t, "etc/ramfb") << 16 | DMA_WRITE_SELECT, 0x2000, FILE_SIZE + 1), 1);
    CHECK_EQ(fwcfg_dma(t, (uint32_t)find_key(t, "etc/ramfb") << 16 | DMA_READ_SELECT, 0x3000, FILE_SIZE), 0);
    CHECK_EQ(qtest_readl(t, 0x3004), GUINT32_SWAP_LE_BE(0xf0000000)); /* reads back what was written last */
    qtest_end(t);
}

TEST(bochs_display)
{
    QTest *t = qtest_start("-M pc -m 32M -vga none -device bochs-display,addr=05.0,romfile=,vgamem=8M");
    static const uint16_t mode[][2] = { { 1, 800 }, { 2, 600 }, { 3, 32 }, { 4, 0x41 } };
    uint64_t memory = 0xe0000000, vbe = 0xe8000500;
    int w, h;

    qtest_pci_write(t, 0, 0x28, 0x10, (uint32_t)memory, 4);
    qtest_pci_write(t, 0, 0x28, 0x18, 0xe8000000, 4);
    qtest_pci_write(t, 0, 0x28, 0x04, 2, 2);
    uint8_t *p = screendump(t, &w, &h); /* no mode: black */
    CHECK_EQ(w, 640);
    CHECK_EQ(pixel(p, w, 0, 0), 0);
    g_free(p);
    CHECK_EQ(qtest_readw(t, vbe + 10 * 2), 8 * 16);
    for (size_t i = 0; i < G_N_ELEMENTS(mode); i++) {
        qtest_writew(t, vbe + mode[i][0] * 2u, mode[i][1]);
    }
    qtest_writel(t, memory + (599 * 800 + 799) * 4, 0xabcdef);
    p = screendump(t, &w, &h);
    CHECK_EQ(w, 800);
    CHECK_EQ(pixel(p, w, 799, 599), 0xabcdef);
    g_free(p);
    qtest_writel(t, 0xe8000604, 0xbebebebe); /* big-endian pixels */
    p = screendump(t, &w, &h);
    CHECK_EQ(pixel(p, w, 799, 599), 0xcdab00);
    g_free(p);
    qtest_writew(t, vbe + 9 * 2, 100); /* down by 100 lines */
    qtest_writel(t, 0xe8000604, 0x1e1e1e1e);
    p = screendump(t, &w, &h);
    CHECK_EQ(pixel(p, w, 799, 499), 0xabcdef);
    g_free(p);
    qtest_end(t);
}
