/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power cuts.  A random workload (writes, zeros, discards, compressed writes, snapshots, resizes, backing files, encryption;
 * with `changes` bitmaps, other refcount widths, and other names of the backing file) runs on an image whose every write and
 * flush is recorded, with those of its external data file, if any, in one order.  Then the power goes off after each record:
 * once with all that was written, and once with some of what no flush made safe missing or torn.  The image must check
 * without corruption (leaks are allowed), and what a flush of the guest had made safe must be there.
 */
#include "util/osdep.h"
#include "tests/image/memfile.h"
#include "tests/unit/test.h"
#include "util/keyval.h"
#include "util/mainloop.h"
#include "util/secret.h"

enum { SECTOR = 512 };

/* Something the guest did: where it may have changed the disk, and from which record on. */
typedef struct Touch {
    unsigned at;
    uint64_t off, len;
} Touch;

/* What is safe since a flush: the disk, and what came after. */
typedef struct Safe {
    uint64_t size;
    uint8_t *data;
    GArray *touched;  /* Touch */
    unsigned nshots;
    char *shot_name;  /* one snapshot that is there until the next state is safe; NULL: none */
    uint8_t *shot;
    uint64_t shot_size;
} Safe;

/* A file as it is at a cut: all that was written, what is safe, and the safe with some of the rest. */
typedef struct Disk {
    const MemFile *m; /* whose records are meant; NULL: there is no such file */
    uint8_t *image, *safe, *other;
    uint64_t len, safe_len, other_len, room;
    unsigned flushed; /* records before this one that are its own are safe */
} Disk;

enum { DISKS = 2 };

typedef struct Cut {
    Rng r;
    MemFile *m, *external; /* NULL: no external data file */
    BlockNode *n, *backing;
    uint64_t size, room, cluster;
    uint8_t *data;
    GPtrArray *safe;
    char *shot_name;
    uint8_t *shot;
    uint64_t shot_size;
    unsigned serial;
    bool lazy, v2, backed, changes, encrypted;
    const char *opts, *look; /* look: opts of the image that is left by a cut */
    uint64_t points;
} Cut;

static void cut_touch(Cut *t, uint64_t off, uint64_t len)
{
    Safe *s = g_ptr_array_index(t->safe, t->safe->len - 1);
    Touch touch = { t->m->log->len, off, len };
    g_array_append_val(s->touched, touch);
}

/* All that was done is safe now. */
static void cut_safe(Cut *t)
{
    Safe *s = g_new0(Safe, 1);
    *s = (Safe) { .size = t->size, .data = g_memdup2(t->data, t->room), .touched = g_array_new(FALSE, FALSE, sizeof(Touch)) };
    if (t->shot) {
        s->shot_name = g_strdup(t->shot_name);
        s->shot = g_memdup2(t->shot, t->shot_size);
        s->shot_size = t->shot_size;
    }
    g_ptr_array_add(t->safe, s);
    memfile_mark(t->m, t->safe->len - 1);
}

static void safe_free(void *p)
{
    Safe *s = p;
    g_free(s->data);
    g_free(s->shot);
    g_free(s->shot_name);
    g_array_free(s->touched, TRUE);
    g_free(s);
}

/* ---- The workload ------------------------------------------------------------------------------------------------------ */

static void range(Cut *t, uint64_t *off, uint64_t *len)
{
    *len = SECTOR * (1 + rng_below(&t->r, MIN(t->size, 2 * t->cluster) / SECTOR));
    *off = SECTOR * rng_below(&t->r, (t->size - *len) / SECTOR + 1);
}

static void op_write(Cut *t)
{
    uint64_t off, len;
    range(t, &off, &len);
    cut_touch(t, off, len);
    rng_fill(&t->r, t->data + off, len);
    CHECK_EQ(block_node_pwrite(t->n, off, t->data + off, len), 0);
}

static void op_compressed(Cut *t)
{
    uint64_t off = align_down(rng_below(&t->r, t->size), t->cluster), len = MIN(t->cluster, t->size - off);
    cut_touch(t, off, len);
    memset(t->data + off, (int)rng(&t->r), len);
    rng_fill(&t->r, t->data + off, MIN(len, 60));
    CHECK_EQ(block_node_pwrite_compressed(t->n, off, t->data + off, len), 0);
}

