/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "-vnc ADDRESS[,KEY=VALUE...]".  Start-up, main thread. */
#include "util/osdep.h"
#include "ui/vnc-int.h"

#include "util/keyval.h"

enum { VNC_PORT_BASE = 5900, VNC_WEB_PORT_BASE = 5700, VNC_DISPLAY_MAX = 65535 - VNC_PORT_BASE };

static const char *const vnc_keys[] = { "vnc", "id", "to", "ipv4", "ipv6", "websocket", "password", "share", "reverse", "display",
                                        "head", "power-control", "lossy", "non-adaptive", "key-delay-ms", "audiodev",
                                        "password-secret", "sasl", "sasl-authz", "tls-creds", "tls-authz", NULL };

/* "[::1]:0" or "host:0": the parts; the text between [ ] may have colons. */
static bool vnc_split(const char *text, char **host, const char **number, Error **errp)
{
    const char *colon = strrchr(text, ':');
    const char *bracket = strrchr(text, ']');

    if (!colon || (bracket && colon < bracket)) {
        error_set(errp, "'%s' has no display number; [HOST]:NUMBER or unix:PATH is wanted", text);
        return false;
    }
    *number = colon + 1;
    if (text[0] == '[' && bracket == colon - 1) {
        *host = g_strndup(text + 1, (size_t)(bracket - text - 1));
    } else {
        *host = colon > text ? g_strndup(text, (size_t)(colon - text)) : NULL;
    }
    return true;
}

static bool vnc_parse_address(VncConfig *c, const char *text, Error **errp)
{
    const char *number;
    uint64_t n;

    if (g_str_has_prefix(text, "unix:")) {
        c->unix_path = g_strdup(text + 5);
        if (!*c->unix_path) {
            error_set(errp, "'unix:' names no path");
            return false;
        }
        return true;
    }
    if (!vnc_split(text, &c->host, &number, errp) ||
        !parse_uint(c->reverse ? "port" : "display number", number, 0, c->reverse ? 65535 : VNC_DISPLAY_MAX, &n, errp)) {
        return false;
    }
    c->display = (int)n;
    c->port = g_strdup_printf("%d", (int)n + (c->reverse ? 0 : VNC_PORT_BASE));
    return true;
}

/* on, a port, or host:port */
static bool vnc_parse_websocket(VncConfig *c, const char *text, Error **errp)
{
    uint64_t port;
    const char *number = text;

    if (!strcmp(text, "off")) {
        return true;
    }
    if (!strcmp(text, "on") || !*text) {
        if (c->unix_path || c->reverse) {
            error_set(errp, "websocket=on takes its port from the display's, and this one has none; websocket=PORT is wanted");
            return false;
        }
        c->ws_host = g_strdup(c->host);
        c->ws_port = g_strdup_printf("%d", VNC_WEB_PORT_BASE + c->display);
        return true;
    }
    if (strchr(text, ':') && !vnc_split(text, &c->ws_host, &number, errp)) {
        return false;
    }
    if (!parse_uint("websocket", number, 0, 65535, &port, errp)) {
        return false;
    }
    if (!c->ws_host) {
        c->ws_host = g_strdup(c->host);
    }
    c->ws_port = g_strdup(number);
    return true;
}

static bool vnc_parse_share(VncConfig *c, const char *text, Error **errp)
{
    static const char *const names[] = { "allow-exclusive", "force-shared", "ignore" };

    for (unsigned i = 0; text && i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(text, names[i])) {
            c->share = (VncShare)i;
            return true;
        }
    }
    if (text) {
        error_set(errp, "share=%s must be allow-exclusive, force-shared or ignore", text);
    }
    return !text;
}

