/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the qcow2 driver.  The format: docs/interop/qcow2.txt of the QEMU project ("the specification").
 *
 * How an image survives a power cut.  Data is written first, then refcounts, then what refers to both:
 *   1. data, refcount blocks and the first content of new tables are written;  2. flush;  3. (new refcount blocks only)
 *   refcount table, flush;  4. L2 slices and L1 entries are written;  5. flush;  6. only now what they no longer refer to is free.
 * All changes of tables stay in the caches until qcow2_commit() does these steps, so that a table on disk never refers
 * to something that is not there, and a cluster is never used again while a table on disk may refer to it.
 *
 * Locks, in the order in which they are taken:
 *   stripes      guest clusters: requests share them to use a mapping and take them alone to change it
 *   table_lock   making an L2 table, or a copy of one that a snapshot shares
 *   alloc_lock   refcounts, the search for free clusters, where the next compressed cluster goes
 *   commit_lock  one commit at a time
 *   lock         caches, l1, reftable, lists of freed clusters; never held while reading or writing the file
 * Snapshots, resize, check, amend, bitmaps run alone (nothing is in flight), so they need no stripes.
 */
#ifndef BLOCK_QCOW2_INT_H
#define BLOCK_QCOW2_INT_H

#include "block/block-int.h"
#include "util/bytes.h"

#include <jansson.h>
#include <pthread.h>

/* Files: qcow2.c (open, close, the table), -header, -cache (and commit), -refcount, -cluster (mapping), -io (reads), -write, -compress,
 * -crypt, -counts (sets of new tables), -snapshot, -bitmap, -check, -repair, -create, -resize, -amend. */

#define QCOW2_MAGIC 0x514649fbu

#define QCOW2_COPIED ((uint64_t)1 << 63)     /* of L1 and L2 entries: refcount is exactly 1 */
#define QCOW2_COMPRESSED ((uint64_t)1 << 62) /* of L2 entries */
#define QCOW2_ZERO ((uint64_t)1)             /* of L2 entries without subclusters */
#define QCOW2_OFFSET_MASK 0x00fffffffffffe00ull
#define QCOW2_L1_RESERVED 0x7f000000000001ffull
#define QCOW2_L2_RESERVED 0x3f000000000001feull
#define QCOW2_REFT_RESERVED 0x1ffull

enum {
    QCOW2_MIN_BITS = 9, QCOW2_MAX_BITS = 21, QCOW2_MIN_EXTL2_BITS = 14, QCOW2_SUBCLUSTERS = 32,
    QCOW2_MAX_L1_BYTES = 32 << 20, QCOW2_MAX_REFT_BYTES = 8 << 20,
    QCOW2_MAX_SNAPSHOTS = 65536, QCOW2_MAX_SNAPSHOT_BYTES = 64 << 20, QCOW2_MAX_SNAPSHOT_EXTRA = 1024,
    QCOW2_MAX_BITMAPS = 65535, QCOW2_MAX_BITMAP_DIR_BYTES = 64 << 20,
    QCOW2_STRIPES = 256,
};

enum { /* incompatible features */
    QCOW2_INCOMPAT_DIRTY = 1, QCOW2_INCOMPAT_CORRUPT = 2, QCOW2_INCOMPAT_DATA_FILE = 4, QCOW2_INCOMPAT_COMPRESSION = 8,
    QCOW2_INCOMPAT_EXTL2 = 16, QCOW2_INCOMPAT_KNOWN = 31,
};
enum { QCOW2_COMPAT_LAZY = 1 };
enum { QCOW2_AUTOCLEAR_BITMAPS = 1, QCOW2_AUTOCLEAR_RAW = 2, QCOW2_AUTOCLEAR_KNOWN = 3 };
enum { QCOW2_CRYPT_NONE, QCOW2_CRYPT_AES, QCOW2_CRYPT_LUKS };
enum { QCOW2_ZLIB, QCOW2_ZSTD };
enum { /* offsets of header fields that are written alone */
    QCOW2_HDR_SIZE = 24, QCOW2_HDR_L1 = 36, QCOW2_HDR_REFT = 48, QCOW2_HDR_SNAPSHOTS = 60, QCOW2_HDR_INCOMPAT = 72,
    QCOW2_HDR_AUTOCLEAR = 88, QCOW2_HDR_V2_LEN = 72, QCOW2_HDR_V3_LEN = 104, QCOW2_HDR_LEN = 112,
};

