/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * High precision event timers: one 64-bit counter of 10 ns and three comparators (IA-PC HPET Specification 1.0a).
 *
 * Called by memory dispatch, three timers, and the PIT and RTC, whose interrupts pass through here so that the legacy
 * replacement route can take their place.  Everything under the big lock.
 *
 * The counter is a formula over the virtual clock.  Matches are processed when somebody looks (hpet_sync); timers run
 * only for comparators whose interrupt is enabled.  Periods too short to serve are delivered as fast as
 * HPET_MIN_NS allows; periods that were missed count as one.
 */
#include "util/osdep.h"
#include "hw/timer/hpet.h"
#include "util/log.h"

enum { HPET_TIMERS = 3, HPET_SIZE = 0x400, HPET_TICK_NS = 10, HPET_MIN_NS = 20000 };
enum { HPET_CAP = 0x000, HPET_CONFIG = 0x010, HPET_STATUS = 0x020, HPET_COUNTER = 0x0f0, HPET_TIMER = 0x100 };
enum { TIMER_CONFIG = 0x00, TIMER_COMPARATOR = 0x08, TIMER_FSB = 0x10 };
enum { CONFIG_ENABLE = 1, CONFIG_LEGACY = 2 };
enum {
    TN_LEVEL = 1u << 1, TN_ENABLE = 1u << 2, TN_PERIODIC = 1u << 3, TN_PERIODIC_CAP = 1u << 4, TN_64BIT_CAP = 1u << 5,
    TN_SET_VALUE = 1u << 6, TN_32BIT = 1u << 8, TN_ROUTE = 31u << 9, TN_FSB = 1u << 14, TN_FSB_CAP = 1u << 15,
    TN_WRITABLE = TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_SET_VALUE | TN_32BIT | TN_ROUTE,
};
/* 10^7 fs, vendor 0x8086, legacy replacement, 64 bits, 3 timers, revision 1. */
#define HPET_CAP_VALUE 0x009896808086a201ull

typedef struct Hpet Hpet;

typedef struct HpetTimer {
    Hpet *hpet;
    unsigned index;
    Timer timer;
    uint32_t config;
    bool set_high;       /* the high half of a comparator written with TN_SET_VALUE may follow */
    bool armed;          /* match says when */
    bool level;          /* what it drives its line to (level mode) */
    uint64_t comparator; /* cut to 32 bits in that mode */
    uint64_t period;
    uint64_t match;      /* the counter's value, all 64 bits, at the next match */
    uint64_t fsb;
} HpetTimer;

struct Hpet {
    Device dev;
    /* constant after creation */
    MemRegion *memory;
    hwaddr base;
    HpetWiring w;
    bool msi;        /* property */
    uint32_t intcap; /* property: which inputs of the I/O APIC a timer may use */
    MemRegion mmio;
    /* registers */
    uint64_t config, status;
    uint64_t counter;   /* its value when it was last stopped or started */
    int64_t started_ns; /* when it was started */
    uint8_t inputs;     /* levels of PIT and RTC */
    HpetTimer t[HPET_TIMERS];
};

static Hpet *hpet_of(Device *d)
{
    return container_of(d, Hpet, dev);
}

static bool hpet_enabled(const Hpet *s)
{
    return s->config & CONFIG_ENABLE;
}

static bool hpet_legacy(const Hpet *s)
{
    return (s->config & (CONFIG_ENABLE | CONFIG_LEGACY)) == (CONFIG_ENABLE | CONFIG_LEGACY);
}

static uint64_t hpet_count(const Hpet *s)
{
    int64_t now = clock_ns(CLOCK_KIND_VIRTUAL);
    return s->counter + (hpet_enabled(s) && now > s->started_ns ? (now - s->started_ns) / HPET_TICK_NS : 0);
}

static uint64_t hpet_mask(const HpetTimer *t)
{
    return t->config & TN_32BIT ? UINT32_MAX : UINT64_MAX;
}

static IrqLine hpet_line(const HpetTimer *t)
{
    unsigned n = hpet_legacy(t->hpet) && t->index < 2 ? t->index * 8 : (t->config & TN_ROUTE) >> 9;
    return n < HPET_IRQS ? t->hpet->w.irqs[n] : (IrqLine){ NULL, NULL, 0 };
}

static void hpet_drop(HpetTimer *t)
{
    if (t->level) {
        t->level = false;
        irq_lower(hpet_line(t));
    }
}

/* A match: status and interrupt. */
static void hpet_raise(HpetTimer *t)
{
    Hpet *s = t->hpet;
    if (t->config & TN_LEVEL) {
        s->status |= 1u << t->index;
    }
    if (!(t->config & TN_ENABLE)) {
        return;
    }
    if (t->config & TN_FSB) {
        if (s->w.msi) {
            s->w.msi(s->w.msi_opaque, t->fsb >> 32, t->fsb);
        }
    } else if (t->config & TN_LEVEL) {
        t->level = true;
        irq_raise(hpet_line(t));
    } else {
        irq_pulse(hpet_line(t));
    }
}

