/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82078 floppy controller: reset, seeks, change line, reads and writes by DMA and PIO, formats, errors, absent media. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"
#include "tests/unit/test.h"
#include "util/bytes.h"

#include <fcntl.h>

enum { DOR = 0x3f2, MSR = 0x3f4, FIFO = 0x3f5, CCR = 0x3f7, BUFFER = 0x20000 };
static char image[64];

static void pattern(uint8_t *buf, unsigned sector)
{
    for (unsigned i = 0; i < 512; i++) {
        buf[i] = (uint8_t)(sector * 5 + (sector >> 8) + i * 3);
    }
}

static void make_image(unsigned sectors)
{
    uint8_t buf[512];
    snprintf(image, sizeof(image), "/tmp/rhea-fdc-test-%d", getpid());
    FILE *f = fopen(image, "wb");
    for (unsigned i = 0; i < sectors; i++) {
        pattern(buf, i);
        fwrite(buf, 1, 512, f);
    }
    fclose(f);
}

static void remove_image(void)
{
    unlink(image);
}

static void put(QTest *t, uint8_t byte)
{
    for (int i = 0; i < 20000; i++) {
        if ((qtest_inb(t, MSR) & 0xc0) == 0x80) {
            qtest_outb(t, FIFO, byte);
            return;
        }
        g_usleep(100);
    }
    TEST_FAIL("the controller takes no byte, MSR %02x", qtest_inb(t, MSR));
}

static uint8_t get(QTest *t)
{
    for (int i = 0; i < 20000; i++) {
        if ((qtest_inb(t, MSR) & 0xc0) == 0xc0) {
            return qtest_inb(t, FIFO);
        }
        g_usleep(100);
    }
    TEST_FAIL("the controller gives no byte, MSR %02x", qtest_inb(t, MSR));
}

static void sense_interrupt(QTest *t, uint8_t *st0, uint8_t *track)
{
    put(t, 0x08);
    *st0 = get(t);
    *track = 0xff;
    if (*st0 != 0x80) {
        *track = get(t);
    }
}

static QTest *start_sized(unsigned sectors, const char *more)
{
    uint8_t st0, track;
    if (!*image) {
        atexit(remove_image);
    }
    make_image(sectors);
    QTest *t = qtest_start("-M pc -m 16M -nodefaults -vga none -drive file=%s,if=floppy,index=0,format=raw %s", image, more);
    qtest_irq_intercept_in(t, "ioapic");
    qtest_outb(t, DOR, 0);
    qtest_outb(t, DOR, 0x1c);
    qtest_outb(t, CCR, sectors == 2880 || sectors == 2400 ? 0 : 2);
    CHECK(qtest_irq(t, 6));
    for (unsigned i = 0; i < 4; i++) {
        sense_interrupt(t, &st0, &track);
        CHECK_EQ(st0, 0xc0 | i);
        CHECK(!qtest_irq(t, 6));
    }
    sense_interrupt(t, &st0, &track);
    CHECK_EQ(st0, 0x80);
    put(t, 0x03); /* SPECIFY: DMA */
    put(t, 0xaf);
    put(t, 0x02);
    return t;
}

static QTest *start(void)
{
    return start_sized(2880, "");
}

static void seek(QTest *t, unsigned to)
{
    uint8_t st0, track;
    put(t, 0x0f);
    put(t, 0);
    put(t, (uint8_t)to);
    sense_interrupt(t, &st0, &track);
    CHECK_EQ(st0, 0x20);
    CHECK_EQ(track, to);
}

static void dma(QTest *t, bool to_memory, unsigned bytes)
{
    qtest_outb(t, 0xd6, 0xc0); /* cascade, as firmware sets it up */
    qtest_outb(t, 0xd4, 0);
    qtest_outb(t, 0x0a, 6);
    qtest_outb(t, 0x0c, 0);
    qtest_outb(t, 0x0b, to_memory ? 0x46 : 0x4a);
    qtest_outb(t, 0x04, BUFFER & 0xff);
    qtest_outb(t, 0x04, BUFFER >> 8 & 0xff);
    qtest_outb(t, 0x81, BUFFER >> 16);
    qtest_outb(t, 0x05, (uint8_t)(bytes - 1));
    qtest_outb(t, 0x05, (uint8_t)((bytes - 1) >> 8));
    qtest_outb(t, 0x0a, 2);
}

static void transfer(QTest *t, uint8_t command, unsigned c, unsigned h, unsigned s, unsigned eot)
{
    put(t, command);
    put(t, (uint8_t)(h << 2));
    put(t, (uint8_t)c);
    put(t, (uint8_t)h);
    put(t, (uint8_t)s);
    put(t, 2);
    put(t, (uint8_t)eot);
    put(t, 0x1b);
    put(t, 0xff);
}

