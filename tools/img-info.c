/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-img info and map. */
#include "util/osdep.h"
#include "tools/img.h"

#include <jansson.h>

/* ---- info: JSON --------------------------------------------------------------------------------------------------- */

static json_t *info_snapshots_json(GPtrArray *list)
{
    json_t *all = json_array();
    for (unsigned i = 0; i < list->len; i++) {
        const BlockSnapshot *s = list->pdata[i];
        json_t *v = json_object();
        if (s->icount != UINT64_MAX) {
            json_object_set_new(v, "icount", json_integer((json_int_t)s->icount));
        }
        json_object_set_new(v, "vm-clock-nsec", json_integer((json_int_t)(s->vm_clock_nsec % 1000000000)));
        json_object_set_new(v, "name", json_string(s->name));
        json_object_set_new(v, "date-sec", json_integer(s->date_sec));
        json_object_set_new(v, "date-nsec", json_integer(s->date_nsec));
        json_object_set_new(v, "vm-clock-sec", json_integer((json_int_t)(s->vm_clock_nsec / 1000000000)));
        json_object_set_new(v, "id", json_string(s->id));
        json_object_set_new(v, "vm-state-size", json_integer((json_int_t)s->vm_state_size));
        json_array_append_new(all, v);
    }
    return all;
}

typedef struct InfoImage {
    BlockNode *node;
    BlockInfo info;
    GPtrArray *snapshots; /* NULL or empty: none */
    char *backing_path;
} InfoImage;

static bool info_collect(BlockNode *n, InfoImage *out, Error **errp)
{
    *out = (InfoImage){ .node = n };
    if (!block_node_info(n, &out->info, errp)) {
        return false;
    }
    out->backing_path = block_node_backing_path(n);
    out->snapshots = block_node_has_snapshots(n) ? block_snapshot_list(n, NULL) : NULL;
    return true;
}

static void info_clear(InfoImage *i)
{
    block_info_clear(&i->info);
    g_free(i->backing_path);
    if (i->snapshots) {
        g_ptr_array_unref(i->snapshots);
    }
}

static json_t *info_json(const InfoImage *i)
{
    json_t *v = json_object();
    const BlockNode *n = i->node;
    const char *backing_format = block_node_backing_format(n);
    if (backing_format) {
        json_object_set_new(v, "backing-filename-format", json_string(backing_format));
    }
    if (i->snapshots && i->snapshots->len) {
        json_object_set_new(v, "snapshots", info_snapshots_json(i->snapshots));
    }
    json_object_set_new(v, "virtual-size", json_integer((json_int_t)block_node_size(n)));
    json_object_set_new(v, "filename", json_string(block_node_filename(n)));
    if (i->info.cluster_size) {
        json_object_set_new(v, "cluster-size", json_integer((json_int_t)i->info.cluster_size));
    }
    json_object_set_new(v, "format", json_string(block_node_driver(n)));
    json_object_set_new(v, "actual-size", json_integer((json_int_t)block_node_allocated(i->node)));
    if (i->info.encrypted) {
        json_object_set_new(v, "encrypted", json_true());
    }
    if (i->info.compressed) {
        json_object_set_new(v, "compressed", json_true());
    }
    if (i->info.specific) {
        json_object_set(v, "format-specific", i->info.specific);
    }
    if (i->backing_path) {
        json_object_set_new(v, "full-backing-filename", json_string(i->backing_path));
        json_object_set_new(v, "backing-filename", json_string(block_node_backing_name(n)));
    }
    json_object_set_new(v, "dirty-flag", json_boolean(i->info.dirty));
    return v;
}

/* ---- info: for people ------------------------------------------------------------------------------------------------ */

