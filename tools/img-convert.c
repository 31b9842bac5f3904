/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-img convert and dd. */
#include "util/osdep.h"
#include "tools/img-copy.h"
#include "tools/img.h"
#include "util/keyval.h"

enum { CONVERT_SOURCES_MAX = 256 };

typedef struct Convert {
    const ToolArgs *a;
    BlockNode *src[CONVERT_SOURCES_MAX], *dst;
    unsigned sources;
    const BlockDriver *format;
    KeyVal *opts;
    const char *output;
    bool quiet, created;
    uint64_t total;
} Convert;

static bool convert_open_sources(Convert *c, Error **errp)
{
    const char *snapshot = tool_get(c->a, "l");
    unsigned n = tool_operands(c->a) - 1;
    if (n > CONVERT_SOURCES_MAX) {
        error_set(errp, "%u source images are too many: at most %d", n, CONVERT_SOURCES_MAX);
        return false;
    }
    if (snapshot && n > 1) {
        error_set(errp, "No support for concatenating multiple snapshot");
        return false;
    }
    for (; c->sources < n; c->sources++) {
        BlockNode *src = img_open_source(c->a, tool_operand(c->a, c->sources), tool_get(c->a, "f"), errp);
        if (!src) {
            return false;
        }
        c->src[c->sources] = src;
        c->total += block_node_size(src);
        if (snapshot && !img_load_snapshot(src, snapshot, errp)) {
            c->sources++;
            error_prepend(errp, "Failed to load snapshot: ");
            return false;
        }
    }
    if (snapshot) {
        c->total = block_node_size(c->src[0]);
    }
    return true;
}

/* What the options must be for the target, and what does not go together. */
static bool convert_options(Convert *c, Error **errp)
{
    const ToolArgs *a = c->a;
    const char *backing = tool_get(a, "B"), *backing_fmt = tool_get(a, "F");
    if (!(c->opts = tool_options(a, "o", errp))) {
        return false;
    }
    if (backing) {
        keyval_set(c->opts, "backing_file", backing);
    }
    if (backing_fmt) {
        keyval_set(c->opts, "backing_fmt", backing_fmt);
    }
    const char *has_backing = keyval_has(c->opts, "backing_file") ? keyval_get(c->opts, "backing_file") : NULL;
    if (has_backing && c->sources > 1) {
        error_set(errp, "Having a backing file for the target makes no sense when concatenating multiple input images");
        return false;
    }
    if (has_backing && !keyval_has(c->opts, "backing_fmt") && !tool_has(a, "n")) {
        error_set(errp, "backing format must be specified");
        error_add_hint(errp, "Add -F FMT, the format of '%s'.", has_backing);
        return false;
    }
    if (!keyval_has(c->opts, "size")) {
        char *size = g_strdup_printf("%" PRIu64, c->total);
        keyval_set(c->opts, "size", size);
        g_free(size);
    }
    const char *prealloc = keyval_has(c->opts, "preallocation") ? keyval_get(c->opts, "preallocation") : NULL;
    if (tool_has(a, "c") && prealloc && strcmp(prealloc, "off")) {
        error_set(errp, "Compression and preallocation not supported at the same time");
        return false;
    }
    return true;
}

static bool convert_open_target(Convert *c, Error **errp)
{
    const ToolArgs *a = c->a;
    BlockOpen how = { .locking = true, .trust_probe = true, .discard = true, .no_flush = true };
    const char *cache = tool_get(a, "t");
    bool through;
    if (cache && !tool_cache_mode(cache, &how, &through, errp)) {
        return false;
    }
    if (tool_has(a, "target-image-opts")) {
        KeyVal *kv = block_opts_from_text(c->output, errp);
        c->dst = kv ? block_open_opts(kv, &how, errp) : NULL;
        keyval_free(kv);
    } else {
        if (!tool_has(a, "n")) {
            if (!img_create_image(c->output, c->format, c->opts, true, errp)) {
                return false;
            }
            c->created = true;
        }
        KeyVal *more = keyval_new();
        const char *secret = keyval_has(c->opts, "encrypt.key-secret") ? keyval_get(c->opts, "encrypt.key-secret") : NULL;
        if (secret) {
            keyval_set(more, "encrypt.key-secret", secret);
        }
        c->dst = block_open(c->output, block_driver_name(c->format), more, &how, errp);
        keyval_free(more);
    }
    if (c->dst && block_node_size(c->dst) < c->total) {
        error_set(errp, "output file is smaller than input file");
        error_add_hint(errp, "'%s' has %" PRIu64 " bytes, the input %" PRIu64 ".", c->output, block_node_size(c->dst), c->total);
        return false;
    }
    return c->dst != NULL;
}

