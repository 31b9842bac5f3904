/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device classes, -global, and the life of a device.  Under the big lock; registration before main(). */
#include "util/osdep.h"
#include "system/device.h"

/* Registry: filled by constructors, which only append; sorted at the first look. */
static const DeviceClass **device_classes;
static unsigned device_class_count;
static bool device_classes_sorted;

typedef struct DeviceGlobal {
    const DeviceClass *cls;
    char *prop, *value;
} DeviceGlobal;

static GArray *device_globals; /* DeviceGlobal, in order of the command line */

void device_class_register(const DeviceClass *cls)
{
    device_classes = g_renew(const DeviceClass *, device_classes, device_class_count + 1);
    device_classes[device_class_count++] = cls;
    device_classes_sorted = false;
}

static int device_class_compare(const void *a, const void *b)
{
    const DeviceClass *x = *(const DeviceClass *const *)a, *y = *(const DeviceClass *const *)b;
    return strcmp(x->name, y->name);
}

static void device_classes_sort(void)
{
    if (!device_classes_sorted && device_class_count) {
        qsort(device_classes, device_class_count, sizeof(*device_classes), device_class_compare);
        device_classes_sorted = true;
    }
}

const DeviceClass *device_class_find(const char *name)
{
    for (unsigned i = 0; i < device_class_count; i++) {
        if (!strcmp(device_classes[i]->name, name)) {
            return device_classes[i];
        }
    }
    for (unsigned i = 0; i < device_class_count; i++) {
        for (const char *const *alias = device_classes[i]->alias; alias && *alias; alias++) {
            if (!strcmp(*alias, name)) {
                return device_classes[i];
            }
        }
    }
    return NULL;
}

void device_class_each(void (*fn)(void *opaque, const DeviceClass *cls), void *opaque)
{
    device_classes_sort();
    for (unsigned i = 0; i < device_class_count; i++) {
        fn(opaque, device_classes[i]);
    }
}

/* Properties. */

static const Prop *device_prop_find(const DeviceClass *cls, const char *name)
{
    for (const Prop *p = cls->props; p && p->name; p++) {
        if (!strcmp(p->name, name)) {
            return p;
        }
    }
    return NULL;
}

static void device_prop_unknown(const DeviceClass *cls, const char *name, Error **errp)
{
    GPtrArray *names = g_ptr_array_new();
    for (const Prop *p = cls->props; p && p->name; p++) {
        g_ptr_array_add(names, (char *)p->name);
    }
    g_ptr_array_add(names, NULL);
    const char *nearest = suggest_nearest(name, (const char *const *)names->pdata);
    error_set(errp, "device '%s' has no property '%s'", cls->name, name);
    if (nearest) {
        error_add_hint(errp, "Did you mean '%s'?", nearest);
    }
    error_add_hint(errp, "-device %s,help lists its properties.", cls->name);
    g_ptr_array_unref(names);
}

bool device_set_prop(Device *d, const char *name, const char *value, Error **errp)
{
    const Prop *p = device_prop_find(d->cls, name);
    if (!p) {
        device_prop_unknown(d->cls, name, errp);
        return false;
    }
    return p->type->set(d, p, value, errp);
}

char *device_get_prop(Device *d, const char *name)
{
    const Prop *p = device_prop_find(d->cls, name);
    return p && p->type->get ? p->type->get(d, p) : NULL;
}

static bool device_class_known(const char *name, const DeviceClass **cls, Error **errp)
{
    *cls = device_class_find(name);
    if (*cls) {
        return true;
    }
    device_classes_sort();
    const char **names = g_new0(const char *, device_class_count + 1);
    for (unsigned i = 0; i < device_class_count; i++) {
        names[i] = device_classes[i]->name;
    }
    const char *nearest = suggest_nearest(name, names);
    error_set(errp, "there is no device '%s'", name);
    if (nearest) {
        error_add_hint(errp, "Did you mean '%s'?", nearest);
    }
    error_add_hint(errp, "-device help lists all devices.");
    g_free(names);
    return false;
}

