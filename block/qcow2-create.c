/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: new images, and how large they will be. */
#include "util/osdep.h"
#include "block/qcow2-int.h"

#define OPT_BACKING                                                                     \
    { "backing_file", BLOCK_OPT_STRING, NULL, NULL, "File name of a base image" },      \
    { "backing_fmt", BLOCK_OPT_STRING, NULL, NULL, "Image format of the base image" }
#define OPT_COMPAT { "compat", BLOCK_OPT_STRING, NULL, NULL, "Compatibility level (v2 [0.10] or v3 [1.1])" }
#define OPT_DATA                                                                        \
    { "data_file", BLOCK_OPT_STRING, NULL, NULL, "File name of an external data file" }, \
    { "data_file_raw", BLOCK_OPT_BOOL, NULL, NULL, "The external data file must stay valid as a raw image" }
#define OPT_LAZY { "lazy_refcounts", BLOCK_OPT_BOOL, NULL, NULL, "Postpone refcount updates" }
#define OPT_REFBITS { "refcount_bits", BLOCK_OPT_UINT, NULL, NULL, "Width of a reference count entry in bits" }
#define OPT_SIZE { "size", BLOCK_OPT_SIZE, NULL, NULL, "Virtual disk size" }
#define OPT_ITER { "encrypt.iter-time", BLOCK_OPT_UINT, NULL, NULL, "Time to spend in PBKDF in milliseconds" }

const BlockOpt qcow2_create_opts[] = {
    { "encryption", BLOCK_OPT_BOOL, NULL, NULL, "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)" },
    { "encrypt.format", BLOCK_OPT_STRING, NULL, NULL, "Encrypt the image, format choices: 'aes', 'luks'" },
    { "encrypt.key-secret", BLOCK_OPT_STRING, NULL, NULL, "ID of secret providing qcow AES key or LUKS passphrase" },
    { "encrypt.cipher-alg", BLOCK_OPT_STRING, NULL, NULL, "Name of encryption cipher algorithm" },
    { "encrypt.cipher-mode", BLOCK_OPT_STRING, NULL, NULL, "Name of encryption cipher mode" },
    { "encrypt.ivgen-alg", BLOCK_OPT_STRING, NULL, NULL, "Name of IV generator algorithm" },
    { "encrypt.ivgen-hash-alg", BLOCK_OPT_STRING, NULL, NULL, "Name of IV generator hash algorithm" },
    { "encrypt.hash-alg", BLOCK_OPT_STRING, NULL, NULL, "Name of encryption hash algorithm" },
    OPT_ITER,
    { "cluster_size", BLOCK_OPT_SIZE, "65536", NULL, "qcow2 cluster size" },
    { "extended_l2", BLOCK_OPT_BOOL, "off", NULL, "Extended L2 tables" },
    { "preallocation", BLOCK_OPT_ENUM, NULL, BLOCK_PREALLOC_VALUES, "Preallocation mode (allowed values: off, metadata, falloc, full)" },
    { "compression_type", BLOCK_OPT_ENUM, "zlib", "zlib|zstd", "Compression method used for image cluster compression" },
    OPT_SIZE,
    OPT_COMPAT,
    OPT_BACKING,
    OPT_DATA,
    { "lazy_refcounts", BLOCK_OPT_BOOL, "off", NULL, "Postpone refcount updates" },
    { "refcount_bits", BLOCK_OPT_UINT, "16", NULL, "Width of a reference count entry in bits" },
    { NULL, 0, NULL, NULL, NULL },
};

const BlockOpt qcow2_amend_opts[] = {
    OPT_BACKING,
    OPT_COMPAT,
    OPT_DATA,
    OPT_ITER,
    { "encrypt.keyslot", BLOCK_OPT_UINT, NULL, NULL, "Select a single keyslot to modify explicitly" },
    { "encrypt.new-secret", BLOCK_OPT_STRING, NULL, NULL, "New secret to set in the matching keyslots. Empty string to erase" },
    { "encrypt.old-secret", BLOCK_OPT_STRING, NULL, NULL, "Select all keyslots that match this password" },
    { "encrypt.state", BLOCK_OPT_STRING, NULL, NULL, "Select new state of affected keyslots (active/inactive)" },
    OPT_LAZY,
    OPT_REFBITS,
    OPT_SIZE,
    { NULL, 0, NULL, NULL, NULL },
};

/* ---- What is asked for ----------------------------------------------------------------------------------------- */

