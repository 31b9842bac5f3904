/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images as tools, drives and the monitor use them: a graph of nodes, opened from options, read and written with
 * calls that wait.  What drivers implement is in block-int.h.
 *
 * Results: bool and Error for what a person asked for; 0 or -errno for data.  Offsets and lengths are bytes.
 *
 * Threads: opening, closing, truncating, reopening, snapshots, bitmaps, amend and check run in one thread at a time
 * (the main thread, with the big lock in the emulator) while no request is in flight on the node.  The data calls
 * (pread ... flush, status) run in any thread, several at once, without the big lock.
 */
#ifndef BLOCK_IMAGE_H
#define BLOCK_IMAGE_H

#include "util/error.h"
#include <sys/uio.h>

struct KeyVal;
struct json_t;

typedef struct BlockNode BlockNode;
typedef struct BlockDriver BlockDriver;
typedef struct BlockOpts BlockOpts;

typedef enum BlockAio { BLOCK_AIO_THREADS, BLOCK_AIO_NATIVE, BLOCK_AIO_IO_URING } BlockAio;

/* How a node is opened.  Children inherit what is not said for them; a backing file is read-only. */
typedef struct BlockOpen {
    bool readonly;
    bool auto_readonly; /* fall back to read-only when the file may not be written */
    bool direct;        /* O_DIRECT */
    bool no_flush;      /* cache=unsafe: flushes stop above the protocol */
    bool discard;       /* discard=unmap: pass it on */
    bool locking;       /* take image locks */
    bool force_share;   /* -U: read beside a writer; takes no locks.  Needs readonly */
    bool no_backing;    /* leave the backing file closed (info, check, rebase -u) */
    bool for_check;     /* open what `check` can still look at: a corrupt bit and broken tables are no error */
    bool trust_probe;   /* what a probed image refers to is opened too: tools.  Else it needs its format said */
    bool no_io;         /* only info and options are wanted: no secret is needed */
    BlockAio aio;
} BlockOpen;

/* ---- Opening -------------------------------------------------------------------------------------------------- */

/*
 * Opens @filename: a path, "file:PATH", "PROTOCOL:...", "json:{...}".  @format NULL: probed from its content (only where
 * nobody but the user could have written that: tools).  @opts: more options as dotted keys ("file.locking"), may be NULL; taken
 * keys are marked as used, leftovers are an error.  One reference is the caller's.
 */
BlockNode *block_open(const char *filename, const char *format, struct KeyVal *opts, const BlockOpen *how, Error **errp);
/* As -blockdev: everything is in @opts ("driver=qcow2,file.driver=file,file.filename=a.img"). */
BlockNode *block_open_opts(struct KeyVal *opts, const BlockOpen *how, Error **errp);
/* JSON (text of an object) into dotted keys; null becomes "".  NULL and *errp when it is none. */
struct KeyVal *block_opts_from_json(const char *text, Error **errp);
/* The argument of -blockdev or --image-opts: JSON when it begins with '{', else key=value. */
struct KeyVal *block_opts_from_text(const char *text, Error **errp);

/* snapshot=on: a node on @below whose writes go to a temporary file.  Takes the caller's reference of @below over, on failure too. */
BlockNode *block_open_snapshot(BlockNode *below, Error **errp);

BlockNode *block_node_ref(BlockNode *n);   /* returns @n */
void block_node_unref(BlockNode *n);       /* the last one flushes nothing and closes it and its children; NULL is fine */
BlockNode *block_node_find(const char *node_name); /* NULL: none */
BlockNode *block_node_next(BlockNode *after);      /* all nodes in order of creation; NULL: the first */
/* Changes read-only, caching and the like of @n and its `file` (not of its backing file).  On failure nothing changed. */
bool block_node_reopen(BlockNode *n, const BlockOpen *how, Error **errp);

/* ---- What it is ------------------------------------------------------------------------------------------------ */

