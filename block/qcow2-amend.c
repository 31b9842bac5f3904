/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: changing the options of an image that exists.  Alone: nothing is in flight. */
#include "util/osdep.h"
#include "block/qcow2-int.h"

bool qcow2_set_backing(BlockNode *n, const char *name, const char *format, Error **errp)
{
    Qcow2 *q = n->opaque;
    name = name && *name ? name : NULL;
    if (name && strlen(name) > 1023) {
        error_set(errp, "the backing file's name has %zu bytes; at most 1023 are possible", strlen(name));
        return false;
    }
    if (name && q->raw_data) {
        error_set(errp, "'%s' has a raw data file, which alone must be the whole disk: it cannot have a backing file", n->filename);
        return false;
    }
    char *old_name = q->h.backing_name, *old_format = q->h.backing_format;
    q->h.backing_name = g_strdup(name);
    q->h.backing_format = g_strdup(name ? format : NULL);
    if (!qcow2_header_write(q, errp)) {
        g_free(q->h.backing_name);
        g_free(q->h.backing_format);
        q->h.backing_name = old_name;
        q->h.backing_format = old_format;
        return false;
    }
    g_free(old_name);
    g_free(old_format);
    g_free(n->backing_name);
    g_free(n->backing_format);
    n->backing_name = g_strdup(q->h.backing_name);
    n->backing_format = g_strdup(q->h.backing_format);
    return true;
}

/* ---- Refcount width -------------------------------------------------------------------------------------------- */

static bool amend_refcounts(Qcow2 *q, uint32_t order, Error **errp)
{
    Qcow2Counts c;
    if (order == q->h.refcount_order) {
        return true;
    }
    int ret = qcow2_settle(q);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the tables of '%s'", q->n->filename);
        return false;
    }
    if (!qcow2_counts_init(&c, q, order, atomic_load(&q->n->file->size) >> q->cluster_bits, errp)) {
        return false;
    }
    bool ok = qcow2_counts_load(&c, errp);
    if (ok && c.overflows) {
        error_set(errp, "%" PRIu64 " clusters of '%s' are referred to more often than refcounts of %u bits can tell", c.overflows,
                  q->n->filename, 1u << order);
        error_add_hint(errp, "Delete snapshots first, or choose more bits.");
        ok = false;
    }
    Qcow2Header h = q->h;
    h.refcount_order = order;
    ok = ok && qcow2_counts_switch(&c, &h, errp);
    qcow2_counts_free(&c);
    return ok;
}

/* ---- Version --------------------------------------------------------------------------------------------------- */

/* Zero clusters become data (or nothing, where nothing is behind): version 2 has no flag for them. */
static int downgrade_zeros(Qcow2 *q, const BlockProgress *p)
{
    uint64_t chunk = MAX(q->cluster_size, MiB), size = align_up(q->virtual_size, q->cluster_size);
    bool backed = q->n->backing || q->n->backing_name;
    void *zeros = g_malloc0(chunk);
    int ret = 0;
    for (uint64_t off = 0; off < size && ret == 0;) {
        Qcow2Type type;
        uint64_t host, entry, run;
        ret = qcow2_run(q, off, size - off, &type, &host, &entry, &run);
        if (ret == 0 && type == QCOW2_ZEROS && !backed) {
            ret = qcow2_discard_clusters(q, off, run, QCOW2_FREE_OTHER, true);
        } else if (ret == 0 && type == QCOW2_ZEROS) {
            run = MIN(run, chunk);
            struct iovec iov = { zeros, run };
            ret = qcow2_write(q, off, &iov, 1, run);
        }
        off += run;
        if (ret == 0 && p && p->step && !p->step(p->opaque, off, size)) {
            ret = -ECANCELED;
        }
    }
    g_free(zeros);
    return ret;
}

static const char *downgrade_hindrance(const Qcow2 *q)
{
    return q->h.incompat & QCOW2_INCOMPAT_EXTL2 ? "extended L2 entries" : q->h.incompat & QCOW2_INCOMPAT_COMPRESSION ? "zstd compression"
         : q->h.incompat & QCOW2_INCOMPAT_DATA_FILE ? "an external data file"
         : q->h.refcount_order != 4 ? "refcounts that are not of 16 bits"
         : q->h.has_bitmaps ? "bitmaps" : q->snapshots->len ? "snapshots (which may hold zero clusters)" : NULL;
}

