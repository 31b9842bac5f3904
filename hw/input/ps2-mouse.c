/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 mouse (IBM PS/2 Hardware Interface Technical Reference, "Mouse"), with the wheel of the IntelliMouse and the five
 * buttons of the IntelliMouse Explorer, which drivers unlock by a sequence of sample rates.
 *
 * Called by the controller (bytes from the host) and by the input hub (movement).  Under the big lock.  Reports come
 * as events come in, not at the sample rate; what does not fit into a report or the queue follows later.
 */
#include "util/osdep.h"
#include "hw/input/ps2.h"

enum {
    CMD_SCALE1 = 0xe6, CMD_SCALE2 = 0xe7, CMD_RESOLUTION = 0xe8, CMD_STATUS = 0xe9, CMD_STREAM = 0xea, CMD_READ = 0xeb,
    CMD_UNWRAP = 0xec, CMD_WRAP = 0xee, CMD_REMOTE = 0xf0, CMD_ID = 0xf2, CMD_RATE = 0xf3, CMD_ENABLE = 0xf4,
    CMD_DISABLE = 0xf5, CMD_DEFAULTS = 0xf6, CMD_RESEND = 0xfe, CMD_RESET = 0xff,
};
enum { REPLY_ACK = 0xfa, REPLY_RESEND = 0xfe, REPLY_GOOD = 0xaa };
enum { MOUSE_STANDARD = 0, MOUSE_WHEEL = 3, MOUSE_EXPLORER = 4 };
enum { MOUSE_OWN_BYTES = 16 /* of the queue */, MOUSE_FAR = 32767 };

static int ps2_mouse_clamp(int v, int limit)
{
    return v < -limit ? -limit : v > limit ? limit : v;
}

/* Scaling 2:1 of stream mode. */
static int ps2_mouse_scale(int v)
{
    static const uint8_t steps[6] = { 0, 1, 1, 3, 6, 9 };
    int size = v < 0 ? -v : v, scaled = size < 6 ? steps[size] : 2 * size;
    return v < 0 ? -scaled : scaled;
}

/* Takes one report out of what has gathered; returns its length. */
static unsigned ps2_mouse_report(Ps2Mouse *s, uint8_t out[4], bool stream)
{
    int limit = stream && s->scale2 ? 127 : 255; /* doubled, it must still fit nine bits */
    int dx = ps2_mouse_clamp(s->dx, limit), dy = ps2_mouse_clamp(s->dy, limit);
    s->dx -= dx;
    s->dy -= dy;
    if (stream && s->scale2) {
        dx = ps2_mouse_scale(dx);
        dy = ps2_mouse_scale(dy);
    }
    out[0] = 0x08 | (s->buttons & INPUT_BTN_LEFT ? 1 : 0) | (s->buttons & INPUT_BTN_RIGHT ? 2 : 0) |
             (s->buttons & INPUT_BTN_MIDDLE ? 4 : 0) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0);
    out[1] = dx;
    out[2] = dy;
    if (s->id == MOUSE_STANDARD) {
        s->dz = 0;
    }
    int dz = ps2_mouse_clamp(s->dz, s->id == MOUSE_EXPLORER ? 7 : 127);
    s->dz -= dz;
    out[3] = s->id != MOUSE_EXPLORER ? dz :
             (dz & 0x0f) | (s->buttons & INPUT_BTN_SIDE ? 0x10 : 0) | (s->buttons & INPUT_BTN_EXTRA ? 0x20 : 0);
    s->moved = s->dx || s->dy || s->dz;
    return s->id == MOUSE_STANDARD ? 3 : 4;
}

/* In stream mode: reports as far as the queue takes them. */
static void ps2_mouse_flush(Ps2Mouse *s)
{
    uint8_t report[4];
    while (s->enabled && !s->remote && !s->wrap && s->moved && s->q.num + 4 <= MOUSE_OWN_BYTES) {
        unsigned n = ps2_mouse_report(s, report, true);
        ps2_push(&s->q, report, n);
    }
}

