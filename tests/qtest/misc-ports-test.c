/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small ports: debug console, debug exit, port 92, and what a refused property says. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include "tests/unit/test.h"

TEST(debug_console)
{
    char *path = g_strdup_printf("/tmp/rhea-debugcon-test-%d", (int)getpid());
    QTest *t = qtest_start("-M pc -m 64M -chardev file,id=d,path=%s -device isa-debugcon,iobase=0x402,chardev=d", path);
    char *text = NULL;
    CHECK_EQ(qtest_inb(t, 0x402), 0xe9);
    for (const char *c = "SeaBIOS\n"; *c; c++) {
        qtest_outb(t, 0x402, *c);
    }
    qtest_end(t);
    CHECK(g_file_get_contents(path, &text, NULL, NULL));
    CHECK_STR(text, "SeaBIOS\n");
    unlink(path);
    g_free(text);
    g_free(path);
}

TEST(debug_console_default_port)
{
    QTest *t = qtest_start("-M pc -m 64M -chardev null,id=d -device isa-debugcon,chardev=d");
    CHECK_EQ(qtest_inb(t, 0xe9), 0xe9);
    CHECK_EQ(qtest_inb(t, 0xea), 0xff);
    qtest_end(t);
}

TEST(debug_exit)
{
    static const struct { uint32_t val; unsigned size; int status; } rows[] = {
        { 0, 1, 1 }, { 0x10, 1, 33 }, { 0x21, 1, 67 }, { 0x31, 4, 99 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        QTest *t = qtest_start("-M pc -m 64M -device isa-debug-exit,iobase=0xf4,iosize=4");
        CHECK_EQ(qtest_inb(t, 0xf4), 0);
        if (rows[i].size == 1) {
            qtest_outb(t, 0xf4, rows[i].val);
        } else {
            qtest_outl(t, 0xf4, rows[i].val);
        }
        CHECK_EQ(qtest_wait_exit(t), rows[i].status);
        qtest_end(t);
    }
}

/* Nothing is wrong with the x87: the port is silent, and so is line 13.  Errors: tests/guest/ferr.S. */
TEST(ferr_port)
{
    QTest *t = qtest_start("-M pc -m 64M");
    qtest_outb(t, 0xf0, 0);
    CHECK_EQ(qtest_inb(t, 0xf0), 0xff);
    qtest_outb(t, 0xa0, 0x0a); /* the request register */
    CHECK_EQ(qtest_inb(t, 0xa0) & 0x20, 0);
    qtest_end(t);
}

TEST(port92)
{
    QTest *t = qtest_start("-M pc -m 64M");
    qtest_outb(t, 0x92, 0x02);
    CHECK_EQ(qtest_inb(t, 0x92), 0x02);
    qtest_outb(t, 0x92, 0x00);
    CHECK_EQ(qtest_inb(t, 0x92), 0x00);
    qtest_end(t);
}
