/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of the software TLB: see tlb-int.h.  What must be flushed when: SDM vol. 3, 4.10.4. */
#include "util/osdep.h"
#include "target/i386/tlb-int.h"

enum { TLB_AGE = 256 /* switches after which the tables of a space that was not used meanwhile are freed */, TLB_SPARSE = 16 };

/* ---- a table ----------------------------------------------------------------------------------------------------- */

static void table_show(X86Cpu *cpu, unsigned way)
{
    TlbSet *set = cpu->tlb_set;
    const TlbTable *t = &set->now->way[way];

    cpu->tlb_ways[way] = t->memory ? (TlbWay){ t->entry, (t->slots - 1) * sizeof(TlbEntry) } : (TlbWay){ &set->none, 0 };
    if (way == cpu->tlb_way) {
        cpu->tlb = cpu->tlb_ways[way].entry;
        cpu->tlb_mask = cpu->tlb_ways[way].mask;
    }
}

/* @t becomes an empty table of so many slots; the memory it had stays the caller's.  False: no memory. */
static bool table_alloc(TlbTable *t, uint32_t slots)
{
    size_t n = slots + TLB_VICTIMS, size = n * (sizeof(TlbEntry) + sizeof(TlbPhys) + TLB_KINDS * sizeof(uint32_t)) + 64;
    uint8_t *memory = g_try_malloc0(size); /* zeros are empty slots; large ones are not touched before they are used */

    if (!memory) {
        return false;
    }
    *t = (TlbTable){ .memory = memory, .slots = slots };
    t->entry = (TlbEntry *)(void *)((uintptr_t)(memory + 63) & ~(uintptr_t)63);
    t->phys = (TlbPhys *)(void *)(t->entry + n);
    t->list[TLB_LOCAL].slot = (uint32_t *)(void *)(t->phys + n);
    t->list[TLB_GLOBAL].slot = t->list[TLB_LOCAL].slot + n;
    t->entry[0].read = t->entry[0].write = t->entry[0].exec = TLB_INVALID;
    t->entry[slots - 1].read = t->entry[slots - 1].write = t->entry[slots - 1].exec = TLB_INVALID;
    return true;
}

static void table_free(TlbSet *set, TlbTable *t)
{
    set->slots -= t->slots;
    g_free(t->memory);
    memset(t, 0, sizeof(*t));
}

static unsigned large_bit(uint64_t lin)
{
    return lin >> 22 & 1023;
}

static void table_set(TlbTable *t, uint32_t slot, const TlbEntry *e, const TlbPhys *p)
{
    unsigned kind = p->perm & TLBP_GLOBAL ? TLB_GLOBAL : TLB_LOCAL, listed = t->phys[slot].listed;
    TlbList *l = &t->list[kind];

    if (!(listed & 1u << kind)) {
        l->slot[l->count++] = slot;
        listed |= 1u << kind;
    }
    if (p->shift > 12) {
        l->large[large_bit(p->lin) / 64] |= (uint64_t)1 << large_bit(p->lin) % 64;
        l->huge |= p->shift == 30 ? (uint64_t)1 << (p->lin >> 30 & 63) : 0;
    }
    t->entry[slot] = *e;
    t->phys[slot] = *p;
    t->phys[slot].listed = listed & 3;
}

static void table_drop(TlbTable *t, uint32_t slot)
{
    t->entry[slot].read = t->entry[slot].write = t->entry[slot].exec = TLB_INVALID;
    t->phys[slot].perm = 0;
}

/* An entry makes room: to the victims, of which one is lost. */
static void table_evict(TlbTable *t, uint32_t slot)
{
    table_set(t, t->slots + t->victim++ % TLB_VICTIMS, &t->entry[slot], &t->phys[slot]);
}