static bool convert_bitmaps(Convert *c, Error **errp)
{
    GPtrArray *list = block_bitmap_list(c->src[0], errp);
    bool ok = list != NULL;
    for (unsigned i = 0; ok && i < list->len; i++) {
        const BlockBitmap *b = list->pdata[i];
        if (b->inconsistent && tool_has(c->a, "skip-broken-bitmaps")) {
            warn_report("Skipping inconsistent bitmap '%s'", b->name);
        } else if (b->inconsistent) {
            error_set(errp, "Cannot copy inconsistent bitmap '%s'", b->name);
            error_add_hint(errp, "Try --skip-broken-bitmaps, or use '%s bitmap --remove'", "rhea-img");
            ok = false;
        } else {
            ok = block_bitmap_add(c->dst, b->name, b->granularity, b->enabled, errp) &&
                 block_bitmap_merge(c->dst, b->name, c->src[0], b->name, errp);
        }
    }
    if (list) {
        g_ptr_array_unref(list);
    }
    return ok;
}

static bool convert_sparse(const Convert *c, uint64_t *sparse, Error **errp)
{
    const char *text = tool_get(c->a, "S");
    *sparse = 4096;
    if (text && !tool_parse_size("Invalid buffer size for sparse output", text, sparse, errp)) {
        return false;
    }
    if (*sparse && *sparse < 512) {
        error_set(errp, "-S %s is less than a sector of 512 bytes", text);
        return false;
    }
    if (*sparse > 64 * MiB) {
        error_set(errp, "-S %s is more than 64M", text);
        return false;
    }
    *sparse = align_down(*sparse, 512);
    return true;
}

static bool convert_copy(Convert *c, Error **errp)
{
    const ToolArgs *a = c->a;
    ToolProgress progress;
    uint64_t threads = 8, rate = 0;
    BlockInfo info;
    bool backing = block_node_backing(c->dst) || keyval_has(c->opts, "backing_file");
    ImgCopy copy = { .src = c->src, .sources = c->sources, .dst = c->dst, .only_top = backing, .compressed = tool_has(a, "c"),
                     .out_of_order = tool_has(a, "W"), .offload = tool_has(a, "C"), .salvage = tool_has(a, "salvage"),
                     .quiet = c->quiet, .progress = &progress };
    if ((tool_get(a, "m") && !parse_uint("Invalid number of coroutines", tool_get(a, "m"), 1, 16, &threads, errp)) ||
        (tool_get(a, "r") && !tool_parse_size("rate limit", tool_get(a, "r"), &rate, errp)) ||
        !convert_sparse(c, &copy.sparse, errp) || !block_node_info(c->dst, &info, errp)) {
        return false;
    }
    copy.cluster = info.cluster_size;
    block_info_clear(&info);
    copy.threads = (unsigned)threads;
    copy.rate = rate;
    copy.dst_zero = !backing && (c->created ? img_fresh_is_zero(c->dst) : tool_has(a, "target-is-zero"));
    if (copy.sparse && copy.cluster && is_pow2(copy.cluster)) {
        copy.sparse = align_up(copy.sparse, copy.cluster); /* a cluster is all there or not at all */
    }
    tool_progress_start(&progress, tool_has(a, "p") && !c->quiet);
    if (!img_copy(&copy, errp)) {
        return false;
    }
    if (tool_has(a, "bitmaps") && !convert_bitmaps(c, errp)) {
        return false;
    }
    int ret = block_node_flush(c->dst);
    if (ret < 0) {
        error_set_errno(errp, -ret, "Could not flush '%s'", c->output);
        return false;
    }
    tool_progress_end(&progress);
    return true;
}

static void convert_close(Convert *c, bool ok)
{
    for (unsigned i = 0; i < c->sources; i++) {
        block_node_unref(c->src[i]);
    }
    bool remove = !ok && c->created && img_is_plain_file(c->output);
    block_node_unref(c->dst);
    if (remove) {
        unlink(g_str_has_prefix(c->output, "file:") ? c->output + 5 : c->output);
    }
    keyval_free(c->opts);
}

