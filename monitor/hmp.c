/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of the human monitor: words into typed arguments, `help`, completion.  Main thread, big lock. */
#include "util/osdep.h"
#include "monitor/monitor-int.h"

#include "block/drive.h"
#include "chardev/char.h"

const MonCommand *command_find(const MonCommand *table, const char *name)
{
    for (const MonCommand *c = table; c->name; c++) {
        if (!strcmp(c->name, name) || !g_strcmp0(c->alias, name)) {
            return c;
        }
    }
    return NULL;
}

static const MonValue *mon_value(const MonCall *call, const char *name)
{
    for (unsigned i = 0; call->cmd->args[i].kind != MON_END; i++) {
        if (!strcmp(call->cmd->args[i].name, name)) {
            return &call->values[i];
        }
    }
    return NULL;
}

const char *mon_text(const MonCall *call, const char *name)
{
    const MonValue *v = mon_value(call, name);
    return v && v->set ? v->text : NULL;
}

int64_t mon_int(const MonCall *call, const char *name, int64_t otherwise)
{
    const MonValue *v = mon_value(call, name);
    return v && v->set ? v->num : otherwise;
}

bool mon_flag(const MonCall *call, const char *name)
{
    const MonValue *v = mon_value(call, name);
    return v && v->set;
}

MonFmt mon_fmt(const MonCall *call)
{
    return mon_value(call, "fmt")->fmt;
}

Vcpu *mon_cpu(const MonCall *call, Error **errp)
{
    Vcpu *v = vcpu_get(*call->cpu);
    if (!v) {
        error_set(errp, "this machine has no CPU");
    }
    return v;
}

/* Parsing. */

static void hmp_skip_blanks(const char **text)
{
    while (**text == ' ' || **text == '\t') {
        (*text)++;
    }
}

/* A word, or a quoted string with \n \r \t \\ \" \'; newly allocated, NULL at the end of the line. */
static char *hmp_word(const char **text, Error **errp)
{
    hmp_skip_blanks(text);
    if (!**text) {
        return NULL;
    }
    GString *word = g_string_new(NULL);
    bool quoted = **text == '"';
    const char *p = *text + quoted;
    for (; *p && (quoted ? *p != '"' : *p != ' ' && *p != '\t'); p++) {
        if (quoted && *p == '\\' && p[1]) {
            static const char from[] = "nrt", to[] = "\n\r\t";
            const char *at = strchr(from, *++p);
            g_string_append_c(word, at ? to[at - from] : *p);
        } else {
            g_string_append_c(word, *p);
        }
    }
    if (quoted && *p++ != '"') {
        error_set(errp, "a string has no closing quote");
        g_string_free(word, TRUE);
        return NULL;
    }
    *text = p;
    return g_string_free(word, FALSE);
}

/* /[count][x|d|u|o|c|i|s][b|h|w|g]; what is not said is as it was for the last command of its kind. */
static bool hmp_fmt(const char **text, const MonCommand *cmd, MonFmt *fmt, Error **errp)
{
    static MonFmt last_dump = { 1, 4, 'x' };
    bool dump = cmd->name[0] == 'x', port = !strcmp(cmd->name, "i") || !strcmp(cmd->name, "o");
    MonFmt f = dump ? last_dump : (MonFmt){ 1, port ? 1 : 8, port ? 'x' : 'd' };
    f.count = 1;
    hmp_skip_blanks(text);
    const char *p = *text;
    if (*p != '/') {
        *fmt = f;
        return true;
    }
    p++;
    if (g_ascii_isdigit(*p)) {
        int64_t count = g_ascii_strtoll(p, (char **)&p, 10);
        f.count = (unsigned)CLAMP(count, 1, 65536);
    }
    for (; *p && *p != ' '; p++) {
        static const char sizes[] = "bhwg";
        const char *size = strchr(sizes, *p);
        if (strchr("xduoci", *p)) {
            f.format = *p;
        } else if (size || (port && *p == 'l')) {
            f.size = size ? 1u << (size - sizes) : 4;
        } else {
            error_set(errp, "invalid char in format: '%c'", *p);
            return false;
        }
    }
    *text = p;
    if (dump) {
        last_dump = f;
    }
    *fmt = f;
    return true;
}