static void info_print(const InfoImage *i)
{
    const BlockNode *n = i->node;
    char *virtual = tool_size_text(block_node_size(n)), *disk = tool_size_text(block_node_allocated(i->node));
    printf("image: %s\nfile format: %s\nvirtual size: %s (%" PRIu64 " bytes)\ndisk size: %s\n", block_node_filename(n),
           block_node_driver(n), virtual, block_node_size(n), disk);
    g_free(virtual);
    g_free(disk);
    if (i->info.encrypted) {
        puts("encrypted: yes");
    }
    if (i->info.cluster_size) {
        printf("cluster_size: %" PRIu64 "\n", i->info.cluster_size);
    }
    if (i->info.dirty) {
        puts("cleanly shut down: no");
    }
    if (i->backing_path) {
        const char *name = block_node_backing_name(n), *format = block_node_backing_format(n);
        printf("backing file: %s", name);
        if (strcmp(name, i->backing_path)) {
            printf(" (actual path: %s)", i->backing_path);
        }
        putchar('\n');
        if (format) {
            printf("backing file format: %s\n", format);
        }
    }
    if (i->snapshots && i->snapshots->len) {
        tool_print_snapshots(i->snapshots);
    }
    tool_print_specific(i->info.specific);
}

/* ---- info ---------------------------------------------------------------------------------------------------------------- */

static BlockNode *info_open(const ToolArgs *a, const char *name, const char *format, bool first, Error **errp)
{
    BlockOpen how = { .readonly = true, .locking = true, .trust_probe = true, .no_backing = true, .no_io = true,
                      .for_check = true, .force_share = tool_has(a, "U") };
    return first ? tool_open(a, name, format, &how, errp) : block_open(name, format, NULL, &how, errp);
}

/* Only the named file is opened, and those behind it when they are asked for. */
static bool info_chain(const ToolArgs *a, bool json, Error **errp)
{
    bool chain = tool_has(a, "backing-chain"), ok = true, first = true;
    char *name = g_strdup(tool_operand(a, 0)), *format = g_strdup(tool_get(a, "f"));
    json_t *all = json_array();
    GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    while (ok && name) {
        InfoImage i;
        BlockNode *n = info_open(a, name, format, first, errp);
        ok = n && info_collect(n, &i, errp);
        g_hash_table_add(seen, name);
        g_free(format);
        name = format = NULL;
        if (!ok) {
            block_node_unref(n);
            break;
        }
        if (json) {
            json_array_append_new(all, info_json(&i));
        } else {
            printf("%s", first ? "" : "\n");
            info_print(&i);
        }
        if (chain && i.backing_path) {
            name = g_strdup(i.backing_path);
            format = g_strdup(block_node_backing_format(n));
        }
        info_clear(&i);
        block_node_unref(n);
        if (name && g_hash_table_contains(seen, name)) {
            error_set(errp, "Backing file '%s' creates an infinite loop.", name);
            ok = false;
        }
        first = false;
    }
    if (ok && json) {
        tool_print_json(chain ? json_incref(all) : json_incref(json_array_get(all, 0)));
    }
    json_decref(all);
    if (name && !g_hash_table_contains(seen, name)) {
        g_free(name);
    }
    g_hash_table_unref(seen);
    g_free(format);
    return ok;
}

static int info_run(ToolArgs *a)
{
    Error *err = NULL;
    bool json;
    if (tool_operands(a) != 1) {
        return tool_usage("Expecting one image file name");
    }
    return tool_output_json(a, &json, &err) && info_chain(a, json, &err) ? 0 : tool_fail(1, err);
}

static const ToolOption info_options[] = {
    IMG_OBJECT, IMG_IMAGE_OPTS, IMG_FORMAT, IMG_OUTPUT,
    { 0, "backing-chain", NULL, "tell of the backing files too" },
    IMG_SHARE, IMG_END,
};
const ToolCommand img_info = { "info", "FILENAME", "Tells what an image is.", info_options, info_run };

/* ---- map ------------------------------------------------------------------------------------------------------------------ */

typedef struct MapRun {
    uint64_t start, len, offset;
    unsigned flags, depth;
    BlockNode *file;
    bool present;
} MapRun;

static bool map_same(const MapRun *a, const MapRun *b)
{
    unsigned mask = BLOCK_STATUS_DATA | BLOCK_STATUS_ZERO | BLOCK_STATUS_OFFSET | BLOCK_STATUS_COMPRESSED;
    return (a->flags & mask) == (b->flags & mask) && a->depth == b->depth && a->present == b->present && a->file == b->file &&
           (!(a->flags & BLOCK_STATUS_OFFSET) || a->offset + a->len == b->offset);
}