typedef struct Qcow2 Qcow2;
typedef struct Qcow2Crypt Qcow2Crypt;

typedef struct Qcow2Extension {
    uint32_t type, len;
    uint8_t *data;
} Qcow2Extension;

/* The header in host order, with its extensions. */
typedef struct Qcow2Header {
    uint32_t version, cluster_bits, crypt_method, l1_size, reftable_clusters, nb_snapshots;
    uint64_t size, l1_offset, reftable_offset, snapshots_offset;
    uint64_t incompat, compat, autoclear;
    uint32_t refcount_order, length;
    uint8_t compression;
    uint8_t *unknown; /* header bytes behind those that we know; length - QCOW2_HDR_LEN of them */
    char *backing_name, *backing_format, *data_file;
    uint64_t crypt_offset, crypt_len;
    bool has_bitmaps;
    uint32_t nb_bitmaps;
    uint64_t bitmap_dir_size, bitmap_dir_offset;
    char *feature_names[64]; /* of incompatible features, from the image's table */
    GArray *unknown_ext;     /* Qcow2Extension, kept as they are */
} Qcow2Header;

/* ---- Caches of table slices (qcow2-cache.c) -------------------------------------------------------------------- */

typedef struct Qcow2Slot {
    _Atomic uint64_t key;  /* slice number + 1; 0: empty */
    _Atomic uint32_t seq;  /* odd while its content changes */
    _Atomic uint32_t used; /* for choosing what goes */
    bool dirty, loading;
    uint8_t captured;      /* 1: a running commit will write it, 2: it has taken its copy */
    uint8_t *shadow;       /* content that a running commit shall write, when it has changed since */
} Qcow2Slot;

typedef struct Qcow2Cache {
    Qcow2 *q;
    bool l2;
    uint32_t slice_size;
    uint64_t nsets;
    unsigned ways;
    Qcow2Slot *slots;
    uint8_t *data;
    GArray *dirty; /* uint64_t indices of slots */
    _Atomic uint32_t clock;
} Qcow2Cache;

/* A table that is wholly in memory, big-endian on disk, with its dirty sectors. */
typedef struct Qcow2Table {
    _Atomic uint64_t *e;
    uint64_t n;
    uint64_t offset;
    uint8_t *dirty; /* a byte a sector of 64 entries */
    uint64_t ndirty;
} Qcow2Table;

typedef enum Qcow2Kind {
    QCOW2_KIND_NONE, QCOW2_KIND_HEADER, QCOW2_KIND_L1, QCOW2_KIND_L2, QCOW2_KIND_REFTABLE, QCOW2_KIND_REFBLOCK,
    QCOW2_KIND_SNAPSHOTS, QCOW2_KIND_SNAPSHOT_L1, QCOW2_KIND_BITMAPS, QCOW2_KIND_CRYPT, QCOW2_KIND_CONFLICT,
} Qcow2Kind;

typedef enum Qcow2FreeWhy { QCOW2_FREE_OTHER, QCOW2_FREE_REQUEST, QCOW2_FREE_SNAPSHOT } Qcow2FreeWhy;

typedef struct Qcow2Free {
    uint64_t offset, clusters;
    Qcow2FreeWhy why;
} Qcow2Free;

