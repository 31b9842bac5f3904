/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image part of a -drive: cache modes, error policies, and opening the chain of nodes that the rest asks for.
 * Called by drive.c and by the monitor's change; main thread, under the big lock.
 */
#include "util/osdep.h"
#include "block/drive-int.h"

/* What -drive itself takes, for "Did you mean". */
static const char *const drive_keys[] = {
    "file", "format", "if", "index", "bus", "unit", "media", "readonly", "snapshot", "id", "cache", "cache.writeback", "werror",
    "rerror", "serial", "aio", "discard", "detect-zeroes", "copy-on-read", "boot", NULL,
};

static bool drive_choice(const char *key, const char *text, const char *const *names, unsigned *out, Error **errp)
{
    for (unsigned i = 0; names[i]; i++) {
        if (!strcmp(text, names[i])) {
            *out = i;
            return true;
        }
    }
    char *list = g_strjoinv(", ", (char **)names);
    const char *near = suggest_nearest(text, names);
    error_set(errp, "drive: %s=%s is not one of %s", key, text, list);
    if (near) {
        error_add_hint(errp, "Did you mean %s=%s?", key, near);
    }
    g_free(list);
    return false;
}

/* ---- Options ----------------------------------------------------------------------------------------------- */

static bool drive_cache_options(KeyVal *kv, DriveImage *img, BlkConfig *blk, Error **errp)
{
    static const char *const modes[] = { "none", "writeback", "writethrough", "directsync", "unsafe", NULL };
    const char *cache = keyval_get(kv, "cache");
    blk->writeback = true;
    if (cache) {
        unsigned mode;
        if (!strcmp(cache, "off")) {
            cache = "none";
        }
        if (!drive_choice("cache", cache, modes, &mode, errp)) {
            return false;
        }
        img->how.direct = mode == 0 || mode == 3;
        blk->writeback = mode != 2 && mode != 3;
        img->how.no_flush = mode == 4;
    }
    return keyval_get_bool(kv, "cache.direct", &img->how.direct, errp) &&
           keyval_get_bool(kv, "cache.writeback", &blk->writeback, errp) &&
           keyval_get_bool(kv, "cache.no-flush", &img->how.no_flush, errp);
}

static bool drive_error_options(KeyVal *kv, BlkConfig *blk, Error **errp)
{
    static const char *const read_actions[] = { "report", "ignore", "stop", "enospc", NULL };
    static const BlkErrorAction meaning[] = { BLK_ERR_REPORT, BLK_ERR_IGNORE, BLK_ERR_STOP, BLK_ERR_REPORT };
    const char *werror = keyval_get(kv, "werror"), *rerror = keyval_get(kv, "rerror");
    unsigned w = 3, r = 0;
    if ((werror && !drive_choice("werror", werror, read_actions, &w, errp)) ||
        (rerror && !drive_choice("rerror", rerror, read_actions, &r, errp))) {
        return false;
    }
    if (rerror && r == 3) {
        error_set(errp, "drive: rerror=enospc makes no sense: reading does not fill a disk");
        error_add_hint(errp, "Use rerror=report, ignore or stop.");
        return false;
    }
    blk->werror = meaning[w];
    blk->werror_enospc = w == 3;
    blk->rerror = meaning[r];
    return true;
}

