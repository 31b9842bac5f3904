/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS1 headers, key slots and sector encryption. */
#include "util/osdep.h"
#include "block/luks.h"
#include "util/bytes.h"

#include <sys/random.h>
#include <time.h>

enum { SLOT_AT = 208, SLOT_BYTES = 48, STRIPES = 4000, ALIGN = 4096, DIGEST = 20, MAX_HASH = 64, MIN_ITERATIONS = 1000 };
#define SLOT_ACTIVE 0x00ac71f3u
#define SLOT_FREE 0x0000deadu
static const uint8_t luks_magic[6] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };

/* ---- The header ------------------------------------------------------------------------------------------------ */

bool luks_parse(Luks *l, const uint8_t *h, uint64_t area_len, Error **errp)
{
    memset(l, 0, sizeof(*l));
    if (memcmp(h, luks_magic, sizeof(luks_magic)) || ld_be16(h + 6) != 1) {
        error_set(errp, "the encryption header is not a LUKS header of version 1");
        return false;
    }
    memcpy(l->cipher, h + 8, 32);
    memcpy(l->mode, h + 40, 32);
    memcpy(l->hash, h + 72, 32);
    l->payload = ld_be32(h + 104);
    l->key_bytes = ld_be32(h + 108);
    memcpy(l->digest, h + 112, DIGEST);
    memcpy(l->digest_salt, h + 132, 32);
    l->digest_iterations = ld_be32(h + 164);
    memcpy(l->uuid, h + 168, 40);
    if (!l->key_bytes || l->key_bytes > LUKS_MAX_KEY || !l->digest_iterations) {
        error_set(errp, "the encryption header has a key of %u bytes (1 to %d are possible) and %u iterations", l->key_bytes, LUKS_MAX_KEY,
                  l->digest_iterations);
        return false;
    }
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        const uint8_t *s = h + SLOT_AT + i * SLOT_BYTES;
        LuksSlot *slot = &l->slots[i];
        slot->active = ld_be32(s) == SLOT_ACTIVE;
        slot->iterations = ld_be32(s + 4);
        memcpy(slot->salt, s + 8, 32);
        slot->offset = ld_be32(s + 40);
        slot->stripes = ld_be32(s + 44);
        uint64_t end = (uint64_t)slot->offset * LUKS_SECTOR + luks_slot_bytes(l, i);
        if ((ld_be32(s) != SLOT_FREE && !slot->active) || !slot->stripes || slot->stripes > LUKS_MAX_STRIPES ||
            (slot->active && !slot->iterations) || slot->offset < 2 || end > area_len) {
            error_set(errp, "key slot %u of the encryption header is damaged", i);
            return false;
        }
    }
    return true;
}

void luks_build(const Luks *l, uint8_t *h)
{
    memset(h, 0, LUKS_HEADER);
    memcpy(h, luks_magic, sizeof(luks_magic));
    st_be16(h + 6, 1);
    memcpy(h + 8, l->cipher, 32);
    memcpy(h + 40, l->mode, 32);
    memcpy(h + 72, l->hash, 32);
    st_be32(h + 104, l->payload);
    st_be32(h + 108, l->key_bytes);
    memcpy(h + 112, l->digest, DIGEST);
    memcpy(h + 132, l->digest_salt, 32);
    st_be32(h + 164, l->digest_iterations);
    memcpy(h + 168, l->uuid, 40);
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        uint8_t *s = h + SLOT_AT + i * SLOT_BYTES;
        st_be32(s, l->slots[i].active ? SLOT_ACTIVE : SLOT_FREE);
        st_be32(s + 4, l->slots[i].iterations);
        memcpy(s + 8, l->slots[i].salt, 32);
        st_be32(s + 40, l->slots[i].offset);
        st_be32(s + 44, l->slots[i].stripes);
    }
}

void luks_mode_parts(const char *mode, char **cipher_mode, char **ivgen, char **ivgen_hash)
{
    char **parts = g_strsplit(mode, "-", 2);
    char **iv = g_strsplit(parts[0] && parts[1] ? parts[1] : "plain", ":", 2);
    *cipher_mode = g_strdup(parts[0] ? parts[0] : "");
    *ivgen = g_strdup(iv[0] ? iv[0] : "");
    *ivgen_hash = g_strdup(iv[0] ? iv[1] : NULL);
    g_strfreev(iv);
    g_strfreev(parts);
}

