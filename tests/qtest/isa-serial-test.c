/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16550A: registers, FIFO, interrupts and their order, loopback, modem lines, timeout, overrun (PC16550D data sheet). */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/test.h"

enum { DATA = 0x3f8, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static QTest *t;
static int fd;
static char *path;

/* Serial port 0 with this test as its peer, through a socket that the test listens on. */
static void start(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    path = g_strdup_printf("/tmp/rhea-serial-test-%d", (int)getpid());
    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    unlink(path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(listener >= 0 && !bind(listener, (struct sockaddr *)&addr, sizeof(addr)) && !listen(listener, 1));
    t = qtest_start("-M pc -m 64M -chardev socket,id=s0,path=%s -serial chardev:s0", path);
    fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    close(listener);
    qtest_irq_intercept_in(t, "ioapic");
}

static void end(void)
{
    qtest_end(t);
    close(fd);
    unlink(path);
    g_free(path);
}

/* Sends and waits until the guest side has it. */
static void send_bytes(const char *text)
{
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    for (int i = 0; i < 500 && !(qtest_inb(t, LSR) & 1); i++) {
        g_usleep(2000);
    }
    g_usleep(20000);
}

static void expect_bytes(const char *text)
{
    char got[64] = "";
    size_t n = 0;
    while (n < strlen(text)) {
        ssize_t r = read(fd, got + n, strlen(text) - n);
        CHECK(r > 0);
        n += r;
    }
    CHECK_STR(got, text);
}

TEST(reset_values)
{
    start();
    CHECK_EQ(qtest_inb(t, IER), 0x00);
    CHECK_EQ(qtest_inb(t, IIR), 0x01);
    CHECK_EQ(qtest_inb(t, LCR), 0x00);
    CHECK_EQ(qtest_inb(t, LSR), 0x60);
    CHECK_EQ(qtest_inb(t, MSR) & 0xf0, 0xb0);
    qtest_outb(t, SCR, 0xa5);
    CHECK_EQ(qtest_inb(t, SCR), 0xa5);
    qtest_outb(t, IER, 0xff);
    CHECK_EQ(qtest_inb(t, IER), 0x0f);
    qtest_outb(t, LCR, 0x83);
    qtest_outb(t, DATA, 0x34);
    qtest_outb(t, IER, 0x12);
    CHECK_EQ(qtest_inb(t, DATA), 0x34);
    CHECK_EQ(qtest_inb(t, IER), 0x12);
    qtest_outb(t, DATA, 0);
    qtest_outb(t, IER, 0); /* divisor 0: nothing may divide by it */
    qtest_outb(t, LCR, 0x03);
    qtest_outb(t, DATA, 'x');
    expect_bytes("x");
    CHECK_EQ(qtest_inb(t, IER), 0x0f);
    end();
}

TEST(transmit)
{
    start();
    qtest_outb(t, IER, 0x02);
    CHECK(qtest_irq(t, 4));
    CHECK_EQ(qtest_inb(t, IIR), 0x02); /* reading clears it */
    CHECK(!qtest_irq(t, 4));
    CHECK_EQ(qtest_inb(t, IIR), 0x01);
    for (const char *c = "hello"; *c; c++) {
        qtest_outb(t, DATA, *c);
    }
    expect_bytes("hello");
    CHECK(qtest_irq(t, 4));
    CHECK_EQ(qtest_inb(t, LSR), 0x60);
    end();
}

TEST(receive_without_fifo)
{
    start();
    qtest_outb(t, IER, 0x01);
    send_bytes("ab");
    CHECK(qtest_irq(t, 4));
    CHECK_EQ(qtest_inb(t, IIR), 0x04);
    CHECK_EQ(qtest_inb(t, LSR), 0x61);
    CHECK_EQ(qtest_inb(t, DATA), 'a');
    for (int i = 0; i < 500 && !(qtest_inb(t, LSR) & 1); i++) {
        g_usleep(2000);
    }
    CHECK_EQ(qtest_inb(t, DATA), 'b');
    CHECK(!qtest_irq(t, 4));
    CHECK_EQ(qtest_inb(t, DATA), 'b'); /* stays in the register */
    end();
}

TEST(fifo_trigger_and_timeout)
{
    start();
    qtest_outb(t, 0x3fa, 0x41); /* on, trigger at 4 */
    qtest_outb(t, IER, 0x01);
    CHECK_EQ(qtest_inb(t, IIR), 0xc1);
    send_bytes("abc");
    CHECK(!qtest_irq(t, 4));
    /* 9600 baud, 7 bits a character (5-bit words): four of them are 2.9 ms */
    qtest_clock_step(t, 2800000);
    CHECK(!qtest_irq(t, 4));
    qtest_clock_step(t, 200000);
    CHECK(qtest_irq(t, 4));
    CHECK_EQ(qtest_inb(t, IIR), 0xcc);
    CHECK_EQ(qtest_inb(t, DATA), 'a'); /* a read starts the wait anew */
    CHECK_EQ(qtest_inb(t, IIR), 0xc1);
    send_bytes("de");
    CHECK_EQ(qtest_inb(t, IIR), 0xc4);
    for (const char *c = "bcde"; *c; c++) {
        CHECK_EQ(qtest_inb(t, DATA), *c);
    }
    CHECK_EQ(qtest_inb(t, LSR), 0x60);
    send_bytes("xyz");
    qtest_outb(t, 0x3fa, 0x43); /* clears the receiver */
    CHECK_EQ(qtest_inb(t, LSR), 0x60);
    end();
}

TEST(loopback)
{
    start();
    qtest_outb(t, 0x3fc, 0x10);
    CHECK_EQ(qtest_inb(t, MSR) >> 4, 0x0);
    static const struct { uint8_t mcr, msr; } pairs[] = { { 1, 0x20 }, { 2, 0x10 }, { 4, 0x40 }, { 8, 0x80 }, { 15, 0xf0 } };
    for (unsigned i = 0; i < G_N_ELEMENTS(pairs); i++) {
        qtest_outb(t, MCR, 0x10 | pairs[i].mcr);
        CHECK_EQ(qtest_inb(t, MSR) & 0xf0, pairs[i].msr);
        CHECK_EQ(qtest_inb(t, MSR) & 0x0f, 0); /* deltas are gone */
    }
    qtest_outb(t, IER, 0x08);
    qtest_outb(t, MCR, 0x10);
    CHECK_EQ(qtest_inb(t, IIR), 0x00); /* modem status */
    CHECK_EQ(qtest_inb(t, MSR), 0x0f); /* all fell; RI's falling edge counts */
    CHECK_EQ(qtest_inb(t, IIR), 0x01);
    qtest_outb(t, IER, 0x00);
    qtest_outb(t, DATA, 0x5a);
    CHECK_EQ(qtest_inb(t, LSR), 0x61);
    qtest_outb(t, DATA, 0x5b); /* overrun without FIFO: the newer stays */
    CHECK_EQ(qtest_inb(t, LSR), 0x63);
    CHECK_EQ(qtest_inb(t, LSR), 0x61);
    CHECK_EQ(qtest_inb(t, DATA), 0x5b);
    qtest_outb(t, 0x3fa, 0x01);
    for (unsigned i = 0; i < 17; i++) {
        qtest_outb(t, DATA, i);
    }
    qtest_outb(t, IER, 0x05);
    CHECK_EQ(qtest_inb(t, IIR), 0xc6); /* line status comes first */
    CHECK_EQ(qtest_inb(t, LSR), 0x63);
    CHECK_EQ(qtest_inb(t, IIR), 0xc4);
    for (unsigned i = 0; i < 16; i++) {
        CHECK_EQ(qtest_inb(t, DATA), i);
    }
    CHECK_EQ(qtest_inb(t, LSR), 0x60);
    qtest_outb(t, MCR, 0x00);
    qtest_outb(t, DATA, '!'); /* nothing of the loop went out */
    expect_bytes("!");
    end();
}

TEST(more_ports)
{
    t = qtest_start("-M pc -m 64M -serial null -serial null -serial null -serial null");
    static const uint16_t ports[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    for (unsigned i = 0; i < 4; i++) {
        qtest_outb(t, ports[i] + 7, 0x11 * (i + 1));
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(qtest_inb(t, ports[i] + 7), 0x11 * (i + 1));
    }
    qtest_end(t);
}
