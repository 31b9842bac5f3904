/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard with 101 to 105 keys (IBM PS/2 Hardware Interface Technical Reference, "Keyboards"; Microsoft's
 * "Keyboard Scan Code Specification" for the keys that came later).  Scan code sets 1, 2 and 3.
 *
 * Called by the controller (bytes from the host) and by the input hub (keys).  Under the big lock.  Keys repeat as
 * the display sends them; the typematic rate is kept for those who read it back.
 */
#include "util/osdep.h"
#include "hw/input/ps2.h"
#include "util/log.h"

#include <linux/input-event-codes.h>

enum { KBD_CTRL = 1, KBD_CTRL_R = 2, KBD_SHIFT = 4, KBD_SHIFT_R = 8, KBD_ALT = 16, KBD_ALT_R = 32 };
enum {
    CMD_LEDS = 0xed, CMD_ECHO = 0xee, CMD_SET = 0xf0, CMD_ID = 0xf2, CMD_RATE = 0xf3, CMD_ENABLE = 0xf4,
    CMD_DISABLE = 0xf5, CMD_DEFAULTS = 0xf6, CMD_ALL_REPEAT = 0xf7, CMD_ALL_BREAK = 0xf8, CMD_ALL_MAKE = 0xf9,
    CMD_ALL = 0xfa, CMD_KEY_REPEAT = 0xfb, CMD_KEY_BREAK = 0xfc, CMD_KEY_MAKE = 0xfd, CMD_RESEND = 0xfe, CMD_RESET = 0xff,
};
enum { REPLY_ACK = 0xfa, REPLY_RESEND = 0xfe, REPLY_GOOD = 0xaa };
enum { KBD_RATE_DEFAULT = 0x2b, KBD_OWN_BYTES = 16 /* of the queue */ };

/* Set 2 code, whether E0 comes before it, and set 3 code, by Linux input code.  Set 1 follows by ps2_translate(). */
typedef struct KbdCode {
    uint8_t set2;
    bool extended;
    uint8_t set3;
} KbdCode;

