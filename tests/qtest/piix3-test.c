/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PIIX3: reset values, PIRQ registers, reset control. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

enum { BRIDGE = 1 << 3 };

TEST(reset_values)
{
    QTest *t = qtest_start("-M pc -m 64M");
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(qtest_pci_read(t, 0, BRIDGE, 0x60 + i, 1), 0x80);
    }
    CHECK_EQ(qtest_pci_read(t, 0, BRIDGE, 0x04, 2), 0x0007);
    CHECK_EQ(qtest_pci_read(t, 0, BRIDGE, 0x08, 4), 0x06010000);
    CHECK_EQ(qtest_pci_read(t, 0, BRIDGE, 0x4c, 1), 0x4d);
    CHECK_EQ(qtest_pci_read(t, 0, BRIDGE, 0x69, 1), 0x02);
    qtest_pci_write(t, 0, BRIDGE, 0x60, 0xffffffff, 4);
    CHECK_EQ(qtest_pci_read(t, 0, BRIDGE, 0x60, 4), 0x8f8f8f8f);
    qtest_end(t);
}

TEST(reset_control)
{
    QTest *t = qtest_start("-M pc -m 64M");
    CHECK_EQ(qtest_inb(t, 0xcf9), 0);
    qtest_outb(t, 0xcf9, 0x02);
    CHECK_EQ(qtest_inb(t, 0xcf9), 0x02);
    qtest_outl(t, 0xcf8, 0x80000000);
    CHECK_EQ(qtest_inb(t, 0xcf9), 0x02); /* a dword to 0xcf8 is the address register */
    qtest_pci_write(t, 0, BRIDGE, 0x60, 0x0a, 1);
    qtest_outb(t, 0xcf9, 0x06);
    /* The reset is done by the main loop; the registers are then as after power-on. */
    for (unsigned i = 0; i < 100 && qtest_pci_read(t, 0, BRIDGE, 0x60, 1) != 0x80; i++) {
        g_usleep(10000);
    }
    CHECK_EQ(qtest_pci_read(t, 0, BRIDGE, 0x60, 1), 0x80);
    CHECK_EQ(qtest_inb(t, 0xcf9), 0);
    qtest_end(t);
}

TEST(no_reboot_ends)
{
    QTest *t = qtest_start("-M pc -m 64M -no-reboot");
    qtest_outb(t, 0xcf9, 0x06);
    CHECK_EQ(qtest_wait_exit(t), 0);
    qtest_end(t);
}
