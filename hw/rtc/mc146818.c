/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Motorola MC146818A real-time clock (data sheet ADI856R2) with the 128 bytes of CMOS RAM of a PC and the second bank
 * of 128 bytes that the PIIX3 adds (ports 0x72, 0x73).
 *
 * Called by the port dispatch, its timer, and the board, which fills in CMOS bytes for firmware.  Under the big lock.
 *
 * Nothing ticks: the date is a formula over the clock that drives the chip.  Flags of register C are brought up to
 * date when somebody looks (mc146818_sync), and the timer runs only for interrupts that are enabled and whose flag is
 * still clear.  The daylight saving bit is kept but does nothing, as on every PC since.
 */
#include "util/osdep.h"
#include "hw/rtc/mc146818.h"
#include "util/log.h"

enum {
    MC_SECONDS, MC_SECONDS_ALARM, MC_MINUTES, MC_MINUTES_ALARM, MC_HOURS, MC_HOURS_ALARM, MC_WEEKDAY, MC_DAY, MC_MONTH,
    MC_YEAR, MC_A, MC_B, MC_C, MC_D, MC_CENTURY = 0x32, MC_PS2_CENTURY = 0x37,
};
enum { A_UIP = 0x80, A_DIVIDER = 0x70, A_DIVIDER_ON = 0x20, A_DIVIDER_RESET = 0x60, A_RATE = 0x0f };
enum { B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_SQWE = 0x08, B_BINARY = 0x04, B_24H = 0x02 };
enum { C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10 };
enum { MC_UIP_NS = 244000, MC_BANK = 128, MC_ALARM_STEPS = 400 };

struct Mc146818 {
    IsaDevice isa;
    /* constant after creation */
    ClockKind clock;
    int64_t start_s;
    IrqLine irq;
    MemRegion io;
    Timer timer;
    /* registers */
    uint8_t cmos[2 * MC_BANK];
    uint8_t index[2];  /* of each bank */
    int64_t base_s;    /* date when the divider chain was at origin_ns */
    int64_t origin_ns; /* a time of the clock at which a second began */
    int64_t synced_ns; /* up to here the flags of register C are right */
};

typedef struct McDate {
    int64_t year;
    int month, day, weekday, hour, minute, second; /* month and day from 1, weekday 1: Sunday */
} McDate;

static Mc146818 *mc146818_of(Device *d)
{
    return container_of(d, Mc146818, isa.dev);
}

Device *mc146818_device(Mc146818 *s)
{
    return &s->isa.dev;
}

static int64_t mc146818_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, and back: counted in eras of 400 years from March. */
static int64_t mc146818_days(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2), era = mc146818_floor_div(y, 400);
    int64_t yoe = y - era * 400, doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void mc146818_split(int64_t t, McDate *out)
{
    int64_t days = mc146818_floor_div(t, 86400), z = days + 719468, era = mc146818_floor_div(z, 146097);
    int64_t doe = z - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int sec = t - days * 86400;
    out->day = doy - (153 * mp + 2) / 5 + 1;
    out->month = mp < 10 ? mp + 3 : mp - 9;
    out->year = yoe + era * 400 + (out->month <= 2);
    out->weekday = (days % 7 + 11) % 7 + 1;
    out->hour = sec / 3600;
    out->minute = sec / 60 % 60;
    out->second = sec % 60;
}

static int64_t mc146818_clock(const Mc146818 *s)
{
    return clock_ns(s->clock);
}

static bool mc146818_divider_on(const Mc146818 *s)
{
    return (s->cmos[MC_A] & A_DIVIDER) <= A_DIVIDER_ON;
}

/* Seconds of the date go on. */
static bool mc146818_updating(const Mc146818 *s)
{
    return !(s->cmos[MC_B] & B_SET) && mc146818_divider_on(s);
}

static int64_t mc146818_second_at(const Mc146818 *s, int64_t ns)
{
    return s->base_s + mc146818_floor_div(ns - s->origin_ns, NS_PER_SEC);
}

static uint8_t mc146818_encode(const Mc146818 *s, unsigned v)
{
    return s->cmos[MC_B] & B_BINARY ? v : v / 10 << 4 | v % 10;
}

