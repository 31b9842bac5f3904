/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-hd and ide-cd: a drive as a device on an IDE channel: its properties, its place, its medium.
 * Main thread (realize, medium) and vCPU threads, all under the big lock.
 */
#include "util/osdep.h"
#include "hw/ide/ide-bus.h"
#include "system/runstate.h"

typedef struct IdeDevice {
    Device dev;
    AtaDrive ata;
    RunstateNotifier notifier;
    bool attached; /* has its place on the bus */
    Blk *own_blk;  /* made here for a CD-ROM drive without drive= */
    char *own_serial;
    /* properties */
    Blk *blk;
    int32_t unit, bootindex;
    char *serial, *model, *version;
    uint64_t wwn;
    uint16_t rotation_rate;
    uint32_t logical_block_size, physical_block_size;
    int write_cache; /* index of ide_dev_auto */
} IdeDevice;

static const char *const ide_dev_auto[] = { "auto", "on", "off", NULL };

static IdeBus *ide_dev_bus(IdeDevice *s)
{
    return container_of(s->dev.bus, IdeBus, bus);
}

/* ---- Bus ------------------------------------------------------------------------------------------------------ */

static bool ide_dev_attach(Bus *bus, Device *dev, Error **errp)
{
    IdeBus *b = container_of(bus, IdeBus, bus);
    IdeDevice *s = container_of(dev, IdeDevice, dev);
    int unit = s->unit >= 0 ? s->unit : b->drives[0] ? 1 : 0;
    if (unit > 1) {
        error_set(errp, "%s: unit=%d is out of range: a channel has units 0 (master) and 1 (slave)", dev->cls->name, unit);
        return false;
    }
    if (b->drives[unit]) {
        error_set(errp, "%s: unit %d of %s is taken", dev->cls->name, unit, bus->name);
        error_add_hint(errp, "Free places are found with `info qtree`; a PC has ide.0 and ide.1 with two units each.");
        return false;
    }
    s->unit = unit;
    b->drives[unit] = &s->ata;
    s->attached = true;
    return true;
}

static void ide_dev_detach(Bus *bus, Device *dev)
{
    IdeBus *b = container_of(bus, IdeBus, bus);
    IdeDevice *s = container_of(dev, IdeDevice, dev);
    if (s->attached) {
        b->drives[s->unit] = NULL; /* drives do not go while the machine runs; when it ends, its lines may be gone already */
        s->attached = false;
    }
}

const BusClass ide_bus_class = { .kind = BUS_IDE, .type = "IDE", .attach = ide_dev_attach, .detach = ide_dev_detach };

/* ---- What the cable and the drive's user do ------------------------------------------------------------------------- */

static void ide_dev_irq_changed(void *opaque)
{
    IdeDevice *s = opaque;
    ide_bus_update_irq(ide_dev_bus(s));
}

static AtaDmaResult ide_dev_dma_move(void *opaque, void *buf, uint32_t len, bool to_memory, uint32_t *moved)
{
    IdeBus *b = ide_dev_bus(opaque);
    return b->ctl.dma_move(b->ctl.opaque, buf, len, to_memory, moved);
}

static void ide_dev_dma_end(void *opaque, bool error)
{
    IdeBus *b = ide_dev_bus(opaque);
    b->ctl.dma_end(b->ctl.opaque, error);
}

static void ide_dev_runstate(RunstateNotifier *n, bool running, RunState state)
{
    IdeDevice *s = container_of(n, IdeDevice, notifier);
    (void)state;
    if (running) {
        ata_resume(&s->ata);
    }
}

static char *ide_dev_describe(void *opaque)
{
    IdeDevice *s = opaque;
    return s->dev.id ? g_strdup(s->dev.id) : g_strdup_printf("/machine/unattached/%s[%u.%d]", s->dev.cls->name,
                                                             ide_dev_bus(s)->channel, s->unit);
}

static void ide_dev_medium_changed(void *opaque, bool loaded)
{
    IdeDevice *s = opaque;
    atapi_medium_changed(&s->ata, loaded);
}

static void ide_dev_eject_request(void *opaque, bool force)
{
    IdeDevice *s = opaque;
    atapi_eject_request(&s->ata);
    if (force) {
        s->ata.locked = false;
    }
}

static bool ide_dev_tray_open(void *opaque)
{
    IdeDevice *s = opaque;
    return s->ata.tray_open;
}

static bool ide_dev_medium_locked(void *opaque)
{
    IdeDevice *s = opaque;
    return s->ata.locked;
}

