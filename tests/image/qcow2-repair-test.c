/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Repairs.  Images are damaged in one known way each; `check` must see it, `check -r all` must end in an image that checks clean, and
 * every cluster whose place is still told by the tables must hold what it held before, in the active disk and in the snapshot.
 */
#include "util/osdep.h"
#include "tests/image/memfile.h"
#include "tests/unit/test.h"
#include "util/bytes.h"
#include "util/mainloop.h"

enum { CLUSTERS = 96, ROUNDS = 25, LOST_MAX = 4 };

typedef struct Repair {
    Rng r;
    MemFile *m;
    uint64_t cluster, size;
    unsigned entry; /* bytes of an L2 entry */
    uint8_t *data, *shot;
    int lost[LOST_MAX], nlost; /* clusters of the active disk whose place is gone */
    bool shot_lost, harmless;  /* harmless: nothing that check must complain of */
} Repair;

static uint64_t rd64(const Repair *t, uint64_t off)
{
    CHECK(off + 8 <= t->m->len);
    return ld_be64(t->m->data + off);
}

static void wr64(Repair *t, uint64_t off, uint64_t v)
{
    CHECK(off + 8 <= t->m->len);
    st_be64(t->m->data + off, v);
}

enum { OFFSET_MASK_BITS = 56 };
#define OFFSET_MASK (((UINT64_C(1) << OFFSET_MASK_BITS) - 1) & ~UINT64_C(511))
#define COPIED (UINT64_C(1) << 63)
#define PACKED (UINT64_C(1) << 62)

/* Where the L2 entry of cluster @i is; 0: it has no table. */
static uint64_t l2_entry_at(const Repair *t, unsigned i)
{
    uint64_t per = t->cluster / t->entry, l1 = rd64(t, rd64(t, 40) + i / per * 8) & OFFSET_MASK;
    return l1 ? l1 + i % per * t->entry : 0;
}