static void ps2_mouse_rel(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
    Ps2Mouse *s = opaque;
    if (!s->enabled && !s->remote) {
        s->buttons = buttons & 0x1f;
        return;
    }
    /* Old buttons first: a click between two reports must not vanish. */
    if (s->moved && buttons != s->buttons) {
        ps2_mouse_flush(s);
    }
    s->moved = s->moved || dx || dy || dz || buttons != s->buttons;
    s->dx = ps2_mouse_clamp(s->dx + ps2_mouse_clamp(dx, MOUSE_FAR), MOUSE_FAR);
    s->dy = ps2_mouse_clamp(s->dy - ps2_mouse_clamp(dy, MOUSE_FAR), MOUSE_FAR); /* up counts positive here */
    s->dz = ps2_mouse_clamp(s->dz + ps2_mouse_clamp(dz, MOUSE_FAR), MOUSE_FAR);
    s->buttons = buttons & 0x1f;
    ps2_mouse_flush(s);
    s->ready(s->opaque);
}

static const InputHandlerOps ps2_mouse_ops = { .name = "PS/2 mouse", .rel = ps2_mouse_rel };

static void ps2_mouse_forget(Ps2Mouse *s)
{
    ps2_clear(&s->q);
    s->dx = s->dy = s->dz = 0;
    s->moved = false;
}

static void ps2_mouse_defaults(Ps2Mouse *s)
{
    s->rate = 100;
    s->resolution = 2;
    s->rates[0] = s->rates[1] = 0;
    s->enabled = s->remote = s->wrap = s->scale2 = false;
    s->pending = 0;
    ps2_mouse_forget(s);
}

/* The knocks: 200, 100, 80 for the wheel; then 200, 200, 80 for five buttons. */
static void ps2_mouse_set_rate(Ps2Mouse *s, uint8_t rate)
{
    if (rate == 80 && s->rates[0] == 200 && s->rates[1] == 100) {
        s->id = MOUSE_WHEEL;
    } else if (rate == 80 && s->rates[0] == 200 && s->rates[1] == 200 && s->id == MOUSE_WHEEL) {
        s->id = MOUSE_EXPLORER;
    }
    s->rates[0] = s->rates[1];
    s->rates[1] = rate;
    s->rate = rate;
}

static void ps2_mouse_argument(Ps2Mouse *s, uint8_t command, uint8_t val)
{
    s->pending = 0;
    if (command == CMD_RATE) {
        ps2_mouse_set_rate(s, val);
    } else if (val > 3) {
        ps2_reply(&s->q, REPLY_RESEND);
        return;
    } else {
        s->resolution = val;
    }
    ps2_reply(&s->q, REPLY_ACK);
}

static void ps2_mouse_status(Ps2Mouse *s)
{
    ps2_reply(&s->q, (s->remote ? 0x40 : 0) | (s->enabled ? 0x20 : 0) | (s->scale2 ? 0x10 : 0) |
                     (s->buttons & INPUT_BTN_LEFT ? 4 : 0) | (s->buttons & INPUT_BTN_MIDDLE ? 2 : 0) |
                     (s->buttons & INPUT_BTN_RIGHT ? 1 : 0));
    ps2_reply(&s->q, s->resolution);
    ps2_reply(&s->q, s->rate);
}

static void ps2_mouse_read_data(Ps2Mouse *s)
{
    uint8_t report[4];
    unsigned n = ps2_mouse_report(s, report, false);
    for (unsigned i = 0; i < n; i++) {
        ps2_reply(&s->q, report[i]);
    }
}

/* Commands without argument, after their acknowledge; false: there is no such command. */
static bool ps2_mouse_command(Ps2Mouse *s, uint8_t val)
{
    switch (val) {
    case CMD_SCALE1:
    case CMD_SCALE2:
        s->scale2 = val == CMD_SCALE2;
        return true;
    case CMD_RESOLUTION:
    case CMD_RATE:
        s->pending = val;
        return true;
    case CMD_STATUS:
    case CMD_READ:
    case CMD_ID:
        return true; /* data follows the acknowledge: ps2_mouse_write() */
    case CMD_STREAM:
        s->remote = false;
        return true;
    case CMD_REMOTE:
        s->remote = true;
        return true;
    case CMD_WRAP:
    case CMD_UNWRAP:
        s->wrap = val == CMD_WRAP;
        return true;
    case CMD_ENABLE:
        ps2_mouse_forget(s);
        s->enabled = true;
        return true;
    case CMD_DISABLE:
        ps2_mouse_forget(s);
        s->enabled = false;
        return true;
    case CMD_DEFAULTS:
        ps2_mouse_defaults(s);
        return true;
    case CMD_RESET:
        ps2_mouse_defaults(s);
        s->id = MOUSE_STANDARD;
        return true;
    default:
        return false;
    }
}