/* Processes matches up to now; several of one timer count once. */
static void hpet_sync(Hpet *s)
{
    if (!hpet_enabled(s)) {
        return;
    }
    uint64_t now = hpet_count(s);
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        HpetTimer *t = &s->t[i];
        if (!t->armed || t->match > now) {
            continue;
        }
        if ((t->config & TN_PERIODIC) && t->period) {
            uint64_t n = (now - t->match) / t->period + 1;
            t->match += n * t->period;
            t->comparator = (t->comparator + n * t->period) & hpet_mask(t);
        } else if (t->config & TN_32BIT) {
            t->match += ((now - t->match) >> 32 << 32) + ((uint64_t)1 << 32); /* once around */
        } else {
            t->armed = false;
        }
        hpet_raise(t);
    }
}

static void hpet_arm(HpetTimer *t)
{
    Hpet *s = t->hpet;
    if (!hpet_enabled(s) || !t->armed || !(t->config & TN_ENABLE)) {
        timer_del(&t->timer);
        return;
    }
    uint64_t ticks = t->match - s->counter;
    if (ticks > INT64_MAX / HPET_TICK_NS / 2) { /* thousands of years */
        timer_del(&t->timer);
        return;
    }
    int64_t at = s->started_ns + (int64_t)ticks * HPET_TICK_NS, soon = clock_ns(CLOCK_KIND_VIRTUAL) + HPET_MIN_NS;
    bool fast = (t->config & TN_PERIODIC) && t->period < HPET_MIN_NS / HPET_TICK_NS;
    timer_mod(&t->timer, fast && at < soon ? soon : at);
}

/* The comparator, its mode or the counter changed: when does it match next? */
static void hpet_rearm(HpetTimer *t)
{
    Hpet *s = t->hpet;
    uint64_t now = hpet_count(s), mask = hpet_mask(t);
    t->comparator &= mask;
    t->period &= mask;
    t->match = now + ((t->comparator - now) & mask);
    t->armed = t->match >= now; /* in 64-bit mode a comparator behind the counter matches after its overflow only */
    hpet_arm(t);
}

static void hpet_tick(void *opaque)
{
    HpetTimer *t = opaque;
    hpet_sync(t->hpet);
    hpet_arm(t);
}

/* The PIT's and the RTC's interrupts on their way. */
static void hpet_irq_in(Device *d, int n, int level)
{
    Hpet *s = hpet_of(d);
    s->inputs = level ? s->inputs | 1u << n : s->inputs & ~(1u << n);
    if (!hpet_legacy(s)) {
        irq_set(s->w.irqs[n * 8], level);
    }
}

static void hpet_write_config(Hpet *s, uint64_t val)
{
    uint64_t old = s->config;
    bool was_legacy = hpet_legacy(s);
    val &= CONFIG_ENABLE | CONFIG_LEGACY;
    for (unsigned i = 0; i < HPET_TIMERS && old != val; i++) {
        hpet_drop(&s->t[i]); /* by the old route */
    }
    if ((old & CONFIG_ENABLE) && !(val & CONFIG_ENABLE)) {
        s->counter = hpet_count(s);
    }
    s->config = val;
    if ((val & CONFIG_ENABLE) && !(old & CONFIG_ENABLE)) {
        s->started_ns = clock_ns(CLOCK_KIND_VIRTUAL);
    }
    irq_set(s->w.pit_silent, hpet_legacy(s));
    for (unsigned n = 0; n < 2 && was_legacy != hpet_legacy(s); n++) {
        irq_set(s->w.irqs[n * 8], !hpet_legacy(s) && (s->inputs >> n & 1));
    }
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        HpetTimer *t = &s->t[i];
        if ((val ^ old) & CONFIG_ENABLE) {
            hpet_rearm(t);
        }
        if (old != val && (s->status >> i & 1) && hpet_enabled(s) && (t->config & (TN_ENABLE | TN_LEVEL | TN_FSB)) ==
            (TN_ENABLE | TN_LEVEL)) {
            t->level = true;
            irq_raise(hpet_line(t));
        }
    }
}