bool luks_random(void *buf, size_t len, Error **errp)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = getrandom((uint8_t *)buf + done, len - done, 0);
        if (n < 0 && errno != EINTR) {
            error_set_errno(errp, errno, "the host gives no random bytes for a key");
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* ---- Sectors --------------------------------------------------------------------------------------------------- */

typedef enum IvGen { IV_PLAIN, IV_PLAIN64, IV_ESSIV, IV_NULL } IvGen;

struct LuksCipher {
    Cipher *cipher, *essiv;
    IvGen ivgen;
};

static bool luks_cipher_essiv(LuksCipher *c, const char *cipher, const char *hash, const uint8_t *key, size_t key_len, Error **errp)
{
    uint8_t salt[MAX_HASH];
    size_t size = hash_size(hash);
    if (!size || size > MAX_HASH || !hash_digest(hash, key, key_len, NULL, 0, salt, errp)) {
        if (!size || size > MAX_HASH) {
            error_set(errp, "hash '%s' for IVs is not supported", hash);
        }
        return false;
    }
    c->essiv = cipher_new(cipher, CIPHER_ECB, salt, size, errp);
    return c->essiv;
}

LuksCipher *luks_cipher_new(const char *cipher, const char *mode, const uint8_t *key, size_t key_len, Error **errp)
{
    static const char *const modes[] = { "ecb", "cbc", "ctr", "xts" }, *const ivgens[] = { "plain", "plain64", "essiv", "null" };
    char *m, *ivgen, *hash;
    int mi = -1, vi = -1;
    luks_mode_parts(mode, &m, &ivgen, &hash);
    for (int i = 0; i < 4; i++) {
        mi = strcmp(m, modes[i]) ? mi : i;
        vi = strcmp(ivgen, ivgens[i]) ? vi : i;
    }
    LuksCipher *c = g_new0(LuksCipher, 1);
    if (mi < 0 || vi < 0) {
        error_set(errp, "cipher mode '%s' is not supported", mode);
    } else if ((c->cipher = cipher_new(cipher, (CipherMode)mi, key, key_len, errp))) {
        c->ivgen = mi == CIPHER_ECB ? IV_NULL : (IvGen)vi;
        if (c->ivgen != IV_ESSIV || luks_cipher_essiv(c, cipher, hash ? hash : "sha256", key, key_len, errp)) {
            goto out;
        }
    }
    luks_cipher_free(c);
    c = NULL;
out:
    g_free(m);
    g_free(ivgen);
    g_free(hash);
    return c;
}

void luks_cipher_free(LuksCipher *c)
{
    if (c) {
        cipher_free(c->cipher);
        cipher_free(c->essiv);
        g_free(c);
    }
}

void luks_cipher_run(const LuksCipher *c, bool encrypt, uint64_t sector, uint8_t *buf, size_t len)
{
    for (; len >= LUKS_SECTOR; len -= LUKS_SECTOR, buf += LUKS_SECTOR, sector++) {
        uint8_t iv[16] = { 0 };
        if (c->ivgen == IV_PLAIN) {
            st_le32(iv, (uint32_t)sector);
        } else if (c->ivgen != IV_NULL) {
            st_le64(iv, sector);
        }
        if (c->ivgen == IV_ESSIV) {
            uint8_t none[16] = { 0 };
            cipher_encrypt(c->essiv, none, iv, cipher_block_size(c->essiv));
        }
        if (encrypt) {
            cipher_encrypt(c->cipher, iv, buf, LUKS_SECTOR);
        } else {
            cipher_decrypt(c->cipher, iv, buf, LUKS_SECTOR);
        }
    }
}

/* ---- Key slots ------------------------------------------------------------------------------------------------- */

uint64_t luks_slot_bytes(const Luks *l, unsigned i)
{
    uint64_t bytes = (uint64_t)l->key_bytes * l->slots[i].stripes;
    return (bytes + LUKS_SECTOR - 1) / LUKS_SECTOR * LUKS_SECTOR;
}

/* The diffusion of the anti-forensic splitter: each digest-sized piece becomes its hash, with its number before it. */
static bool af_diffuse(const char *hash, uint8_t *block, size_t len, Error **errp)
{
    size_t size = hash_size(hash);
    uint8_t digest[MAX_HASH];
    for (size_t at = 0, n = 0; at < len; at += size, n++) {
        uint8_t number[4];
        size_t part = MIN(size, len - at);
        st_be32(number, (uint32_t)n);
        if (!hash_digest(hash, number, sizeof(number), block + at, part, digest, errp)) {
            return false;
        }
        memcpy(block + at, digest, part);
    }
    return true;
}

static void af_xor(uint8_t *d, const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        d[i] ^= s[i];
    }
}

/* Folds @stripes - 1 stripes into @d. */
static bool af_fold(const Luks *l, const uint8_t *area, uint32_t stripes, uint8_t *d, Error **errp)
{
    memset(d, 0, l->key_bytes);
    for (uint32_t s = 0; s + 1 < stripes; s++) {
        af_xor(d, area + (size_t)s * l->key_bytes, l->key_bytes);
        if (!af_diffuse(l->hash, d, l->key_bytes, errp)) {
            return false;
        }
    }
    return true;
}

static bool luks_hash_ok(const Luks *l, Error **errp)
{
    size_t size = hash_size(l->hash);
    if (!size || size > MAX_HASH) {
        error_set(errp, "hash '%s' of the encryption header is not supported", l->hash);
        return false;
    }
    return true;
}

