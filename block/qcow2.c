/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: opening, closing, and the driver's table. */
#include "util/osdep.h"
#include "block/qcow2-int.h"

enum { L2_SLICE = 4096, L2_CACHE_MAX = 64 << 20, REF_CACHE_MAX = 8 << 20 };

static const BlockOpt qcow2_open_opts[] = {
    { "lazy-refcounts", BLOCK_OPT_BOOL, NULL, NULL, "postpone refcount updates (default: as the image says)" },
    { "pass-discard-request", BLOCK_OPT_BOOL, NULL, NULL, "pass guest discards to the host (default: with discard=unmap)" },
    { "pass-discard-snapshot", BLOCK_OPT_BOOL, "on", NULL, "give a deleted snapshot's space back to the host" },
    { "pass-discard-other", BLOCK_OPT_BOOL, "off", NULL, "give other freed space back to the host" },
    { "cache-size", BLOCK_OPT_SIZE, NULL, NULL, "bytes for both table caches (default: what covers the disk, up to 72 MiB)" },
    { "l2-cache-size", BLOCK_OPT_SIZE, NULL, NULL, "bytes for the cache of L2 tables (default: what covers the disk, up to 64 MiB)" },
    { "l2-cache-entry-size", BLOCK_OPT_SIZE, NULL, NULL, "size of a piece of an L2 table in the cache (default: 4096)" },
    { "refcount-cache-size", BLOCK_OPT_SIZE, NULL, NULL, "bytes for the cache of refcount blocks (default: up to 8 MiB)" },
    { "encrypt.format", BLOCK_OPT_STRING, NULL, NULL, "aes or luks, as the image is" },
    { "encrypt.key-secret", BLOCK_OPT_STRING, NULL, NULL, "id of the secret with the passphrase" },
    { NULL, 0, NULL, NULL, NULL },
};

/* ---- Opening --------------------------------------------------------------------------------------------------- */

static void qcow2_locks_init(Qcow2 *q)
{
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    for (unsigned i = 0; i < QCOW2_STRIPES; i++) {
        pthread_rwlock_init(&q->stripes[i], &attr);
    }
    pthread_rwlockattr_destroy(&attr);
    pthread_rwlock_init(&q->kind_lock, NULL);
    pthread_mutex_init(&q->table_lock, NULL);
    pthread_mutex_init(&q->alloc_lock, NULL);
    pthread_mutex_init(&q->commit_lock, NULL);
    pthread_mutex_init(&q->lock, NULL);
    pthread_mutex_init(&q->comp_lock, NULL);
    pthread_mutex_init(&q->bitmap_lock, NULL);
    pthread_mutex_init(&q->unaligned_lock, NULL);
    pthread_cond_init(&q->loaded, NULL);
    q->kinds = g_hash_table_new(g_direct_hash, g_direct_equal);
    q->freed = g_array_new(FALSE, FALSE, sizeof(Qcow2Free));
    q->ready = g_array_new(FALSE, FALSE, sizeof(Qcow2Free));
}

static void qcow2_free(Qcow2 *q)
{
    qcow2_cache_free(&q->l2);
    qcow2_cache_free(&q->ref);
    qcow2_table_free(&q->l1);
    qcow2_table_free(&q->reft);
    qcow2_snapshots_free(q);
    qcow2_bitmaps_free(q);
    qcow2_compress_free(q);
    qcow2_crypt_free(q->crypt);
    qcow2_header_clear(&q->h);
    g_hash_table_destroy(q->kinds);
    g_array_free(q->freed, TRUE);
    g_array_free(q->ready, TRUE);
    for (unsigned i = 0; i < QCOW2_STRIPES; i++) {
        pthread_rwlock_destroy(&q->stripes[i]);
    }
    pthread_rwlock_destroy(&q->kind_lock);
    pthread_mutex_destroy(&q->table_lock);
    pthread_mutex_destroy(&q->alloc_lock);
    pthread_mutex_destroy(&q->commit_lock);
    pthread_mutex_destroy(&q->lock);
    pthread_mutex_destroy(&q->comp_lock);
    pthread_mutex_destroy(&q->bitmap_lock);
    pthread_mutex_destroy(&q->unaligned_lock);
    pthread_cond_destroy(&q->loaded);
}

