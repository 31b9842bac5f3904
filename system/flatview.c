/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flat view: the region tree of one address space rendered into sorted ranges that do not overlap.
 * Called by memory.c under the big lock; published views are immutable.
 */
#include "util/osdep.h"
#include "system/memory-int.h"

enum { FLATVIEW_DEPTH = 64 }; /* of aliases and containers; more is a loop */

/* Where the walk is: @base is the region's address, and may be below 0 for an alias with an offset. */
typedef struct FlatWalk {
    __int128 base;
    hwaddr lo, hi; /* what of it shows: [lo, hi) */
    bool readonly;
    unsigned depth;
} FlatWalk;

static FlatRange flatview_leaf(MemRegion *r, const FlatWalk *w, hwaddr lo, hwaddr hi)
{
    hwaddr off = (hwaddr)((__int128)lo - w->base);
    return (FlatRange){
        .addr = lo,
        .size = hi - lo,
        .region_off = off,
        .host = r->ram ? r->ram->host + off : NULL,
        .ram = r->ram,
        .kind = r->kind,
        .readonly = w->readonly,
        .region = r,
    };
}

/* Puts the leaf wherever nothing of higher priority, which was walked before, is already. */
static void flatview_insert(GArray *ranges, MemRegion *r, const FlatWalk *w)
{
    hwaddr at = w->lo;
    unsigned i = 0;
    while (at < w->hi) {
        while (i < ranges->len) {
            const FlatRange *old = &g_array_index(ranges, FlatRange, i);
            if (old->addr + old->size > at) {
                break;
            }
            i++;
        }
        hwaddr next = w->hi, resume = w->hi;
        if (i < ranges->len) {
            const FlatRange *old = &g_array_index(ranges, FlatRange, i);
            if (old->addr < w->hi) {
                next = MAX(old->addr, at);
                resume = old->addr + old->size;
            }
        }
        if (next > at) {
            FlatRange piece = flatview_leaf(r, w, at, next);
            g_array_insert_val(ranges, i, piece);
            i++;
        }
        at = resume;
    }
}

static void flatview_walk(GArray *ranges, MemRegion *r, FlatWalk w)
{
    __int128 end = w.base + r->size;
    if (!r->enabled || w.depth > FLATVIEW_DEPTH || w.base >= w.hi || end <= w.lo) {
        return;
    }
    w.lo = w.base > w.lo ? (hwaddr)w.base : w.lo;
    w.hi = end < w.hi ? (hwaddr)end : w.hi;
    w.readonly |= r->readonly;
    w.depth++;
    if (w.lo >= w.hi) {
        return;
    }
    if (r->kind == MEM_ALIAS) {
        if (r->target) {
            w.base -= r->target_off;
            flatview_walk(ranges, r->target, w);
        }
        return;
    }
    for (unsigned i = 0; r->children && i < r->children->len; i++) {
        MemRegion *child = r->children->pdata[i];
        FlatWalk below = w;
        below.base += child->addr;
        flatview_walk(ranges, child, below);
    }
    if (r->kind != MEM_CONTAINER) {
        flatview_insert(ranges, r, &w);
    }
}

static bool flatview_continues(const FlatRange *a, const FlatRange *b)
{
    return a->addr + a->size == b->addr && a->region == b->region && a->readonly == b->readonly &&
           a->region_off + a->size == b->region_off;
}

static void flatview_merge(GArray *ranges)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ranges->len; i++) {
        FlatRange *r = &g_array_index(ranges, FlatRange, i);
        FlatRange *last = n ? &g_array_index(ranges, FlatRange, n - 1) : NULL;
        if (last && flatview_continues(last, r)) {
            last->size += r->size;
        } else {
            g_array_index(ranges, FlatRange, n++) = *r;
        }
    }
    g_array_set_size(ranges, n);
}

FlatView *flatview_render(MemRegion *root)
{
    GArray *ranges = g_array_sized_new(FALSE, FALSE, sizeof(FlatRange), 64);
    if (root) {
        flatview_walk(ranges, root, (FlatWalk){ .base = 0, .lo = 0, .hi = root->size });
        flatview_merge(ranges);
    }
    FlatView *v = g_new0(FlatView, 1);
    v->root = root;
    v->n = ranges->len;
    v->ranges = (FlatRange *)g_array_free(ranges, FALSE);
    v->starts = g_new(hwaddr, v->n);
    for (unsigned i = 0; i < v->n; i++) {
        v->starts[i] = v->ranges[i].addr;
    }
    return v;
}

void flatview_free(FlatView *v)
{
    g_free(v->starts);
    g_free(v->ranges);
    g_free(v);
}

bool flatview_equal(const FlatView *a, const FlatView *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (unsigned i = 0; i < a->n; i++) {
        const FlatRange *x = &a->ranges[i], *y = &b->ranges[i];
        if (x->addr != y->addr || x->size != y->size || x->region_off != y->region_off || x->region != y->region ||
            x->host != y->host || x->ram != y->ram || x->kind != y->kind || x->readonly != y->readonly) {
            return false;
        }
    }
    return true;
}

/* The only enabled child; NULL when there is none or (with *several) more than one. */
static MemRegion *flatview_only_child(const MemRegion *r, bool *several)
{
    MemRegion *only = NULL;
    *several = false;
    for (unsigned i = 0; r->children && i < r->children->len; i++) {
        MemRegion *child = r->children->pdata[i];
        if (child->enabled) {
            *several = only != NULL;
            if (*several) {
                return NULL;
            }
            only = child;
        }
    }
    return only;
}

MemRegion *flatview_resolve(MemRegion *root)
{
    for (unsigned depth = 0; depth < FLATVIEW_DEPTH; depth++) {
        if (!root->enabled) {
            return NULL;
        }
        if (root->kind != MEM_CONTAINER || root->readonly) {
            return root;
        }
        bool several;
        MemRegion *a = flatview_only_child(root, &several);
        if (!a) {
            return several ? root : NULL;
        }
        bool shows_all = a->kind == MEM_ALIAS && a->addr == 0 && a->target && a->target_off == 0 && !a->readonly &&
                         a->target->size <= a->size && a->size <= root->size;
        if (!shows_all) {
            return root;
        }
        root = a->target;
    }
    return root;
}

uint64_t flatview_gap(const FlatView *v, hwaddr addr)
{
    unsigned lo = 0, hi = v->n;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (v->starts[mid] > addr) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    if (lo < v->n) {
        return v->starts[lo] - addr;
    }
    return addr ? -addr : UINT64_MAX; /* to the end, where addresses begin again */
}
