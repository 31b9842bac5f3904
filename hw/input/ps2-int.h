/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the PS/2 devices: the table of scan codes. */
#ifndef HW_INPUT_PS2_INT_H
#define HW_INPUT_PS2_INT_H

#include "util/osdep.h"

enum { PS2_KEYS = 256, PS2_E0 = 0x100 }; /* Linux input codes below 256 are keys */

typedef struct Ps2Key {
    uint16_t set1, set2; /* PS2_E0: after the prefix */
    uint8_t set3;
} Ps2Key;

extern const Ps2Key ps2_keys[PS2_KEYS];

#endif
