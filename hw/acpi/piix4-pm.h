/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel 82371AB (PIIX4), function 3: power management and SMBus.  Under the big lock. */
#ifndef HW_ACPI_PIIX4_PM_H
#define HW_ACPI_PIIX4_PM_H

#include "hw/pci/pci.h"

/* Values of SLP_TYP that mean S3, S4, S5: the DSDT and fw_cfg's etc/system-states say the same. */
enum { PIIX4_SLP_S5 = 0, PIIX4_SLP_S3 = 1, PIIX4_SLP_S4 = 2 };
enum { PIIX4_GPE_BASE = 0xafe0, PIIX4_GPE_LEN = 4, PIIX4_SMI_CMD = 0xb2, PIIX4_ACPI_ENABLE = 0xf1, PIIX4_ACPI_DISABLE = 0xf0,
       PIIX4_SCI_IRQ = 9 };

typedef struct Piix4PmWiring {
    MemRegion *io;
    IrqLine sci;     /* ISA irq 9 */
    IrqLine smi;     /* pulsed: the boot CPU's SMI#; not connected: no SMM */
    IrqLine s3_sleep; /* pulsed when the guest goes to S3: the board notes it in CMOS for the firmware */
} Piix4PmWiring;

typedef struct Piix4Pm Piix4Pm;

/* At function 3 of @slot; NULL and *errp on failure. */
Piix4Pm *piix4_pm_create(PciBus *bus, unsigned slot, const Piix4PmWiring *w, Error **errp);
/* Port of the PM1 block as firmware placed it; 0: not mapped. */
uint16_t piix4_pm_base(Piix4Pm *s);
bool piix4_pm_s3_enabled(const Piix4Pm *s);
bool piix4_pm_s4_enabled(const Piix4Pm *s);

#endif
