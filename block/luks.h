/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The LUKS1 header: passphrases in key slots unlock one master key.  Source: "LUKS On-Disk Format Specification",
 * version 1.2.3 (cryptsetup).  Here are bytes only; whoever stores them does the I/O.
 */
#ifndef BLOCK_LUKS_H
#define BLOCK_LUKS_H

#include "block/cipher.h"

enum { LUKS_HEADER = 592, LUKS_SLOTS = 8, LUKS_SECTOR = 512, LUKS_MAX_KEY = 64, LUKS_MAX_STRIPES = 10000 };

typedef struct LuksSlot {
    bool active;
    uint32_t iterations, offset /* sectors */, stripes;
    uint8_t salt[32];
} LuksSlot;

typedef struct Luks {
    char cipher[33], mode[33], hash[33], uuid[41]; /* "aes", "xts-plain64", "sha256" */
    uint32_t payload /* sectors */, key_bytes, digest_iterations;
    uint8_t digest[20], digest_salt[32];
    LuksSlot slots[LUKS_SLOTS];
} Luks;

/* How sectors of a disk are encrypted. */
typedef struct LuksCipher LuksCipher;

/* @area_len: bytes of header and key areas; everything is checked to lie inside. */
bool luks_parse(Luks *l, const uint8_t *header, uint64_t area_len, Error **errp);
void luks_build(const Luks *l, uint8_t *header); /* LUKS_HEADER bytes */
/* "xts", "plain64", "sha256" (NULL: none) out of @mode. */
void luks_mode_parts(const char *mode, char **cipher_mode, char **ivgen, char **ivgen_hash);

/* A new header with a random master key and no passphrase.  @area_len: how much room header and key areas take. */
bool luks_new(Luks *l, const char *cipher, uint32_t key_bytes, const char *mode, const char *hash, unsigned iter_ms, uint8_t *key,
              uint64_t *area_len, Error **errp);
/* Puts the master key into slot @i under a passphrase; @area: its key area (luks_slot_bytes). */
bool luks_slot_set(Luks *l, unsigned i, const void *pass, size_t len, unsigned iter_ms, const uint8_t *key, uint8_t *area, Error **errp);
uint64_t luks_slot_bytes(const Luks *l, unsigned i);
/* Does the passphrase open slot @i, whose key area is @area?  1: yes (@key is the master key), 0: no, -1: error. */
int luks_slot_try(const Luks *l, unsigned i, const void *pass, size_t len, const uint8_t *area, uint8_t *key, Error **errp);

LuksCipher *luks_cipher_new(const char *cipher, const char *mode, const uint8_t *key, size_t key_len, Error **errp);
void luks_cipher_free(LuksCipher *c);
/* Whole sectors in place; @sector: number of the first. */
void luks_cipher_run(const LuksCipher *c, bool encrypt, uint64_t sector, uint8_t *buf, size_t len);
bool luks_random(void *buf, size_t len, Error **errp);

#endif