typedef struct Qcow2Snapshot {
    uint64_t l1_offset;
    uint32_t l1_size;
    char *id, *name;
    uint32_t date_sec, date_nsec;
    uint64_t vm_clock_nsec, vm_state_size, disk_size, icount;
    uint8_t *extra; /* bytes behind those that we know */
    uint32_t extra_len, extra_known;
} Qcow2Snapshot;

struct Qcow2 {
    BlockNode *n;
    BlockNode *data; /* the external data file; NULL: none */
    Qcow2Header h;
    unsigned cluster_bits;
    uint64_t cluster_size;
    unsigned l2_entry_bits;    /* log2 of an L2 entry's bytes */
    unsigned l2_bits;          /* log2 of entries of an L2 table */
    unsigned l2_slice_bits;    /* log2 of entries of an L2 slice */
    unsigned ref_bits;         /* log2 of entries of a refcount block */
    unsigned ref_slice_bits;
    uint64_t refcount_max;
    unsigned nsub;             /* granules of a cluster: 1 or 32 */
    unsigned granule_bits;
    uint64_t virtual_size;     /* of the active disk (a loaded snapshot's while one is shown) */
    bool lazy;                 /* lazy refcounts are in use */
    bool discard_request, discard_snapshot, discard_other;
    bool raw_data;             /* the data file is kept valid as raw */
    _Atomic bool corrupt;
    _Atomic bool dirty_marked; /* the header's dirty bit is set */

    pthread_rwlock_t stripes[QCOW2_STRIPES];
    pthread_mutex_t table_lock, alloc_lock, commit_lock, lock;
    pthread_mutex_t unaligned_lock; /* before stripes: one read-change-write of encrypted sectors at a time */
    pthread_cond_t loaded;     /* with lock: a slot has been loaded, or a commit has ended */

    /* lock */
    Qcow2Cache l2, ref;
    Qcow2Table l1, reft;
    GArray *freed;             /* Qcow2Free: no longer referred to by tables in memory */
    GArray *ready;             /* Qcow2Free: nor by those on disk */

    /* alloc_lock */
    uint64_t hint;             /* no cluster below it is free */
    uint64_t comp_offset;      /* where the next compressed cluster may begin; 0: nowhere */
    _Atomic uint64_t zero_from; /* what is allocated at or behind it reads as zeros; UINT64_MAX: not known */

    pthread_rwlock_t kind_lock;
    GHashTable *kinds;         /* cluster number -> Qcow2Kind, of all metadata */
    _Atomic uint8_t kind_filter[8192];

    GPtrArray *bitmaps;        /* qcow2-bitmap.c */
    _Atomic bool bitmaps_track; /* some of them follow writes */
    bool bitmaps_begun;        /* they are in memory and marked as in use; bitmap_lock */
    bool bad_bitmaps;          /* the directory could not be read (for check) */
    pthread_mutex_t bitmap_lock;

    uint64_t snapshots_bytes;
    uint32_t bad_snapshots;    /* entries that could not be read (for check) */
    GArray *snapshots;         /* Qcow2Snapshot; changed while nothing is in flight */
    Qcow2Crypt *crypt;
    bool shows_snapshot;
    uint64_t l2_cache_max, ref_cache_max, l2_slice_size; /* as asked for */

    pthread_mutex_t comp_lock; /* the cluster that was decompressed last */
    uint8_t *comp_data;
    uint64_t comp_entry;
    uint32_t comp_kept_generation;
    _Atomic uint32_t comp_generation; /* changes when clusters become free: what lies in them may be others' then */
};

static inline uint64_t qcow2_cluster(const Qcow2 *q, uint64_t off)
{
    return off >> q->cluster_bits;
}

static inline uint64_t qcow2_in_cluster(const Qcow2 *q, uint64_t off)
{
    return off & (q->cluster_size - 1);
}

/* Where guest clusters are. */
static inline BlockNode *qcow2_data_node(const Qcow2 *q)
{
    return q->data ? q->data : q->n->file;
}

/* ---- qcow2-header.c -------------------------------------------------------------------------------------------- */

