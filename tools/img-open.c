/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the commands of rhea-img open and make images. */
#include "util/osdep.h"
#include "tools/img.h"
#include "util/keyval.h"

#include <sys/stat.h>

BlockNode *img_open_source(const ToolArgs *a, const char *name, const char *format, Error **errp)
{
    BlockOpen how = { .readonly = true, .locking = true, .trust_probe = true, .force_share = tool_has(a, "U") };
    const char *cache = tool_get(a, "T");
    bool through;
    return !cache || tool_cache_mode(cache, &how, &through, errp) ? tool_open(a, name, format, &how, errp) : NULL;
}

BlockNode *img_open_target(const ToolArgs *a, const char *name, const char *format, Error **errp)
{
    BlockOpen how = { .locking = true, .trust_probe = true, .discard = true };
    const char *cache = tool_get(a, "t");
    bool through;
    return !cache || tool_cache_mode(cache, &how, &through, errp) ? tool_open(a, name, format, &how, errp) : NULL;
}

/* ---- Options of formats ------------------------------------------------------------------------------------------- */

static int img_compare_rows(const void *x, const void *y)
{
    const BlockOpt *const *a = x, *const *b = y;
    return strcmp((*a)->name, (*b)->name);
}

static void img_collect_rows(GPtrArray *rows, const BlockOpt *table)
{
    for (; table && table->name; table++) {
        bool known = false;
        for (unsigned i = 0; i < rows->len; i++) {
            known |= !strcmp(((const BlockOpt *)rows->pdata[i])->name, table->name);
        }
        if (!known) {
            g_ptr_array_add(rows, (void *)table);
        }
    }
}

static void img_print_row(const BlockOpt *row)
{
    static const char *const types[] = { [BLOCK_OPT_STRING] = "str", [BLOCK_OPT_BOOL] = "bool (on/off)", [BLOCK_OPT_UINT] = "num",
                                         [BLOCK_OPT_SIZE] = "size", [BLOCK_OPT_ENUM] = "str", [BLOCK_OPT_NODE] = "str" };
    char *name = g_strdup_printf("%s=<%s>", row->name, types[row->type]);
    printf("  %-22s - %s\n", name, row->help);
    g_free(name);
}

bool img_options_help(const ToolArgs *a, const BlockDriver *format, const char *filename, bool amend)
{
    const char *text;
    bool asked = false;
    for (unsigned i = 0; (text = tool_get_nth(a, "o", i)); i++) {
        char **parts = g_strsplit(text, ",", -1);
        for (char **p = parts; *p; p++) {
            asked |= !strcmp(*p, "help") || !strcmp(*p, "?");
        }
        g_strfreev(parts);
    }
    if (!asked) {
        return false;
    }
    GPtrArray *rows = g_ptr_array_new();
    img_collect_rows(rows, amend ? block_driver_amend_opts(format) : block_driver_create_opts(format));
    if (!amend && filename) {
        img_collect_rows(rows, block_driver_create_opts(block_driver_find("file")));
    }
    g_ptr_array_sort(rows, img_compare_rows);
    if (amend) {
        printf("Amend options for '%s':\n", block_driver_name(format));
    } else if (filename) {
        printf("Supported options:\n");
    } else {
        printf("Supported %s options:\n", block_driver_name(format));
    }
    for (unsigned i = 0; i < rows->len; i++) {
        img_print_row(rows->pdata[i]);
    }
    if (!amend && !filename) {
        printf("\nThe protocol level may support further options.\nSpecify the target filename to include those options.\n");
    }
    g_ptr_array_unref(rows);
    return true;
}

/* A value as "Formatting" shows it: sizes and numbers in full, texts as they are. */
static void img_print_value(const BlockOpt *row, const char *value)
{
    uint64_t number;
    if ((row->type == BLOCK_OPT_SIZE && parse_size(row->name, value, 1, &number, NULL)) ||
        (row->type == BLOCK_OPT_UINT && parse_uint(row->name, value, 0, UINT64_MAX, &number, NULL))) {
        printf(" %s=%" PRIu64, row->name, number);
    } else if (strchr(value, ' ')) {
        printf(" %s=\"%s\"", row->name, value);
    } else {
        printf(" %s=%s", row->name, value);
    }
}

bool img_create_image(const char *filename, const BlockDriver *format, KeyVal *opts, bool quiet, Error **errp)
{
    GPtrArray *rows = g_ptr_array_new();
    img_collect_rows(rows, block_driver_create_opts(format));
    img_collect_rows(rows, block_driver_create_opts(block_driver_find("file")));
    if (!quiet) {
        printf("Formatting '%s', fmt=%s", filename, block_driver_name(format));
        for (unsigned i = 0; i < rows->len; i++) {
            const BlockOpt *row = rows->pdata[i];
            const char *value = keyval_has(opts, row->name) ? keyval_get(opts, row->name) : row->def;
            if (value) {
                img_print_value(row, value);
            }
        }
        putchar('\n');
        fflush(stdout);
    }
    g_ptr_array_unref(rows);
    bool ok = block_create(filename, format, opts, errp);
    error_prepend(errp, "%s: ", filename);
    return ok;
}

bool img_load_snapshot(BlockNode *n, const char *param, Error **errp)
{
    if (!strstr(param, "snapshot.")) {
        return block_snapshot_load(n, param, errp);
    }
    static const char *const known[] = { "snapshot.id", "snapshot.name", NULL };
    KeyVal *kv = keyval_parse(param, NULL, errp);
    const char *id = kv ? keyval_get(kv, "snapshot.id") : NULL, *name = kv ? keyval_get(kv, "snapshot.name") : NULL;
    bool ok = kv && keyval_finish(kv, "-l", known, errp) && block_snapshot_load(n, id ? id : name ? name : "", errp);
    keyval_free(kv);
    return ok;
}

bool img_fresh_is_zero(const BlockNode *n)
{
    if (!block_node_file(n) || strcmp(block_node_driver(n), "raw")) {
        return true; /* formats start with nothing allocated */
    }
    return !strcmp(block_node_driver(block_node_file(n)), "file");
}

bool img_is_plain_file(const char *filename)
{
    struct stat st;
    return stat(g_str_has_prefix(filename, "file:") ? filename + 5 : filename, &st) == 0 && S_ISREG(st.st_mode);
}
