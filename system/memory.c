/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The region tree, transactions, address spaces and their listeners.  Under the big lock, initialisers excepted.
 * Memory of views and RAM that unlocked readers may still use is freed after an RCU grace period.
 */
#include "util/osdep.h"
#include "system/memory-int.h"

#include "util/mainloop.h"

enum { MEMORY_RETIRED_MAX = 32 }; /* views kept before one grace period is waited for, for all of them */

static struct {
    GPtrArray *spaces;  /* AddressSpace * */
    GPtrArray *retired; /* FlatView * */
    GPtrArray *dead_ram; /* RamBlock *, destroyed inside a transaction */
    unsigned depth;
    bool changed, committing;
} memory;

/* Initialisers. */

static void mem_init(MemRegion *r, MemKind kind, const char *name, uint64_t size)
{
    memset(r, 0, sizeof(*r));
    r->kind = kind;
    r->name = g_strdup(name);
    r->size = size;
    r->enabled = true;
}

void mem_init_container(MemRegion *r, const char *name, uint64_t size)
{
    mem_init(r, MEM_CONTAINER, name, size);
}

static void mem_check_ops(const MemOps *ops)
{
    assert(ops);
    assert(!ops->min_size || (is_pow2(ops->min_size) && ops->min_size <= 8));
    assert(!ops->max_size || (is_pow2(ops->max_size) && ops->max_size <= 8));
    assert(!ops->max_size || ops->max_size >= ops->min_size);
}

void mem_init_io(MemRegion *r, const MemOps *ops, void *opaque, const char *name, uint64_t size)
{
    mem_check_ops(ops);
    mem_init(r, MEM_IO, name, size);
    r->ops = ops;
    r->opaque = opaque;
}

static bool mem_init_block(MemRegion *r, MemKind kind, const char *name, uint64_t size, const RamSource *src, Error **errp)
{
    RamBlock *ram = ram_block_new_from(name, size, src, errp);
    if (!ram) {
        memset(r, 0, sizeof(*r));
        return false;
    }
    mem_init(r, kind, name, ram->size);
    r->ram = ram;
    return true;
}

bool mem_init_ram(MemRegion *r, const char *name, uint64_t size, Error **errp)
{
    return mem_init_block(r, MEM_RAM, name, size, NULL, errp);
}

bool mem_init_ram_from(MemRegion *r, const char *name, uint64_t size, const RamSource *src, Error **errp)
{
    return mem_init_block(r, MEM_RAM, name, size, src, errp);
}

bool mem_init_rom(MemRegion *r, const char *name, uint64_t size, Error **errp)
{
    return mem_init_block(r, MEM_ROM, name, size, NULL, errp);
}

bool mem_init_rom_device(MemRegion *r, const MemOps *ops, void *opaque, const char *name, uint64_t size,
                         Error **errp)
{
    mem_check_ops(ops);
    if (!mem_init_block(r, MEM_ROM_DEVICE, name, size, NULL, errp)) {
        return false;
    }
    r->ops = ops;
    r->opaque = opaque;
    return true;
}

void mem_init_alias(MemRegion *r, const char *name, MemRegion *target, hwaddr target_off, uint64_t size)
{
    mem_init(r, MEM_ALIAS, name, size);
    r->target = target;
    r->target_off = target_off;
}

uint8_t *mem_ram_ptr(const MemRegion *r)
{
    return r->ram ? r->ram->host : NULL;
}

/* Views. */

static void memory_free_retired(void)
{
    if (!memory.retired || !memory.retired->len) {
        return;
    }
    for (unsigned i = 0; i < memory.retired->len; i++) {
        flatview_free(memory.retired->pdata[i]);
    }
    g_ptr_array_set_size(memory.retired, 0);
}

static void memory_free_dead_ram(void)
{
    if (!memory.dead_ram || !memory.dead_ram->len) {
        return;
    }
    rcu_wait();
    memory_free_retired();
    for (unsigned i = 0; i < memory.dead_ram->len; i++) {
        ram_block_free(memory.dead_ram->pdata[i]);
    }
    g_ptr_array_set_size(memory.dead_ram, 0);
}

static void flatview_unref(FlatView *v)
{
    if (!v || --v->refs) {
        return;
    }
    if (!memory.retired) {
        memory.retired = g_ptr_array_new();
    }
    g_ptr_array_add(memory.retired, v);
    if (memory.retired->len >= MEMORY_RETIRED_MAX) {
        rcu_wait();
        memory_free_retired();
    }
}

/* The view of @root in this commit: one rendered before, the current one when nothing changed, or a new one. */
static FlatView *memory_view_of(GPtrArray *fresh, AddressSpace *as, MemRegion *root)
{
    for (unsigned i = 0; i < fresh->len; i++) {
        FlatView *v = fresh->pdata[i];
        if (v->root == root) {
            return v;
        }
    }
    FlatView *old = atomic_load_explicit(&as->view, memory_order_relaxed);
    FlatView *v = flatview_render(root);
    if (old && old->root == root && flatview_equal(old, v)) {
        flatview_free(v);
        v = old;
    }
    v->refs++; /* of `fresh` */
    g_ptr_array_add(fresh, v);
    return v;
}

