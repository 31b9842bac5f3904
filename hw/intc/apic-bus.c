/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between local APICs, I/O APICs and MSI writers: destinations (SDM vol. 3, 11.6.2), interrupt commands
 * (11.6.1), message signalled interrupts (11.11), the registers' page in memory (11.4.1).
 *
 * Called by vCPU threads and devices.  Everything under the big lock.
 */
#include "util/osdep.h"
#include "hw/intc/apic-int.h"
#include "util/log.h"

enum { APIC_PAGE = 0x1000, APIC_WINDOW = 0x100000, APIC_PRIORITY = 0x1000 };

Apic *apic_of(ApicBus *bus, const Vcpu *v)
{
    return v && v->index < bus->apics->len ? g_ptr_array_index(bus->apics, v->index) : NULL;
}

/* Logical destination of 32 bits: a cluster and a set of 16 in it. */
static bool apic_bus_match_x2(const Apic *a, uint32_t dest)
{
    return dest >> 16 == a->id >> 4 && (dest >> (a->id & 15) & 1);
}

static bool apic_bus_match_logical(const Apic *a, const ApicMsg *m)
{
    if (apic_is_x2(a)) {
        return m->x2apic ? apic_bus_match_x2(a, m->dest) : apic_bus_match_x2(a, m->dest & 0xff);
    }
    if (m->dest > 0xff) {
        return false;
    }
    uint8_t ldr = a->ldr >> 24;
    if (a->dfr >> 28 == 0xf) { /* flat model */
        return ldr & m->dest;
    }
    return ldr >> 4 == m->dest >> 4 && (ldr & m->dest & 0x0f);
}

static bool apic_bus_match(const Apic *a, const ApicMsg *m)
{
    if (!apic_enabled(a)) {
        return m->delivery == APIC_DM_INIT || m->delivery == APIC_DM_SIPI ? m->dest == a->id : false;
    }
    if (m->dest == (m->x2apic ? UINT32_MAX : 0xff)) {
        return true;
    }
    return m->logical ? apic_bus_match_logical(a, m) : m->dest == a->id;
}

/* Of two that may take a lowest priority message: the one that is less busy, else who is next in turn. */
static void apic_bus_send_lowest(ApicBus *bus, const ApicMsg *msg)
{
    Apic *best = NULL;
    unsigned n = bus->apics->len;
    for (unsigned i = 0; i < n; i++) {
        Apic *a = g_ptr_array_index(bus->apics, (bus->rotate + i) % n);
        if (apic_software_enabled(a) && apic_bus_match(a, msg) && (!best || apic_ppr(a) < apic_ppr(best))) {
            best = a;
        }
    }
    if (best) {
        bus->rotate = (best->vcpu->index + 1) % n;
        apic_receive(best, msg);
    }
}

void apic_msi_of(const ApicMsg *msg, uint64_t *addr, uint32_t *data)
{
    *addr = APIC_DEFAULT_BASE | (uint64_t)(msg->dest & 0xff) << 12 | (msg->logical ? 1u << 2 : 0u);
    *data = msg->vector | (uint32_t)msg->delivery << 8 | (msg->level ? 1u << 15 | 1u << 14 : 0u);
}

void apic_bus_send(ApicBus *bus, const ApicMsg *msg)
{
    if (bus->kernel) {
        uint64_t addr;
        uint32_t data;
        apic_msi_of(msg, &addr, &data);
        bus->kernel->send_msi(addr, data);
        return;
    }
    if (msg->delivery == APIC_DM_INIT && msg->level && !msg->assert_level) {
        return; /* INIT deassert only synchronised arbitration ids */
    }
    if (msg->delivery == APIC_DM_LOWEST) {
        apic_bus_send_lowest(bus, msg);
        return;
    }
    for (unsigned i = 0; i < bus->apics->len; i++) {
        Apic *a = g_ptr_array_index(bus->apics, i);
        if (apic_bus_match(a, msg)) {
            apic_receive(a, msg);
        }
    }
}

