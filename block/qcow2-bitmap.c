/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: dirty bitmaps in the image.  Enabled ones follow every write: the first write brings them into memory and marks them as
 * in use in the file, closing writes them back.  A program that dies in between leaves the mark, and they are known to be stale.
 */
#include "util/osdep.h"
#include "block/qcow2-int.h"

enum { DIR_FIXED = 24, BITMAP_IN_USE = 1, BITMAP_AUTO = 2, BITMAP_EXTRA_OK = 4, TYPE_DIRTY = 1, MIN_GRANULARITY = 9, MAX_GRANULARITY = 31,
       NAME_MAX_LEN = 1023, ENTRY_ONES = 1 };
#define BITMAP_MAX_BYTES ((uint64_t)1 << 30)

typedef struct Qcow2Bitmap {
    char *name;
    uint64_t table_offset;
    uint32_t table_size, flags, extra_len;
    uint8_t granularity_bits;
    uint8_t *extra;
    uint8_t *bits; /* NULL: in the file only */
    uint64_t old_bits; /* before a resize */
    bool stale;    /* what it says is not to be believed */
} Qcow2Bitmap;

static void bitmap_free(void *p)
{
    Qcow2Bitmap *b = p;
    g_free(b->name);
    g_free(b->extra);
    g_free(b->bits);
    g_free(b);
}

void qcow2_bitmaps_free(Qcow2 *q)
{
    if (q->bitmaps) {
        g_ptr_array_unref(q->bitmaps);
        q->bitmaps = NULL;
    }
}

static uint64_t bitmap_bits(const Qcow2 *q, const Qcow2Bitmap *b)
{
    return (q->h.size >> b->granularity_bits) + ((q->h.size & (((uint64_t)1 << b->granularity_bits) - 1)) != 0);
}

static uint64_t bitmap_bytes(const Qcow2 *q, const Qcow2Bitmap *b)
{
    return (bitmap_bits(q, b) + 7) / 8;
}

/* ---- Reading the directory ------------------------------------------------------------------------------------- */

static bool dir_parse(Qcow2 *q, const uint8_t *dir, uint64_t len)
{
    uint64_t at = 0, table_bytes = 0;
    for (uint32_t i = 0; i < q->h.nb_bitmaps; i++) {
        if (len - at < DIR_FIXED) {
            return false;
        }
        const uint8_t *d = dir + at;
        uint32_t name_len = ld_be16(d + 18), extra = ld_be32(d + 20);
        uint64_t size = align_up(DIR_FIXED + (uint64_t)name_len + extra, 8);
        if (size > len - at || !name_len || name_len > NAME_MAX_LEN || d[17] < MIN_GRANULARITY || d[17] > MAX_GRANULARITY) {
            return false;
        }
        Qcow2Bitmap *b = g_new0(Qcow2Bitmap, 1);
        g_ptr_array_add(q->bitmaps, b);
        b->table_offset = ld_be64(d);
        b->table_size = ld_be32(d + 8);
        b->flags = ld_be32(d + 12);
        b->granularity_bits = d[17];
        b->extra_len = extra;
        b->extra = g_memdup2(d + DIR_FIXED, extra);
        b->name = g_strndup((const char *)d + DIR_FIXED + extra, name_len);
        uint64_t need = (bitmap_bytes(q, b) + q->cluster_size - 1) >> q->cluster_bits;
        b->stale = b->flags & BITMAP_IN_USE || d[16] != TYPE_DIRTY || (extra && !(b->flags & BITMAP_EXTRA_OK)) ||
                   b->table_size != need || bitmap_bytes(q, b) > BITMAP_MAX_BYTES || !(q->h.autoclear & QCOW2_AUTOCLEAR_BITMAPS);
        table_bytes += (uint64_t)b->table_size * 8;
        if (qcow2_in_cluster(q, b->table_offset) || b->table_offset > QCOW2_OFFSET_MASK ||
            b->table_size > QCOW2_MAX_L1_BYTES / 8 || table_bytes > BITMAP_MAX_BYTES) {
            return false;
        }
        at += size;
    }
    return at == len;
}

