/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the block layer: nodes, their drivers, the worker pool, and how a Blk is made.
 *
 * A node is one image or filter (file, raw, overlay; later qcow2, throttle, ...) and refers to the
 * node below it.  The device-facing Blk (blk.c) hands each request to the worker pool; a worker calls the node's
 * driver, which does the I/O and returns 0 or -errno.  So drivers are written as plain blocking code.
 *
 * Threads: open, close, truncate and info run in the main thread under the big lock while nothing is in flight.
 * preadv, pwritev, pwrite_zeroes, pdiscard and flush run in any worker, several at once and without the big lock:
 * a driver guards its own tables.  A driver that has a kernel queue (io_uring) adds a submit callback to this struct.
 */
#ifndef BLOCK_BLOCK_INT_H
#define BLOCK_BLOCK_INT_H

#include "block/blk.h"
#include "util/keyval.h"

#define BLK_SECTOR 512
#define BLK_MAX_SIZE ((uint64_t)INT64_MAX & ~(uint64_t)(BLK_SECTOR - 1))

typedef struct BlockNode BlockNode;

/* How a chain of nodes is opened. */
typedef struct BlockOpen {
    bool readonly;
    bool auto_readonly; /* fall back to read-only when the file may not be written */
    bool direct;        /* O_DIRECT */
    bool no_flush;      /* cache=unsafe */
    bool discard;       /* discard=unmap: pass it on */
    bool locking;       /* take image locks */
} BlockOpen;

enum {
    BLOCK_ZERO_MAY_UNMAP = 1, /* pwrite_zeroes: a hole is as good */
};

typedef struct BlockDriver {
    const char *name;      /* "raw", "file": as format= and driver= say it */
    size_t opaque_size;    /* of the driver's own state, zeroed */
    bool protocol;         /* has no node below: file, host_device */
    void (*close)(BlockNode *n);
    /* @off and the length are within n->size (checked by the caller); all of it or an error. */
    int (*preadv)(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
    int (*pwritev)(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
    int (*pwrite_zeroes)(BlockNode *n, uint64_t off, uint64_t len, unsigned flags); /* NULL: zeros are written */
    int (*pdiscard)(BlockNode *n, uint64_t off, uint64_t len);                      /* NULL: ignored */
    int (*flush)(BlockNode *n);                                                     /* NULL: the node below */
    uint64_t (*allocated)(BlockNode *n); /* bytes on the host; NULL: the node below */
} BlockDriver;

struct BlockNode {
    const BlockDriver *drv;
    char *filename;  /* as the user named it; never NULL */
    char *node_name; /* "#block042" or the user's */
    BlockNode *file; /* the node below; NULL for protocols */
    BlockOpen how;
    uint64_t size;   /* bytes, a multiple of BLK_SECTOR */
    void *opaque;    /* drv->opaque_size bytes */
};

/* node.c */
BlockNode *block_node_new(const BlockDriver *drv, const char *filename, BlockNode *below, const BlockOpen *how);
void block_node_free(BlockNode *n); /* closes it and what is below; NULL is fine */
int block_node_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
int block_node_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
int block_node_pread(BlockNode *n, uint64_t off, void *buf, size_t len);
int block_node_pwrite(BlockNode *n, uint64_t off, const void *buf, size_t len);
int block_node_write_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags);
int block_node_discard(BlockNode *n, uint64_t off, uint64_t len);
int block_node_flush(BlockNode *n);
uint64_t block_node_allocated(BlockNode *n);
/* Total of an iovec, or SIZE_MAX when it does not fit. */
size_t block_iov_size(const struct iovec *iov, int niov);
/* The part [skip, skip+len) of an iovec; @out has room for @niov entries; returns their number. */
int block_iov_slice(struct iovec *out, const struct iovec *iov, int niov, size_t skip, size_t len);

/* file.c: regular files and block devices. */
BlockNode *block_file_open(const char *filename, const BlockOpen *how, Error **errp);
/* An unlinked temporary file of @size bytes, all hole; for overlays. */
BlockNode *block_file_temporary(uint64_t size, Error **errp);
/* file-lock.c */
bool block_file_lock(int fd, const char *filename, bool writer, Error **errp);

/* raw.c: [offset, offset+size) of the node below; @size UINT64_MAX: to its end.  Takes @below over, on failure too. */
BlockNode *block_raw_open(BlockNode *below, uint64_t offset, uint64_t size, Error **errp);
/* From now on writes that would make sector 0 look like another image format fail. */
void block_raw_protect(BlockNode *raw);
extern const BlockDriver block_raw, block_file, block_host_device, block_overlay;

/* overlay.c: writes stay in a temporary file.  Takes @below over, on failure too. */
BlockNode *block_overlay_open(BlockNode *below, Error **errp);

/* probe.c: format that @head (the first BLK_SECTOR bytes) starts; NULL: none that we know the look of. */
const char *block_probe_magic(const uint8_t *head);

/* worker.c: a bounded pool of threads that start when there is work and end when idle.  Any thread. */
typedef struct BlockWork {
    void (*run)(struct BlockWork *w); /* in a worker, without the big lock */
    struct BlockWork *next;
} BlockWork;
void block_worker_submit(BlockWork *w);
unsigned block_worker_threads(void); /* alive now, for the tests */
void block_worker_set_idle_ms(unsigned ms);

/* blk.c: making drives.  Under the big lock. */
typedef struct BlkConfig {
    bool writeback;
    bool detect_zeroes;
    BlkErrorAction rerror, werror;
    bool werror_enospc; /* werror=enospc: stop on a full disk, else report */
    const char *serial; /* copied */
} BlkConfig;
Blk *blk_new(const char *name, const BlkConfig *cfg);
void blk_set_node(Blk *b, BlockNode *medium); /* drains; the old medium is flushed and closed; NULL: empty */
BlockNode *blk_node(const Blk *b);
/* What the device said of itself, for info block. */
const BlkDevOps *blk_dev(const Blk *b, void **opaque);

#endif
