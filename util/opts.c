/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options from a table: parsing, -help, and the dump that the man page and shell completion are made of. */
#include "util/osdep.h"
#include "util/opts.h"

enum { OPTS_HELP_COLUMN = 16, OPTS_WIDTH = 80 };

static const Option *opts_find(const Option *table, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(table[i].name, name)) {
            return &table[i];
        }
    }
    return NULL;
}

static void opts_unknown(const Option *table, size_t n, const char *word, const char *name, Error **errp)
{
    const char **names = g_new0(const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        names[i] = table[i].name;
    }
    const char *nearest = suggest_nearest(name, names);
    error_set(errp, "unknown option '%s'", word);
    if (nearest) {
        error_add_hint(errp, "Did you mean '-%s'?", nearest);
    }
    error_add_hint(errp, "-help lists all options.");
    g_free(names);
}

bool opts_parse(const Option *table, size_t n, int argc, char **argv, void *config,
                bool (*positional)(void *config, const char *word, Error **errp), Error **errp)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || word[1] == '\0') {
            if (!positional(config, word, errp)) {
                return false;
            }
            continue;
        }
        const char *name = word + (word[1] == '-' ? 2 : 1);
        const Option *o = opts_find(table, n, name);
        if (!o) {
            opts_unknown(table, n, word, name, errp);
            return false;
        }
        const char *value = NULL;
        if (o->arg) {
            if (i + 1 >= argc) {
                error_set(errp, "option '%s' needs an argument: %s", word, o->arg);
                return false;
            }
            value = argv[++i];
        }
        Error *err = NULL;
        if (!o->handle(config, value, &err)) {
            if (value) {
                error_prepend(&err, "%s %s: ", word, value);
            } else {
                error_prepend(&err, "%s: ", word);
            }
            error_propagate(errp, err);
            return false;
        }
    }
    return true;
}

/* Prints @text from column OPTS_HELP_COLUMN on, broken at blanks; its own line breaks are kept. */
static void opts_print_wrapped(const char *text, FILE *f)
{
    char **lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        const char *p = *line;
        if (line != lines) {
            fprintf(f, "%*s", OPTS_HELP_COLUMN, "");
        }
        size_t room = OPTS_WIDTH - OPTS_HELP_COLUMN;
        while (strlen(p) > room) {
            size_t cut = room;
            while (cut > 0 && p[cut] != ' ') {
                cut--;
            }
            if (cut == 0) {
                cut = strcspn(p, " ");
            }
            fprintf(f, "%.*s\n", (int)cut, p);
            p += cut;
            p += strspn(p, " ");
            if (!*p) {
                break;
            }
            fprintf(f, "%*s", OPTS_HELP_COLUMN, "");
        }
        if (*p || p == *line) {
            fprintf(f, "%s\n", p);
        }
    }
    g_strfreev(lines);
}

static void opts_print_option(const Option *o, FILE *f)
{
    int used = fprintf(f, "-%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    if (used >= OPTS_HELP_COLUMN) {
        fputc('\n', f);
        used = 0;
    }
    fprintf(f, "%*s", OPTS_HELP_COLUMN - used, "");
    opts_print_wrapped(o->help ? o->help : "", f);
}

/* Was the section of row @i already met in a row before it? */
static bool opts_section_seen(const Option *table, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (!g_strcmp0(table[j].section, table[i].section)) {
            return true;
        }
    }
    return false;
}

void opts_print_help(const Option *table, size_t n, FILE *f)
{
    for (size_t i = 0; i < n; i++) {
        if (opts_section_seen(table, i)) {
            continue;
        }
        fprintf(f, "%s%s:\n", i ? "\n" : "", table[i].section ? table[i].section : "Options");
        for (size_t j = i; j < n; j++) {
            if (!g_strcmp0(table[j].section, table[i].section)) {
                opts_print_option(&table[j], f);
            }
        }
    }
}

void opts_dump(const Option *table, size_t n, FILE *f)
{
    for (size_t i = 0; i < n; i++) {
        const Option *o = &table[i];
        char **lines = g_strsplit(o->help ? o->help : "", "\n", -1);
        char *help = g_strjoinv(" ", lines);
        fprintf(f, "%s\t%s\t%s\t%s\n", o->name, o->arg ? o->arg : "", help, o->section ? o->section : "");
        g_free(help);
        g_strfreev(lines);
    }
}
