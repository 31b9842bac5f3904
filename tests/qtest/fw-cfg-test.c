/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg: signature, items, files, DMA with its errors, the user's own files. */
#include "util/osdep.h"
#include "tests/qtest/fwcfg.h"

#include "tests/unit/test.h"

TEST(signature_and_items)
{
    QTest *t = qtest_start("-M pc -m 96M -smp 1 -uuid 12345678-9abc-def0-1234-56789abcdef0");
    char sig[5] = { 0 };
    uint8_t b[16];
    fwcfg_read(t, 0, sig, 4);
    CHECK_STR(sig, "QEMU");
    CHECK_EQ(qtest_inb(t, 0x511), 0); /* beyond its end */
    fwcfg_read(t, 1, b, 4);
    CHECK_EQ(ld_le32(b), 3);
    fwcfg_read(t, 2, b, 16);
    CHECK_EQ(b[0], 0x12);
    CHECK_EQ(b[15], 0xf0);
    fwcfg_read(t, 3, b, 8);
    CHECK_EQ(ld_le64(b), 96 * MiB);
    fwcfg_read(t, 5, b, 2);
    CHECK_EQ(ld_le16(b), 1);
    fwcfg_read(t, 0x3fff, b, 2); /* no such item */
    CHECK_EQ(ld_le16(b), 0);
    qtest_end(t);
}

TEST(dma)
{
    QTest *t = qtest_start("-M pc -m 64M");
    CHECK_EQ(qtest_inl(t, 0x514), GUINT32_SWAP_LE_BE(0x51454d55)); /* "QEMU", the address in big-endian order */
    CHECK_EQ(qtest_inl(t, 0x518), GUINT32_SWAP_LE_BE(0x20434647));
    qtest_memset(t, 0x2000, 0xaa, 16);
    CHECK_EQ(fwcfg_dma(t, 0 << 16 | 8 | 2, 0x2000, 6), 0);
    CHECK_EQ(qtest_readl(t, 0x2000), 0x554d4551);
    CHECK_EQ(qtest_readl(t, 0x2004), 0xaaaa0000); /* zeroes beyond the end */
    CHECK_EQ(fwcfg_dma(t, 0 << 16 | 8 | 4, 0, 2), 0); /* select, skip */
    CHECK_EQ(fwcfg_dma(t, 2, 0x2000, 2), 0);
    CHECK_EQ(qtest_readw(t, 0x2000), 0x554d);
    CHECK_EQ(fwcfg_dma(t, 8 | 16, 0x2000, 2), 1); /* items cannot be written */
    CHECK_EQ(fwcfg_dma(t, 8 | 2, 0xfee00000, 4), 1); /* not RAM */
    CHECK_EQ(fwcfg_dma(t, 8 | 2, 0x2000, 0xffffffff), 1); /* absurd */
    qtest_end(t);
}

TEST(files)
{
    QTest *t = qtest_start("-M pc -m 64M -boot menu=on,splash-time=5000 -fw_cfg name=opt/x,string=hello");
    size_t len;
    uint8_t *e820 = fwcfg_file(t, "etc/e820", &len);
    CHECK(e820);
    CHECK_EQ(len, 20);
    CHECK_EQ(ld_le64(e820), 0);
    CHECK_EQ(ld_le64(e820 + 8), 64 * MiB);
    CHECK_EQ(ld_le32(e820 + 16), 1);
    g_free(e820);
    uint8_t *states = fwcfg_file(t, "etc/system-states", &len);
    CHECK_EQ(len, 6);
    CHECK_MEM(states, "\x80\0\0\x81\x82\x80", 6);
    g_free(states);
    uint8_t *x = fwcfg_file(t, "opt/x", &len);
    CHECK_STR((char *)x, "hello");
    g_free(x);
    uint8_t *wait = fwcfg_file(t, "etc/boot-menu-wait", &len);
    CHECK_EQ(len, 2);
    CHECK_EQ(ld_le16(wait), 5000);
    g_free(wait);
    CHECK(!fwcfg_file(t, "etc/nothing", &len));
    CHECK(!fwcfg_file(t, "bootorder", &len));
    qtest_end(t);
}

TEST(memory_above_4g)
{
    QTest *t = qtest_start("-M pc -m 5G");
    size_t len;
    uint8_t *e820 = fwcfg_file(t, "etc/e820", &len);
    CHECK_EQ(len, 40);
    CHECK_EQ(ld_le64(e820 + 8), 3 * GiB);
    CHECK_EQ(ld_le64(e820 + 20), 4 * GiB);
    CHECK_EQ(ld_le64(e820 + 28), 2 * GiB);
    g_free(e820);
    qtest_end(t);
}