/* The interrupt command register was written. */
void apic_send_icr(Apic *a)
{
    uint32_t low = a->icr;
    ApicMsg m = {
        .dest = apic_is_x2(a) ? a->icr >> 32 : a->icr >> 56,
        .vector = low & 0xff,
        .delivery = low >> 8 & 7,
        .logical = low >> 11 & 1,
        .assert_level = low >> 14 & 1,
        .level = low >> 15 & 1,
        .x2apic = apic_is_x2(a),
    };
    unsigned shorthand = low >> 18 & 3;
    if (m.delivery != APIC_DM_INIT) {
        m.level = false; /* the trigger mode counts for INIT only */
    }
    if (m.delivery <= APIC_DM_LOWEST && m.vector < 16) {
        apic_error(a, ESR_SEND_VECTOR);
        return;
    }
    if (!shorthand) {
        apic_bus_send(a->bus, &m);
        return;
    }
    if (m.delivery == APIC_DM_INIT && m.level && !m.assert_level) {
        return;
    }
    for (unsigned i = 0; i < a->bus->apics->len; i++) {
        Apic *to = g_ptr_array_index(a->bus->apics, i);
        if (shorthand == 1 ? to == a : shorthand == 2 || to != a) {
            apic_receive(to, &m);
        }
    }
}

bool apic_deliver_msi(ApicBus *bus, uint64_t addr, uint32_t data)
{
    if (addr >> 20 != 0xfee) {
        return false;
    }
    if (bus->kernel) {
        bus->kernel->send_msi(addr, data);
        return true;
    }
    ApicMsg m = {
        .dest = addr >> 12 & 0xff,
        .vector = data & 0xff,
        .delivery = data >> 8 & 7,
        .logical = addr >> 2 & 1,
        .level = data >> 15 & 1,
        .assert_level = data >> 14 & 1,
    };
    if (m.delivery != APIC_DM_SIPI && m.delivery != APIC_DM_RESERVED) { /* which no MSI can carry */
        apic_bus_send(bus, &m);
    }
    return true;
}

void apic_bus_eoi(ApicBus *bus, uint8_t vector)
{
    for (unsigned i = 0; i < bus->eoi_listeners->len; i++) {
        ApicEoiListener *l = g_ptr_array_index(bus->eoi_listeners, i);
        l->eoi(l, vector);
    }
}

void apic_eoi_listener_add(ApicBus *bus, ApicEoiListener *l)
{
    g_ptr_array_add(bus->eoi_listeners, l);
}

void apic_eoi_listener_remove(ApicBus *bus, ApicEoiListener *l)
{
    g_ptr_array_remove(bus->eoi_listeners, l);
}

/*
 * Memory.  The region at the default address serves every APIC; one more exists per APIC that was moved.  Which
 * registers an access means depends on who makes it.
 */
static Apic *apic_bus_accessor(ApicBus *bus, hwaddr page)
{
    Apic *a = apic_of(bus, bus->current());
    return a && apic_enabled(a) && !apic_is_x2(a) && (a->base & BASE_ADDR) == page ? a : NULL;
}

static uint64_t apic_mmio_read_at(Apic *a, hwaddr off)
{
    bool ok = !(off & 0xf);
    uint64_t val = ok ? apic_read_reg(a, off >> 4, &ok) : 0;
    if (!ok) {
        apic_error(a, ESR_REGISTER);
        return 0;
    }
    return off >> 4 == APIC_ID ? a->id << 24 : val;
}

static void apic_mmio_write_at(Apic *a, hwaddr off, uint32_t val)
{
    if ((off & 0xf) || !apic_write_reg(a, off >> 4, val)) {
        apic_error(a, ESR_REGISTER);
    }
}

static uint64_t apic_mmio_read(void *opaque, hwaddr off, unsigned size)
{
    ApicBus *bus = opaque;
    Apic *a = off < APIC_PAGE ? apic_bus_accessor(bus, APIC_DEFAULT_BASE) : NULL;
    (void)size;
    return a ? apic_mmio_read_at(a, off) : UINT32_MAX;
}

static void apic_mmio_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    ApicBus *bus = opaque;
    Apic *a = off < APIC_PAGE ? apic_bus_accessor(bus, APIC_DEFAULT_BASE) : NULL;
    (void)size;
    if (a) {
        apic_mmio_write_at(a, off, val);
    } else {
        apic_deliver_msi(bus, APIC_DEFAULT_BASE + off, val);
    }
}

static const MemOps apic_mmio_ops = {
    .read = apic_mmio_read, .write = apic_mmio_write, .min_size = 4, .max_size = 4, .exact = true,
};

static uint64_t apic_page_read(void *opaque, hwaddr off, unsigned size)
{
    Apic *owner = opaque, *a = apic_bus_accessor(owner->bus, owner->base & BASE_ADDR);
    (void)size;
    return a ? apic_mmio_read_at(a, off) : UINT32_MAX;
}

static void apic_page_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Apic *owner = opaque, *a = apic_bus_accessor(owner->bus, owner->base & BASE_ADDR);
    (void)size;
    if (a) {
        apic_mmio_write_at(a, off, val);
    }
}

