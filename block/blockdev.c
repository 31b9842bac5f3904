/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -blockdev: nodes that the user made and names, kept until he deletes them or the end.  Main thread, big lock. */
#include "util/osdep.h"
#include "block/drive-int.h"

static GPtrArray *blockdevs; /* BlockNode *: the user's own references */

static void blockdev_release(void *p)
{
    block_node_unref(p);
}

bool blockdev_add(const char *text, Error **errp)
{
    BlockOpen how = { .locking = true };
    KeyVal *kv = block_opts_from_text(text, errp);
    BlockNode *n = NULL;
    if (kv && !keyval_has(kv, "node-name")) {
        error_set(errp, "-blockdev needs a node-name=, by which others refer to it");
    } else if (kv && !keyval_has(kv, "driver")) {
        error_set(errp, "-blockdev needs a driver=: the format is never guessed here");
        error_add_hint(errp, "For example driver=qcow2,file.driver=file,file.filename=disk.qcow2,node-name=disk.");
    } else if (kv) {
        n = block_open_opts(kv, &how, errp);
    }
    keyval_free(kv);
    if (!n) {
        return false;
    }
    if (!blockdevs) {
        blockdevs = g_ptr_array_new_with_free_func(blockdev_release);
    }
    g_ptr_array_add(blockdevs, n);
    return true;
}

bool blockdev_del(const char *node_name, Error **errp)
{
    BlockNode *n = block_node_find(node_name);
    if (!n) {
        error_set(errp, "there is no node '%s'", node_name);
        return false;
    }
    if (!blockdevs || !g_ptr_array_find(blockdevs, n, NULL)) {
        error_set(errp, "node '%s' was not made by -blockdev", node_name);
        return false;
    }
    if (n->parents->len) {
        const BlockChild *c = n->parents->pdata[0];
        error_set(errp, "node '%s' is in use as '%s' of '%s'", node_name, c->name, c->parent ? c->parent->node_name : "a drive");
        return false;
    }
    g_ptr_array_remove(blockdevs, n);
    return true;
}

void blockdev_del_all(void)
{
    if (blockdevs) {
        g_ptr_array_unref(blockdevs); /* those that others still refer to go with them */
        blockdevs = NULL;
    }
}
