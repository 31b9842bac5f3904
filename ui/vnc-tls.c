/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encrypted viewers: RFB's security type VeNCrypt (rfbproto, "VeNCrypt", version 0.2) and TLS below web sockets.  libvncserver knows
 * nothing of either: it gets one end of a socket pair, and a TLS session carries what passes through the other.  What a viewer says
 * before TLS is answered here, and said again to libvncserver in a plain way.  In the viewer's thread.
 */
#include "util/osdep.h"
#include "ui/vnc-int.h"

#include "util/bytes.h"

#include <poll.h>
#include <sys/socket.h>

enum { VNC_TLS_WAIT_MS = 30000, VNC_GREETING = 12, VNC_SECURITY_VENCRYPT = 19, VNC_SECURITY_NONE = 1, VNC_SECURITY_PASSWORD = 2 };
enum { VENCRYPT_TLS_NONE = 257, VENCRYPT_TLS_VNC = 258, VENCRYPT_X509_NONE = 260, VENCRYPT_X509_VNC = 261 };
static const char vnc_tls_greeting[] = "RFB 003.008\n";

static bool vnc_tls_read(int fd, void *data, size_t len, int64_t end_ns)
{
    uint8_t *p = data;

    while (len) {
        struct pollfd w = { .fd = fd, .events = POLLIN };
        int64_t left = (end_ns - clock_ns(CLOCK_KIND_REALTIME)) / NS_PER_MS;

        if (left <= 0 || poll(&w, 1, (int)left) <= 0) {
            return false;
        }
        ssize_t n = recv(fd, p, len, MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            return false;
        }
        p += MAX(n, 0);
        len -= (size_t)MAX(n, 0);
    }
    return true;
}

static void vnc_tls_refused(VncViewer *v, const char *why)
{
    VncServer *s = v->server;

    pthread_mutex_lock(&s->lock);
    g_free(s->refusal);
    s->refusal = g_strdup_printf("%s%s%s: %s", v->address, *v->service ? ":" : "", v->service, why);
    pthread_mutex_unlock(&s->lock);
}

/* A length and a text: what RFB gives as a reason. */
static void vnc_tls_say_why(VncViewer *v, const void *head, size_t len, const char *why)
{
    uint8_t count[4];

    st_be32(count, (uint32_t)strlen(why));
    if (vnc_http_send(v->fd, head, len) && vnc_http_send(v->fd, count, sizeof(count))) {
        vnc_http_send(v->fd, why, strlen(why));
    }
    vnc_tls_refused(v, why);
}

/* ---- VeNCrypt ---- */

/* Versions and the security type, the only one there is.  @minor: of the version that is spoken. */
static bool vnc_tls_greet(VncViewer *v, char *minor, int64_t end_ns)
{
    static const char why[] = "this server is encrypted: a viewer with VeNCrypt is needed";
    static const uint8_t offer[] = { 1, VNC_SECURITY_VENCRYPT }, none[4] = { 0 }, failed[4] = { 0, 0, 0, 1 };
    char greeting[VNC_GREETING];
    uint8_t type;

    if (!vnc_http_send(v->fd, vnc_tls_greeting, VNC_GREETING) || !vnc_tls_read(v->fd, greeting, VNC_GREETING, end_ns) ||
        memcmp(greeting, vnc_tls_greeting, 10)) {
        return false;
    }
    *minor = greeting[10];
    if (*minor != '7' && *minor != '8') {
        vnc_tls_say_why(v, none, sizeof(none), why);
        return false;
    }
    if (!vnc_http_send(v->fd, offer, sizeof(offer)) || !vnc_tls_read(v->fd, &type, 1, end_ns)) {
        return false;
    }
    if (type != VNC_SECURITY_VENCRYPT) {
        vnc_tls_say_why(v, failed, sizeof(failed), why);
    }
    return type == VNC_SECURITY_VENCRYPT;
}