bool qcow2_parse_compat(const char *text, uint32_t *version, Error **errp)
{
    if (!text || !strcmp(text, "1.1") || !strcmp(text, "v3")) {
        *version = 3;
    } else if (!strcmp(text, "0.10") || !strcmp(text, "v2")) {
        *version = 2;
    } else {
        error_set(errp, "compat=%s is not known: it is 0.10 (v2) or 1.1 (v3)", text);
        return false;
    }
    return true;
}

bool qcow2_parse_refcount_bits(uint64_t bits, uint32_t version, uint32_t *order, Error **errp)
{
    if (!is_pow2(bits) || bits > 64) {
        error_set(errp, "refcount_bits=%" PRIu64 " is not a power of two from 1 to 64", bits);
        return false;
    }
    *order = (uint32_t)__builtin_ctzll(bits);
    if (version < 3 && *order != 4) {
        error_set(errp, "refcount_bits=%" PRIu64 " needs compat=1.1 or newer; with 0.10 it is 16", bits);
        return false;
    }
    return true;
}

static bool create_crypt_options(Qcow2Header *h, BlockOpts *o, Error **errp)
{
    const char *format = block_opt_str(o, "encrypt.format");
    if (block_opt_bool(o, "encryption") && format) {
        error_set(errp, "encryption=on and encrypt.format=%s say the same twice: leave encryption out", format);
        return false;
    }
    format = block_opt_bool(o, "encryption") ? "aes" : format;
    if (format && strcmp(format, "aes") && strcmp(format, "luks")) {
        error_set(errp, "encrypt.format=%s is not known: it is luks (or aes, for old programs)", format);
        return false;
    }
    h->crypt_method = !format ? QCOW2_CRYPT_NONE : !strcmp(format, "aes") ? QCOW2_CRYPT_AES : QCOW2_CRYPT_LUKS;
    if (h->crypt_method == QCOW2_CRYPT_AES && !block_opt_str(o, "encrypt.key-secret")) {
        error_set(errp, "an encrypted image needs encrypt.key-secret=, the id of its passphrase");
        return false;
    }
    return true;
}

static bool create_v3_only(const Qcow2Header *h, BlockOpts *o, Error **errp)
{
    const char *what = h->compat & QCOW2_COMPAT_LAZY ? "lazy_refcounts=on" : h->incompat & QCOW2_INCOMPAT_DATA_FILE ? "data_file="
                     : h->incompat & QCOW2_INCOMPAT_EXTL2 ? "extended_l2=on" : h->compression ? "compression_type=zstd" : NULL;
    (void)o;
    if (what && h->version < 3) {
        error_set(errp, "%s needs compat=1.1 or newer", what);
        return false;
    }
    return true;
}

static bool create_features(Qcow2Header *h, BlockOpts *o, Error **errp)
{
    h->compat = block_opt_bool(o, "lazy_refcounts") ? QCOW2_COMPAT_LAZY : 0;
    h->compression = (uint8_t)block_opt_enum(o, "compression_type");
    h->incompat = (h->compression ? QCOW2_INCOMPAT_COMPRESSION : 0) | (block_opt_bool(o, "extended_l2") ? QCOW2_INCOMPAT_EXTL2 : 0);
    if (block_opt_given(o, "data_file")) {
        h->incompat |= QCOW2_INCOMPAT_DATA_FILE;
        h->data_file = g_strdup(block_opt_str(o, "data_file"));
        h->autoclear = block_opt_bool(o, "data_file_raw") ? QCOW2_AUTOCLEAR_RAW : 0;
    } else if (block_opt_bool(o, "data_file_raw")) {
        error_set(errp, "data_file_raw=on needs data_file=");
        return false;
    }
    if (h->autoclear & QCOW2_AUTOCLEAR_RAW && h->backing_name) {
        error_set(errp, "an image with a backing file cannot have data_file_raw=on: the data file alone would not be the disk");
        return false;
    }
    if (h->incompat & QCOW2_INCOMPAT_EXTL2 && h->cluster_bits < QCOW2_MIN_EXTL2_BITS) {
        error_set(errp, "extended_l2=on needs a cluster_size of at least 16k");
        return false;
    }
    if (h->compression == QCOW2_ZSTD && !qcow2_zstd_available(errp)) {
        return false;
    }
    if (block_opt_enum(o, "preallocation") && h->backing_name && !(h->incompat & QCOW2_INCOMPAT_EXTL2)) {
        error_set(errp, "a backing file and preallocation go together only with extended_l2=on");
        return false;
    }
    return create_crypt_options(h, o, errp) && create_v3_only(h, o, errp);
}

