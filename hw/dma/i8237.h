/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two Intel 8237A DMA controllers with their page registers.  Board-facing; under the big lock. */
#ifndef HW_DMA_I8237_H
#define HW_DMA_I8237_H

#include "hw/isa/isa.h"

/* Ports 0x00-0x0f, 0x80-0x8f, 0xc0-0xdf; @mem is what transfers reach (RAM only).  Sets isa->dma. */
Device *i8237_create(IsaBus *isa, AddressSpace *mem, Error **errp);

#endif
