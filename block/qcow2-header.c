/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: the header and its extensions, from bytes and into bytes.  Every field is checked before anything else uses it. */
#include "util/osdep.h"
#include "block/qcow2-int.h"

enum { EXT_END = 0, EXT_MAX = 4096 };
#define EXT_BACKING_FORMAT 0xe2792acau
#define EXT_FEATURES 0x6803f857u
#define EXT_BITMAPS 0x23852875u
#define EXT_CRYPT 0x0537be77u
#define EXT_DATA_FILE 0x44415441u

/* Names that go into new images, for programs that do not know the feature. */
static const struct { uint8_t type, bit; const char *name; } qcow2_features[] = {
    { 0, 0, "dirty bit" }, { 0, 1, "corrupt bit" }, { 0, 2, "external data file" }, { 0, 3, "compression type" },
    { 0, 4, "extended L2 entries" }, { 1, 0, "lazy refcounts" }, { 2, 0, "bitmaps" }, { 2, 1, "raw external data" },
};
enum { FEATURE_LEN = 48 };

void qcow2_header_clear(Qcow2Header *h)
{
    g_free(h->unknown);
    g_free(h->backing_name);
    g_free(h->backing_format);
    g_free(h->data_file);
    for (unsigned i = 0; i < 64; i++) {
        g_free(h->feature_names[i]);
    }
    for (unsigned i = 0; h->unknown_ext && i < h->unknown_ext->len; i++) {
        g_free(g_array_index(h->unknown_ext, Qcow2Extension, i).data);
    }
    if (h->unknown_ext) {
        g_array_free(h->unknown_ext, TRUE);
    }
    memset(h, 0, sizeof(*h));
}

/* ---- Reading --------------------------------------------------------------------------------------------------- */

static void header_features(Qcow2Header *h, const uint8_t *data, uint32_t len)
{
    for (uint32_t at = 0; len - at >= FEATURE_LEN; at += FEATURE_LEN) {
        uint8_t bit = data[at + 1];
        if (data[at] == 0 && bit < 64 && !h->feature_names[bit]) {
            h->feature_names[bit] = g_strndup((const char *)data + at + 2, FEATURE_LEN - 2);
        }
    }
}

static char *header_string(const uint8_t *data, uint32_t len)
{
    return g_strndup((const char *)data, len);
}

static bool header_extension(Qcow2Header *h, const char *filename, uint32_t type, const uint8_t *data, uint32_t len, Error **errp)
{
    switch (type) {
    case EXT_BACKING_FORMAT:
        if (len > 255) {
            error_set(errp, "'%s' names a backing format of %u bytes; at most 255 are possible", filename, len);
            return false;
        }
        g_free(h->backing_format);
        h->backing_format = header_string(data, len);
        return true;
    case EXT_FEATURES:
        header_features(h, data, len);
        return true;
    case EXT_DATA_FILE:
        g_free(h->data_file);
        h->data_file = header_string(data, len);
        return true;
    case EXT_BITMAPS:
        if (len != 24 || ld_be32(data + 4)) {
            error_set(errp, "'%s' has a bitmaps extension of %u bytes that this program does not understand", filename, len);
            return false;
        }
        h->has_bitmaps = true;
        h->nb_bitmaps = ld_be32(data);
        h->bitmap_dir_size = ld_be64(data + 8);
        h->bitmap_dir_offset = ld_be64(data + 16);
        return true;
    case EXT_CRYPT:
        if (len != 16) {
            error_set(errp, "'%s' has an encryption header pointer of %u bytes instead of 16", filename, len);
            return false;
        }
        h->crypt_offset = ld_be64(data);
        h->crypt_len = ld_be64(data + 8);
        return true;
    default: {
        Qcow2Extension e = { type, len, g_memdup2(data, len) };
        g_array_append_val(h->unknown_ext, e);
        return true;
    }
    }
}

static bool header_extensions(Qcow2Header *h, const char *filename, const uint8_t *buf, uint64_t end, Error **errp)
{
    uint64_t at = h->length;
    for (unsigned count = 0; end - at >= 8 && count < EXT_MAX; count++) {
        uint32_t type = ld_be32(buf + at), len = ld_be32(buf + at + 4);
        at += 8;
        if (type == EXT_END) {
            return true;
        }
        if (len > end - at) {
            error_set(errp, "'%s' has a header extension (type 0x%08x) of %u bytes, which reaches beyond the header's cluster",
                      filename, type, len);
            return false;
        }
        if (!header_extension(h, filename, type, buf + at, len, errp)) {
            return false;
        }
        at = MIN(end, align_up(at + len, 8));
    }
    return true;
}

