/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: repair, from what a check found.  Leaks are corrected where they are.  Everything else: the check has made clean copies of
 * damaged tables at the end of the file and counted all references; a new set of refcounts is written, and the header
 * switches to the new state at once.
 */
#include "util/osdep.h"
#include "block/qcow2-int.h"

/* With q->lock held: sets the counts of one slice to what was counted. */
static int repair_slice(Qcow2Check *k, uint64_t first, uint64_t n)
{
    Qcow2 *q = k->q;
    Qcow2Slot *s;
    int ret = qcow2_cache_get(&q->ref, first >> q->ref_slice_bits, &s);
    if (ret < 0) {
        return ret;
    }
    uint8_t *data = qcow2_slot_data(&q->ref, s);
    bool changing = false;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t has = qcow2_ref_load(data, i, k->counts.order), want = qcow2_count_get(&k->counts, first + i);
        if (has > want) {
            if (!changing) {
                qcow2_slot_change(&q->ref, s);
                changing = true;
            }
            qcow2_ref_store(data, i, k->counts.order, want);
        }
    }
    if (changing) {
        qcow2_slot_changed(s);
    }
    return 0;
}

bool qcow2_repair_leaks(Qcow2Check *k, Error **errp)
{
    Qcow2 *q = k->q;
    uint64_t slice = (uint64_t)1 << q->ref_slice_bits, per = (uint64_t)1 << q->ref_bits;
    int ret = 0;
    pthread_mutex_lock(&q->lock);
    for (uint64_t b = 0; b < q->reft.n && ret == 0; b++) {
        for (uint64_t c = b * per; q->reft.e[b] && c < (b + 1) * per && ret == 0; c += slice) {
            ret = repair_slice(k, c, slice);
        }
    }
    pthread_mutex_unlock(&q->lock);
    q->hint = 0;
    ret = ret < 0 ? ret : qcow2_settle(q);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot repair the refcounts of '%s'", q->n->filename);
    }
    return ret == 0;
}

static int repair_table(Qcow2Check *k, const void *bytes, uint64_t len, uint64_t *offset)
{
    uint64_t clusters = MAX(1, (len + k->q->cluster_size - 1) >> k->q->cluster_bits);
    int ret = qcow2_counts_alloc(&k->counts, clusters, offset);
    uint8_t *buf = g_malloc0(clusters << k->q->cluster_bits);
    memcpy(buf, bytes, len);
    ret = ret < 0 ? ret : block_node_pwrite(k->q->n->file, *offset, buf, clusters << k->q->cluster_bits);
    g_free(buf);
    return ret;
}

static int repair_l1(Qcow2Check *k, Qcow2Header *h)
{
    Qcow2 *q = k->q;
    int ret = qcow2_counts_copied(&k->counts, k->l1, q->l1.n);
    uint64_t *be = g_new0(uint64_t, q->l1.n + 1);
    for (uint64_t i = 0; i < q->l1.n; i++) {
        be[i] = GUINT64_TO_BE(k->l1[i]);
    }
    ret = ret < 0 ? ret : repair_table(k, be, q->l1.n * 8, &h->l1_offset);
    g_free(be);
    if (ret == 0 && k->l1_counted) {
        qcow2_counts_release(&k->counts, q->l1.offset, (q->l1.n * 8 + q->cluster_size - 1) >> q->cluster_bits);
    }
    return ret;
}

static int repair_snapshots(Qcow2Check *k, Qcow2Header *h)
{
    Qcow2 *q = k->q;
    GByteArray *table = qcow2_snapshots_build(k->snapshots);
    int ret = 0;
    h->nb_snapshots = k->snapshots->len;
    h->snapshots_offset = 0;
    if (k->snapshots_counted) {
        qcow2_counts_release(&k->counts, q->h.snapshots_offset, (q->snapshots_bytes + q->cluster_size - 1) >> q->cluster_bits);
    }
    if (table->len) {
        ret = repair_table(k, table->data, table->len, &h->snapshots_offset);
    }
    g_byte_array_free(table, TRUE);
    return ret;
}

bool qcow2_repair_all(Qcow2Check *k, Error **errp)
{
    Qcow2 *q = k->q;
    Qcow2Header h = q->h;
    int ret = repair_l1(k, &h);
    ret = ret < 0 || !h.nb_snapshots ? ret : repair_snapshots(k, &h);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write new tables into '%s'", q->n->filename);
        return false;
    }
    if (k->bad_bitmaps) {
        h.autoclear &= ~(uint64_t)QCOW2_AUTOCLEAR_BITMAPS;
    }
    h.incompat &= ~(uint64_t)(QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT);
    q->corrupt = false;
    if (!qcow2_counts_switch(&k->counts, &h, errp)) {
        return false;
    }
    if (k->bad_bitmaps) {
        q->h.has_bitmaps = false;
        q->bad_bitmaps = false;
        g_ptr_array_set_size(q->bitmaps, 0);
        return qcow2_header_write(q, errp) && qcow2_reload(q, errp);
    }
    return true;
}
