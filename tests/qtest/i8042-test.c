/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8042 with PS/2 keyboard and mouse: controller commands, scan code sets, translation, A20, mouse modes. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

enum { DATA = 0x60, CMD = 0x64, FULL = 1, MOUSE = 0x20 };

static QTest *t;

static void start(void)
{
    t = qtest_start("-M pc -m 64M");
    qtest_irq_intercept_in(t, "ioapic");
}

static void command(uint8_t c)
{
    qtest_outb(t, CMD, c);
}

static uint8_t reply(void)
{
    CHECK(qtest_inb(t, CMD) & FULL);
    return qtest_inb(t, DATA);
}

static void set_mode(uint8_t mode)
{
    command(0x60);
    qtest_outb(t, DATA, mode);
}

static void to_mouse(uint8_t val)
{
    command(0xd4);
    qtest_outb(t, DATA, val);
}

static uint8_t from_mouse(void)
{
    CHECK_EQ(qtest_inb(t, CMD) & (FULL | MOUSE), FULL | MOUSE);
    return qtest_inb(t, DATA);
}

static void expect(const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        CHECK_EQ(reply(), bytes[i]);
    }
    CHECK_EQ(qtest_inb(t, CMD) & FULL, 0);
}
#define EXPECT(...) expect((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* Through the monitor, with the clock turned on until the keys are up again. */
static void sendkey(const char *keys)
{
    g_free(qtest_hmp(t, "sendkey %s", keys));
    qtest_clock_step(t, 250000000);
}

TEST(controller_commands)
{
    start();
    CHECK_EQ(qtest_inb(t, CMD), 0x18);
    command(0x20);
    CHECK_EQ(qtest_inb(t, CMD), 0x19);
    CHECK_EQ(reply(), 0x03);
    command(0xaa);
    CHECK_EQ(qtest_inb(t, CMD), 0x1d); /* system flag set */
    CHECK_EQ(reply(), 0x55);
    command(0xab);
    CHECK_EQ(reply(), 0x00);
    command(0xa9);
    CHECK_EQ(reply(), 0x00);
    command(0xa4);
    CHECK_EQ(reply(), 0xf1);
    command(0xc0);
    CHECK_EQ(reply(), 0x80);
    set_mode(0x47);
    CHECK_EQ(qtest_inb(t, CMD) & 8, 0); /* last write was data */
    command(0x20);
    CHECK_EQ(reply(), 0x47);
    command(0xad);
    command(0x20);
    CHECK_EQ(reply(), 0x57);
    command(0xae);
    command(0xa7);
    command(0x20);
    CHECK_EQ(reply(), 0x67);
    command(0xa8);
    command(0x65); /* RAM byte 5 */
    qtest_outb(t, DATA, 0x99);
    command(0x25);
    CHECK_EQ(reply(), 0x99);
    command(0xd2);
    qtest_outb(t, DATA, 0x12);
    CHECK_EQ(qtest_inb(t, CMD) & MOUSE, 0);
    CHECK_EQ(reply(), 0x12);
    command(0xd3);
    qtest_outb(t, DATA, 0x34);
    CHECK_EQ(from_mouse(), 0x34);
    command(0xff); /* pulses nothing */
    CHECK_EQ(qtest_inb(t, CMD) & FULL, 0);
    qtest_end(t);
}

TEST(a20_through_output_port)
{
    start();
    qtest_writeb(t, 0x000000, 0x11);
    qtest_writeb(t, 0x100000, 0x22);
    command(0xd0);
    CHECK_EQ(reply() & 0x03, 0x03);
    command(0xd1);
    qtest_outb(t, DATA, 0xdd);
    command(0xd0);
    CHECK_EQ(reply() & 0x03, 0x01);
    command(0xdf);
    command(0xd0);
    CHECK_EQ(reply() & 0x03, 0x03);
    qtest_end(t);
}