static bool create_size(Qcow2Header *h, const char *filename, BlockOpts *o, Error **errp)
{
    if (block_opt_given(o, "size")) {
        h->size = align_up(MIN(block_opt_uint(o, "size"), BLK_MAX_SIZE), BLK_SECTOR);
        return true;
    }
    if (!h->backing_name) {
        error_set(errp, "the size of '%s' is not said", filename);
        return false;
    }
    BlockOpen how = { .readonly = true };
    char *path = block_path_beside(filename, h->backing_name);
    BlockNode *b = block_open(path, h->backing_format, NULL, &how, errp);
    g_free(path);
    if (b) {
        h->size = atomic_load(&b->size);
        block_node_unref(b);
    } else {
        error_prepend(errp, "the size of '%s' is not said, and its backing file does not tell it: ", filename);
    }
    return b;
}

static bool create_header(Qcow2Header *h, const char *filename, BlockOpts *o, Error **errp)
{
    uint64_t cluster = block_opt_uint(o, "cluster_size");
    memset(h, 0, sizeof(*h));
    if (!is_pow2(cluster) || cluster < 1u << QCOW2_MIN_BITS || cluster > 1u << QCOW2_MAX_BITS) {
        error_set(errp, "cluster_size=%" PRIu64 " is not a power of two from 512 to 2M", cluster);
        return false;
    }
    h->cluster_bits = (uint32_t)__builtin_ctzll(cluster);
    h->backing_name = g_strdup(block_opt_str(o, "backing_file"));
    h->backing_format = g_strdup(block_opt_str(o, "backing_fmt"));
    if (h->backing_name && !*h->backing_name) {
        g_clear_pointer(&h->backing_name, g_free);
    }
    uint64_t bits = block_opt_given(o, "refcount_bits") ? block_opt_uint(o, "refcount_bits") : 16;
    if (!qcow2_parse_compat(block_opt_str(o, "compat"), &h->version, errp) ||
        !qcow2_parse_refcount_bits(bits, h->version, &h->refcount_order, errp) || !create_features(h, o, errp) ||
        !create_size(h, filename, o, errp)) {
        return false;
    }
    h->length = h->version >= 3 ? QCOW2_HDR_LEN : QCOW2_HDR_V2_LEN;
    unsigned shift = 2 * h->cluster_bits - (h->incompat & QCOW2_INCOMPAT_EXTL2 ? 4 : 3);
    uint64_t l1 = (h->size >> shift) + ((h->size & (((uint64_t)1 << shift) - 1)) != 0);
    if (l1 > QCOW2_MAX_L1_BYTES / 8) {
        error_set(errp, "a disk of %" PRIu64 " bytes is too large for clusters of %" PRIu64 " bytes", h->size, cluster);
        error_add_hint(errp, cluster < 1u << QCOW2_MAX_BITS ? "Use a larger cluster_size." : "There is no larger cluster_size.");
        return false;
    }
    h->l1_size = (uint32_t)l1;
    return true;
}

/* ---- Writing it ------------------------------------------------------------------------------------------------ */

/* Clusters: header, refcount table, refcount blocks, L1 table, encryption header. */
typedef struct Layout {
    uint64_t cluster, reft, blocks, l1, crypt, total;
} Layout;

static Layout create_layout(const Qcow2Header *h, uint64_t crypt_bytes)
{
    Layout l = { .cluster = (uint64_t)1 << h->cluster_bits, .reft = 1, .blocks = 1 };
    uint64_t per = l.cluster * 8 >> h->refcount_order;
    l.l1 = MAX(1, ((uint64_t)h->l1_size * 8 + l.cluster - 1) / l.cluster);
    l.crypt = (crypt_bytes + l.cluster - 1) / l.cluster;
    for (;;) {
        l.total = 1 + l.reft + l.blocks + l.l1 + l.crypt;
        uint64_t blocks = (l.total + per - 1) / per, reft = (blocks * 8 + l.cluster - 1) / l.cluster;
        if (blocks <= l.blocks && reft <= l.reft) {
            return l;
        }
        l.blocks = MAX(blocks, l.blocks);
        l.reft = MAX(reft, l.reft);
    }
}

static int create_refcounts(BlockNode *file, const Qcow2Header *h, const Layout *l)
{
    uint64_t reft_bytes = l->reft * l->cluster, first = (1 + l->reft) * l->cluster;
    uint8_t *table = g_malloc0(reft_bytes), *blocks = g_malloc0(l->blocks * l->cluster);
    for (uint64_t i = 0; i < l->blocks; i++) {
        st_be64(table + 8 * i, first + i * l->cluster);
    }
    for (uint64_t c = 0; c < l->total; c++) {
        qcow2_ref_store(blocks, c, h->refcount_order, 1);
    }
    int ret = block_node_pwrite(file, l->cluster, table, reft_bytes);
    ret = ret < 0 ? ret : block_node_pwrite(file, first, blocks, l->blocks * l->cluster);
    g_free(table);
    g_free(blocks);
    return ret;
}

