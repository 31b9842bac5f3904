/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX3 IDE with disks and a CD-ROM: identification, PIO, multiple, LBA48, bus-master DMA with odd and hostile tables,
 * errors, resets in flight, trays.  Disk contents are a function of the sector number.
 */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"
#include "tests/unit/test.h"
#include "util/bytes.h"

#include <fcntl.h>

enum { DATA = 0x1f0, ERR = 0x1f1, COUNT = 0x1f2, LOW = 0x1f3, MID = 0x1f4, HIGH = 0x1f5, DEV = 0x1f6, CMD = 0x1f7,
       CTL = 0x3f6 };
enum { CD = 0x170, CD_CTL = 0x376 };
enum { BSY = 0x80, DRDY = 0x40, DF = 0x20, DRQ = 8, ERROR = 1 };
enum { IDE_DEVFN = 0x09, BM = 0xc000, PRDS = 0x10000, BUFFER = 0x100000, SECTORS = 20480 };

static char disk[64], iso[64], iso2[64];

static void pattern(uint8_t *buf, uint64_t sector, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        buf[i] = (uint8_t)(sector * 7 + (sector >> 8) + i * 3 + (i >> 8));
    }
}

static void make_image(char *path, const char *suffix, unsigned sectors, uint32_t size, unsigned first)
{
    snprintf(path, 64, "/tmp/rhea-ide-test-%d-%s", getpid(), suffix);
    FILE *f = fopen(path, "wb");
    uint8_t buf[2048];
    for (unsigned i = 0; i < sectors; i++) {
        pattern(buf, first + i, size);
        fwrite(buf, 1, size, f);
    }
    fclose(f);
}

static void remove_images(void)
{
    unlink(disk);
    unlink(iso);
    unlink(iso2);
}

static QTest *start(const char *more)
{
    if (!*disk) {
        atexit(remove_images);
        make_image(iso, "iso", 400, 2048, 0);
        make_image(iso2, "iso2", 300, 2048, 1000);
    }
    make_image(disk, "disk", SECTORS, 512, 0);
    QTest *t = qtest_start("-M pc -m 32M -nodefaults -vga none -drive file=%s,if=ide,index=0,format=raw "
                           "-drive file=%s,if=ide,index=2,media=cdrom,format=raw %s", disk, iso, more);
    qtest_pci_write(t, 0, IDE_DEVFN, 0x20, BM | 1, 4);
    qtest_pci_write(t, 0, IDE_DEVFN, 0x04, 5, 2);
    return t;
}

/* Waits for BSY to go; the I/O behind it is real and takes its time. */
static uint8_t wait_status(QTest *t, uint16_t status_port)
{
    for (int i = 0; i < 100000; i++) {
        uint8_t s = qtest_inb(t, status_port);
        if (!(s & BSY)) {
            return s;
        }
        if (i > 100) {
            g_usleep(100);
        }
    }
    TEST_FAIL("the drive stays busy");
}

static void address(QTest *t, uint64_t lba, unsigned count)
{
    qtest_outb(t, DEV, (uint8_t)(0xe0 | (lba >> 24 & 15)));
    qtest_outb(t, COUNT, (uint8_t)count);
    qtest_outb(t, LOW, (uint8_t)lba);
    qtest_outb(t, MID, (uint8_t)(lba >> 8));
    qtest_outb(t, HIGH, (uint8_t)(lba >> 16));
}

static void address48(QTest *t, uint64_t lba, unsigned count)
{
    qtest_outb(t, DEV, 0xe0);
    qtest_outb(t, COUNT, (uint8_t)(count >> 8));
    qtest_outb(t, LOW, (uint8_t)(lba >> 24));
    qtest_outb(t, MID, (uint8_t)(lba >> 32));
    qtest_outb(t, HIGH, (uint8_t)(lba >> 40));
    qtest_outb(t, COUNT, (uint8_t)count);
    qtest_outb(t, LOW, (uint8_t)lba);
    qtest_outb(t, MID, (uint8_t)(lba >> 8));
    qtest_outb(t, HIGH, (uint8_t)(lba >> 16));
}

static void read_words(QTest *t, uint16_t port, void *buf, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2) {
        st_le16((uint8_t *)buf + i, qtest_inw(t, port));
    }
}

static void write_words(QTest *t, uint16_t port, const void *buf, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2) {
        qtest_outw(t, port, ld_le16((const uint8_t *)buf + i));
    }
}