void qcow2_bitmaps_kinds(Qcow2 *q)
{
    if (q->bitmaps && q->bitmaps->len) {
        qcow2_kind_add(q, q->h.bitmap_dir_offset, q->h.bitmap_dir_size, QCOW2_KIND_BITMAPS);
        for (unsigned i = 0; i < q->bitmaps->len; i++) {
            const Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
            qcow2_kind_add(q, b->table_offset, (uint64_t)b->table_size * 8, QCOW2_KIND_BITMAPS);
        }
    }
}

static bool bitmaps_any_tracked(const Qcow2 *q)
{
    for (unsigned i = 0; i < q->bitmaps->len; i++) {
        const Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        if (b->flags & BITMAP_AUTO && !b->stale) {
            return true;
        }
    }
    return false;
}

bool qcow2_bitmaps_open(Qcow2 *q, Error **errp)
{
    q->bitmaps = g_ptr_array_new_with_free_func(bitmap_free);
    if (!q->h.has_bitmaps) {
        return true;
    }
    uint64_t len = q->h.bitmap_dir_size, off = q->h.bitmap_dir_offset;
    bool ok = q->h.nb_bitmaps <= QCOW2_MAX_BITMAPS && len <= QCOW2_MAX_BITMAP_DIR_BYTES && !qcow2_in_cluster(q, off) &&
              off <= QCOW2_OFFSET_MASK;
    uint8_t *dir = ok ? g_malloc(len + 1) : NULL;
    ok = ok && block_node_pread(q->n->file, off, dir, len) == 0 && dir_parse(q, dir, len);
    g_free(dir);
    if (!ok) {
        g_ptr_array_set_size(q->bitmaps, 0);
        q->bad_bitmaps = true;
        if (!q->n->how.for_check && !q->n->how.readonly) {
            error_set(errp, "the bitmap directory of '%s' is damaged", q->n->filename);
            error_add_hint(errp, "`rhea-img check -r all` removes it.");
            return false;
        }
    }
    qcow2_bitmaps_kinds(q);
    q->bitmaps_track = bitmaps_any_tracked(q);
    return true;
}

json_t *qcow2_bitmaps_info(Qcow2 *q)
{
    if (!q->bitmaps->len) {
        return NULL;
    }
    json_t *all = json_array();
    for (unsigned i = 0; i < q->bitmaps->len; i++) {
        const Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        json_t *flags = json_array();
        if (b->flags & BITMAP_IN_USE) {
            json_array_append_new(flags, json_string("in-use"));
        }
        if (b->flags & BITMAP_AUTO) {
            json_array_append_new(flags, json_string("auto"));
        }
        json_array_append_new(all, json_pack("{s:o, s:s, s:I}", "flags", flags, "name", b->name, "granularity",
                                             (json_int_t)1 << b->granularity_bits));
    }
    return all;
}

/* ---- Bits ------------------------------------------------------------------------------------------------------ */

static int bitmap_read_table(Qcow2 *q, const Qcow2Bitmap *b, uint64_t **table)
{
    *table = g_new(uint64_t, b->table_size + 1);
    int ret = block_node_pread(q->n->file, b->table_offset, *table, (size_t)b->table_size * 8);
    for (uint32_t i = 0; i < b->table_size; i++) {
        (*table)[i] = GUINT64_FROM_BE((*table)[i]);
        if (qcow2_in_cluster(q, (*table)[i] & QCOW2_OFFSET_MASK)) {
            ret = ret < 0 ? ret : -EIO;
        }
    }
    return ret;
}

static int bitmap_load(Qcow2 *q, Qcow2Bitmap *b)
{
    uint64_t bytes = bitmap_bytes(q, b), *table;
    if (b->bits) {
        return 0;
    }
    uint8_t *bits = g_try_malloc0(bytes + 1);
    if (!bits) {
        return -ENOMEM;
    }
    int ret = bitmap_read_table(q, b, &table);
    for (uint32_t i = 0; i < b->table_size && ret == 0; i++) {
        uint64_t at = (uint64_t)i << q->cluster_bits, len = MIN(q->cluster_size, bytes - at), off = table[i] & QCOW2_OFFSET_MASK;
        if (off) {
            ret = block_node_pread(q->n->file, off, bits + at, len);
        } else if (table[i] & ENTRY_ONES) {
            memset(bits + at, 0xff, len);
        }
    }
    g_free(table);
    if (ret < 0) {
        g_free(bits);
        return ret;
    }
    b->bits = bits;
    return 0;
}