const char *block_node_name(const BlockNode *n);     /* "#block042" or the user's */
const char *block_node_filename(const BlockNode *n); /* as the user named it; never NULL */
const char *block_node_driver(const BlockNode *n);   /* "qcow2" */
const BlockOpen *block_node_how(const BlockNode *n);
uint64_t block_node_size(const BlockNode *n);
BlockNode *block_node_file(const BlockNode *n);      /* children; NULL: none */
BlockNode *block_node_backing(const BlockNode *n);
const char *block_node_backing_name(const BlockNode *n);   /* as the image says it; NULL: none */
const char *block_node_backing_format(const BlockNode *n); /* as the image says it; NULL: it does not */
/* The backing file's name, relative to the image when it is relative.  Newly allocated; NULL: none. */
char *block_node_backing_path(const BlockNode *n);
/* @name, relative to the folder of image @base unless absolute or of a protocol.  Newly allocated. */
char *block_path_beside(const char *base, const char *name);

typedef struct BlockInfo {
    uint64_t cluster_size;  /* 0: none */
    bool has_dirty, dirty, corrupt, encrypted, compressed;
    uint64_t vm_state_offset; /* where the guest's data ends in the image's own addresses; 0: no room for VM state */
    uint64_t zero_unit;     /* discards and zeros of aligned multiples of it free space; 0: not known */
    struct json_t *specific; /* {"type": ..., "data": {...}} in the order in which a person reads it; NULL: none.  Owned */
} BlockInfo;
bool block_node_info(BlockNode *n, BlockInfo *out, Error **errp);
void block_info_clear(BlockInfo *info);
uint64_t block_node_allocated(BlockNode *n); /* bytes on the host */

/* ---- Data ------------------------------------------------------------------------------------------------------- */

enum {
    BLOCK_ZERO_MAY_UNMAP = 1,   /* write_zeroes: a hole is as good */
    BLOCK_ZERO_NO_FALLBACK = 2, /* -ENOTSUP rather than writing zeros as data */
};

/* Beyond the end: reads of a growing file (protocols) give zeros and writes grow it; elsewhere both are -EIO. */
int block_node_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
int block_node_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
int block_node_pread(BlockNode *n, uint64_t off, void *buf, size_t len);
int block_node_pwrite(BlockNode *n, uint64_t off, const void *buf, size_t len);
int block_node_write_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags);
int block_node_discard(BlockNode *n, uint64_t off, uint64_t len);
int block_node_flush(BlockNode *n);
/*
 * Compressed where the format can (else -ENOTSUP).  @off is cluster-aligned and so is @len unless it ends at the end of
 * the image; several clusters in one call may be compressed in parallel.
 */
int block_node_pwrite_compressed(BlockNode *n, uint64_t off, const void *buf, size_t len);
/* [any] Lets the host copy plain data of @src into a raw @dst, both in files; false: it cannot (part may be there): read and write. */
bool block_node_copy_range(BlockNode *src, uint64_t src_off, BlockNode *dst, uint64_t dst_off, uint64_t len);

enum {
    BLOCK_STATUS_DATA = 1,       /* read it: it is stored somewhere */
    BLOCK_STATUS_ZERO = 2,       /* reads as zeros */
    BLOCK_STATUS_ALLOCATED = 4,  /* this layer says what is there (not its backing file) */
    BLOCK_STATUS_OFFSET = 8,     /* @offset is where it is in @file, plain (not compressed, not encrypted) */
    BLOCK_STATUS_COMPRESSED = 16,
    BLOCK_STATUS_RECURSE = 64,   /* a driver's word: @file may know of holes in it (preallocated, never written) */
    BLOCK_STATUS_EOF = 32,       /* the run ends at the end of the node */
    BLOCK_STATUS_BEYOND = 128,   /* block_node_status_above: zeros behind the end of a backing file, which is too short */
};
typedef struct BlockStatus {
    unsigned flags;
    uint64_t len;    /* how far this goes on: 1 to the length asked for */
    uint64_t offset; /* with BLOCK_STATUS_OFFSET */
    BlockNode *file; /* with BLOCK_STATUS_OFFSET: the node that @offset is in */
    unsigned depth;  /* block_node_status_above: layer it comes from, 0 is the top */
} BlockStatus;
/* One layer.  Without ALLOCATED the backing file says what is there (zeros without one, or beyond its end). */
int block_node_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out);
/* Through the chain above (without) @base; NULL: the whole chain.  ALLOCATED: one of these layers has it. */
int block_node_status_above(BlockNode *n, BlockNode *base, uint64_t off, uint64_t len, BlockStatus *out);

