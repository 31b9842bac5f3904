/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input hub: displays and the monitor send key and pointer events, the device that the
 * guest uses gets them.  Keys are Linux input codes (KEY_A = 30, <linux/input-event-codes.h>).  Under the big lock.
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include "util/error.h"

enum { INPUT_BTN_LEFT = 1, INPUT_BTN_RIGHT = 2, INPUT_BTN_MIDDLE = 4, INPUT_BTN_SIDE = 8, INPUT_BTN_EXTRA = 16 };
#define INPUT_ABS_MAX 0x7fff

typedef struct InputHandlerOps {
    const char *name;
    bool absolute;
    void (*key)(void *opaque, unsigned code, bool down);                         /* NULL: no keyboard */
    bool (*busy)(void *opaque); /* further keys would be lost now: the guest does not read that fast; may be NULL */
    void (*rel)(void *opaque, int dx, int dy, int dz, unsigned buttons);        /* dz: wheel, down positive */
    void (*abs)(void *opaque, int x, int y, int dz, unsigned buttons);          /* 0..INPUT_ABS_MAX */
} InputHandlerOps;

typedef struct InputHandler InputHandler;
InputHandler *input_handler_add(const InputHandlerOps *ops, void *opaque);
void input_handler_remove(InputHandler *h);
void input_handler_activate(InputHandler *h); /* the guest started to use this one: it comes first of its sort */

/* The pointers, for `info mice` and mouse_set.  Numbers stay with a handler as long as it exists. */
typedef struct InputMouseInfo {
    int index;
    const char *name;
    bool absolute, current;
} InputMouseInfo;
void input_each_mouse(void (*fn)(void *opaque, const InputMouseInfo *info), void *opaque);
bool input_mouse_set(int index, Error **errp);

void input_key(unsigned code, bool down);
/* As above for keys that come as fast as they like (a viewer that pastes): they wait in a queue, in order, until the keyboard
 * takes them.  A full queue loses presses. */
void input_key_paced(unsigned code, bool down);
void input_pointer_rel(int dx, int dy, int dz, unsigned buttons);
void input_pointer_abs(int x, int y, int dz, unsigned buttons);
bool input_pointer_is_absolute(void);

/* Lamps, from the keyboard device to displays. */
enum { INPUT_LED_SCROLL = 1, INPUT_LED_NUM = 2, INPUT_LED_CAPS = 4 };
void input_set_leds(unsigned leds);
unsigned input_leds(void);

/* Told when the lamps change (leds), or which pointer the guest uses (pointer).  Callbacks may be NULL. */
typedef struct InputNotifier {
    void (*leds)(struct InputNotifier *n);
    void (*pointer)(struct InputNotifier *n);
} InputNotifier;
void input_notifier_add(InputNotifier *n);
void input_notifier_remove(InputNotifier *n);

/* "ctrl-alt-delete" by QEMU's sendkey names; presses all, holds @hold_ms (0: 100), releases in reverse order. */
bool input_sendkey(const char *keys, unsigned hold_ms, Error **errp);
unsigned input_key_by_name(const char *name); /* 0: unknown */
unsigned input_key_by_number(unsigned number); /* scan code of set 1, plus 0x80 for an extended key; 0: unknown */
unsigned input_key_number(unsigned code); /* the way back; 0: PC keyboards have no such key */
/* Keys (Linux input codes) as sendkey presses them, behind those that wait.  @count at most 16; false: the queue is full. */
bool input_send_combo(const unsigned *codes, unsigned count, unsigned hold_ms, Error **errp);
unsigned input_combos_room(void); /* combinations that the queue still takes */

#endif