bool qcow2_header_read(BlockNode *file, const char *filename, Qcow2Header *h, bool for_check, Error **errp);
void qcow2_header_clear(Qcow2Header *h);
/* The first cluster as bytes.  NULL and *errp when it does not fit. */
uint8_t *qcow2_header_build(const Qcow2Header *h, Error **errp);
/* Writes the whole header cluster, with flushes before and after. */
bool qcow2_header_write(Qcow2 *q, Error **errp);
/*
 * Makes the header refer to other tables, by @len bytes at @at of its first sector.  When it returns 0 the file says so, and the
 * tables in memory must follow; @durable: it is safe too, and the old tables may be used for something else.
 */
int qcow2_header_switch(Qcow2 *q, unsigned at, const void *bytes, size_t len, bool *durable);
/* The same with all numbers of @h (not version, cluster size, names, extensions). */
int qcow2_header_switch_fields(Qcow2 *q, const Qcow2Header *h, bool *durable);
/* Writes one or more whole fields (all in the first sector). */
int qcow2_header_write_field(Qcow2 *q, unsigned at, const void *bytes, size_t len);
int qcow2_header_write_incompat(Qcow2 *q);

/* ---- qcow2-cache.c --------------------------------------------------------------------------------------------- */

bool qcow2_cache_init(Qcow2 *q, Qcow2Cache *c, bool l2, uint32_t slice_size, uint64_t slices, uint64_t max_bytes, Error **errp);
void qcow2_cache_free(Qcow2Cache *c);
/* With q->lock, which it may let go of meanwhile: @slot is slice @key until the lock is let go. */
int qcow2_cache_get(Qcow2Cache *c, uint64_t key, Qcow2Slot **slot);
static inline uint8_t *qcow2_slot_data(const Qcow2Cache *c, const Qcow2Slot *s)
{
    return c->data + (size_t)(s - c->slots) * c->slice_size;
}
/* Around every change of a slot's content, with q->lock. */
void qcow2_slot_change(Qcow2Cache *c, Qcow2Slot *s);
void qcow2_slot_changed(Qcow2Slot *s);
/* @words 64-bit words at byte @at of slice @key, without any lock.  False: not there (now). */
bool qcow2_cache_peek(Qcow2Cache *c, uint64_t key, uint32_t at, uint64_t *out, unsigned words);
void qcow2_cache_drop(Qcow2Cache *c); /* forgets all; nothing may be dirty that matters; with q->lock */

bool qcow2_table_init(Qcow2Table *t, uint64_t n);
void qcow2_table_free(Qcow2Table *t);
void qcow2_table_set(Qcow2Table *t, uint64_t i, uint64_t v); /* with q->lock */
/* Reads @n big-endian words; @file may be shorter (zeros). */
int qcow2_table_read(BlockNode *file, Qcow2Table *t, uint64_t offset);

/*
 * Makes everything that the caches hold safe (@refs false: but refcounts, which the dirty bit covers).  @synced: the last step was
 * a flush of what was written before the call; may be NULL.  Takes commit_lock.
 */
int qcow2_commit(Qcow2 *q, bool refs, bool *synced);
/* Commit, and a flush of the file anyway. */
int qcow2_flush_all(Qcow2 *q);
/* qcow2_flush_all, with what became free written too: refcounts on disk are exact afterwards. */
int qcow2_settle(Qcow2 *q);
int qcow2_sync_file(Qcow2 *q);

/* ---- qcow2-refcount.c ------------------------------------------------------------------------------------------ */

