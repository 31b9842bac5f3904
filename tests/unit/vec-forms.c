/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See vec-forms.h.  Encodings are walked as data (prefix, map, opcode, ModRM); the product's decoder says which of them it knows and to
 * what extension they belong, and is not asked for anything else: registers, addresses and values are chosen here.
 */
#include "util/osdep.h"
#include "tests/unit/vec-forms.h"
#include "target/i386/cpuid.h"
#include "target/i386/decode.h"
#include "target/i386/fpu.h"

int vec_class(const char *isa)
{
    for (int k = 0; isa && vec_classes[k].isa; k++) {
        if (!strcmp(vec_classes[k].isa, isa)) {
            return k;
        }
    }
    return -1;
}

/* --- encoding ---------------------------------------------------------------------------------------------------- */

static void put(VecCase *c, uint64_t v, unsigned size)
{
    st_le(c->code + c->len, v, size);
    c->len += size;
}

static void put_vex(VecCase *c, const VecForm *f, const VecFields *x)
{
    uint8_t pp = f->prefix == 0x66 ? 1 : f->prefix == 0xf3 ? 2 : f->prefix == 0xf2 ? 3 : 0;
    uint8_t last = (uint8_t)((~x->vvvv & 15) << 3 | f->wide << 2 | pp);
    uint8_t inverted = (uint8_t)((x->reg < 8) << 7);

    if (f->map == 1 && !f->w && x->index < 8 && x->rm < 8 && (native_random() & 1)) {
        put(c, 0xc5, 1);
        put(c, inverted | last, 1);
    } else {
        put(c, 0xc4, 1);
        put(c, (uint64_t)(inverted | (x->index < 8) << 6 | (x->rm < 8) << 5 | f->map), 1);
        put(c, (uint64_t)(f->w << 7 | last), 1);
    }
}

static void put_legacy(VecCase *c, const VecForm *f, const VecFields *x)
{
    uint8_t rex = (uint8_t)(f->w << 3 | (x->reg >> 3) << 2 | (x->index >> 3) << 1 | x->rm >> 3);

    if (f->prefix) {
        put(c, f->prefix, 1);
    }
    if (rex) {
        put(c, 0x40 | rex, 1);
    }
    if (f->map) {
        put(c, 0x0f, 1);
    }
    if (f->map > 1) {
        put(c, f->map == 2 ? 0x38 : 0x3a, 1);
    }
}

void vec_put_insn(VecCase *c, const VecForm *f, const VecFields *x)
{
    c->len = 0;
    memset(c->code, 0x90, sizeof(c->code));
    if (x->addr32) {
        put(c, 0x67, 1);
    }
    for (unsigned k = 0; k < x->extras; k++) {
        put(c, x->extra[k], 1);
    }
    if (f->vex) {
        put_vex(c, f, x);
    } else {
        put_legacy(c, f, x);
    }
    put(c, f->op, 1);
    put(c, (uint64_t)(x->mod << 6 | (x->reg & 7) << 3 | (x->sib ? 4 : x->rm & 7)), 1);
    if (x->sib) {
        put(c, (uint64_t)(x->scale << 6 | (x->index & 7) << 3 | (x->rm & 7)), 1);
    }
    if (x->mod == 1) {
        put(c, (uint8_t)x->disp, 1);
    } else if (x->mod == 2 || (x->mod == 0 && !x->sib && (x->rm & 7) == 5)) {
        put(c, (uint32_t)x->disp, 4);
    }
}

/* --- finding forms ----------------------------------------------------------------------------------------------- */

static const char *probe(const VecForm *f, uint8_t reg, uint8_t rm, uint8_t vvvv, const char **name)
{
    VecCase c;
    VecFields x = { .reg = reg, .rm = f->mem ? 3 : rm, .vvvv = vvvv, .mod = f->mem ? 2 : 3, .sib = f->vsib, .index = f->vsib ? 6 : 0 };

    vec_put_insn(&c, f, &x);
    *name = NULL;
    return decode_isa(f->compat ? MODE_PE | MODE_LMA | MODE_CODE32 : MODE_PE | MODE_LMA | MODE_CODE64, c.code, 15, name);
}

