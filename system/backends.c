/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only place that knows devices and back ends at once: -chardev, -serial, -monitor, -drive and -device become
 * objects here, and the property types that name back ends live here.  Start-up and monitor, main thread, big lock.
 */
#include "util/osdep.h"
#include "system/backends.h"

#include "accel/qtest/qtest.h"
#include "block/drive.h"
#include "block/image.h"
#include "block/throttle.h"
#include "chardev/char.h"
#include "monitor/monitor.h"
#include "system/membackend.h"
#include "util/keyval.h"
#include "util/secret.h"
#include "util/tls.h"

/* Property types. */

static void *backends_field(Device *d, const Prop *p)
{
    return (char *)d + p->offset;
}

static bool backends_set_drive(Device *d, const Prop *p, const char *text, Error **errp)
{
    Blk **field = backends_field(d, p);
    Drive *drive = drive_find(text);
    drive = drive ? drive : drive_for_node(text, errp);
    if (!drive) {
        error_prepend(errp, "property '%s.%s': ", d->cls->name, p->name);
        return false;
    }
    if (drive->claimed) {
        error_set(errp, "property '%s.%s': drive '%s' is used by another device", d->cls->name, p->name, text);
        return false;
    }
    drive->claimed = true;
    *field = drive->blk;
    return true;
}

static char *backends_get_drive(Device *d, const Prop *p)
{
    Blk **field = backends_field(d, p);
    return *field ? g_strdup(blk_name(*field)) : NULL;
}

static void backends_unclaim(void *opaque, Drive *drive)
{
    if (drive->blk == opaque) {
        drive->claimed = false;
    }
}

static void backends_release_drive(Device *d, const Prop *p)
{
    Blk **field = backends_field(d, p);
    if (*field) {
        drive_each(backends_unclaim, *field);
        *field = NULL;
    }
}

const PropType prop_drive = { "str", backends_set_drive, backends_get_drive, backends_release_drive };

static bool backends_set_chardev(Device *d, const Prop *p, const char *text, Error **errp)
{
    CharFe *fe = backends_field(d, p);
    Chardev *c = char_find(text);
    if (!c) {
        error_set(errp, "property '%s.%s': there is no character device '%s'", d->cls->name, p->name, text);
        error_add_hint(errp, "Make it with -chardev KIND,id=%s.", text);
        return false;
    }
    if (fe->chr) {
        char_fe_detach(fe);
    }
    return char_fe_attach(fe, c, errp);
}

static char *backends_get_chardev(Device *d, const Prop *p)
{
    CharFe *fe = backends_field(d, p);
    return fe->chr ? g_strdup(char_label(fe->chr)) : NULL;
}

static void backends_release_chardev(Device *d, const Prop *p)
{
    char_fe_detach(backends_field(d, p));
}

const PropType prop_chardev = { "str", backends_set_chardev, backends_get_chardev, backends_release_chardev };

static bool backends_set_netdev(Device *d, const Prop *p, const char *text, Error **errp)
{
    error_set(errp, "property '%s.%s': there is no network back end '%s'; networking comes with a later version",
              d->cls->name, p->name, text);
    return false;
}

static char *backends_get_netdev(Device *d, const Prop *p)
{
    (void)d;
    (void)p;
    return NULL;
}

const PropType prop_netdev = { "str", backends_set_netdev, backends_get_netdev, NULL };

/* Monitors. */

static bool backends_monitor_on_mux(Chardev *mux, Error **errp)
{
    return monitor_new(mux, errp);
}

static bool backends_create_monitor(const MonitorOption *m, unsigned n, Error **errp)
{
    Chardev *c = m->chardev ? char_find(m->chardev) : NULL;
    if (m->chardev && !c) {
        error_set(errp, "-mon: there is no character device '%s'", m->chardev);
        error_add_hint(errp, "Make it with -chardev KIND,id=%s.", m->chardev);
        return false;
    }
    if (!m->chardev) {
        char *label = g_strdup_printf("compat_monitor%u", n);
        bool ok = char_from_legacy(label, m->spec, false, &c, errp);
        g_free(label);
        if (!ok) {
            error_prepend(errp, "-monitor %s: ", m->spec);
            return false;
        }
    }
    return !c || monitor_new(c, errp);
}

