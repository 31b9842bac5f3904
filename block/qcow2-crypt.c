/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: encryption of guest data, by LUKS (crypt_method 2) or the legacy way (1: AES-128-CBC, key is the password itself). */
#include "util/osdep.h"
#include "block/luks.h"
#include "block/qcow2-int.h"
#include "util/secret.h"

enum { AES_KEY = 16, CRYPT_MAX_AREA = 64 << 20 };

struct Qcow2Crypt {
    LuksCipher *cipher;
    bool physical; /* sector numbers are those of the file, not of the disk */
    uint8_t key[LUKS_MAX_KEY];
    size_t key_len;
};

void qcow2_crypt_free(Qcow2Crypt *c)
{
    if (c) {
        luks_cipher_free(c->cipher);
        explicit_bzero(c, sizeof(*c));
        g_free(c);
    }
}

static bool crypt_secret(const Qcow2 *q, const char *id, const uint8_t **pass, size_t *len, Error **errp)
{
    if (!id) {
        error_set(errp, "'%s' is encrypted: encrypt.key-secret= must name its passphrase", q->n->filename);
        error_add_hint(errp, "For example: -object secret,id=key0,file=PASSFILE and encrypt.key-secret=key0.");
        return false;
    }
    return secret_get(id, pass, len, errp);
}

static bool crypt_header(Qcow2 *q, Luks *l, Error **errp)
{
    uint8_t h[LUKS_HEADER];
    uint64_t off = q->h.crypt_offset, len = q->h.crypt_len;
    if (off < q->cluster_size || qcow2_in_cluster(q, off) || off > QCOW2_OFFSET_MASK || len < LUKS_HEADER || len > CRYPT_MAX_AREA) {
        error_set(errp, "'%s' has an encryption header of %" PRIu64 " bytes at offset 0x%" PRIx64 ", which is not valid", q->n->filename,
                  len, off);
        return false;
    }
    int ret = block_node_pread(q->n->file, off, h, sizeof(h));
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot read the encryption header of '%s'", q->n->filename);
    }
    return ret == 0 && luks_parse(l, h, len, errp);
}

static uint8_t *crypt_read_slot(Qcow2 *q, const Luks *l, unsigned i, Error **errp)
{
    uint64_t bytes = luks_slot_bytes(l, i);
    uint8_t *area = g_malloc(bytes);
    int ret = block_node_pread(q->n->file, q->h.crypt_offset + (uint64_t)l->slots[i].offset * LUKS_SECTOR, area, bytes);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot read key slot %u of '%s'", i, q->n->filename);
        g_clear_pointer(&area, g_free);
    }
    return area;
}

/* Does the passphrase open slot @i?  As luks_slot_try. */
static int crypt_try_slot(Qcow2 *q, const Luks *l, unsigned i, const uint8_t *pass, size_t len, uint8_t *key, Error **errp)
{
    uint8_t *area = crypt_read_slot(q, l, i, errp);
    int hit = area ? luks_slot_try(l, i, pass, len, area, key, errp) : -1;
    g_free(area);
    return hit;
}

static bool crypt_open_luks(Qcow2 *q, Qcow2Crypt *c, const uint8_t *pass, size_t len, Error **errp)
{
    Luks l;
    int hit = 0;
    if (!crypt_header(q, &l, errp)) {
        return false;
    }
    for (unsigned i = 0; i < LUKS_SLOTS && hit == 0; i++) {
        hit = l.slots[i].active ? crypt_try_slot(q, &l, i, pass, len, c->key, errp) : 0;
    }
    if (hit == 0) {
        error_set(errp, "the passphrase does not open any key slot of '%s'", q->n->filename);
    }
    c->key_len = l.key_bytes;
    c->physical = true;
    c->cipher = hit > 0 ? luks_cipher_new(l.cipher, l.mode, c->key, c->key_len, errp) : NULL;
    return c->cipher;
}

