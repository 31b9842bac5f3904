/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MC146818A real-time clock with 128 + 128 bytes of CMOS RAM, ports 0x70-0x73.  Board-facing; under the big lock. */
#ifndef HW_RTC_MC146818_H
#define HW_RTC_MC146818_H

#include "hw/isa/isa.h"

typedef struct Mc146818 Mc146818;

typedef struct Mc146818Config {
    ClockKind clock;  /* what drives it */
    int64_t start_s;  /* the date that it shows now, as seconds since 1970 of that calendar (zone included) */
} Mc146818Config;

Mc146818 *mc146818_create(IsaBus *isa, const Mc146818Config *cfg, IrqLine irq8, Error **errp);
Device *mc146818_device(Mc146818 *s);

/* CMOS bytes for firmware, index 0x0e..0x7f (and 0x80..0xff: the second bank).  Others are ignored. */
void mc146818_set_cmos(Mc146818 *s, unsigned index, uint8_t val);
uint8_t mc146818_get_cmos(Mc146818 *s, unsigned index);
/* The date that the guest sees now, seconds since 1970 of its calendar. */
int64_t mc146818_get_time(Mc146818 *s);

#endif