static bool same_name(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* What vvvv says: unused, or a register; gathers want it different from the others. */
static void finish_form(VecForm *f, VecVisit *visit, void *opaque)
{
    uint8_t reg = f->reg < 0 ? 1 : (uint8_t)f->reg, rm = f->rm < 0 ? 2 : (uint8_t)f->rm;
    const char *name;

    f->isa = probe(f, reg, rm, f->vsib ? 5 : 0, &f->name);
    f->uses_vvvv = false;
    if (f->vex) {
        const char *isa = probe(f, reg, rm, 4, &name);
        f->uses_vvvv = isa != NULL;
        if (!f->isa) {
            f->isa = isa;
            f->name = name;
        }
    }
    visit(f, opaque);
}

static void walk_rm(VecForm *f, VecVisit *visit, void *opaque)
{
    const char *first, *name;
    bool differ = false;

    probe(f, (uint8_t)f->reg, 0, 0, &first);
    for (uint8_t rm = 1; rm < 8; rm++) {
        probe(f, (uint8_t)f->reg, rm, 0, &name);
        differ |= !same_name(first, name);
    }
    for (int8_t rm = 0; rm < (differ ? 8 : 1); rm++) {
        f->rm = differ ? rm : VEC_ANY;
        finish_form(f, visit, opaque);
    }
    f->rm = VEC_ANY;
}

/* One opcode, register or memory: does ModRM.reg belong to the opcode?  Does ModRM.rm? */
static void walk_opcode(VecForm *f, VecVisit *visit, void *opaque)
{
    const char *names[8];
    bool differ = false;

    f->reg = f->rm = VEC_ANY;
    f->vsib = f->vex && f->mem && f->map == 2 && f->op >= 0x90 && f->op <= 0x93;
    for (uint8_t reg = 0; reg < 8; reg++) {
        const char *isa = probe(f, reg, 2, f->vsib ? 5 : 0, &names[reg]);
        if (!isa && f->vex) {
            probe(f, reg, 2, 4, &names[reg]);
        }
        differ |= !f->vsib && !same_name(names[0], names[reg]);
    }
    if (!differ && !(f->map == 0 && (f->op & 0xf8) == 0xd8)) {
        finish_form(f, visit, opaque);
        return;
    }
    for (int8_t reg = 0; reg < 8; reg++) {
        f->reg = reg;
        if (f->mem) {
            finish_form(f, visit, opaque);
        } else {
            walk_rm(f, visit, opaque);
        }
    }
}

/* Opcodes of a family: the one-byte map's are x87's or the rest. */
static bool in_family(VecFamily family, unsigned map, unsigned op)
{
    bool x87 = (op & 0xf8) == 0xd8;

    return map > 0 ? family == VEC_LEGACY || family == VEC_VEX : family == (x87 ? VEC_X87 : VEC_BASE);
}

void vec_walk(VecFamily family, bool compat, VecVisit *visit, void *opaque)
{
    static const uint8_t prefixes[] = { 0, 0x66, 0xf3, 0xf2 };
    VecForm f = { .compat = compat, .vex = family == VEC_VEX };
    bool x87 = family == VEC_X87;

    for (unsigned at = 0; at < 0x400; at++) {
        f.map = (uint8_t)(at >> 8);
        f.op = (uint8_t)at;
        for (unsigned k = 0; k < (x87 ? 2 : 4) && in_family(family, f.map, f.op); k++) {
            for (unsigned bits = 0; bits < 8; bits++) {
                f.prefix = prefixes[k];
                f.mem = bits & 1;
                f.w = bits & 2;
                f.wide = bits & 4;
                if ((f.wide && !f.vex) || (f.w && (compat && !f.vex)) || (f.w && x87)) {
                    continue;
                }
                walk_opcode(&f, visit, opaque);
            }
        }
    }
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static uint32_t random_f32(void)
{
    static const uint32_t edges[] = { 0, 1, 0x7fffff, 0x800000, 0x3f800000, 0x3f800001, 0x3f7fffff, 0x7f7fffff, 0x7f800000,
                                      0x7f800001, 0x7fc00000, 0x7fbfffff, 0x7fffffff, 0x4b000000, 0x4b000001, 0x4f000000, 0x3f000000,
                                      0x5f000000, 0x40490fdb, 0x42280000 };
    uint64_t r = native_random();
    uint32_t v = r & 3 ? edges[(r >> 8) % G_N_ELEMENTS(edges)] : (uint32_t)(r >> 32);

    if ((r & 12) == 0) { /* near 1, so that sums and products stay numbers */
        v = 0x3f000000 + (uint32_t)(r >> 38);
    }
    return v ^ (uint32_t)(r >> 4 & 1) << 31;
}

static uint64_t random_f64(void)
{
    static const uint64_t edges[] = { 0, 1, 0xfffffffffffff, 0x10000000000000, 0x3ff0000000000000, 0x3ff0000000000001,
                                      0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff0000000000001, 0x7ff8000000000000,
                                      0x7ff7ffffffffffff, 0x7fffffffffffffff, 0x4330000000000000, 0x41e0000000000000,
                                      0x43e0000000000000, 0x3fe0000000000000, 0x36a0000000000000, 0x380fffffffffffff,
                                      0x47efffffffffffff, 0x41dfffffffc00000 };
    uint64_t r = native_random(), v = r & 3 ? edges[(r >> 8) % G_N_ELEMENTS(edges)] : native_random();

    if ((r & 12) == 0) {
        v = 0x3fe0000000000000 + (native_random() >> 10);
    }
    return v ^ (r >> 4 & 1) << 63;
}

static void random_f80(uint8_t *p)
{
    static const struct {
        uint64_t mant;
        uint16_t exp;
    } edges[] = {
        { 0, 0 }, { 1, 0 }, { INT64_MAX, 0 }, { 1ull << 63, 0 } /* pseudo-denormal */, { 1ull << 63, 1 }, { 1ull << 63, 0x3fff },
        { (1ull << 63) + 1, 0x3fff }, { UINT64_MAX, 0x3ffe }, { UINT64_MAX, 0x7ffe }, { 1ull << 63, 0x7fff }, { (1ull << 63) + 1, 0x7fff },
        { 3ull << 62, 0x7fff }, { UINT64_MAX, 0x7fff }, { 0, 0x7fff } /* pseudo-infinity */, { 1, 0x7fff }, { 1, 0x3fff } /* unnormal */,
        { 0, 0x3fff }, { 0xc90fdaa22168c235, 0x4000 }, { 1ull << 63, 0x403e }, { 1ull << 63, 0x401e }, { 0xde0b6b3a76400000, 0x403a },
    };
    uint64_t r = native_random(), mant = native_random();
    uint16_t exp = (uint16_t)(r >> 32 & 0x7fff);

    if (r & 1) {
        unsigned k = (unsigned)((r >> 8) % G_N_ELEMENTS(edges));
        mant = edges[k].mant;
        exp = edges[k].exp;
    } else if (r & 6) {
        mant |= 1ull << 63;
        exp = (uint16_t)(0x3ff0 + (r >> 40 & 31)); /* around 1 and integers */
    }
    st_le64(p, mant);
    st_le16(p + 8, (uint16_t)(exp | (r >> 4 & 1) << 15));
}

void vec_random_bytes(uint8_t *p, unsigned n)
{
    unsigned kind = (unsigned)(native_random() >> 20) & 7;
    uint8_t f80[16];

    for (unsigned k = 0; k < n; k++) {
        if (kind < 2 && k + 4 <= n) {
            st_le32(p + k, random_f32());
            k += 3;
        } else if (kind < 4 && k + 8 <= n) {
            st_le64(p + k, random_f64());
            k += 7;
        } else if (kind == 4 && k + 10 <= n) {
            random_f80(f80);
            memcpy(p + k, f80, 10);
            k += 9;
        } else if (kind == 5 && k + 8 <= n) {
            st_le64(p + k, native_value());
            k += 7;
        } else if (kind == 6) {
            uint64_t r = native_random() >> 16;
            p[k] = (uint8_t)(r % 10 | (r >> 8) % 10 << 4); /* BCD */
        } else {
            p[k] = (uint8_t)(native_random() >> 24);
        }
    }
}

static void random_x87(uint8_t *x)
{
    uint64_t r = native_random();
    uint16_t fcw = (uint16_t)(0x7f | (r >> 8 & 0xf00)), fsw = (uint16_t)(r >> 16 & 0x7f00);

    if ((r & 7) == 0) { /* some unmasked, some pending */
        fcw = (uint16_t)((fcw & ~0x3f) | (r >> 32 & 0x3f));
        fsw |= (uint16_t)(r >> 40 & 0x7f & (r & 0x70 ? fcw : 0x7f));
    } else if ((r & 7) < 4) {
        fcw = (uint16_t)((fcw & ~0x3f) | (r >> 32 & 0x3f));
        fsw |= (uint16_t)(r >> 40 & 0x3f & fcw);
    }
    if (fsw & ~fcw & 0x3f) {
        fsw |= 0x8080;
        /* the instruction that did it: AMD's CPUs keep this only now */
        st_le16(x + 6, (uint16_t)(native_random() >> 50 & 0x7ff));
        st_le64(x + 8, native_random() >> 40);
        st_le64(x + 16, native_random() >> 40);
    }
    st_le16(x, fcw);
    st_le16(x + 2, fsw);
    x[4] = r >> 48 & 3 ? 0xff : (uint8_t)(r >> 50);
    for (unsigned k = 0; k < 8; k++) {
        random_f80(x + 32 + k * 16);
        if (r >> 60 == 0) {
            vec_random_bytes(x + 32 + k * 16, 10);
        }
    }
}

void vec_random_state(uint8_t *x)
{
    uint64_t r = native_random();
    uint32_t mxcsr = 0x1f80;

    memset(x, 0, NATIVE_XSTATE_SIZE);
    random_x87(x);
    if (r & 1) {
        mxcsr |= (uint32_t)(r >> 8 & 0xe07f); /* rounding, FTZ, DAZ, flags */
        mxcsr |= (r >> 24 & 7) == 0 && x86_has_feature(native_cpu(), CPUID_MISALIGNSSE) ? MXCSR_MM : 0;
    }
    if ((r & 6) == 0) {
        mxcsr &= ~(uint32_t)(r >> 32 & 0x1f80); /* unmasked */
    }
    st_le32(x + 24, mxcsr);
    st_le32(x + 28, 0xffff);
    for (unsigned k = 0; k < 16; k++) {
        vec_random_bytes(x + 160 + k * 16, 16);
        vec_random_bytes(x + 576 + k * 16, 16);
    }
    st_le64(x + 512, 7);
}

/* --- a case ------------------------------------------------------------------------------------------------------ */

static uint8_t xstate[NATIVE_XSTATE_SIZE] __attribute__((aligned(64)));

/* Aligned or not, across pages, at the end of what is mapped. */
static uint64_t random_address(void)
{
    uint64_t r = native_random() >> 16, at = NATIVE_DATA + 0x100 + r % 0x1a00;

    switch (r >> 32 & 15) {
    case 0: at = NATIVE_DATA + 0x1000 - (r & 63); break;
    case 1: at = NATIVE_DATA + NATIVE_DATA_SIZE - (r & 63); break;
    case 2: at = NATIVE_DATA - (r & 15); break;
    case 3: break;
    case 4:
    case 5: at &= ~(uint64_t)15; break;
    default: at &= ~(uint64_t)63; break;
    }
    return at;
}

static bool is_state_insn(const VecForm *f)
{
    return f->name && (strstr(f->name, "xsave") || strstr(f->name, "xrstor"));
}

/* What FXRSTOR, XRSTOR, FLDENV and FRSTOR read, mostly valid. */
static void put_area(uint8_t *p, unsigned room)
{
    uint8_t area[NATIVE_XSTATE_SIZE];
    uint64_t r = native_random();

    vec_random_state(area);
    st_le64(area + 512, r & 7);
    if (r >> 8 & 1) {
        st_le64(area + 520, (uint64_t)1 << 63 | (r >> 16 & 7) | (r & 7));
    }
    if ((r >> 24 & 15) == 0) {
        area[512 + (r >> 32 & 63)] ^= (uint8_t)(1u << (r >> 40 & 7));
    }
    if ((r >> 44 & 15) == 0) {
        st_le32(area + 24, ld_le32(area + 24) ^ 1u << (r >> 48 & 31)); /* MXCSR */
    }
    memcpy(p, area, MIN(room, sizeof(area)));
}

static void fill_operand(const VecForm *f, uint64_t at)
{
    uint64_t from = MAX(at, NATIVE_DATA), end = NATIVE_DATA + NATIVE_DATA_SIZE;

    if (from >= end) {
        return;
    }
    uint8_t *p = native_data() + (from - NATIVE_DATA);

    if (is_state_insn(f)) {
        put_area(p, (unsigned)(end - from));
    } else if (f->name && strstr(f->name, "ldmxcsr") && at == from && end - at >= 4) {
        uint64_t r = native_random();
        st_le32(p, (uint32_t)(r & 0xffff) | (r >> 61 ? 0 : 1u << (r >> 20 & 31)));
    } else {
        vec_random_bytes(p, (unsigned)MIN(f->map ? 64 : 112, end - from));
    }
}

/* Indices that mostly stay inside the data; @at is what the base meets. */
static void random_indices(const VecForm *f, uint8_t index, unsigned scale)
{
    bool dwords = f->name && strstr(f->name, "gatherd");
    uint8_t *low = xstate + 160 + index * 16, *high = xstate + 576 + index * 16;

    for (unsigned k = 0; k < 32; k += dwords ? 4 : 8) {
        uint64_t r = native_random();
        int64_t v = ((int64_t)(r >> 40 & 0xfff) - 0x800) >> scale;
        if ((r & 31) == 0) {
            v *= 16;
        }
        st_le(k < 16 ? low + k : high + k - 16, (uint64_t)v, dwords ? 4 : 8);
    }
}

static bool base_ok(const VecForm *f, uint8_t base)
{
    bool implicit = f->name && (is_state_insn(f) || strstr(f->name, "pcmpe"));

    return base != 4 && !(implicit && (base == 0 || base == 2));
}

static void choose_memory(VecCase *c, const VecForm *f, VecFields *x, unsigned regs)
{
    uint64_t r = native_random();
    bool has_index;

    c->at = f->vsib ? NATIVE_DATA + 0x1000 : random_address();
    if (!f->vsib && (r & 15) == 0 && !f->compat) { /* relative to RIP: the length is not known yet */
        x->mod = 0;
        x->rm = 5;
        return;
    }
    do {
        x->rm = (uint8_t)(native_random() >> 30 & (regs - 1));
    } while (!base_ok(f, x->rm));
    x->mod = r & 16 ? 1 : 2;
    x->disp = x->mod == 1 ? (int8_t)(r >> 8) : (int32_t)(int16_t)(r >> 8);
    x->sib = f->vsib || (x->rm & 7) == 4 || (r & 32);
    x->scale = x->sib ? r >> 24 & 3 : 0;
    do {
        x->index = x->sib ? (uint8_t)(native_random() >> 30 & (regs - 1)) : 0;
    } while (x->sib && !f->vsib && x->index == x->rm);
    has_index = x->sib && !f->vsib && x->index != 4;
    x->addr32 = (r >> 32 & 15) == 0 && !f->compat;
    c->in.regs[x->rm] = c->at - (uint64_t)(int64_t)x->disp - (has_index ? c->in.regs[x->index] << x->scale : 0);
    if (f->compat) {
        c->in.regs[x->rm] = (uint32_t)c->in.regs[x->rm];
    } else if (x->addr32 && (r >> 36 & 1)) {
        c->in.regs[x->rm] ^= r << 32;
    }
    if (f->vsib) {
        random_indices(f, x->index, x->scale);
    }
}

static void choose_registers(VecCase *c, const VecForm *f, VecFields *x)
{
    unsigned regs = f->compat ? 8 : 16;
    uint64_t r = native_random();

    x->reg = f->reg >= 0 ? (uint8_t)f->reg : (uint8_t)(r >> 8 & (regs - 1));
    x->rm = f->rm >= 0 ? (uint8_t)f->rm : (uint8_t)(r >> 16 & (regs - 1));
    x->vvvv = f->uses_vvvv || (r >> 24 & 31) == 0 ? (uint8_t)(r >> 32 & (regs - 1)) : 0;
    x->mod = 3;
    if (f->mem) {
        choose_memory(c, f, x, regs);
        if (f->vsib && (r >> 40 & 15)) { /* all three must differ */
            while (x->reg == x->index) {
                x->reg = (x->reg + 1) & (regs - 1);
            }
            while (x->vvvv == x->index || x->vvvv == x->reg) {
                x->vvvv = (x->vvvv + 1) & (regs - 1);
            }
        }
    }
}

static void prepare_implicit(VecCase *c, const VecForm *f)
{
    uint64_t r = native_random();

    if (!f->name) {
        return;
    }
    if (is_state_insn(f)) {
        c->in.regs[0] = (r & 1 ? 7 : r >> 8 & 7) | (r >> 32) << 32;
        c->in.regs[2] = 0;
    } else if (strstr(f->name, "pcmpe")) {
        c->in.regs[0] = (uint64_t)(int64_t)(int32_t)((r & 63) - 32);
        c->in.regs[2] = (uint64_t)(int64_t)(int32_t)((r >> 8 & 63) - 32);
    } else if (strstr(f->name, "maskmov") && f->map == 1) {
        c->at = random_address();
        c->in.regs[7] = c->at;
    }
}

/* Redundant, ignored and illegal prefixes; REX and ours follow. */
static uint8_t choose_extra(const VecForm *f)
{
    static const uint8_t extras[] = { 0x66, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x40, 0x48, 0x4f };
    uint64_t r = native_random() >> 20;

    return f->name && (r & 31) == 0 ? extras[(r >> 8) % (f->compat ? 8 : G_N_ELEMENTS(extras))] : 0;
}

void vec_case(VecCase *c, const VecForm *f)
{
    VecFields x = { 0 };
    static Insn insn;

    memset(c, 0, sizeof(*c));
    for (unsigned r = 0; r < 16; r++) {
        c->in.regs[r] = f->compat ? (uint32_t)native_value() : native_value();
    }
    c->in.flags = native_random() & FL_ARITH;
    c->in.compat = f->compat;
    vec_random_state(xstate);
    c->in.xstate = xstate;
    prepare_implicit(c, f);
    choose_registers(c, f, &x);
    x.extra[0] = choose_extra(f);
    x.extras = x.extra[0] != 0;
    vec_put_insn(c, f, &x);
    for (unsigned k = c->len; k < 15 && f->name; k++) {
        c->code[k] = (uint8_t)(native_random() >> 33); /* immediates */
    }
    if (f->mem || c->at) {
        fill_operand(f, c->at);
    }
    unsigned disp_at = c->len - 4;

    native_set_mode(f->compat);
    decode_insn(native_cpu(), c->code, 15, 0, &insn);
    if (insn.fn != op_ud) {
        c->len = insn.len;
    } else { /* should the host run it, then into NOPs */
        memset(c->code + c->len, 0x90, 15 - c->len);
        c->len = 15;
    }
    if (f->mem && x.mod == 0) {
        st_le32(c->code + disp_at, (uint32_t)(c->at - NATIVE_CODE - c->len));
    }
}
