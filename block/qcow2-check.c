/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: check.  The references to each cluster are counted in one pass over all tables, into memory of the same shape as
 * the refcount blocks, so that comparing a block that is right is one memcmp.  COPIED flags are looked at in the
 * same pass: two bits a cluster remember how active tables refer to it.
 */
#include "util/osdep.h"
#include "block/qcow2-int.h"

enum { SAY_MAX = 1000, REPAIR_PASSES = 4 };

void qcow2_check_say(Qcow2Check *k, const char *fmt, ...)
{
    if (k->quiet || !k->out->say || ++k->said > SAY_MAX) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    char *line = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    k->out->say(k->out->opaque, line);
    g_free(line);
    if (k->said == SAY_MAX) {
        k->out->say(k->out->opaque, "More was found; only the first 1000 lines are shown.");
    }
}

void qcow2_check_corrupt(Qcow2Check *k, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    k->corruptions++;
    qcow2_check_say(k, "ERROR %s", text);
    g_free(text);
}

/* ---- Counting -------------------------------------------------------------------------------------------------- */

static void check_bit(uint8_t *map, uint64_t cluster)
{
    map[cluster / 8] |= (uint8_t)(1u << cluster % 8);
}

/* One more reference to @cluster. */
static bool check_ref(Qcow2Check *k, uint64_t cluster)
{
    if (cluster < k->counts.n && k->counts.order == 4) { /* nearly always */
        uint8_t *p = k->counts.map + 2 * cluster;
        uint16_t v = ld_be16(p);
        if (v != UINT16_MAX) {
            st_be16(p, (uint16_t)(v + 1));
            k->shared |= v;
            return true;
        }
    }
    bool ok = qcow2_count_add(&k->counts, cluster, 1);
    k->shared |= ok && qcow2_count_get(&k->counts, cluster) > 1;
    return ok;
}

static bool check_range(Qcow2Check *k, uint64_t offset, uint64_t bytes, const char *what)
{
    const Qcow2 *q = k->q;
    bool ok = true;
    if (bytes && (offset > INT64_MAX - bytes || qcow2_cluster(q, offset) >= k->file_clusters)) {
        qcow2_check_corrupt(k, "%s is at offset 0x%" PRIx64 ", beyond the end of the file", what, offset);
        return false;
    }
    for (uint64_t c = qcow2_cluster(q, offset); bytes && c <= qcow2_cluster(q, offset + bytes - 1); c++) {
        if (!check_ref(k, c)) {
            qcow2_check_corrupt(k, "cluster 0x%" PRIx64 " is referred to too often (%s)", c << q->cluster_bits, what);
            ok = false;
        }
    }
    return ok;
}

/* A table being looked at. */
typedef struct CheckTable {
    uint64_t guest;      /* of its first entry */
    bool active;
    const char *where;   /* " of snapshot 'x'" */
    bool changed;
} CheckTable;

static bool check_packed(Qcow2Check *k, const CheckTable *t, uint64_t guest, uint64_t e)
{
    const Qcow2 *q = k->q;
    uint64_t off, bytes;
    qcow2_compressed_extent(q, e, &off, &bytes);
    if (q->data || e & QCOW2_COPIED || off >> 56 || qcow2_cluster(q, off) >= k->file_clusters || off < q->cluster_size) {
        qcow2_check_corrupt(k, "the compressed cluster at guest offset 0x%" PRIx64 "%s is said to be at 0x%" PRIx64 "%s", guest,
                            t->where, off, e & QCOW2_COPIED ? " and not to be compressed at once" : ", where it cannot be");
        return false;
    }
    uint64_t first = qcow2_cluster(q, off), last = qcow2_cluster(q, off + bytes - 1);
    for (uint64_t c = first; c <= last; c++) {
        if (!check_ref(k, c)) {
            qcow2_check_corrupt(k, "cluster 0x%" PRIx64 " is referred to too often (guest offset 0x%" PRIx64 "%s)",
                                c << q->cluster_bits, guest, t->where);
            while (c-- > first) {
                qcow2_count_add(&k->counts, c, -1);
            }
            return false;
        }
    }
    if (t->active) {
        k->out->compressed_clusters++;
        k->out->allocated_clusters++;
        k->out->fragmented_clusters++;
    }
    return true;
}

