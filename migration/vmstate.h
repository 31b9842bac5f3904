/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State tables: each field of a device that a guest can see or change is named once, and
 * the table serves save and load.  Derived state (regions, irq levels, timers' effects) is rebuilt in
 * post_load, which also validates the loaded values as if the guest had written them.
 * Stream: big-endian, fields in table order.  Under the big lock.
 */
#ifndef MIGRATION_VMSTATE_H
#define MIGRATION_VMSTATE_H

#include "util/error.h"
#include "util/timer.h"

typedef struct VMState VMState;

typedef enum VMSKind {
    VMS_K_UINT,   /* 1, 2, 4 or 8 bytes, any signedness, enum */
    VMS_K_BOOL,   /* 0 or 1; anything else does not load */
    VMS_K_BUFFER, /* bytes as they are */
    VMS_K_STRUCT, /* a sub-table */
    VMS_K_TIMER,  /* Timer: its expiry, -1 when not pending; re-armed after post_load */
} VMSKind;

typedef struct VMStateField {
    const char *name;
    VMSKind kind;
    uint32_t offset;
    uint32_t size;  /* of one element */
    uint32_t count; /* elements; at least 1 */
    const VMState *sub;
} VMStateField;

struct VMState {
    const char *name;
    int version;                /* written */
    int min_version;            /* oldest that loads; 0 means = version */
    const VMStateField *fields; /* ends with a NULL name */
    void (*pre_save)(void *opaque);
    bool (*post_load)(void *opaque, int version, Error **errp);
};

/* A bool must be told apart, because a byte from outside may be neither 0 nor 1. */
#define VMS_KIND(lvalue) _Generic((lvalue), bool: VMS_K_BOOL, default: VMS_K_UINT)
#define VMS_UINT(T, f) { #f, VMS_KIND(((T *)0)->f), offsetof(T, f), sizeof(((T *)0)->f), 1, NULL }
#define VMS_UINT_ARRAY(T, f) \
    { #f, VMS_KIND(((T *)0)->f[0]), offsetof(T, f), sizeof(((T *)0)->f[0]), G_N_ELEMENTS(((T *)0)->f), NULL }
#define VMS_BUFFER(T, f) { #f, VMS_K_BUFFER, offsetof(T, f), sizeof(((T *)0)->f), 1, NULL }
#define VMS_STRUCT(T, f, table) { #f, VMS_K_STRUCT, offsetof(T, f), sizeof(((T *)0)->f), 1, &(table) }
#define VMS_STRUCT_ARRAY(T, f, table) \
    { #f, VMS_K_STRUCT, offsetof(T, f), sizeof(((T *)0)->f[0]), G_N_ELEMENTS(((T *)0)->f), &(table) }
#define VMS_TIMER(T, f) { #f, VMS_K_TIMER, offsetof(T, f), sizeof(Timer), 1, NULL }
#define VMS_END { NULL, VMS_K_UINT, 0, 0, 0, NULL }

/* Appends the state of @opaque to @out. */
void vmstate_save(const VMState *s, void *opaque, GByteArray *out);
/* Consumes from *data; fails (with the field's name) when it is short, of a wrong version, or post_load refuses. */
bool vmstate_load(const VMState *s, void *opaque, const uint8_t **data, size_t *len, Error **errp);

#endif