static void qcow2_geometry(Qcow2 *q)
{
    bool ext = q->h.incompat & QCOW2_INCOMPAT_EXTL2;
    q->cluster_bits = q->h.cluster_bits;
    q->cluster_size = (uint64_t)1 << q->cluster_bits;
    q->l2_entry_bits = ext ? 4 : 3;
    q->l2_bits = q->cluster_bits - q->l2_entry_bits;
    q->ref_bits = q->cluster_bits + 3 - q->h.refcount_order;
    q->refcount_max = q->h.refcount_order == 6 ? INT64_MAX : ((uint64_t)1 << (1u << q->h.refcount_order)) - 1;
    q->nsub = ext ? QCOW2_SUBCLUSTERS : 1;
    q->granule_bits = ext ? q->cluster_bits - 5 : q->cluster_bits;
    q->virtual_size = q->h.size;
    q->external = q->h.incompat & QCOW2_INCOMPAT_DATA_FILE;
}

static bool qcow2_cache_options(Qcow2 *q, const BlockOpts *o, Error **errp)
{
    uint64_t slice = block_opt_given(o, "l2-cache-entry-size") ? block_opt_uint(o, "l2-cache-entry-size") : L2_SLICE;
    slice = MIN(slice, q->cluster_size);
    if (!is_pow2(slice) || slice < 512) {
        error_set(errp, "l2-cache-entry-size=%" PRIu64 " is not a power of two from 512 to the cluster size (%" PRIu64 ")", slice,
                  q->cluster_size);
        return false;
    }
    q->l2_slice_size = slice;
    q->l2_cache_max = L2_CACHE_MAX;
    q->ref_cache_max = REF_CACHE_MAX;
    if (block_opt_given(o, "cache-size")) {
        uint64_t total = block_opt_uint(o, "cache-size");
        q->ref_cache_max = MIN(q->ref_cache_max, total / 4);
        q->l2_cache_max = total - q->ref_cache_max;
    }
    q->l2_cache_max = block_opt_given(o, "l2-cache-size") ? block_opt_uint(o, "l2-cache-size") : q->l2_cache_max;
    q->ref_cache_max = block_opt_given(o, "refcount-cache-size") ? block_opt_uint(o, "refcount-cache-size") : q->ref_cache_max;
    return true;
}

static bool qcow2_open_caches(Qcow2 *q, Error **errp)
{
    q->l2_slice_bits = (unsigned)__builtin_ctzll(q->l2_slice_size) - q->l2_entry_bits;
    uint64_t ref_slice = MIN(q->cluster_size, L2_SLICE);
    q->ref_slice_bits = (unsigned)__builtin_ctzll(ref_slice) + 3 - q->h.refcount_order;
    uint64_t per = (uint64_t)1 << (q->cluster_bits + q->l2_slice_bits);
    uint64_t ref_slices = q->reft.n << (q->ref_bits - q->ref_slice_bits);
    return qcow2_cache_init(q, &q->l2, true, (uint32_t)q->l2_slice_size, q->h.size / per + 2, q->l2_cache_max, errp) &&
           qcow2_cache_init(q, &q->ref, false, (uint32_t)ref_slice, ref_slices, q->ref_cache_max, errp);
}