uint64_t qcow2_ref_load(const void *block, uint64_t i, unsigned order);
void qcow2_ref_store(void *block, uint64_t i, unsigned order, uint64_t v);
/* All take alloc_lock. */
int qcow2_ref_get(Qcow2 *q, uint64_t cluster, uint64_t *out);
/* Adds @delta (+1 or -1) to the refcounts of [cluster, +n).  On failure nothing is changed. */
int qcow2_ref_change(Qcow2 *q, uint64_t cluster, uint64_t n, int delta, Qcow2FreeWhy why);
/* 1..@want clusters in a row.  @zeroed: they read as zeros. */
int qcow2_alloc(Qcow2 *q, uint64_t want, uint64_t *offset, uint64_t *got, bool *zeroed);
/* Exactly @n clusters in a row, for tables. */
int qcow2_alloc_table(Qcow2 *q, uint64_t n, uint64_t *offset);
/* Room for @len compressed bytes (at most a cluster); refcounts of the clusters it touches are raised. */
int qcow2_alloc_bytes(Qcow2 *q, uint32_t len, uint64_t *offset);
/* Nothing refers to it nor ever did: free at once. */
void qcow2_free_now(Qcow2 *q, uint64_t offset, uint64_t clusters);
/* With q->lock: free when the tables of now are on disk. */
void qcow2_free_later(Qcow2 *q, uint64_t offset, uint64_t clusters, Qcow2FreeWhy why);
/* Frees what the last commit made ready. */
int qcow2_free_ready(Qcow2 *q);
int qcow2_mark_dirty(Qcow2 *q);
/* Extent of a compressed cluster: first host cluster, number of host clusters, byte offset, bytes to read. */
void qcow2_compressed_extent(const Qcow2 *q, uint64_t entry, uint64_t *offset, uint64_t *bytes);

/* What each metadata cluster is.  Adding one that is there already makes it a conflict: nothing is written to it. */
void qcow2_kind_add(Qcow2 *q, uint64_t offset, uint64_t bytes, Qcow2Kind kind);
void qcow2_kind_remove(Qcow2 *q, uint64_t offset, uint64_t bytes);
Qcow2Kind qcow2_kind(Qcow2 *q, uint64_t cluster);
/* The bit of kind_filter that is set when @cluster is (or may be) metadata. */
static inline unsigned qcow2_kind_bit(uint64_t cluster)
{
    return (unsigned)(cluster * 0x9e3779b97f4a7c15ull >> 48);
}
/* Is [offset, +bytes) all of @kind (NONE: data)?  Else marks the image as corrupt, in words; -EIO. */
int qcow2_overlap_check(Qcow2 *q, uint64_t offset, uint64_t bytes, Qcow2Kind kind);
/* Says so once, sets the corrupt bit, refuses writes from now on; returns -EIO. */
int qcow2_corrupt(Qcow2 *q, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* ---- qcow2-cluster.c: where guest clusters are ----------------------------------------------------------------- */

typedef enum Qcow2Type { QCOW2_UNALLOCATED, QCOW2_ZEROS, QCOW2_DATA, QCOW2_PACKED } Qcow2Type;

typedef struct Qcow2Entry {
    uint64_t e, bitmap; /* as in the L2 table, in host order */
} Qcow2Entry;

/* An entry, taken apart. */
typedef struct Qcow2Map {
    uint64_t host;  /* 0: none (with an external data file 0 is a place: see has_host) */
    bool has_host, copied, packed;
    uint32_t alloc, zero; /* a bit a granule */
} Qcow2Map;

int qcow2_map_decode(Qcow2 *q, uint64_t guest, const Qcow2Entry *e, Qcow2Map *m); /* -EIO: not valid (and marked corrupt) */
/* Entry of the cluster at @guest; all zero when there is no table. */
int qcow2_lookup(Qcow2 *q, uint64_t guest, Qcow2Entry *e);
bool qcow2_try_lookup(Qcow2 *q, uint64_t guest, Qcow2Entry *e); /* without waiting */
static inline Qcow2Type qcow2_granule_type(const Qcow2Map *m, unsigned g)
{
    return m->packed ? QCOW2_PACKED : m->zero >> g & 1 ? QCOW2_ZEROS : m->alloc >> g & 1 ? QCOW2_DATA : QCOW2_UNALLOCATED;
}
/* Makes sure that there is an L2 table for @guest that may be changed. */
int qcow2_prepare_l2(Qcow2 *q, uint64_t guest);
/*
 * Replaces @n entries from that of @guest on (all in one slice: see qcow2_slice_left); old clusters are freed unless the new
 * entry keeps them.  All or nothing.
 */
int qcow2_set_entries(Qcow2 *q, uint64_t guest, const Qcow2Entry *e, uint64_t n, Qcow2FreeWhy why);
/* Clusters from that of @guest to the end of its slice. */
static inline uint64_t qcow2_slice_left(const Qcow2 *q, uint64_t guest)
{
    uint64_t n = (uint64_t)1 << q->l2_slice_bits;
    return n - ((guest >> q->cluster_bits) & (n - 1));
}
/* How [off, +len) goes on from off: type, host offset (DATA), length of the run. */
int qcow2_run(Qcow2 *q, uint64_t off, uint64_t len, Qcow2Type *type, uint64_t *host, uint64_t *entry, uint64_t *run);

void qcow2_lock_range(Qcow2 *q, uint64_t first, uint64_t last, bool alone);
bool qcow2_try_lock_range(Qcow2 *q, uint64_t first, uint64_t last);
void qcow2_unlock_range(Qcow2 *q, uint64_t first, uint64_t last);

/* ---- qcow2-io.c, qcow2-write.c --------------------------------------------------------------------------------- */

int qcow2_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
int qcow2_try_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
int qcow2_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
int qcow2_pwrite_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags);
int qcow2_pdiscard(BlockNode *n, uint64_t off, uint64_t len);
int qcow2_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out);
/* Guest data as it is now; the caller holds the clusters' stripes (or is alone). */
int qcow2_read_held(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len);
/* As the driver's callbacks, but also beyond the end of the disk (VM state). */
int qcow2_read(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len);
int qcow2_write(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len); /* encrypted: whole sectors */
int qcow2_write_any(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len);
/* @keep: do not read from the backing file afterwards; whole clusters only. */
int qcow2_discard_clusters(Qcow2 *q, uint64_t off, uint64_t len, Qcow2FreeWhy why, bool full);
/* Zeros, by flag where the format can, else -ENOTSUP; whole granules only. */
int qcow2_zero_clusters(Qcow2 *q, uint64_t off, uint64_t len, unsigned flags);

