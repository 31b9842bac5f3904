/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 mouse (IBM PS/2 Hardware Interface Technical Reference, "Auxiliary device, mouse"), with Microsoft's wheel
 * (IntelliMouse, after sample rates 200, 100, 80) and its fourth and fifth button (Explorer, after 200, 200, 80).
 *
 * Movement comes from the input hub, commands from the controller.  Under the big lock.
 *
 * While packets wait, movement adds up and goes into the next one; each change of the buttons has a packet of its own
 * as long as there is room.  So the sample rate is kept and reported, but the guest's reading sets the pace.
 */
#include "util/osdep.h"
#include "hw/input/ps2.h"

#include "system/runstate.h"

enum {
    PS2_MOUSE_SCALING_1 = 0xe6,
    PS2_MOUSE_SCALING_2 = 0xe7,
    PS2_MOUSE_RESOLUTION = 0xe8,
    PS2_MOUSE_STATUS = 0xe9,
    PS2_MOUSE_STREAM = 0xea,
    PS2_MOUSE_READ = 0xeb,
    PS2_MOUSE_END_WRAP = 0xec,
    PS2_MOUSE_WRAP = 0xee,
    PS2_MOUSE_REMOTE = 0xf0,
    PS2_MOUSE_ID = 0xf2,
    PS2_MOUSE_RATE = 0xf3,
    PS2_MOUSE_ENABLE = 0xf4,
    PS2_MOUSE_DISABLE = 0xf5,
    PS2_MOUSE_DEFAULTS = 0xf6,
    PS2_MOUSE_RESEND = 0xfe,
    PS2_MOUSE_RESET = 0xff,
    PS2_MOUSE_FIRST_COMMAND = 0xe6,
};
enum { PS2_MOUSE_ACK = 0xfa, PS2_MOUSE_AGAIN = 0xfe };
enum { PS2_MOUSE_STEP = 255, PS2_MOUSE_WHEEL_STEP = 7, PS2_MOUSE_FAR = 32 * PS2_MOUSE_STEP, PS2_MOUSE_QUEUE = 48 };
enum { PS2_MOUSE_BUTTONS = 0x07, PS2_MOUSE_EXTRA = 0x18 };

/* ---- packets ---- */

/* What 2:1 scaling makes of a count in stream mode. */
static int ps2_mouse_scaled(const Ps2Mouse *m, int v)
{
    static const uint8_t curve[6] = { 0, 1, 1, 3, 6, 9 };
    int size = abs(v);
    if (!m->scaling) {
        return v;
    }
    size = size < 6 ? curve[size] : 2 * size;
    return v < 0 ? -size : size;
}

/* Takes what one packet can carry from the movement that waits; 2:1 doubles it, so that half as much fits. */
static int ps2_mouse_step(const Ps2Mouse *m, int32_t *waiting, bool scale)
{
    int limit = scale && m->scaling ? PS2_MOUSE_STEP / 2 : PS2_MOUSE_STEP;
    int v = CLAMP(*waiting, -limit, limit);
    *waiting -= v;
    return scale ? ps2_mouse_scaled(m, v) : v;
}

/* Counters that ran over say so: movement was lost. */
static uint8_t ps2_mouse_overflow(const Ps2Mouse *m)
{
    return (abs(m->dx) >= PS2_MOUSE_FAR ? 0x40 : 0) | (abs(m->dy) >= PS2_MOUSE_FAR ? 0x80 : 0);
}

