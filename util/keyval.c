/* SPDX-License-Identifier: GPL-2.0-or-later */
/* key=value lists and the values in them.  Called by start-up and the monitor; main thread. */
#include "util/osdep.h"
#include "util/keyval.h"

typedef struct KeyValPair {
    char *key, *value;
    bool used;
} KeyValPair;

struct KeyVal {
    GPtrArray *pairs; /* KeyValPair * */
};

static void keyval_free_pair(void *p)
{
    KeyValPair *pair = p;
    g_free(pair->key);
    g_free(pair->value);
    g_free(pair);
}

KeyVal *keyval_new(void)
{
    KeyVal *kv = g_new0(KeyVal, 1);
    kv->pairs = g_ptr_array_new_with_free_func(keyval_free_pair);
    return kv;
}

void keyval_free(KeyVal *kv)
{
    if (kv) {
        g_ptr_array_unref(kv->pairs);
        g_free(kv);
    }
}

static void keyval_append(KeyVal *kv, char *key, char *value)
{
    KeyValPair *pair = g_new0(KeyValPair, 1);
    pair->key = key;
    pair->value = value;
    g_ptr_array_add(kv->pairs, pair);
}

static KeyValPair *keyval_find(const KeyVal *kv, const char *key)
{
    for (unsigned i = kv->pairs->len; i > 0; i--) {
        KeyValPair *pair = kv->pairs->pdata[i - 1];
        if (!strcmp(pair->key, key)) {
            return pair;
        }
    }
    return NULL;
}

/* Takes text up to a single comma, doubled ones becoming one; *text is moved behind the comma. */
static char *keyval_take_value(const char **text)
{
    GString *value = g_string_new(NULL);
    const char *p = *text;
    for (; *p; p++) {
        if (*p == ',') {
            if (p[1] != ',') {
                p++;
                break;
            }
            p++;
        }
        g_string_append_c(value, *p);
    }
    *text = p;
    return g_string_free(value, FALSE);
}

KeyVal *keyval_parse(const char *text, const char *implied_key, Error **errp)
{
    KeyVal *kv = keyval_new();
    const char *whole = text;
    bool first = true;
    while (*text) {
        size_t len = strcspn(text, "=,");
        if (text[len] == '=') {
            if (len == 0) {
                error_set(errp, "a name is missing before '=' in '%s'", whole);
                keyval_free(kv);
                return NULL;
            }
            char *key = g_strndup(text, len);
            text += len + 1;
            keyval_append(kv, key, keyval_take_value(&text));
        } else if (first && implied_key) {
            keyval_append(kv, g_strdup(implied_key), keyval_take_value(&text));
        } else {
            if (len == 0) {
                error_set(errp, "two commas without a name between them in '%s'", whole);
                error_add_hint(errp, "A comma inside a value is written twice.");
                keyval_free(kv);
                return NULL;
            }
            keyval_append(kv, g_strndup(text, len), g_strdup("on"));
            text += len + (text[len] == ',');
        }
        first = false;
    }
    return kv;
}

void keyval_set(KeyVal *kv, const char *key, const char *value)
{
    KeyValPair *pair = keyval_find(kv, key);
    if (pair) {
        g_free(pair->value);
        pair->value = g_strdup(value);
    } else {
        keyval_append(kv, g_strdup(key), g_strdup(value));
    }
}

KeyVal *keyval_take_prefix(KeyVal *kv, const char *prefix)
{
    KeyVal *sub = keyval_new();
    for (unsigned i = 0; i < kv->pairs->len; i++) {
        KeyValPair *pair = kv->pairs->pdata[i];
        if (g_str_has_prefix(pair->key, prefix)) {
            pair->used = true;
            keyval_append(sub, g_strdup(pair->key + strlen(prefix)), g_strdup(pair->value));
        }
    }
    return sub;
}

KeyVal *keyval_take_rest(KeyVal *kv)
{
    KeyVal *rest = keyval_new();
    for (unsigned i = 0; i < kv->pairs->len; i++) {
        KeyValPair *pair = kv->pairs->pdata[i];
        if (!pair->used) {
            pair->used = true;
            keyval_append(rest, g_strdup(pair->key), g_strdup(pair->value));
        }
    }
    return rest;
}

bool keyval_empty(const KeyVal *kv)
{
    return kv->pairs->len == 0;
}

bool keyval_has(const KeyVal *kv, const char *key)
{
    return keyval_find(kv, key) != NULL;
}

const char *keyval_get(KeyVal *kv, const char *key)
{
    KeyValPair *last = keyval_find(kv, key);
    if (!last) {
        return NULL;
    }
    for (unsigned i = 0; i < kv->pairs->len; i++) {
        KeyValPair *pair = kv->pairs->pdata[i];
        pair->used |= !strcmp(pair->key, key);
    }
    return last->value;
}

bool keyval_get_bool(KeyVal *kv, const char *key, bool *out, Error **errp)
{
    const char *text = keyval_get(kv, key);
    return !text || parse_bool(key, text, out, errp);
}