static const KbdCode ps2_kbd_codes[256] = {
    [KEY_ESC] = { 0x76, 0, 0x08 }, [KEY_1] = { 0x16, 0, 0x16 }, [KEY_2] = { 0x1e, 0, 0x1e }, [KEY_3] = { 0x26, 0, 0x26 },
    [KEY_4] = { 0x25, 0, 0x25 }, [KEY_5] = { 0x2e, 0, 0x2e }, [KEY_6] = { 0x36, 0, 0x36 }, [KEY_7] = { 0x3d, 0, 0x3d },
    [KEY_8] = { 0x3e, 0, 0x3e }, [KEY_9] = { 0x46, 0, 0x46 }, [KEY_0] = { 0x45, 0, 0x45 },
    [KEY_MINUS] = { 0x4e, 0, 0x4e }, [KEY_EQUAL] = { 0x55, 0, 0x55 }, [KEY_BACKSPACE] = { 0x66, 0, 0x66 },
    [KEY_TAB] = { 0x0d, 0, 0x0d }, [KEY_Q] = { 0x15, 0, 0x15 }, [KEY_W] = { 0x1d, 0, 0x1d }, [KEY_E] = { 0x24, 0, 0x24 },
    [KEY_R] = { 0x2d, 0, 0x2d }, [KEY_T] = { 0x2c, 0, 0x2c }, [KEY_Y] = { 0x35, 0, 0x35 }, [KEY_U] = { 0x3c, 0, 0x3c },
    [KEY_I] = { 0x43, 0, 0x43 }, [KEY_O] = { 0x44, 0, 0x44 }, [KEY_P] = { 0x4d, 0, 0x4d },
    [KEY_LEFTBRACE] = { 0x54, 0, 0x54 }, [KEY_RIGHTBRACE] = { 0x5b, 0, 0x5b }, [KEY_ENTER] = { 0x5a, 0, 0x5a },
    [KEY_LEFTCTRL] = { 0x14, 0, 0x11 }, [KEY_A] = { 0x1c, 0, 0x1c }, [KEY_S] = { 0x1b, 0, 0x1b },
    [KEY_D] = { 0x23, 0, 0x23 }, [KEY_F] = { 0x2b, 0, 0x2b }, [KEY_G] = { 0x34, 0, 0x34 }, [KEY_H] = { 0x33, 0, 0x33 },
    [KEY_J] = { 0x3b, 0, 0x3b }, [KEY_K] = { 0x42, 0, 0x42 }, [KEY_L] = { 0x4b, 0, 0x4b },
    [KEY_SEMICOLON] = { 0x4c, 0, 0x4c }, [KEY_APOSTROPHE] = { 0x52, 0, 0x52 }, [KEY_GRAVE] = { 0x0e, 0, 0x0e },
    [KEY_LEFTSHIFT] = { 0x12, 0, 0x12 }, [KEY_BACKSLASH] = { 0x5d, 0, 0x5c }, [KEY_Z] = { 0x1a, 0, 0x1a },
    [KEY_X] = { 0x22, 0, 0x22 }, [KEY_C] = { 0x21, 0, 0x21 }, [KEY_V] = { 0x2a, 0, 0x2a }, [KEY_B] = { 0x32, 0, 0x32 },
    [KEY_N] = { 0x31, 0, 0x31 }, [KEY_M] = { 0x3a, 0, 0x3a }, [KEY_COMMA] = { 0x41, 0, 0x41 },
    [KEY_DOT] = { 0x49, 0, 0x49 }, [KEY_SLASH] = { 0x4a, 0, 0x4a }, [KEY_RIGHTSHIFT] = { 0x59, 0, 0x59 },
    [KEY_KPASTERISK] = { 0x7c, 0, 0x7e }, [KEY_LEFTALT] = { 0x11, 0, 0x19 }, [KEY_SPACE] = { 0x29, 0, 0x29 },
    [KEY_CAPSLOCK] = { 0x58, 0, 0x14 }, [KEY_F1] = { 0x05, 0, 0x07 }, [KEY_F2] = { 0x06, 0, 0x0f },
    [KEY_F3] = { 0x04, 0, 0x17 }, [KEY_F4] = { 0x0c, 0, 0x1f }, [KEY_F5] = { 0x03, 0, 0x27 }, [KEY_F6] = { 0x0b, 0, 0x2f },
    [KEY_F7] = { 0x83, 0, 0x37 }, [KEY_F8] = { 0x0a, 0, 0x3f }, [KEY_F9] = { 0x01, 0, 0x47 },
    [KEY_F10] = { 0x09, 0, 0x4f }, [KEY_NUMLOCK] = { 0x77, 0, 0x76 }, [KEY_SCROLLLOCK] = { 0x7e, 0, 0x5f },
    [KEY_KP7] = { 0x6c, 0, 0x6c }, [KEY_KP8] = { 0x75, 0, 0x75 }, [KEY_KP9] = { 0x7d, 0, 0x7d },
    [KEY_KPMINUS] = { 0x7b, 0, 0x84 }, [KEY_KP4] = { 0x6b, 0, 0x6b }, [KEY_KP5] = { 0x73, 0, 0x73 },
    [KEY_KP6] = { 0x74, 0, 0x74 }, [KEY_KPPLUS] = { 0x79, 0, 0x7c }, [KEY_KP1] = { 0x69, 0, 0x69 },
    [KEY_KP2] = { 0x72, 0, 0x72 }, [KEY_KP3] = { 0x7a, 0, 0x7a }, [KEY_KP0] = { 0x70, 0, 0x70 },
    [KEY_KPDOT] = { 0x71, 0, 0x71 }, [KEY_102ND] = { 0x61, 0, 0x13 }, [KEY_F11] = { 0x78, 0, 0x56 },
    [KEY_F12] = { 0x07, 0, 0x5e }, [KEY_RO] = { 0x51, 0, 0x51 }, [KEY_KATAKANA] = { 0x63, 0, 0x63 },
    [KEY_HIRAGANA] = { 0x62, 0, 0x62 }, [KEY_HENKAN] = { 0x64, 0, 0x86 }, [KEY_KATAKANAHIRAGANA] = { 0x13, 0, 0x87 },
    [KEY_MUHENKAN] = { 0x67, 0, 0x85 }, [KEY_KPENTER] = { 0x5a, 1, 0x79 }, [KEY_RIGHTCTRL] = { 0x14, 1, 0x58 },
    [KEY_KPSLASH] = { 0x4a, 1, 0x77 }, [KEY_SYSRQ] = { 0x7c, 1, 0x57 }, [KEY_RIGHTALT] = { 0x11, 1, 0x39 },
    [KEY_HOME] = { 0x6c, 1, 0x6e }, [KEY_UP] = { 0x75, 1, 0x63 }, [KEY_PAGEUP] = { 0x7d, 1, 0x6f },
    [KEY_LEFT] = { 0x6b, 1, 0x61 }, [KEY_RIGHT] = { 0x74, 1, 0x6a }, [KEY_END] = { 0x69, 1, 0x65 },
    [KEY_DOWN] = { 0x72, 1, 0x60 }, [KEY_PAGEDOWN] = { 0x7a, 1, 0x6d }, [KEY_INSERT] = { 0x70, 1, 0x67 },
    [KEY_DELETE] = { 0x71, 1, 0x64 }, [KEY_MUTE] = { 0x23, 1, 0x9c }, [KEY_VOLUMEDOWN] = { 0x21, 1, 0x9d },
    [KEY_VOLUMEUP] = { 0x32, 1, 0x95 }, [KEY_POWER] = { 0x37, 1, 0 }, [KEY_KPEQUAL] = { 0x0f, 0, 0 },
    [KEY_PAUSE] = { 0x77, 0, 0x62 }, [KEY_KPCOMMA] = { 0x6d, 0, 0x7b }, [KEY_HANGEUL] = { 0xf2, 0, 0 },
    [KEY_HANJA] = { 0xf1, 0, 0 }, [KEY_YEN] = { 0x6a, 0, 0x5d }, [KEY_LEFTMETA] = { 0x1f, 1, 0x8b },
    [KEY_RIGHTMETA] = { 0x27, 1, 0x8c }, [KEY_COMPOSE] = { 0x2f, 1, 0x8d }, [KEY_STOP] = { 0x28, 1, 0x0a },
    [KEY_CALC] = { 0x2b, 1, 0xa3 }, [KEY_SLEEP] = { 0x3f, 1, 0 }, [KEY_WAKEUP] = { 0x5e, 1, 0 },
    [KEY_MAIL] = { 0x48, 1, 0 }, [KEY_BOOKMARKS] = { 0x18, 1, 0 }, [KEY_COMPUTER] = { 0x40, 1, 0 },
    [KEY_BACK] = { 0x38, 1, 0 }, [KEY_FORWARD] = { 0x30, 1, 0 }, [KEY_NEXTSONG] = { 0x4d, 1, 0x93 },
    [KEY_PLAYPAUSE] = { 0x34, 1, 0 }, [KEY_PREVIOUSSONG] = { 0x15, 1, 0x94 }, [KEY_STOPCD] = { 0x3b, 1, 0x98 },
    [KEY_HOMEPAGE] = { 0x3a, 1, 0x97 }, [KEY_REFRESH] = { 0x20, 1, 0 }, [KEY_F13] = { 0x08, 0, 0x7f },
    [KEY_F14] = { 0x10, 0, 0x80 }, [KEY_F15] = { 0x18, 0, 0x81 }, [KEY_F16] = { 0x20, 0, 0x82 },
    [KEY_F17] = { 0x28, 0, 0x83 }, [KEY_F18] = { 0x30, 0, 0 }, [KEY_F19] = { 0x38, 0, 0 }, [KEY_F20] = { 0x40, 0, 0 },
    [KEY_F21] = { 0x48, 0, 0 }, [KEY_F22] = { 0x50, 0, 0 }, [KEY_F23] = { 0x57, 0, 0 }, [KEY_F24] = { 0x5f, 0, 0 },
    [KEY_SEARCH] = { 0x10, 1, 0 }, [KEY_MEDIA] = { 0x50, 1, 0 },
};

