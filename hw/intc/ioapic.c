/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O APIC (Intel 82093AA data sheet 290566) with 24 pins and the directed EOI register of version 0x20
 * (ICH series, e.g. data sheet 316972, 13.5).
 *
 * Called by memory dispatch, by whoever drives the pins, and by EOI broadcasts of the APIC bus.  Under the big lock.
 */
#include "util/osdep.h"
#include "hw/intc/ioapic.h"
#include "util/log.h"

enum { IOAPIC_SELECT = 0x00, IOAPIC_WINDOW = 0x10, IOAPIC_EOI = 0x40, IOAPIC_SIZE = 0x1000 };
enum { IOAPIC_REG_ID, IOAPIC_REG_VERSION, IOAPIC_REG_ARB, IOAPIC_REG_TABLE = 0x10 };
enum { IOAPIC_VERSION = 0x20 };

/* A redirection entry. */
#define RTE_VECTOR 0xffu
#define RTE_LOGICAL (1u << 11)
#define RTE_STATUS (1u << 12)
#define RTE_LOW_ACTIVE (1u << 13)
#define RTE_REMOTE_IRR (1u << 14)
#define RTE_LEVEL (1u << 15)
#define RTE_MASKED (1u << 16)
#define RTE_WRITABLE 0xff0000000001afffull
#define RTE_KEPT (RTE_STATUS | RTE_REMOTE_IRR)

typedef struct Ioapic {
    Device dev;
    /* constant after creation */
    ApicBus *bus;
    MemRegion *memory;
    hwaddr base;
    ApicEoiListener eoi;
    IrqLine changed;
    const IrqchipOps *kernel; /* NULL: all chips are here */
    MemRegion mmio;
    uint64_t counts[IOAPIC_PINS]; /* for info irq; no register */
    /* registers */
    uint8_t id, select;
    uint32_t lines; /* levels of the pins */
    uint64_t rte[IOAPIC_PINS];
} Ioapic;

static Ioapic *ioapic_of(Device *d)
{
    return container_of(d, Ioapic, dev);
}

static ApicMsg ioapic_message(uint64_t e)
{
    return (ApicMsg){
        .dest = e >> 56,
        .vector = e & RTE_VECTOR,
        .delivery = e >> 8 & 7,
        .logical = !!(e & RTE_LOGICAL),
        .level = !!(e & RTE_LEVEL),
        .assert_level = true,
    };
}

static void ioapic_send(Ioapic *s, unsigned pin)
{
    ApicMsg m = ioapic_message(s->rte[pin]);
    s->counts[pin]++;
    if (m.delivery != APIC_DM_SIPI && m.delivery != APIC_DM_RESERVED) {
        apic_bus_send(s->bus, &m);
    }
}

static void ioapic_from_kernel(Ioapic *s)
{
    IrqchipIoapic k;
    if (s->kernel && s->kernel->all) {
        s->kernel->ioapic_get(&k);
        s->id = k.id;
        s->select = k.select;
        s->lines = k.lines;
        for (unsigned i = 0; i < IOAPIC_PINS; i++) {
            s->rte[i] = k.rte[i] & (RTE_WRITABLE | RTE_KEPT);
        }
    }
}

/* Split: what pin @pin may send, so that the kernel knows whose end we wait for. */
static void ioapic_route(Ioapic *s, unsigned pin)
{
    uint64_t addr = 0;
    uint32_t data = 0;
    if (!s->kernel || s->kernel->all) {
        return;
    }
    if (!(s->rte[pin] & RTE_MASKED)) {
        ApicMsg m = ioapic_message(s->rte[pin]);
        apic_msi_of(&m, &addr, &data);
    }
    s->kernel->route_pin(pin, addr, data);
}

static void ioapic_to_kernel(Ioapic *s)
{
    IrqchipIoapic k = { .id = s->id, .select = s->select, .lines = s->lines };
    if (!s->kernel) {
        return;
    }
    memcpy(k.rte, s->rte, sizeof(k.rte));
    if (s->kernel->all) {
        s->kernel->ioapic_put(&k);
        return;
    }
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        ioapic_route(s, i);
    }
}

/* Fixed and lowest priority messages have an EOI; others behave as edges whatever the trigger mode says. */
static bool ioapic_is_level(const Ioapic *s, unsigned pin)
{
    return (s->rte[pin] & RTE_LEVEL) && (s->rte[pin] >> 8 & 7) <= APIC_DM_LOWEST;
}