/* True when what @as shows is no longer the same. */
static bool memory_update_space(GPtrArray *fresh, AddressSpace *as)
{
    FlatView *old = atomic_load_explicit(&as->view, memory_order_relaxed);
    FlatView *v = memory_view_of(fresh, as, flatview_resolve(as->root));
    if (v == old) {
        return false;
    }
    bool changed = !old || !flatview_equal(old, v);
    v->refs++;
    atomic_store_explicit(&as->view, v, memory_order_release);
    flatview_unref(old);
    return changed;
}

static void memory_tell_listeners(AddressSpace *as)
{
    for (unsigned i = 0; as->listeners && i < as->listeners->len; i++) {
        MemListener *l = as->listeners->pdata[i];
        l->commit(l, as);
    }
}

static void memory_update_all(void)
{
    if (!memory.spaces) {
        return;
    }
    GPtrArray *fresh = g_ptr_array_new();
    GPtrArray *changed = g_ptr_array_new();
    for (unsigned i = 0; i < memory.spaces->len; i++) {
        AddressSpace *as = memory.spaces->pdata[i];
        if (memory_update_space(fresh, as)) {
            g_ptr_array_add(changed, as);
        }
    }
    for (unsigned i = 0; i < changed->len; i++) {
        memory_tell_listeners(changed->pdata[i]);
    }
    for (unsigned i = 0; i < fresh->len; i++) {
        flatview_unref(fresh->pdata[i]);
    }
    g_ptr_array_unref(fresh);
    g_ptr_array_unref(changed);
}

void mem_transaction_begin(void)
{
    assert(bql_held());
    memory.depth++;
}

void mem_transaction_commit(void)
{
    assert(bql_held() && memory.depth > 0);
    if (--memory.depth || memory.committing) {
        return;
    }
    memory.committing = true;
    while (memory.changed) { /* a listener may change the tree again */
        memory.changed = false;
        memory_update_all();
    }
    memory.committing = false;
    memory_free_dead_ram();
}

static void mem_touch(void)
{
    memory.changed = true;
}

/* The tree. */

void mem_add_prio(MemRegion *parent, hwaddr at, MemRegion *child, int prio)
{
    assert(!child->parent && child->name && parent != child);
    mem_transaction_begin();
    if (!parent->children) {
        parent->children = g_ptr_array_new();
    }
    unsigned i = 0;
    while (i < parent->children->len && ((MemRegion *)parent->children->pdata[i])->priority > prio) {
        i++;
    }
    g_ptr_array_insert(parent->children, (int)i, child);
    child->parent = parent;
    child->addr = at;
    child->priority = prio;
    mem_touch();
    mem_transaction_commit();
}

void mem_add(MemRegion *parent, hwaddr at, MemRegion *child)
{
    mem_add_prio(parent, at, child, 0);
}

void mem_remove(MemRegion *child)
{
    if (!child->parent) {
        return;
    }
    mem_transaction_begin();
    g_ptr_array_remove(child->parent->children, child);
    child->parent = NULL;
    mem_touch();
    mem_transaction_commit();
}

void mem_set_enabled(MemRegion *r, bool enabled)
{
    if (r->enabled != enabled) {
        mem_transaction_begin();
        r->enabled = enabled;
        mem_touch();
        mem_transaction_commit();
    }
}

void mem_set_readonly(MemRegion *r, bool readonly)
{
    if (r->readonly != readonly) {
        mem_transaction_begin();
        r->readonly = readonly;
        mem_touch();
        mem_transaction_commit();
    }
}

void mem_set_addr(MemRegion *r, hwaddr at)
{
    if (r->addr != at) {
        mem_transaction_begin();
        r->addr = at;
        mem_touch();
        mem_transaction_commit();
    }
}

void mem_set_size(MemRegion *r, uint64_t size)
{
    assert(!r->ram || size <= r->ram->size);
    if (r->size != size) {
        mem_transaction_begin();
        r->size = size;
        mem_touch();
        mem_transaction_commit();
    }
}

void mem_set_alias(MemRegion *r, MemRegion *target, hwaddr target_off)
{
    assert(r->kind == MEM_ALIAS);
    if (r->target != target || r->target_off != target_off) {
        mem_transaction_begin();
        r->target = target;
        r->target_off = target_off;
        mem_touch();
        mem_transaction_commit();
    }
}

/* Listeners look at the regions again: what hangs on these is not part of the view. */
static void mem_retell(void)
{
    for (unsigned i = 0; memory.spaces && i < memory.spaces->len; i++) {
        memory_tell_listeners(memory.spaces->pdata[i]);
    }
}

