/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 8259A programmable interrupt controllers, the PC's pair.  The board calls this; under the big lock.
 */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "hw/isa/isa.h"
#include "system/irqchip.h"

typedef struct I8259 I8259;

typedef struct I8259Pair {
    I8259 *master, *slave;
    IrqLine in[16]; /* IR inputs 0..7 of the master, then those of the slave; in[2] goes nowhere (cascade) */
} I8259Pair;

/* Ports 0x20, 0xa0 and ELCR 0x4d0, 0x4d1 on @isa's port space.  @intr is the master's INT output. */
bool i8259_create_pair(I8259Pair *p, IsaBus *isa, IrqLine intr, Error **errp);

/* The chips are in the host's kernel: from here on these two only read and write their registers. */
void i8259_set_kernel(I8259Pair *p, const IrqchipOps *ops);

/*
 * Would the pair do anything with another edge at input @n of the master?  Not while it is masked and remembers one.  @changed is
 * pulsed after each write that may make it so.
 */
bool i8259_notices(const I8259 *master, unsigned n);
void i8259_set_changed(I8259 *master, IrqLine changed);

/*
 * The two INTA cycles of a CPU: takes the highest request of the pair and returns its vector; when the request
 * has gone, the spurious one (IR7).  Always a vector.
 */
int i8259_acknowledge(I8259 *master);
bool i8259_pending(const I8259 *master); /* level of INT */

/* For `info pic` and `info irq`, of a device of class isa-pic: appends lines. */
void i8259_print_device(Device *d, GString *out);
void i8259_print_counts(Device *d, GString *out);

#endif
