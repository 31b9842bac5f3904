/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a BLT of the CL-GD5446 does to video memory, one byte after the other, without any of the device's code: the tests' oracle.
 * Source: Technical Reference Manual, November 1996, chapters 5 and 9.
 */
#ifndef TESTS_QTEST_BLT_MODEL_H
#define TESTS_QTEST_BLT_MODEL_H

#include "util/osdep.h"

typedef struct BltModel {
    uint8_t mode, ext, rop, skip; /* registers GR30, GR33, GR32, GR2F */
    uint16_t key;                 /* GR34, GR35 */
    uint32_t fg, bg;
    unsigned width, height;       /* bytes, lines */
    unsigned dst_pitch, src_pitch, dst, src;
    const uint8_t *system;        /* what the CPU wrote, when it is the source */
} BltModel;

extern const uint8_t blt_model_rops[16]; /* all codes */

/* Bytes that the CPU must write. */
size_t blt_model_system_size(const BltModel *b);
void blt_model_run(const BltModel *b, uint8_t *memory);

#endif