/* ---- Formats: making and keeping images ---------------------------------------------------------------------------- */

typedef enum BlockOptType { BLOCK_OPT_STRING, BLOCK_OPT_BOOL, BLOCK_OPT_UINT, BLOCK_OPT_SIZE, BLOCK_OPT_ENUM, BLOCK_OPT_NODE } BlockOptType;
/* A row of an option table; tables end with a NULL name. */
typedef struct BlockOpt {
    const char *name;
    BlockOptType type;
    const char *def;    /* as text; NULL: none */
    const char *values; /* BLOCK_OPT_ENUM: "off|metadata|falloc|full" */
    const char *help;
} BlockOpt;

/* Checks @kv against @table (type, unknown names with the nearest known one); @what names the asker in messages. */
BlockOpts *block_opts_parse(const BlockOpt *table, struct KeyVal *kv, const char *what, Error **errp);
void block_opts_free(BlockOpts *o);
bool block_opt_given(const BlockOpts *o, const char *name); /* the user said it */
const char *block_opt_str(const BlockOpts *o, const char *name); /* NULL: not said and no default */
bool block_opt_bool(const BlockOpts *o, const char *name);       /* false when not said and no default */
uint64_t block_opt_uint(const BlockOpts *o, const char *name);   /* also for sizes; 0 when not said and no default */
unsigned block_opt_enum(const BlockOpts *o, const char *name);   /* index in values; 0 when not said and no default */

typedef enum BlockPrealloc { BLOCK_PREALLOC_OFF, BLOCK_PREALLOC_METADATA, BLOCK_PREALLOC_FALLOC, BLOCK_PREALLOC_FULL } BlockPrealloc;
#define BLOCK_PREALLOC_VALUES "off|metadata|falloc|full"

/* Long work tells how far it is and asks whether to go on.  Called in the calling thread. */
typedef struct BlockProgress {
    bool (*step)(void *opaque, uint64_t done, uint64_t total); /* false: stop, the call fails with -ECANCELED */
    void *opaque;
} BlockProgress;

const BlockDriver *block_driver_find(const char *name); /* NULL: none */
const BlockDriver *block_driver_next(const BlockDriver *after); /* all, by name; NULL: the first */
const char *block_driver_name(const BlockDriver *drv);
bool block_driver_is_protocol(const BlockDriver *drv);
/* What "-o help" lists, in the order of the "Formatting" line, which shows those given or with a default; NULL: cannot be done. */
const BlockOpt *block_driver_create_opts(const BlockDriver *drv);
const BlockOpt *block_driver_amend_opts(const BlockDriver *drv);
const BlockOpt *block_driver_open_opts(const BlockDriver *drv);

/*
 * Makes an image file: the protocol's file first, then the format in it.  @opts ("size", "backing_file", ...) by the
 * format's table and, for what it does not know, the protocol's.  On failure a file that it made is gone again.
 */
bool block_create(const char *filename, const BlockDriver *format, struct KeyVal *opts, Error **errp);
/* Exactly @size from now on; grown parts read as zeros. */
bool block_node_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp);
bool block_node_amend(BlockNode *n, struct KeyVal *opts, bool force, const BlockProgress *p, Error **errp);
/* Changes what the image says of its backing file; data stay as they are.  @name NULL: none. */
bool block_node_set_backing(BlockNode *n, const char *name, const char *format, Error **errp);
/* Opens (or closes, @backing NULL) the node behind @n without changing what the image says.  Takes a reference of its own. */
bool block_node_attach_backing(BlockNode *n, BlockNode *backing, Error **errp);
/* Everything reads from the backing file again (after commit). */
bool block_node_make_empty(BlockNode *n, Error **errp);

