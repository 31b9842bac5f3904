/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device tests' client: starts the emulator without a CPU (-accel qtest) and drives ports, memory, clock and
 * interrupt lines through a socket, in the line protocol of QEMU's device tests.
 *
 *     QTest *t = qtest_start("-M pc -m 64M");
 *     qtest_outb(t, 0x70, 0x0a);
 *     CHECK_EQ(qtest_inb(t, 0x71), 0x26);
 *     qtest_end(t);
 *
 * A broken connection, a FAIL reply or an emulator that dies ends the test program with a message: a device test
 * cannot go on without its machine.  The program under test is $RHEA, else build/rhea-system-x86_64.
 */
#ifndef TESTS_QTEST_LIBQTEST_H
#define TESTS_QTEST_LIBQTEST_H

#include "util/osdep.h"

typedef struct QTest QTest;

/*
 * Starts the emulator with `-accel qtest -display none`, the two sockets of the test and @args (quoted as in a shell;
 * `-nodefaults` is not given by itself).  Returns when it answers.
 */
QTest *qtest_start(const char *args, ...) G_GNUC_PRINTF(1, 2);
/* Ends the emulator with SIGTERM and checks that it exits with status 0.  NULL is fine. */
void qtest_end(QTest *t);
/* Waits until the emulator has ended by itself; returns its exit status.  Then qtest_end() only frees. */
int qtest_wait_exit(QTest *t);

/* Ports. */
uint8_t qtest_inb(QTest *t, uint16_t port);
uint16_t qtest_inw(QTest *t, uint16_t port);
uint32_t qtest_inl(QTest *t, uint16_t port);
void qtest_outb(QTest *t, uint16_t port, uint8_t val);
void qtest_outw(QTest *t, uint16_t port, uint16_t val);
void qtest_outl(QTest *t, uint16_t port, uint32_t val);

/* Physical memory, as a CPU sees it. */
uint8_t qtest_readb(QTest *t, uint64_t addr);
uint16_t qtest_readw(QTest *t, uint64_t addr);
uint32_t qtest_readl(QTest *t, uint64_t addr);
uint64_t qtest_readq(QTest *t, uint64_t addr);
void qtest_writeb(QTest *t, uint64_t addr, uint8_t val);
void qtest_writew(QTest *t, uint64_t addr, uint16_t val);
void qtest_writel(QTest *t, uint64_t addr, uint32_t val);
void qtest_writeq(QTest *t, uint64_t addr, uint64_t val);
void qtest_read(QTest *t, uint64_t addr, void *buf, size_t len);
void qtest_write(QTest *t, uint64_t addr, const void *buf, size_t len);
void qtest_memset(QTest *t, uint64_t addr, uint8_t val, size_t len);

/* PCI configuration space through ports 0xcf8 and 0xcfc. */
uint32_t qtest_pci_read(QTest *t, uint8_t bus, uint8_t devfn, unsigned addr, unsigned size);
void qtest_pci_write(QTest *t, uint8_t bus, uint8_t devfn, unsigned addr, uint32_t val, unsigned size);

/* The virtual clock moves by these only; timers that become due run on the way.  They return the new time in ns. */
int64_t qtest_clock_step(QTest *t, int64_t ns);
int64_t qtest_clock_step_next(QTest *t); /* to the next timer */
int64_t qtest_clock_set(QTest *t, int64_t ns);

/*
 * Interrupt lines: after an intercept the inputs (outputs) of one device, named by id, class name or path, do not reach
 * it (their receivers) but are reported; qtest_irq() is line @n's level now, qtest_irq_raised() how often it went up.
 */
void qtest_irq_intercept_in(QTest *t, const char *device);
void qtest_irq_intercept_out(QTest *t, const char *device);
bool qtest_irq(QTest *t, unsigned n);
unsigned qtest_irq_raised(QTest *t, unsigned n);
/* Drives input @n of a device. */
void qtest_set_irq_in(QTest *t, const char *device, unsigned n, int level);

/* One human-monitor command; its output, newly allocated. */
char *qtest_hmp(QTest *t, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* As above without waiting: for commands that end the emulator. */
void qtest_send_hmp(QTest *t, const char *cmd);

/* One protocol line as it is; the reply without its newline, newly allocated (FAIL and ERR included). */
char *qtest_raw(QTest *t, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

#endif