static bool vnc_tls_vencrypt(VncViewer *v, int64_t end_ns)
{
    static const uint8_t version[] = { 0, 2 }, good = 0, bad = 255, yes = 1, no = 0;
    bool x509 = tls_creds_have_certificate(v->server->tls_creds), password = v->server->config.password;
    uint32_t only = x509 ? (password ? VENCRYPT_X509_VNC : VENCRYPT_X509_NONE) : password ? VENCRYPT_TLS_VNC : VENCRYPT_TLS_NONE;
    uint8_t theirs[2], choice[4], offer[5] = { 1 };

    if (!vnc_http_send(v->fd, version, sizeof(version)) || !vnc_tls_read(v->fd, theirs, sizeof(theirs), end_ns)) {
        return false;
    }
    if (memcmp(theirs, version, sizeof(version))) {
        vnc_http_send(v->fd, &bad, 1);
        vnc_tls_refused(v, "its VeNCrypt is not of version 0.2");
        return false;
    }
    st_be32(offer + 1, only);
    if (!vnc_http_send(v->fd, &good, 1) || !vnc_http_send(v->fd, offer, sizeof(offer)) ||
        !vnc_tls_read(v->fd, choice, sizeof(choice), end_ns)) {
        return false;
    }
    bool same = ld_be32(choice) == only;

    if (!same) {
        vnc_tls_refused(v, "it wanted another kind of VeNCrypt than it was offered");
    }
    return vnc_http_send(v->fd, same ? &yes : &no, 1) && same;
}

/* ---- TLS ---- */

static bool vnc_tls_handshake(VncViewer *v)
{
    Error *err = NULL;

    v->tls = tls_accept(v->server->tls_creds, v->fd, VNC_TLS_WAIT_MS, &err);
    if (!v->tls) {
        vnc_tls_refused(v, error_message(err));
        error_free(err);
        return false;
    }
    pthread_mutex_lock(&v->server->lock);
    v->dname = g_strdup(tls_session_peer(v->tls));
    pthread_mutex_unlock(&v->server->lock);
    return true;
}

/* A browser that was not told to encrypt says so with its first byte. */
static bool vnc_tls_web(VncViewer *v)
{
    struct pollfd p = { .fd = v->fd, .events = POLLIN };
    uint8_t first;
    int pair[2];

    if (poll(&p, 1, VNC_TLS_WAIT_MS) <= 0 || recv(v->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1) {
        return false;
    }
    if (g_ascii_isalpha(first)) {
        vnc_http_refuse(v->fd, "This port is encrypted: the address begins with https:// (or wss://).\n");
        return false;
    }
    if (!vnc_tls_handshake(v) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return false;
    }
    v->plain = pair[0];
    return tls_session_relay(v->tls, pair[1], NULL);
}

bool vnc_tls_begin(VncViewer *v)
{
    int64_t end = clock_ns(CLOCK_KIND_REALTIME) + VNC_TLS_WAIT_MS * NS_PER_MS;

    v->plain = v->fd;
    if (!v->server->tls_creds) {
        return true;
    }
    v->plain = -1;
    if (v->websocket) {
        return vnc_tls_web(v);
    }
    return vnc_tls_greet(v, &v->rfb_minor, end) && vnc_tls_vencrypt(v, end) && vnc_tls_handshake(v);
}

/* Our side of the pair speaks as the viewer did, up to where TLS began. */
static bool vnc_tls_introduce(VncViewer *v, int fd)
{
    uint8_t type = v->server->config.password ? VNC_SECURITY_PASSWORD : VNC_SECURITY_NONE, offered[256];
    char greeting[VNC_GREETING];

    if (recv(fd, greeting, sizeof(greeting), MSG_DONTWAIT) != VNC_GREETING) {
        return false;
    }
    rfbCheckFds(v->screen, 0); /* takes the version that waits, and offers security types */
    ssize_t n = v->gone ? 0 : recv(fd, offered, sizeof(offered), MSG_DONTWAIT);

    return n > 1 && n == offered[0] + 1 && memchr(offered + 1, type, (size_t)n - 1) && send(fd, &type, 1, MSG_NOSIGNAL) == 1;
}

bool vnc_tls_new_client(VncViewer *v)
{
    char version[VNC_GREETING + 1];
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return false;
    }
    g_snprintf(version, sizeof(version), "RFB 003.00%c\n", v->rfb_minor);
    bool said = pair[0] < FD_SETSIZE && send(pair[1], version, VNC_GREETING, MSG_NOSIGNAL) == VNC_GREETING;

    if (said) {
        v->cl = rfbNewClient(v->screen, pair[0]);
    } else {
        close(pair[0]);
    }
    if (v->cl) {
        v->cl->clientGoneHook = vnc_on_client_gone;
    }
    if (!v->cl || !vnc_tls_introduce(v, pair[1])) {
        close(pair[1]);
        return false;
    }
    return tls_session_relay(v->tls, pair[1], NULL);
}

void vnc_tls_end(VncViewer *v)
{
    if (v->plain >= 0 && v->plain != v->fd) {
        close(v->plain);
    }
    tls_session_free(v->tls);
    v->tls = NULL;
}