/* Character devices. */

static bool backends_create_serial(Options *o, Error **errp)
{
    for (unsigned i = 0; i < o->serials->len; i++) {
        char label[16];
        g_snprintf(label, sizeof(label), "serial%u", i);
        if (!char_from_legacy(label, o->serials->pdata[i], false, &o->cfg.serial[i], errp)) {
            error_prepend(errp, "-serial %s: ", (char *)o->serials->pdata[i]);
            return false;
        }
    }
    return true;
}

/* What is there without being asked for: a serial port and a monitor, on the terminal with -nographic. */
static void backends_apply_defaults(Options *o)
{
    bool serial = o->default_devices && !o->serial_given;
    bool monitor = o->default_devices && !o->monitor_none;
    for (unsigned i = 0; i < o->devices->len; i++) {
        serial = serial && !g_str_has_prefix(o->devices->pdata[i], "isa-serial");
    }
    if (serial) {
        g_ptr_array_add(o->serials, g_strdup(!o->nographic ? "vc" : monitor ? "mon:stdio" : "stdio"));
    }
    if (monitor && !(o->nographic && serial)) {
        MonitorOption *m = g_new0(MonitorOption, 1);
        m->spec = g_strdup(o->nographic ? "stdio" : "vc");
        g_ptr_array_add(o->monitors, m);
    }
}

static bool backends_create_chardevs(Options *o, Error **errp)
{
    for (unsigned i = 0; i < o->chardevs->len; i++) {
        if (!char_new(o->chardevs->pdata[i], errp)) {
            error_prepend(errp, "-chardev %s: ", (char *)o->chardevs->pdata[i]);
            return false;
        }
    }
    if (o->debugcon && !char_from_legacy("debugcon", o->debugcon, false, &o->cfg.debugcon, errp)) {
        error_prepend(errp, "-debugcon %s: ", o->debugcon);
        return false;
    }
    return true;
}

static bool backends_create_qtest(Options *o, Error **errp)
{
    Chardev *c;
    if (!o->qtest) {
        return true;
    }
    if (!char_from_legacy("qtest", o->qtest, false, &c, errp) || !c || !qtest_start_server(c, o->qtest_log, errp)) {
        error_prepend(errp, "-qtest %s: ", o->qtest);
        return false;
    }
    return true;
}

/* Drives. */

static bool backends_claim_ide(MachineConfig *cfg, Drive *d, int index, Error **errp)
{
    if (index >= MAX_IDE_DRIVES) {
        error_set(errp, "drive '%s': IDE has connectors 0 to %d, not %d", d->id, MAX_IDE_DRIVES - 1, index);
        return false;
    }
    cfg->ide[index] = d->blk;
    cfg->ide_cdrom[index] = d->cdrom;
    d->claimed = true;
    return true;
}

static bool backends_claim_floppy(MachineConfig *cfg, Drive *d, int index, Error **errp)
{
    if (index >= MAX_FLOPPIES) {
        error_set(errp, "drive '%s': there are floppy drives 0 and 1, not %d", d->id, index);
        return false;
    }
    cfg->floppy[index] = d->blk;
    cfg->has_floppy_drive[index] = true;
    d->claimed = true;
    return true;
}

/* The first connector at which there is nothing. */
static int backends_free_index(DriveIf interface)
{
    int i = 0;
    while (drive_get(interface, i)) {
        i++;
    }
    return i;
}

static bool backends_place_drive(MachineConfig *cfg, Drive *d, Error **errp)
{
    DriveIf interface = d->interface == DRIVE_IF_DEFAULT ? DRIVE_IF_IDE : d->interface;
    int index = d->index;
    if (index < 0 && (d->bus >= 0 || d->unit >= 0)) {
        index = MAX(d->bus, 0) * 2 + MAX(d->unit, 0);
    }
    if (index < 0) {
        index = backends_free_index(d->interface);
    }
    d->index = index;
    switch (interface) {
    case DRIVE_IF_IDE: return backends_claim_ide(cfg, d, index, errp);
    case DRIVE_IF_FLOPPY: return backends_claim_floppy(cfg, d, index, errp);
    case DRIVE_IF_NONE: return true;
    default:
        error_set(errp, "drive '%s': if=ide, floppy and none are there; the others come with later versions", d->id);
        return false;
    }
}

