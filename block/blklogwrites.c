/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blklogwrites: passes everything on to `file` and records writes, flushes and discards in `log`, in the format of the
 * Linux device mapper's log-writes target (Documentation/admin-guide/device-mapper/log-writes.rst), version 1: a super block in
 * sector 0 and, for each operation, a sector with its header and then its data.  A change of length, which that format does
 * not know, is a mark with the text "truncate=BYTES".
 *
 * Order in the log: a write stands there before it completes, a flush when it begins; so what stands before a flush and
 * only that is promised to be safe when the flush has completed.  Writes are recorded one at a time, in whole sectors.
 */
#include "util/osdep.h"
#include "block/block-int.h"
#include "util/bytes.h"

#include <pthread.h>

#define LOG_MAGIC UINT64_C(0x6a736677736872)
enum { LOG_VERSION = 1, LOG_FLUSH = 1, LOG_FUA = 2, LOG_DISCARD = 4, LOG_MARK = 8 };

typedef struct BlockLog {
    BlockNode *log;
    uint32_t sector;
    uint64_t pos;     /* the next entry's */
    uint64_t entries;
    pthread_mutex_t lock;
} BlockLog;

/* With the lock. */
static int block_log_super(BlockLog *l)
{
    uint8_t *super = g_malloc0(l->sector);
    st_le64(super, LOG_MAGIC);
    st_le64(super + 8, LOG_VERSION);
    st_le64(super + 16, l->entries);
    st_le32(super + 24, l->sector);
    int ret = block_node_pwrite(l->log, 0, super, l->sector);
    g_free(super);
    return ret;
}

/* With the lock.  @data: @data_len bytes, or NULL when the entry has none. */
static int block_log_entry(BlockLog *l, uint64_t off, uint64_t len, uint64_t flags, const void *data, size_t data_len)
{
    size_t total = l->sector + align_up(data_len, l->sector);
    uint8_t *entry = g_malloc0(total);
    st_le64(entry, off / l->sector);
    st_le64(entry + 8, len / l->sector);
    st_le64(entry + 16, flags);
    st_le64(entry + 24, data_len);
    if (data_len) {
        memcpy(entry + l->sector, data, data_len);
    }
    int ret = block_node_pwrite(l->log, l->pos, entry, total);
    if (ret == 0) {
        l->pos += total;
        l->entries++;
    }
    g_free(entry);
    return ret;
}

static int block_log_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    return block_node_preadv(n->file, off, iov, niov, len);
}

/* The sectors that [off, off+len) touches, as they are now. */
static int block_log_range(BlockNode *n, uint64_t off, uint64_t len)
{
    BlockLog *l = n->opaque;
    enum { CHUNK = 4 * 1024 * 1024 };
    uint64_t start = align_down(off, l->sector), end = align_up(off + len, l->sector);
    int ret = 0;
    uint8_t *buf = g_malloc(MIN(end - start, CHUNK));
    while (start < end && ret == 0) {
        size_t part = MIN(end - start, CHUNK);
        struct iovec iov = { buf, part };
        ret = block_node_preadv_padded(n->file, start, &iov, 1, part);
        ret = ret < 0 ? ret : block_log_entry(l, start, part, 0, buf, part);
        start += part;
    }
    g_free(buf);
    block_node_grown(n, n->file->size);
    return ret;
}

static int block_log_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    BlockLog *l = n->opaque;
    pthread_mutex_lock(&l->lock);
    int ret = block_node_pwritev(n->file, off, iov, niov, len);
    ret = ret < 0 ? ret : block_log_range(n, off, len);
    pthread_mutex_unlock(&l->lock);
    return ret;
}

static int block_log_pwrite_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    BlockLog *l = n->opaque;
    pthread_mutex_lock(&l->lock);
    int ret = block_node_write_zeroes(n->file, off, len, flags);
    ret = ret < 0 ? ret : block_log_range(n, off, len);
    pthread_mutex_unlock(&l->lock);
    return ret;
}

static int block_log_pdiscard(BlockNode *n, uint64_t off, uint64_t len)
{
    BlockLog *l = n->opaque;
    pthread_mutex_lock(&l->lock);
    int ret = block_node_discard(n->file, off, len);
    uint64_t start = align_up(off, l->sector), end = align_down(off + len, l->sector);
    ret = ret < 0 || end <= start ? ret : block_log_entry(l, start, end - start, LOG_DISCARD, NULL, 0);
    pthread_mutex_unlock(&l->lock);
    return ret;
}

