/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8254: the six modes, latches, read-back, BCD, gate, IRQ 0 without drift (data sheet 231164). */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

enum { C0 = 0x40, C2 = 0x42, CONTROL = 0x43, PORT_B = 0x61, GATE2 = 1, OUT2 = 0x20 };

static QTest *t;

/* Time of @ticks of the 1.193182 MHz clock, rounded up. */
static int64_t ticks_ns(int64_t ticks)
{
    return (ticks * 1000000000 + 1193181) / 1193182;
}

static void at_tick(int64_t ticks)
{
    qtest_clock_set(t, ticks_ns(ticks));
}

static void load(uint8_t control, uint16_t count)
{
    unsigned port = C0 + (control >> 6);
    qtest_outb(t, CONTROL, control);
    qtest_outb(t, port, count & 0xff);
    qtest_outb(t, port, count >> 8);
}

static uint16_t count(unsigned n)
{
    qtest_outb(t, CONTROL, n << 6);
    uint16_t low = qtest_inb(t, C0 + n);
    return low | qtest_inb(t, C0 + n) << 8;
}

static uint8_t status(unsigned n)
{
    qtest_outb(t, CONTROL, 0xe0 | 2u << n);
    return qtest_inb(t, C0 + n);
}

static bool out2(void)
{
    return qtest_inb(t, PORT_B) & OUT2;
}

TEST(mode0_terminal_count)
{
    t = qtest_start("-M pc -m 64M");
    qtest_outb(t, PORT_B, GATE2);
    load(0xb0, 100);
    CHECK(!out2());
    CHECK_EQ(count(2), 100);
    at_tick(60);
    CHECK_EQ(count(2), 40);
    CHECK_EQ(status(2), 0x30);
    qtest_outb(t, PORT_B, 0); /* GATE low: stands still */
    at_tick(1000);
    CHECK_EQ(count(2), 40);
    qtest_outb(t, PORT_B, GATE2);
    at_tick(1039);
    CHECK(!out2());
    at_tick(1040);
    CHECK(out2());
    CHECK_EQ(status(2), 0xb0);
    at_tick(1043);
    CHECK_EQ(count(2), 0xfffd); /* counts on */
    qtest_outb(t, C2, 7); /* the first byte makes OUT low and stops */
    CHECK(!out2());
    qtest_end(t);
}

TEST(mode1_one_shot)
{
    t = qtest_start("-M pc -m 64M");
    load(0xb2, 50);
    CHECK(out2());
    qtest_outb(t, PORT_B, GATE2); /* trigger */
    CHECK(!out2());
    at_tick(30);
    qtest_outb(t, PORT_B, 0);
    qtest_outb(t, PORT_B, GATE2); /* again: starts anew */
    at_tick(79);
    CHECK(!out2());
    at_tick(80);
    CHECK(out2());
    qtest_end(t);
}

TEST(mode2_rate_generator)
{
    t = qtest_start("-M pc -m 64M");
    qtest_irq_intercept_out(t, "isa-pit");
    load(0x34, 1193);
    CHECK_EQ(status(0), 0xb4);
    CHECK_EQ(count(0), 1193);
    at_tick(1192);
    CHECK_EQ(count(0), 1);
    CHECK_EQ(status(0) & 0x80, 0);
    unsigned before = qtest_irq_raised(t, 0); /* OUT went up with the control word */
    at_tick(1193);
    CHECK_EQ(count(0), 1193);
    CHECK_EQ(qtest_irq_raised(t, 0), before + 1);
    load(0x34, 11932);
    before = qtest_irq_raised(t, 0);
    for (int i = 1; i <= 20; i++) { /* 100 times: the edges stay on the grid */
        at_tick(1193 + 11932 * 5 * i);
    }
    CHECK_EQ(qtest_irq_raised(t, 0) - before, 100);
    qtest_end(t);
}

TEST(mode2_new_count_waits_for_the_period)
{
    t = qtest_start("-M pc -m 64M");
    load(0x34, 1000);
    at_tick(400);
    qtest_outb(t, C0, 200);
    qtest_outb(t, C0, 0);
    CHECK_EQ(count(0), 600);
    CHECK_EQ(status(0) & 0x40, 0x40); /* null count */
    at_tick(1050);
    CHECK_EQ(count(0), 150);
    CHECK_EQ(status(0) & 0x40, 0);
    qtest_end(t);
}

TEST(mode3_square_wave)
{
    t = qtest_start("-M pc -m 64M");
    qtest_outb(t, PORT_B, GATE2);
    load(0xb6, 100);
    CHECK(out2());
    CHECK_EQ(count(2), 100);
    at_tick(10);
    CHECK_EQ(count(2), 80); /* by twos */
    at_tick(49);
    CHECK(out2());
    at_tick(50);
    CHECK(!out2());
    CHECK_EQ(count(2), 100);
    at_tick(100);
    CHECK(out2());
    qtest_outb(t, PORT_B, 0); /* GATE low: OUT high */
    CHECK(out2());
    load(0xb6, 5); /* odd: high for 3, low for 2 */
    qtest_outb(t, PORT_B, GATE2);
    at_tick(102);
    CHECK(out2());
    at_tick(103);
    CHECK(!out2());
    at_tick(105);
    CHECK(out2());
    qtest_end(t);
}

TEST(mode4_and_5_strobes)
{
    t = qtest_start("-M pc -m 64M");
    qtest_outb(t, PORT_B, GATE2);
    load(0xb8, 10);
    CHECK(out2());
    at_tick(10);
    CHECK(!out2());
    at_tick(11);
    CHECK(out2());
    qtest_outb(t, PORT_B, 0);
    load(0xba, 10);
    at_tick(100);
    CHECK(out2());
    qtest_outb(t, PORT_B, GATE2);
    at_tick(109);
    CHECK(out2());
    at_tick(110);
    CHECK(!out2());
    at_tick(111);
    CHECK(out2());
    qtest_end(t);
}