static void table_enter(TlbTable *t, const TlbEntry *e, const TlbPhys *p)
{
    uint32_t slot = tlb_slot(t, p->lin);

    if (t->phys[slot].perm && t->phys[slot].lin != p->lin) {
        table_evict(t, slot);
        t->evicted++;
    }
    table_set(t, slot, e, p);
}

static uint32_t table_count(const TlbTable *t)
{
    return t->list[TLB_LOCAL].count + t->list[TLB_GLOBAL].count;
}

/* A table of another size (or the same, to forget stale list entries) with the same contents. */
static void table_resize(TlbSet *set, TlbTable *t, uint32_t slots)
{
    TlbTable old = *t;

    if (!table_alloc(t, slots)) {
        *t = old;
        return;
    }
    for (unsigned kind = 0; kind < TLB_KINDS; kind++) {
        for (uint32_t k = 0; k < old.list[kind].count; k++) {
            uint32_t slot = old.list[kind].slot[k];

            if (old.phys[slot].perm) {
                table_enter(t, &old.entry[slot], &old.phys[slot]);
                old.phys[slot].perm = 0; /* in both lists: once is enough */
            }
        }
    }
    t->evicted = 0;
    set->slots += slots - old.slots;
    g_free(old.memory);
}

static uint32_t table_live(const TlbTable *t)
{
    uint32_t live = 0;

    for (uint32_t k = 0; k < t->slots; k++) {
        live += t->phys[k].perm != 0;
    }
    return live;
}

/* Drops what a list holds. */
static void table_flush_list(TlbTable *t, unsigned kind)
{
    TlbList *l = &t->list[kind];

    for (uint32_t k = 0; k < l->count; k++) {
        TlbPhys *p = &t->phys[l->slot[k]];

        p->listed &= (uint64_t) ~(1u << kind) & 3;
        if (!!(p->perm & TLBP_GLOBAL) == (kind == TLB_GLOBAL)) {
            table_drop(t, l->slot[k]);
        }
    }
    l->count = 0;
    l->huge = 0;
    memset(l->large, 0, sizeof(l->large));
}

static void table_flush(TlbSet *set, TlbTable *t, bool globals)
{
    uint32_t count = table_count(t), slots = t->slots;

    if (!count) {
        return;
    }
    table_flush_list(t, TLB_LOCAL);
    if (globals) {
        table_flush_list(t, TLB_GLOBAL);
    }
    t->evicted = 0;
    t->sparse = count < slots / 8 ? t->sparse + 1 : 0;
    if (t->sparse > TLB_SPARSE && slots > TLB_SLOTS_MIN) {
        table_resize(set, t, slots / 2);
    }
}

/* Parts of large pages around @lin, of the given kind. */
static void table_drop_large(TlbTable *t, TlbList *l, uint64_t lin)
{
    bool huge = l->huge >> (lin >> 30 & 63) & 1;

    if (!huge && !(l->large[large_bit(lin) / 64] >> large_bit(lin) % 64 & 1)) {
        return;
    }
    if (!huge && t->slots > 1024) { /* those of 4 MiB have known places */
        for (uint64_t at = lin & ~(uint64_t)0x3fffff, k = 0; k < 1024; k++, at += 0x1000) {
            TlbPhys *p = &t->phys[tlb_slot(t, at)];

            if (p->perm && p->shift > 12 && (p->lin ^ lin) >> p->shift == 0) {
                table_drop(t, tlb_slot(t, at));
            }
        }
        return;
    }
    for (uint32_t k = 0; k < l->count; k++) {
        TlbPhys *p = &t->phys[l->slot[k]];

        if (p->perm && p->shift > 12 && (p->lin ^ lin) >> p->shift == 0) {
            table_drop(t, l->slot[k]);
        }
    }
}

