/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forms that were decoded before.  Guests use some thousand of them: the same prefixes, opcode and ModRM, with another displacement or
 * immediate.  To decode one again is to copy what it gave the first time and to put the new numbers in.
 *
 * That this gives the right thing is not believed but tried, when a form is noted: its bytes with all bits of displacement and immediate
 * turned over are decoded once and must be what the form makes of them.  Where the immediate decides more than its own value (native
 * stubs, GATHER_IMM and the like) it belongs to the form.  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/decode-int.h"

#define FORM_BITS 12 /* places, of two forms */

/* Bytes of an instruction as two words. */
typedef struct FormBytes {
    uint64_t w[2];
} FormBytes;

typedef struct DecodeForm {
    FormBytes mask, bytes; /* bytes & mask is the form's */
    FormBytes length;      /* those that belong to the instruction */
    uint32_t mode;
    bool known;
    bool imm_free;    /* the immediate is not part of the form: */
    bool imm_signed;
    bool rel;         /* Insn.disp is the distance to the branch's target (op-branch.c) */
    Insn insn;
    Decoded full;
} DecodeForm;

typedef struct DecodeCache {
    uint64_t has_modrm[2][4]; /* by opcode: of map 0 and map 1 */
    DecodeForm forms[1 << FORM_BITS][2]; /* the newer one first */
} DecodeCache;

static bool bit_of(const uint64_t *bits, uint8_t n)
{
    return bits[n >> 6] >> (n & 63) & 1;
}

/* How many bytes say what it is: prefixes, opcode, ModRM, SIB.  A guess is good enough, as it only chooses the place in the table. */
static unsigned form_length(const DecodeCache *c, const uint8_t *b, bool code64)
{
    unsigned n = 0, map = 0;

    while (n < 4 && (b[n] == 0x66 || (b[n] & 0xfe) == 0xf2 || (b[n] & 0xfe) == 0x64 || b[n] == 0xf0 || b[n] == 0x2e || b[n] == 0x3e)) {
        n++;
    }
    n += code64 && (b[n] & 0xf0) == 0x40;
    if (b[n] == 0x0f) {
        n++;
        map = 1 + ((b[n] & 0xfd) == 0x38);
        n += map == 2;
    } else if (code64 && (b[n] & 0xfe) == 0xc4) {
        n += b[n] == 0xc4 ? 3 : 2;
        map = 2;
    }
    bool modrm = map == 2 || bit_of(c->has_modrm[map], b[n]);

    n += 1u + modrm;
    return modrm && (b[n - 1] & 0xc0) != 0xc0 && (b[n - 1] & 7) == 4 ? n + 1 : n;
}

static uint64_t low_bytes(unsigned n)
{
    return n >= 8 ? UINT64_MAX : ((uint64_t)1 << n * 8) - 1;
}

static FormBytes byte_range(unsigned from, unsigned to)
{
    FormBytes m = { { low_bytes(to) & ~low_bytes(from), 0 } };

    if (to > 8) {
        m.w[1] = low_bytes(to - 8) & ~(from > 8 ? low_bytes(from - 8) : 0);
    }
    return m;
}

/* The place of a form: two of them. */
static DecodeForm *form_place(DecodeCache *c, const FormBytes *bytes, uint32_t mode)
{
    unsigned n = form_length(c, (const uint8_t *)bytes->w, mode & MODE_CODE64);
    uint64_t h = ((bytes->w[0] & low_bytes(n)) ^ (uint64_t)mode << 56) * 0x9e3779b97f4a7c15u;

    return c->forms[h >> (64 - FORM_BITS)];
}

static bool form_is(const DecodeForm *f, const FormBytes *bytes, uint32_t mode)
{
    return f->known && f->mode == mode && (bytes->w[0] & f->mask.w[0]) == f->bytes.w[0] && (bytes->w[1] & f->mask.w[1]) == f->bytes.w[1];
}

static int64_t sign_extended(uint64_t v, unsigned bytes)
{
    unsigned shift = 64 - bytes * 8;

    return (int64_t)(v << shift) >> shift;
}

/* What @bytes, of this form, mean.  False: a distance of more than 31 bits, which has functions of its own. */
static bool form_apply(const DecodeForm *f, const FormBytes *bytes, uint16_t off, Insn *i, Decoded *d)
{
    const uint8_t *b = (const uint8_t *)bytes->w;
    FormBytes own = { { bytes->w[0] & f->length.w[0], bytes->w[1] & f->length.w[1] } };

    *i = f->insn;
    *d = f->full;
    i->off = off;
    memcpy(i->bytes, own.w, 16);
    if (d->mem_disp_len) {
        int64_t disp = sign_extended(ld_le(b + d->disp_off, d->mem_disp_len), d->mem_disp_len);

        disp += i->base == R_RIP * 8 ? off + i->len : 0;
        i->disp = (int32_t)disp;
        if (disp > INT32_MAX) {
            return false;
        }
    }
    if (f->imm_free) {
        uint64_t imm = ld_le(b + d->imm_off, d->imm_len);

        i->imm = f->imm_signed ? (uint64_t)sign_extended(imm, d->imm_len) : imm;
    }
    if (f->rel) {
        int64_t dist = (int64_t)i->imm + off + i->len;

        i->disp = (int32_t)dist;
        return dist == (int32_t)dist;
    }
    return true;
}

