/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault injection: a fixed workload runs once for each write, flush and metadata event that it causes, and that one (or it and all
 * that follow) fails.  Requests may fail then, but what others wrote is there, nothing crashes, and the image
 * has no corruption (leaks are allowed).
 */
#include "util/osdep.h"
#include "tests/image/memfile.h"
#include "tests/unit/test.h"
#include "util/mainloop.h"

enum { SECTOR = 512, MAX_SECTORS = 400 };

typedef struct Fault {
    Rng r;
    BlockNode *n;
    uint64_t size, cluster;
    uint8_t *data, maybe[MAX_SECTORS]; /* not known any more */
    unsigned failures;
} Fault;

static void unknown(Fault *t, uint64_t off, uint64_t len)
{
    t->failures++;
    for (uint64_t k = off / SECTOR; k < (off + len + SECTOR - 1) / SECTOR; k++) {
        t->maybe[k] = 1;
    }
}

static void known(Fault *t, uint64_t off, uint64_t len)
{
    memset(t->maybe + off / SECTOR, 0, len / SECTOR);
}

static void fault_op(Fault *t)
{
    static uint8_t buf[MAX_SECTORS * SECTOR];
    uint64_t len = SECTOR * (1 + rng_below(&t->r, 2 * t->cluster / SECTOR)), off = SECTOR * rng_below(&t->r, (t->size - len) / SECTOR + 1);
    switch (rng_below(&t->r, 10)) {
    case 0:
        if (block_node_write_zeroes(t->n, off, len, BLOCK_ZERO_MAY_UNMAP) == 0) {
            memset(t->data + off, 0, len);
            known(t, off, len);
        } else {
            unknown(t, off, len);
        }
        break;
    case 1:
        block_node_discard(t->n, off, len);
        unknown(t, off, len);
        break;
    case 2: {
        off = align_down(off, t->cluster);
        memset(buf, (int)rng(&t->r), t->cluster);
        if (block_node_pwrite_compressed(t->n, off, buf, t->cluster) == 0) {
            memcpy(t->data + off, buf, t->cluster);
            known(t, off, t->cluster);
        } else {
            unknown(t, off, t->cluster);
        }
        break;
    }
    case 3: block_node_flush(t->n); break;
    case 4:
        if (rng_below(&t->r, 3) == 0) {
            block_snapshot_create(t->n, &(BlockSnapshot) { .name = "s", .icount = UINT64_MAX }, NULL);
        } else if (rng_below(&t->r, 3) == 0) {
            block_snapshot_delete(t->n, "s", NULL);
        }
        break;
    default:
        rng_fill(&t->r, buf, len);
        if (block_node_pwrite(t->n, off, buf, len) == 0) {
            memcpy(t->data + off, buf, len);
            known(t, off, len);
        } else {
            unknown(t, off, len);
        }
        break;
    }
}

static void fault_compare(Fault *t, const char *when, int64_t fuse)
{
    uint8_t *got = g_malloc(t->size);
    CHECK_EQ(block_node_pread(t->n, 0, got, t->size), 0);
    for (uint64_t k = 0; k < t->size / SECTOR; k++) {
        if (!t->maybe[k] && memcmp(got + k * SECTOR, t->data + k * SECTOR, SECTOR)) {
            TEST_FAIL("fault %" PRId64 ", %s: sector %" PRIu64 " is not what was written", fuse, when, k);
        }
    }
    g_free(got);
}

/* Returns how many requests and events there were. */
static uint64_t fault_run(const char *create, const char *open, uint64_t cluster, int64_t fuse, bool stays, unsigned ops)
{
    Fault t = { .r = { 4711 }, .cluster = cluster, .size = MIN(40 * cluster, MAX_SECTORS * SECTOR) };
    char *text = g_strdup_printf("size=%" PRIu64 ",cluster_size=%" PRIu64 "%s", t.size, cluster, create);
    MemFile *m = memfile_new("fault");
    CHECK(mem_create(m, text));
    t.n = mem_open_rw(m, "qcow2", open);
    t.data = g_malloc0(t.size);
    atomic_store(&m->fused, 0);
    m->error = stays ? -ENOSPC : -EIO;
    m->fuse_stays = stays;
    atomic_store(&m->fuse, fuse);
    for (unsigned i = 0; i < ops; i++) {
        fault_op(&t);
    }
    uint64_t count = atomic_load(&m->fused);
    if (!stays) { /* else reading fails too */
        fault_compare(&t, "open", fuse);
    }
    block_node_unref(t.n);
    atomic_store(&m->fuse, 0);
    m->fuse_stays = false;
    MemCheck c = { 0 };
    CHECK(mem_check(m, strstr(create, "lazy") ? BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS : 0, &c));
    if (c.corruptions || c.errors) {
        memfile_save(m, "/tmp/rhea-fault.qcow2");
        TEST_FAIL("fault %" PRId64 "%s (image in /tmp/rhea-fault.qcow2): %s", fuse, stays ? " and all after" : "", c.text->str);
    }
    g_string_free(c.text, TRUE);
    if (!stays) {
        t.n = mem_open_rw(m, "qcow2", "");
        fault_compare(&t, "reopened", fuse);
        block_node_unref(t.n);
    }
    memfile_free(m);
    g_free(t.data);
    g_free(text);
    return count;
}

static void faults(const char *create, const char *open, uint64_t cluster, unsigned ops)
{
    static bool ready;
    if (!ready) {
        mainloop_init();
        bql_lock();
        ready = true;
    }
    if (!g_getenv("V") && !freopen("/dev/null", "w", stderr)) { /* each fault is reported at closing */
        return;
    }
    uint64_t n = fault_run(create, open, cluster, 0, false, ops);
    for (uint64_t k = 1; k <= n; k++) {
        fault_run(create, open, cluster, (int64_t)k, false, ops);
        if (k % 4 == 1) {
            fault_run(create, open, cluster, (int64_t)k, true, ops);
        }
    }
}

TEST(each_event_small_clusters)
{
    faults("", "", 512, 120);
}

TEST(each_event_small_caches)
{
    faults(",refcount_bits=64", "l2-cache-size=1k,refcount-cache-size=1k", 512, 80);
}

TEST(each_event_subclusters)
{
    faults(",extended_l2=on", "", 16384, 80);
}

TEST(each_event_lazy)
{
    faults(",lazy_refcounts=on", "", 4096, 60);
}
