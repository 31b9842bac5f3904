/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A monitor at the two wires of a video plug (VESA E-DDC 1.2, DDC2B; NXP UM10204, the I2C-bus specification): the 128 bytes of its
 * EDID at address 0x50, read only.  The card drives the wires bit by bit.  Under the big lock.
 */
#ifndef HW_DISPLAY_DDC_H
#define HW_DISPLAY_DDC_H

#include "hw/display/edid.h"
#include "migration/vmstate.h"

typedef struct Ddc {
    bool monitor;              /* set by the card: there is one */
    uint8_t block[EDID_BLOCK]; /* likewise, with edid_make() */

    bool clock, data;          /* the wires as the card has them; true: let go, high */
    bool pulls;                /* the monitor pulls data down */
    uint8_t phase;
    uint8_t bits, byte;        /* bits of the byte on the wire that are done; 8: its acknowledge is next */
    uint8_t at;                /* offset of the byte that is read next */
} Ddc;

void ddc_reset(Ddc *d); /* wires let go, offset 0 */
void ddc_drive(Ddc *d, bool clock, bool data);
bool ddc_clock(const Ddc *d);
bool ddc_data(const Ddc *d); /* low if either side pulls */
extern const VMState ddc_state;

#endif
