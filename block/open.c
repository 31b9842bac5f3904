/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening nodes from options: the driver, its `file` child first, then itself, then what is behind it.
 * Called by drives, tools, the monitor and by drivers for children of their own; main thread.
 */
#include "util/osdep.h"
#include "block/opts-int.h"

static const BlockOpt open_generic[] = {
    { "driver", BLOCK_OPT_STRING, NULL, NULL, "format or protocol" },
    { "node-name", BLOCK_OPT_STRING, NULL, NULL, "name of the node" },
    { "read-only", BLOCK_OPT_BOOL, NULL, NULL, "the image is not written to" },
    { "auto-read-only", BLOCK_OPT_BOOL, NULL, NULL, "fall back to read-only where writing is not allowed" },
    { "force-share", BLOCK_OPT_BOOL, NULL, NULL, "read beside a writer, without locks" },
    { "cache.direct", BLOCK_OPT_BOOL, NULL, NULL, "bypass the host's page cache" },
    { "cache.no-flush", BLOCK_OPT_BOOL, NULL, NULL, "ignore flushes" },
    { "discard", BLOCK_OPT_ENUM, NULL, "ignore|off|unmap|on", "pass discards on" },
    { "detect-zeroes", BLOCK_OPT_ENUM, NULL, "off|on|unmap", "turn writes of zeros into zero clusters or holes" },
    { "file", BLOCK_OPT_NODE, NULL, NULL, "the node below: its name, or its options as file.*" },
    { "backing", BLOCK_OPT_NODE, NULL, NULL, "the backing file: a node's name, options as backing.*, or empty for none" },
    { NULL },
};

/* Who is being opened for whom: against chains that lead back into themselves. */
typedef struct OpenTrail {
    const struct OpenTrail *up;
    const char *path;
    unsigned depth;
} OpenTrail;

static BlockNode *open_node(KeyVal *kv, const BlockOpen *how, const OpenTrail *up, Error **errp);

/* ---- Generic options --------------------------------------------------------------------------------------------- */

static void open_flag(const BlockOpts *o, const char *name, bool *flag)
{
    if (block_opt_given(o, name)) {
        *flag = block_opt_bool(o, name);
    }
}

static bool open_how(const BlockOpts *o, BlockOpen *how, unsigned *zeroes, Error **errp)
{
    open_flag(o, "read-only", &how->readonly);
    open_flag(o, "auto-read-only", &how->auto_readonly);
    open_flag(o, "force-share", &how->force_share);
    open_flag(o, "cache.direct", &how->direct);
    open_flag(o, "cache.no-flush", &how->no_flush);
    if (block_opt_given(o, "discard")) {
        how->discard = block_opt_enum(o, "discard") >= 2;
    }
    *zeroes = block_opt_given(o, "detect-zeroes") ? block_opt_enum(o, "detect-zeroes") : 0;
    if (*zeroes == 2 && !how->discard) {
        error_set(errp, "detect-zeroes=unmap needs discard=unmap");
        return false;
    }
    if (how->force_share && !how->readonly) {
        error_set(errp, "force-share=on needs read-only=on: two writers would destroy the image");
        return false;
    }
    return true;
}

static bool open_set_name(BlockNode *n, const char *name, Error **errp)
{
    if (!name) {
        return true;
    }
    size_t len = strlen(name);
    if (!g_ascii_isalpha(name[0]) || len > 31 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != len) {
        error_set(errp, "node-name=%s is not a name: up to 31 letters, digits, '-', '.', '_', the first one a letter", name);
        return false;
    }
    if (block_node_find(name)) {
        error_set(errp, "node-name=%s is used twice", name);
        return false;
    }
    g_free(n->node_name);
    n->node_name = g_strdup(name);
    return true;
}

/* ---- Children ----------------------------------------------------------------------------------------------------- */

