/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The identification of a monitor (VESA E-EDID standard, release A rev. 2: one block of EDID 1.4).  Pure functions. */
#ifndef HW_DISPLAY_EDID_H
#define HW_DISPLAY_EDID_H

#include "system/prop.h"
#include "ui/console.h"

enum { EDID_BLOCK = 128, EDID_MAX_SIZE = 4095 /* a detailed timing says no more */ };

typedef struct EdidInfo {
    uint32_t xres, yres;           /* what the monitor likes best; 0: 1280 x 800 */
    uint32_t xmax, ymax;           /* no mode of the list is larger; 0: no limit */
    uint32_t refresh_mhz;          /* frames in 1000 seconds; 0: 60000 */
    uint32_t width_mm, height_mm;  /* of the glass; 0: as 100 dots an inch have it */
} EdidInfo;

/* @info with what a display says of its size, in the multiples of 8 dots that CRTCs and the VBE registers can do. */
EdidInfo edid_hinted(const EdidInfo *info, const ConsoleSizeHint *hint);
void edid_make(uint8_t block[EDID_BLOCK], const EdidInfo *info);

/* Properties of a card of struct @T with an EdidInfo @field and a bool @on. */
#define EDID_PROPS(T, field, on) \
    PROP(T, on, "edid", prop_bool, "on", "a monitor that can be asked for its modes"), \
    PROP_RANGE(T, field.xres, "xres", prop_u32, "1280", 0, EDID_MAX_SIZE, "preferred width in pixels"), \
    PROP_RANGE(T, field.yres, "yres", prop_u32, "800", 0, EDID_MAX_SIZE, "preferred height in pixels"), \
    PROP_RANGE(T, field.xmax, "xmax", prop_u32, "0", 0, 16384, "largest width of the monitor's modes; 0: any"), \
    PROP_RANGE(T, field.ymax, "ymax", prop_u32, "0", 0, 16384, "largest height of the monitor's modes; 0: any"), \
    PROP_RANGE(T, field.refresh_mhz, "refresh_rate", prop_u32, "0", 0, 480000, "frames in 1000 seconds; 0: 60000")

#endif