static void bits_set(uint8_t *bits, uint64_t first, uint64_t end, bool on)
{
    for (uint64_t i = first; i < end;) {
        if (i % 8 == 0 && end - i >= 8) {
            memset(bits + i / 8, on ? 0xff : 0, (end - i) / 8);
            i += (end - i) / 8 * 8;
        } else {
            bits[i / 8] = (uint8_t)(on ? bits[i / 8] | 1u << i % 8 : bits[i / 8] & ~(1u << i % 8));
            i++;
        }
    }
}

/* ---- Following writes ------------------------------------------------------------------------------------------ */

/* Writes the flags of all entries where they are. */
static int dir_write_flags(Qcow2 *q)
{
    uint64_t at = q->h.bitmap_dir_offset;
    int ret = 0;
    for (unsigned i = 0; i < q->bitmaps->len && ret == 0; i++) {
        const Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        uint8_t v[4];
        st_be32(v, b->flags);
        ret = qcow2_overlap_check(q, at + 12, 4, QCOW2_KIND_BITMAPS);
        ret = ret < 0 ? ret : block_node_pwrite(q->n->file, at + 12, v, sizeof(v));
        at += align_up(DIR_FIXED + strlen(b->name) + b->extra_len, 8);
    }
    return ret < 0 ? ret : block_node_flush(q->n->file);
}

/* With bitmap_lock. */
static int bitmaps_begin(Qcow2 *q)
{
    int ret = 0;
    for (unsigned i = 0; i < q->bitmaps->len && ret == 0; i++) {
        Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        if (b->flags & BITMAP_AUTO && !b->stale) {
            ret = bitmap_load(q, b);
            b->flags |= BITMAP_IN_USE;
        }
    }
    ret = ret < 0 ? ret : dir_write_flags(q);
    q->bitmaps_begun = ret == 0;
    return ret;
}

int qcow2_bitmaps_mark(Qcow2 *q, uint64_t off, uint64_t len)
{
    if (!atomic_load_explicit(&q->bitmaps_track, memory_order_acquire) || off >= q->h.size || !len) {
        return 0;
    }
    uint64_t end = MIN(off + len, q->h.size);
    pthread_mutex_lock(&q->bitmap_lock);
    int ret = q->bitmaps_begun ? 0 : bitmaps_begin(q);
    for (unsigned i = 0; i < q->bitmaps->len && ret == 0; i++) {
        Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        if (b->bits && b->flags & BITMAP_AUTO) {
            bits_set(b->bits, off >> b->granularity_bits, ((end - 1) >> b->granularity_bits) + 1, true);
        }
    }
    pthread_mutex_unlock(&q->bitmap_lock);
    return ret;
}

/* ---- Writing --------------------------------------------------------------------------------------------------- */

static void free_all(Qcow2 *q, GArray *clusters)
{
    for (unsigned i = 0; i < clusters->len; i++) {
        qcow2_free_now(q, g_array_index(clusters, uint64_t, i), 1);
    }
    g_array_set_size(clusters, 0);
}

static int bitmap_write_cluster(Qcow2 *q, const Qcow2Bitmap *b, uint64_t i, uint64_t bytes, uint64_t *entry, GArray *made)
{
    uint64_t at = i << q->cluster_bits, len = MIN(q->cluster_size, bytes - at), got;
    bool ones = true, zeroed;
    for (uint64_t k = 0; k < len && ones; k++) {
        ones = b->bits[at + k] == 0xff;
    }
    if (ones || block_is_zero(b->bits + at, len)) {
        *entry = ones ? ENTRY_ONES : 0;
        return 0;
    }
    int ret = qcow2_alloc(q, 1, entry, &got, &zeroed);
    if (ret < 0) {
        return ret;
    }
    g_array_append_val(made, *entry);
    uint8_t *buf = g_malloc0(q->cluster_size);
    memcpy(buf, b->bits + at, len);
    ret = block_node_pwrite(q->n->file, *entry, buf, q->cluster_size);
    g_free(buf);
    return ret;
}