TEST(latches)
{
    t = qtest_start("-M pc -m 64M");
    load(0x34, 0x1234);
    qtest_outb(t, CONTROL, 0x00);
    at_tick(0x200);
    qtest_outb(t, CONTROL, 0x00); /* a second latch command changes nothing */
    CHECK_EQ(qtest_inb(t, C0), 0x34);
    CHECK_EQ(qtest_inb(t, C0), 0x12);
    CHECK_EQ(qtest_inb(t, C0), 0x34); /* running, low then high byte */
    CHECK_EQ(qtest_inb(t, C0), 0x10);
    qtest_outb(t, CONTROL, 0xc2); /* read back both: status first */
    CHECK_EQ(qtest_inb(t, C0), 0xb4);
    CHECK_EQ(qtest_inb(t, C0), 0x34);
    CHECK_EQ(qtest_inb(t, C0), 0x10);
    qtest_outb(t, CONTROL, 0x16); /* low byte only, mode 3 */
    qtest_outb(t, C0, 0x80);
    CHECK_EQ(qtest_inb(t, C0), 0x80);
    CHECK_EQ(qtest_inb(t, C0), 0x80);
    CHECK_EQ(status(0), 0x96);
    qtest_outb(t, CONTROL, 0x26); /* high byte only */
    qtest_outb(t, C0, 0x80);
    CHECK_EQ(qtest_inb(t, C0), 0x80);
    CHECK_EQ(qtest_inb(t, CONTROL), 0x00);
    qtest_end(t);
}

TEST(bcd)
{
    t = qtest_start("-M pc -m 64M");
    load(0x35, 0x1000);
    CHECK_EQ(count(0), 0x1000);
    at_tick(1);
    CHECK_EQ(count(0), 0x0999);
    load(0x35, 0x0000); /* 10000 */
    at_tick(2);
    CHECK_EQ(count(0), 0x9999);
    CHECK_EQ(status(0), 0xb5);
    qtest_end(t);
}

TEST(mode0_interrupts_once)
{
    t = qtest_start("-M pc -m 64M");
    qtest_irq_intercept_out(t, "isa-pit");
    load(0x30, 5000);
    at_tick(4999);
    CHECK(!qtest_irq(t, 0));
    at_tick(5000);
    CHECK(qtest_irq(t, 0));
    at_tick(200000);
    CHECK_EQ(qtest_irq_raised(t, 0), 1);
    qtest_end(t);
}

static uint8_t pic_poll(void)
{
    qtest_outb(t, 0x20, 0x0c);
    return qtest_inb(t, 0x20);
}

/* While interrupt 0 is masked and pending no tick changes anything: none happens; later they come at their old times. */
TEST(masked_ticks_do_not_happen)
{
    static const uint8_t modes[] = { 0x34, 0x36 };
    for (unsigned i = 0; i < sizeof(modes); i++) {
        t = qtest_start("-M pc -m 64M -nodefaults -vga none");
        static const uint8_t init[][2] = { { 0x20, 0x11 }, { 0x21, 8 }, { 0x21, 4 }, { 0x21, 1 }, { 0x21, 0xff } };
        for (unsigned k = 0; k < sizeof(init) / 2; k++) {
            qtest_outb(t, init[k][0], init[k][1]);
        }
        load(modes[i], 1000);
        at_tick(2000);
        qtest_outb(t, 0x20, 0x0a); /* IRR is read */
        CHECK_EQ(qtest_inb(t, 0x20) & 1, 1);
        at_tick(3000); /* after a write it looks once more */
        int64_t next = qtest_clock_step_next(t);
        CHECK(next == ticks_ns(3000) || next > ticks_ns(6000)); /* there is none, or it is not the PIT's */
        int64_t period = next * 1193182 / 1000000000 / 1000 + 2;
        at_tick(period * 1000 - 300);
        CHECK_EQ(count(0), modes[i] == 0x34 ? 300 : 600);
        qtest_outb(t, 0x21, 0xfe);
        CHECK_EQ(pic_poll(), 0x80); /* the one that was pending */
        qtest_outb(t, 0x20, 0x20);
        CHECK_EQ(pic_poll(), 0);
        at_tick(period * 1000 - 1);
        CHECK_EQ(pic_poll(), 0);
        at_tick(period * 1000);
        CHECK_EQ(pic_poll(), 0x80);
        qtest_outb(t, 0x20, 0x20);
        at_tick(period * 1000 + 1000);
        CHECK_EQ(pic_poll(), 0x80);
        qtest_end(t);
    }
}

/* The shortest periods must not keep the emulator from answering. */
TEST(fast_periods_are_served)
{
    t = qtest_start("-M pc -m 64M");
    for (unsigned mode = 0; mode < 6; mode++) {
        qtest_outb(t, CONTROL, 0x10 | mode << 1);
        qtest_outb(t, C0, 1);
        qtest_clock_step(t, 10000000);
    }
    load(0x34, 2);
    qtest_clock_step(t, 10000000);
    CHECK_EQ(status(0) & 0x3f, 0x34);
    qtest_end(t);
}

TEST(refresh_toggles)
{
    t = qtest_start("-M pc -m 64M");
    uint8_t first = qtest_inb(t, PORT_B) & 0x10;
    qtest_clock_step(t, 15085);
    CHECK_EQ(qtest_inb(t, PORT_B) & 0x10, first ^ 0x10);
    qtest_outb(t, PORT_B, 0xff);
    CHECK_EQ(qtest_inb(t, PORT_B) & 0x0f, 0x0f);
    qtest_end(t);
}
