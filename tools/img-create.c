/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-img create, resize, amend and measure. */
#include "util/osdep.h"
#include "tools/img.h"
#include "util/keyval.h"

#include <jansson.h>

/* ---- create ---------------------------------------------------------------------------------------------------- */

/* Sets what -b and -F say, which -o may have said too. */
static bool create_backing(const ToolArgs *a, KeyVal *opts, const char *fmt, Error **errp)
{
    static const char *const keys[] = { "backing_file", "backing_fmt" };
    const char *given[] = { tool_get(a, "b"), tool_get(a, "F") };
    for (unsigned i = 0; i < 2; i++) {
        if (given[i] && keyval_has(opts, keys[i])) {
            error_set(errp, "%s is given twice: -%c and -o %s", keys[i], i ? 'F' : 'b', keys[i]);
            return false;
        }
        if (given[i]) {
            keyval_set(opts, keys[i], given[i]);
        }
    }
    bool known = false;
    for (const BlockOpt *row = block_driver_create_opts(tool_driver(fmt, NULL)); row && row->name; row++) {
        known |= !strcmp(row->name, "backing_file");
    }
    if (keyval_has(opts, "backing_file") && !known) {
        error_set(errp, "Backing file not supported for file format '%s'", fmt);
        return false;
    }
    return true;
}

/* Opens the backing file for its size and to see that it is one. */
static bool create_look_at_backing(const ToolArgs *a, const char *filename, KeyVal *opts, Error **errp)
{
    const char *backing = keyval_get(opts, "backing_file"), *fmt = keyval_get(opts, "backing_fmt");
    if (!backing || !*backing || (tool_has(a, "u") && keyval_has(opts, "size"))) {
        return true;
    }
    BlockOpen how = { .readonly = true, .locking = true, .trust_probe = true };
    char *path = block_path_beside(filename, backing);
    BlockNode *n = block_open(path, fmt, NULL, &how, errp);
    g_free(path);
    if (!n) {
        error_add_hint(errp, "With -u and a size the image is made without looking at its backing file.");
        return false;
    }
    bool ok = true;
    if (!fmt) {
        error_set(errp, "Backing file specified without backing format");
        error_add_hint(errp, "Detected format of %s: give -F %s.", block_node_driver(n), block_node_driver(n));
        ok = false;
    } else if (!keyval_has(opts, "size")) {
        char *size = g_strdup_printf("%" PRIu64, block_node_size(n));
        keyval_set(opts, "size", size);
        g_free(size);
    }
    block_node_unref(n);
    return ok;
}

static bool create_image(const ToolArgs *a, const BlockDriver *drv, const char *fmt, Error **errp)
{
    const char *filename = tool_operand(a, 0), *size = tool_operand(a, 1);
    uint64_t bytes;
    KeyVal *opts = tool_options(a, "o", errp);
    bool ok = opts && create_backing(a, opts, fmt, errp);
    if (ok && size) {
        ok = tool_parse_size("image size", size, &bytes, errp);
        char *text = g_strdup_printf("%" PRIu64, ok ? bytes : 0);
        keyval_set(opts, "size", text);
        g_free(text);
    }
    ok = ok && create_look_at_backing(a, filename, opts, errp);
    if (ok && !keyval_has(opts, "size")) {
        error_set(errp, "%s: Image creation needs a size parameter", filename);
        ok = false;
    }
    ok = ok && img_create_image(filename, drv, opts, tool_has(a, "q"), errp);
    keyval_free(opts);
    return ok;
}

static int create_run(ToolArgs *a)
{
    Error *err = NULL;
    const char *fmt = tool_get(a, "f") ? tool_get(a, "f") : "raw";
    const BlockDriver *drv = tool_driver(fmt, &err);
    if (!drv) {
        return tool_fail(1, err);
    }
    if (img_options_help(a, drv, tool_operand(a, 0), false)) {
        return 0;
    }
    if (tool_operands(a) < 1 || tool_operands(a) > 2) {
        return tool_usage("Expecting image file name and, if it cannot be known otherwise, a size");
    }
    return create_image(a, drv, fmt, &err) ? 0 : tool_fail(1, err);
}

static const ToolOption create_options[] = {
    IMG_OBJECT, IMG_QUIET, IMG_FORMAT,
    { 'b', NULL, "BACKING_FILE", "the image holds only what differs from this one" },
    { 'F', NULL, "BACKING_FMT", "format of the backing file" },
    { 'u', NULL, NULL, "do not look at the backing file" },
    { 'o', NULL, "OPTIONS", "options of the format, as NAME=VALUE,...; help lists them" },
    IMG_END,
};
const ToolCommand img_create = { "create", "FILENAME [SIZE]", "Makes an image.", create_options, create_run };

