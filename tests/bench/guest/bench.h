/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs of the guest benchmark: one static binary, which runs as the guest's init and on the host itself.
 *
 * A program is a row of a table. prepare() makes its data, outside the measured time; run() does `size` units of work and
 * returns a checksum of the results, equal on every machine that computes right. Each run has a process of its own, with the
 * root of the benchmark's files (`bin/`, `tmp/`) as working directory.
 */
#ifndef TESTS_BENCH_GUEST_BENCH_H
#define TESTS_BENCH_GUEST_BENCH_H

#include "util/osdep.h"

typedef struct Program {
    const char *name, *group;
    uint64_t size; /* units of work: about a second on QEMU's software CPU on the machine that this was written on */
    uint64_t (*run)(uint64_t size);
    void (*prepare)(void); /* NULL: none */
    bool (*usable)(void);  /* NULL: everywhere; false: this CPU lacks what it needs */
} Program;

/* Tables, each ended by a row without a name. */
extern const Program integer_programs[], data_programs[], float_programs[], move_programs[], matrix_sse2_programs[],
    matrix_avx2_programs[], kernel_programs[], tool_programs[];

/* An xorshift generator: the same numbers everywhere. *state must not be 0. */
static inline uint32_t random_next(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* Mixes a value into a checksum (FNV-1a by words). */
static inline uint64_t mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * 0x100000001b3;
}

static inline uint64_t bits_of(double value)
{
    uint64_t word;
    memcpy(&word, &value, sizeof(word));
    return word;
}

uint64_t mix_bytes(uint64_t sum, const void *data, size_t length);

/* Memory of @size bytes in pages of 4 KiB, whatever the kernel's policy of huge pages; zeroed. Ends the process if there is none. */
void *small_pages(size_t size);

/* Prints the message with errno's text and ends the process with status 1. */
G_NORETURN void die(const char *what);

/* Makes the optimiser believe that the memory at @p is read and written here. */
static inline void keep(void *p)
{
    __asm__ volatile("" : : "r"(p) : "memory");
}

#endif