/* ---- qcow2-compress.c ------------------------------------------------------------------------------------------ */

int qcow2_read_compressed(Qcow2 *q, uint64_t entry, uint64_t in_cluster, const struct iovec *iov, int niov, size_t len);
int qcow2_pwrite_compressed(BlockNode *n, uint64_t off, const void *buf, size_t len);
void qcow2_compress_free(Qcow2 *q);
/* qcow2-zstd.c, qcow2-zstd-none.c */
bool qcow2_zstd_available(Error **errp);
ssize_t qcow2_zstd_compress(void *out, size_t room, const void *in, size_t len); /* -ENOSPC: does not get smaller */
int qcow2_zstd_decompress(void *out, size_t len, const void *in, size_t in_len);
/* qcow2-deflate.c (libdeflate), qcow2-deflate-none.c (zlib) */
ssize_t qcow2_deflate(void *out, size_t room, const void *in, size_t len);
int qcow2_inflate(void *out, size_t len, const void *in, size_t in_len);

/* ---- qcow2-crypt.c --------------------------------------------------------------------------------------------- */

bool qcow2_crypt_open(Qcow2 *q, const char *secret, Error **errp);
void qcow2_crypt_free(Qcow2Crypt *c);
json_t *qcow2_crypt_info(Qcow2 *q); /* NULL: not encrypted */
/* Header and key areas of a new LUKS image, by create options.  NULL and *errp on failure. */
uint8_t *qcow2_crypt_create(BlockOpts *o, uint64_t *len, Error **errp);
bool qcow2_crypt_amend(Qcow2 *q, BlockOpts *o, bool force, Error **errp);
/* @guest and @host offsets of the first of @len bytes (whole sectors). */
void qcow2_encrypt(const Qcow2 *q, uint64_t guest, uint64_t host, uint8_t *buf, size_t len);
void qcow2_decrypt(const Qcow2 *q, uint64_t guest, uint64_t host, uint8_t *buf, size_t len);