static void header_v3_fields(Qcow2Header *h, const uint8_t *b)
{
    h->incompat = ld_be64(b + 72);
    h->compat = ld_be64(b + 80);
    h->autoclear = ld_be64(b + 88);
    h->refcount_order = ld_be32(b + 96);
    h->length = ld_be32(b + 100);
}

static void header_fields(Qcow2Header *h, const uint8_t *b)
{
    h->version = ld_be32(b + 4);
    h->cluster_bits = ld_be32(b + 20);
    h->size = ld_be64(b + 24);
    h->crypt_method = ld_be32(b + 32);
    h->l1_size = ld_be32(b + 36);
    h->l1_offset = ld_be64(b + 40);
    h->reftable_offset = ld_be64(b + 48);
    h->reftable_clusters = ld_be32(b + 56);
    h->nb_snapshots = ld_be32(b + 60);
    h->snapshots_offset = ld_be64(b + 64);
    h->refcount_order = 4;
    h->length = QCOW2_HDR_V2_LEN;
    if (h->version >= 3) {
        header_v3_fields(h, b);
    }
}

static bool header_table_ok(const Qcow2Header *h, const char *filename, const char *what, uint64_t off, uint64_t bytes,
                            uint64_t max, Error **errp)
{
    uint64_t cluster = (uint64_t)1 << h->cluster_bits;
    if (bytes > max) {
        error_set(errp, "'%s' has %s of %" PRIu64 " bytes; at most %" PRIu64 " are possible", filename, what, bytes, max);
    } else if (bytes && (off & (cluster - 1) || off < cluster || off > INT64_MAX - bytes)) {
        error_set(errp, "'%s' has its %s at offset 0x%" PRIx64 ", which is not a place where it can be", filename, what, off);
    } else {
        return true;
    }
    return false;
}

static bool header_unknown_features(const Qcow2Header *h, const char *filename, Error **errp)
{
    uint64_t unknown = h->incompat & ~(uint64_t)QCOW2_INCOMPAT_KNOWN;
    if (!unknown) {
        return true;
    }
    GString *names = g_string_new(NULL);
    for (unsigned i = 0; i < 64; i++) {
        if (unknown >> i & 1) {
            g_string_append(names, names->len ? ", " : "");
            if (h->feature_names[i]) {
                g_string_append(names, h->feature_names[i]);
            } else {
                g_string_append_printf(names, "bit %u", i);
            }
        }
    }
    error_set(errp, "'%s' uses qcow2 features that this program does not know: %s", filename, names->str);
    g_string_free(names, TRUE);
    return false;
}

static bool header_check_shape(Qcow2Header *h, const char *filename, Error **errp)
{
    if (h->version < 2 || h->version > 3) {
        error_set(errp, "'%s' is a qcow2 image of version %u; this program knows versions 2 and 3", filename, h->version);
    } else if (h->cluster_bits < QCOW2_MIN_BITS || h->cluster_bits > QCOW2_MAX_BITS) {
        error_set(errp, "'%s' has clusters of 2^%u bytes; 2^%d to 2^%d are possible", filename, h->cluster_bits, QCOW2_MIN_BITS,
                  QCOW2_MAX_BITS);
    } else if (h->version >= 3 && (h->length < QCOW2_HDR_V3_LEN || h->length > (uint32_t)1 << h->cluster_bits)) {
        error_set(errp, "'%s' has a header of %u bytes; %d to the cluster size (%u) are possible", filename, h->length,
                  QCOW2_HDR_V3_LEN, 1u << h->cluster_bits);
    } else if (h->refcount_order > 6) {
        error_set(errp, "'%s' has reference counts of 2^%u bits; at most 64 bits are possible", filename, h->refcount_order);
    } else {
        return true;
    }
    return false;
}

