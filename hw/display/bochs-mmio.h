/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BAR 2 of the cards with the Bochs interface: 4 KiB with EDID at 0, VGA ports 0x3c0.. at 0x400, VBE registers at 0x500 and the
 * byte order of pixels at 0x600 (facts: QEMU's published interface document "standard-vga", which Linux's bochs-drm follows).
 * Under the big lock.
 */
#ifndef HW_DISPLAY_BOCHS_MMIO_H
#define HW_DISPLAY_BOCHS_MMIO_H

#include "hw/display/edid.h"
#include "hw/display/vga.h"

typedef struct BochsMmio {
    MemRegion region;
    Vbe *vbe;
    Console **console; /* told of changed registers */
    Vga *vga;          /* whose ports are at 0x400; NULL: none */
    bool edid_on;      /* property */
    EdidInfo edid;     /* property */
    uint8_t block[EDID_BLOCK];
} BochsMmio;

void bochs_mmio_init(BochsMmio *m, Vbe *vbe, Console **console, Vga *vga);
void bochs_mmio_destroy(BochsMmio *m);
/* A display's size becomes what the monitor likes best; the driver sees it when it reads EDID again. */
void bochs_mmio_size_hint(BochsMmio *m, const ConsoleSizeHint *hint);

#endif
