/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices, buses and their tree.
 *
 * A device is a struct that embeds Device (or PciDevice, IsaDevice, ... which embed it) as
 * its first member, and one constant DeviceClass.  Life: device_new() zeroes it and sets the
 * defaults of its properties; the board or -device sets properties and fields; device_realize()
 * lets the bus attach it (address, configuration space), calls class->realize, then reset;
 * device_unrealize() undoes that; device_free() ends it.  All under the big lock.
 */
#ifndef SYSTEM_DEVICE_H
#define SYSTEM_DEVICE_H

#include "migration/vmstate.h"
#include "system/irq.h"
#include "system/prop.h"

typedef enum BusKind {
    BUS_SYSTEM, /* chips that the board connects by hand */
    BUS_ISA,
    BUS_PCI,
    BUS_IDE,
    BUS_FLOPPY,
    BUS_I2C,
    BUS_USB,
    BUS_SCSI,
    BUS_VIRTIO,
    BUS_HDA,
} BusKind;

typedef struct Device Device;
typedef struct DeviceClass DeviceClass;
typedef struct Bus Bus;

/* An output line of a device, for the board's convenience and qtest's intercept. */
typedef struct IrqOut {
    const char *name;
    uint32_t offset; /* of the first IrqLine in the struct */
    uint32_t count;
} IrqOut;

struct DeviceClass {
    const char *name;         /* the name that tools know: "e1000", "isa-serial" */
    const char *const *alias; /* other names, NULL-terminated; may be NULL */
    const char *desc;
    const char *category;     /* heading in -device help: "Network", "Display", ... */
    BusKind bus;
    size_t size;
    bool user_creatable;      /* may be named in -device */
    bool hotpluggable;
    const Prop *props;        /* may be NULL */
    const VMState *state;     /* NULL only for devices without registers */
    bool (*realize)(Device *d, Error **errp);
    void (*reset)(Device *d);     /* the only initialiser of registers */
    void (*unrealize)(Device *d); /* frees what realize made */
    /* Inputs: device_irq_in(d, n) makes a line that ends here. */
    void (*irq_in)(Device *d, int n, int level);
    unsigned irq_in_count;
    const IrqOut *irq_out;    /* ends with a NULL name; may be NULL */
    const void *bus_class;    /* what the bus kind wants to know (PciClass, ...) */
    void (*print)(Device *d, GString *out); /* class part of `info qtree`; may be NULL */
};

struct Device {
    const DeviceClass *cls;
    char *id;    /* user's id or NULL */
    Bus *bus;    /* NULL before realize */
    bool realized;
    bool busy;   /* in DMA or a handler that must not be re-entered */
    GPtrArray *child_buses; /* Bus *, owned by the device */
    /* qtest's tap on the inputs: sees each change instead of the class. */
    void (*irq_tap)(void *opaque, Device *d, int n, int level);
    void *irq_tap_opaque;
};

/* What a kind of bus does for its devices. */
typedef struct BusClass {
    BusKind kind;
    const char *type; /* "PCI", "ISA": for info qtree */
    bool (*attach)(Bus *bus, Device *d, Error **errp); /* before class->realize; may be NULL */
    void (*detach)(Bus *bus, Device *d);               /* after class->unrealize; may be NULL */
    void (*reset_device)(Bus *bus, Device *d);         /* before class->reset of @d; may be NULL */
    void (*reset)(Bus *bus);                           /* after its devices' reset; may be NULL */
    void (*print_device)(Bus *bus, Device *d, GString *out);
} BusClass;

struct Bus {
    const BusClass *cls;
    char *name; /* "pci.0", "ide.1" */
    Device *parent; /* NULL: the machine's root */
    GPtrArray *devices; /* Device *, in order of realize */
};

/* Registry. */
void device_class_register(const DeviceClass *cls);
const DeviceClass *device_class_find(const char *name); /* aliases too; NULL: none */
void device_class_each(void (*fn)(void *opaque, const DeviceClass *cls), void *opaque); /* sorted by name */
/* Appends to a list before main(), nothing else. */
#define DEVICE_REGISTER(cls) \
    static void __attribute__((constructor)) device_register_##cls(void) { device_class_register(&(cls)); } \
    struct device_register_semicolon_##cls

/* Buses.  A bus struct may be embedded (PciBus); bus_init() adds it to @parent's children. */
void bus_init(Bus *bus, const BusClass *cls, Device *parent, const char *name);
void bus_destroy(Bus *bus); /* its devices are unrealized and freed first; fine on a zeroed or destroyed one */
void bus_remove_devices(Bus *bus); /* unrealized and freed, the newest first */
void bus_reset(Bus *bus);          /* its devices and what is below them, then the bus itself */

Device *device_new(const DeviceClass *cls);
bool device_set_prop(Device *d, const char *name, const char *value, Error **errp);
char *device_get_prop(Device *d, const char *name); /* text, or NULL */
/* -global CLASS.PROP=VALUE: kept, and applied by device_new() of that class after its own defaults. */
bool device_add_global(const char *cls, const char *prop, const char *value, Error **errp);
/* On failure the device is left unrealized, to be freed by the caller. */
bool device_realize(Device *d, Bus *bus, Error **errp);
/* device_new + realize for on-board chips whose props need no setting; NULL and *errp on failure. */
Device *device_create(const DeviceClass *cls, Bus *bus, Error **errp);
void device_unrealize(Device *d);
void device_free(Device *d);
void device_reset(Device *d); /* and all below it */

IrqLine device_irq_in(Device *d, unsigned n);

/* The tree: @root is the machine's system bus. */
Device *device_find(Bus *root, const char *id_or_path); /* id, class name, CLASS[N], or /machine/... path; NULL: none */
char *device_path(Device *d); /* newly allocated; "main-system-bus/i440FX-pcihost[0]/pci.0/VGA[0]" */
Bus *bus_find(Bus *root, BusKind kind, const char *name); /* name NULL: the first of that kind */
void bus_each_device(Bus *root, bool (*fn)(void *opaque, Device *d, int depth), void *opaque); /* parents first */
void device_print_tree(Bus *root, GString *out); /* info qtree */

/* State of the whole tree, in tree order: used by the state tests now, snapshots later. */
void device_save(Device *d, GByteArray *out);
bool device_load(Device *d, const uint8_t **data, size_t *len, Error **errp);

#endif
