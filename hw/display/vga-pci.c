/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The standard VGA as a PCI card (1234:1111): BAR 0 video memory, BAR 2 the registers as memory (EDID at 0, VGA ports at 0x400,
 * VBE registers at 0x500), expansion ROM.  Facts: QEMU's published interface document "standard-vga", which Linux's bochs-drm
 * driver follows.  Created by the board and by -device VGA.
 */
#include "util/osdep.h"
#include "hw/display/vga.h"
#include "hw/pci/pci.h"

typedef struct VgaPci {
    PciDevice pci;
    Vga vga;
    uint32_t vgamem_mb;
    MemRegion mmio;
} VgaPci;

static uint64_t vga_pci_mmio_read(void *opaque, hwaddr off, unsigned size)
{
    VgaPci *d = opaque;

    if (off >= 0x400 && off < 0x420 && size == 1) {
        return vga_port_read(&d->vga, 0x3c0 + (unsigned)off - 0x400);
    }
    if (off >= 0x500 && off < 0x500 + VBE_REGS * 2 && size == 2) {
        return vga_vbe_read(&d->vga, ((unsigned)off - 0x500) / 2);
    }
    return size == 1 ? 0xff : 0xffff;
}

static void vga_pci_mmio_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    VgaPci *d = opaque;

    if (off >= 0x400 && off < 0x420) {
        vga_port_write(&d->vga, 0x3c0 + (unsigned)off - 0x400, (uint8_t)val);
        if (size == 2 && off < 0x41f) { /* index and data in one store */
            vga_port_write(&d->vga, 0x3c1 + (unsigned)off - 0x400, (uint8_t)(val >> 8));
        }
    } else if (off >= 0x500 && off < 0x500 + VBE_REGS * 2 && size == 2) {
        vga_vbe_write(&d->vga, ((unsigned)off - 0x500) / 2, (uint16_t)val);
    }
}

static const MemOps vga_pci_mmio_ops = { .read = vga_pci_mmio_read, .write = vga_pci_mmio_write, .min_size = 1,
                                         .max_size = 2 };

static bool vga_pci_realize(Device *dev, Error **errp)
{
    VgaPci *d = container_of(dev, VgaPci, pci.dev);
    PciBus *bus = container_of(dev->bus, PciBus, bus);

    if (!is_pow2(d->vgamem_mb)) {
        error_set(errp, "VGA: vgamem_mb=%u is not a power of two", d->vgamem_mb);
        return false;
    }
    d->vga.vram_size = d->vgamem_mb << 20;
    if (!vga_init(&d->vga, "vga.vram", errp)) {
        return false;
    }
    mem_init_io(&d->mmio, &vga_pci_mmio_ops, d, "vga.mmio", 0x1000);
    pci_add_bar(&d->pci, 0, PCI_BAR_MEM32_PREFETCH, &d->vga.vram);
    pci_add_bar(&d->pci, 2, PCI_BAR_MEM32, &d->mmio);
    vga_map_legacy(&d->vga, bus->mem, bus->io);
    return true;
}

static void vga_pci_reset(Device *dev)
{
    vga_reset(&container_of(dev, VgaPci, pci.dev)->vga);
}

static void vga_pci_unrealize(Device *dev)
{
    VgaPci *d = container_of(dev, VgaPci, pci.dev);

    mem_destroy(&d->mmio);
    vga_destroy(&d->vga);
}

static const Prop vga_pci_props[] = {
    PCI_PROPS,
    PROP_RANGE(VgaPci, vgamem_mb, "vgamem_mb", prop_u32, "16", 1, 256, "video memory in MiB, a power of two"),
    PROP_END,
};

static const VMState vga_pci_state = {
    .name = "VGA",
    .version = 1,
    .fields = (const VMStateField[]){ VMS_STRUCT(VgaPci, pci, pci_device_state), VMS_STRUCT(VgaPci, vga, vga_state),
                                      VMS_END },
};

static const PciClass vga_pci_pci_class = {
    .vendor_id = 0x1234,
    .device_id = 0x1111,
    .revision = 2,
    .class_code = 0x030000,
    .romfile = "vgabios-stdvga.bin",
};

static const DeviceClass vga_pci_class = {
    .name = "VGA",
    .desc = "Standard VGA with Bochs VBE",
    .category = "Display",
    .bus = BUS_PCI,
    .size = sizeof(VgaPci),
    .user_creatable = true,
    .props = vga_pci_props,
    .state = &vga_pci_state,
    .realize = vga_pci_realize,
    .reset = vga_pci_reset,
    .unrealize = vga_pci_unrealize,
    .bus_class = &vga_pci_pci_class,
};
DEVICE_REGISTER(vga_pci_class);