/* What metadata is where, as far as the tables in memory say. */
static void qcow2_open_kinds(Qcow2 *q)
{
    qcow2_kind_add(q, 0, q->cluster_size, QCOW2_KIND_HEADER);
    qcow2_kind_add(q, q->l1.offset, q->l1.n * 8, QCOW2_KIND_L1);
    qcow2_kind_add(q, q->reft.offset, q->reft.n * 8, QCOW2_KIND_REFTABLE);
    for (uint64_t i = 0; i < q->l1.n; i++) {
        uint64_t off = q->l1.e[i] & QCOW2_OFFSET_MASK;
        if (off && !qcow2_in_cluster(q, off)) {
            qcow2_kind_add(q, off, q->cluster_size, QCOW2_KIND_L2);
        }
    }
    for (uint64_t i = 0; i < q->reft.n; i++) {
        uint64_t off = q->reft.e[i] & ~QCOW2_REFT_RESERVED;
        if (off && !qcow2_in_cluster(q, off)) {
            qcow2_kind_add(q, off, q->cluster_size, QCOW2_KIND_REFBLOCK);
        }
    }
    if (q->h.crypt_method == QCOW2_CRYPT_LUKS && q->h.crypt_len < INT32_MAX) {
        qcow2_kind_add(q, q->h.crypt_offset, q->h.crypt_len, QCOW2_KIND_CRYPT);
    }
}

static bool qcow2_open_tables(Qcow2 *q, Error **errp)
{
    BlockNode *file = q->n->file;
    uint64_t reft = q->n->how.for_check ? MIN((uint64_t)q->h.reftable_clusters << q->cluster_bits, QCOW2_MAX_REFT_BYTES) / 8
                                        : (uint64_t)q->h.reftable_clusters << (q->cluster_bits - 3);
    if (!qcow2_table_init(&q->l1, q->h.l1_size) || !qcow2_table_init(&q->reft, reft)) {
        error_set(errp, "no memory for the tables of '%s'", q->n->filename);
        return false;
    }
    int ret = qcow2_table_read(file, &q->l1, q->h.l1_offset);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot read the L1 table of '%s'", q->n->filename);
        return false;
    }
    if (q->h.reftable_offset > INT64_MAX - QCOW2_MAX_REFT_BYTES) {
        q->reft.n = 0; /* for_check */
    }
    ret = qcow2_table_read(file, &q->reft, q->h.reftable_offset);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot read the refcount table of '%s'", q->n->filename);
        return false;
    }
    return true;
}

bool qcow2_reload(Qcow2 *q, Error **errp)
{
    qcow2_cache_free(&q->l2);
    qcow2_cache_free(&q->ref);
    qcow2_table_free(&q->l1);
    qcow2_table_free(&q->reft);
    qcow2_snapshots_free(q);
    g_hash_table_remove_all(q->kinds);
    for (unsigned i = 0; i < sizeof(q->kind_filter); i++) {
        atomic_store(&q->kind_filter[i], 0);
    }
    q->hint = q->comp_offset = 0;
    if (q->zero_from != UINT64_MAX) {
        q->zero_from = MAX(q->zero_from, align_up(atomic_load(&q->n->file->size), q->cluster_size));
    }
    atomic_fetch_add(&q->comp_generation, 1);
    qcow2_geometry(q);
    q->n->size = align_up(q->h.size, BLK_SECTOR);
    if (!qcow2_open_tables(q, errp)) {
        q->l1.n = q->reft.n = 0;
        q->snapshots = g_array_new(FALSE, FALSE, sizeof(Qcow2Snapshot));
        return false;
    }
    qcow2_open_kinds(q);
    qcow2_bitmaps_kinds(q);
    return qcow2_snapshots_read(q, errp) && qcow2_open_caches(q, errp);
}

/*
 * A data file's relative name is relative to the current folder: so does QEMU, whose images we read.  Where there is none, it is the
 * one beside the image.  Newly allocated; NULL: none.
 */
static char *qcow2_data_file_name(const Qcow2 *q)
{
    const char *name = q->h.data_file;
    if (!name || g_path_is_absolute(name) || access(name, F_OK)) {
        return g_strdup(name);
    }
    return g_strconcat("file:", name, NULL); /* not beside the image */
}

