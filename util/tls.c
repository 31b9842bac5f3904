/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS sessions of servers and the thread that carries their bytes; see tls.h. */
#include "util/osdep.h"
#include "util/tls-int.h"

#include "util/timer.h"

#include <fcntl.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

enum { TLS_PIECE = 16384, TLS_FLUSH_MS = 2000 };

/* Bytes on their way from one side to the other. */
typedef struct TlsPipe {
    uint8_t data[TLS_PIECE];
    size_t at, len; /* those that wait are data[at..len) */
    bool ended;     /* its source gives no more */
} TlsPipe;

struct TlsSession {
    gnutls_session_t tls;
    int fd, plain;
    char *peer;
    bool running;
    int64_t end_ns; /* when one side has ended: the other's time to take what is left */
    pthread_t thread;
    TlsPipe in, out; /* from the client, to the client */
};

/* ---- handshake ---- */

static bool tls_fail(int err, Error **errp)
{
    error_set(errp, "TLS: %s", gnutls_strerror(err));
    return false;
}

static bool tls_fail_handshake(gnutls_session_t tls, int err, Error **errp)
{
    gnutls_datum_t why = { 0 };

    if (err == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
        gnutls_certificate_verification_status_print(gnutls_session_get_verify_cert_status(tls), GNUTLS_CRT_X509, &why, 0) >= 0) {
        error_set(errp, "TLS: %s", g_strchomp((char *)why.data));
        gnutls_free(why.data);
        return false;
    }
    return tls_fail(err, errp);
}

static bool tls_handshake(TlsSession *s, int timeout_ms, Error **errp)
{
    int64_t end = clock_ns(CLOCK_KIND_REALTIME) + timeout_ms * NS_PER_MS;

    for (;;) {
        int err = gnutls_handshake(s->tls);

        if (err == GNUTLS_E_SUCCESS) {
            return true;
        }
        if (gnutls_error_is_fatal(err)) {
            gnutls_alert_send_appropriate(s->tls, err);
            return tls_fail_handshake(s->tls, err, errp);
        }
        struct pollfd p = { .fd = s->fd, .events = gnutls_record_get_direction(s->tls) ? POLLOUT : POLLIN };
        int64_t left = (end - clock_ns(CLOCK_KIND_REALTIME)) / NS_PER_MS;

        if (left <= 0 || poll(&p, 1, (int)left) <= 0) {
            return tls_fail(GNUTLS_E_TIMEDOUT, errp);
        }
    }
}

static void tls_note_peer(TlsSession *s)
{
    unsigned count = 0;
    const gnutls_datum_t *certs = gnutls_certificate_type_get(s->tls) == GNUTLS_CRT_X509 ? gnutls_certificate_get_peers(s->tls, &count)
                                                                                          : NULL;
    gnutls_x509_crt_t cert;
    gnutls_datum_t name;

    if (!certs || !count || gnutls_x509_crt_init(&cert) < 0) {
        return;
    }
    if (gnutls_x509_crt_import(cert, certs, GNUTLS_X509_FMT_DER) >= 0 && gnutls_x509_crt_get_dn3(cert, &name, 0) >= 0) {
        s->peer = g_strndup((const char *)name.data, name.size);
        gnutls_free(name.data);
    }
    gnutls_x509_crt_deinit(cert);
}

