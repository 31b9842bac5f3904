/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC/AT's coprocessor error logic (IBM PC/AT technical reference; PIIX3 data sheet, "Coprocessor error register"): FERR# sets a
 * latch that is interrupt 13; a write to port 0xf0 clears it and holds IGNNE# for as long as FERR# stays active, so that the
 * handler can use the x87.  Called by the CPU and the port dispatch.  Under the big lock.
 */
#include "util/osdep.h"
#include "hw/misc/ferr.h"
#include "system/cpus.h"

typedef struct Ferr {
    IsaDevice isa;
    IrqLine irq;
    MemRegion io;
    bool error; /* FERR# is active */
} Ferr;

static Ferr *ferr_of(Device *d)
{
    return container_of(d, Ferr, isa.dev);
}

static void ferr_set(void *opaque, int n, int level)
{
    Ferr *s = opaque;
    (void)n;
    s->error = level;
    if (level) {
        irq_raise(s->irq);
    } else {
        vcpus_set_ignne(false);
    }
}

static void ferr_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Ferr *s = opaque;
    (void)off, (void)val, (void)size;
    irq_lower(s->irq);
    vcpus_set_ignne(s->error);
}

static uint64_t ferr_read(void *opaque, hwaddr off, unsigned size)
{
    (void)opaque, (void)off, (void)size;
    return 0xff;
}

static const MemOps ferr_ops = { .read = ferr_read, .write = ferr_write, .max_size = 1 };

static void ferr_reset(Device *d)
{
    Ferr *s = ferr_of(d);
    s->error = false;
    irq_lower(s->irq);
    vcpus_set_ignne(false);
}

static bool ferr_realize(Device *d, Error **errp)
{
    Ferr *s = ferr_of(d);
    (void)errp;
    mem_init_io(&s->io, &ferr_ops, s, "ferr", 1);
    isa_add_io(d, 0xf0, &s->io);
    vcpus_connect_ferr((IrqLine){ .set = ferr_set, .opaque = s });
    return true;
}

static void ferr_unrealize(Device *d)
{
    vcpus_connect_ferr((IrqLine){ 0 });
    mem_destroy(&ferr_of(d)->io);
}

static const VMStateField ferr_fields[] = { VMS_UINT(Ferr, error), VMS_END };
static const VMState ferr_state = { .name = "ferr", .version = 1, .fields = ferr_fields };

static const DeviceClass ferr_class = {
    .name = "ferr",
    .desc = "x87 errors as interrupt 13",
    .category = "Misc",
    .bus = BUS_ISA,
    .size = sizeof(Ferr),
    .state = &ferr_state,
    .realize = ferr_realize,
    .reset = ferr_reset,
    .unrealize = ferr_unrealize,
};
DEVICE_REGISTER(ferr_class);

Device *ferr_create(IsaBus *isa, IrqLine irq13, Error **errp)
{
    Device *d = device_new(&ferr_class);
    ferr_of(d)->irq = irq13;
    if (!device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}