static bool hmp_flag(const char **text, const MonArg *arg)
{
    hmp_skip_blanks(text);
    size_t len = strlen(arg->name);
    const char *p = *text;
    if (p[0] == '-' && !strncmp(p + 1, arg->name, len) && (p[1 + len] == ' ' || !p[1 + len])) {
        *text = p + 1 + len;
        return true;
    }
    return false;
}

static bool hmp_parse_arg(const char **text, MonCall *call, const MonArg *arg, MonValue *v, Error **errp)
{
    Error *err = NULL;
    hmp_skip_blanks(text);
    switch (arg->kind) {
    case MON_FLAG:
        v->set = hmp_flag(text, arg);
        return true;
    case MON_FMT:
        v->set = true;
        return hmp_fmt(text, call->cmd, &v->fmt, errp);
    case MON_INT:
        if (!**text && arg->optional) {
            return true;
        }
        v->set = true;
        return expr_parse(text, vcpu_get(*call->cpu), &v->num, errp);
    case MON_REST:
        v->text = **text ? g_strdup(*text) : NULL;
        *text += strlen(*text);
        break;
    default:
        v->text = hmp_word(text, &err);
        break;
    }
    v->set = v->text != NULL;
    if (err) {
        error_propagate(errp, err);
        return false;
    }
    if (!v->set && !arg->optional) {
        error_set(errp, "%s: %s expected", call->cmd->name, arg->name);
        return false;
    }
    return true;
}

static bool hmp_parse(const char *text, MonCall *call, Error **errp)
{
    for (unsigned i = 0; call->cmd->args[i].kind != MON_END; i++) {
        if (!hmp_parse_arg(&text, call, &call->cmd->args[i], &call->values[i], errp)) {
            return false;
        }
    }
    hmp_skip_blanks(&text);
    if (*text) {
        error_set(errp, "%s: extraneous characters at the end of line", call->cmd->name);
        return false;
    }
    return true;
}

/* Running. */

static void hmp_unknown(const MonCommand *table, const char *prefix, const char *name, GString *out)
{
    GPtrArray *names = g_ptr_array_new();
    for (const MonCommand *c = table; c->name; c++) {
        g_ptr_array_add(names, (char *)c->name);
    }
    if (!*prefix) {
        g_ptr_array_add(names, "help"); /* not in the table: it prints the table */
    }
    g_ptr_array_add(names, NULL);
    const char *near = suggest_nearest(name, (const char *const *)names->pdata);
    g_string_append_printf(out, "unknown command: '%s%s'\n", prefix, name);
    if (near) {
        g_string_append_printf(out, "Did you mean '%s%s'?\n", prefix, near);
    }
    g_ptr_array_unref(names);
}

static void hmp_print_error(Error *err, GString *out)
{
    g_string_append_printf(out, "Error: %s\n", error_message(err));
    if (error_hint(err)) {
        g_string_append_printf(out, "%s\n", error_hint(err));
    }
    error_free(err);
}

static void hmp_run(const char *prefix, const char *args, const MonCall *how, GString *out)
{
    const MonCommand *cmd = how->cmd;
    MonCall call = *how;
    Error *err = NULL;
    if (!hmp_parse(args, &call, &err)) {
        g_string_append_printf(out, "%s\nTry \"help %s%s\" for more information\n", error_message(err), prefix, cmd->name);
        error_free(err);
    } else if (!cmd->run(&call, out, &err)) {
        hmp_print_error(err, out);
    }
    for (unsigned i = 0; i < MON_MAX_ARGS; i++) {
        g_free(call.values[i].text);
    }
}

/* The command's name: letters up to a blank, or to '/' of a format ("x/4xb"). */
static char *hmp_name(const char **text)
{
    hmp_skip_blanks(text);
    size_t len = strcspn(*text, " \t/");
    char *name = g_strndup(*text, len);
    *text += len;
    return name;
}

static void hmp_help_one(const MonCommand *c, const char *prefix, GString *out)
{
    g_string_append_printf(out, "%s%s%s%s %s -- %s\n", prefix, c->name, c->alias ? "|" : "", c->alias ? c->alias : "",
                           c->params, c->help);
}

static void hmp_help_all(const MonCommand *table, const char *prefix, GString *out)
{
    for (const MonCommand *c = table; c->name; c++) {
        hmp_help_one(c, prefix, out);
    }
}