/* Bits that mean nothing or contradict each other are cleared: what remains is what the entry says. */
static uint64_t check_clean(const Qcow2 *q, uint64_t e, uint8_t *bitmap)
{
    e &= ~QCOW2_L2_RESERVED;
    if (q->nsub > 1 || q->h.version < 3) {
        e &= ~QCOW2_ZERO;
    }
    if (q->nsub > 1) {
        uint64_t b = ld_be64(bitmap);
        uint32_t alloc = (uint32_t)b, zero = (uint32_t)(b >> 32);
        bool host = e & QCOW2_OFFSET_MASK || (q->data && e & QCOW2_COPIED);
        alloc = host ? alloc : 0;
        st_be64(bitmap, alloc | (uint64_t)(zero & ~alloc) << 32);
    }
    return e;
}

/* An entry that is not plainly good.  True: it stays, maybe changed. */
static bool check_odd(Qcow2Check *k, CheckTable *t, uint64_t guest, uint8_t *p)
{
    const Qcow2 *q = k->q;
    uint64_t e = ld_be64(p), b = q->nsub > 1 ? ld_be64(p + 8) : 0;
    if (e & QCOW2_COMPRESSED) {
        return check_packed(k, t, guest, e);
    }
    uint64_t clean = check_clean(q, e, p + 8), host = clean & QCOW2_OFFSET_MASK;
    if (clean != e || (q->nsub > 1 && ld_be64(p + 8) != b)) {
        qcow2_check_corrupt(k, "the L2 entry of guest offset 0x%" PRIx64 "%s (0x%" PRIx64 ") has bits that cannot be", guest, t->where, e);
        st_be64(p, clean);
        t->changed = true;
        e = clean;
    }
    if (q->data) {
        if (host && host != guest) {
            qcow2_check_corrupt(k, "guest offset 0x%" PRIx64 " is said to be at 0x%" PRIx64 " of the data file, where it cannot be",
                                guest, host);
            return false;
        }
        return true;
    }
    if (!host) {
        if (e & QCOW2_COPIED) {
            qcow2_check_corrupt(k, "the L2 entry of guest offset 0x%" PRIx64 "%s refers to the header", guest, t->where);
            return false;
        }
        return true;
    }
    Qcow2Kind kind = qcow2_kind(k->q, qcow2_cluster(q, host));
    bool zeros = q->nsub == 1 ? e & QCOW2_ZERO : !(uint32_t)ld_be64(p + 8);
    if (qcow2_in_cluster(q, host) || (!zeros && qcow2_cluster(q, host) >= k->file_clusters) || host > INT64_MAX - q->cluster_size ||
        kind == QCOW2_KIND_HEADER || kind == QCOW2_KIND_L1 || kind == QCOW2_KIND_CRYPT) {
        qcow2_check_corrupt(k, "guest offset 0x%" PRIx64 "%s is said to be at 0x%" PRIx64 ", %s", guest, t->where, host,
                            qcow2_in_cluster(q, host) ? "which is not the start of a cluster"
                            : kind ? "where the image's own tables are" : "beyond the end of the file");
        return false;
    }
    return true;
}

static void check_flags(Qcow2Check *k, uint64_t cluster, bool copied)
{
    if (cluster < k->file_clusters) {
        check_bit(copied ? k->flagged : k->unflagged, cluster);
    }
}

