/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Damaged qcow2 images: bytes of metadata flipped or replaced, fields set to absurd values, files cut short.  Each is opened, read,
 * written, checked and repaired under sanitizers.  Nothing may crash, hang or read outside the file; what a full repair
 * leaves must check clean.  Fixed seeds; the number of rounds (and the first) may be given as arguments.
 */
#include "util/osdep.h"
#include "tests/image/memfile.h"
#include "util/mainloop.h"

#include <signal.h>
#include <sys/time.h>

enum { ROUNDS = 300, DISK = 300 * 1024, LIMIT_SECONDS = 20 };

typedef struct Seed {
    const char *create;
    unsigned cluster;
    bool snapshot, bitmap, compressed;
    uint8_t *data;
    uint64_t len;
} Seed;

static Seed seeds[] = {
    { .create = "cluster_size=4k", .cluster = 4096, .snapshot = true, .compressed = true },
    { .create = "cluster_size=512,refcount_bits=64", .cluster = 512, .snapshot = true },
    { .create = "cluster_size=16k,extended_l2=on,compression_type=zstd", .cluster = 16384, .compressed = true, .snapshot = true },
    { .create = "cluster_size=64k,compat=0.10,backing_file=nowhere,backing_fmt=raw", .cluster = 65536, .snapshot = true },
    { .create = "cluster_size=4k,lazy_refcounts=on", .cluster = 4096, .bitmap = true },
    { .create = "cluster_size=2k,refcount_bits=1", .cluster = 2048, .compressed = true },
};

static BlockOpen rw = { .discard = true, .no_backing = true }, ro = { .readonly = true, .no_backing = true };

static void must(bool ok, const char *what, Error *err)
{
    if (!ok) {
        fprintf(stderr, "%s: %s\n", what, err ? error_message(err) : "failed");
        exit(1);
    }
}

static void make_seed(Seed *s, Rng *r)
{
    Error *err = NULL;
    MemFile *m = memfile_new("seed");
    char *create = g_strdup_printf("size=%d,%s", DISK, s->create);
    uint8_t *buf = g_malloc(DISK);
    rng_fill(r, buf, DISK);
    must(mem_create(m, create), "create", NULL);
    BlockNode *n = mem_open(m, "qcow2", "", &rw, &err);
    must(n, "open", err);
    for (uint64_t off = 0; off < DISK; off += 10000) {
        uint64_t len = rng_below(r, 9000) + 1;
        must(block_node_pwrite(n, off, buf, MIN(len, DISK - off)) == 0, "write", NULL);
    }
    if (s->compressed) {
        memset(buf, 7, DISK);
        must(block_node_pwrite_compressed(n, 0, buf, 3 * s->cluster) == 0, "compress", NULL);
    }
    if (s->snapshot) {
        BlockSnapshot b = { .name = "one", .icount = UINT64_MAX };
        must(block_snapshot_create(n, &b, &err), "snapshot", err);
    }
    if (s->bitmap) {
        must(block_bitmap_add(n, "dirty", 4096, true, &err), "bitmap", err);
    }
    must(block_node_write_zeroes(n, DISK / 2, 70000, 0) == 0, "zero", NULL);
    must(block_node_pwrite(n, 100, buf, 50000) == 0, "write", NULL);
    block_node_unref(n);
    s->data = g_memdup2(m->data, m->len);
    s->len = m->len;
    memfile_free(m);
    g_free(create);
    g_free(buf);
}

/* A place that is likely to be metadata: the header, or a cluster that holds numbers rather than noise. */
static uint64_t pick_place(const Seed *s, const MemFile *m, Rng *r)
{
    if (rng_below(r, 3) == 0) {
        return rng_below(r, MIN(s->cluster, 600));
    }
    for (int i = 0; i < 50; i++) {
        uint64_t off = align_down(rng_below(r, m->len), s->cluster);
        unsigned zeros = 0;
        for (unsigned k = 0; k < s->cluster && off + k < m->len; k++) {
            zeros += !m->data[off + k];
        }
        if (zeros > s->cluster / 2 && zeros < s->cluster) {
            for (int tries = 0; tries < 200; tries++) {
                uint64_t at = off + rng_below(r, MIN(s->cluster, m->len - off));
                if (m->data[at] || rng_below(r, 20) == 0) {
                    return at;
                }
            }
        }
    }
    return rng_below(r, m->len);
}

static void damage(const Seed *s, MemFile *m, Rng *r)
{
    for (uint64_t n = 1 + rng_below(r, 3); n; n--) {
        uint64_t at = pick_place(s, m, r);
        switch (rng_below(r, 8)) {
        case 0: m->data[at] = (uint8_t)rng(r); break;
        case 1: m->data[at] = 0xff; break;
        case 2: m->data[at] = 0; break;
        case 3: /* a pointer to another cluster, maybe into itself */
            at = align_down(at, 8);
            if (at + 8 <= m->len) {
                uint64_t v = GUINT64_TO_BE(align_down(rng_below(r, m->len), s->cluster) | (rng_below(r, 2) ? (uint64_t)1 << 63 : 0));
                memcpy(m->data + at, &v, 8);
            }
            break;
        case 4:
            if (rng_below(r, 8) == 0) {
                m->len = 1 + rng_below(r, m->len);
                memset(m->data + m->len, 0, m->room - m->len);
                break;
            } /* fall through */
        default: m->data[at] ^= (uint8_t)(1u << rng_below(r, 8)); break;
        }
    }
}

