/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 8254 programmable interval timer (data sheet 231164-005): three 16-bit down counters with six modes.
 *
 * Called by the port dispatch, by port 0x61 (GATE and OUT of counter 2) and by the timer of counter 0, whose OUT
 * is IRQ 0.  Everything under the big lock.
 *
 * No counter runs anywhere: each is a formula over the ticks of the 1.193182 MHz clock since it was loaded, so that
 * nothing drifts.  A count is loaded with its write and not with the next clock pulse.  After RESET the counters are
 * idle until they get their first count (the data sheet leaves that state undefined).
 */
#include "util/osdep.h"
#include "hw/timer/i8254-int.h"

enum { I8254_MIN_PERIOD_NS = 20000, I8254_MAX_LATE_NS = 1000000000 };

static I8254 *i8254_of(Device *d)
{
    return container_of(d, I8254, isa.dev);
}

Device *i8254_device(I8254 *s)
{
    return &s->isa.dev;
}

static bool i8254_is_periodic(const I8254Counter *c)
{
    return c->mode == 2 || c->mode == 3;
}

/* Modes 1 and 5 wait for an edge of GATE. */
static bool i8254_is_triggered(const I8254Counter *c)
{
    return c->mode == 1 || c->mode == 5;
}

/* Lets a count written during a period take effect at its end. */
static void i8254_sync(I8254Counter *c, uint64_t now)
{
    if (c->next && c->running && now >= c->next_at) {
        c->start = c->next_at;
        c->period = c->next;
        c->next = 0;
    }
}

/* Ticks since the count was loaded. */
static uint64_t i8254_elapsed(const I8254Counter *c, uint64_t now)
{
    return !c->running ? c->held : now > c->start ? now - c->start : 0;
}

/* Level of OUT; @c is in sync with @now. */
static bool i8254_level(const I8254Counter *c, uint64_t now)
{
    uint64_t d = i8254_elapsed(c, now);
    bool triggered = c->running || c->held;
    switch (c->mode) {
    case 0:
        return c->loaded && d >= c->period;
    case 1:
        return !triggered || d >= c->period;
    case 2:
        return !c->running || d % c->period != c->period - 1;
    case 3:
        return !c->running || d % c->period < (c->period + 1) / 2;
    default: /* 4, 5 */
        return !triggered || d != c->period;
    }
}

static uint16_t i8254_to_bcd(uint32_t v)
{
    return (v / 1000 % 10) << 12 | (v / 100 % 10) << 8 | (v / 10 % 10) << 4 | v % 10;
}

