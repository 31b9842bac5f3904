/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null-co and null-aio: a medium that forgets what is written and reads as zeros; for measuring everything above it. */
#include "util/osdep.h"
#include "block/block-int.h"

typedef struct BlockNull {
    uint64_t latency_ns;
    bool read_zeroes;
} BlockNull;

static void block_null_wait(const BlockNode *n)
{
    const BlockNull *s = n->opaque;
    if (s->latency_ns) {
        g_usleep(MAX(s->latency_ns / 1000, 1));
    }
}

static int block_null_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    (void)off;
    block_null_wait(n);
    block_iov_zero(iov, niov, 0, len);
    return 0;
}

static int block_null_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    (void)off;
    (void)iov;
    (void)niov;
    (void)len;
    block_null_wait(n);
    return 0;
}

static int block_null_range(BlockNode *n, uint64_t off, uint64_t len)
{
    (void)off;
    (void)len;
    block_null_wait(n);
    return 0;
}

static int block_null_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    (void)flags;
    return block_null_range(n, off, len);
}

static int block_null_flush(BlockNode *n)
{
    return block_null_range(n, 0, 0);
}

static int block_null_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    const BlockNull *s = n->opaque;
    *out = (BlockStatus){ .flags = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET, .len = len, .offset = off,
                          .file = n };
    out->flags |= s->read_zeroes ? BLOCK_STATUS_ZERO : 0;
    return 0;
}

static uint64_t block_null_allocated(BlockNode *n)
{
    (void)n;
    return 0;
}

static bool block_null_open(BlockNode *n, BlockOpts *o, Error **errp)
{
    BlockNull *s = n->opaque;
    s->latency_ns = block_opt_uint(o, "latency-ns");
    s->read_zeroes = block_opt_bool(o, "read-zeroes");
    uint64_t size = block_opt_uint(o, "size");
    if (size > BLK_MAX_SIZE || s->latency_ns > 10 * NS_PER_SEC) {
        error_set(errp, "size=%" PRIu64 " or latency-ns=%" PRIu64 " is too large (10 s at most)", size, s->latency_ns);
        return false;
    }
    n->size = align_down(size, BLK_SECTOR);
    return true;
}

static bool block_null_parse(const char *filename, KeyVal *opts, Error **errp)
{
    (void)opts;
    const char *rest = strchr(filename, ':') + 1;
    if (strcmp(rest, "//") && *rest) {
        error_set(errp, "'%s' has more than the name of the driver; write null-co:// or null-aio://", filename);
        return false;
    }
    return true;
}

static const BlockOpt block_null_options[] = {
    { "size", BLOCK_OPT_SIZE, "1G", NULL, "length of the medium" },
    { "latency-ns", BLOCK_OPT_UINT, "0", NULL, "each request takes so long" },
    { "read-zeroes", BLOCK_OPT_BOOL, "off", NULL, "say that all of it is zeros, so that copies skip it" },
    { NULL },
};

#define BLOCK_NULL_CALLS                                                                                    \
    .opaque_size = sizeof(BlockNull), .protocol = true, .options = block_null_options,                      \
    .open = block_null_open, .preadv = block_null_preadv, .pwritev = block_null_pwritev,                    \
    .pwrite_zeroes = block_null_zeroes, .pdiscard = block_null_range, .flush = block_null_flush,            \
    .status = block_null_status, .allocated = block_null_allocated, .parse_filename = block_null_parse

static const BlockDriver block_null_co = { .name = "null-co", BLOCK_NULL_CALLS };
static const BlockDriver block_null_aio = { .name = "null-aio", BLOCK_NULL_CALLS };
BLOCK_DRIVER_REGISTER(block_null_co)
BLOCK_DRIVER_REGISTER(block_null_aio)
