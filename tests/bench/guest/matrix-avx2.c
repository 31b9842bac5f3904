/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packed matrix product in AVX2 and FMA: compiled with -march=x86-64-v3. */
#include "util/osdep.h"

#define LANES 8
#include "tests/bench/guest/matrix.h"

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const Program matrix_avx2_programs[] = {{"matrix-avx2", "float", 10, run, prepare, usable}, {NULL}};
