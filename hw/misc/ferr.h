/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x87 errors as interrupt 13, and port 0xf0.  Board-facing; under the big lock. */
#ifndef HW_MISC_FERR_H
#define HW_MISC_FERR_H

#include "hw/isa/isa.h"

/* Connects the first processor's FERR# (system/cpus.h); @irq13 rises with it. */
Device *ferr_create(IsaBus *isa, IrqLine irq13, Error **errp);

#endif
