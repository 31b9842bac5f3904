/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local APICs, their bus and the I/O APIC, without CPUs: the test says who accesses the registers' page. */
#include "util/osdep.h"
#include "hw/intc/apic.h"
#include "hw/intc/ioapic.h"
#include "util/mainloop.h"
#include "util/timer.h"

#include "tests/unit/test.h"

enum { CPUS = 4, ID = 0x20, TPR = 0x80, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180,
       IRR = 0x200, ESR = 0x280, ICR = 0x300, ICR_HIGH = 0x310, LVT_TIMER = 0x320, LINT0 = 0x350, LINT1 = 0x360,
       LVT_ERROR = 0x370, TICR = 0x380, TCCR = 0x390, DCR = 0x3e0 };

static MemRegion memory;
static AddressSpace as;
static Bus sysbus;
static const BusClass sysbus_class = { .kind = BUS_SYSTEM, .type = "System" };
static ApicBus bus;
static Vcpu cpus[CPUS];
static unsigned current;
static Device *ioapic;
static int pic_vector = 0x33;

static Vcpu *who(void)
{
    return &cpus[current];
}

static int pic_ack(void *opaque)
{
    (void)opaque;
    return pic_vector;
}

static uint32_t rd(unsigned cpu, unsigned reg)
{
    uint64_t v = 0;
    current = cpu;
    address_space_load(&as, APIC_DEFAULT_BASE + reg, 4, &v);
    return v;
}

static void wr(unsigned cpu, unsigned reg, uint32_t val)
{
    current = cpu;
    address_space_store(&as, APIC_DEFAULT_BASE + reg, 4, val);
}

static void io_write(unsigned reg, uint32_t val)
{
    address_space_store(&as, IOAPIC_DEFAULT_BASE, 4, reg);
    address_space_store(&as, IOAPIC_DEFAULT_BASE + 0x10, 4, val);
}

static uint32_t io_read(unsigned reg)
{
    uint64_t v = 0;
    address_space_store(&as, IOAPIC_DEFAULT_BASE, 4, reg);
    address_space_load(&as, IOAPIC_DEFAULT_BASE + 0x10, 4, &v);
    return v;
}

static bool intr(unsigned cpu)
{
    return atomic_load(&cpus[cpu].events) & VCPU_EV_INTR;
}

static bool event(unsigned cpu, uint32_t bit)
{
    bool is = atomic_load(&cpus[cpu].events) & bit;
    atomic_fetch_and(&cpus[cpu].events, ~bit);
    return is;
}

static int ack(unsigned cpu)
{
    return cpus[cpu].intc->acknowledge(cpus[cpu].intc->opaque);
}

static bool msr_write(unsigned cpu, uint32_t msr, uint64_t val)
{
    return cpus[cpu].intc->msr_write(cpus[cpu].intc->opaque, msr, val);
}

static uint64_t msr_read(unsigned cpu, uint32_t msr)
{
    uint64_t v = 0xdead;
    return cpus[cpu].intc->msr_read(cpus[cpu].intc->opaque, msr, &v) ? v : 0xdead;
}

static void advance_to(int64_t ns)
{
    for (int64_t next; (next = timers_next_expiry(CLOCK_KIND_VIRTUAL)) >= 0 && next <= ns;) {
        clock_virtual_set(MAX(next, clock_ns(CLOCK_KIND_VIRTUAL)));
        timers_run();
    }
    clock_virtual_set(ns);
}

