/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What PS/2 keyboard and mouse share (IBM PS/2 Hardware Interface Technical Reference, 1988): the queue of bytes to the
 * controller, and the translation from scan code set 2 to set 1.  Called by ps2-*.c and i8042.c.  Under the big lock.
 */
#include "util/osdep.h"
#include "hw/input/ps2.h"

void ps2_clear(Ps2Queue *q)
{
    q->head = q->num = 0;
}

void ps2_reply(Ps2Queue *q, uint8_t byte)
{
    if (q->reply_num < sizeof(q->reply)) {
        q->reply[(q->reply_head + q->reply_num++) % sizeof(q->reply)] = byte;
    }
}

bool ps2_push(Ps2Queue *q, const uint8_t *bytes, unsigned n)
{
    if (n > (unsigned)PS2_QUEUE - q->num) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        q->data[(q->head + q->num++) % PS2_QUEUE] = bytes[i];
    }
    return true;
}

uint8_t ps2_pop(Ps2Queue *q)
{
    if (q->reply_num) {
        q->last = q->reply[q->reply_head];
        q->reply_head = (q->reply_head + 1) % sizeof(q->reply);
        q->reply_num--;
    } else if (q->num) {
        q->last = q->data[q->head];
        q->head = (q->head + 1) % PS2_QUEUE;
        q->num--;
    }
    return q->last;
}

bool ps2_queue_valid(const Ps2Queue *q)
{
    return q->reply_head < sizeof(q->reply) && q->reply_num <= sizeof(q->reply) && q->head < PS2_QUEUE &&
           q->num <= PS2_QUEUE;
}

static const VMStateField ps2_queue_fields[] = {
    VMS_BUFFER(Ps2Queue, reply), VMS_BUFFER(Ps2Queue, data), VMS_UINT(Ps2Queue, reply_head),
    VMS_UINT(Ps2Queue, reply_num), VMS_UINT(Ps2Queue, head), VMS_UINT(Ps2Queue, num), VMS_UINT(Ps2Queue, last), VMS_END
};
const VMState ps2_queue_state = { .name = "ps2-queue", .version = 1, .fields = ps2_queue_fields };

static const uint8_t ps2_translation[0x85] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
    0x80, 0x81, 0x82, 0x41, 0x54,
};

uint8_t ps2_translate(uint8_t set2)
{
    return set2 < sizeof(ps2_translation) ? ps2_translation[set2] : set2;
}
