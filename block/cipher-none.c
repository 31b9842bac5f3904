/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of cipher-nettle.c where the build has no nettle. */
#include "util/osdep.h"
#include "block/cipher.h"

static void say(Error **errp)
{
    error_set(errp, "this build of Rhea cannot read encrypted images");
    error_add_hint(errp, "Install nettle-dev and configure again.");
}

Cipher *cipher_new(const char *alg, CipherMode mode, const uint8_t *key, size_t key_len, Error **errp)
{
    (void)alg;
    (void)mode;
    (void)key;
    (void)key_len;
    say(errp);
    return NULL;
}

void cipher_free(Cipher *c)
{
    (void)c;
}

size_t cipher_block_size(const Cipher *c)
{
    (void)c;
    return 16;
}

void cipher_encrypt(const Cipher *c, const uint8_t *iv, uint8_t *buf, size_t len)
{
    (void)c;
    (void)iv;
    (void)buf;
    (void)len;
}

void cipher_decrypt(const Cipher *c, const uint8_t *iv, uint8_t *buf, size_t len)
{
    (void)c;
    (void)iv;
    (void)buf;
    (void)len;
}

size_t hash_size(const char *hash)
{
    (void)hash;
    return 32; /* hash_digest then says what is missing */
}

bool hash_digest(const char *hash, const void *a, size_t a_len, const void *b, size_t b_len, uint8_t *out, Error **errp)
{
    (void)hash;
    (void)a;
    (void)a_len;
    (void)b;
    (void)b_len;
    (void)out;
    say(errp);
    return false;
}

bool hash_pbkdf2(const char *hash, const void *pass, size_t pass_len, const uint8_t *salt, size_t salt_len, uint32_t iterations,
                 uint8_t *out, size_t len, Error **errp)
{
    (void)hash;
    (void)pass;
    (void)pass_len;
    (void)salt;
    (void)salt_len;
    (void)iterations;
    (void)out;
    (void)len;
    say(errp);
    return false;
}