static void check_disk(unsigned sector, const void *expect, unsigned len)
{
    uint8_t *buf = g_malloc(len);
    int fd = open(disk, O_RDONLY);
    CHECK_EQ(pread(fd, buf, len, (off_t)sector * 512), len);
    close(fd);
    CHECK_MEM(buf, expect, len);
    g_free(buf);
}

TEST(identify_tells_size_and_names)
{
    QTest *t = start("");
    uint8_t id[512];
    qtest_irq_intercept_in(t, "ioapic");
    qtest_outb(t, DEV, 0xa0);
    qtest_outb(t, CMD, 0xec);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10 | DRQ);
    read_words(t, DATA, id, 512);
    CHECK_EQ(qtest_inb(t, CMD), DRDY | 0x10);
    CHECK_EQ(ld_le16(id), 0x0040);
    CHECK_EQ(ld_le32(id + 120), SECTORS);
    CHECK_EQ(ld_le64(id + 200), SECTORS);
    CHECK_EQ(ld_le16(id + 2), SECTORS / (16 * 63));
    CHECK_MEM(id + 54, "EQUMH RADDSI K", 14);
    CHECK_MEM(id + 20, "MQ0000 1", 8);
    CHECK_EQ(ld_le16(id + 166) & 0x0400, 0x0400); /* 48-bit */
    uint8_t sum = 0;
    for (int i = 0; i < 512; i++) {
        sum = (uint8_t)(sum + id[i]);
    }
    CHECK_EQ(sum, 0);
    qtest_end(t);
}

TEST(pio_reads_with_an_interrupt_for_each_sector)
{
    QTest *t = start("");
    uint8_t buf[512], want[512];
    qtest_irq_intercept_in(t, "ioapic");
    unsigned before = qtest_irq_raised(t, 14);
    address(t, 1234, 3);
    qtest_outb(t, CMD, 0x20);
    for (unsigned i = 0; i < 3; i++) {
        while (qtest_inb(t, CTL) & BSY) {
        }
        CHECK(qtest_irq(t, 14));
        CHECK_EQ(wait_status(t, CMD) & (DRQ | ERROR), DRQ);
        CHECK(!qtest_irq(t, 14)); /* reading the status takes it away */
        read_words(t, DATA, buf, 512);
        pattern(want, 1234 + i, 512);
        CHECK_MEM(buf, want, 512);
    }
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    CHECK_EQ(qtest_irq_raised(t, 14) - before, 3);
    CHECK_EQ(qtest_inb(t, COUNT), 0);
    qtest_end(t);
}

TEST(chs_and_lba_mean_the_same_sector)
{
    QTest *t = start("");
    uint8_t buf[512], want[512];
    unsigned c = 3, h = 5, s = 7;
    qtest_outb(t, DEV, 0xa0 | h);
    qtest_outb(t, COUNT, 1);
    qtest_outb(t, LOW, s);
    qtest_outb(t, MID, c);
    qtest_outb(t, HIGH, 0);
    qtest_outb(t, CMD, 0x20);
    CHECK(wait_status(t, CMD) & DRQ);
    read_words(t, DATA, buf, 512);
    pattern(want, (c * 16 + h) * 63 + s - 1, 512);
    CHECK_MEM(buf, want, 512);
    qtest_outb(t, DEV, 0xa7); /* 8 heads of 32 sectors from now on */
    qtest_outb(t, COUNT, 32);
    qtest_outb(t, CMD, 0x91);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    qtest_outb(t, DEV, 0xa0 | 2);
    qtest_outb(t, COUNT, 1);
    qtest_outb(t, LOW, 32);
    qtest_outb(t, MID, 4);
    qtest_outb(t, HIGH, 0);
    qtest_outb(t, CMD, 0x20);
    CHECK(wait_status(t, CMD) & DRQ);
    read_words(t, DATA, buf, 512);
    pattern(want, (4 * 8 + 2) * 32 + 31, 512);
    CHECK_MEM(buf, want, 512);
    qtest_outb(t, LOW, 0); /* there is no sector 0 */
    qtest_outb(t, CMD, 0x20);
    CHECK_EQ(wait_status(t, CMD) & (DRQ | ERROR), ERROR);
    CHECK_EQ(qtest_inb(t, ERR), 0x10);
    qtest_end(t);
}

