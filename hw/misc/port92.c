/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port A, 0x92 (IBM PS/2 technical reference; PIIX leaves it to the board): bit 1 is the A20 gate,
 * a rising bit 0 resets the CPU.  Called by the port dispatch.  Under the big lock.
 */
#include "util/osdep.h"
#include "hw/misc/port92.h"
#include "system/runstate.h"

enum { PORT92_RESET = 1, PORT92_A20 = 2 };

typedef struct Port92 {
    IsaDevice isa;
    IrqLine a20;
    MemRegion io;
    uint8_t outport;
} Port92;

static Port92 *port92_of(Device *d)
{
    return container_of(d, Port92, isa.dev);
}

static uint64_t port92_read(void *opaque, hwaddr off, unsigned size)
{
    (void)off;
    (void)size;
    return ((Port92 *)opaque)->outport;
}

static void port92_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Port92 *s = opaque;
    uint8_t old = s->outport;
    (void)off;
    (void)size;
    s->outport = val;
    irq_set(s->a20, !!(val & PORT92_A20));
    if ((val & ~old) & PORT92_RESET) {
        request_reset(SHUTDOWN_GUEST_RESET);
    }
}

static const MemOps port92_ops = { .read = port92_read, .write = port92_write, .max_size = 1 };

static void port92_reset(Device *d)
{
    Port92 *s = port92_of(d);
    s->outport = PORT92_A20; /* open, as the CPU starts at the top of memory; so does the board's gate */
    irq_raise(s->a20);
}

static bool port92_realize(Device *d, Error **errp)
{
    Port92 *s = port92_of(d);
    (void)errp;
    mem_init_io(&s->io, &port92_ops, s, "port92", 1);
    isa_add_io(d, 0x92, &s->io);
    return true;
}

static void port92_unrealize(Device *d)
{
    mem_destroy(&port92_of(d)->io);
}

static const VMStateField port92_fields[] = { VMS_UINT(Port92, outport), VMS_END };
static const VMState port92_state = { .name = "port92", .version = 1, .fields = port92_fields };

static const DeviceClass port92_class = {
    .name = "port92",
    .desc = "system control port A",
    .category = "Misc",
    .bus = BUS_ISA,
    .size = sizeof(Port92),
    .state = &port92_state,
    .realize = port92_realize,
    .reset = port92_reset,
    .unrealize = port92_unrealize,
};
DEVICE_REGISTER(port92_class);

Device *port92_create(IsaBus *isa, IrqLine a20, Error **errp)
{
    Device *d = device_new(&port92_class);
    port92_of(d)->a20 = a20;
    if (!device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}