static bool qcow2_open_data_file(Qcow2 *q, const BlockOpts *o, Error **errp)
{
    bool wanted = q->h.incompat & QCOW2_INCOMPAT_DATA_FILE;
    Error *err = NULL;
    if (q->n->how.no_io) {
        return true;
    }
    char *name = wanted ? qcow2_data_file_name(q) : NULL;
    q->data = block_open_child(q->n, "data-file", o, name, &err);
    g_free(name);
    if (!wanted && q->data) {
        error_set(&err, "'%s' has no external data file, so data-file= cannot be given", q->n->filename);
    } else if (wanted && !q->data && !err) {
        error_set(&err, "'%s' needs an external data file, but does not say which", q->n->filename);
        error_add_hint(&err, "Name it with data-file.filename=.");
    }
    if (err) {
        error_propagate(errp, err);
        return false;
    }
    q->raw_data = wanted && q->h.autoclear & QCOW2_AUTOCLEAR_RAW;
    return true;
}

static bool qcow2_open_marks(Qcow2 *q, Error **errp)
{
    bool write = !q->n->how.readonly;
    if (q->n->how.for_check) {
        return true;
    }
    if (!q->reft.n) {
        error_set(errp, "'%s' has no refcount table", q->n->filename);
        error_add_hint(errp, "`rhea-img check -r all` makes one.");
        return false;
    }
    if (q->h.incompat & QCOW2_INCOMPAT_CORRUPT && write) {
        error_set(errp, "'%s' is marked as corrupt: it can only be opened for reading", q->n->filename);
        error_add_hint(errp, "`rhea-img check -r all` repairs it.");
        return false;
    }
    if (q->h.autoclear & ~(uint64_t)QCOW2_AUTOCLEAR_KNOWN && write) {
        uint8_t v[8];
        q->h.autoclear &= QCOW2_AUTOCLEAR_KNOWN;
        st_be64(v, q->h.autoclear);
        int ret = qcow2_header_write_field(q, QCOW2_HDR_AUTOCLEAR, v, sizeof(v));
        if (ret < 0) {
            error_set_errno(errp, -ret, "cannot write the header of '%s'", q->n->filename);
            return false;
        }
    }
    return true;
}

/* Refcounts of an image that was not closed may be wrong: count anew before anything is allocated. */
static bool qcow2_open_dirty(Qcow2 *q, Error **errp)
{
    if (!(q->h.incompat & QCOW2_INCOMPAT_DIRTY) || q->n->how.readonly || q->n->how.for_check) {
        return true;
    }
    BlockCheck c = { 0 };
    if (!qcow2_check(q->n, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS, NULL, &c, errp)) {
        error_prepend(errp, "'%s' was not closed, and its refcounts could not be repaired: ", q->n->filename);
        return false;
    }
    if (c.corruptions || c.check_errors) {
        error_set(errp, "'%s' was not closed, and %" PRIu64 " errors in it could not be repaired", q->n->filename,
                  c.corruptions + c.check_errors);
        error_add_hint(errp, "`rhea-img check` lists them.");
        return false;
    }
    return true;
}

static bool qcow2_protocol_grows(BlockNode *n)
{
    while (n->drv->filter && n->file) {
        n = n->file;
    }
    return n->drv->grows;
}

static void qcow2_open_options(Qcow2 *q, const BlockOpts *o)
{
    bool lazy = block_opt_given(o, "lazy-refcounts") ? block_opt_bool(o, "lazy-refcounts") : q->h.compat & QCOW2_COMPAT_LAZY;
    q->lazy = lazy && q->h.version >= 3 && !q->n->how.readonly;
    q->discard_request = block_opt_given(o, "pass-discard-request") ? block_opt_bool(o, "pass-discard-request") : q->n->how.discard;
    q->discard_snapshot = block_opt_bool(o, "pass-discard-snapshot");
    q->discard_other = block_opt_bool(o, "pass-discard-other");
    BlockNode *file = q->n->file;
    q->zero_from = qcow2_protocol_grows(file) ? align_up(atomic_load(&file->size), q->cluster_size) : UINT64_MAX;
}

