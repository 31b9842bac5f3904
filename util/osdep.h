/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one header that comes first in every .c file: the C library, GLib, and the
 * handful of helpers that everything uses.  Kept under 100 lines.
 */
#ifndef UTIL_OSDEP_H
#define UTIL_OSDEP_H

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

#define KiB ((uint64_t)1 << 10)
#define MiB ((uint64_t)1 << 20)
#define GiB ((uint64_t)1 << 30)
#define TiB ((uint64_t)1 << 40)

/* The structure of type @type whose member @member is at @ptr. */
#define container_of(ptr, type, member) \
    ((type *)((char *)(1 ? (ptr) : &((type *)0)->member) - offsetof(type, member)))

#define NS_PER_SEC 1000000000LL
#define NS_PER_MS 1000000LL
#define NS_PER_US 1000LL

static inline bool is_pow2(uint64_t v)
{
    return v && !(v & (v - 1));
}

/* @n must be a power of two. */
static inline uint64_t align_down(uint64_t v, uint64_t n)
{
    return v & ~(n - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t n)
{
    return (v + n - 1) & ~(n - 1);
}

/* @len (1..64) bits of @v from bit @start. */
static inline uint64_t bits(uint64_t v, unsigned start, unsigned len)
{
    return (v >> start) & (~(uint64_t)0 >> (64 - len));
}

/* @a * @b / @c without losing the high half; @c must not be 0. */
static inline uint64_t muldiv64(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((unsigned __int128)a * b / c);
}

#endif
