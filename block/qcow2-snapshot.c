/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: internal snapshots.  Each operation makes the refcounts, the tables and the snapshot table of the image after it
 * beside those of before, and switches by one write of the header: a power cut leaves the one or the other.
 */
#include "util/osdep.h"
#include "block/qcow2-int.h"

enum { ENTRY_FIXED = 40, EXTRA_KNOWN = 24 };
#define SNAPSHOT_L1_BYTES (4 * GiB) /* of all snapshots; more would only keep a check busy */

static void snapshot_clear(Qcow2Snapshot *s)
{
    g_free(s->id);
    g_free(s->name);
    g_free(s->extra);
}

static void snapshots_array_free(GArray *a)
{
    for (unsigned i = 0; a && i < a->len; i++) {
        snapshot_clear(&g_array_index(a, Qcow2Snapshot, i));
    }
    if (a) {
        g_array_free(a, TRUE);
    }
}

void qcow2_snapshots_free(Qcow2 *q)
{
    snapshots_array_free(q->snapshots);
    q->snapshots = NULL;
}

/* ---- The table ------------------------------------------------------------------------------------------------- */

static bool snapshot_l1_ok(const Qcow2 *q, const Qcow2Snapshot *s)
{
    uint64_t need = (s->disk_size + (q->cluster_size << q->l2_bits) - 1) >> (q->cluster_bits + q->l2_bits);
    return !qcow2_in_cluster(q, s->l1_offset) && s->l1_offset <= QCOW2_OFFSET_MASK && s->l1_size <= QCOW2_MAX_L1_BYTES / 8 &&
           s->disk_size <= BLK_MAX_SIZE && s->l1_size >= need && (s->l1_offset || !s->l1_size);
}

/* Parses the entry at @at.  0: not valid; else its length. */
static uint64_t snapshot_read(Qcow2 *q, uint64_t at, uint64_t left, Qcow2Snapshot *s)
{
    uint8_t f[ENTRY_FIXED], known[EXTRA_KNOWN] = { 0 };
    memset(s, 0, sizeof(*s));
    if (left < sizeof(f) || at > INT64_MAX - left || block_node_pread(q->n->file, at, f, sizeof(f)) < 0) {
        return 0;
    }
    uint32_t id_len = ld_be16(f + 12), name_len = ld_be16(f + 14), extra = ld_be32(f + 36);
    uint64_t len = align_up(ENTRY_FIXED + (uint64_t)extra + id_len + name_len, 8);
    if (extra > QCOW2_MAX_SNAPSHOT_EXTRA || len > left) {
        return 0;
    }
    s->extra_known = MIN(extra, EXTRA_KNOWN);
    s->extra_len = extra - s->extra_known;
    uint8_t *var = g_malloc(len);
    if (block_node_pread(q->n->file, at + ENTRY_FIXED, var, len - ENTRY_FIXED) < 0) {
        g_free(var);
        return 0;
    }
    memcpy(known, var, s->extra_known);
    s->l1_offset = ld_be64(f);
    s->l1_size = ld_be32(f + 8);
    s->date_sec = ld_be32(f + 16);
    s->date_nsec = ld_be32(f + 20);
    s->vm_clock_nsec = ld_be64(f + 24);
    s->vm_state_size = s->extra_known >= 8 ? ld_be64(known) : ld_be32(f + 32);
    s->disk_size = s->extra_known >= 16 ? ld_be64(known + 8) : q->h.size;
    s->icount = s->extra_known >= 24 ? ld_be64(known + 16) : UINT64_MAX;
    s->extra = g_memdup2(var + s->extra_known, s->extra_len);
    s->id = g_strndup((char *)var + extra, id_len);
    s->name = g_strndup((char *)var + extra + id_len, name_len);
    g_free(var);
    return len;
}

bool qcow2_snapshots_read(Qcow2 *q, Error **errp)
{
    uint64_t at = q->h.snapshots_offset, used = 0;
    q->snapshots = g_array_new(FALSE, FALSE, sizeof(Qcow2Snapshot));
    uint32_t count = MIN(q->h.nb_snapshots, QCOW2_MAX_SNAPSHOTS);
    uint64_t l1_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        Qcow2Snapshot s;
        uint64_t len = snapshot_read(q, at + used, QCOW2_MAX_SNAPSHOT_BYTES - used, &s);
        l1_bytes += (uint64_t)s.l1_size * 8;
        if (!len || !snapshot_l1_ok(q, &s) || l1_bytes > SNAPSHOT_L1_BYTES) {
            snapshot_clear(&s);
            if (q->n->how.for_check) {
                q->bad_snapshots = count - i;
                break;
            }
            error_set(errp, "entry %u of the snapshot table of '%s' is damaged", i + 1, q->n->filename);
            error_add_hint(errp, "`rhea-img check -r all` repairs it.");
            return false;
        }
        used += len;
        g_array_append_val(q->snapshots, s);
        qcow2_kind_add(q, s.l1_offset, (uint64_t)s.l1_size * 8, QCOW2_KIND_SNAPSHOT_L1);
    }
    q->snapshots_bytes = used;
    qcow2_kind_add(q, q->h.snapshots_offset, used, QCOW2_KIND_SNAPSHOTS);
    return true;
}