static bool qcow2_open_crypt(Qcow2 *q, const BlockOpts *o, Error **errp)
{
    static const char *const names[] = { NULL, "aes", "luks" };
    const char *format = block_opt_str(o, "encrypt.format");
    if (format && g_strcmp0(format, names[q->h.crypt_method])) {
        const char *is = q->h.crypt_method ? names[q->h.crypt_method] : "no encryption";
        error_set(errp, "'%s' has %s, not encrypt.format=%s", q->n->filename, is, format);
        return false;
    }
    if (!q->h.crypt_method || q->n->how.no_io || (q->n->how.for_check && !block_opt_given(o, "encrypt.key-secret"))) {
        return true;
    }
    return qcow2_crypt_open(q, block_opt_str(o, "encrypt.key-secret"), errp);
}

static bool qcow2_open(BlockNode *n, BlockOpts *o, Error **errp)
{
    Qcow2 *q = n->opaque;
    q->n = n;
    if (!qcow2_header_read(n->file, n->filename, &q->h, n->how.for_check, errp)) {
        return false;
    }
    qcow2_locks_init(q);
    qcow2_geometry(q);
    n->size = align_up(q->h.size, BLK_SECTOR);
    n->backing_name = g_strdup(q->h.backing_name);
    n->backing_format = g_strdup(q->h.backing_name ? q->h.backing_format : NULL);
    if (q->h.compression == QCOW2_ZSTD && !n->how.no_io && !qcow2_zstd_available(errp)) {
        goto fail;
    }
    if (!qcow2_open_tables(q, errp)) {
        goto fail;
    }
    qcow2_open_kinds(q);
    if (!qcow2_snapshots_read(q, errp) || !qcow2_bitmaps_open(q, errp) || !qcow2_open_data_file(q, o, errp)) {
        goto fail;
    }
    qcow2_open_options(q, o);
    if (!qcow2_cache_options(q, o, errp) || !qcow2_open_caches(q, errp) || !qcow2_open_marks(q, errp) ||
        !qcow2_open_crypt(q, o, errp) || !qcow2_open_dirty(q, errp)) {
        goto fail;
    }
    return true;
fail:
    qcow2_free(q);
    g_clear_pointer(&n->backing_name, g_free);
    g_clear_pointer(&n->backing_format, g_free);
    return false;
}

/* ---- Closing --------------------------------------------------------------------------------------------------- */

/* Everything is in the file and refcounts are exact: the dirty bit may go. */
static int qcow2_clean(Qcow2 *q)
{
    int ret = qcow2_settle(q);
    ret = ret < 0 ? ret : qcow2_bitmaps_store(q);
    if (ret == 0 && atomic_load(&q->dirty_marked)) {
        q->h.incompat &= ~(uint64_t)QCOW2_INCOMPAT_DIRTY;
        ret = qcow2_header_write_incompat(q);
        ret = ret < 0 ? ret : block_node_flush(q->n->file);
        atomic_store(&q->dirty_marked, false);
    }
    return ret;
}

static void qcow2_close(BlockNode *n)
{
    Qcow2 *q = n->opaque;
    if (!n->how.readonly && !q->corrupt) {
        int ret = qcow2_clean(q);
        if (ret < 0 && !n->how.for_check) {
            warn_report("the last changes of the tables of image '%s' could not be written: %s", n->filename, g_strerror(-ret));
        }
    }
    qcow2_free(q);
}

static bool qcow2_reopen(BlockNode *n, const BlockOpen *how, Error **errp)
{
    Qcow2 *q = n->opaque;
    if (how->readonly && !n->how.readonly) {
        int ret = qcow2_clean(q);
        if (ret < 0) {
            error_set_errno(errp, -ret, "cannot write the tables of '%s'", n->filename);
            return false;
        }
        q->lazy = false;
    } else if (!how->readonly && n->how.readonly) {
        if (q->h.incompat & (QCOW2_INCOMPAT_CORRUPT | QCOW2_INCOMPAT_DIRTY) || q->shows_snapshot) {
            error_set(errp, "'%s' cannot be made writable while it is %s", n->filename,
                      q->shows_snapshot ? "showing a snapshot" : "marked as corrupt or not closed");
            return false;
        }
        q->lazy = q->h.compat & QCOW2_COMPAT_LAZY && q->h.version >= 3;
    }
    q->discard_request = how->discard;
    return true;
}

