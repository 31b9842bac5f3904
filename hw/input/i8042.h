/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyboard controller 8042 (ports 0x60, 0x64) with a PS/2 keyboard and mouse.  Board-facing; under the big lock. */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include "hw/isa/isa.h"

/* @a20: output port bit 1, set whenever it is written.  The reset line asks for a machine reset. */
Device *i8042_create(IsaBus *isa, IrqLine kbd_irq, IrqLine mouse_irq, IrqLine a20, Error **errp);

/* A packet without movement from the mouse, if it may send one: a driver that knows vmmouse looks there then. */
void i8042_mouse_poke(Device *i8042);

#endif
