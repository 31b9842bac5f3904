/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 images of many shapes under random sequences of operations, beside a model; what comes out is checked by our own check,
 * and by Debian's qemu-img (check, and content) where it is installed.  Fixed seeds.
 */
#include "util/osdep.h"
#include "tests/image/memfile.h"
#include "tests/unit/test.h"
#include "util/mainloop.h"

enum { MAX_SNAPSHOTS = 4 };

typedef struct Shot {
    char *name;
    uint8_t *data;
    uint64_t size;
} Shot;

typedef struct Run {
    Rng r;
    MemFile *m, *base;
    BlockNode *backing, *n;
    char *open_opts;
    uint8_t *data; /* what the disk holds */
    uint64_t size, room, cluster;
    bool can_shoot, v3;
    Shot shots[MAX_SNAPSHOTS];
    unsigned nshots, serial;
} Run;

static void start(void)
{
    static bool ready;
    if (!ready) {
        mainloop_init();
        bql_lock();
        ready = true;
    }
}

static void run_open(Run *t)
{
    t->n = mem_open_rw(t->m, "qcow2", t->open_opts);
    CHECK_EQ(block_node_size(t->n), t->size);
}

static void run_close(Run *t)
{
    block_node_unref(t->n);
    t->n = NULL;
}

static void run_verify(Run *t, BlockNode *n, const uint8_t *data, uint64_t size)
{
    uint8_t *got = g_malloc(size);
    CHECK_EQ(block_node_size(n), size);
    CHECK_EQ(block_node_pread(n, 0, got, size), 0);
    if (memcmp(got, data, size)) {
        uint64_t at = 0;
        while (got[at] == data[at]) {
            at++;
        }
        TEST_FAIL("content differs at 0x%" PRIx64 " of 0x%" PRIx64 " (%02x, not %02x)", at, size, got[at], data[at]);
    }
    g_free(got);
    (void)t;
}

/* With V=1 in the environment each operation is printed. */
static void trace(const char *what, uint64_t off, uint64_t len)
{
    if (g_getenv("V")) {
        fprintf(stderr, "  %s 0x%" PRIx64 " 0x%" PRIx64 "\n", what, off, len);
    }
}

static void pick_range(Run *t, uint64_t *off, uint64_t *len)
{
    uint64_t max = rng_below(&t->r, 4) ? MIN(t->size, 3 * t->cluster) : t->size;
    *len = 1 + rng_below(&t->r, max);
    *off = rng_below(&t->r, t->size - *len + 1);
    if (rng_below(&t->r, 3) == 0) { /* whole clusters are a case of their own */
        *off = align_down(*off, t->cluster);
        *len = MIN(align_up(*len, t->cluster), t->size - *off);
    } else if (rng_below(&t->r, 2)) {
        *off = align_down(*off, 512);
        *len = MIN(align_up(*len, 512), t->size - *off);
    }
}

static void op_write(Run *t)
{
    uint64_t off, len;
    pick_range(t, &off, &len);
    trace("write", off, len);
    rng_fill(&t->r, t->data + off, len);
    CHECK_EQ(block_node_pwrite(t->n, off, t->data + off, len), 0);
}

static void op_compressed(Run *t)
{
    uint64_t off = align_down(rng_below(&t->r, t->size), t->cluster), len = t->cluster * (1 + rng_below(&t->r, 3));
    len = MIN(len, t->size - off);
    trace("compressed", off, len);
    if (rng_below(&t->r, 3)) {
        memset(t->data + off, (int)rng(&t->r), len);
        rng_fill(&t->r, t->data + off, MIN(len, 100));
    } else {
        for (uint64_t i = 0; i < len; i++) {
            t->data[off + i] = (uint8_t)rng(&t->r); /* does not get smaller */
        }
    }
    int ret = block_node_pwrite_compressed(t->n, off, t->data + off, len);
    if (ret == -ENOTSUP) {
        ret = block_node_pwrite(t->n, off, t->data + off, len);
    }
    CHECK_EQ(ret, 0);
}