static uint32_t i8254_from_bcd(uint16_t v)
{
    return (v >> 12) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

/* What the counting element shows. */
static uint16_t i8254_value(const I8254Counter *c, uint64_t now)
{
    uint64_t d = i8254_elapsed(c, now);
    uint32_t modulus = c->bcd ? 10000 : 0x10000, v;
    if (c->mode == 2) {
        v = c->period - d % c->period;
    } else if (c->mode == 3) {
        uint32_t half = (c->period + 1) / 2, phase = d % c->period;
        v = (c->period & ~1u) - 2 * (phase < half ? phase : phase - half);
    } else {
        v = (c->period % modulus + modulus - d % modulus) % modulus;
    }
    return c->bcd ? i8254_to_bcd(v % modulus) : v;
}

/* First tick after @from at which OUT of counter 0 changes (mode 2: at which it rises); UINT64_MAX: never. */
static uint64_t i8254_next_change(const I8254Counter *c, uint64_t from)
{
    if (!c->loaded || !c->running) {
        return UINT64_MAX;
    }
    uint64_t d = i8254_elapsed(c, from), half = (c->period + 1) / 2;
    switch (c->mode) {
    case 0:
    case 1:
        return d < c->period ? c->start + c->period : UINT64_MAX;
    case 2:
        return c->start + (d / c->period + 1) * c->period;
    case 3:
        return c->start + d / c->period * c->period + (d % c->period < half ? half : c->period);
    default:
        return d < c->period ? c->start + c->period : d == c->period ? c->start + c->period + 1 : UINT64_MAX;
    }
}

static void i8254_arm(I8254 *s)
{
    uint64_t next = i8254_next_change(&s->c[0], s->irq_tick);
    if (next == UINT64_MAX) {
        timer_del(&s->timer);
        return;
    }
    /* A period that nobody could serve would only keep the main thread busy. */
    int64_t at = i8254_tick_to_ns(next), now = clock_ns(CLOCK_KIND_VIRTUAL);
    bool fast = i8254_is_periodic(&s->c[0]) && i8254_tick_to_ns(s->c[0].period) < I8254_MIN_PERIOD_NS;
    timer_mod(&s->timer, fast && at < now + I8254_MIN_PERIOD_NS ? now + I8254_MIN_PERIOD_NS : at);
}

/* After counter 0 was programmed: IRQ 0 is its OUT from now on. */
static void i8254_drive(I8254 *s)
{
    if (s->kernel) {
        return;
    }
    s->asleep = false;
    s->irq_tick = i8254_now();
    irq_set(s->irq, i8254_level(&s->c[0], s->irq_tick));
    i8254_arm(s);
}

void i8254_set_watch(I8254 *s, bool (*notices)(void *opaque), void *opaque)
{
    s->notices = notices;
    s->notices_opaque = opaque;
}

/* It fell asleep with OUT high, so going on makes no edge that there was not. */
void i8254_resume(I8254 *s)
{
    if (s->asleep) {
        i8254_sync(&s->c[0], i8254_now());
        i8254_drive(s);
    }
}

static void i8254_tick(void *opaque)
{
    I8254 *s = opaque;
    I8254Counter *c = &s->c[0];
    uint64_t now = i8254_now(), next = i8254_next_change(c, s->irq_tick);
    /* Late: each edge is made good, unless that became hopeless. */
    s->irq_tick = next < now && i8254_tick_to_ns(now) - i8254_tick_to_ns(next) < I8254_MAX_LATE_NS ? next : now;
    i8254_sync(c, s->irq_tick);
    if (c->mode == 2) {
        irq_lower(s->irq); /* was low for the last tick of the period, which nobody was woken for */
        irq_raise(s->irq);
    } else {
        irq_set(s->irq, i8254_level(c, s->irq_tick));
    }
    s->asleep = s->notices && i8254_is_periodic(c) && i8254_level(c, s->irq_tick) && !s->notices(s->notices_opaque);
    if (!s->asleep) {
        i8254_arm(s);
    }
}

static void i8254_start(I8254Counter *c, uint64_t now)
{
    c->start = now;
    c->running = true;
    c->held = 0;
}

static void i8254_load(I8254Counter *c, uint16_t raw, uint64_t now)
{
    uint32_t count = c->bcd ? i8254_from_bcd(raw) : raw;
    if (!count) {
        count = c->bcd ? 10000 : 0x10000;
    }
    i8254_sync(c, now);
    bool counting = c->loaded && c->running;
    c->loaded = true;
    if (counting && (i8254_is_periodic(c) || i8254_is_triggered(c))) {
        /* The present period goes on (for a square wave the data sheet says half period). One-shots: next trigger. */
        c->next = count;
        c->next_at = i8254_is_triggered(c) ? UINT64_MAX : c->start + (i8254_elapsed(c, now) / c->period + 1) * c->period;
        return;
    }
    c->period = count;
    c->next = 0;
    c->held = 0;
    c->running = c->gate && !i8254_is_triggered(c);
    c->start = now;
}

static void i8254_write_count(I8254 *s, unsigned n, uint8_t val)
{
    I8254Counter *c = &s->c[n];
    uint64_t now = i8254_now();
    if (c->rw == I8254_RW_BOTH && !c->write_msb) {
        c->write_lsb = val;
        c->write_msb = true;
        if (c->mode == 0) { /* the first byte stops the counter and OUT is low */
            c->held = 0;
            c->running = c->loaded = false;
        }
    } else {
        uint16_t raw = c->rw == I8254_RW_LSB ? val : c->rw == I8254_RW_MSB ? val << 8 : c->write_lsb | val << 8;
        c->write_msb = false;
        i8254_load(c, raw, now);
    }
    if (n == 0) {
        i8254_drive(s);
    }
}

static void i8254_latch_count(I8254Counter *c)
{
    if (c->latched) {
        return;
    }
    uint64_t now = i8254_now();
    i8254_sync(c, now);
    uint16_t v = i8254_value(c, now);
    c->latch = c->rw == I8254_RW_MSB ? v >> 8 : v;
    c->latched = c->rw == I8254_RW_BOTH ? 2 : 1;
}

static void i8254_latch_status(I8254Counter *c)
{
    if (c->status_latched) {
        return;
    }
    uint64_t now = i8254_now();
    i8254_sync(c, now);
    bool null = !c->loaded || c->next || (i8254_is_triggered(c) && !c->running);
    c->status = i8254_level(c, now) << 7 | null << 6 | c->rw << 4 | c->mode << 1 | c->bcd;
    c->status_latched = true;
}

static void i8254_set_mode(I8254 *s, unsigned n, uint8_t val)
{
    I8254Counter *c = &s->c[n];
    c->rw = val >> 4 & 3;
    c->mode = val >> 1 & 7;
    if (c->mode > 5) {
        c->mode -= 4; /* the top bit of modes 2 and 3 is not looked at */
    }
    c->bcd = val & 1;
    c->loaded = c->running = false;
    c->period = c->bcd ? 10000 : 0x10000;
    c->next = 0;
    c->held = 0;
    c->read_msb = c->write_msb = false;
    c->latched = 0;
    c->status_latched = false;
    if (n == 0) {
        i8254_drive(s);
    }
}

static void i8254_control(I8254 *s, uint8_t val)
{
    unsigned n = val >> 6;
    if (n == 3) { /* read-back */
        for (unsigned i = 0; i < I8254_COUNTERS; i++) {
            if (val & (2u << i)) {
                if (!(val & 0x20)) {
                    i8254_latch_count(&s->c[i]);
                }
                if (!(val & 0x10)) {
                    i8254_latch_status(&s->c[i]);
                }
            }
        }
    } else if (!(val & 0x30)) {
        i8254_latch_count(&s->c[n]);
    } else {
        i8254_set_mode(s, n, val);
    }
}

static uint8_t i8254_read_count(I8254Counter *c)
{
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (c->latched) {
        uint8_t v = c->latch;
        c->latch >>= 8;
        c->latched--;
        return v;
    }
    uint64_t now = i8254_now();
    i8254_sync(c, now);
    uint16_t v = i8254_value(c, now);
    if (c->rw == I8254_RW_BOTH) {
        c->read_msb = !c->read_msb;
        return c->read_msb ? v : v >> 8;
    }
    return c->rw == I8254_RW_MSB ? v >> 8 : v;
}

static uint64_t i8254_read(void *opaque, hwaddr off, unsigned size)
{
    I8254 *s = opaque;
    (void)size;
    return off < I8254_COUNTERS ? i8254_read_count(&s->c[off]) : 0; /* the control word cannot be read */
}

static void i8254_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    I8254 *s = opaque;
    (void)size;
    if (off < I8254_COUNTERS) {
        i8254_write_count(s, off, val);
    } else {
        i8254_control(s, val);
    }
}

