/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of drives: where -drive's words put each one, its name, and the end of all.  See drive.h.
 * Main thread, under the big lock.
 */
#include "util/osdep.h"
#include "block/drive-int.h"

static GPtrArray *drives; /* Drive * */

static const char *const drive_if_names[] = { "ide", "floppy", "virtio", "scsi", "none", "pflash", NULL };
static const DriveIf drive_ifs[] = { DRIVE_IF_IDE, DRIVE_IF_FLOPPY, DRIVE_IF_VIRTIO, DRIVE_IF_SCSI, DRIVE_IF_NONE,
                                     DRIVE_IF_PFLASH };

GPtrArray *drive_list(void)
{
    if (!drives) {
        drives = g_ptr_array_new();
    }
    return drives;
}

static const char *drive_if_name(DriveIf interface)
{
    for (unsigned i = 0; drive_if_names[i]; i++) {
        if (drive_ifs[i] == interface) {
            return drive_if_names[i];
        }
    }
    return "none";
}

/* Units on one bus; 0: no buses. */
static int drive_units_per_bus(DriveIf interface)
{
    return interface == DRIVE_IF_IDE ? 2 : interface == DRIVE_IF_SCSI ? 7 : 0;
}

static Drive *drive_at(DriveIf interface, int bus, int unit)
{
    for (unsigned i = 0; i < drive_list()->len; i++) {
        Drive *d = drives->pdata[i];
        if (d->interface == interface && d->bus == bus && d->unit == unit) {
            return d;
        }
    }
    return NULL;
}

static bool drive_get_number(KeyVal *kv, const char *key, int *out, Error **errp)
{
    uint64_t v = UINT64_MAX;
    if (!keyval_get_uint(kv, key, 0, 255, &v, errp)) {
        return false;
    }
    *out = v == UINT64_MAX ? -1 : (int)v;
    return true;
}

/* Where the drive goes: index, or bus and unit, or the first free place. */
static bool drive_place(Drive *d, KeyVal *kv, Error **errp)
{
    int per_bus = drive_units_per_bus(d->interface);
    if (!drive_get_number(kv, "index", &d->index, errp) || !drive_get_number(kv, "bus", &d->bus, errp) ||
        !drive_get_number(kv, "unit", &d->unit, errp)) {
        return false;
    }
    if (d->index >= 0 && (d->bus >= 0 || d->unit >= 0)) {
        error_set(errp, "drive: index=%d cannot be used together with bus= and unit=", d->index);
        return false;
    }
    if (d->index >= 0) {
        d->bus = per_bus ? d->index / per_bus : 0;
        d->unit = per_bus ? d->index % per_bus : d->index;
    }
    bool search = d->unit < 0;
    d->bus = MAX(d->bus, 0);
    d->unit = MAX(d->unit, 0);
    while (search && drive_at(d->interface, d->bus, d->unit)) {
        d->unit++;
        if (per_bus && d->unit >= per_bus) {
            d->unit = 0;
            d->bus++;
        }
    }
    if (per_bus && d->unit >= per_bus) {
        error_set(errp, "drive: unit=%d is too large: a bus of if=%s has units 0 to %d", d->unit,
                  drive_if_name(d->interface), per_bus - 1);
        return false;
    }
    d->index = per_bus ? d->bus * per_bus + d->unit : d->unit;
    int limit = d->interface == DRIVE_IF_IDE ? 4 : d->interface == DRIVE_IF_FLOPPY ? 2 : 256;
    if (d->index >= limit || (!per_bus && d->bus > 0)) {
        error_set(errp, "drive: there is no place for bus=%d, unit=%d (index=%d) of if=%s: it has indexes 0 to %d", d->bus,
                  d->unit, d->index, drive_if_name(d->interface), limit - 1);
        return false;
    }
    Drive *other = drive_at(d->interface, d->bus, d->unit);
    if (other) {
        error_set(errp, "drive with if=%s, bus=%d, unit=%d (index=%d) exists: '%s'", drive_if_name(d->interface), d->bus,
                  d->unit, d->index, other->id);
        error_add_hint(errp, "-hda, -hdb, -cdrom and -hdd are the indexes 0, 1, 2 and 3 of if=ide.");
        return false;
    }
    return true;
}

/* "ide0-hd1", "ide1-cd0", "floppy0", "none2": the names that tools expect. */
static char *drive_make_id(const Drive *d)
{
    if (drive_units_per_bus(d->interface)) {
        return g_strdup_printf("%s%d-%s%d", drive_if_name(d->interface), d->bus, d->cdrom ? "cd" : "hd", d->unit);
    }
    return g_strdup_printf("%s%d", drive_if_name(d->interface), d->unit);
}

static bool drive_kind(Drive *d, KeyVal *kv, Error **errp)
{
    const char *interface = keyval_get(kv, "if"), *media = keyval_get(kv, "media");
    d->interface = DRIVE_IF_IDE; /* the default of the machines that we have */
    if (interface) {
        unsigned i = 0;
        while (drive_if_names[i] && strcmp(drive_if_names[i], interface)) {
            i++;
        }
        if (!drive_if_names[i]) {
            const char *near = suggest_nearest(interface, drive_if_names);
            error_set(errp, "drive: if=%s is not one of ide, floppy, virtio, scsi, none, pflash", interface);
            if (near) {
                error_add_hint(errp, "Did you mean if=%s?", near);
            }
            return false;
        }
        d->interface = drive_ifs[i];
    }
    if (media && strcmp(media, "disk") && strcmp(media, "cdrom")) {
        error_set(errp, "drive: media=%s is neither disk nor cdrom", media);
        return false;
    }
    d->cdrom = media && !strcmp(media, "cdrom");
    return true;
}

