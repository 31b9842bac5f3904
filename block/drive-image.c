/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image part of a -drive: file names and protocols, format, cache modes, error policies, and opening the chain of
 * nodes they ask for.  Called by drive.c and by the monitor's change; main thread, under the big lock.
 */
#include "util/osdep.h"
#include "block/drive-int.h"

const char *const drive_keys[] = {
    "file", "format", "if", "index", "bus", "unit", "media", "readonly", "read-only", "auto-read-only", "snapshot", "id",
    "cache", "cache.direct", "cache.writeback", "cache.no-flush", "werror", "rerror", "serial", "aio", "discard",
    "detect-zeroes", "driver", "node-name", "offset", "size", "file.driver", "file.filename", "file.locking", "locking",
    "copy-on-read", "boot", NULL,
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

static bool drive_io_options(KeyVal *kv, DriveImage *img, BlkConfig *blk, Error **errp)
{
    static const char *const aio_names[] = { "threads", "native", "io_uring", NULL };
    static const char *const discards[] = { "ignore", "off", "unmap", "on", NULL };
    static const char *const zeroes[] = { "off", "on", "unmap", NULL };
    static const char *const lockings[] = { "auto", "on", "off", NULL };
    const char *text;
    unsigned choice = 0;
    if ((text = keyval_get(kv, "aio"))) {
        if (!drive_choice("aio", text, aio_names, &choice, errp)) {
            return false;
        }
        if (choice == 1 && !img->how.direct) {
            error_set(errp, "drive: aio=native needs cache.direct=on");
            error_add_hint(errp, "Add cache=none, or use aio=threads.");
            return false;
        }
        if (choice == 2) {
            error_set(errp, "drive: aio=io_uring comes in a later version");
            error_add_hint(errp, "Use aio=threads.");
            return false;
        }
    }
    if ((text = keyval_get(kv, "discard"))) {
        if (!drive_choice("discard", text, discards, &choice, errp)) {
            return false;
        }
        img->how.discard = choice >= 2;
    }
    if ((text = keyval_get(kv, "detect-zeroes"))) {
        if (!drive_choice("detect-zeroes", text, zeroes, &choice, errp)) {
            return false;
        }
        if (choice == 2 && !img->how.discard) {
            error_set(errp, "drive: detect-zeroes=unmap needs discard=unmap");
            return false;
        }
        blk->detect_zeroes = choice > 0;
    }
    if ((text = keyval_get(kv, "file.locking")) || (text = keyval_get(kv, "locking"))) {
        if (!drive_choice("file.locking", text, lockings, &choice, errp)) {
            return false;
        }
        img->how.locking = choice != 2;
    }
    bool copy_on_read = false;
    if (!keyval_get_bool(kv, "copy-on-read", &copy_on_read, errp)) {
        return false;
    }
    if (copy_on_read) {
        error_set(errp, "drive: copy-on-read=on comes in a later version (with backing files)");
        return false;
    }
    return true;
}

/* "file:NAME" is NAME; other protocols are not there yet and must not be taken for file names. */
static const char *drive_file_name(const char *name, Error **errp)
{
    static const char *const protocols[] = { "nbd", "http", "https", "ftp", "ftps", "ssh", "nfs", "iscsi", "rbd", "fat",
                                             "json", "blkdebug", "blkverify", "null-co", "null-aio", "nvme", "gluster",
                                             "sheepdog", "host_device", NULL };
    if (g_str_has_prefix(name, "file:")) {
        return name + 5;
    }
    for (unsigned i = 0; protocols[i]; i++) {
        size_t n = strlen(protocols[i]);
        if (!strncmp(name, protocols[i], n) && name[n] == ':') {
            error_set(errp, "cannot open '%s': the protocol '%s' comes in a later version", name, protocols[i]);
            error_add_hint(errp, "A file of that name is opened as ./%s.", name);
            return NULL;
        }
    }
    return name;
}

bool drive_image_options(KeyVal *kv, DriveImage *img, BlkConfig *blk, Error **errp)
{
    const char *protocol = keyval_get(kv, "file.driver"), *file = keyval_get(kv, "file");
    const char *format = keyval_get(kv, "format"), *driver = keyval_get(kv, "driver");
    const char *filename = keyval_get(kv, "file.filename");
    img->offset = 0;
    img->size = UINT64_MAX;
    img->how.locking = true;
    img->node_name = keyval_get(kv, "node-name");
    if (protocol && strcmp(protocol, "file") && strcmp(protocol, "host_device")) {
        error_set(errp, "drive: file.driver=%s is not known; this version has file and host_device", protocol);
        return false;
    }
    if (file && *file && !(file = drive_file_name(file, errp))) {
        return false;
    }
    img->file = filename ? filename : file && *file ? file : NULL;
    img->format = driver ? driver : format;
    blk->serial = keyval_get(kv, "serial");
    return keyval_get_bool(kv, "snapshot", &img->snapshot, errp) &&
           keyval_get_bool(kv, "readonly", &img->how.readonly, errp) &&
           keyval_get_bool(kv, "read-only", &img->how.readonly, errp) &&
           keyval_get_bool(kv, "auto-read-only", &img->how.auto_readonly, errp) &&
           keyval_get_size(kv, "offset", &img->offset, errp) && keyval_get_size(kv, "size", &img->size, errp) &&
           drive_cache_options(kv, img, blk, errp) && drive_error_options(kv, blk, errp) &&
           drive_io_options(kv, img, blk, errp);
}

/* ---- Opening ----------------------------------------------------------------------------------------------- */

static bool drive_check_format(const char *format, Error **errp)
{
    static const char *const later[] = { "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "luks", "parallels", "bochs",
                                         "cloop", "dmg", "vvfat", NULL };
    static const char *const known[] = { "raw", "file", "host_device", NULL };
    unsigned choice;
    for (unsigned i = 0; later[i]; i++) {
        if (!strcmp(format, later[i])) {
            error_set(errp, "image format '%s' comes in a later version; this one reads raw images", format);
            error_add_hint(errp, "`qemu-img convert -O raw IN OUT` makes a raw one.");
            return false;
        }
    }
    return drive_choice("format", format, known, &choice, errp);
}

/*
 * Without format= the image is raw, unless it carries another format's magic: then it is refused by name, never
 * interpreted.  What a guest writes to a raw image could carry a magic too, so such writes are refused later on.
 */
static bool drive_refuse_other_format(BlockNode *node, Error **errp)
{
    uint8_t head[BLK_SECTOR] = { 0 };
    if (node->size >= sizeof(head)) {
        int ret = block_node_pread(node, 0, head, sizeof(head));
        if (ret < 0) {
            error_set_errno(errp, -ret, "cannot read image '%s'", node->filename);
            return false;
        }
    }
    const char *format = block_probe_magic(head);
    if (format) {
        error_set(errp, "image '%s' looks like format '%s', which comes in a later version", node->filename, format);
        error_add_hint(errp, "`qemu-img convert -O raw IN OUT` makes a raw image; format=raw shows the file to the guest as it is.");
    }
    return !format;
}

BlockNode *drive_image_open(const DriveImage *img, Error **errp)
{
    BlockOpen how = img->how;
    if (img->format && !drive_check_format(img->format, errp)) {
        return NULL;
    }
    if (img->snapshot) {
        how.readonly = true;
    }
    BlockNode *node = block_file_open(img->file, &how, errp);
    if (!node || (!img->format && !drive_refuse_other_format(node, errp))) {
        block_node_free(node);
        return NULL;
    }
    node = block_raw_open(node, img->offset, img->size, errp);
    if (node && !img->format) {
        block_raw_protect(node);
    }
    if (node && img->snapshot && !img->how.readonly) {
        node = block_overlay_open(node, errp);
        if (node) {
            node->how.discard = true;
        }
    }
    if (node && img->node_name) {
        g_free(node->node_name);
        node->node_name = g_strdup(img->node_name);
    }
    return node;
}
