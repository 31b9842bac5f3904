/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the block layer: what drivers implement, and what they may call.
 *
 * A node is one image or filter (file, raw, qcow2, overlay, ...) with named children: `file` (where its bytes are),
 * `backing` (what shows where it has nothing), others by the driver's own names (`data-file`).  The device-facing Blk (blk.c)
 * hands each request to the worker pool; a worker calls the node's driver, which does the I/O and returns 0 or -errno.
 * So drivers are written as plain blocking code.
 *
 * Threads: the callbacks marked [any] run in any thread, several at once, without the big lock: a driver guards its
 * own tables.  [main]: in one thread at a time while no request is in flight on the node.  A [try] callback runs in a
 * vCPU's or the main thread with the big lock and must not block: it may only try locks.
 */
#ifndef BLOCK_BLOCK_INT_H
#define BLOCK_BLOCK_INT_H

#include "block/blk.h"
#include "block/image.h"
#include "util/keyval.h"

#define BLK_SECTOR 512
#define BLK_MAX_SIZE ((uint64_t)INT64_MAX & ~(uint64_t)(BLK_SECTOR - 1))
#define BLOCK_MAX_DEPTH 1000 /* of a backing chain */

/* ---- What a format can besides data (NULL callback: -ENOTSUP and an error that names the format) ---------------------- */

typedef struct BlockFormatOps {
    const BlockOpt *create_opts, *amend_opts;
    /* 0..100: how sure it is that an image that begins with @head (@len bytes, at most 2048) is of this format. */
    int (*probe)(const uint8_t *head, size_t len);
    /*
     * [main] Makes an empty image in @file (writable, of length 0 unless it is a device).  @o: create_opts and, behind them, what the
     * protocol takes and they do not ("preallocation" of a plain file).  @filename: as the user named it.
     */
    bool (*create)(BlockNode *file, const char *filename, BlockOpts *o, Error **errp);
    bool (*amend)(BlockNode *n, BlockOpts *o, bool force, const BlockProgress *p, Error **errp); /* [main] */
    bool (*check)(BlockNode *n, unsigned fix, const BlockProgress *p, BlockCheck *out, Error **errp); /* [main] */
    /* [main] @in may be NULL or of any format; "size" is in @o then. */
    bool (*measure)(BlockOpts *o, BlockNode *in, BlockMeasure *out, Error **errp);
    /* [main] Writes the names into the image and into n->backing_name and backing_format. */
    bool (*set_backing)(BlockNode *n, const char *name, const char *format, Error **errp);
    bool (*make_empty)(BlockNode *n, Error **errp); /* [main] */
    /* [any] Aligned as block_node_pwrite_compressed says; checked by the caller. */
    int (*pwrite_compressed)(BlockNode *n, uint64_t off, const void *buf, size_t len);
} BlockFormatOps;

typedef struct BlockSnapshotOps { /* [main]; as the block_snapshot_* of image.h */
    GPtrArray *(*list)(BlockNode *n, Error **errp);
    bool (*create)(BlockNode *n, const BlockSnapshot *s, Error **errp);
    bool (*apply)(BlockNode *n, const char *id_or_name, Error **errp);
    bool (*del)(BlockNode *n, const char *id_or_name, Error **errp);
    bool (*load)(BlockNode *n, const char *id_or_name, Error **errp);
    int (*vmstate_pread)(BlockNode *n, uint64_t pos, void *buf, size_t len);
    int (*vmstate_pwrite)(BlockNode *n, uint64_t pos, const void *buf, size_t len);
} BlockSnapshotOps;

typedef struct BlockBitmapOps { /* [main]; as the block_bitmap_* of image.h */
    GPtrArray *(*list)(BlockNode *n, Error **errp);
    bool (*add)(BlockNode *n, const char *name, uint64_t granularity, bool enabled, Error **errp);
    bool (*remove)(BlockNode *n, const char *name, Error **errp);
    bool (*clear)(BlockNode *n, const char *name, Error **errp);
    bool (*enable)(BlockNode *n, const char *name, bool on, Error **errp);
    bool (*next)(BlockNode *n, const char *name, uint64_t off, uint64_t *start, uint64_t *len);
    bool (*mark)(BlockNode *n, const char *name, uint64_t off, uint64_t len, Error **errp); /* dirty; for merge */
} BlockBitmapOps;

