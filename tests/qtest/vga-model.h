/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a VGA shows, pixel by pixel, from registers and planes, without any of the device's code: the tests' oracle.
 * Source: IBM PS/2 Hardware Interface Technical Reference, Video Subsystem.
 */
#ifndef TESTS_QTEST_VGA_MODEL_H
#define TESTS_QTEST_VGA_MODEL_H

#include "util/osdep.h"

typedef struct VgaModel {
    uint8_t misc, seq[5], gfx[9], crtc[25], attr[21];
    uint8_t dac[256][3], dac_mask;
    uint8_t plane[4][65536];
    bool cursor_phase, blink_phase; /* the cursor is shown, blinking characters are dark */
} VgaModel;

void vga_model_size(const VgaModel *m, int *width, int *height);
uint32_t vga_model_pixel(const VgaModel *m, int x, int y); /* r8g8b8 */

#endif
