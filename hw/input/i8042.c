/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keyboard controller 8042 with the PS/2 firmware (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and
 * auxiliary device controller"; its translation of scan codes from set 2 to set 1: Microsoft's scan code specification),
 * a keyboard on its first and a mouse on its second port.
 *
 * Called by the port dispatch and by its devices, under the big lock.
 *
 * The output buffer is one byte with its origin; when the CPU takes it, the next comes at once: an answer of the
 * controller before a byte of the keyboard, that before one of the mouse.  IRQ 1 and 12 are levels that follow the
 * buffer, with a low pulse between two bytes.  The lines to the devices have no errors, so the status bits for parity
 * and timeout are always 0 (but where commands C1 and C2 show the input port in their place).
 */
#include "util/osdep.h"
#include "hw/input/i8042.h"

#include "hw/input/ps2.h"
#include "system/runstate.h"
#include "util/log.h"

enum { I8042_OBF = 0x01, I8042_SYS = 0x04, I8042_CMD = 0x08, I8042_UNLOCKED = 0x10, I8042_AUX = 0x20 }; /* status */
enum { I8042_MODE_KBD_IRQ = 0x01, I8042_MODE_AUX_IRQ = 0x02, I8042_MODE_SYS = 0x04, I8042_MODE_KBD_OFF = 0x10,
       I8042_MODE_AUX_OFF = 0x20, I8042_MODE_TRANSLATE = 0x40 };
enum { I8042_OUT_RUN = 0x01, I8042_OUT_A20 = 0x02, I8042_OUT_KBD_FULL = 0x10, I8042_OUT_AUX_FULL = 0x20,
       I8042_OUT_IDLE = 0xc0 }; /* output port; idle: clock and data lines of the keyboard */
enum { I8042_INPUT_PORT = 0x80 }; /* not locked */
enum { I8042_FROM_NONE, I8042_FROM_SELF, I8042_FROM_KBD, I8042_FROM_AUX };

typedef struct I8042 {
    IsaDevice isa;
    IrqLine kbd_irq, mouse_irq, a20;
    MemRegion data_io, cmd_io;
    Ps2Kbd kbd;
    Ps2Mouse mouse;
    uint8_t ram[32];     /* the controller's own; byte 0 is the command byte */
    uint8_t status;      /* without OBF and AUX, which follow the buffer */
    uint8_t outport;     /* without the bits that follow the buffer */
    uint8_t command;     /* waits for its data byte; 0: none */
    uint8_t data;        /* output buffer; stays readable when it is empty */
    uint8_t from;        /* I8042_FROM_*; NONE: empty */
    uint8_t reply;       /* next for the output buffer */
    uint8_t reply_from;  /* NONE: no reply waits */
    bool broken;         /* F0 of set 2 was translated away: the next code is a break */
    bool poll;           /* C1 or C2: status shows the input port */
    uint8_t polled;
} I8042;

/* Set 2 to set 1, for codes below 0x85; the others stay. */
static const uint8_t i8042_translation[0x85] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59, /* 00 */
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b, /* 10 */
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d, /* 20 */
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f, /* 30 */
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61, /* 40 */
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, /* 50 */
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, /* 60 */
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54, /* 70 */
    0x80, 0x81, 0x82, 0x41, 0x54,
};

static I8042 *i8042_of(Device *d)
{
    return container_of(d, I8042, isa.dev);
}

/* ---- output buffer ---- */

static void i8042_update_irqs(I8042 *s)
{
    bool kbd = s->from == I8042_FROM_KBD || s->from == I8042_FROM_SELF;
    irq_set(s->kbd_irq, kbd && (s->ram[0] & I8042_MODE_KBD_IRQ));
    irq_set(s->mouse_irq, s->from == I8042_FROM_AUX && (s->ram[0] & I8042_MODE_AUX_IRQ));
}