static const MemOps i8254_ops = { .read = i8254_read, .write = i8254_write, .max_size = 1 };

bool i8254_out(I8254 *s, unsigned ch)
{
    uint64_t now = i8254_now();
    if (ch >= I8254_COUNTERS) {
        return false;
    }
    i8254_sync(&s->c[ch], now);
    return i8254_level(&s->c[ch], now);
}

bool i8254_gate(I8254 *s, unsigned ch)
{
    return ch < I8254_COUNTERS && s->c[ch].gate;
}

void i8254_set_gate(I8254 *s, unsigned ch, bool level)
{
    if (ch >= I8254_COUNTERS || s->c[ch].gate == level) {
        return;
    }
    I8254Counter *c = &s->c[ch];
    uint64_t now = i8254_now();
    i8254_sync(c, now);
    c->gate = level;
    if (c->loaded) {
        if (i8254_is_triggered(c)) {
            if (level) { /* (re)triggered, with the latest count */
                c->period = c->next ? c->next : c->period;
                c->next = 0;
                i8254_start(c, now);
            }
        } else if (!level) { /* counting stops; OUT of modes 2 and 3 goes high at once */
            c->held = i8254_elapsed(c, now);
            c->running = false;
        } else if (i8254_is_periodic(c)) { /* the rising edge reloads */
            c->period = c->next ? c->next : c->period;
            c->next = 0;
            i8254_start(c, now);
        } else { /* modes 0, 4 go on where they stopped */
            uint64_t held = c->held;
            i8254_start(c, now);
            c->start = now > held ? now - held : 0;
        }
    }
    if (ch == 0) {
        i8254_drive(s);
    }
}

static void i8254_reset(Device *d)
{
    I8254 *s = i8254_of(d);
    for (unsigned i = 0; i < I8254_COUNTERS; i++) {
        s->c[i] = (I8254Counter){ .mode = 3, .rw = I8254_RW_BOTH, .period = 0x10000, .gate = i != 2 };
    }
    timer_del(&s->timer);
    s->asleep = false;
    s->irq_tick = i8254_now();
    irq_lower(s->irq);
    i8254_to_kernel(s);
}