TEST(pio_writes_reach_the_file)
{
    QTest *t = start("");
    uint8_t buf[1024];
    pattern(buf, 99, 1024);
    address(t, 5000, 2);
    qtest_outb(t, CMD, 0x30);
    CHECK(wait_status(t, CMD) & DRQ);
    write_words(t, DATA, buf, 1024);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    qtest_outb(t, CMD, 0xe7);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    check_disk(5000, buf, 1024);
    qtest_end(t);
}

TEST(multiple_moves_blocks)
{
    QTest *t = start("");
    uint8_t buf[5 * 512], want[5 * 512];
    qtest_outb(t, DEV, 0xe0);
    qtest_outb(t, COUNT, 3); /* not a power of two */
    qtest_outb(t, CMD, 0xc6);
    CHECK(wait_status(t, CMD) & ERROR);
    CHECK_EQ(qtest_inb(t, ERR), 4);
    qtest_outb(t, COUNT, 4);
    qtest_outb(t, CMD, 0xc6);
    CHECK(!(wait_status(t, CMD) & ERROR));
    qtest_irq_intercept_in(t, "ioapic");
    unsigned before = qtest_irq_raised(t, 14);
    address(t, 77, 5);
    qtest_outb(t, CMD, 0xc4);
    CHECK(wait_status(t, CMD) & DRQ);
    read_words(t, DATA, buf, 4 * 512);
    CHECK(wait_status(t, CMD) & DRQ);
    read_words(t, DATA, buf + 4 * 512, 512);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    CHECK_EQ(qtest_irq_raised(t, 14) - before, 2);
    for (unsigned i = 0; i < 5; i++) {
        pattern(want + 512 * i, 77 + i, 512);
    }
    CHECK_MEM(buf, want, sizeof(buf));
    pattern(buf, 1, sizeof(buf));
    address48(t, 900, 5);
    qtest_outb(t, CMD, 0x39);
    CHECK(wait_status(t, CMD) & DRQ);
    write_words(t, DATA, buf, 4 * 512);
    CHECK(wait_status(t, CMD) & DRQ);
    write_words(t, DATA, buf + 4 * 512, 512);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    check_disk(900, buf, sizeof(buf));
    qtest_outb(t, COUNT, 0); /* off: the command is refused from now on */
    qtest_outb(t, CMD, 0xc6);
    wait_status(t, CMD);
    address(t, 77, 5);
    qtest_outb(t, CMD, 0xc4);
    CHECK(wait_status(t, CMD) & ERROR);
    qtest_end(t);
}

/* ---- DMA ---- */

static void prd(QTest *t, unsigned i, uint32_t addr, uint32_t count, bool last)
{
    qtest_writel(t, PRDS + 8 * i, addr);
    qtest_writel(t, PRDS + 8 * i + 4, count | (last ? 0x80000000u : 0));
}

static void dma_go(QTest *t, bool to_memory)
{
    qtest_outb(t, BM, 0);
    qtest_outb(t, BM + 2, 6);
    qtest_outl(t, BM + 4, PRDS);
    qtest_outb(t, BM, (uint8_t)(to_memory ? 9 : 1));
}

/* Status of the bus master once the drive has interrupted or the table has ended. */
static uint8_t dma_wait(QTest *t)
{
    for (int i = 0; i < 20000; i++) {
        uint8_t s = qtest_inb(t, BM + 2);
        if (s & 4) {
            return s & 7;
        }
        if (!(s & 1) && !(qtest_inb(t, CTL) & BSY)) { /* the table is through, and the drive is not writing */
            return qtest_inb(t, BM + 2) & 7;
        }
        g_usleep(100);
    }
    TEST_FAIL("the bus master does not end");
}