static int qcow2_flush(BlockNode *n)
{
    Qcow2 *q = n->opaque;
    int ret = qcow2_flush_all(q);
    return ret < 0 ? ret : qcow2_free_ready(q);
}

/* ---- What it is ------------------------------------------------------------------------------------------------ */

static int qcow2_probe(const uint8_t *head, size_t len)
{
    return len >= 8 && ld_be32(head) == QCOW2_MAGIC && ld_be32(head + 4) >= 2 ? 100 : 0;
}

static bool qcow2_info(BlockNode *n, BlockInfo *out, Error **errp)
{
    Qcow2 *q = n->opaque;
    (void)errp;
    out->cluster_size = q->cluster_size;
    out->has_dirty = true;
    out->dirty = q->h.incompat & QCOW2_INCOMPAT_DIRTY;
    out->corrupt = q->corrupt || q->h.incompat & QCOW2_INCOMPAT_CORRUPT;
    out->encrypted = q->h.crypt_method != QCOW2_CRYPT_NONE;
    out->vm_state_offset = qcow2_vmstate_offset(q);
    out->zero_unit = (uint64_t)1 << q->granule_bits;
    json_t *d = json_object();
    json_object_set_new(d, "compat", json_string(q->h.version < 3 ? "0.10" : "1.1"));
    json_object_set_new(d, "compression-type", json_string(q->h.compression == QCOW2_ZSTD ? "zstd" : "zlib"));
    if (q->h.version >= 3) {
        json_object_set_new(d, "lazy-refcounts", json_boolean(q->h.compat & QCOW2_COMPAT_LAZY));
        json_t *bitmaps = qcow2_bitmaps_info(q);
        if (bitmaps) {
            json_object_set_new(d, "bitmaps", bitmaps);
        }
    }
    json_object_set_new(d, "refcount-bits", json_integer(1 << q->h.refcount_order));
    json_t *crypt = qcow2_crypt_info(q);
    if (crypt) {
        json_object_set_new(d, "encrypt", crypt);
    }
    if (q->h.version >= 3) {
        if (q->h.data_file) {
            json_object_set_new(d, "data-file", json_string(q->h.data_file));
        }
        if (q->h.incompat & QCOW2_INCOMPAT_DATA_FILE) {
            json_object_set_new(d, "data-file-raw", json_boolean(q->h.autoclear & QCOW2_AUTOCLEAR_RAW));
        }
        json_object_set_new(d, "corrupt", json_boolean(out->corrupt));
        json_object_set_new(d, "extended-l2", json_boolean(q->nsub > 1));
    }
    out->specific = json_pack("{s:s, s:o}", "type", "qcow2", "data", d);
    return true;
}

static const BlockFormatOps qcow2_format = {
    .create_opts = qcow2_create_opts,
    .amend_opts = qcow2_amend_opts,
    .probe = qcow2_probe,
    .create = qcow2_create,
    .amend = qcow2_amend,
    .check = qcow2_check,
    .measure = qcow2_measure,
    .set_backing = qcow2_set_backing,
    .make_empty = qcow2_make_empty,
    .pwrite_compressed = qcow2_pwrite_compressed,
};

static const char *const qcow2_children[] = { "data-file", NULL };

static const BlockDriver block_qcow2 = {
    .name = "qcow2",
    .opaque_size = sizeof(Qcow2),
    .options = qcow2_open_opts,
    .children = qcow2_children,
    .format = &qcow2_format,
    .snapshots = &qcow2_snapshot_ops,
    .bitmaps = &qcow2_bitmap_ops,
    .open = qcow2_open,
    .close = qcow2_close,
    .reopen = qcow2_reopen,
    .preadv = qcow2_preadv,
    .pwritev = qcow2_pwritev,
    .pwrite_zeroes = qcow2_pwrite_zeroes,
    .pdiscard = qcow2_pdiscard,
    .flush = qcow2_flush,
    .status = qcow2_status,
    .truncate = qcow2_truncate,
    .info = qcow2_info,
    .try_preadv = qcow2_try_preadv,
};
BLOCK_DRIVER_REGISTER(block_qcow2)