static bool drive_io_options(KeyVal *kv, DriveImage *img, Error **errp)
{
    static const char *const aio_names[] = { "threads", "native", "io_uring", NULL };
    static const char *const discards[] = { "ignore", "off", "unmap", "on", NULL };
    static const char *const zeroes[] = { "off", "on", "unmap", NULL };
    const char *text;
    unsigned choice = 0;
    if ((text = keyval_get(kv, "aio"))) {
        if (!drive_choice("aio", text, aio_names, &choice, errp)) {
            return false;
        }
        img->how.aio = choice;
    }
    if ((text = keyval_get(kv, "discard"))) {
        if (!drive_choice("discard", text, discards, &choice, errp)) {
            return false;
        }
        img->how.discard = choice >= 2;
    }
    if ((text = keyval_get(kv, "detect-zeroes"))) {
        if (!drive_choice("detect-zeroes", text, zeroes, &img->detect_zeroes, errp)) {
            return false;
        }
        if (img->detect_zeroes == 2 && !img->how.discard) {
            error_set(errp, "drive: detect-zeroes=unmap needs discard=unmap");
            return false;
        }
    }
    bool copy_on_read = false;
    if (!keyval_get_bool(kv, "copy-on-read", &copy_on_read, errp)) {
        return false;
    }
    if (copy_on_read) {
        error_set(errp, "drive: copy-on-read=on comes in a later version");
        return false;
    }
    return true;
}

bool drive_image_options(KeyVal *kv, DriveImage *img, BlkConfig *blk, Error **errp)
{
    const char *file = keyval_get(kv, "file"), *format = keyval_get(kv, "format");
    img->how.locking = true;
    img->file = file && *file ? file : NULL;
    blk->serial = keyval_get(kv, "serial");
    if (!keyval_get_bool(kv, "snapshot", &img->snapshot, errp) ||
        !keyval_get_bool(kv, "readonly", &img->how.readonly, errp) ||
        !keyval_get_bool(kv, "read-only", &img->how.readonly, errp) ||
        !keyval_get_bool(kv, "auto-read-only", &img->how.auto_readonly, errp) ||
        !drive_cache_options(kv, img, blk, errp) || !drive_error_options(kv, blk, errp) ||
        !drive_io_options(kv, img, errp) || !throttle_config_from_keyval(&img->throttle, kv, errp)) {
        return false;
    }
    img->throttle_group = keyval_get(kv, "throttling.group");
    const char *driver = keyval_get(kv, "driver");
    if (driver && format && strcmp(driver, format)) {
        error_set(errp, "drive: format=%s and driver=%s are two names for the same thing: give one", format, driver);
        return false;
    }
    img->format = driver ? driver : format;
    img->rest = keyval_take_rest(kv);
    img->none = !img->file && !driver && !keyval_has(img->rest, "file.filename") && !keyval_has(img->rest, "file.driver");
    return true;
}

/* ---- Opening ----------------------------------------------------------------------------------------------- */

static bool drive_no_leftovers(void *opaque, const char *key, const char *value, Error **errp)
{
    (void)opaque;
    (void)value;
    const char *near = suggest_nearest(key, drive_keys);
    error_set(errp, "-drive has no parameter '%s'", key);
    if (near) {
        error_add_hint(errp, "Did you mean '%s'?", near);
    }
    return false;
}

bool drive_image_no_leftovers(const DriveImage *img, Error **errp)
{
    return keyval_each(img->rest, drive_no_leftovers, NULL, errp);
}

static BlockNode *drive_image_open_node(const DriveImage *img, const BlockOpen *how, Error **errp)
{
    if (!img->file) {
        KeyVal *kv = keyval_take_prefix(img->rest, "");
        if (img->format) {
            keyval_set(kv, "driver", img->format);
        }
        BlockNode *n = block_open_opts(kv, how, errp);
        keyval_free(kv);
        return n;
    }
    BlockNode *named = img->format || strchr(img->file, '/') ? NULL : block_node_find(img->file);
    if (named && keyval_empty(img->rest)) {
        return block_node_ref(named);
    }
    return block_open(img->file, img->format, img->rest, how, errp);
}

BlockNode *drive_image_open(const DriveImage *img, Error **errp)
{
    BlockOpen how = img->how;
    if (img->snapshot) {
        how.readonly = true;
    }
    BlockNode *node = drive_image_open_node(img, &how, errp);
    if (node && img->snapshot && !img->how.readonly) {
        node = block_open_snapshot(node, errp);
    }
    if (node && img->detect_zeroes) {
        node->detect_zeroes = img->detect_zeroes;
    }
    return node;
}
