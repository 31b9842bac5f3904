/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A byte queue of fixed capacity.  Called by devices; the owner's lock guards it. */
#include "util/osdep.h"
#include "util/fifo8.h"

void fifo8_init(Fifo8 *f, uint32_t capacity)
{
    assert(capacity > 0 && capacity <= UINT32_MAX / 2); /* index sums stay within 32 bits */
    f->data = g_malloc0(capacity);
    f->capacity = capacity;
    fifo8_reset(f);
}

void fifo8_destroy(Fifo8 *f)
{
    g_free(f->data);
    memset(f, 0, sizeof(*f));
}

void fifo8_reset(Fifo8 *f)
{
    f->head = 0;
    f->num = 0;
}

uint32_t fifo8_push_buf(Fifo8 *f, const void *buf, uint32_t len)
{
    uint32_t n = MIN(len, fifo8_free(f));
    if (!n) {
        return 0;
    }
    uint32_t tail = (f->head + f->num) % f->capacity;
    uint32_t first = MIN(n, f->capacity - tail);
    memcpy(f->data + tail, buf, first);
    memcpy(f->data, (const uint8_t *)buf + first, n - first);
    f->num += n;
    return n;
}

uint32_t fifo8_pop_buf(Fifo8 *f, void *buf, uint32_t len)
{
    uint32_t n = MIN(len, f->num);
    if (!n) {
        return 0;
    }
    uint32_t first = MIN(n, f->capacity - f->head);
    memcpy(buf, f->data + f->head, first);
    memcpy((uint8_t *)buf + first, f->data, n - first);
    f->head = (f->head + n) % f->capacity;
    f->num -= n;
    return n;
}

bool fifo8_push(Fifo8 *f, uint8_t byte)
{
    return fifo8_push_buf(f, &byte, 1) == 1;
}

bool fifo8_pop(Fifo8 *f, uint8_t *byte)
{
    return fifo8_pop_buf(f, byte, 1) == 1;
}

bool fifo8_peek(const Fifo8 *f, uint8_t *byte)
{
    if (fifo8_empty(f)) {
        return false;
    }
    *byte = f->data[f->head];
    return true;
}
