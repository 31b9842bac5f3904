/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making image files: the plain file first, then the format in it; nothing half-done stays.  Main thread. */
#include "util/osdep.h"
#include "block/opts-int.h"

#include <sys/stat.h>

static const char *create_path(const char *filename)
{
    return g_str_has_prefix(filename, "file:") ? filename + 5 : filename;
}

static BlockNode *create_open(const char *filename, Error **errp)
{
    BlockOpen how = { .locking = true, .discard = true };
    KeyVal *kv = keyval_new();
    BlockNode *n = block_filename_parse(filename, "", kv, errp) ? block_open_opts(kv, &how, errp) : NULL;
    keyval_free(kv);
    return n;
}

/* A file of length 0 (or a device as it is), open for writing.  @made: remove it when the rest fails. */
static BlockNode *create_file(const char *filename, bool *made, Error **errp)
{
    const BlockDriver *drv = block_filename_protocol(filename, errp);
    *made = false;
    if (!drv) {
        return NULL;
    }
    if (drv != &block_file && drv != &block_host_device) {
        error_set(errp, "cannot create '%s': protocol '%s' does not make files", filename, drv->name);
        return NULL;
    }
    if (drv == &block_file && !block_file_create(create_path(filename), made, errp)) {
        return NULL;
    }
    BlockNode *n = create_open(filename, errp);
    bool ok = n && (drv != &block_file || block_node_truncate(n, 0, BLOCK_PREALLOC_OFF, errp));
    if (!ok) {
        block_node_unref(n);
        if (*made) {
            unlink(create_path(filename));
        }
        return NULL;
    }
    return n;
}

BlockNode *block_create_file(const char *filename, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    bool made;
    BlockNode *n = create_file(filename, &made, errp);
    if (n && !block_node_truncate(n, size, prealloc, errp)) {
        block_node_unref(n);
        if (made) {
            unlink(create_path(filename));
        }
        return NULL;
    }
    return n;
}

/* The format's rows, then those of a plain file that it does not have. */
static GArray *create_table(const BlockDriver *format)
{
    const BlockOpt *const tables[] = { format->format->create_opts, block_file.format->create_opts };
    GArray *all = g_array_new(TRUE, TRUE, sizeof(BlockOpt));
    for (unsigned t = 0; t < G_N_ELEMENTS(tables); t++) {
        for (const BlockOpt *row = tables[t]; row && row->name; row++) {
            bool known = false;
            for (unsigned i = 0; i < all->len; i++) {
                known |= !strcmp(g_array_index(all, BlockOpt, i).name, row->name);
            }
            if (!known) {
                g_array_append_vals(all, row, 1);
            }
        }
    }
    return all;
}

static bool create_image(const char *filename, const BlockDriver *format, BlockOpts *o, Error **errp)
{
    bool made;
    BlockNode *file = create_file(filename, &made, errp);
    if (file && made) {
        block_file_hints(file, block_opt_bool(o, "nocow"), block_opt_uint(o, "extent_size_hint"));
    }
    bool ok = file && format->format->create(file, filename, o, errp);
    if (file) {
        block_node_unref(file);
        if (!ok && made) {
            unlink(create_path(filename));
        }
    }
    return ok;
}

bool block_create(const char *filename, const BlockDriver *format, KeyVal *opts, Error **errp)
{
    if (!format->format || !format->format->create) {
        error_set(errp, "image format '%s' cannot be created", format->name);
        return false;
    }
    char *what = g_strdup_printf("format '%s'", format->name);
    GArray *table = create_table(format);
    BlockOpts *o = block_opts_parse((BlockOpt *)table->data, opts, what, errp);
    bool ok = o && create_image(filename, format, o, errp);
    block_opts_free(o);
    g_array_unref(table);
    g_free(what);
    return ok;
}