/* Types whose values can be checked without anything else existing. */
static bool device_prop_is_plain(const Prop *p)
{
    static const PropType *const plain[] = { &prop_bool, &prop_bit, &prop_u8, &prop_u16, &prop_u32, &prop_u64,
                                             &prop_i32, &prop_size, &prop_enum, &prop_string, &prop_macaddr };
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        if (p->type == plain[i]) {
            return true;
        }
    }
    return false;
}

bool device_add_global(const char *cls_name, const char *prop, const char *value, Error **errp)
{
    const DeviceClass *cls;
    if (!device_class_known(cls_name, &cls, errp)) {
        return false;
    }
    const Prop *p = device_prop_find(cls, prop);
    if (!p) {
        device_prop_unknown(cls, prop, errp);
        return false;
    }
    if (device_prop_is_plain(p)) {
        /* Tried on an instance of its own, so that a bad value is told now. */
        Device *probe = device_new(cls);
        bool ok = p->type->set(probe, p, value, errp);
        device_free(probe);
        if (!ok) {
            return false;
        }
    }
    if (!device_globals) {
        device_globals = g_array_new(FALSE, FALSE, sizeof(DeviceGlobal));
    }
    DeviceGlobal g = { .cls = cls, .prop = g_strdup(prop), .value = g_strdup(value) };
    g_array_append_val(device_globals, g);
    return true;
}

/* Life. */

static void device_apply_defaults(Device *d)
{
    for (const Prop *p = d->cls->props; p && p->name; p++) {
        Error *err = NULL;
        if (p->def && !p->type->set(d, p, p->def, &err)) {
            g_error("%s", error_message(err)); /* a default that its own type refuses: tests create every class */
        }
    }
}

static void device_apply_globals(Device *d)
{
    for (unsigned i = 0; device_globals && i < device_globals->len; i++) {
        DeviceGlobal g = g_array_index(device_globals, DeviceGlobal, i);
        Error *err = NULL;
        if (g.cls == d->cls && !device_set_prop(d, g.prop, g.value, &err)) {
            error_prepend(&err, "-global %s.%s=%s: ", g.cls->name, g.prop, g.value);
            error_report_free(err);
        }
    }
}

Device *device_new(const DeviceClass *cls)
{
    assert(cls->size >= sizeof(Device));
    Device *d = g_malloc0(cls->size);
    d->cls = cls;
    d->child_buses = g_ptr_array_new();
    device_apply_defaults(d);
    device_apply_globals(d);
    return d;
}

static const char *device_bus_kind_name(BusKind kind)
{
    static const char *const names[] = {
        [BUS_SYSTEM] = "system", [BUS_ISA] = "ISA", [BUS_PCI] = "PCI", [BUS_IDE] = "IDE", [BUS_FLOPPY] = "floppy",
        [BUS_I2C] = "I2C", [BUS_USB] = "USB", [BUS_SCSI] = "SCSI", [BUS_VIRTIO] = "virtio", [BUS_HDA] = "HDA",
    };
    return kind < G_N_ELEMENTS(names) ? names[kind] : "?";
}

static bool device_bus_fits(const Device *d, const Bus *bus, Error **errp)
{
    if (!bus && d->cls->bus != BUS_SYSTEM) {
        error_set(errp, "device '%s' needs a bus of type %s, and this machine has none", d->cls->name,
                  device_bus_kind_name(d->cls->bus));
        return false;
    }
    if (bus && bus->cls->kind != d->cls->bus) {
        error_set(errp, "device '%s' needs a bus of type %s, but '%s' is of type %s", d->cls->name,
                  device_bus_kind_name(d->cls->bus), bus->name, device_bus_kind_name(bus->cls->kind));
        return false;
    }
    return true;
}

