/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port B, 0x61 (PIIX3 data sheet 290550, NSC register): bit 0 is the GATE of counter 2, bit 1 lets
 * its OUT through to the speaker, bit 4 toggles with each memory refresh, bit 5 is counter 2's OUT.  The speaker
 * itself makes no sound yet: that is the audio issue's.  Called by the port dispatch.  Under the big lock.
 */
#include "util/osdep.h"
#include "hw/misc/pcspk.h"

enum { PCSPK_GATE = 1, PCSPK_DATA = 2, PCSPK_CHECKS = 0x0c, PCSPK_REFRESH = 0x10, PCSPK_OUT2 = 0x20 };
enum { PCSPK_REFRESH_NS = 15085 }; /* counter 1's 18 ticks */

typedef struct Pcspk {
    IsaDevice isa;
    I8254 *pit;
    MemRegion io;
    uint8_t control; /* bits 0 to 3 as written */
} Pcspk;

static Pcspk *pcspk_of(Device *d)
{
    return container_of(d, Pcspk, isa.dev);
}

static uint64_t pcspk_read(void *opaque, hwaddr off, unsigned size)
{
    const Pcspk *s = opaque;
    (void)off;
    (void)size;
    bool refresh = clock_ns(CLOCK_KIND_VIRTUAL) / PCSPK_REFRESH_NS & 1;
    return s->control | (refresh ? PCSPK_REFRESH : 0) | (i8254_out(s->pit, 2) ? PCSPK_OUT2 : 0);
}

static void pcspk_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Pcspk *s = opaque;
    (void)off;
    (void)size;
    s->control = val & (PCSPK_GATE | PCSPK_DATA | PCSPK_CHECKS);
    i8254_set_gate(s->pit, 2, val & PCSPK_GATE);
}

static const MemOps pcspk_ops = { .read = pcspk_read, .write = pcspk_write, .max_size = 1 };

static void pcspk_reset(Device *d)
{
    Pcspk *s = pcspk_of(d);
    s->control = 0;
    i8254_set_gate(s->pit, 2, false);
}

static bool pcspk_realize(Device *d, Error **errp)
{
    Pcspk *s = pcspk_of(d);
    (void)errp;
    mem_init_io(&s->io, &pcspk_ops, s, "pcspk", 1);
    isa_add_io(d, 0x61, &s->io);
    return true;
}

static void pcspk_unrealize(Device *d)
{
    mem_destroy(&pcspk_of(d)->io);
}

static bool pcspk_post_load(void *opaque, int version, Error **errp)
{
    (void)version;
    if (((Pcspk *)opaque)->control & 0xf0) {
        error_set(errp, "state of port 0x61 has bits set that cannot be");
        return false;
    }
    return true;
}

static const VMStateField pcspk_fields[] = { VMS_UINT(Pcspk, control), VMS_END };
static const VMState pcspk_state = { .name = "pcspk", .version = 1, .fields = pcspk_fields, .post_load = pcspk_post_load };

static const DeviceClass pcspk_class = {
    .name = "isa-pcspk",
    .desc = "system control port B and PC speaker",
    .category = "Sound",
    .bus = BUS_ISA,
    .size = sizeof(Pcspk),
    .state = &pcspk_state,
    .realize = pcspk_realize,
    .reset = pcspk_reset,
    .unrealize = pcspk_unrealize,
};
DEVICE_REGISTER(pcspk_class);

Device *pcspk_create(IsaBus *isa, I8254 *pit, Error **errp)
{
    Device *d = device_new(&pcspk_class);
    pcspk_of(d)->pit = pit;
    if (!device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}