/* Translations of the page that @lin is in; @kinds: bits of the kinds that go. */
static void table_drop_page(TlbTable *t, uint64_t lin, unsigned kinds)
{
    uint32_t slot = t->memory ? tlb_slot(t, lin) : 0;

    if (!table_count(t)) {
        return;
    }
    for (uint32_t k = 0; k <= TLB_VICTIMS; k++) {
        TlbPhys *p = &t->phys[slot];

        if (p->perm && (p->lin ^ lin) >> p->shift == 0 && (kinds & (p->perm & TLBP_GLOBAL ? 1u << TLB_GLOBAL : 1u << TLB_LOCAL))) {
            table_drop(t, slot);
        }
        slot = t->slots + k;
    }
    for (unsigned kind = 0; kind < TLB_KINDS; kind++) {
        if (kinds & 1u << kind) {
            table_drop_large(t, &t->list[kind], lin);
        }
    }
}

/* ---- spaces -------------------------------------------------------------------------------------------------------- */

static void space_forget_walks(TlbSpace *s)
{
    if (s->walk && ++s->walk->generation == 0) {
        memset(s->walk, 0, sizeof(*s->walk));
        s->walk->generation = 1;
    }
}

static void space_free(TlbSet *set, TlbSpace *s)
{
    for (unsigned way = 0; way < TLB_COUNT; way++) {
        table_free(set, &s->way[way]);
    }
    g_free(s->walk);
    s->walk = NULL;
}

static void space_flush(X86Cpu *cpu, TlbSpace *s, bool globals)
{
    for (unsigned way = 0; way < TLB_COUNT; way++) {
        table_flush(cpu->tlb_set, &s->way[way], globals);
        if (s == cpu->tlb_set->now) {
            table_show(cpu, way); /* it may have shrunk */
        }
    }
    space_forget_walks(s);
    tlb_code_flush(cpu->tlb_set, s, globals);
}

static void space_drop_page(TlbSpace *s, uint64_t lin, unsigned kinds)
{
    for (unsigned way = 0; way < TLB_COUNT; way++) {
        table_drop_page(&s->way[way], lin, kinds);
    }
}

static TlbSpace *space_find(TlbSet *set, uint16_t pcid)
{
    for (unsigned k = 0; k < TLB_SPACES; k++) {
        if (set->space[k].used && set->space[k].pcid == pcid) {
            return &set->space[k];
        }
    }
    return NULL;
}

/* A space for a new PCID: a free one, or the one left longest ago; its global entries are right for whoever comes. */
static TlbSpace *space_take(X86Cpu *cpu, uint16_t pcid)
{
    TlbSet *set = cpu->tlb_set;
    TlbSpace *s = NULL;

    for (unsigned k = 0; k < TLB_SPACES; k++) {
        TlbSpace *c = &set->space[k];

        if (!c->used) {
            s = c;
            break;
        }
        if (c != set->now && (!s || c->stamp < s->stamp)) {
            s = c;
        }
    }
    space_flush(cpu, s, false);
    s->used = true;
    s->pcid = pcid;
    return s;
}

/* Tables of the space that was left longest ago, if it has any; false: nothing is left to free. */
static bool set_free_oldest(TlbSet *set)
{
    TlbSpace *oldest = NULL;

    for (unsigned k = 0; k < TLB_SPACES; k++) {
        TlbSpace *s = &set->space[k];
        uint32_t slots = 0;

        for (unsigned way = 0; way < TLB_COUNT; way++) {
            slots += s->way[way].slots;
        }
        if (s != set->now && slots && (!oldest || s->stamp < oldest->stamp)) {
            oldest = s;
        }
    }
    if (oldest) {
        space_free(set, oldest);
    }
    return oldest;
}

static void set_age(TlbSet *set)
{
    for (unsigned k = 0; k < TLB_SPACES; k++) {
        TlbSpace *s = &set->space[k];

        if (s != set->now && s->stamp + TLB_AGE < set->switches) {
            space_free(set, s);
        }
    }
}

static uint16_t current_pcid(const X86Cpu *cpu)
{
    return cpu->cr4 & CR4_PCIDE ? cpu->cr3 & 0xfff : 0;
}

