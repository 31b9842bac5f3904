/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ciphers and key derivation by nettle. */
#include "util/osdep.h"
#include "block/cipher.h"

#include <nettle/cbc.h>
#include <nettle/ctr.h>
#include <nettle/hmac.h>
#include <nettle/nettle-meta.h>
#include <nettle/pbkdf2.h>
#include <nettle/xts.h>

enum { MAX_BLOCK = 16, MAX_CONTEXT = 512 };

struct Cipher {
    const struct nettle_cipher *alg;
    CipherMode mode;
    void *enc, *dec, *tweak; /* keyed contexts */
};

static const struct nettle_cipher *cipher_find(const char *alg, size_t key_len)
{
    char name[64];
    snprintf(name, sizeof(name), "%s%zu", strcmp(alg, "cast5") ? alg : "cast", key_len * 8);
    for (const struct nettle_cipher *const *c = nettle_get_ciphers(); *c; c++) {
        if (!strcmp((*c)->name, name)) {
            return *c;
        }
    }
    return NULL;
}

Cipher *cipher_new(const char *alg, CipherMode mode, const uint8_t *key, size_t key_len, Error **errp)
{
    size_t one = mode == CIPHER_XTS ? key_len / 2 : key_len;
    const struct nettle_cipher *a = cipher_find(alg, one);
    if (!a || (mode == CIPHER_XTS && (a->block_size != XTS_BLOCK_SIZE || key_len % 2))) {
        error_set(errp, "cipher %s with a key of %zu bits%s is not supported", alg, one * 8, mode == CIPHER_XTS ? " in XTS mode" : "");
        return NULL;
    }
    Cipher *c = g_new0(Cipher, 1);
    c->alg = a;
    c->mode = mode;
    c->enc = g_malloc0(a->context_size);
    c->dec = g_malloc0(a->context_size);
    c->tweak = g_malloc0(a->context_size);
    a->set_encrypt_key(c->enc, key);
    a->set_decrypt_key(c->dec, key);
    if (mode == CIPHER_XTS) {
        a->set_encrypt_key(c->tweak, key + one);
    }
    return c;
}

static void wipe_free(void *p, size_t len)
{
    if (p) {
        explicit_bzero(p, len);
        g_free(p);
    }
}

void cipher_free(Cipher *c)
{
    if (c) {
        wipe_free(c->enc, c->alg->context_size);
        wipe_free(c->dec, c->alg->context_size);
        wipe_free(c->tweak, c->alg->context_size);
        g_free(c);
    }
}

size_t cipher_block_size(const Cipher *c)
{
    return c->alg->block_size;
}

void cipher_encrypt(const Cipher *c, const uint8_t *iv, uint8_t *buf, size_t len)
{
    uint8_t v[MAX_BLOCK];
    memcpy(v, iv, c->alg->block_size);
    switch (c->mode) {
    case CIPHER_ECB: c->alg->encrypt(c->enc, len, buf, buf); break;
    case CIPHER_CBC: cbc_encrypt(c->enc, c->alg->encrypt, c->alg->block_size, v, len, buf, buf); break;
    case CIPHER_CTR: ctr_crypt(c->enc, c->alg->encrypt, c->alg->block_size, v, len, buf, buf); break;
    case CIPHER_XTS: xts_encrypt_message(c->enc, c->tweak, c->alg->encrypt, v, len, buf, buf); break;
    }
}

void cipher_decrypt(const Cipher *c, const uint8_t *iv, uint8_t *buf, size_t len)
{
    uint8_t v[MAX_BLOCK];
    memcpy(v, iv, c->alg->block_size);
    switch (c->mode) {
    case CIPHER_ECB: c->alg->decrypt(c->dec, len, buf, buf); break;
    case CIPHER_CBC: cbc_decrypt(c->dec, c->alg->decrypt, c->alg->block_size, v, len, buf, buf); break;
    case CIPHER_CTR: ctr_crypt(c->enc, c->alg->encrypt, c->alg->block_size, v, len, buf, buf); break;
    case CIPHER_XTS: xts_decrypt_message(c->dec, c->tweak, c->alg->decrypt, c->alg->encrypt, v, len, buf, buf); break;
    }
}

/* ---- Hashes ---------------------------------------------------------------------------------------------------- */

static const struct nettle_hash *hash_find(const char *name)
{
    for (const struct nettle_hash *const *h = nettle_get_hashes(); *h; h++) {
        if (!strcmp((*h)->name, name) && (*h)->context_size <= MAX_CONTEXT) {
            return *h;
        }
    }
    return NULL;
}

static bool hash_known(const struct nettle_hash *h, const char *name, Error **errp)
{
    if (!h) {
        error_set(errp, "hash '%s' is not supported", name);
    }
    return h;
}

size_t hash_size(const char *hash)
{
    const struct nettle_hash *h = hash_find(hash);
    return h ? h->digest_size : 0;
}

bool hash_digest(const char *hash, const void *a, size_t a_len, const void *b, size_t b_len, uint8_t *out, Error **errp)
{
    const struct nettle_hash *h = hash_find(hash);
    if (!hash_known(h, hash, errp)) {
        return false;
    }
    void *ctx = g_malloc0(h->context_size);
    h->init(ctx);
    h->update(ctx, a_len, a);
    h->update(ctx, b_len, b);
    h->digest(ctx, h->digest_size, out);
    g_free(ctx);
    return true;
}

typedef struct HmacState {
    const struct nettle_hash *h;
    _Alignas(16) uint8_t outer[MAX_CONTEXT], inner[MAX_CONTEXT], state[MAX_CONTEXT];
} HmacState;

static void hmac_state_update(void *opaque, size_t len, const uint8_t *data)
{
    HmacState *s = opaque;
    hmac_update(s->state, s->h, len, data);
}

static void hmac_state_digest(void *opaque, size_t len, uint8_t *out)
{
    HmacState *s = opaque;
    hmac_digest(s->outer, s->inner, s->state, s->h, len, out);
}

bool hash_pbkdf2(const char *hash, const void *pass, size_t pass_len, const uint8_t *salt, size_t salt_len, uint32_t iterations,
                 uint8_t *out, size_t len, Error **errp)
{
    const struct nettle_hash *h = hash_find(hash);
    if (!hash_known(h, hash, errp)) {
        return false;
    }
    HmacState *s = g_new0(HmacState, 1);
    s->h = h;
    hmac_set_key(s->outer, s->inner, s->state, h, pass_len, pass);
    nettle_pbkdf2(s, hmac_state_update, hmac_state_digest, h->digest_size, MAX(iterations, 1), salt_len, salt, len, out);
    wipe_free(s, sizeof(*s));
    return true;
}