static void result(QTest *t, uint8_t r[7])
{
    for (unsigned i = 0; i < 7; i++) {
        r[i] = get(t);
    }
    CHECK_EQ(qtest_inb(t, MSR), 0x80);
}

TEST(dma_reads_a_cylinder_with_both_heads)
{
    QTest *t = start();
    uint8_t *buf = g_malloc(36 * 512), want[512], r[7];
    seek(t, 3);
    dma(t, true, 36 * 512);
    transfer(t, 0xe6, 3, 0, 1, 18);
    result(t, r);
    CHECK_EQ(r[0] & 0xc0, 0);
    CHECK_EQ(r[1], 0);
    CHECK_EQ(r[3], 4); /* cylinder after it */
    CHECK_EQ(r[4], 0);
    CHECK_EQ(r[5], 1);
    qtest_read(t, BUFFER, buf, 36 * 512);
    for (unsigned i = 0; i < 36; i++) {
        pattern(want, 3 * 36 + i);
        CHECK_MEM(buf + 512 * i, want, 512);
    }
    g_free(buf);
    qtest_end(t);
}

TEST(dma_writes_reach_the_image_and_short_ones_are_padded)
{
    QTest *t = start();
    uint8_t buf[1024], disk[1024], r[7];
    pattern(buf, 700);
    pattern(buf + 512, 701);
    qtest_write(t, BUFFER, buf, 1024);
    seek(t, 40);
    dma(t, false, 700); /* a sector and a bit */
    transfer(t, 0xc5, 40, 1, 5, 18);
    result(t, r);
    CHECK_EQ(r[0] & 0xc0, 0);
    CHECK_EQ(r[5], 7);
    int fd = open(image, O_RDONLY);
    CHECK_EQ(pread(fd, disk, 1024, ((40 * 2 + 1) * 18 + 4) * 512), 1024);
    close(fd);
    memset(buf + 700, 0, 324);
    CHECK_MEM(disk, buf, 1024);
    qtest_end(t);
}

TEST(pio_moves_bytes)
{
    QTest *t = start();
    uint8_t buf[512], want[512], r[7];
    put(t, 0x03);
    put(t, 0xaf);
    put(t, 0x03); /* no DMA */
    transfer(t, 0x46, 0, 0, 2, 2);
    for (unsigned i = 0; i < 512; i++) {
        buf[i] = get(t);
    }
    result(t, r);
    pattern(want, 1);
    CHECK_MEM(buf, want, 512);
    CHECK_EQ(r[0] & 0xc0, 0x40); /* nobody said terminal count: end of cylinder */
    CHECK_EQ(r[1], 0x80);
    qtest_end(t);
}

TEST(format_fills_a_track)
{
    QTest *t = start();
    uint8_t ids[18 * 4], disk[512], want[512], r[7];
    for (unsigned i = 0; i < 18; i++) {
        const uint8_t id[4] = { 10, 1, (uint8_t)(i + 1), 2 };
        memcpy(ids + 4 * i, id, 4);
    }
    qtest_write(t, BUFFER, ids, sizeof(ids));
    seek(t, 10);
    dma(t, false, sizeof(ids));
    put(t, 0x4d);
    put(t, 4);
    put(t, 2);
    put(t, 18);
    put(t, 0x54);
    put(t, 0xf6);
    result(t, r);
    CHECK_EQ(r[0] & 0xc0, 0);
    int fd = open(image, O_RDONLY);
    memset(want, 0xf6, 512);
    for (unsigned i = 0; i < 18; i++) {
        CHECK_EQ(pread(fd, disk, 512, ((10 * 2 + 1) * 18 + i) * 512), 512);
        CHECK_MEM(disk, want, 512);
    }
    pattern(want, (10 * 2 + 2) * 18); /* the next track is as it was */
    CHECK_EQ(pread(fd, disk, 512, (10 * 2 + 2) * 18 * 512), 512);
    CHECK_MEM(disk, want, 512);
    close(fd);
    qtest_end(t);
}

