/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices may ask of a drive.  Requests are asynchronous; completions run under the big lock in the main thread, in
 * the one that drains, or in the submitting vCPU's when it leaves the device (data that were in the host's page cache),
 * never inside the submitting call.  An empty drive is a Blk
 * without a medium: requests on it complete with -ENOMEDIUM.  All calls under the big lock.
 * Offsets and lengths are bytes; requests beyond the end of the medium complete with -EIO
 * without touching anything (lengths are checked here, whatever the device did).
 */
#ifndef BLOCK_BLK_H
#define BLOCK_BLK_H

#include "util/error.h"
#include <sys/uio.h>

typedef struct Blk Blk;
typedef struct BlkReq BlkReq;

/* @ret: 0, or -errno. */
typedef void BlkDone(void *opaque, int ret);

/*
 * The iovec array is copied; the buffers it points to must stay until completion.  At most
 * BLK_MAX_INFLIGHT requests of one Blk run at a time, the rest wait in order.
 */
#define BLK_MAX_INFLIGHT 128
BlkReq *blk_readv(Blk *b, uint64_t off, const struct iovec *iov, int niov, BlkDone *done, void *opaque);
BlkReq *blk_writev(Blk *b, uint64_t off, const struct iovec *iov, int niov, BlkDone *done, void *opaque);
BlkReq *blk_flush(Blk *b, BlkDone *done, void *opaque);
BlkReq *blk_discard(Blk *b, uint64_t off, uint64_t len, BlkDone *done, void *opaque);
BlkReq *blk_write_zeroes(Blk *b, uint64_t off, uint64_t len, BlkDone *done, void *opaque);
/* The completion still runs, soon (with its real result or -ECANCELED). */
void blk_cancel(BlkReq *r);
/* Waits (running the main loop's block completions only) until nothing of @b is in flight.  For reset, stop, close. */
void blk_drain(Blk *b);
void blk_drain_all(void);
/* Waits until all that was written is on the host's disk, as far as caching modes want that; failures are reported.  For stop. */
void blk_flush_all(void);

/* Whole-buffer calls that wait; start-up and tools only, not from a device's handlers. */
int blk_pread(Blk *b, uint64_t off, void *buf, size_t len);
int blk_pwrite(Blk *b, uint64_t off, const void *buf, size_t len);
int blk_flush_wait(Blk *b);

/* A drive without medium that is not on the list of -drive: for a device whose user named none. */
Blk *blk_new_empty(const char *name);
void blk_free(Blk *b); /* drains, flushes, closes */

const char *blk_name(const Blk *b); /* "ide0-hd0": never NULL */
bool blk_has_medium(const Blk *b);
bool blk_readonly(const Blk *b);
uint64_t blk_size(const Blk *b); /* bytes; 0 without a medium */
bool blk_writeback(const Blk *b); /* guest-visible write cache */
void blk_set_writeback(Blk *b, bool on); /* the guest switches it; off: each write is flushed before it completes */
const char *blk_serial(const Blk *b); /* serial= of -drive; NULL: none */

typedef enum BlkErrorAction { BLK_ERR_REPORT, BLK_ERR_IGNORE, BLK_ERR_STOP } BlkErrorAction;
/* werror=/rerror= for this failure.  On BLK_ERR_STOP the machine is being stopped: keep the request, retry on resume. */
BlkErrorAction blk_error_action(Blk *b, bool write, int err);

/* Told of each failure and what will be done.  For BLK_ERR_STOP it asks for the machine to stop (start-up installs it:
 * block may not know run states).  Without a hook BLK_ERR_STOP becomes BLK_ERR_REPORT. */
typedef void BlkErrorHook(void *opaque, Blk *b, bool write, int err, BlkErrorAction action);
void blk_set_error_hook(BlkErrorHook *hook, void *opaque);

/* The device behind the drive. */
typedef struct BlkDevOps {
    char *(*describe)(void *opaque); /* newly allocated: id or path, for info block; may be NULL */
    void (*medium_changed)(void *opaque, bool loaded); /* after the tray closed with (or opened without) it */
    void (*eject_request)(void *opaque, bool force);   /* the user wants the tray open */
    bool (*tray_open)(void *opaque);
    bool (*medium_locked)(void *opaque);
    void (*resized)(void *opaque);
} BlkDevOps;
/* One device a drive: false and *errp when it is taken. */
bool blk_attach_dev(Blk *b, const BlkDevOps *ops, void *opaque, Error **errp);
void blk_detach_dev(Blk *b);
void blk_eject(Blk *b, bool open); /* the guest opens or closes the tray */
void blk_lock_medium(Blk *b, bool locked);

/* I/O counters for query-blockstats. */
typedef struct BlkStats {
    uint64_t rd_bytes, wr_bytes, rd_ops, wr_ops, flush_ops, rd_ns, wr_ns, flush_ns, failed_rd, failed_wr;
} BlkStats;
void blk_stats(const Blk *b, BlkStats *out);

#endif
