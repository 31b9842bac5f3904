/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rhea-img and rhea-io share: commands as tables, their arguments, opening images, sizes as people write them, and
 * progress.  One thread calls; messages go to stderr, results to stdout.
 */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include "block/image.h"

/* A row ends a table when it has neither letter nor name. */
typedef struct ToolOption {
    char letter;      /* -f; 0: none */
    const char *name; /* --object; NULL: none.  The key of the option is its letter when it has one */
    const char *arg;  /* NULL: it is a flag */
    const char *help;
} ToolOption;

typedef struct ToolArgs ToolArgs;

typedef struct ToolCommand {
    const char *name, *operands, *help;
    const ToolOption *options;
    int (*run)(ToolArgs *a); /* exit status */
} ToolCommand;

/* Arguments of a command: options anywhere, "--" ends them.  NULL: wrong, and said so. */
ToolArgs *tool_args_parse(const ToolCommand *cmd, int argc, char **argv);
void tool_args_free(ToolArgs *a);
bool tool_has(const ToolArgs *a, const char *key);
const char *tool_get(const ToolArgs *a, const char *key); /* the last one given; NULL: none */
const char *tool_get_nth(const ToolArgs *a, const char *key, unsigned n); /* NULL: not so many */
/* The order of options given, for commands that act on it: the key of the n'th; NULL: not so many. */
const char *tool_key_nth(const ToolArgs *a, unsigned n, const char **value);
unsigned tool_operands(const ToolArgs *a);
const char *tool_operand(const ToolArgs *a, unsigned n);
const ToolCommand *tool_command(const ToolArgs *a);

/* Prints the error and returns @status. */
int tool_fail(int status, Error *err);
int tool_say(int status, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* As tool_say(1, ...), for a command line that is wrong: with a line that says where help is. */
int tool_usage(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
/* Warns about an image that was opened for writing without its format being said, and is thought to be raw. */
void tool_warn_guessed(const BlockNode *n, const char *name, const char *format, const BlockOpen *how);

/* -t, -T and -i: "none", "writeback", ...  @how is changed; @through: the cache is written through. */
bool tool_cache_mode(const char *mode, BlockOpen *how, bool *through, Error **errp);
/* Opens by -f and --image-opts as @a has them. */
BlockNode *tool_open(const ToolArgs *a, const char *name, const char *format, const BlockOpen *how, Error **errp);
/* --object: secrets. */
bool tool_objects(const ToolArgs *a, Error **errp);
/* "-o a=b,c=d" (several are joined), or NULL and *errp. Freed by the caller. */
struct KeyVal *tool_options(const ToolArgs *a, const char *key, Error **errp);
/* A driver by name with a hint when there is none. */
const BlockDriver *tool_driver(const char *name, Error **errp);
/* --output=: false when it is neither human nor json. */
bool tool_output_json(const ToolArgs *a, bool *json, Error **errp);

bool tool_is_zero(const void *buf, size_t len);
/* "1.5 GiB" as info prints it.  Newly allocated. */
char *tool_size_text(uint64_t size);
/* "10M"; false and *errp with @what in it. */
bool tool_parse_size(const char *what, const char *text, uint64_t *out, Error **errp);
void tool_print_json(struct json_t *v); /* and frees it */
/* BlockInfo.specific in words; NULL is fine. */
void tool_print_specific(struct json_t *specific);
/* The table of internal snapshots. */
void tool_print_snapshots(GPtrArray *list);

/* Progress on stdout: "    (42.00/100%)\r".  @on false: silent. */
typedef struct ToolProgress {
    bool on;
    double last;
} ToolProgress;
void tool_progress_start(ToolProgress *p, bool on);
void tool_progress_at(ToolProgress *p, uint64_t done, uint64_t total);
void tool_progress_end(ToolProgress *p);
BlockProgress tool_progress_hook(ToolProgress *p);

/* From the tables: help of all commands, man page in roff, bash completion. */
void tool_print_syntax(const ToolCommand *const *commands, FILE *f);
void tool_print_man(const char *program, const char *what, const ToolCommand *const *commands, FILE *f);
void tool_print_completion(const char *program, const ToolCommand *const *commands, FILE *f);

#endif
