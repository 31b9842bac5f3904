/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8237A registers through their ports (Intel 8237A data sheet); transfers are proven with the floppy controller in fdc-test. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"
#include "tests/unit/test.h"

static QTest *t;

TEST(address_and_count_through_the_flip_flop)
{
    t = qtest_start("-M pc -m 64M");
    qtest_outb(t, 0x0c, 0); /* clear the flip-flop */
    for (uint16_t port = 0; port < 8; port++) {
        qtest_outb(t, port, (uint8_t)(0x10 + port));
        qtest_outb(t, port, (uint8_t)(0xa0 + port));
    }
    qtest_outb(t, 0x0c, 0);
    for (uint16_t port = 0; port < 8; port++) {
        CHECK_EQ(qtest_inb(t, port), 0x10 + port);
        CHECK_EQ(qtest_inb(t, port), 0xa0 + port);
    }
    qtest_inb(t, 0); /* low byte read: a clear in between starts over */
    qtest_outb(t, 0x0c, 0);
    CHECK_EQ(qtest_inb(t, 0), 0x10);
    qtest_end(t);
}

TEST(second_controller_is_word_wide_spaced)
{
    t = qtest_start("-M pc -m 64M");
    qtest_outb(t, 0xd8, 0);
    qtest_outb(t, 0xc4, 0x34);
    qtest_outb(t, 0xc4, 0x12);
    qtest_outb(t, 0xd8, 0);
    CHECK_EQ(qtest_inb(t, 0xc4), 0x34);
    CHECK_EQ(qtest_inb(t, 0xc4), 0x12);
    qtest_end(t);
}

TEST(page_registers)
{
    static const uint8_t ports[] = { 0x87, 0x83, 0x81, 0x82, 0x8b, 0x89, 0x8a };

    t = qtest_start("-M pc -m 64M");
    for (unsigned k = 0; k < G_N_ELEMENTS(ports); k++) {
        qtest_outb(t, ports[k], (uint8_t)(0x40 + k));
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(ports); k++) {
        CHECK_EQ(qtest_inb(t, ports[k]), 0x40 + k);
    }
    qtest_end(t);
}

TEST(master_clear)
{
    t = qtest_start("-M pc -m 64M");
    qtest_outb(t, 0x0c, 0);
    qtest_outb(t, 0x02, 0x77); /* half of a word: the flip-flop is set now */
    qtest_outb(t, 0x0d, 0);    /* master clear clears it, and the status */
    CHECK_EQ(qtest_inb(t, 0x08), 0);
    qtest_outb(t, 0x02, 0x21);
    qtest_outb(t, 0x02, 0x43);
    qtest_outb(t, 0x0c, 0);
    CHECK_EQ(qtest_inb(t, 0x02), 0x21);
    CHECK_EQ(qtest_inb(t, 0x02), 0x43);
    qtest_end(t);
}
