/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug console: a port whose writes go to a character back end, and that reads as a fixed byte by which software
 * finds it.  Known from Bochs (port 0xe9).  Called by the port dispatch.  Under the big lock.
 */
#include "util/osdep.h"
#include "hw/char/debugcon.h"

typedef struct Debugcon {
    IsaDevice isa;
    uint32_t iobase, readback;
    CharFe chr;
    MemRegion io;
} Debugcon;

static Debugcon *debugcon_of(Device *d)
{
    return container_of(d, Debugcon, isa.dev);
}

static uint64_t debugcon_read(void *opaque, hwaddr off, unsigned size)
{
    (void)off;
    (void)size;
    return ((Debugcon *)opaque)->readback;
}

static void debugcon_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Debugcon *s = opaque;
    uint8_t c = val;
    (void)off;
    (void)size;
    char_fe_write_all(&s->chr, &c, 1); /* up to 1 MiB waits for a slow reader; the rest is dropped there */
}

static const MemOps debugcon_ops = { .read = debugcon_read, .write = debugcon_write, .max_size = 1 };

static bool debugcon_realize(Device *d, Error **errp)
{
    Debugcon *s = debugcon_of(d);
    if (s->iobase > 0xffff) {
        error_set(errp, "isa-debugcon: iobase 0x%x is out of range; ports are 0 to 0xffff", s->iobase);
        return false;
    }
    mem_init_io(&s->io, &debugcon_ops, s, "isa-debugcon", 1);
    isa_add_io(d, s->iobase, &s->io);
    return true;
}

static void debugcon_unrealize(Device *d)
{
    mem_destroy(&debugcon_of(d)->io);
}

static const Prop debugcon_props[] = {
    PROP(Debugcon, iobase, "iobase", prop_u32, "233", "port (0xe9)"),
    PROP(Debugcon, readback, "readback", prop_u32, "233", "what the port reads as (0xe9)"),
    PROP(Debugcon, chr, "chardev", prop_chardev, NULL, "character back end"),
    PROP_END
};

static const DeviceClass debugcon_class = {
    .name = "isa-debugcon",
    .desc = "debug console port",
    .category = "Misc",
    .bus = BUS_ISA,
    .size = sizeof(Debugcon),
    .user_creatable = true,
    .props = debugcon_props,
    .realize = debugcon_realize,
    .unrealize = debugcon_unrealize,
};
DEVICE_REGISTER(debugcon_class);

Device *debugcon_create(IsaBus *isa, uint16_t iobase, Chardev *chr, Error **errp)
{
    Device *d = device_new(&debugcon_class);
    Debugcon *s = debugcon_of(d);
    s->iobase = iobase;
    if (!char_fe_attach(&s->chr, chr, errp) || !device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}