/* ---- Requests by the kernel's queue -------------------------------------------------------------------------------- */

/* A read or write that is started in the main thread or a vCPU's, under the big lock, and completed under it. */
typedef struct BlockRequest {
    bool write;
    uint64_t off;
    const struct iovec *iov; /* stays until completion */
    int niov;
    size_t len;
    /* Main thread or whoever reaps.  @ret: 0, -errno; -EAGAIN: take the slow path, all of it. */
    void (*done)(struct BlockRequest *r, int ret);
} BlockRequest;

/* ---- A driver -------------------------------------------------------------------------------------------------------- */

struct BlockDriver {
    const char *name;       /* "raw", "file": as format= and driver= say it */
    size_t opaque_size;     /* of the driver's own state, zeroed */
    bool protocol;          /* has no `file` child: file, host_device, null-co */
    bool filter;            /* shows its `file` child as it is; never probed, no format of its own */
    bool grows;             /* writes beyond the end grow it, reads there give zeros */
    const char *file_option; /* name of the `file` child in options and graph users' words; NULL: "file" */
    const BlockOpt *options; /* of -blockdev, besides the generic ones and the children; NULL: none */
    const char *const *children; /* names besides "file" and "backing" that it opens itself; NULL: none */
    const BlockFormatOps *format;
    const BlockSnapshotOps *snapshots;
    const BlockBitmapOps *bitmaps;

