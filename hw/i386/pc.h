/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board `pc`: what its construction steps share.  Main thread, under the big lock. */
#ifndef HW_I386_PC_H
#define HW_I386_PC_H

#include "hw/acpi/piix4-pm.h"
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/isa/piix3.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/i440fx.h"
#include "hw/rtc/mc146818.h"
#include "hw/timer/i8254.h"
#include "system/machine.h"
#include "system/runstate.h"

#define PC_GSIS 24 /* I/O APIC inputs; 0-15 are the ISA lines too */

typedef struct AcpiTables AcpiTables;

typedef struct PcBoard {
    Machine *m;
    uint64_t below_4g, above_4g; /* bytes of RAM */

    /* chips */
    I440fxHost *northbridge;
    Piix3 *southbridge;
    Piix4Pm *pm;
    IsaBus *isa;
    PciBus *pci;
    I8259Pair pic;
    ApicBus apics;
    const IrqchipOps *irqchip; /* interrupt controllers in the host's kernel; NULL: none */
    ApicPicOnly pic_only; /* for a vCPU model without APIC */
    bool has_apic, all_in_kernel;
    Device *ioapic;
    Device *hpet;
    I8254 *pit;
    bool pit_hidden; /* the HPET has taken its interrupt over */
    Mc146818 *rtc;
    FwCfg *fw_cfg;

    /* wiring */
    IrqLine gsi[PC_GSIS];        /* into PIC and I/O APIC */
    IrqLine ioapic_in[PC_GSIS];
    MemRegion bios, isa_bios;

    /* what firmware is told */
    GPtrArray *boot_roms; /* char *: option ROMs to boot from first */
    RunstateNotifier boot_once;
    bool ran; /* the guest ran: -boot once= is used up at the next reset */
    AcpiTables *acpi;
} PcBoard;

/* pc-cmos.c: what firmware reads from CMOS RAM. */
void pc_cmos_init(PcBoard *b);
bool pc_cmos_set_boot_order(PcBoard *b, const char *order, Error **errp);
bool pc_check_boot_order(const char *order, Error **errp);

/* pc-fwcfg.c: the items of fw_cfg that describe the machine. */
bool pc_fw_cfg_init(PcBoard *b, Error **errp);
/* After the kernel loader, which may add boot ROMs. */
bool pc_fw_cfg_finish(PcBoard *b, Error **errp);

#endif
