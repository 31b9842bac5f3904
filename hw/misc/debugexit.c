/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A port that ends the emulator: writing V makes the process exit with status (V << 1) | 1, for guests that are
 * tests.  Only there when -device isa-debug-exit asks for it.  Called by the port dispatch.  Under the big lock.
 */
#include "util/osdep.h"
#include "hw/isa/isa.h"
#include "system/runstate.h"

typedef struct Debugexit {
    IsaDevice isa;
    uint32_t iobase, iosize;
    MemRegion io;
} Debugexit;

static Debugexit *debugexit_of(Device *d)
{
    return container_of(d, Debugexit, isa.dev);
}

static uint64_t debugexit_read(void *opaque, hwaddr off, unsigned size)
{
    (void)opaque;
    (void)off;
    (void)size;
    return 0;
}

static void debugexit_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    (void)opaque;
    (void)off;
    (void)size;
    request_shutdown_code(SHUTDOWN_GUEST_SHUTDOWN, (int)((val << 1 | 1) & 0x7fffffff));
}

static const MemOps debugexit_ops = { .read = debugexit_read, .write = debugexit_write, .unaligned = true };

static bool debugexit_realize(Device *d, Error **errp)
{
    Debugexit *s = debugexit_of(d);
    if (!s->iosize || s->iosize > 0x10000 || s->iobase > 0x10000 - s->iosize) {
        error_set(errp, "isa-debug-exit: %u ports from 0x%x on are out of range; ports are 0 to 0xffff", s->iosize,
                  s->iobase);
        return false;
    }
    mem_init_io(&s->io, &debugexit_ops, s, "isa-debug-exit", s->iosize);
    isa_add_io(d, s->iobase, &s->io);
    return true;
}

static void debugexit_unrealize(Device *d)
{
    mem_destroy(&debugexit_of(d)->io);
}

static const Prop debugexit_props[] = {
    PROP(Debugexit, iobase, "iobase", prop_u32, "1281", "first port (0x501)"),
    PROP(Debugexit, iosize, "iosize", prop_u32, "2", "number of ports"),
    PROP_END
};

static const DeviceClass debugexit_class = {
    .name = "isa-debug-exit",
    .desc = "port that ends the emulator",
    .category = "Misc",
    .bus = BUS_ISA,
    .size = sizeof(Debugexit),
    .user_creatable = true,
    .props = debugexit_props,
    .realize = debugexit_realize,
    .unrealize = debugexit_unrealize,
};
DEVICE_REGISTER(debugexit_class);
