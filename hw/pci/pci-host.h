/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI configuration mechanism 1: ports 0xcf8 and 0xcfc.  Embedded in a host bridge.  Under the big lock. */
#ifndef HW_PCI_PCI_HOST_H
#define HW_PCI_PCI_HOST_H

#include "hw/pci/pci.h"

/*
 * Accesses to 0xcf8-0xcfb narrower than a dword are not for the bridge: they go on to the bus, where on PCs the
 * reset control register answers at 0xcf9.  @off is the port's offset from 0xcf8.
 */
typedef struct PciHostNarrow {
    uint8_t (*read)(void *opaque, unsigned off);
    void (*write)(void *opaque, unsigned off, uint8_t val);
} PciHostNarrow;

typedef struct PciHost {
    PciBus *bus;
    uint32_t config_addr; /* bit 31 enable, bus, device and function, dword */
    MemRegion address, data;
    const PciHostNarrow *narrow; /* NULL: nobody */
    void *narrow_opaque;
} PciHost;

void pci_host_init(PciHost *h, PciBus *bus, MemRegion *io);
void pci_host_destroy(PciHost *h);
void pci_host_set_narrow(PciHost *h, const PciHostNarrow *narrow, void *opaque);
void pci_host_reset(PciHost *h);
extern const VMState pci_host_state;

#endif