static uint8_t ps2_kbd_modifier(unsigned code)
{
    switch (code) {
    case KEY_LEFTCTRL: return KBD_CTRL;
    case KEY_RIGHTCTRL: return KBD_CTRL_R;
    case KEY_LEFTSHIFT: return KBD_SHIFT;
    case KEY_RIGHTSHIFT: return KBD_SHIFT_R;
    case KEY_LEFTALT: return KBD_ALT;
    case KEY_RIGHTALT: return KBD_ALT_R;
    default: return 0;
    }
}

/* A key's sequence under construction: in set 2, turned into set 1 at the end when that is wanted. */
typedef struct KbdBytes {
    uint8_t b[16];
    unsigned n;
} KbdBytes;

static void ps2_kbd_add(KbdBytes *out, const KbdCode *c, bool down)
{
    if (c->extended) {
        out->b[out->n++] = 0xe0;
    }
    if (!down) {
        out->b[out->n++] = 0xf0;
    }
    out->b[out->n++] = c->set2;
}

/* PrintScreen and Pause depend on the modifiers (table "Scan code set 2"). */
static void ps2_kbd_add_special(const Ps2Kbd *s, KbdBytes *out, unsigned code, bool down)
{
    static const KbdCode shift = { 0x12, 1, 0 }, print = { 0x7c, 1, 0 }, sysrq = { 0x84, 0, 0 }, cancel = { 0x7e, 1, 0 };
    if (code == KEY_PAUSE) {
        if (!down) {
            return; /* the make code holds its own break */
        }
        if (s->modifiers & (KBD_CTRL | KBD_CTRL_R)) {
            ps2_kbd_add(out, &cancel, true);
            ps2_kbd_add(out, &cancel, false);
        } else {
            static const uint8_t pause[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };
            memcpy(out->b, pause, sizeof(pause));
            out->n = sizeof(pause);
        }
    } else if (s->modifiers & (KBD_ALT | KBD_ALT_R)) {
        ps2_kbd_add(out, &sysrq, down);
    } else if (s->modifiers & (KBD_CTRL | KBD_CTRL_R | KBD_SHIFT | KBD_SHIFT_R)) {
        ps2_kbd_add(out, &print, down);
    } else {
        ps2_kbd_add(out, down ? &shift : &print, down);
        ps2_kbd_add(out, down ? &print : &shift, down);
    }
}