static void ps2_mouse_take(Ps2Mouse *s, uint8_t val)
{
    if (s->wrap && val != CMD_UNWRAP && val != CMD_RESET) {
        ps2_reply(&s->q, val);
        return;
    }
    if (s->pending && (val < CMD_SCALE1 || s->pending == CMD_RATE)) {
        ps2_mouse_argument(s, s->pending, val);
        return;
    }
    s->pending = 0;
    if (val == CMD_RESEND) {
        ps2_reply(&s->q, s->q.last);
        return;
    }
    if (!ps2_mouse_command(s, val)) {
        ps2_reply(&s->q, REPLY_RESEND);
        return;
    }
    ps2_reply(&s->q, REPLY_ACK);
    if (val == CMD_STATUS) {
        ps2_mouse_status(s);
    } else if (val == CMD_READ) {
        ps2_mouse_read_data(s);
    } else if (val == CMD_ID) {
        ps2_reply(&s->q, s->id);
    } else if (val == CMD_RESET) {
        ps2_reply(&s->q, REPLY_GOOD);
        ps2_reply(&s->q, MOUSE_STANDARD);
    } else if (val == CMD_ENABLE) {
        input_handler_activate(s->handler);
    }
}

void ps2_mouse_write(Ps2Mouse *s, uint8_t val)
{
    ps2_mouse_take(s, val);
    s->ready(s->opaque);
}

uint8_t ps2_mouse_pop(Ps2Mouse *s)
{
    uint8_t v = ps2_pop(&s->q);
    ps2_mouse_flush(s);
    return v;
}

void ps2_mouse_reset(Ps2Mouse *s)
{
    memset(&s->q, 0, sizeof(s->q));
    ps2_mouse_defaults(s);
    s->id = MOUSE_STANDARD;
    s->buttons = 0;
}

void ps2_mouse_init(Ps2Mouse *s, void (*ready)(void *opaque), void *opaque)
{
    s->ready = ready;
    s->opaque = opaque;
    s->handler = input_handler_add(&ps2_mouse_ops, s);
}

void ps2_mouse_destroy(Ps2Mouse *s)
{
    input_handler_remove(s->handler);
    s->handler = NULL;
}

static bool ps2_mouse_post_load(void *opaque, int version, Error **errp)
{
    Ps2Mouse *s = opaque;
    bool far = s->dx < -MOUSE_FAR || s->dx > MOUSE_FAR || s->dy < -MOUSE_FAR || s->dy > MOUSE_FAR ||
               s->dz < -MOUSE_FAR || s->dz > MOUSE_FAR;
    (void)version;
    if (!ps2_queue_valid(&s->q) || far || (s->pending && s->pending != CMD_RATE && s->pending != CMD_RESOLUTION) ||
        (s->id != MOUSE_STANDARD && s->id != MOUSE_WHEEL && s->id != MOUSE_EXPLORER) || s->resolution > 3 ||
        s->buttons > 0x1f) {
        error_set(errp, "state of the mouse is not one that it can have");
        return false;
    }
    return true;
}

static const VMStateField ps2_mouse_fields[] = {
    VMS_STRUCT(Ps2Mouse, q, ps2_queue_state), VMS_UINT(Ps2Mouse, pending), VMS_UINT(Ps2Mouse, id),
    VMS_UINT(Ps2Mouse, rate), VMS_UINT(Ps2Mouse, resolution), VMS_UINT_ARRAY(Ps2Mouse, rates),
    VMS_UINT(Ps2Mouse, enabled), VMS_UINT(Ps2Mouse, remote), VMS_UINT(Ps2Mouse, wrap), VMS_UINT(Ps2Mouse, scale2),
    VMS_UINT(Ps2Mouse, buttons), VMS_UINT(Ps2Mouse, dx), VMS_UINT(Ps2Mouse, dy), VMS_UINT(Ps2Mouse, dz),
    VMS_UINT(Ps2Mouse, moved), VMS_END
};
const VMState ps2_mouse_state = {
    .name = "ps2-mouse", .version = 1, .fields = ps2_mouse_fields, .post_load = ps2_mouse_post_load,
};
