/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMware's absolute pointer, behind the port 0x5658.  Facts: the README of xf86-input-vmmouse, "The vmmouse protocol", and what
 * Linux's driver expects.  A driver enables it, asks for absolute or relative events, and reads four words an event: flags and
 * buttons, X, Y (0 to 0xffff), wheel.  The PS/2 mouse sends an empty packet whenever there are some.
 *
 * Commands come from vmport in a vCPU's thread, events from the input hub; both under the big lock.
 */
#include "util/osdep.h"
#include "hw/input/vmmouse.h"

#include "hw/input/i8042.h"
#include "ui/input.h"

enum { VMMOUSE_CMD_DATA = 39, VMMOUSE_CMD_STATUS = 40, VMMOUSE_CMD_COMMAND = 41, VMMOUSE_CMD_RESTRICT = 86 };
enum { VMMOUSE_ENABLE = 0x45414552, VMMOUSE_DISABLE = 0xf5, VMMOUSE_RELATIVE = 0x4c455252, VMMOUSE_ABSOLUTE = 0x53424152 };
enum { VMMOUSE_VERSION = 0x3442554a, VMMOUSE_ERROR = 0xffff };
enum { VMMOUSE_LEFT = 0x20, VMMOUSE_RIGHT = 0x10, VMMOUSE_MIDDLE = 0x08, VMMOUSE_IS_RELATIVE = 0x10000 };
enum { VMMOUSE_QUEUE = 256 /* words */, VMMOUSE_EVENT = 4, VMMOUSE_READ_MAX = 4 };

typedef struct Vmmouse {
    IsaDevice isa;
    Device *vmport, *i8042;
    InputHandler *input; /* NULL: off */
    uint32_t queue[VMMOUSE_QUEUE];
    uint16_t count;      /* words in the queue, the oldest first */
    uint16_t status;     /* 0, or VMMOUSE_ERROR: off, or the driver made a mistake */
    bool absolute, on;   /* on: events are wanted */
    uint32_t buttons;    /* in the event queued last */
} Vmmouse;

static Vmmouse *vmmouse_of(Device *d)
{
    return container_of(d, Vmmouse, isa.dev);
}

/* ---- events ---- */

/* A full queue keeps its place for changes of buttons: movements are merged into the last event, or lost. */
static void vmmouse_queue(Vmmouse *s, uint32_t flags, uint32_t x, uint32_t y, int dz, unsigned buttons)
{
    uint32_t b = (buttons & INPUT_BTN_LEFT ? VMMOUSE_LEFT : 0) | (buttons & INPUT_BTN_RIGHT ? VMMOUSE_RIGHT : 0) |
                 (buttons & INPUT_BTN_MIDDLE ? VMMOUSE_MIDDLE : 0);
    bool merge = s->count >= VMMOUSE_EVENT && b == s->buttons && !dz && s->absolute;

    if (merge) { /* the pointer went on before the guest looked */
        s->queue[s->count - 3] = x;
        s->queue[s->count - 2] = y;
    } else if (s->count + VMMOUSE_EVENT <= VMMOUSE_QUEUE) {
        const uint32_t words[VMMOUSE_EVENT] = { flags | b, x, y, (uint32_t)dz };

        memcpy(s->queue + s->count, words, sizeof(words));
        s->count += VMMOUSE_EVENT;
        s->buttons = b;
    }
    i8042_mouse_poke(s->i8042);
}

static void vmmouse_moved_abs(void *opaque, int x, int y, int dz, unsigned buttons)
{
    vmmouse_queue(opaque, 0, (uint32_t)x * 0xffff / INPUT_ABS_MAX, (uint32_t)y * 0xffff / INPUT_ABS_MAX, dz, buttons);
}

static void vmmouse_moved_rel(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
    vmmouse_queue(opaque, VMMOUSE_IS_RELATIVE, (uint32_t)dx, (uint32_t)-dy, dz, buttons);
}

static const InputHandlerOps vmmouse_abs_ops = { .name = "vmmouse", .absolute = true, .abs = vmmouse_moved_abs };
static const InputHandlerOps vmmouse_rel_ops = { .name = "vmmouse", .rel = vmmouse_moved_rel };

/* The input hub sees what the registers say. */
static void vmmouse_update_input(Vmmouse *s)
{
    input_handler_remove(s->input);
    s->input = NULL;
    if (s->on) {
        s->input = input_handler_add(s->absolute ? &vmmouse_abs_ops : &vmmouse_rel_ops, s);
        input_handler_activate(s->input);
    }
}

/* ---- commands ---- */

static void vmmouse_switch(Vmmouse *s, bool on, bool absolute)
{
    s->on = on;
    s->absolute = absolute;
    s->buttons = 0;
    vmmouse_update_input(s);
}

