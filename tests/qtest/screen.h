/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the screen shows, for tests of display devices. */
#ifndef TESTS_QTEST_SCREEN_H
#define TESTS_QTEST_SCREEN_H

#include "tests/qtest/libqtest.h"
#include "tests/unit/test.h"

/* A PPM's pixels; *w and *h its size. */
static inline uint8_t *screendump(QTest *t, int *w, int *h)
{
    char path[] = "/tmp/rhea-screen-XXXXXX";
    int fd = mkstemp(path), head = 0;
    char *out = qtest_hmp(t, "screendump %s", path), *data;
    gsize len;

    CHECK_STR(out, "");
    g_free(out);
    close(fd);
    CHECK(g_file_get_contents(path, &data, &len, NULL));
    unlink(path);
    CHECK_EQ(sscanf(data, "P6 %d %d 255%n", w, h, &head), 2);
    CHECK_EQ(len, (gsize)head + 1 + (gsize)*w * (gsize)*h * 3);
    uint8_t *pixels = g_memdup2(data + head + 1, (gsize)*w * (gsize)*h * 3);
    g_free(data);
    return pixels;
}

static inline uint32_t pixel(const uint8_t *p, int w, int x, int y)
{
    p += ((size_t)y * (size_t)w + (size_t)x) * 3;
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

#endif
