/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pci-testdev: writes that reach the device and writes that ring an eventfd are counted, each once. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

#define DEVFN (4 << 3)
enum { MEMORY = 0xe0000000, PORTS = 0xc000, NONE = 0xff };

static QTest *start(void)
{
    QTest *t = qtest_start("-M pc -m 64M -vga none -nodefaults -device pci-testdev,addr=4");
    CHECK_EQ(qtest_pci_read(t, 0, DEVFN, 0, 4), 0x00051b36);
    qtest_pci_write(t, 0, DEVFN, 0x10, MEMORY, 4);
    qtest_pci_write(t, 0, DEVFN, 0x14, PORTS, 4);
    qtest_pci_write(t, 0, DEVFN, 0x04, 3, 2);
    return t;
}

static void ring_port(QTest *t, unsigned times, uint32_t at, uint32_t value)
{
    while (times--) {
        qtest_outw(t, PORTS + at, value);
    }
}

TEST(ports_count_writes)
{
    QTest *t = start();
    CHECK_EQ(qtest_inb(t, PORTS), NONE);
    CHECK_EQ(qtest_inb(t, PORTS + 1), 0);
    for (unsigned test = 0; test < 3; test++) {
        qtest_outb(t, PORTS, test);
        CHECK_EQ(qtest_inb(t, PORTS + 1), 2);
        uint32_t at = qtest_inl(t, PORTS + 4), value = qtest_inl(t, PORTS + 8);
        CHECK_EQ(qtest_inl(t, PORTS + 12), 0);
        CHECK(qtest_inb(t, PORTS + 16) == 'p');
        ring_port(t, 5, at, value);
        CHECK_EQ(qtest_inl(t, PORTS + 12), 5);
        ring_port(t, 3, at, value ^ 1); /* a doorbell by value leaves others to the device */
        qtest_outb(t, PORTS + at, 0);   /* another width is not counted */
        CHECK_EQ(qtest_inl(t, PORTS + 12), 8);
    }
    qtest_outb(t, PORTS, 3); /* there are no more */
    CHECK_EQ(qtest_inb(t, PORTS + 1), 0);
    CHECK_EQ(qtest_inl(t, PORTS + 252), 0);
    qtest_end(t);
}

TEST(memory_counts_writes_and_reset_forgets)
{
    QTest *t = start();
    qtest_writeb(t, MEMORY, 1);
    CHECK_EQ(qtest_readb(t, MEMORY + 1), 4);
    uint32_t at = qtest_readl(t, MEMORY + 4);
    qtest_writel(t, MEMORY + at, 7);
    qtest_writel(t, MEMORY + at, 8);
    CHECK_EQ(qtest_readl(t, MEMORY + 12), 2);
    qtest_writeb(t, MEMORY, 1); /* from the beginning */
    CHECK_EQ(qtest_readl(t, MEMORY + 12), 0);
    qtest_hmp(t, "system_reset");
    qtest_pci_write(t, 0, DEVFN, 0x10, MEMORY, 4);
    qtest_pci_write(t, 0, DEVFN, 0x04, 3, 2);
    CHECK_EQ(qtest_readb(t, MEMORY), NONE);
    qtest_end(t);
}
