/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS credentials by id; see tls.h.  Everything that can be wrong with the files is found here, when the machine starts. */
#include "util/osdep.h"
#include "util/tls-int.h"

#include "util/keyval.h"
#include "util/secret.h"

#include <gnutls/x509.h>
#include <time.h>

static GPtrArray *tls_creds; /* TlsCreds * */

typedef struct TlsFiles {
    char *ca, *crl, *cert, *key, *dh; /* NULL: not there, and need not be */
} TlsFiles;

static void tls_creds_free(void *p)
{
    TlsCreds *c = p;

    if (c->x509) {
        gnutls_certificate_free_credentials(c->x509);
    }
    if (c->anon) {
        gnutls_anon_free_server_credentials(c->anon);
    }
    if (c->priority) {
        gnutls_priority_deinit(c->priority);
    }
    g_free(c->id);
    g_free(c);
}

static TlsCreds *tls_creds_find(const char *id)
{
    for (unsigned i = 0; tls_creds && i < tls_creds->len; i++) {
        TlsCreds *c = tls_creds->pdata[i];

        if (!strcmp(c->id, id)) {
            return c;
        }
    }
    return NULL;
}

/* ---- files ---- */

static bool tls_file(const char *dir, const char *name, bool needed, char **path, Error **errp)
{
    *path = g_build_filename(dir, name, NULL);
    if (access(*path, R_OK) == 0) {
        return true;
    }
    int err = errno;

    if (needed || err != ENOENT) {
        error_set_errno(errp, err, "cannot read '%s'", *path);
        error_add_hint(errp, "dir= names a folder with ca-cert.pem, server-cert.pem and server-key.pem in it.");
        return false;
    }
    g_free(*path);
    *path = NULL;
    return true;
}

static bool tls_files_find(TlsFiles *f, const char *dir, Error **errp)
{
    return tls_file(dir, "ca-cert.pem", true, &f->ca, errp) && tls_file(dir, "ca-crl.pem", false, &f->crl, errp) &&
           tls_file(dir, "server-cert.pem", true, &f->cert, errp) && tls_file(dir, "server-key.pem", true, &f->key, errp) &&
           tls_file(dir, "dh-params.pem", false, &f->dh, errp);
}

static void tls_files_clear(TlsFiles *f)
{
    g_free(f->ca);
    g_free(f->crl);
    g_free(f->cert);
    g_free(f->key);
    g_free(f->dh);
}

static bool tls_read(const char *path, gnutls_datum_t *data, Error **errp)
{
    int err = gnutls_load_file(path, data);

    if (err < 0) {
        error_set(errp, "cannot read '%s': %s", path, gnutls_strerror(err));
    }
    return err >= 0;
}

/* ---- is the certificate one that clients will take? ---- */

static bool tls_check_dates(const char *path, gnutls_x509_crt_t cert, Error **errp)
{
    time_t now = time(NULL), until = gnutls_x509_crt_get_expiration_time(cert);
    bool expired = until != (time_t)-1 && until < now, early = gnutls_x509_crt_get_activation_time(cert) > now;

    if (expired || early) {
        char *date = g_strdup_printf("%lld", (long long)(expired ? until : gnutls_x509_crt_get_activation_time(cert)));
        GDateTime *when = g_date_time_new_from_unix_utc(g_ascii_strtoll(date, NULL, 10));
        char *text = when ? g_date_time_format(when, "%Y-%m-%d %H:%M UTC") : g_strdup(date);

        error_set(errp, expired ? "the certificate '%s' has expired on %s" : "the certificate '%s' is not valid before %s", path, text);
        error_add_hint(errp, "A new one is needed, or the clock of this host is wrong.");
        g_free(text);
        g_free(date);
        if (when) {
            g_date_time_unref(when);
        }
    }
    return !expired && !early;
}

/* An extension says what it is for, or there is none. */
static bool tls_check_purpose(const char *path, gnutls_x509_crt_t cert, Error **errp)
{
    char oid[128];
    bool any = false;

    for (unsigned i = 0; i < 64; i++) {
        size_t size = sizeof(oid);

        if (gnutls_x509_crt_get_key_purpose_oid(cert, i, oid, &size, NULL) < 0) {
            break;
        }
        if (!strcmp(oid, GNUTLS_KP_TLS_WWW_SERVER) || !strcmp(oid, GNUTLS_KP_ANY)) {
            return true;
        }
        any = true;
    }
    if (any) {
        error_set(errp, "the certificate '%s' is not for servers: its extended key usage lacks TLS server authentication", path);
    }
    return !any;
}