bool qcow2_crypt_open(Qcow2 *q, const char *secret, Error **errp)
{
    const uint8_t *pass;
    size_t len;
    if (!crypt_secret(q, secret, &pass, &len, errp)) {
        return false;
    }
    Qcow2Crypt *c = g_new0(Qcow2Crypt, 1);
    bool ok;
    if (q->h.crypt_method == QCOW2_CRYPT_AES) {
        memcpy(c->key, pass, MIN(len, AES_KEY));
        c->key_len = AES_KEY;
        c->cipher = luks_cipher_new("aes", "cbc-plain64", c->key, c->key_len, errp);
        ok = c->cipher;
    } else {
        ok = crypt_open_luks(q, c, pass, len, errp);
    }
    if (!ok) {
        qcow2_crypt_free(c);
        return false;
    }
    q->crypt = c;
    return true;
}

void qcow2_encrypt(const Qcow2 *q, uint64_t guest, uint64_t host, uint8_t *buf, size_t len)
{
    luks_cipher_run(q->crypt->cipher, true, (q->crypt->physical ? host : guest) / LUKS_SECTOR, buf, len);
}

void qcow2_decrypt(const Qcow2 *q, uint64_t guest, uint64_t host, uint8_t *buf, size_t len)
{
    luks_cipher_run(q->crypt->cipher, false, (q->crypt->physical ? host : guest) / LUKS_SECTOR, buf, len);
}

/* ---- What it is ------------------------------------------------------------------------------------------------ */

static json_t *crypt_info_slots(const Luks *l)
{
    json_t *slots = json_array();
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        const LuksSlot *s = &l->slots[i];
        json_t *o = json_pack("{s:b}", "active", s->active);
        if (s->active) {
            json_object_set_new(o, "iters", json_integer(s->iterations));
        }
        json_object_set_new(o, "key-offset", json_integer((json_int_t)s->offset * LUKS_SECTOR));
        if (s->active) {
            json_object_set_new(o, "stripes", json_integer(s->stripes));
        }
        json_array_append_new(slots, o);
    }
    return slots;
}

static json_t *crypt_info_luks(const Luks *l)
{
    char *mode, *ivgen, *ivgen_hash;
    luks_mode_parts(l->mode, &mode, &ivgen, &ivgen_hash);
    json_t *o = json_pack("{s:s}", "ivgen-alg", ivgen);
    if (ivgen_hash) {
        json_object_set_new(o, "ivgen-hash-alg", json_string(ivgen_hash));
    }
    char *alg = g_strdup_printf("%s-%u", l->cipher, l->key_bytes * 8 / (strcmp(mode, "xts") ? 1 : 2));
    json_object_set_new(o, "hash-alg", json_string(l->hash));
    json_object_set_new(o, "cipher-alg", json_string(alg));
    json_object_set_new(o, "uuid", json_string(l->uuid));
    json_object_set_new(o, "format", json_string("luks"));
    json_object_set_new(o, "cipher-mode", json_string(mode));
    json_object_set_new(o, "slots", crypt_info_slots(l));
    json_object_set_new(o, "payload-offset", json_integer((json_int_t)l->payload * LUKS_SECTOR));
    json_object_set_new(o, "master-key-iters", json_integer(l->digest_iterations));
    g_free(alg);
    g_free(mode);
    g_free(ivgen);
    g_free(ivgen_hash);
    return o;
}

json_t *qcow2_crypt_info(Qcow2 *q)
{
    Luks l;
    if (q->h.crypt_method == QCOW2_CRYPT_AES) {
        return json_pack("{s:s}", "format", "aes");
    }
    return q->h.crypt_method == QCOW2_CRYPT_LUKS && crypt_header(q, &l, NULL) ? crypt_info_luks(&l) : NULL;
}

/* ---- New images ------------------------------------------------------------------------------------------------ */

static char *crypt_mode_text(BlockOpts *o)
{
    const char *mode = block_opt_str(o, "encrypt.cipher-mode"), *ivgen = block_opt_str(o, "encrypt.ivgen-alg");
    const char *hash = block_opt_str(o, "encrypt.ivgen-hash-alg");
    mode = mode ? mode : "xts";
    ivgen = ivgen ? ivgen : "plain64";
    if (!strcmp(ivgen, "essiv")) {
        return g_strdup_printf("%s-essiv:%s", mode, hash ? hash : "sha256");
    }
    return g_strdup_printf("%s-%s", mode, ivgen);
}

