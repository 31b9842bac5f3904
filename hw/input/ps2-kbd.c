/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard, 101/102 keys and those that came later (IBM PS/2 Hardware Interface Technical Reference, "Keyboards
 * (101- and 102-key)").  Scan code sets 1, 2 and 3; turning set 2 into set 1 is the controller's work.
 *
 * Keys come from the input hub, commands from the controller.  Under the big lock.
 *
 * The key that was pressed last repeats while it is held, after the guest's typematic delay and at its rate, on the guest's clock.
 * What the host repeats of it is dropped.  The shift codes that a keyboard puts around the grey cursor keys while Num Lock is lit
 * are not sent.
 */
#include "util/osdep.h"
#include "hw/input/ps2.h"

#include "hw/input/ps2-int.h"
#include "system/runstate.h"

#include <linux/input-event-codes.h>

enum {
    PS2_KBD_LEDS = 0xed,
    PS2_KBD_ECHO = 0xee,
    PS2_KBD_SET = 0xf0,
    PS2_KBD_ID = 0xf2,
    PS2_KBD_RATE = 0xf3,
    PS2_KBD_ENABLE = 0xf4,
    PS2_KBD_DISABLE = 0xf5,
    PS2_KBD_DEFAULTS = 0xf6,
    PS2_KBD_ALL_TYPEMATIC = 0xf7,
    PS2_KBD_ALL_MAKE_BREAK = 0xf8,
    PS2_KBD_ALL_MAKE = 0xf9,
    PS2_KBD_ALL_BOTH = 0xfa,
    PS2_KBD_KEY_TYPEMATIC = 0xfb,
    PS2_KBD_KEY_MAKE_BREAK = 0xfc,
    PS2_KBD_KEY_MAKE = 0xfd,
    PS2_KBD_RESEND = 0xfe,
    PS2_KBD_RESET = 0xff,
    PS2_KBD_FIRST_COMMAND = 0xed,
};
enum { PS2_KBD_ACK = 0xfa, PS2_KBD_AGAIN = 0xfe, PS2_KBD_PASSED = 0xaa };
enum { PS2_KBD_QUEUE = 16, PS2_KBD_RATE_DEFAULT = 0x2b };
enum { PS2_KBD_REPEATS = 1, PS2_KBD_BREAKS = 2 };                     /* types of set 3 */
enum { PS2_KBD_PRINT_PLAIN, PS2_KBD_PRINT_SHIFTED, PS2_KBD_PRINT_ALT }; /* what Print is */

/* ---- key types of set 3 ---- */

static void ps2_kbd_default_types(Ps2Kbd *k)
{
    static const uint8_t make_break[] = { 0x11, 0x12, 0x14, 0x19, 0x59 };
    static const uint8_t make_only[] = { 0x07, 0x08, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x39, 0x3f, 0x47, 0x4f, 0x56, 0x57,
                                         0x58, 0x5e, 0x5f, 0x62, 0x65, 0x67, 0x69, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71,
                                         0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x79, 0x7a, 0x7d, 0x7e, 0x8b, 0x8c, 0x8d };
    memset(k->types, PS2_KBD_REPEATS, sizeof(k->types));
    for (unsigned i = 0; i < G_N_ELEMENTS(make_break); i++) {
        k->types[make_break[i]] = PS2_KBD_BREAKS;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(make_only); i++) {
        k->types[make_only[i]] = 0;
    }
}

/* ---- keys ---- */

static bool ps2_kbd_is_down(const Ps2Kbd *k, unsigned code)
{
    return k->down[code / 8] >> code % 8 & 1;
}

static void ps2_kbd_set_down(Ps2Kbd *k, unsigned code, bool down)
{
    uint8_t bit = 1u << code % 8;
    k->down[code / 8] = down ? k->down[code / 8] | bit : k->down[code / 8] & ~bit;
}

static void ps2_kbd_send(Ps2Kbd *k, const uint8_t *bytes, unsigned n)
{
    if (!n) {
        return;
    }
    if (ps2_out_event(&k->out, bytes, n, PS2_KBD_QUEUE)) {
        k->overrun = false;
    } else if (!k->overrun) {
        uint8_t code = k->set == 1 ? 0xff : 0x00;
        k->overrun = ps2_out_event(&k->out, &code, 1, PS2_RING); /* the place after the last is for this */
    }
}

/* Bytes of one code of set 1 or 2 in @out (room for 3). */
static unsigned ps2_kbd_put(const Ps2Kbd *k, uint16_t set1, uint16_t set2, bool down, uint8_t *out)
{
    uint16_t code = k->set == 1 ? set1 : set2;
    unsigned n = 0;
    if (code & PS2_E0) {
        out[n++] = 0xe0;
    }
    if (k->set != 1 && !down) {
        out[n++] = 0xf0;
    }
    out[n++] = k->set == 1 && !down ? (code & 0xff) | 0x80 : code & 0xff;
    return n;
}

static unsigned ps2_kbd_pause(const Ps2Kbd *k, uint8_t *out)
{
    bool ctrl = ps2_kbd_is_down(k, KEY_LEFTCTRL) || ps2_kbd_is_down(k, KEY_RIGHTCTRL);
    unsigned n = 0;
    if (ctrl) { /* Break */
        n += ps2_kbd_put(k, 0x46 | PS2_E0, 0x7e | PS2_E0, true, out + n);
        return n + ps2_kbd_put(k, 0x46 | PS2_E0, 0x7e | PS2_E0, false, out + n);
    }
    for (int down = 1; down >= 0; down--) {
        out[n++] = 0xe1;
        n += ps2_kbd_put(k, 0x1d, 0x14, down, out + n);
        n += ps2_kbd_put(k, 0x45, 0x77, down, out + n);
    }
    return n;
}

static unsigned ps2_kbd_print(Ps2Kbd *k, bool down, bool repeat, uint8_t *out)
{
    unsigned n = 0;
    if (down && !repeat) {
        bool alt = ps2_kbd_is_down(k, KEY_LEFTALT) || ps2_kbd_is_down(k, KEY_RIGHTALT);
        bool plain = !ps2_kbd_is_down(k, KEY_LEFTCTRL) && !ps2_kbd_is_down(k, KEY_RIGHTCTRL) &&
                     !ps2_kbd_is_down(k, KEY_LEFTSHIFT) && !ps2_kbd_is_down(k, KEY_RIGHTSHIFT);
        k->print = alt ? PS2_KBD_PRINT_ALT : plain ? PS2_KBD_PRINT_PLAIN : PS2_KBD_PRINT_SHIFTED;
    }
    if (k->print == PS2_KBD_PRINT_ALT) {
        return ps2_kbd_put(k, 0x54, 0x84, down, out);
    }
    bool framed = k->print == PS2_KBD_PRINT_PLAIN && !repeat;
    if (framed && down) {
        n += ps2_kbd_put(k, 0x2a | PS2_E0, 0x12 | PS2_E0, true, out + n);
    }
    n += ps2_kbd_put(k, 0x37 | PS2_E0, 0x7c | PS2_E0, down, out + n);
    if (framed && !down) {
        n += ps2_kbd_put(k, 0x2a | PS2_E0, 0x12 | PS2_E0, false, out + n);
    }
    return n;
}

static unsigned ps2_kbd_set3(const Ps2Kbd *k, unsigned key, bool down, bool repeat, uint8_t *out)
{
    uint8_t code = ps2_keys[key].set3, type = k->types[code];
    unsigned n = 0;
    if (!code || (repeat && !(type & PS2_KBD_REPEATS)) || (!down && !(type & PS2_KBD_BREAKS))) {
        return 0;
    }
    if (!down) {
        out[n++] = 0xf0;
    }
    out[n++] = code;
    return n;
}

static void ps2_kbd_tell(Ps2Kbd *k, unsigned key, bool down, bool repeat)
{
    uint8_t bytes[16];
    unsigned n;
    if (k->set == 3) {
        n = ps2_kbd_set3(k, key, down, repeat, bytes);
    } else if (key == KEY_PAUSE) {
        n = down && !repeat ? ps2_kbd_pause(k, bytes) : 0;
    } else if (key == KEY_SYSRQ) {
        n = ps2_kbd_print(k, down, repeat, bytes);
    } else {
        const Ps2Key *t = &ps2_keys[key];
        bool make_only = t->set2 == 0xf1 || t->set2 == 0xf2; /* keys of Korean keyboards */
        n = t->set2 && (make_only ? down && !repeat : true) ? ps2_kbd_put(k, t->set1, t->set2, down, bytes) : 0;
    }
    ps2_kbd_send(k, bytes, n);
}

/* The rate's bits 5, 6: quarters of a second, less one. */
static int64_t ps2_kbd_delay_ns(const Ps2Kbd *k)
{
    return ((k->rate >> 5 & 3) + 1) * NS_PER_SEC / 4;
}

/* Bits 0-2: A, bits 3, 4: B; (8 + A) * 2^B / 240 of a second. */
static int64_t ps2_kbd_period_ns(const Ps2Kbd *k)
{
    return ((8 + (k->rate & 7)) << (k->rate >> 3 & 3)) * NS_PER_SEC / 240;
}

/* A guest that does not read, or has switched the keyboard's line off, finds the first press only: the buffer does not fill. */
static void ps2_kbd_repeat(void *opaque)
{
    Ps2Kbd *k = opaque;
    if (!k->out.events.count) {
        ps2_kbd_tell(k, k->held, true, true);
    }
    timer_mod(&k->repeat, clock_ns(CLOCK_KIND_VIRTUAL) + ps2_kbd_period_ns(k));
}

/* Until the next press; what the host repeats counts as one. */
static void ps2_kbd_stop_repeat(Ps2Kbd *k)
{
    timer_del(&k->repeat);
    k->held = 0;
}

static void ps2_kbd_key(void *opaque, unsigned key, bool down)
{
    Ps2Kbd *k = opaque;
    if (key >= PS2_KEYS || (down && key == k->held)) {
        return;
    }
    if (runstate_get() == RUN_SUSPENDED && down) {
        request_wakeup();
    }
    ps2_kbd_set_down(k, key, down);
    if (down || key == k->held) {
        ps2_kbd_stop_repeat(k);
    }
    if (!k->scanning) {
        return;
    }
    ps2_kbd_tell(k, key, down, false);
    if (down) {
        k->held = (uint16_t)key;
        timer_mod(&k->repeat, clock_ns(CLOCK_KIND_VIRTUAL) + ps2_kbd_delay_ns(k));
    }
}

/* One more key (8 bytes at most) may not fit. */
static bool ps2_kbd_busy(void *opaque)
{
    return ((Ps2Kbd *)opaque)->out.events.count > PS2_KBD_QUEUE - 8;
}

static const InputHandlerOps ps2_kbd_input_ops = { .name = "PS/2 keyboard", .key = ps2_kbd_key, .busy = ps2_kbd_busy };

/* ---- commands ---- */

static void ps2_kbd_reply(Ps2Kbd *k, uint8_t byte)
{
    ps2_out_reply(&k->out, &byte, 1);
}

static void ps2_kbd_clear_events(Ps2Kbd *k)
{
    memset(&k->out.events, 0, sizeof(k->out.events));
    k->overrun = false;
    ps2_kbd_stop_repeat(k);
}

static void ps2_kbd_set_leds(Ps2Kbd *k, uint8_t leds)
{
    k->leds = leds & 7; /* the hub's bits are the keyboard's */
    input_set_leds(k->leds);
}

static void ps2_kbd_defaults(Ps2Kbd *k)
{
    k->set = 2;
    k->rate = PS2_KBD_RATE_DEFAULT;
    ps2_kbd_default_types(k);
    ps2_kbd_clear_events(k);
}

void ps2_kbd_reset(Ps2Kbd *k)
{
    ps2_out_reset(&k->out);
    ps2_kbd_defaults(k);
    memset(k->down, 0, sizeof(k->down));
    k->print = PS2_KBD_PRINT_PLAIN;
    k->command = 0;
    k->scanning = true;
    ps2_kbd_set_leds(k, 0);
}

/* The byte that a command waits for; false: it is none, but a command itself. */
static bool ps2_kbd_argument(Ps2Kbd *k, uint8_t val)
{
    uint8_t command = k->command;
    if (!command || val >= PS2_KBD_FIRST_COMMAND) {
        k->command = 0;
        return false;
    }
    if (command >= PS2_KBD_KEY_TYPEMATIC && command <= PS2_KBD_KEY_MAKE) { /* any number of keys, until a command */
        k->types[val] = command == PS2_KBD_KEY_TYPEMATIC ? PS2_KBD_REPEATS : command == PS2_KBD_KEY_MAKE ? 0 : PS2_KBD_BREAKS;
        ps2_kbd_reply(k, PS2_KBD_ACK);
        return true;
    }
    bool valid = command == PS2_KBD_SET ? val <= 3 : command == PS2_KBD_LEDS ? val <= 0x1f : val <= 0x7f;
    if (!valid) {
        ps2_kbd_reply(k, PS2_KBD_AGAIN); /* and waits on */
        return true;
    }
    k->command = 0;
    ps2_kbd_reply(k, PS2_KBD_ACK);
    if (command == PS2_KBD_LEDS) {
        ps2_kbd_set_leds(k, val);
    } else if (command == PS2_KBD_RATE) {
        k->rate = val;
    } else if (val) {
        k->set = val;
        ps2_kbd_clear_events(k);
    } else {
        ps2_kbd_reply(k, k->set);
    }
    return true;
}

static void ps2_kbd_set_all(Ps2Kbd *k, uint8_t type)
{
    memset(k->types, type, sizeof(k->types));
    ps2_kbd_reply(k, PS2_KBD_ACK);
}

static void ps2_kbd_command(Ps2Kbd *k, uint8_t val)
{
    static const uint8_t id[] = { PS2_KBD_ACK, 0xab, 0x83 }, passed[] = { PS2_KBD_ACK, PS2_KBD_PASSED };
    switch (val) {
    case PS2_KBD_LEDS:
    case PS2_KBD_SET:
    case PS2_KBD_RATE:
        k->command = val;
        ps2_kbd_reply(k, PS2_KBD_ACK);
        break;
    case PS2_KBD_KEY_TYPEMATIC:
    case PS2_KBD_KEY_MAKE_BREAK:
    case PS2_KBD_KEY_MAKE:
        ps2_kbd_clear_events(k);
        k->command = val;
        ps2_kbd_reply(k, PS2_KBD_ACK);
        break;
    case PS2_KBD_ECHO:
        ps2_kbd_reply(k, PS2_KBD_ECHO);
        break;
    case PS2_KBD_ID:
        ps2_out_reply(&k->out, id, sizeof(id));
        break;
    case PS2_KBD_ENABLE:
    case PS2_KBD_DISABLE:
        if (val == PS2_KBD_DISABLE) {
            ps2_kbd_defaults(k);
        }
        ps2_kbd_clear_events(k);
        k->scanning = val == PS2_KBD_ENABLE;
        ps2_kbd_reply(k, PS2_KBD_ACK);
        break;
    case PS2_KBD_DEFAULTS:
        ps2_kbd_defaults(k);
        ps2_kbd_reply(k, PS2_KBD_ACK);
        break;
    case PS2_KBD_ALL_TYPEMATIC:
        ps2_kbd_set_all(k, PS2_KBD_REPEATS);
        break;
    case PS2_KBD_ALL_MAKE_BREAK:
        ps2_kbd_set_all(k, PS2_KBD_BREAKS);
        break;
    case PS2_KBD_ALL_MAKE:
        ps2_kbd_set_all(k, 0);
        break;
    case PS2_KBD_ALL_BOTH:
        ps2_kbd_set_all(k, PS2_KBD_REPEATS | PS2_KBD_BREAKS);
        break;
    case PS2_KBD_RESEND:
        ps2_kbd_reply(k, k->out.last);
        break;
    case PS2_KBD_RESET:
        ps2_kbd_reset(k);
        ps2_out_reply(&k->out, passed, sizeof(passed));
        break;
    default:
        ps2_kbd_reply(k, PS2_KBD_AGAIN);
    }
}

/* A byte from the system ends the answer to the one before. */
void ps2_kbd_write(Ps2Kbd *k, uint8_t byte)
{
    memset(&k->out.replies, 0, sizeof(k->out.replies));
    if (!ps2_kbd_argument(k, byte)) {
        ps2_kbd_command(k, byte);
    }
}

/* ---- life ---- */

void ps2_kbd_init(Ps2Kbd *k, IrqLine ready)
{
    k->out.ready = ready;
    timer_init(&k->repeat, CLOCK_KIND_VIRTUAL, ps2_kbd_repeat, k);
    k->input = input_handler_add(&ps2_kbd_input_ops, k);
}

void ps2_kbd_destroy(Ps2Kbd *k)
{
    timer_del(&k->repeat);
    input_handler_remove(k->input);
    k->input = NULL;
}

static bool ps2_kbd_post_load(void *opaque, int version, Error **errp)
{
    Ps2Kbd *k = opaque;
    (void)version;
    if (k->set < 1 || k->set > 3) {
        error_set(errp, "scan code set %u, but there are 1 to 3", k->set);
        return false;
    }
    if (k->command && k->command != PS2_KBD_LEDS && k->command != PS2_KBD_SET && k->command != PS2_KBD_RATE &&
        (k->command < PS2_KBD_KEY_TYPEMATIC || k->command > PS2_KBD_KEY_MAKE)) {
        error_set(errp, "command 0x%02x has no argument to wait for", k->command);
        return false;
    }
    if (k->print > PS2_KBD_PRINT_ALT) {
        error_set(errp, "the Print key cannot be in state %u", k->print);
        return false;
    }
    ps2_kbd_stop_repeat(k);
    ps2_kbd_set_leds(k, k->leds);
    return true;
}

static const VMStateField ps2_kbd_fields[] = {
    VMS_STRUCT(Ps2Kbd, out, ps2_out_state),
    VMS_UINT(Ps2Kbd, set),
    VMS_UINT(Ps2Kbd, scanning),
    VMS_UINT(Ps2Kbd, command),
    VMS_UINT(Ps2Kbd, leds),
    VMS_UINT(Ps2Kbd, rate),
    VMS_UINT(Ps2Kbd, print),
    VMS_UINT(Ps2Kbd, overrun),
    VMS_BUFFER(Ps2Kbd, down),
    VMS_BUFFER(Ps2Kbd, types),
    VMS_END,
};
const VMState ps2_kbd_state = { .name = "ps2-keyboard", .version = 1, .fields = ps2_kbd_fields,
                                .post_load = ps2_kbd_post_load };
