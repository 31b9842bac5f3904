/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integers and control flow: loops, calls, indirect jumps. */
#include "util/osdep.h"

#include "tests/bench/guest/bench.h"

static uint64_t run_loop(uint64_t size)
{
    uint32_t x = 0x12345678, taken = 0;
    uint64_t sum = 0, product = 1;
    for (uint64_t i = 0; i < size * 1000; i++) {
        random_next(&x);
        sum += x;
        product *= (x & 0xffff) | 1;
        if (x & 1) {
            taken++;
        }
        keep(&sum); /* through memory in every turn */
    }
    return mix(mix(sum, product), taken);
}

#define SIEVE_SIZE (1 << 20)
static uint8_t sieve[SIEVE_SIZE];

static uint64_t run_sieve(uint64_t size)
{
    uint64_t sum = 0;
    for (uint64_t turn = 0; turn < size; turn++) {
        memset(sieve, 1, sizeof(sieve));
        uint32_t count = 0;
        for (uint32_t i = 2; i < SIEVE_SIZE; i++) {
            if (sieve[i]) {
                count++;
                for (uint32_t k = i * 2; k < SIEVE_SIZE; k += i) {
                    sieve[k] = 0;
                }
            }
        }
        sum = mix(sum, count);
    }
    return sum;
}

/* noipa: a call an invocation, not the optimiser's unrolled recursion. */
static __attribute__((noipa)) uint32_t fib(uint32_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static __attribute__((noipa)) uint32_t ackermann(uint32_t m, uint32_t n)
{
    if (m == 0) {
        return n + 1;
    }
    return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

static uint64_t run_recursion(uint64_t size)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < size; i++) {
        sum = mix(sum, fib(20) + i);
        sum = mix(sum, ackermann(2, 60));
    }
    return sum;
}

/* A machine of 16 instructions, threaded by computed goto. */
typedef struct Op {
    uint8_t code, a, b, c;
} Op;
enum { OP_COUNT = 16, PROGRAM_LENGTH = 509 };
static Op ops[PROGRAM_LENGTH + 1];

static void prepare_goto(void)
{
    uint32_t x = 77;
    for (int i = 0; i < PROGRAM_LENGTH; i++) {
        uint32_t bits_now = random_next(&x);
        ops[i] = (Op){bits_now % (OP_COUNT - 1), bits_now >> 8 & 7, bits_now >> 16 & 7, bits_now >> 24 & 7};
    }
    ops[PROGRAM_LENGTH].code = OP_COUNT - 1;
}

static uint64_t run_goto(uint64_t size)
{
    static const void *const labels[OP_COUNT] = {
        &&add, &&sub, &&xor, &&and, &&or, &&mul, &&shift, &&rotate, &&move, &&negate, &&if_less, &&if_odd, &&load, &&store, &&swap, &&end};
    uint64_t r[8] = {1, 2, 3, 5, 7, 11, 13, 17}, memory[8] = {0}, turns = size * 100, t;
    const Op *op = ops;
#define NEXT op++; goto *labels[op->code]
    goto *labels[op->code];
add: r[op->a] = r[op->b] + r[op->c]; NEXT;
sub: r[op->a] = r[op->b] - r[op->c]; NEXT;
xor: r[op->a] = r[op->b] ^ (r[op->c] + 1); NEXT;
and: r[op->a] = r[op->b] & (r[op->c] | 0xff); NEXT;
or: r[op->a] = r[op->b] | (r[op->c] & 0xff00ff); NEXT;
mul: r[op->a] = r[op->b] * (r[op->c] | 1); NEXT;
shift: r[op->a] = r[op->b] >> (r[op->c] & 7); NEXT;
rotate: r[op->a] = r[op->b] << 9 | r[op->b] >> 55; NEXT;
move: r[op->a] = r[op->b] + op->c; NEXT;
negate: r[op->a] = ~r[op->b]; NEXT;
if_less: if (r[op->a] < r[op->b] && op[1].code != OP_COUNT - 1) { op++; } NEXT;
if_odd: if (r[op->a] & 1) { r[op->b] += op->c; } NEXT;
load: r[op->a] = memory[r[op->b] & 7]; NEXT;
store: memory[r[op->a] & 7] = r[op->b]; NEXT;
swap: t = r[op->a], r[op->a] = r[op->b], r[op->b] = t; NEXT;
end:
    r[0] += turns;
    if (--turns) {
        op = ops;
        goto *labels[op->code];
    }
#undef NEXT
    return mix_bytes(1, r, sizeof(r));
}

/* A switch of 256 cases over bytes in random order. */
#define CASE(n) \
    case n: \
        x = (x + (n)) * (2 * (n) + 3) ^ x >> ((n) % 13 + 3); \
        break;
#define CASES4(n) CASE(n) CASE(n + 1) CASE(n + 2) CASE(n + 3)
#define CASES16(n) CASES4(n) CASES4(n + 4) CASES4(n + 8) CASES4(n + 12)
#define CASES64(n) CASES16(n) CASES16(n + 16) CASES16(n + 32) CASES16(n + 48)

static uint8_t stream[1 << 14];

static void prepare_switch(void)
{
    uint32_t x = 4711;
    for (size_t i = 0; i < sizeof(stream); i++) {
        stream[i] = random_next(&x) >> 11;
    }
}

static uint64_t run_switch(uint64_t size)
{
    uint64_t x = 1;
    for (uint64_t turn = 0; turn < size; turn++) {
        for (size_t i = 0; i < sizeof(stream); i++) {
            switch (stream[i]) {
            CASES64(0) CASES64(64) CASES64(128) CASES64(192)
            }
        }
    }
    return x;
}

const Program integer_programs[] = {
    {"loop", "integer", 150000, run_loop, NULL, NULL},
    {"sieve", "integer", 35, run_sieve, NULL, NULL},
    {"recursion", "integer", 2000, run_recursion, NULL, NULL},
    {"cgoto", "integer", 600, run_goto, prepare_goto, NULL},
    {"switch", "integer", 500, run_switch, prepare_switch, NULL},
    {NULL},
};