/* -1: not a number in the present format. */
static int mc146818_decode(const Mc146818 *s, uint8_t v)
{
    if (s->cmos[MC_B] & B_BINARY) {
        return v;
    }
    return (v & 15) < 10 && v >> 4 < 10 ? (v >> 4) * 10 + (v & 15) : -1;
}

static int mc146818_decode_hour(const Mc146818 *s, uint8_t v)
{
    if (s->cmos[MC_B] & B_24H) {
        return mc146818_decode(s, v);
    }
    int hour = mc146818_decode(s, v & 0x7f);
    return hour < 0 ? hour : hour % 12 + (v & 0x80 ? 12 : 0);
}

static uint8_t mc146818_encode_hour(const Mc146818 *s, unsigned hour)
{
    if (s->cmos[MC_B] & B_24H) {
        return mc146818_encode(s, hour);
    }
    return mc146818_encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

/* The date's registers from the clock. */
static void mc146818_show(Mc146818 *s, int64_t now)
{
    McDate d;
    mc146818_split(mc146818_second_at(s, now), &d);
    s->cmos[MC_SECONDS] = mc146818_encode(s, d.second);
    s->cmos[MC_MINUTES] = mc146818_encode(s, d.minute);
    s->cmos[MC_HOURS] = mc146818_encode_hour(s, d.hour);
    s->cmos[MC_WEEKDAY] = mc146818_encode(s, d.weekday);
    s->cmos[MC_DAY] = mc146818_encode(s, d.day);
    s->cmos[MC_MONTH] = mc146818_encode(s, d.month);
    s->cmos[MC_YEAR] = mc146818_encode(s, (d.year % 100 + 100) % 100);
    s->cmos[MC_CENTURY] = mc146818_encode(s, (d.year / 100 % 100 + 100) % 100);
}

static int mc146818_clamp(int v, int min, int max)
{
    return v < min ? min : v > max ? max : v;
}

/* The date from its registers, whatever is in them; the phase of the second stays. */
static void mc146818_take(Mc146818 *s, int64_t now)
{
    int century = mc146818_clamp(mc146818_decode(s, s->cmos[MC_CENTURY]), 0, 99);
    int64_t year = century * 100 + mc146818_clamp(mc146818_decode(s, s->cmos[MC_YEAR]), 0, 99);
    int month = mc146818_clamp(mc146818_decode(s, s->cmos[MC_MONTH]), 1, 12);
    int day = mc146818_clamp(mc146818_decode(s, s->cmos[MC_DAY]), 1, 31);
    int hour = mc146818_clamp(mc146818_decode_hour(s, s->cmos[MC_HOURS]), 0, 23);
    int minute = mc146818_clamp(mc146818_decode(s, s->cmos[MC_MINUTES]), 0, 59);
    int second = mc146818_clamp(mc146818_decode(s, s->cmos[MC_SECONDS]), 0, 59);
    int64_t t = mc146818_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    s->base_s = t - mc146818_floor_div(now - s->origin_ns, NS_PER_SEC);
}

/* Period of the periodic interrupt in ticks of 32768 Hz; 0: off. */
static unsigned mc146818_period(const Mc146818 *s)
{
    unsigned rate = s->cmos[MC_A] & A_RATE;
    if (!rate || !mc146818_divider_on(s)) {
        return 0;
    }
    return 1u << ((rate <= 2 ? rate + 7 : rate) - 1);
}

/* Which period @ns lies in.  32768 ticks a second: 2^9 of them are 5^9 * 2^3 ns. */
static int64_t mc146818_period_at(const Mc146818 *s, int64_t ns, unsigned period)
{
    return (int64_t)((((__int128)(ns - s->origin_ns) << 15) - (ns < s->origin_ns ? NS_PER_SEC * period - 1 : 0)) /
                     ((__int128)NS_PER_SEC * period));
}

static bool mc146818_alarm_field(int alarm, int v)
{
    return alarm == -2 || alarm == v;
}

/* An alarm register: -2 any value, -1 never. */
static int mc146818_alarm_value(const Mc146818 *s, unsigned reg)
{
    uint8_t v = s->cmos[reg];
    return v >= 0xc0 ? -2 : reg == MC_HOURS_ALARM ? mc146818_decode_hour(s, v) : mc146818_decode(s, v);
}

/* First second after @t at which the alarm rings; INT64_MAX: never. */
static int64_t mc146818_next_alarm(const Mc146818 *s, int64_t t)
{
    int hour = mc146818_alarm_value(s, MC_HOURS_ALARM), minute = mc146818_alarm_value(s, MC_MINUTES_ALARM);
    int second = mc146818_alarm_value(s, MC_SECONDS_ALARM);
    t++;
    for (int i = 0; i < MC_ALARM_STEPS; i++) {
        int in_day = t - mc146818_floor_div(t, 86400) * 86400;
        if (!mc146818_alarm_field(hour, in_day / 3600)) {
            t += 3600 - in_day % 3600;
        } else if (!mc146818_alarm_field(minute, in_day / 60 % 60)) {
            t += 60 - in_day % 60;
        } else if (!mc146818_alarm_field(second, in_day % 60)) {
            t++;
        } else {
            return t;
        }
    }
    return INT64_MAX;
}

static void mc146818_update_irq(Mc146818 *s)
{
    uint8_t c = s->cmos[MC_C] & (C_PF | C_AF | C_UF);
    s->cmos[MC_C] = c | (c & s->cmos[MC_B] ? C_IRQF : 0);
    irq_set(s->irq, s->cmos[MC_C] >> 7);
}

/* Sets the flags for what happened since the last time.  Before anything that they depend on changes. */
static void mc146818_sync(Mc146818 *s, int64_t now)
{
    int64_t last = s->synced_ns;
    s->synced_ns = now;
    if (now <= last) { /* a host clock may jump */
        return;
    }
    unsigned period = mc146818_period(s);
    if (period && mc146818_period_at(s, now, period) != mc146818_period_at(s, last, period)) {
        s->cmos[MC_C] |= C_PF;
    }
    int64_t from = mc146818_second_at(s, last), to = mc146818_second_at(s, now);
    if (from != to && mc146818_updating(s)) {
        s->cmos[MC_C] |= C_UF;
        if (mc146818_next_alarm(s, from) <= to) {
            s->cmos[MC_C] |= C_AF;
        }
    }
}

/* When the clock will show @second; INT64_MAX: beyond what it can. */
static int64_t mc146818_time_of(const Mc146818 *s, int64_t second)
{
    int64_t ns;
    if (__builtin_sub_overflow(second, s->base_s, &ns) || __builtin_mul_overflow(ns, NS_PER_SEC, &ns) ||
        __builtin_add_overflow(ns, s->origin_ns, &ns)) {
        return INT64_MAX;
    }
    return ns;
}

/* Arms the timer for the next flag that would raise the interrupt. */
static void mc146818_arm(Mc146818 *s, int64_t now)
{
    uint8_t wanted = s->cmos[MC_B] & ~s->cmos[MC_C] & (B_PIE | B_AIE | B_UIE);
    int64_t next = INT64_MAX;
    unsigned period = mc146818_period(s);
    if (s->cmos[MC_C] & C_IRQF) {
        wanted = 0; /* the line is up already: reading register C comes first */
    }
    if ((wanted & B_PIE) && period) {
        __int128 ticks = ((__int128)mc146818_period_at(s, now, period) + 1) * period;
        next = s->origin_ns + (int64_t)((ticks * NS_PER_SEC + 32767) >> 15);
    }
    if (wanted && mc146818_updating(s)) {
        int64_t second = mc146818_second_at(s, now);
        if (wanted & B_UIE) {
            next = MIN(next, mc146818_time_of(s, second + 1));
        }
        if (wanted & B_AIE) {
            int64_t alarm = mc146818_next_alarm(s, second);
            next = alarm == INT64_MAX ? next : MIN(next, mc146818_time_of(s, alarm));
        }
    }
    if (next == INT64_MAX) {
        timer_del(&s->timer);
    } else {
        timer_mod(&s->timer, next);
    }
}

static void mc146818_tick(void *opaque)
{
    Mc146818 *s = opaque;
    int64_t now = mc146818_clock(s);
    mc146818_sync(s, now);
    mc146818_update_irq(s);
    mc146818_arm(s, now);
}

static uint8_t mc146818_read_a(Mc146818 *s, int64_t now)
{
    int64_t phase = (now - s->origin_ns) % NS_PER_SEC;
    phase += phase < 0 ? NS_PER_SEC : 0;
    bool uip = mc146818_updating(s) && phase >= NS_PER_SEC - MC_UIP_NS;
    return (s->cmos[MC_A] & ~A_UIP) | (uip ? A_UIP : 0);
}

static uint8_t mc146818_read_reg(Mc146818 *s, unsigned reg)
{
    int64_t now = mc146818_clock(s);
    uint8_t v;
    switch (reg) {
    case MC_SECONDS: case MC_MINUTES: case MC_HOURS: case MC_WEEKDAY: case MC_DAY: case MC_MONTH: case MC_YEAR:
    case MC_CENTURY:
        if (mc146818_updating(s)) {
            mc146818_show(s, now);
        }
        return s->cmos[reg];
    case MC_A:
        return mc146818_read_a(s, now);
    case MC_C:
        mc146818_sync(s, now);
        mc146818_update_irq(s);
        v = s->cmos[MC_C];
        s->cmos[MC_C] = 0;
        mc146818_update_irq(s);
        mc146818_arm(s, now);
        return v;
    default:
        return s->cmos[reg];
    }
}

static void mc146818_write_a(Mc146818 *s, uint8_t val, int64_t now)
{
    bool was_on = mc146818_divider_on(s);
    if (mc146818_updating(s)) {
        mc146818_show(s, now);
    }
    s->cmos[MC_A] = val & ~A_UIP;
    if (!was_on && mc146818_divider_on(s)) {
        s->origin_ns = now - NS_PER_SEC / 2; /* the first update comes half a second after the divider's release */
        s->synced_ns = now;
        mc146818_take(s, now);
    }
}

static void mc146818_write_b(Mc146818 *s, uint8_t val, int64_t now)
{
    bool was = mc146818_updating(s);
    if (val & B_SET) {
        val &= ~B_UIE;
    }
    if (was) {
        mc146818_show(s, now);
    }
    /* Another format: a running date is shown in it; registers that SET holds, and alarms, stay as they were written. */
    uint8_t format = (s->cmos[MC_B] ^ val) & (B_BINARY | B_24H);
    s->cmos[MC_B] = val;
    if (mc146818_updating(s) && !was) {
        mc146818_take(s, now);
    } else if (mc146818_updating(s) && format) {
        mc146818_show(s, now);
    }
}

static void mc146818_write_reg(Mc146818 *s, unsigned reg, uint8_t val)
{
    int64_t now = mc146818_clock(s);
    mc146818_sync(s, now);
    switch (reg) {
    case MC_PS2_CENTURY:
        reg = MC_CENTURY;
        /* fall through */
    case MC_SECONDS: case MC_MINUTES: case MC_HOURS: case MC_WEEKDAY: case MC_DAY: case MC_MONTH: case MC_YEAR:
    case MC_CENTURY:
        if (mc146818_updating(s)) {
            mc146818_show(s, now);
        }
        s->cmos[reg] = val;
        if (mc146818_updating(s)) {
            mc146818_take(s, now);
        }
        break;
    case MC_A:
        mc146818_write_a(s, val, now);
        break;
    case MC_B:
        mc146818_write_b(s, val, now);
        break;
    case MC_C:
    case MC_D:
        return; /* read only */
    default:
        s->cmos[reg] = val;
        break;
    }
    mc146818_update_irq(s);
    mc146818_arm(s, now);
}

static uint64_t mc146818_read(void *opaque, hwaddr off, unsigned size)
{
    Mc146818 *s = opaque;
    (void)size;
    switch (off) {
    case 1:
        return mc146818_read_reg(s, s->index[0] == MC_PS2_CENTURY ? MC_CENTURY : s->index[0]);
    case 3:
        return s->cmos[MC_BANK + s->index[1]];
    default: /* the index ports are write-only */
        return 0xff;
    }
}

static void mc146818_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Mc146818 *s = opaque;
    (void)size;
    switch (off) {
    case 0: /* bit 7 would mask NMI, which no device of this board raises */
    case 2:
        s->index[off >> 1] = val & 0x7f;
        break;
    case 1:
        mc146818_write_reg(s, s->index[0], val);
        break;
    default:
        s->cmos[MC_BANK + s->index[1]] = val;
        break;
    }
}