static void ps2_kbd_to_set1(KbdBytes *k)
{
    unsigned n = 0;
    uint8_t up = 0;
    for (unsigned i = 0; i < k->n; i++) {
        if (k->b[i] == 0xf0) {
            up = 0x80;
        } else {
            k->b[n++] = k->b[i] >= 0xe0 && k->b[i] < 0xe2 ? k->b[i] : ps2_translate(k->b[i]) | up;
            up = k->b[i] >= 0xe0 && k->b[i] < 0xe2 ? up : 0;
        }
    }
    k->n = n;
}

static void ps2_kbd_make(const Ps2Kbd *s, unsigned code, bool down, KbdBytes *out)
{
    const KbdCode *c = &ps2_kbd_codes[code];
    if (s->set == 3) {
        if (c->set3 && (down || !(s->makes_only[c->set3 >> 3] & 1u << (c->set3 & 7)))) {
            if (!down) {
                out->b[out->n++] = 0xf0;
            }
            out->b[out->n++] = c->set3;
        }
        return;
    }
    if (code == KEY_SYSRQ || code == KEY_PAUSE) {
        ps2_kbd_add_special(s, out, code, down);
    } else {
        ps2_kbd_add(out, c, down);
    }
    if (s->set == 1) {
        ps2_kbd_to_set1(out);
    }
}

static void ps2_kbd_key(void *opaque, unsigned code, bool down)
{
    Ps2Kbd *s = opaque;
    KbdBytes k = { .n = 0 };
    uint8_t modifier = ps2_kbd_modifier(code);
    s->modifiers = down ? s->modifiers | modifier : s->modifiers & ~modifier;
    if (code >= G_N_ELEMENTS(ps2_kbd_codes) || !ps2_kbd_codes[code].set2 || !s->enabled) {
        return;
    }
    ps2_kbd_make(s, code, down, &k);
    if (s->q.num > KBD_OWN_BYTES) {
        return; /* full, and that was said */
    }
    if (s->q.num + k.n > KBD_OWN_BYTES) {
        k.b[0] = s->set == 1 ? 0xff : 0x00; /* overrun instead of half a key */
        k.n = 1;
    }
    ps2_push(&s->q, k.b, k.n);
    s->ready(s->opaque);
}

static const InputHandlerOps ps2_kbd_ops = { .name = "PS/2 keyboard", .key = ps2_kbd_key };

static void ps2_kbd_set_all(Ps2Kbd *s, bool makes_only)
{
    memset(s->makes_only, makes_only ? 0xff : 0, sizeof(s->makes_only));
}

/* Set 3 starts with break codes for the modifiers only. */
static void ps2_kbd_defaults(Ps2Kbd *s)
{
    static const uint8_t with_break[] = { 0x11, 0x12, 0x14, 0x19, 0x39, 0x58, 0x59 };
    s->rate = KBD_RATE_DEFAULT;
    s->set = 2;
    ps2_kbd_set_all(s, true);
    for (unsigned i = 0; i < sizeof(with_break); i++) {
        s->makes_only[with_break[i] >> 3] &= ~(1u << (with_break[i] & 7));
    }
    s->pending = 0;
    ps2_clear(&s->q);
}

