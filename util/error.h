/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors that travel to whoever can tell the user.
 *
 * Contract: a function that can fail takes `Error **errp` as its last argument and
 * returns bool (true: done), a pointer (NULL: failed) or a negative int.  Only the
 * result tells success; *errp is set exactly when the function failed and errp was
 * not NULL.  A message says what failed, which file or value, and what would be
 * right; it has no final dot and no newline.  A hint (optional) is a whole sentence
 * that names the cure: a package, a flag, the nearest existing name.
 * Any thread; no locks.  Nobody but main() turns an error into an exit.
 */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

#include "util/osdep.h"

typedef struct Error Error;

/* Sets *errp (which must then be NULL) unless errp is NULL. */
void error_set(Error **errp, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* As error_set, with ": " and the text of @os_errno appended. */
void error_set_errno(Error **errp, int os_errno, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

/* Adds a sentence to the hint of *errp; no-op when errp or *errp is NULL. */
void error_add_hint(Error **errp, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Puts text before the message of *errp; no-op when errp or *errp is NULL. */
void error_prepend(Error **errp, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Hands @err over to @errp, or frees it when errp is NULL.  @err may be NULL. */
void error_propagate(Error **errp, Error *err);

const char *error_message(const Error *err);
const char *error_hint(const Error *err); /* NULL: none */
void error_free(Error *err);              /* NULL is fine */

/* Prints "PROGRAM: message" and the hint on stderr, then frees @err. */
void error_report_free(Error *err);

/* A message on stderr with the program's name before it; for main-thread code without an Error. */
void error_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
void warn_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
void info_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
void error_set_timestamps(bool on); /* -msg timestamp=on: each report begins with the time in UTC */

/*
 * The entry of @names (NULL-terminated) nearest to @word by edit distance, or NULL
 * when nothing is near enough to be what was meant.
 */
const char *suggest_nearest(const char *word, const char *const *names);

#endif