static bool create_write(BlockNode *file, Qcow2Header *h, const uint8_t *crypt, uint64_t crypt_bytes, Error **errp)
{
    Layout l = create_layout(h, crypt_bytes);
    h->reftable_offset = l.cluster;
    h->reftable_clusters = (uint32_t)l.reft;
    h->l1_offset = (1 + l.reft + l.blocks) * l.cluster;
    h->crypt_offset = h->l1_offset + l.l1 * l.cluster;
    h->crypt_len = crypt_bytes;
    uint8_t *head = qcow2_header_build(h, errp);
    if (!head) {
        return false;
    }
    uint8_t *l1 = g_malloc0(l.l1 * l.cluster);
    int ret = create_refcounts(file, h, &l);
    ret = ret < 0 ? ret : block_node_pwrite(file, h->l1_offset, l1, l.l1 * l.cluster);
    ret = ret < 0 || !crypt ? ret : block_node_pwrite(file, h->crypt_offset, crypt, crypt_bytes);
    ret = ret < 0 ? ret : block_node_pwrite(file, 0, head, l.cluster);
    ret = ret < 0 ? ret : block_node_flush(file);
    g_free(l1);
    g_free(head);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the new image");
    }
    return ret == 0;
}

/* The image open as its user will have it, for preallocation. */
static BlockNode *create_open(BlockNode *file, BlockNode *data, BlockOpts *o, Error **errp)
{
    BlockOpen how = { .no_backing = true, .discard = true };
    KeyVal *kv = keyval_new();
    keyval_set(kv, "driver", "qcow2");
    keyval_set(kv, "file", file->node_name);
    if (data) {
        keyval_set(kv, "data-file", data->node_name);
    }
    if (block_opt_str(o, "encrypt.key-secret")) {
        keyval_set(kv, "encrypt.key-secret", block_opt_str(o, "encrypt.key-secret"));
    }
    BlockNode *n = block_open_opts(kv, &how, errp);
    keyval_free(kv);
    return n;
}

static bool create_prealloc(BlockNode *file, BlockNode *data, const Qcow2Header *h, BlockOpts *o, Error **errp)
{
    BlockPrealloc mode = (BlockPrealloc)block_opt_enum(o, "preallocation");
    if (mode == BLOCK_PREALLOC_OFF && !(h->autoclear & QCOW2_AUTOCLEAR_RAW)) {
        return true;
    }
    BlockNode *n = create_open(file, data, o, errp);
    bool ok = n && qcow2_preallocate(n->opaque, 0, h->size, mode == BLOCK_PREALLOC_OFF ? BLOCK_PREALLOC_METADATA : mode, errp);
    if (ok) {
        int ret = block_node_flush(n);
        ok = ret == 0;
        if (!ok) {
            error_set_errno(errp, -ret, "cannot write the new image");
        }
    }
    block_node_unref(n);
    return ok;
}

bool qcow2_create(BlockNode *file, const char *filename, BlockOpts *o, Error **errp)
{
    Qcow2Header h;
    uint64_t crypt_len = 0;
    uint8_t *crypt = NULL;
    BlockNode *data = NULL;
    bool ok = create_header(&h, filename, o, errp);
    if (ok && h.crypt_method == QCOW2_CRYPT_LUKS) {
        crypt = qcow2_crypt_create(o, &crypt_len, errp);
        ok = crypt;
    }
    ok = ok && create_write(file, &h, crypt, crypt_len, errp);
    if (ok && h.data_file) {
        /* As given, relative to where the user is (as qemu-img does), not to the image. */
        data = block_create_file(h.data_file, h.size, BLOCK_PREALLOC_OFF, errp);
        ok = data;
    }
    ok = ok && create_prealloc(file, data, &h, o, errp);
    block_node_unref(data);
    g_free(crypt);
    qcow2_header_clear(&h);
    return ok;
}

/* ---- Measuring ------------------------------------------------------------------------------------------------- */

