/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of rhea-io: one line each, as qemu-io has them.  The main thread runs them; aio_* requests run in threads of their own. */
#ifndef TOOLS_IO_H
#define TOOLS_IO_H

#include "tools/tool.h"

typedef struct IoState {
    BlockNode *node; /* NULL: none is open */
    bool quit, failed;
    BlockOpen how;
    const char *format;
    const struct IoCommand *command; /* the one that runs */
} IoState;

typedef struct IoCommand {
    const char *name, *alias; /* alias may be NULL */
    const char *flags;        /* for getopt; NULL: it has none */
    const char *args, *help;  /* "[-q] off len"; NULL: none */
    int min, max;             /* arguments; max -1: any number */
    bool needs_image;
    bool (*run)(IoState *s, int argc, char **argv); /* false: failed, and said so */
} IoCommand;

extern const IoCommand io_commands_data[], io_commands_image[]; /* end with a NULL name */

/* The command's line of help; false, for a command that was used wrongly. */
bool io_usage(const IoState *s);
/* The page about a command: its flags and an example, or about all (NULL: the list). */
bool io_help(const char *name);
const IoCommand *io_find(const char *name);
/* "help" and "quit" beside the tables; ends with a NULL name. */
extern const IoCommand io_commands_own[];
/* Runs one line; what is wrong is printed and noted in s->failed. */
void io_run_line(IoState *s, const char *line);
bool io_open(IoState *s, const char *name, const ToolArgs *a, Error **errp);
void io_close(IoState *s);
void io_aio_wait(void); /* until no aio_* request is in flight */
unsigned io_aio_flying(void);

/* -i and -d: what is not one of them is an error. */
bool io_aio_mode(const char *mode, BlockOpen *how, Error **errp);
bool io_discard_mode(const char *mode, BlockOpen *how, Error **errp);

/* "4 KiB", "1.500 KiB", "64 bytes" */
void io_size_text(double value, char *out, size_t len);
/* A size or number; says what is wrong with it. */
bool io_number(const char *text, uint64_t *out);

#endif
