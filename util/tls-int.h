/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between tls-creds.c and tls.c. */
#ifndef UTIL_TLS_INT_H
#define UTIL_TLS_INT_H

#include "util/tls.h"

#include <gnutls/gnutls.h>

struct TlsCreds {
    char *id;
    gnutls_certificate_credentials_t x509; /* or */
    gnutls_anon_server_credentials_t anon;
    gnutls_priority_t priority;
    bool verify_peer;
};

#endif
