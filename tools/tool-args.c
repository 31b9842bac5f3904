/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments of commands by their tables, and what is printed from the tables. */
#include "util/osdep.h"
#include "tools/tool.h"

typedef struct ToolGiven {
    char key[32];
    const char *value; /* NULL: a flag */
} ToolGiven;

struct ToolArgs {
    const ToolCommand *cmd;
    GArray *given; /* ToolGiven, in order */
    GPtrArray *operands;
};

static const ToolOption *args_find(const ToolCommand *cmd, char letter, const char *name, size_t len)
{
    for (const ToolOption *o = cmd->options; o->letter || o->name; o++) {
        if (letter ? o->letter == letter : o->name && strlen(o->name) == len && !strncmp(o->name, name, len)) {
            return o;
        }
    }
    return NULL;
}

static void args_add(ToolArgs *a, const ToolOption *o, const char *value)
{
    ToolGiven g = { .value = value };
    if (o->letter) {
        g.key[0] = o->letter;
    } else {
        g_strlcpy(g.key, o->name, sizeof(g.key));
    }
    g_array_append_val(a->given, g);
}

static bool args_long(ToolArgs *a, char **argv, int *i, int argc)
{
    const char *name = argv[*i] + 2, *equals = strchr(name, '=');
    const ToolOption *o = args_find(a->cmd, 0, name, equals ? (size_t)(equals - name) : strlen(name));
    if (!o) {
        GPtrArray *names = g_ptr_array_new();
        for (o = a->cmd->options; o->letter || o->name; o++) {
            if (o->name) {
                g_ptr_array_add(names, (void *)o->name);
            }
        }
        g_ptr_array_add(names, NULL);
        const char *near = suggest_nearest(name, (const char *const *)names->pdata);
        tool_usage("%s has no option '%s'%s%s", a->cmd->name, argv[*i], near ? "; did you mean --" : "", near ? near : "");
        g_ptr_array_unref(names);
        return false;
    }
    if (!o->arg && equals) {
        tool_usage("option --%s takes no value", o->name);
        return false;
    }
    if (o->arg && !equals && *i + 1 >= argc) {
        tool_usage("option --%s needs a value: %s", o->name, o->arg);
        return false;
    }
    args_add(a, o, !o->arg ? NULL : equals ? equals + 1 : argv[++*i]);
    return true;
}

static bool args_short(ToolArgs *a, char **argv, int *i, int argc)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        const ToolOption *o = args_find(a->cmd, *p, NULL, 0);
        if (!o) {
            tool_usage("%s has no option '-%c'", a->cmd->name, *p);
            return false;
        }
        if (!o->arg) {
            args_add(a, o, NULL);
        } else if (p[1]) {
            args_add(a, o, p + 1);
            return true;
        } else if (*i + 1 < argc) {
            args_add(a, o, argv[++*i]);
            return true;
        } else {
            tool_usage("option -%c needs a value: %s", *p, o->arg);
            return false;
        }
    }
    return true;
}

ToolArgs *tool_args_parse(const ToolCommand *cmd, int argc, char **argv)
{
    ToolArgs *a = g_new0(ToolArgs, 1);
    a->cmd = cmd;
    a->given = g_array_new(FALSE, TRUE, sizeof(ToolGiven));
    a->operands = g_ptr_array_new();
    bool ok = true, only_operands = false;
    for (int i = 1; i < argc && ok; i++) {
        const char *w = argv[i];
        if (only_operands || w[0] != '-' || !w[1] || g_ascii_isdigit(w[1])) {
            g_ptr_array_add(a->operands, argv[i]); /* "-5M" is a size */
        } else if (!strcmp(w, "--")) {
            only_operands = true;
        } else if (w[1] == '-') {
            ok = args_long(a, argv, &i, argc);
        } else {
            ok = args_short(a, argv, &i, argc);
        }
    }
    if (!ok) {
        tool_args_free(a);
        return NULL;
    }
    return a;
}

void tool_args_free(ToolArgs *a)
{
    if (a) {
        g_array_unref(a->given);
        g_ptr_array_unref(a->operands);
        g_free(a);
    }
}

const char *tool_key_nth(const ToolArgs *a, unsigned n, const char **value)
{
    if (n >= a->given->len) {
        return NULL;
    }
    const ToolGiven *g = &g_array_index(a->given, ToolGiven, n);
    *value = g->value;
    return g->key;
}

static const ToolGiven *args_given(const ToolArgs *a, const char *key, unsigned n)
{
    for (unsigned i = 0; i < a->given->len; i++) {
        const ToolGiven *g = &g_array_index(a->given, ToolGiven, i);
        if (!strcmp(g->key, key) && n-- == 0) {
            return g;
        }
    }
    return NULL;
}