static bool header_check_values(const Qcow2Header *h, const char *filename, bool for_check, Error **errp)
{
    unsigned entry_bits = h->incompat & QCOW2_INCOMPAT_EXTL2 ? 4 : 3;
    if (h->incompat & QCOW2_INCOMPAT_EXTL2 && h->cluster_bits < QCOW2_MIN_EXTL2_BITS) {
        error_set(errp, "'%s' has extended L2 entries and clusters of %u bytes; they need clusters of at least 16 KiB", filename,
                  1u << h->cluster_bits);
        return false;
    }
    if (h->size > BLK_MAX_SIZE) {
        error_set(errp, "'%s' claims a disk of %" PRIu64 " bytes, which is more than is possible", filename, h->size);
        return false;
    }
    if (h->crypt_method > QCOW2_CRYPT_LUKS) {
        error_set(errp, "'%s' is encrypted with method %u, which this program does not know", filename, h->crypt_method);
        return false;
    }
    if (!!(h->incompat & QCOW2_INCOMPAT_COMPRESSION) != (h->compression != 0) || h->compression > QCOW2_ZSTD) {
        error_set(errp, "'%s' has compression type %u, which does not go with its feature bits or is not known", filename,
                  h->compression);
        return false;
    }
    if (!header_table_ok(h, filename, "L1 table", h->l1_offset, (uint64_t)h->l1_size * 8, QCOW2_MAX_L1_BYTES, errp)) {
        return false;
    }
    unsigned l1_shift = 2 * h->cluster_bits - entry_bits;
    uint64_t need = (h->size >> l1_shift) + ((h->size & (((uint64_t)1 << l1_shift) - 1)) != 0);
    if (h->l1_size < need) {
        error_set(errp, "'%s' has an L1 table of %u entries, but a disk of %" PRIu64 " bytes needs %" PRIu64, filename, h->l1_size,
                  h->size, need);
        return false;
    }
    /* A check can count references anew and ignores these. */
    return for_check || (header_table_ok(h, filename, "reference count table", h->reftable_offset,
                                         (uint64_t)h->reftable_clusters << h->cluster_bits, QCOW2_MAX_REFT_BYTES, errp) &&
                         header_table_ok(h, filename, "snapshot table", h->snapshots_offset, h->nb_snapshots,
                                         QCOW2_MAX_SNAPSHOTS, errp));
}

static bool header_backing(Qcow2Header *h, const char *filename, const uint8_t *buf, Error **errp)
{
    uint64_t off = ld_be64(buf + 8), cluster = (uint64_t)1 << h->cluster_bits;
    uint32_t len = ld_be32(buf + 16);
    if (!off) {
        return true;
    }
    if (len > 1023 || off > cluster || len > cluster - off) {
        error_set(errp, "'%s' names its backing file with %u bytes at offset 0x%" PRIx64 ", which is not inside the header's cluster "
                  "or too long (1023)", filename, len, off);
        return false;
    }
    h->backing_name = g_strndup((const char *)buf + off, len);
    return true;
}

bool qcow2_header_read(BlockNode *file, const char *filename, Qcow2Header *h, bool for_check, Error **errp)
{
    uint8_t first[QCOW2_HDR_LEN];
    memset(h, 0, sizeof(*h));
    int ret = block_node_pread(file, 0, first, sizeof(first));
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot read the header of '%s'", filename);
        return false;
    }
    if (ld_be32(first) != QCOW2_MAGIC) {
        error_set(errp, "'%s' is not a qcow2 image", filename);
        error_add_hint(errp, "Its first bytes are not those of a qcow2 header: is its format another one?");
        return false;
    }
    header_fields(h, first);
    if (!header_check_shape(h, filename, errp)) {
        return false;
    }
    h->unknown_ext = g_array_new(FALSE, FALSE, sizeof(Qcow2Extension));
    uint64_t cluster = (uint64_t)1 << h->cluster_bits;
    uint8_t *buf = g_malloc(cluster);
    bool ok = false;
    ret = block_node_pread(file, 0, buf, cluster);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot read the header of '%s'", filename);
        goto out;
    }
    if (h->length > QCOW2_HDR_V3_LEN) {
        h->compression = buf[QCOW2_HDR_V3_LEN];
    }
    if (h->length > QCOW2_HDR_LEN) {
        h->unknown = g_memdup2(buf + QCOW2_HDR_LEN, h->length - QCOW2_HDR_LEN);
    }
    uint64_t ext_end = ld_be64(buf + 8) ? MIN(cluster, ld_be64(buf + 8)) : cluster;
    if (ext_end < h->length) {
        error_set(errp, "'%s' has its backing file's name at offset 0x%" PRIx64 ", inside the header", filename, ext_end);
        goto out;
    }
    ok = header_extensions(h, filename, buf, ext_end, errp) && header_unknown_features(h, filename, errp) &&
         header_check_values(h, filename, for_check, errp) && header_backing(h, filename, buf, errp);
