/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A product of matrices of floats by vectors of LANES: included by matrix-sse2.c and matrix-avx2.c, which define LANES and
 * are compiled for those instruction sets.
 */
#include "tests/bench/guest/bench.h"

typedef float Vector __attribute__((vector_size(LANES * 4)));
enum { N = 128, COLUMNS = N / LANES };
static Vector a[N][COLUMNS], b[N][COLUMNS], c[N][COLUMNS];

static void prepare(void)
{
    uint32_t x = 2024;
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < N; k++) {
            ((float *)a[i])[k] = (float)(random_next(&x) % 2000) / 1000 - 1;
            ((float *)b[i])[k] = (float)(random_next(&x) % 2000) / 1000 - 1;
        }
    }
}

/* Four rows at a time: each vector of b is loaded once for the four. */
static void multiply(void)
{
    for (int i = 0; i < N; i += 4) {
        for (int k = 0; k < COLUMNS; k++) {
            Vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
            for (int j = 0; j < N; j++) {
                Vector v = b[j][k];
                s0 += v * ((float *)a[i])[j];
                s1 += v * ((float *)a[i + 1])[j];
                s2 += v * ((float *)a[i + 2])[j];
                s3 += v * ((float *)a[i + 3])[j];
            }
            c[i][k] = s0;
            c[i + 1][k] = s1;
            c[i + 2][k] = s2;
            c[i + 3][k] = s3;
        }
    }
}

static uint64_t run(uint64_t size)
{
    uint64_t sum = 0;
    for (uint64_t turn = 0; turn < size; turn++) {
        multiply();
        for (int i = 0; i < N; i++) {
            a[i][turn % COLUMNS] = c[(i + 1) % N][turn % COLUMNS] * 0.03125f;
        }
        sum = mix_bytes(sum, c[turn % N], sizeof(c[0]));
    }
    return sum;
}