static bool backends_add_typed_object(const char *type, KeyVal *kv, Error **errp)
{
    if (!strcmp(type, "secret")) {
        return secret_add(kv, errp);
    }
    if (!strcmp(type, "throttle-group")) {
        return throttle_group_add(kv, errp);
    }
    if (membackend_is_type(type)) {
        return membackend_add(type, kv, errp);
    }
    if (tls_creds_is_type(type)) {
        return tls_creds_add(type, kv, errp);
    }
    error_set(errp, "object type '%s' is not there; this version has secret, throttle-group, tls-creds-x509 and -anon, "
              "memory-backend-ram, -file and -memfd", type);
    return false;
}

/* @ids: those of all objects so far, of whatever type; they share one name space. */
static bool backends_add_object(const char *text, GHashTable *ids, Error **errp)
{
    KeyVal *kv = text[0] == '{' ? block_opts_from_json(text, errp) : keyval_parse(text, "qom-type", errp);
    const char *type = kv ? keyval_get(kv, "qom-type") : NULL, *id = kv ? keyval_get(kv, "id") : NULL;
    bool ok = false;
    if (kv && !type) {
        error_set(errp, "the type is missing: -object TYPE,id=ID,...");
    } else if (kv && (!id || !*id)) {
        error_set(errp, "id= is missing: the name by which others refer to the object");
    } else if (kv && g_hash_table_contains(ids, id)) {
        error_set(errp, "there is an object '%s' already", id);
    } else if (kv) {
        g_hash_table_add(ids, g_strdup(id));
        ok = backends_add_typed_object(type, kv, errp);
    }
    error_prepend(errp, "-object %s: ", type ? type : text);
    keyval_free(kv);
    return ok;
}

static bool backends_create_objects(const Options *o, Error **errp)
{
    GHashTable *ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    bool ok = true;
    for (unsigned i = 0; i < o->objects->len && ok; i++) {
        ok = backends_add_object(o->objects->pdata[i], ids, errp);
    }
    g_hash_table_destroy(ids);
    return ok;
}

static bool backends_create_drives(Options *o, Error **errp)
{
    for (unsigned i = 0; i < o->blockdevs->len; i++) {
        if (!blockdev_add(o->blockdevs->pdata[i], errp)) {
            error_prepend(errp, "-blockdev %s: ", (char *)o->blockdevs->pdata[i]);
            return false;
        }
    }
    for (unsigned i = 0; i < o->drives->len; i++) {
        Drive *d = drive_open(o->drives->pdata[i], o->snapshot, errp);
        if (!d || !backends_place_drive(&o->cfg, d, errp)) {
            return false;
        }
    }
    return true;
}

static bool backends_empty_drive(MachineConfig *cfg, const char *interface, const char *index, const char *media,
                                 Error **errp)
{
    KeyVal *kv = keyval_new();
    keyval_set(kv, "if", interface);
    keyval_set(kv, "index", index);
    keyval_set(kv, "media", media);
    Drive *d = drive_open(kv, false, errp);
    keyval_free(kv);
    return d && backends_place_drive(cfg, d, errp);
}

/* An empty CD-ROM and an empty floppy drive come by default, as in qemu-kvm; not on machines that are no computers. */
static bool backends_default_drives(Options *o, Error **errp)
{
    const MachineClass *cls = machine_class_find(o->machine, errp);
    if (!cls) {
        return false;
    }
    if (!o->default_devices || !cls->default_cpu) {
        return true;
    }
    return (o->cfg.floppy[0] || backends_empty_drive(&o->cfg, "floppy", "0", "disk", errp)) &&
           (o->cfg.ide[2] || backends_empty_drive(&o->cfg, "ide", "2", "cdrom", errp));
}