static void hpet_write_timer_config(HpetTimer *t, uint32_t val)
{
    Hpet *s = t->hpet;
    uint32_t writable = TN_WRITABLE | (t->config & TN_FSB_CAP ? TN_FSB : 0), old = t->config;
    val = (val & writable) | (old & ~writable);
    unsigned route = (val & TN_ROUTE) >> 9;
    if (!(s->intcap >> route & 1)) {
        val = (val & ~TN_ROUTE) | (old & TN_ROUTE); /* a route that is not there does not stick */
    }
    uint32_t routing = TN_LEVEL | TN_ENABLE | TN_ROUTE | TN_FSB;
    if ((old ^ val) & routing) {
        hpet_drop(t);
    }
    t->config = val;
    if (!(val & TN_LEVEL)) {
        s->status &= ~(uint64_t)(1u << t->index);
    } else if (((old ^ val) & routing) && (s->status >> t->index & 1) && hpet_enabled(s) && (val & TN_ENABLE) &&
               !(val & TN_FSB)) {
        t->level = true;
        irq_raise(hpet_line(t));
    }
    if ((old ^ val) & (TN_32BIT | TN_PERIODIC)) {
        hpet_rearm(t);
    } else {
        hpet_arm(t);
    }
}

/* Bits of @mask of the comparator; in periodic mode it is the period, and the first match only if announced. */
static void hpet_write_comparator(HpetTimer *t, uint64_t val, uint64_t mask)
{
    bool low = mask & 1, both = mask == UINT64_MAX;
    bool set = (t->config & TN_SET_VALUE) || (!low && t->set_high);
    if (!(t->config & TN_PERIODIC) || set) {
        t->comparator = (t->comparator & ~mask) | (val & mask);
    }
    if (t->config & TN_PERIODIC) {
        t->period = (t->period & ~mask) | (val & mask);
    }
    t->set_high = low && !both && (t->config & TN_SET_VALUE) && !(t->config & TN_32BIT);
    t->config &= ~TN_SET_VALUE;
    if (!(t->config & TN_PERIODIC) || set) {
        hpet_rearm(t);
    } else {
        t->period &= hpet_mask(t);
        hpet_arm(t);
    }
}

static uint64_t hpet_read_reg(Hpet *s, hwaddr reg)
{
    unsigned n = (reg - HPET_TIMER) / 0x20;
    if (reg >= HPET_TIMER && n < HPET_TIMERS) {
        const HpetTimer *t = &s->t[n];
        switch (reg & 0x1f) {
        case TIMER_CONFIG:
            return t->config | (uint64_t)s->intcap << 32;
        case TIMER_COMPARATOR:
            hpet_sync(s);
            return t->comparator;
        case TIMER_FSB:
            return t->fsb;
        default:
            return 0;
        }
    }
    switch (reg) {
    case HPET_CAP:
        return HPET_CAP_VALUE;
    case HPET_CONFIG:
        return s->config;
    case HPET_STATUS:
        hpet_sync(s);
        return s->status;
    case HPET_COUNTER:
        return hpet_count(s);
    default:
        return 0;
    }
}

static uint64_t hpet_read(void *opaque, hwaddr off, unsigned size)
{
    uint64_t v = hpet_read_reg(opaque, off & ~(hwaddr)7);
    return size == 8 ? v : off & 4 ? v >> 32 : v & UINT32_MAX;
}

/* The register's whole new value, and which bits were written. */
static void hpet_write_reg(Hpet *s, hwaddr reg, uint64_t val, uint64_t mask)
{
    unsigned n = (reg - HPET_TIMER) / 0x20;
    if (reg >= HPET_TIMER && n < HPET_TIMERS) {
        HpetTimer *t = &s->t[n];
        switch (reg & 0x1f) {
        case TIMER_CONFIG:
            if (mask & 1) {
                hpet_write_timer_config(t, val);
            }
            break;
        case TIMER_COMPARATOR:
            hpet_write_comparator(t, val, mask);
            break;
        case TIMER_FSB:
            t->fsb = (t->fsb & ~mask) | (val & mask);
            break;
        default:
            break;
        }
        return;
    }
    switch (reg) {
    case HPET_CONFIG:
        if (mask & 1) {
            hpet_write_config(s, val);
        }
        break;
    case HPET_STATUS:
        for (unsigned i = 0; i < HPET_TIMERS; i++) {
            if (val & mask & s->status & 1u << i) {
                s->status &= ~(uint64_t)(1u << i);
                hpet_drop(&s->t[i]);
            }
        }
        break;
    case HPET_COUNTER:
        if (!hpet_enabled(s)) { /* only a halted counter may be written */
            s->counter = (s->counter & ~mask) | (val & mask);
        }
        break;
    default:
        break;
    }
}

static void hpet_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Hpet *s = opaque;
    hpet_sync(s);
    if (size == 8) {
        hpet_write_reg(s, off, val, UINT64_MAX);
    } else if (off & 4) {
        hpet_write_reg(s, off - 4, val << 32, 0xffffffff00000000u);
    } else {
        hpet_write_reg(s, off, val & UINT32_MAX, UINT32_MAX);
    }
}

static const MemOps hpet_ops = { .read = hpet_read, .write = hpet_write, .min_size = 4, .max_size = 8 };