/* Bytes of @in that a copy has to store, in whole clusters. */
static bool measure_data(BlockNode *in, uint64_t cluster, uint64_t *bytes, Error **errp)
{
    uint64_t size = atomic_load(&in->size), last = UINT64_MAX;
    *bytes = 0;
    for (uint64_t off = 0; off < size;) {
        BlockStatus s;
        int ret = block_node_status_above(in, NULL, off, size - off, &s);
        if (ret < 0 || !s.len) {
            error_set_errno(errp, ret < 0 ? -ret : EIO, "cannot find out what '%s' holds", in->filename);
            return false;
        }
        if (s.flags & BLOCK_STATUS_ALLOCATED && !(s.flags & BLOCK_STATUS_ZERO)) {
            uint64_t from = off / cluster, to = (off + s.len - 1) / cluster;
            *bytes += (to - from + (from != last)) * cluster;
            last = to;
        }
        off += s.len;
    }
    return true;
}

/* Header, L1, L2 tables and refcounts of an image that holds @data bytes of clusters. */
static uint64_t measure_total(const Qcow2Header *h, uint64_t size, uint64_t data, uint64_t crypt)
{
    uint64_t cluster = (uint64_t)1 << h->cluster_bits, entry = h->incompat & QCOW2_INCOMPAT_EXTL2 ? 16 : 8;
    uint64_t per_l2 = cluster / entry, guest = (size + cluster - 1) / cluster, l2 = (guest + per_l2 - 1) / per_l2;
    uint64_t l1 = (l2 * 8 + cluster - 1) / cluster;
    uint64_t meta = 1 + l1 + l2 + (crypt + cluster - 1) / cluster, per = cluster * 8 >> h->refcount_order;
    uint64_t blocks = 0, reft = 0;
    for (;;) {
        uint64_t total = meta + data / cluster + blocks + reft, b = (total + per - 1) / per, r = (b * 8 + cluster - 1) / cluster;
        if (b == blocks && r == reft) {
            return total * cluster;
        }
        blocks = b;
        reft = r;
    }
}

/* Only qcow2 has any, and not its version 2. */
static bool qcow2_may_have_bitmaps(const BlockNode *in)
{
    while (in->drv->filter && in->file) {
        in = in->file;
    }
    const Qcow2 *q = in->opaque;
    return in->drv->bitmaps && q->h.version >= 3;
}

/* What the bitmaps of @in take in an image of such clusters: all of their bits, a table each, and the directory. */
static bool measure_bitmaps(BlockNode *in, uint64_t cluster, uint64_t *out, Error **errp)
{
    GPtrArray *list = block_bitmap_list(in, errp);
    uint64_t dir = 0;
    for (unsigned i = 0; list && i < list->len; i++) {
        const BlockBitmap *b = list->pdata[i];
        uint64_t bits = (atomic_load(&in->size) + b->granularity - 1) / b->granularity, clusters = ((bits + 7) / 8 + cluster - 1) / cluster;
        *out += clusters * cluster + align_up(clusters * 8, cluster);
        dir += align_up(24 + strlen(b->name), 8); /* a fixed part and the name */
    }
    *out += align_up(dir, cluster);
    if (list) {
        g_ptr_array_unref(list);
    }
    return list != NULL;
}

bool qcow2_measure(BlockOpts *o, BlockNode *in, BlockMeasure *out, Error **errp)
{
    Qcow2Header h;
    uint64_t data = 0, crypt = 0;
    if (!in && !block_opt_given(o, "size")) {
        error_set(errp, "measuring needs an image or size=");
        return false;
    }
    bool ok = create_header(&h, "new image", o, errp);
    uint64_t size = ok && in ? align_up(atomic_load(&in->size), BLK_SECTOR) : ok ? h.size : 0;
    uint64_t cluster = (uint64_t)1 << h.cluster_bits;
    ok = ok && (!in || measure_data(in, cluster, &data, errp));
    if (ok) {
        if (h.crypt_method == QCOW2_CRYPT_LUKS) {
            crypt = 4096 + 8 * align_up(64 * 4000, 4096); /* the header with 8 slots for keys of 512 bits */
        }
        uint64_t all = align_up(size, cluster);
        bool full = block_opt_enum(o, "preallocation") >= BLOCK_PREALLOC_FALLOC;
        uint64_t meta = measure_total(&h, size, all, crypt) - all;
        if (h.incompat & QCOW2_INCOMPAT_DATA_FILE) {
            all = data = 0;
        }
        *out = (BlockMeasure) { .required = meta + (full ? all : data), .fully_allocated = meta + all };
        out->has_bitmaps = in && h.version >= 3 && qcow2_may_have_bitmaps(in);
        ok = !out->has_bitmaps || measure_bitmaps(in, cluster, &out->bitmaps, errp);
    }
    qcow2_header_clear(&h);
    return ok;
}
