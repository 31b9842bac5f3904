/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buses and the tree that they and their devices make: walks, names, paths.  Under the big lock. */
#include "util/osdep.h"
#include "system/device.h"

void bus_init(Bus *bus, const BusClass *cls, Device *parent, const char *name)
{
    bus->cls = cls;
    bus->name = g_strdup(name);
    bus->parent = parent;
    bus->devices = g_ptr_array_new();
    if (parent) {
        g_ptr_array_add(parent->child_buses, bus);
    }
}

void bus_remove_devices(Bus *bus)
{
    while (bus->devices && bus->devices->len) {
        device_free(bus->devices->pdata[bus->devices->len - 1]);
    }
}

void bus_destroy(Bus *bus)
{
    if (!bus->devices) {
        return;
    }
    bus_remove_devices(bus);
    if (bus->parent) {
        g_ptr_array_remove(bus->parent->child_buses, bus);
    }
    g_ptr_array_unref(bus->devices);
    g_free(bus->name);
    bus->devices = NULL;
    bus->name = NULL;
}

void bus_reset(Bus *bus)
{
    for (unsigned i = 0; i < bus->devices->len; i++) {
        device_reset(bus->devices->pdata[i]);
    }
    if (bus->cls->reset) {
        bus->cls->reset(bus);
    }
}

/* Walks.  All return false when @fn did. */

static bool bus_walk(Bus *bus, bool (*fn)(void *opaque, Device *d, int depth), void *opaque, int depth)
{
    for (unsigned i = 0; i < bus->devices->len; i++) {
        Device *d = bus->devices->pdata[i];
        if (!fn(opaque, d, depth)) {
            return false;
        }
        for (unsigned j = 0; j < d->child_buses->len; j++) {
            if (!bus_walk(d->child_buses->pdata[j], fn, opaque, depth + 1)) {
                return false;
            }
        }
    }
    return true;
}

void bus_each_device(Bus *root, bool (*fn)(void *opaque, Device *d, int depth), void *opaque)
{
    bus_walk(root, fn, opaque, 0);
}

Bus *bus_find(Bus *root, BusKind kind, const char *name)
{
    if (root->cls->kind == kind && (!name || !strcmp(root->name, name))) {
        return root;
    }
    for (unsigned i = 0; i < root->devices->len; i++) {
        Device *d = root->devices->pdata[i];
        for (unsigned j = 0; j < d->child_buses->len; j++) {
            Bus *found = bus_find(d->child_buses->pdata[j], kind, name);
            if (found) {
                return found;
            }
        }
    }
    return NULL;
}

/* Finding a device. */

typedef struct BusSearch {
    const char *name;
    long index;    /* of those without an id; -1: by name */
    long seen;
    Device *found;
} BusSearch;

static bool bus_match_id(void *opaque, Device *d, int depth)
{
    BusSearch *s = opaque;
    (void)depth;
    if (d->id && !strcmp(d->id, s->name)) {
        s->found = d;
    }
    return !s->found;
}

static bool bus_match_class(void *opaque, Device *d, int depth)
{
    BusSearch *s = opaque;
    (void)depth;
    if (!strcmp(d->cls->name, s->name)) {
        s->found = d;
    }
    for (const char *const *alias = d->cls->alias; alias && *alias; alias++) {
        if (!strcmp(*alias, s->name)) {
            s->found = d;
        }
    }
    return !s->found;
}

/* "CLASS[N]": the n-th device of a class. */
static bool bus_match_class_index(void *opaque, Device *d, int depth)
{
    BusSearch *s = opaque;
    size_t len = strlen(d->cls->name);
    (void)depth;
    if (!strncmp(s->name, d->cls->name, len) && s->name[len] == '[' && s->seen++ == s->index) {
        s->found = d;
    }
    return !s->found;
}

static bool bus_match_index(void *opaque, Device *d, int depth)
{
    BusSearch *s = opaque;
    (void)depth;
    if (!d->id && s->seen++ == s->index) {
        s->found = d;
    }
    return !s->found;
}

static Device *bus_search(Bus *root, bool (*match)(void *, Device *, int), const char *name, long index)
{
    BusSearch s = { .name = name, .index = index };
    bus_each_device(root, match, &s);
    return s.found;
}

Device *device_find(Bus *root, const char *id_or_path)
{
    static const char *const named = "/machine/peripheral/";
    static const char *const unnamed[] = { "/machine/unattached/device[", "/machine/peripheral-anon/device[" };
    if (g_str_has_prefix(id_or_path, named)) {
        return bus_search(root, bus_match_id, id_or_path + strlen(named), -1);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(unnamed); i++) {
        if (g_str_has_prefix(id_or_path, unnamed[i])) {
            char *end;
            long n = strtol(id_or_path + strlen(unnamed[i]), &end, 10);
            return n >= 0 && !strcmp(end, "]") ? bus_search(root, bus_match_index, NULL, n) : NULL;
        }
    }
    Device *d = bus_search(root, bus_match_id, id_or_path, -1);
    d = d ? d : bus_search(root, bus_match_class, id_or_path, -1);
    const char *bracket = strchr(id_or_path, '[');
    if (!d && bracket) {
        char *end;
        long n = strtol(bracket + 1, &end, 10);
        d = n >= 0 && !strcmp(end, "]") ? bus_search(root, bus_match_class_index, id_or_path, n) : NULL;
    }
    return d;
}

/* "pci.0/piix3-ide[0]/ide.0/ide-hd[0]": stable as long as the machine is built the same. */
char *device_path(Device *d)
{
    if (!d->bus) {
        return g_strdup_printf("%s[0]", d->cls->name);
    }
    unsigned same = 0;
    for (unsigned i = 0; i < d->bus->devices->len; i++) {
        Device *other = d->bus->devices->pdata[i];
        if (other == d) {
            break;
        }
        same += other->cls == d->cls;
    }
    char *above = d->bus->parent ? device_path(d->bus->parent) : NULL;
    char *path = g_strdup_printf("%s%s%s/%s[%u]", above ? above : "", above ? "/" : "", d->bus->name, d->cls->name,
                                 same);
    g_free(above);
    return path;
}
