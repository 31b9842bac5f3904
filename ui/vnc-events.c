/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What viewers do: keys, pointer, wishes.  Main thread, big lock. */
#include "util/osdep.h"
#include "ui/vnc-int.h"

#include "ui/input.h"
#include "ui/keymap.h"

#include <linux/input-event-codes.h>

enum { VNC_RELATIVE_BASE = 0x7fff }; /* in relative mode a position is this plus the movement */

/* ---- keys ---- */

/* Ctrl-Alt-1..9 shows another console; true: it was that. */
static bool vnc_hot_key(VncServer *s, unsigned code, bool down)
{
    bool *held = code == KEY_LEFTCTRL || code == KEY_RIGHTCTRL ? &s->ctrl : code == KEY_LEFTALT ? &s->alt : NULL;

    if (held) {
        *held = down;
        return false;
    }
    if (!s->ctrl || !s->alt || code < KEY_1 || code > KEY_9) {
        return false;
    }
    Console *c = console_get((int)(code - KEY_1));

    if (down && c && c != s->listener.console) {
        display_release_keys();
        vnc_show(s, c);
    }
    return c != NULL;
}

static void vnc_handle_key(VncServer *s, const VncEvent *e)
{
    unsigned code = input_key_by_number(e->code);

    e->viewer->typed = true;
    if (code && !vnc_hot_key(s, code, e->down)) {
        display_key(s->listener.console, code, e->keysym, e->down);
    } else if (!code && e->keysym) { /* a viewer that does not know the key's place */
        display_keysym(s->listener.console, e->keysym, e->down);
    }
}

static void vnc_handle_keysym(VncServer *s, const VncEvent *e)
{
    const KeymapKey *keys;
    unsigned count = keymap_lookup(e->keysym, &keys);

    e->viewer->typed = true;
    if (!count || !vnc_hot_key(s, keys[0].code, e->down)) {
        display_keysym(s->listener.console, e->keysym, e->down);
    }
}

/* ---- pointer ---- */

/* RFB's buttons: left, middle, right, wheel up, wheel down, two of a tilting wheel, back, forward. */
static unsigned vnc_buttons(unsigned rfb)
{
    return (rfb & 1 ? INPUT_BTN_LEFT : 0) | (rfb & 2 ? INPUT_BTN_MIDDLE : 0) | (rfb & 4 ? INPUT_BTN_RIGHT : 0) |
           (rfb & 0x80 ? INPUT_BTN_SIDE : 0) | (rfb & 0x100 ? INPUT_BTN_EXTRA : 0);
}

static void vnc_handle_pointer(VncServer *s, const VncEvent *e)
{
    VncViewer *v = e->viewer;
    unsigned pressed = e->buttons & ~v->buttons, buttons = vnc_buttons(e->buttons);
    int dz = (pressed & 0x10 ? 1 : 0) - (pressed & 8 ? 1 : 0);

    v->buttons = e->buttons;
    if (s->listener.console && console_kind(s->listener.console) == CONSOLE_TEXT) {
        console_scroll(s->listener.console, dz * 3);
        return;
    }
    console_hurry();
    if (input_pointer_is_absolute()) {
        v->x = MIN(e->x, e->width - 1) * INPUT_ABS_MAX / MAX(e->width - 1, 1);
        v->y = MIN(e->y, e->height - 1) * INPUT_ABS_MAX / MAX(e->height - 1, 1);
        v->has_position = false;
        input_pointer_abs(v->x, v->y, dz, buttons);
        return;
    }
    if (e->relative) {
        input_pointer_rel(e->x - VNC_RELATIVE_BASE, e->y - VNC_RELATIVE_BASE, dz, buttons);
        return;
    }
    input_pointer_rel(v->has_position ? e->x - v->x : 0, v->has_position ? e->y - v->y : 0, dz, buttons);
    v->x = e->x;
    v->y = e->y;
    v->has_position = true;
}

/* ---- wishes ---- */

static void vnc_handle_power(const VncEvent *e)
{
    switch (e->buttons) {
    case rfbXvp_Shutdown: display_powerdown(); break;
    case rfbXvp_Reboot:
    case rfbXvp_Reset: display_reset(); break;
    default: break;
    }
}

/* This viewer wants to be alone. */
static void vnc_handle_exclusive(VncServer *s, const VncViewer *alone)
{
    pthread_mutex_lock(&s->lock);
    for (guint i = 0; i < s->viewers->len; i++) {
        VncViewer *v = s->viewers->pdata[i];

        if (v != alone && v->ready) {
            vnc_viewer_end(v);
        }
    }
    pthread_mutex_unlock(&s->lock);
}

void vnc_handle_event(VncServer *s, const VncEvent *e)
{
    switch (e->kind) {
    case VNC_EVENT_KEY: vnc_handle_key(s, e); break;
    case VNC_EVENT_KEYSYM: vnc_handle_keysym(s, e); break;
    case VNC_EVENT_POINTER: vnc_handle_pointer(s, e); break;
    case VNC_EVENT_SIZE:
        if (s->listener.console) {
            console_hint_size(s->listener.console, &(ConsoleSizeHint){ .width = e->width, .height = e->height });
        }
        break;
    case VNC_EVENT_POWER: vnc_handle_power(e); break;
    case VNC_EVENT_EXCLUSIVE: vnc_handle_exclusive(s, e->viewer); break;
    }
}

void vnc_forget_viewer(VncServer *s, VncViewer *v)
{
    s->ctrl = s->alt = false;
    if (v->typed) {
        display_release_keys();
    }
    if (vnc_buttons(v->buttons) && input_pointer_is_absolute()) {
        input_pointer_abs(v->x, v->y, 0, 0);
    } else if (vnc_buttons(v->buttons)) {
        input_pointer_rel(0, 0, 0, 0);
    }
}