/* "NAME=node" or "NAME.*"; @filename where neither is given.  NULL with *errp unset: nothing at all. */
static BlockNode *open_child(KeyVal *kv, const char *name, const char *filename, const BlockOpen *how, const OpenTrail *up,
                             bool *failed, Error **errp)
{
    char *prefix = g_strconcat(name, ".", NULL);
    const char *ref = keyval_get(kv, name);
    KeyVal *sub = keyval_take_prefix(kv, prefix);
    BlockNode *n = NULL;
    g_free(prefix);
    *failed = true;
    const char *protocol = keyval_has(sub, "driver") || !keyval_has(sub, "filename") ? NULL : keyval_get(sub, "filename");
    if (protocol && !block_filename_parse(protocol, "", sub, errp)) {
        keyval_free(sub);
        return NULL;
    }
    if (ref && *ref) {
        n = block_node_find(ref);
        if (!n) {
            error_set(errp, "%s=%s: there is no node '%s'", name, ref, ref);
            error_add_hint(errp, "Make it first, with -blockdev ...,node-name=%s.", ref);
        } else if (!keyval_empty(sub)) {
            error_set(errp, "%s=%s and %s.* options cannot be given together", name, ref, name);
            n = NULL;
        } else {
            block_node_ref(n);
        }
    } else if (keyval_has(sub, "filename") || keyval_has(sub, "driver") || !filename) {
        *failed = !keyval_empty(sub);
        n = *failed ? open_node(sub, how, up, errp) : NULL;
    } else if (block_filename_parse(filename, "", sub, errp)) {
        n = open_node(sub, how, up, errp);
    }
    keyval_free(sub);
    *failed = *failed && !n;
    return n;
}

static bool open_attach(BlockNode *n, const char *name, BlockNode *child, Error **errp)
{
    unsigned perm = BLOCK_PERM_READ, shared = BLOCK_PERM_READ;
    if (strcmp(name, "backing") && !n->how.readonly) {
        perm |= BLOCK_PERM_WRITE | BLOCK_PERM_RESIZE;
    }
    if (n->how.force_share || !strcmp(name, "backing")) {
        shared = BLOCK_PERM_ALL; /* the file's lock keeps other processes away */
    }
    bool ok = block_node_set_child(n, name, child, perm, shared, errp);
    block_node_unref(child);
    return ok;
}

static void open_refuse_guessed(const BlockNode *n, const char *other, Error **errp)
{
    error_set(errp, "image '%s' refers to the file '%s', but its own format was only guessed", n->filename, other);
    error_add_hint(errp, "A guest may have written that. If it is right, say format=%s.", n->drv->name);
}

BlockNode *block_open_child(BlockNode *n, const char *name, const BlockOpts *o, const char *filename, Error **errp)
{
    bool failed;
    BlockOpen how = n->how;
    if (n->guessed && filename) {
        open_refuse_guessed(n, filename, errp);
        return NULL;
    }
    how.no_backing = how.no_io = false;
    char *path = filename ? block_path_beside(n->file ? n->file->filename : n->filename, filename) : NULL;
    OpenTrail trail = { .path = n->filename };
    BlockNode *child = open_child(block_opts_keyval(o), name, path, &how, &trail, &failed, errp);
    g_free(path);
    return child && open_attach(n, name, child, errp) ? block_node_child(n, name) : NULL;
}

/* ---- The format ----------------------------------------------------------------------------------------------------- */

