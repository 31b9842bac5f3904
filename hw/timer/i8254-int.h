/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interval timer's counters, shared by i8254.c and i8254-kernel.c.  Under the big lock. */
#ifndef HW_TIMER_I8254_INT_H
#define HW_TIMER_I8254_INT_H

#include "hw/timer/i8254.h"
#include "system/runstate.h"
#include "util/timer.h"

enum { I8254_COUNTERS = 3 };
enum { I8254_LOST_TICKS_DELAY, I8254_LOST_TICKS_DISCARD };
enum { I8254_RW_LATCH, I8254_RW_LSB, I8254_RW_MSB, I8254_RW_BOTH };

typedef struct I8254Counter {
    /* control word */
    uint8_t mode; /* 0..5 */
    uint8_t rw;   /* I8254_RW_LSB.. */
    bool bcd;
    /* counting */
    bool gate;
    bool loaded;       /* a count was written since the control word */
    bool running;      /* start says when; else held ticks have passed */
    uint32_t period;   /* count in force, 1..65536 */
    uint32_t next;     /* count that follows; 0: none */
    uint64_t start;    /* tick when period was loaded (or the trigger came) */
    uint64_t next_at;  /* tick at which next is loaded */
    uint64_t held;     /* ticks counted when not running */
    /* bus side */
    bool read_msb, write_msb; /* second byte of a pair comes next */
    uint8_t write_lsb;
    uint8_t latched;   /* bytes of latch left to read: 0, 1 (in its low half), 2 */
    uint16_t latch;
    bool status_latched;
    uint8_t status;
} I8254Counter;

struct I8254 {
    IsaDevice isa;
    uint16_t iobase;
    IrqLine irq;
    MemRegion io;
    Timer timer;
    const IrqchipOps *kernel; /* where the chip really is; NULL: here */
    RunstateNotifier runstate; /* with that */
    uint32_t lost_tick_policy; /* I8254_LOST_TICKS_*: with that */
    bool (*notices)(void *opaque); /* NULL: always */
    void *notices_opaque;
    bool asleep;       /* IRQ 0 is not driven: nobody would notice */
    uint64_t irq_tick; /* the tick up to which IRQ 0 was driven */
    I8254Counter c[I8254_COUNTERS];
};

static inline uint64_t i8254_now(void)
{
    int64_t ns = clock_ns(CLOCK_KIND_VIRTUAL);
    return ns < 0 ? 0 : muldiv64(ns, I8254_FREQ_HZ, NS_PER_SEC);
}

/* First nanosecond at which i8254_now() is @tick or more. */
static inline int64_t i8254_tick_to_ns(uint64_t tick)
{
    return (int64_t)(((unsigned __int128)tick * NS_PER_SEC + I8254_FREQ_HZ - 1) / I8254_FREQ_HZ);
}

/* i8254-kernel.c: nothing when the chip is here */
void i8254_from_kernel(I8254 *s);
void i8254_to_kernel(I8254 *s);

#endif
