/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PIIX4 power management: PM1 block, timer and SCI on the virtual clock, SMI commands, sleeping, SMBus. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

enum { PM = 1 << 3 | 3, BASE = 0x600, STS = BASE, EN = BASE + 2, CNT = BASE + 4, TMR = BASE + 8, SMB = 0x700 };

static QTest *start(const char *more)
{
    QTest *t = qtest_start("-M pc -m 64M %s", more);
    qtest_pci_write(t, 0, PM, 0x40, BASE | 1, 4);
    qtest_pci_write(t, 0, PM, 0x80, 1, 1);
    return t;
}

TEST(placing)
{
    QTest *t = qtest_start("-M pc -m 64M");
    CHECK_EQ(qtest_pci_read(t, 0, PM, 0x40, 4), 1);
    CHECK_EQ(qtest_pci_read(t, 0, PM, 0x3c, 2), 0x0109);
    CHECK_EQ(qtest_inw(t, CNT), 0xffff);
    qtest_pci_write(t, 0, PM, 0x40, 0xffffffff, 4);
    CHECK_EQ(qtest_pci_read(t, 0, PM, 0x40, 4), 0xffc1);
    qtest_pci_write(t, 0, PM, 0x40, BASE, 4);
    CHECK_EQ(qtest_inw(t, CNT), 0xffff);
    qtest_pci_write(t, 0, PM, 0x80, 1, 1);
    CHECK_EQ(qtest_inw(t, CNT), 0);
    qtest_pci_write(t, 0, PM, 0x80, 0, 1);
    CHECK_EQ(qtest_inw(t, CNT), 0xffff);
    qtest_end(t);
}

TEST(timer_counts_3579545_hz)
{
    QTest *t = start("");
    uint32_t a = qtest_inl(t, TMR);
    qtest_clock_step(t, 1000000000);
    uint32_t b = qtest_inl(t, TMR);
    CHECK_EQ((b - a) & 0xffffff, 3579545);
    qtest_clock_step(t, 10000000000);
    CHECK(qtest_inl(t, TMR) <= 0xffffff);
    qtest_end(t);
}

TEST(timer_overflow_interrupts)
{
    QTest *t = start("");
    qtest_irq_intercept_in(t, "ioapic");
    qtest_outw(t, CNT, 1); /* SCI rather than SMI */
    CHECK_EQ(qtest_inw(t, STS) & 1, 0);
    qtest_outw(t, EN, 1);
    CHECK(!qtest_irq(t, 9));
    qtest_clock_step(t, 2343000000ll); /* bit 23 changes after 2.3434 s */
    CHECK(!qtest_irq(t, 9));
    qtest_clock_step(t, 1000000);
    CHECK_EQ(qtest_inw(t, STS) & 1, 1);
    CHECK(qtest_irq(t, 9));
    qtest_outw(t, STS, 1);
    CHECK(!qtest_irq(t, 9));
    CHECK_EQ(qtest_inw(t, STS) & 1, 0);
    qtest_clock_step(t, 2400000000ll);
    CHECK(qtest_irq(t, 9));
    qtest_outw(t, EN, 0);
    CHECK(!qtest_irq(t, 9));
    qtest_end(t);
}

TEST(acpi_enable_and_power_button)
{
    QTest *t = start("");
    qtest_irq_intercept_in(t, "ioapic");
    qtest_outw(t, EN, 0x100);
    g_free(qtest_hmp(t, "system_powerdown"));
    for (unsigned i = 0; i < 100 && !(qtest_inw(t, STS) & 0x100); i++) {
        g_usleep(10000);
    }
    CHECK_EQ(qtest_inw(t, STS) & 0x100, 0x100);
    CHECK(!qtest_irq(t, 9)); /* SCI_EN is off */
    qtest_outb(t, 0xb2, 0xf1);
    CHECK_EQ(qtest_inw(t, CNT) & 1, 1);
    CHECK(qtest_irq(t, 9));
    qtest_outb(t, STS + 1, 1); /* byte access to the high half */
    CHECK(!qtest_irq(t, 9));
    qtest_outb(t, 0xb2, 0xf0);
    CHECK_EQ(qtest_inw(t, CNT) & 1, 0);
    qtest_outb(t, 0xb3, 0x42);
    CHECK_EQ(qtest_inb(t, 0xb3), 0x42);
    qtest_end(t);
}

TEST(s5_ends)
{
    QTest *t = start("");
    qtest_outw(t, CNT, 0 << 10 | 1 << 13);
    CHECK_EQ(qtest_wait_exit(t), 0);
    qtest_end(t);
}

TEST(s3_and_back)
{
    QTest *t = start("");
    qtest_outb(t, 0xcf8, 0); /* nothing: only dwords count */
    qtest_pci_write(t, 0, 0, 0x59, 0x30, 1); /* firmware's shadow */
    qtest_outw(t, CNT, 1 << 10 | 1 << 13);
    char *text = NULL;
    for (unsigned i = 0; i < 100; i++) {
        g_free(text);
        text = qtest_hmp(t, "info status");
        if (strstr(text, "suspended")) {
            break;
        }
        g_usleep(10000);
    }
    CHECK(strstr(text, "suspended"));
    g_free(text);
    g_free(qtest_hmp(t, "system_wakeup"));
    for (unsigned i = 0; i < 100 && qtest_pci_read(t, 0, PM, 0x80, 1); i++) {
        g_usleep(10000);
    }
    CHECK_EQ(qtest_pci_read(t, 0, PM, 0x40, 4), 1); /* reset */
    CHECK_EQ(qtest_pci_read(t, 0, 0, 0x59, 1), 0x30); /* but for the shadow */
    qtest_outb(t, 0x70, 0x0f);
    CHECK_EQ(qtest_inb(t, 0x71), 0xfe); /* firmware shall resume */
    qtest_pci_write(t, 0, PM, 0x40, BASE | 1, 4);
    qtest_pci_write(t, 0, PM, 0x80, 1, 1);
    CHECK_EQ(qtest_inw(t, STS) & 0x8000, 0x8000);
    qtest_end(t);
}

TEST(s3_can_be_disabled)
{
    QTest *t = start("-global PIIX4_PM.disable_s3=on");
    qtest_outw(t, CNT, 1 << 10 | 1 << 13);
    char *text = qtest_hmp(t, "info status");
    CHECK(!strstr(text, "suspended"));
    g_free(text);
    CHECK_EQ(qtest_inw(t, CNT), 1 << 10); /* SLP_EN reads as 0 */
    qtest_end(t);
}

TEST(gpe_block)
{
    QTest *t = start("");
    CHECK_EQ(qtest_inl(t, 0xafe0), 0);
    qtest_outw(t, 0xafe2, 0x0003);
    CHECK_EQ(qtest_inl(t, 0xafe0), 0x00030000);
    qtest_end(t);
}

TEST(smbus_without_slaves)
{
    QTest *t = start("");
    CHECK_EQ(qtest_inb(t, 0xb100), 0);
    qtest_pci_write(t, 0, PM, 0x90, SMB | 1, 4);
    CHECK_EQ(qtest_inb(t, 0xb100), 0xff);
    qtest_outb(t, SMB + 4, 0x50 << 1 | 1);
    qtest_outb(t, SMB + 2, 0x48); /* byte data, start */
    CHECK_EQ(qtest_inb(t, SMB), 0x04); /* nobody acknowledges */
    qtest_outb(t, SMB, 0x04);
    CHECK_EQ(qtest_inb(t, SMB), 0);
    qtest_end(t);
}