static void hpet_reset(Device *d)
{
    Hpet *s = hpet_of(d);
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        HpetTimer *t = &s->t[i];
        timer_del(&t->timer);
        hpet_drop(t);
        t->config = TN_PERIODIC_CAP | TN_64BIT_CAP | (s->msi && s->w.msi ? TN_FSB_CAP : 0);
        t->comparator = UINT64_MAX;
        t->period = t->fsb = t->match = 0;
        t->set_high = t->armed = false;
    }
    s->config = s->status = s->counter = 0;
    s->started_ns = 0;
    irq_lower(s->w.pit_silent);
}

static bool hpet_realize(Device *d, Error **errp)
{
    Hpet *s = hpet_of(d);
    (void)errp;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        s->t[i].hpet = s;
        s->t[i].index = i;
        timer_init(&s->t[i].timer, CLOCK_KIND_VIRTUAL, hpet_tick, &s->t[i]);
    }
    mem_init_io(&s->mmio, &hpet_ops, s, "hpet", HPET_SIZE);
    mem_add(s->memory, s->base, &s->mmio);
    return true;
}

static void hpet_unrealize(Device *d)
{
    Hpet *s = hpet_of(d);
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        timer_del(&s->t[i].timer);
    }
    mem_destroy(&s->mmio);
}

static bool hpet_post_load(void *opaque, int version, Error **errp)
{
    Hpet *s = opaque;
    bool good = !(s->config & ~(uint64_t)(CONFIG_ENABLE | CONFIG_LEGACY)) && !(s->status >> HPET_TIMERS) &&
                s->inputs <= 3 && s->started_ns >= 0 && s->started_ns <= INT64_MAX / 4;
    uint32_t fixed = TN_PERIODIC_CAP | TN_64BIT_CAP | (s->msi && s->w.msi ? TN_FSB_CAP : 0);
    (void)version;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        const HpetTimer *t = &s->t[i];
        uint32_t writable = TN_WRITABLE | (fixed & TN_FSB_CAP ? TN_FSB : 0);
        good = good && (t->config & ~writable) == fixed && !(t->comparator & ~hpet_mask(t)) &&
               !(t->period & ~hpet_mask(t));
    }
    if (!good) {
        error_set(errp, "state of the HPET is not one that it can have");
    } else {
        irq_set(s->w.pit_silent, hpet_legacy(s));
    }
    return good;
}

static const VMStateField hpet_timer_fields[] = {
    VMS_UINT(HpetTimer, config), VMS_UINT(HpetTimer, set_high), VMS_UINT(HpetTimer, armed), VMS_UINT(HpetTimer, level),
    VMS_UINT(HpetTimer, comparator), VMS_UINT(HpetTimer, period), VMS_UINT(HpetTimer, match), VMS_UINT(HpetTimer, fsb),
    VMS_TIMER(HpetTimer, timer), VMS_END
};
static const VMState hpet_timer_state = { .name = "hpet-timer", .version = 1, .fields = hpet_timer_fields };

static const VMStateField hpet_fields[] = {
    VMS_UINT(Hpet, config), VMS_UINT(Hpet, status), VMS_UINT(Hpet, counter), VMS_UINT(Hpet, started_ns),
    VMS_UINT(Hpet, inputs), VMS_STRUCT_ARRAY(Hpet, t, hpet_timer_state), VMS_END
};
static const VMState hpet_state = { .name = "hpet", .version = 1, .fields = hpet_fields, .post_load = hpet_post_load };

static const Prop hpet_props[] = {
    PROP(Hpet, msi, "msi", prop_bool, "off", "timers can deliver their interrupts as messages"),
    PROP(Hpet, intcap, "hpet-intcap", prop_u32, "4", "inputs of the I/O APIC that a timer may use, a bit each"),
    PROP_END
};

static const IrqOut hpet_irq_out[] = { { "irq", offsetof(Hpet, w.irqs), HPET_IRQS }, { NULL, 0, 0 } };

static const DeviceClass hpet_class = {
    .name = "hpet",
    .desc = "high precision event timers",
    .category = "Misc",
    .bus = BUS_SYSTEM,
    .size = sizeof(Hpet),
    .props = hpet_props,
    .state = &hpet_state,
    .realize = hpet_realize,
    .reset = hpet_reset,
    .unrealize = hpet_unrealize,
    .irq_in = hpet_irq_in,
    .irq_in_count = 2,
    .irq_out = hpet_irq_out,
};
DEVICE_REGISTER(hpet_class);

Device *hpet_create(Bus *sysbus, MemRegion *memory, hwaddr base, const HpetWiring *w, Error **errp)
{
    Device *d = device_new(&hpet_class);
    Hpet *s = hpet_of(d);
    s->memory = memory;
    s->base = base;
    s->w = *w;
    if (!device_realize(d, sysbus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}
