/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A byte queue with a fixed capacity whose every access is checked.  Devices use it for
 * anything that a guest can fill.  Not thread-safe: the owner's lock guards it.
 */
#ifndef UTIL_FIFO8_H
#define UTIL_FIFO8_H

#include "util/osdep.h"

typedef struct Fifo8 {
    uint8_t *data;
    uint32_t capacity; /* bytes */
    uint32_t head;     /* index of the oldest byte */
    uint32_t num;      /* bytes held */
} Fifo8;

void fifo8_init(Fifo8 *f, uint32_t capacity);
void fifo8_destroy(Fifo8 *f); /* fine on a zeroed one */
void fifo8_reset(Fifo8 *f);
bool fifo8_push(Fifo8 *f, uint8_t byte);  /* false: full, byte dropped */
bool fifo8_pop(Fifo8 *f, uint8_t *byte);  /* false: empty, *byte untouched */
bool fifo8_peek(const Fifo8 *f, uint8_t *byte);
/* Bytes moved, which is less than @len when it gets full or empty. */
uint32_t fifo8_push_buf(Fifo8 *f, const void *buf, uint32_t len);
uint32_t fifo8_pop_buf(Fifo8 *f, void *buf, uint32_t len);

static inline bool fifo8_empty(const Fifo8 *f)
{
    return f->num == 0;
}

static inline bool fifo8_full(const Fifo8 *f)
{
    return f->num == f->capacity;
}

static inline uint32_t fifo8_free(const Fifo8 *f)
{
    return f->capacity - f->num;
}

#endif
