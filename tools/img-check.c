/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-img check, snapshot and bitmap. */
#include "util/osdep.h"
#include "tools/img.h"

#include <jansson.h>
#include <time.h>

/* ---- check ----------------------------------------------------------------------------------------------------- */

static void check_say(void *opaque, const char *line)
{
    (void)opaque;
    fflush(stdout);
    fprintf(stderr, "%s\n", line);
}

static void check_print_json(const BlockCheck *c, const char *filename, const char *format)
{
    const struct {
        const char *name;
        uint64_t value;
        bool always;
    } fields[] = {
        { "image-end-offset", c->image_end_offset, false }, { "total-clusters", c->total_clusters, false },
        { "check-errors", c->check_errors, true }, { "corruptions", c->corruptions, false }, { "leaks", c->leaks, false },
        { "corruptions-fixed", c->corruptions_fixed, false }, { "leaks-fixed", c->leaks_fixed, false },
        { "allocated-clusters", c->allocated_clusters, false }, { "fragmented-clusters", c->fragmented_clusters, false },
        { "compressed-clusters", c->compressed_clusters, false },
    };
    json_t *v = json_object();
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (fields[i].value || fields[i].always) {
            json_object_set_new(v, fields[i].name, json_integer((json_int_t)fields[i].value));
        }
    }
    json_object_set_new(v, "filename", json_string(filename));
    json_object_set_new(v, "format", json_string(format));
    tool_print_json(v);
}

static void check_print(const BlockCheck *c)
{
    if (!c->corruptions && !c->leaks && !c->check_errors) {
        puts("No errors were found on the image.");
    } else {
        if (c->corruptions) {
            printf("\n%" PRIu64 " errors were found on the image.\nData may be corrupted, or further writes to the image may corrupt it.\n",
                   c->corruptions);
        }
        if (c->leaks) {
            printf("\n%" PRIu64 " leaked clusters were found on the image.\nThis means waste of disk space, but no harm to data.\n",
                   c->leaks);
        }
        if (c->check_errors) {
            printf("\n%" PRIu64 " internal errors have occurred during the check.\n", c->check_errors);
        }
    }
    if (c->total_clusters && c->allocated_clusters) {
        double allocated = (double)c->allocated_clusters;
        printf("%" PRIu64 "/%" PRIu64 " = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% compressed clusters\n", c->allocated_clusters,
               c->total_clusters, allocated * 100.0 / (double)c->total_clusters, (double)c->fragmented_clusters * 100.0 / allocated,
               (double)c->compressed_clusters * 100.0 / allocated);
    }
    if (c->image_end_offset) {
        printf("Image end offset: %" PRIu64 "\n", c->image_end_offset);
    }
}

/* Repairs may lay open further faults: looks again until nothing is left or nothing gets better. */
static bool check_image(BlockNode *n, unsigned fix, bool json, bool quiet, BlockCheck *c, Error **errp)
{
    *c = (BlockCheck){ .say = quiet ? NULL : check_say };
    if (!block_node_check(n, fix, NULL, c, errp)) {
        return false;
    }
    uint64_t corruptions_fixed = c->corruptions_fixed, leaks_fixed = c->leaks_fixed;
    if (corruptions_fixed || leaks_fixed) {
        if (!json && !quiet) {
            printf("The following inconsistencies were found and repaired:\n\n    %" PRIu64 " leaked clusters\n"
                   "    %" PRIu64 " corruptions\n\nDouble checking the fixed image now...\n", leaks_fixed, corruptions_fixed);
        }
        *c = (BlockCheck){ .say = quiet ? NULL : check_say };
        if (!block_node_check(n, 0, NULL, c, errp)) {
            return false;
        }
        c->corruptions_fixed = corruptions_fixed;
        c->leaks_fixed = leaks_fixed;
    }
    return true;
}

static bool check_fix(const char *text, unsigned *fix, Error **errp)
{
    *fix = !text ? 0 : !strcmp(text, "leaks") ? BLOCK_FIX_LEAKS : !strcmp(text, "all") ? BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS : UINT_MAX;
    if (*fix == UINT_MAX) {
        error_set(errp, "-r %s: expected leaks or all", text);
    }
    return *fix != UINT_MAX;
}