static int block_log_flush(BlockNode *n)
{
    BlockLog *l = n->opaque;
    pthread_mutex_lock(&l->lock);
    int ret = block_log_entry(l, 0, 0, LOG_FLUSH, NULL, 0);
    ret = ret < 0 ? ret : block_log_super(l);
    pthread_mutex_unlock(&l->lock);
    return ret < 0 ? ret : block_node_flush(n->file);
}

static bool block_log_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    BlockLog *l = n->opaque;
    if (!block_node_truncate(n->file, size, prealloc, errp)) {
        return false;
    }
    char *mark = g_strdup_printf("truncate=%" PRIu64, size);
    pthread_mutex_lock(&l->lock);
    int ret = block_log_entry(l, 0, 0, LOG_MARK, mark, strlen(mark));
    pthread_mutex_unlock(&l->lock);
    g_free(mark);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the log '%s'", l->log->filename);
    }
    n->size = n->file->size;
    return ret == 0;
}

static void block_log_close(BlockNode *n)
{
    BlockLog *l = n->opaque;
    block_log_super(l);
    pthread_mutex_destroy(&l->lock);
}

/* log-append=on: goes on behind the last entry of the log that is there. */
static bool block_log_find_end(BlockLog *l, Error **errp)
{
    uint8_t *head = g_malloc0(l->sector);
    uint64_t entries = 0;
    bool ok = block_node_pread(l->log, 0, head, l->sector) == 0 && ld_le64(head) == LOG_MAGIC && ld_le32(head + 24) == l->sector;
    entries = ok ? ld_le64(head + 16) : 0;
    for (l->entries = 0, l->pos = l->sector; ok && l->entries < entries; l->entries++) {
        uint64_t end = l->log->size;
        ok = l->pos < end && block_node_pread(l->log, l->pos, head, l->sector) == 0;
        uint64_t len = ok ? ld_le64(head + 24) : 0;
        ok = ok && len <= end - l->pos;
        l->pos += l->sector + (len + l->sector - 1) / l->sector * l->sector;
    }
    g_free(head);
    if (!ok) {
        error_set(errp, "log-append=on: '%s' is not a whole log with sectors of %u bytes", l->log->filename, l->sector);
    }
    return ok;
}

static bool block_log_open(BlockNode *n, BlockOpts *o, Error **errp)
{
    BlockLog *l = n->opaque;
    l->sector = (uint32_t)block_opt_uint(o, "log-sector-size");
    if (!is_pow2(l->sector) || l->sector < 512 || l->sector > 65536) {
        error_set(errp, "log-sector-size=%u is not a power of two from 512 to 65536", l->sector);
        return false;
    }
    Error *err = NULL;
    l->log = block_open_child(n, "log", o, NULL, &err);
    if (!l->log && !err) {
        error_set(&err, "blklogwrites has no log: say log.driver=file,log.filename=NAME, or log=NODE");
    }
    if (!l->log) {
        error_propagate(errp, err);
        return false;
    }
    l->pos = l->sector;
    if (block_opt_bool(o, "log-append") && !block_log_find_end(l, errp)) {
        return false;
    }
    int ret = block_log_super(l);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the log '%s'", l->log->filename);
        return false;
    }
    pthread_mutex_init(&l->lock, NULL);
    n->size = n->file->size;
    return true;
}

static const BlockOpt block_log_options[] = {
    { "log", BLOCK_OPT_NODE, NULL, NULL, "where the log is written" },
    { "log-append", BLOCK_OPT_BOOL, "off", NULL, "go on behind the log that is there" },
    { "log-sector-size", BLOCK_OPT_SIZE, "512", NULL, "unit of the log" },
    { NULL },
};

static const char *const block_log_children[] = { "log", NULL };

static const BlockDriver block_log_writes = {
    .name = "blklogwrites",
    .opaque_size = sizeof(BlockLog),
    .filter = true,
    .grows = true,
    .options = block_log_options,
    .children = block_log_children,
    .open = block_log_open,
    .close = block_log_close,
    .preadv = block_log_preadv,
    .pwritev = block_log_pwritev,
    .pwrite_zeroes = block_log_pwrite_zeroes,
    .pdiscard = block_log_pdiscard,
    .flush = block_log_flush,
    .truncate = block_log_truncate,
};
BLOCK_DRIVER_REGISTER(block_log_writes)
