/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel 82441FX (440FX PMC): host bridge, memory map, PAM and SMRAM.  Under the big lock. */
#ifndef HW_PCI_I440FX_H
#define HW_PCI_I440FX_H

#include "hw/pci/pci-host.h"

/* What the board hands over.  Regions and spaces outlive the bridge. */
typedef struct I440fxWiring {
    MemRegion *memory;     /* root of the CPUs' address space */
    MemRegion *memory_smm; /* root of the same as CPUs in SMM see it */
    MemRegion *io;
    MemRegion *ram;        /* all RAM from offset 0 */
    MemRegion *low_ram;    /* the memory that holds its first MiB */
    AddressSpace *dma_as;  /* what bus masters reach */
    uint64_t ram_size;
    bool smm;              /* CPUs can enter SMM: SMRAM exists */
} I440fxWiring;

/* Where RAM ends below the PCI hole, and how much of it goes to 4 GiB and up. */
uint64_t i440fx_ram_below_4g(uint64_t ram_size);

typedef struct I440fxHost I440fxHost;

/* Host bridge with bus pci.0 and function 00.0; maps RAM.  NULL and *errp on failure. */
I440fxHost *i440fx_create(Bus *root, const I440fxWiring *w, Error **errp);
PciBus *i440fx_bus(I440fxHost *h);
PciHost *i440fx_config_ports(I440fxHost *h);
/* Everything that is not RAM: BARs, ROMs, ISA memory. */
MemRegion *i440fx_pci_memory(I440fxHost *h);

#endif