/* All entries of a table; bad ones are changed in @table. */
static void check_entries(Qcow2Check *k, CheckTable *t, uint8_t *table)
{
    const Qcow2 *q = k->q;
    uint64_t step = (uint64_t)1 << q->l2_entry_bits, misplaced = q->cluster_size - 1, allocated = 0, fragmented = 0;
    uint64_t odd_bits = QCOW2_L2_RESERVED | QCOW2_COMPRESSED | QCOW2_ZERO | (misplaced & QCOW2_OFFSET_MASK);
    bool plain = q->nsub == 1 && !q->data;
    for (uint64_t at = 0; at < q->cluster_size; at += step) {
        uint64_t e = ld_be64(table + at), guest = t->guest + ((at >> q->l2_entry_bits) << q->cluster_bits);
        if (!e && (plain || q->nsub == 1 || !ld_be64(table + at + 8))) {
            continue;
        }
        uint64_t cluster = (e & QCOW2_OFFSET_MASK) >> q->cluster_bits;
        if (!plain || e & odd_bits || !cluster || cluster >= k->file_clusters ||
            atomic_load_explicit(&q->kind_filter[qcow2_kind_bit(cluster) / 8], memory_order_relaxed) >> qcow2_kind_bit(cluster) % 8 & 1) {
            if (!check_odd(k, t, guest, table + at)) {
                /* Lost: it reads as zeros, where the format can say so. */
                st_be64(table + at, q->h.version >= 3 && q->nsub == 1 ? QCOW2_ZERO : 0);
                if (q->nsub > 1) {
                    st_be64(table + at + 8, (uint64_t)UINT32_MAX << 32);
                }
                t->changed = true;
                continue;
            }
            e = ld_be64(table + at);
            if (q->data && t->active && e && !(e & QCOW2_COPIED) && !(e & QCOW2_ZERO)) {
                qcow2_check_corrupt(k, "guest offset 0x%" PRIx64 " lacks the flag that all clusters of a data file have", guest);
                st_be64(table + at, e | QCOW2_COPIED);
                t->changed = true;
            }
            if (e & QCOW2_COMPRESSED || !(e & QCOW2_OFFSET_MASK) || q->data) {
                allocated += q->data && e;
                continue;
            }
        }
        if (!check_ref(k, cluster)) {
            qcow2_check_corrupt(k, "cluster 0x%" PRIx64 " is referred to too often (guest offset 0x%" PRIx64 "%s)",
                                cluster << q->cluster_bits, guest, t->where);
            st_be64(table + at, q->h.version >= 3 && q->nsub == 1 ? QCOW2_ZERO : 0);
            if (q->nsub > 1) {
                st_be64(table + at + 8, (uint64_t)UINT32_MAX << 32);
            }
            t->changed = true;
            continue;
        }
        if (t->active) {
            check_flags(k, cluster, e & QCOW2_COPIED);
            allocated++;
            fragmented += k->next && k->next != cluster;
            k->next = cluster + 1;
        }
    }
    if (t->active) {
        k->out->allocated_clusters += allocated;
        k->out->fragmented_clusters += fragmented;
    }
}

/* Is the L1 entry one that can be followed? */
static bool check_l1_entry(Qcow2Check *k, uint64_t i, uint64_t *e, const char *where)
{
    const Qcow2 *q = k->q;
    uint64_t off = *e & QCOW2_OFFSET_MASK;
    if (*e & QCOW2_L1_RESERVED) {
        qcow2_check_corrupt(k, "entry %" PRIu64 " of the L1 table%s (0x%" PRIx64 ") has bits that cannot be", i, where, *e);
        *e &= ~QCOW2_L1_RESERVED;
    }
    Qcow2Kind kind = qcow2_kind(k->q, qcow2_cluster(q, off));
    if (qcow2_in_cluster(q, off) || qcow2_cluster(q, off) >= k->file_clusters || (off && kind == QCOW2_KIND_HEADER) ||
        kind == QCOW2_KIND_L1) {
        if (off) {
            qcow2_check_corrupt(k, "entry %" PRIu64 " of the L1 table%s refers to an L2 table at 0x%" PRIx64 ", where none can be", i,
                                where, off);
        }
        *e = 0;
        return false;
    }
    return off;
}