static void read_all(BlockNode *n)
{
    static uint8_t buf[65536];
    uint64_t size = MIN(block_node_size(n), 4 * DISK);
    BlockStatus st;
    for (uint64_t off = 0; off < size; off += sizeof(buf)) {
        block_node_pread(n, off, buf, MIN(sizeof(buf), size - off));
    }
    for (uint64_t off = 0; off < size && block_node_status(n, off, size - off, &st) == 0 && st.len; off += st.len) {
    }
}

static void use_readonly(MemFile *m)
{
    Error *err = NULL;
    BlockNode *n = mem_open(m, "qcow2", "", &ro, &err);
    if (n) {
        BlockInfo info;
        read_all(n);
        if (block_node_info(n, &info, NULL)) {
            block_info_clear(&info);
        }
        GPtrArray *list = block_bitmap_list(n, NULL);
        if (list) {
            g_ptr_array_unref(list);
        }
        if (block_snapshot_load(n, "one", NULL)) {
            read_all(n);
        }
    }
    block_node_unref(n);
    error_free(err);
}

static void use_writable(MemFile *m, Rng *r)
{
    static uint8_t buf[20000];
    Error *err = NULL;
    BlockNode *n = mem_open(m, "qcow2", "", &rw, &err);
    error_free(err);
    if (!n) {
        return;
    }
    uint64_t size = block_node_size(n);
    for (int i = 0; size && i < 12; i++) {
        uint64_t off = rng_below(r, MIN(size, DISK)), len = 1 + rng_below(r, sizeof(buf));
        len = MIN(len, size - off);
        switch (rng_below(r, 8)) {
        case 0: block_node_discard(n, off, len); break;
        case 1: block_node_write_zeroes(n, off, len, BLOCK_ZERO_MAY_UNMAP); break;
        case 2: block_node_flush(n); break;
        case 3: block_snapshot_apply(n, "one", NULL); size = block_node_size(n); break;
        case 4: block_snapshot_delete(n, "one", NULL); break;
        case 5: block_snapshot_create(n, &(BlockSnapshot) { .name = "two", .icount = UINT64_MAX }, NULL); break;
        default: block_node_pwrite(n, off, buf, len); break;
        }
    }
    block_node_unref(n);
}

static uint64_t repaired, opened, refused;

static void repair(MemFile *m, unsigned round)
{
    MemCheck c = { 0 };
    if (mem_check(m, 0, &c)) {
        opened++;
        if (mem_check(m, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS, &c)) {
            MemCheck again = { 0 };
            if (!mem_check(m, 0, &again) || again.corruptions || again.leaks || again.errors) {
                memfile_save(m, "/tmp/rhea-qcow2-fuzz.qcow2");
                fprintf(stderr, "round %u: not clean after repair (image in /tmp/rhea-qcow2-fuzz.qcow2): %s\n", round, again.text->str);
                exit(1);
            }
            g_string_free(again.text, TRUE);
            repaired++;
            use_readonly(m);
        }
    } else {
        refused++;
    }
    g_string_free(c.text, TRUE);
}

static volatile unsigned current;

static void too_long(int sig)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "round %u: no end after %d s of CPU\n", current, LIMIT_SECONDS);
    (void)sig;
    _exit(write(2, text, (size_t)n) < 0 ? 2 : 1);
}

/* Of CPU time: a busy machine is no hang. */
static void set_limit(void)
{
    struct itimerval limit = { .it_value = { .tv_sec = LIMIT_SECONDS } };
    setitimer(ITIMER_PROF, &limit, NULL);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUNDS;
    unsigned first = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    mainloop_init();
    bql_lock();
    signal(SIGPROF, too_long);
    Rng make = { 12345 };
    for (unsigned i = 0; i < G_N_ELEMENTS(seeds); i++) {
        make_seed(&seeds[i], &make);
    }
    if (!freopen("/dev/null", "w", stdout)) {
        return 1;
    }
    for (unsigned round = first; round < first + rounds; round++) {
        Rng r = { (round + 1) * 0x9e3779b97f4a7c15ull };
        rng(&r);
        const Seed *s = &seeds[round % G_N_ELEMENTS(seeds)];
        MemFile *m = memfile_from("fuzzed", s->data, s->len);
        m->limit = 64 * MiB;
        damage(s, m, &r);
        uint8_t *copy = g_memdup2(m->data, m->len);
        uint64_t len = m->len;
        current = round;
        set_limit();
        use_readonly(m);
        if (m->len != len || memcmp(m->data, copy, len)) {
            fprintf(stderr, "round %u: reading changed the image\n", round);
            return 1;
        }
        use_writable(m, &r);
        memfile_free(m);
        m = memfile_from("fuzzed", copy, len);
        m->limit = 64 * MiB;
        repair(m, round);
        memfile_free(m);
        g_free(copy);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(seeds); i++) {
        g_free(seeds[i].data);
    }
    fprintf(stderr, "%u damaged images: %" PRIu64 " checked, %" PRIu64 " repaired, %" PRIu64 " cannot be opened\n", rounds, opened,
            repaired, refused);
    return 0;
}