static bool convert_usage(const ToolArgs *a, Error **errp)
{
    const char *why = NULL;
    if (tool_has(a, "target-image-opts") && !tool_has(a, "n")) {
        why = "--target-image-opts requires use of -n flag";
    } else if (tool_has(a, "target-is-zero") && !tool_has(a, "n")) {
        why = "--target-is-zero requires use of -n flag";
    } else if (tool_has(a, "target-is-zero") && tool_has(a, "B")) {
        why = "--target-is-zero makes no sense with a backing file";
    } else if (tool_has(a, "skip-broken-bitmaps") && !tool_has(a, "bitmaps")) {
        why = "Use of --skip-broken-bitmaps requires --bitmaps";
    } else if (tool_has(a, "C") && tool_has(a, "S")) {
        why = "Cannot enable copy offloading when -S is used";
    } else if (tool_has(a, "C") && tool_has(a, "c")) {
        why = "Cannot enable copy offloading when -c is used";
    } else if (tool_operands(a) < 2) {
        why = "Must specify image file name";
    }
    if (why) {
        error_set(errp, "%s", why);
    }
    return !why;
}

static int convert_run(ToolArgs *a)
{
    Error *err = NULL;
    Convert c = { .a = a, .quiet = tool_has(a, "q") };
    c.format = tool_driver(tool_get(a, "O") ? tool_get(a, "O") : "raw", &err);
    if (!c.format) {
        return tool_fail(1, err);
    }
    c.output = tool_operands(a) ? tool_operand(a, tool_operands(a) - 1) : NULL;
    if (img_options_help(a, c.format, c.output, false)) {
        return 0;
    }
    bool ok = convert_usage(a, &err) && convert_open_sources(&c, &err) && convert_options(&c, &err) && convert_open_target(&c, &err) &&
              convert_copy(&c, &err);
    convert_close(&c, ok);
    return ok ? 0 : tool_fail(1, err);
}

static const ToolOption convert_options_table[] = {
    IMG_OBJECT, IMG_IMAGE_OPTS,
    { 0, "target-image-opts", NULL, "the output file name is a list of options; needs -n" },
    { 0, "target-is-zero", NULL, "the target reads as zeros already; needs -n" },
    { 0, "bitmaps", NULL, "copy the persistent bitmaps too" },
    { 0, "skip-broken-bitmaps", NULL, "but not those that are inconsistent" },
    IMG_SHARE,
    { 'C', NULL, NULL, "let the host copy (copy_file_range) what lies plain in a file into a raw file; the rest is read and "
      "written; zeros are not looked for; not with -c or -S" },
    { 'c', NULL, NULL, "write compressed clusters" },
    IMG_PROGRESS, IMG_QUIET,
    { 'n', NULL, NULL, "the target is there already" },
    IMG_FORMAT, IMG_CACHE, IMG_SOURCE_CACHE,
    { 'O', NULL, "OUTPUT_FMT", "format of the target; raw when it is not said" },
    { 'B', NULL, "BACKING_FILE", "the target holds only what differs from this one" },
    { 'F', NULL, "BACKING_FMT", "its format" },
    { 'o', NULL, "OPTIONS", "options of the target's format, as NAME=VALUE,...; help lists them" },
    { 'l', NULL, "SNAPSHOT_PARAM", "take the content of an internal snapshot" },
    { 'S', NULL, "SPARSE_SIZE", "runs of zeros of at least this length are left out (4k); 0: all is written" },
    { 'r', NULL, "RATE_LIMIT", "bytes a second at most" },
    { 'm', NULL, "NUM_COROUTINES", "pieces in work at the same time, 1 to 16 (8)" },
    { 'W', NULL, NULL, "write in any order" },
    { 0, "salvage", NULL, "go on after read errors, with zeros" },
    IMG_END,
};
const ToolCommand img_convert = { "convert", "FILENAME [FILENAME2 [...]] OUTPUT_FILENAME", "Copies images into another one, "
                                  "of another format or with other options.", convert_options_table, convert_run };

/* ---- dd -------------------------------------------------------------------------------------------------------------- */

typedef struct Dd {
    const char *in, *out;
    uint64_t bs, count, skip;
    bool has_count;
} Dd;