bool tool_has(const ToolArgs *a, const char *key)
{
    return args_given(a, key, 0) != NULL;
}

const char *tool_get_nth(const ToolArgs *a, const char *key, unsigned n)
{
    const ToolGiven *g = args_given(a, key, n);
    return g ? g->value : NULL;
}

const char *tool_get(const ToolArgs *a, const char *key)
{
    const char *value = NULL, *next;
    for (unsigned n = 0; (next = tool_get_nth(a, key, n)); n++) {
        value = next;
    }
    return value;
}

unsigned tool_operands(const ToolArgs *a)
{
    return a->operands->len;
}

const char *tool_operand(const ToolArgs *a, unsigned n)
{
    return n < a->operands->len ? a->operands->pdata[n] : NULL;
}

const ToolCommand *tool_command(const ToolArgs *a)
{
    return a->cmd;
}

/* ---- From the tables -------------------------------------------------------------------------------------------- */

static char *args_option_text(const ToolOption *o)
{
    char letter[3] = { '-', o->letter, 0 };
    if (!o->letter) {
        return o->arg ? g_strdup_printf("--%s=%s", o->name, o->arg) : g_strdup_printf("--%s", o->name);
    }
    return o->arg ? g_strdup_printf("%s %s", letter, o->arg) : g_strdup(letter);
}

void tool_print_syntax(const ToolCommand *const *commands, FILE *f)
{
    for (; *commands; commands++) {
        const ToolCommand *c = *commands;
        fprintf(f, "  %s", c->name);
        for (const ToolOption *o = c->options; o->letter || o->name; o++) {
            char *text = args_option_text(o);
            fprintf(f, " [%s]", text);
            g_free(text);
        }
        fprintf(f, " %s\n", c->operands);
    }
}

/* Text for roff: a dash is a minus, a backslash is escaped. */
static void args_roff(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\') {
            fputc('\\', f);
        }
        fputc(*text, f);
    }
}

void tool_print_man(const char *program, const char *what, const ToolCommand *const *commands, FILE *f)
{
    fprintf(f, ".TH %s 1\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B %s\n.I command\n[options] operands\n.SH COMMANDS\n", program, program,
            what, program);
    for (; *commands; commands++) {
        const ToolCommand *c = *commands;
        fprintf(f, ".SS \"%s %s\"\n", c->name, c->operands);
        args_roff(f, c->help);
        fputc('\n', f);
        for (const ToolOption *o = c->options; o->letter || o->name; o++) {
            fprintf(f, ".TP\n.B ");
            if (o->letter) {
                fprintf(f, "\\-%c", o->letter);
            }
            if (o->name) {
                fprintf(f, "%s\\-\\-", o->letter ? ", " : "");
                args_roff(f, o->name);
            }
            fprintf(f, "%s%s\n", o->arg ? " " : "", o->arg ? o->arg : "");
            args_roff(f, o->help);
            fputc('\n', f);
        }
    }
}

void tool_print_completion(const char *program, const ToolCommand *const *commands, FILE *f)
{
    fprintf(f, "# bash completion of %s, made from its tables\n_%s() {\n"
            "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n    case ${COMP_WORDS[1]} in\n",
            program, strchr(program, '-') + 1);
    for (const ToolCommand *const *p = commands; *p; p++) {
        fprintf(f, "    %s) words=\"", (*p)->name);
        for (const ToolOption *o = (*p)->options; o->letter || o->name; o++) {
            if (o->letter) {
                fprintf(f, "-%c ", o->letter);
            }
            if (o->name) {
                fprintf(f, "--%s%s ", o->name, o->arg ? "=" : "");
            }
        }
        fprintf(f, "\" ;;\n");
    }
    fprintf(f, "    esac\n    if [ \"$COMP_CWORD\" = 1 ]; then\n        words=\"");
    for (const ToolCommand *const *p = commands; *p; p++) {
        fprintf(f, "%s ", (*p)->name);
    }
    fprintf(f, "\"\n    elif case $prev in -f|-F|-O) true ;; *) false ;; esac; then\n        words=\"");
    for (const BlockDriver *d = block_driver_next(NULL); d; d = block_driver_next(d)) {
        fprintf(f, "%s ", block_driver_name(d));
    }
    fprintf(f, "\"\n    elif case $cur in -*) false ;; *) true ;; esac; then\n"
            "        COMPREPLY=($(compgen -f -- \"$cur\"))\n        return\n    fi\n"
            "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o filenames -F _%s %s\n",
            strchr(program, '-') + 1, program);
}