/* Puts the bits into new clusters.  @made: what is allocated; @old: what the bitmap had before. */
static int bitmap_write(Qcow2 *q, Qcow2Bitmap *b, GArray *made, GArray *old)
{
    uint64_t bytes = bitmap_bytes(q, b), n = (bytes + q->cluster_size - 1) >> q->cluster_bits, place = 0, *table;
    uint64_t table_clusters = (n * 8 + q->cluster_size - 1) >> q->cluster_bits;
    int ret = bitmap_read_table(q, b, &table);
    for (uint32_t i = 0; i < b->table_size && ret == 0; i++) {
        uint64_t off = table[i] & QCOW2_OFFSET_MASK;
        if (off) {
            g_array_append_val(old, off);
        }
    }
    g_free(table);
    for (uint64_t i = 0; i < ((uint64_t)b->table_size * 8 + q->cluster_size - 1) >> q->cluster_bits && ret == 0; i++) {
        uint64_t off = b->table_offset + (i << q->cluster_bits);
        g_array_append_val(old, off);
    }
    ret = ret < 0 || !n ? ret : qcow2_alloc_table(q, table_clusters, &place);
    for (uint64_t i = 0; ret == 0 && i < table_clusters; i++) {
        uint64_t off = place + (i << q->cluster_bits);
        g_array_append_val(made, off);
    }
    table = g_new0(uint64_t, (table_clusters << q->cluster_bits) / 8 + 1);
    for (uint64_t i = 0; i < n && ret == 0; i++) {
        uint64_t e = 0;
        ret = bitmap_write_cluster(q, b, i, bytes, &e, made);
        table[i] = GUINT64_TO_BE(e);
    }
    ret = ret < 0 || !n ? ret : block_node_pwrite(q->n->file, place, table, table_clusters << q->cluster_bits);
    g_free(table);
    if (ret == 0) {
        b->table_offset = place;
        b->table_size = (uint32_t)n;
    }
    return ret;
}

static GByteArray *dir_build(const Qcow2 *q)
{
    GByteArray *out = g_byte_array_new();
    for (unsigned i = 0; i < q->bitmaps->len; i++) {
        const Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        uint8_t d[DIR_FIXED] = { 0 }, pad[8] = { 0 };
        st_be64(d, b->table_offset);
        st_be32(d + 8, b->table_size);
        st_be32(d + 12, b->flags);
        d[16] = TYPE_DIRTY;
        d[17] = b->granularity_bits;
        st_be16(d + 18, (uint16_t)strlen(b->name));
        st_be32(d + 20, b->extra_len);
        g_byte_array_append(out, d, sizeof(d));
        g_byte_array_append(out, b->extra, b->extra_len);
        g_byte_array_append(out, (const uint8_t *)b->name, (guint)strlen(b->name));
        g_byte_array_append(out, pad, (guint)(align_up(out->len, 8) - out->len));
    }
    return out;
}

/* A new directory (with what changed in memory written anew), then the header that names it. */
static int bitmaps_write(Qcow2 *q)
{
    GArray *made = g_array_new(FALSE, FALSE, sizeof(uint64_t)), *old = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    uint64_t dir_clusters = q->h.has_bitmaps ? (q->h.bitmap_dir_size + q->cluster_size - 1) >> q->cluster_bits : 0, place = 0;
    int ret = 0;
    for (uint64_t i = 0; i < dir_clusters; i++) {
        uint64_t off = q->h.bitmap_dir_offset + (i << q->cluster_bits);
        g_array_append_val(old, off);
    }
    for (unsigned i = 0; i < q->bitmaps->len && ret == 0; i++) {
        Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        if (b->bits) {
            ret = bitmap_write(q, b, made, old);
            b->flags &= ~(uint32_t)BITMAP_IN_USE;
        }
    }
    GByteArray *dir = dir_build(q);
    uint64_t n = (dir->len + q->cluster_size - 1) >> q->cluster_bits;
    ret = ret < 0 || !n ? ret : qcow2_alloc_table(q, n, &place);
    if (ret == 0 && n) {
        uint64_t len = dir->len;
        g_byte_array_set_size(dir, (guint)(n << q->cluster_bits));
        memset(dir->data + len, 0, dir->len - len);
        ret = block_node_pwrite(q->n->file, place, dir->data, dir->len);
        q->h.bitmap_dir_size = ret == 0 ? len : q->h.bitmap_dir_size;
    }
    g_byte_array_free(dir, TRUE);
    ret = ret < 0 ? ret : qcow2_settle(q);
    if (ret == 0) {
        Error *err = NULL;
        q->h.has_bitmaps = q->bitmaps->len;
        q->h.nb_bitmaps = q->bitmaps->len;
        q->h.bitmap_dir_offset = place;
        q->h.autoclear = (q->h.autoclear & ~(uint64_t)QCOW2_AUTOCLEAR_BITMAPS) | (q->bitmaps->len ? QCOW2_AUTOCLEAR_BITMAPS : 0);
        ret = qcow2_header_write(q, &err) ? 0 : -EIO;
        error_free(err);
    }
    if (ret == 0) {
        free_all(q, old);
        ret = qcow2_settle(q);
        q->bitmaps_begun = false;
    } else {
        free_all(q, made);
    }
    g_array_free(made, TRUE);
    g_array_free(old, TRUE);
    Error *err = NULL;
    if (ret == 0 && !qcow2_reload(q, &err)) {
        ret = -EIO;
    }
    error_free(err);
    return ret;
}

