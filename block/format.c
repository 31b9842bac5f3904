/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What formats can besides data: each call finds the driver's table (a filter passes on to the node below) and says
 * which format cannot do it when there is none.  Main thread, nothing in flight.
 */
#include "util/osdep.h"
#include "block/opts-int.h"

#include <jansson.h>

/* The format under filters. */
static BlockNode *format_node(BlockNode *n)
{
    while (n->drv->filter && n->file) {
        n = n->file;
    }
    return n;
}

static void format_cannot(const BlockDriver *drv, const char *what, Error **errp)
{
    error_set(errp, "image format '%s' does not support %s", drv->name, what);
}

static bool format_writable(const BlockNode *n, const char *what, Error **errp)
{
    if (n->how.readonly) {
        error_set(errp, "image '%s' is opened read-only: no %s", n->filename, what);
    }
    return !n->how.readonly;
}

bool block_node_info(BlockNode *n, BlockInfo *out, Error **errp)
{
    *out = (BlockInfo){ 0 };
    n = format_node(n);
    return !n->drv->info || n->drv->info(n, out, errp);
}

void block_info_clear(BlockInfo *info)
{
    json_decref(info->specific);
    info->specific = NULL;
}

bool block_node_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    if (!n->drv->truncate) {
        format_cannot(n->drv, "resizing", errp);
        return false;
    }
    if (size > BLK_MAX_SIZE) {
        error_set(errp, "a size of %" PRIu64 " bytes is too large: at most %" PRIu64, size, BLK_MAX_SIZE);
        return false;
    }
    return format_writable(n, "resizing", errp) && n->drv->truncate(n, size, prealloc, errp);
}

bool block_node_amend(BlockNode *n, KeyVal *opts, bool force, const BlockProgress *p, Error **errp)
{
    n = format_node(n);
    if (!n->drv->format || !n->drv->format->amend) {
        format_cannot(n->drv, "changing options", errp);
        return false;
    }
    char *what = g_strdup_printf("format '%s' (amend)", n->drv->name);
    BlockOpts *o = format_writable(n, "amend", errp) ? block_opts_parse(n->drv->format->amend_opts, opts, what, errp) : NULL;
    bool ok = o && n->drv->format->amend(n, o, force, p, errp);
    block_opts_free(o);
    g_free(what);
    return ok;
}

bool block_node_set_backing(BlockNode *n, const char *name, const char *format, Error **errp)
{
    n = format_node(n);
    if (!n->drv->format || !n->drv->format->set_backing) {
        format_cannot(n->drv, "backing files", errp);
        return false;
    }
    return format_writable(n, "change of the backing file", errp) && n->drv->format->set_backing(n, name, format, errp);
}

bool block_node_make_empty(BlockNode *n, Error **errp)
{
    n = format_node(n);
    if (!n->drv->format || !n->drv->format->make_empty) {
        format_cannot(n->drv, "being emptied", errp);
        return false;
    }
    return format_writable(n, "emptying", errp) && n->drv->format->make_empty(n, errp);
}

bool block_node_can_check(const BlockNode *n)
{
    n = format_node((BlockNode *)n);
    return n->drv->format && n->drv->format->check;
}

bool block_node_check(BlockNode *n, unsigned fix, const BlockProgress *p, BlockCheck *out, Error **errp)
{
    n = format_node(n);
    if (!block_node_can_check(n)) {
        format_cannot(n->drv, "checks", errp);
        return false;
    }
    return (!fix || format_writable(n, "repair", errp)) && n->drv->format->check(n, fix, p, out, errp);
}

bool block_measure(const BlockDriver *format, KeyVal *opts, BlockNode *in, BlockMeasure *out, Error **errp)
{
    *out = (BlockMeasure){ 0 };
    if (!format->format || !format->format->measure) {
        format_cannot(format, "size measurement", errp);
        return false;
    }
    char *what = g_strdup_printf("format '%s'", format->name);
    BlockOpts *o = block_opts_parse(format->format->create_opts, opts, what, errp);
    bool ok = o && format->format->measure(o, in, out, errp);
    block_opts_free(o);
    g_free(what);
    return ok;
}

/* ---- Snapshots ------------------------------------------------------------------------------------------------- */

bool block_node_has_snapshots(const BlockNode *n)
{
    return format_node((BlockNode *)n)->drv->snapshots != NULL;
}

static const BlockSnapshotOps *format_snapshots(BlockNode **n, Error **errp)
{
    *n = format_node(*n);
    if (!(*n)->drv->snapshots) {
        format_cannot((*n)->drv, "internal snapshots", errp);
    }
    return (*n)->drv->snapshots;
}

GPtrArray *block_snapshot_list(BlockNode *n, Error **errp)
{
    const BlockSnapshotOps *ops = format_snapshots(&n, errp);
    return ops ? ops->list(n, errp) : NULL;
}

bool block_snapshot_create(BlockNode *n, const BlockSnapshot *s, Error **errp)
{
    const BlockSnapshotOps *ops = format_snapshots(&n, errp);
    return ops && format_writable(n, "snapshot", errp) && ops->create(n, s, errp);
}

