/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel 82371SB (PIIX3), function 0: PCI-to-ISA bridge.  Under the big lock. */
#ifndef HW_ISA_PIIX3_H
#define HW_ISA_PIIX3_H

#include "hw/isa/isa.h"
#include "hw/pci/pci-host.h"

typedef struct Piix3Wiring {
    MemRegion *isa_memory, *io;
    const IrqLine *irqs; /* the 16 ISA lines, to the interrupt controllers */
    PciHost *ports;      /* forwards port 0xcf9 */
} Piix3Wiring;

typedef struct Piix3 Piix3;

/* At slot 1, with bus isa.0; takes over the PCI bus's four INTx lines.  NULL and *errp on failure. */
Piix3 *piix3_create(PciBus *bus, const Piix3Wiring *w, Error **errp);
IsaBus *piix3_isa_bus(Piix3 *s);

#endif
