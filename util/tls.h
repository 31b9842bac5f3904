/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS for servers: credentials by id, as -object tls-creds-x509 and tls-creds-anon make them, and encrypted connections (through
 * GnuTLS).  A session does its handshake in the thread that asks for it; then a thread of its own carries bytes between the
 * encrypted socket and a plain one, so that who serves the connection needs to know nothing of TLS.
 */
#ifndef UTIL_TLS_H
#define UTIL_TLS_H

#include "util/error.h"

struct KeyVal;

typedef struct TlsCreds TlsCreds;
typedef struct TlsSession TlsSession;

/* ---- credentials; main thread ---- */

bool tls_creds_is_type(const char *type);
/*
 * @kv: id (there, no other object's), endpoint=server, dir (x509: a folder with ca-cert.pem, server-cert.pem, server-key.pem and
 * perhaps ca-crl.pem; either: dh-params.pem), verify-peer (x509: clients must have a certificate of that CA; on unless switched
 * off), passwordid (x509: the secret with the key's password), priority (GnuTLS's words).  Leftover keys are an error.
 */
bool tls_creds_add(const char *type, struct KeyVal *kv, Error **errp);
/* Valid until tls_creds_clear(). */
TlsCreds *tls_creds_get(const char *id, Error **errp);
bool tls_creds_have_certificate(const TlsCreds *creds); /* false: encrypted, but nobody knows who the other is */
void tls_creds_clear(void);

/* ---- sessions; any thread, one at a time ---- */

/*
 * Waits for a client's handshake on @fd, which stays the caller's and becomes non-blocking, for at most @timeout_ms; a shutdown()
 * of it ends the wait.
 */
TlsSession *tls_accept(TlsCreds *creds, int fd, int timeout_ms, Error **errp);
/* Who the client is, by its certificate: a distinguished name; NULL: it has none.  Valid as long as the session. */
const char *tls_session_peer(const TlsSession *session);
/* From now on bytes travel between the session and @plain, a stream socket, which is the session's now. */
bool tls_session_relay(TlsSession *session, int plain, Error **errp);
/* What was written to the other end of the plain socket is sent first, if the client takes it within two seconds. */
void tls_session_free(TlsSession *session);

#endif
