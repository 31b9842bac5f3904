/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The short forms of -serial, -monitor, -qtest and -debugcon, turned into the pairs of -chardev.  Main thread. */
#include "util/osdep.h"
#include "chardev/char-int.h"

/* "HOST:PORT,more": takes the address apart; the rest are options. */
static bool legacy_host_port(KeyVal *kv, const char *text, Error **errp)
{
    const char *comma = strchr(text, ',');
    char *address = comma ? g_strndup(text, (size_t)(comma - text)) : g_strdup(text);
    char *colon = strrchr(address, ':');
    if (!colon || !colon[1]) {
        error_set(errp, "'%s' is no HOST:PORT", address);
        g_free(address);
        return false;
    }
    *colon = 0;
    size_t len = strlen(address);
    if (len > 2 && address[0] == '[' && address[len - 1] == ']') { /* IPv6 */
        address[len - 1] = 0;
        keyval_set(kv, "host", address + 1);
    } else {
        keyval_set(kv, "host", address);
    }
    keyval_set(kv, "port", colon + 1);
    g_free(address);
    return true;
}

static bool legacy_copy_pair(void *opaque, const char *key, const char *value, Error **errp)
{
    (void)errp;
    if (strcmp(key, "")) {
        keyval_set(opaque, key, value);
    }
    return true;
}

static bool legacy_options(KeyVal *kv, const char *text, Error **errp)
{
    const char *comma = strchr(text, ',');
    if (!comma) {
        return true;
    }
    KeyVal *more = keyval_parse(comma + 1, NULL, errp);
    if (!more) {
        return false;
    }
    /* The old forms: server, nowait, nodelay stand for themselves. */
    if (keyval_has(more, "nowait")) {
        keyval_set(kv, "wait", "off");
    }
    keyval_each(more, legacy_copy_pair, kv, NULL);
    keyval_free(more);
    return true;
}

static bool legacy_socket(KeyVal *kv, const char *kind, const char *rest, Error **errp)
{
    keyval_set(kv, "backend", "socket");
    if (!strcmp(kind, "unix")) {
        const char *comma = strchr(rest, ',');
        char *path = comma ? g_strndup(rest, (size_t)(comma - rest)) : g_strdup(rest);
        keyval_set(kv, "path", path);
        g_free(path);
    } else if (!legacy_host_port(kv, rest, errp)) {
        return false;
    }
    if (!strcmp(kind, "telnet")) {
        keyval_set(kv, "telnet", "on");
    }
    return legacy_options(kv, rest, errp);
}

static const char *legacy_after(const char *spec, const char *prefix)
{
    return g_str_has_prefix(spec, prefix) ? spec + strlen(prefix) : NULL;
}

static void legacy_unknown(const char *spec, Error **errp)
{
    static const char *const names[] = { "stdio", "mon:stdio", "vc", "null", "none", "pty", "ringbuf", "file:", "pipe:",
                                         "unix:", "tcp:", "telnet:", "chardev:", NULL };
    error_set(errp, "'%s' is no character device", spec);
    const char *near = suggest_nearest(spec, names);
    if (near) {
        error_add_hint(errp, "Did you mean '%s'?", near);
    }
    error_add_hint(errp, "Known are stdio, mon:stdio, vc, null, none, pty, ringbuf, file:PATH, pipe:PATH, unix:PATH, "
                         "tcp:HOST:PORT, telnet:HOST:PORT, chardev:ID and /dev/tty...");
}

static bool legacy_parse(KeyVal *kv, const char *spec, Error **errp)
{
    static const char *const words[] = { "stdio", "null", "pty", "ringbuf", "vc" };
    static const char *const sockets[] = { "unix", "tcp", "telnet" };
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (!strcmp(spec, words[i]) || (!strcmp(words[i], "vc") && g_str_has_prefix(spec, "vc:"))) {
            keyval_set(kv, "backend", words[i]);
            return true;
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(sockets); i++) {
        const char *rest = legacy_after(spec, sockets[i]);
        if (rest && *rest == ':') {
            return legacy_socket(kv, sockets[i], rest + 1, errp);
        }
    }
    const char *path;
    if ((path = legacy_after(spec, "file:"))) {
        keyval_set(kv, "backend", "file");
    } else if ((path = legacy_after(spec, "pipe:"))) {
        keyval_set(kv, "backend", "pipe");
    } else if (g_str_has_prefix(spec, "/dev/")) {
        keyval_set(kv, "backend", "serial");
        path = spec;
    } else if (g_str_has_prefix(spec, "udp:") || g_str_has_prefix(spec, "websocket:")) {
        error_set(errp, "'%s': this kind of character device is not there yet; unix: and tcp: are", spec);
        return false;
    } else {
        legacy_unknown(spec, errp);
        return false;
    }
    keyval_set(kv, "path", path);
    return true;
}

static bool legacy_existing(const char *id, bool with_monitor, Chardev **out, Error **errp)
{
    *out = char_find(id);
    if (!*out) {
        error_set(errp, "there is no character device '%s'", id);
        error_add_hint(errp, "Make it with -chardev ...,id=%s.", id);
        return false;
    }
    if (with_monitor && !char_is_mux(*out)) {
        error_set(errp, "character device '%s' cannot be shared with a monitor", id);
        error_add_hint(errp, "Give it mux=on.");
        return false;
    }
    return !with_monitor || mux_add_monitor(*out, errp);
}

bool char_from_legacy(const char *label, const char *spec, bool with_monitor, Chardev **out, Error **errp)
{
    const char *rest;
    *out = NULL;
    if ((rest = legacy_after(spec, "mon:"))) {
        spec = rest;
        with_monitor = true;
    }
    if (!strcmp(spec, "none")) {
        return true;
    }
    if ((rest = legacy_after(spec, "chardev:"))) {
        return legacy_existing(rest, with_monitor, out, errp);
    }
    KeyVal *kv = keyval_new();
    bool ok = legacy_parse(kv, spec, errp);
    if (ok && with_monitor) {
        keyval_set(kv, "mux", "on");
        if (!strcmp(spec, "stdio")) {
            keyval_set(kv, "signal", "off"); /* Ctrl-C is for the guest; Ctrl-A x ends Rhea */
        }
    }
    if (ok) {
        *out = char_open(kv, label, errp);
        ok = *out != NULL && (!with_monitor || mux_add_monitor(*out, errp));
    }
    keyval_free(kv);
    return ok;
}