/* All APICs as after RESET, software enabled, flat logical ids 1, 2, 4, 8. */
static void setup(void)
{
    static bool done;
    if (!done) {
        done = true;
        mainloop_init();
        bql_lock();
        clock_virtual_manual();
        mem_init_container(&memory, "memory", MEM_SIZE_MAX);
        address_space_init(&as, &memory, "memory");
        bus_init(&sysbus, &sysbus_class, NULL, "main-system-bus");
        apic_bus_init(&bus, &memory);
        bus.current = who;
        apic_bus_set_pic(&bus, pic_ack, NULL);
        for (unsigned i = 0; i < CPUS; i++) {
            cpus[i].index = cpus[i].apic_id = i;
            CHECK(apic_create(&bus, &sysbus, &cpus[i], i == 0, NULL));
        }
        ioapic = ioapic_create(&bus, &sysbus, &memory, IOAPIC_DEFAULT_BASE, NULL);
        CHECK(ioapic);
    }
    clock_virtual_set(1000000);
    irq_lower(apic_bus_extint_line(&bus));
    irq_lower(apic_bus_nmi_line(&bus));
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        irq_lower(device_irq_in(ioapic, i));
    }
    device_reset(ioapic);
    for (unsigned i = 0; i < CPUS; i++) {
        device_reset((Device *)cpus[i].intc->opaque); /* Device comes first in an APIC */
        wr(i, SVR, 0x1ff);
        wr(i, LDR, 1u << (24 + i));
        atomic_store(&cpus[i].events, 0);
    }
}

TEST(reset_values)
{
    setup();
    device_reset((Device *)cpus[1].intc->opaque);
    CHECK_EQ(rd(1, ID), 1u << 24);
    CHECK_EQ(rd(1, 0x30), 0x01050014);
    CHECK_EQ(rd(1, SVR), 0xff);
    CHECK_EQ(rd(1, DFR), 0xffffffff);
    CHECK_EQ(rd(1, LINT0), 0x10000);
    CHECK_EQ(cpus[1].intc->get_base(cpus[1].intc->opaque), 0xfee00800);
    CHECK_EQ(cpus[0].intc->get_base(cpus[0].intc->opaque), 0xfee00900);
    uint64_t v;
    CHECK_EQ(address_space_load(&as, APIC_DEFAULT_BASE + ID, 1, &v), MEM_REJECTED);
    wr(1, LVT_TIMER, 0x30); /* software disabled: stays masked */
    CHECK_EQ(rd(1, LVT_TIMER), 0x10030);
}

TEST(priorities_and_eoi)
{
    setup();
    wr(0, ICR, 0x00040041); /* self */
    wr(0, ICR, 0x00040062);
    CHECK(intr(0));
    CHECK_EQ(rd(0, IRR + 0x20), 1u << 1);
    CHECK_EQ(ack(0), 0x62);
    CHECK_EQ(rd(0, PPR), 0x60);
    CHECK(!intr(0));
    CHECK_EQ(ack(0), -1);
    wr(0, ICR, 0x00040071); /* higher class: comes through */
    CHECK(intr(0));
    CHECK_EQ(ack(0), 0x71);
    CHECK_EQ(rd(0, ISR + 0x30), 1u << 2 | 1u << 17);
    wr(0, EOI, 0);
    CHECK_EQ(rd(0, ISR + 0x30), 1u << 2);
    wr(0, EOI, 0);
    CHECK(intr(0));
    wr(0, TPR, 0x50);
    CHECK(!intr(0));
    CHECK_EQ(cpus[0].intc->get_tpr(cpus[0].intc->opaque), 0x50);
    cpus[0].intc->set_tpr(cpus[0].intc->opaque, 0x3f);
    CHECK(intr(0));
    CHECK_EQ(ack(0), 0x41);
    wr(0, EOI, 0);
    CHECK_EQ(rd(0, PPR), 0x3f);
}

