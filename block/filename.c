/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What file names say: "PATH", "file:PATH", "PROTOCOL:REST"; and names beside an image.  Main thread. */
#include "util/osdep.h"
#include "block/opts-int.h"

#include <sys/stat.h>

/* Letters, digits, '+', '-' and '.' up to a colon that comes before any slash. */
static size_t filename_protocol_len(const char *filename)
{
    size_t len = strspn(filename, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._");
    return len > 0 && filename[len] == ':' ? len : 0;
}

bool block_filename_has_protocol(const char *filename)
{
    return filename_protocol_len(filename) > 0;
}

const BlockDriver *block_filename_protocol(const char *filename, Error **errp)
{
    size_t len = filename_protocol_len(filename);
    if (len && !g_str_has_prefix(filename, "file:")) {
        char *name = g_strndup(filename, len);
        const BlockDriver *drv = block_driver_find(name);
        if (!drv || !drv->parse_filename) {
            error_set(errp, "cannot open '%s': there is no protocol '%s'", filename, name);
            error_add_hint(errp, "A file of that name is opened as ./%s.", filename);
            drv = NULL;
        }
        g_free(name);
        return drv;
    }
    struct stat st;
    filename += len ? len + 1 : 0;
    return stat(filename, &st) == 0 && S_ISBLK(st.st_mode) ? &block_host_device : &block_file;
}

static bool filename_copy(void *opaque, const char *key, const char *value, Error **errp)
{
    (void)errp;
    void **to = opaque;
    char *name = g_strconcat(to[1], key, NULL);
    keyval_set(to[0], name, value);
    g_free(name);
    return true;
}

bool block_filename_parse(const char *filename, const char *prefix, KeyVal *kv, Error **errp)
{
    const BlockDriver *drv = block_filename_protocol(filename, errp);
    if (!drv) {
        return false;
    }
    KeyVal *own = keyval_new();
    bool ok = true;
    if (drv->parse_filename) {
        ok = drv->parse_filename(filename, own, errp);
    } else {
        keyval_set(own, "filename", g_str_has_prefix(filename, "file:") ? filename + 5 : filename);
    }
    keyval_set(own, "driver", drv->name);
    void *to[] = { kv, (void *)prefix };
    ok = ok && keyval_each(own, filename_copy, to, errp);
    keyval_free(own);
    return ok;
}

char *block_path_beside(const char *base, const char *name)
{
    if (name[0] == '/' || block_filename_has_protocol(name)) {
        return g_strdup(name);
    }
    const char *path = g_str_has_prefix(base, "file:") ? base + 5 : base;
    const char *slash = g_str_has_prefix(base, "json:") ? NULL : strrchr(path, '/');
    char *folder = slash ? g_strndup(path, (size_t)(slash - path) + 1) : g_strdup("");
    char *out = g_strconcat(folder, name, NULL);
    g_free(folder);
    return out;
}

char *block_node_backing_path(const BlockNode *n)
{
    const BlockNode *file = n;
    while (file->file) {
        file = file->file; /* the names of formats on top may be json: */
    }
    return n->backing_name ? block_path_beside(file->filename, n->backing_name) : NULL;
}
