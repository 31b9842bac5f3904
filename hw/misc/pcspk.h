/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System control port B (0x61): counter 2's gate and output, speaker, refresh toggle.  Under the big lock. */
#ifndef HW_MISC_PCSPK_H
#define HW_MISC_PCSPK_H

#include "hw/timer/i8254.h"

Device *pcspk_create(IsaBus *isa, I8254 *pit, Error **errp);

#endif