/* All that L1 table @l1 refers to; with k->fix damaged tables get a clean copy at the end of the file. */
static int check_l1(Qcow2Check *k, uint64_t *l1, uint64_t n, bool active, const char *where)
{
    Qcow2 *q = k->q;
    uint8_t *table = g_malloc(q->cluster_size);
    int ret = 0;
    for (uint64_t i = 0; i < n && ret == 0; i++) {
        uint64_t was = l1[i], place;
        if (was && check_l1_entry(k, i, &l1[i], where)) {
            CheckTable t = { .guest = i << (q->cluster_bits + q->l2_bits), .active = active, .where = where };
            uint64_t off = l1[i] & QCOW2_OFFSET_MASK;
            ret = block_node_pread(q->n->file, off, table, q->cluster_size);
            if (ret < 0) {
                k->out->check_errors++;
                qcow2_check_say(k, "ERROR the L2 table at 0x%" PRIx64 " cannot be read: %s", off, g_strerror(-ret));
                break;
            }
            check_entries(k, &t, table);
            if (t.changed && k->fix && qcow2_counts_alloc(&k->counts, 1, &place) == 0) {
                ret = block_node_pwrite(q->n->file, place, table, q->cluster_size);
                l1[i] = place | (l1[i] & QCOW2_COPIED);
                k->tables_changed = true;
            } else if (!check_ref(k, qcow2_cluster(q, off))) {
                qcow2_check_corrupt(k, "the L2 table at 0x%" PRIx64 "%s is referred to too often", off, where);
                l1[i] = 0;
            } else if (active) {
                check_flags(k, qcow2_cluster(q, off), l1[i] & QCOW2_COPIED);
            }
        }
        k->tables_changed |= l1[i] != was;
        if (active && k->progress && k->progress->step && !k->progress->step(k->progress->opaque, i + 1, n)) {
            ret = -ECANCELED;
        }
    }
    g_free(table);
    return ret;
}

/* ---- Everything else that occupies clusters -------------------------------------------------------------------- */

static void check_refcount_block(Qcow2Check *k, uint64_t i)
{
    Qcow2 *q = k->q;
    uint64_t e = q->reft.e[i], off = e & ~QCOW2_REFT_RESERVED;
    k->counts.uncounted[i] = 1;
    if (e & QCOW2_REFT_RESERVED || qcow2_in_cluster(q, off) || qcow2_cluster(q, off) >= k->file_clusters) {
        qcow2_check_corrupt(k, "refcount block %" PRIu64 " is said to be at 0x%" PRIx64 ", where it cannot be", i, e);
    } else if (off && !check_ref(k, qcow2_cluster(q, off))) {
        qcow2_check_corrupt(k, "refcount block %" PRIu64 " at 0x%" PRIx64 " is in use for something else", i, off);
    } else if (off) {
        k->counts.uncounted[i] = 0;
        if (qcow2_count_get(&k->counts, qcow2_cluster(q, off)) != 1) {
            qcow2_check_corrupt(k, "refcount block %" PRIu64 " at 0x%" PRIx64 " is in use for something else too", i, off);
        }
    }
}

static void check_refcount_tables(Qcow2Check *k)
{
    Qcow2 *q = k->q;
    uint64_t before = k->corruptions;
    k->counts.uncounted = g_malloc0(q->reft.n + 1);
    k->counts.table_uncounted = true;
    if (!q->reft.n) {
        qcow2_check_corrupt(k, "there is no refcount table");
    } else if (qcow2_in_cluster(q, q->reft.offset) || !q->reft.offset) {
        qcow2_check_corrupt(k, "the refcount table is at offset 0x%" PRIx64 ", where it cannot be", q->reft.offset);
    } else {
        k->counts.table_uncounted = !check_range(k, q->reft.offset, q->reft.n * 8, "the refcount table");
    }
    for (uint64_t i = 0; i < q->reft.n; i++) {
        check_refcount_block(k, i);
    }
    k->bad_refcounts = k->corruptions != before;
}