TEST(change_line_and_media)
{
    QTest *t = start();
    uint8_t r[7], st0, track;
    CHECK_EQ(qtest_inb(t, CCR) & 0x80, 0x80); /* since power-on */
    seek(t, 1);
    CHECK_EQ(qtest_inb(t, CCR) & 0x80, 0);
    g_free(qtest_hmp(t, "eject floppy0"));
    CHECK_EQ(qtest_inb(t, CCR) & 0x80, 0x80);
    seek(t, 2);
    CHECK_EQ(qtest_inb(t, CCR) & 0x80, 0x80); /* nothing in there */
    put(t, 0x4a);
    put(t, 0);
    result(t, r);
    CHECK_EQ(r[0] & 0xc0, 0x40);
    dma(t, true, 512);
    transfer(t, 0xe6, 2, 0, 1, 18);
    result(t, r);
    CHECK_EQ(r[0] & 0xc0, 0x40);
    g_free(qtest_hmp(t, "change floppy0 %s raw", image));
    put(t, 0x07);
    put(t, 0);
    sense_interrupt(t, &st0, &track);
    CHECK_EQ(st0, 0x20);
    CHECK_EQ(qtest_inb(t, CCR) & 0x80, 0);
    put(t, 0x07); /* a drive that is not there never reaches track 0 */
    put(t, 1);
    sense_interrupt(t, &st0, &track);
    CHECK_EQ(st0, 0x71);
    qtest_end(t);
}

TEST(wrong_rate_track_sector_and_protection)
{
    QTest *t = start_sized(1440, "");
    uint8_t r[7];
    put(t, 0x4a);
    put(t, 0);
    result(t, r);
    CHECK_EQ(r[0] & 0xc0, 0); /* 720 KiB at 250 kbit/s */
    qtest_outb(t, CCR, 0);
    put(t, 0x4a);
    put(t, 0);
    result(t, r);
    CHECK_EQ(r[0] & 0xc0, 0x40);
    CHECK_EQ(r[1], 1);
    qtest_outb(t, CCR, 2);
    transfer(t, 0xe6, 0, 0, 10, 18); /* nine sectors a track */
    result(t, r);
    CHECK_EQ(r[1], 4);
    transfer(t, 0xe6, 5, 0, 1, 9); /* not there yet */
    result(t, r);
    CHECK_EQ(r[2], 0x10);
    qtest_end(t);
    t = qtest_start("-M pc -m 16M -nodefaults -vga none -drive file=%s,if=floppy,format=raw,readonly=on", image);
    qtest_outb(t, DOR, 0x1c);
    put(t, 0x04);
    put(t, 0);
    CHECK_EQ(get(t), 0x78); /* protected, ready, at track 0 */
    qtest_outb(t, CCR, 2);
    dma(t, false, 512);
    transfer(t, 0xc5, 0, 0, 1, 9);
    result(t, r);
    CHECK_EQ(r[0] & 0xc0, 0x40);
    CHECK_EQ(r[1], 2);
    qtest_end(t);
}

TEST(settings_are_kept_and_told)
{
    QTest *t = start();
    uint8_t d[10];
    put(t, 0x10);
    CHECK_EQ(get(t), 0x90);
    put(t, 0x13);
    put(t, 0);
    put(t, 0x57);
    put(t, 0x11);
    put(t, 0x94);
    CHECK_EQ(get(t), 0x10);
    seek(t, 7);
    put(t, 0x0e);
    for (unsigned i = 0; i < 10; i++) {
        d[i] = get(t);
    }
    CHECK_EQ(d[0], 7);
    CHECK_EQ(d[4], 0xaf);
    CHECK_EQ(d[5], 0x02);
    CHECK_EQ(d[7] & 0x80, 0x80);
    CHECK_EQ(d[8], 0x57);
    CHECK_EQ(d[9], 0x11);
    put(t, 0x8f); /* relative: out by 3 */
    put(t, 0);
    put(t, 3);
    put(t, 0x08);
    CHECK_EQ(get(t), 0x20);
    CHECK_EQ(get(t), 4);
    put(t, 0xff);
    CHECK_EQ(get(t), 0x80);
    qtest_end(t);
}

TEST(scan_finds_the_equal_sector)
{
    QTest *t = start();
    uint8_t buf[1024], r[7];
    pattern(buf, 1);
    pattern(buf + 512, 1);
    qtest_write(t, BUFFER, buf, 1024);
    dma(t, false, 1024);
    transfer(t, 0x51, 0, 0, 1, 18); /* sector 1 differs, sector 2 is it */
    result(t, r);
    CHECK_EQ(r[0] & 0xc0, 0);
    CHECK_EQ(r[2], 8);
    CHECK_EQ(r[5], 2);
    qtest_end(t);
}

/* The bytes of many commands, cut off, out of phase, with FIFO overruns: the machine goes on. */
TEST(fifo_abuse_is_survived)
{
    QTest *t = start();
    for (unsigned c = 0; c < 256; c++) {
        for (unsigned i = 0; i < 40; i++) {
            qtest_outb(t, FIFO, (uint8_t)c);
        }
        for (unsigned i = 0; i < 24; i++) {
            qtest_inb(t, FIFO);
        }
        qtest_outb(t, DOR, 0);
        qtest_outb(t, DOR, 0x1c);
    }
    put(t, 0x08);
    CHECK_EQ(get(t) & 0xc0, 0xc0);
    qtest_end(t);
}