static bool i8254_realize(Device *d, Error **errp)
{
    I8254 *s = i8254_of(d);
    (void)errp;
    timer_init(&s->timer, CLOCK_KIND_VIRTUAL, i8254_tick, s);
    mem_init_io(&s->io, &i8254_ops, s, "pit", 4);
    isa_add_io(d, s->iobase, &s->io);
    return true;
}

static void i8254_unrealize(Device *d)
{
    I8254 *s = i8254_of(d);
    if (s->kernel) {
        runstate_notifier_remove(&s->runstate);
    }
    timer_del(&s->timer);
    mem_destroy(&s->io);
}

static bool i8254_post_load(void *opaque, int version, Error **errp)
{
    I8254 *s = opaque;
    uint64_t limit = (uint64_t)1 << 54; /* about 500 years of ticks; sums stay far from overflow */
    (void)version;
    for (unsigned i = 0; i < I8254_COUNTERS; i++) {
        const I8254Counter *c = &s->c[i];
        if (c->mode > 5 || c->rw < I8254_RW_LSB || c->rw > I8254_RW_BOTH || !c->period || c->period > 0x10000 ||
            c->next > 0x10000 || c->latched > 2 || c->start > limit || c->held > limit ||
            (c->next_at > limit && c->next_at != UINT64_MAX)) {
            error_set(errp, "state of counter %u of the interval timer is not one that it can have", i);
            return false;
        }
    }
    s->asleep = false;
    if (s->irq_tick > limit) {
        error_set(errp, "time of the interval timer is out of range");
        return false;
    }
    i8254_to_kernel(s);
    return true;
}

static void i8254_pre_save(void *opaque)
{
    i8254_resume(opaque); /* a sleeper has no timer to save */
    i8254_from_kernel(opaque);
}

static const char *const i8254_policies[] = { "delay", "discard", NULL };
static const Prop i8254_props[] = {
    { .name = "lost_tick_policy", .type = &prop_enum, .offset = offsetof(I8254, lost_tick_policy), .def = "delay",
      .names = i8254_policies, .help = "with the chip in the host's kernel: ticks that the guest missed come later, or never" },
    PROP_END
};
static const char *const i8254_alias[] = { "kvm-pit", NULL };

static const VMStateField i8254_counter_fields[] = {
    VMS_UINT(I8254Counter, mode), VMS_UINT(I8254Counter, rw), VMS_UINT(I8254Counter, bcd), VMS_UINT(I8254Counter, gate),
    VMS_UINT(I8254Counter, loaded), VMS_UINT(I8254Counter, running), VMS_UINT(I8254Counter, period),
    VMS_UINT(I8254Counter, next), VMS_UINT(I8254Counter, start), VMS_UINT(I8254Counter, next_at),
    VMS_UINT(I8254Counter, held), VMS_UINT(I8254Counter, read_msb), VMS_UINT(I8254Counter, write_msb),
    VMS_UINT(I8254Counter, write_lsb), VMS_UINT(I8254Counter, latched), VMS_UINT(I8254Counter, latch),
    VMS_UINT(I8254Counter, status_latched), VMS_UINT(I8254Counter, status), VMS_END
};
static const VMState i8254_counter_state = { .name = "i8254-counter", .version = 1, .fields = i8254_counter_fields };

static const VMStateField i8254_fields[] = {
    VMS_UINT(I8254, irq_tick), VMS_STRUCT_ARRAY(I8254, c, i8254_counter_state), VMS_TIMER(I8254, timer), VMS_END
};
static const VMState i8254_state = {
    .name = "i8254", .version = 1, .fields = i8254_fields, .pre_save = i8254_pre_save, .post_load = i8254_post_load,
};

static const IrqOut i8254_irq_out[] = { { "out0", offsetof(I8254, irq), 1 }, { NULL, 0, 0 } };

static const DeviceClass i8254_class = {
    .name = "isa-pit",
    .alias = i8254_alias,
    .desc = "Intel 8254 interval timer",
    .category = "Misc",
    .bus = BUS_ISA,
    .size = sizeof(I8254),
    .props = i8254_props,
    .state = &i8254_state,
    .realize = i8254_realize,
    .reset = i8254_reset,
    .unrealize = i8254_unrealize,
    .irq_out = i8254_irq_out,
};
DEVICE_REGISTER(i8254_class);

I8254 *i8254_create(IsaBus *isa, uint16_t iobase, IrqLine irq, Error **errp)
{
    Device *d = device_new(&i8254_class);
    I8254 *s = i8254_of(d);
    s->iobase = iobase;
    s->irq = irq;
    if (!device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return s;
}
