/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ISA bus: port space, memory below 16 MiB, 16 interrupt lines, 8 DMA channels.  Under the big lock.
 */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "system/device.h"
#include "system/memory.h"

/*
 * A DMA slave's side of a channel, as the 8237 drives it: called (main thread) while the channel is unmasked and the
 * device requests.  @pos bytes of @size are done already; the callee moves data with the two functions
 * below and returns the new position (size: terminal count reached).
 */
typedef struct IsaDma IsaDma;
typedef uint32_t IsaDmaTransfer(void *opaque, unsigned channel, uint32_t pos, uint32_t size);

typedef struct IsaDmaOps {
    void (*set_handler)(IsaDma *dma, unsigned channel, IsaDmaTransfer *fn, void *opaque);
    void (*request)(IsaDma *dma, unsigned channel, bool active); /* DREQ */
    bool (*is_write)(IsaDma *dma, unsigned channel);             /* mode: device to memory */
    bool (*autoinit)(IsaDma *dma, unsigned channel);
    bool (*verify)(IsaDma *dma, unsigned channel);
    /* Bytes moved from (to) guest memory at transfer position @pos; clipped to the programmed count. */
    uint32_t (*read_memory)(IsaDma *dma, unsigned channel, void *buf, uint32_t pos, uint32_t len);
    uint32_t (*write_memory)(IsaDma *dma, unsigned channel, const void *buf, uint32_t pos, uint32_t len);
} IsaDmaOps;

struct IsaDma {
    const IsaDmaOps *ops;
};

typedef struct IsaBus {
    Bus bus;
    MemRegion *mem, *io;
    IrqLine irqs[16];
    IsaDma *dma; /* both 8237 as one with channels 0..7 (4: cascade); NULL: none */
} IsaBus;

void isa_bus_init(IsaBus *b, Device *parent, const char *name, MemRegion *mem, MemRegion *io);

typedef struct IsaDevice {
    Device dev;
} IsaDevice;

/* The device's bus, valid from realize on. */
static inline IsaBus *isa_bus(Device *d)
{
    return container_of(d->bus, IsaBus, bus);
}

static inline IrqLine isa_irq(Device *d, unsigned n)
{
    return n < 16 ? isa_bus(d)->irqs[n] : (IrqLine){ NULL, NULL, 0 };
}

/* Puts an initialised region at a port; mem_destroy() takes it away. */
static inline void isa_add_io(Device *d, uint16_t port, MemRegion *r)
{
    mem_add(isa_bus(d)->io, port, r);
}

#endif