static const MemOps apic_page_ops = {
    .read = apic_page_read, .write = apic_page_write, .min_size = 4, .max_size = 4, .exact = true,
};

void apic_page_init(Apic *a)
{
    mem_init_io(&a->page, &apic_page_ops, a, "apic-moved", APIC_PAGE);
    a->page_mapped = false;
}

void apic_page_update(Apic *a)
{
    hwaddr at = a->base & BASE_ADDR;
    if (a->page_mapped) {
        mem_remove(&a->page);
        a->page_mapped = false;
    }
    if (!a->bus->kernel && apic_enabled(a) && !apic_is_x2(a) && at != APIC_DEFAULT_BASE) {
        mem_add_prio(a->bus->memory, at, &a->page, APIC_PRIORITY + 1);
        a->page_mapped = true;
    }
}

/* Lines that go to all APICs. */
static void apic_bus_set_line(void *opaque, int n, int level)
{
    ApicBus *bus = opaque;
    if (n == 0) {
        bus->extint = level;
    }
    for (unsigned i = 0; i < bus->apics->len; i++) {
        apic_set_lint(g_ptr_array_index(bus->apics, i), n, level);
    }
}

IrqLine apic_bus_extint_line(ApicBus *bus)
{
    return (IrqLine){ apic_bus_set_line, bus, 0 };
}

IrqLine apic_bus_nmi_line(ApicBus *bus)
{
    return (IrqLine){ apic_bus_set_line, bus, 1 };
}

void apic_bus_set_pic(ApicBus *bus, int (*ack)(void *opaque), void *opaque)
{
    bus->pic_ack = ack;
    bus->pic_opaque = opaque;
}

void apic_set_tsc(ApicBus *bus, ApicTscToNs *fn)
{
    bus->tsc_to_ns = fn;
}

void apic_bus_init(ApicBus *bus, MemRegion *memory)
{
    *bus = (ApicBus){ .memory = memory, .current = vcpu_current };
    bus->apics = g_ptr_array_new();
    bus->eoi_listeners = g_ptr_array_new();
    mem_init_io(&bus->mmio, &apic_mmio_ops, bus, "apic-msi", APIC_WINDOW);
    mem_add_prio(memory, APIC_DEFAULT_BASE, &bus->mmio, APIC_PRIORITY);
}

void apic_bus_set_kernel(ApicBus *bus, const IrqchipOps *ops)
{
    bus->kernel = ops;
}

void apic_bus_destroy(ApicBus *bus)
{
    mem_destroy(&bus->mmio);
    g_ptr_array_free(bus->apics, TRUE);
    g_ptr_array_free(bus->eoi_listeners, TRUE);
}

/* A CPU without APIC: its INTR input is the PIC's INT output. */
static int apic_pic_only_acknowledge(void *opaque)
{
    ApicPicOnly *p = opaque;
    return p->pic_ack(p->pic_opaque);
}

static uint8_t apic_pic_only_get_tpr(void *opaque)
{
    (void)opaque;
    return 0;
}

static void apic_pic_only_set_tpr(void *opaque, uint8_t tpr)
{
    (void)opaque;
    (void)tpr;
}

static uint64_t apic_pic_only_get_base(void *opaque)
{
    (void)opaque;
    return 0;
}

static bool apic_pic_only_set_base(void *opaque, uint64_t val)
{
    (void)opaque;
    return !val;
}

static bool apic_pic_only_msr_read(void *opaque, uint32_t msr, uint64_t *val)
{
    (void)opaque;
    (void)msr;
    (void)val;
    return false;
}

static bool apic_pic_only_msr_write(void *opaque, uint32_t msr, uint64_t val)
{
    (void)opaque;
    (void)msr;
    (void)val;
    return false;
}

void apic_pic_only_init(ApicPicOnly *p, Vcpu *v, int (*ack)(void *opaque), void *opaque)
{
    p->vcpu = v;
    p->pic_ack = ack;
    p->pic_opaque = opaque;
    p->intc = (VcpuIntc){
        .opaque = p, .acknowledge = apic_pic_only_acknowledge, .get_tpr = apic_pic_only_get_tpr,
        .set_tpr = apic_pic_only_set_tpr, .get_base = apic_pic_only_get_base, .set_base = apic_pic_only_set_base,
        .msr_read = apic_pic_only_msr_read, .msr_write = apic_pic_only_msr_write,
    };
    v->intc = &p->intc;
}