static void ps2_kbd_argument(Ps2Kbd *s, uint8_t command, uint8_t val)
{
    s->pending = 0;
    switch (command) {
    case CMD_LEDS:
        s->leds = val & 7;
        input_set_leds(s->leds);
        break;
    case CMD_SET:
        if (val > 3) {
            ps2_reply(&s->q, REPLY_RESEND);
            return;
        }
        ps2_reply(&s->q, REPLY_ACK);
        if (val == 0) {
            ps2_reply(&s->q, s->set);
        } else {
            s->set = val;
        }
        return;
    case CMD_RATE:
        s->rate = val & 0x7f;
        break;
    default: /* set 3: one key's kind */
        s->makes_only[val >> 3] = command == CMD_KEY_BREAK ? s->makes_only[val >> 3] & ~(1u << (val & 7)) :
                                                             s->makes_only[val >> 3] | 1u << (val & 7);
        s->pending = command; /* more keys may follow, until a command comes */
        break;
    }
    ps2_reply(&s->q, REPLY_ACK);
}

static void ps2_kbd_command(Ps2Kbd *s, uint8_t val)
{
    if (val == CMD_ECHO) {
        ps2_reply(&s->q, CMD_ECHO);
        return;
    }
    if (val == CMD_RESEND) {
        ps2_reply(&s->q, s->q.last);
        return;
    }
    if (val < CMD_LEDS || val == 0xef || val == 0xf1) {
        ps2_reply(&s->q, REPLY_RESEND);
        return;
    }
    ps2_reply(&s->q, REPLY_ACK);
    switch (val) {
    case CMD_LEDS: case CMD_SET: case CMD_RATE: case CMD_KEY_REPEAT: case CMD_KEY_BREAK: case CMD_KEY_MAKE:
        s->pending = val;
        break;
    case CMD_ID:
        ps2_reply(&s->q, 0xab);
        ps2_reply(&s->q, 0x83);
        break;
    case CMD_ENABLE:
        ps2_clear(&s->q);
        s->enabled = true;
        break;
    case CMD_DISABLE:
        ps2_kbd_defaults(s);
        s->enabled = false;
        break;
    case CMD_DEFAULTS:
        ps2_kbd_defaults(s);
        s->enabled = true;
        break;
    case CMD_ALL_REPEAT:
    case CMD_ALL_MAKE:
        ps2_kbd_set_all(s, true);
        break;
    case CMD_ALL_BREAK:
    case CMD_ALL:
        ps2_kbd_set_all(s, false);
        break;
    default: /* CMD_RESET */
        ps2_kbd_defaults(s);
        s->enabled = true;
        s->leds = 0;
        input_set_leds(0);
        ps2_reply(&s->q, REPLY_GOOD);
        break;
    }
}

void ps2_kbd_write(Ps2Kbd *s, uint8_t val)
{
    if (s->pending && val < CMD_LEDS) {
        ps2_kbd_argument(s, s->pending, val);
    } else {
        s->pending = 0;
        ps2_kbd_command(s, val);
    }
    s->ready(s->opaque);
}

void ps2_kbd_reset(Ps2Kbd *s)
{
    memset(&s->q, 0, sizeof(s->q));
    ps2_kbd_defaults(s);
    s->leds = s->modifiers = 0;
    s->enabled = true;
    input_set_leds(0);
}

void ps2_kbd_init(Ps2Kbd *s, void (*ready)(void *opaque), void *opaque)
{
    s->ready = ready;
    s->opaque = opaque;
    s->handler = input_handler_add(&ps2_kbd_ops, s);
}

void ps2_kbd_destroy(Ps2Kbd *s)
{
    input_handler_remove(s->handler);
    s->handler = NULL;
}

static bool ps2_kbd_post_load(void *opaque, int version, Error **errp)
{
    Ps2Kbd *s = opaque;
    bool takes_argument = s->pending == CMD_LEDS || s->pending == CMD_SET || s->pending == CMD_RATE ||
                          (s->pending >= CMD_KEY_REPEAT && s->pending <= CMD_KEY_MAKE);
    (void)version;
    if (!ps2_queue_valid(&s->q) || s->set < 1 || s->set > 3 || (s->pending && !takes_argument) || s->leds > 7) {
        error_set(errp, "state of the keyboard is not one that it can have");
        return false;
    }
    input_set_leds(s->leds);
    return true;
}

static const VMStateField ps2_kbd_fields[] = {
    VMS_STRUCT(Ps2Kbd, q, ps2_queue_state), VMS_UINT(Ps2Kbd, pending), VMS_UINT(Ps2Kbd, set), VMS_UINT(Ps2Kbd, rate),
    VMS_UINT(Ps2Kbd, leds), VMS_UINT(Ps2Kbd, enabled), VMS_UINT(Ps2Kbd, modifiers), VMS_BUFFER(Ps2Kbd, makes_only),
    VMS_END
};
const VMState ps2_kbd_state = { .name = "ps2-kbd", .version = 1, .fields = ps2_kbd_fields, .post_load = ps2_kbd_post_load };
