/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard and mouse as their controller sees them: bytes in both directions.  The controller embeds them, calls
 * init, reset, destroy, and is told through `ready` when a byte waits.  Under the big lock.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "migration/vmstate.h"
#include "ui/input.h"

#define PS2_QUEUE 32

/* Bytes on their way to the controller: what the device says by itself waits behind its replies. */
typedef struct Ps2Queue {
    uint8_t reply[8], data[PS2_QUEUE];
    uint8_t reply_head, reply_num, head, num;
    uint8_t last; /* sent last, for Resend */
} Ps2Queue;

typedef struct Ps2Kbd {
    Ps2Queue q;
    uint8_t pending;  /* command that waits for its argument; 0: none */
    uint8_t set;      /* scan code set 1..3 */
    uint8_t rate;     /* typematic rate and delay, as written */
    uint8_t leds;
    bool enabled;
    uint8_t modifiers; /* KBD_* of those that change what other keys send */
    uint8_t makes_only[32]; /* set 3: keys without break code, a bit each */
    InputHandler *handler;
    void (*ready)(void *opaque);
    void *opaque;
} Ps2Kbd;

void ps2_kbd_init(Ps2Kbd *s, void (*ready)(void *opaque), void *opaque);
void ps2_kbd_destroy(Ps2Kbd *s);
void ps2_kbd_reset(Ps2Kbd *s);
void ps2_kbd_write(Ps2Kbd *s, uint8_t val);
extern const VMState ps2_kbd_state;

typedef struct Ps2Mouse {
    Ps2Queue q;
    uint8_t pending;
    uint8_t id;          /* 0 standard, 3 with wheel, 4 with five buttons */
    uint8_t rate, resolution;
    uint8_t rates[2];    /* the two rates before the present one: how drivers ask for more */
    bool enabled, remote, wrap, scale2;
    uint8_t buttons;     /* INPUT_BTN_* */
    int32_t dx, dy, dz;  /* not reported yet */
    bool moved;          /* a packet is due */
    InputHandler *handler;
    void (*ready)(void *opaque);
    void *opaque;
} Ps2Mouse;

void ps2_mouse_init(Ps2Mouse *s, void (*ready)(void *opaque), void *opaque);
void ps2_mouse_destroy(Ps2Mouse *s);
void ps2_mouse_reset(Ps2Mouse *s);
void ps2_mouse_write(Ps2Mouse *s, uint8_t val);
uint8_t ps2_mouse_pop(Ps2Mouse *s);
extern const VMState ps2_mouse_state;

/* Queue. */
static inline bool ps2_pending(const Ps2Queue *q)
{
    return q->reply_num || q->num;
}

void ps2_clear(Ps2Queue *q);
void ps2_reply(Ps2Queue *q, uint8_t byte);               /* dropped when eight wait */
bool ps2_push(Ps2Queue *q, const uint8_t *bytes, unsigned n); /* all or none */
uint8_t ps2_pop(Ps2Queue *q);                            /* empty: the last byte again */
bool ps2_queue_valid(const Ps2Queue *q);
extern const VMState ps2_queue_state;

/* What the 8042 does to a byte of set 2 (the table that IBM's technical reference prints). */
uint8_t ps2_translate(uint8_t set2);

#endif