/* The space of the current PCID becomes the one in use; true: it was known. */
static bool set_select(X86Cpu *cpu)
{
    TlbSet *set = cpu->tlb_set;
    uint16_t pcid = current_pcid(cpu);
    TlbSpace *s = space_find(set, pcid);
    bool known = s;

    if (!s) {
        s = space_take(cpu, pcid);
    }
    if (set->now) {
        set->now->stamp = set->switches;
    }
    set->now = s;
    for (unsigned way = 0; way < TLB_COUNT; way++) {
        table_show(cpu, way);
    }
    return known;
}

/* ---- for the rest of the MMU ---------------------------------------------------------------------------------------- */

/* Room for one more: a table where there is none, a larger one when half of it is in use or entries fight for places. */
static void table_make_room(TlbSet *set, TlbTable *t)
{
    uint32_t count = table_count(t), slots = t->slots;
    bool full = count > slots / 2, fight = t->evicted > slots && count > slots / 8;

    if (!slots) {
        while (!table_alloc(t, TLB_SLOTS_MIN)) {
            if (!set_free_oldest(set)) {
                g_error("no memory for a TLB of %d entries", TLB_SLOTS_MIN);
            }
        }
        set->slots += TLB_SLOTS_MIN;
        return;
    }
    if ((!full && !fight) || slots == TLB_SLOTS_MAX) {
        return;
    }
    while (set->slots + slots > TLB_SLOTS_TOTAL && set_free_oldest(set)) {
    }
    if (set->slots + slots <= TLB_SLOTS_TOTAL) { /* the same size: what was counted is gone already */
        table_resize(set, t, fight || table_live(t) > slots / 4 ? slots * 2 : slots);
    }
}

TlbEntry *tlb_put(X86Cpu *cpu, unsigned way, const TlbEntry *e, const TlbPhys *p)
{
    TlbTable *t = tlb_table(cpu, way);
    const void *memory = t->memory;

    table_make_room(cpu->tlb_set, t);
    if (memory != t->memory) { /* of another size, or of the same without what was gone */
        table_show(cpu, way);
    }
    table_enter(t, e, p);
    if (e->exec == p->lin) {
        tlb_code_put(cpu->tlb_set, way, p);
    }
    return &t->entry[tlb_slot(t, p->lin)];
}

TlbEntry *tlb_recall(X86Cpu *cpu, unsigned way, uint64_t lin)
{
    TlbTable *t = tlb_table(cpu, way);

    if (!t->victim) {
        return NULL;
    }
    lin &= ~(uint64_t)0xfff;
    for (uint32_t k = t->slots; k < t->slots + TLB_VICTIMS; k++) {
        if (t->phys[k].perm && t->phys[k].lin == lin) {
            TlbEntry e = t->entry[k];
            TlbPhys p = t->phys[k];
            uint32_t slot = tlb_slot(t, lin);

            table_drop(t, k);
            if (t->phys[slot].perm) {
                table_set(t, k, &t->entry[slot], &t->phys[slot]);
            }
            table_set(t, slot, &e, &p);
            return &t->entry[slot];
        }
    }
    return NULL;
}

void tlb_drop_faulting(X86Cpu *cpu, uint64_t lin)
{
    TlbSpace *s = cpu->tlb_set->now;

    space_drop_page(s, lin, 1u << TLB_LOCAL | 1u << TLB_GLOBAL);
    tlb_code_drop_page(cpu->tlb_set, s, lin, 1u << TLB_LOCAL | 1u << TLB_GLOBAL);
    cpu->tlb_epoch++;
    if (s->walk) {
        walk_low(cpu, s->walk, lin)->generation = walk_high(s->walk, lin)->generation = 0;
    }
}

