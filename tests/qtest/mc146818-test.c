/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MC146818: date in all formats, SET, update and alarm and periodic interrupts, UIP, CMOS RAM (data sheet ADI856). */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

enum { SEC, SEC_ALARM, MIN_, MIN_ALARM, HOUR, HOUR_ALARM, WEEKDAY, DAY, MONTH, YEAR, A, B, C, D, CENTURY = 0x32 };
enum { MS = 1000000 };

static QTest *t;

static uint8_t get(uint8_t reg)
{
    qtest_outb(t, 0x70, reg);
    return qtest_inb(t, 0x71);
}

static void put(uint8_t reg, uint8_t val)
{
    qtest_outb(t, 0x70, reg);
    qtest_outb(t, 0x71, val);
}

static void start(void)
{
    t = qtest_start("-M pc -m 64M -rtc clock=vm,base=2024-02-28T23:59:58");
    qtest_irq_intercept_out(t, "mc146818rtc");
}

static void set_date(uint8_t year, uint8_t month, uint8_t day, uint8_t hour, uint8_t minute, uint8_t second)
{
    uint8_t b = get(B);
    put(B, b | 0x80);
    put(YEAR, year);
    put(MONTH, month);
    put(DAY, day);
    put(HOUR, hour);
    put(MIN_, minute);
    put(SEC, second);
    put(B, b & ~0x80);
}

TEST(base_date_and_leap_day)
{
    start();
    CHECK_EQ(get(A), 0x26);
    CHECK_EQ(get(B), 0x02);
    CHECK_EQ(get(D), 0x80);
    CHECK_EQ(get(CENTURY), 0x20);
    CHECK_EQ(get(YEAR), 0x24);
    CHECK_EQ(get(MONTH), 0x02);
    CHECK_EQ(get(DAY), 0x28);
    CHECK_EQ(get(HOUR), 0x23);
    CHECK_EQ(get(MIN_), 0x59);
    CHECK_EQ(get(SEC), 0x58);
    CHECK_EQ(get(WEEKDAY), 4); /* a Wednesday */
    qtest_clock_step(t, 2000 * MS);
    CHECK_EQ(get(DAY), 0x29);
    CHECK_EQ(get(HOUR), 0);
    CHECK_EQ(get(SEC), 0);
    qtest_clock_step(t, 86400ll * 1000 * MS);
    CHECK_EQ(get(MONTH), 0x03);
    CHECK_EQ(get(DAY), 0x01);
    qtest_end(t);
}

TEST(formats)
{
    start();
    put(B, 0x06); /* binary, 24 hours */
    CHECK_EQ(get(YEAR), 24);
    CHECK_EQ(get(HOUR), 23);
    CHECK_EQ(get(CENTURY), 20);
    put(B, 0x04); /* binary, 12 hours */
    CHECK_EQ(get(HOUR), 0x80 | 11);
    put(B, 0x00); /* BCD, 12 hours */
    CHECK_EQ(get(HOUR), 0x91);
    set_date(0x99, 0x12, 0x31, 0x92, 0x00, 0x00); /* 12 PM is noon */
    put(B, 0x02);
    CHECK_EQ(get(HOUR), 0x12);
    put(B, 0x00);
    put(HOUR, 0x12); /* 12 AM is midnight */
    CHECK_EQ(get(HOUR), 0x12);
    put(B, 0x02);
    CHECK_EQ(get(HOUR), 0x00);
    qtest_end(t);
}

TEST(century_rolls_over)
{
    start();
    put(CENTURY, 0x19);
    set_date(0x99, 0x12, 0x31, 0x23, 0x59, 0x59);
    CHECK_EQ(get(CENTURY), 0x19);
    qtest_clock_step(t, 1000 * MS);
    CHECK_EQ(get(CENTURY), 0x20);
    CHECK_EQ(get(YEAR), 0x00);
    CHECK_EQ(get(MONTH), 0x01);
    CHECK_EQ(get(DAY), 0x01);
    CHECK_EQ(get(WEEKDAY), 7); /* a Saturday */
    qtest_end(t);
}

TEST(set_stops_the_date)
{
    start();
    put(B, 0x82);
    qtest_clock_step(t, 10000ll * MS);
    CHECK_EQ(get(SEC), 0x58);
    CHECK_EQ(get(A) & 0x80, 0);
    put(SEC, 0x30);
    put(B, 0x02);
    CHECK_EQ(get(SEC), 0x30);
    qtest_clock_step(t, 1000 * MS);
    CHECK_EQ(get(SEC), 0x31);
    qtest_end(t);
}

TEST(divider_restart)
{
    start();
    put(A, 0x66); /* held in reset */
    qtest_clock_step(t, 5000ll * MS);
    CHECK_EQ(get(SEC), 0x58);
    put(A, 0x26);
    qtest_clock_step(t, 499 * MS);
    CHECK_EQ(get(SEC), 0x58);
    qtest_clock_step(t, 2 * MS); /* the first update comes after half a second */
    CHECK_EQ(get(SEC), 0x59);
    qtest_end(t);
}

