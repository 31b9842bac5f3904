/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Adapters between interrupt lines: or, split, invert.  Under the big lock. */
#include "util/osdep.h"
#include "system/irq.h"

static void irq_or_set(void *opaque, int n, int level)
{
    IrqOr *or = opaque;
    uint32_t bit = (uint32_t)1 << (n & 31);
    or->levels = level ? or->levels | bit : or->levels & ~bit;
    irq_set(or->out, or->levels != 0);
}

void irq_or_init(IrqOr *or, IrqLine out)
{
    or->out = out;
    or->levels = 0;
}

IrqLine irq_or_input(IrqOr *or, unsigned n)
{
    assert(n < 32);
    return (IrqLine){ .set = irq_or_set, .opaque = or, .n = (int)n };
}

static void irq_split_set(void *opaque, int n, int level)
{
    IrqSplit *s = opaque;
    (void)n;
    for (size_t i = 0; i < G_N_ELEMENTS(s->out); i++) {
        irq_set(s->out[i], level);
    }
}

IrqLine irq_split_input(IrqSplit *s)
{
    return (IrqLine){ .set = irq_split_set, .opaque = s, .n = 0 };
}

static void irq_invert_set(void *opaque, int n, int level)
{
    IrqInvert *inv = opaque;
    (void)n;
    irq_set(inv->out, !level);
}

IrqLine irq_invert_input(IrqInvert *inv)
{
    return (IrqLine){ .set = irq_invert_set, .opaque = inv, .n = 0 };
}