static void vmmouse_enable(Vmmouse *s)
{
    s->queue[0] = VMMOUSE_VERSION;
    s->count = 1;
    s->status = 0;
}

static void vmmouse_disable(Vmmouse *s)
{
    s->count = 0;
    s->status = VMMOUSE_ERROR;
    vmmouse_switch(s, false, false);
}

static void vmmouse_command(void *opaque, uint32_t regs[VMPORT_REGS])
{
    Vmmouse *s = opaque;

    switch (regs[VMPORT_EBX]) {
    case VMMOUSE_ENABLE: vmmouse_enable(s); break;
    case VMMOUSE_DISABLE: vmmouse_disable(s); break;
    case VMMOUSE_ABSOLUTE: vmmouse_switch(s, true, true); break;
    case VMMOUSE_RELATIVE: vmmouse_switch(s, true, false); break;
    default: break;
    }
}

static void vmmouse_status(void *opaque, uint32_t regs[VMPORT_REGS])
{
    Vmmouse *s = opaque;

    regs[VMPORT_EAX] = (uint32_t)s->status << 16 | s->count;
}

/* EBX: how many words; they come in EAX, EBX, ECX, EDX. */
static void vmmouse_data(void *opaque, uint32_t regs[VMPORT_REGS])
{
    Vmmouse *s = opaque;
    uint32_t count = regs[VMPORT_EBX];

    if (count < 1 || count > VMMOUSE_READ_MAX || count > s->count) {
        s->status = VMMOUSE_ERROR; /* the driver begins again with ENABLE */
        regs[VMPORT_EAX] = UINT32_MAX;
        return;
    }
    memcpy(regs, s->queue, count * sizeof(regs[0]));
    s->count -= (uint16_t)count;
    memmove(s->queue, s->queue + count, s->count * sizeof(s->queue[0]));
}

/* Who may use the port: it is not enforced, as everything here may only be read. */
static void vmmouse_restrict(void *opaque, uint32_t regs[VMPORT_REGS])
{
    (void)opaque;
    (void)regs;
}

/* ---- device ---- */

static void vmmouse_reset(Device *d)
{
    vmmouse_disable(vmmouse_of(d));
}

static bool vmmouse_realize(Device *d, Error **errp)
{
    Vmmouse *s = vmmouse_of(d);

    (void)errp;
    vmport_set_handler(s->vmport, VMMOUSE_CMD_DATA, vmmouse_data, s);
    vmport_set_handler(s->vmport, VMMOUSE_CMD_STATUS, vmmouse_status, s);
    vmport_set_handler(s->vmport, VMMOUSE_CMD_COMMAND, vmmouse_command, s);
    vmport_set_handler(s->vmport, VMMOUSE_CMD_RESTRICT, vmmouse_restrict, s);
    return true;
}

static void vmmouse_unrealize(Device *d)
{
    Vmmouse *s = vmmouse_of(d);

    input_handler_remove(s->input);
    s->input = NULL;
}

static bool vmmouse_post_load(void *opaque, int version, Error **errp)
{
    Vmmouse *s = opaque;

    (void)version;
    if (s->count > VMMOUSE_QUEUE || (s->status && s->status != VMMOUSE_ERROR)) {
        error_set(errp, "vmmouse: %u words wait in a queue of %d, status 0x%x", s->count, VMMOUSE_QUEUE, s->status);
        return false;
    }
    vmmouse_update_input(s);
    return true;
}

static const VMStateField vmmouse_fields[] = {
    VMS_UINT_ARRAY(Vmmouse, queue), VMS_UINT(Vmmouse, count),   VMS_UINT(Vmmouse, status), VMS_UINT(Vmmouse, absolute),
    VMS_UINT(Vmmouse, on),          VMS_UINT(Vmmouse, buttons), VMS_END,
};
static const VMState vmmouse_state = { .name = "vmmouse", .version = 1, .fields = vmmouse_fields, .post_load = vmmouse_post_load };

static const DeviceClass vmmouse_class = {
    .name = "vmmouse",
    .desc = "VMware's absolute pointer",
    .category = "Input",
    .bus = BUS_ISA,
    .size = sizeof(Vmmouse),
    .state = &vmmouse_state,
    .realize = vmmouse_realize,
    .reset = vmmouse_reset,
    .unrealize = vmmouse_unrealize,
};
DEVICE_REGISTER(vmmouse_class);

Device *vmmouse_create(IsaBus *isa, Device *vmport, Device *i8042, Error **errp)
{
    Device *d = device_new(&vmmouse_class);
    Vmmouse *s = vmmouse_of(d);

    s->vmport = vmport;
    s->i8042 = i8042;
    if (!device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}