static const BlockDriver *open_driver(const char *name, Error **errp)
{
    static const char *const later[] = { "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "luks", "parallels", "bochs", "cloop", "dmg",
                                         "vvfat", "nbd", "http", "https", "ftp", "ftps", "ssh", "nfs", "iscsi", "rbd", NULL };
    const BlockDriver *drv = block_driver_find(name);
    if (drv) {
        return drv;
    }
    for (unsigned i = 0; later[i]; i++) {
        if (!strcmp(name, later[i])) {
            error_set(errp, "image format or protocol '%s' comes in a later version", name);
            error_add_hint(errp, "`qemu-img convert -O qcow2 IN OUT` makes an image that this version reads.");
            return NULL;
        }
    }
    GPtrArray *names = g_ptr_array_new();
    for (drv = block_driver_next(NULL); drv; drv = block_driver_next(drv)) {
        g_ptr_array_add(names, (void *)drv->name);
    }
    g_ptr_array_add(names, NULL);
    char *list = g_strjoinv(", ", (char **)names->pdata);
    const char *near = suggest_nearest(name, (const char *const *)names->pdata);
    error_set(errp, "image format or driver '%s' is not one of %s", name, list);
    if (near) {
        error_add_hint(errp, "Did you mean '%s'?", near);
    }
    g_free(list);
    g_ptr_array_unref(names);
    return NULL;
}

const BlockDriver *block_probe_format(BlockNode *file, Error **errp)
{
    uint8_t head[2048] = { 0 };
    size_t len = MIN(sizeof(head), file->size);
    int ret = block_node_pread(file, 0, head, len), best = 0;
    const BlockDriver *found = &block_raw;
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot read image '%s' to see its format", file->filename);
        return NULL;
    }
    for (const BlockDriver *drv = block_driver_next(NULL); drv; drv = block_driver_next(drv)) {
        int sure = drv->format && drv->format->probe && len >= 64 ? drv->format->probe(head, len) : 0;
        if (sure > best) {
            best = sure;
            found = drv;
        }
    }
    const char *magic = best == 0 ? block_probe_magic(head) : NULL;
    if (magic) {
        error_set(errp, "image '%s' looks like format '%s', which comes in a later version", file->filename, magic);
        error_add_hint(errp, "`qemu-img convert -O qcow2 IN OUT` makes an image that this version reads; "
                       "format=raw shows the file as it is.");
        return NULL;
    }
    return found;
}

/* ---- Behind it -------------------------------------------------------------------------------------------------------- */

static bool open_loop(const OpenTrail *t, const char *path, Error **errp)
{
    for (; t; t = t->up) {
        if (t->path && !strcmp(t->path, path)) {
            error_set(errp, "image '%s' is its own backing file, directly or through others", path);
            error_add_hint(errp, "`rhea-img rebase -u -b BASE %s` names the right one.", path);
            return true;
        }
    }
    return false;
}

/* The format of the backing file is what the user or the image says, else probed. */
static bool open_backing(BlockNode *n, KeyVal *kv, const OpenTrail *trail, Error **errp)
{
    const char *ref = keyval_get(kv, "backing");
    bool none = ref && !*ref, failed = false;
    if (n->how.no_backing || none) {
        keyval_free(keyval_take_prefix(kv, "backing."));
        return true;
    }
    bool given = ref != NULL;
    KeyVal *sub = keyval_take_prefix(kv, "backing.");
    BlockOpen how = n->how;
    BlockNode *backing = NULL;
    how.readonly = true;
    how.auto_readonly = how.discard = how.for_check = false;
    how.locking = how.locking && !how.force_share;
    char *path = block_node_backing_path(n);
    if (given) {
        backing = open_child(kv, "backing", NULL, &how, trail, &failed, errp);
    } else if (keyval_empty(sub) && !path) {
        keyval_free(sub);
        return true;
    } else if (keyval_has(sub, "file.filename") || keyval_has(sub, "file.driver") || keyval_has(sub, "file") || !path) {
        backing = open_node(sub, &how, trail, errp);
    } else if (n->guessed) {
        open_refuse_guessed(n, n->backing_name, errp);
    } else if (trail->depth >= BLOCK_MAX_DEPTH) {
        error_set(errp, "the backing chain is more than %d images deep at '%s'", BLOCK_MAX_DEPTH, path);
    } else if (g_str_has_prefix(path, "json:")) {
        backing = block_open(path, n->backing_format, sub, &how, errp);
    } else if (!open_loop(trail, path, errp) && block_filename_parse(path, "file.", sub, errp)) {
        if (n->backing_format && !keyval_has(sub, "driver")) {
            keyval_set(sub, "driver", n->backing_format);
        }
        backing = open_node(sub, &how, trail, errp);
    }
    keyval_free(sub);
    g_free(path);
    if (!backing) {
        error_prepend(errp, "backing file of '%s': ", n->filename);
        return false;
    }
    return open_attach(n, "backing", backing, errp);
}

