/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of hw/pci share among themselves.  Under the big lock. */
#ifndef HW_PCI_PCI_INT_H
#define HW_PCI_PCI_INT_H

#include "hw/pci/pci.h"

/* Configuration offset of a BAR's register (PCI_ROM_BAR included). */
unsigned pci_bar_offset(unsigned bar);
/* The device's lines in `info qtree`. */
void pci_print_device_line(PciBus *b, PciDevice *d, GString *out);

#endif
