/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory slots: the flat view's RAM and ROM in whole pages, for normal mode (KVM's address space 0) and for SMM (1), and the
 * pages that the guest wrote to.  Commits come under the big lock from any thread.
 *
 * A slot that changes is taken away and put back; a vCPU that runs code from it would fault meanwhile.  So all are out of the
 * guest then: kvm_slots_enter() waits for the end of the change, which needs no lock of the caller.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "system/runstate.h"

#include <sys/ioctl.h>

enum { SLOT_SPACES = 2, SLOT_PAGE = 4096 };

typedef struct Slot {
    uint64_t addr, size;
    uint8_t *host;
    RamBlock *ram;
    uint64_t ram_off;
    bool readonly, logged;
    unsigned id;
} Slot;

typedef struct SlotSpace {
    MemListener listener;
    AddressSpace *as;
    unsigned number;  /* KVM's */
    GArray *slots;    /* Slot, sorted by address */
    GArray *wanted;   /* while a view is read */
    bool *ids;        /* taken */
} SlotSpace;

static SlotSpace slot_spaces[SLOT_SPACES];

/* ---- vCPUs stay out ---- */

static atomic_bool slots_busy;
static GMutex slots_lock;
static GCond slots_done;

void kvm_slots_enter(KvmVcpu *k)
{
    for (;;) {
        atomic_store(&k->in_guest, true);
        if (!atomic_load(&slots_busy)) {
            return;
        }
        atomic_store(&k->in_guest, false);
        g_mutex_lock(&slots_lock);
        g_cond_broadcast(&slots_done);
        while (atomic_load(&slots_busy)) {
            g_cond_wait(&slots_done, &slots_lock);
        }
        g_mutex_unlock(&slots_lock);
    }
}

void kvm_slots_leave(KvmVcpu *k)
{
    atomic_store(&k->in_guest, false);
    if (G_UNLIKELY(atomic_load(&slots_busy))) {
        g_mutex_lock(&slots_lock);
        g_cond_broadcast(&slots_done);
        g_mutex_unlock(&slots_lock);
    }
}

static void slots_hold_vcpus(void)
{
    atomic_store(&slots_busy, true);
    for (unsigned i = 0; i < vcpu_count(); i++) {
        Vcpu *v = vcpu_get(i);
        KvmVcpu *k = kvm_vcpu(v);
        if (!k || !atomic_load(&k->in_guest)) {
            continue;
        }
        kvm_kick(v);
        g_mutex_lock(&slots_lock);
        while (atomic_load(&k->in_guest)) {
            g_cond_wait(&slots_done, &slots_lock);
        }
        g_mutex_unlock(&slots_lock);
    }
}

static void slots_let_vcpus_go(void)
{
    g_mutex_lock(&slots_lock);
    atomic_store(&slots_busy, false);
    g_cond_broadcast(&slots_done);
    g_mutex_unlock(&slots_lock);
}

/* ---- what the guest wrote ---- */

static void slot_mark(const Slot *s, uint64_t page)
{
    if (page < s->size / SLOT_PAGE) {
        ram_written(s->ram, s->ram_off + page * SLOT_PAGE, SLOT_PAGE);
    }
}

static void slot_fetch_log(const SlotSpace *sp, const Slot *s)
{
    uint64_t pages = s->size / SLOT_PAGE, words = (pages + 63) / 64;
    if (!s->logged || kvm.dirty_ring) {
        return;
    }
    uint64_t *bitmap = g_new0(uint64_t, words);
    struct kvm_dirty_log log = { .slot = sp->number << 16 | s->id, .dirty_bitmap = bitmap };
    if (kvm_ioctl(kvm.vm, KVM_GET_DIRTY_LOG, &log) == 0) {
        for (uint64_t w = 0; w < words; w++) {
            for (uint64_t bits = bitmap[w]; bits; bits &= bits - 1) {
                slot_mark(s, w * 64 + (unsigned)__builtin_ctzll(bits));
            }
        }
    }
    g_free(bitmap);
}

/* ---- dirty rings: a list of written pages a vCPU instead of a bitmap a slot ---- */