void mem_add_ioeventfd(MemRegion *r, hwaddr off, unsigned size, bool match, uint64_t data, int fd)
{
    MemIoeventfd e = { .off = off, .data = match ? data : 0, .size = size, .fd = fd, .match = match };
    assert(bql_held() && r->kind == MEM_IO);
    if (!r->ioeventfds) {
        r->ioeventfds = g_array_new(FALSE, TRUE, sizeof(MemIoeventfd));
    }
    g_array_append_val(r->ioeventfds, e);
    mem_retell();
}

void mem_del_ioeventfd(MemRegion *r, hwaddr off, unsigned size, bool match, uint64_t data, int fd)
{
    assert(bql_held());
    for (unsigned i = 0; r->ioeventfds && i < r->ioeventfds->len; i++) {
        const MemIoeventfd *e = &g_array_index(r->ioeventfds, MemIoeventfd, i);
        if (e->off == off && e->size == size && e->match == match && (!match || e->data == data) && e->fd == fd) {
            g_array_remove_index(r->ioeventfds, i);
            mem_retell();
            return;
        }
    }
}

void mem_set_coalesced(MemRegion *r, bool on)
{
    assert(bql_held());
    r->coalesced = on;
    mem_retell();
}

static void mem_release_ram(RamBlock *ram)
{
    if (memory.depth) {
        /* Published views show it until the commit. */
        if (!memory.dead_ram) {
            memory.dead_ram = g_ptr_array_new();
        }
        g_ptr_array_add(memory.dead_ram, ram);
        return;
    }
    rcu_wait();
    ram_block_free(ram);
}

void mem_destroy(MemRegion *r)
{
    if (!r->name) {
        return; /* never initialised, or destroyed before */
    }
    mem_remove(r);
    if (r->children && r->children->len) {
        mem_transaction_begin();
        for (unsigned i = 0; i < r->children->len; i++) {
            ((MemRegion *)r->children->pdata[i])->parent = NULL;
        }
        g_ptr_array_set_size(r->children, 0);
        mem_touch();
        mem_transaction_commit();
    }
    if (r->children) {
        g_ptr_array_unref(r->children);
    }
    if (r->ioeventfds) {
        g_array_unref(r->ioeventfds);
    }
    if (r->ram) {
        mem_release_ram(r->ram);
    }
    g_free((char *)r->name);
    memset(r, 0, sizeof(*r));
}

/* Address spaces. */

void address_space_init(AddressSpace *as, MemRegion *root, const char *name)
{
    memset(as, 0, sizeof(*as));
    as->name = g_strdup(name);
    as->root = root;
    if (!memory.spaces) {
        memory.spaces = g_ptr_array_new();
    }
    mem_transaction_begin();
    g_ptr_array_add(memory.spaces, as);
    /* Readers must find a view at once, even when a transaction of the caller is open. */
    GPtrArray *fresh = g_ptr_array_new();
    memory_update_space(fresh, as);
    flatview_unref(fresh->pdata[0]);
    g_ptr_array_unref(fresh);
    mem_transaction_commit();
}

void address_space_destroy(AddressSpace *as)
{
    if (!as->name) {
        return;
    }
    assert(bql_held());
    g_ptr_array_remove(memory.spaces, as);
    FlatView *old = atomic_exchange(&as->view, NULL);
    flatview_unref(old);
    rcu_wait(); /* the owner frees @as next */
    if (as->listeners) {
        g_ptr_array_unref(as->listeners);
    }
    g_free((char *)as->name);
    memset(as, 0, sizeof(*as));
}

void mem_listener_add(AddressSpace *as, MemListener *l)
{
    assert(bql_held());
    if (!as->listeners) {
        as->listeners = g_ptr_array_new();
    }
    g_ptr_array_add(as->listeners, l);
}

void mem_listener_remove(AddressSpace *as, MemListener *l)
{
    assert(bql_held());
    if (as->listeners) {
        g_ptr_array_remove(as->listeners, l);
    }
}

void memory_tell_tracking(RamBlock *ram)
{
    for (unsigned i = 0; memory.spaces && i < memory.spaces->len; i++) {
        AddressSpace *as = memory.spaces->pdata[i];
        for (unsigned j = 0; as->listeners && j < as->listeners->len; j++) {
            MemListener *l = as->listeners->pdata[j];
            if (l->tracking) {
                l->tracking(l, as, ram);
            }
        }
    }
}

void address_space_each_range(AddressSpace *as, void (*fn)(void *opaque, const FlatRangeInfo *r), void *opaque)
{
    assert(bql_held());
    FlatView *v = atomic_load_explicit(&as->view, memory_order_relaxed);
    v->refs++; /* @fn may change the tree */
    for (unsigned i = 0; i < v->n; i++) {
        const FlatRange *r = &v->ranges[i];
        FlatRangeInfo info = {
            .addr = r->addr,
            .size = r->size,
            .region = r->region,
            .region_off = r->region_off,
            .readonly = r->readonly || r->kind == MEM_ROM || r->kind == MEM_ROM_DEVICE,
        };
        fn(opaque, &info);
    }
    flatview_unref(v);
}
