/* SPDX-License-Identifier: GPL-2.0-or-later */
/* High precision event timers (IA-PC HPET Specification 1.0a).  Board-facing; under the big lock. */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "system/device.h"
#include "system/memory.h"

#define HPET_BASE 0xfed00000u
#define HPET_IRQS 24

/* Inputs of the device: what the PIT and the RTC drive; passed on to irqs[0] and irqs[8] unless the legacy
 * replacement route is on. */
enum { HPET_IN_PIT, HPET_IN_RTC };

typedef struct HpetWiring {
    IrqLine irqs[HPET_IRQS]; /* global system interrupts as the board routes them; [0] is ISA IRQ 0 */
    bool (*msi)(void *opaque, uint64_t addr, uint32_t data); /* front side bus delivery; NULL: none */
    void *msi_opaque;
    IrqLine pit_silent; /* raised while the PIT's interrupt is replaced, whether or not that passes through here */
} HpetWiring;

Device *hpet_create(Bus *sysbus, MemRegion *memory, hwaddr base, const HpetWiring *w, Error **errp);

#endif
