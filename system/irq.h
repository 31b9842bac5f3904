/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines: three words, passed by value.  A line carries a level; the receiver
 * decides what an edge is.  All under the big lock.
 */
#ifndef SYSTEM_IRQ_H
#define SYSTEM_IRQ_H

#include "util/osdep.h"

typedef struct IrqLine {
    void (*set)(void *opaque, int n, int level); /* NULL: not connected */
    void *opaque;
    int n;
} IrqLine;

static inline void irq_set(IrqLine l, int level)
{
    if (l.set) {
        l.set(l.opaque, l.n, level);
    }
}

static inline void irq_raise(IrqLine l)
{
    irq_set(l, 1);
}

static inline void irq_lower(IrqLine l)
{
    irq_set(l, 0);
}

static inline void irq_pulse(IrqLine l)
{
    irq_set(l, 1);
    irq_set(l, 0);
}

/* Adapters.  Embedded in whoever connects the lines (the board); up to 32 inputs. */
typedef struct IrqOr {
    IrqLine out;
    uint32_t levels; /* one bit an input */
} IrqOr;
void irq_or_init(IrqOr *or, IrqLine out);
IrqLine irq_or_input(IrqOr *or, unsigned n); /* n < 32 */

typedef struct IrqSplit {
    IrqLine out[4];
} IrqSplit;
IrqLine irq_split_input(IrqSplit *s);

typedef struct IrqInvert {
    IrqLine out;
} IrqInvert;
IrqLine irq_invert_input(IrqInvert *inv);

#endif
