/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ramfb: a frame buffer in the guest's own RAM for firmware.  The guest writes the fw_cfg file "etc/ramfb": address, pixel format
 * (a DRM fourcc), flags, width, height and stride, all big-endian (facts: QEMU's fw_cfg interface; the drivers in OVMF, SeaBIOS).
 * Created by -device; sits on the machine's root bus.  The vgabios for it travels in fw_cfg too.
 */
#include "util/osdep.h"
#include "hw/display/fb.h"
#include "hw/nvram/fw_cfg.h"
#include "system/device.h"
#include "system/machine.h"
#include "util/bytes.h"
#include "util/log.h"

enum { RAMFB_FILE_SIZE = 28, RAMFB_MIN = 16, RAMFB_MAX = 16000, RAMFB_ROM_MAX = 256 * 1024 };
#define RAMFB_ROM "vgabios-ramfb.bin"

typedef struct RamFb {
    Device dev;
    FwCfg *fw_cfg;
    Console *console;
    FbScan scan;
    MemRegion view;    /* of the RAM block that the picture is in; not in the tree */
    /* as the guest wrote them */
    uint64_t addr;
    uint32_t fourcc, width, height, stride;
    bool blank_shown;
} RamFb;

#define FOURCC(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* Bits of a pixel and byte order; 0: no such format. */
static unsigned ramfb_format(uint32_t fourcc, bool *bgr)
{
    static const struct {
        uint32_t fourcc;
        uint8_t bits;
        bool bgr;
    } formats[] = { { FOURCC('X', 'R', '2', '4'), 32, false }, { FOURCC('A', 'R', '2', '4'), 32, false },
                    { FOURCC('X', 'B', '2', '4'), 32, true },  { FOURCC('A', 'B', '2', '4'), 32, true },
                    { FOURCC('R', 'G', '2', '4'), 24, false }, { FOURCC('B', 'G', '2', '4'), 24, true },
                    { FOURCC('R', 'G', '1', '6'), 16, false }, { FOURCC('X', 'R', '1', '5'), 15, false } };

    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i].fourcc == fourcc) {
            *bgr = formats[i].bgr;
            return formats[i].bits;
        }
    }
    return 0;
}

/* The mode, checked, with its RAM in d->view; false: nothing to show. */
static bool ramfb_mode(RamFb *d, FbMode *m)
{
    bool bgr = false;
    unsigned bits = ramfb_format(d->fourcc, &bgr);

    if (!bits || d->width < RAMFB_MIN || d->width > RAMFB_MAX || d->height < RAMFB_MIN || d->height > RAMFB_MAX) {
        return false;
    }
    uint64_t line = (uint64_t)d->width * ((bits + 7) / 8), stride = d->stride ? d->stride : line;
    uint64_t len = stride * (d->height - 1) + line; /* below 2^46 */

    if (stride < line) {
        return false;
    }
    MemLookup l = address_space_lookup(fw_cfg_dma_as(d->fw_cfg), d->addr);

    if (!l.host || !l.writable || l.avail < len) {
        return false;
    }
    if (d->view.ram != l.ram) {
        d->view.ram = l.ram;
        fb_forget(&d->scan);
    }
    d->scan.vram_size = l.ram->size;
    memset(m, 0, sizeof(*m));
    m->width = (int)d->width;
    m->height = (int)d->height;
    m->bits = (uint8_t)bits;
    m->bgr = bgr;
    m->stride = (uint32_t)stride;
    m->offset = l.ram_off;
    return true;
}

static int64_t ramfb_refresh(void *opaque)
{
    static const uint32_t no_palette[256];
    RamFb *d = opaque;
    FbMode mode;

    if (ramfb_mode(d, &mode)) {
        d->blank_shown = false;
        fb_refresh(&d->scan, &mode, no_palette);
        return CONSOLE_POLL;
    }
    Surface *s = console_resize(d->console, 640, 480);

    if (!d->blank_shown) {
        memset(s->data, 0, (size_t)s->stride * (size_t)s->height);
        console_update(d->console, 0, 0, s->width, s->height);
    }
    d->blank_shown = true;
    fb_forget(&d->scan);
    return CONSOLE_NEVER;
}

static void ramfb_watched(void *opaque, bool on)
{
    RamFb *d = opaque;
    FbMode mode;

    if (!ramfb_mode(d, &mode)) {
        d->view.ram = NULL; /* the block may be gone */
    }
    fb_watched(&d->scan, on);
}

