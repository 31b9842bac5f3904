/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ciphers and key derivation for encrypted images.  Built with nettle (cipher-nettle.c); without it each call that makes
 * something fails with an error that names the package.  A Cipher may be used by several threads at once.
 */
#ifndef BLOCK_CIPHER_H
#define BLOCK_CIPHER_H

#include "util/error.h"
#include "util/osdep.h"

typedef struct Cipher Cipher;
typedef enum CipherMode { CIPHER_ECB, CIPHER_CBC, CIPHER_CTR, CIPHER_XTS } CipherMode;

/* @alg: "aes", "serpent", "twofish", "cast5"; @key_len in bytes (for XTS of both keys). */
Cipher *cipher_new(const char *alg, CipherMode mode, const uint8_t *key, size_t key_len, Error **errp);
void cipher_free(Cipher *c); /* NULL is fine */
size_t cipher_block_size(const Cipher *c); /* 8 or 16 */
/* In place; @len a multiple of the block size; @iv of the block size. */
void cipher_encrypt(const Cipher *c, const uint8_t *iv, uint8_t *buf, size_t len);
void cipher_decrypt(const Cipher *c, const uint8_t *iv, uint8_t *buf, size_t len);

/* @hash: "sha1", "sha256", ...; 0: not known. */
size_t hash_size(const char *hash);
/* H(a || b) into @out (hash_size bytes). */
bool hash_digest(const char *hash, const void *a, size_t a_len, const void *b, size_t b_len, uint8_t *out, Error **errp);
bool hash_pbkdf2(const char *hash, const void *pass, size_t pass_len, const uint8_t *salt, size_t salt_len, uint32_t iterations,
                 uint8_t *out, size_t len, Error **errp);

#endif
