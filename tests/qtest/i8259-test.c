/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pair of 8259A: initialisation, priorities, cascade, rotation, poll, special modes, ELCR (data sheet 231468). */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

enum { M0 = 0x20, M1 = 0x21, S0 = 0xa0, S1 = 0xa1, ELCR0 = 0x4d0, ELCR1 = 0x4d1 };

static QTest *t;

/* As a PC's firmware does it: vectors 0x08 and 0x70, cascade at IR2, normal EOI; everything unmasked. */
static void start(uint8_t icw4)
{
    t = qtest_start("-M pc -m 64M");
    qtest_outb(t, M0, 0x11);
    qtest_outb(t, M1, 0x08);
    qtest_outb(t, M1, 0x04);
    qtest_outb(t, M1, icw4);
    qtest_outb(t, S0, 0x11);
    qtest_outb(t, S1, 0x70);
    qtest_outb(t, S1, 0x02);
    qtest_outb(t, S1, icw4);
    qtest_outb(t, M1, 0x00);
    qtest_outb(t, S1, 0x00);
}

/* A pulse at ISA interrupt @n: both chips are of class isa-pic, the master is the first. */
static void line(unsigned n, int level)
{
    qtest_set_irq_in(t, n < 8 ? "isa-pic[0]" : "isa-pic[1]", n & 7, level);
}

static uint8_t read_irr(uint16_t port)
{
    qtest_outb(t, port, 0x0a);
    return qtest_inb(t, port);
}

static uint8_t read_isr(uint16_t port)
{
    qtest_outb(t, port, 0x0b);
    return qtest_inb(t, port);
}

/* The poll command stands for the acknowledge that a CPU would make. */
static uint8_t poll(uint16_t port)
{
    qtest_outb(t, port, 0x0c);
    return qtest_inb(t, port);
}

TEST(initialisation)
{
    start(0x01);
    CHECK_EQ(qtest_inb(t, M1), 0x00);
    qtest_outb(t, M1, 0xa5);
    CHECK_EQ(qtest_inb(t, M1), 0xa5);
    qtest_outb(t, M0, 0x11); /* ICW1 clears the mask */
    CHECK_EQ(qtest_inb(t, M1), 0x00);
    qtest_outb(t, M1, 0x50);
    qtest_outb(t, M1, 0x04);
    qtest_outb(t, M1, 0x01);
    qtest_outb(t, M1, 0xff); /* now it is the mask again */
    CHECK_EQ(qtest_inb(t, M1), 0xff);
    qtest_end(t);
}

TEST(single_without_icw4)
{
    start(0x01);
    qtest_outb(t, M0, 0x12); /* single, no ICW4: ICW2 is all */
    qtest_outb(t, M1, 0x20);
    qtest_outb(t, M1, 0x5a);
    CHECK_EQ(qtest_inb(t, M1), 0x5a);
    qtest_end(t);
}

TEST(edge_and_priority)
{
    start(0x01);
    line(4, 1);
    line(3, 1);
    CHECK_EQ(read_irr(M0), 0x18);
    CHECK_EQ(poll(M0), 0x83); /* 3 before 4 */
    CHECK_EQ(read_isr(M0), 0x08);
    CHECK_EQ(read_irr(M0), 0x10); /* an edge is taken once */
    CHECK_EQ(poll(M0), 0x00); /* 4 waits for 3 */
    line(1, 1);
    CHECK_EQ(poll(M0), 0x81); /* 1 does not */
    CHECK_EQ(read_isr(M0), 0x0a);
    qtest_outb(t, M0, 0x20); /* EOI ends the highest */
    CHECK_EQ(read_isr(M0), 0x08);
    qtest_outb(t, M0, 0x63); /* specific EOI of 3 */
    CHECK_EQ(read_isr(M0), 0x00);
    CHECK_EQ(poll(M0), 0x84);
    line(3, 1); /* still up: no new edge */
    CHECK_EQ(read_irr(M0), 0x00);
    line(3, 0);
    line(3, 1);
    CHECK_EQ(read_irr(M0), 0x08);
    qtest_end(t);
}

