/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 440FX: reset values, RAM split, PAM, SMRAM, firmware mapping. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

enum { HOST = 0, PAM0 = 0x59, SMRAM = 0x72 };

static void cfg(QTest *t, unsigned addr, uint8_t val)
{
    qtest_pci_write(t, 0, HOST, addr, val, 1);
}

static uint8_t get(QTest *t, unsigned addr)
{
    return (uint8_t)qtest_pci_read(t, 0, HOST, addr, 1);
}

TEST(reset_values)
{
    QTest *t = qtest_start("-M pc -m 64M");
    CHECK_EQ(qtest_pci_read(t, 0, HOST, 0x04, 2), 0x0006);
    CHECK_EQ(qtest_pci_read(t, 0, HOST, 0x06, 2), 0x0280);
    CHECK_EQ(qtest_pci_read(t, 0, HOST, 0x08, 4), 0x06000002);
    for (unsigned i = 0; i < 7; i++) {
        CHECK_EQ(get(t, PAM0 + i), 0);
    }
    CHECK_EQ(get(t, SMRAM), 0x02);
    cfg(t, PAM0, 0xff);
    CHECK_EQ(get(t, PAM0), 0x30);
    cfg(t, PAM0 + 1, 0xff);
    CHECK_EQ(get(t, PAM0 + 1), 0x33);
    qtest_end(t);
}

/* Each segment in each of the four modes: what a read and what a write reaches. */
TEST(pam_segments)
{
    QTest *t = qtest_start("-M pc -m 64M");
    for (unsigned s = 0; s < 13; s++) {
        uint32_t base = s == 0 ? 0xf0000 : 0xc0000 + (s - 1) * 0x4000;
        unsigned reg = s == 0 ? PAM0 : PAM0 + 1 + (s - 1) / 2, shift = s == 0 ? 4 : 4 * ((s - 1) & 1);
        uint32_t pci = qtest_readl(t, base); /* ROM or nothing */
        cfg(t, reg, (uint8_t)(3 << shift));
        CHECK_EQ(qtest_readl(t, base), 0);
        qtest_writel(t, base, 0x12345678 + s);
        CHECK_EQ(qtest_readl(t, base), 0x12345678 + s);
        cfg(t, reg, (uint8_t)(1 << shift)); /* read only */
        qtest_writel(t, base, 0xdeadbeef);
        CHECK_EQ(qtest_readl(t, base), 0x12345678 + s);
        cfg(t, reg, (uint8_t)(2 << shift)); /* reads PCI, writes RAM */
        CHECK_EQ(qtest_readl(t, base), pci);
        qtest_writel(t, base, 0xcafe0000 + s);
        CHECK_EQ(qtest_readl(t, base), pci);
        cfg(t, reg, 0);
        CHECK_EQ(qtest_readl(t, base), pci);
        cfg(t, reg, (uint8_t)(3 << shift));
        CHECK_EQ(qtest_readl(t, base), 0xcafe0000 + s);
    }
    qtest_end(t);
}

TEST(firmware_is_at_both_ends)
{
    QTest *t = qtest_start("-M pc -m 64M");
    CHECK_EQ(qtest_readb(t, 0xfffffff0), 0xea); /* the reset vector's far jump */
    CHECK_EQ(qtest_readl(t, 0xffff0), qtest_readl(t, 0xfffffff0));
    CHECK_EQ(qtest_readl(t, 0xe0000), qtest_readl(t, 0xfffe0000));
    qtest_writel(t, 0xfffffff0, 0);
    CHECK_EQ(qtest_readb(t, 0xfffffff0), 0xea);
    qtest_end(t);
}

TEST(smram_opens_and_locks)
{
    QTest *t = qtest_start("-M pc -m 64M -vga none");
    CHECK_EQ(qtest_readl(t, 0xa0000), 0xffffffff);
    cfg(t, SMRAM, 0x4a);
    qtest_writel(t, 0xa0000, 0x5a5aa5a5);
    qtest_writel(t, 0xbfffc, 0x11112222);
    CHECK_EQ(qtest_readl(t, 0xa0000), 0x5a5aa5a5);
    cfg(t, SMRAM, 0x0a);
    CHECK_EQ(qtest_readl(t, 0xa0000), 0xffffffff);
    cfg(t, SMRAM, 0x40); /* open, but not enabled */
    CHECK_EQ(qtest_readl(t, 0xa0000), 0xffffffff);
    cfg(t, SMRAM, 0x4a);
    CHECK_EQ(qtest_readl(t, 0xbfffc), 0x11112222);
    cfg(t, SMRAM, 0x5a); /* lock: closes, and stays */
    CHECK_EQ(get(t, SMRAM), 0x1a);
    CHECK_EQ(qtest_readl(t, 0xa0000), 0xffffffff);
    cfg(t, SMRAM, 0x4a);
    CHECK_EQ(get(t, SMRAM), 0x1a);
    qtest_end(t);
}

TEST(ram_above_4g)
{
    QTest *t = qtest_start("-M pc -m 4G");
    qtest_writel(t, 0xbffffffc, 0x1);
    CHECK_EQ(qtest_readl(t, 0xbffffffc), 1);
    CHECK_EQ(qtest_readl(t, 0xc0000000), 0xffffffff);
    qtest_writel(t, 0x100000000ull, 0x22);
    qtest_writel(t, 0x13ffffffcull, 0x33);
    CHECK_EQ(qtest_readl(t, 0x100000000ull), 0x22);
    CHECK_EQ(qtest_readl(t, 0x13ffffffcull), 0x33);
    CHECK_EQ(qtest_readl(t, 0x140000000ull), 0xffffffff);
    qtest_end(t);
    t = qtest_start("-M pc -m 3G");
    qtest_writel(t, 0xbffffffc, 0x1);
    CHECK_EQ(qtest_readl(t, 0xbffffffc), 1);
    CHECK_EQ(qtest_readl(t, 0x100000000ull), 0xffffffff);
    qtest_end(t);
}
