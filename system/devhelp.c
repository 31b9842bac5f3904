/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -device help: the devices that can be named, and the properties of one.  Start-up and monitor, main thread. */
#include "util/osdep.h"
#include "system/options.h"

static const char *devhelp_bus(BusKind kind)
{
    static const char *const names[] = { [BUS_SYSTEM] = "System", [BUS_ISA] = "ISA", [BUS_PCI] = "PCI",
                                         [BUS_IDE] = "IDE", [BUS_FLOPPY] = "floppy-bus", [BUS_I2C] = "i2c-bus",
                                         [BUS_USB] = "usb-bus", [BUS_SCSI] = "SCSI", [BUS_VIRTIO] = "virtio-bus",
                                         [BUS_HDA] = "HDA" };
    return (unsigned)kind < G_N_ELEMENTS(names) ? names[kind] : "?";
}

typedef struct DevHelp {
    FILE *f;
    const char *category; /* printed now */
    GPtrArray *seen;      /* categories, as constant strings */
} DevHelp;

static const char *devhelp_category(const DeviceClass *cls)
{
    return cls->category ? cls->category : "Uncategorized";
}

static void devhelp_collect(void *opaque, const DeviceClass *cls)
{
    DevHelp *h = opaque;
    if (cls->user_creatable && !g_ptr_array_find_with_equal_func(h->seen, devhelp_category(cls), g_str_equal, NULL)) {
        g_ptr_array_add(h->seen, (char *)devhelp_category(cls));
    }
}

static void devhelp_print_class(void *opaque, const DeviceClass *cls)
{
    DevHelp *h = opaque;
    if (!cls->user_creatable || strcmp(devhelp_category(cls), h->category)) {
        return;
    }
    fprintf(h->f, "name \"%s\", bus %s", cls->name, devhelp_bus(cls->bus));
    for (const char *const *a = cls->alias; a && *a; a++) {
        fprintf(h->f, ", alias \"%s\"", *a);
    }
    fprintf(h->f, cls->desc ? ", desc \"%s\"\n" : "\n", cls->desc);
}

static int devhelp_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void devhelp_print_all(FILE *f)
{
    DevHelp h = { .f = f, .seen = g_ptr_array_new() };
    device_class_each(devhelp_collect, &h);
    g_ptr_array_sort(h.seen, devhelp_compare);
    for (unsigned i = 0; i < h.seen->len; i++) {
        h.category = h.seen->pdata[i];
        fprintf(f, "%s%s devices:\n", i ? "\n" : "", h.category);
        device_class_each(devhelp_print_class, &h);
    }
    if (!h.seen->len) {
        fprintf(f, "No device can be added to this machine yet.\n");
    }
    g_ptr_array_unref(h.seen);
}

void devhelp_print_device(FILE *f, const DeviceClass *cls)
{
    if (!cls->props || !cls->props->name) {
        fprintf(f, "There are no options for %s.\n", cls->name);
        return;
    }
    fprintf(f, "%s options:\n", cls->name);
    for (const Prop *p = cls->props; p->name; p++) {
        char *head = g_strdup_printf("%s=<%s>", p->name, p->type->name);
        fprintf(f, "  %-22s", head);
        if (p->help || p->def) {
            fprintf(f, " - %s", p->help ? p->help : "");
        }
        if (p->def) {
            fprintf(f, "%s(default: %s)", p->help ? " " : "", p->def);
        }
        fputc('\n', f);
        g_free(head);
    }
}
