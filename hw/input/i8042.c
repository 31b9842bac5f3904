/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 8042 keyboard controller with the PS/2 firmware (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and
 * Auxiliary Device Controller"): ports 0x60 and 0x64, a keyboard and a mouse.
 *
 * Called by the port dispatch and by the PS/2 devices.  Everything under the big lock.  The controller is never busy:
 * a byte written has been taken when the write returns.
 */
#include "util/osdep.h"
#include "hw/input/i8042.h"
#include "hw/input/ps2.h"
#include "system/runstate.h"
#include "util/log.h"

enum {
    STATUS_FULL = 0x01, STATUS_SYSTEM = 0x04, STATUS_COMMAND = 0x08, STATUS_UNLOCKED = 0x10, STATUS_MOUSE = 0x20,
};
enum {
    MODE_KBD_INT = 0x01, MODE_MOUSE_INT = 0x02, MODE_SYSTEM = 0x04, MODE_KBD_OFF = 0x10, MODE_MOUSE_OFF = 0x20,
    MODE_TRANSLATE = 0x40,
};
enum { PORT_NO_RESET = 0x01, PORT_A20 = 0x02, PORT_KBD_FULL = 0x10, PORT_MOUSE_FULL = 0x20, PORT_INITIAL = 0xcf };
enum {
    CMD_READ_RAM = 0x20, CMD_WRITE_RAM = 0x60, CMD_PASSWORD_TEST = 0xa4, CMD_MOUSE_OFF = 0xa7, CMD_MOUSE_ON = 0xa8,
    CMD_MOUSE_TEST = 0xa9, CMD_SELF_TEST = 0xaa, CMD_KBD_TEST = 0xab, CMD_KBD_OFF = 0xad, CMD_KBD_ON = 0xae,
    CMD_READ_INPUT = 0xc0, CMD_READ_OUTPUT = 0xd0, CMD_WRITE_OUTPUT = 0xd1, CMD_WRITE_KBD_BUFFER = 0xd2,
    CMD_WRITE_MOUSE_BUFFER = 0xd3, CMD_WRITE_MOUSE = 0xd4, CMD_A20_OFF = 0xdd, CMD_A20_ON = 0xdf, CMD_TEST_INPUTS = 0xe0,
    CMD_PULSE = 0xf0,
};
enum { FROM_NOBODY, FROM_CONTROLLER, FROM_KBD, FROM_MOUSE };

typedef struct I8042 {
    IsaDevice isa;
    /* constant after creation */
    IrqLine kbd_irq, mouse_irq, a20;
    MemRegion data_io, command_io;
    /* registers */
    uint8_t ram[32];      /* [0]: command byte */
    uint8_t outport;
    uint8_t pending;      /* command that waits for its data byte; 0: none */
    bool command_last;    /* port 0x64 was written last */
    bool system;          /* the system flag: self test passed */
    uint8_t full;         /* FROM_*: who filled the output buffer */
    bool as_mouse;        /* the byte counts as the mouse's */
    uint8_t data;         /* output buffer */
    uint8_t reply;        /* a controller's reply that waits for the buffer */
    bool reply_waits, reply_as_mouse;
    bool released;        /* translation: F0 came before */
    Ps2Kbd kbd;
    Ps2Mouse mouse;
} I8042;

static I8042 *i8042_of(Device *d)
{
    return container_of(d, I8042, isa.dev);
}

static void i8042_update_irq(I8042 *s)
{
    irq_set(s->kbd_irq, s->full && !s->as_mouse && (s->ram[0] & MODE_KBD_INT));
    irq_set(s->mouse_irq, s->full && s->as_mouse && (s->ram[0] & MODE_MOUSE_INT));
}

static void i8042_put(I8042 *s, uint8_t from, bool as_mouse, uint8_t val)
{
    s->full = from;
    s->as_mouse = as_mouse;
    s->data = val;
}

/* A keyboard byte on its way through the translation; false: it was the release prefix, which goes no further. */
static bool i8042_translate(I8042 *s, uint8_t *val)
{
    if (!(s->ram[0] & MODE_TRANSLATE)) {
        s->released = false;
        return true;
    }
    if (*val == 0xf0) {
        s->released = true;
        return false;
    }
    *val = ps2_translate(*val) | (s->released ? 0x80 : 0);
    s->released = false;
    return true;
}

/* Fills the output buffer from whoever has something: controller, keyboard, mouse. */
static void i8042_fill(I8042 *s)
{
    while (!s->full) {
        if (s->reply_waits) {
            s->reply_waits = false;
            i8042_put(s, FROM_CONTROLLER, s->reply_as_mouse, s->reply);
        } else if (!(s->ram[0] & MODE_KBD_OFF) && ps2_pending(&s->kbd.q)) {
            uint8_t val = ps2_pop(&s->kbd.q); /* ends: each turn takes a byte */
            if (i8042_translate(s, &val)) {
                i8042_put(s, FROM_KBD, false, val);
            }
        } else if (!(s->ram[0] & MODE_MOUSE_OFF) && ps2_pending(&s->mouse.q)) {
            i8042_put(s, FROM_MOUSE, true, ps2_mouse_pop(&s->mouse));
        } else {
            break;
        }
    }
    i8042_update_irq(s);
}

static void i8042_ready(void *opaque)
{
    I8042 *s = opaque;
    if (!s->full) {
        i8042_fill(s);
    }
}

/* The controller's replies come before anything that waits in the devices, but after what is in the buffer. */
static void i8042_reply(I8042 *s, uint8_t val, bool as_mouse)
{
    if (s->full == FROM_CONTROLLER) {
        s->full = FROM_NOBODY; /* the host did not want the last one */
    }
    s->reply = val;
    s->reply_as_mouse = as_mouse;
    s->reply_waits = true;
    i8042_fill(s);
}

static void i8042_write_outport(I8042 *s, uint8_t val)
{
    s->outport = val;
    irq_set(s->a20, !!(val & PORT_A20));
    if (!(val & PORT_NO_RESET)) {
        request_reset(SHUTDOWN_GUEST_RESET);
    }
}

static uint8_t i8042_read_outport(const I8042 *s)
{
    uint8_t full = !s->full ? 0 : s->as_mouse ? PORT_MOUSE_FULL : PORT_KBD_FULL;
    return (s->outport & ~(PORT_KBD_FULL | PORT_MOUSE_FULL)) | full;
}

static void i8042_set_mode(I8042 *s, uint8_t val)
{
    s->ram[0] = val;
    s->system = val & MODE_SYSTEM;
    i8042_fill(s);
}

static void i8042_pulse(I8042 *s, uint8_t command)
{
    (void)s;
    if (!(command & PORT_NO_RESET)) {
        request_reset(SHUTDOWN_GUEST_RESET);
    }
}

static void i8042_command(I8042 *s, uint8_t val)
{
    s->pending = 0;
    switch (val) {
    case CMD_READ_RAM ... CMD_READ_RAM + 0x1f:
        i8042_reply(s, s->ram[val - CMD_READ_RAM], false);
        break;
    case CMD_WRITE_RAM ... CMD_WRITE_RAM + 0x1f:
    case CMD_WRITE_OUTPUT:
    case CMD_WRITE_KBD_BUFFER:
    case CMD_WRITE_MOUSE_BUFFER:
    case CMD_WRITE_MOUSE:
        s->pending = val;
        break;
    case CMD_PASSWORD_TEST:
        i8042_reply(s, 0xf1, false); /* none installed */
        break;
    case CMD_MOUSE_OFF:
    case CMD_MOUSE_ON:
        i8042_set_mode(s, val == CMD_MOUSE_OFF ? s->ram[0] | MODE_MOUSE_OFF : s->ram[0] & ~MODE_MOUSE_OFF);
        break;
    case CMD_MOUSE_TEST:
    case CMD_KBD_TEST:
    case CMD_TEST_INPUTS:
        i8042_reply(s, 0x00, false);
        break;
    case CMD_SELF_TEST:
        s->system = true;
        s->ram[0] |= MODE_SYSTEM;
        i8042_reply(s, 0x55, false);
        break;
    case CMD_KBD_OFF:
    case CMD_KBD_ON:
        i8042_set_mode(s, val == CMD_KBD_OFF ? s->ram[0] | MODE_KBD_OFF : s->ram[0] & ~MODE_KBD_OFF);
        break;
    case CMD_READ_INPUT:
        i8042_reply(s, 0x80, false); /* keyboard not locked */
        break;
    case CMD_READ_OUTPUT:
        i8042_reply(s, i8042_read_outport(s), false);
        break;
    case CMD_A20_OFF:
        i8042_write_outport(s, s->outport & ~PORT_A20);
        break;
    case CMD_A20_ON:
        i8042_write_outport(s, s->outport | PORT_A20);
        break;
    case CMD_PULSE ... 0xff:
        i8042_pulse(s, val);
        break;
    default:
        log_guest(LOG_GUEST_ERROR, "i8042: unknown command 0x%02x\n", val);
        break;
    }
}

/* A byte at port 0x60: for the command before it, else for the keyboard. */
static void i8042_data(I8042 *s, uint8_t val)
{
    uint8_t command = s->pending;
    s->pending = 0;
    switch (command) {
    case 0: /* a byte for a device switches its port on */
        s->ram[0] &= ~MODE_KBD_OFF;
        ps2_kbd_write(&s->kbd, val);
        break;
    case CMD_WRITE_RAM:
        i8042_set_mode(s, val);
        break;
    case CMD_WRITE_OUTPUT:
        i8042_write_outport(s, val);
        break;
    case CMD_WRITE_KBD_BUFFER:
        i8042_reply(s, val, false);
        break;
    case CMD_WRITE_MOUSE_BUFFER:
        i8042_reply(s, val, true);
        break;
    case CMD_WRITE_MOUSE:
        s->ram[0] &= ~MODE_MOUSE_OFF;
        ps2_mouse_write(&s->mouse, val);
        break;
    default: /* the rest of the RAM */
        s->ram[command & 0x1f] = val;
        break;
    }
}

static void i8042_write_command(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    I8042 *s = opaque;
    (void)off;
    (void)size;
    s->command_last = true;
    i8042_command(s, val);
}

static void i8042_write_data(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    I8042 *s = opaque;
    (void)off;
    (void)size;
    s->command_last = false;
    i8042_data(s, val);
}

static uint64_t i8042_read_status(void *opaque, hwaddr off, unsigned size)
{
    const I8042 *s = opaque;
    (void)off;
    (void)size;
    return STATUS_UNLOCKED | (s->command_last ? STATUS_COMMAND : 0) | (s->system ? STATUS_SYSTEM : 0) |
           (s->full ? STATUS_FULL | (s->as_mouse ? STATUS_MOUSE : 0) : 0);
}

static uint64_t i8042_read_data(void *opaque, hwaddr off, unsigned size)
{
    I8042 *s = opaque;
    uint8_t val = s->data;
    (void)off;
    (void)size;
    if (s->full) {
        s->full = FROM_NOBODY;
        i8042_update_irq(s); /* falls, so that the next byte makes an edge */
        i8042_fill(s);
    }
    return val;
}

static const MemOps i8042_data_ops = { .read = i8042_read_data, .write = i8042_write_data, .max_size = 1 };
static const MemOps i8042_command_ops = { .read = i8042_read_status, .write = i8042_write_command, .max_size = 1 };

static void i8042_reset(Device *d)
{
    I8042 *s = i8042_of(d);
    ps2_kbd_reset(&s->kbd);
    ps2_mouse_reset(&s->mouse);
    memset(s->ram, 0, sizeof(s->ram));
    s->ram[0] = MODE_KBD_INT | MODE_MOUSE_INT;
    s->outport = PORT_INITIAL;
    s->pending = 0;
    s->command_last = true;
    s->system = false;
    s->full = FROM_NOBODY;
    s->as_mouse = s->reply_waits = s->reply_as_mouse = s->released = false;
    s->data = s->reply = 0;
    i8042_update_irq(s);
    irq_raise(s->a20);
}

static bool i8042_realize(Device *d, Error **errp)
{
    I8042 *s = i8042_of(d);
    (void)errp;
    ps2_kbd_init(&s->kbd, i8042_ready, s);
    ps2_mouse_init(&s->mouse, i8042_ready, s);
    mem_init_io(&s->data_io, &i8042_data_ops, s, "i8042-data", 1);
    isa_add_io(d, 0x60, &s->data_io);
    mem_init_io(&s->command_io, &i8042_command_ops, s, "i8042-cmd", 1);
    isa_add_io(d, 0x64, &s->command_io);
    return true;
}

static void i8042_unrealize(Device *d)
{
    I8042 *s = i8042_of(d);
    mem_destroy(&s->data_io);
    mem_destroy(&s->command_io);
    ps2_kbd_destroy(&s->kbd);
    ps2_mouse_destroy(&s->mouse);
}

static bool i8042_post_load(void *opaque, int version, Error **errp)
{
    I8042 *s = opaque;
    uint8_t p = s->pending;
    bool known = !p || (p >= CMD_WRITE_RAM && p <= CMD_WRITE_RAM + 0x1f) || (p >= CMD_WRITE_OUTPUT && p <= CMD_WRITE_MOUSE);
    (void)version;
    if (!known || s->full > FROM_MOUSE) {
        error_set(errp, "state of the keyboard controller is not one that it can have");
        return false;
    }
    return true;
}

static const VMStateField i8042_fields[] = {
    VMS_BUFFER(I8042, ram), VMS_UINT(I8042, outport), VMS_UINT(I8042, pending), VMS_UINT(I8042, command_last),
    VMS_UINT(I8042, system), VMS_UINT(I8042, full), VMS_UINT(I8042, as_mouse), VMS_UINT(I8042, data),
    VMS_UINT(I8042, reply), VMS_UINT(I8042, reply_waits), VMS_UINT(I8042, reply_as_mouse), VMS_UINT(I8042, released),
    VMS_STRUCT(I8042, kbd, ps2_kbd_state), VMS_STRUCT(I8042, mouse, ps2_mouse_state), VMS_END
};
static const VMState i8042_state = {
    .name = "i8042", .version = 1, .fields = i8042_fields, .post_load = i8042_post_load,
};

static const DeviceClass i8042_class = {
    .name = "i8042",
    .desc = "keyboard controller with PS/2 keyboard and mouse",
    .category = "Input",
    .bus = BUS_ISA,
    .size = sizeof(I8042),
    .state = &i8042_state,
    .realize = i8042_realize,
    .reset = i8042_reset,
    .unrealize = i8042_unrealize,
};
DEVICE_REGISTER(i8042_class);

Device *i8042_create(IsaBus *isa, IrqLine kbd_irq, IrqLine mouse_irq, IrqLine a20, Error **errp)
{
    Device *d = device_new(&i8042_class);
    I8042 *s = i8042_of(d);
    s->kbd_irq = kbd_irq;
    s->mouse_irq = mouse_irq;
    s->a20 = a20;
    if (!device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}
