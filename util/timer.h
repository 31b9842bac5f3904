/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks and timers.
 *
 * virtual:  nanoseconds that the machine has been running: stops with it, moves with it in
 *           migration; under qtest it is what the test says.  Device models use this one.
 * realtime: the host's monotonic clock; for displays and rate limits.
 * host:     the host's wall clock (ns since 1970), may jump; for RTCs.
 *
 * Timers are embedded in their owner.  All calls under the big lock, except clock_ns(),
 * which any thread may call.  Callbacks run in the main thread under the big lock, once
 * for every timer_mod(); a timer is not pending while its callback runs.
 */
#ifndef UTIL_TIMER_H
#define UTIL_TIMER_H

#include "util/osdep.h"

typedef enum ClockKind { CLOCK_KIND_VIRTUAL, CLOCK_KIND_REALTIME, CLOCK_KIND_HOST, CLOCK_KIND_COUNT } ClockKind;

typedef struct Timer {
    ClockKind clock;
    int64_t expires; /* ns; -1: not pending */
    void (*fn)(void *opaque);
    void *opaque;
    unsigned heap_index; /* owned by timer.c */
} Timer;

int64_t clock_ns(ClockKind clock);

void timer_init(Timer *t, ClockKind clock, void (*fn)(void *opaque), void *opaque);
/* Fires at @expires_ns on the timer's clock (at once if that has passed). */
void timer_mod(Timer *t, int64_t expires_ns);
void timer_del(Timer *t); /* fine when not pending, or on a zeroed Timer */

static inline bool timer_pending(const Timer *t)
{
    return t->fn && t->expires >= 0;
}

/* For run state, migration and qtest. */
void clock_virtual_enable(bool running); /* starts and stops the virtual clock */
void clock_virtual_set(int64_t ns);      /* sets its value (load of a state; qtest) */
void clock_virtual_manual(void);         /* qtest: it moves by clock_virtual_set() only */

/* For the main loop: ns until the nearest timer (-1: none; 0: due), and running those that are due. */
int64_t timers_deadline_ns(void);
void timers_run(void);
/* Nearest expiry on @clock, -1: none.  For qtest's clock_step. */
int64_t timers_next_expiry(ClockKind clock);

#endif
