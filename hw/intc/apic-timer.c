/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's timer (SDM vol. 3, 11.5.4): one-shot, periodic, TSC deadline.  Called by the registers in apic.c
 * and by the main loop.  Under the big lock.
 *
 * The count is a formula over the virtual clock; the timer runs only while its local vector is unmasked.  Periods
 * shorter than APIC_TIMER_MIN_NS are delivered at that pace, so that a guest cannot keep the main thread busy.
 */
#include "util/osdep.h"
#include "hw/intc/apic-int.h"

enum { APIC_TIMER_MIN_NS = 20000 };

static int64_t apic_timer_now(void)
{
    return clock_ns(CLOCK_KIND_VIRTUAL);
}

/* ns a count; the timer's clock is 1 GHz. */
static int64_t apic_timer_unit(const Apic *a)
{
    return (int64_t)1 << (((a->divide & 3) + (a->divide >> 1 & 4) + 1) & 7);
}

static uint64_t apic_timer_elapsed(const Apic *a, int64_t now)
{
    return now > a->timer_start ? (now - a->timer_start) / apic_timer_unit(a) : 0;
}

static uint32_t apic_timer_mode(const Apic *a)
{
    return a->lvt[LVT_TIMER] & LVT_TIMER_MODE;
}

static int64_t apic_timer_deadline_ns(const Apic *a)
{
    if (a->bus->tsc_to_ns) {
        return a->bus->tsc_to_ns(a->vcpu, a->deadline);
    }
    return a->deadline > INT64_MAX ? INT64_MAX : (int64_t)a->deadline;
}

/* When the timer fires next, after @now (a deadline: even before); INT64_MAX: never. */
static int64_t apic_timer_next(const Apic *a, int64_t now)
{
    uint32_t mode = apic_timer_mode(a);
    if (mode == LVT_DEADLINE) {
        return a->deadline ? apic_timer_deadline_ns(a) : INT64_MAX;
    }
    int64_t unit = apic_timer_unit(a);
    uint64_t d = apic_timer_elapsed(a, now);
    if (!a->initial_count || (mode != LVT_PERIODIC && d >= a->initial_count)) {
        return INT64_MAX;
    }
    if (mode != LVT_PERIODIC) {
        return a->timer_start + (int64_t)a->initial_count * unit;
    }
    int64_t period = (int64_t)a->initial_count * unit;
    int64_t next = a->timer_start + (int64_t)(d / a->initial_count + 1) * period;
    return period < APIC_TIMER_MIN_NS ? MAX(next, now + APIC_TIMER_MIN_NS) : next;
}

/*
 * @now is read once for everything that one register access does: were a short count over between two looks at the clock, it
 * would pass for one that has fired already.
 */
static void apic_timer_arm_at(Apic *a, int64_t now)
{
    if (a->bus->kernel) {
        return;
    }
    bool seen = apic_enabled(a) && !(a->lvt[LVT_TIMER] & LVT_MASKED);
    /* A masked deadline still disarms itself when it passes: the MSR shows that. */
    int64_t next = seen || (apic_enabled(a) && apic_timer_mode(a) == LVT_DEADLINE) ? apic_timer_next(a, now) : INT64_MAX;
    if (next == INT64_MAX) {
        timer_del(&a->timer);
    } else {
        timer_mod(&a->timer, MAX(next, 0));
    }
}

static void apic_timer_fire_at(Apic *a, int64_t now)
{
    if (apic_timer_mode(a) == LVT_DEADLINE) {
        a->deadline = 0;
    }
    apic_local(a, LVT_TIMER);
    apic_timer_arm_at(a, now);
}

static void apic_timer_sync_at(Apic *a, int64_t now)
{
    if (timer_pending(&a->timer) && a->timer.expires <= now) {
        timer_del(&a->timer);
        apic_timer_fire_at(a, now);
    }
}

/* For changes of what the timer depends on.  A count that is over, but was not served yet, still is; a deadline just moves. */
void apic_timer_arm(Apic *a)
{
    int64_t now = apic_timer_now();
    if (apic_timer_mode(a) != LVT_DEADLINE) {
        apic_timer_sync_at(a, now);
    }
    apic_timer_arm_at(a, now);
}

void apic_timer_fired(void *opaque)
{
    apic_timer_fire_at(opaque, apic_timer_now());
}

void apic_timer_sync(Apic *a)
{
    apic_timer_sync_at(a, apic_timer_now());
}

uint32_t apic_timer_count(const Apic *a)
{
    uint64_t d = apic_timer_elapsed(a, apic_timer_now());
    if (!a->initial_count || apic_timer_mode(a) == LVT_DEADLINE) {
        return 0;
    }
    if (apic_timer_mode(a) == LVT_PERIODIC) {
        return a->initial_count - d % a->initial_count;
    }
    return d < a->initial_count ? a->initial_count - d : 0;
}

int64_t apic_timer_start_of(const Apic *a, uint32_t count)
{
    uint64_t passed = a->initial_count - MIN(count, a->initial_count);
    return MAX(apic_timer_now() - (int64_t)passed * apic_timer_unit(a), 0);
}

void apic_timer_set_initial(Apic *a, uint32_t val)
{
    if (apic_timer_mode(a) == LVT_DEADLINE) {
        return;
    }
    int64_t now = apic_timer_now();
    apic_timer_sync_at(a, now);
    a->initial_count = val;
    a->timer_start = now;
    apic_timer_arm_at(a, now);
}

/* The count goes on from where it is, at the new pace. */
void apic_timer_set_divide(Apic *a, uint32_t val)
{
    int64_t now = apic_timer_now();
    apic_timer_sync_at(a, now);
    uint64_t d = apic_timer_elapsed(a, now);
    if (a->initial_count) {
        d = apic_timer_mode(a) == LVT_PERIODIC ? d % a->initial_count : MIN(d, a->initial_count);
    }
    a->divide = val & 0x0b;
    a->timer_start = now - (int64_t)MIN(d, UINT32_MAX) * apic_timer_unit(a);
    apic_timer_arm_at(a, now);
}

/* @val has its reserved bits removed. */
void apic_timer_set_lvt(Apic *a, uint32_t val)
{
    int64_t now = apic_timer_now();
    apic_timer_sync_at(a, now);
    bool was = apic_timer_mode(a) == LVT_DEADLINE, is = (val & LVT_TIMER_MODE) == LVT_DEADLINE;
    if (was != is) { /* such a change disarms */
        a->initial_count = 0;
        a->deadline = 0;
    }
    a->lvt[LVT_TIMER] = val;
    apic_timer_arm_at(a, now);
}

uint64_t apic_timer_get_deadline(const Apic *a)
{
    return apic_timer_mode(a) == LVT_DEADLINE ? a->deadline : 0;
}

void apic_timer_set_deadline(Apic *a, uint64_t tsc)
{
    if (apic_timer_mode(a) != LVT_DEADLINE) {
        return;
    }
    apic_timer_sync(a);
    a->deadline = tsc;
    apic_timer_arm(a);
}