static void op_zero(Cut *t)
{
    uint64_t off, len;
    range(t, &off, &len);
    cut_touch(t, off, len);
    if (rng_below(&t->r, 2)) {
        memset(t->data + off, 0, len);
        CHECK_EQ(block_node_write_zeroes(t->n, off, len, rng_below(&t->r, 2) ? BLOCK_ZERO_MAY_UNMAP : 0), 0);
    } else {
        CHECK_EQ(block_node_discard(t->n, off, len), 0);
        CHECK_EQ(block_node_pread(t->n, off, t->data + off, len), 0);
    }
}

static void drop_shot(Cut *t)
{
    g_clear_pointer(&t->shot, g_free);
    g_clear_pointer(&t->shot_name, g_free);
}

static void op_snapshot(Cut *t)
{
    Error *err = NULL;
    Safe *s = g_ptr_array_index(t->safe, t->safe->len - 1);
    bool ok;
    if (!t->shot) {
        t->shot_name = g_strdup_printf("s%u", t->serial++);
        t->shot = g_memdup2(t->data, t->size);
        t->shot_size = t->size;
        BlockSnapshot b = { .name = t->shot_name, .icount = UINT64_MAX };
        ok = block_snapshot_create(t->n, &b, &err);
    } else if (rng_below(&t->r, 2)) {
        cut_touch(t, 0, t->room);
        ok = block_snapshot_apply(t->n, t->shot_name, &err);
        t->size = t->shot_size;
        memcpy(t->data, t->shot, t->shot_size);
    } else {
        g_clear_pointer(&s->shot, g_free); /* it may be gone already when the next state is not safe yet */
        ok = block_snapshot_delete(t->n, t->shot_name, &err);
        drop_shot(t);
    }
    if (!ok) {
        TEST_FAIL("%s", error_message(err));
    }
    cut_safe(t);
}

static void op_resize(Cut *t)
{
    Error *err = NULL;
    uint64_t size = SECTOR * (1 + rng_below(&t->r, t->room / SECTOR));
    if (t->v2 && t->shot) {
        return;
    }
    cut_touch(t, MIN(size, t->size), t->room);
    if (size > t->size) {
        memset(t->data + t->size, 0, size - t->size);
    }
    t->size = size;
    if (!block_node_truncate(t->n, size, BLOCK_PREALLOC_OFF, &err)) {
        TEST_FAIL("%s", error_message(err));
    }
    cut_safe(t);
}

static void op_bitmap(Cut *t)
{
    static const char *const names[] = { "a", "bb", "a-name-of-some-length" };
    const char *name = names[rng_below(&t->r, G_N_ELEMENTS(names))];
    Error *err = NULL;
    bool there = false, ok;
    GPtrArray *list = block_bitmap_list(t->n, &err);
    CHECK(list != NULL);
    for (unsigned i = 0; i < list->len; i++) {
        there |= !strcmp(((BlockBitmap *)list->pdata[i])->name, name);
    }
    g_ptr_array_unref(list);
    if (!there) {
        ok = block_bitmap_add(t->n, name, (uint64_t)512 << rng_below(&t->r, 8), rng_below(&t->r, 4) != 0, &err);
    } else {
        switch (rng_below(&t->r, 3)) {
        case 0: ok = block_bitmap_remove(t->n, name, &err); break;
        case 1: ok = block_bitmap_clear(t->n, name, &err); break;
        default: ok = block_bitmap_enable(t->n, name, rng_below(&t->r, 2), &err); break;
        }
    }
    if (!ok) {
        TEST_FAIL("bitmap %s: %s", name, error_message(err));
    }
}