/* ---- One node --------------------------------------------------------------------------------------------------------- */

/* The options that @drv leaves to nobody are an error. */
static bool open_finish(const BlockDriver *drv, KeyVal *kv, Error **errp)
{
    const BlockOpt *tables[] = { open_generic, drv->options, NULL };
    char *what = g_strdup_printf("block driver '%s'", drv->name);
    bool ok = block_opts_finish(kv, what, tables, errp);
    g_free(what);
    return ok;
}

/* Calls the driver; @file (one reference, taken over) is NULL for protocols. */
static BlockNode *open_with(const BlockDriver *drv, KeyVal *kv, BlockNode *file, bool guessed, const BlockOpen *how, Error **errp)
{
    const char *filename = file ? file->filename : keyval_has(kv, "filename") ? keyval_get(kv, "filename") : "";
    BlockNode *n = block_node_new(drv, filename, how);
    n->guessed = guessed;
    BlockOpts *o = block_opts_take(drv->options, kv, errp);
    bool ok = o != NULL;
    if (file) {
        if (file->how.readonly && !how->readonly && how->auto_readonly) {
            n->how.readonly = true;
        }
        ok = ok && open_attach(n, "file", block_node_ref(file), errp);
        block_node_unref(file);
    }
    if (ok && file && file->how.readonly && !n->how.readonly) {
        error_set(errp, "node '%s' is read-only, but '%s' on it is to be written", file->node_name, drv->name);
        error_add_hint(errp, "Add read-only=on.");
        ok = false;
    }
    ok = ok && drv->open(n, o, errp);
    block_opts_free(o);
    if (!ok) {
        /* the driver has cleaned up already: no close */
        static const BlockDriver dead = { .name = "failed" };
        n->drv = &dead;
        block_node_unref(n);
        return NULL;
    }
    return n;
}

static BlockNode *open_format(const BlockDriver *drv, KeyVal *kv, const BlockOpen *how, const OpenTrail *up, Error **errp)
{
    bool failed, probed = !drv;
    BlockOpen below = *how;
    below.no_backing = below.for_check = below.no_io = false;
    below.discard = true; /* the format frees what it does not need, whatever the guest may */
    const char *option = drv && drv->file_option ? drv->file_option : "file";
    BlockNode *file = open_child(kv, option, NULL, &below, up, &failed, errp);
    if (!file) {
        if (!failed) {
            error_set(errp, "driver '%s' has no file", drv ? drv->name : "raw");
            error_add_hint(errp, "Say which: %s.filename=NAME, or %s=NODE.", option, option);
        }
        return NULL;
    }
    drv = drv ? drv : block_probe_format(file, errp);
    if (!drv) {
        block_node_unref(file);
        return NULL;
    }
    char *filename = g_strdup(file->filename);
    OpenTrail trail = { up, filename, up ? up->depth + 1 : 0 };
    BlockNode *n = open_with(drv, kv, file, probed && !how->trust_probe, how, errp);
    if (n && probed && drv == &block_raw && !how->trust_probe) {
        block_raw_protect(n);
    }
    if (n && !open_backing(n, kv, &trail, errp)) {
        block_node_unref(n);
        n = NULL;
    }
    g_free(filename);
    return n;
}