static int check_snapshots(Qcow2Check *k)
{
    Qcow2 *q = k->q;
    int ret = 0;
    if (q->bad_snapshots || q->h.nb_snapshots > QCOW2_MAX_SNAPSHOTS || (q->h.nb_snapshots && qcow2_in_cluster(q, q->h.snapshots_offset))) {
        qcow2_check_corrupt(k, "%u entries of the snapshot table cannot be read; repair drops them", MAX(q->bad_snapshots, 1));
        k->tables_changed = true;
    }
    k->snapshots_counted = check_range(k, q->h.snapshots_offset, q->snapshots_bytes, "the snapshot table");
    for (unsigned i = 0; i < q->snapshots->len && ret == 0; i++) {
        Qcow2Snapshot s = g_array_index(q->snapshots, Qcow2Snapshot, i);
        char *where = g_strdup_printf(" of snapshot '%s' (%s)", s.name, s.id);
        uint64_t bytes = (uint64_t)s.l1_size * 8, *l1 = g_malloc0(bytes + 8);
        bool keep = check_range(k, s.l1_offset, bytes, "a snapshot's L1 table"), before = k->tables_changed;
        ret = keep ? block_node_pread(q->n->file, s.l1_offset, l1, bytes) : 0;
        for (uint32_t e = 0; e < s.l1_size; e++) {
            l1[e] = GUINT64_FROM_BE(l1[e]);
        }
        k->tables_changed = false;
        ret = ret < 0 || !keep ? ret : check_l1(k, l1, s.l1_size, false, where);
        if (ret == 0 && keep && k->tables_changed && k->fix) {
            for (uint32_t e = 0; e < s.l1_size; e++) {
                l1[e] = GUINT64_TO_BE(l1[e]);
            }
            qcow2_counts_release(&k->counts, s.l1_offset, (bytes + q->cluster_size - 1) >> q->cluster_bits);
            ret = qcow2_counts_alloc(&k->counts, (bytes + q->cluster_size - 1) >> q->cluster_bits, &s.l1_offset);
            ret = ret < 0 ? ret : block_node_pwrite(q->n->file, s.l1_offset, l1, bytes);
        }
        k->tables_changed |= before || !keep;
        if (keep && k->snapshots) {
            g_array_append_val(k->snapshots, s);
        }
        g_free(where);
        g_free(l1);
    }
    return ret;
}

static int check_bitmap_part(void *opaque, uint64_t offset, uint64_t bytes)
{
    return check_range(opaque, offset, bytes, "a bitmap") ? 0 : -EIO;
}

int qcow2_check_count(Qcow2Check *k)
{
    Qcow2 *q = k->q;
    k->out->total_clusters = (q->h.size + q->cluster_size - 1) >> q->cluster_bits;
    check_range(k, 0, q->cluster_size, "the header");
    k->l1_counted = check_range(k, q->l1.offset, q->l1.n * 8, "the L1 table");
    if (q->h.crypt_method == QCOW2_CRYPT_LUKS) {
        check_range(k, q->h.crypt_offset, MIN(q->h.crypt_len, GiB), "the encryption header");
    }
    check_refcount_tables(k);
    int ret = check_l1(k, k->l1, q->l1.n, true, "");
    ret = ret < 0 ? ret : check_snapshots(k);
    if (ret == 0 && (q->bad_bitmaps || qcow2_bitmaps_walk(q, check_bitmap_part, k) < 0)) {
        qcow2_check_corrupt(k, "the bitmaps cannot be read; repair removes them");
        k->bad_bitmaps = true;
    }
    return ret;
}

/* ---- Comparing ------------------------------------------------------------------------------------------------- */

static void check_cluster(Qcow2Check *k, uint64_t cluster, uint64_t has, uint64_t want)
{
    uint64_t off = cluster << k->q->cluster_bits;
    if (has > want) {
        k->leaks++;
        qcow2_check_say(k, "Leaked cluster 0x%" PRIx64 ": its refcount is %" PRIu64 ", but there are %" PRIu64 " references", off, has,
                        want);
    } else if (has < want) {
        qcow2_check_corrupt(k, "cluster 0x%" PRIx64 " has refcount %" PRIu64 ", but there are %" PRIu64 " references: it could be "
                            "overwritten", off, has, want);
    }
}

static void check_block(Qcow2Check *k, uint64_t first, uint64_t n, const uint8_t *block)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t has = block ? qcow2_ref_load(block, i, k->counts.order) : 0, want = qcow2_count_get(&k->counts, first + i);
        k->end = has || want ? MAX(k->end, first + i + 1) : k->end;
        check_cluster(k, first + i, has, want);
    }
}