TEST(update_in_progress)
{
    start();
    CHECK_EQ(get(A) & 0x80, 0);
    qtest_clock_set(t, 999700000);
    CHECK_EQ(get(A) & 0x80, 0);
    qtest_clock_set(t, 999800000);
    CHECK_EQ(get(A) & 0x80, 0x80);
    qtest_clock_set(t, 1000000000);
    CHECK_EQ(get(A) & 0x80, 0);
    qtest_end(t);
}

TEST(update_ended_interrupt)
{
    start();
    get(C);
    put(B, 0x12);
    qtest_clock_set(t, 999 * MS);
    CHECK(!qtest_irq(t, 0));
    qtest_clock_set(t, 1000 * MS);
    CHECK(qtest_irq(t, 0));
    qtest_clock_set(t, 1500 * MS);
    CHECK_EQ(get(C), 0xd0);
    CHECK(!qtest_irq(t, 0));
    CHECK_EQ(get(C), 0x00);
    qtest_end(t);
}

TEST(flags_without_interrupt)
{
    start();
    get(C);
    qtest_clock_step(t, 1000 * MS);
    CHECK_EQ(get(C), 0x50); /* periodic and update, no IRQF */
    CHECK_EQ(qtest_irq_raised(t, 0), 0);
    qtest_end(t);
}

TEST(periodic_interrupt)
{
    start();
    put(A, 0x2f); /* 2 Hz */
    get(C);
    put(B, 0x42);
    for (int i = 1; i <= 4; i++) {
        qtest_clock_set(t, 500ll * MS * i - 1000);
        CHECK(!qtest_irq(t, 0));
        qtest_clock_set(t, 500ll * MS * i);
        CHECK(qtest_irq(t, 0));
        CHECK_EQ(get(C) & 0xc0, 0xc0);
    }
    put(A, 0x26); /* 1024 Hz */
    qtest_clock_set(t, 2000ll * MS + 976562);
    CHECK(!qtest_irq(t, 0));
    qtest_clock_set(t, 2000ll * MS + 976563);
    CHECK(qtest_irq(t, 0));
    put(A, 0x20); /* off */
    get(C);
    qtest_clock_step(t, 3000ll * MS);
    CHECK(!qtest_irq(t, 0));
    qtest_end(t);
}

TEST(alarm)
{
    start();
    put(HOUR_ALARM, 0x00);
    put(MIN_ALARM, 0x01);
    put(SEC_ALARM, 0x05);
    get(C);
    put(B, 0x22);
    qtest_clock_set(t, 66ll * 1000 * MS);
    CHECK(!qtest_irq(t, 0));
    qtest_clock_set(t, 67ll * 1000 * MS); /* 00:01:05 */
    CHECK(qtest_irq(t, 0));
    CHECK_EQ(get(C), 0xf0);
    put(HOUR_ALARM, 0xc0); /* any hour, any minute */
    put(MIN_ALARM, 0xff);
    qtest_clock_set(t, 126ll * 1000 * MS);
    CHECK(!qtest_irq(t, 0));
    qtest_clock_set(t, 127ll * 1000 * MS);
    CHECK(qtest_irq(t, 0));
    get(C);
    put(SEC_ALARM, 0x7f); /* no second is that */
    qtest_clock_step(t, 3600ll * 1000 * MS);
    CHECK(!qtest_irq(t, 0));
    qtest_end(t);
}

TEST(nonsense_dates)
{
    start();
    set_date(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    qtest_clock_step(t, 1000 * MS);
    put(B, 0x06);
    set_date(0, 0, 0, 200, 200, 200);
    CHECK(get(MONTH) >= 1 && get(MONTH) <= 12);
    CHECK(get(DAY) >= 1 && get(DAY) <= 31);
    CHECK(get(HOUR) <= 23);
    qtest_end(t);
}

TEST(cmos_ram)
{
    start();
    for (unsigned i = 0x60; i < 0x70; i++) {
        put(i, i ^ 0x55);
    }
    for (unsigned i = 0x60; i < 0x70; i++) {
        CHECK_EQ(get(i), i ^ 0x55);
    }
    CHECK_EQ(get(0x80 | 0x60), 0x35); /* bit 7 is the NMI mask */
    qtest_outb(t, 0x72, 0x60);
    CHECK_EQ(qtest_inb(t, 0x73), 0);
    qtest_outb(t, 0x73, 0x12);
    CHECK_EQ(qtest_inb(t, 0x73), 0x12);
    CHECK_EQ(get(0x60), 0x35);
    put(D, 0x00);
    CHECK_EQ(get(D), 0x80);
    qtest_end(t);
}