static BlockNode *open_node(KeyVal *kv, const BlockOpen *asked, const OpenTrail *up, Error **errp)
{
    BlockOpen how = *asked;
    unsigned zeroes = 0;
    BlockOpts *o = block_opts_take(open_generic, kv, errp);
    const char *driver = o ? block_opt_str(o, "driver") : NULL;
    const BlockDriver *drv = driver ? open_driver(driver, errp) : NULL;
    BlockNode *n = NULL;
    if (!o || (driver && !drv) || !open_how(o, &how, &zeroes, errp)) {
        goto out;
    }
    if (drv && drv->protocol) {
        n = open_with(drv, kv, NULL, false, &how, errp);
    } else {
        n = open_format(drv, kv, &how, up, errp);
    }
    if (n && (!open_finish(n->drv, kv, errp) || !open_set_name(n, block_opt_str(o, "node-name"), errp))) {
        block_node_unref(n);
        n = NULL;
    }
    if (n) {
        n->detect_zeroes = zeroes;
    }
out:
    block_opts_free(o);
    return n;
}

BlockNode *block_open_opts(KeyVal *opts, const BlockOpen *how, Error **errp)
{
    return open_node(opts, how, NULL, errp);
}

static bool open_copy_pair(void *opaque, const char *key, const char *value, Error **errp)
{
    (void)errp;
    keyval_set(opaque, key, value);
    return true;
}

BlockNode *block_open(const char *filename, const char *format, KeyVal *opts, const BlockOpen *how, Error **errp)
{
    KeyVal *kv = keyval_new();
    BlockNode *n = NULL;
    const BlockDriver *drv = format ? open_driver(format, errp) : NULL;
    bool ok = !format || drv;
    if (ok && g_str_has_prefix(filename, "json:")) {
        KeyVal *json = block_opts_from_json(filename + 5, errp);
        ok = json && keyval_each(json, open_copy_pair, kv, errp);
        keyval_free(json);
    } else if (ok) {
        ok = block_filename_parse(filename, drv && drv->protocol ? "" : "file.", kv, errp);
    }
    if (ok && format) {
        keyval_set(kv, "driver", format);
    }
    if (ok && opts) {
        KeyVal *all = keyval_take_prefix(opts, "");
        ok = keyval_each(all, open_copy_pair, kv, errp);
        keyval_free(all);
    }
    n = ok ? open_node(kv, how, NULL, errp) : NULL;
    keyval_free(kv);
    if (n && g_str_has_prefix(filename, "file:")) {
        g_free(n->filename);
        n->filename = g_strdup(filename);
    }
    return n;
}

/* ---- Reopening -------------------------------------------------------------------------------------------------------- */

static bool reopen_one(BlockNode *n, const BlockOpen *how, Error **errp)
{
    bool ok = !n->drv->reopen || n->drv->reopen(n, how, errp);
    if (ok) {
        n->how = *how;
    }
    return ok;
}

bool block_node_reopen(BlockNode *n, const BlockOpen *how, Error **errp)
{
    BlockOpen old = n->how, below = *how;
    bool gains = old.readonly && !how->readonly;
    below.discard = true;
    if (!gains && !reopen_one(n, how, errp)) {
        return false;
    }
    if (n->file && !block_node_reopen(n->file, &below, errp)) {
        if (!gains) {
            reopen_one(n, &old, NULL);
        }
        return false;
    }
    if (gains && !reopen_one(n, how, errp)) {
        if (n->file) {
            old.discard = true;
            block_node_reopen(n->file, &old, NULL);
        }
        return false;
    }
    for (BlockChild *c = n->children; c; c = c->next) {
        if (c->node != n->backing) {
            c->perm = n->how.readonly ? BLOCK_PERM_READ : BLOCK_PERM_ALL;
        }
    }
    return true;
}

bool block_node_attach_backing(BlockNode *n, BlockNode *backing, Error **errp)
{
    return block_node_set_child(n, "backing", backing, BLOCK_PERM_READ, BLOCK_PERM_ALL, errp);
}
