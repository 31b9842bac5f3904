/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bochs-display (1234:1111): the Bochs VBE registers and EDID behind BAR 2 and video memory behind BAR 0, nothing of a VGA.  It
 * shows linear modes of 32 bits a pixel and all others that the registers can set but planar ones.  Created by -device.
 */
#include "util/osdep.h"
#include "hw/display/bochs-mmio.h"
#include "hw/pci/pci.h"

enum { BOCHS_MAX_VGAMEM_MB = 256 };

typedef struct BochsDisplay {
    PciDevice pci;
    uint64_t vgamem; /* property */
    MemRegion vram;
    Vbe vbe;
    BochsMmio mmio;
    Console *console;
    FbScan scan;
    bool off;        /* the screen shows that no mode is on */
} BochsDisplay;

/* No mode is on: a small black picture. */
static void bochs_display_blank(BochsDisplay *d)
{
    Surface *s = console_resize(d->console, 640, 480);

    if (!d->off) {
        memset(s->data, 0, (size_t)s->stride * (size_t)s->height);
        console_update(d->console, 0, 0, s->width, s->height);
    }
    d->off = true;
    fb_forget(&d->scan);
}

static int64_t bochs_display_refresh(void *opaque)
{
    static const uint32_t no_palette[256];
    BochsDisplay *d = opaque;
    FbMode mode;

    if (!vbe_fb_mode(&d->vbe, &mode)) {
        bochs_display_blank(d);
        return CONSOLE_NEVER;
    }
    d->off = false;
    mode.gray = mode.bits == 8; /* there is no DAC */
    fb_refresh(&d->scan, &mode, no_palette);
    return CONSOLE_POLL;
}

static void bochs_display_watched(void *opaque, bool on)
{
    fb_watched(&((BochsDisplay *)opaque)->scan, on);
}

static void bochs_display_invalidate(void *opaque)
{
    BochsDisplay *d = opaque;

    d->off = false;
    fb_invalidate(&d->scan);
}

static void bochs_display_size_hint(void *opaque, const ConsoleSizeHint *hint)
{
    bochs_mmio_size_hint(&((BochsDisplay *)opaque)->mmio, hint);
}

static const ConsoleOps bochs_display_ops = { .kind = CONSOLE_GRAPHIC, .refresh = bochs_display_refresh,
                                              .invalidate = bochs_display_invalidate,
                                              .watched = bochs_display_watched, .size_hint = bochs_display_size_hint };

static bool bochs_display_realize(Device *dev, Error **errp)
{
    BochsDisplay *d = container_of(dev, BochsDisplay, pci.dev);

    if (!is_pow2(d->vgamem) || d->vgamem < MiB || d->vgamem > BOCHS_MAX_VGAMEM_MB * MiB) {
        error_set(errp, "bochs-display: vgamem=%" PRIu64 " is not a power of two from 1M to %dM", d->vgamem, BOCHS_MAX_VGAMEM_MB);
        return false;
    }
    if (!mem_init_ram(&d->vram, "bochs-display-vram", d->vgamem, errp)) {
        return false;
    }
    d->vbe.vram = &d->vram;
    d->vbe.vram_size = (uint32_t)d->vgamem;
    d->console = console_new("bochs-display", &bochs_display_ops, d);
    console_set_device(d->console, dev->id, 0);
    fb_init(&d->scan, d->console, &d->vram, d->vgamem);
    bochs_mmio_init(&d->mmio, &d->vbe, &d->console, NULL);
    pci_add_bar(&d->pci, 0, PCI_BAR_MEM32_PREFETCH, &d->vram);
    pci_add_bar(&d->pci, 2, PCI_BAR_MEM32, &d->mmio.region);
    return true;
}

static void bochs_display_reset(Device *dev)
{
    BochsDisplay *d = container_of(dev, BochsDisplay, pci.dev);

    vbe_reset(&d->vbe);
    console_changed(d->console);
}

static void bochs_display_unrealize(Device *dev)
{
    BochsDisplay *d = container_of(dev, BochsDisplay, pci.dev);

    fb_free(&d->scan);
    console_free(d->console);
    d->console = NULL;
    bochs_mmio_destroy(&d->mmio);
    mem_destroy(&d->vram);
}

static bool bochs_display_post_load(void *opaque, int version, Error **errp)
{
    (void)version, (void)errp;
    console_changed(((BochsDisplay *)opaque)->console);
    return true;
}

static const Prop bochs_display_props[] = {
    PCI_PROPS,
    PROP(BochsDisplay, vgamem, "vgamem", prop_size, "16M", "video memory, a power of two"),
    EDID_PROPS(BochsDisplay, mmio.edid, mmio.edid_on),
    PROP_END,
};

static const VMState bochs_display_state = {
    .name = "bochs-display",
    .version = 1,
    .fields = (const VMStateField[]){ VMS_STRUCT(BochsDisplay, pci, pci_device_state), VMS_STRUCT(BochsDisplay, vbe, vbe_state),
                                      VMS_END },
    .post_load = bochs_display_post_load,
};

static const PciClass bochs_display_pci_class = {
    .vendor_id = 0x1234,
    .device_id = 0x1111,
    .revision = 2,
    .class_code = 0x038000,
    .romfile = "vgabios-bochs-display.bin",
};

static const DeviceClass bochs_display_class = {
    .name = "bochs-display",
    .desc = "Bochs VBE display without VGA",
    .category = "Display",
    .bus = BUS_PCI,
    .size = sizeof(BochsDisplay),
    .user_creatable = true,
    .props = bochs_display_props,
    .state = &bochs_display_state,
    .realize = bochs_display_realize,
    .reset = bochs_display_reset,
    .unrealize = bochs_display_unrealize,
    .bus_class = &bochs_display_pci_class,
};
DEVICE_REGISTER(bochs_display_class);
