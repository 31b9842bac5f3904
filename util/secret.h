/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets by id, as -object secret makes them: data= or file=, format=raw|base64.  Main thread. */
#ifndef UTIL_SECRET_H
#define UTIL_SECRET_H

#include "util/error.h"

struct KeyVal;

/* @kv: id, data or file, format.  Leftover keys are an error. */
bool secret_add(struct KeyVal *kv, Error **errp);
bool secret_remove(const char *id, Error **errp);
/* The bytes (not copied; valid until it is removed), zero-terminated behind @len. */
bool secret_get(const char *id, const uint8_t **data, size_t *len, Error **errp);
/* All of them, wiped. */
void secret_clear(void);

#endif