static const BlkDevOps ide_hd_ops = { .describe = ide_dev_describe };
static const BlkDevOps ide_cd_ops = {
    .describe = ide_dev_describe,
    .medium_changed = ide_dev_medium_changed,
    .eject_request = ide_dev_eject_request,
    .tray_open = ide_dev_tray_open,
    .medium_locked = ide_dev_medium_locked,
};

/* ---- Life ----------------------------------------------------------------------------------------------------- */

static bool ide_dev_check_disk(IdeDevice *s, Error **errp)
{
    const char *name = s->dev.cls->name;
    if (!s->blk) {
        error_set(errp, "%s needs a drive", name);
        error_add_hint(errp, "Give it drive=ID, with -drive file=FILE,if=none,id=ID.");
        return false;
    }
    if (!blk_has_medium(s->blk)) {
        error_set(errp, "%s: drive '%s' is empty, and a hard disk cannot be", name, blk_name(s->blk));
        return false;
    }
    if (blk_readonly(s->blk)) {
        error_set(errp, "%s: drive '%s' is read-only, which an IDE disk cannot tell its guest", name, blk_name(s->blk));
        error_add_hint(errp, "Use snapshot=on, or media=cdrom for an ISO image.");
        return false;
    }
    if (blk_size(s->blk) < 512) {
        error_set(errp, "%s: drive '%s' has no whole sector", name, blk_name(s->blk));
        return false;
    }
    return true;
}

static bool ide_dev_check_text(IdeDevice *s, const char *what, const char *text, size_t max, Error **errp)
{
    if (text && strlen(text) > max) {
        error_set(errp, "%s: %s '%s' is longer than %zu letters", s->dev.cls->name, what, text, max);
        return false;
    }
    return true;
}

/* Names as guests know them from qemu-kvm: /dev/disk/by-id stays the same. */
static void ide_dev_names(IdeDevice *s, AtaConfig *cfg)
{
    bool cd = cfg->cdrom;
    g_free(s->own_serial);
    s->own_serial = g_strdup_printf("QM%05u", ide_dev_bus(s)->channel * 2 + (unsigned)s->unit + 1);
    cfg->serial = s->serial ? s->serial : blk_serial(s->blk) ? blk_serial(s->blk) : s->own_serial;
    cfg->model = s->model ? s->model : cd ? "QEMU DVD-ROM" : "QEMU HARDDISK";
    cfg->version = s->version ? s->version : "2.5+";
}

static bool ide_dev_setup(IdeDevice *s, bool cdrom, Error **errp)
{
    if (!cdrom && !ide_dev_check_disk(s, errp)) {
        return false;
    }
    if (s->logical_block_size != 512 || s->physical_block_size < 512 || !is_pow2(s->physical_block_size)) {
        error_set(errp, "%s: an IDE disk has logical_block_size=512, and physical_block_size a power of two from 512",
                  s->dev.cls->name);
        return false;
    }
    AtaConfig cfg = { .blk = s->blk, .cdrom = cdrom, .wwn = s->wwn, .rotation_rate = s->rotation_rate,
                      .physical_sectors_log2 = (uint8_t)__builtin_ctz(s->physical_block_size / 512),
                      .slave = s->unit == 1 };
    ide_dev_names(s, &cfg);
    if (!ide_dev_check_text(s, "serial", cfg.serial, 20, errp) || !ide_dev_check_text(s, "model", cfg.model, 40, errp) ||
        !ide_dev_check_text(s, "ver", cfg.version, 8, errp) ||
        !blk_attach_dev(s->blk, cdrom ? &ide_cd_ops : &ide_hd_ops, s, errp)) {
        return false;
    }
    const AtaHost host = { .irq_changed = ide_dev_irq_changed, .dma_move = ide_dev_dma_move, .dma_end = ide_dev_dma_end,
                           .opaque = s };
    ata_init(&s->ata, &cfg, &host);
    return true;
}

static void ide_dev_free_own(IdeDevice *s)
{
    if (s->own_blk) {
        blk_free(s->own_blk);
        s->own_blk = s->blk = NULL;
    }
    g_free(s->own_serial);
    s->own_serial = NULL;
}

static bool ide_dev_realize(Device *dev, bool cdrom, Error **errp)
{
    IdeDevice *s = container_of(dev, IdeDevice, dev);
    if (cdrom && !s->blk) {
        s->own_blk = blk_new_empty(dev->id ? dev->id : "ide-cd");
        s->blk = s->own_blk;
    }
    if (!ide_dev_setup(s, cdrom, errp)) {
        ide_dev_free_own(s);
        return false;
    }
    if (s->write_cache) {
        blk_set_writeback(s->blk, s->write_cache == 1);
    }
    s->notifier = (RunstateNotifier){ .changed = ide_dev_runstate };
    runstate_notifier_add(&s->notifier);
    return true;
}