/* ---- resize ---------------------------------------------------------------------------------------------------- */

static bool resize_prealloc(const char *text, BlockPrealloc *out, Error **errp)
{
    static const char *const modes[] = { "off", "metadata", "falloc", "full", NULL };
    for (unsigned i = 0; modes[i]; i++) {
        if (!text || !strcmp(text, modes[i])) {
            *out = (BlockPrealloc)i;
            return true;
        }
    }
    error_set(errp, "Invalid preallocation mode '%s'", text);
    error_add_hint(errp, "The modes are off, metadata, falloc and full.");
    return false;
}

/* @text: SIZE, +SIZE or -SIZE. */
static bool resize_target(const char *text, uint64_t now, uint64_t *out, Error **errp)
{
    uint64_t v;
    char sign = *text == '+' || *text == '-' ? *text : 0;
    if (!tool_parse_size("image size", text + (sign != 0), &v, errp)) {
        return false;
    }
    if (sign == '-' && v >= now) {
        error_set(errp, "New image size must be positive: the image has %" PRIu64 " bytes", now);
        return false;
    }
    *out = sign == '+' ? now + v : sign == '-' ? now - v : v;
    *out = *out > INT64_MAX ? *out : align_up(*out, 512);
    return true;
}

static bool resize_image(const ToolArgs *a, BlockNode *n, Error **errp)
{
    uint64_t now = block_node_size(n), size;
    BlockPrealloc prealloc;
    if (!resize_target(tool_operand(a, 1), now, &size, errp) || !resize_prealloc(tool_get(a, "preallocation"), &prealloc, errp)) {
        return false;
    }
    if (size < now && prealloc != BLOCK_PREALLOC_OFF) {
        error_set(errp, "Preallocation can only be used for growing images");
        return false;
    }
    if (size < now && !tool_has(a, "shrink")) {
        error_set(errp, "Use the --shrink option to perform a shrink operation.");
        error_add_hint(errp, "Shrinking an image deletes all data beyond its new end: shrink file systems and partitions first.");
        return false;
    }
    if (!block_node_truncate(n, size, prealloc, errp)) {
        return false;
    }
    int ret = block_node_flush(n);
    if (ret < 0) {
        error_set_errno(errp, -ret, "Could not flush '%s'", tool_operand(a, 0));
    }
    return ret == 0;
}

static int resize_run(ToolArgs *a)
{
    Error *err = NULL;
    if (tool_operands(a) != 2) {
        return tool_usage("Expecting image file name and size");
    }
    BlockNode *n = img_open_target(a, tool_operand(a, 0), tool_get(a, "f"), &err);
    bool ok = n && resize_image(a, n, &err);
    block_node_unref(n);
    if (ok && !tool_has(a, "q")) {
        puts("Image resized.");
    }
    return ok ? 0 : tool_fail(1, err);
}

static const ToolOption resize_options[] = {
    IMG_OBJECT, IMG_IMAGE_OPTS, IMG_FORMAT,
    { 0, "preallocation", "PREALLOC", "how the new part is allocated: off, metadata, falloc, full" },
    IMG_QUIET,
    { 0, "shrink", NULL, "allow the image to become smaller" },
    IMG_END,
};
const ToolCommand img_resize = { "resize", "FILENAME [+|-]SIZE", "Changes the size of an image.", resize_options, resize_run };

/* ---- amend ------------------------------------------------------------------------------------------------------ */

static int amend_run(ToolArgs *a)
{
    Error *err = NULL;
    const char *fmt = tool_get(a, "f"), *filename = tool_operand(a, tool_operands(a) ? tool_operands(a) - 1 : 0);
    if (!tool_has(a, "o")) {
        return tool_say(1, "Must specify options (-o)");
    }
    const BlockDriver *drv = fmt ? tool_driver(fmt, &err) : NULL;
    if (fmt && !drv) {
        return tool_fail(1, err);
    }
    if (drv && img_options_help(a, drv, NULL, true)) {
        return 0;
    }
    if (tool_operands(a) != 1) {
        return tool_usage("Expecting one image file name");
    }
    ToolProgress progress;
    BlockNode *n = img_open_target(a, filename, fmt, &err);
    if (n && img_options_help(a, block_driver_find(block_node_driver(n)), NULL, true)) {
        block_node_unref(n);
        return 0;
    }
    KeyVal *opts = n ? tool_options(a, "o", &err) : NULL;
    tool_progress_start(&progress, tool_has(a, "p") && !tool_has(a, "q") && opts);
    BlockProgress hook = tool_progress_hook(&progress);
    bool ok = opts && block_node_amend(n, opts, tool_has(a, "force"), &hook, &err);
    if (ok) {
        int ret = block_node_flush(n);
        ok = ret == 0;
        if (!ok) {
            error_set_errno(&err, -ret, "Could not flush '%s'", filename);
        }
        tool_progress_end(&progress);
    }
    keyval_free(opts);
    block_node_unref(n);
    return ok ? 0 : tool_fail(1, err);
}

