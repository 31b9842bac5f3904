/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening images, numbers for people, progress: what the commands of both tools do alike. */
#include "util/osdep.h"
#include "tools/tool.h"
#include "util/keyval.h"
#include "util/secret.h"

#include <jansson.h>
#include <stdarg.h>
#include <time.h>

int tool_fail(int status, Error *err)
{
    fflush(stdout);
    error_report_free(err);
    return status;
}

int tool_say(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
    error_report("%s", text);
    g_free(text);
    return status;
}

int tool_usage(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    tool_say(1, "%s\nTry '%s --help' for more information", text, g_get_prgname());
    g_free(text);
    return 1;
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

bool tool_cache_mode(const char *mode, BlockOpen *how, bool *through, Error **errp)
{
    static const char *const modes[] = { "none", "writeback", "writethrough", "directsync", "unsafe", "off", NULL };
    unsigned i = 0;
    while (modes[i] && strcmp(modes[i], mode)) {
        i++;
    }
    if (!modes[i]) {
        error_set(errp, "Invalid cache mode '%s'", mode);
        error_add_hint(errp, "The modes are none, writeback, writethrough, directsync and unsafe.");
        return false;
    }
    how->direct = i == 0 || i == 3 || i == 5;
    how->no_flush = i == 4;
    *through = i == 2 || i == 3;
    return true;
}

void tool_warn_guessed(const BlockNode *n, const char *name, const char *format, const BlockOpen *how)
{
    if (!format && !how->readonly && !strcmp(block_node_driver(n), "raw") && !g_str_has_prefix(name, "json:")) {
        warn_report("the format of '%s' was not said and has been guessed to be raw: what is in it could make it look like another "
                    "one. Use -f raw.", name);
    }
}

BlockNode *tool_open(const ToolArgs *a, const char *name, const char *format, const BlockOpen *how, Error **errp)
{
    BlockNode *n = NULL;
    if (!tool_has(a, "image-opts")) {
        n = block_open(name, format, NULL, how, errp);
        if (n) {
            tool_warn_guessed(n, name, format, how);
        }
        return n;
    }
    if (format) {
        error_set(errp, "--image-opts and --format are mutually exclusive");
        error_add_hint(errp, "Write driver=%s into the options.", format);
        return NULL;
    }
    KeyVal *kv = name[0] == '{' ? block_opts_from_json(name, errp) : keyval_parse(name, NULL, errp);
    n = kv ? block_open_opts(kv, how, errp) : NULL;
    keyval_free(kv);
    return n;
}

bool tool_objects(const ToolArgs *a, Error **errp)
{
    const char *text;
    for (unsigned i = 0; (text = tool_get_nth(a, "object", i)); i++) {
        KeyVal *kv = text[0] == '{' ? block_opts_from_json(text, errp) : keyval_parse(text, "qom-type", errp);
        const char *type = kv ? keyval_get(kv, "qom-type") : NULL;
        bool ok = type && !strcmp(type, "secret") && secret_add(kv, errp);
        if (kv && !(type && !strcmp(type, "secret"))) {
            error_set(errp, "--object %s: only objects of type secret are of use here", text);
        }
        keyval_free(kv);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool tool_copy_option(void *opaque, const char *key, const char *value, Error **errp)
{
    (void)errp;
    keyval_set(opaque, key, value);
    return true;
}

KeyVal *tool_options(const ToolArgs *a, const char *key, Error **errp)
{
    KeyVal *all = keyval_new();
    const char *text;
    for (unsigned i = 0; (text = tool_get_nth(a, key, i)); i++) {
        KeyVal *kv = keyval_parse(text, NULL, errp);
        if (!kv) {
            keyval_free(all);
            return NULL;
        }
        keyval_each(kv, tool_copy_option, all, NULL);
        keyval_free(kv);
    }
    return all;
}

const BlockDriver *tool_driver(const char *name, Error **errp)
{
    const BlockDriver *drv = block_driver_find(name);
    if (!drv) {
        GPtrArray *names = g_ptr_array_new();
        for (const BlockDriver *d = block_driver_next(NULL); d; d = block_driver_next(d)) {
            g_ptr_array_add(names, (void *)block_driver_name(d));
        }
        g_ptr_array_add(names, NULL);
        const char *near = suggest_nearest(name, (const char *const *)names->pdata);
        error_set(errp, "Unknown file format '%s'", name);
        if (near) {
            error_add_hint(errp, "Did you mean '%s'?", near);
        }
        g_ptr_array_unref(names);
    }
    return drv;
}

bool tool_output_json(const ToolArgs *a, bool *json, Error **errp)
{
    const char *text = tool_get(a, "output");
    *json = text && !strcmp(text, "json");
    if (text && !*json && strcmp(text, "human")) {
        error_set(errp, "--output must be used with human or json as argument.");
        return false;
    }
    return true;
}

bool tool_is_zero(const void *buf, size_t len)
{
    const uint8_t *p = buf;
    return len == 0 || (p[0] == 0 && p[len - 1] == 0 && p[len / 2] == 0 && !memcmp(p, p + 1, len - 1));
}

/* ---- For people ------------------------------------------------------------------------------------------------ */

char *tool_size_text(uint64_t size)
{
    static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
    double v = (double)size;
    unsigned i = 0;
    while (v >= 1000 && i + 1 < G_N_ELEMENTS(units)) {
        v /= 1024;
        i++;
    }
    return g_strdup_printf("%.3g %sB", v, units[i]);
}

bool tool_parse_size(const char *what, const char *text, uint64_t *out, Error **errp)
{
    if (!parse_size(what, text, 1, out, errp)) {
        return false;
    }
    if (*out > INT64_MAX) {
        error_set(errp, "%s %s is too large: at most 8E - 1", what, text);
        return false;
    }
    return true;
}

void tool_print_json(json_t *v)
{
    char *text = json_dumps(v, JSON_INDENT(4) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    puts(text ? text : "null");
    free(text);
    json_decref(v);
}

void tool_print_snapshots(GPtrArray *list)
{
    printf("Snapshot list:\n%-10s%-17s%8s%20s%13s%11s\n", "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT");
    for (unsigned i = 0; i < list->len; i++) {
        const BlockSnapshot *s = list->pdata[i];
        char *size = tool_size_text(s->vm_state_size), date[32], clock[32], icount[24] = "";
        time_t t = s->date_sec;
        struct tm tm;
        localtime_r(&t, &tm);
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
        uint64_t secs = s->vm_clock_nsec / 1000000000;
        snprintf(clock, sizeof(clock), "%02u:%02u:%02u.%03u", (unsigned)(secs / 3600), (unsigned)(secs / 60 % 60), (unsigned)(secs % 60),
                 (unsigned)(s->vm_clock_nsec / 1000000 % 1000));
        if (s->icount != UINT64_MAX) {
            snprintf(icount, sizeof(icount), "%" PRIu64, s->icount);
        }
        printf("%-9s %-16s %8s%20s%13s%11s\n", s->id, s->name, size, date, clock, icount);
        g_free(size);
    }
}

static void tool_print_value(unsigned depth, json_t *v);

static void tool_print_named(unsigned depth, const char *name, json_t *v)
{
    bool compound = json_is_object(v) || json_is_array(v);
    printf("%*s", (int)depth * 4, "");
    for (const char *p = name; *p; p++) {
        putchar(*p == '-' ? ' ' : *p);
    }
    printf(":%s", compound ? "\n" : " ");
    tool_print_value(depth + 1, v);
    if (!compound) {
        putchar('\n');
    }
}

static void tool_print_value(unsigned depth, json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;
    char name[24];
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        json_object_foreach(v, key, item) {
            tool_print_named(depth, key, item);
        }
        break;
    case JSON_ARRAY:
        json_array_foreach(v, i, item) {
            snprintf(name, sizeof(name), "[%zu]", i);
            tool_print_named(depth, name, item);
        }
        break;
    case JSON_STRING:
        printf("%s", json_string_value(v));
        break;
    case JSON_INTEGER:
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    default:
        printf("%s", json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
        break;
    }
}

void tool_print_specific(json_t *specific)
{
    json_t *data = specific ? json_object_get(specific, "data") : NULL;
    if (data && json_object_size(data)) {
        puts("Format specific information:");
        tool_print_value(1, data);
    }
}

/* ---- Progress -------------------------------------------------------------------------------------------------- */

void tool_progress_start(ToolProgress *p, bool on)
{
    *p = (ToolProgress){ .on = on, .last = -1 };
    tool_progress_at(p, 0, 1);
}

void tool_progress_at(ToolProgress *p, uint64_t done, uint64_t total)
{
    double now = total ? (double)done * 100 / (double)total : 100;
    if (p->on && (now >= p->last + 1 || (now >= 100 && p->last < 100))) {
        p->last = now;
        printf("    (%3.2f/100%%)\r", now);
        fflush(stdout);
    }
}

void tool_progress_end(ToolProgress *p)
{
    tool_progress_at(p, 1, 1);
    if (p->on) {
        putchar('\n');
    }
}

static bool tool_progress_step(void *opaque, uint64_t done, uint64_t total)
{
    tool_progress_at(opaque, done, total);
    return true;
}

BlockProgress tool_progress_hook(ToolProgress *p)
{
    return (BlockProgress){ tool_progress_step, p };
}
