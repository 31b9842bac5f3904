/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Built without GnuTLS. */
#include "util/osdep.h"
#include "util/tls.h"

bool tls_creds_is_type(const char *type)
{
    return g_str_has_prefix(type, "tls-creds-");
}

bool tls_creds_add(const char *type, struct KeyVal *kv, Error **errp)
{
    (void)type;
    (void)kv;
    error_set(errp, "this build has no encryption of connections");
    error_add_hint(errp, "Install libgnutls28-dev and build again.");
    return false;
}

TlsCreds *tls_creds_get(const char *id, Error **errp)
{
    error_set(errp, "there are no TLS credentials '%s': this build has no encryption of connections", id);
    error_add_hint(errp, "Install libgnutls28-dev and build again.");
    return NULL;
}

bool tls_creds_have_certificate(const TlsCreds *creds)
{
    (void)creds;
    return false;
}

void tls_creds_clear(void)
{
}

TlsSession *tls_accept(TlsCreds *creds, int fd, int timeout_ms, Error **errp)
{
    (void)creds;
    (void)fd;
    (void)timeout_ms;
    error_set(errp, "this build has no encryption of connections");
    return NULL;
}

const char *tls_session_peer(const TlsSession *session)
{
    (void)session;
    return NULL;
}

bool tls_session_relay(TlsSession *session, int plain, Error **errp)
{
    (void)session;
    (void)plain;
    error_set(errp, "this build has no encryption of connections");
    return false;
}

void tls_session_free(TlsSession *session)
{
    (void)session;
}