static bool tls_check_issuer(const TlsFiles *f, gnutls_x509_crt_t *chain, unsigned count, const gnutls_datum_t *ca_data, Error **errp)
{
    gnutls_x509_crt_t *cas = NULL;
    unsigned ca_count = 0, status = 0;
    int err = gnutls_x509_crt_list_import2(&cas, &ca_count, ca_data, GNUTLS_X509_FMT_PEM, 0);

    if (err < 0) {
        error_set(errp, "'%s' is no certificate: %s", f->ca, gnutls_strerror(err));
        return false;
    }
    err = gnutls_x509_crt_list_verify(chain, (int)count, cas, (int)ca_count, NULL, 0, 0, &status);
    for (unsigned i = 0; i < ca_count; i++) {
        gnutls_x509_crt_deinit(cas[i]);
    }
    gnutls_free(cas);
    if (err < 0 || status) {
        gnutls_datum_t why = { 0 };

        gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &why, 0);
        error_set(errp, "the certificate '%s' is not good by '%s': %s", f->cert, f->ca,
                  err < 0 ? gnutls_strerror(err) : why.data ? (char *)why.data : "it does not verify");
        gnutls_free(why.data);
    }
    return err >= 0 && !status;
}

static bool tls_check_certificate(const TlsFiles *f, Error **errp)
{
    gnutls_datum_t data = { 0 }, ca = { 0 };
    gnutls_x509_crt_t *chain = NULL;
    unsigned count = 0;

    if (!tls_read(f->cert, &data, errp)) {
        return false;
    }
    int err = gnutls_x509_crt_list_import2(&chain, &count, &data, GNUTLS_X509_FMT_PEM, 0);
    bool ok = err >= 0 && count > 0;

    gnutls_free(data.data);
    if (!ok) {
        error_set(errp, "'%s' is no certificate: %s", f->cert, gnutls_strerror(err));
        return false;
    }
    ok = tls_check_dates(f->cert, chain[0], errp) && tls_check_purpose(f->cert, chain[0], errp) && tls_read(f->ca, &ca, errp) &&
         tls_check_issuer(f, chain, count, &ca, errp);
    gnutls_free(ca.data);
    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_deinit(chain[i]);
    }
    gnutls_free(chain);
    return ok;
}

/* ---- loading ---- */

static bool tls_load_dh(TlsCreds *c, const char *path, Error **errp)
{
    gnutls_datum_t data;
    gnutls_dh_params_t dh;
    int err;

    if (!path) { /* of RFC 7919 */
        err = c->x509 ? gnutls_certificate_set_known_dh_params(c->x509, GNUTLS_SEC_PARAM_MEDIUM)
                      : gnutls_anon_set_server_known_dh_params(c->anon, GNUTLS_SEC_PARAM_MEDIUM);
        if (err < 0) {
            error_set(errp, "GnuTLS: %s", gnutls_strerror(err));
        }
        return err >= 0;
    }
    if (!tls_read(path, &data, errp)) {
        return false;
    }
    gnutls_dh_params_init(&dh);
    err = gnutls_dh_params_import_pkcs3(dh, &data, GNUTLS_X509_FMT_PEM);
    gnutls_free(data.data);
    if (err < 0) {
        error_set(errp, "'%s' holds no parameters of Diffie and Hellman: %s", path, gnutls_strerror(err));
        gnutls_dh_params_deinit(dh);
        return false;
    }
    if (c->x509) {
        gnutls_certificate_set_dh_params(c->x509, dh); /* theirs now; freed with them */
    } else {
        gnutls_anon_set_server_dh_params(c->anon, dh);
    }
    return true;
}

static bool tls_load_key(TlsCreds *c, const TlsFiles *f, const char *password, Error **errp)
{
    int err = gnutls_certificate_set_x509_key_file2(c->x509, f->cert, f->key, GNUTLS_X509_FMT_PEM, password, 0);

    if (err == GNUTLS_E_CERTIFICATE_KEY_MISMATCH) {
        error_set(errp, "the key '%s' does not belong to the certificate '%s'", f->key, f->cert);
    } else if (err == GNUTLS_E_DECRYPTION_FAILED) {
        error_set(errp, "the key '%s' is encrypted, and %s", f->key, password ? "not with the secret's password" : "no password is given");
        error_add_hint(errp, "passwordid=ID names an -object secret,id=ID,file=FILE with its password.");
    } else if (err < 0) {
        error_set(errp, "cannot load the key '%s' of '%s': %s", f->key, f->cert, gnutls_strerror(err));
    }
    return err >= 0;
}