static void ramfb_invalidate(void *opaque)
{
    RamFb *d = opaque;

    d->blank_shown = false;
    fb_invalidate(&d->scan);
}

static const ConsoleOps ramfb_console_ops = { .kind = CONSOLE_GRAPHIC, .refresh = ramfb_refresh, .invalidate = ramfb_invalidate,
                                              .watched = ramfb_watched };

static void ramfb_written(void *opaque, const uint8_t *data, size_t len)
{
    RamFb *d = opaque;
    FbMode mode;

    (void)len; /* RAMFB_FILE_SIZE, as the file was made */
    d->addr = ld_be64(data);
    d->fourcc = ld_be32(data + 8);
    d->width = ld_be32(data + 16);
    d->height = ld_be32(data + 20);
    d->stride = ld_be32(data + 24);
    if (!ramfb_mode(d, &mode)) {
        log_guest(LOG_GUEST_ERROR, "ramfb: %u x %u pixels of format 0x%08x, %u bytes a line, at 0x%" PRIx64 " cannot be shown\n",
                  d->width, d->height, d->fourcc, d->stride, d->addr);
    }
    console_changed(d->console);
}

static bool ramfb_add_rom(RamFb *d, Error **errp)
{
    char *path = datafile_find(RAMFB_ROM, errp);
    GBytes *rom = path ? datafile_load(path, RAMFB_ROM_MAX, errp) : NULL;
    bool ok = rom && (fw_cfg_find_file(d->fw_cfg, "vgaroms/" RAMFB_ROM) ||
                      fw_cfg_add_file(d->fw_cfg, "vgaroms/" RAMFB_ROM, rom, errp));

    if (rom) {
        g_bytes_unref(rom);
    }
    g_free(path);
    return ok;
}

static bool ramfb_realize(Device *dev, Error **errp)
{
    static const uint8_t nothing[RAMFB_FILE_SIZE];
    RamFb *d = container_of(dev, RamFb, dev);

    d->fw_cfg = fw_cfg_on_bus(dev->bus);
    if (!d->fw_cfg) {
        error_set(errp, "ramfb: this machine has no fw_cfg, through which the guest would set it up");
        return false;
    }
    d->console = console_new("ramfb", &ramfb_console_ops, d);
    console_set_device(d->console, dev->id, 0);
    fb_init(&d->scan, d->console, &d->view, 0);
    GBytes *file = g_bytes_new_static(nothing, sizeof(nothing));
    bool ok = fw_cfg_add_writable(d->fw_cfg, "etc/ramfb", file, ramfb_written, d, errp) && ramfb_add_rom(d, errp);

    g_bytes_unref(file);
    if (!ok) {
        fw_cfg_remove_callbacks(d->fw_cfg, d);
        fb_free(&d->scan);
        console_free(d->console);
    }
    return ok;
}

static void ramfb_reset(Device *dev)
{
    RamFb *d = container_of(dev, RamFb, dev);

    d->addr = 0;
    d->fourcc = d->width = d->height = d->stride = 0;
    console_changed(d->console);
}

static void ramfb_unrealize(Device *dev)
{
    RamFb *d = container_of(dev, RamFb, dev);

    fw_cfg_remove_callbacks(d->fw_cfg, d);
    fb_free(&d->scan);
    console_free(d->console);
    d->console = NULL;
}

static bool ramfb_post_load(void *opaque, int version, Error **errp)
{
    (void)version, (void)errp; /* what was loaded is checked whenever it is used */
    console_changed(((RamFb *)opaque)->console);
    return true;
}

static const VMState ramfb_state = {
    .name = "ramfb",
    .version = 1,
    .fields = (const VMStateField[]){ VMS_UINT(RamFb, addr), VMS_UINT(RamFb, fourcc), VMS_UINT(RamFb, width), VMS_UINT(RamFb, height),
                                      VMS_UINT(RamFb, stride), VMS_END },
    .post_load = ramfb_post_load,
};

static const DeviceClass ramfb_class = {
    .name = "ramfb",
    .desc = "Frame buffer in guest RAM, set up by firmware",
    .category = "Display",
    .bus = BUS_SYSTEM,
    .size = sizeof(RamFb),
    .user_creatable = true,
    .state = &ramfb_state,
    .realize = ramfb_realize,
    .reset = ramfb_reset,
    .unrealize = ramfb_unrealize,
};
DEVICE_REGISTER(ramfb_class);
