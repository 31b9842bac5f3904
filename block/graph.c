/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The graph: life and names of nodes, who refers to whom, and what each one lets the others do.  See block-int.h for
 * permissions; all of it runs in the main thread while nothing is in flight.
 */
#include "util/osdep.h"
#include "block/block-int.h"

static BlockNode *graph_first, **graph_tail = &graph_first;

BlockNode *block_node_new(const BlockDriver *drv, const char *filename, const BlockOpen *how)
{
    static unsigned count;
    BlockNode *n = g_new0(BlockNode, 1);
    n->drv = drv;
    n->filename = g_strdup(filename);
    n->node_name = g_strdup_printf("#block%03u", count++);
    n->how = *how;
    n->refs = 1;
    n->parents = g_ptr_array_new();
    n->opaque = g_malloc0(drv->opaque_size ? drv->opaque_size : 1);
    *graph_tail = n;
    graph_tail = &n->next;
    return n;
}

BlockNode *block_node_ref(BlockNode *n)
{
    n->refs++;
    return n;
}

static void graph_unlink(BlockNode *n)
{
    for (BlockNode **p = &graph_first; *p; p = &(*p)->next) {
        if (*p == n) {
            *p = n->next;
            if (graph_tail == &n->next) {
                graph_tail = p;
            }
            return;
        }
    }
}

static void graph_drop_child(BlockNode *n, BlockChild *c)
{
    for (BlockChild **p = &n->children; *p; p = &(*p)->next) {
        if (*p == c) {
            *p = c->next;
            break;
        }
    }
    n->file = c->node == n->file && !strcmp(c->name, "file") ? NULL : n->file;
    n->backing = c->node == n->backing && !strcmp(c->name, "backing") ? NULL : n->backing;
    g_ptr_array_remove(c->node->parents, c);
    block_node_unref(c->node);
    g_free(c->name);
    g_free(c);
}

/* Chains may be long: the last reference to each next backing file is dropped in a loop, not in recursion. */
void block_node_unref(BlockNode *n)
{
    while (n && --n->refs == 0) {
        BlockNode *backing = n->backing ? block_node_ref(n->backing) : NULL;
        if (n->drv->close) {
            n->drv->close(n);
        }
        while (n->children) {
            graph_drop_child(n, n->children);
        }
        graph_unlink(n);
        g_ptr_array_unref(n->parents);
        g_free(n->opaque);
        g_free(n->node_name);
        g_free(n->filename);
        g_free(n->backing_name);
        g_free(n->backing_format);
        g_free(n);
        n = backing;
    }
}

BlockNode *block_node_find(const char *node_name)
{
    BlockNode *n = graph_first;
    while (n && strcmp(n->node_name, node_name)) {
        n = n->next;
    }
    return n;
}

BlockNode *block_node_next(BlockNode *after)
{
    return after ? after->next : graph_first;
}

/* ---- Children ------------------------------------------------------------------------------------------------- */

static const char *graph_perm_name(unsigned perm)
{
    return perm & BLOCK_PERM_WRITE ? "write" : perm & BLOCK_PERM_RESIZE ? "resize" : "read";
}

/* May somebody use @node like this, beside those who use it already (but for @instead)? */
static bool graph_may_use(const BlockNode *node, const BlockChild *instead, unsigned perm, unsigned shared, Error **errp)
{
    for (unsigned i = 0; i < node->parents->len; i++) {
        const BlockChild *other = node->parents->pdata[i];
        unsigned clash = (perm & ~other->shared) | (other->perm & ~shared);
        if (other == instead || !clash) {
            continue;
        }
        error_set(errp, "node '%s' (image '%s') is in use as '%s' of '%s', which does not go together with another '%s'",
                  node->node_name, node->filename, other->name, other->parent ? other->parent->node_name : "a drive",
                  graph_perm_name(clash));
        error_add_hint(errp, "Use it in one place only, or open it with read-only=on in both.");
        return false;
    }
    return true;
}

static BlockChild *graph_child(const BlockNode *n, const char *name)
{
    BlockChild *c = n->children;
    while (c && strcmp(c->name, name)) {
        c = c->next;
    }
    return c;
}

/* Is @n below @top, or the same? */
static bool graph_reaches(const BlockNode *top, const BlockNode *n)
{
    for (; top; top = top->backing) {
        if (top == n) {
            return true;
        }
        for (const BlockChild *c = top->children; c; c = c->next) {
            if (c->node != top->backing && graph_reaches(c->node, n)) {
                return true;
            }
        }
    }
    return false;
}

bool block_node_set_child(BlockNode *n, const char *name, BlockNode *node, unsigned perm, unsigned shared, Error **errp)
{
    BlockChild *old = graph_child(n, name);
    if (node && graph_reaches(node, n)) {
        error_set(errp, "node '%s' cannot be '%s' of '%s', which it is itself made of", node->node_name, name, n->node_name);
        return false;
    }
    if (node && !graph_may_use(node, old && old->node == node ? old : NULL, perm, shared, errp)) {
        return false;
    }
    if (node) {
        BlockChild *c = g_new0(BlockChild, 1), **end = &n->children;
        *c = (BlockChild){ .name = g_strdup(name), .parent = n, .node = block_node_ref(node), .perm = perm, .shared = shared };
        while (*end) {
            end = &(*end)->next;
        }
        *end = c;
        g_ptr_array_add(node->parents, c);
    }
    if (old) {
        graph_drop_child(n, old);
    }
    if (!strcmp(name, "file")) {
        n->file = node;
    } else if (!strcmp(name, "backing")) {
        n->backing = node;
    }
    return true;
}

BlockNode *block_node_child(const BlockNode *n, const char *name)
{
    const BlockChild *c = graph_child(n, name);
    return c ? c->node : NULL;
}

BlockChild *block_root_attach(BlockNode *node, const char *user, unsigned perm, unsigned shared, Error **errp)
{
    if (!graph_may_use(node, NULL, perm, shared, errp)) {
        return NULL;
    }
    BlockChild *c = g_new0(BlockChild, 1);
    *c = (BlockChild){ .name = g_strdup(user), .node = block_node_ref(node), .perm = perm, .shared = shared };
    g_ptr_array_add(node->parents, c);
    return c;
}

void block_root_detach(BlockChild *root)
{
    if (root) {
        g_ptr_array_remove(root->node->parents, root);
        block_node_unref(root->node);
        g_free(root->name);
        g_free(root);
    }
}

/* ---- What it is ------------------------------------------------------------------------------------------------- */

const char *block_node_name(const BlockNode *n)
{
    return n->node_name;
}

const char *block_node_filename(const BlockNode *n)
{
    return n->filename;
}

const char *block_node_driver(const BlockNode *n)
{
    return n->drv->name;
}

const BlockOpen *block_node_how(const BlockNode *n)
{
    return &n->how;
}

uint64_t block_node_size(const BlockNode *n)
{
    return n->size;
}

BlockNode *block_node_file(const BlockNode *n)
{
    return n->file;
}

BlockNode *block_node_backing(const BlockNode *n)
{
    return n->backing;
}

const char *block_node_backing_name(const BlockNode *n)
{
    return n->backing_name;
}

const char *block_node_backing_format(const BlockNode *n)
{
    return n->backing_format;
}
