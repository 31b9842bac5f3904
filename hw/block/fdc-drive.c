/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floppy drives: media by their size, heads, disk change line, and the `floppy` device that puts a -drive on the
 * controller's bus.  Main thread and vCPU threads, all under the big lock.
 */
#include "util/osdep.h"
#include "hw/block/fdc-int.h"

enum { RATE_500 = 1 << 0, RATE_300 = 1 << 1, RATE_250 = 1 << 2, RATE_1000 = 1 << 3 };

/* By ascending size; an image that has no size of these lies on the next larger one. */
static const FdcGeometry fdc_geometries[] = {
    { 320, 40, 1, 8, RATE_250 | RATE_300 },  /* 160 KiB */
    { 360, 40, 1, 9, RATE_250 | RATE_300 },  /* 180 KiB */
    { 640, 40, 2, 8, RATE_250 | RATE_300 },  /* 320 KiB */
    { 720, 40, 2, 9, RATE_250 | RATE_300 },  /* 360 KiB */
    { 1440, 80, 2, 9, RATE_250 },            /* 720 KiB */
    { 1640, 82, 2, 10, RATE_250 },           /* 820 KiB */
    { 2400, 80, 2, 15, RATE_500 },           /* 1.2 MB */
    { 2880, 80, 2, 18, RATE_500 },           /* 1.44 MB */
    { 3200, 80, 2, 20, RATE_500 },           /* 1.6 MB */
    { 3360, 80, 2, 21, RATE_500 },           /* 1.68 MB (DMF) */
    { 3444, 82, 2, 21, RATE_500 },           /* 1.72 MB */
    { 3840, 80, 2, 24, RATE_500 },           /* 1.92 MB */
    { 5760, 80, 2, 36, RATE_1000 | RATE_500 }, /* 2.88 MB */
};

void fdc_drive_medium(FdcDrive *d)
{
    uint64_t sectors = d->blk ? blk_size(d->blk) / FDC_SECTOR : 0;
    d->geo = NULL;
    for (unsigned i = 0; sectors && i < G_N_ELEMENTS(fdc_geometries); i++) {
        d->geo = &fdc_geometries[i];
        if (sectors <= d->geo->sectors) {
            break;
        }
    }
}

bool fdc_drive_ready(const FdcDrive *d)
{
    return d->geo && blk_has_medium(d->blk);
}

bool fdc_drive_protected(const FdcDrive *d)
{
    return fdc_drive_ready(d) && blk_readonly(d->blk);
}

/* A step with a disk in the drive takes the change line back. */
void fdc_drive_seek(FdcDrive *d, unsigned track)
{
    unsigned last = d->geo && d->geo->tracks > 80 ? d->geo->tracks - 1u : 79 + 5;
    track = MIN(track, last); /* the carriage ends there */
    if (track != d->track) {
        if (fdc_drive_ready(d)) {
            d->changed = false;
        }
        d->track = (uint8_t)track;
    }
}

bool fdc_drive_offset(const FdcDrive *d, unsigned cyl, unsigned head, unsigned sector, uint64_t *off)
{
    const FdcGeometry *g = d->geo;
    if (!g || cyl >= g->tracks || head >= g->heads || sector < 1 || sector > g->spt) {
        return false;
    }
    *off = (((uint64_t)cyl * g->heads + head) * g->spt + sector - 1) * FDC_SECTOR;
    return true;
}

/* ---- What the user does ------------------------------------------------------------------------------------------- */

static void fdc_drive_medium_changed(void *opaque, bool loaded)
{
    FdcDrive *d = opaque;
    (void)loaded;
    fdc_drive_medium(d);
    d->changed = true;
}

static char *fdc_drive_describe(void *opaque)
{
    FdcDrive *d = opaque;
    return g_strdup_printf("/machine/unattached/floppy[%d]", (int)(d - d->fdc->drives));
}

static const BlkDevOps fdc_drive_ops = { .describe = fdc_drive_describe, .medium_changed = fdc_drive_medium_changed };

bool fdc_drive_attach(Fdc *f, unsigned unit, Blk *blk, Error **errp)
{
    FdcDrive *d = &f->drives[unit];
    if (d->blk) {
        error_set(errp, "floppy drive %u is there already", unit);
        return false;
    }
    if (!blk) {
        char *name = g_strdup_printf("floppy%u", unit);
        blk = d->own_blk = blk_new_empty(name);
        g_free(name);
    }
    if (!blk_attach_dev(blk, &fdc_drive_ops, d, errp)) {
        return false;
    }
    d->fdc = f;
    d->blk = blk;
    fdc_drive_medium(d);
    d->changed = true;
    return true;
}

void fdc_drive_detach(Fdc *f, unsigned unit)
{
    FdcDrive *d = &f->drives[unit];
    if (d->blk) {
        blk_detach_dev(d->blk);
    }
    blk_free(d->own_blk);
    d->blk = d->own_blk = NULL;
    d->geo = NULL;
}

/* ---- The bus and -device floppy ----------------------------------------------------------------------------------- */

typedef struct FloppyDevice {
    Device dev;
    Blk *blk;
    int32_t unit;
    int drive_type;
} FloppyDevice;

static const char *const floppy_types[] = { "auto", "144", "288", "120", "none", NULL };

const BusClass fdc_bus_class = { .kind = BUS_FLOPPY, .type = "floppy-bus" };

static bool floppy_realize(Device *dev, Error **errp)
{
    FloppyDevice *s = container_of(dev, FloppyDevice, dev);
    Fdc *f = container_of(dev->bus, Fdc, bus);
    if (s->unit < 0) {
        s->unit = f->drives[0].blk ? 1 : 0;
    }
    if (s->unit >= FDC_DRIVES) {
        error_set(errp, "floppy: unit=%d is out of range: the controller has units 0 and 1", s->unit);
        return false;
    }
    return fdc_drive_attach(f, (unsigned)s->unit, s->blk, errp);
}

static void floppy_unrealize(Device *dev)
{
    FloppyDevice *s = container_of(dev, FloppyDevice, dev);
    fdc_drive_detach(container_of(dev->bus, Fdc, bus), (unsigned)s->unit);
}

static const Prop floppy_props[] = {
    PROP(FloppyDevice, blk, "drive", prop_drive, NULL, "ID of the -drive that holds the image"),
    PROP(FloppyDevice, unit, "unit", prop_i32, "-1", "0: A, 1: B; -1: the first free one"),
    { .name = "drive-type", .type = &prop_enum, .offset = offsetof(FloppyDevice, drive_type), .def = "auto",
      .names = floppy_types, .help = "accepted for compatibility: the drive takes every size" },
    PROP_END,
};

static const DeviceClass floppy_class = {
    .name = "floppy", .desc = "virtual floppy drive", .category = "Storage", .bus = BUS_FLOPPY,
    .size = sizeof(FloppyDevice), .user_creatable = true, .props = floppy_props, .realize = floppy_realize,
    .unrealize = floppy_unrealize,
};
DEVICE_REGISTER(floppy_class);