static void op_zero(Run *t)
{
    uint64_t off, len;
    pick_range(t, &off, &len);
    trace("zero", off, len);
    memset(t->data + off, 0, len);
    CHECK_EQ(block_node_write_zeroes(t->n, off, len, rng_below(&t->r, 2) ? BLOCK_ZERO_MAY_UNMAP : 0), 0);
}

/* What is discarded reads as before or as zeros, by the cluster. */
static void op_discard(Run *t)
{
    uint64_t off, len;
    pick_range(t, &off, &len);
    trace("discard", off, len);
    CHECK_EQ(block_node_discard(t->n, off, len), 0);
    uint8_t *now = g_malloc(len);
    CHECK_EQ(block_node_pread(t->n, off, now, len), 0);
    for (uint64_t at = 0; at < len;) {
        uint64_t part = MIN(len - at, t->cluster - (off + at) % t->cluster);
        CHECK(block_is_zero(now + at, part) || !memcmp(now + at, t->data + off + at, part));
        at += part;
    }
    memcpy(t->data + off, now, len);
    g_free(now);
}

static void op_read(Run *t)
{
    uint64_t off, len;
    pick_range(t, &off, &len);
    trace("read", off, len);
    uint8_t *got = g_malloc(len);
    CHECK_EQ(block_node_pread(t->n, off, got, len), 0);
    CHECK(!memcmp(got, t->data + off, len));
    struct iovec iov = { got, len };
    int ret = block_node_try_preadv(t->n, off, &iov, 1, len);
    CHECK(ret == -EAGAIN || ret == -ENOTSUP || (ret == 0 && !memcmp(got, t->data + off, len)));
    g_free(got);
}

static void op_reopen(Run *t)
{
    trace("reopen", 0, 0);
    run_close(t);
    MemCheck c = { 0 };
    CHECK(mem_check(t->m, 0, &c));
    if (c.corruptions || c.leaks || c.errors) {
        TEST_FAIL("after closing: %s", c.text->str);
    }
    g_string_free(c.text, TRUE);
    run_open(t);
}

static void fail_with(Error *err)
{
    TEST_FAIL("%s", error_message(err));
}

static void op_snapshot(Run *t)
{
    Error *err = NULL;
    if (!t->can_shoot) {
        return;
    }
    if (t->nshots < MAX_SNAPSHOTS && rng_below(&t->r, 2)) {
        Shot *s = &t->shots[t->nshots++];
        *s = (Shot) { g_strdup_printf("shot %u", t->serial++), g_memdup2(t->data, t->size), t->size };
        BlockSnapshot b = { .name = s->name, .icount = UINT64_MAX, .date_sec = 1234567 };
        trace("snapshot", t->nshots - 1, t->size);
        if (!block_snapshot_create(t->n, &b, &err)) {
            fail_with(err);
        }
    } else if (t->nshots) {
        unsigned i = (unsigned)rng_below(&t->r, t->nshots);
        Shot *s = &t->shots[i];
        if (rng_below(&t->r, 2) && (t->v3 || s->size == t->size)) {
            trace("apply", i, s->size);
            if (!block_snapshot_apply(t->n, s->name, &err)) {
                fail_with(err);
            }
            t->size = s->size;
            memcpy(t->data, s->data, s->size);
        } else {
            trace("delete", i, s->size);
            if (!block_snapshot_delete(t->n, s->name, &err)) {
                fail_with(err);
            }
            g_free(s->name);
            g_free(s->data);
            *s = t->shots[--t->nshots];
        }
    }
    run_verify(t, t->n, t->data, t->size);
}

static void op_resize(Run *t)
{
    Error *err = NULL;
    uint64_t size = align_down(rng_below(&t->r, t->room), 512) + 512;
    if (!t->v3 && t->nshots) {
        return;
    }
    trace("resize", t->size, size);
    if (size > t->size) {
        memset(t->data + t->size, 0, size - t->size);
    }
    t->size = size;
    if (!block_node_truncate(t->n, size, BLOCK_PREALLOC_OFF, &err)) {
        fail_with(err);
    }
    CHECK_EQ(block_node_size(t->n), size);
}

static void op_flush(Run *t)
{
    CHECK_EQ(block_node_flush(t->n), 0);
}

