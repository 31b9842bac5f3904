/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The standard VGA as a PCI card (1234:1111): BAR 0 video memory, BAR 2 registers (bochs-mmio.h), expansion ROM.  Created by the
 * board and by -device VGA; secondary-vga is the same without the legacy ports, the window at 0xa0000 and the ROM.
 */
#include "util/osdep.h"
#include "hw/display/bochs-mmio.h"
#include "hw/pci/pci.h"

typedef struct VgaPci {
    PciDevice pci;
    Vga vga;
    uint32_t vgamem_mb;
    BochsMmio mmio;
} VgaPci;

static void vga_pci_size_hint(Vga *v, const ConsoleSizeHint *hint)
{
    bochs_mmio_size_hint(&container_of(v, VgaPci, vga)->mmio, hint);
}

static const VgaCard vga_pci_card = { .size_hint = vga_pci_size_hint };

static bool vga_pci_make(Device *dev, Error **errp)
{
    VgaPci *d = container_of(dev, VgaPci, pci.dev);

    if (!is_pow2(d->vgamem_mb)) {
        error_set(errp, "%s: vgamem_mb=%u is not a power of two", dev->cls->name, d->vgamem_mb);
        return false;
    }
    d->vga.card = &vga_pci_card;
    d->vga.vram_size = d->vgamem_mb << 20;
    if (!vga_init(&d->vga, "vga.vram", errp)) {
        return false;
    }
    console_set_device(d->vga.console, dev->id, 0);
    bochs_mmio_init(&d->mmio, &d->vga.vbe, &d->vga.console, &d->vga);
    pci_add_bar(&d->pci, 0, PCI_BAR_MEM32_PREFETCH, &d->vga.vram);
    pci_add_bar(&d->pci, 2, PCI_BAR_MEM32, &d->mmio.region);
    return true;
}

static bool vga_pci_realize(Device *dev, Error **errp)
{
    VgaPci *d = container_of(dev, VgaPci, pci.dev);
    PciBus *bus = container_of(dev->bus, PciBus, bus);

    if (!vga_pci_make(dev, errp)) {
        return false;
    }
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

    bochs_mmio_destroy(&d->mmio);
    vga_destroy(&d->vga);
}

static const Prop vga_pci_props[] = {
    PCI_PROPS,
    PROP_RANGE(VgaPci, vgamem_mb, "vgamem_mb", prop_u32, "16", 1, 256, "video memory in MiB, a power of two"),
    EDID_PROPS(VgaPci, mmio.edid, mmio.edid_on),
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

static const PciClass vga_secondary_pci_class = {
    .vendor_id = 0x1234,
    .device_id = 0x1111,
    .revision = 2,
    .class_code = 0x038000, /* a display controller that is no VGA */
};

static const DeviceClass vga_secondary_class = {
    .name = "secondary-vga",
    .desc = "Standard VGA without legacy ports and ROM, for a second screen",
    .category = "Display",
    .bus = BUS_PCI,
    .size = sizeof(VgaPci),
    .user_creatable = true,
    .props = vga_pci_props,
    .state = &vga_pci_state,
    .realize = vga_pci_make,
    .reset = vga_pci_reset,
    .unrealize = vga_pci_unrealize,
    .bus_class = &vga_secondary_pci_class,
};
DEVICE_REGISTER(vga_secondary_class);
