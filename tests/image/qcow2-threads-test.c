/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several threads on one qcow2 image at once: each owns every n-th sector, so that all of them write to the same clusters, and
 * some whole clusters for discards, zeros and compressed writes, while others flush.  Each finds what it wrote; at
 * the end the image is without faults.
 */
#include "util/osdep.h"
#include "tests/image/memfile.h"
#include "tests/unit/test.h"
#include "util/mainloop.h"

#include <pthread.h>

enum { THREADS = 6, SECTOR = 512, OPS = 400 };

typedef struct Worker {
    BlockNode *n;
    unsigned number;
    uint64_t size, cluster, whole; /* from @whole on whole clusters are owned */
    uint8_t *model;                /* shared; each thread touches its own parts */
    const char *failed;
    Rng r;
} Worker;

static void fail(Worker *w, const char *what)
{
    w->failed = w->failed ? w->failed : what;
}

static void sectors_op(Worker *w)
{
    uint64_t n = w->whole / SECTOR / THREADS, off = (rng_below(&w->r, n) * THREADS + w->number) * SECTOR;
    uint8_t got[SECTOR];
    if (rng_below(&w->r, 3) == 0) {
        if (block_node_pread(w->n, off, got, SECTOR) || memcmp(got, w->model + off, SECTOR)) {
            fail(w, "a sector reads differently");
        }
        return;
    }
    rng_fill(&w->r, w->model + off, SECTOR);
    if (block_node_pwrite(w->n, off, w->model + off, SECTOR)) {
        fail(w, "a write failed");
    }
}

static void cluster_op(Worker *w)
{
    uint64_t n = (w->size - w->whole) / w->cluster / THREADS;
    uint64_t off = w->whole + (rng_below(&w->r, n) * THREADS + w->number) * w->cluster;
    uint8_t *got = g_malloc(w->cluster);
    int ret = 0;
    switch (rng_below(&w->r, 5)) {
    case 0:
        ret = block_node_discard(w->n, off, w->cluster);
        memset(w->model + off, 0, w->cluster);
        break;
    case 1:
        memset(w->model + off, 0, w->cluster);
        ret = block_node_write_zeroes(w->n, off, w->cluster, rng_below(&w->r, 2));
        break;
    case 2:
        memset(w->model + off, (int)rng(&w->r), w->cluster);
        ret = block_node_pwrite_compressed(w->n, off, w->model + off, w->cluster);
        break;
    case 3:
        rng_fill(&w->r, w->model + off + 100, 300);
        ret = block_node_pwrite(w->n, off + 100, w->model + off + 100, 300);
        break;
    default:
        ret = block_node_pread(w->n, off, got, w->cluster);
        if (memcmp(got, w->model + off, w->cluster)) {
            fail(w, "a cluster reads differently");
        }
        break;
    }
    if (ret) {
        fail(w, "a request failed");
    }
    g_free(got);
}

static void *worker(void *opaque)
{
    Worker *w = opaque;
    for (unsigned i = 0; i < OPS && !w->failed; i++) {
        if (rng_below(&w->r, 40) == 0) {
            if (block_node_flush(w->n)) {
                fail(w, "a flush failed");
            }
        } else if (rng_below(&w->r, 2)) {
            sectors_op(w);
        } else {
            cluster_op(w);
        }
    }
    return NULL;
}

static void together(const char *create, const char *open, uint64_t cluster)
{
    static bool ready;
    if (!ready) {
        mainloop_init();
        bql_lock();
        ready = true;
    }
    uint64_t whole = align_up(MAX(8 * cluster, 60 * KiB), cluster), size = whole + 4 * THREADS * cluster;
    char *text = g_strdup_printf("size=%" PRIu64 ",cluster_size=%" PRIu64 "%s", size, cluster, create);
    MemFile *m = memfile_new("threads");
    CHECK(mem_create(m, text));
    BlockNode *n = mem_open_rw(m, "qcow2", open);
    uint8_t *model = g_malloc0(size), *got = g_malloc(size);
    Worker w[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (Worker) { .n = n, .number = i, .size = size, .cluster = cluster, .whole = whole, .model = model, .r = { i + 77 } };
        rng(&w[i].r);
        CHECK_EQ(pthread_create(&threads[i], NULL, worker, &w[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        if (w[i].failed) {
            TEST_FAIL("thread %u: %s", i, w[i].failed);
        }
    }
    CHECK_EQ(block_node_pread(n, 0, got, size), 0);
    CHECK(!memcmp(got, model, size));
    block_node_unref(n);
    MemCheck c = { 0 };
    CHECK(mem_check(m, 0, &c));
    if (c.corruptions || c.leaks || c.errors) {
        TEST_FAIL("%s", c.text->str);
    }
    g_string_free(c.text, TRUE);
    memfile_free(m);
    g_free(model);
    g_free(got);
    g_free(text);
}

TEST(small_clusters)
{
    together("", "", 512);
}

TEST(small_caches)
{
    together(",refcount_bits=64", "l2-cache-size=4k,refcount-cache-size=4k", 512);
}

TEST(usual_clusters)
{
    together("", "", 65536);
}

TEST(subclusters)
{
    together(",extended_l2=on,compression_type=zstd", "", 16384);
}

TEST(lazy_refcounts)
{
    together(",lazy_refcounts=on", "l2-cache-size=8k", 4096);
}
