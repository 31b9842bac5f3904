/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the monitor does with drives: info block, change, eject.  Main thread, under the big lock. */
#include "util/osdep.h"
#include "block/drive-int.h"

static bool drive_removable(const Drive *d)
{
    void *opaque;
    const BlkDevOps *dev = blk_dev(d->blk, &opaque);
    return !dev || dev->medium_changed;
}

static bool drive_tray_open(const Drive *d)
{
    void *opaque;
    const BlkDevOps *dev = blk_dev(d->blk, &opaque);
    return dev && dev->tray_open && dev->tray_open(opaque);
}

static bool drive_locked(const Drive *d)
{
    void *opaque;
    const BlkDevOps *dev = blk_dev(d->blk, &opaque);
    return dev && dev->medium_locked && dev->medium_locked(opaque);
}

static void drive_tell(const Drive *d, bool loaded)
{
    void *opaque;
    const BlkDevOps *dev = blk_dev(d->blk, &opaque);
    if (dev && dev->medium_changed) {
        dev->medium_changed(opaque, loaded);
    }
}

/* Opens the tray; false when the guest holds the door and the user does not insist. */
static bool drive_open_tray(Drive *d, bool force, Error **errp)
{
    void *opaque;
    const BlkDevOps *dev = blk_dev(d->blk, &opaque);
    if (!drive_removable(d)) {
        error_set(errp, "Device '%s' is not removable", d->id);
        return false;
    }
    if (drive_tray_open(d)) {
        return true;
    }
    if (drive_locked(d)) {
        if (dev->eject_request) {
            dev->eject_request(opaque, force);
        }
        if (!force) {
            error_set(errp, "Device '%s' is locked and force was not specified, wait for tray to open and try again", d->id);
            return false;
        }
    }
    drive_tell(d, false);
    return true;
}

bool drive_eject(Drive *d, bool force, Error **errp)
{
    if (!drive_open_tray(d, force, errp)) {
        return false;
    }
    blk_set_node(d->blk, NULL, NULL);
    return true;
}

bool drive_change_medium(Drive *d, const char *file, const char *format, bool force, Error **errp)
{
    DriveImage img = { .file = file, .format = format };
    BlockNode *old = blk_node(d->blk);
    img.snapshot = d->snapshot;
    img.how.locking = true;
    img.how.auto_readonly = true;
    img.how.readonly = d->cdrom || (old && old->how.readonly && !d->snapshot);
    if (!drive_removable(d)) {
        error_set(errp, "Device '%s' is not removable", d->id);
        return false;
    }
    /* The new image first: a wrong name leaves everything as it was. */
    BlockNode *node = drive_image_open(&img, errp);
    if (!node) {
        return false;
    }
    if (!drive_open_tray(d, force, errp)) {
        block_node_unref(node);
        return false;
    }
    bool ok = blk_set_node(d->blk, node, errp);
    drive_tell(d, blk_has_medium(d->blk));
    return ok;
}

static void drive_print_node(const BlockNode *n, GString *out)
{
    unsigned depth = n->drv == &block_overlay;
    const char *name = depth ? n->filename : n->backing_name;
    for (const BlockNode *b = depth ? n->file : n; b->backing; b = b->backing) {
        depth++;
    }
    if (depth) {
        g_string_append_printf(out, "    Backing file:     %s (chain depth: %u)\n", name ? name : n->backing->filename, depth);
    }
    if (n->detect_zeroes) {
        g_string_append_printf(out, "    Detect zeroes:    %s\n", n->detect_zeroes == 2 ? "unmap" : "on");
    }
}

static void drive_print_limits(const Drive *d, GString *out)
{
    ThrottleGroup *g = blk_throttle(d->blk);
    if (g) {
        ThrottleConfig c;
        throttle_group_get(g, &c);
        g_string_append(out, "    I/O throttling:   ");
        throttle_config_print(&c, out);
        g_string_append_printf(out, " group=%s\n", throttle_group_name(g));
    }
}

static void drive_print_one(const Drive *d, GString *out)
{
    void *opaque;
    const BlkDevOps *dev = blk_dev(d->blk, &opaque);
    BlockNode *n = blk_node(d->blk);
    if (n) {
        g_string_append_printf(out, "%s (%s): %s (%s%s)\n", d->id, n->node_name, n->filename, n->drv->name,
                               n->how.readonly ? ", read-only" : "");
    } else {
        g_string_append_printf(out, "%s: [not inserted]\n", d->id);
    }
    if (dev && dev->describe) {
        char *who = dev->describe(opaque);
        g_string_append_printf(out, "    Attached to:      %s\n", who);
        g_free(who);
    }
    if (drive_removable(d)) {
        g_string_append_printf(out, "    Removable device: %slocked, tray %s\n", drive_locked(d) ? "" : "not ",
                               drive_tray_open(d) ? "open" : "closed");
    }
    if (n) {
        g_string_append_printf(out, "    Cache mode:       %s%s%s\n", blk_writeback(d->blk) ? "writeback" : "writethrough",
                               n->how.direct ? ", direct" : "", n->how.no_flush ? ", ignore flushes" : "");
        drive_print_node(n, out);
        drive_print_limits(d, out);
    }
}

void drive_print_info(GString *out)
{
    for (unsigned i = 0; i < drive_list()->len; i++) {
        if (i) {
            g_string_append_c(out, '\n');
        }
        drive_print_one(drive_list()->pdata[i], out);
    }
}