/* What others offer and we do not. */
static bool vnc_refuse(KeyVal *kv, Error **errp)
{
    static const struct {
        const char *key, *why;
    } missing[] = {
        { "tls-authz", "lists of who may come in are not there; tls-creds= with verify-peer=on lets in whom its CA knows" },
        { "sasl-authz", "there is no SASL here; use password=on" },
    };
    bool sasl = false;

    for (unsigned i = 0; i < G_N_ELEMENTS(missing); i++) {
        if (keyval_has(kv, missing[i].key)) {
            error_set(errp, "%s=: %s", missing[i].key, missing[i].why);
            return false;
        }
    }
    if (!keyval_get_bool(kv, "sasl", &sasl, errp)) {
        return false;
    }
    if (sasl) {
        error_set(errp, "sasl=on: there is no SASL here; use password=on");
    }
    return !sasl;
}

static bool vnc_parse_flags(VncConfig *c, KeyVal *kv, Error **errp)
{
    bool ignored = false, v4 = false, v6 = false;
    uint64_t to = 0, head = 0, delay = 0;

    keyval_get(kv, "audiodev"); /* names what USB audio and the like use; sound does not travel through VNC here */
    if (!keyval_get_bool(kv, "lossy", &ignored, errp) || !keyval_get_bool(kv, "non-adaptive", &ignored, errp) ||
        !keyval_get_uint(kv, "key-delay-ms", 0, 10000, &delay, errp) ||
        !keyval_get_bool(kv, "password", &c->password, errp) ||
        !keyval_get_bool(kv, "power-control", &c->power_control, errp) ||
        !keyval_get_bool(kv, "ipv4", &v4, errp) || !keyval_get_bool(kv, "ipv6", &v6, errp) ||
        !keyval_get_uint(kv, "to", 0, VNC_DISPLAY_MAX, &to, errp) || !keyval_get_uint(kv, "head", 0, 63, &head, errp)) {
        return false;
    }
    c->to = (int)to;
    c->head = (int)head;
    c->ipv4 = v4 || !v6;
    c->ipv6 = v6 || !v4;
    c->device = g_strdup(keyval_get(kv, "display"));
    c->id = g_strdup(keyval_get(kv, "id"));
    c->secret = g_strdup(keyval_get(kv, "password-secret"));
    c->tls_creds = g_strdup(keyval_get(kv, "tls-creds"));
    c->password |= c->secret != NULL;
    return vnc_parse_share(c, keyval_get(kv, "share"), errp);
}

static bool vnc_config_read(VncConfig *c, KeyVal *kv, Error **errp)
{
    const char *address = keyval_get(kv, "vnc");

    if (!address) {
        error_set(errp, "no address is given; [HOST]:NUMBER, unix:PATH or none is wanted");
        return false;
    }
    if (!keyval_get_bool(kv, "reverse", &c->reverse, errp) || !vnc_refuse(kv, errp) || !vnc_parse_flags(c, kv, errp) ||
        !vnc_parse_address(c, address, errp)) {
        return false;
    }
    const char *websocket = keyval_get(kv, "websocket");

    if (websocket && !vnc_parse_websocket(c, websocket, errp)) {
        return false;
    }
    if (c->to && (c->unix_path || c->reverse || c->to < c->display)) {
        error_set(errp, c->to < c->display ? "to=%d is before display %d" : "to=%d goes with a display number only",
                  c->to, c->display);
        return false;
    }
    return keyval_finish(kv, "-vnc", vnc_keys, errp);
}

bool vnc_config_parse(VncConfig *c, const char *spec, Error **errp)
{
    KeyVal *kv = keyval_parse(spec, "vnc", errp);
    bool ok = kv && vnc_config_read(c, kv, errp);

    if (kv) {
        keyval_free(kv);
    }
    return ok;
}

void vnc_config_clear(VncConfig *c)
{
    g_free(c->id);
    g_free(c->host);
    g_free(c->port);
    g_free(c->unix_path);
    g_free(c->ws_host);
    g_free(c->ws_port);
    g_free(c->device);
    g_free(c->secret);
    g_free(c->tls_creds);
    *c = (VncConfig){ 0 };
}