/* The next byte of the keyboard, translated if that is on; false: none (a break prefix alone is none). */
static bool i8042_take_kbd(I8042 *s, uint8_t *byte)
{
    while (ps2_out_take(&s->kbd.out, byte)) {
        if (!(s->ram[0] & I8042_MODE_TRANSLATE)) {
            s->broken = false;
            return true;
        }
        if (*byte == 0xf0) {
            s->broken = true;
            continue;
        }
        if (*byte < sizeof(i8042_translation)) {
            *byte = i8042_translation[*byte];
        }
        *byte |= s->broken ? 0x80 : 0;
        s->broken = false;
        return true;
    }
    return false;
}

static void i8042_fill(I8042 *s)
{
    if (s->from == I8042_FROM_NONE) {
        if (s->reply_from != I8042_FROM_NONE) {
            s->data = s->reply;
            s->from = s->reply_from;
            s->reply_from = I8042_FROM_NONE;
        } else if (!(s->ram[0] & I8042_MODE_KBD_OFF) && i8042_take_kbd(s, &s->data)) {
            s->from = I8042_FROM_KBD;
        } else if (!(s->ram[0] & I8042_MODE_AUX_OFF) && ps2_out_take(&s->mouse.out, &s->data)) {
            s->from = I8042_FROM_AUX;
            ps2_mouse_taken(&s->mouse);
        }
    }
    i8042_update_irqs(s);
}

/* A device has something to say. */
static void i8042_ready(void *opaque, int n, int level)
{
    (void)n;
    if (level) {
        i8042_fill(opaque);
    }
}

/* An answer that nobody took is replaced by the next. */
static void i8042_answer(I8042 *s, uint8_t byte, uint8_t from)
{
    s->reply = byte;
    s->reply_from = from;
    i8042_fill(s);
}

/* ---- ports ---- */

static uint64_t i8042_read_data(void *opaque, hwaddr off, unsigned size)
{
    I8042 *s = opaque;
    uint8_t val = s->data;
    (void)off;
    (void)size;
    if (s->from != I8042_FROM_NONE) {
        s->from = I8042_FROM_NONE;
        i8042_update_irqs(s);
        i8042_fill(s);
    }
    return val;
}

static uint8_t i8042_flags(const I8042 *s)
{
    return (s->from != I8042_FROM_NONE ? I8042_OBF : 0) | (s->from == I8042_FROM_AUX ? I8042_AUX : 0);
}

static uint64_t i8042_read_status(void *opaque, hwaddr off, unsigned size)
{
    I8042 *s = opaque;
    (void)off;
    (void)size;
    uint8_t val = s->status | i8042_flags(s);
    return s->poll ? (val & 0x0f) | s->polled : val;
}

static uint8_t i8042_outport(const I8042 *s)
{
    uint8_t full = s->from == I8042_FROM_AUX ? I8042_OUT_AUX_FULL : s->from ? I8042_OUT_KBD_FULL : 0;
    return s->outport | full;
}

static void i8042_write_outport(I8042 *s, uint8_t val)
{
    s->outport = val & ~(I8042_OUT_KBD_FULL | I8042_OUT_AUX_FULL);
    irq_set(s->a20, !!(val & I8042_OUT_A20));
    if (!(val & I8042_OUT_RUN)) {
        request_reset(SHUTDOWN_GUEST_RESET);
    }
}

/* The command byte; its system flag shows in the status. */
static void i8042_set_mode(I8042 *s, uint8_t val)
{
    s->ram[0] = val;
    s->status = (s->status & ~I8042_SYS) | (val & I8042_MODE_SYS ? I8042_SYS : 0);
    i8042_fill(s);
}