/* What rhea-img amend and rebase -u do to the header and the refcounts. */
static void op_change(Cut *t)
{
    static const char *const amends[] = { "refcount_bits=8", "refcount_bits=16", "refcount_bits=32", "refcount_bits=64" };
    Error *err = NULL;
    bool ok = true;
    switch (rng_below(&t->r, t->backed ? 3 : 2)) {
    case 0:
        op_bitmap(t);
        break;
    case 1: {
        KeyVal *kv = keyval_parse(amends[rng_below(&t->r, G_N_ELEMENTS(amends))], NULL, &err);
        ok = block_node_amend(t->n, kv, false, NULL, &err);
        keyval_free(kv);
        break;
    }
    default: { /* the same file by names of different lengths: opening takes the node that it is given */
        char *name = g_strnfill(1 + rng_below(&t->r, 200), 'n');
        ok = block_node_set_backing(t->n, name, rng_below(&t->r, 2) ? "raw" : NULL, &err);
        g_free(name);
        break;
    }
    }
    if (!ok) {
        TEST_FAIL("%s", error_message(err));
    }
    if (rng_below(&t->r, 2)) {
        CHECK_EQ(block_node_flush(t->n), 0);
        cut_safe(t);
    }
}

static void cut_op(Cut *t)
{
    if (t->changes && rng_below(&t->r, 6) == 0) {
        op_change(t);
        return;
    }
    switch (rng_below(&t->r, 16)) {
    case 0: case 1: case 2: op_zero(t); break;
    case 3: case 4: if (t->encrypted || t->external) { op_write(t); } else { op_compressed(t); } break;
    case 5: case 6:
        CHECK_EQ(block_node_flush(t->n), 0);
        cut_safe(t);
        break;
    case 7: if (!t->external && rng_below(&t->r, 2)) { op_snapshot(t); } break;
    case 8: if (rng_below(&t->r, 4) == 0) { op_resize(t); } break;
    case 9:
        if (rng_below(&t->r, 4) == 0) {
            block_node_unref(t->n);
            t->n = mem_open_rw(t->m, "qcow2", t->opts);
            cut_safe(t);
        }
        break;
    default: op_write(t); break;
    }
}

/* ---- What is left ---------------------------------------------------------------------------------------------------------- */

static void compare(Cut *t, const Safe *s, unsigned at, const uint8_t *got, uint64_t size)
{
    static uint8_t maybe[4096];
    memset(maybe, 0, sizeof(maybe));
    for (unsigned i = 0; i < s->touched->len; i++) {
        const Touch *x = &g_array_index(s->touched, Touch, i);
        for (uint64_t k = x->off / SECTOR; x->at <= at && k < MIN(x->off + x->len, t->room) / SECTOR; k++) {
            maybe[k] = 1;
        }
    }
    for (uint64_t k = 0; k < MIN(size, s->size) / SECTOR; k++) {
        if (!maybe[k] && memcmp(got + k * SECTOR, s->data + k * SECTOR, SECTOR)) {
            TEST_FAIL("cut after record %u: what was flushed at 0x%" PRIx64 " is gone", at, k * SECTOR);
        }
    }
}

/* With @other, of each disk the one with losses. */
static void examine(Cut *t, const Safe *s, unsigned at, const Disk *d, bool other)
{
    MemFile *m[DISKS] = { NULL };
    for (unsigned i = 0; i < DISKS && d[i].m; i++) {
        m[i] = memfile_from(i ? "cutdata" : "cut", other ? d[i].other : d[i].image, other ? d[i].other_len : d[i].len);
    }
    MemCheck c = { .opts = t->external ? t->look : NULL };
    Error *err = NULL;
    BlockOpen ro = { .readonly = true };
    static uint8_t *got;
    got = got ? got : g_malloc(4096 * SECTOR);
    bool ok = mem_check(m[0], t->lazy ? BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS : 0, &c);
    if (!ok || c.corruptions || c.errors) {
        memfile_save(m[0], "/tmp/rhea-powercut.qcow2");
        TEST_FAIL("cut after record %u (image in /tmp/rhea-powercut.qcow2): %s", at, c.text->str);
    }
    g_string_free(c.text, TRUE);
    BlockNode *n = mem_open(m[0], "qcow2", t->look, &ro, &err);
    if (!n) {
        TEST_FAIL("cut after record %u: %s", at, error_message(err));
    }
    uint64_t size = MIN(block_node_size(n), t->room);
    CHECK_EQ(block_node_pread(n, 0, got, size), 0);
    compare(t, s, at, got, size);
    if (s->shot && rng_below(&t->r, 4) == 0) {
        CHECK(block_snapshot_load(n, s->shot_name, &err));
        CHECK_EQ(block_node_size(n), s->shot_size);
        CHECK_EQ(block_node_pread(n, 0, got, s->shot_size), 0);
        CHECK(!memcmp(got, s->shot, s->shot_size));
    }
    block_node_unref(n);
    for (unsigned i = 0; i < DISKS && m[i]; i++) {
        memfile_free(m[i]);
    }
    t->points++;
}

