/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `key=value,key=value` arguments and the values in them.  A comma is doubled to stand in
 * a value; a first part without '=' is the value of the implied key when there is one; a
 * later `flag` means flag=on, `noflag` stays a key of its own.  Main thread.
 */
#ifndef UTIL_KEYVAL_H
#define UTIL_KEYVAL_H

#include "util/error.h"

/* An ordered list of pairs.  Consumed keys are marked, so that leftovers can be reported. */
typedef struct KeyVal KeyVal;

KeyVal *keyval_parse(const char *text, const char *implied_key, Error **errp);
KeyVal *keyval_new(void);
void keyval_free(KeyVal *kv);
void keyval_set(KeyVal *kv, const char *key, const char *value); /* adds or replaces */

/* All pairs whose keys begin with @prefix, without it, as a list of their own; marks them as used. */
KeyVal *keyval_take_prefix(KeyVal *kv, const char *prefix);
/* All pairs that nobody has used, as a list of their own; marks them as used. */
KeyVal *keyval_take_rest(KeyVal *kv);
bool keyval_empty(const KeyVal *kv);

bool keyval_has(const KeyVal *kv, const char *key);
/* The last value given for @key and marks it as used; NULL when absent. */
const char *keyval_get(KeyVal *kv, const char *key);
/* Typed getters: absent keys leave *out alone and succeed. */
bool keyval_get_bool(KeyVal *kv, const char *key, bool *out, Error **errp);
bool keyval_get_uint(KeyVal *kv, const char *key, uint64_t min, uint64_t max, uint64_t *out, Error **errp);
bool keyval_get_size(KeyVal *kv, const char *key, uint64_t *out, Error **errp);
/* Unused keys are an error that names the nearest of @known (NULL-terminated). */
bool keyval_finish(KeyVal *kv, const char *what, const char *const *known, Error **errp);
/* Visits all pairs in order (those already used as well); stops when @fn returns false, and returns that. */
bool keyval_each(KeyVal *kv, bool (*fn)(void *opaque, const char *key, const char *value, Error **errp),
                 void *opaque, Error **errp);

/* Values.  @what names the option in messages. */
bool parse_bool(const char *what, const char *text, bool *out, Error **errp); /* on/off yes/no true/false */
bool parse_uint(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *out, Error **errp);
/* "512", "64k", "1.5G", "2T" (powers of 1024); @unit scales a bare number (MiB for -m). */
bool parse_size(const char *what, const char *text, uint64_t unit, uint64_t *out, Error **errp);

#endif