static bool tls_load_x509(TlsCreds *c, const TlsFiles *f, const char *password, Error **errp)
{
    gnutls_certificate_allocate_credentials(&c->x509);
    int err = gnutls_certificate_set_x509_trust_file(c->x509, f->ca, GNUTLS_X509_FMT_PEM);

    if (err < 1) {
        error_set(errp, "'%s' is no certificate: %s", f->ca, gnutls_strerror(err));
        return false;
    }
    if (f->crl && (err = gnutls_certificate_set_x509_crl_file(c->x509, f->crl, GNUTLS_X509_FMT_PEM)) < 0) {
        error_set(errp, "'%s' is no list of revoked certificates: %s", f->crl, gnutls_strerror(err));
        return false;
    }
    return tls_check_certificate(f, errp) && tls_load_key(c, f, password, errp) && tls_load_dh(c, f->dh, errp);
}

/* Without certificates both sides agree on a key by Diffie and Hellman's way only, which TLS 1.3 does no more. */
static bool tls_load_priority(TlsCreds *c, const char *wanted, Error **errp)
{
    const char *where = NULL;
    char *words = c->anon ? g_strconcat(wanted ? wanted : "NORMAL", ":-VERS-TLS1.3:+ANON-ECDH:+ANON-DH", NULL)
                          : g_strdup(wanted ? wanted : "NORMAL");
    int err = gnutls_priority_init(&c->priority, words, &where);

    if (err < 0) {
        error_set(errp, "priority=%s is not of GnuTLS's words: %s at '%s'", wanted ? wanted : "", gnutls_strerror(err), where ? where : "");
        c->priority = NULL;
    }
    g_free(words);
    return err >= 0;
}

static bool tls_load(TlsCreds *c, bool anon, KeyVal *kv, Error **errp)
{
    const char *dir = keyval_get(kv, "dir"), *secret = anon ? NULL : keyval_get(kv, "passwordid");
    const uint8_t *password = NULL;
    TlsFiles f = { 0 };
    size_t len;
    bool ok;

    if (secret && !secret_get(secret, &password, &len, errp)) {
        return false;
    }
    if (anon) {
        gnutls_anon_allocate_server_credentials(&c->anon);
        ok = (!dir || tls_file(dir, "dh-params.pem", false, &f.dh, errp)) && tls_load_dh(c, f.dh, errp);
    } else if (!dir) {
        error_set(errp, "dir= is missing: the folder with ca-cert.pem, server-cert.pem and server-key.pem");
        return false;
    } else {
        ok = tls_files_find(&f, dir, errp) && tls_load_x509(c, &f, (const char *)password, errp);
    }
    ok = ok && tls_load_priority(c, keyval_get(kv, "priority"), errp);
    tls_files_clear(&f);
    return ok;
}

/* ---- by id ---- */

bool tls_creds_is_type(const char *type)
{
    return !strcmp(type, "tls-creds-x509") || !strcmp(type, "tls-creds-anon");
}

bool tls_creds_add(const char *type, KeyVal *kv, Error **errp)
{
    static const char *const x509_keys[] = { "id", "dir", "endpoint", "verify-peer", "passwordid", "priority", NULL };
    static const char *const anon_keys[] = { "id", "dir", "endpoint", "verify-peer", "priority", NULL };
    const char *id = keyval_get(kv, "id"), *endpoint = keyval_get(kv, "endpoint");
    bool verify = true, anon = !strcmp(type, "tls-creds-anon");

    keyval_get(kv, "dir");
    keyval_get(kv, "priority");
    keyval_get(kv, anon ? "dir" : "passwordid");
    if (!keyval_get_bool(kv, "verify-peer", &verify, errp) || !keyval_finish(kv, type, anon ? anon_keys : x509_keys, errp)) {
        return false;
    }
    if (!endpoint || strcmp(endpoint, "server")) { /* without a word, by the names of others, it is a client's */
        error_set(errp, "endpoint=%s: only servers take TLS credentials here; endpoint=server is wanted", endpoint ? endpoint : "client");
        return false;
    }
    TlsCreds *c = g_new0(TlsCreds, 1);

    c->id = g_strdup(id);
    c->verify_peer = verify;
    if (!tls_load(c, anon, kv, errp)) {
        tls_creds_free(c);
        return false;
    }
    if (!tls_creds) {
        tls_creds = g_ptr_array_new_with_free_func(tls_creds_free);
    }
    g_ptr_array_add(tls_creds, c);
    return true;
}

TlsCreds *tls_creds_get(const char *id, Error **errp)
{
    TlsCreds *c = tls_creds_find(id);

    if (!c) {
        error_set(errp, "there are no TLS credentials '%s'", id);
        error_add_hint(errp, "Give them with -object tls-creds-x509,id=%s,dir=FOLDER,endpoint=server.", id);
    }
    return c;
}

bool tls_creds_have_certificate(const TlsCreds *creds)
{
    return creds->x509 != NULL;
}

void tls_creds_clear(void)
{
    if (tls_creds) {
        g_ptr_array_unref(tls_creds);
        tls_creds = NULL;
    }
}
