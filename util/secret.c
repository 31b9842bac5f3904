/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets by id; see secret.h.  Freed ones are wiped. */
#include "util/osdep.h"
#include "util/keyval.h"
#include "util/secret.h"

typedef struct Secret {
    char *id;
    uint8_t *data; /* zero-terminated */
    size_t len;
} Secret;

static GPtrArray *secrets;

static void secret_free(void *p)
{
    Secret *s = p;
    explicit_bzero(s->data, s->len);
    g_free(s->data);
    g_free(s->id);
    g_free(s);
}

static Secret *secret_find(const char *id, unsigned *index)
{
    for (unsigned i = 0; secrets && i < secrets->len; i++) {
        Secret *s = secrets->pdata[i];
        if (!strcmp(s->id, id)) {
            *index = i;
            return s;
        }
    }
    return NULL;
}

static uint8_t *secret_read(const char *id, const char *data, const char *file, size_t *len, Error **errp)
{
    enum { SECRET_MAX = 1024 * 1024 };
    char *text = NULL;
    GError *err = NULL;
    if (!data == !file) {
        error_set(errp, "secret '%s' needs either data= or file=", id);
        return NULL;
    }
    if (data) {
        *len = strlen(data);
        return (uint8_t *)g_strdup(data);
    }
    if (!g_file_get_contents(file, &text, len, &err)) {
        error_set(errp, "cannot read the file '%s' of secret '%s': %s", file, id, err->message);
        g_error_free(err);
        return NULL;
    }
    if (*len > SECRET_MAX) {
        error_set(errp, "the file '%s' of secret '%s' has %zu bytes; a secret has at most %d", file, id, *len, SECRET_MAX);
        explicit_bzero(text, *len);
        g_free(text);
        return NULL;
    }
    return (uint8_t *)text;
}

static bool secret_decode(const char *id, uint8_t **data, size_t *len, Error **errp)
{
    gsize out = 0;
    char *text = (char *)*data;
    bool ok = *len % 4 == 0 || memchr(text, '\n', *len);
    for (size_t i = 0; ok && i < *len; i++) {
        ok = g_ascii_isalnum(text[i]) || strchr("+/=\r\n", text[i]);
    }
    if (!ok) {
        error_set(errp, "secret '%s' is not base64, as format=base64 says", id);
        return false;
    }
    uint8_t *bytes = g_base64_decode(text, &out);
    uint8_t *terminated = g_malloc0(out + 1);
    memcpy(terminated, bytes, out);
    explicit_bzero(bytes, out);
    explicit_bzero(text, *len);
    g_free(bytes);
    g_free(text);
    *data = terminated;
    *len = out;
    return true;
}

bool secret_add(KeyVal *kv, Error **errp)
{
    static const char *const known[] = { "id", "data", "file", "format", NULL };
    const char *id = keyval_get(kv, "id"), *data = keyval_get(kv, "data"), *file = keyval_get(kv, "file");
    const char *format = keyval_get(kv, "format");
    unsigned index;
    size_t len = 0;
    if (!keyval_finish(kv, "-object secret", known, errp)) {
        return false;
    }
    if (!id || !*id) {
        error_set(errp, "a secret needs an id=");
        return false;
    }
    if (secret_find(id, &index)) {
        error_set(errp, "there is a secret '%s' already", id);
        return false;
    }
    if (format && strcmp(format, "raw") && strcmp(format, "base64")) {
        error_set(errp, "secret '%s': format=%s is neither raw nor base64", id, format);
        return false;
    }
    uint8_t *bytes = secret_read(id, data, file, &len, errp);
    if (!bytes || (format && !strcmp(format, "base64") && !secret_decode(id, &bytes, &len, errp))) {
        g_free(bytes);
        return false;
    }
    Secret *s = g_new0(Secret, 1);
    *s = (Secret){ g_strdup(id), bytes, len };
    if (!secrets) {
        secrets = g_ptr_array_new_with_free_func(secret_free);
    }
    g_ptr_array_add(secrets, s);
    return true;
}

bool secret_remove(const char *id, Error **errp)
{
    unsigned index;
    if (!secret_find(id, &index)) {
        error_set(errp, "there is no secret '%s'", id);
        return false;
    }
    g_ptr_array_remove_index(secrets, index);
    return true;
}

bool secret_get(const char *id, const uint8_t **data, size_t *len, Error **errp)
{
    unsigned index;
    const Secret *s = secret_find(id, &index);
    if (!s) {
        error_set(errp, "there is no secret '%s'", id);
        error_add_hint(errp, "Give it with -object secret,id=%s,file=FILE (or data=TEXT).", id);
        return false;
    }
    *data = s->data;
    *len = s->len;
    return true;
}

void secret_clear(void)
{
    if (secrets) {
        g_ptr_array_unref(secrets);
        secrets = NULL;
    }
}
