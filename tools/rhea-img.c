/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-img: makes, looks at, checks and changes disk images; the words and outputs are those of qemu-img. */
#include "util/osdep.h"
#include "build/config.h"
#include "tools/img.h"
#include "util/keyval.h"
#include "util/secret.h"

static const ToolCommand *const commands[] = {
    &img_amend, &img_bench, &img_bitmap, &img_check, &img_commit, &img_compare, &img_convert, &img_create, &img_dd, &img_info,
    &img_map, &img_measure, &img_snapshot, &img_rebase, &img_resize, NULL,
};

static void print_help(void)
{
    printf("rhea-img version %s\nusage: rhea-img [-h|-V] command [command options]\nThe disk image tool of Rhea\n\n"
           "    '-h', '--help'       display this help and exit\n"
           "    '-V', '--version'    output version information and exit\n\nCommand syntax:\n", RHEA_VERSION);
    tool_print_syntax(commands, stdout);
    printf("\n`rhea-img COMMAND --help` explains the options of one command.\n"
           "Sizes are bytes, or have k, M, G, T, P or E behind them (powers of 1024).\n\nSupported formats:");
    for (const BlockDriver *d = block_driver_next(NULL); d; d = block_driver_next(d)) {
        printf(" %s", block_driver_name(d));
    }
    putchar('\n');
}

static void print_command_help(const ToolCommand *c)
{
    const ToolCommand *const one[] = { c, NULL };
    printf("usage: rhea-img\n");
    tool_print_syntax(one, stdout);
    printf("\n%s\n\n", c->help);
    for (const ToolOption *o = c->options; o->letter || o->name; o++) {
        char letter[4] = "", name[64] = "";
        if (o->letter) {
            snprintf(letter, sizeof(letter), "-%c", o->letter);
        }
        snprintf(name, sizeof(name), "%s%s%s%s", o->letter && o->name ? ", " : "", o->name ? "--" : "", o->name ? o->name : "",
                 o->arg ? " " : "");
        printf("  %s%s%s\n      %s\n", letter, name, o->arg ? o->arg : "", o->help);
    }
}

static int run_command(const ToolCommand *c, int argc, char **argv)
{
    Error *err = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
            print_command_help(c);
            return 0;
        }
    }
    ToolArgs *a = tool_args_parse(c, argc, argv);
    int status = 1;
    if (a) {
        status = tool_objects(a, &err) ? c->run(a) : tool_fail(status, err);
        tool_args_free(a);
    }
    secret_clear();
    return status;
}

static int command_not_found(const char *name)
{
    GPtrArray *names = g_ptr_array_new();
    for (const ToolCommand *const *p = commands; *p; p++) {
        g_ptr_array_add(names, (void *)(*p)->name);
    }
    g_ptr_array_add(names, NULL);
    const char *near = suggest_nearest(name, (const char *const *)names->pdata);
    Error *err = NULL;
    error_set(&err, "Command not found: %s", name);
    if (near) {
        error_add_hint(&err, "Did you mean '%s'?", near);
    }
    error_add_hint(&err, "Try 'rhea-img --help' for more information");
    g_ptr_array_unref(names);
    return tool_fail(1, err);
}

int main(int argc, char **argv)
{
    g_set_prgname("rhea-img");
    const char *name = argc > 1 ? argv[1] : "";
    for (const ToolCommand *const *p = commands; *p; p++) {
        if (!strcmp((*p)->name, name)) {
            return run_command(*p, argc - 1, argv + 1);
        }
    }
    if (!strcmp(name, "-h") || !strcmp(name, "--help") || !strcmp(name, "help")) {
        print_help();
        return 0;
    }
    if (!strcmp(name, "-V") || !strcmp(name, "--version")) {
        printf("rhea-img version %s\n", RHEA_VERSION);
        return 0;
    }
    if (!strcmp(name, "--dump-man")) {
        tool_print_man("rhea-img", "the disk image tool of Rhea", commands, stdout);
        return 0;
    }
    if (!strcmp(name, "--dump-completion")) {
        tool_print_completion("rhea-img", commands, stdout);
        return 0;
    }
    if (!*name) {
        return tool_usage("Not enough arguments");
    }
    return command_not_found(name);
}
