/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel 82371SB (PIIX3), function 1: two IDE channels with bus master.  Board-facing; under the big lock. */
#ifndef HW_IDE_PIIX3_IDE_H
#define HW_IDE_PIIX3_IDE_H

#include "hw/ide/ide-bus.h"
#include "hw/pci/pci.h"

typedef struct Piix3IdeWiring {
    MemRegion *io;  /* port space: 1f0h, 3f6h, 170h, 376h */
    IrqLine irq[2]; /* ISA irq 14 and 15 */
} Piix3IdeWiring;

typedef struct Piix3Ide Piix3Ide;

/* Buses ide.0 and ide.1.  NULL and *errp on failure. */
Piix3Ide *piix3_ide_create(PciBus *bus, int devfn, const Piix3IdeWiring *w, Error **errp);
IdeBus *piix3_ide_bus(Piix3Ide *s, unsigned channel);

#endif