TEST(dma_reads_and_writes_with_odd_tables)
{
    QTest *t = start("");
    enum { N = 300, BYTES = N * 512 };
    uint8_t *buf = g_malloc(BYTES), *want = g_malloc(BYTES);
    uint32_t at = BUFFER, done = 0;
    unsigned i = 0;
    for (; done < BYTES; i++) { /* pieces of 2, 514, 1026, ... bytes at addresses apart */
        uint32_t n = MIN(2 + 512 * i, BYTES - done);
        prd(t, i, at, n, done + n == BYTES);
        done += n;
        at += n + 6;
    }
    address48(t, 4321, N);
    qtest_outb(t, CMD, 0x25);
    dma_go(t, true);
    CHECK_EQ(dma_wait(t), 4); /* interrupt, and the table used up */
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    for (unsigned s = 0; s < N; s++) {
        pattern(want + 512 * s, 4321 + s, 512);
    }
    for (i = 0, at = BUFFER, done = 0; done < BYTES; i++) {
        uint32_t n = MIN(2 + 512 * i, BYTES - done);
        qtest_read(t, at, buf + done, n);
        done += n;
        at += n + 6;
    }
    CHECK_MEM(buf, want, BYTES);
    prd(t, 0, BUFFER, 0, false); /* 64 KiB */
    prd(t, 1, BUFFER + 0x10000, 0, false);
    prd(t, 2, BUFFER + 0x20000, BYTES - 0x20000, true);
    pattern(want, 5, BYTES);
    qtest_write(t, BUFFER, want, BYTES);
    address48(t, 10000, N);
    qtest_outb(t, CMD, 0x35);
    dma_go(t, false);
    CHECK_EQ(dma_wait(t), 4);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    check_disk(10000, want, BYTES);
    g_free(buf);
    g_free(want);
    qtest_end(t);
}

TEST(dma_tables_that_are_too_long_or_too_short)
{
    QTest *t = start("");
    uint8_t buf[1024], want[1024];
    pattern(want, 8, 512);
    pattern(want + 512, 9, 512);
    prd(t, 0, BUFFER, 4096, true);
    address(t, 8, 2);
    qtest_outb(t, CMD, 0xc8);
    dma_go(t, true);
    CHECK_EQ(dma_wait(t), 5); /* still active: the table has room left */
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    qtest_outb(t, BM, 0);
    CHECK_EQ(qtest_inb(t, BM + 2) & 1, 0);
    qtest_memset(t, BUFFER, 0, 4096);
    prd(t, 0, BUFFER, 600, true);
    address(t, 8, 2);
    qtest_outb(t, CMD, 0xc8);
    dma_go(t, true);
    CHECK_EQ(dma_wait(t), 0); /* inactive and no interrupt: the drive waits for more */
    CHECK_EQ(wait_status(t, CMD) & (DRQ | ERROR), DRQ);
    prd(t, 0, BUFFER + 600, 424, true);
    dma_go(t, true);
    CHECK_EQ(dma_wait(t), 4);
    qtest_read(t, BUFFER, buf, 1024);
    CHECK_MEM(buf, want, 1024);
    qtest_end(t);
}

TEST(hostile_dma_tables_end)
{
    QTest *t = start("");
    prd(t, 0, 0xfffff000, 0, false); /* not memory */
    address(t, 0, 1);
    qtest_outb(t, CMD, 0xc8);
    dma_go(t, true);
    CHECK_EQ(dma_wait(t), 6); /* error and interrupt */
    CHECK(wait_status(t, CMD) & ERROR);
    address(t, 0, 1);
    qtest_outb(t, CMD, 0xc8);
    qtest_outb(t, BM, 0);
    qtest_outb(t, BM + 2, 6);
    qtest_outl(t, BM + 4, 0xf0000000); /* the table is nowhere */
    qtest_outb(t, BM, 9);
    CHECK_EQ(dma_wait(t), 6);
    for (unsigned i = 0; i < 8192; i++) { /* no end mark anywhere: two bytes each */
        prd(t, i, BUFFER, 2, false);
    }
    address48(t, 0, 256);
    qtest_outb(t, CMD, 0x25);
    dma_go(t, true);
    CHECK_EQ(dma_wait(t), 6);
    CHECK(wait_status(t, CMD) & ERROR);
    qtest_pci_write(t, 0, IDE_DEVFN, 0x04, 1, 2); /* no bus master: nothing is moved */
    prd(t, 0, BUFFER, 512, true);
    address(t, 0, 1);
    qtest_outb(t, CMD, 0xc8);
    dma_go(t, true);
    CHECK_EQ(dma_wait(t), 6);
    qtest_end(t);
}

