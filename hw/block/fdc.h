/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floppy controller 82078 on the ISA bus (ports 3f0h-3f5h, 3f7h; irq 6; DMA 2).  Board-facing; under the big lock. */
#ifndef HW_BLOCK_FDC_H
#define HW_BLOCK_FDC_H

#include "block/blk.h"
#include "hw/isa/isa.h"

#define FDC_DRIVES 2

/* @has_drive: the drive exists; @blk NULL: without medium and without a -drive to put one in.  Bus: "floppy-bus.0". */
Device *fdc_create(IsaBus *isa, Blk *const blk[FDC_DRIVES], const bool has_drive[FDC_DRIVES], Error **errp);

#endif