TlsSession *tls_accept(TlsCreds *creds, int fd, int timeout_ms, Error **errp)
{
    static gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    TlsSession *s = g_new0(TlsSession, 1);
    int err = gnutls_init(&s->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

    s->fd = fd;
    s->plain = -1;
    if (err < 0) {
        tls_fail(err, errp);
        g_free(s);
        return NULL;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    gnutls_transport_set_int(s->tls, fd);
    gnutls_handshake_set_timeout(s->tls, GNUTLS_INDEFINITE_TIMEOUT);
    gnutls_priority_set(s->tls, creds->priority);
    if (creds->x509) {
        gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, creds->x509);
        gnutls_certificate_server_set_request(s->tls, creds->verify_peer ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
        if (creds->verify_peer) {
            gnutls_session_set_verify_cert2(s->tls, &purpose, 1, 0);
        }
    } else {
        gnutls_credentials_set(s->tls, GNUTLS_CRD_ANON, creds->anon);
    }
    if (!tls_handshake(s, timeout_ms, errp)) {
        tls_session_free(s);
        return NULL;
    }
    tls_note_peer(s);
    return s;
}

const char *tls_session_peer(const TlsSession *session)
{
    return session->peer;
}

/* ---- the thread ---- */

static bool tls_would_block(ssize_t n)
{
    return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
}

/* One read into an empty pipe.  Warnings are for nobody here; a client that wants to begin anew is at its end. */
static void tls_fill_in(TlsSession *s)
{
    ssize_t n = gnutls_record_recv(s->tls, s->in.data, sizeof(s->in.data));

    s->in.at = 0;
    s->in.len = (size_t)MAX(n, 0);
    s->in.ended = !n || (n < 0 && !tls_would_block(n) && (gnutls_error_is_fatal((int)n) || n == GNUTLS_E_REHANDSHAKE));
}

static void tls_fill_out(TlsSession *s)
{
    ssize_t n = recv(s->plain, s->out.data, sizeof(s->out.data), MSG_DONTWAIT);

    s->out.at = 0;
    s->out.len = (size_t)MAX(n, 0);
    s->out.ended = !n || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* False: nobody is there any more. */
static bool tls_drain_in(TlsSession *s)
{
    ssize_t n = send(s->plain, s->in.data + s->in.at, s->in.len - s->in.at, MSG_DONTWAIT | MSG_NOSIGNAL);

    s->in.at += (size_t)MAX(n, 0);
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool tls_drain_out(TlsSession *s)
{
    ssize_t n = gnutls_record_send(s->tls, s->out.data + s->out.at, s->out.len - s->out.at);

    s->out.at += (size_t)MAX(n, 0);
    return n >= 0 || tls_would_block(n);
}

static bool tls_is_empty(const TlsPipe *p)
{
    return p->at == p->len;
}

static bool tls_is_over(const TlsPipe *p)
{
    return p->ended && tls_is_empty(p);
}

static int tls_time_left(TlsSession *s)
{
    int64_t now = clock_ns(CLOCK_KIND_REALTIME);

    if (!s->in.ended && !s->out.ended) {
        return -1;
    }
    if (!s->end_ns) {
        s->end_ns = now + TLS_FLUSH_MS * NS_PER_MS;
    }
    return (int)MAX(0, (s->end_ns - now) / NS_PER_MS);
}

/*
 * What to wait for; false: nothing comes in time.  Each pipe holds one piece, so who does not read is soon not read from either.
 */
static int tls_wait(TlsSession *s)
{
    bool from_client = tls_is_empty(&s->in) && !s->in.ended, from_plain = tls_is_empty(&s->out) && !s->out.ended;
    bool buffered = from_client && gnutls_record_check_pending(s->tls) > 0;
    struct pollfd p[2] = { { .fd = s->fd }, { .fd = s->plain } };

    p[0].events = (short)((from_client ? POLLIN : 0) | (tls_is_empty(&s->out) ? 0 : POLLOUT));
    p[1].events = (short)((from_plain ? POLLIN : 0) | (tls_is_empty(&s->in) ? 0 : POLLOUT));
    for (int i = 0; i < 2; i++) {
        p[i].fd = p[i].events ? p[i].fd : -1; /* a side that hung up would be reported again and again */
    }
    return poll(p, 2, buffered ? 0 : tls_time_left(s)) > 0 || buffered;
}

static bool tls_carry(TlsSession *s)
{
    if (tls_is_empty(&s->in) && !s->in.ended) {
        tls_fill_in(s);
    }
    if (tls_is_empty(&s->out) && !s->out.ended) {
        tls_fill_out(s);
    }
    if (!tls_is_empty(&s->in) && !tls_drain_in(s)) {
        return false;
    }
    return tls_is_empty(&s->out) || tls_drain_out(s);
}

static void *tls_run(void *opaque)
{
    TlsSession *s = opaque;

    while (!tls_is_over(&s->in) && !tls_is_over(&s->out) && tls_wait(s) && tls_carry(s)) {
    }
    if (tls_is_over(&s->out)) {
        gnutls_bye(s->tls, GNUTLS_SHUT_WR);
    }
    shutdown(s->plain, SHUT_RDWR);
    return NULL;
}

bool tls_session_relay(TlsSession *session, int plain, Error **errp)
{
    session->plain = plain;
    int err = pthread_create(&session->thread, NULL, tls_run, session);

    session->running = !err;
    if (err) {
        error_set_errno(errp, err, "cannot start a thread for TLS");
    }
    return !err;
}

void tls_session_free(TlsSession *session)
{
    if (!session) {
        return;
    }
    if (session->running) {
        pthread_join(session->thread, NULL);
    }
    if (session->plain >= 0) {
        close(session->plain);
    }
    gnutls_deinit(session->tls);
    g_free(session->peer);
    g_free(session);
}