static bool drive_set_id(Drive *d, const char *id, Error **errp)
{
    d->id = id ? g_strdup(id) : drive_make_id(d);
    if (id && !g_ascii_isalpha(*id)) {
        error_set(errp, "drive: id=%s does not begin with a letter", id);
        return false;
    }
    if (drive_find(d->id)) {
        error_set(errp, "drive id '%s' is used twice", d->id);
        return false;
    }
    return true;
}

static void drive_free(Drive *d)
{
    blk_free(d->blk);
    g_free(d->id);
    g_free(d);
}

static bool drive_make(Drive *d, const DriveImage *img, const BlkConfig *cfg, Error **errp)
{
    bool may_be_empty = d->cdrom || d->interface == DRIVE_IF_FLOPPY || d->interface == DRIVE_IF_NONE;
    if (img->none && !drive_image_no_leftovers(img, errp)) {
        return false;
    }
    if (img->none && !may_be_empty) {
        error_set(errp, "drive '%s' has no file=", d->id);
        error_add_hint(errp, "Only CD-ROM and floppy drives may be empty.");
        return false;
    }
    BlockNode *node = img->none ? NULL : drive_image_open(img, errp);
    if (!img->none && !node) {
        return false;
    }
    d->blk = blk_new(d->id, cfg);
    /* A group without limits of one's own: those that it has, or that another of its drives brings. */
    blk_set_throttle(d->blk, img->throttle_group, img->throttle_group && !throttle_config_on(&img->throttle) ? NULL : &img->throttle);
    return blk_set_node(d->blk, node, errp);
}

static bool drive_open_medium(Drive *d, KeyVal *kv, bool snapshot_all, Error **errp)
{
    DriveImage img = { .snapshot = snapshot_all };
    BlkConfig cfg = { 0 };
    bool ignored;
    img.how.auto_readonly = d->cdrom || d->interface == DRIVE_IF_FLOPPY;
    /* boot=on of old qemu-kvm: every drive is bootable */
    bool ok = keyval_get_bool(kv, "boot", &ignored, errp) && drive_image_options(kv, &img, &cfg, errp) &&
              drive_set_id(d, keyval_get(kv, "id"), errp);
    if (ok) {
        img.how.readonly |= d->cdrom;
        d->snapshot = img.snapshot && !img.how.readonly;
        ok = drive_make(d, &img, &cfg, errp);
    }
    keyval_free(img.rest);
    return ok;
}

Drive *drive_open(struct KeyVal *kv, bool snapshot_all, Error **errp)
{
    Drive *d = g_new0(Drive, 1);
    keyval_get(kv, "id"); /* marks it as used */
    if (!drive_kind(d, kv, errp) || !drive_place(d, kv, errp) || !drive_open_medium(d, kv, snapshot_all, errp)) {
        drive_free(d);
        return NULL;
    }
    g_ptr_array_add(drive_list(), d);
    return d;
}

Drive *drive_find(const char *id)
{
    for (unsigned i = 0; i < drive_list()->len; i++) {
        Drive *d = drives->pdata[i];
        if (!strcmp(d->id, id)) {
            return d;
        }
    }
    return NULL;
}

Drive *drive_get(DriveIf interface, int index)
{
    interface = interface == DRIVE_IF_DEFAULT ? DRIVE_IF_IDE : interface;
    for (unsigned i = 0; i < drive_list()->len; i++) {
        Drive *d = drives->pdata[i];
        if (d->interface == interface && d->index == index) {
            return d;
        }
    }
    return NULL;
}

bool drive_set_throttle(Drive *d, const uint64_t limits[6], Error **errp)
{
    ThrottleConfig c = { 0 };
    for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
        c.limit[i].avg = limits[i];
    }
    if (!throttle_config_check(&c, errp)) {
        return false;
    }
    ThrottleGroup *g = blk_throttle(d->blk);
    char *name = g_strdup(g ? throttle_group_name(g) : d->id);
    blk_set_throttle(d->blk, name, &c);
    g_free(name);
    return true;
}

Drive *drive_for_node(const char *node_name, Error **errp)
{
    BlockNode *n = block_node_find(node_name);
    if (!n) {
        error_set(errp, "there is no drive or node '%s'", node_name);
        error_add_hint(errp, "Make it with -drive file=FILE,if=none,id=%s or -blockdev ...,node-name=%s.", node_name, node_name);
        return NULL;
    }
    Drive *d = g_new0(Drive, 1);
    *d = (Drive){ .id = g_strdup(node_name), .interface = DRIVE_IF_NONE, .bus = -1, .unit = -1, .index = -1, .anonymous = true };
    d->blk = blk_new_empty(node_name);
    if (!blk_set_node(d->blk, block_node_ref(n), errp)) {
        drive_free(d);
        return NULL;
    }
    g_ptr_array_add(drive_list(), d);
    return d;
}

void drive_each(void (*fn)(void *opaque, Drive *d), void *opaque)
{
    for (unsigned i = 0; i < drive_list()->len; i++) {
        fn(opaque, drives->pdata[i]);
    }
}

void drive_close_all(void)
{
    blk_drain_all();
    while (drive_list()->len) {
        Drive *d = drives->pdata[drives->len - 1];
        g_ptr_array_remove_index(drives, drives->len - 1);
        drive_free(d);
    }
    blockdev_del_all();
}