out:
    g_free(buf);
    if (!ok) {
        qcow2_header_clear(h);
    }
    return ok;
}

/* ---- Writing --------------------------------------------------------------------------------------------------- */

static bool header_put_ext(uint8_t *buf, uint64_t size, uint64_t *at, uint32_t type, const void *data, uint32_t len)
{
    if (size - *at < 8 || align_up(len, 8) > size - *at - 8) {
        return false;
    }
    st_be32(buf + *at, type);
    st_be32(buf + *at + 4, len);
    memcpy(buf + *at + 8, data, len);
    *at += 8 + align_up(len, 8);
    return true;
}

static bool header_put_features(uint8_t *buf, uint64_t size, uint64_t *at)
{
    uint8_t table[G_N_ELEMENTS(qcow2_features) * FEATURE_LEN] = { 0 };
    for (unsigned i = 0; i < G_N_ELEMENTS(qcow2_features); i++) {
        uint8_t *row = table + i * FEATURE_LEN;
        row[0] = qcow2_features[i].type;
        row[1] = qcow2_features[i].bit;
        memcpy(row + 2, qcow2_features[i].name, strlen(qcow2_features[i].name));
    }
    return header_put_ext(buf, size, at, EXT_FEATURES, table, sizeof(table));
}

/* Fields that change while the rest of the header stays. */
static void header_put_state(const Qcow2Header *h, uint8_t *b)
{
    st_be64(b + QCOW2_HDR_SIZE, h->size);
    st_be32(b + QCOW2_HDR_L1, h->l1_size);
    st_be64(b + 40, h->l1_offset);
    st_be64(b + QCOW2_HDR_REFT, h->reftable_offset);
    st_be32(b + 56, h->reftable_clusters);
    st_be32(b + QCOW2_HDR_SNAPSHOTS, h->nb_snapshots);
    st_be64(b + 64, h->snapshots_offset);
    if (h->version >= 3) {
        st_be64(b + QCOW2_HDR_INCOMPAT, h->incompat);
        st_be64(b + 80, h->compat);
        st_be64(b + QCOW2_HDR_AUTOCLEAR, h->autoclear);
        st_be32(b + 96, h->refcount_order);
    }
}

static void header_put_fields(const Qcow2Header *h, uint8_t *b)
{
    st_be32(b, QCOW2_MAGIC);
    st_be32(b + 4, h->version);
    st_be32(b + 20, h->cluster_bits);
    st_be32(b + 32, h->crypt_method);
    header_put_state(h, b);
    if (h->version >= 3) {
        st_be32(b + 100, MAX(h->length, QCOW2_HDR_LEN));
        b[104] = h->compression;
        if (h->length > QCOW2_HDR_LEN) {
            memcpy(b + QCOW2_HDR_LEN, h->unknown, h->length - QCOW2_HDR_LEN);
        }
    }
}

static bool header_put_exts(const Qcow2Header *h, uint8_t *buf, uint64_t size, uint64_t *at)
{
    uint8_t data[24] = { 0 };
    bool ok = true;
    if (h->backing_name && h->backing_format) {
        ok = header_put_ext(buf, size, at, EXT_BACKING_FORMAT, h->backing_format, (uint32_t)strlen(h->backing_format));
    }
    if (h->data_file) {
        ok = ok && header_put_ext(buf, size, at, EXT_DATA_FILE, h->data_file, (uint32_t)strlen(h->data_file));
    }
    if (h->crypt_method == QCOW2_CRYPT_LUKS) {
        st_be64(data, h->crypt_offset);
        st_be64(data + 8, h->crypt_len);
        ok = ok && header_put_ext(buf, size, at, EXT_CRYPT, data, 16);
    }
    if (h->has_bitmaps) {
        st_be32(data, h->nb_bitmaps);
        st_be32(data + 4, 0);
        st_be64(data + 8, h->bitmap_dir_size);
        st_be64(data + 16, h->bitmap_dir_offset);
        ok = ok && header_put_ext(buf, size, at, EXT_BITMAPS, data, 24);
    }
    for (unsigned i = 0; h->unknown_ext && i < h->unknown_ext->len; i++) {
        const Qcow2Extension *e = &g_array_index(h->unknown_ext, Qcow2Extension, i);
        ok = ok && header_put_ext(buf, size, at, e->type, e->data, e->len);
    }
    return ok;
}

