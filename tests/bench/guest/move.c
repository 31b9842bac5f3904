/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The C library's memory and string functions, in whatever version it chooses on this CPU: large and small lengths. */
#include "util/osdep.h"

#include "tests/bench/guest/bench.h"

enum { LARGE = 1 << 20, SMALL_TURNS = 20000 };
static char from[LARGE + 64], to[LARGE + 64];

static void prepare(void)
{
    uint32_t x = 8;
    for (size_t i = 0; i < sizeof(from); i++) {
        from[i] = (char)(random_next(&x) >> 9 | 1); /* no zeros: strlen ends where it is told to */
    }
}

static uint64_t run_memcpy(uint64_t size)
{
    uint64_t sum = 0;
    uint32_t x = 3;
    for (uint64_t turn = 0; turn < size; turn++) {
        for (int k = 0; k < 16; k++) {
            memcpy(to + k, from + (turn + k) % 32, LARGE);
            keep(to);
        }
        for (int i = 0; i < SMALL_TURNS; i++) {
            uint32_t r = random_next(&x);
            memcpy(to + (r >> 8) % 60000, from + (r >> 16) % 60000, r % 250);
            keep(to);
        }
        sum = mix_bytes(sum, to + turn % 4096, 4096);
    }
    return sum;
}

static uint64_t run_memset(uint64_t size)
{
    uint64_t sum = 0;
    uint32_t x = 3;
    for (uint64_t turn = 0; turn < size; turn++) {
        for (int k = 0; k < 16; k++) {
            memset(to + k, (int)(turn + k), LARGE);
            keep(to);
        }
        for (int i = 0; i < SMALL_TURNS; i++) {
            uint32_t r = random_next(&x);
            memset(to + (r >> 8) % 60000, (int)r, r % 250);
            keep(to);
        }
        sum = mix_bytes(sum, to + turn % 4096, 4096);
    }
    return sum;
}

static uint64_t run_strlen(uint64_t size)
{
    uint64_t sum = 0;
    uint32_t x = 3;
    for (uint64_t turn = 0; turn < size; turn++) {
        for (int i = 0; i < SMALL_TURNS; i++) {
            uint32_t r = random_next(&x), end = (r >> 8) % 4000 + r % 250;
            char was = from[end];
            from[end] = 0;
            keep(from);
            sum += strlen(from + (r >> 8) % 4000);
            from[end] = was;
        }
        for (int k = 0; k < 16; k++) {
            from[LARGE - k] = 0;
            keep(from);
            sum = mix(sum, strlen(from + k));
            from[LARGE - k] = 1;
        }
    }
    return sum;
}

const Program move_programs[] = {
    {"memcpy", "float", 16, run_memcpy, prepare, NULL},
    {"memset", "float", 9, run_memset, prepare, NULL},
    {"strlen", "float", 35, run_strlen, prepare, NULL},
    {NULL},
};