uint8_t *qcow2_crypt_create(BlockOpts *o, uint64_t *area_len, Error **errp)
{
    const char *id = block_opt_str(o, "encrypt.key-secret"), *alg = block_opt_str(o, "encrypt.cipher-alg");
    const char *hash = block_opt_str(o, "encrypt.hash-alg");
    const uint8_t *pass;
    size_t len;
    Luks l;
    uint8_t key[LUKS_MAX_KEY], *area = NULL;
    if (!id) {
        error_set(errp, "an encrypted image needs encrypt.key-secret=, the id of its passphrase");
        return NULL;
    }
    alg = alg ? alg : "aes-256";
    const char *dash = strrchr(alg, '-');
    char *cipher = g_strndup(alg, dash ? (size_t)(dash - alg) : strlen(alg)), *mode = crypt_mode_text(o);
    unsigned bits = dash ? (unsigned)strtoul(dash + 1, NULL, 10) : 0;
    uint32_t key_bytes = bits / 8 * (g_str_has_prefix(mode, "xts") ? 2 : 1);
    unsigned ms = block_opt_given(o, "encrypt.iter-time") ? (unsigned)MIN(block_opt_uint(o, "encrypt.iter-time"), 600000) : 2000;
    LuksCipher *probe = NULL;
    if (!bits || bits % 8 || key_bytes > LUKS_MAX_KEY) {
        error_set(errp, "encrypt.cipher-alg=%s is not known; for example aes-256, aes-128, serpent-256, twofish-256", alg);
    } else if (secret_get(id, &pass, &len, errp) &&
               luks_new(&l, cipher, key_bytes, mode, hash ? hash : "sha256", ms, key, area_len, errp) &&
               (probe = luks_cipher_new(cipher, mode, key, key_bytes, errp))) {
        area = g_malloc0(*area_len);
        if (luks_slot_set(&l, 0, pass, len, ms, key, area + (size_t)l.slots[0].offset * LUKS_SECTOR, errp)) {
            luks_build(&l, area);
        } else {
            g_clear_pointer(&area, g_free);
        }
    }
    luks_cipher_free(probe);
    explicit_bzero(key, sizeof(key));
    g_free(cipher);
    g_free(mode);
    return area;
}

/* ---- Changing passphrases -------------------------------------------------------------------------------------- */

static int crypt_write(Qcow2 *q, uint64_t at, const void *buf, size_t len)
{
    int ret = qcow2_overlap_check(q, q->h.crypt_offset + at, len, QCOW2_KIND_CRYPT);
    ret = ret < 0 ? ret : block_node_pwrite(q->n->file, q->h.crypt_offset + at, buf, len);
    return ret < 0 ? ret : block_node_flush(q->n->file);
}

static bool crypt_write_header(Qcow2 *q, const Luks *l, Error **errp)
{
    uint8_t h[LUKS_HEADER];
    luks_build(l, h);
    int ret = crypt_write(q, 0, h, sizeof(h));
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the encryption header of '%s'", q->n->filename);
    }
    return ret == 0;
}

static bool crypt_add_key(Qcow2 *q, Luks *l, BlockOpts *o, Error **errp)
{
    const uint8_t *pass;
    size_t len;
    unsigned i = 0, ms = block_opt_given(o, "encrypt.iter-time") ? (unsigned)MIN(block_opt_uint(o, "encrypt.iter-time"), 600000) : 2000;
    if (!block_opt_given(o, "encrypt.new-secret")) {
        error_set(errp, "encrypt.state=active needs encrypt.new-secret=, the id of the new passphrase");
        return false;
    }
    if (block_opt_given(o, "encrypt.keyslot")) {
        i = (unsigned)MIN(block_opt_uint(o, "encrypt.keyslot"), LUKS_SLOTS);
    } else {
        while (i < LUKS_SLOTS && l->slots[i].active) {
            i++;
        }
    }
    if (i >= LUKS_SLOTS || l->slots[i].active) {
        error_set(errp, i < LUKS_SLOTS ? "key slot %u of '%s' is in use: free it first" : "there is no free key slot (of %u) in '%s'",
                  i < LUKS_SLOTS ? i : LUKS_SLOTS, q->n->filename);
        return false;
    }
    if (!secret_get(block_opt_str(o, "encrypt.new-secret"), &pass, &len, errp)) {
        return false;
    }
    uint8_t *area = g_malloc(luks_slot_bytes(l, i));
    bool ok = luks_slot_set(l, i, pass, len, ms, q->crypt->key, area, errp);
    /* The key area first: the header makes it valid. */
    int ret = ok ? crypt_write(q, (uint64_t)l->slots[i].offset * LUKS_SECTOR, area, luks_slot_bytes(l, i)) : 0;
    g_free(area);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write key slot %u of '%s'", i, q->n->filename);
    }
    return ok && ret == 0 && crypt_write_header(q, l, errp);
}