static void i8042_write_data(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    I8042 *s = opaque;
    uint8_t command = s->command, byte = (uint8_t)val;
    (void)off;
    (void)size;
    s->command = 0;
    s->poll = false;
    s->status &= ~I8042_CMD;
    switch (command) {
    case 0: /* talking to a device switches its port on */
        i8042_set_mode(s, s->ram[0] & ~I8042_MODE_KBD_OFF);
        ps2_kbd_write(&s->kbd, byte);
        break;
    case 0x60:
        i8042_set_mode(s, byte);
        break;
    case 0xd1:
        i8042_write_outport(s, byte);
        break;
    case 0xd2:
        i8042_answer(s, byte, I8042_FROM_KBD);
        break;
    case 0xd3:
        i8042_answer(s, byte, I8042_FROM_AUX);
        break;
    case 0xd4:
        i8042_set_mode(s, s->ram[0] & ~I8042_MODE_AUX_OFF);
        ps2_mouse_write(&s->mouse, byte);
        break;
    default: /* 61 to 7f */
        s->ram[command & 0x1f] = byte;
    }
}

static void i8042_write_command(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    I8042 *s = opaque;
    uint8_t cmd = (uint8_t)val;
    (void)off;
    (void)size;
    s->status |= I8042_CMD;
    s->command = 0;
    s->poll = false;
    switch (cmd) {
    case 0x20 ... 0x3f:
        i8042_answer(s, s->ram[cmd & 0x1f], I8042_FROM_SELF);
        break;
    case 0x60 ... 0x7f:
    case 0xd1 ... 0xd4:
        s->command = cmd;
        break;
    case 0xa4: /* is a password installed?  No. */
        i8042_answer(s, 0xf1, I8042_FROM_SELF);
        break;
    case 0xa7:
        i8042_set_mode(s, s->ram[0] | I8042_MODE_AUX_OFF);
        break;
    case 0xa8:
        i8042_set_mode(s, s->ram[0] & ~I8042_MODE_AUX_OFF);
        break;
    case 0xa9: /* test of the mouse's line: fine */
    case 0xab: /* of the keyboard's */
        i8042_answer(s, 0x00, I8042_FROM_SELF);
        break;
    case 0xaa:
        i8042_set_mode(s, s->ram[0] | I8042_MODE_SYS);
        i8042_answer(s, 0x55, I8042_FROM_SELF);
        break;
    case 0xad:
        i8042_set_mode(s, s->ram[0] | I8042_MODE_KBD_OFF);
        break;
    case 0xae:
        i8042_set_mode(s, s->ram[0] & ~I8042_MODE_KBD_OFF);
        break;
    case 0xc0:
        i8042_answer(s, I8042_INPUT_PORT, I8042_FROM_SELF);
        break;
    case 0xc1:
    case 0xc2:
        s->poll = true;
        s->polled = cmd == 0xc1 ? (uint8_t)(I8042_INPUT_PORT << 4) : I8042_INPUT_PORT & 0xf0;
        break;
    case 0xd0:
        i8042_answer(s, i8042_outport(s), I8042_FROM_SELF);
        break;
    case 0xdd:
    case 0xdf:
        i8042_write_outport(s, cmd == 0xdf ? s->outport | I8042_OUT_A20 : s->outport & ~I8042_OUT_A20);
        break;
    case 0xe0: /* test inputs: both clock lines as their ports are */
        i8042_answer(s, (s->ram[0] & I8042_MODE_KBD_OFF ? 0 : 1) | (s->ram[0] & I8042_MODE_AUX_OFF ? 0 : 2), I8042_FROM_SELF);
        break;
    case 0xf0 ... 0xff: /* low pulse on the output port's bits 0 to 3 that are 0; only reset notices */
        if (!(cmd & I8042_OUT_RUN)) {
            request_reset(SHUTDOWN_GUEST_RESET);
        }
        break;
    default:
        log_guest(LOG_GUEST_ERROR, "i8042: unknown command 0x%02x\n", cmd);
    }
}

static const MemOps i8042_data_ops = { .read = i8042_read_data, .write = i8042_write_data, .max_size = 1 };
static const MemOps i8042_cmd_ops = { .read = i8042_read_status, .write = i8042_write_command, .max_size = 1 };

/* ---- device ---- */