int qcow2_bitmaps_store(Qcow2 *q)
{
    if (!q->bitmaps_begun) {
        return 0;
    }
    int ret = bitmaps_write(q);
    for (unsigned i = 0; i < q->bitmaps->len; i++) {
        Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        g_clear_pointer(&b->bits, g_free);
    }
    return ret;
}

int qcow2_bitmaps_begin_resize(Qcow2 *q)
{
    int ret = 0;
    for (unsigned i = 0; i < q->bitmaps->len && ret == 0; i++) {
        Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        b->old_bits = bitmap_bits(q, b);
        ret = b->stale ? 0 : bitmap_load(q, b);
    }
    ret = ret < 0 || !q->bitmaps->len || q->bitmaps_begun ? ret : bitmaps_begin(q);
    atomic_store(&q->bitmaps_track, false); /* what the resize itself writes is no change */
    return ret;
}

int qcow2_bitmaps_end_resize(Qcow2 *q)
{
    bool any = false;
    for (unsigned i = 0; i < q->bitmaps->len; i++) {
        Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        uint64_t bits = bitmap_bits(q, b), bytes = bitmap_bytes(q, b), old_bytes = (b->old_bits + 7) / 8;
        if (!b->bits || bits == b->old_bits) {
            continue;
        }
        any = true;
        b->bits = g_realloc(b->bits, bytes + 1);
        if (bytes > old_bytes) {
            memset(b->bits + old_bytes, 0, bytes - old_bytes);
        } else if (bits % 8) {
            b->bits[bytes - 1] &= (uint8_t)((1u << bits % 8) - 1);
        }
    }
    atomic_store(&q->bitmaps_track, bitmaps_any_tracked(q));
    return any ? bitmaps_write(q) : 0;
}

int qcow2_bitmaps_walk(Qcow2 *q, int (*fn)(void *opaque, uint64_t offset, uint64_t bytes), void *opaque)
{
    if (!q->h.has_bitmaps || q->bad_bitmaps) {
        return 0;
    }
    int ret = fn(opaque, q->h.bitmap_dir_offset, q->h.bitmap_dir_size);
    for (unsigned i = 0; i < q->bitmaps->len && ret == 0; i++) {
        const Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        uint64_t *table;
        ret = bitmap_read_table(q, b, &table);
        ret = ret < 0 || !b->table_size ? ret : fn(opaque, b->table_offset, (uint64_t)b->table_size * 8);
        for (uint32_t k = 0; k < b->table_size && ret == 0; k++) {
            uint64_t off = table[k] & QCOW2_OFFSET_MASK;
            ret = off ? fn(opaque, off, q->cluster_size) : 0;
        }
        g_free(table);
    }
    return ret;
}

/* ---- What a person asks for ------------------------------------------------------------------------------------ */

static void bitmap_public_free(void *p)
{
    BlockBitmap *b = p;
    g_free(b->name);
    g_free(b);
}

static uint64_t bitmap_count(const Qcow2 *q, const Qcow2Bitmap *b)
{
    uint64_t bits = 0, n = bitmap_bits(q, b), size = (uint64_t)1 << b->granularity_bits;
    for (uint64_t i = 0; i < bitmap_bytes(q, b); i++) {
        bits += (uint64_t)__builtin_popcount(b->bits[i]);
    }
    uint64_t over = n * size - q->h.size; /* of the last bit's range, behind the end */
    return bits * size - (bits && b->bits[(n - 1) / 8] >> (n - 1) % 8 & 1 ? over : 0);
}