/* A bit for each slot that shall go; 0 and *errp when there is none. */
static unsigned crypt_slots_to_erase(Qcow2 *q, const Luks *l, BlockOpts *o, Error **errp)
{
    unsigned mask = 0;
    const uint8_t *pass;
    size_t len;
    if (block_opt_given(o, "encrypt.keyslot")) {
        uint64_t i = block_opt_uint(o, "encrypt.keyslot");
        mask = i < LUKS_SLOTS && l->slots[i].active ? 1u << i : 0;
    } else if (block_opt_given(o, "encrypt.old-secret")) {
        uint8_t key[LUKS_MAX_KEY];
        if (!secret_get(block_opt_str(o, "encrypt.old-secret"), &pass, &len, errp)) {
            return 0;
        }
        for (unsigned i = 0; i < LUKS_SLOTS; i++) {
            mask |= l->slots[i].active && crypt_try_slot(q, l, i, pass, len, key, NULL) > 0 ? 1u << i : 0;
        }
        explicit_bzero(key, sizeof(key));
    } else {
        error_set(errp, "encrypt.state=inactive needs encrypt.keyslot= or encrypt.old-secret=");
        return 0;
    }
    if (!mask) {
        error_set(errp, "no key slot of '%s' that is in use fits", q->n->filename);
    }
    return mask;
}

static bool crypt_erase_keys(Qcow2 *q, Luks *l, BlockOpts *o, bool force, Error **errp)
{
    unsigned mask = crypt_slots_to_erase(q, l, o, errp), active = 0;
    if (!mask) {
        return false;
    }
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        active |= l->slots[i].active ? 1u << i : 0;
    }
    if (active == mask && !force) {
        error_set(errp, "this would erase the last passphrase of '%s', and nothing could read it any more", q->n->filename);
        error_add_hint(errp, "Add another passphrase first, or use --force.");
        return false;
    }
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        l->slots[i].active &= !(mask >> i & 1);
    }
    if (!crypt_write_header(q, l, errp)) {
        return false;
    }
    int ret = 0;
    for (unsigned i = 0; i < LUKS_SLOTS && ret == 0; i++) {
        if (mask >> i & 1) {
            uint8_t *area = g_malloc(luks_slot_bytes(l, i));
            ret = luks_random(area, luks_slot_bytes(l, i), errp) ? crypt_write(q, (uint64_t)l->slots[i].offset * LUKS_SECTOR, area,
                                                                               luks_slot_bytes(l, i)) : 0;
            g_free(area);
        }
    }
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot erase the key slots of '%s'", q->n->filename);
    }
    return ret == 0;
}

bool qcow2_crypt_amend(Qcow2 *q, BlockOpts *o, bool force, Error **errp)
{
    const char *state = block_opt_str(o, "encrypt.state");
    Luks l;
    if (q->h.crypt_method != QCOW2_CRYPT_LUKS || !q->crypt) {
        error_set(errp, "'%s' is not encrypted with LUKS%s", q->n->filename, q->crypt ? "" : " or not open for it");
        return false;
    }
    if (!state || (strcmp(state, "active") && strcmp(state, "inactive"))) {
        error_set(errp, "encrypt.state= is active (add a passphrase) or inactive (erase one)");
        return false;
    }
    if (!crypt_header(q, &l, errp)) {
        return false;
    }
    return strcmp(state, "active") ? crypt_erase_keys(q, &l, o, force, errp) : crypt_add_key(q, &l, o, errp);
}