static unsigned ps2_mouse_packet(Ps2Mouse *m, bool scale, uint8_t *p)
{
    uint8_t overflow = ps2_mouse_overflow(m);
    int x = ps2_mouse_step(m, &m->dx, scale), y = ps2_mouse_step(m, &m->dy, scale);
    p[0] = overflow | (y < 0 ? 0x20 : 0) | (x < 0 ? 0x10 : 0) | 0x08 | (m->buttons & PS2_MOUSE_BUTTONS);
    p[1] = (uint8_t)x;
    p[2] = (uint8_t)y;
    m->reported = m->buttons;
    if (!m->id) {
        m->dz = 0;
        return 3;
    }
    int z = CLAMP(m->dz, -PS2_MOUSE_WHEEL_STEP, PS2_MOUSE_WHEEL_STEP);
    m->dz -= z;
    p[3] = m->id == 3 ? (uint8_t)z : (z & 0x0f) | (m->buttons & PS2_MOUSE_EXTRA) << 1;
    return 4;
}

static bool ps2_mouse_has_news(const Ps2Mouse *m)
{
    uint8_t seen = m->id == 4 ? PS2_MOUSE_BUTTONS | PS2_MOUSE_EXTRA : PS2_MOUSE_BUTTONS;
    return m->dx || m->dy || (m->id && m->dz) || ((m->buttons ^ m->reported) & seen);
}

static void ps2_mouse_send(Ps2Mouse *m)
{
    uint8_t p[4];
    unsigned size = m->id ? 4 : 3;
    if (m->enabled && !m->remote && !m->wrap && ps2_mouse_has_news(m) && m->out.events.count + size <= PS2_MOUSE_QUEUE) {
        size = ps2_mouse_packet(m, true, p);
        ps2_out_event(&m->out, p, size, PS2_MOUSE_QUEUE);
    }
}

void ps2_mouse_poke(Ps2Mouse *m)
{
    uint8_t p[4];
    if (m->enabled && !m->remote && !m->wrap && !m->out.events.count) {
        ps2_out_event(&m->out, p, ps2_mouse_packet(m, true, p), PS2_MOUSE_QUEUE);
    }
}

void ps2_mouse_taken(Ps2Mouse *m)
{
    if (!m->out.events.count) {
        ps2_mouse_send(m);
    }
}

static int32_t ps2_mouse_add(int32_t a, int b)
{
    return (int32_t)CLAMP((int64_t)a + b, -PS2_MOUSE_FAR, PS2_MOUSE_FAR);
}

static void ps2_mouse_moved(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
    Ps2Mouse *m = opaque;
    if (runstate_get() == RUN_SUSPENDED && buttons) {
        request_wakeup();
    }
    if (!m->enabled && !m->remote) {
        m->buttons = buttons & (PS2_MOUSE_BUTTONS | PS2_MOUSE_EXTRA);
        return;
    }
    m->dx = ps2_mouse_add(m->dx, dx);
    m->dy = ps2_mouse_add(m->dy, dy == INT_MIN ? INT_MAX : -dy);
    m->dz = ps2_mouse_add(m->dz, dz);
    m->buttons = buttons & (PS2_MOUSE_BUTTONS | PS2_MOUSE_EXTRA);
    if (!m->out.events.count || m->buttons != m->reported) {
        ps2_mouse_send(m);
    }
}

static const InputHandlerOps ps2_mouse_input_ops = { .name = "PS/2 mouse", .rel = ps2_mouse_moved };

/* ---- commands ---- */

static void ps2_mouse_reply(Ps2Mouse *m, uint8_t byte)
{
    ps2_out_reply(&m->out, &byte, 1);
}

/* Each command but Resend ends what was to be reported. */
static void ps2_mouse_forget(Ps2Mouse *m)
{
    memset(&m->out.events, 0, sizeof(m->out.events));
    m->dx = m->dy = m->dz = 0;
    m->reported = m->buttons;
}

static void ps2_mouse_defaults(Ps2Mouse *m)
{
    m->rate = 100;
    m->resolution = 2;
    m->scaling = m->remote = m->enabled = m->wrap = false;
    ps2_mouse_forget(m);
}

void ps2_mouse_reset(Ps2Mouse *m)
{
    ps2_out_reset(&m->out);
    m->id = 0;
    m->command = 0;
    m->buttons = 0;
    memset(m->rates, 0, sizeof(m->rates));
    ps2_mouse_defaults(m);
}