TEST(errors_and_aborts)
{
    QTest *t = start("");
    address(t, SECTORS - 1, 1);
    qtest_outb(t, CMD, 0x40);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    address(t, SECTORS - 1, 2); /* one too many */
    qtest_outb(t, CMD, 0x20);
    CHECK_EQ(wait_status(t, CMD) & (DRQ | ERROR), ERROR);
    CHECK_EQ(qtest_inb(t, ERR), 0x10);
    address48(t, (uint64_t)1 << 47, 1);
    qtest_outb(t, CMD, 0x34);
    CHECK_EQ(wait_status(t, CMD) & (DRQ | ERROR), ERROR);
    static const uint8_t refused[] = { 0x00, 0x02, 0x50, 0xa0, 0xa1, 0xf1, 0xff, 0x08, 0xb1 };
    for (unsigned i = 0; i < sizeof(refused); i++) {
        qtest_outb(t, CMD, refused[i]);
        CHECK_EQ(wait_status(t, CMD), DRDY | 0x10 | ERROR);
        CHECK_EQ(qtest_inb(t, ERR), 4);
    }
    qtest_outb(t, CMD, 0x90);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    CHECK_EQ(qtest_inb(t, ERR), 1);
    CHECK_EQ(qtest_inb(t, LOW), 1);
    CHECK_EQ(qtest_inb(t, COUNT), 1);
    qtest_end(t);
}

TEST(absent_drives)
{
    QTest *t = start("");
    qtest_outb(t, DEV, 0xb0); /* slave */
    CHECK_EQ(qtest_inb(t, CMD), 0);
    qtest_outb(t, COUNT, 0x55);
    CHECK_EQ(qtest_inb(t, COUNT), 0x55); /* drive 0 answers for it */
    qtest_outb(t, CMD, 0xec);
    CHECK_EQ(qtest_inb(t, CMD), 0);
    qtest_outb(t, CD + 6, 0xb0); /* a packet device answers with zeros */
    qtest_outb(t, CD + 2, 0x55);
    CHECK_EQ(qtest_inb(t, CD + 2), 0);
    qtest_outb(t, DEV, 0xa0);
    CHECK_EQ(qtest_inb(t, CMD), DRDY | 0x10);
    qtest_end(t);
}

TEST(soft_reset_in_flight)
{
    QTest *t = start("");
    uint8_t buf[512], want[512];
    for (unsigned round = 0; round < 20; round++) {
        prd(t, 0, BUFFER, 0, true);
        address48(t, round * 100, 128);
        qtest_outb(t, CMD, 0x25);
        dma_go(t, true);
        qtest_outb(t, CTL, 4);
        CHECK(qtest_inb(t, CMD) & BSY);
        qtest_outb(t, CTL, 0);
        CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
        CHECK_EQ(qtest_inb(t, ERR), 1);
        CHECK_EQ(qtest_inb(t, LOW), 1);
        qtest_outb(t, BM, 0);
    }
    address(t, 17, 1);
    qtest_outb(t, CMD, 0x20);
    CHECK(wait_status(t, CMD) & DRQ);
    read_words(t, DATA, buf, 512);
    pattern(want, 17, 512);
    CHECK_MEM(buf, want, 512);
    address(t, 100, 1); /* a write given up half way leaves no trace */
    qtest_outb(t, CMD, 0x30);
    CHECK(wait_status(t, CMD) & DRQ);
    write_words(t, DATA, want, 256);
    qtest_outb(t, CTL, 4);
    qtest_outb(t, CTL, 0);
    wait_status(t, CMD);
    pattern(want, 100, 512);
    check_disk(100, want, 512);
    qtest_end(t);
}

TEST(interrupt_can_be_masked)
{
    QTest *t = start("");
    qtest_irq_intercept_in(t, "ioapic");
    qtest_outb(t, CTL, 2);
    address(t, 0, 1);
    qtest_outb(t, CMD, 0x40);
    while (qtest_inb(t, CTL) & BSY) {
    }
    CHECK(!qtest_irq(t, 14));
    qtest_outb(t, CTL, 0);
    CHECK(qtest_irq(t, 14)); /* it was pending */
    qtest_inb(t, CMD);
    CHECK(!qtest_irq(t, 14));
    qtest_end(t);
}

TEST(trim_makes_holes)
{
    QTest *t = start("");
    uint8_t range[512] = { 0 };
    st_le64(range, 8 | (uint64_t)8 << 48);
    qtest_write(t, BUFFER, range, 512);
    prd(t, 0, BUFFER, 512, true);
    address48(t, 0, 1);
    qtest_outb(t, ERR, 1);
    qtest_outb(t, CMD, 0x06);
    dma_go(t, false);
    CHECK_EQ(dma_wait(t), 4);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    st_le64(range, SECTORS | (uint64_t)1 << 48);
    qtest_write(t, BUFFER, range, 512);
    address48(t, 0, 1);
    qtest_outb(t, ERR, 1);
    qtest_outb(t, CMD, 0x06);
    dma_go(t, false);
    CHECK_EQ(dma_wait(t), 4);
    CHECK(wait_status(t, CMD) & ERROR); /* beyond the end */
    qtest_end(t);
}

