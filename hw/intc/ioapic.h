/* SPDX-License-Identifier: GPL-2.0-or-later */
/* I/O APIC (82093AA; version register of an ICH: with directed EOI).  Board-facing; under the big lock. */
#ifndef HW_INTC_IOAPIC_H
#define HW_INTC_IOAPIC_H

#include "hw/intc/apic.h"

#define IOAPIC_DEFAULT_BASE 0xfec00000u
#define IOAPIC_PINS 24

/* Inputs: device_irq_in(d, pin), pin < IOAPIC_PINS. */
Device *ioapic_create(ApicBus *bus, Bus *sysbus, MemRegion *memory, hwaddr base, Error **errp);
/*
 * Where the local APICs are in the host's kernel: with all chips there, this one only reads and writes its registers; else
 * the kernel is told what the pins send, and tells of the ends of interrupts.
 */
void ioapic_set_kernel(Device *d, const IrqchipOps *ops);
/* Would anything be done with an edge at the pin?  @changed is pulsed after each write to an entry. */
bool ioapic_notices(Device *d, unsigned pin);
void ioapic_set_changed(Device *d, IrqLine changed);
void ioapic_print(Device *d, GString *out);        /* info pic, of a device of class ioapic */
void ioapic_print_counts(Device *d, GString *out); /* info irq */

#endif