GByteArray *qcow2_snapshots_build(GArray *snapshots)
{
    GByteArray *out = g_byte_array_new();
    for (unsigned i = 0; i < snapshots->len; i++) {
        const Qcow2Snapshot *s = &g_array_index(snapshots, Qcow2Snapshot, i);
        uint8_t f[ENTRY_FIXED] = { 0 }, known[EXTRA_KNOWN], pad[8] = { 0 };
        size_t id_len = strlen(s->id), name_len = strlen(s->name);
        uint32_t extra_known = s->extra_len || s->icount != UINT64_MAX ? EXTRA_KNOWN : MAX(16, s->extra_known);
        st_be64(f, s->l1_offset);
        st_be32(f + 8, s->l1_size);
        st_be16(f + 12, (uint16_t)id_len);
        st_be16(f + 14, (uint16_t)name_len);
        st_be32(f + 16, s->date_sec);
        st_be32(f + 20, s->date_nsec);
        st_be64(f + 24, s->vm_clock_nsec);
        st_be32(f + 32, s->vm_state_size > UINT32_MAX ? 0 : (uint32_t)s->vm_state_size);
        st_be32(f + 36, extra_known + s->extra_len);
        st_be64(known, s->vm_state_size);
        st_be64(known + 8, s->disk_size);
        st_be64(known + 16, s->icount);
        g_byte_array_append(out, f, sizeof(f));
        g_byte_array_append(out, known, extra_known);
        g_byte_array_append(out, s->extra, s->extra_len);
        g_byte_array_append(out, (const uint8_t *)s->id, (guint)id_len);
        g_byte_array_append(out, (const uint8_t *)s->name, (guint)name_len);
        g_byte_array_append(out, pad, (guint)(align_up(out->len, 8) - out->len));
    }
    return out;
}

/* ---- Finding --------------------------------------------------------------------------------------------------- */

/* By id, else by name; -1: none. */
static int snapshot_find(const Qcow2 *q, const char *id_or_name)
{
    for (int by_name = 0; by_name < 2; by_name++) {
        for (unsigned i = 0; i < q->snapshots->len; i++) {
            const Qcow2Snapshot *s = &g_array_index(q->snapshots, Qcow2Snapshot, i);
            if (!strcmp(by_name ? s->name : s->id, id_or_name)) {
                return (int)i;
            }
        }
    }
    return -1;
}

static int snapshot_find_or_say(const Qcow2 *q, const char *id_or_name, Error **errp)
{
    int i = snapshot_find(q, id_or_name);
    if (i < 0) {
        error_set(errp, "'%s' has no snapshot '%s'", q->n->filename, id_or_name);
    }
    return i;
}

static void snapshot_free_public(void *p)
{
    BlockSnapshot *s = p;
    g_free(s->id);
    g_free(s->name);
    g_free(s);
}

static GPtrArray *qcow2_snapshot_list(BlockNode *n, Error **errp)
{
    const Qcow2 *q = n->opaque;
    GPtrArray *out = g_ptr_array_new_with_free_func(snapshot_free_public);
    (void)errp;
    for (unsigned i = 0; i < q->snapshots->len; i++) {
        const Qcow2Snapshot *s = &g_array_index(q->snapshots, Qcow2Snapshot, i);
        BlockSnapshot *b = g_new0(BlockSnapshot, 1);
        *b = (BlockSnapshot) { .id = g_strdup(s->id), .name = g_strdup(s->name), .vm_state_size = s->vm_state_size,
                               .disk_size = s->disk_size, .date_sec = s->date_sec, .date_nsec = s->date_nsec,
                               .vm_clock_nsec = s->vm_clock_nsec, .icount = s->icount };
        g_ptr_array_add(out, b);
    }
    return out;
}

