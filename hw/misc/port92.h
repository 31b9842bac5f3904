/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System control port A (0x92): fast A20 and fast reset.  Board-facing; under the big lock. */
#ifndef HW_MISC_PORT92_H
#define HW_MISC_PORT92_H

#include "hw/isa/isa.h"

/* @a20: level of the gate whenever it is written; the board lets the last writer of its sources win. */
Device *port92_create(IsaBus *isa, IrqLine a20, Error **errp);

#endif
