/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What both PS/2 devices share: the bytes on their way to the controller.  Both rings are bounded: a guest that sends
 * commands and never reads loses the newest answers.  Called by the devices and by the controller, under the big lock.
 */
#include "util/osdep.h"
#include "hw/input/ps2.h"

static void ps2_ring_push(Ps2Ring *r, uint8_t byte)
{
    if (r->count < PS2_RING) {
        r->data[(r->head + r->count++) % PS2_RING] = byte;
    }
}

static bool ps2_ring_pop(Ps2Ring *r, uint8_t *byte)
{
    if (!r->count) {
        return false;
    }
    *byte = r->data[r->head % PS2_RING];
    r->head = (r->head + 1) % PS2_RING;
    r->count--;
    return true;
}

bool ps2_out_pending(const Ps2Out *o)
{
    return o->replies.count || o->events.count;
}

bool ps2_out_take(Ps2Out *o, uint8_t *byte)
{
    if (!ps2_ring_pop(&o->replies, byte) && !ps2_ring_pop(&o->events, byte)) {
        return false;
    }
    o->last = *byte;
    return true;
}

void ps2_out_reset(Ps2Out *o)
{
    memset(&o->replies, 0, sizeof(o->replies));
    memset(&o->events, 0, sizeof(o->events));
    o->last = 0;
}

void ps2_out_reply(Ps2Out *o, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        ps2_ring_push(&o->replies, bytes[i]);
    }
    irq_raise(o->ready);
}

bool ps2_out_event(Ps2Out *o, const uint8_t *bytes, unsigned n, unsigned limit)
{
    if (o->events.count + n > MIN(limit, PS2_RING)) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        ps2_ring_push(&o->events, bytes[i]);
    }
    irq_raise(o->ready);
    return true;
}

static bool ps2_ring_post_load(void *opaque, int version, Error **errp)
{
    Ps2Ring *r = opaque;
    (void)version;
    if (r->head >= PS2_RING || r->count > PS2_RING) {
        error_set(errp, "%u bytes from place %u of a queue of %d", r->count, r->head, PS2_RING);
        return false;
    }
    return true;
}

static const VMStateField ps2_ring_fields[] = {
    VMS_BUFFER(Ps2Ring, data),
    VMS_UINT(Ps2Ring, head),
    VMS_UINT(Ps2Ring, count),
    VMS_END,
};
static const VMState ps2_ring_state = { .name = "ps2-queue", .version = 1, .fields = ps2_ring_fields,
                                        .post_load = ps2_ring_post_load };

static const VMStateField ps2_out_fields[] = {
    VMS_STRUCT(Ps2Out, replies, ps2_ring_state),
    VMS_STRUCT(Ps2Out, events, ps2_ring_state),
    VMS_UINT(Ps2Out, last),
    VMS_END,
};
const VMState ps2_out_state = { .name = "ps2-output", .version = 1, .fields = ps2_out_fields };
