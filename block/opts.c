/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of drivers: a table's rows checked against what the user gave, and JSON turned into dotted keys.
 * Main thread.
 */
#include "util/osdep.h"
#include "block/block-int.h"
#include "block/opts-int.h"

#include <jansson.h>

struct BlockOpts {
    const BlockOpt *table;
    unsigned count;
    char **values; /* as the table's rows; NULL: not given */
    KeyVal *kv;    /* what the user gave, for children; the caller's */
};

static bool opts_check_enum(const BlockOpt *row, const char *text, unsigned *index, Error **errp)
{
    char **names = g_strsplit(row->values, "|", -1);
    unsigned i = 0;
    while (names[i] && strcmp(names[i], text)) {
        i++;
    }
    *index = i;
    bool ok = names[i] != NULL;
    if (!ok) {
        const char *near = suggest_nearest(text, (const char *const *)names);
        char *list = g_strjoinv(", ", names);
        error_set(errp, "%s=%s is not one of %s", row->name, text, list);
        if (near) {
            error_add_hint(errp, "Did you mean %s=%s?", row->name, near);
        }
        g_free(list);
    }
    g_strfreev(names);
    return ok;
}

static bool opts_check(const BlockOpt *row, const char *text, Error **errp)
{
    bool flag;
    uint64_t number;
    unsigned index;
    switch (row->type) {
    case BLOCK_OPT_BOOL:
        return parse_bool(row->name, text, &flag, errp);
    case BLOCK_OPT_UINT:
        return parse_uint(row->name, text, 0, UINT64_MAX, &number, errp);
    case BLOCK_OPT_SIZE:
        return parse_size(row->name, text, 1, &number, errp);
    case BLOCK_OPT_ENUM:
        return opts_check_enum(row, text, &index, errp);
    default:
        return true;
    }
}

BlockOpts *block_opts_take(const BlockOpt *table, KeyVal *kv, Error **errp)
{
    BlockOpts *o = g_new0(BlockOpts, 1);
    o->table = table;
    o->kv = kv;
    for (const BlockOpt *row = table; row && row->name; row++) {
        o->count++;
    }
    o->values = g_new0(char *, o->count + 1);
    for (unsigned i = 0; i < o->count; i++) {
        const char *text = table[i].type == BLOCK_OPT_NODE ? NULL : keyval_get(kv, table[i].name);
        if (text && !opts_check(&table[i], text, errp)) {
            block_opts_free(o);
            return NULL;
        }
        o->values[i] = g_strdup(text);
    }
    return o;
}

bool block_opts_finish(KeyVal *kv, const char *what, const BlockOpt *const *tables, Error **errp)
{
    GPtrArray *names = g_ptr_array_new();
    for (; *tables; tables++) {
        for (const BlockOpt *row = *tables; row->name; row++) {
            g_ptr_array_add(names, (void *)row->name);
        }
    }
    g_ptr_array_add(names, NULL);
    bool ok = keyval_finish(kv, what, (const char *const *)names->pdata, errp);
    g_ptr_array_unref(names);
    return ok;
}

BlockOpts *block_opts_parse(const BlockOpt *table, KeyVal *kv, const char *what, Error **errp)
{
    const BlockOpt *tables[] = { table, NULL };
    BlockOpts *o = block_opts_take(table, kv, errp);
    if (o && !block_opts_finish(kv, what, tables, errp)) {
        block_opts_free(o);
        return NULL;
    }
    return o;
}

void block_opts_free(BlockOpts *o)
{
    if (o) {
        for (unsigned i = 0; i < o->count; i++) {
            g_free(o->values[i]);
        }
        g_free(o->values);
        g_free(o);
    }
}

KeyVal *block_opts_keyval(const BlockOpts *o)
{
    return o->kv;
}

/* A name that is not in the table is a mistake of the driver. */
static unsigned opts_row(const BlockOpts *o, const char *name)
{
    for (unsigned i = 0; i < o->count; i++) {
        if (!strcmp(o->table[i].name, name)) {
            return i;
        }
    }
    g_error("driver asks for option '%s' that its table does not have", name);
}