static bool amend_version(Qcow2 *q, uint32_t version, const BlockProgress *p, Error **errp)
{
    if (version == q->h.version) {
        return true;
    }
    if (version < 3) {
        const char *what = downgrade_hindrance(q);
        if (what) {
            error_set(errp, "'%s' cannot become version 2 (compat=0.10), which has no %s", q->n->filename, what);
            return false;
        }
        q->lazy = false;
        int ret = downgrade_zeros(q, p);
        ret = ret < 0 ? ret : qcow2_settle(q);
        if (ret < 0) {
            error_set_errno(errp, -ret, "cannot write the zero clusters of '%s' as data", q->n->filename);
            return false;
        }
        q->h.incompat = q->h.compat = q->h.autoclear = 0;
        atomic_store(&q->dirty_marked, false);
    } else {
        q->h.length = QCOW2_HDR_LEN;
    }
    q->h.version = version;
    return qcow2_header_write(q, errp);
}

static bool amend_lazy(Qcow2 *q, bool on, Error **errp)
{
    if (on && q->h.version < 3) {
        error_set(errp, "lazy_refcounts=on needs compat=1.1 or newer");
        return false;
    }
    if (!on) {
        int ret = qcow2_settle(q);
        if (ret < 0) {
            error_set_errno(errp, -ret, "cannot write the refcounts of '%s'", q->n->filename);
            return false;
        }
        q->h.incompat &= ~(uint64_t)QCOW2_INCOMPAT_DIRTY;
        atomic_store(&q->dirty_marked, false);
    }
    q->h.compat = on ? q->h.compat | QCOW2_COMPAT_LAZY : q->h.compat & ~(uint64_t)QCOW2_COMPAT_LAZY;
    q->lazy = on;
    return q->h.version < 3 || qcow2_header_write(q, errp);
}

static bool amend_data_file(Qcow2 *q, BlockOpts *o, Error **errp)
{
    bool given = block_opt_given(o, "data_file"), raw = block_opt_given(o, "data_file_raw");
    if (!(q->h.incompat & QCOW2_INCOMPAT_DATA_FILE)) {
        error_set(errp, "'%s' has no external data file, and cannot get one any more", q->n->filename);
        error_add_hint(errp, "`rhea-img convert -o data_file=FILE` makes an image that has one.");
        return false;
    }
    if (raw && block_opt_bool(o, "data_file_raw") && !(q->h.autoclear & QCOW2_AUTOCLEAR_RAW)) {
        error_set(errp, "data_file_raw=on is possible only when an image is created");
        return false;
    }
    if (raw && !block_opt_bool(o, "data_file_raw")) {
        q->h.autoclear &= ~(uint64_t)QCOW2_AUTOCLEAR_RAW;
        q->raw_data = false;
    }
    if (given) {
        const char *name = block_opt_str(o, "data_file");
        g_free(q->h.data_file);
        q->h.data_file = *name ? g_strdup(name) : NULL;
    }
    return qcow2_header_write(q, errp);
}

bool qcow2_amend(BlockNode *n, BlockOpts *o, bool force, const BlockProgress *p, Error **errp)
{
    Qcow2 *q = n->opaque;
    uint32_t version = q->h.version, order = q->h.refcount_order;
    if ((block_opt_given(o, "compat") && !qcow2_parse_compat(block_opt_str(o, "compat"), &version, errp)) ||
        (block_opt_given(o, "refcount_bits") &&
         !qcow2_parse_refcount_bits(block_opt_uint(o, "refcount_bits"), version, &order, errp))) {
        return false;
    }
    bool crypt = block_opt_given(o, "encrypt.state") || block_opt_given(o, "encrypt.new-secret") || block_opt_given(o, "encrypt.keyslot") ||
                 block_opt_given(o, "encrypt.old-secret");
    /* Upwards first: what follows may need it; downwards last. */
    if (version > q->h.version && !amend_version(q, version, p, errp)) {
        return false;
    }
    if ((block_opt_given(o, "size") && !qcow2_truncate(n, align_up(block_opt_uint(o, "size"), BLK_SECTOR), BLOCK_PREALLOC_OFF, errp)) ||
        (crypt && !qcow2_crypt_amend(q, o, force, errp)) ||
        (block_opt_given(o, "lazy_refcounts") && !amend_lazy(q, block_opt_bool(o, "lazy_refcounts"), errp)) ||
        ((block_opt_given(o, "data_file") || block_opt_given(o, "data_file_raw")) && !amend_data_file(q, o, errp)) ||
        !amend_refcounts(q, order, errp)) {
        return false;
    }
    if (block_opt_given(o, "backing_file") || block_opt_given(o, "backing_fmt")) {
        const char *name = block_opt_given(o, "backing_file") ? block_opt_str(o, "backing_file") : n->backing_name;
        const char *format = block_opt_given(o, "backing_fmt") ? block_opt_str(o, "backing_fmt") : n->backing_format;
        char *name_copy = g_strdup(name), *format_copy = g_strdup(format);
        bool ok = qcow2_set_backing(n, name_copy, format_copy, errp);
        g_free(name_copy);
        g_free(format_copy);
        if (!ok) {
            return false;
        }
    }
    return amend_version(q, version, p, errp);
}
