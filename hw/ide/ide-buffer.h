/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A drive's sector buffer.  Every access is checked against what is valid; there is no other way to its bytes from
 * code that a guest drives.  pos..end is what the host or the bus master has still to move.  Under the big lock.
 */
#ifndef HW_IDE_IDE_BUFFER_H
#define HW_IDE_IDE_BUFFER_H

#include "util/bytes.h"

#define IDE_BUFFER_SIZE (128 * 1024)

typedef struct IdeBuffer {
    uint32_t pos, end;
    uint8_t data[IDE_BUFFER_SIZE];
} IdeBuffer;

/* Makes [0, len) what is to be moved (clipped to the buffer); the bytes stay. */
static inline void ide_buffer_set(IdeBuffer *b, uint32_t len)
{
    b->pos = 0;
    b->end = MIN(len, IDE_BUFFER_SIZE);
}

static inline void ide_buffer_clear(IdeBuffer *b, uint32_t len)
{
    ide_buffer_set(b, len);
    memset(b->data, 0, b->end);
}

static inline uint32_t ide_buffer_left(const IdeBuffer *b)
{
    return b->end - b->pos;
}

/* Host side: @size 2 or 4; missing bytes read as zero, surplus ones are dropped. */
static inline uint32_t ide_buffer_get(IdeBuffer *b, unsigned size)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < size && b->pos < b->end; i++) {
        v |= (uint32_t)b->data[b->pos++] << (8 * i);
    }
    return v;
}

static inline void ide_buffer_put(IdeBuffer *b, uint32_t v, unsigned size)
{
    for (unsigned i = 0; i < size && b->pos < b->end; i++) {
        b->data[b->pos++] = (uint8_t)(v >> (8 * i));
    }
}

/* Drive side: values at a place; outside of the buffer nothing happens. */
static inline void ide_buffer_set8(IdeBuffer *b, uint32_t at, uint8_t v)
{
    if (at < IDE_BUFFER_SIZE) {
        b->data[at] = v;
    }
}

static inline void ide_buffer_set_le16(IdeBuffer *b, uint32_t at, uint16_t v)
{
    ide_buffer_set8(b, at, (uint8_t)v);
    ide_buffer_set8(b, at + 1, (uint8_t)(v >> 8));
}

static inline void ide_buffer_set_be16(IdeBuffer *b, uint32_t at, uint16_t v)
{
    ide_buffer_set8(b, at, (uint8_t)(v >> 8));
    ide_buffer_set8(b, at + 1, (uint8_t)v);
}

static inline void ide_buffer_set_be32(IdeBuffer *b, uint32_t at, uint32_t v)
{
    ide_buffer_set_be16(b, at, (uint16_t)(v >> 16));
    ide_buffer_set_be16(b, at + 2, (uint16_t)v);
}

static inline void ide_buffer_copy_in(IdeBuffer *b, uint32_t at, const void *src, uint32_t len)
{
    if (at < IDE_BUFFER_SIZE) {
        memcpy(b->data + at, src, MIN(len, IDE_BUFFER_SIZE - at));
    }
}

static inline uint8_t ide_buffer_get8(const IdeBuffer *b, uint32_t at)
{
    return at < IDE_BUFFER_SIZE ? b->data[at] : 0;
}

static inline uint64_t ide_buffer_get_le64(const IdeBuffer *b, uint32_t at)
{
    return at <= IDE_BUFFER_SIZE - 8 ? ld_le64(b->data + at) : 0;
}

#endif