static void ps2_mouse_set_rate(Ps2Mouse *m, uint8_t rate)
{
    m->rate = rate;
    m->rates[0] = m->rates[1];
    m->rates[1] = m->rates[2];
    m->rates[2] = rate;
    if (m->rates[0] == 200 && m->rates[2] == 80) {
        m->id = m->rates[1] == 100 ? 3 : m->rates[1] == 200 ? 4 : m->id;
    }
}

static bool ps2_mouse_rate_valid(uint8_t rate)
{
    static const uint8_t rates[] = { 10, 20, 40, 60, 80, 100, 200 };
    return memchr(rates, rate, sizeof(rates)) != NULL;
}

/* The byte that a command waits for; false: it is none, but a command itself. */
static bool ps2_mouse_argument(Ps2Mouse *m, uint8_t val)
{
    uint8_t command = m->command;
    if (!command || val >= PS2_MOUSE_FIRST_COMMAND) {
        m->command = 0;
        return false;
    }
    if (command == PS2_MOUSE_RATE ? !ps2_mouse_rate_valid(val) : val > 3) {
        ps2_mouse_reply(m, PS2_MOUSE_AGAIN); /* and waits on */
        return true;
    }
    m->command = 0;
    ps2_mouse_reply(m, PS2_MOUSE_ACK);
    if (command == PS2_MOUSE_RATE) {
        ps2_mouse_set_rate(m, val);
    } else {
        m->resolution = val;
    }
    return true;
}

static void ps2_mouse_status(Ps2Mouse *m)
{
    bool left = m->buttons & INPUT_BTN_LEFT, middle = m->buttons & INPUT_BTN_MIDDLE, right = m->buttons & INPUT_BTN_RIGHT;
    uint8_t p[4] = { PS2_MOUSE_ACK, m->remote << 6 | m->enabled << 5 | m->scaling << 4 | left << 2 | middle << 1 | right,
                     m->resolution, m->rate };
    ps2_out_reply(&m->out, p, sizeof(p));
}

static void ps2_mouse_read_data(Ps2Mouse *m)
{
    uint8_t p[5] = { PS2_MOUSE_ACK };
    memset(&m->out.events, 0, sizeof(m->out.events));
    unsigned n = ps2_mouse_packet(m, false, p + 1);
    ps2_out_reply(&m->out, p, n + 1);
}

static void ps2_mouse_command(Ps2Mouse *m, uint8_t val)
{
    const uint8_t id[] = { PS2_MOUSE_ACK, m->id }, passed[] = { PS2_MOUSE_ACK, 0xaa, 0x00 };
    switch (val) {
    case PS2_MOUSE_SCALING_1:
    case PS2_MOUSE_SCALING_2:
        m->scaling = val == PS2_MOUSE_SCALING_2;
        ps2_mouse_reply(m, PS2_MOUSE_ACK);
        break;
    case PS2_MOUSE_RESOLUTION:
    case PS2_MOUSE_RATE:
        m->command = val;
        ps2_mouse_reply(m, PS2_MOUSE_ACK);
        break;
    case PS2_MOUSE_STATUS:
        ps2_mouse_status(m);
        break;
    case PS2_MOUSE_STREAM:
    case PS2_MOUSE_REMOTE:
        m->remote = val == PS2_MOUSE_REMOTE;
        ps2_mouse_forget(m);
        ps2_mouse_reply(m, PS2_MOUSE_ACK);
        break;
    case PS2_MOUSE_READ:
        ps2_mouse_read_data(m);
        break;
    case PS2_MOUSE_END_WRAP:
    case PS2_MOUSE_WRAP:
        m->wrap = val == PS2_MOUSE_WRAP;
        ps2_mouse_forget(m);
        ps2_mouse_reply(m, PS2_MOUSE_ACK);
        break;
    case PS2_MOUSE_ID:
        ps2_out_reply(&m->out, id, sizeof(id));
        break;
    case PS2_MOUSE_ENABLE:
    case PS2_MOUSE_DISABLE:
        m->enabled = val == PS2_MOUSE_ENABLE;
        ps2_mouse_forget(m);
        ps2_mouse_reply(m, PS2_MOUSE_ACK);
        break;
    case PS2_MOUSE_DEFAULTS:
        ps2_mouse_defaults(m);
        ps2_mouse_reply(m, PS2_MOUSE_ACK);
        break;
    case PS2_MOUSE_RESEND:
        ps2_mouse_reply(m, m->out.last);
        break;
    case PS2_MOUSE_RESET:
        ps2_mouse_reset(m);
        ps2_out_reply(&m->out, passed, sizeof(passed));
        break;
    default:
        ps2_mouse_reply(m, PS2_MOUSE_AGAIN);
    }
}