static const MemOps mc146818_ops = { .read = mc146818_read, .write = mc146818_write, .max_size = 1 };

void mc146818_set_cmos(Mc146818 *s, unsigned index, uint8_t val)
{
    if (index > MC_D && index < sizeof(s->cmos)) {
        s->cmos[index] = val;
    }
}

uint8_t mc146818_get_cmos(Mc146818 *s, unsigned index)
{
    return index < sizeof(s->cmos) ? s->cmos[index] : 0xff;
}

int64_t mc146818_get_time(Mc146818 *s)
{
    return mc146818_second_at(s, mc146818_clock(s));
}

/* The battery keeps the date and the CMOS contents: RESET clears the interrupts only. */
static void mc146818_reset(Device *d)
{
    Mc146818 *s = mc146818_of(d);
    s->cmos[MC_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    s->cmos[MC_C] = 0;
    s->synced_ns = mc146818_clock(s);
    timer_del(&s->timer);
    irq_lower(s->irq);
}

/* A new battery; firmware's bytes stay as they are. */
static void mc146818_power_on(Mc146818 *s)
{
    int64_t now = mc146818_clock(s);
    s->index[0] = s->index[1] = 0;
    s->cmos[MC_A] = A_DIVIDER_ON | 6; /* 32.768 kHz, 1024 Hz: what a PC's firmware leaves */
    s->cmos[MC_B] = B_24H;
    s->cmos[MC_D] = 0x80; /* battery fine */
    s->base_s = s->start_s;
    /* The host's seconds and ours begin together. */
    s->origin_ns = s->clock == CLOCK_KIND_HOST ? mc146818_floor_div(now, NS_PER_SEC) * NS_PER_SEC : now;
    mc146818_show(s, now);
}

static bool mc146818_realize(Device *d, Error **errp)
{
    Mc146818 *s = mc146818_of(d);
    (void)errp;
    timer_init(&s->timer, s->clock, mc146818_tick, s);
    mc146818_power_on(s);
    mem_init_io(&s->io, &mc146818_ops, s, "rtc", 4);
    isa_add_io(d, 0x70, &s->io);
    return true;
}

static void mc146818_unrealize(Device *d)
{
    Mc146818 *s = mc146818_of(d);
    timer_del(&s->timer);
    mem_destroy(&s->io);
}

static bool mc146818_post_load(void *opaque, int version, Error **errp)
{
    Mc146818 *s = opaque;
    int64_t range = (int64_t)20000 * 366 * 86400, limit = INT64_MAX / 2;
    (void)version;
    if (s->index[0] >= MC_BANK || s->index[1] >= MC_BANK || s->base_s < -range || s->base_s > range ||
        (s->cmos[MC_A] & A_UIP) || s->cmos[MC_D] != 0x80 || (s->cmos[MC_C] & 0x0f) ||
        s->origin_ns < -limit || s->origin_ns > limit || s->synced_ns < -limit || s->synced_ns > limit) {
        error_set(errp, "state of the real-time clock is not one that it can have");
        mc146818_power_on(s); /* a reset does not touch these, so they must be right now */
        return false;
    }
    return true;
}

static const VMStateField mc146818_fields[] = {
    VMS_BUFFER(Mc146818, cmos), VMS_UINT_ARRAY(Mc146818, index), VMS_UINT(Mc146818, base_s),
    VMS_UINT(Mc146818, origin_ns), VMS_UINT(Mc146818, synced_ns), VMS_TIMER(Mc146818, timer), VMS_END
};
static const VMState mc146818_state = {
    .name = "mc146818", .version = 1, .fields = mc146818_fields, .post_load = mc146818_post_load,
};

static const IrqOut mc146818_irq_out[] = { { "irq", offsetof(Mc146818, irq), 1 }, { NULL, 0, 0 } };

static const DeviceClass mc146818_class = {
    .name = "mc146818rtc",
    .desc = "MC146818 real-time clock and CMOS RAM",
    .category = "Misc",
    .bus = BUS_ISA,
    .size = sizeof(Mc146818),
    .state = &mc146818_state,
    .realize = mc146818_realize,
    .reset = mc146818_reset,
    .unrealize = mc146818_unrealize,
    .irq_out = mc146818_irq_out,
};
DEVICE_REGISTER(mc146818_class);

Mc146818 *mc146818_create(IsaBus *isa, const Mc146818Config *cfg, IrqLine irq8, Error **errp)
{
    Device *d = device_new(&mc146818_class);
    Mc146818 *s = mc146818_of(d);
    s->clock = cfg->clock;
    s->start_s = cfg->start_s;
    s->irq = irq8;
    if (!device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return s;
}
