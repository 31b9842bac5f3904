/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O that does not stop the guest: writes that only signal an eventfd (doorbells), and writes that the kernel collects in a ring
 * until the next exit (coalesced MMIO and PIO).  Both follow the flat views.  Big lock, but for kvm_flush_coalesced().
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "util/mainloop.h"

#include <sys/ioctl.h>

typedef struct Doorbell {
    uint64_t addr;
    MemIoeventfd e;
} Doorbell;

typedef struct Zone {
    uint64_t addr, size;
} Zone;

typedef struct EventSpace {
    MemListener listener;
    AddressSpace *as;
    bool pio;
    GArray *doorbells, *zones;               /* what the kernel has */
    GArray *new_doorbells, *new_zones; /* while a view is read */
} EventSpace;

static EventSpace event_spaces[2];

static void doorbell_tell(const EventSpace *s, const Doorbell *d, bool on)
{
    struct kvm_ioeventfd k = {
        .addr = d->addr + d->e.off, .len = d->e.size, .fd = d->e.fd, .datamatch = d->e.data,
        .flags = (s->pio ? KVM_IOEVENTFD_FLAG_PIO : 0u) | (d->e.match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0u) |
                 (on ? 0u : KVM_IOEVENTFD_FLAG_DEASSIGN),
    };
    if (!d->e.size && !kvm.has_any_length) {
        return; /* dispatch.c signals it */
    }
    if (kvm_ioctl(kvm.vm, KVM_IOEVENTFD, &k) < 0 && on) {
        error_report("kvm: no ioeventfd at 0x%" PRIx64 ": %s; the device answers itself", d->addr + d->e.off, g_strerror(errno));
    }
}

static void zone_tell(const EventSpace *s, const Zone *z, bool on)
{
    struct kvm_coalesced_mmio_zone k = { .addr = z->addr, .size = (uint32_t)z->size, .pio = s->pio };
    kvm_ioctl(kvm.vm, on ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO, &k); /* a matter of speed only */
}

static void events_want(void *opaque, const FlatRangeInfo *r)
{
    EventSpace *s = opaque;
    const MemRegion *m = r->region;
    for (unsigned i = 0; m->ioeventfds && i < m->ioeventfds->len && kvm.has_ioeventfd; i++) {
        Doorbell d = { .addr = r->addr - r->region_off, .e = g_array_index(m->ioeventfds, MemIoeventfd, i) };
        if (d.e.off >= r->region_off && d.e.off - r->region_off < r->size) {
            g_array_append_val(s->new_doorbells, d);
        }
    }
    bool offered = s->pio ? kvm.has_coalesced_pio : kvm.coalesced_page != 0;
    if (m->coalesced && offered && r->size <= UINT32_MAX) {
        Zone z = { .addr = r->addr, .size = r->size };
        g_array_append_val(s->new_zones, z);
    }
}

static bool events_has(const GArray *list, const void *item, size_t size)
{
    for (unsigned i = 0; i < list->len; i++) {
        if (!memcmp(list->data + i * size, item, size)) {
            return true;
        }
    }
    return false;
}

static void events_commit(MemListener *l, AddressSpace *as)
{
    EventSpace *s = container_of(l, EventSpace, listener);
    s->new_doorbells = g_array_new(FALSE, TRUE, sizeof(Doorbell));
    s->new_zones = g_array_new(FALSE, TRUE, sizeof(Zone));
    address_space_each_range(as, events_want, s);
    for (unsigned pass = 0; pass < 2; pass++) { /* what is gone goes before what is new comes */
        GArray *from = pass ? s->new_doorbells : s->doorbells, *other = pass ? s->doorbells : s->new_doorbells;
        for (unsigned i = 0; i < from->len; i++) {
            if (!events_has(other, &g_array_index(from, Doorbell, i), sizeof(Doorbell))) {
                doorbell_tell(s, &g_array_index(from, Doorbell, i), pass);
            }
        }
        from = pass ? s->new_zones : s->zones, other = pass ? s->zones : s->new_zones;
        for (unsigned i = 0; i < from->len; i++) {
            if (!events_has(other, &g_array_index(from, Zone, i), sizeof(Zone))) {
                zone_tell(s, &g_array_index(from, Zone, i), pass);
            }
        }
    }
    g_array_unref(s->doorbells);
    g_array_unref(s->zones);
    s->doorbells = s->new_doorbells;
    s->zones = s->new_zones;
}

/* The ring is the machine's; every vCPU maps it. */
static void events_flush_ring(const KvmVcpu *k)
{
    volatile struct kvm_coalesced_mmio_ring *ring = (void *)((uint8_t *)k->run + kvm.coalesced_page * 4096u);
    uint32_t most = (4096 - sizeof(*ring)) / sizeof(struct kvm_coalesced_mmio);
    while (ring->first != ring->last && ring->first < most) {
        struct kvm_coalesced_mmio e = ((struct kvm_coalesced_mmio *)(uintptr_t)ring->coalesced_mmio)[ring->first];
        AddressSpace *as = event_spaces[e.pio ? 1 : 0].as;
        unsigned len = MIN(e.len, 8u);
        if (is_pow2(len)) {
            address_space_store(as, e.phys_addr, len, ld_le(e.data, len));
        } else {
            address_space_write(as, e.phys_addr, e.data, len);
        }
        atomic_thread_fence(memory_order_seq_cst);
        ring->first = (ring->first + 1) % most;
    }
}

void kvm_flush_coalesced(KvmVcpu *k)
{
    static bool busy; /* big lock: a handler's own access must not begin again */
    volatile struct kvm_coalesced_mmio_ring *ring = (void *)((uint8_t *)k->run + kvm.coalesced_page * 4096u);
    if (ring->first == ring->last) {
        return;
    }
    bool held = bql_held();
    if (!held) {
        bql_lock();
    }
    if (!busy) {
        busy = true;
        events_flush_ring(k);
        busy = false;
    }
    if (!held) {
        bql_unlock();
    }
}

void kvm_events_collect(void)
{
    KvmVcpu *k = vcpu_count() ? kvm_vcpu(vcpu_get(0)) : NULL;
    if (k && kvm.coalesced_page) {
        kvm_flush_coalesced(k);
    }
}

void kvm_events_init(AddressSpace *mem, AddressSpace *io)
{
    AddressSpace *const spaces[] = { mem, io };
    for (unsigned i = 0; i < G_N_ELEMENTS(event_spaces); i++) {
        EventSpace *s = &event_spaces[i];
        s->as = spaces[i];
        s->pio = i == 1;
        s->doorbells = g_array_new(FALSE, TRUE, sizeof(Doorbell));
        s->zones = g_array_new(FALSE, TRUE, sizeof(Zone));
        s->listener = (MemListener){ .commit = events_commit };
        mem_listener_add(s->as, &s->listener);
        events_commit(&s->listener, s->as);
    }
}

void kvm_events_free(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(event_spaces); i++) {
        EventSpace *s = &event_spaces[i];
        if (s->as) {
            mem_listener_remove(s->as, &s->listener);
            g_array_unref(s->doorbells);
            g_array_unref(s->zones);
            *s = (EventSpace){ 0 };
        }
    }
}
