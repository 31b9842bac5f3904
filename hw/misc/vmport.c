/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMware's port 0x5658.  IN EAX, DX with the magic in EAX and a command in CX is a call: the answer is in EAX to EDI.  Facts:
 * the published README of xf86-input-vmmouse and open-vm-tools' backdoor documentation.  Here: GETVERSION, and what other
 * devices add (vmmouse).  Only 32-bit reads are calls.  Called in a vCPU's thread by the port dispatch; under the big lock.
 */
#include "util/osdep.h"
#include "hw/misc/vmport.h"
#include "system/cpus.h"

enum { VMPORT_BASE = 0x5658, VMPORT_GET_VERSION = 10, VMPORT_VERSION = 6, VMPORT_PRODUCT = 2 };

typedef struct Vmport {
    IsaDevice isa;
    MemRegion io;
    VmportFn *fn[VMPORT_COMMANDS];
    void *opaque[VMPORT_COMMANDS];
} Vmport;

static Vmport *vmport_of(Device *d)
{
    return container_of(d, Vmport, isa.dev);
}

static uint64_t vmport_read(void *opaque, hwaddr off, unsigned size)
{
    Vmport *s = opaque;
    Vcpu *v = vcpu_current();
    uint32_t regs[VMPORT_REGS];

    (void)off;
    (void)size;
    if (!v) { /* a debugger, a device test */
        return UINT32_MAX;
    }
    target_ops.get_io_registers(v, regs);
    unsigned command = regs[VMPORT_ECX] & 0xffff;

    if (regs[VMPORT_EAX] != VMPORT_MAGIC || command >= VMPORT_COMMANDS || !s->fn[command]) {
        return UINT32_MAX;
    }
    s->fn[command](s->opaque[command], regs);
    target_ops.set_io_registers(v, regs);
    return regs[VMPORT_EAX];
}

static void vmport_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    (void)opaque;
    (void)off;
    (void)val;
    (void)size;
}

static const MemOps vmport_ops = { .read = vmport_read, .write = vmport_write, .min_size = 4, .max_size = 4, .unaligned = true };

static void vmport_get_version(void *opaque, uint32_t regs[VMPORT_REGS])
{
    (void)opaque;
    regs[VMPORT_EAX] = VMPORT_VERSION;
    regs[VMPORT_EBX] = VMPORT_MAGIC;
    regs[VMPORT_ECX] = VMPORT_PRODUCT;
}

void vmport_set_handler(Device *vmport, unsigned command, VmportFn *fn, void *opaque)
{
    Vmport *s = vmport_of(vmport);

    assert(command < VMPORT_COMMANDS); /* a constant of the caller */
    s->fn[command] = fn;
    s->opaque[command] = opaque;
}

static bool vmport_realize(Device *d, Error **errp)
{
    Vmport *s = vmport_of(d);

    (void)errp;
    mem_init_io(&s->io, &vmport_ops, s, "vmport", 4);
    isa_add_io(d, VMPORT_BASE, &s->io);
    vmport_set_handler(d, VMPORT_GET_VERSION, vmport_get_version, s);
    return true;
}

static void vmport_unrealize(Device *d)
{
    mem_destroy(&vmport_of(d)->io);
}

static const DeviceClass vmport_class = {
    .name = "vmport",
    .desc = "VMware's port for services",
    .category = "Misc",
    .bus = BUS_ISA,
    .size = sizeof(Vmport),
    .realize = vmport_realize,
    .unrealize = vmport_unrealize,
};
DEVICE_REGISTER(vmport_class);

Device *vmport_create(IsaBus *isa, Error **errp)
{
    Device *d = device_new(&vmport_class);

    if (!device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}