/* ---- qcow2-counts.c: all refcounts at once, and the switch to a new set of tables ------------------------------ */

/*
 * Snapshots and repairs change more than one write can: they make new tables beside the old ones, with a new set of refcounts
 * in memory, and then the first sector of the header switches from the old to the new.  Runs alone.
 */
typedef struct Qcow2Counts {
    Qcow2 *q;
    unsigned order;
    uint64_t n;          /* clusters that have a count; grows */
    uint64_t max;        /* largest count */
    uint8_t *map;
    size_t map_bytes;
    uint64_t hint;
    GArray *release;     /* uint64_t clusters that lose a reference when the switch is done */
    uint64_t overflows;  /* counts that did not fit */
    uint8_t *uncounted;  /* a byte an entry of the image's refcount table: its block is not in the counts; NULL: all are */
    bool table_uncounted;
} Qcow2Counts;

bool qcow2_counts_init(Qcow2Counts *c, Qcow2 *q, unsigned order, uint64_t clusters, Error **errp);
void qcow2_counts_free(Qcow2Counts *c);
static inline uint64_t qcow2_count_get(const Qcow2Counts *c, uint64_t cluster)
{
    return cluster < c->n ? qcow2_ref_load(c->map, cluster, c->order) : 0;
}
/* False: it does not fit (or is beyond what can be counted), and nothing changed. */
bool qcow2_count_add(Qcow2Counts *c, uint64_t cluster, int delta);
bool qcow2_counts_load(Qcow2Counts *c, Error **errp); /* as the image has them */
/* From now on only what is behind all that is in use. */
void qcow2_counts_no_reuse(Qcow2Counts *c);
int qcow2_counts_alloc(Qcow2Counts *c, uint64_t clusters, uint64_t *offset);
/* The old place of something that has a new one: to be free after the switch. */
void qcow2_counts_release(Qcow2Counts *c, uint64_t offset, uint64_t clusters);
/* Adds @delta for all that L1 table @l1 (host order) refers to. */
int qcow2_counts_walk(Qcow2Counts *c, const uint64_t *l1, uint64_t n, int delta);
/* Makes COPIED flags of @l1 and its tables right for the counts; tables that change get a new place. */
int qcow2_counts_copied(Qcow2Counts *c, uint64_t *l1, uint64_t n);
/* Writes the refcounts and switches to @h (whose refcount table fields are set here), then reads all tables anew. */
bool qcow2_counts_switch(Qcow2Counts *c, const Qcow2Header *h, Error **errp);
/* All tables anew from the file. */
bool qcow2_reload(Qcow2 *q, Error **errp);

/* ---- qcow2-snapshot.c ------------------------------------------------------------------------------------------ */

extern const BlockSnapshotOps qcow2_snapshot_ops;
bool qcow2_snapshots_read(Qcow2 *q, Error **errp);
void qcow2_snapshots_free(Qcow2 *q);
/* Where VM state begins in the address space of guest clusters. */
uint64_t qcow2_vmstate_offset(const Qcow2 *q);
/* The snapshot table as bytes. */
GByteArray *qcow2_snapshots_build(GArray *snapshots);

/* ---- qcow2-check.c, qcow2-repair.c ----------------------------------------------------------------------------- */