static void slots_mark_entry(const struct kvm_dirty_gfn *e)
{
    SlotSpace *sp = &slot_spaces[(e->slot >> 16) % SLOT_SPACES];
    for (unsigned i = 0; sp->slots && i < sp->slots->len; i++) {
        const Slot *s = &g_array_index(sp->slots, Slot, i);
        if (s->id == (e->slot & 0xffff)) {
            slot_mark(s, e->offset);
        }
    }
}

static bool slots_reap_ring(KvmVcpu *k)
{
    bool any = false;
    for (unsigned n = 0; n < kvm.dirty_ring; n++) {
        struct kvm_dirty_gfn *e = &k->ring[k->ring_next % kvm.dirty_ring];
        if (!(__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY)) {
            break;
        }
        slots_mark_entry(e);
        __atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
        k->ring_next++;
        any = true;
    }
    return any;
}

void kvm_slots_reap(void)
{
    bool any = false;
    for (unsigned i = 0; i < vcpu_count(); i++) {
        KvmVcpu *k = kvm_vcpu(vcpu_get(i));
        any |= k && k->ring && slots_reap_ring(k);
    }
    if (any) {
        kvm_ioctl(kvm.vm, KVM_RESET_DIRTY_RINGS, NULL);
    }
}

/* Somebody is about to read dirty bits. */
static void slots_collect(RamBlock *ram, uint64_t off, uint64_t len)
{
    (void)off;
    (void)len;
    kvm_events_collect();
    if (kvm.dirty_ring) { /* out of the guest: processors that collect writes hand them over then */
        slots_hold_vcpus();
        kvm_slots_reap();
        slots_let_vcpus_go();
        return;
    }
    for (unsigned n = 0; n < SLOT_SPACES; n++) {
        const SlotSpace *sp = &slot_spaces[n];
        for (unsigned i = 0; sp->slots && i < sp->slots->len; i++) {
            const Slot *s = &g_array_index(sp->slots, Slot, i);
            if (s->ram == ram) {
                slot_fetch_log(sp, s);
            }
        }
    }
}

/* ---- the view ---- */

static unsigned slot_take_id(SlotSpace *sp)
{
    for (unsigned i = 0; i < kvm.max_slots; i++) {
        if (!sp->ids[i]) {
            sp->ids[i] = true;
            return i;
        }
    }
    return UINT_MAX;
}

static bool slot_tell(const SlotSpace *sp, const Slot *s, uint64_t size)
{
    struct kvm_userspace_memory_region r = {
        .slot = sp->number << 16 | s->id,
        .flags = (s->readonly ? KVM_MEM_READONLY : 0u) | (s->logged ? KVM_MEM_LOG_DIRTY_PAGES : 0u),
        .guest_phys_addr = s->addr,
        .memory_size = size,
        .userspace_addr = (uintptr_t)s->host,
    };
    return kvm_ioctl(kvm.vm, KVM_SET_USER_MEMORY_REGION, &r) == 0;
}

static void slot_add(SlotSpace *sp, Slot *s)
{
    s->id = slot_take_id(sp);
    if (s->id == UINT_MAX || !slot_tell(sp, s, s->size)) {
        error_report("kvm: no memory slot for 0x%" PRIx64 "..0x%" PRIx64 ": %s", s->addr, s->addr + s->size - 1,
                     s->id == UINT_MAX ? "all are taken" : g_strerror(errno));
        vm_stop_request(RUN_INTERNAL_ERROR);
    }
}

static void slot_remove(SlotSpace *sp, Slot *s)
{
    slot_fetch_log(sp, s);
    slot_tell(sp, s, 0);
    sp->ids[s->id] = false;
}

static bool slot_same(const Slot *a, const Slot *b)
{
    return a->addr == b->addr && a->size == b->size && a->host == b->host && a->readonly == b->readonly && a->ram == b->ram;
}