static Disk *disk_of(Disk *d, const MemRecord *r)
{
    return r->file == d[1].m ? &d[1] : &d[0];
}

/* Of records [from, to), those that no flush of their file made safe: some are missing, one may be torn. */
static void lose_some(Cut *t, Disk *d, unsigned from, unsigned to)
{
    unsigned mode = (unsigned)rng_below(&t->r, 4), one = from + (unsigned)rng_below(&t->r, to - from);
    for (unsigned i = from; i < to; i++) {
        MemRecord r = g_array_index(t->m->log, MemRecord, i);
        Disk *f = disk_of(d, &r);
        bool keep = mode == 0 ? rng_below(&t->r, 2) : mode == 1 ? i != one : mode == 2 ? i == one : i >= one;
        if (!keep || i < f->flushed) {
            continue;
        }
        if (r.kind == MEM_WRITE && r.len > SECTOR && rng_below(&t->r, 4) == 0) {
            r.len = align_down(r.off + SECTOR * (1 + rng_below(&t->r, r.len / SECTOR)), SECTOR) - r.off; /* torn */
        }
        mem_apply(f->other, &f->other_len, f->room, &r);
    }
}

static void disk_begin(Disk *d, const MemFile *m, const uint8_t *start, uint64_t len)
{
    uint64_t room = m->room + MiB;
    *d = (Disk) { .m = m, .image = g_malloc0(room), .safe = g_malloc0(room), .other = g_malloc0(room), .len = len, .safe_len = len,
                  .room = room };
    memcpy(d->image, start, len);
    memcpy(d->safe, start, len);
}

/* All records of the disk's file before @end are safe. */
static void disk_flush(Cut *t, Disk *d, unsigned end)
{
    for (; d->flushed < end; d->flushed++) {
        const MemRecord *r = &g_array_index(t->m->log, MemRecord, d->flushed);
        if (r->file == d->m) {
            mem_apply(d->safe, &d->safe_len, d->room, r);
        }
    }
}

static void replay(Cut *t, const uint8_t *start, uint64_t start_len)
{
    Disk d[DISKS] = { 0 };
    const Safe *s = g_ptr_array_index(t->safe, 0);
    disk_begin(&d[0], t->m, start, start_len);
    if (t->external) {
        disk_begin(&d[1], t->external, start, 0);
    }
    for (unsigned i = 0; i < t->m->log->len; i++) {
        const MemRecord *r = &g_array_index(t->m->log, MemRecord, i);
        Disk *f = disk_of(d, r);
        mem_apply(f->image, &f->len, f->room, r);
        if (r->kind == MEM_MARK) {
            s = g_ptr_array_index(t->safe, r->off);
            continue;
        }
        if (r->kind == MEM_FLUSH) {
            disk_flush(t, f, i + 1);
        }
        examine(t, s, i, d, false);
        unsigned from = t->external ? MIN(d[0].flushed, d[1].flushed) : d[0].flushed;
        if (i > from) {
            for (unsigned k = 0; k < DISKS && d[k].m; k++) {
                memcpy(d[k].other, d[k].safe, d[k].room);
                d[k].other_len = d[k].safe_len;
            }
            lose_some(t, d, from, i + 1);
            examine(t, s, i, d, true);
        }
    }
    for (unsigned k = 0; k < DISKS; k++) {
        g_free(d[k].image);
        g_free(d[k].safe);
        g_free(d[k].other);
    }
}

