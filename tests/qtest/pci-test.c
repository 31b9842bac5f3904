/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI of the running board: who is where, mechanism 1, BARs of the VGA card, info pci. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

#define FN(slot, fn) ((slot) << 3 | (fn))

TEST(who_is_where)
{
    QTest *t = qtest_start("-M pc -m 64M");
    CHECK_EQ(qtest_pci_read(t, 0, FN(0, 0), 0, 4), 0x12378086);
    CHECK_EQ(qtest_pci_read(t, 0, FN(1, 0), 0, 4), 0x70008086);
    CHECK_EQ(qtest_pci_read(t, 0, FN(1, 3), 0, 4), 0x71138086);
    CHECK_EQ(qtest_pci_read(t, 0, FN(1, 0), 0x0e, 1), 0x80); /* several functions */
    CHECK_EQ(qtest_pci_read(t, 0, FN(0, 0), 0x2c, 4), 0x11001af4); /* what SeaBIOS looks for */
    CHECK_EQ(qtest_pci_read(t, 0, FN(31, 7), 0, 4), 0xffffffff);
    CHECK_EQ(qtest_pci_read(t, 1, FN(0, 0), 0, 4), 0xffffffff);
    qtest_end(t);
}

TEST(mechanism_1_sizes)
{
    QTest *t = qtest_start("-M pc -m 64M");
    qtest_outl(t, 0xcf8, 0x80000000);
    CHECK_EQ(qtest_inl(t, 0xcf8), 0x80000000);
    CHECK_EQ(qtest_inl(t, 0xcfc), 0x12378086);
    CHECK_EQ(qtest_inw(t, 0xcfe), 0x1237);
    CHECK_EQ(qtest_inb(t, 0xcfd), 0x80);
    qtest_outb(t, 0xcf8, 0x40); /* only dwords reach the address register */
    qtest_outw(t, 0xcfa, 0x1234);
    CHECK_EQ(qtest_inl(t, 0xcf8), 0x80000000);
    qtest_outl(t, 0xcf8, 0xffffffff);
    CHECK_EQ(qtest_inl(t, 0xcf8), 0x80fffffc);
    qtest_outl(t, 0xcf8, 0x00000000);
    CHECK_EQ(qtest_inl(t, 0xcfc), 0xffffffff);
    qtest_end(t);
}

TEST(info_pci_lists_the_board)
{
    QTest *t = qtest_start("-M pc -m 64M");
    char *text = qtest_hmp(t, "info pci");
    CHECK(strstr(text, "Bus  0, device   0, function 0:"));
    CHECK(strstr(text, "Host bridge: PCI device 8086:1237"));
    CHECK(strstr(text, "ISA bridge: PCI device 8086:7000"));
    CHECK(strstr(text, "Bridge: PCI device 8086:7113"));
    g_free(text);
    qtest_end(t);
}

TEST(rom_bar)
{
    QTest *t = qtest_start("-M pc -m 64M -vga std");
    qtest_pci_write(t, 0, FN(2, 0), 0x30, 0xffffffff, 4);
    CHECK_EQ(qtest_pci_read(t, 0, FN(2, 0), 0x30, 4), 0xffff0001);
    qtest_pci_write(t, 0, FN(2, 0), 0x30, 0xfeb00000, 4);
    qtest_pci_write(t, 0, FN(2, 0), 0x04, 2, 2);
    CHECK_EQ(qtest_readw(t, 0xfeb00000), 0xffff); /* decoding of the ROM is off */
    qtest_pci_write(t, 0, FN(2, 0), 0x30, 0xfeb00001, 4);
    CHECK_EQ(qtest_readw(t, 0xfeb00000), 0xaa55);
    qtest_writew(t, 0xfeb00000, 0);
    CHECK_EQ(qtest_readw(t, 0xfeb00000), 0xaa55);
    qtest_end(t);
}

TEST(devices_are_placed_by_address)
{
    QTest *t = qtest_start("-M pc -m 64M -vga none -device VGA,addr=06.0,romfile=");
    CHECK_EQ(qtest_pci_read(t, 0, FN(6, 0), 0, 4), 0x11111234);
    CHECK_EQ(qtest_pci_read(t, 0, FN(2, 0), 0, 4), 0xffffffff);
    qtest_pci_write(t, 0, FN(6, 0), 0x30, 0xffffffff, 4);
    CHECK_EQ(qtest_pci_read(t, 0, FN(6, 0), 0x30, 4), 0); /* romfile= : none */
    qtest_end(t);
}