TEST(mask)
{
    start(0x01);
    qtest_outb(t, M1, 0x10);
    line(4, 1);
    CHECK_EQ(read_irr(M0), 0x10);
    CHECK_EQ(poll(M0), 0x00);
    qtest_outb(t, M1, 0x00);
    CHECK_EQ(poll(M0), 0x84);
    qtest_end(t);
}

TEST(cascade)
{
    start(0x01);
    line(12, 1);
    CHECK_EQ(read_irr(S0), 0x10);
    CHECK_EQ(read_irr(M0), 0x04);
    CHECK_EQ(poll(M0), 0x82);
    CHECK_EQ(poll(S0), 0x84);
    line(9, 1); /* higher on the slave: the master's 2 is in service and holds it back */
    CHECK_EQ(poll(M0), 0x00);
    qtest_outb(t, M0, 0x20);
    CHECK_EQ(poll(M0), 0x82);
    CHECK_EQ(poll(S0), 0x81);
    qtest_end(t);
}

TEST(special_fully_nested)
{
    start(0x11);
    line(12, 1);
    CHECK_EQ(poll(M0), 0x82);
    CHECK_EQ(poll(S0), 0x84);
    line(9, 1);
    CHECK_EQ(poll(M0), 0x82); /* now the slave's higher one comes through */
    CHECK_EQ(poll(S0), 0x81);
    qtest_end(t);
}

TEST(automatic_eoi_and_rotation)
{
    start(0x03);
    line(3, 1);
    CHECK_EQ(poll(M0), 0x83);
    CHECK_EQ(read_isr(M0), 0x00);
    qtest_outb(t, M0, 0x80); /* rotate in automatic EOI mode */
    line(4, 1);
    CHECK_EQ(poll(M0), 0x84); /* 4 is now the lowest, 5 the highest */
    line(1, 1);
    line(6, 1);
    CHECK_EQ(poll(M0), 0x86);
    CHECK_EQ(poll(M0), 0x81);
    qtest_end(t);
}

TEST(rotation_commands)
{
    start(0x01);
    qtest_outb(t, M0, 0xc4); /* set priority: 4 is the lowest */
    line(3, 1);
    line(5, 1);
    CHECK_EQ(poll(M0), 0x85);
    qtest_outb(t, M0, 0xa0); /* rotate on EOI: 5 becomes the lowest */
    line(5, 0);
    line(5, 1);
    line(6, 1);
    CHECK_EQ(poll(M0), 0x86);
    qtest_outb(t, M0, 0xe6); /* rotate on specific EOI */
    CHECK_EQ(read_isr(M0), 0);
    CHECK_EQ(poll(M0), 0x83);
    qtest_end(t);
}

TEST(special_mask_mode)
{
    start(0x01);
    line(1, 1);
    CHECK_EQ(poll(M0), 0x81);
    qtest_outb(t, M1, 0x02);
    line(4, 1);
    CHECK_EQ(poll(M0), 0x00);
    qtest_outb(t, M0, 0x68); /* special mask mode: what is masked does not hold others back */
    CHECK_EQ(poll(M0), 0x84);
    qtest_outb(t, M0, 0x20); /* ends 4, for 1 is hidden */
    CHECK_EQ(read_isr(M0), 0x02);
    qtest_outb(t, M0, 0x48); /* off again */
    line(4, 0);
    line(4, 1);
    CHECK_EQ(poll(M0), 0x00);
    qtest_end(t);
}

TEST(elcr_and_levels)
{
    start(0x01);
    CHECK_EQ(qtest_inb(t, ELCR0), 0);
    qtest_outb(t, ELCR0, 0xff);
    qtest_outb(t, ELCR1, 0xff);
    CHECK_EQ(qtest_inb(t, ELCR0), 0xf8); /* timer, keyboard, cascade stay edges */
    CHECK_EQ(qtest_inb(t, ELCR1), 0xde); /* RTC and coprocessor too */
    line(10, 1);
    CHECK_EQ(poll(S0), 0x82);
    CHECK_EQ(read_irr(S0), 0x04); /* a level asks on */
    qtest_outb(t, S0, 0x20);
    CHECK_EQ(poll(S0), 0x82);
    line(10, 0);
    CHECK_EQ(read_irr(S0), 0x00);
    qtest_end(t);
}
