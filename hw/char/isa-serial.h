/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A 16550A UART on the ISA bus.  Board-facing; under the big lock. */
#ifndef HW_CHAR_ISA_SERIAL_H
#define HW_CHAR_ISA_SERIAL_H

#include "chardev/char.h"
#include "hw/isa/isa.h"

/* COM1..COM4 (@index 0..3) at their usual port and irq.  @chr NULL: nothing plugged in. */
Device *isa_serial_create(IsaBus *isa, unsigned index, Chardev *chr, Error **errp);

#endif
