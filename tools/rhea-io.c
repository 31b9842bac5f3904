/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-io: reads and writes images by commands, for tests and repairs; the words and outputs are those of qemu-io. */
#include "util/osdep.h"
#include "build/config.h"
#include "tools/io.h"
#include "util/keyval.h"
#include "util/secret.h"

static const ToolOption io_options[] = {
    { 0, "object", "OBJECTDEF", "a secret for encrypted images: secret,id=ID,file=FILE" },
    { 0, "image-opts", NULL, "the file name is a list of options" },
    { 'c', "cmd", "STRING", "a command to run; without any they are read from standard input" },
    { 'f', "format", "FMT", "format of the image; guessed when it is not said" },
    { 'r', "read-only", NULL, "open it read-only" },
    { 's', "snapshot", NULL, "writes go to a temporary file" },
    { 'n', "nocache", NULL, "as -t none" },
    { 'C', "copy-on-read", NULL, "accepted; reads are not copied" },
    { 'm', "misalign", NULL, "accepted; buffers may lie anywhere" },
    { 'k', "native-aio", NULL, "as -i native" },
    { 'i', "aio", "MODE", "threads, native or io_uring" },
    { 't', "cache", "MODE", "none, writeback, writethrough, directsync, unsafe" },
    { 'd', "discard", "MODE", "ignore or unmap" },
    { 'U', "force-share", NULL, "open it beside a running writer" },
    { 0, "dump-man", NULL, "print the man page" },
    { 0, "dump-completion", NULL, "print the completion for bash" },
    { 'h', "help", NULL, "print this" },
    { 'V', "version", NULL, "print the version" },
    { 0, NULL, NULL, NULL },
};

static const ToolCommand io_program = { "rhea-io", "[FILE]", "Reads and writes an image by commands; `help` lists them.",
                                        io_options, NULL };

/* ---- Commands ------------------------------------------------------------------------------------------------- */

static bool io_run_words(IoState *s, int argc, char **argv)
{
    const IoCommand *c = io_find(argv[0]);
    if (!c) {
        fprintf(stderr, "command \"%s\" not found\n", argv[0]);
        return false;
    }
    if (c->needs_image && !s->node) {
        fprintf(stderr, "no file open, try 'help open'\n");
        return false;
    }
    if (argc - 1 < c->min || (c->max >= 0 && argc - 1 > c->max)) {
        if (c->max == c->min) {
            fprintf(stderr, "bad argument count %d to %s, expected %d arguments\n", argc - 1, c->name, c->min);
        } else if (c->max < 0) {
            fprintf(stderr, "bad argument count %d to %s, expected at least %d arguments\n", argc - 1, c->name, c->min);
        } else {
            fprintf(stderr, "bad argument count %d to %s, expected between %d and %d arguments\n", argc - 1, c->name, c->min, c->max);
        }
        return false;
    }
    s->command = c;
    return c->run(s, argc, argv);
}

void io_run_line(IoState *s, const char *line)
{
    char **parts = g_strsplit_set(line, " \t\n", -1);
    GPtrArray *words = g_ptr_array_new();
    for (char **p = parts; *p; p++) {
        if (**p) {
            g_ptr_array_add(words, *p);
        }
    }
    int argc = (int)words->len;
    g_ptr_array_add(words, NULL);
    if (argc > 0) {
        s->failed |= !io_run_words(s, argc, (char **)words->pdata);
        fflush(stdout);
    }
    g_ptr_array_unref(words);
    g_strfreev(parts);
}

/* ---- The program -------------------------------------------------------------------------------------------------- */

static bool io_configure(IoState *s, const ToolArgs *a, Error **errp)
{
    const char *cache = tool_has(a, "n") ? "none" : tool_get(a, "t"), *aio = tool_has(a, "k") ? "native" : tool_get(a, "i");
    const char *discard = tool_get(a, "d");
    bool through;
    s->how = (BlockOpen){ .locking = true, .trust_probe = true, .readonly = tool_has(a, "r"), .force_share = tool_has(a, "U") };
    s->format = tool_get(a, "f");
    if (cache && !tool_cache_mode(cache, &s->how, &through, errp)) {
        return false;
    }
    s->how.discard = true;
    return (!aio || io_aio_mode(aio, &s->how, errp)) && (!discard || io_discard_mode(discard, &s->how, errp));
}

static void io_interactive(IoState *s)
{
    char *line = NULL;
    size_t room = 0;
    while (!s->quit) {
        printf("rhea-io> ");
        fflush(stdout);
        if (getline(&line, &room, stdin) < 0) {
            break;
        }
        io_run_line(s, line);
    }
    free(line);
}

static bool io_information(const ToolArgs *a)
{
    const ToolCommand *const one[] = { &io_program, NULL };
    if (tool_has(a, "h")) {
        printf("Usage: rhea-io [OPTIONS]... [-c STRING]... [file]\n");
        tool_print_syntax(one, stdout);
        printf("\nSee 'rhea-io -c help' for information on available commands.\n");
    } else if (tool_has(a, "V")) {
        printf("rhea-io version %s\n", RHEA_VERSION);
    } else if (tool_has(a, "dump-man")) {
        tool_print_man("rhea-io", "reads and writes disk images by commands", one, stdout);
        puts(".SH \"COMMANDS OF THE PROGRAM\"\n.nf");
        io_help(NULL);
        puts(".fi");
    } else if (tool_has(a, "dump-completion")) {
        tool_print_completion("rhea-io", one, stdout);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    Error *err = NULL;
    IoState s = { 0 };
    ToolArgs *a = tool_args_parse(&io_program, argc, argv);
    if (!a) {
        return 1;
    }
    if (io_information(a)) {
        tool_args_free(a);
        return 0;
    }
    bool ok = tool_objects(a, &err) && io_configure(&s, a, &err) &&
              (!tool_operands(a) || io_open(&s, tool_operand(a, 0), a, &err));
    if (!ok) {
        s.failed = true;
        tool_fail(1, err);
    } else if (tool_has(a, "c")) {
        for (unsigned i = 0; !s.quit && tool_get_nth(a, "c", i); i++) {
            io_run_line(&s, tool_get_nth(a, "c", i));
        }
    } else {
        io_interactive(&s);
    }
    io_aio_wait();
    io_close(&s);
    tool_args_free(a);
    secret_clear();
    return s.failed ? 1 : 0;
}