uint64_t qcow2_vmstate_offset(const Qcow2 *q)
{
    return align_up(q->virtual_size, q->cluster_size << q->l2_bits);
}

/* ---- The work -------------------------------------------------------------------------------------------------- */

/* An image in the making: what is and what shall be. */
typedef struct SnapshotWork {
    Qcow2 *q;
    Qcow2Counts counts;
    Qcow2Header h;
    GArray *list;      /* Qcow2Snapshot; strings belong to q->snapshots or to the caller */
    uint64_t *l1;      /* active, host order */
    uint64_t l1_entries;
} SnapshotWork;

static bool snapshot_ready(Qcow2 *q, Error **errp)
{
    int ret = q->corrupt ? -EIO : qcow2_settle(q);
    if (q->external) {
        error_set(errp, "'%s' has an external data file, which cannot hold snapshots", q->n->filename);
    } else if (q->shows_snapshot) {
        error_set(errp, "'%s' is showing a snapshot", q->n->filename);
    } else if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the tables of '%s'", q->n->filename);
    } else {
        return true;
    }
    return false;
}

static void work_free(SnapshotWork *w)
{
    qcow2_counts_free(&w->counts);
    g_array_free(w->list, TRUE);
    g_free(w->l1);
}

/* @drops: references go away; what they leave must not be used before the switch. */
static bool work_begin(SnapshotWork *w, Qcow2 *q, bool drops, Error **errp)
{
    *w = (SnapshotWork) { .q = q, .h = q->h };
    if (!snapshot_ready(q, errp) || !qcow2_counts_init(&w->counts, q, q->h.refcount_order,
                                                       atomic_load(&q->n->file->size) >> q->cluster_bits, errp)) {
        return false;
    }
    w->list = g_array_new(FALSE, FALSE, sizeof(Qcow2Snapshot));
    g_array_append_vals(w->list, q->snapshots->data, q->snapshots->len);
    w->l1_entries = q->l1.n;
    w->l1 = g_memdup2((void *)q->l1.e, q->l1.n * 8);
    if (!qcow2_counts_load(&w->counts, errp)) {
        work_free(w);
        return false;
    }
    if (drops) {
        qcow2_counts_no_reuse(&w->counts);
    }
    return true;
}

static uint64_t *snapshot_l1(Qcow2 *q, const Qcow2Snapshot *s, Error **errp)
{
    uint64_t *l1 = g_new0(uint64_t, s->l1_size + 1);
    int ret = block_node_pread(q->n->file, s->l1_offset, l1, (size_t)s->l1_size * 8);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot read the snapshot's L1 table");
        g_free(l1);
        return NULL;
    }
    for (uint32_t i = 0; i < s->l1_size; i++) {
        l1[i] = GUINT64_FROM_BE(l1[i]);
    }
    return l1;
}

static int work_write_table(SnapshotWork *w, const void *bytes, uint64_t len, uint64_t *offset)
{
    uint64_t clusters = (len + w->q->cluster_size - 1) >> w->q->cluster_bits;
    *offset = 0;
    if (!clusters) {
        return 0;
    }
    int ret = qcow2_counts_alloc(&w->counts, clusters, offset);
    uint8_t *buf = g_malloc0(clusters << w->q->cluster_bits);
    memcpy(buf, bytes, len);
    ret = ret < 0 ? ret : block_node_pwrite(w->q->n->file, *offset, buf, clusters << w->q->cluster_bits);
    g_free(buf);
    return ret;
}

static uint64_t table_clusters(const Qcow2 *q, uint64_t bytes)
{
    return (bytes + q->cluster_size - 1) >> q->cluster_bits;
}

/* Writes all that is new, and switches.  @keep_l1: the old active L1 table is a snapshot's now. */
static bool work_finish(SnapshotWork *w, bool keep_l1, Error **errp)
{
    Qcow2 *q = w->q;
    int ret = qcow2_counts_copied(&w->counts, w->l1, w->l1_entries);
    uint64_t *be = g_new(uint64_t, w->l1_entries + 1);
    for (uint64_t i = 0; i < w->l1_entries; i++) {
        be[i] = GUINT64_TO_BE(w->l1[i]);
    }
    ret = ret < 0 ? ret : work_write_table(w, be, w->l1_entries * 8, &w->h.l1_offset);
    g_free(be);
    w->h.l1_size = (uint32_t)w->l1_entries;
    GByteArray *table = qcow2_snapshots_build(w->list);
    w->h.nb_snapshots = w->list->len;
    ret = ret < 0 ? ret : table->len > QCOW2_MAX_SNAPSHOT_BYTES ? -EFBIG
                        : work_write_table(w, table->data, table->len, &w->h.snapshots_offset);
    g_byte_array_free(table, TRUE);
    if (!keep_l1) {
        qcow2_counts_release(&w->counts, q->l1.offset, table_clusters(q, q->l1.n * 8));
    }
    qcow2_counts_release(&w->counts, q->h.snapshots_offset, table_clusters(q, q->snapshots_bytes));
    bool ok = ret == 0;
    if (!ok) {
        error_set_errno(errp, -ret, ret == -ERANGE ? "a cluster of '%s' would be referred to more often than its refcounts of %u bits "
                        "can tell" : "cannot write the new tables of '%s' (refcounts of %u bits)", q->n->filename,
                        1u << q->h.refcount_order);
    }
    ok = ok && qcow2_counts_switch(&w->counts, &w->h, errp);
    work_free(w);
    return ok;
}

