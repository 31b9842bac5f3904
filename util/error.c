/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error objects, messages on stderr, and the nearest name to a mistyped one.  Any thread, no locks. */
#include "util/osdep.h"
#include "util/error.h"

#include <stdarg.h>

struct Error {
    char *message;
    char *hint; /* NULL: none */
};

static Error *error_new(char *message)
{
    Error *err = g_new0(Error, 1);
    err->message = message;
    return err;
}

void error_set(Error **errp, const char *fmt, ...)
{
    if (!errp) {
        return;
    }
    assert(!*errp);
    va_list ap;
    va_start(ap, fmt);
    *errp = error_new(g_strdup_vprintf(fmt, ap));
    va_end(ap);
}

void error_set_errno(Error **errp, int os_errno, const char *fmt, ...)
{
    if (!errp) {
        return;
    }
    assert(!*errp);
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    *errp = error_new(g_strdup_printf("%s: %s", text, g_strerror(os_errno)));
    g_free(text);
}

void error_add_hint(Error **errp, const char *fmt, ...)
{
    if (!errp || !*errp) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    Error *err = *errp;
    if (err->hint) {
        char *both = g_strdup_printf("%s %s", err->hint, text);
        g_free(err->hint);
        g_free(text);
        text = both;
    }
    err->hint = text;
}

void error_prepend(Error **errp, const char *fmt, ...)
{
    if (!errp || !*errp) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    Error *err = *errp;
    char *both = g_strconcat(text, err->message, NULL);
    g_free(err->message);
    g_free(text);
    err->message = both;
}

void error_propagate(Error **errp, Error *err)
{
    if (!err) {
        return;
    }
    if (!errp) {
        error_free(err);
        return;
    }
    assert(!*errp);
    *errp = err;
}

const char *error_message(const Error *err)
{
    return err->message;
}

const char *error_hint(const Error *err)
{
    return err->hint;
}

void error_free(Error *err)
{
    if (err) {
        g_free(err->message);
        g_free(err->hint);
        g_free(err);
    }
}

static bool error_timestamps; /* set at start-up */

void error_set_timestamps(bool on)
{
    error_timestamps = on;
}

static void error_vreport(const char *kind, const char *fmt, va_list ap)
{
    char *text = g_strdup_vprintf(fmt, ap);
    char *when = NULL;
    if (error_timestamps) {
        GDateTime *now = g_date_time_new_now_utc();
        when = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ ");
        g_date_time_unref(now);
    }
    /* One call, so that lines of several threads do not mix. */
    fprintf(stderr, "%s%s: %s%s\n", when ? when : "", program_invocation_short_name, kind, text);
    g_free(when);
    g_free(text);
}

void error_report_free(Error *err)
{
    if (err->hint) {
        error_report("%s\n%s", err->message, err->hint);
    } else {
        error_report("%s", err->message);
    }
    error_free(err);
}

void error_report(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_vreport("", fmt, ap);
    va_end(ap);
}

void warn_report(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_vreport("warning: ", fmt, ap);
    va_end(ap);
}

void info_report(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_vreport("info: ", fmt, ap);
    va_end(ap);
}

/*
 * Edit distance where insertion, deletion, substitution and the swap of two neighbours cost 1 each
 * (Damerau-Levenshtein, optimal string alignment), letter case ignored.  Words longer than the rows are far.
 */
enum { ERROR_WORD_MAX = 64 };

static unsigned error_edit_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    if (la >= ERROR_WORD_MAX || lb >= ERROR_WORD_MAX) {
        return UINT_MAX;
    }
    unsigned rows[3][ERROR_WORD_MAX + 1]; /* of letters i-2, i-1 and i of @a, in turns */
    for (size_t j = 0; j <= lb; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= la; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        char ca = g_ascii_tolower(a[i - 1]);
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            char cb = g_ascii_tolower(b[j - 1]);
            unsigned best = above[j - 1] + (ca != cb);
            best = MIN(best, above[j] + 1);
            best = MIN(best, row[j - 1] + 1);
            if (i > 1 && j > 1 && ca == g_ascii_tolower(b[j - 2]) && g_ascii_tolower(a[i - 2]) == cb) {
                best = MIN(best, above2[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[la % 3][lb];
}

const char *suggest_nearest(const char *word, const char *const *names)
{
    const char *best = NULL, *completion = NULL;
    unsigned best_distance = UINT_MAX;
    size_t len = strlen(word);
    for (; *names; names++) {
        unsigned d = error_edit_distance(word, *names);
        /* Near: at most a third of the word is wrong, and at least one letter is right. */
        unsigned near = MAX(1, (unsigned)len / 3);
        if (d < best_distance && d <= near && d < strlen(*names)) {
            best = *names;
            best_distance = d;
        }
        if (len >= 3 && !g_ascii_strncasecmp(word, *names, len) &&
            (!completion || strlen(*names) < strlen(completion))) {
            completion = *names;
        }
    }
    return best ? best : completion;
}