TEST(interprocessor_messages)
{
    setup();
    wr(0, ICR_HIGH, 2u << 24);
    wr(0, ICR, 0x00000055); /* physical */
    CHECK(intr(2) && !intr(0) && !intr(1) && !intr(3));
    CHECK_EQ(ack(2), 0x55);
    wr(0, ICR_HIGH, 0x0au << 24);
    wr(0, ICR, 0x00000856); /* logical flat: 1 and 3 */
    CHECK(intr(1) && intr(3) && !intr(0) && !intr(2));
    CHECK_EQ(ack(1), 0x56);
    CHECK_EQ(ack(3), 0x56);
    wr(0, ICR, 0x000c0400); /* NMI to all but self */
    CHECK(!event(0, VCPU_EV_NMI) && event(1, VCPU_EV_NMI) && event(2, VCPU_EV_NMI) && event(3, VCPU_EV_NMI));
    wr(0, ICR, 0x00080200); /* SMI to all */
    CHECK(event(0, VCPU_EV_SMI) && event(3, VCPU_EV_SMI));
    wr(0, ICR_HIGH, 1u << 24);
    wr(0, ICR, 0x0000c500); /* INIT */
    CHECK(event(1, VCPU_EV_INIT));
    CHECK_EQ(rd(1, SVR), 0xff);
    wr(0, ICR, 0x00008500); /* INIT deassert */
    CHECK(!event(1, VCPU_EV_INIT));
    wr(0, ICR, 0x0000469f); /* SIPI */
    CHECK(event(1, VCPU_EV_SIPI));
    CHECK_EQ(cpus[1].sipi_vector, 0x9f);
    CHECK(!event(0, VCPU_EV_SIPI) && !event(2, VCPU_EV_SIPI));
    CHECK_EQ(rd(0, ICR), 0x0000469f);
}

TEST(cluster_model)
{
    setup();
    for (unsigned i = 0; i < CPUS; i++) {
        wr(i, DFR, 0x0fffffff);
        wr(i, LDR, (uint32_t)(i / 2 << 4 | 1u << i % 2) << 24);
    }
    wr(0, ICR_HIGH, 0x13u << 24);
    wr(0, ICR, 0x00000860);
    CHECK(!intr(0) && !intr(1) && intr(2) && intr(3));
    wr(0, ICR_HIGH, 0x02u << 24);
    wr(0, ICR, 0x00000860);
    CHECK(!intr(0) && intr(1));
    wr(2, ICR_HIGH, 0xffu << 24);
    wr(2, ICR, 0x00000860);
    CHECK(intr(0));
}

TEST(lowest_priority)
{
    setup();
    wr(0, TPR, 0x80);
    wr(1, TPR, 0x40);
    wr(2, TPR, 0x20);
    wr(3, TPR, 0x80);
    wr(0, ICR_HIGH, 0x0fu << 24);
    wr(0, ICR, 0x00000991);
    CHECK(intr(2) && !intr(0) && !intr(1) && !intr(3));
    CHECK_EQ(ack(2), 0x91);
    wr(0, ICR, 0x000009a1); /* 2 is busy with 0x91 now */
    CHECK(intr(1) && !intr(2));
}

TEST(errors)
{
    setup();
    wr(0, LVT_ERROR, 0xee);
    wr(0, ICR, 0x00040005); /* vectors below 16 do not exist */
    CHECK(intr(0));
    CHECK_EQ(ack(0), 0xee);
    CHECK_EQ(rd(0, ESR), 0);
    wr(0, ESR, 0);
    CHECK_EQ(rd(0, ESR), 0x20);
    wr(0, ESR, 0);
    CHECK_EQ(rd(0, ESR), 0);
    rd(0, 0x3f0); /* no register there in this mode */
    wr(0, ESR, 0);
    CHECK_EQ(rd(0, ESR), 0x80);
    wr(0, EOI, 0);
    CHECK_EQ(ack(0), 0xee); /* for that one */
    wr(0, EOI, 0);
    wr(0, LVT_ERROR, 0x02); /* an error vector that is an error itself */
    wr(0, ICR, 0x00040005);
    CHECK_EQ(ack(0), -1);
}

TEST(a_count_that_is_over_but_not_served_is_not_lost)
{
    setup();
    wr(0, DCR, 0x0b); /* by 1 */
    wr(0, LVT_TIMER, 0x55);
    wr(0, TICR, 1000);
    clock_virtual_set(clock_ns(CLOCK_KIND_VIRTUAL) + 5000); /* the main loop is late */
    cpus[0].intc->tsc_changed(cpus[0].intc->opaque);
    CHECK_EQ(ack(0), 0x55);
    CHECK_EQ(timers_next_expiry(CLOCK_KIND_VIRTUAL), -1);
}

