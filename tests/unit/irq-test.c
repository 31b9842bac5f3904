/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Adapters between interrupt lines. */
#include "util/osdep.h"
#include "system/irq.h"

#include "tests/unit/test.h"

static int level[4];

static void set_level(void *opaque, int n, int l)
{
    (void)opaque;
    level[n] = l;
}

static IrqLine line(int n)
{
    level[n] = -1;
    return (IrqLine){ set_level, NULL, n };
}

TEST(an_unconnected_line_is_fine)
{
    irq_pulse((IrqLine){ NULL, NULL, 0 });
}

TEST(or_is_high_while_any_is)
{
    IrqOr or;
    irq_or_init(&or, line(0));
    IrqLine a = irq_or_input(&or, 0), b = irq_or_input(&or, 31);
    irq_raise(a);
    CHECK_EQ(level[0], 1);
    irq_raise(b);
    irq_lower(a);
    CHECK_EQ(level[0], 1);
    irq_lower(b);
    CHECK_EQ(level[0], 0);
}

TEST(split_and_invert)
{
    IrqSplit s = { .out = { line(0), line(1) } };
    IrqInvert inv = { line(2) };
    s.out[2] = irq_invert_input(&inv);
    irq_raise(irq_split_input(&s));
    CHECK(level[0] == 1 && level[1] == 1 && level[2] == 0);
    irq_lower(irq_split_input(&s));
    CHECK(level[0] == 0 && level[1] == 0 && level[2] == 1);
}
