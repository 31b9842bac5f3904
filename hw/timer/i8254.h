/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel 8254 programmable interval timer at ports 0x40-0x43.  Board-facing; under the big lock. */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/isa/isa.h"
#include "system/irqchip.h"

#define I8254_FREQ_HZ 1193182

typedef struct I8254 I8254;

/* @irq: OUT of counter 0. */
I8254 *i8254_create(IsaBus *isa, uint16_t iobase, IrqLine irq, Error **errp);
/* The chip is in the host's kernel, port 0x61 with it: from here on this one only reads and writes its registers. */
void i8254_set_kernel(I8254 *s, const IrqchipOps *ops);
/*
 * Lets counter 0 stand still while nobody notices its interrupts: @notices says whether somebody does, asked when OUT is high, and
 * i8254_resume() is called when that may have changed.  Reads of the counter show the same either way.
 */
void i8254_set_watch(I8254 *s, bool (*notices)(void *opaque), void *opaque);
void i8254_resume(I8254 *s);
Device *i8254_device(I8254 *s);

/* For port 0x61: OUT and GATE of counter @ch (0..2). */
bool i8254_out(I8254 *s, unsigned ch);
bool i8254_gate(I8254 *s, unsigned ch);
void i8254_set_gate(I8254 *s, unsigned ch, bool level);

#endif
