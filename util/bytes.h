/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads and stores of fixed size and byte order at any alignment. */
#ifndef UTIL_BYTES_H
#define UTIL_BYTES_H

#include "util/osdep.h"

static inline uint16_t ld_le16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return GUINT16_FROM_LE(v);
}

static inline uint32_t ld_le32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return GUINT32_FROM_LE(v);
}

static inline uint64_t ld_le64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return GUINT64_FROM_LE(v);
}

static inline void st_le16(void *p, uint16_t v)
{
    v = GUINT16_TO_LE(v);
    memcpy(p, &v, sizeof(v));
}

static inline void st_le32(void *p, uint32_t v)
{
    v = GUINT32_TO_LE(v);
    memcpy(p, &v, sizeof(v));
}

static inline void st_le64(void *p, uint64_t v)
{
    v = GUINT64_TO_LE(v);
    memcpy(p, &v, sizeof(v));
}

static inline uint16_t ld_be16(const void *p)
{
    return GUINT16_SWAP_LE_BE(ld_le16(p));
}

static inline uint32_t ld_be32(const void *p)
{
    return GUINT32_SWAP_LE_BE(ld_le32(p));
}

static inline uint64_t ld_be64(const void *p)
{
    return GUINT64_SWAP_LE_BE(ld_le64(p));
}

static inline void st_be16(void *p, uint16_t v)
{
    st_le16(p, GUINT16_SWAP_LE_BE(v));
}

static inline void st_be32(void *p, uint32_t v)
{
    st_le32(p, GUINT32_SWAP_LE_BE(v));
}

static inline void st_be64(void *p, uint64_t v)
{
    st_le64(p, GUINT64_SWAP_LE_BE(v));
}

/* Little-endian value of @size (1, 2, 4 or 8) bytes. */
static inline uint64_t ld_le(const void *p, unsigned size)
{
    switch (size) {
    case 1: return *(const uint8_t *)p;
    case 2: return ld_le16(p);
    case 4: return ld_le32(p);
    default: return ld_le64(p);
    }
}

static inline void st_le(void *p, uint64_t v, unsigned size)
{
    switch (size) {
    case 1: *(uint8_t *)p = (uint8_t)v; break;
    case 2: st_le16(p, (uint16_t)v); break;
    case 4: st_le32(p, (uint32_t)v); break;
    default: st_le64(p, v); break;
    }
}

#endif