/* A random cluster that has a plain place of its own, or -1. */
static int some_cluster(Repair *t)
{
    for (int tries = 0; tries < 1000; tries++) {
        unsigned i = (unsigned)rng_below(&t->r, CLUSTERS);
        uint64_t at = l2_entry_at(t, i), e = at ? rd64(t, at) : 0;
        if (!(e & PACKED) && e & OFFSET_MASK && e & COPIED) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- Damages ------------------------------------------------------------------------------------------------------------- */

/* Bytes of a refcount block become random. */
static void damage_refcounts(Repair *t)
{
    uint64_t block = rd64(t, rd64(t, 48)) & OFFSET_MASK;
    for (unsigned i = 0; i < 6; i++) {
        t->m->data[block + rng_below(&t->r, MIN(t->cluster, t->m->len / t->cluster * 2))] ^= (uint8_t)(1 + rng_below(&t->r, 255));
    }
}

static void damage_refcount_table(Repair *t)
{
    uint64_t v[] = { 0, 0x123, t->m->len + 64 * t->cluster, rd64(t, 40), 0xffffffffffffffff };
    wr64(t, rd64(t, 48), v[rng_below(&t->r, G_N_ELEMENTS(v))]);
}

static void damage_header_refcounts(Repair *t)
{
    uint64_t v[] = { t->m->len + t->cluster, 0, rd64(t, 40), t->cluster / 2 };
    wr64(t, 48, v[rng_below(&t->r, G_N_ELEMENTS(v))]);
}

static void damage_copied_flags(Repair *t)
{
    int i = some_cluster(t);
    uint64_t at = l2_entry_at(t, (unsigned)i);
    wr64(t, at, rd64(t, at) ^ COPIED);
    if (rng_below(&t->r, 2)) {
        wr64(t, rd64(t, 40), rd64(t, rd64(t, 40)) ^ COPIED);
    }
}

/* An L2 entry that points nowhere: its cluster is lost. */
static void damage_l2_entry(Repair *t)
{
    int i = some_cluster(t);
    uint64_t v[] = { COPIED | 0x200 | t->cluster / 2, COPIED | (t->m->len + 1000 * t->cluster), COPIED | 0x0100000000000000 | t->cluster };
    t->lost[t->nlost++] = i;
    wr64(t, l2_entry_at(t, (unsigned)i), v[rng_below(&t->r, G_N_ELEMENTS(v))]);
}

/* Two guest clusters in one place: the second one's content is what the first one's was. */
static void damage_cross_link(Repair *t)
{
    int i = some_cluster(t), k = some_cluster(t);
    if (i != k) {
        t->lost[t->nlost++] = k;
        wr64(t, l2_entry_at(t, (unsigned)k), rd64(t, l2_entry_at(t, (unsigned)i)));
        if (t->entry == 16) {
            wr64(t, l2_entry_at(t, (unsigned)k) + 8, rd64(t, l2_entry_at(t, (unsigned)i) + 8));
        }
    } else {
        t->harmless = true;
    }
}

/* Clusters behind the end that nobody uses, but whose refcounts say so. */
static void damage_leak(Repair *t)
{
    uint64_t block = rd64(t, rd64(t, 48)) & OFFSET_MASK, used = t->m->len / t->cluster;
    for (unsigned i = 0; i < 5 && (used + i) * 2 + 2 <= t->cluster; i++) {
        t->m->data[block + (used + i) * 2 + 1] = 1;
    }
    t->harmless = used * 2 + 2 > t->cluster; /* the block ends with the file */
}

static void damage_header_bits(Repair *t)
{
    t->m->data[79] |= (uint8_t)(1 + rng_below(&t->r, 3)); /* dirty, corrupt */
    t->harmless = true;                                   /* refcounts are right */
}

static void damage_snapshot_table(Repair *t)
{
    uint64_t at = rd64(t, 64), v[] = { 0x123, t->m->len + t->cluster, 0xffffffff00000000 };
    t->shot_lost = true;
    wr64(t, at, v[rng_below(&t->r, G_N_ELEMENTS(v))]); /* its L1 table */
}

/* ---- An image, its repair, and what is left ---------------------------------------------------------------------------------- */

static void fill(Repair *t, BlockNode *n, unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        uint64_t i = rng_below(&t->r, CLUSTERS), off = i * t->cluster;
        unsigned what = (unsigned)rng_below(&t->r, 8);
        if (what == 0) {
            memset(t->data + off, 0, t->cluster);
            CHECK_EQ(block_node_write_zeroes(n, off, t->cluster, BLOCK_ZERO_MAY_UNMAP), 0);
            continue;
        }
        memset(t->data + off, (int)rng(&t->r), t->cluster);
        rng_fill(&t->r, t->data + off, MIN(t->cluster, 100));
        CHECK_EQ(what == 1 ? block_node_pwrite_compressed(n, off, t->data + off, t->cluster)
                           : block_node_pwrite(n, off, t->data + off, t->cluster), 0);
    }
}

static void build(Repair *t, const char *create)
{
    Error *err = NULL;
    t->size = CLUSTERS * t->cluster;
    t->data = g_malloc0(t->size);
    char *text = g_strdup_printf("size=%" PRIu64 ",cluster_size=%" PRIu64 "%s", t->size, t->cluster, create);
    t->m = memfile_new("broken");
    CHECK(mem_create(t->m, text));
    g_free(text);
    BlockNode *n = mem_open_rw(t->m, "qcow2", "");
    fill(t, n, 80);
    BlockSnapshot s = { .name = (char *)"kept", .icount = UINT64_MAX };
    CHECK(block_snapshot_create(n, &s, &err));
    t->shot = g_memdup2(t->data, t->size);
    fill(t, n, 60);
    CHECK_EQ(block_node_flush(n), 0);
    block_node_unref(n);
}

static void compare(Repair *t, const char *what)
{
    Error *err = NULL;
    BlockOpen ro = { .readonly = true };
    uint8_t *got = g_malloc(t->cluster);
    for (int pass = 0; pass < (t->shot_lost ? 1 : 2); pass++) {
        BlockNode *n = mem_open(t->m, "qcow2", "", &ro, &err);
        CHECK(n && (pass == 0 || block_snapshot_load(n, "kept", &err)));
        for (int i = 0; i < CLUSTERS; i++) {
            bool lost = false;
            for (int k = 0; k < t->nlost; k++) {
                lost |= t->lost[k] == i && pass == 0;
            }
            CHECK_EQ(block_node_pread(n, (uint64_t)i * t->cluster, got, t->cluster), 0);
            if (!lost && memcmp(got, (pass ? t->shot : t->data) + (uint64_t)i * t->cluster, t->cluster)) {
                memfile_save(t->m, "/tmp/rhea-repair.qcow2");
                TEST_FAIL("%s: cluster %d of the %s is not what it was (image in /tmp/rhea-repair.qcow2)", what, i,
                          pass ? "snapshot" : "disk");
            }
        }
        block_node_unref(n);
    }
    g_free(got);
}

static void repair(Repair *t, const char *what)
{
    MemCheck c = { 0 };
    bool ok = mem_check(t->m, 0, &c);
    if (ok && !t->harmless && !c.corruptions && !c.leaks && !c.errors) {
        TEST_FAIL("%s: check sees nothing", what);
    }
    ok = mem_check(t->m, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS, &c);
    if (!ok) {
        TEST_FAIL("%s: no repair: %s", what, c.text->str);
    }
    if (!mem_check(t->m, 0, &c) || c.corruptions || c.leaks || c.errors) {
        memfile_save(t->m, "/tmp/rhea-repair.qcow2");
        TEST_FAIL("%s: not clean after the repair (image in /tmp/rhea-repair.qcow2): %s", what, c.text->str);
    }
    g_string_free(c.text, TRUE);
    compare(t, what);
}

static void run(const char *what, void (*damage)(Repair *t))
{
    static bool ready;
    static const struct {
        const char *create;
        uint64_t cluster;
    } layouts[] = { { "", 1024 }, { "", 4096 }, { ",extended_l2=on", 16384 }, { ",compression_type=zstd", 65536 } };
    if (!ready) {
        mainloop_init();
        bql_lock();
        ready = true;
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned l = i % G_N_ELEMENTS(layouts);
        Repair t = { .r = { 77 + i }, .cluster = layouts[l].cluster, .entry = strstr(layouts[l].create, "extended") ? 16 : 8 };
        for (int k = 0; k < 8; k++) {
            rng(&t.r);
        }
        build(&t, layouts[l].create);
        damage(&t);
        char *name = g_strdup_printf("%s, round %u", what, i);
        repair(&t, name);
        g_free(name);
        memfile_free(t.m);
        g_free(t.data);
        g_free(t.shot);
    }
}

TEST(refcounts) { run("refcounts", damage_refcounts); }
TEST(refcount_table) { run("refcount table", damage_refcount_table); }
TEST(refcount_table_in_the_header) { run("header's refcount table", damage_header_refcounts); }
TEST(copied_flags) { run("copied flags", damage_copied_flags); }
TEST(l2_entry) { run("L2 entry", damage_l2_entry); }
TEST(two_in_one_place) { run("cross link", damage_cross_link); }
TEST(leaks) { run("leaks", damage_leak); }
TEST(header_bits) { run("header bits", damage_header_bits); }
TEST(snapshot_table) { run("snapshot table", damage_snapshot_table); }
