/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's interrupt routes: what each of its lines (GSIs) does.  Lines 0..23 are the board's: to the controllers in the kernel
 * with kernel-irqchip=on, or, with split, copies of our I/O APIC's entries, by which the kernel knows whose end-of-interrupt must
 * come to us.  Behind them are messages of devices (MSI), which an eventfd can send without us (irqfd).  Big lock.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"

#include <sys/ioctl.h>

enum { PIC_PINS = 8, ROUTES_MOST = 4096 };

static struct {
    GArray *entries; /* struct kvm_irq_routing_entry */
    GArray *used;    /* bool, by GSI */
    unsigned limit;  /* GSIs that the kernel has */
} routes;

static struct kvm_irq_routing_entry *route_at(unsigned gsi)
{
    for (unsigned i = 0; i < routes.entries->len; i++) {
        struct kvm_irq_routing_entry *e = &g_array_index(routes.entries, struct kvm_irq_routing_entry, i);
        if (e->gsi == gsi) {
            return e;
        }
    }
    return NULL;
}

static bool routes_tell(void)
{
    struct kvm_irq_routing *r = g_malloc0(sizeof(*r) + routes.entries->len * sizeof(struct kvm_irq_routing_entry));
    r->nr = routes.entries->len;
    memcpy(r->entries, routes.entries->data, r->nr * sizeof(struct kvm_irq_routing_entry));
    bool ok = kvm_ioctl(kvm.vm, KVM_SET_GSI_ROUTING, r) == 0;
    g_free(r);
    return ok;
}

static void route_add(const struct kvm_irq_routing_entry *e)
{
    g_array_append_val(routes.entries, *e);
    g_array_index(routes.used, bool, e->gsi) = true;
}

static void routes_init(void)
{
    int most = kvm_check(KVM_CAP_IRQ_ROUTING);
    routes.entries = g_array_new(FALSE, TRUE, sizeof(struct kvm_irq_routing_entry));
    routes.used = g_array_new(FALSE, TRUE, sizeof(bool));
    routes.limit = (unsigned)CLAMP(most, 0, ROUTES_MOST);
    g_array_set_size(routes.used, MAX(routes.limit, KVM_SPLIT_PINS));
}

/* ---- the board's lines ---- */

static void route_add_pin(uint32_t gsi, uint32_t which, uint32_t pin)
{
    struct kvm_irq_routing_entry e = { .gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP };
    e.u.irqchip.irqchip = which;
    e.u.irqchip.pin = pin;
    route_add(&e);
}

/* ISA lines reach both controllers; the timer's is input 2 of the I/O APIC, as the board wires its own. */
bool kvm_routes_of_controllers(void)
{
    routes_init();
    for (unsigned gsi = 0; gsi < IRQCHIP_PINS; gsi++) {
        if (gsi < 2 * PIC_PINS && gsi != 2) {
            route_add_pin(gsi, gsi < PIC_PINS ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi % PIC_PINS);
        }
        if (gsi != 2) {
            route_add_pin(gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi);
        }
    }
    return routes_tell();
}

static struct kvm_irq_routing_entry route_msi(unsigned gsi, uint64_t addr, uint32_t data)
{
    struct kvm_irq_routing_entry e = { .gsi = gsi, .type = KVM_IRQ_ROUTING_MSI };
    e.u.msi.address_lo = (uint32_t)addr;
    e.u.msi.address_hi = (uint32_t)(addr >> 32);
    e.u.msi.data = data;
    return e;
}

void kvm_routes_of_pins(void)
{
    routes_init();
    for (unsigned gsi = 0; gsi < KVM_SPLIT_PINS; gsi++) {
        struct kvm_irq_routing_entry e = route_msi(gsi, 0, 0);
        route_add(&e);
    }
}

/*
 * The message that an interrupt in service came by counts until its end: a guest that moves or changes an entry meanwhile (Linux
 * does, to balance interrupts) would else end it unheard, and the pin would wait for ever.  So each pin has a second line, which
 * nobody raises, for what it sent before.
 */
bool kvm_route_pin(unsigned pin, uint64_t addr, uint32_t data)
{
    struct kvm_irq_routing_entry *e = route_at(pin), want = route_msi(pin, addr, data);
    if (!memcmp(e, &want, sizeof(want))) {
        return true;
    }
    if (e->u.msi.data & KVM_MSI_LEVEL) {
        struct kvm_irq_routing_entry before = *e;
        before.gsi = pin + IRQCHIP_PINS;
        *route_at(before.gsi) = before;
    }
    *e = want;
    return routes_tell();
}

/* An interrupt of @vector ended: what was sent before it no longer counts. */
void kvm_routes_ended(uint8_t vector)
{
    bool any = false;
    for (unsigned pin = 0; pin < IRQCHIP_PINS; pin++) {
        struct kvm_irq_routing_entry *e = route_at(pin + IRQCHIP_PINS);
        if ((e->u.msi.data & KVM_MSI_LEVEL) && (e->u.msi.data & 0xff) == vector) {
            *e = route_msi(e->gsi, 0, 0);
            any = true;
        }
    }
    if (any) {
        routes_tell();
    }
}

/* ---- messages ---- */

int kvm_msi_route_add(uint64_t addr, uint32_t data)
{
    for (unsigned gsi = KVM_SPLIT_PINS; gsi < routes.limit; gsi++) {
        if (!g_array_index(routes.used, bool, gsi)) {
            struct kvm_irq_routing_entry e = route_msi(gsi, addr, data);
            route_add(&e);
            if (!routes_tell()) {
                kvm_msi_route_remove((int)gsi);
                return -1;
            }
            return (int)gsi;
        }
    }
    return -1;
}

bool kvm_msi_route_set(int route, uint64_t addr, uint32_t data)
{
    struct kvm_irq_routing_entry *e = route_at((unsigned)route), want = route_msi((unsigned)route, addr, data);
    if (!memcmp(e, &want, sizeof(want))) {
        return true;
    }
    *e = want;
    return routes_tell();
}

void kvm_msi_route_remove(int route)
{
    for (unsigned i = 0; i < routes.entries->len; i++) {
        if (g_array_index(routes.entries, struct kvm_irq_routing_entry, i).gsi == (unsigned)route) {
            g_array_remove_index(routes.entries, i);
            break;
        }
    }
    g_array_index(routes.used, bool, route) = false;
    routes_tell();
}

bool kvm_msi_route_attach(int route, int fd, bool on)
{
    struct kvm_irqfd k = { .fd = (uint32_t)fd, .gsi = (uint32_t)route, .flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN };
    return kvm.has_irqfd && kvm_ioctl(kvm.vm, KVM_IRQFD, &k) == 0;
}