static const ToolOption amend_options[] = {
    IMG_OBJECT, IMG_IMAGE_OPTS, IMG_PROGRESS, IMG_QUIET, IMG_FORMAT, IMG_CACHE,
    { 0, "force", NULL, "allow what may lose access to the data, such as erasing the last key" },
    { 'o', NULL, "OPTIONS", "options to change, as NAME=VALUE,...; help lists them" },
    IMG_END,
};
const ToolCommand img_amend = { "amend", "FILENAME", "Changes options of an image's format.", amend_options, amend_run };

/* ---- measure ---------------------------------------------------------------------------------------------------- */

static void measure_print(const BlockMeasure *m, bool json)
{
    if (json) {
        json_t *v = json_pack("{s:I}", "required", (json_int_t)m->required);
        if (m->has_bitmaps) {
            json_object_set_new(v, "bitmaps", json_integer((json_int_t)m->bitmaps));
        }
        json_object_set_new(v, "fully-allocated", json_integer((json_int_t)m->fully_allocated));
        tool_print_json(v);
        return;
    }
    printf("required size: %" PRIu64 "\nfully allocated size: %" PRIu64 "\n", m->required, m->fully_allocated);
    if (m->has_bitmaps) {
        printf("bitmaps size: %" PRIu64 "\n", m->bitmaps);
    }
}

static bool measure_image(const ToolArgs *a, const BlockDriver *drv, bool json, Error **errp)
{
    const char *size = tool_get(a, "size"), *filename = tool_operand(a, 0), *snapshot = tool_get(a, "l");
    uint64_t bytes = 0;
    BlockMeasure m;
    BlockNode *n = filename ? img_open_source(a, filename, tool_get(a, "f"), errp) : NULL;
    KeyVal *opts = filename && !n ? NULL : tool_options(a, "o", errp);
    bool ok = opts && (!size || tool_parse_size("--size", size, &bytes, errp)) &&
              (!snapshot || img_load_snapshot(n, snapshot, errp));
    if (ok) {
        char *text = g_strdup_printf("%" PRIu64, n ? block_node_size(n) : bytes);
        keyval_set(opts, "size", text);
        g_free(text);
        ok = block_measure(drv, opts, n, &m, errp);
    }
    if (ok) {
        measure_print(&m, json);
    }
    keyval_free(opts);
    block_node_unref(n);
    return ok;
}

static int measure_run(ToolArgs *a)
{
    Error *err = NULL;
    bool json;
    const BlockDriver *drv = tool_driver(tool_get(a, "O") ? tool_get(a, "O") : "raw", &err);
    if (!drv || !tool_output_json(a, &json, &err)) {
        return tool_fail(1, err);
    }
    if (img_options_help(a, drv, NULL, false)) {
        return 0;
    }
    bool size = tool_has(a, "size");
    if (tool_operands(a) > 1) {
        return tool_say(1, "At most one filename argument is allowed.");
    }
    if (size && tool_operands(a)) {
        return tool_say(1, "--size N cannot be used together with a filename.");
    }
    if (!size && !tool_operands(a)) {
        return tool_say(1, "Either --size N or one filename must be specified.");
    }
    if (size && (tool_has(a, "l") || tool_has(a, "f") || tool_has(a, "image-opts"))) {
        return tool_say(1, "--image-opts, -f, and -l can only be used with a filename.");
    }
    return measure_image(a, drv, json, &err) ? 0 : tool_fail(1, err);
}

static const ToolOption measure_options[] = {
    IMG_OUTPUT,
    { 'O', NULL, "OUTPUT_FMT", "format of the image that shall be made" },
    { 'o', NULL, "OPTIONS", "its options" },
    { 0, "size", "N", "of an empty image of this size" },
    IMG_OBJECT, IMG_IMAGE_OPTS, IMG_FORMAT, IMG_SHARE,
    { 'l', NULL, "SNAPSHOT_PARAM", "of a snapshot in the image" },
    IMG_END,
};
const ToolCommand img_measure = { "measure", "[FILENAME]", "Tells how large the file of a new image will be.", measure_options,
                                  measure_run };