static GPtrArray *qcow2_bitmap_list(BlockNode *n, Error **errp)
{
    Qcow2 *q = n->opaque;
    GPtrArray *out = g_ptr_array_new_with_free_func(bitmap_public_free);
    for (unsigned i = 0; i < q->bitmaps->len; i++) {
        Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        BlockBitmap *p = g_new0(BlockBitmap, 1);
        g_ptr_array_add(out, p);
        *p = (BlockBitmap) { .name = g_strdup(b->name), .granularity = (uint64_t)1 << b->granularity_bits,
                             .enabled = b->flags & BITMAP_AUTO, .persistent = true, .inconsistent = b->stale };
        int ret = b->stale ? 0 : bitmap_load(q, b);
        if (ret < 0) {
            error_set_errno(errp, -ret, "cannot read bitmap '%s' of '%s'", b->name, n->filename);
            g_ptr_array_unref(out);
            return NULL;
        }
        p->count = b->stale ? 0 : bitmap_count(q, b);
        if (!q->bitmaps_begun) {
            g_clear_pointer(&b->bits, g_free);
        }
    }
    return out;
}

static Qcow2Bitmap *bitmap_find(const Qcow2 *q, const char *name)
{
    for (unsigned i = 0; i < q->bitmaps->len; i++) {
        Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        if (!strcmp(b->name, name)) {
            return b;
        }
    }
    return NULL;
}

/* For changing: with its bits in memory unless it is stale and @stale_ok. */
static Qcow2Bitmap *bitmap_open(Qcow2 *q, const char *name, bool stale_ok, Error **errp)
{
    Qcow2Bitmap *b = bitmap_find(q, name);
    if (!b) {
        error_set(errp, "'%s' has no bitmap '%s'", q->n->filename, name);
    } else if (b->stale && !stale_ok) {
        error_set(errp, "bitmap '%s' of '%s' was not saved when it was last used, and cannot be used any more", name, q->n->filename);
        error_add_hint(errp, "It can only be removed.");
    } else {
        int ret = b->stale ? 0 : bitmap_load(q, b);
        if (ret == 0) {
            return b;
        }
        error_set_errno(errp, -ret, "cannot read bitmap '%s' of '%s'", name, q->n->filename);
    }
    return NULL;
}

static bool bitmaps_save(Qcow2 *q, Error **errp)
{
    int ret = bitmaps_write(q);
    for (unsigned i = 0; i < q->bitmaps->len; i++) {
        Qcow2Bitmap *b = g_ptr_array_index(q->bitmaps, i);
        g_clear_pointer(&b->bits, g_free);
    }
    q->bitmaps_track = bitmaps_any_tracked(q);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the bitmaps of '%s'", q->n->filename);
    }
    return ret == 0;
}

static bool qcow2_bitmap_add(BlockNode *n, const char *name, uint64_t granularity, bool enabled, Error **errp)
{
    Qcow2 *q = n->opaque;
    granularity = granularity ? granularity : MIN(MAX(q->cluster_size, 4096), 65536);
    if (q->h.version < 3) {
        error_set(errp, "'%s' is of version 2 (compat=0.10), which has no bitmaps", n->filename);
        error_add_hint(errp, "`rhea-img amend -o compat=1.1` makes it version 3.");
    } else if (!*name || strlen(name) > NAME_MAX_LEN) {
        error_set(errp, "a bitmap's name has 1 to %d bytes", NAME_MAX_LEN);
    } else if (!is_pow2(granularity) || granularity < 512 || granularity > (uint64_t)1 << MAX_GRANULARITY) {
        error_set(errp, "granularity %" PRIu64 " is not a power of two from 512 bytes to 2 GiB", granularity);
    } else if (bitmap_find(q, name)) {
        error_set(errp, "'%s' has a bitmap '%s' already", n->filename, name);
    } else if (q->bitmaps->len >= QCOW2_MAX_BITMAPS) {
        error_set(errp, "'%s' has %d bitmaps, and more are not possible", n->filename, QCOW2_MAX_BITMAPS);
    } else {
        Qcow2Bitmap *b = g_new0(Qcow2Bitmap, 1);
        b->granularity_bits = (uint8_t)__builtin_ctzll(granularity);
        b->flags = enabled ? BITMAP_AUTO : 0;
        b->name = g_strdup(name);
        if (bitmap_bytes(q, b) > BITMAP_MAX_BYTES) {
            error_set(errp, "a bitmap of granularity %" PRIu64 " for a disk of %" PRIu64 " bytes would be too large", granularity,
                      q->h.size);
            bitmap_free(b);
            return false;
        }
        b->bits = g_malloc0(bitmap_bytes(q, b) + 1);
        g_ptr_array_add(q->bitmaps, b);
        return bitmaps_save(q, errp);
    }
    return false;
}