TEST(timer_modes)
{
    setup();
    wr(0, DCR, 0x0b); /* by 1 */
    wr(0, LVT_TIMER, 0x40);
    wr(0, TICR, 1000000);
    CHECK_EQ(rd(0, TCCR), 1000000);
    advance_to(1400000);
    CHECK_EQ(rd(0, TCCR), 600000);
    wr(0, DCR, 0x00); /* by 2: the rest takes twice as long */
    advance_to(2599999);
    CHECK(!intr(0));
    advance_to(2600000);
    CHECK_EQ(rd(0, TCCR), 0);
    CHECK_EQ(ack(0), 0x40);
    wr(0, EOI, 0);
    advance_to(9000000);
    CHECK(!intr(0));
    wr(0, DCR, 0x0b);
    wr(0, LVT_TIMER, 0x20041);
    wr(0, TICR, 100000);
    for (int i = 1; i <= 10; i++) {
        advance_to(9000000 + 100000 * i - 1);
        CHECK(!intr(0));
        advance_to(9000000 + 100000 * i);
        CHECK_EQ(ack(0), 0x41);
        wr(0, EOI, 0);
    }
    wr(0, LVT_TIMER, 0x30041); /* masked: nothing runs for it */
    CHECK_EQ(timers_next_expiry(CLOCK_KIND_VIRTUAL), -1);
    wr(0, TICR, 0);
    CHECK_EQ(rd(0, TCCR), 0);
}

TEST(tsc_deadline)
{
    setup();
    CHECK_EQ(msr_read(0, 0x6e0), 0);
    CHECK(msr_write(0, 0x6e0, 5000000)); /* ignored outside of its mode */
    CHECK_EQ(msr_read(0, 0x6e0), 0);
    wr(0, LVT_TIMER, 0x40042);
    msr_write(0, 0x6e0, 5000000);
    CHECK_EQ(msr_read(0, 0x6e0), 5000000);
    wr(0, TICR, 12);
    CHECK_EQ(rd(0, TICR), 0);
    advance_to(4999999);
    CHECK(!intr(0));
    advance_to(5000000);
    CHECK_EQ(ack(0), 0x42);
    CHECK_EQ(msr_read(0, 0x6e0), 0);
    wr(0, EOI, 0);
    msr_write(0, 0x6e0, 17); /* in the past: at once */
    timers_run();
    CHECK_EQ(ack(0), 0x42);
    wr(0, EOI, 0);
    msr_write(0, 0x6e0, 9000000);
    msr_write(0, 0x6e0, 0); /* disarms */
    advance_to(10000000);
    CHECK(!intr(0));
}

TEST(x2apic)
{
    setup();
    const VcpuIntc *c = cpus[3].intc;
    CHECK(!msr_write(3, 0x808, 0x20)); /* not in this mode */
    CHECK(!c->set_base(c->opaque, 0xfee00400)); /* x2APIC without enable */
    CHECK(c->set_base(c->opaque, 0xfee00c00));
    CHECK(!c->set_base(c->opaque, 0xfee00800)); /* no way back but through off */
    CHECK_EQ(rd(3, ID), 0xffffffff); /* the page is gone */
    CHECK_EQ(msr_read(3, 0x802), 3);
    CHECK_EQ(msr_read(3, 0x80d), 1u << 3);
    CHECK_EQ(msr_read(3, 0x80e), 0xdead); /* no DFR */
    CHECK(msr_write(3, 0x80f, 0x1ff));
    CHECK(!msr_write(3, 0x80f, 0x10000));
    CHECK(!msr_write(3, 0x802, 1));
    CHECK(!msr_write(3, 0x80b, 1));
    CHECK(msr_write(3, 0x80b, 0));
    CHECK(msr_write(3, 0x83f, 0x77)); /* self IPI */
    CHECK_EQ(ack(3), 0x77);
    CHECK(msr_write(3, 0x80b, 0));
    CHECK(msr_write(3, 0x830, 0x0000000100000055)); /* to an xAPIC CPU, physical */
    CHECK(intr(1));
    CHECK_EQ(msr_read(3, 0x830), 0x0000000100000055);
    CHECK(msr_write(3, 0x830, 0x0000000800000856)); /* logical cluster 0, CPU 3 */
    CHECK_EQ(ack(3), 0x56);
    CHECK(msr_write(3, 0x830, 0xffffffff00000400)); /* NMI to everybody */
    CHECK(event(0, VCPU_EV_NMI) && event(1, VCPU_EV_NMI) && event(3, VCPU_EV_NMI));
    CHECK(c->set_base(c->opaque, 0xfee00000)); /* off */
    CHECK(c->set_base(c->opaque, 0xfee00800));
    CHECK_EQ(rd(3, ID), 3u << 24);
    CHECK_EQ(rd(3, SVR), 0xff);
    CHECK(!c->set_base(c->opaque, 0xfee00801));
}

