/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files that open and make images: options, file names and drivers.  Main thread. */
#ifndef BLOCK_OPTS_INT_H
#define BLOCK_OPTS_INT_H

#include "block/block-int.h"

/* As block_opts_parse, but leftovers are left to block_opts_finish, which is given all tables that apply (NULL-terminated). */
BlockOpts *block_opts_take(const BlockOpt *table, KeyVal *kv, Error **errp);
bool block_opts_finish(KeyVal *kv, const char *what, const BlockOpt *const *tables, Error **errp);
KeyVal *block_opts_keyval(const BlockOpts *o);

/* filename.c: the protocol driver that @filename is of (host_device for devices), NULL and *errp when it is not known. */
const BlockDriver *block_filename_protocol(const char *filename, Error **errp);
/* Puts what @filename says into @kv, below @prefix ("file." or ""): driver and, say, filename. */
bool block_filename_parse(const char *filename, const char *prefix, KeyVal *kv, Error **errp);
/* Has it "PROTOCOL:" before it? */
bool block_filename_has_protocol(const char *filename);

#endif