int luks_slot_try(const Luks *l, unsigned i, const void *pass, size_t len, const uint8_t *area, uint8_t *key, Error **errp)
{
    const LuksSlot *s = &l->slots[i];
    uint64_t bytes = luks_slot_bytes(l, i);
    uint8_t slot_key[LUKS_MAX_KEY], digest[DIGEST];
    if (!luks_hash_ok(l, errp) || !hash_pbkdf2(l->hash, pass, len, s->salt, sizeof(s->salt), s->iterations, slot_key, l->key_bytes, errp)) {
        return -1;
    }
    LuksCipher *c = luks_cipher_new(l->cipher, l->mode, slot_key, l->key_bytes, errp);
    uint8_t *plain = g_memdup2(area, bytes);
    int result = -1;
    if (c) {
        luks_cipher_run(c, false, 0, plain, bytes);
        if (af_fold(l, plain, s->stripes, key, errp)) {
            af_xor(key, plain + (size_t)(s->stripes - 1) * l->key_bytes, l->key_bytes);
            if (hash_pbkdf2(l->hash, key, l->key_bytes, l->digest_salt, sizeof(l->digest_salt), l->digest_iterations, digest, DIGEST,
                            errp)) {
                result = !memcmp(digest, l->digest, DIGEST);
            }
        }
    }
    luks_cipher_free(c);
    explicit_bzero(plain, bytes);
    explicit_bzero(slot_key, sizeof(slot_key));
    g_free(plain);
    return result;
}

/* Iterations that take about @ms here. */
static uint32_t luks_measure(const char *hash, size_t out_len, unsigned ms)
{
    uint8_t out[LUKS_MAX_KEY], salt[32] = { 0 };
    uint64_t n = 4096, ns = 0;
    struct timespec a, b;
    while (ns < 10 * NS_PER_MS && n < (uint64_t)1 << 26) {
        n *= 2;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
        if (!hash_pbkdf2(hash, "password", 8, salt, sizeof(salt), (uint32_t)n, out, out_len, NULL)) {
            break;
        }
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
        ns = (uint64_t)((b.tv_sec - a.tv_sec) * NS_PER_SEC + b.tv_nsec - a.tv_nsec);
    }
    uint64_t want = muldiv64(n, (uint64_t)ms * NS_PER_MS, MAX(ns, 1));
    return (uint32_t)MIN(MAX(want, MIN_ITERATIONS), UINT32_MAX);
}

bool luks_slot_set(Luks *l, unsigned i, const void *pass, size_t len, unsigned iter_ms, const uint8_t *key, uint8_t *area, Error **errp)
{
    LuksSlot *s = &l->slots[i];
    uint64_t bytes = luks_slot_bytes(l, i);
    uint8_t slot_key[LUKS_MAX_KEY];
    size_t last = (size_t)(s->stripes - 1) * l->key_bytes;
    memset(area, 0, bytes);
    if (!luks_hash_ok(l, errp) || !luks_random(s->salt, sizeof(s->salt), errp) || !luks_random(area, last, errp) ||
        !af_fold(l, area, s->stripes, area + last, errp)) {
        return false;
    }
    af_xor(area + last, key, l->key_bytes);
    s->iterations = luks_measure(l->hash, l->key_bytes, iter_ms);
    if (!hash_pbkdf2(l->hash, pass, len, s->salt, sizeof(s->salt), s->iterations, slot_key, l->key_bytes, errp)) {
        return false;
    }
    LuksCipher *c = luks_cipher_new(l->cipher, l->mode, slot_key, l->key_bytes, errp);
    explicit_bzero(slot_key, sizeof(slot_key));
    if (!c) {
        return false;
    }
    luks_cipher_run(c, true, 0, area, bytes);
    luks_cipher_free(c);
    s->active = true;
    return true;
}

bool luks_new(Luks *l, const char *cipher, uint32_t key_bytes, const char *mode, const char *hash, unsigned iter_ms, uint8_t *key,
              uint64_t *area_len, Error **errp)
{
    memset(l, 0, sizeof(*l));
    g_strlcpy(l->cipher, cipher, sizeof(l->cipher));
    g_strlcpy(l->mode, mode, sizeof(l->mode));
    g_strlcpy(l->hash, hash, sizeof(l->hash));
    l->key_bytes = key_bytes;
    if (!luks_hash_ok(l, errp) || !luks_random(key, key_bytes, errp) || !luks_random(l->digest_salt, sizeof(l->digest_salt), errp)) {
        return false;
    }
    char *uuid = g_uuid_string_random();
    g_strlcpy(l->uuid, uuid, sizeof(l->uuid));
    g_free(uuid);
    uint64_t slot = align_up((uint64_t)key_bytes * STRIPES, ALIGN);
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        l->slots[i].stripes = STRIPES;
        l->slots[i].offset = (uint32_t)((ALIGN + i * slot) / LUKS_SECTOR);
    }
    *area_len = ALIGN + LUKS_SLOTS * slot;
    l->payload = (uint32_t)(*area_len / LUKS_SECTOR);
    l->digest_iterations = MAX(MIN_ITERATIONS, luks_measure(hash, DIGEST, iter_ms) / 8);
    return hash_pbkdf2(hash, key, key_bytes, l->digest_salt, sizeof(l->digest_salt), l->digest_iterations, l->digest, DIGEST, errp);
}