static void run_op(Run *t)
{
    switch (rng_below(&t->r, 24)) {
    case 0: case 1: op_zero(t); break;
    case 2: case 3: op_discard(t); break;
    case 4: op_flush(t); break;
    case 5: op_reopen(t); break;
    case 6: case 7: op_compressed(t); break;
    case 8: op_snapshot(t); break;
    case 9: if (rng_below(&t->r, 3) == 0) { op_resize(t); } break;
    case 10: case 11: case 12: case 13: op_read(t); break;
    default: op_write(t); break;
    }
}

/* ---- Shapes ------------------------------------------------------------------------------------------------------------ */

typedef struct Shape {
    unsigned bits, refbits, backing; /* 0: none, 1: raw, 2: qcow2 */
    bool v2, ext, lazy, zstd, small_cache;
} Shape;

static Shape pick_shape(Rng *r, unsigned number)
{
    static const unsigned bits[] = { 9, 12, 16, 10, 14, 21, 9, 16 };
    Shape s = { .bits = bits[number % 8], .refbits = 1u << rng_below(r, 7), .backing = (unsigned)rng_below(r, 3) };
    s.v2 = rng_below(r, 5) == 0;
    s.ext = !s.v2 && s.bits >= 14 && rng_below(r, 2);
    s.lazy = !s.v2 && rng_below(r, 4) == 0;
    s.zstd = !s.v2 && rng_below(r, 3) == 0;
    s.small_cache = rng_below(r, 3) == 0;
    s.refbits = s.v2 ? 16 : s.refbits;
    return s;
}

static void make_base(Run *t, const Shape *s)
{
    uint64_t size = align_up(1 + rng_below(&t->r, t->room), 512);
    uint8_t *data = g_malloc0(MAX(size, t->room));
    for (uint64_t at = 0; at < size; at += 4096) {
        if (rng_below(&t->r, 3)) {
            rng_fill(&t->r, data + at, MIN(4096, size - at));
        }
    }
    if (s->backing == 1) {
        t->base = memfile_from("base", data, size);
        t->backing = mem_open_rw(t->base, "raw", "node-name=base");
    } else {
        char *opts = g_strdup_printf("size=%" PRIu64, size);
        t->base = memfile_new("base");
        CHECK(mem_create(t->base, opts));
        t->backing = mem_open_rw(t->base, "qcow2", "node-name=base");
        CHECK_EQ(block_node_pwrite(t->backing, 0, data, size), 0);
        g_free(opts);
    }
    memcpy(t->data, data, MIN(size, t->size));
    g_free(data);
}

static void run_begin(Run *t, const Shape *s, uint64_t seed)
{
    *t = (Run) { .r = { seed * 0x9e3779b97f4a7c15ull + 1 } };
    for (int i = 0; i < 8; i++) {
        rng(&t->r);
    }
    t->cluster = (uint64_t)1 << s->bits;
    t->room = s->bits >= 21 ? 5 * t->cluster : MIN(2 * MiB, MAX(100 * t->cluster, 300000));
    t->size = align_up(1 + rng_below(&t->r, t->room), 512);
    t->data = g_malloc0(t->room + 512);
    t->v3 = !s->v2;
    t->can_shoot = s->refbits >= 4;
    if (s->backing) {
        make_base(t, s);
    }
    char *create = g_strdup_printf("size=%" PRIu64 ",cluster_size=%" PRIu64 ",compat=%s,refcount_bits=%u%s%s%s%s", t->size, t->cluster,
                                   s->v2 ? "0.10" : "1.1", s->refbits, s->ext ? ",extended_l2=on" : "",
                                   s->lazy ? ",lazy_refcounts=on" : "", s->zstd ? ",compression_type=zstd" : "",
                                   s->backing ? ",backing_file=base,backing_fmt=raw" : "");
    t->m = memfile_new("top");
    CHECK(mem_create(t->m, create));
    t->open_opts = g_strdup_printf("node-name=top%s%s", s->backing ? ",backing=base" : "",
                                   s->small_cache ? ",l2-cache-size=4k,refcount-cache-size=4k,l2-cache-entry-size=512" : "");
    g_free(create);
    run_open(t);
}