static Bus *device_root_bus(Bus *bus)
{
    while (bus && bus->parent && bus->parent->bus) {
        bus = bus->parent->bus;
    }
    return bus;
}

typedef struct DeviceIdSearch {
    const char *id;
    Device *found;
} DeviceIdSearch;

static bool device_id_matches(void *opaque, Device *d, int depth)
{
    DeviceIdSearch *s = opaque;
    (void)depth;
    if (d->id && !strcmp(d->id, s->id)) {
        s->found = d;
        return false;
    }
    return true;
}

static bool device_id_is_free(Device *d, Bus *bus, Error **errp)
{
    DeviceIdSearch s = { .id = d->id };
    if (d->id && bus) {
        bus_each_device(device_root_bus(bus), device_id_matches, &s);
    }
    if (s.found) {
        error_set(errp, "id '%s' is taken by a device '%s'", d->id, s.found->cls->name);
        return false;
    }
    return true;
}

static void device_destroy_child_buses(Device *d)
{
    while (d->child_buses->len) {
        bus_destroy(d->child_buses->pdata[d->child_buses->len - 1]);
    }
}

static void device_detach(Device *d)
{
    if (d->bus && d->bus->cls->detach) {
        d->bus->cls->detach(d->bus, d);
    }
    d->bus = NULL;
}

bool device_realize(Device *d, Bus *bus, Error **errp)
{
    assert(!d->realized);
    if (!device_bus_fits(d, bus, errp) || !device_id_is_free(d, bus, errp)) {
        return false;
    }
    d->bus = bus;
    if (bus && bus->cls->attach && !bus->cls->attach(bus, d, errp)) {
        d->bus = NULL;
        return false;
    }
    if (d->cls->realize && !d->cls->realize(d, errp)) {
        device_destroy_child_buses(d);
        device_detach(d);
        return false;
    }
    d->realized = true;
    if (bus) {
        g_ptr_array_add(bus->devices, d);
    }
    device_reset(d);
    return true;
}

Device *device_create(const DeviceClass *cls, Bus *bus, Error **errp)
{
    Device *d = device_new(cls);
    if (!device_realize(d, bus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}

void device_unrealize(Device *d)
{
    if (!d->realized) {
        return;
    }
    /* Children first: they may still use what the parent has. */
    for (unsigned i = d->child_buses->len; i > 0; i--) {
        bus_remove_devices(d->child_buses->pdata[i - 1]);
    }
    if (d->cls->unrealize) {
        d->cls->unrealize(d);
    }
    device_destroy_child_buses(d);
    d->realized = false;
    if (d->bus) {
        g_ptr_array_remove(d->bus->devices, d);
    }
    device_detach(d);
}

void device_free(Device *d)
{
    if (!d) {
        return;
    }
    device_unrealize(d);
    for (const Prop *p = d->cls->props; p && p->name; p++) {
        if (p->type->release) {
            p->type->release(d, p);
        }
    }
    g_ptr_array_unref(d->child_buses);
    g_free(d->id);
    g_free(d);
}

void device_reset(Device *d)
{
    if (!d->realized) {
        return;
    }
    if (d->bus && d->bus->cls->reset_device) {
        d->bus->cls->reset_device(d->bus, d);
    }
    if (d->cls->reset) {
        d->cls->reset(d);
    }
    for (unsigned i = 0; i < d->child_buses->len; i++) {
        bus_reset(d->child_buses->pdata[i]);
    }
}

static void device_irq_input(void *opaque, int n, int level)
{
    Device *d = opaque;
    if (d->irq_tap) {
        d->irq_tap(d->irq_tap_opaque, d, n, level);
    } else {
        d->cls->irq_in(d, n, level);
    }
}

IrqLine device_irq_in(Device *d, unsigned n)
{
    assert(d->cls->irq_in && n < d->cls->irq_in_count);
    return (IrqLine){ .set = device_irq_input, .opaque = d, .n = (int)n };
}