TEST(smart_features_power_and_native_max)
{
    QTest *t = start("");
    qtest_outb(t, DEV, 0xe0);
    qtest_outb(t, ERR, 0xda);
    qtest_outb(t, MID, 0x4f);
    qtest_outb(t, HIGH, 0xc2);
    qtest_outb(t, CMD, 0xb0);
    CHECK_EQ(wait_status(t, CMD), DRDY | 0x10);
    CHECK_EQ(qtest_inb(t, MID), 0x4f); /* healthy */
    qtest_outb(t, HIGH, 0);
    qtest_outb(t, CMD, 0xb0);
    CHECK(wait_status(t, CMD) & ERROR);
    qtest_outb(t, CMD, 0xe0);
    wait_status(t, CMD);
    qtest_outb(t, CMD, 0xe5);
    wait_status(t, CMD);
    CHECK_EQ(qtest_inb(t, COUNT), 0); /* standby */
    qtest_outb(t, CMD, 0xf8);
    wait_status(t, CMD);
    CHECK_EQ(qtest_inb(t, LOW) | qtest_inb(t, MID) << 8, SECTORS - 1);
    qtest_outb(t, ERR, 0x03);
    qtest_outb(t, COUNT, 0x45);
    qtest_outb(t, CMD, 0xef);
    CHECK(!(wait_status(t, CMD) & ERROR));
    qtest_outb(t, COUNT, 0x77);
    qtest_outb(t, CMD, 0xef);
    CHECK(wait_status(t, CMD) & ERROR);
    qtest_end(t);
}

/* ---- ATAPI ---- */

static void packet(QTest *t, const uint8_t *cdb, unsigned limit, bool dma)
{
    qtest_outb(t, CD + 6, 0xa0);
    qtest_outb(t, CD + 1, dma);
    qtest_outb(t, CD + 4, (uint8_t)limit);
    qtest_outb(t, CD + 5, (uint8_t)(limit >> 8));
    qtest_outb(t, CD + 7, 0xa0);
    CHECK(wait_status(t, CD + 7) & DRQ);
    CHECK_EQ(qtest_inb(t, CD + 2) & 3, 1);
    write_words(t, CD, cdb, 12);
}

/* Runs a command with data to the host; returns the bytes, or -(sense key) on an error. */
static int packet_in(QTest *t, const uint8_t *cdb, unsigned limit, uint8_t *buf, unsigned room)
{
    unsigned got = 0;
    packet(t, cdb, limit, false);
    for (;;) {
        uint8_t s = wait_status(t, CD + 7);
        if (s & ERROR) {
            return -(qtest_inb(t, CD + 1) >> 4);
        }
        if (!(s & DRQ)) {
            CHECK_EQ(qtest_inb(t, CD + 2) & 3, 3);
            return (int)got;
        }
        unsigned n = qtest_inb(t, CD + 4) | (unsigned)qtest_inb(t, CD + 5) << 8;
        CHECK(n > 0 && n <= limit && got + n <= room);
        CHECK_EQ(qtest_inb(t, CD + 2) & 3, 2);
        read_words(t, CD, buf + got, (n + 1) & ~1u);
        got += n;
    }
}

static uint32_t sense(QTest *t)
{
    static const uint8_t cdb[12] = { 0x03, [4] = 18 };
    uint8_t buf[64];
    CHECK_EQ(packet_in(t, cdb, 64, buf, sizeof(buf)), 18);
    return (uint32_t)buf[2] << 16 | (uint32_t)buf[12] << 8 | buf[13];
}

