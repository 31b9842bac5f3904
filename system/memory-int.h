/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What memory.c, flatview.c, dispatch.c, ram.c and mtree.c share. */
#ifndef SYSTEM_MEMORY_INT_H
#define SYSTEM_MEMORY_INT_H

#include "system/memory.h"
#include "system/rammap.h"
#include "util/rcu.h"

/* One piece of an address space.  Readers without the big lock may use everything but `region`. */
typedef struct FlatRange {
    hwaddr addr;
    uint64_t size;
    hwaddr region_off;
    uint8_t *host;  /* of `addr`; NULL: I/O */
    RamBlock *ram;
    MemKind kind;   /* MEM_IO, MEM_RAM, MEM_ROM or MEM_ROM_DEVICE */
    bool readonly;
    MemRegion *region; /* big lock */
} FlatRange;

/* Immutable once published; freed an RCU grace period after the last address space let go. */
struct FlatView {
    unsigned refs;      /* big lock */
    unsigned n;
    MemRegion *root;    /* what it was rendered from; NULL: nothing */
    hwaddr *starts;     /* ranges[i].addr, dense for the search */
    FlatRange *ranges;  /* sorted, not overlapping */
};

FlatView *flatview_render(MemRegion *root);
void flatview_free(FlatView *v);
bool flatview_equal(const FlatView *a, const FlatView *b);
/* The region whose rendering equals @root's: follows containers that only show one alias.  NULL: empty. */
MemRegion *flatview_resolve(MemRegion *root);

static inline const FlatRange *flatview_find(const FlatView *v, hwaddr addr)
{
    const hwaddr *s = v->starts;
    unsigned n = v->n;
    if (!n) {
        return NULL;
    }
    while (n > 1) {
        unsigned half = n / 2;
        s = s[half] <= addr ? s + half : s; /* a conditional move, no branch to mispredict */
        n -= half;
    }
    const FlatRange *r = &v->ranges[s - v->starts];
    return addr - r->addr < r->size ? r : NULL;
}

/* Bytes from @addr, which is in no range, to the next range or the end of all addresses. */
uint64_t flatview_gap(const FlatView *v, hwaddr addr);

static inline const FlatView *address_space_view(AddressSpace *as)
{
    return atomic_load_explicit(&as->view, memory_order_acquire);
}

/* RAM blocks. */
RamBlock *ram_block_new(const char *name, uint64_t size, Error **errp);
RamBlock *ram_block_new_from(const char *name, uint64_t size, const RamSource *src, Error **errp);
void ram_block_free(RamBlock *ram); /* nobody may be reading any more */
void memory_tell_tracking(RamBlock *ram); /* to all listeners */

#endif