/* Sends what level pin @pin has to say. */
static void ioapic_service(Ioapic *s, unsigned pin)
{
    /* The polarity bit describes the wire; our lines are asserted when 1 whatever the wire does. */
    if (ioapic_is_level(s, pin) && (s->lines >> pin & 1) && !(s->rte[pin] & (RTE_MASKED | RTE_REMOTE_IRR))) {
        s->rte[pin] |= RTE_REMOTE_IRR;
        ioapic_send(s, pin);
    }
}

static void ioapic_irq_in(Device *d, int n, int level)
{
    Ioapic *s = ioapic_of(d);
    uint32_t bit = 1u << n;
    bool rising = level && !(s->lines & bit);
    s->lines = level ? s->lines | bit : s->lines & ~bit;
    if (ioapic_is_level(s, n)) {
        ioapic_service(s, n);
    } else if (rising && !(s->rte[n] & RTE_MASKED)) { /* an edge at a masked pin is lost */
        ioapic_send(s, n);
    }
}

/* Ends the level interrupts of @vector; those still asserted come again. */
static void ioapic_end(Ioapic *s, uint8_t vector)
{
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        uint64_t *e = &s->rte[i];
        if ((*e & RTE_LEVEL) && (*e & RTE_REMOTE_IRR) && (*e & RTE_VECTOR) == vector) {
            *e &= ~(uint64_t)RTE_REMOTE_IRR;
            ioapic_service(s, i);
        }
    }
}

static void ioapic_eoi(ApicEoiListener *l, uint8_t vector)
{
    ioapic_end(container_of(l, Ioapic, eoi), vector);
}

static void ioapic_write_rte(Ioapic *s, unsigned pin, bool high, uint32_t val)
{
    uint64_t *e = &s->rte[pin], kept = *e & RTE_KEPT;
    uint64_t v = high ? (uint64_t)val << 32 | (*e & UINT32_MAX) : (*e & 0xffffffff00000000u) | val;
    *e = (v & RTE_WRITABLE) | kept;
    if (!(*e & RTE_LEVEL)) {
        *e &= ~(uint64_t)RTE_REMOTE_IRR;
    }
    ioapic_route(s, pin);
    ioapic_service(s, pin);
    irq_pulse(s->changed);
}

static uint32_t ioapic_read_reg(const Ioapic *s)
{
    switch (s->select) {
    case IOAPIC_REG_ID:
    case IOAPIC_REG_ARB:
        return (uint32_t)s->id << 24;
    case IOAPIC_REG_VERSION:
        return IOAPIC_VERSION | (IOAPIC_PINS - 1) << 16;
    default:
        if (s->select >= IOAPIC_REG_TABLE && s->select < IOAPIC_REG_TABLE + 2 * IOAPIC_PINS) {
            unsigned n = s->select - IOAPIC_REG_TABLE;
            return n & 1 ? s->rte[n / 2] >> 32 : s->rte[n / 2];
        }
        return 0;
    }
}

static uint64_t ioapic_read(void *opaque, hwaddr off, unsigned size)
{
    Ioapic *s = opaque;
    (void)size;
    switch (off & 0xff) {
    case IOAPIC_SELECT:
        return s->select;
    case IOAPIC_WINDOW:
        return ioapic_read_reg(s);
    default:
        return 0;
    }
}

static void ioapic_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Ioapic *s = opaque;
    (void)size;
    switch (off & 0xff) {
    case IOAPIC_SELECT:
        s->select = val;
        break;
    case IOAPIC_WINDOW:
        if (s->select == IOAPIC_REG_ID) {
            s->id = val >> 24 & 0x0f;
        } else if (s->select >= IOAPIC_REG_TABLE && s->select < IOAPIC_REG_TABLE + 2 * IOAPIC_PINS) {
            unsigned n = s->select - IOAPIC_REG_TABLE;
            ioapic_write_rte(s, n / 2, n & 1, val);
        }
        break;
    case IOAPIC_EOI:
        ioapic_end(s, val);
        break;
    default:
        break;
    }
}

static const MemOps ioapic_ops = { .read = ioapic_read, .write = ioapic_write, .min_size = 4, .max_size = 4 };

static void ioapic_reset(Device *d)
{
    Ioapic *s = ioapic_of(d);
    s->id = s->select = 0;
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        s->rte[i] = RTE_MASKED;
    }
    if (s->kernel && s->kernel->all) {
        s->lines = 0; /* who drives them does so again */
    }
    ioapic_to_kernel(s);
}

static void ioapic_pre_save(void *opaque)
{
    ioapic_from_kernel(opaque);
}

static void ioapic_kernel_eoi(void *opaque, uint8_t vector)
{
    ioapic_end(opaque, vector);
}