static void i8042_reset(Device *d)
{
    I8042 *s = i8042_of(d);
    memset(s->ram, 0, sizeof(s->ram));
    s->ram[0] = I8042_MODE_KBD_IRQ | I8042_MODE_AUX_IRQ;
    s->status = I8042_CMD | I8042_UNLOCKED;
    s->outport = I8042_OUT_IDLE | I8042_OUT_A20 | I8042_OUT_RUN;
    s->command = 0;
    s->data = s->reply = s->polled = 0;
    s->from = s->reply_from = I8042_FROM_NONE;
    s->broken = s->poll = false;
    ps2_kbd_reset(&s->kbd);
    ps2_mouse_reset(&s->mouse);
    irq_raise(s->a20);
    i8042_update_irqs(s);
}

static bool i8042_realize(Device *d, Error **errp)
{
    I8042 *s = i8042_of(d);
    IrqLine ready = { .set = i8042_ready, .opaque = s };
    (void)errp;
    ps2_kbd_init(&s->kbd, ready);
    ps2_mouse_init(&s->mouse, ready);
    mem_init_io(&s->data_io, &i8042_data_ops, s, "i8042-data", 1);
    mem_init_io(&s->cmd_io, &i8042_cmd_ops, s, "i8042-cmd", 1);
    isa_add_io(d, 0x60, &s->data_io);
    isa_add_io(d, 0x64, &s->cmd_io);
    return true;
}

static void i8042_unrealize(Device *d)
{
    I8042 *s = i8042_of(d);
    ps2_kbd_destroy(&s->kbd);
    ps2_mouse_destroy(&s->mouse);
    mem_destroy(&s->data_io);
    mem_destroy(&s->cmd_io);
}

void i8042_mouse_poke(Device *i8042)
{
    ps2_mouse_poke(&i8042_of(i8042)->mouse);
}

static bool i8042_post_load(void *opaque, int version, Error **errp)
{
    I8042 *s = opaque;
    (void)version;
    if (s->from > I8042_FROM_AUX || s->reply_from > I8042_FROM_AUX) {
        error_set(errp, "the output buffer cannot be filled by %u and then %u", s->from, s->reply_from);
        return false;
    }
    if (s->command && (s->command < 0x60 || s->command > 0x7f) && (s->command < 0xd1 || s->command > 0xd4)) {
        error_set(errp, "command 0x%02x has no data to wait for", s->command);
        return false;
    }
    if (s->status & ~(I8042_SYS | I8042_CMD | I8042_UNLOCKED) || s->outport & (I8042_OUT_KBD_FULL | I8042_OUT_AUX_FULL)) {
        error_set(errp, "status 0x%02x and output port 0x%02x hold bits that follow the buffer", s->status, s->outport);
        return false;
    }
    i8042_update_irqs(s);
    return true;
}

static const VMStateField i8042_fields[] = {
    VMS_STRUCT(I8042, kbd, ps2_kbd_state),
    VMS_STRUCT(I8042, mouse, ps2_mouse_state),
    VMS_BUFFER(I8042, ram),
    VMS_UINT(I8042, status),
    VMS_UINT(I8042, outport),
    VMS_UINT(I8042, command),
    VMS_UINT(I8042, data),
    VMS_UINT(I8042, from),
    VMS_UINT(I8042, reply),
    VMS_UINT(I8042, reply_from),
    VMS_UINT(I8042, broken),
    VMS_UINT(I8042, poll),
    VMS_UINT(I8042, polled),
    VMS_END,
};
static const VMState i8042_state = { .name = "i8042", .version = 1, .fields = i8042_fields, .post_load = i8042_post_load };

static const IrqOut i8042_irq_out[] = {
    { "kbd", offsetof(I8042, kbd_irq), 1 },
    { "mouse", offsetof(I8042, mouse_irq), 1 },
    { "a20", offsetof(I8042, a20), 1 },
    { NULL, 0, 0 },
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
    .irq_out = i8042_irq_out,
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
