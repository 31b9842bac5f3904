/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CMOS bytes that firmware reads: memory, CPUs, drives, boot order. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

static uint8_t cmos(QTest *t, uint8_t index)
{
    qtest_outb(t, 0x70, index);
    return qtest_inb(t, 0x71);
}

static unsigned cmos16(QTest *t, uint8_t index)
{
    return cmos(t, index) | cmos(t, (uint8_t)(index + 1)) << 8;
}

TEST(memory)
{
    QTest *t = qtest_start("-M pc -m 48M");
    CHECK_EQ(cmos16(t, 0x15), 640);
    CHECK_EQ(cmos16(t, 0x17), 47 * 1024);
    CHECK_EQ(cmos16(t, 0x30), 47 * 1024);
    CHECK_EQ(cmos16(t, 0x34), 32 * 16);
    CHECK_EQ(cmos16(t, 0x5b), 0);
    CHECK_EQ(cmos(t, 0x5f), 0);
    qtest_end(t);
    t = qtest_start("-M pc -m 4608M -smp 3");
    CHECK_EQ(cmos16(t, 0x17), 65535);
    CHECK_EQ(cmos16(t, 0x34), 0xbf00); /* 3 GiB - 16 MiB */
    CHECK_EQ(cmos16(t, 0x5b) | cmos(t, 0x5d) << 16, 1536 * 16);
    CHECK_EQ(cmos(t, 0x5f), 2);
    qtest_end(t);
}

TEST(boot_order)
{
    QTest *t = qtest_start("-M pc -m 16M");
    CHECK_EQ(cmos(t, 0x3d), 0x12); /* disk, floppy */
    CHECK_EQ(cmos(t, 0x38), 0x30); /* CD */
    qtest_end(t);
    t = qtest_start("-M pc -m 16M -boot order=dn,once=n");
    CHECK_EQ(cmos(t, 0x3d), 0x04);
    CHECK_EQ(cmos(t, 0x38), 0x00);
    g_free(qtest_hmp(t, "system_reset"));
    for (unsigned i = 0; i < 100 && cmos(t, 0x3d) != 0x43; i++) {
        g_usleep(10000);
    }
    CHECK_EQ(cmos(t, 0x3d), 0x43);
    qtest_end(t);
}

TEST(disk_geometry)
{
    char *dir = g_dir_make_tmp("rhea-cmos-XXXXXX", NULL), *disk = g_build_filename(dir, "disk", NULL);
    CHECK(g_file_set_contents(disk, "", 0, NULL));
    CHECK_EQ(truncate(disk, 40ll * 16 * 63 * 512), 0);
    QTest *t = qtest_start("-M pc -m 16M -drive file=%s,format=raw,if=ide,index=0", disk);
    CHECK_EQ(cmos(t, 0x12), 0xf0);
    CHECK_EQ(cmos(t, 0x19), 47);
    CHECK_EQ(cmos16(t, 0x1b), 40);
    CHECK_EQ(cmos(t, 0x1d), 16);
    CHECK_EQ(cmos(t, 0x23), 63);
    CHECK_EQ(cmos(t, 0x39) & 3, 0);
    qtest_end(t);
    unlink(disk);
    rmdir(dir);
    g_free(disk);
    g_free(dir);
}
