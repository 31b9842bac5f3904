/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ISA bus as a place in the device tree.  Decoding is the port space's; lines and DMA are what the bridge
 * and the board put into the struct.  Under the big lock.
 */
#include "util/osdep.h"
#include "hw/isa/isa.h"

static const BusClass isa_bus_class = {
    .kind = BUS_ISA,
    .type = "ISA",
};

void isa_bus_init(IsaBus *b, Device *parent, const char *name, MemRegion *mem, MemRegion *io)
{
    b->mem = mem;
    b->io = io;
    b->dma = NULL;
    memset(b->irqs, 0, sizeof(b->irqs));
    bus_init(&b->bus, &isa_bus_class, parent, name);
}