TEST(moved_page)
{
    setup();
    const VcpuIntc *c = cpus[1].intc;
    uint64_t v = 0;
    CHECK(c->set_base(c->opaque, 0xd0000800));
    CHECK_EQ(rd(1, ID), 0xffffffff);
    CHECK_EQ(rd(0, ID), 0);
    current = 1;
    address_space_load(&as, 0xd0000000 + ID, 4, &v);
    CHECK_EQ(v, 1u << 24);
    current = 0;
    address_space_load(&as, 0xd0000000 + ID, 4, &v);
    CHECK_EQ(v, 0xffffffff);
    CHECK(c->set_base(c->opaque, 0xfee00800));
    CHECK_EQ(rd(1, ID), 1u << 24);
}

TEST(pic_and_nmi_lines)
{
    setup();
    wr(0, LINT0, 0x700);
    irq_raise(apic_bus_extint_line(&bus));
    CHECK(intr(0) && !intr(1));
    CHECK_EQ(ack(0), 0x33);
    irq_lower(apic_bus_extint_line(&bus));
    CHECK(!intr(0));
    wr(0, LINT0, 0x10700);
    irq_raise(apic_bus_extint_line(&bus));
    CHECK(!intr(0));
    const VcpuIntc *c = cpus[0].intc;
    CHECK(c->set_base(c->opaque, 0xfee00100)); /* off: the pin is INTR */
    CHECK(intr(0));
    CHECK_EQ(ack(0), 0x33);
    wr(1, LINT1, 0x400);
    irq_raise(apic_bus_nmi_line(&bus));
    CHECK(event(1, VCPU_EV_NMI) && !event(2, VCPU_EV_NMI));
}

TEST(msi)
{
    setup();
    CHECK(!apic_deliver_msi(&bus, 0xfed00000, 0x50));
    CHECK(apic_deliver_msi(&bus, 0xfee00000 | 2 << 12, 0x50));
    CHECK_EQ(ack(2), 0x50);
    address_space_store(&as, 0xfee00000 | 8 << 12 | 4, 4, 0x51); /* logical */
    CHECK_EQ(ack(3), 0x51);
    apic_deliver_msi(&bus, 0xfee00000 | 1 << 12, 0x400);
    CHECK(event(1, VCPU_EV_NMI));
    apic_deliver_msi(&bus, 0xfeeff00c, 0x152); /* lowest priority, all */
    CHECK_EQ(intr(0) + intr(1) + intr(2) + intr(3), 1);
}

TEST(ioapic_registers)
{
    setup();
    CHECK_EQ(io_read(1), 0x00170020);
    io_write(0, 0xff000000);
    CHECK_EQ(io_read(0), 0x0f000000);
    CHECK_EQ(io_read(2), 0x0f000000);
    CHECK_EQ(io_read(0x10), 0x10000);
    io_write(0x10, 0xffffffff);
    CHECK_EQ(io_read(0x10), 0x1afff); /* status and remote IRR are read only */
    io_write(0x11, 0xffffffff);
    CHECK_EQ(io_read(0x11), 0xff000000);
    CHECK_EQ(io_read(0x40), 0);
    io_write(0x40, 0x12345678);
}