void tlb_drop_write(X86Cpu *cpu, const uint8_t *page)
{
    for (unsigned n = 0; n < TLB_SPACES * TLB_COUNT; n++) {
        TlbTable *t = &cpu->tlb_set->space[n / TLB_COUNT].way[n % TLB_COUNT];

        for (unsigned kind = 0; kind < TLB_KINDS; kind++) {
            for (uint32_t k = 0; k < t->list[kind].count; k++) {
                TlbEntry *e = &t->entry[t->list[kind].slot[k]];

                if (!(e->write & 0xfff) && (const uint8_t *)(uintptr_t)(e->write + e->addend) == page) {
                    e->write |= TLB_SLOW;
                }
            }
        }
    }
}

void tlb_lookup_slow(X86Cpu *cpu, uint64_t phys, MemLookup *m)
{
    *m = address_space_lookup(x86_as(cpu), phys);
    if (m->host) {
        *tlb_range(cpu, phys) = (TlbRange){ phys, m->avail, *m };
    }
}

/* ---- flushes and switches (mem.h) ------------------------------------------------------------------------------------ */

void tlb_new(X86Cpu *cpu)
{
    TlbSet *set = g_new0(TlbSet, 1);

    set->none = (TlbEntry){ TLB_INVALID, TLB_INVALID, TLB_INVALID, 0 };
    cpu->tlb_set = set;
    tlb_code_renew_set(set);
    set_select(cpu);
}

void tlb_free(X86Cpu *cpu)
{
    for (unsigned k = 0; k < TLB_SPACES; k++) {
        space_free(cpu->tlb_set, &cpu->tlb_set->space[k]);
    }
    g_free(cpu->tlb_set);
    cpu->tlb_set = NULL;
}

void tlb_flush_all(X86Cpu *cpu)
{
    TlbSet *set = cpu->tlb_set;

    for (unsigned k = 0; k < TLB_SPACES; k++) {
        space_flush(cpu, &set->space[k], true);
    }
    set->keys = 0;
    memset(set->range, 0, sizeof(set->range));
    set_select(cpu);
    cpu->tlb_epoch++;
}

void tlb_flush_nonglobal(X86Cpu *cpu)
{
    for (unsigned k = 0; k < TLB_SPACES; k++) {
        space_flush(cpu, &cpu->tlb_set->space[k], false);
    }
    cpu->tlb_epoch++;
}

void tlb_flush_pcid(X86Cpu *cpu, uint16_t pcid)
{
    TlbSpace *s = space_find(cpu->tlb_set, pcid);

    if (s) {
        space_flush(cpu, s, false);
        cpu->tlb_epoch++;
    }
}

void tlb_flush_page(X86Cpu *cpu, uint64_t lin)
{
    TlbSet *set = cpu->tlb_set;

    for (unsigned k = 0; k < TLB_SPACES; k++) {
        space_drop_page(&set->space[k], lin, 1u << TLB_GLOBAL | (&set->space[k] == set->now ? 1u << TLB_LOCAL : 0));
    }
    tlb_code_drop_page(set, set->now, lin, 1u << TLB_LOCAL | 1u << TLB_GLOBAL);
    space_forget_walks(set->now);
    cpu->tlb_epoch++;
}

void tlb_flush_page_pcid(X86Cpu *cpu, uint64_t lin, uint16_t pcid)
{
    TlbSpace *s = space_find(cpu->tlb_set, pcid);

    if (s) {
        space_drop_page(s, lin, 1u << TLB_LOCAL);
        tlb_code_drop_page(cpu->tlb_set, s, lin, 1u << TLB_LOCAL);
        space_forget_walks(s);
        cpu->tlb_epoch++;
    }
}

void tlb_switch(X86Cpu *cpu, bool keep)
{
    TlbSet *set = cpu->tlb_set;

    if (++set->switches % TLB_AGE == 0) {
        set_age(set);
    }
    if (set_select(cpu) && !keep) {
        space_flush(cpu, set->now, false);
    }
    cpu->tlb_epoch++;
}
