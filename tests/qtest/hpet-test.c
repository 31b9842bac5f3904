/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HPET: capabilities as QEMU shows them, counter, one-shot, periodic, 32 bits, level, legacy route (specification 1.0a). */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

#define BASE 0xfed00000ull
#define CAP (BASE + 0x000)
#define CONFIG (BASE + 0x010)
#define STATUS (BASE + 0x020)
#define COUNTER (BASE + 0x0f0)
#define TIMER(n) (BASE + 0x100 + 0x20 * (n))
#define COMPARATOR(n) (TIMER(n) + 8)
enum { LEVEL = 2, ENABLE = 4, PERIODIC = 8, SET = 0x40, BITS32 = 0x100, ROUTE2 = 2 << 9 };

static QTest *t;

static void start(void)
{
    t = qtest_start("-M pc -m 64M");
    qtest_irq_intercept_out(t, "hpet");
}

TEST(capabilities)
{
    start();
    CHECK_EQ(qtest_readq(t, CAP), 0x009896808086a201ull);
    CHECK_EQ(qtest_readl(t, CAP), 0x8086a201);
    CHECK_EQ(qtest_readl(t, CAP + 4), 10000000);
    for (unsigned n = 0; n < 3; n++) {
        CHECK_EQ(qtest_readq(t, TIMER(n)), 0x0000000400000030ull);
        CHECK_EQ(qtest_readq(t, COMPARATOR(n)), UINT64_MAX);
    }
    qtest_writeq(t, TIMER(1), UINT64_MAX);
    /* Routes other than input 2 do not stick; no message delivery; comparator 32 bits wide now. */
    CHECK_EQ(qtest_readq(t, TIMER(1)), 0x000000040000017eull);
    CHECK_EQ(qtest_readl(t, BASE + 0x3fc), 0);
    qtest_end(t);
}

TEST(counter)
{
    start();
    qtest_clock_step(t, 1000);
    CHECK_EQ(qtest_readq(t, COUNTER), 0);
    qtest_writeq(t, CONFIG, 1);
    qtest_clock_step(t, 1000);
    CHECK_EQ(qtest_readq(t, COUNTER), 100);
    qtest_writeq(t, COUNTER, 5); /* runs: not writable */
    CHECK_EQ(qtest_readq(t, COUNTER), 100);
    qtest_writeq(t, CONFIG, 0);
    qtest_clock_step(t, 1000);
    CHECK_EQ(qtest_readq(t, COUNTER), 100);
    qtest_writel(t, COUNTER, 0xfffffff0);
    qtest_writel(t, COUNTER + 4, 7);
    qtest_writeq(t, CONFIG, 1);
    qtest_clock_step(t, 200);
    CHECK_EQ(qtest_readq(t, COUNTER), 0x800000004ull);
    CHECK_EQ(qtest_readl(t, COUNTER + 4), 8);
    qtest_end(t);
}

TEST(one_shot)
{
    start();
    qtest_writeq(t, CONFIG, 1);
    qtest_writeq(t, TIMER(0), ENABLE | ROUTE2);
    qtest_writeq(t, COMPARATOR(0), 1000);
    qtest_clock_set(t, 9990);
    CHECK_EQ(qtest_irq_raised(t, 2), 0);
    qtest_clock_set(t, 10000);
    CHECK_EQ(qtest_irq_raised(t, 2), 1);
    CHECK(!qtest_irq(t, 2)); /* edge */
    qtest_clock_step(t, 1000000000);
    CHECK_EQ(qtest_irq_raised(t, 2), 1);
    qtest_writeq(t, COMPARATOR(0), 10); /* behind: not in this life */
    qtest_clock_step(t, 1000000000);
    CHECK_EQ(qtest_irq_raised(t, 2), 1);
    qtest_end(t);
}