TEST(ioapic_edge)
{
    setup();
    IrqLine pin = device_irq_in(ioapic, 5);
    irq_raise(pin); /* masked: an edge is lost */
    io_write(0x10 + 2 * 5 + 1, 1u << 24);
    io_write(0x10 + 2 * 5, 0x45);
    CHECK(!intr(1));
    irq_lower(pin);
    irq_raise(pin);
    CHECK_EQ(ack(1), 0x45);
    CHECK_EQ(rd(1, TMR + 0x20), 0);
    wr(1, EOI, 0);
    irq_raise(pin);
    CHECK(!intr(1));
}

TEST(ioapic_level)
{
    setup();
    IrqLine pin = device_irq_in(ioapic, 10);
    io_write(0x10 + 2 * 10 + 1, 0x04u << 24);
    io_write(0x10 + 2 * 10, 0xa847); /* logical, low active, level */
    irq_raise(pin);
    CHECK_EQ(io_read(0x10 + 2 * 10), 0xe847); /* remote IRR */
    CHECK_EQ(ack(2), 0x47);
    CHECK(rd(2, TMR + 0x20) & 1u << 7);
    irq_lower(pin);
    irq_raise(pin);
    CHECK(!intr(2)); /* until the EOI */
    wr(2, EOI, 0);
    CHECK_EQ(ack(2), 0x47); /* still asserted: comes again */
    irq_lower(pin);
    wr(2, EOI, 0);
    CHECK_EQ(io_read(0x10 + 2 * 10), 0xa847);
    CHECK(!intr(2));
    /* EOI broadcasts switched off: the I/O APIC's own EOI register ends it. */
    wr(2, SVR, 0x11ff);
    irq_raise(pin);
    CHECK_EQ(ack(2), 0x47);
    irq_lower(pin);
    wr(2, EOI, 0);
    CHECK_EQ(io_read(0x10 + 2 * 10), 0xe847);
    address_space_store(&as, IOAPIC_DEFAULT_BASE + 0x40, 4, 0x47);
    CHECK_EQ(io_read(0x10 + 2 * 10), 0xa847);
    /* Unmasking an asserted level sends it. */
    io_write(0x10 + 2 * 10, 0x1a847);
    irq_raise(pin);
    CHECK(!intr(2));
    io_write(0x10 + 2 * 10, 0xa847);
    CHECK_EQ(ack(2), 0x47);
}

TEST(state_refuses_nonsense)
{
    setup();
    Device *d = (Device *)cpus[0].intc->opaque;
    GByteArray *out = g_byte_array_new(), *again = g_byte_array_new();
    wr(0, ICR, 0x00040041);
    wr(0, LVT_TIMER, 0x20041);
    wr(0, TICR, 100000);
    device_save(d, out);
    const uint8_t *p = out->data;
    size_t len = out->len;
    CHECK(device_load(d, &p, &len, NULL));
    device_save(d, again);
    CHECK_EQ(out->len, again->len);
    CHECK_MEM(out->data, again->data, out->len);
    unsigned refused = 0;
    for (unsigned i = 0; i < out->len; i++) { /* each byte flipped: loads or says no, and never breaks */
        uint8_t *bad = g_memdup2(out->data, out->len);
        Error *err = NULL;
        bad[i] ^= 0xff;
        p = bad;
        len = out->len;
        if (!device_load(d, &p, &len, &err)) {
            refused++;
            error_free(err);
        }
        g_free(bad);
    }
    CHECK(refused > 20);
    p = out->data;
    len = out->len;
    CHECK(device_load(d, &p, &len, NULL));
    g_byte_array_free(out, TRUE);
    g_byte_array_free(again, TRUE);
}