TEST(cd_identifies_and_reads)
{
    QTest *t = start("");
    uint8_t buf[5 * 2048], want[5 * 2048];
    CHECK_EQ(qtest_inb(t, CD + 4), 0x14); /* signature */
    CHECK_EQ(qtest_inb(t, CD + 5), 0xeb);
    qtest_outb(t, CD + 7, 0xec);
    CHECK(wait_status(t, CD + 7) & ERROR);
    qtest_outb(t, CD + 7, 0xa1);
    CHECK(wait_status(t, CD + 7) & DRQ);
    read_words(t, CD, buf, 512);
    CHECK_EQ(ld_le16(buf), 0x85c0);
    static const uint8_t read10[12] = { 0x28, 0, 0, 0, 0, 33, 0, 0, 5 };
    CHECK_EQ(packet_in(t, read10, 3000, buf, sizeof(buf)), 5 * 2048);
    for (unsigned i = 0; i < 5; i++) {
        pattern(want + 2048 * i, 33 + i, 2048);
    }
    CHECK_MEM(buf, want, sizeof(buf));
    static const uint8_t read12[12] = { 0xa8, 0, 0, 0, 0, 33, 0, 0, 0, 1 };
    CHECK_EQ(packet_in(t, read12, 0xffff, buf, sizeof(buf)), 2048);
    CHECK_MEM(buf, want, 2048);
    static const uint8_t raw[12] = { 0xbe, 0, 0, 0, 0, 33, 0, 0, 1, 0xf8 };
    CHECK_EQ(packet_in(t, raw, 0xfffe, buf, sizeof(buf)), 2352);
    CHECK_MEM(buf + 16, want, 2048);
    CHECK_EQ(buf[13], 0x02);
    CHECK_EQ(buf[14], 0x33); /* frame 183 is 00:02:33, in BCD */
    static const uint8_t beyond[12] = { 0x28, 0, 0, 0, 1, 0x8f, 0, 0, 2 };
    CHECK_EQ(packet_in(t, beyond, 2048, buf, sizeof(buf)), -5);
    CHECK_EQ(sense(t), 0x052100);
    static const uint8_t capacity[12] = { 0x25 };
    CHECK_EQ(packet_in(t, capacity, 8, buf, sizeof(buf)), 8);
    CHECK_EQ(ld_be32(buf), 399);
    CHECK_EQ(ld_be32(buf + 4), 2048);
    qtest_end(t);
}

TEST(cd_reads_by_dma)
{
    QTest *t = start("");
    uint8_t *buf = g_malloc(100 * 2048), *want = g_malloc(100 * 2048);
    static const uint8_t cdb[12] = { 0x28, 0, 0, 0, 0, 7, 0, 0, 100 };
    prd(t, 0, BUFFER, 0, false);
    prd(t, 1, BUFFER + 0x10000, 0, false);
    prd(t, 2, BUFFER + 0x20000, 0, false);
    prd(t, 3, BUFFER + 0x30000, 100 * 2048 - 0x30000, true);
    packet(t, cdb, 0, true);
    qtest_outl(t, BM + 12, PRDS);
    qtest_outb(t, BM + 8, 9);
    CHECK(!(wait_status(t, CD_CTL) & ERROR));
    for (int i = 0; i < 10000 && (qtest_inb(t, BM + 10) & 5) == 1; i++) {
        g_usleep(100);
    }
    CHECK_EQ(qtest_inb(t, BM + 10) & 7, 4);
    qtest_read(t, BUFFER, buf, 100 * 2048);
    for (unsigned i = 0; i < 100; i++) {
        pattern(want + 2048 * i, 7 + i, 2048);
    }
    CHECK_MEM(buf, want, 100 * 2048);
    g_free(buf);
    g_free(want);
    qtest_end(t);
}