static bool ide_hd_realize(Device *dev, Error **errp)
{
    return ide_dev_realize(dev, false, errp);
}

static bool ide_cd_realize(Device *dev, Error **errp)
{
    return ide_dev_realize(dev, true, errp);
}

static void ide_dev_reset(Device *dev)
{
    IdeDevice *s = container_of(dev, IdeDevice, dev);
    ata_reset(&s->ata);
}

static void ide_dev_unrealize(Device *dev)
{
    IdeDevice *s = container_of(dev, IdeDevice, dev);
    runstate_notifier_remove(&s->notifier);
    ata_destroy(&s->ata);
    blk_detach_dev(s->blk);
    ide_dev_free_own(s);
}

Device *ide_create_drive(IdeBus *b, unsigned unit, Blk *blk, bool cdrom, Error **errp)
{
    const DeviceClass *cls = device_class_find(cdrom ? "ide-cd" : "ide-hd");
    Device *dev = device_new(cls);
    IdeDevice *s = container_of(dev, IdeDevice, dev);
    s->blk = blk;
    s->unit = (int32_t)unit;
    if (!device_realize(dev, &b->bus, errp)) {
        s->blk = NULL;
        device_free(dev);
        return NULL;
    }
    return dev;
}

static bool ide_dev_post_load(void *opaque, int version, Error **errp)
{
    IdeDevice *s = opaque;
    (void)version;
    (void)errp;
    ide_bus_update_irq(ide_dev_bus(s));
    return true;
}

static const VMStateField ide_dev_fields[] = { VMS_STRUCT(IdeDevice, ata, ata_state), VMS_END };
static const VMState ide_dev_state = { .name = "ide-drive", .version = 1, .fields = ide_dev_fields,
                                       .post_load = ide_dev_post_load };

#define IDE_DEV_PROPS \
    PROP(IdeDevice, blk, "drive", prop_drive, NULL, "Node name or ID of a block device to use as a backend"), \
    PROP(IdeDevice, unit, "unit", prop_i32, "-1", "0: master, 1: slave; -1: the first free one"), \
    PROP(IdeDevice, serial, "serial", prop_string, NULL, "serial number, at most 20 letters"), \
    PROP(IdeDevice, model, "model", prop_string, NULL, "model name, at most 40 letters"), \
    PROP(IdeDevice, version, "ver", prop_string, NULL, "firmware version, at most 8 letters"), \
    PROP(IdeDevice, wwn, "wwn", prop_u64, "0", "world wide name; 0: none"), \
    PROP(IdeDevice, bootindex, "bootindex", prop_i32, "-1", "place in the boot order; -1: none"), \
    { .name = "write-cache", .type = &prop_enum, .offset = offsetof(IdeDevice, write_cache), .def = "auto", \
      .names = ide_dev_auto, .help = "write cache as the guest sees it; auto: by cache= of the drive" }, \
    PROP(IdeDevice, logical_block_size, "logical_block_size", prop_u32, "512", "bytes of a sector: 512"), \
    PROP(IdeDevice, physical_block_size, "physical_block_size", prop_u32, "512", "bytes of a physical sector")

static const Prop ide_hd_props[] = {
    IDE_DEV_PROPS,
    PROP(IdeDevice, rotation_rate, "rotation_rate", prop_u16, "0", "rotations a minute; 1: solid state; 0: not told"),
    PROP_END,
};
static const Prop ide_cd_props[] = { IDE_DEV_PROPS, PROP_END };

static const DeviceClass ide_hd_class = {
    .name = "ide-hd", .desc = "virtual IDE disk", .category = "Storage", .bus = BUS_IDE, .size = sizeof(IdeDevice),
    .user_creatable = true, .props = ide_hd_props, .state = &ide_dev_state, .realize = ide_hd_realize,
    .reset = ide_dev_reset, .unrealize = ide_dev_unrealize,
};
DEVICE_REGISTER(ide_hd_class);

static const DeviceClass ide_cd_class = {
    .name = "ide-cd", .desc = "virtual IDE CD-ROM", .category = "Storage", .bus = BUS_IDE, .size = sizeof(IdeDevice),
    .user_creatable = true, .props = ide_cd_props, .state = &ide_dev_state, .realize = ide_cd_realize,
    .reset = ide_dev_reset, .unrealize = ide_dev_unrealize,
};
DEVICE_REGISTER(ide_cd_class);