static bool map_print(const MapRun *r, bool json, bool first, bool last, Error **errp)
{
    bool data = r->flags & BLOCK_STATUS_DATA, zero = r->flags & BLOCK_STATUS_ZERO, offset = r->flags & BLOCK_STATUS_OFFSET;
    if (!json && data && !offset) {
        error_set(errp, "File contains external, encrypted or compressed clusters.");
        error_add_hint(errp, "--output=json shows all of it.");
        return false;
    }
    if (!json) {
        if (data && !zero) {
            printf("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", r->start, r->len, r->offset,
                   r->file ? block_node_filename(r->file) : "");
        }
        return true;
    }
    printf("%s{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"depth\": %u, \"present\": %s, \"zero\": %s, \"data\": %s",
           first ? "[" : ",\n", r->start, r->len, r->depth, r->present ? "true" : "false", zero ? "true" : "false",
           data ? "true" : "false");
    if (offset) {
        printf(", \"offset\": %" PRIu64, r->offset);
    }
    printf("}%s", last ? "]\n" : "");
    return true;
}

static bool map_image(BlockNode *n, uint64_t off, uint64_t end, bool json, Error **errp)
{
    MapRun run = { 0 };
    bool first = true;
    if (!json) {
        printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
    }
    while (off < end) {
        BlockStatus st;
        int ret = block_node_status_above(n, NULL, off, end - off, &st);
        if (ret < 0) {
            error_set_errno(errp, -ret, "Failed to read image metadata at offset %" PRIu64, off);
            return false;
        }

        MapRun next = { off, st.len, st.offset, st.flags, st.depth, st.flags & BLOCK_STATUS_OFFSET ? st.file : NULL, false };
        next.present = st.flags & BLOCK_STATUS_ALLOCATED && !(st.flags & BLOCK_STATUS_BEYOND);
        next.depth -= st.flags & BLOCK_STATUS_BEYOND ? 1 : 0; /* the layer above knows that there is nothing below */
        if (run.len && map_same(&run, &next)) {
            run.len += next.len;
        } else {
            if (run.len && !map_print(&run, json, first, false, errp)) {
                return false;
            }
            first = first && !run.len;
            run = next;
        }
        off += st.len;
    }
    if (run.len) {
        return map_print(&run, json, first, true, errp);
    }
    if (json) { /* an empty image */
        puts("[{ \"start\": 0, \"length\": 0, \"depth\": 0, \"present\": false, \"zero\": false, \"data\": false}]");
    }
    return true;
}

static int map_run(ToolArgs *a)
{
    Error *err = NULL;
    bool json;
    uint64_t start = 0, max = INT64_MAX;
    const char *from = tool_get(a, "s"), *len = tool_get(a, "l");
    if (tool_operands(a) != 1) {
        return tool_usage("Expecting one image file name");
    }
    if (!tool_output_json(a, &json, &err) || (from && !tool_parse_size("start offset", from, &start, &err)) ||
        (len && !tool_parse_size("max length", len, &max, &err))) {
        return tool_fail(1, err);
    }
    BlockNode *n = img_open_source(a, tool_operand(a, 0), tool_get(a, "f"), &err);
    uint64_t size = n ? block_node_size(n) : 0;
    bool ok = n && map_image(n, start, start < size ? start + MIN(max, size - start) : start, json, &err);
    block_node_unref(n);
    return ok ? 0 : tool_fail(1, err);
}

static const ToolOption map_options[] = {
    IMG_OBJECT, IMG_IMAGE_OPTS, IMG_FORMAT,
    { 's', "start-offset", "OFFSET", "where to begin" },
    { 'l', "max-length", "LEN", "how far to go" },
    IMG_OUTPUT, IMG_SHARE, IMG_END,
};
const ToolCommand img_map = { "map", "FILENAME", "Tells what is allocated and in which file of the chain.", map_options, map_run };