enum { BLOCK_FIX_LEAKS = 1, BLOCK_FIX_ERRORS = 2 };
typedef struct BlockCheck {
    uint64_t corruptions, leaks, check_errors;   /* found (and still there when not fixed) */
    uint64_t corruptions_fixed, leaks_fixed;
    uint64_t image_end_offset;                   /* 0: not known */
    uint64_t total_clusters, allocated_clusters, fragmented_clusters, compressed_clusters; /* 0: not known */
    /* One line for each finding, without newline; NULL: nobody listens. */
    void (*say)(void *opaque, const char *line);
    void *opaque;
} BlockCheck;
/* False: the image cannot be checked at all.  @out is zeroed by the caller, but for say and opaque. */
bool block_node_check(BlockNode *n, unsigned fix, const BlockProgress *p, BlockCheck *out, Error **errp);
bool block_node_can_check(const BlockNode *n);

typedef struct BlockMeasure {
    uint64_t required, fully_allocated;
    bool has_bitmaps;
    uint64_t bitmaps;
} BlockMeasure;
/* File sizes of a new image of @format with create options @opts, holding @in (NULL: empty, "size" is in @opts). */
bool block_measure(const BlockDriver *format, struct KeyVal *opts, BlockNode *in, BlockMeasure *out, Error **errp);

/* ---- Breakpoints of blkdebug, for tools: requests stop at an event until they are resumed ------------------------------- */

bool block_debug_break(BlockNode *n, const char *event, const char *tag, Error **errp);
bool block_debug_remove(BlockNode *n, const char *tag, Error **errp); /* those that wait there go on */
bool block_debug_resume(BlockNode *n, const char *tag, Error **errp); /* one of them goes on */
/* How many requests are stopped at a breakpoint now, and at all of them. */
bool block_debug_stopped(BlockNode *n, const char *tag, unsigned *here, unsigned *anywhere, Error **errp);

/* ---- Internal snapshots and bitmaps ------------------------------------------------------------------------------------ */

typedef struct BlockSnapshot {
    char *id, *name;
    uint64_t vm_state_size, disk_size;
    uint32_t date_sec, date_nsec;
    uint64_t vm_clock_nsec;
    uint64_t icount; /* UINT64_MAX: not recorded */
} BlockSnapshot;
bool block_node_has_snapshots(const BlockNode *n); /* the format has them */
/* Elements BlockSnapshot *; free with g_ptr_array_unref.  NULL and *errp on failure. */
GPtrArray *block_snapshot_list(BlockNode *n, Error **errp);
/* @s->id NULL: the next free one is chosen.  With VM state: write it first with block_vmstate_pwrite. */
bool block_snapshot_create(BlockNode *n, const BlockSnapshot *s, Error **errp);
bool block_snapshot_apply(BlockNode *n, const char *id_or_name, Error **errp);
bool block_snapshot_delete(BlockNode *n, const char *id_or_name, Error **errp);
/* A read-only node's content becomes that of the snapshot until it is closed (convert -l, info). */
bool block_snapshot_load(BlockNode *n, const char *id_or_name, Error **errp);
int block_vmstate_pread(BlockNode *n, uint64_t pos, void *buf, size_t len);
int block_vmstate_pwrite(BlockNode *n, uint64_t pos, const void *buf, size_t len);

typedef struct BlockBitmap {
    char *name;
    uint64_t granularity;
    bool enabled, persistent, inconsistent, busy;
    uint64_t count; /* dirty bytes */
} BlockBitmap;
bool block_node_has_bitmaps(const BlockNode *n); /* the format can store them */
GPtrArray *block_bitmap_list(BlockNode *n, Error **errp); /* BlockBitmap * */
bool block_bitmap_add(BlockNode *n, const char *name, uint64_t granularity, bool enabled, Error **errp); /* granularity 0: default */
bool block_bitmap_remove(BlockNode *n, const char *name, Error **errp);
bool block_bitmap_clear(BlockNode *n, const char *name, Error **errp);
bool block_bitmap_enable(BlockNode *n, const char *name, bool on, Error **errp);
/* Dirty runs of @from (in another node or the same) become dirty in @to. */
bool block_bitmap_merge(BlockNode *n, const char *to, BlockNode *from_node, const char *from, Error **errp);
/* The next dirty run at or behind @off: false when there is none. */
bool block_bitmap_next(BlockNode *n, const char *name, uint64_t off, uint64_t *start, uint64_t *len);

#endif
