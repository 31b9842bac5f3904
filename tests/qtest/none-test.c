/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line protocol itself, on a machine that has memory and nothing else. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

static QTest *start(void)
{
    return qtest_start("-M none -m 16");
}

TEST(memory_of_every_size)
{
    QTest *t = start();
    qtest_writeq(t, 0x1000, 0x1122334455667788);
    CHECK_EQ(qtest_readb(t, 0x1000), 0x88);
    CHECK_EQ(qtest_readw(t, 0x1001), 0x6677);
    CHECK_EQ(qtest_readl(t, 0x1004), 0x11223344);
    qtest_writeb(t, 0x1000, 0xaa);
    qtest_writew(t, 0x1002, 0xbbbb);
    qtest_writel(t, 0x1004, 0xcccccccc);
    CHECK_EQ(qtest_readq(t, 0x1000), 0xccccccccbbbb77aa);
    qtest_end(t);
}

TEST(blocks)
{
    QTest *t = start();
    size_t len = 3 * 1024 * 1024 + 5;
    uint8_t *a = g_malloc(len), *b = g_malloc(len);
    for (size_t i = 0; i < len; i++) {
        a[i] = (uint8_t)(i * 7 + (i >> 9));
    }
    qtest_write(t, 0x100001, a, len);
    qtest_read(t, 0x100001, b, len);
    CHECK_MEM(b, a, len);
    qtest_memset(t, 0x100001, 0x5a, len);
    CHECK_EQ(qtest_readb(t, 0x100000), 0);
    CHECK_EQ(qtest_readb(t, 0x100001), 0x5a);
    CHECK_EQ(qtest_readb(t, 0x100000 + len), 0x5a);
    CHECK_EQ(qtest_readb(t, 0x100001 + len), 0);
    g_free(a);
    g_free(b);
    qtest_end(t);
}

static void check_raw(QTest *t, const char *cmd, const char *expected)
{
    char *reply = qtest_raw(t, "%s", cmd);
    CHECK_STR(reply, expected);
    g_free(reply);
}

/* The replies' exact form, as QEMU's tests parse them. */
TEST(replies)
{
    QTest *t = start();
    check_raw(t, "endianness", "OK little");
    check_raw(t, "write 0x1000 3 0xaabbcc", "OK");
    check_raw(t, "read 0x1000 4", "OK 0xaabbcc00");
    check_raw(t, "write 0x1000 2 0x1", "OK");
    check_raw(t, "b64write 0x1000 3 qrvM", "OK");
    check_raw(t, "b64read 0x1000 3", "OK qrvM");
    check_raw(t, "readb 4096", "OK 0x00000000000000aa");
    check_raw(t, "inb 0x70", "OK 0x00ff");
    check_raw(t, "inl 0x70", "OK 0xffffffff");
    check_raw(t, "outw 0x70 0x1234", "OK");
    check_raw(t, "bogus 1", "FAIL Unknown command 'bogus'");
    check_raw(t, "irq_intercept_in nobody", "FAIL Unknown device");
    qtest_end(t);
}

/* Where QEMU's server dies, ours answers. */
TEST(bad_lines)
{
    QTest *t = start();
    static const char *const lines[] = { "inb", "inb xyz", "read 0x1000 0", "", "  ", "write 0x1000 4", "clock_set x",
                                         "memset 0 0 0", "set_irq_in nobody x 1 1", "read 0 99999999999", "outb 1 2 3" };
    for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
        char *reply = qtest_raw(t, "%s", lines[i]);
        CHECK(g_str_has_prefix(reply, "FAIL"));
        g_free(reply);
    }
    check_raw(t, "endianness", "OK little");
    qtest_end(t);
}

TEST(clock)
{
    QTest *t = start();
    int64_t now = qtest_clock_step(t, 0);
    CHECK_EQ(qtest_clock_step(t, 1000), now + 1000);
    CHECK_EQ(qtest_clock_set(t, now + 5000), now + 5000);
    CHECK_EQ(qtest_clock_set(t, now + 10), now + 5000); /* never back */
    qtest_end(t);
}

TEST(monitor)
{
    QTest *t = start();
    char *s = qtest_hmp(t, "info status");
    CHECK_STR(s, "VM status: running\n");
    g_free(s);
    g_free(qtest_hmp(t, "stop"));
    s = qtest_hmp(t, "info status");
    CHECK_STR(s, "VM status: paused\n");
    g_free(s);
    qtest_writel(t, 0x1000, 0x12345678);
    s = qtest_hmp(t, "xp /2xw 0x1000");
    CHECK_STR(s, "0000000000001000: 0x12345678 0x00000000\n");
    g_free(s);
    qtest_end(t);
}

TEST(quit_by_the_monitor)
{
    QTest *t = start();
    char *reply = qtest_raw(t, "endianness");
    g_free(reply);
    qtest_send_hmp(t, "quit");
    CHECK_EQ(qtest_wait_exit(t), 0);
    qtest_end(t);
}
