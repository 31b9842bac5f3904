/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-img rebase and commit: what moves data along a backing chain. */
#include "util/osdep.h"
#include "tools/img.h"

enum { REBASE_PIECE = 2 * 1024 * 1024 };

static bool rebase_flush(BlockNode *n, const char *name, Error **errp)
{
    int ret = block_node_flush(n);
    if (ret < 0) {
        error_set_errno(errp, -ret, "Could not flush '%s'", name);
    }
    return ret == 0;
}

/* As pread, with zeros beyond the end and from no node at all. */
static int rebase_read(BlockNode *n, uint64_t off, uint8_t *buf, size_t len)
{
    uint64_t size = n ? block_node_size(n) : 0;
    size_t have = off >= size ? 0 : MIN(len, size - off);
    memset(buf + have, 0, len - have);
    return have ? block_node_pread(n, off, buf, have) : 0;
}

/* How far both are known to be zeros from @off on; 0: not. */
static uint64_t rebase_both_zero(BlockNode *x, BlockNode *y, uint64_t off, uint64_t len)
{
    BlockNode *nodes[] = { x, y };
    for (unsigned i = 0; i < 2; i++) {
        BlockStatus st;
        if (!nodes[i] || off >= block_node_size(nodes[i])) {
            continue;
        }
        if (block_node_status_above(nodes[i], NULL, off, len, &st) < 0 || !(st.flags & BLOCK_STATUS_ZERO)) {
            return 0;
        }
        len = MIN(len, st.len);
    }
    return len;
}

typedef struct Rebase {
    BlockNode *top, *old, *new; /* old and new backing files; NULL: none */
    uint64_t cluster;
    uint8_t *old_buf, *new_buf;
    ToolProgress progress;
} Rebase;

/* Where the two backing files differ, the old one's content is copied up, whole clusters. */
static bool rebase_piece(Rebase *r, uint64_t off, size_t len, Error **errp)
{
    int ret = rebase_read(r->old, off, r->old_buf, len);
    if (ret < 0) {
        error_set_errno(errp, -ret, "error while reading from old backing file");
        return false;
    }
    ret = rebase_read(r->new, off, r->new_buf, len);
    if (ret < 0) {
        error_set_errno(errp, -ret, "error while reading from new backing file");
        return false;
    }
    for (size_t pos = 0; pos < len;) {
        size_t part = MIN(r->cluster - (off + pos) % r->cluster, len - pos);
        if (memcmp(r->old_buf + pos, r->new_buf + pos, part)) {
            ret = tool_is_zero(r->old_buf + pos, part) ? block_node_write_zeroes(r->top, off + pos, part, 0)
                                                        : block_node_pwrite(r->top, off + pos, r->old_buf + pos, part);
            if (ret < 0) {
                error_set_errno(errp, -ret, "Error while writing to COW image");
                return false;
            }
        }
        pos += part;
    }
    return true;
}

static bool rebase_data(Rebase *r, Error **errp)
{
    uint64_t size = block_node_size(r->top);
    for (uint64_t off = 0; off < size;) {
        BlockStatus st;
        int ret = block_node_status(r->top, off, size - off, &st);
        if (ret < 0) {
            error_set_errno(errp, -ret, "error while reading image metadata");
            return false;
        }
        uint64_t len = st.len, zero = st.flags & BLOCK_STATUS_ALLOCATED ? len : rebase_both_zero(r->old, r->new, off, len);
        if (zero) {
            len = zero;
        } else {
            len = MIN(len, REBASE_PIECE - off % r->cluster % REBASE_PIECE);
            if (!rebase_piece(r, off, len, errp)) {
                return false;
            }
        }
        off += len;
        tool_progress_at(&r->progress, off, size);
    }
    return true;
}

