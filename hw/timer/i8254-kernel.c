/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interval timer when it is in the host's kernel: its counters on the way between the kernel and the model, and what becomes
 * of ticks that the guest was too slow for.  Called by reset, save and load, and by changes of the run state.  Big lock.
 *
 * A count there starts when it was written, and a new one takes effect at once: the model's `next` has no counterpart.
 */
#include "util/osdep.h"
#include "hw/timer/i8254-int.h"

enum { KERNEL_READ_WORD = 3, KERNEL_READ_MSB = 4 };
enum { KERNEL_MODE_IDLE = 0xff }; /* before the first count */

static void kernel_counter_to(const I8254Counter *c, IrqchipPitCounter *k)
{
    uint64_t start = c->running ? c->start : i8254_now() - MIN(c->held, i8254_now());
    *k = (IrqchipPitCounter){
        .count = c->next ? c->next : c->period, .latch = c->latch, .latched = c->latched ? c->rw : 0,
        .status_latched = c->status_latched, .status = c->status, .write_lsb = c->write_lsb, .rw = c->rw,
        .mode = c->loaded ? c->mode : KERNEL_MODE_IDLE, .bcd = c->bcd, .gate = c->gate, .loaded_ns = i8254_tick_to_ns(start),
        .read_state = c->rw == I8254_RW_BOTH ? (c->read_msb ? KERNEL_READ_MSB : KERNEL_READ_WORD) : c->rw,
        .write_state = c->rw == I8254_RW_BOTH ? (c->write_msb ? KERNEL_READ_MSB : KERNEL_READ_WORD) : c->rw,
    };
}

static void kernel_counter_from(I8254Counter *c, const IrqchipPitCounter *k)
{
    uint64_t start = k->loaded_ns > 0 ? muldiv64((uint64_t)k->loaded_ns, I8254_FREQ_HZ, NS_PER_SEC) : 0;
    *c = (I8254Counter){
        .mode = k->mode <= 5 ? k->mode : 3, .rw = k->rw >= I8254_RW_LSB && k->rw <= I8254_RW_BOTH ? k->rw : I8254_RW_BOTH, .bcd = k->bcd,
        .gate = k->gate, .loaded = k->mode <= 5, .running = k->mode <= 5 && k->gate,
        .period = k->count && k->count <= 0x10000 ? k->count : 0x10000, .start = start,
        .held = k->gate || k->mode > 5 ? 0 : i8254_now() - MIN(start, i8254_now()), .read_msb = k->read_state == KERNEL_READ_MSB,
        .write_msb = k->write_state == KERNEL_READ_MSB, .write_lsb = k->write_lsb,
        .latched = k->latched ? (k->latched == I8254_RW_BOTH ? 2 : 1) : 0, .latch = k->latch, .status_latched = k->status_latched != 0,
        .status = k->status,
    };
}

void i8254_from_kernel(I8254 *s)
{
    IrqchipPit p;
    if (s->kernel) {
        s->kernel->pit_get(&p);
        for (unsigned i = 0; i < I8254_COUNTERS; i++) {
            kernel_counter_from(&s->c[i], &p.c[i]);
        }
    }
}

void i8254_to_kernel(I8254 *s)
{
    IrqchipPit p;
    if (s->kernel) {
        for (unsigned i = 0; i < I8254_COUNTERS; i++) {
            kernel_counter_to(&s->c[i], &p.c[i]);
        }
        s->kernel->pit_put(&p);
    }
}

/* The machine's clock stands still meanwhile, the kernel's timer does not: its counters start again where they were. */
static void kernel_runstate(RunstateNotifier *n, bool running, RunState state)
{
    I8254 *s = container_of(n, I8254, runstate);
    (void)state;
    if (!running) {
        i8254_from_kernel(s);
    } else {
        i8254_to_kernel(s);
    }
}

void i8254_set_kernel(I8254 *s, const IrqchipOps *ops)
{
    s->kernel = ops;
    s->runstate = (RunstateNotifier){ .changed = kernel_runstate };
    runstate_notifier_add(&s->runstate);
    ops->pit_reinject(s->lost_tick_policy == I8254_LOST_TICKS_DELAY);
    i8254_to_kernel(s);
}