bool decode_cache_find(X86Cpu *cpu, const uint8_t *bytes, unsigned len, uint16_t off, Insn *i, Decoded *d)
{
    FormBytes b = { { 0, 0 } };

    if (!cpu->decode_cache) {
        return false;
    }
    if (G_LIKELY(len >= 15)) {
        memcpy(b.w, bytes, 15);
    } else {
        memcpy(b.w, bytes, len);
    }
    const DecodeForm *f = form_place(cpu->decode_cache, &b, cpu->mode);

    f += !form_is(f, &b, cpu->mode);
    return form_is(f, &b, cpu->mode) && f->insn.len <= len && form_apply(f, &b, off, i, d);
}

/* --- new forms ------------------------------------------------------------------------------------------------- */

static DecodeCache *cache_new(void)
{
    DecodeCache *c = g_new0(DecodeCache, 1);
    ZydisDecoder zd;

    decode_setup(&zd, DECODER_LONG);
    for (unsigned n = 0; n < 512; n++) {
        const uint8_t bytes[16] = { n < 256 ? (uint8_t)n : 0x0f, (uint8_t)n };
        ZydisDecodedInstruction z;

        if (ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&zd, NULL, bytes, sizeof(bytes), &z)) &&
            (z.attributes & ZYDIS_ATTRIB_HAS_MODRM)) {
            c->has_modrm[n >> 8][n >> 6 & 3] |= (uint64_t)1 << (n & 63);
        }
    }
    return c;
}

static void turn_over(FormBytes *b, unsigned at, unsigned len)
{
    FormBytes m = byte_range(at, at + len);

    b->w[0] ^= m.w[0];
    b->w[1] ^= m.w[1];
}

static bool form_gives(const DecodeForm *f, const FormBytes *b, const Insn *want, const Decoded *want_full)
{
    Insn i;
    Decoded d;

    return form_apply(f, b, want->off, &i, &d) && !memcmp(want, &i, sizeof(i)) && !memcmp(want_full, &d, sizeof(d));
}

/* Does the form say of its own bytes, and of others, what the decoder says? */
static bool form_proved(X86Cpu *cpu, const DecodeForm *f, FormBytes b)
{
    Insn i;
    Decoded d;

    if (!form_gives(f, &b, &f->insn, &f->full)) {
        return false;
    }
    turn_over(&b, f->full.disp_off, f->full.mem_disp_len);
    if (f->imm_free) {
        turn_over(&b, f->full.imm_off, f->full.imm_len);
    }
    return decode_one(cpu, (const uint8_t *)b.w, 15, f->insn.off ^ 0x555, &i, &d) == DECODE_OK && d.mnemonic && !d.rip_wide &&
           form_gives(f, &b, &i, &d);
}

static bool form_make(X86Cpu *cpu, DecodeForm *f, const FormBytes *b, bool imm_free, bool imm_signed)
{
    const Decoded *d = &f->full;
    FormBytes disp = byte_range(d->disp_off, d->disp_off + d->mem_disp_len), imm = byte_range(d->imm_off, d->imm_off + d->imm_len);

    f->imm_free = imm_free;
    f->imm_signed = imm_signed;
    for (unsigned k = 0; k < 2; k++) {
        f->mask.w[k] = f->length.w[k] & ~disp.w[k] & ~(imm_free ? imm.w[k] : 0);
        f->bytes.w[k] = b->w[k] & f->mask.w[k];
    }
    return form_proved(cpu, f, *b);
}

static bool number_length(unsigned n)
{
    return n == 1 || n == 2 || n == 4 || n == 8;
}

void decode_cache_add(X86Cpu *cpu, const Insn *i, const Decoded *d)
{
    DecodeForm f = { .mode = cpu->mode, .length = byte_range(0, i->len), .insn = *i, .full = *d };
    FormBytes b;

    memcpy(b.w, i->bytes, sizeof(b));
    f.rel = d->nops && d->op[0].kind == OPND_REL && i->disp == (int64_t)i->imm + i->off + i->len;
    f.known = (number_length(d->imm_len) && (form_make(cpu, &f, &b, true, true) || form_make(cpu, &f, &b, true, false))) ||
              form_make(cpu, &f, &b, false, false);
    if (!f.known) {
        return;
    }
    if (!cpu->decode_cache) {
        cpu->decode_cache = cache_new();
    }
    DecodeForm *place = form_place(cpu->decode_cache, &b, cpu->mode);

    place[1] = place[0];
    place[0] = f;
}

void decode_forget(X86Cpu *cpu)
{
    g_free(cpu->decode_cache);
    cpu->decode_cache = NULL;
}
