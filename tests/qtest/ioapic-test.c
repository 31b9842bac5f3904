/* SPDX-License-Identifier: GPL-2.0-or-later */
/* I/O APIC through its memory window (82093AA data sheet; version 0x20 adds the EOI register). */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"
#include "tests/unit/test.h"

#define BASE 0xfec00000u
enum { SEL = 0x00, WIN = 0x10, EOI = 0x40, ID = 0, VERSION = 1, ARB = 2, TABLE = 0x10 };

static QTest *t;

static uint32_t get(uint32_t reg)
{
    qtest_writel(t, BASE + SEL, reg);
    return qtest_readl(t, BASE + WIN);
}

static void put(uint32_t reg, uint32_t val)
{
    qtest_writel(t, BASE + SEL, reg);
    qtest_writel(t, BASE + WIN, val);
}

TEST(identity)
{
    t = qtest_start("-M pc -m 64M");
    CHECK_EQ(get(VERSION) & 0xff, 0x20);
    CHECK_EQ(get(VERSION) >> 16 & 0xff, 23); /* 24 entries */
    put(ID, 0x0a000000);
    CHECK_EQ(get(ID) & 0x0f000000, 0x0a000000);
    qtest_end(t);
}

TEST(entries_start_masked)
{
    t = qtest_start("-M pc -m 64M");
    for (uint32_t n = 0; n < 24; n++) {
        CHECK_EQ(get(TABLE + 2 * n) & 0x10000, 0x10000);
    }
    qtest_end(t);
}

TEST(delivery_status_and_remote_irr_are_read_only)
{
    t = qtest_start("-M pc -m 64M");
    put(TABLE + 2 * 5, 0x00010031 | 1u << 12 | 1u << 14);
    CHECK_EQ(get(TABLE + 2 * 5) & (1u << 12 | 1u << 14), 0);
    CHECK_EQ(get(TABLE + 2 * 5) & 0xff, 0x31);
    put(TABLE + 2 * 5 + 1, 0xff000000);
    CHECK_EQ(get(TABLE + 2 * 5 + 1), 0xff000000);
    qtest_end(t);
}

/* A level-triggered pin that is high sets remote IRR once it is unmasked, and EOI of its vector with the pin low clears it. */
TEST(level_and_eoi)
{
    t = qtest_start("-M pc -m 64M");
    qtest_writel(t, 0xfee000f0, 0x1ff); /* local APIC on, so that somebody accepts */
    put(TABLE + 2 * 20 + 1, 0);
    put(TABLE + 2 * 20, 0x00008000 | 0x55);
    CHECK_EQ(get(TABLE + 2 * 20) & 1u << 14, 0);
    qtest_set_irq_in(t, "ioapic", 20, 1);
    CHECK_EQ(get(TABLE + 2 * 20) & 1u << 14, 1u << 14);
    qtest_set_irq_in(t, "ioapic", 20, 0);
    CHECK_EQ(get(TABLE + 2 * 20) & 1u << 14, 1u << 14);
    qtest_writel(t, BASE + EOI, 0x55);
    CHECK_EQ(get(TABLE + 2 * 20) & 1u << 14, 0);
    qtest_end(t);
}

TEST(nonsense_is_harmless)
{
    t = qtest_start("-M pc -m 64M");
    put(0xff, 0xffffffff);
    CHECK_EQ(get(0xff) == 0xffffffff || get(0xff) == 0, 1);
    qtest_writeq(t, BASE + 0x18, ~0ull);
    qtest_writeb(t, BASE + 3, 0xff);
    CHECK_EQ(get(VERSION) & 0xff, 0x20);
    qtest_end(t);
}