/* Whole pages only: the rest, and I/O, comes out as MMIO exits. */
static void slots_want(void *opaque, const FlatRangeInfo *r)
{
    SlotSpace *sp = opaque;
    if (!r->region->ram || (r->readonly && !kvm.has_readonly)) {
        return;
    }
    uint64_t start = align_up(r->addr, SLOT_PAGE), end = (r->addr + r->size) & ~(uint64_t)(SLOT_PAGE - 1);
    uint64_t off = r->region_off + (start - r->addr);
    if (start >= end || (off & (SLOT_PAGE - 1))) {
        return;
    }
    RamBlock *ram = r->region->ram;
    Slot s = { .addr = start, .size = end - start, .host = ram->host + off, .ram = ram, .ram_off = off, .readonly = r->readonly,
               .logged = !r->readonly && atomic_load(&ram->tracking) & ~(1u << DIRTY_CODE) };
    g_array_append_val(sp->wanted, s);
}

static bool slots_has(GArray *list, const Slot *s)
{
    for (unsigned i = 0; i < list->len; i++) {
        if (slot_same(&g_array_index(list, Slot, i), s)) {
            return true;
        }
    }
    return false;
}

static void slots_commit(MemListener *l, AddressSpace *as)
{
    SlotSpace *sp = container_of(l, SlotSpace, listener);
    bool held = false;
    sp->wanted = g_array_new(FALSE, FALSE, sizeof(Slot));
    address_space_each_range(as, slots_want, sp);
    for (unsigned i = sp->slots->len; i > 0; i--) {
        Slot *s = &g_array_index(sp->slots, Slot, i - 1);
        if (!slots_has(sp->wanted, s)) {
            if (!held) {
                slots_hold_vcpus();
                held = true;
            }
            slot_remove(sp, s);
            g_array_remove_index(sp->slots, i - 1);
        }
    }
    for (unsigned i = 0; i < sp->wanted->len; i++) {
        Slot s = g_array_index(sp->wanted, Slot, i);
        if (!slots_has(sp->slots, &s)) {
            slot_add(sp, &s);
            g_array_append_val(sp->slots, s);
        }
    }
    if (held) {
        slots_let_vcpus_go();
    }
    g_array_unref(sp->wanted);
    sp->wanted = NULL;
}

/* Somebody began or ended to watch what is written to @ram: only flags of its slots change. */
static void slots_tracking(MemListener *l, AddressSpace *as, RamBlock *ram)
{
    SlotSpace *sp = container_of(l, SlotSpace, listener);
    bool logged = atomic_load(&ram->tracking) & ~(1u << DIRTY_CODE);
    (void)as;
    for (unsigned i = 0; i < sp->slots->len; i++) {
        Slot *s = &g_array_index(sp->slots, Slot, i);
        if (s->ram == ram && !s->readonly && s->logged != logged) {
            slot_fetch_log(sp, s);
            s->logged = logged;
            slot_tell(sp, s, s->size);
        }
    }
}

void kvm_slots_init(AddressSpace *mem, AddressSpace *smm)
{
    static const RamDirtyHooks hooks = { .collect = slots_collect };
    AddressSpace *const spaces[SLOT_SPACES] = { mem, smm };
    ram_set_dirty_hooks(&hooks);
    for (unsigned i = 0; i < (kvm.has_smm ? 2u : 1u); i++) {
        SlotSpace *sp = &slot_spaces[i];
        sp->number = i;
        sp->as = spaces[i];
        sp->slots = g_array_new(FALSE, FALSE, sizeof(Slot));
        sp->ids = g_new0(bool, kvm.max_slots);
        sp->listener = (MemListener){ .commit = slots_commit, .tracking = slots_tracking };
        mem_listener_add(sp->as, &sp->listener);
        slots_commit(&sp->listener, sp->as);
    }
}

void kvm_slots_free(void)
{
    ram_set_dirty_hooks(NULL);
    for (unsigned i = 0; i < SLOT_SPACES; i++) {
        SlotSpace *sp = &slot_spaces[i];
        if (sp->as) {
            mem_listener_remove(sp->as, &sp->listener);
            g_array_unref(sp->slots);
            g_free(sp->ids);
            *sp = (SlotSpace){ 0 };
        }
    }
}