static bool qcow2_bitmap_remove(BlockNode *n, const char *name, Error **errp)
{
    Qcow2 *q = n->opaque;
    Qcow2Bitmap *b = bitmap_open(q, name, true, errp);
    uint64_t *table;
    if (!b) {
        return false;
    }
    int ret = bitmap_read_table(q, b, &table);
    Qcow2Bitmap gone = *b;
    b->name = NULL;
    b->extra = b->bits = NULL;
    g_ptr_array_remove(q->bitmaps, b);
    bool ok = bitmaps_save(q, errp);
    /* Only now does nothing refer to its clusters; those of a table that cannot be read are leaked. */
    for (uint32_t i = 0; ok && ret == 0 && i < gone.table_size; i++) {
        if (table[i] & QCOW2_OFFSET_MASK) {
            qcow2_free_now(q, table[i] & QCOW2_OFFSET_MASK, 1);
        }
    }
    if (ok && gone.table_size) {
        qcow2_free_now(q, gone.table_offset, ((uint64_t)gone.table_size * 8 + q->cluster_size - 1) >> q->cluster_bits);
    }
    g_free(table);
    g_free(gone.name);
    g_free(gone.extra);
    g_free(gone.bits);
    return ok;
}

static bool qcow2_bitmap_clear(BlockNode *n, const char *name, Error **errp)
{
    Qcow2 *q = n->opaque;
    Qcow2Bitmap *b = bitmap_open(q, name, false, errp);
    if (b) {
        memset(b->bits, 0, bitmap_bytes(q, b));
    }
    return b && bitmaps_save(q, errp);
}

static bool qcow2_bitmap_enable(BlockNode *n, const char *name, bool on, Error **errp)
{
    Qcow2 *q = n->opaque;
    Qcow2Bitmap *b = bitmap_open(q, name, false, errp);
    if (b) {
        b->flags = on ? b->flags | BITMAP_AUTO : b->flags & ~(uint32_t)BITMAP_AUTO;
    }
    return b && bitmaps_save(q, errp);
}

static bool qcow2_bitmap_next(BlockNode *n, const char *name, uint64_t off, uint64_t *start, uint64_t *len)
{
    Qcow2 *q = n->opaque;
    Qcow2Bitmap *b = bitmap_open(q, name, false, NULL);
    if (!b) {
        return false;
    }
    uint64_t bits = bitmap_bits(q, b), i = off >> b->granularity_bits, first;
    while (i < bits && !(b->bits[i / 8] >> i % 8 & 1)) {
        i += b->bits[i / 8] == 0 && i % 8 == 0 ? 8 : 1;
    }
    for (first = i; i < bits && b->bits[i / 8] >> i % 8 & 1; i++) {
    }
    if (first >= bits) {
        return false;
    }
    *start = MAX(off, first << b->granularity_bits);
    *len = MIN(i << b->granularity_bits, q->h.size) - *start;
    return true;
}

static bool qcow2_bitmap_mark(BlockNode *n, const char *name, uint64_t off, uint64_t len, Error **errp)
{
    Qcow2 *q = n->opaque;
    Qcow2Bitmap *b = bitmap_open(q, name, false, errp);
    if (!b || off >= q->h.size || !len) {
        return b;
    }
    /* They go into the file with the next save or at closing. */
    int ret = q->bitmaps_begun ? 0 : bitmaps_begin(q);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the bitmaps of '%s'", n->filename);
        return false;
    }
    uint64_t end = MIN(off + len, q->h.size);
    bits_set(b->bits, off >> b->granularity_bits, ((end - 1) >> b->granularity_bits) + 1, true);
    return true;
}

const BlockBitmapOps qcow2_bitmap_ops = {
    .list = qcow2_bitmap_list,
    .add = qcow2_bitmap_add,
    .remove = qcow2_bitmap_remove,
    .clear = qcow2_bitmap_clear,
    .enable = qcow2_bitmap_enable,
    .next = qcow2_bitmap_next,
    .mark = qcow2_bitmap_mark,
};
