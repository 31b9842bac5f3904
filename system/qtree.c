/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `info qtree`: the device tree as text, in the shape that scripts for QEMU read.  Monitor, under the big lock. */
#include "util/osdep.h"
#include "system/device.h"

static void qtree_print_bus(Bus *bus, int indent, GString *out);

static void qtree_print_size(uint64_t v, GString *out)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned u = 0;
    uint64_t scaled = v;
    while (u + 1 < G_N_ELEMENTS(units) && scaled >= 1024 && scaled % 1024 == 0) {
        scaled /= 1024;
        u++;
    }
    g_string_append_printf(out, "%" PRIu64 " (%" PRIu64 " %s)", v, scaled, units[u]);
}

static void qtree_print_value(const Prop *p, const char *text, GString *out)
{
    const PropType *t = p->type;
    if (t == &prop_bool || t == &prop_bit) {
        g_string_append(out, !strcmp(text, "on") ? "true" : "false");
    } else if (t == &prop_u8 || t == &prop_u16 || t == &prop_u32 || t == &prop_u64) {
        uint64_t v = g_ascii_strtoull(text, NULL, 10);
        g_string_append_printf(out, "%" PRIu64 " (0x%" PRIx64 ")", v, v);
    } else if (t == &prop_size) {
        qtree_print_size(g_ascii_strtoull(text, NULL, 10), out);
    } else if (t == &prop_i32 || !strcmp(p->name, "addr")) {
        g_string_append(out, text);
    } else {
        g_string_append_printf(out, "\"%s\"", text);
    }
}

static void qtree_print_props(Device *d, int indent, GString *out)
{
    for (const Prop *p = d->cls->props; p && p->name; p++) {
        char *text = p->type->get ? p->type->get(d, p) : NULL;
        g_string_append_printf(out, "%*s%s = ", indent, "", p->name);
        qtree_print_value(p, text ? text : "", out);
        g_string_append_c(out, '\n');
        g_free(text);
    }
}

/* Lines that a bus or class printed, indented. */
static void qtree_append_indented(const GString *text, int indent, GString *out)
{
    char **lines = g_strsplit(text->str, "\n", -1);
    for (char **l = lines; *l; l++) {
        if (**l) {
            g_string_append_printf(out, "%*s%s\n", indent, "", *l);
        }
    }
    g_strfreev(lines);
}

static void qtree_print_device(Device *d, int indent, GString *out)
{
    g_string_append_printf(out, "%*sdev: %s, id \"%s\"\n", indent, "", d->cls->name, d->id ? d->id : "");
    indent += 2;
    if (d->cls->irq_in_count) {
        g_string_append_printf(out, "%*sgpio-in \"\" %u\n", indent, "", d->cls->irq_in_count);
    }
    for (const IrqOut *o = d->cls->irq_out; o && o->name; o++) {
        g_string_append_printf(out, "%*sgpio-out \"%s\" %u\n", indent, "", o->name, o->count);
    }
    qtree_print_props(d, indent, out);
    GString *own = g_string_new(NULL);
    if (d->bus && d->bus->cls->print_device) {
        d->bus->cls->print_device(d->bus, d, own);
    }
    if (d->cls->print) {
        d->cls->print(d, own);
    }
    qtree_append_indented(own, indent, out);
    g_string_free(own, TRUE);
    for (unsigned i = 0; i < d->child_buses->len; i++) {
        qtree_print_bus(d->child_buses->pdata[i], indent, out);
    }
}

static void qtree_print_bus(Bus *bus, int indent, GString *out)
{
    g_string_append_printf(out, "%*sbus: %s\n%*stype %s\n", indent, "", bus->name, indent + 2, "", bus->cls->type);
    for (unsigned i = bus->devices->len; i > 0; i--) {
        qtree_print_device(bus->devices->pdata[i - 1], indent + 2, out); /* the newest first, as tools expect */
    }
}

void device_print_tree(Bus *root, GString *out)
{
    qtree_print_bus(root, 0, out);
}