static int check_compare(Qcow2Check *k)
{
    Qcow2 *q = k->q;
    uint64_t per = (uint64_t)1 << q->ref_bits, blocks = MAX(q->reft.n, (k->counts.n + per - 1) / per);
    uint8_t *block = g_malloc(q->cluster_size);
    int ret = 0;
    for (uint64_t b = 0; b < blocks && ret == 0; b++) {
        uint64_t off = b < q->reft.n ? q->reft.e[b] & ~QCOW2_REFT_RESERVED : 0, first = b * per;
        const uint8_t *want = first + per <= k->counts.n ? k->counts.map + b * q->cluster_size : NULL;
        bool there = off && !qcow2_in_cluster(q, off) && qcow2_cluster(q, off) < k->file_clusters;
        if (!there) {
            if (first < k->counts.n && !(want && block_is_zero(want, q->cluster_size))) {
                check_block(k, first, MIN(per, k->counts.n - first), NULL);
            }
            continue;
        }
        ret = block_node_pread(q->n->file, off, block, q->cluster_size);
        if (ret == 0 && want && !memcmp(want, block, q->cluster_size)) {
            for (uint64_t i = per; i > 0 && first + i > k->end; i--) {
                if (qcow2_ref_load(block, i - 1, k->counts.order)) {
                    k->end = first + i;
                }
            }
        } else if (ret == 0) {
            check_block(k, first, per, block);
        }
    }
    g_free(block);
    return ret;
}

static void check_copied(Qcow2Check *k)
{
    uint64_t bytes = (k->file_clusters + 7) / 8;
    if (k->q->data || (!k->shared && block_is_zero(k->unflagged, bytes))) {
        return;
    }
    for (uint64_t c = 0; c < k->file_clusters; c++) {
        uint8_t bit = (uint8_t)(1u << c % 8);
        bool once = qcow2_count_get(&k->counts, c) == 1;
        if (k->flagged[c / 8] & bit && !once) {
            qcow2_check_corrupt(k, "cluster 0x%" PRIx64 " is marked as used once, but is shared: a write would change other data too",
                                c << k->q->cluster_bits);
        } else if (k->unflagged[c / 8] & bit && once) {
            qcow2_check_corrupt(k, "cluster 0x%" PRIx64 " is marked as shared, but is used once", c << k->q->cluster_bits);
        }
    }
}

/* ---- The whole ------------------------------------------------------------------------------------------------- */

static void check_free(Qcow2Check *k)
{
    qcow2_counts_free(&k->counts);
    g_free(k->flagged);
    g_free(k->unflagged);
    g_free(k->l1);
    if (k->snapshots) {
        g_array_free(k->snapshots, TRUE);
    }
}

static bool check_begin(Qcow2Check *k, Qcow2 *q, BlockCheck *out, const BlockProgress *p, Error **errp)
{
    *k = (Qcow2Check) { .q = q, .out = out, .progress = p };
    k->file_clusters = (atomic_load(&q->n->file->size) + q->cluster_size - 1) >> q->cluster_bits;
    if (!qcow2_counts_init(&k->counts, q, q->h.refcount_order, k->file_clusters, errp)) {
        return false;
    }
    k->counts.hint = k->file_clusters;
    k->flagged = g_try_malloc0(k->file_clusters / 8 + 1);
    k->unflagged = g_try_malloc0(k->file_clusters / 8 + 1);
    k->l1 = g_memdup2((void *)q->l1.e, MAX(q->l1.n, 1) * 8);
    k->snapshots = g_array_new(FALSE, FALSE, sizeof(Qcow2Snapshot));
    if (!k->flagged || !k->unflagged) {
        error_set(errp, "no memory to check '%s'", q->n->filename);
        check_free(k);
        return false;
    }
    out->allocated_clusters = out->fragmented_clusters = out->compressed_clusters = 0;
    return true;
}

static int check_pass(Qcow2Check *k)
{
    int ret = qcow2_check_count(k);
    if (ret == 0 && !k->fix) {
        ret = check_compare(k);
        check_copied(k);
    }
    return ret;
}