TEST(reset_line)
{
    t = qtest_start("-M pc -m 64M -no-reboot");
    command(0xfe);
    CHECK_EQ(qtest_wait_exit(t), 0);
    qtest_end(t);
    t = qtest_start("-M pc -m 64M -no-reboot");
    qtest_outb(t, 0x92, 0x03);
    CHECK_EQ(qtest_wait_exit(t), 0);
    qtest_end(t);
}

TEST(keyboard_commands)
{
    start();
    set_mode(0x01); /* no translation */
    qtest_outb(t, DATA, 0xff);
    EXPECT(0xfa, 0xaa);
    qtest_outb(t, DATA, 0xf2);
    EXPECT(0xfa, 0xab, 0x83);
    qtest_outb(t, DATA, 0xee);
    EXPECT(0xee);
    qtest_outb(t, DATA, 0xed);
    EXPECT(0xfa);
    qtest_outb(t, DATA, 0x07);
    EXPECT(0xfa);
    qtest_outb(t, DATA, 0xf0);
    EXPECT(0xfa);
    qtest_outb(t, DATA, 0x00);
    EXPECT(0xfa, 0x02);
    qtest_outb(t, DATA, 0xf0);
    EXPECT(0xfa);
    qtest_outb(t, DATA, 0x09); /* no such set */
    EXPECT(0xfe);
    qtest_outb(t, DATA, 0x42); /* no such command */
    EXPECT(0xfe);
    qtest_outb(t, DATA, 0xf3);
    EXPECT(0xfa);
    qtest_outb(t, DATA, 0x20);
    EXPECT(0xfa);
    qtest_outb(t, DATA, 0xfe); /* once more */
    EXPECT(0xfa);
    qtest_outb(t, DATA, 0xed); /* a command where an argument is due counts as one */
    EXPECT(0xfa);
    qtest_outb(t, DATA, 0xee);
    EXPECT(0xee);
    qtest_end(t);
}