TEST(cd_table_of_contents_and_kin)
{
    QTest *t = start("");
    uint8_t buf[256];
    static const uint8_t toc[12] = { 0x43, 0, 0, 0, 0, 0, 0, 0, 100 };
    CHECK_EQ(packet_in(t, toc, 256, buf, sizeof(buf)), 20);
    CHECK_EQ(ld_be16(buf), 18);
    CHECK_EQ(buf[6], 1);
    CHECK_EQ(buf[14], 0xaa);
    CHECK_EQ(ld_be32(buf + 16), 400);
    static const uint8_t msf[12] = { 0x43, 2, 0, 0, 0, 0, 0xaa, 0, 100 };
    CHECK_EQ(packet_in(t, msf, 256, buf, sizeof(buf)), 12);
    CHECK_EQ(ld_be32(buf + 8), 0x00000719); /* 550 frames: 00:07:25 */
    static const uint8_t full[12] = { 0x43, 2, 2, 0, 0, 0, 0, 0, 100 };
    CHECK_EQ(packet_in(t, full, 256, buf, sizeof(buf)), 4 + 4 * 11);
    static const uint8_t bad[12] = { 0x43, 0, 5, 0, 0, 0, 0, 0, 100 };
    CHECK_EQ(packet_in(t, bad, 256, buf, sizeof(buf)), -5);
    CHECK_EQ(sense(t), 0x052400);
    static const uint8_t unknown[12] = { 0xff };
    CHECK_EQ(packet_in(t, unknown, 256, buf, sizeof(buf)), -5);
    CHECK_EQ(sense(t), 0x052000);
    static const uint8_t inquiry[12] = { 0x12, 0, 0, 0, 36 };
    CHECK_EQ(packet_in(t, inquiry, 256, buf, sizeof(buf)), 36);
    CHECK_EQ(buf[0], 5);
    static const uint8_t config[12] = { 0x46, 0, 0, 0, 0, 0, 0, 0, 200 };
    CHECK(packet_in(t, config, 256, buf, sizeof(buf)) > 8);
    CHECK_EQ(ld_be16(buf + 6), 8); /* a CD */
    static const uint8_t mode[12] = { 0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 200 };
    CHECK_EQ(packet_in(t, mode, 256, buf, sizeof(buf)), 8 + 8 + 16 + 20);
    static const uint8_t disc[12] = { 0x51, 0, 0, 0, 0, 0, 0, 0, 200 };
    CHECK_EQ(packet_in(t, disc, 256, buf, sizeof(buf)), 34);
    static const uint8_t ready[12] = { 0x00 };
    CHECK_EQ(packet_in(t, ready, 0, buf, sizeof(buf)), 0); /* no data, so no room is fine (as SeaBIOS does it) */
    CHECK_EQ(packet_in(t, mode, 0, buf, sizeof(buf)), 0);  /* aborted: no sense key */
    CHECK_EQ(qtest_inb(t, CD + 1), 4);
    static const uint8_t cut[12] = { 0x12, 0, 0, 0, 5 };
    CHECK_EQ(packet_in(t, cut, 256, buf, sizeof(buf)), 5);
    qtest_end(t);
}

TEST(cd_tray_medium_change_and_lock)
{
    QTest *t = start("");
    uint8_t buf[2048], want[2048];
    static const uint8_t ready[12] = { 0x00 }, lock[12] = { 0x1e, 0, 0, 0, 1 }, unlock[12] = { 0x1e },
                         open_tray[12] = { 0x1b, 0, 0, 0, 2 }, read10[12] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 1 },
                         event[12] = { 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8 };
    CHECK_EQ(packet_in(t, ready, 8, buf, sizeof(buf)), 0);
    CHECK_EQ(packet_in(t, lock, 8, buf, sizeof(buf)), 0);
    CHECK_EQ(packet_in(t, open_tray, 8, buf, sizeof(buf)), -5);
    CHECK_EQ(sense(t), 0x055302);
    g_free(qtest_hmp(t, "eject ide1-cd0")); /* refused, but the guest is asked */
    CHECK_EQ(packet_in(t, ready, 8, buf, sizeof(buf)), 0);
    CHECK_EQ(packet_in(t, event, 8, buf, sizeof(buf)), 8);
    CHECK_EQ(buf[4], 1);
    CHECK_EQ(packet_in(t, unlock, 8, buf, sizeof(buf)), 0);
    CHECK_EQ(packet_in(t, open_tray, 8, buf, sizeof(buf)), 0);
    CHECK_EQ(packet_in(t, ready, 8, buf, sizeof(buf)), -2);
    CHECK_EQ(sense(t) >> 8, 0x023a);
    g_free(qtest_hmp(t, "change ide1-cd0 %s raw", iso2));
    CHECK_EQ(packet_in(t, ready, 8, buf, sizeof(buf)), -6);
    CHECK_EQ(sense(t), 0x062800);
    CHECK_EQ(packet_in(t, ready, 8, buf, sizeof(buf)), 0);
    CHECK_EQ(packet_in(t, read10, 2048, buf, sizeof(buf)), 2048);
    pattern(want, 1000, 2048);
    CHECK_MEM(buf, want, 2048);
    g_free(qtest_hmp(t, "eject ide1-cd0"));
    CHECK(packet_in(t, read10, 2048, buf, sizeof(buf)) < 0);
    CHECK(packet_in(t, read10, 2048, buf, sizeof(buf)) < 0);
    CHECK_EQ(sense(t) >> 8, 0x023a);
    qtest_end(t);
}