static bool check_failed(Qcow2Check *k, int ret, Error **errp)
{
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot check '%s'", k->q->n->filename);
    }
    check_free(k);
    return false;
}

/* Counts what is there now (with @quiet only numbers), and corrects leaks when @fix wants it and nothing else is to be done. */
static bool check_once(Qcow2 *q, BlockCheck *out, const BlockProgress *p, bool quiet, unsigned fix, uint64_t *corruptions,
                       uint64_t *leaks, Error **errp)
{
    Qcow2Check k;
    if (!check_begin(&k, q, out, p, errp)) {
        return false;
    }
    k.quiet = quiet;
    int ret = check_pass(&k);
    if (ret < 0) {
        return check_failed(&k, ret, errp);
    }
    *corruptions = k.corruptions;
    *leaks = k.leaks;
    out->image_end_offset = k.end << q->cluster_bits;
    bool ok = true;
    if (fix & BLOCK_FIX_LEAKS && k.leaks && !k.bad_refcounts && !(fix & BLOCK_FIX_ERRORS && k.corruptions)) {
        ok = qcow2_repair_leaks(&k, errp);
    }
    check_free(&k);
    return ok;
}

static bool check_repair(Qcow2 *q, BlockCheck *out, Error **errp)
{
    Qcow2Check k;
    if (!check_begin(&k, q, out, NULL, errp)) {
        return false;
    }
    k.quiet = k.fix = true;
    int ret = check_pass(&k);
    if (ret < 0) {
        return check_failed(&k, ret, errp);
    }
    bool ok = qcow2_repair_all(&k, errp);
    check_free(&k);
    return ok;
}

/* After a repair the marks of damage may go. */
static bool check_clear_marks(Qcow2 *q, Error **errp)
{
    uint64_t marks = QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT;
    q->corrupt = false;
    q->dirty_marked = false;
    if (!(q->h.incompat & marks)) {
        return true;
    }
    q->h.incompat &= ~marks;
    int ret = qcow2_header_write_incompat(q);
    ret = ret < 0 ? ret : block_node_flush(q->n->file);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the header of '%s'", q->n->filename);
    }
    return ret == 0;
}

/* Repairs may bring up what was hidden before (a cluster that was shared by mistake is used once now), so look again. */
static bool check_repairs(Qcow2 *q, unsigned fix, BlockCheck *out, uint64_t *corruptions, uint64_t *leaks, Error **errp)
{
    for (int pass = 0; pass < REPAIR_PASSES; pass++) {
        if (fix & BLOCK_FIX_ERRORS && *corruptions && !check_repair(q, out, errp)) {
            return false;
        }
        if (!check_once(q, out, NULL, true, fix, corruptions, leaks, errp)) {
            return false;
        }
        if (!*corruptions && !*leaks) {
            break;
        }
    }
    return true;
}

bool qcow2_check(BlockNode *n, unsigned fix, const BlockProgress *p, BlockCheck *out, Error **errp)
{
    Qcow2 *q = n->opaque;
    uint64_t corruptions, leaks;
    if (!n->how.readonly && !q->corrupt) {
        int ret = q->l2.slots ? qcow2_settle(q) : 0;
        if (ret < 0 && !n->how.for_check) {
            error_set_errno(errp, -ret, "cannot write the tables of '%s'", n->filename);
            return false;
        }
    }
    fix = n->how.readonly ? 0 : fix;
    if (!check_once(q, out, p, false, fix, &corruptions, &leaks, errp)) {
        return false;
    }
    out->corruptions = corruptions;
    out->leaks = leaks;
    if (fix && (corruptions || leaks)) {
        if (!check_repairs(q, fix, out, &corruptions, &leaks, errp)) {
            return false;
        }
        out->corruptions_fixed = out->corruptions > corruptions ? out->corruptions - corruptions : 0;
        out->leaks_fixed = out->leaks > leaks ? out->leaks - leaks : 0;
        out->corruptions = corruptions;
        out->leaks = leaks;
    }
    return !(fix & BLOCK_FIX_ERRORS) || out->corruptions || out->check_errors || check_clear_marks(q, errp);
}