uint8_t *qcow2_header_build(const Qcow2Header *h, Error **errp)
{
    uint64_t size = (uint64_t)1 << h->cluster_bits;
    uint64_t at = h->version >= 3 ? MAX(h->length, QCOW2_HDR_LEN) : QCOW2_HDR_V2_LEN;
    size_t name_len = h->backing_name ? strlen(h->backing_name) : 0;
    uint8_t *buf = g_malloc0(size);
    /* The end mark (8 bytes) and the backing file's name come last. */
    bool ok = size > name_len + 8 && at <= size - name_len - 8 && name_len <= 1023;
    if (ok) {
        uint64_t room = align_down(size - name_len - 8, 8);
        header_put_fields(h, buf);
        ok = header_put_exts(h, buf, room, &at);
        if (h->version >= 3) {
            header_put_features(buf, room, &at); /* a courtesy: left out when it does not fit */
        }
        if (h->backing_name) {
            st_be64(buf + 8, at + 8);
            st_be32(buf + 16, (uint32_t)name_len);
            memcpy(buf + at + 8, h->backing_name, name_len);
        }
    }
    if (!ok) {
        error_set(errp, "the names of the backing file%s and what else belongs into the header do not fit into its cluster of %"
                  PRIu64 " bytes", h->data_file ? ", of the data file" : "", size);
        error_add_hint(errp, "Use shorter names, or a larger cluster_size.");
        g_free(buf);
        return NULL;
    }
    return buf;
}

bool qcow2_header_write(Qcow2 *q, Error **errp)
{
    uint8_t *buf = qcow2_header_build(&q->h, errp);
    if (!buf) {
        return false;
    }
    int ret = block_event(q->n, "write_aio");
    ret = ret < 0 ? ret : qcow2_overlap_check(q, 0, q->cluster_size, QCOW2_KIND_HEADER);
    ret = ret < 0 ? ret : qcow2_sync_file(q);
    ret = ret < 0 ? ret : block_node_pwrite(q->n->file, 0, buf, q->cluster_size);
    ret = ret < 0 ? ret : qcow2_sync_file(q);
    g_free(buf);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the header of '%s'", q->n->filename);
        return false;
    }
    if (q->h.version >= 3) {
        q->h.length = MAX(q->h.length, QCOW2_HDR_LEN);
    }
    return true;
}

int qcow2_header_switch(Qcow2 *q, unsigned at, const void *bytes, size_t len, bool *durable)
{
    uint8_t now[QCOW2_HDR_V3_LEN];
    int ret = qcow2_overlap_check(q, 0, q->cluster_size, QCOW2_KIND_HEADER);
    if (ret < 0) {
        return ret;
    }
    ret = block_node_pwrite(q->n->file, at, bytes, len);
    if (ret < 0) { /* has it happened all the same? */
        if (block_node_pread(q->n->file, at, now, len) < 0) {
            atomic_store(&q->corrupt, true); /* which tables are valid is not known: write nothing more */
            return ret;
        }
        if (memcmp(now, bytes, len)) {
            return ret;
        }
    }
    *durable = qcow2_sync_file(q) == 0;
    return 0;
}

int qcow2_header_switch_fields(Qcow2 *q, const Qcow2Header *h, bool *durable)
{
    uint8_t b[QCOW2_HDR_V3_LEN];
    int ret = block_node_pread(q->n->file, 0, b, sizeof(b));
    if (ret < 0) {
        return ret;
    }
    header_put_state(h, b);
    return qcow2_header_switch(q, 0, b, h->version >= 3 ? QCOW2_HDR_V3_LEN : QCOW2_HDR_V2_LEN, durable);
}

int qcow2_header_write_field(Qcow2 *q, unsigned at, const void *bytes, size_t len)
{
    int ret = qcow2_overlap_check(q, 0, q->cluster_size, QCOW2_KIND_HEADER);
    return ret < 0 ? ret : block_node_pwrite(q->n->file, at, bytes, len);
}

int qcow2_header_write_incompat(Qcow2 *q)
{
    uint8_t v[8];
    st_be64(v, q->h.incompat);
    return block_node_pwrite(q->n->file, QCOW2_HDR_INCOMPAT, v, sizeof(v));
}