bool block_opt_given(const BlockOpts *o, const char *name)
{
    return o->values[opts_row(o, name)] != NULL;
}

const char *block_opt_str(const BlockOpts *o, const char *name)
{
    unsigned i = opts_row(o, name);
    return o->values[i] ? o->values[i] : o->table[i].def;
}

bool block_opt_bool(const BlockOpts *o, const char *name)
{
    const char *text = block_opt_str(o, name);
    bool v = false;
    return text && parse_bool(name, text, &v, NULL) && v;
}

uint64_t block_opt_uint(const BlockOpts *o, const char *name)
{
    const char *text = block_opt_str(o, name);
    uint64_t v = 0;
    bool size = o->table[opts_row(o, name)].type == BLOCK_OPT_SIZE;
    return text && (size ? parse_size(name, text, 1, &v, NULL) : parse_uint(name, text, 0, UINT64_MAX, &v, NULL)) ? v : 0;
}

unsigned block_opt_enum(const BlockOpts *o, const char *name)
{
    unsigned index = 0;
    const char *text = block_opt_str(o, name);
    if (!text) {
        return 0;
    }
    opts_check_enum(&o->table[opts_row(o, name)], text, &index, NULL);
    return index;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

enum { OPTS_JSON_DEPTH = 64 };

static bool opts_flatten(KeyVal *kv, const char *prefix, json_t *v, unsigned depth, Error **errp)
{
    const char *key;
    json_t *item;
    size_t i;
    bool ok = true;
    char *text = NULL;
    if (depth > OPTS_JSON_DEPTH) {
        error_set(errp, "the JSON options are nested more than %d deep", OPTS_JSON_DEPTH);
        return false;
    }
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        json_object_foreach(v, key, item) {
            char *name = *prefix ? g_strdup_printf("%s.%s", prefix, key) : g_strdup(key);
            ok = opts_flatten(kv, name, item, depth + 1, errp);
            g_free(name);
            if (!ok) {
                return false;
            }
        }
        return true;
    case JSON_ARRAY:
        json_array_foreach(v, i, item) {
            char *name = g_strdup_printf("%s.%zu", prefix, i);
            ok = opts_flatten(kv, name, item, depth + 1, errp);
            g_free(name);
            if (!ok) {
                return false;
            }
        }
        return true;
    case JSON_STRING:
        text = g_strdup(json_string_value(v));
        break;
    case JSON_INTEGER:
        text = g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL:
        error_set(errp, "option '%s' is %g, but options are whole numbers, texts, true or false", prefix, json_real_value(v));
        return false;
    case JSON_TRUE:
    case JSON_FALSE:
        text = g_strdup(json_is_true(v) ? "on" : "off");
        break;
    case JSON_NULL:
        text = g_strdup("");
        break;
    }
    keyval_set(kv, prefix, text);
    g_free(text);
    return true;
}

KeyVal *block_opts_from_json(const char *text, Error **errp)
{
    json_error_t err;
    json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, &err);
    if (!v) {
        error_set(errp, "the JSON options cannot be read: %s (at character %d of '%s')", err.text, err.position, text);
        return NULL;
    }
    KeyVal *kv = keyval_new();
    bool ok = json_is_object(v);
    if (!ok) {
        error_set(errp, "the JSON options '%s' are not an object", text);
        error_add_hint(errp, "Write {\"driver\": \"qcow2\", \"file\": {\"driver\": \"file\", \"filename\": \"disk.qcow2\"}}.");
    }
    ok = ok && opts_flatten(kv, "", v, 0, errp);
    json_decref(v);
    if (!ok) {
        keyval_free(kv);
        return NULL;
    }
    return kv;
}

KeyVal *block_opts_from_text(const char *text, Error **errp)
{
    return text[0] == '{' ? block_opts_from_json(text, errp) : keyval_parse(text, "driver", errp);
}