static void hmp_help(const char *text, GString *out)
{
    char *name = hmp_name(&text);
    bool info = !strcmp(name, "info");
    const MonCommand *table = info ? monitor_info_commands : monitor_commands;
    const char *prefix = info ? "info " : "";
    if (info) {
        g_free(name);
        name = hmp_name(&text);
    }
    const MonCommand *c = *name ? command_find(table, name) : NULL;
    if (c) {
        hmp_help_one(c, prefix, out);
    } else if (*name) {
        hmp_unknown(table, prefix, name, out);
    } else {
        hmp_help_all(table, prefix, out);
    }
    g_free(name);
}

void hmp_run_line(const char *line, unsigned *cpu, const GPtrArray *history, Monitor *session, GString *out)
{
    const MonCommand *table = monitor_commands;
    const char *prefix = "";
    char *name = hmp_name(&line);
    if (!strcmp(name, "info")) {
        g_free(name);
        name = hmp_name(&line);
        table = monitor_info_commands;
        prefix = "info ";
    }
    const MonCommand *cmd = command_find(table, name);
    if (!*name && *prefix) {
        hmp_help_all(table, prefix, out);
    } else if (!strcmp(name, "help") || !strcmp(name, "?")) {
        hmp_help(line, out);
    } else if (cmd) {
        hmp_run(prefix, line, &(MonCall){ .cmd = cmd, .cpu = cpu, .history = history, .session = session }, out);
    } else if (*name && *name != '#') {
        hmp_unknown(table, prefix, name, out);
    }
    g_free(name);
}

/* Completion. */

static void hmp_match(GPtrArray *matches, const char *word, const char *candidate)
{
    if (candidate && g_str_has_prefix(candidate, word)) {
        g_ptr_array_add(matches, g_strdup(candidate));
    }
}

static void hmp_match_table(GPtrArray *matches, const char *word, const MonCommand *table)
{
    for (const MonCommand *c = table; c->name; c++) {
        hmp_match(matches, word, c->name);
    }
}

typedef struct HmpMatch {
    GPtrArray *matches;
    const char *word;
} HmpMatch;

static void hmp_match_drive(void *opaque, Drive *d)
{
    HmpMatch *m = opaque;
    hmp_match(m->matches, m->word, d->id);
}

static void hmp_match_chardev(void *opaque, Chardev *c, bool frontend_open)
{
    HmpMatch *m = opaque;
    (void)frontend_open;
    hmp_match(m->matches, m->word, char_label(c));
}

static void hmp_match_arg(MonComplete what, GPtrArray *matches, const char *word)
{
    HmpMatch m = { matches, word };
    switch (what) {
    case MON_COMMAND: hmp_match_table(matches, word, monitor_commands); break;
    case MON_INFO: hmp_match_table(matches, word, monitor_info_commands); break;
    case MON_DRIVE: drive_each(hmp_match_drive, &m); break;
    case MON_CHARDEV: char_each(hmp_match_chardev, &m); break;
    default: break;
    }
}

/* The argument that the @n-th word (0: the first after the name) belongs to; flags are left out. */
static MonComplete hmp_arg_kind(const MonCommand *cmd, char **words, unsigned n)
{
    unsigned position = 0;
    for (unsigned i = 1; i <= n; i++) {
        position += words[i][0] != '-';
    }
    for (unsigned i = 0; cmd->args[i].kind != MON_END; i++) {
        if (cmd->args[i].kind != MON_FLAG && cmd->args[i].kind != MON_FMT && position-- == 0) {
            return cmd->args[i].complete;
        }
    }
    return MON_NOTHING;
}

void hmp_complete(const char *line, GPtrArray *matches)
{
    while (*line == ' ') {
        line++;
    }
    char **words = g_strsplit(line, " ", -1);
    unsigned n = MAX(g_strv_length(words), 1) - 1;
    const char *word = words[0] ? words[n] : "";
    const MonCommand *cmd = n ? command_find(monitor_commands, words[0]) : NULL;
    if (n == 0) {
        hmp_match_table(matches, word, monitor_commands);
        hmp_match(matches, word, "info");
        hmp_match(matches, word, "help");
    } else if (!strcmp(words[0], "info") && n == 1) {
        hmp_match_table(matches, word, monitor_info_commands);
    } else if (!strcmp(words[0], "help")) {
        hmp_match_table(matches, word, n == 2 ? monitor_info_commands : monitor_commands);
    } else if (cmd) {
        hmp_match_arg(hmp_arg_kind(cmd, words, n - 1), matches, word);
    }
    g_strfreev(words);
}
