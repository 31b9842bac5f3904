/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading fw_cfg from device tests. */
#ifndef TESTS_QTEST_FWCFG_H
#define TESTS_QTEST_FWCFG_H

#include "tests/qtest/libqtest.h"
#include "util/bytes.h"

static inline void fwcfg_read(QTest *t, uint16_t key, void *buf, size_t len)
{
    qtest_outw(t, 0x510, key);
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = qtest_inb(t, 0x511);
    }
}

/* By the DMA interface, with the descriptor at 0x1000; returns the control word afterwards. */
static inline uint32_t fwcfg_dma(QTest *t, uint32_t control, uint64_t addr, uint32_t len)
{
    uint8_t d[16];
    st_be32(d, control);
    st_be32(d + 4, len);
    st_be64(d + 8, addr);
    qtest_write(t, 0x1000, d, sizeof(d));
    qtest_outl(t, 0x514, 0);
    qtest_outl(t, 0x518, GUINT32_SWAP_LE_BE(0x1000));
    qtest_read(t, 0x1000, d, 4);
    return ld_be32(d);
}

/* A named file, newly allocated, or NULL. */
static inline uint8_t *fwcfg_file(QTest *t, const char *name, size_t *len)
{
    uint8_t count[4];
    fwcfg_read(t, 0x19, count, 4);
    for (uint32_t i = 0, n = ld_be32(count); i < n; i++) {
        uint8_t e[64];
        for (unsigned j = 0; j < sizeof(e); j++) {
            e[j] = qtest_inb(t, 0x511);
        }
        if (!strcmp((char *)e + 8, name)) {
            *len = ld_be32(e);
            uint8_t *data = g_malloc0(*len + 1);
            fwcfg_dma(t, (uint32_t)ld_be16(e + 4) << 16 | 8 | 2, 0x100000, (uint32_t)*len);
            qtest_read(t, 0x100000, data, *len);
            return data;
        }
    }
    return NULL;
}

#endif