/* Flattened by us into raw, and by qemu-img: the same bytes?  And is it content with the tables? */
static void qemu_agrees(Run *t, const Shape *s)
{
    char dir[] = "/tmp/rhea-qcow2-XXXXXX";
    const char *shm = access("/dev/shm", W_OK) == 0 ? "/dev/shm/rhea-qcow2-XXXXXX" : dir;
    char *path = g_strdup(shm);
    CHECK(g_mkdtemp(path) != NULL);
    char *image = g_build_filename(path, "top", NULL), *base = g_build_filename(path, "base", NULL);
    char *raw = g_build_filename(path, "raw", NULL), *out = NULL;
    memfile_save(t->m, image);
    if (t->base) {
        memfile_save(t->base, base);
    }
    char *cmd = g_strdup_printf("cd %s && qemu-img check -q top && %s qemu-img convert -f qcow2 -O raw top raw", path,
                                s->backing == 2 ? "qemu-img rebase -u -b base -F qcow2 top &&" : "");
    int status = system(cmd);
    gsize len = 0;
    bool read = status == 0 && g_file_get_contents(raw, &out, &len, NULL);
    bool same = read && len == t->size && !memcmp(out, t->data, len);
    if (status == 0) {
        g_free(cmd);
        cmd = g_strdup_printf("rm -rf %s", path);
        if (same && system(cmd)) {
            fprintf(stderr, "%s stays\n", path);
        }
    }
    if (!same) {
        TEST_FAIL("qemu-img %s; see %s", status ? "finds faults" : "reads other data", path);
    }
    g_free(out);
    g_free(cmd);
    g_free(image);
    g_free(base);
    g_free(raw);
    g_free(path);
}

static void run_end(Run *t, const Shape *s, bool qemu)
{
    Error *err = NULL;
    run_verify(t, t->n, t->data, t->size);
    run_close(t);
    MemCheck c = { 0 };
    CHECK(mem_check(t->m, 0, &c));
    if (c.corruptions || c.leaks || c.errors) {
        TEST_FAIL("at the end: %s", c.text->str);
    }
    g_string_free(c.text, TRUE);
    for (unsigned i = 0; i < t->nshots; i++) {
        BlockOpen ro = { .readonly = true };
        t->n = mem_open(t->m, "qcow2", s->backing ? "backing=base" : "", &ro, &err);
        CHECK(t->n != NULL);
        CHECK(block_snapshot_load(t->n, t->shots[i].name, &err));
        run_verify(t, t->n, t->shots[i].data, t->shots[i].size);
        run_close(t);
        g_free(t->shots[i].name);
        g_free(t->shots[i].data);
    }
    block_node_unref(t->backing);
    if (qemu) {
        qemu_agrees(t, s);
    }
    memfile_free(t->m);
    if (t->base) {
        memfile_free(t->base);
    }
    g_free(t->data);
    g_free(t->open_opts);
}

static void shapes(unsigned from, unsigned to, unsigned ops)
{
    bool qemu = g_find_program_in_path("qemu-img") != NULL;
    start();
    for (unsigned i = from; i < to; i++) {
        Rng r = { i * 77 + 5 };
        rng(&r);
        Shape s = pick_shape(&r, i);
        Run t;
        fprintf(stderr, "shape %u: cluster 2^%u, refcounts of %u, backing %u%s%s%s%s%s\n", i, s.bits, s.refbits, s.backing,
                s.v2 ? ", v2" : "", s.ext ? ", extended L2" : "", s.lazy ? ", lazy" : "", s.zstd ? ", zstd" : "",
                s.small_cache ? ", small cache" : "");
        run_begin(&t, &s, i + 1);
        for (unsigned op = 0; op < ops; op++) {
            run_op(&t);
        }
        run_end(&t, &s, qemu && i % 2 == 0);
    }
}

TEST(random_operations_1)
{
    shapes(0, 16, 150);
}

TEST(random_operations_2)
{
    shapes(16, 32, 150);
}

TEST(random_operations_3)
{
    shapes(32, 64, 150);
}