TEST(scan_code_sets)
{
    start();
    set_mode(0x01);
    sendkey("a");
    EXPECT(0x1c, 0xf0, 0x1c);
    sendkey("up");
    EXPECT(0xe0, 0x75, 0xe0, 0xf0, 0x75);
    sendkey("pause");
    EXPECT(0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77);
    sendkey("print");
    EXPECT(0xe0, 0x12, 0xe0, 0x7c, 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12);
    sendkey("alt-sysrq");
    EXPECT(0x11, 0x84, 0xf0, 0x84, 0xf0, 0x11);
    sendkey("ctrl-pause");
    EXPECT(0x14, 0xe0, 0x7e, 0xe0, 0xf0, 0x7e, 0xf0, 0x14);
    qtest_outb(t, DATA, 0xf0);
    EXPECT(0xfa);
    qtest_outb(t, DATA, 0x01);
    EXPECT(0xfa);
    sendkey("a");
    EXPECT(0x1e, 0x9e);
    sendkey("delete");
    EXPECT(0xe0, 0x53, 0xe0, 0xd3);
    sendkey("pause");
    EXPECT(0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
    qtest_outb(t, DATA, 0xf0);
    EXPECT(0xfa);
    qtest_outb(t, DATA, 0x03);
    EXPECT(0xfa);
    sendkey("a");
    EXPECT(0x1c); /* no break code in set 3's default */
    sendkey("shift");
    EXPECT(0x12, 0xf0, 0x12);
    qtest_outb(t, DATA, 0xfa); /* all keys make and break */
    EXPECT(0xfa);
    sendkey("f1");
    EXPECT(0x07, 0xf0, 0x07);
    qtest_end(t);
}

TEST(translation_and_interrupt)
{
    start();
    set_mode(0x45);
    CHECK(!qtest_irq(t, 1));
    sendkey("a");
    CHECK(qtest_irq(t, 1));
    EXPECT(0x1e, 0x9e);
    CHECK(!qtest_irq(t, 1));
    sendkey("f7"); /* 0x83 */
    EXPECT(0x41, 0xc1);
    sendkey("kp_enter");
    EXPECT(0xe0, 0x1c, 0xe0, 0x9c);
    sendkey("less");
    EXPECT(0x56, 0xd6);
    sendkey("0x1e-0x9d");
    EXPECT(0x1e, 0xe0, 0x1d, 0xe0, 0x9d, 0x9e);
    set_mode(0x44); /* interrupt off */
    sendkey("a");
    CHECK(!qtest_irq(t, 1));
    EXPECT(0x1e, 0x9e);
    qtest_outb(t, DATA, 0xf5); /* scanning off */
    EXPECT(0xfa);
    sendkey("a");
    CHECK_EQ(qtest_inb(t, CMD) & FULL, 0);
    qtest_end(t);
}

TEST(port_off_keeps_keys)
{
    start();
    set_mode(0x45);
    command(0xad);
    sendkey("b");
    CHECK_EQ(qtest_inb(t, CMD) & FULL, 0);
    command(0xae);
    EXPECT(0x30, 0xb0);
    qtest_end(t);
}

/* Reads what there is, with some time between, until nothing came for a while; how many bytes, and whether one was 0. */
static unsigned drain(bool *overrun)
{
    unsigned n = 0;

    *overrun = false;
    for (unsigned quiet = 0; quiet < 20; quiet++) {
        while (qtest_inb(t, CMD) & FULL) {
            *overrun |= qtest_inb(t, DATA) == 0;
            n++;
            quiet = 0;
        }
        qtest_clock_step(t, 50000000);
    }
    return n;
}

/* What the monitor types waits for a guest that does not read: none of it is lost. */
TEST(typed_keys_wait)
{
    bool overrun;

    start();
    set_mode(0x01);
    for (unsigned i = 0; i < 20; i++) {
        sendkey("x");
    }
    CHECK_EQ(drain(&overrun), 60);
    CHECK(!overrun);
    sendkey("x");
    EXPECT(0x22, 0xf0, 0x22);
    qtest_end(t);
}

TEST(unknown_keys_are_named)
{
    start();
    char *text = qtest_hmp(t, "sendkey ctrl-backspce");
    CHECK(strstr(text, "backspce") && strstr(text, "backspace"));
    g_free(text);
    CHECK_EQ(qtest_inb(t, CMD) & FULL, 0);
    qtest_end(t);
}

TEST(mouse_commands)
{
    start();
    set_mode(0x47);
    to_mouse(0xff);
    CHECK(qtest_irq(t, 12));
    CHECK_EQ(from_mouse(), 0xfa);
    CHECK_EQ(from_mouse(), 0xaa);
    CHECK_EQ(from_mouse(), 0x00);
    CHECK(!qtest_irq(t, 12));
    to_mouse(0xe9);
    CHECK_EQ(from_mouse(), 0xfa);
    CHECK_EQ(from_mouse(), 0x00);
    CHECK_EQ(from_mouse(), 0x02);
    CHECK_EQ(from_mouse(), 100);
    static const uint8_t knock[2][3] = { { 200, 100, 80 }, { 200, 200, 80 } };
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 3; k++) {
            to_mouse(0xf3);
            CHECK_EQ(from_mouse(), 0xfa);
            to_mouse(knock[i][k]);
            CHECK_EQ(from_mouse(), 0xfa);
        }
        to_mouse(0xf2);
        CHECK_EQ(from_mouse(), 0xfa);
        CHECK_EQ(from_mouse(), i + 3);
    }
    to_mouse(0xee); /* wrap */
    CHECK_EQ(from_mouse(), 0xfa);
    to_mouse(0x42);
    CHECK_EQ(from_mouse(), 0x42);
    to_mouse(0xec);
    CHECK_EQ(from_mouse(), 0xfa);
    to_mouse(0xe8);
    CHECK_EQ(from_mouse(), 0xfa);
    to_mouse(0x09); /* resolutions go to 3 */
    CHECK_EQ(from_mouse(), 0xfe);
    to_mouse(0xf0); /* remote */
    CHECK_EQ(from_mouse(), 0xfa);
    to_mouse(0xeb);
    CHECK_EQ(from_mouse(), 0xfa);
    CHECK_EQ(from_mouse(), 0x08);
    CHECK_EQ(from_mouse(), 0x00);
    CHECK_EQ(from_mouse(), 0x00);
    CHECK_EQ(from_mouse(), 0x00);
    to_mouse(0x77);
    CHECK_EQ(from_mouse(), 0xfe);
    qtest_end(t);
}