/* A check in progress. */
typedef struct Qcow2Check {
    Qcow2 *q;
    BlockCheck *out;
    const BlockProgress *progress;
    bool fix;              /* errors: make new tables as they should be */
    bool quiet;
    Qcow2Counts counts;    /* references that were found */
    uint8_t *flagged, *unflagged; /* a bit a cluster: an active table refers to it with, without COPIED */
    bool shared;           /* some cluster has more than one reference */
    uint64_t file_clusters, end;  /* whole and partial ones of the file; 1 + the last that is in use */
    uint64_t corruptions, leaks, said;
    uint64_t next;         /* host offset that would go on the last data cluster */
    uint64_t *l1;          /* active, as it shall be */
    GArray *snapshots;     /* Qcow2Snapshot as they shall be; strings belong to q */
    bool bad_refcounts;    /* the refcount structure itself is damaged */
    bool l1_counted, snapshots_counted; /* the places of these tables are in the counts */
    bool bad_bitmaps;
    bool tables_changed;
} Qcow2Check;

void qcow2_check_say(Qcow2Check *k, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void qcow2_check_corrupt(Qcow2Check *k, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* Counts everything into k->counts (and with k->fix makes clean copies of damaged tables). */
int qcow2_check_count(Qcow2Check *k);
/* qcow2-repair.c: puts what was found in order. */
bool qcow2_repair_leaks(Qcow2Check *k, Error **errp);
bool qcow2_repair_all(Qcow2Check *k, Error **errp);
bool qcow2_check(BlockNode *n, unsigned fix, const BlockProgress *p, BlockCheck *out, Error **errp);

/* ---- qcow2-bitmap.c -------------------------------------------------------------------------------------------- */

extern const BlockBitmapOps qcow2_bitmap_ops;
bool qcow2_bitmaps_open(Qcow2 *q, Error **errp);
void qcow2_bitmaps_free(Qcow2 *q);
void qcow2_bitmaps_kinds(Qcow2 *q);
/* Calls fn for all that they occupy. */
int qcow2_bitmaps_walk(Qcow2 *q, int (*fn)(void *opaque, uint64_t offset, uint64_t bytes), void *opaque);
/* Around a change of the disk's size: all of them come into memory, and go into the file in the new size. */
int qcow2_bitmaps_begin_resize(Qcow2 *q);
int qcow2_bitmaps_end_resize(Qcow2 *q);
/* Enabled bitmaps go into the file as they are now. */
int qcow2_bitmaps_store(Qcow2 *q);
/* [off, +len) is about to change. */
int qcow2_bitmaps_mark(Qcow2 *q, uint64_t off, uint64_t len);
json_t *qcow2_bitmaps_info(Qcow2 *q); /* NULL: none */

/* ---- qcow2-create.c -------------------------------------------------------------------------------------------- */

extern const BlockOpt qcow2_create_opts[], qcow2_amend_opts[];
bool qcow2_create(BlockNode *file, const char *filename, BlockOpts *o, Error **errp);
bool qcow2_parse_compat(const char *text, uint32_t *version, Error **errp); /* NULL: the newest */
bool qcow2_parse_refcount_bits(uint64_t bits, uint32_t version, uint32_t *order, Error **errp);
bool qcow2_measure(BlockOpts *o, BlockNode *in, BlockMeasure *out, Error **errp);

/* ---- qcow2-resize.c -------------------------------------------------------------------------------------------- */

bool qcow2_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp);
bool qcow2_make_empty(BlockNode *n, Error **errp);
/* Makes the active L1 table at least @entries long. */
int qcow2_grow_l1(Qcow2 *q, uint64_t entries);
bool qcow2_preallocate(Qcow2 *q, uint64_t from, uint64_t to, BlockPrealloc prealloc, Error **errp);

/* ---- qcow2-amend.c --------------------------------------------------------------------------------------------- */

bool qcow2_amend(BlockNode *n, BlockOpts *o, bool force, const BlockProgress *p, Error **errp);
bool qcow2_set_backing(BlockNode *n, const char *name, const char *format, Error **errp);

#endif