static bool work_walk(SnapshotWork *w, const uint64_t *l1, uint64_t n, int delta, Error **errp)
{
    int ret = qcow2_counts_walk(&w->counts, l1, n, delta);
    if (ret == -ERANGE && delta > 0) {
        error_set(errp, "a snapshot needs a cluster of '%s' to be referred to more often than its refcounts of %u bits can tell",
                  w->q->n->filename, 1u << w->q->h.refcount_order);
        error_add_hint(errp, "Delete a snapshot, or widen them: `rhea-img amend -o refcount_bits=%u`.",
                       MIN(64, 2u << w->q->h.refcount_order));
    } else if (ret < 0) {
        error_set_errno(errp, -ret, "the tables or refcounts of '%s' are damaged", w->q->n->filename);
        error_add_hint(errp, "`rhea-img check` tells more.");
    }
    return ret == 0;
}

static char *snapshot_new_id(const Qcow2 *q)
{
    uint64_t max = 0;
    for (unsigned i = 0; i < q->snapshots->len; i++) {
        max = MAX(max, g_ascii_strtoull(g_array_index(q->snapshots, Qcow2Snapshot, i).id, NULL, 10));
    }
    return g_strdup_printf("%" PRIu64, max == UINT64_MAX ? 1 : max + 1);
}

static bool qcow2_snapshot_create(BlockNode *n, const BlockSnapshot *b, Error **errp)
{
    Qcow2 *q = n->opaque;
    SnapshotWork w;
    if (q->snapshots->len >= QCOW2_MAX_SNAPSHOTS) {
        error_set(errp, "'%s' has %d snapshots, and more are not possible", n->filename, QCOW2_MAX_SNAPSHOTS);
        return false;
    }
    if ((b->id && strlen(b->id) > 255) || (b->name && strlen(b->name) > 1023)) {
        error_set(errp, "a snapshot's id may have 255 bytes and its name 1023");
        return false;
    }
    if (b->id && snapshot_find(q, b->id) >= 0) {
        error_set(errp, "'%s' has a snapshot '%s' already", n->filename, b->id);
        return false;
    }
    if (!work_begin(&w, q, false, errp)) {
        return false;
    }
    char *id = b->id ? g_strdup(b->id) : snapshot_new_id(q), *name = g_strdup(b->name ? b->name : "");
    Qcow2Snapshot s = { .l1_offset = q->l1.offset, .l1_size = (uint32_t)q->l1.n, .id = id, .name = name, .date_sec = b->date_sec,
                        .date_nsec = b->date_nsec, .vm_clock_nsec = b->vm_clock_nsec, .vm_state_size = b->vm_state_size,
                        .disk_size = q->h.size, .icount = b->icount, .extra_known = EXTRA_KNOWN };
    g_array_append_val(w.list, s);
    /* The VM state is the snapshot's alone from now on. */
    uint64_t disk = MIN(w.l1_entries, qcow2_vmstate_offset(q) >> (q->cluster_bits + q->l2_bits));
    bool ok = work_walk(&w, w.l1, disk, 1, errp);
    if (ok) {
        memset(w.l1 + disk, 0, (w.l1_entries - disk) * 8);
        ok = work_finish(&w, true, errp);
    } else {
        work_free(&w);
    }
    g_free(id);
    g_free(name);
    return ok;
}

