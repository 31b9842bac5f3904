/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMware's absolute pointer.  Board-facing; under the big lock. */
#ifndef HW_INPUT_VMMOUSE_H
#define HW_INPUT_VMMOUSE_H

#include "hw/misc/vmport.h"

/* @i8042: its mouse tells the driver that there is something to read. */
Device *vmmouse_create(IsaBus *isa, Device *vmport, Device *i8042, Error **errp);

#endif