bool ioapic_notices(Device *d, unsigned pin)
{
    const Ioapic *s = ioapic_of(d);
    return !(s->rte[pin] & RTE_MASKED) || (s->rte[pin] & RTE_LEVEL);
}

void ioapic_set_changed(Device *d, IrqLine changed)
{
    ioapic_of(d)->changed = changed;
}

void ioapic_set_kernel(Device *d, const IrqchipOps *ops)
{
    Ioapic *s = ioapic_of(d);
    s->kernel = ops;
    ops->set_eoi(ioapic_kernel_eoi, s);
    ioapic_to_kernel(s);
}

static bool ioapic_realize(Device *d, Error **errp)
{
    Ioapic *s = ioapic_of(d);
    (void)errp;
    mem_init_io(&s->mmio, &ioapic_ops, s, "ioapic", IOAPIC_SIZE);
    mem_add_prio(s->memory, s->base, &s->mmio, 1);
    s->eoi.eoi = ioapic_eoi;
    apic_eoi_listener_add(s->bus, &s->eoi);
    return true;
}

static void ioapic_unrealize(Device *d)
{
    Ioapic *s = ioapic_of(d);
    apic_eoi_listener_remove(s->bus, &s->eoi);
    mem_destroy(&s->mmio);
}

static bool ioapic_post_load(void *opaque, int version, Error **errp)
{
    Ioapic *s = opaque;
    uint32_t unused = ~((1u << IOAPIC_PINS) - 1);
    (void)version;
    if ((s->id & 0xf0) || (s->lines & unused)) {
        error_set(errp, "state of the I/O APIC is not one that it can have");
        return false;
    }
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        if (s->rte[i] & ~(RTE_WRITABLE | RTE_KEPT)) {
            error_set(errp, "entry %u of the I/O APIC has reserved bits set", i);
            return false;
        }
    }
    ioapic_to_kernel(s);
    return true;
}

static const VMStateField ioapic_fields[] = {
    VMS_UINT(Ioapic, id), VMS_UINT(Ioapic, select), VMS_UINT(Ioapic, lines), VMS_UINT_ARRAY(Ioapic, rte), VMS_END
};
static const VMState ioapic_state = {
    .name = "ioapic", .version = 1, .fields = ioapic_fields, .pre_save = ioapic_pre_save, .post_load = ioapic_post_load,
};

static const DeviceClass ioapic_class = {
    .name = "ioapic",
    .desc = "I/O APIC",
    .category = "Misc",
    .bus = BUS_SYSTEM,
    .size = sizeof(Ioapic),
    .state = &ioapic_state,
    .realize = ioapic_realize,
    .reset = ioapic_reset,
    .unrealize = ioapic_unrealize,
    .irq_in = ioapic_irq_in,
    .irq_in_count = IOAPIC_PINS,
};
DEVICE_REGISTER(ioapic_class);

Device *ioapic_create(ApicBus *bus, Bus *sysbus, MemRegion *memory, hwaddr base, Error **errp)
{
    Device *d = device_new(&ioapic_class);
    Ioapic *s = ioapic_of(d);
    s->bus = bus;
    s->memory = memory;
    s->base = base;
    if (!device_realize(d, sysbus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}

void ioapic_print(Device *d, GString *out)
{
    static const char *const modes[8] = { "fixed", "lowest", "SMI", "...", "NMI", "INIT", "...", "extINT" };
    Ioapic *s = ioapic_of(d);
    ioapic_from_kernel(s);
    g_string_append_printf(out, "ioapic0: ver=0x%x id=0x%02x sel=0x%02x\n", IOAPIC_VERSION, s->id, s->select);
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        uint64_t e = s->rte[i];
        g_string_append_printf(out, "  pin %-2u 0x%016" PRIx64 " dest=%u vec=%-3u active-%s %-5s %-6s %-7s %s%s\n", i, e,
                               (unsigned)(e >> 56), (unsigned)(e & RTE_VECTOR), e & RTE_LOW_ACTIVE ? "lo" : "hi",
                               e & RTE_LEVEL ? "level" : "edge", e & RTE_MASKED ? "masked" : "", modes[e >> 8 & 7],
                               e & RTE_LOGICAL ? "logical" : "physical", e & RTE_REMOTE_IRR ? " irr" : "");
    }
}

void ioapic_print_counts(Device *d, GString *out)
{
    const Ioapic *s = ioapic_of(d);
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        if (s->counts[i]) {
            g_string_append_printf(out, "%2u: %" PRIu64 "\n", i, s->counts[i]);
        }
    }
}
