/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random region trees, rendered and compared address by address with a model that asks the tree, from the root
 * down, who answers.  The model knows nothing of ranges, so it shares no mistake with the flat view.
 */
#include "util/osdep.h"
#include "system/memory.h"
#include "util/mainloop.h"

#include "tests/unit/test.h"

enum { REGIONS = 14, SPACE = 96, ROUNDS = 1500, STEPS = 10 };

static uint64_t seed = 20240611;

static unsigned rnd(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % n;
}

static uint64_t nothing_read(void *opaque, hwaddr off, unsigned size)
{
    (void)opaque;
    (void)off;
    (void)size;
    return 0;
}

static const MemOps ops = { .read = nothing_read, .max_size = 1 };
static MemRegion root, regions[REGIONS];
static unsigned added[REGIONS], add_count; /* order of adding */
static AddressSpace as, through;
static MemRegion through_root, through_alias;

typedef struct Answer {
    const MemRegion *leaf;
    hwaddr off;
    bool readonly;
} Answer;

/* Who answers at @off of @r?  @off may be outside. */
static Answer ask(const MemRegion *r, int64_t off, bool readonly, int depth)
{
    Answer none = { NULL, 0, false };
    if (!r->enabled || off < 0 || (uint64_t)off >= r->size || depth > 40) {
        return none;
    }
    readonly |= r->readonly;
    if (r->kind == MEM_ALIAS) {
        return ask(r->target, off + (int64_t)r->target_off, readonly, depth + 1);
    }
    /* Candidates in order of priority, then the later added first; chosen anew each time, slowly. */
    bool tried[REGIONS] = { false };
    for (;;) {
        int best = -1;
        for (int i = 0; i < REGIONS; i++) {
            const MemRegion *c = &regions[i];
            if (c->parent != r || tried[i]) {
                continue;
            }
            if (best < 0 || c->priority > regions[best].priority ||
                (c->priority == regions[best].priority && added[i] > added[best])) {
                best = i;
            }
        }
        if (best < 0) {
            break;
        }
        tried[best] = true;
        Answer a = ask(&regions[best], off - (int64_t)regions[best].addr, readonly, depth + 1);
        if (a.leaf) {
            return a;
        }
    }
    return r->kind == MEM_CONTAINER ? none : (Answer){ r, (hwaddr)off, readonly };
}

static Answer flat[SPACE];
static hwaddr flat_end;

static void take_range(void *opaque, const FlatRangeInfo *r)
{
    (void)opaque;
    CHECK(r->size > 0 && r->addr >= flat_end); /* sorted, not overlapping */
    flat_end = r->addr + r->size;
    CHECK(flat_end <= SPACE);
    for (uint64_t i = 0; i < r->size; i++) {
        flat[r->addr + i] = (Answer){ r->region, r->region_off + i, r->readonly };
    }
}

static unsigned pieces;

static void count_pieces(void *opaque, const FlatRangeInfo *r)
{
    (void)opaque;
    (void)r;
    pieces++;
}

static void compare(AddressSpace *space)
{
    memset(flat, 0, sizeof(flat));
    flat_end = 0;
    address_space_each_range(space, take_range, NULL);
    unsigned want_pieces = 0;
    Answer last = { NULL, 0, false };
    for (int64_t at = 0; at < SPACE; at++) {
        Answer want = ask(&root, at, false, 0);
        CHECK(want.leaf == flat[at].leaf);
        if (want.leaf) {
            CHECK_EQ(want.off, flat[at].off);
            CHECK_EQ(want.readonly, flat[at].readonly);
            bool goes_on = last.leaf == want.leaf && last.off + 1 == want.off && last.readonly == want.readonly;
            want_pieces += !goes_on;
        }
        last = want;
        /* The look-up by address agrees with the visit in order. */
        uint64_t v;
        CHECK_EQ(address_space_load(space, (hwaddr)at, 1, &v) == MEM_OK, want.leaf != NULL);
    }
    pieces = 0;
    address_space_each_range(space, count_pieces, NULL);
    CHECK_EQ(pieces, want_pieces); /* neighbours that continue each other are merged */
}

static bool is_above(const MemRegion *above, const MemRegion *r)
{
    for (; r; r = r->parent) {
        if (r == above) {
            return true;
        }
    }
    return false;
}

static void build(void)
{
    mem_init_container(&root, "root", SPACE);
    for (int i = 0; i < REGIONS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "r%d", i);
        uint64_t size = 1 + rnd(SPACE);
        unsigned kind = rnd(4);
        if (kind == 0) {
            mem_init_container(&regions[i], name, size);
        } else if (kind == 1 && i > 0) {
            mem_init_alias(&regions[i], name, &regions[rnd((unsigned)i)], rnd(24), size);
        } else {
            mem_init_io(&regions[i], &ops, NULL, name, size);
        }
    }
}

static void link_region(int i)
{
    /* Aliases lead to lower numbers and parents have higher ones, so that no walk comes back to where it was. */
    MemRegion *r = &regions[i], *parent = rnd(3) || i + 1 >= REGIONS ? &root : NULL;
    if (!parent) {
        parent = &regions[i + 1 + (int)rnd((unsigned)(REGIONS - i - 1))];
    }
    if (parent->kind == MEM_ALIAS || is_above(r, parent)) {
        parent = &root;
    }
    added[i] = ++add_count;
    mem_add_prio(parent, rnd(SPACE), r, (int)rnd(4) - 1);
}

static void change(void)
{
    int i = (int)rnd(REGIONS);
    MemRegion *r = &regions[i];
    switch (rnd(6)) {
    case 0:
        mem_set_enabled(r, !r->enabled);
        break;
    case 1:
        mem_set_readonly(r, !r->readonly);
        break;
    case 2:
        mem_set_addr(r, rnd(SPACE));
        break;
    case 3:
        mem_set_size(r, 1 + rnd(SPACE));
        break;
    case 4:
        if (r->kind == MEM_ALIAS) {
            mem_set_alias(r, r->target, rnd(32));
        }
        break;
    default:
        mem_remove(r);
        if (rnd(4)) {
            link_region(i);
        }
    }
}

TEST(random_trees_agree_with_the_model)
{
    bql_lock();
    for (int round = 0; round < ROUNDS; round++) {
        mem_transaction_begin();
        build();
        mem_init_container(&through_root, "through", SPACE + 10);
        mem_init_alias(&through_alias, "alias", &root, 0, SPACE);
        mem_add(&through_root, 0, &through_alias);
        for (int i = 0; i < REGIONS; i++) {
            link_region(i);
        }
        address_space_init(&as, &root, "as");
        address_space_init(&through, &through_root, "through");
        mem_transaction_commit();
        for (int step = 0; step < STEPS; step++) {
            compare(&as);
            compare(&through);
            if (rnd(2)) {
                change();
            } else {
                mem_transaction_begin();
                change();
                change();
                change();
                mem_transaction_commit();
            }
        }
        address_space_destroy(&as);
        address_space_destroy(&through);
        mem_transaction_begin();
        for (int i = 0; i < REGIONS; i++) {
            mem_remove(&regions[i]);
        }
        for (int i = 0; i < REGIONS; i++) {
            mem_destroy(&regions[i]);
        }
        mem_destroy(&through_alias);
        mem_destroy(&through_root);
        mem_destroy(&root);
        mem_transaction_commit();
    }
    bql_unlock();
}
