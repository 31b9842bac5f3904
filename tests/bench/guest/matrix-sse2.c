/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packed matrix product in SSE2, which every x86-64 has. */
#include "util/osdep.h"

#define LANES 4
#include "tests/bench/guest/matrix.h"

const Program matrix_sse2_programs[] = {{"matrix-sse2", "float", 24, run, prepare, NULL}, {NULL}};
