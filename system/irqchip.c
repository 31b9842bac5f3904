/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has interrupt controllers in the host's kernel: see irqchip.h.  Start-up, big lock. */
#include "util/osdep.h"
#include "system/irqchip.h"

static const IrqchipOps *irqchip_ops;

void irqchip_set_kernel(const IrqchipOps *ops)
{
    irqchip_ops = ops;
}

const IrqchipOps *irqchip_kernel(void)
{
    return irqchip_ops;
}

static void irqchip_set_line(void *opaque, int n, int level)
{
    const IrqchipOps *ops = opaque;
    ops->set_gsi((unsigned)n, level);
}

IrqLine irqchip_gsi(const IrqchipOps *ops, unsigned gsi)
{
    return (IrqLine){ .set = irqchip_set_line, .opaque = (void *)(uintptr_t)ops, .n = (int)gsi };
}
