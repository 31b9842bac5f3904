/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Typed properties: a constant table per device class, read by -device, -global, the
 * monitor and `-device NAME,help`.  Values live in the device's struct at an offset.
 * Main thread, under the big lock; before realize only, unless a type says otherwise.
 */
#ifndef SYSTEM_PROP_H
#define SYSTEM_PROP_H

#include "util/error.h"

struct Device;
typedef struct Prop Prop;

typedef struct PropType {
    const char *name; /* as shown in help: "uint32", "bool", "str", "drive" */
    bool (*set)(struct Device *d, const Prop *p, const char *text, Error **errp);
    char *(*get)(struct Device *d, const Prop *p); /* newly allocated text; NULL: unset */
    void (*release)(struct Device *d, const Prop *p); /* when the device goes; may be NULL */
} PropType;

struct Prop {
    const char *name;
    const PropType *type;
    uint32_t offset;
    const char *def;          /* default as text; NULL: the field keeps its zero */
    uint64_t min, max;        /* for numbers; both 0: the whole range of the type */
    const char *const *names; /* for prop_enum: value = index; ends with NULL */
    const char *help;
    unsigned bit;             /* for prop_bit: bit of a uint32_t field */
};

extern const PropType prop_bool, prop_u8, prop_u16, prop_u32, prop_u64, prop_i32, prop_size, prop_string,
    prop_enum, prop_bit, prop_macaddr /* uint8_t[6] */;
/* Back-end types, implemented in system/backends.c, which may know the backends. */
extern const PropType prop_drive /* Blk * */, prop_chardev /* CharFe, by embedded struct */, prop_netdev;

#define PROP(T, field, pname, ptype, pdef, phelp) \
    { .name = (pname), .type = &(ptype), .offset = offsetof(T, field), .def = (pdef), .help = (phelp) }
#define PROP_RANGE(T, field, pname, ptype, pdef, pmin, pmax, phelp) \
    { .name = (pname), .type = &(ptype), .offset = offsetof(T, field), .def = (pdef), .min = (pmin), \
      .max = (pmax), .help = (phelp) }
#define PROP_END { .name = NULL }

#endif