/* What the guest can do to both ports at random, resets included; then it works as on the first day. */
TEST(hostile_sequences)
{
    start();
    uint32_t x = 12345;
    for (int i = 0; i < 4000; i++) {
        x = x * 1664525 + 1013904223;
        if (x >> 30 == 0) {
            qtest_inb(t, x & 0x100 ? DATA : CMD);
        } else {
            qtest_outb(t, x & 0x100 ? DATA : CMD, (uint8_t)(x >> 16));
        }
        if (x >> 24 == 0x55) {
            g_free(qtest_hmp(t, "sendkey pause 1"));
        }
    }
    qtest_clock_step(t, 60000000000);
    command(0x65); /* a byte of the controller's RAM shows when the reset has come */
    qtest_outb(t, DATA, 0x99);
    g_free(qtest_hmp(t, "system_reset"));
    uint8_t mark = 0x99;
    for (int i = 0; i < 5000 && mark == 0x99; i++) {
        for (int n = 0; n < 300 && qtest_inb(t, CMD) & FULL; n++) {
            qtest_inb(t, DATA);
        }
        command(0x25);
        mark = qtest_inb(t, DATA);
    }
    CHECK_EQ(mark, 0);
    set_mode(0x01);
    command(0xaa);
    EXPECT(0x55);
    qtest_outb(t, DATA, 0xff);
    EXPECT(0xfa, 0xaa);
    bool overrun;
    drain(&overrun); /* keys that were typed meanwhile and waited */
    sendkey("a");
    EXPECT(0x1c, 0xf0, 0x1c);
    qtest_end(t);
}

/* Each byte has an edge of its own, and the lines stay apart. */
TEST(interrupts_per_byte)
{
    start();
    set_mode(0x03);
    unsigned before = qtest_irq_raised(t, 1), mouse_before = qtest_irq_raised(t, 12);
    qtest_outb(t, DATA, 0xf2);
    EXPECT(0xfa, 0xab, 0x83);
    CHECK_EQ(qtest_irq_raised(t, 1) - before, 3);
    CHECK_EQ(qtest_irq_raised(t, 12), mouse_before);
    to_mouse(0xe9);
    for (int i = 0; i < 4; i++) {
        CHECK(qtest_irq(t, 12) && !qtest_irq(t, 1));
        from_mouse();
    }
    CHECK_EQ(qtest_irq_raised(t, 12) - mouse_before, 4);
    CHECK_EQ(qtest_irq_raised(t, 1) - before, 3);
    command(0xd3);
    qtest_outb(t, DATA, 0x77);
    CHECK(qtest_irq(t, 12));
    CHECK_EQ(from_mouse(), 0x77);
    qtest_end(t);
}

/* `sendkey a 990`: the keyboard itself repeats, after 500 ms and 10.9 times a second, and then as the guest says. */
TEST(held_key_repeats)
{
    static const struct { int rate; unsigned makes; } rates[] = { { -1, 7 }, { 0x20, 16 }, { 0x7f, 1 } };

    start();
    set_mode(0x41);
    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        unsigned makes = 0;

        if (rates[i].rate >= 0) {
            qtest_outb(t, DATA, 0xf3);
            EXPECT(0xfa);
            qtest_outb(t, DATA, (uint8_t)rates[i].rate);
            EXPECT(0xfa);
        }
        g_free(qtest_hmp(t, "sendkey a 990"));
        for (int ms = 0; ms < 989; ms++) {
            while (qtest_inb(t, CMD) & FULL) {
                CHECK_EQ(qtest_inb(t, DATA), 0x1e);
                makes++;
            }
            qtest_clock_step(t, 1000000);
        }
        CHECK_EQ(makes, rates[i].makes);
        qtest_clock_step(t, 1000000);
        EXPECT(0x9e);
        qtest_clock_step(t, 2000000000);
        EXPECT();
    }
    qtest_end(t);
}