void ps2_mouse_write(Ps2Mouse *m, uint8_t byte)
{
    if (m->wrap && byte != PS2_MOUSE_RESET && byte != PS2_MOUSE_END_WRAP) {
        ps2_mouse_reply(m, byte);
    } else if (!ps2_mouse_argument(m, byte)) {
        ps2_mouse_command(m, byte);
        if (byte == PS2_MOUSE_ENABLE) {
            input_handler_activate(m->input); /* before a tablet that the guest does not use any more */
        }
    }
}

/* ---- life ---- */

void ps2_mouse_init(Ps2Mouse *m, IrqLine ready)
{
    m->out.ready = ready;
    m->input = input_handler_add(&ps2_mouse_input_ops, m);
}

void ps2_mouse_destroy(Ps2Mouse *m)
{
    input_handler_remove(m->input);
    m->input = NULL;
}

static bool ps2_mouse_post_load(void *opaque, int version, Error **errp)
{
    Ps2Mouse *m = opaque;
    (void)version;
    if (m->id != 0 && m->id != 3 && m->id != 4) {
        error_set(errp, "mouse of type %u, but there are 0, 3 and 4", m->id);
        return false;
    }
    if (m->command && m->command != PS2_MOUSE_RESOLUTION && m->command != PS2_MOUSE_RATE) {
        error_set(errp, "command 0x%02x has no argument to wait for", m->command);
        return false;
    }
    if (m->resolution > 3 || !ps2_mouse_rate_valid(m->rate)) {
        error_set(errp, "resolution %u and sample rate %u are not both possible", m->resolution, m->rate);
        return false;
    }
    if (m->dx != ps2_mouse_add(m->dx, 0) || m->dy != ps2_mouse_add(m->dy, 0) || m->dz != ps2_mouse_add(m->dz, 0)) {
        error_set(errp, "movement (%d, %d, %d) is beyond %d", m->dx, m->dy, m->dz, PS2_MOUSE_FAR);
        return false;
    }
    return true;
}

static const VMStateField ps2_mouse_fields[] = {
    VMS_STRUCT(Ps2Mouse, out, ps2_out_state),
    VMS_UINT(Ps2Mouse, id),
    VMS_UINT(Ps2Mouse, rate),
    VMS_UINT(Ps2Mouse, resolution),
    VMS_UINT(Ps2Mouse, enabled),
    VMS_UINT(Ps2Mouse, remote),
    VMS_UINT(Ps2Mouse, wrap),
    VMS_UINT(Ps2Mouse, scaling),
    VMS_UINT(Ps2Mouse, command),
    VMS_UINT_ARRAY(Ps2Mouse, rates),
    VMS_UINT(Ps2Mouse, buttons),
    VMS_UINT(Ps2Mouse, reported),
    VMS_UINT(Ps2Mouse, dx),
    VMS_UINT(Ps2Mouse, dy),
    VMS_UINT(Ps2Mouse, dz),
    VMS_END,
};
const VMState ps2_mouse_state = { .name = "ps2-mouse", .version = 1, .fields = ps2_mouse_fields,
                                  .post_load = ps2_mouse_post_load };
