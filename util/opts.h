/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine behind the option tables: one row per option gives parser, -help, man page
 * and shell completion.  Main thread, start-up only.
 */
#ifndef UTIL_OPTS_H
#define UTIL_OPTS_H

#include "util/error.h"

typedef struct Option {
    const char *name;    /* without the dash: "hda" */
    const char *arg;     /* "FILE", or NULL when it takes none */
    const char *help;    /* one or more lines for -help and the man page */
    const char *section; /* heading in -help: "Block devices" */
    /* @value is NULL when the option takes no argument. */
    bool (*handle)(void *config, const char *value, Error **errp);
} Option;

/*
 * Parses argv (argv[0] skipped).  `-name` and `--name` are the same.  A word that is no option
 * goes to @positional.  Unknown options name the nearest existing one.  Stops at the first error.
 */
bool opts_parse(const Option *table, size_t n, int argc, char **argv, void *config,
                bool (*positional)(void *config, const char *word, Error **errp), Error **errp);
void opts_print_help(const Option *table, size_t n, FILE *f);
/* One row per option, tab-separated: name, argument, help, section.  For the man page and completion. */
void opts_dump(const Option *table, size_t n, FILE *f);

#endif