/* Those in the display's window come before its serial ports: people know the monitor as the second console. */
static bool backends_create_monitors(Options *o, bool in_window, Error **errp)
{
    for (unsigned i = 0; i < o->monitors->len; i++) {
        const MonitorOption *m = o->monitors->pdata[i];
        bool is_vc = m->spec && g_str_has_prefix(m->spec, "vc");

        if (is_vc == in_window && !backends_create_monitor(m, i, errp)) {
            return false;
        }
    }
    return true;
}

bool backends_create(Options *o, Error **errp)
{
    char_set_monitor_hook(backends_monitor_on_mux);
    char_set_quit_hook(monitor_quit);
    backends_apply_defaults(o);
    if (!backends_create_chardevs(o, errp) || !backends_create_monitors(o, true, errp) || !backends_create_serial(o, errp) ||
        !backends_create_monitors(o, false, errp)) {
        return false;
    }
    return backends_create_objects(o, errp) && backends_create_drives(o, errp) &&
           backends_default_drives(o, errp) && backends_create_qtest(o, errp);
}

/* Devices. */

static Bus *backends_bus_for(const DeviceClass *cls, const char *name, Error **errp)
{
    Bus *bus = bus_find(&machine_current()->root, cls->bus, name);
    if (!bus && name) {
        error_set(errp, "there is no bus '%s' for '%s'", name, cls->name);
        error_add_hint(errp, "The monitor's `info qtree` shows all.");
    } else if (!bus) {
        error_set(errp, "this machine has no bus for '%s'", cls->name);
    }
    return bus;
}

static void backends_collect_name(void *opaque, const DeviceClass *cls)
{
    if (cls->user_creatable) {
        g_ptr_array_add(opaque, (char *)cls->name);
    }
}

static const DeviceClass *backends_find_class(const char *name, Error **errp)
{
    const DeviceClass *cls = device_class_find(name);
    if (cls && cls->user_creatable) {
        return cls;
    }
    if (cls) {
        error_set(errp, "'%s' is part of the machine and cannot be added", name);
        return NULL;
    }
    GPtrArray *names = g_ptr_array_new();
    device_class_each(backends_collect_name, names);
    g_ptr_array_add(names, NULL);
    const char *near = suggest_nearest(name, (const char *const *)names->pdata);
    error_set(errp, "there is no device '%s'", name);
    if (near) {
        error_add_hint(errp, "Did you mean '%s'?", near);
    }
    error_add_hint(errp, "`-device help` lists them.");
    g_ptr_array_unref(names);
    return NULL;
}

static bool backends_set_one_prop(void *opaque, const char *key, const char *value, Error **errp)
{
    Device *d = opaque;
    if (!strcmp(key, "driver") || !strcmp(key, "bus")) {
        return true;
    }
    if (!strcmp(key, "id")) {
        d->id = g_strdup(value);
        return true;
    }
    return device_set_prop(d, key, value, errp);
}

static bool backends_add_from(KeyVal *kv, Error **errp)
{
    const char *name = keyval_get(kv, "driver");
    if (!name) {
        error_set(errp, "no device is named; `-device help` lists them");
        return false;
    }
    const DeviceClass *cls = backends_find_class(name, errp);
    Bus *bus = cls ? backends_bus_for(cls, keyval_get(kv, "bus"), errp) : NULL;
    if (!bus) {
        return false;
    }
    Device *d = device_new(cls);
    if (!keyval_each(kv, backends_set_one_prop, d, errp) || !device_realize(d, bus, errp)) {
        device_free(d);
        return false;
    }
    return true;
}

bool backends_add_device(const char *text, Error **errp)
{
    KeyVal *kv = keyval_parse(text, "driver", errp);
    bool ok = kv && backends_add_from(kv, errp);
    keyval_free(kv);
    return ok;
}

bool backends_add_devices(Options *o, Error **errp)
{
    for (unsigned i = 0; i < o->devices->len; i++) {
        if (!backends_add_device(o->devices->pdata[i], errp)) {
            error_prepend(errp, "-device %s: ", (char *)o->devices->pdata[i]);
            return false;
        }
    }
    return true;
}

void backends_destroy(void)
{
    membackend_free_all();
    monitor_cleanup();
    drive_close_all();
    throttle_group_drop_all();
    char_cleanup_all();
}