    /*
     * [main] n->file is open already (not for protocols); fills n->size, n->backing_name and n->backing_format (g_malloc).  The core
     * opens the backing file afterwards.  On failure close is not called: the driver frees what it made.
     */
    bool (*open)(BlockNode *n, BlockOpts *o, Error **errp);
    void (*close)(BlockNode *n);  /* [main] writes out its caches; children are closed by the core afterwards */
    /* [main] n->how is the old, @how the new; called before the children's for more rights dropped, after for rights gained. */
    bool (*reopen)(BlockNode *n, const BlockOpen *how, Error **errp);
    /* [any] @off and the length are within n->size unless it grows (checked by the caller); all of it or an error. */
    int (*preadv)(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
    int (*pwritev)(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
    int (*pwrite_zeroes)(BlockNode *n, uint64_t off, uint64_t len, unsigned flags); /* [any] NULL or -ENOTSUP: zeros are written */
    int (*pdiscard)(BlockNode *n, uint64_t off, uint64_t len);                      /* [any] NULL: ignored */
    /* [any] Data and metadata of completed writes are safe when it returns; flushes its children itself.  NULL: `file`. */
    int (*flush)(BlockNode *n);
    /* [any] One layer, out->flags and len (and offset, file).  NULL: all data, for filters that of `file`. */
    int (*status)(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out);
    bool (*truncate)(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp); /* [main] sets n->size */
    uint64_t (*allocated)(BlockNode *n); /* [main] bytes on the host; NULL: sum of `file` and own children */
    bool (*info)(BlockNode *n, BlockInfo *out, Error **errp); /* [main] NULL: nothing to tell; filters: `file`'s */
    /* [try] As preadv when it needs no waiting (everything is in caches), else -EAGAIN with nothing or all of @iov overwritten. */
    int (*try_preadv)(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
    /* [try] Starts it and is true; false: not this one, use preadv or pwritev in a worker. */
    bool (*submit)(BlockNode *n, BlockRequest *r);
    /* [main] Protocols: "NAME:..." into options (default: filename = what is behind the colon). */
    bool (*parse_filename)(const char *filename, KeyVal *opts, Error **errp);
    /* [any] Its parent does something that a test may want to interrupt; see block_event.  NULL: passed to `file`. */
    int (*event)(BlockNode *n, const char *event);
};

/* Appends to the list of drivers, nothing else. */
void block_driver_register(BlockDriver *drv);
#define BLOCK_DRIVER_REGISTER(drv) \
    static void __attribute__((constructor)) drv##_register(void) { block_driver_register((BlockDriver *)&(drv)); }

/* What a user of a node does with it, and lets others do. */
enum { BLOCK_PERM_READ = 1, BLOCK_PERM_WRITE = 2, BLOCK_PERM_RESIZE = 8, BLOCK_PERM_ALL = 11 };

typedef struct BlockChild {
    char *name; /* "file", "backing", "data-file" */
    BlockNode *parent, *node;
    unsigned perm, shared;
    struct BlockChild *next; /* of the same parent */
} BlockChild;

struct BlockNode {
    const BlockDriver *drv;
    char *filename;  /* as the user named it; never NULL */
    char *node_name; /* "#block042" or the user's */
    char *backing_name, *backing_format; /* as the image says it; NULL: none */
    /* Shortcuts into children; changed in [main] only. */
    BlockNode *file, *backing;
    BlockChild *children;
    GPtrArray *parents; /* BlockChild *: who refers to it; a drive's has no parent node */
    unsigned refs;
    BlockOpen how;
    bool guessed; /* its format was probed where a guest may have written: it may not name other files */
    unsigned detect_zeroes; /* 0 off, 1 on, 2 unmap: for the drive on top of it */
    _Atomic uint64_t size; /* bytes; of protocols exact, elsewhere a multiple of BLK_SECTOR */
    void *opaque;    /* drv->opaque_size bytes */
    BlockNode *next; /* list of all */
};

/* ---- For drivers -------------------------------------------------------------------------------------------------------- */

/* A new node without children, for drivers that make nodes themselves; one reference. */
BlockNode *block_node_new(const BlockDriver *drv, const char *filename, const BlockOpen *how);
/* Adds (or replaces, or with @node NULL removes) child @name; takes a reference of its own.  False: permissions conflict. */
bool block_node_set_child(BlockNode *n, const char *name, BlockNode *node, unsigned perm, unsigned shared, Error **errp);
BlockNode *block_node_child(const BlockNode *n, const char *name); /* NULL: none */
/*
 * In open: opens a child of the driver's own (drv->children) from the options of the user ("data-file.*" or "data-file=NODE");
 * when he gave none, from @filename (relative to the image) as a protocol; NULL without error when that is NULL too.
 * Attached already; no reference is the caller's.
 */
BlockNode *block_open_child(BlockNode *n, const char *name, const BlockOpts *o, const char *filename, Error **errp);
/* In create: makes and opens (writable, locked) a protocol file; one reference.  @size: its length. */
BlockNode *block_create_file(const char *filename, uint64_t size, BlockPrealloc prealloc, Error **errp);
/* As preadv, with zeros beyond the end of @n (NULL: all zeros): for reading a backing file that is shorter. */
int block_node_preadv_padded(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
/* [any] The node has become at least @size long. */
void block_node_grown(BlockNode *n, uint64_t size);
bool block_node_submit(BlockNode *n, BlockRequest *r);
int block_node_try_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
/*
 * Tells the nodes below (n->file) that @n is about to do @event ("l2_update", "refblock_alloc", "cluster_free" ...: the names that
 * blkdebug's rules take).  A negative result is an injected error: give up with it.  Free when nobody listens.
 */
int block_event(BlockNode *n, const char *event);

/* A user from outside the graph (a drive): as a child without parent.  NULL and *errp when permissions conflict. */
BlockChild *block_root_attach(BlockNode *node, const char *user, unsigned perm, unsigned shared, Error **errp);
void block_root_detach(BlockChild *root); /* NULL is fine */

/* Total of an iovec, or SIZE_MAX when it does not fit. */
size_t block_iov_size(const struct iovec *iov, int niov);
/* The part [skip, skip+len) of an iovec; @out has room for @niov entries; returns their number. */
int block_iov_slice(struct iovec *out, const struct iovec *iov, int niov, size_t skip, size_t len);
void block_iov_zero(const struct iovec *iov, int niov, size_t skip, size_t len);
void block_iov_from_buf(const struct iovec *iov, int niov, size_t skip, const void *buf, size_t len);
void block_iov_to_buf(const struct iovec *iov, int niov, size_t skip, void *buf, size_t len);
bool block_is_zero(const void *buf, size_t len);

/* ---- Parts of this folder ---------------------------------------------------------------------------------------------- */

/* file.c: an unlinked temporary file of @size bytes, all hole; for overlays. */
BlockNode *block_file_temporary(uint64_t size, Error **errp);
/* For a new file: no copy-on-write (btrfs), and how large its extents should be; both as far as the file system does it. */
void block_file_hints(BlockNode *file, bool nocow, uint64_t extent_size);
/* Makes sure that there is a plain file.  @made: it was not there before. */
bool block_file_create(const char *filename, bool *made, Error **errp);
/* file-lock.c */
bool block_file_lock(int fd, const char *filename, bool writer, Error **errp);
void block_file_unlock(int fd);
extern const BlockDriver block_raw, block_file, block_host_device, block_overlay;

/* uring.c: io_uring; one queue for all files.  Big lock. */
bool block_uring_usable(Error **errp); /* false: why not, and what would help */
bool block_uring_submit(int fd, BlockRequest *r, uint64_t file_off); /* false: no room */
/* Completes what the kernel has finished; with @wait at least one when any is in flight. */
void block_uring_reap(bool wait);

/* raw.c: from now on writes that would make sector 0 look like another image format fail. */
void block_raw_protect(BlockNode *raw);

/* probe.c: format that @head (@len bytes, at least BLK_SECTOR) starts; NULL: none that we know the look of. */
const char *block_probe_magic(const uint8_t *head);
/* open.c: the driver that knows @file's content best, raw when none does. */
const BlockDriver *block_probe_format(BlockNode *file, Error **errp);

/* worker.c: a bounded pool of threads that start when there is work and end when idle.  Any thread. */
typedef struct BlockWork {
    void (*run)(struct BlockWork *w); /* in a worker, without the big lock */
    struct BlockWork *next;
} BlockWork;
void block_worker_submit(BlockWork *w);
/*
 * Calls fn(opaque, 0) ... fn(opaque, count - 1), several at once (the caller's thread takes part, so that it may be a worker
 * itself), and returns when all are done.  For compressing and decompressing clusters in parallel.
 */
void block_worker_each(void (*fn)(void *opaque, size_t i), void *opaque, size_t count);
unsigned block_worker_threads(void); /* alive now, for the tests */
void block_worker_set_idle_ms(unsigned ms);

/* blk.c: making drives.  Under the big lock. */
typedef struct BlkConfig {
    bool writeback;
    BlkErrorAction rerror, werror;
    bool werror_enospc; /* werror=enospc: stop on a full disk, else report */
    const char *serial; /* copied */
} BlkConfig;
Blk *blk_new(const char *name, const BlkConfig *cfg);
/* Drains; the old medium is flushed and its reference dropped; takes the caller's reference of @medium over.  NULL: empty.
 * False (nothing changed, the reference is dropped): another user does not share it. */
bool blk_set_node(Blk *b, BlockNode *medium, Error **errp);
BlockNode *blk_node(const Blk *b);
struct ThrottleConfig;
struct ThrottleGroup;
/* Limits by the group of that name (NULL: one of its own).  @c NULL: those that the group has; neither, or @c without limits: none
 * but those of a filter `throttle` on top of the image. */
void blk_set_throttle(Blk *b, const char *group, const struct ThrottleConfig *c);
struct ThrottleGroup *blk_throttle(const Blk *b); /* NULL: no limits */
/* What the device said of itself, for info block. */
const BlkDevOps *blk_dev(const Blk *b, void **opaque);

#endif