static bool qcow2_snapshot_delete(BlockNode *n, const char *id_or_name, Error **errp)
{
    Qcow2 *q = n->opaque;
    SnapshotWork w;
    int i = snapshot_find_or_say(q, id_or_name, errp);
    if (i < 0 || !work_begin(&w, q, true, errp)) {
        return false;
    }
    const Qcow2Snapshot *s = &g_array_index(q->snapshots, Qcow2Snapshot, i);
    uint64_t *l1 = snapshot_l1(q, s, errp);
    bool ok = l1 && work_walk(&w, l1, s->l1_size, -1, errp);
    g_free(l1);
    if (!ok) {
        work_free(&w);
        return false;
    }
    qcow2_counts_release(&w.counts, s->l1_offset, table_clusters(q, (uint64_t)s->l1_size * 8));
    g_array_remove_index(w.list, (guint)i);
    return work_finish(&w, false, errp);
}

static bool qcow2_snapshot_apply(BlockNode *n, const char *id_or_name, Error **errp)
{
    Qcow2 *q = n->opaque;
    SnapshotWork w;
    int i = snapshot_find_or_say(q, id_or_name, errp);
    if (i < 0 || !work_begin(&w, q, true, errp)) {
        return false;
    }
    const Qcow2Snapshot *s = &g_array_index(q->snapshots, Qcow2Snapshot, i);
    uint64_t *l1 = snapshot_l1(q, s, errp);
    bool ok = l1 && work_walk(&w, w.l1, w.l1_entries, -1, errp) && work_walk(&w, l1, s->l1_size, 1, errp);
    if (!ok) {
        g_free(l1);
        work_free(&w);
        return false;
    }
    g_free(w.l1);
    w.l1 = l1;
    w.l1_entries = s->l1_size;
    w.h.size = s->disk_size;
    return work_finish(&w, false, errp);
}

/* ---- Looking at one, and VM state ------------------------------------------------------------------------------ */

static bool qcow2_snapshot_load(BlockNode *n, const char *id_or_name, Error **errp)
{
    Qcow2 *q = n->opaque;
    int i = snapshot_find_or_say(q, id_or_name, errp);
    if (i < 0) {
        return false;
    }
    if (!n->how.readonly) {
        error_set(errp, "'%s' is open for writing, so a snapshot cannot be shown in its place", n->filename);
        return false;
    }
    const Qcow2Snapshot *s = &g_array_index(q->snapshots, Qcow2Snapshot, i);
    Qcow2Table t;
    int ret = qcow2_table_init(&t, s->l1_size) ? qcow2_table_read(n->file, &t, s->l1_offset) : -ENOMEM;
    if (ret < 0) {
        qcow2_table_free(&t);
        error_set_errno(errp, -ret, "cannot read the L1 table of snapshot '%s'", id_or_name);
        return false;
    }
    qcow2_table_free(&q->l1);
    q->l1 = t;
    q->virtual_size = s->disk_size;
    n->size = align_up(s->disk_size, BLK_SECTOR);
    q->shows_snapshot = true;
    pthread_mutex_lock(&q->lock);
    qcow2_cache_drop(&q->l2);
    pthread_mutex_unlock(&q->lock);
    return true;
}

static int qcow2_vmstate_pread(BlockNode *n, uint64_t pos, void *buf, size_t len)
{
    Qcow2 *q = n->opaque;
    struct iovec iov = { buf, len };
    uint64_t off = qcow2_vmstate_offset(q);
    return pos > BLK_MAX_SIZE - off || len > BLK_MAX_SIZE - off - pos ? -EFBIG : len ? qcow2_read(q, off + pos, &iov, 1, len) : 0;
}

static int qcow2_vmstate_pwrite(BlockNode *n, uint64_t pos, const void *buf, size_t len)
{
    Qcow2 *q = n->opaque;
    struct iovec iov = { (void *)buf, len };
    uint64_t off = qcow2_vmstate_offset(q);
    if (pos > BLK_MAX_SIZE - off || len > BLK_MAX_SIZE - off - pos || q->external) {
        return q->external ? -ENOTSUP : -EFBIG;
    }
    uint64_t end = off + pos + len, per = q->cluster_size << q->l2_bits;
    int ret = qcow2_grow_l1(q, (end + per - 1) / per);
    return ret < 0 || !len ? ret : qcow2_write_any(q, off + pos, &iov, 1, len);
}

const BlockSnapshotOps qcow2_snapshot_ops = {
    .list = qcow2_snapshot_list,
    .create = qcow2_snapshot_create,
    .apply = qcow2_snapshot_apply,
    .del = qcow2_snapshot_delete,
    .load = qcow2_snapshot_load,
    .vmstate_pread = qcow2_vmstate_pread,
    .vmstate_pwrite = qcow2_vmstate_pwrite,
};