TEST(periodic)
{
    start();
    qtest_writeq(t, CONFIG, 1);
    qtest_writeq(t, TIMER(0), ENABLE | PERIODIC | SET | ROUTE2);
    qtest_writeq(t, COMPARATOR(0), 5000);
    qtest_writeq(t, COMPARATOR(0), 10000); /* the period; the first match stays */
    CHECK_EQ(qtest_readq(t, COMPARATOR(0)), 5000);
    for (int i = 0; i < 20; i++) {
        qtest_clock_set(t, 50000 + 100000ll * i - 10);
        CHECK_EQ(qtest_irq_raised(t, 2), i);
        qtest_clock_set(t, 50000 + 100000ll * i);
        CHECK_EQ(qtest_irq_raised(t, 2), i + 1);
    }
    CHECK_EQ(qtest_readq(t, COMPARATOR(0)), 5000 + 10000 * 20);
    qtest_writeq(t, CONFIG, 0);
    qtest_clock_step(t, 1000000);
    CHECK_EQ(qtest_irq_raised(t, 2), 20);
    qtest_end(t);
}

TEST(bits32_wraps)
{
    start();
    qtest_writeq(t, COUNTER, 0xfffffff0);
    qtest_writeq(t, CONFIG, 1);
    qtest_writeq(t, TIMER(1), ENABLE | BITS32 | ROUTE2);
    qtest_writel(t, COMPARATOR(1), 16);
    qtest_clock_step(t, 310);
    CHECK_EQ(qtest_irq_raised(t, 2), 0);
    qtest_clock_step(t, 10);
    CHECK_EQ(qtest_irq_raised(t, 2), 1);
    qtest_clock_step(t, 42949672960ll); /* once around */
    CHECK_EQ(qtest_irq_raised(t, 2), 2);
    qtest_end(t);
}

TEST(level)
{
    start();
    qtest_writeq(t, CONFIG, 1);
    qtest_writeq(t, TIMER(2), ENABLE | LEVEL | ROUTE2);
    qtest_writeq(t, COMPARATOR(2), 100);
    qtest_clock_step(t, 1000);
    CHECK(qtest_irq(t, 2));
    CHECK_EQ(qtest_readq(t, STATUS), 4);
    qtest_writeq(t, STATUS, 3); /* others' bits */
    CHECK(qtest_irq(t, 2));
    qtest_writeq(t, STATUS, 4);
    CHECK(!qtest_irq(t, 2));
    CHECK_EQ(qtest_readq(t, STATUS), 0);
    qtest_writeq(t, TIMER(2), LEVEL | ROUTE2); /* disabled: status only */
    qtest_writeq(t, COMPARATOR(2), 200);
    qtest_clock_step(t, 1000);
    CHECK(!qtest_irq(t, 2));
    CHECK_EQ(qtest_readq(t, STATUS), 4);
    qtest_end(t);
}

TEST(legacy_route)
{
    start();
    qtest_writeq(t, CONFIG, 3);
    qtest_writeq(t, TIMER(0), ENABLE);
    qtest_writeq(t, TIMER(1), ENABLE);
    qtest_writeq(t, COMPARATOR(0), 100);
    qtest_writeq(t, COMPARATOR(1), 200);
    qtest_clock_set(t, 1000);
    CHECK_EQ(qtest_irq_raised(t, 0), 1);
    CHECK_EQ(qtest_irq_raised(t, 8), 0);
    qtest_clock_set(t, 2000);
    CHECK_EQ(qtest_irq_raised(t, 8), 1);
    /* The PIT is cut off meanwhile. */
    qtest_outb(t, 0x43, 0x34);
    qtest_outb(t, 0x40, 0x00);
    qtest_outb(t, 0x40, 0x10);
    qtest_clock_step(t, 100000000);
    CHECK_EQ(qtest_irq_raised(t, 0), 1);
    qtest_writeq(t, CONFIG, 1);
    unsigned before = qtest_irq_raised(t, 0); /* may rise with the PIT's level */
    qtest_clock_step(t, 100000000);
    CHECK(qtest_irq_raised(t, 0) - before > 20);
    qtest_end(t);
}

/* Ten nanoseconds of period must not stop the emulator. */
TEST(absurd_periods)
{
    start();
    qtest_writeq(t, CONFIG, 1);
    for (uint64_t period = 0; period < 3; period++) {
        for (unsigned n = 0; n < 3; n++) {
            qtest_writeq(t, TIMER(n), ENABLE | PERIODIC | SET | ROUTE2);
            qtest_writeq(t, COMPARATOR(n), qtest_readq(t, COUNTER) + 10);
            qtest_writeq(t, COMPARATOR(n), period);
        }
        qtest_clock_step(t, 10000000);
    }
    CHECK_EQ(qtest_readl(t, CAP), 0x8086a201);
    qtest_end(t);
}
