/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 devices as their controller sees them: a keyboard and a mouse, each with bytes to take and a line that says that
 * there are some.  They are embedded in the controller, which resets, saves and frees them.  Under the big lock.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "migration/vmstate.h"
#include "system/irq.h"
#include "ui/input.h"
#include "util/timer.h"

enum { PS2_RING = 64 };

typedef struct Ps2Ring {
    uint8_t data[PS2_RING];
    uint8_t head, count;
} Ps2Ring;

/* What a device has to say: answers to commands overtake what it tells by itself. */
typedef struct Ps2Out {
    Ps2Ring replies, events;
    uint8_t last;  /* byte sent last, for Resend */
    IrqLine ready; /* raised whenever a byte was added */
} Ps2Out;

bool ps2_out_pending(const Ps2Out *o);
bool ps2_out_take(Ps2Out *o, uint8_t *byte); /* false: nothing there, *byte untouched */
/* For the devices. */
void ps2_out_reset(Ps2Out *o);
void ps2_out_reply(Ps2Out *o, const uint8_t *bytes, unsigned n);
bool ps2_out_event(Ps2Out *o, const uint8_t *bytes, unsigned n, unsigned limit); /* all or nothing (false) */
extern const VMState ps2_out_state;

typedef struct Ps2Kbd {
    Ps2Out out;
    InputHandler *input;
    uint8_t set;       /* scan code set, 1 to 3 */
    bool scanning;
    uint8_t command;   /* waits for its argument; 0: none */
    uint8_t leds;
    uint8_t rate;      /* typematic rate and delay as set */
    uint8_t print;     /* what the Print key was when it went down */
    bool overrun;      /* said so already */
    uint8_t down[32];  /* one bit a Linux input code */
    uint8_t types[256]; /* behaviour in set 3, by set-3 code */

    /* not saved: who holds the key is not there after a load */
    uint16_t held;     /* the key pressed last, a Linux input code, while it is down; 0: none */
    Timer repeat;      /* pending while it may repeat */
} Ps2Kbd;

void ps2_kbd_init(Ps2Kbd *k, IrqLine ready); /* registers with the input hub */
void ps2_kbd_destroy(Ps2Kbd *k);             /* fine on a zeroed one */
void ps2_kbd_reset(Ps2Kbd *k);               /* power on, without the self-test's answer */
void ps2_kbd_write(Ps2Kbd *k, uint8_t byte);
extern const VMState ps2_kbd_state;

typedef struct Ps2Mouse {
    Ps2Out out;
    InputHandler *input;
    uint8_t id;         /* 0: standard, 3: with a wheel, 4: with five buttons */
    uint8_t rate, resolution;
    bool enabled, remote, wrap, scaling;
    uint8_t command;    /* waits for its argument; 0: none */
    uint8_t rates[3];   /* set last, oldest first: the knocking that changes the id */
    uint8_t buttons;    /* INPUT_BTN_* */
    uint8_t reported;   /* buttons in the packet sent last */
    int32_t dx, dy, dz; /* not reported yet; dy upward */
} Ps2Mouse;

void ps2_mouse_init(Ps2Mouse *m, IrqLine ready);
void ps2_mouse_destroy(Ps2Mouse *m);
void ps2_mouse_reset(Ps2Mouse *m);
void ps2_mouse_write(Ps2Mouse *m, uint8_t byte);
void ps2_mouse_poke(Ps2Mouse *m);  /* a packet as things are, unless some wait or it may not send */
void ps2_mouse_taken(Ps2Mouse *m); /* after each byte taken: there may be room for another packet */
extern const VMState ps2_mouse_state;

#endif
