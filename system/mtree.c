/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `info mtree`: the region tree as text.  Monitor, under the big lock. */
#include "util/osdep.h"
#include "system/memory-int.h"

enum { MTREE_DEPTH = 32 };

static const char *mtree_kind(const MemRegion *r)
{
    switch (r->kind) {
    case MEM_RAM: return r->readonly ? "rom" : "ram";
    case MEM_ROM: return "rom";
    case MEM_ROM_DEVICE: return "romd";
    default: return "i/o";
    }
}

/* An alias shows the kind of what it leads to. */
static const char *mtree_leaf_kind(const MemRegion *r)
{
    bool readonly = false;
    for (int i = 0; i < MTREE_DEPTH && r->kind == MEM_ALIAS && r->target; i++) {
        readonly |= r->readonly;
        r = r->target;
    }
    return readonly && r->kind == MEM_RAM ? "rom" : mtree_kind(r);
}

static hwaddr mtree_last(hwaddr at, uint64_t size)
{
    return size == MEM_SIZE_MAX ? MEM_SIZE_MAX : at + (size ? size - 1 : 0);
}

static int mtree_compare(const void *a, const void *b)
{
    const MemRegion *x = *(MemRegion *const *)a, *y = *(MemRegion *const *)b;
    if (x->addr != y->addr) {
        return x->addr < y->addr ? -1 : 1;
    }
    return (x->priority < y->priority) - (x->priority > y->priority);
}

static void mtree_note_target(GPtrArray *targets, MemRegion *target)
{
    if (!g_ptr_array_find(targets, target, NULL)) {
        g_ptr_array_add(targets, target);
    }
}

static void mtree_print(MemRegion *r, hwaddr base, int depth, GPtrArray *targets, GString *out)
{
    if (!r->enabled || depth > MTREE_DEPTH) {
        return;
    }
    hwaddr at = base + r->addr;
    g_string_append_printf(out, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): ", 2 * depth, "", at,
                           mtree_last(at, r->size), r->priority, mtree_leaf_kind(r));
    if (r->kind == MEM_ALIAS && r->target) {
        g_string_append_printf(out, "alias %s @%s %016" PRIx64 "-%016" PRIx64 "\n", r->name, r->target->name,
                               r->target_off, mtree_last(r->target_off, r->size));
        mtree_note_target(targets, r->target);
    } else {
        g_string_append_printf(out, "%s\n", r->name);
    }
    if (!r->children) {
        return;
    }
    GPtrArray *sorted = g_ptr_array_copy(r->children, NULL, NULL);
    g_ptr_array_sort(sorted, mtree_compare);
    for (unsigned i = 0; i < sorted->len; i++) {
        mtree_print(sorted->pdata[i], at, depth + 1, targets, out);
    }
    g_ptr_array_unref(sorted);
}

static bool mtree_is_below(const MemRegion *r, const MemRegion *root)
{
    for (; r; r = r->parent) {
        if (r == root) {
            return true;
        }
    }
    return false;
}

void mem_print_tree(AddressSpace *as, GString *out)
{
    GPtrArray *targets = g_ptr_array_new();
    g_string_append_printf(out, "address-space: %s\n", as->name);
    mtree_print(as->root, 0, 1, targets, out);
    /* What is seen through aliases only; printing it may bring up more. */
    for (unsigned i = 0; i < targets->len; i++) {
        MemRegion *r = targets->pdata[i];
        if (!mtree_is_below(r, as->root)) {
            g_string_append_printf(out, "\nmemory-region: %s\n", r->name);
            mtree_print(r, 0, 1, targets, out);
        }
    }
    g_ptr_array_unref(targets);
}