static bool rebase_safe(const ToolArgs *a, BlockNode *top, const char *base, const char *fmt, Error **errp)
{
    Rebase r = { .top = top, .old = block_node_backing(top) };
    BlockInfo info;
    if (*base) {
        char *path = block_path_beside(tool_operand(a, 0), base);
        BlockOpen how = { .readonly = true, .locking = true, .trust_probe = true, .force_share = tool_has(a, "U") };
        const char *cache = tool_get(a, "T");
        bool through;
        r.new = !cache || tool_cache_mode(cache, &how, &through, errp) ? block_open(path, fmt, NULL, &how, errp) : NULL;
        g_free(path);
        if (!r.new) {
            error_prepend(errp, "Could not open new backing file '%s': ", base);
            return false;
        }
    }
    if (!block_node_info(top, &info, errp)) {
        block_node_unref(r.new);
        return false;
    }
    r.cluster = info.cluster_size ? MIN(info.cluster_size, REBASE_PIECE) : 65536;
    block_info_clear(&info);
    r.old_buf = g_malloc(REBASE_PIECE);
    r.new_buf = g_malloc(REBASE_PIECE);
    tool_progress_start(&r.progress, tool_has(a, "p") && !tool_has(a, "q"));
    bool ok = rebase_data(&r, errp) && rebase_flush(top, tool_operand(a, 0), errp); /* before the link changes */
    if (ok) {
        tool_progress_end(&r.progress);
    }
    g_free(r.old_buf);
    g_free(r.new_buf);
    block_node_unref(r.new);
    return ok;
}

static int rebase_run(ToolArgs *a)
{
    Error *err = NULL;
    const char *base = tool_get(a, "b"), *fmt = tool_get(a, "F"), *name = tool_operand(a, 0), *cache = tool_get(a, "t");
    bool unsafe = tool_has(a, "u"), through;
    if (tool_operands(a) != 1) {
        return tool_usage("Expecting one image file name");
    }
    if (!base && !unsafe) {
        return tool_say(1, "Must specify backing file (-b) or use simple rebase mode (-u)");
    }
    BlockOpen how = { .locking = true, .trust_probe = true, .discard = true, .no_backing = unsafe, .no_io = unsafe };
    if (cache && !tool_cache_mode(cache, &how, &through, &err)) {
        return tool_fail(1, err);
    }
    base = base ? base : "";
    if (*base && !fmt) {
        error_set(&err, "Could not change the backing file to '%s': backing format must be specified", base);
        error_add_hint(&err, "Add -F FMT, the format of '%s'.", base);
        return tool_fail(1, err);
    }
    if (fmt && !tool_driver(fmt, &err)) {
        return tool_fail(1, err);
    }
    BlockNode *top = tool_open(a, name, tool_get(a, "f"), &how, &err);
    bool ok = top && (unsafe || rebase_safe(a, top, base, fmt, &err)) &&
              block_node_set_backing(top, *base ? base : NULL, *base ? fmt : NULL, &err) && rebase_flush(top, name, &err);
    block_node_unref(top);
    return ok ? 0 : tool_fail(1, err);
}

static const ToolOption rebase_options[] = {
    IMG_OBJECT, IMG_IMAGE_OPTS, IMG_SHARE, IMG_QUIET, IMG_FORMAT, IMG_CACHE, IMG_SOURCE_CACHE, IMG_PROGRESS,
    { 'u', NULL, NULL, "change the name only; the content of the new backing file must be that of the old one" },
    { 'b', NULL, "BACKING_FILE", "the new backing file; \"\": none" },
    { 'F', NULL, "BACKING_FMT", "its format" },
    IMG_END,
};
const ToolCommand img_rebase = { "rebase", "FILENAME", "Puts an image on another backing file; what it shows stays the same.",
                                 rebase_options, rebase_run };

/* ---- commit ------------------------------------------------------------------------------------------------------ */

typedef struct Commit {
    BlockNode *top, *base;
    uint64_t rate;
    int64_t start_us;
    ToolProgress progress;
} Commit;

static BlockNode *commit_base(BlockNode *top, const char *name, Error **errp)
{
    BlockNode *n = block_node_backing(top);
    if (!n) {
        error_set(errp, "Image does not have a backing file");
        return NULL;
    }
    for (; name && n; n = block_node_backing(n)) {
        char *real_name = realpath(name, NULL), *real_node = realpath(block_node_filename(n), NULL);
        bool same = !strcmp(name, block_node_filename(n)) || (real_name && real_node && !strcmp(real_name, real_node));
        free(real_name);
        free(real_node);
        if (same) {
            return n;
        }
    }
    if (!n) {
        error_set(errp, "Did not find '%s' in the backing chain of '%s'", name, block_node_filename(top));
    }
    return n;
}