static uint64_t cut_run(uint64_t seed, const char *create, const char *opts, uint64_t cluster, bool backed, bool lazy, unsigned ops)
{
    static bool ready;
    if (!ready) {
        mainloop_init();
        bql_lock();
        ready = true;
    }
    Cut t = { .r = { seed }, .cluster = cluster, .room = MIN(MAX(cluster * 20, 48 * KiB), 512 * KiB), .lazy = lazy, .opts = opts,
              .look = opts,
              .v2 = strstr(create, "compat=0.10") != NULL, .backed = backed, .encrypted = strstr(create, "encrypt.") != NULL,
              .changes = strstr(create, ",refcount_bits=16") != NULL };
    for (int i = 0; i < 8; i++) {
        rng(&t.r);
    }
    MemFile *base = NULL;
    t.size = t.room - SECTOR * rng_below(&t.r, 20);
    t.data = g_malloc0(t.room);
    if (backed) {
        rng_fill(&t.r, t.data, t.size);
        base = memfile_from("pbase", t.data, t.size);
        t.backing = mem_open_rw(base, "raw", "node-name=pbase");
    }
    char *text = g_strdup_printf("size=%" PRIu64 ",cluster_size=%" PRIu64 "%s", t.size, cluster, create);
    t.m = memfile_new("cutme");
    CHECK(mem_create(t.m, text));
    g_free(text);
    if (strstr(create, "data_file=")) {
        unlink(strstr(create, "data_file=") + 10); /* the option's last; the data lie in memory */
        t.external = memfile_new("pdata");
        t.look = "data-file.driver=test-mem,data-file.name=cutdata";
    }
    t.n = mem_open_rw(t.m, "qcow2", opts);
    uint64_t start_len = t.m->len;
    uint8_t *start = g_memdup2(t.m->data, start_len);
    t.safe = g_ptr_array_new_with_free_func(safe_free);
    memfile_record(t.m, true);
    if (t.external) {
        memfile_record_with(t.external, t.m);
    }
    cut_safe(&t);
    for (unsigned i = 0; i < ops; i++) {
        cut_op(&t);
    }
    block_node_unref(t.n);
    replay(&t, start, start_len);
    block_node_unref(t.backing);
    if (t.external) {
        memfile_free(t.external);
    }
    memfile_free(t.m);
    if (base) {
        memfile_free(base);
    }
    drop_shot(&t);
    g_ptr_array_unref(t.safe);
    g_free(start);
    g_free(t.data);
    return t.points;
}

static uint64_t total;

TEST(small_clusters)
{
    total += cut_run(1, "", "", 512, false, false, 700);
    total += cut_run(2, ",refcount_bits=64", "l2-cache-size=1k,refcount-cache-size=1k", 512, false, false, 600);
    total += cut_run(3, ",compat=0.10", "", 1024, false, false, 500);
}

TEST(backing_files)
{
    total += cut_run(4, ",backing_file=pbase,backing_fmt=raw", "backing=pbase", 1024, true, false, 600);
    total += cut_run(5, ",backing_file=pbase,backing_fmt=raw,compression_type=zstd", "backing=pbase", 4096, true, false, 600);
}

TEST(subclusters)
{
    total += cut_run(6, ",extended_l2=on", "", 16384, false, false, 400);
    total += cut_run(7, ",extended_l2=on,backing_file=pbase,backing_fmt=raw", "backing=pbase", 16384, true, false, 400);
}

TEST(usual_clusters)
{
    total += cut_run(8, "", "", 65536, false, false, 250);
}

TEST(lazy_refcounts)
{
    total += cut_run(9, ",lazy_refcounts=on", "", 1024, false, true, 200);
}

TEST(bitmaps_amend_and_other_names_of_the_backing_file)
{
    total += cut_run(10, ",refcount_bits=16", "", 1024, false, false, 500);
    total += cut_run(11, ",refcount_bits=16,backing_file=pbase,backing_fmt=raw", "backing=pbase", 4096, true, false, 500);
}

TEST(encryption)
{
    Error *err = NULL;
    KeyVal *kv = keyval_parse("id=cutkey,data=a passphrase", NULL, &err);
    CHECK(kv && secret_add(kv, &err));
    keyval_free(kv);
    total += cut_run(12, ",encrypt.format=luks,encrypt.key-secret=cutkey,encrypt.iter-time=10", "encrypt.key-secret=cutkey", 4096,
                     false, false, 60);
}

TEST(external_data_file)
{
    char *create = g_strdup_printf(",data_file=/tmp/rhea-powercut-%d", getpid());
    total += cut_run(13, create, "data-file.driver=test-mem,data-file.name=pdata", 4096, false, false, 500);
    g_free(create);
}

TEST(there_were_ten_thousand_cuts)
{
    fprintf(stderr, "%" PRIu64 " cuts\n", total);
    CHECK(total >= 10000);
}