static int check_run(ToolArgs *a)
{
    Error *err = NULL;
    bool json, through;
    unsigned fix;
    BlockCheck c;
    const char *cache = tool_get(a, "T");
    if (tool_operands(a) != 1) {
        return tool_usage("Expecting one image file name");
    }
    BlockOpen how = { .locking = true, .trust_probe = true, .no_backing = true, .for_check = true, .no_io = true,
                      .force_share = tool_has(a, "U") };
    if (!tool_output_json(a, &json, &err) || !check_fix(tool_get(a, "r"), &fix, &err) ||
        (cache && !tool_cache_mode(cache, &how, &through, &err))) {
        return tool_fail(1, err);
    }
    how.readonly = !fix;
    BlockNode *n = tool_open(a, tool_operand(a, 0), tool_get(a, "f"), &how, &err);
    if (n && !block_node_can_check(n)) {
        block_node_unref(n);
        return tool_say(63, "This image format does not support checks");
    }
    bool ok = n && check_image(n, fix, json, tool_has(a, "q"), &c, &err);
    int ret = ok && fix ? block_node_flush(n) : 0;
    if (ok && !tool_has(a, "q")) {
        if (json) {
            check_print_json(&c, tool_operand(a, 0), block_node_driver(n));
        } else {
            check_print(&c);
        }
    }
    block_node_unref(n);
    if (!ok) {
        return tool_fail(1, err);
    }
    return ret < 0 || c.check_errors ? 1 : c.corruptions ? 2 : c.leaks ? 3 : 0;
}

static const ToolOption check_options[] = {
    IMG_OBJECT, IMG_IMAGE_OPTS, IMG_QUIET, IMG_FORMAT, IMG_OUTPUT,
    { 'r', "repair", "leaks|all", "repair leaked clusters, or all that is found" },
    IMG_SOURCE_CACHE, IMG_SHARE, IMG_END,
};
const ToolCommand img_check = { "check", "FILENAME", "Looks for faults in an image's tables. Exit status: 0 none, 1 the check failed, "
                                "2 corruptions, 3 leaks only, 63 the format has no checks.", check_options, check_run };

/* ---- snapshot ---------------------------------------------------------------------------------------------------- */

static bool snapshot_list(BlockNode *n, Error **errp)
{
    (void)errp;
    GPtrArray *list = block_node_has_snapshots(n) ? block_snapshot_list(n, NULL) : NULL;
    if (list && list->len) {
        tool_print_snapshots(list);
    }
    if (list) {
        g_ptr_array_unref(list);
    }
    return true;
}

static bool snapshot_create(BlockNode *n, const char *name, Error **errp)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    BlockSnapshot s = { .name = (char *)name, .date_sec = (uint32_t)now.tv_sec, .date_nsec = (uint32_t)now.tv_nsec };
    bool ok = block_snapshot_create(n, &s, errp);
    error_prepend(errp, "Could not create snapshot '%s': ", name);
    return ok;
}

static int snapshot_run(ToolArgs *a)
{
    static const char *const actions[] = { "l", "c", "a", "d" };
    Error *err = NULL;
    char action = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (tool_has(a, actions[i])) {
            if (action) {
                return tool_say(1, "Cannot mix '-l', '-a', '-c', '-d'");
            }
            action = *actions[i];
        }
    }
    if (tool_operands(a) != 1) {
        return tool_usage("Expecting one image file name");
    }
    action = action ? action : 'l';
    const char key[2] = { action, 0 }, *name = tool_get(a, key);
    BlockOpen how = { .locking = true, .trust_probe = true, .discard = true, .readonly = action == 'l', .force_share = tool_has(a, "U"),
                      .no_backing = action == 'l', .no_io = true };
    BlockNode *n = tool_open(a, tool_operand(a, 0), tool_get(a, "f"), &how, &err);
    bool ok = n != NULL;
    if (ok && action == 'l') {
        ok = snapshot_list(n, &err);
    } else if (ok && action == 'c') {
        ok = snapshot_create(n, name, &err);
    } else if (ok && action == 'a') {
        ok = block_snapshot_apply(n, name, &err);
        error_prepend(&err, "Could not apply snapshot '%s': ", name);
    } else if (ok) {
        ok = block_snapshot_delete(n, name, &err);
        error_prepend(&err, "Could not delete snapshot '%s': ", name);
    }
    if (ok && action != 'l' && block_node_flush(n) < 0) {
        error_set(&err, "Could not flush '%s'", tool_operand(a, 0));
        ok = false;
    }
    block_node_unref(n);
    return ok ? 0 : tool_fail(1, err);
}