static int commit_piece(Commit *c, uint64_t off, uint64_t len, bool zero, uint8_t *buf)
{
    if (zero) {
        return block_node_write_zeroes(c->base, off, len, BLOCK_ZERO_MAY_UNMAP);
    }
    int ret = block_node_pread(c->top, off, buf, len);
    return ret < 0 ? ret : block_node_pwrite(c->base, off, buf, len);
}

static bool commit_data(Commit *c, Error **errp)
{
    uint64_t size = block_node_size(c->top);
    uint8_t *buf = g_malloc(REBASE_PIECE);
    bool ok = true;
    for (uint64_t off = 0; off < size && ok;) {
        BlockStatus st;
        int ret = block_node_status_above(c->top, c->base, off, size - off, &st);
        bool zero = ret == 0 && (st.flags & BLOCK_STATUS_ZERO);
        uint64_t len = ret < 0 ? 0 : zero || !(st.flags & BLOCK_STATUS_ALLOCATED) ? st.len : MIN(st.len, REBASE_PIECE);
        if (ret == 0 && (st.flags & BLOCK_STATUS_ALLOCATED)) {
            ret = commit_piece(c, off, len, zero, buf);
        }
        if (ret < 0) {
            error_set_errno(errp, -ret, "commit failed at byte %" PRIu64, off);
            error_add_hint(errp, "The image still has all its data; repeat the commit when the cause is mended.");
            ok = false;
        }
        off += len;
        tool_progress_at(&c->progress, off, size);
        if (c->rate) {
            int64_t due = c->start_us + (int64_t)((double)off * 1e6 / (double)c->rate), now = g_get_monotonic_time();
            g_usleep(due > now ? (gulong)(due - now) : 0);
        }
    }
    g_free(buf);
    return ok;
}

static bool commit_image(const ToolArgs *a, BlockNode *top, Error **errp)
{
    Commit c = { .top = top, .start_us = g_get_monotonic_time() };
    const char *rate = tool_get(a, "r");
    c.base = commit_base(top, tool_get(a, "b"), errp);
    if (!c.base || (rate && !tool_parse_size("rate limit", rate, &c.rate, errp))) {
        return false;
    }
    BlockOpen how = *block_node_how(c.base), old = how;
    how.readonly = false;
    how.discard = true;
    if (!block_node_reopen(c.base, &how, errp)) {
        return false;
    }
    tool_progress_start(&c.progress, tool_has(a, "p") && !tool_has(a, "q"));
    bool ok = (block_node_size(c.base) >= block_node_size(top) ||
               block_node_truncate(c.base, block_node_size(top), BLOCK_PREALLOC_OFF, errp)) &&
              commit_data(&c, errp) && rebase_flush(c.base, block_node_filename(c.base), errp);
    /* -b leaves the images between as they are, and so must the top one be: it would read from them. */
    if (ok && !tool_has(a, "d") && !tool_has(a, "b")) {
        ok = block_node_make_empty(top, errp) && rebase_flush(top, block_node_filename(top), errp);
    }
    if (ok) {
        tool_progress_end(&c.progress);
    }
    Error *err = NULL;
    if (!block_node_reopen(c.base, &old, &err)) {
        error_free(err); /* it is closed in a moment anyway */
    }
    return ok;
}

static int commit_run(ToolArgs *a)
{
    Error *err = NULL;
    if (tool_operands(a) != 1) {
        return tool_usage("Expecting one image file name");
    }
    BlockNode *top = img_open_target(a, tool_operand(a, 0), tool_get(a, "f"), &err);
    bool ok = top && commit_image(a, top, &err);
    block_node_unref(top);
    if (ok && !tool_has(a, "q")) {
        puts("Image committed.");
    }
    return ok ? 0 : tool_fail(1, err);
}

static const ToolOption commit_options[] = {
    IMG_OBJECT, IMG_IMAGE_OPTS, IMG_QUIET, IMG_FORMAT, IMG_CACHE,
    { 'b', NULL, "BASE", "image of the chain to write into; the next one when it is not said" },
    { 'r', NULL, "RATE_LIMIT", "bytes a second at most" },
    { 'd', NULL, NULL, "do not empty the image afterwards" },
    IMG_PROGRESS, IMG_END,
};
const ToolCommand img_commit = { "commit", "FILENAME", "Writes what is in an image into its backing file, and empties the image.",
                                 commit_options, commit_run };
