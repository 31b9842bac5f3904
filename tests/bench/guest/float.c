/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scalar floating point: SSE2 doubles and x87. */
#include "util/osdep.h"

#include <math.h>

#include "tests/bench/guest/bench.h"

/* Five bodies on orbits around a heavy one. */
enum { BODIES = 5 };
typedef struct Body {
    double x[3], v[3], mass;
} Body;

static void bodies_step(Body *body, double dt)
{
    for (int i = 0; i < BODIES; i++) {
        for (int k = i + 1; k < BODIES; k++) {
            double dx = body[i].x[0] - body[k].x[0], dy = body[i].x[1] - body[k].x[1], dz = body[i].x[2] - body[k].x[2];
            double square = dx * dx + dy * dy + dz * dz, pull = dt / (square * sqrt(square));
            double pi = body[i].mass * pull, pk = body[k].mass * pull;
            body[i].v[0] -= dx * pk, body[i].v[1] -= dy * pk, body[i].v[2] -= dz * pk;
            body[k].v[0] += dx * pi, body[k].v[1] += dy * pi, body[k].v[2] += dz * pi;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        for (int c = 0; c < 3; c++) {
            body[i].x[c] += dt * body[i].v[c];
        }
    }
}

static uint64_t run_nbody(uint64_t size)
{
    Body body[BODIES] = {{.mass = 40}};
    for (int i = 1; i < BODIES; i++) {
        body[i] = (Body){{i * 2.5, i * 0.25, 0.125 * i}, {0.1 * i, 4.0 / i, 0.05}, 0.01 / i};
    }
    for (uint64_t i = 0; i < size * 1000; i++) {
        bodies_step(body, 0.001);
    }
    uint64_t sum = 0;
    for (int i = 0; i < BODIES; i++) {
        sum = mix(mix(mix(sum, bits_of(body[i].x[0])), bits_of(body[i].v[1])), bits_of(body[i].x[2]));
    }
    return sum;
}

static uint64_t run_mandelbrot(uint64_t size)
{
    uint64_t sum = 0;
    for (uint64_t row = 0; row < size; row++) {
        for (int column = 0; column < 200; column++) {
            double cx = column * 0.0125 - 1.9, cy = (double)(row % 100) * 0.0125 - 0.01, x = 0, y = 0;
            int i = 0;
            while (i < 250 && x * x + y * y < 4) {
                double t = x * x - y * y + cx;
                y = 2 * x * y + cy;
                x = t;
                i++;
            }
            sum = mix(sum, i);
        }
    }
    return sum;
}

/* long double is the x87's 80-bit format. */
static uint64_t run_x87(uint64_t size)
{
    long double atan_5 = 0, sines = 0;
    for (uint64_t turn = 0; turn < size; turn++) {
        long double power = 0.2L, sum = 0;
        for (int k = 0; k < 30; k++) {
            sum += (k & 1 ? -power : power) / (2 * k + 1);
            power *= 0.04L;
        }
        atan_5 += sum;
        long double angle = (turn % 64) / 32.0L, term = angle;
        sum = angle;
        for (int k = 1; k < 12; k++) {
            term *= -angle * angle / (2 * k * (2 * k + 1));
            sum += term;
        }
        sines += __builtin_sqrtl(__builtin_fabsl(sum));
    }
    return mix(bits_of(atan_5), bits_of(sines));
}

const Program float_programs[] = {
    {"nbody", "float", 120, run_nbody, NULL, NULL},
    {"mandelbrot", "float", 200, run_mandelbrot, NULL, NULL},
    {"x87", "float", 60000, run_x87, NULL, NULL},
    {NULL},
};