bool block_snapshot_apply(BlockNode *n, const char *id_or_name, Error **errp)
{
    const BlockSnapshotOps *ops = format_snapshots(&n, errp);
    return ops && format_writable(n, "snapshot", errp) && ops->apply(n, id_or_name, errp);
}

bool block_snapshot_delete(BlockNode *n, const char *id_or_name, Error **errp)
{
    const BlockSnapshotOps *ops = format_snapshots(&n, errp);
    return ops && format_writable(n, "snapshot", errp) && ops->del(n, id_or_name, errp);
}

bool block_snapshot_load(BlockNode *n, const char *id_or_name, Error **errp)
{
    const BlockSnapshotOps *ops = format_snapshots(&n, errp);
    return ops && ops->load(n, id_or_name, errp);
}

int block_vmstate_pread(BlockNode *n, uint64_t pos, void *buf, size_t len)
{
    const BlockSnapshotOps *ops = format_snapshots(&n, NULL);
    return ops && ops->vmstate_pread ? ops->vmstate_pread(n, pos, buf, len) : -ENOTSUP;
}

int block_vmstate_pwrite(BlockNode *n, uint64_t pos, const void *buf, size_t len)
{
    const BlockSnapshotOps *ops = format_snapshots(&n, NULL);
    if (n->how.readonly) {
        return -EROFS;
    }
    return ops && ops->vmstate_pwrite ? ops->vmstate_pwrite(n, pos, buf, len) : -ENOTSUP;
}

/* ---- Bitmaps ------------------------------------------------------------------------------------------------------ */

bool block_node_has_bitmaps(const BlockNode *n)
{
    return format_node((BlockNode *)n)->drv->bitmaps != NULL;
}

static const BlockBitmapOps *format_bitmaps(BlockNode **n, bool write, Error **errp)
{
    *n = format_node(*n);
    if (!(*n)->drv->bitmaps) {
        format_cannot((*n)->drv, "persistent bitmaps", errp);
        return NULL;
    }
    return !write || format_writable(*n, "change of a bitmap", errp) ? (*n)->drv->bitmaps : NULL;
}

GPtrArray *block_bitmap_list(BlockNode *n, Error **errp)
{
    const BlockBitmapOps *ops = format_bitmaps(&n, false, errp);
    return ops ? ops->list(n, errp) : NULL;
}

bool block_bitmap_add(BlockNode *n, const char *name, uint64_t granularity, bool enabled, Error **errp)
{
    const BlockBitmapOps *ops = format_bitmaps(&n, true, errp);
    return ops && ops->add(n, name, granularity, enabled, errp);
}

bool block_bitmap_remove(BlockNode *n, const char *name, Error **errp)
{
    const BlockBitmapOps *ops = format_bitmaps(&n, true, errp);
    return ops && ops->remove(n, name, errp);
}

bool block_bitmap_clear(BlockNode *n, const char *name, Error **errp)
{
    const BlockBitmapOps *ops = format_bitmaps(&n, true, errp);
    return ops && ops->clear(n, name, errp);
}

bool block_bitmap_enable(BlockNode *n, const char *name, bool on, Error **errp)
{
    const BlockBitmapOps *ops = format_bitmaps(&n, true, errp);
    return ops && ops->enable(n, name, on, errp);
}

bool block_bitmap_next(BlockNode *n, const char *name, uint64_t off, uint64_t *start, uint64_t *len)
{
    const BlockBitmapOps *ops = format_bitmaps(&n, false, NULL);
    return ops && ops->next(n, name, off, start, len);
}

static bool format_has_bitmap(BlockNode *n, const char *name, Error **errp)
{
    GPtrArray *list = block_bitmap_list(n, errp);
    bool found = false;
    for (unsigned i = 0; list && i < list->len; i++) {
        const BlockBitmap *b = list->pdata[i];
        found |= !strcmp(b->name, name);
    }
    if (list && !found) {
        error_set(errp, "image '%s' has no bitmap '%s'", n->filename, name);
    }
    if (list) {
        g_ptr_array_unref(list);
    }
    return found;
}

bool block_bitmap_merge(BlockNode *n, const char *to, BlockNode *from_node, const char *from, Error **errp)
{
    const BlockBitmapOps *ops = format_bitmaps(&n, true, errp);
    if (!ops || !format_has_bitmap(from_node, from, errp) || !format_has_bitmap(n, to, errp)) {
        return false;
    }
    if (from_node->size != n->size) {
        error_set(errp, "bitmap '%s' is of an image of %" PRIu64 " bytes and cannot be merged into one of %" PRIu64, from,
                  (uint64_t)from_node->size, (uint64_t)n->size);
        return false;
    }
    uint64_t start, len;
    for (uint64_t off = 0; block_bitmap_next(from_node, from, off, &start, &len) && len > 0; off = start + len) {
        if (!ops->mark(n, to, start, len, errp)) {
            return false;
        }
    }
    return true;
}