static bool dd_operands(const ToolArgs *a, Dd *d, Error **errp)
{
    *d = (Dd){ .bs = 512 };
    for (unsigned i = 0; i < tool_operands(a); i++) {
        const char *w = tool_operand(a, i), *equals = strchr(w, '=');
        if (g_str_has_prefix(w, "if=")) {
            d->in = w + 3;
        } else if (g_str_has_prefix(w, "of=")) {
            d->out = w + 3;
        } else if (g_str_has_prefix(w, "bs=")) {
            if (!tool_parse_size("bs", w + 3, &d->bs, errp)) {
                return false;
            }
        } else if (g_str_has_prefix(w, "count=")) {
            d->has_count = true;
            if (!tool_parse_size("count", w + 6, &d->count, errp)) {
                return false;
            }
        } else if (g_str_has_prefix(w, "skip=")) {
            if (!tool_parse_size("skip", w + 5, &d->skip, errp)) {
                return false;
            }
        } else {
            error_set(errp, equals ? "Unrecognized operand %s" : "unrecognized operand %s", w);
            error_add_hint(errp, "They are if=, of=, bs=, count= and skip=.");
            return false;
        }
    }
    if (!d->in || !d->out) {
        error_set(errp, "Must specify both input and output file names");
        return false;
    }
    if (d->bs == 0 || d->bs > GiB) {
        error_set(errp, "bs=%" PRIu64 " is not from 1 to 1G", d->bs);
        return false;
    }
    return true;
}

static bool dd_copy(const Dd *d, BlockNode *src, BlockNode *dst, uint64_t from, uint64_t len, Error **errp)
{
    uint8_t *buf = g_malloc(d->bs);
    int ret = 0;
    for (uint64_t off = 0; off < len && ret == 0; off += d->bs) {
        size_t part = MIN(d->bs, len - off);
        ret = block_node_pread(src, from + off, buf, part);
        if (ret < 0) {
            error_set_errno(errp, -ret, "error while reading from input image file");
            break;
        }
        ret = block_node_pwrite(dst, off, buf, part);
        if (ret < 0) {
            error_set_errno(errp, -ret, "error while writing to output image file");
        }
    }
    g_free(buf);
    return ret == 0;
}

static bool dd_image(const ToolArgs *a, const Dd *d, Error **errp)
{
    const BlockDriver *drv = tool_driver(tool_get(a, "O") ? tool_get(a, "O") : "raw", errp);
    BlockNode *src = drv ? img_open_source(a, d->in, tool_get(a, "f"), errp) : NULL;
    if (!src) {
        return false;
    }
    uint64_t size = block_node_size(src), from, len;
    from = d->skip > size / d->bs ? size : d->skip * d->bs;
    if (from == size && d->skip) {
        warn_report("%s: cannot skip to specified offset", d->in);
    }
    len = size - from;
    if (d->has_count && d->count <= len / d->bs) {
        len = d->count * d->bs;
    }
    KeyVal *opts = keyval_new();
    char *text = g_strdup_printf("%" PRIu64, len);
    keyval_set(opts, "size", text);
    bool ok = img_create_image(d->out, drv, opts, true, errp);
    bool made = ok;
    BlockOpen how = { .locking = true, .discard = true };
    BlockNode *dst = ok ? block_open(d->out, block_driver_name(drv), NULL, &how, errp) : NULL;
    ok = dst && dd_copy(d, src, dst, from, len, errp);
    if (ok && block_node_flush(dst) < 0) {
        error_set(errp, "Could not flush '%s'", d->out);
        ok = false;
    }
    block_node_unref(src);
    block_node_unref(dst);
    if (!ok && made && img_is_plain_file(d->out)) {
        unlink(d->out);
    }
    keyval_free(opts);
    g_free(text);
    return ok;
}

static int dd_run(ToolArgs *a)
{
    Error *err = NULL;
    Dd d;
    return dd_operands(a, &d, &err) && dd_image(a, &d, &err) ? 0 : tool_fail(1, err);
}

static const ToolOption dd_options[] = {
    IMG_IMAGE_OPTS, IMG_SHARE, IMG_FORMAT,
    { 'O', NULL, "OUTPUT_FMT", "format of the output; raw when it is not said" },
    IMG_OBJECT, IMG_END,
};
const ToolCommand img_dd = { "dd", "[bs=BLOCK_SIZE] [count=BLOCKS] [skip=BLOCKS] if=INPUT of=OUTPUT",
                             "Copies a part of an image: count blocks behind "
                             "the first skip (qemu-img 7.2 copies count - skip: it takes the skipped ones for some of the count).",
                             dd_options, dd_run };