static const ToolOption snapshot_options[] = {
    IMG_OBJECT, IMG_IMAGE_OPTS, IMG_SHARE, IMG_QUIET, IMG_FORMAT,
    { 'l', NULL, NULL, "list the snapshots" },
    { 'a', NULL, "SNAPSHOT", "go back to a snapshot" },
    { 'c', NULL, "SNAPSHOT", "make a snapshot" },
    { 'd', NULL, "SNAPSHOT", "delete a snapshot" },
    IMG_END,
};
const ToolCommand img_snapshot = { "snapshot", "FILENAME", "Lists, makes, applies or deletes internal snapshots.", snapshot_options,
                                   snapshot_run };

/* ---- bitmap ------------------------------------------------------------------------------------------------------ */

static bool bitmap_merge(const ToolArgs *a, BlockNode *n, const char *name, const char *from, Error **errp)
{
    const char *other = tool_get(a, "b");
    if (!other) {
        return block_bitmap_merge(n, name, n, from, errp);
    }
    BlockOpen how = { .readonly = true, .locking = true, .trust_probe = true };
    BlockNode *src = block_open(other, tool_get(a, "F"), NULL, &how, errp);
    bool ok = src && block_bitmap_merge(n, name, src, from, errp);
    block_node_unref(src);
    return ok;
}

static bool bitmap_actions(const ToolArgs *a, BlockNode *n, const char *name, Error **errp)
{
    const char *key, *value;
    bool ok = true;
    uint64_t granularity = 0;
    const char *text = tool_get(a, "g");
    if (text && !tool_parse_size("granularity", text, &granularity, errp)) {
        return false;
    }
    for (unsigned i = 0; ok && (key = tool_key_nth(a, i, &value)); i++) {
        if (!strcmp(key, "add")) {
            ok = block_bitmap_add(n, name, granularity, true, errp);
        } else if (!strcmp(key, "remove")) {
            ok = block_bitmap_remove(n, name, errp);
        } else if (!strcmp(key, "clear")) {
            ok = block_bitmap_clear(n, name, errp);
        } else if (!strcmp(key, "enable") || !strcmp(key, "disable")) {
            ok = block_bitmap_enable(n, name, *key == 'e', errp);
        } else if (!strcmp(key, "merge")) {
            ok = bitmap_merge(a, n, name, value, errp);
        } else {
            continue;
        }
        if (!ok) {
            error_prepend(errp, "Operation %s on bitmap %s failed: ", key, name);
        }
    }
    return ok;
}

static int bitmap_run(ToolArgs *a)
{
    static const char *const actions[] = { "add", "remove", "clear", "enable", "disable", "merge" };
    Error *err = NULL;
    unsigned count = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(actions); i++) {
        count += tool_has(a, actions[i]);
    }
    if (tool_operands(a) != 2) {
        return tool_usage("Expecting filename and bitmap name");
    }
    if (!count) {
        return tool_say(1, "Need at least one of --add, --remove, --clear, --enable, --disable, or --merge");
    }
    if (tool_has(a, "g") && !tool_has(a, "add")) {
        return tool_say(1, "granularity only supported with --add");
    }
    if (tool_has(a, "b") && !tool_has(a, "merge")) {
        return tool_say(1, "Merge bitmap source file only supported with --merge");
    }
    if (tool_has(a, "F") && !tool_has(a, "b")) {
        return tool_say(1, "-F only supported with -b");
    }
    BlockOpen how = { .locking = true, .trust_probe = true, .discard = true };
    BlockNode *n = tool_open(a, tool_operand(a, 0), tool_get(a, "f"), &how, &err);
    bool ok = n && bitmap_actions(a, n, tool_operand(a, 1), &err);
    if (n) {
        block_node_flush(n);
    }
    block_node_unref(n);
    return ok ? 0 : tool_fail(1, err);
}

static const ToolOption bitmap_options[] = {
    { 0, "merge", "SOURCE", "add the bits of another bitmap" },
    { 0, "add", NULL, "make it, enabled" },
    { 0, "remove", NULL, "delete it" },
    { 0, "clear", NULL, "set it to clean" },
    { 0, "enable", NULL, "record writes from now on" },
    { 0, "disable", NULL, "record no more writes" },
    { 'b', "source-file", "SOURCE_FILE", "image that the SOURCE of --merge is in" },
    { 'F', "source-format", "SOURCE_FMT", "its format" },
    { 'g', "granularity", "GRANULARITY", "bytes for each bit of --add" },
    IMG_OBJECT, IMG_IMAGE_OPTS, IMG_FORMAT, IMG_END,
};
const ToolCommand img_bitmap = { "bitmap", "FILENAME BITMAP", "Changes a persistent dirty bitmap.", bitmap_options, bitmap_run };