bool keyval_get_uint(KeyVal *kv, const char *key, uint64_t min, uint64_t max, uint64_t *out, Error **errp)
{
    const char *text = keyval_get(kv, key);
    return !text || parse_uint(key, text, min, max, out, errp);
}

bool keyval_get_size(KeyVal *kv, const char *key, uint64_t *out, Error **errp)
{
    const char *text = keyval_get(kv, key);
    return !text || parse_size(key, text, 1, out, errp);
}

bool keyval_finish(KeyVal *kv, const char *what, const char *const *known, Error **errp)
{
    for (unsigned i = 0; i < kv->pairs->len; i++) {
        KeyValPair *pair = kv->pairs->pdata[i];
        if (pair->used) {
            continue;
        }
        const char *nearest = known ? suggest_nearest(pair->key, known) : NULL;
        error_set(errp, "%s has no parameter '%s'", what, pair->key);
        if (nearest) {
            error_add_hint(errp, "Did you mean '%s'?", nearest);
        } else if (known && *known) {
            char *list = g_strjoinv(", ", (char **)known);
            error_add_hint(errp, "It takes: %s.", list);
            g_free(list);
        }
        return false;
    }
    return true;
}

bool keyval_each(KeyVal *kv, bool (*fn)(void *opaque, const char *key, const char *value, Error **errp),
                 void *opaque, Error **errp)
{
    for (unsigned i = 0; i < kv->pairs->len; i++) {
        KeyValPair *pair = kv->pairs->pdata[i];
        if (!fn(opaque, pair->key, pair->value, errp)) {
            return false;
        }
    }
    return true;
}

bool parse_bool(const char *what, const char *text, bool *out, Error **errp)
{
    static const char *const words[] = { "off", "on", "no", "yes", "false", "true", "n", "y" };
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (!strcmp(text, words[i])) {
            *out = i & 1;
            return true;
        }
    }
    error_set(errp, "%s must be 'on' or 'off', not '%s'", what, text);
    return false;
}

/* A decimal or 0x number that reaches to *end; no sign and no blank before it. */
static bool parse_digits(const char *text, uint64_t *out, const char **end, bool *overflow)
{
    *overflow = false;
    if (!g_ascii_isdigit(text[0])) {
        return false;
    }
    char *stop;
    errno = 0;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    unsigned long long v = strtoull(text, &stop, hex ? 16 : 10);
    *overflow = errno == ERANGE;
    *out = v;
    *end = stop;
    return true;
}

bool parse_uint(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *out, Error **errp)
{
    const char *end;
    uint64_t v;
    bool overflow;
    bool number = parse_digits(text, &v, &end, &overflow) && *end == '\0';
    bool negative = text[0] == '-' && g_ascii_isdigit(text[1]);
    if (!number && !negative) {
        error_set(errp, "%s must be a number from %" PRIu64 " to %" PRIu64 ", not '%s'", what, min, max, text);
        return false;
    }
    if (negative || overflow || v < min || v > max) {
        error_set(errp, "%s is %s, but must be from %" PRIu64 " to %" PRIu64, what, text, min, max);
        return false;
    }
    *out = v;
    return true;
}

/* The power of 1024 that @c stands for, or -1. */
static int parse_size_suffix(char c)
{
    static const char letters[] = "bkmgtpe";
    const char *p = c ? strchr(letters, g_ascii_tolower(c)) : NULL;
    return p ? (int)(p - letters) : -1;
}

/* ".5" at *p as parts of @scale; digits beyond the 18th are too small to matter. */
static uint64_t parse_fraction(const char **p, uint64_t scale)
{
    uint64_t num = 0, den = 1;
    for ((*p)++; g_ascii_isdigit(**p); (*p)++) {
        if (den < 1000000000000000000ULL) {
            num = num * 10 + (uint64_t)(**p - '0');
            den *= 10;
        }
    }
    return muldiv64(num, scale, den);
}

bool parse_size(const char *what, const char *text, uint64_t unit, uint64_t *out, Error **errp)
{
    const char *end;
    uint64_t whole, scale = unit;
    bool overflow;
    if (!parse_digits(text, &whole, &end, &overflow)) {
        goto bad;
    }
    const char *suffix = end;
    if (*suffix == '.') {
        suffix++;
        suffix += strspn(suffix, "0123456789");
    }
    if (*suffix) {
        int power = parse_size_suffix(*suffix);
        if (power < 0 || suffix[1] != '\0') {
            goto bad;
        }
        scale = (uint64_t)1 << (10 * power);
    }
    uint64_t fraction = *end == '.' ? parse_fraction(&end, scale) : 0;
    unsigned __int128 total = (unsigned __int128)whole * scale + fraction;
    if (overflow || total > UINT64_MAX) {
        error_set(errp, "%s is %s, which is more than 16E - 1 bytes", what, text);
        return false;
    }
    *out = (uint64_t)total;
    return true;
bad:
    error_set(errp, "%s must be a size such as 512, 64k, 256M, 1.5G or 2T, not '%s'", what, text);
    return false;
}
