/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug console port (isa-debugcon).  Board-facing; under the big lock. */
#ifndef HW_CHAR_DEBUGCON_H
#define HW_CHAR_DEBUGCON_H

#include "chardev/char.h"
#include "hw/isa/isa.h"

/* @iobase: usually 0x402 (SeaBIOS) or 0xe9 (Bochs). */
Device *debugcon_create(IsaBus *isa, uint16_t iobase, Chardev *chr, Error **errp);

#endif
