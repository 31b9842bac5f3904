/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every encoding of the opcode maps that is not x87's or a vector instruction, against this machine's own CPU: all operand and address
 * sizes in 64-bit and 32-bit code, register and memory, with redundant, repeated, illegal and too many prefixes.  What cannot run as a
 * user program is listed with the test that covers it (insn-walk-table.c); an encoding that is neither run, nor listed, nor one of
 * vec-native-test's fails the test, and so does a listed one that does not exist.
 * In the environment: CASES=n per encoding (default 1000); FORM=name runs only that mnemonic and reports every difference; ENGINE=jit: by
 * the translator.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/insn-walk.h"
#include "target/i386/cpuid.h"
#include "target/i386/decode.h"
#include "util/bytes.h"

typedef struct Run {
    unsigned cases, failed, gaps;
    const char *only;
    GHashTable *rows; /* mnemonic -> Count */
} Run;

typedef struct Count {
    unsigned forms, cases, faults, bad;
} Count;

static uint32_t mode_of(const VecForm *f)
{
    return MODE_PE | MODE_LMA | (f->compat ? MODE_CODE32 : MODE_CODE64);
}

/* What the emulator makes of these bytes: false when it says #UD on the most capable model. */
static bool emulator_has(const VecCase *c, bool compat, Insn *insn, Decoded *d)
{
    native_set_mode(compat);
    decode_insn_full(native_cpu(), c->code, 15, 0, insn, d);
    return d->mnemonic && insn->fn != op_ud;
}

/* --- a case -------------------------------------------------------------------------------------------------------------------- */

static uint64_t data_address(unsigned align)
{
    uint64_t r = native_random() >> 16, at = NATIVE_DATA + 0x400 + r % 0x1600;

    switch (r >> 32 & 31) {
    case 0: at = NATIVE_DATA + 0x1000 - (r & 15); break;
    case 1: at = NATIVE_DATA + NATIVE_DATA_SIZE - (r & 15); break;
    case 2: at = NATIVE_DATA - (r & 15); break;
    default: break;
    }
    return at & ~(uint64_t)(align - 1);
}

/* Prefixes of every kind before those that belong to the form, seldom so many that 15 bytes do not suffice. */
static void choose_prefixes(VecFields *x, bool compat)
{
    static const uint8_t kinds[] = { 0x66, 0x2e, 0x36, 0x3e, 0x26, 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x65, 0x40, 0x44, 0x48, 0x4f, 0x41 };
    uint64_t r = native_random() >> 16;
    unsigned n = (r & 3) ? 0 : (r >> 2 & 63) == 0 ? 14 : (r >> 2 & 3) == 0 ? 3 : 1;

    for (unsigned k = 0; k < n; k++) { /* GS is not usable in 32-bit code here */
        x->extra[x->extras++] = kinds[(native_random() >> 20) % (compat ? 10 : n > 8 ? 7 : G_N_ELEMENTS(kinds))];
    }
}

static void choose_memory(VecCase *c, const VecForm *f, VecFields *x)
{
    unsigned regs = f->compat ? 8 : 16;
    uint64_t r = native_random() >> 8;
    bool has_index;

    c->at = data_address(r & 1 ? 1 : 16);
    x->mod = (uint8_t)(r >> 4 & 3);
    x->mod = x->mod == 3 ? 2 : x->mod;
    if (x->mod == 0 && (r >> 6 & 3) == 0) { /* disp32, relative to RIP in 64-bit code */
        x->rm = 5;
        x->disp = (int32_t)(c->at - (f->compat ? 0 : NATIVE_CODE + 8));
        return;
    }
    do {
        x->rm = (uint8_t)(r >> 10 & (regs - 1));
        r = native_random() >> 8;
    } while ((x->rm & 7) == 4 || (x->mod == 0 && (x->rm & 7) == 5));
    x->disp = x->mod == 1 ? (int8_t)(r >> 30) : x->mod == 2 ? (int32_t)(r >> 30) : 0;
    x->sib = r >> 62 & 1;
    x->scale = x->sib ? r >> 24 & 3 : 0;
    do {
        x->index = x->sib ? (uint8_t)(native_random() >> 30 & (regs - 1)) : 0;
    } while (x->sib && x->index == x->rm);
    has_index = x->sib && x->index != 4;
    c->in.regs[x->rm] = c->at - (uint64_t)(int64_t)x->disp - (has_index ? c->in.regs[x->index] << x->scale : 0);
    if (f->compat) {
        c->in.regs[x->rm] = (uint32_t)c->in.regs[x->rm];
    }
}

/* Registers that the instruction uses without naming them. */
static void choose_implicit(VecCase *c)
{
    uint64_t r = native_random() >> 8;

    c->in.regs[R_RSP] = data_address(r & 1 ? 8 : 1);
    c->in.regs[R_RBP] = r & 2 ? data_address(1) : c->in.regs[R_RBP];
    c->in.regs[R_RSI] = r & 12 ? data_address(1) : c->in.regs[R_RSI];
    c->in.regs[R_RDI] = r & 48 ? data_address(1) : c->in.regs[R_RDI];
    c->in.regs[R_RBX] = r & 64 ? data_address(1) : c->in.regs[R_RBX];
    if (r & 0x180) {
        c->in.regs[R_RCX] = r >> 20 & 31;
    }
    if (r >> 30 & 1) { /* divisions that give a result */
        c->in.regs[R_RDX] = r >> 31 & 1 ? 0 : c->in.regs[R_RDX] & 0xff;
    }
}

/* What the whole instruction asks for, now that it is known: targets that exist, small counts, stack contents. */
static void tame(VecCase *c, const VecForm *f, const VecFields *x, const Insn *insn, const Decoded *d)
{
    bool string = !d->has_modrm && d->map == 0 && ((d->opcode >= 0xa4 && d->opcode <= 0xa7) || (d->opcode >= 0xaa && d->opcode <= 0xaf));
    bool bits = d->map == 1 && (d->opcode & 0xe7) == 0xa3, pops_flags = d->map == 0 && d->opcode == 0x9d;
    uint64_t target = NATIVE_CODE + c->len + 32;

    if (d->nops && d->op[0].kind == OPND_REL) {
        memset(c->code + d->imm_off, 0, d->imm_len);
        c->code[d->imm_off] = 32;
    }
    if (string && (d->rep || d->repne)) { /* a count of 2^32 would take the host a while */
        c->in.regs[R_RCX] &= f->compat ? 63 : d->addrsize == 8 ? 63 : ~(uint64_t)UINT32_MAX | 63;
    }
    if (bits && f->mem && x->reg != x->rm && !(x->sib && x->index == x->reg)) {
        c->in.regs[x->reg] = (uint64_t)((int64_t)(native_random() >> 52) - 2048);
        c->in.regs[x->reg] = f->compat ? (uint32_t)c->in.regs[x->reg] : c->in.regs[x->reg];
    }
    if (insn->flags & INSN_BRANCH && d->nops && d->op[0].kind == OPND_GPR && x->rm != R_RSP && native_random() & 8) {
        c->in.regs[x->rm] = target;
    }
    uint64_t at = insn->flags & INSN_MEM ? c->at : c->in.regs[R_RSP];

    if (at >= NATIVE_DATA && at < NATIVE_DATA + NATIVE_DATA_SIZE && (pops_flags || insn->flags & INSN_BRANCH)) {
        uint8_t value[8];
        st_le64(value, pops_flags ? native_random() & (FL_ARITH | FL_DF | FL_IF) : target);
        memcpy(native_data() + (at - NATIVE_DATA), value, MIN(8u, NATIVE_DATA + NATIVE_DATA_SIZE - at));
    }
}

/* False: the prefixes made it another test's instruction. */
static bool make_case(VecCase *c, const VecForm *f, uint64_t *undefined)
{
    VecFields x = { .mod = 3 };
    unsigned regs = f->compat ? 8 : 16;
    uint64_t r = native_random() >> 8;
    const char *name = NULL;
    Insn insn;
    Decoded d;

    memset(c, 0, sizeof(*c));
    for (unsigned k = 0; k < 16; k++) {
        c->in.regs[k] = f->compat ? (uint32_t)native_value() : native_value();
    }
    c->in.flags = native_random() & (FL_ARITH | (r >> 40 & 1 ? FL_DF : 0));
    c->in.compat = f->compat;
    choose_implicit(c);
    x.reg = f->reg >= 0 ? (uint8_t)(f->reg | (f->compat ? 0 : r & 8)) : (uint8_t)(r & (regs - 1));
    x.rm = f->rm >= 0 ? (uint8_t)f->rm : (uint8_t)(r >> 4 & (regs - 1));
    x.vvvv = f->uses_vvvv || (r >> 16 & 31) == 0 ? (uint8_t)(r >> 32 & (regs - 1)) : 0;
    choose_prefixes(&x, f->compat);
    if (f->mem) {
        choose_memory(c, f, &x);
    }
    vec_put_insn(c, f, &x);
    for (unsigned k = c->len; k < 15 && f->name; k++) {
        c->code[k] = (uint8_t)(native_random() >> 33); /* immediates */
    }
    const char *isa = decode_isa(mode_of(f), c->code, 15, &name);

    if (isa && walk_kind(f->compat, isa, name, c->code)->kind != WALK_RUN) {
        return false;
    }
    *undefined = 0;
    if (emulator_has(c, f->compat, &insn, &d)) {
        c->len = insn.len;
        *undefined = d.flags_undefined;
        if (d.map == 1 && (d.opcode & 0xf6) == 0xa4 && d.opsize == 2) { /* 16-bit SHLD, SHRD: with a count over 16 all is undefined */
            c->in.regs[R_RCX] &= ~(uint64_t)0x1f | 15;
            c->code[d.imm_off] = d.imm_len ? c->code[d.imm_off] & 0xef : c->code[d.imm_off];
        }
        tame(c, f, &x, &insn, &d);
    } else { /* should the host run it, then into NOPs */
        memset(c->code + MIN(c->len, 15u), 0x90, sizeof(c->code) - MIN(c->len, 15u));
        c->len = 15;
    }
    return true;
}

/* --- comparing ------------------------------------------------------------------------------------------------------------------ */

static bool same(const VecCase *c, uint64_t undefined, NativeState *host, NativeState *emu, char *why, size_t size)
{
    if (host->vector == EXC_PF && host->cr2 == host->rip && emu->vector < 0 && emu->rip == host->rip) {
        *emu = *host; /* a branch to nowhere: the emulator's fetch would fault next */
    }
    bool faults = host->vector >= EXC_SS && host->vector <= EXC_PF && emu->vector >= EXC_SS && emu->vector <= EXC_PF;

    if (faults && walk_unordered(c->code, c->in.compat)) {
        memcpy(emu->regs, host->regs, sizeof(emu->regs));
        emu->vector = host->vector;
        emu->cr2 = host->cr2;
    } else if (faults && c->in.compat && host->vector != EXC_PF && (uint32_t)(emu->cr2 + 16) <= 32) {
        emu->vector = host->vector; /* an operand across the end of 4 GiB: what a limit there says is up to the CPU */
    }
    if (!native_same(host, emu, undefined, why, size)) {
        return false;
    }
    if (host->vector == EXC_PF && host->cr2 != emu->cr2) {
        g_snprintf(why, size, "page fault at: host %" PRIx64 ", emulator %" PRIx64, host->cr2, emu->cr2);
        return false;
    }
    return true;
}

static void report(const VecForm *f, const VecCase *c, unsigned n, const char *why)
{
    fprintf(stderr, "%s (%s%s), case %u: %s\n  code", f->name ? f->name : "undefined", f->compat ? "32-bit" : "64-bit",
            f->mem ? ", memory" : "", n, why);
    for (unsigned k = 0; k < c->len; k++) {
        fprintf(stderr, " %02x", c->code[k]);
    }
    fprintf(stderr, " at %" PRIx64 " flags %" PRIx64, c->at, c->in.flags);
    for (unsigned r = 0; r < (f->compat ? 8 : 16); r++) {
        fprintf(stderr, "%s r%u=%" PRIx64, r % 4 ? "" : "\n ", r, c->in.regs[r]);
    }
    fprintf(stderr, "\n");
}

static Count *count_of(Run *run, const char *name)
{
    Count *row = g_hash_table_lookup(run->rows, name);

    if (!row) {
        row = g_new0(Count, 1);
        g_hash_table_insert(run->rows, g_strdup(name), row);
    }
    return row;
}

static void run_form(Run *run, const VecForm *f)
{
    Count *row = count_of(run, f->name ? f->name : "(undefined)");
    bool ok = true;

    row->forms++;
    for (unsigned n = 0; n < (f->name ? run->cases : 2) && (ok || run->only); n++) {
        NativeState host, emu;
        VecCase c;
        uint64_t undefined;
        char why[200];

        if (!make_case(&c, f, &undefined)) {
            continue;
        }
        native_both(c.code, c.len, &c.in, &host, &emu);
        row->cases++;
        row->faults += host.vector >= 0;
        if (!same(&c, undefined, &host, &emu, why, sizeof(why))) {
            report(f, &c, n, why);
            ok = false;
        }
    }
    row->bad += !ok;
    run->failed += !ok;
}

static void visit(const VecForm *f, void *opaque)
{
    Run *run = opaque;
    const WalkRow *row;
    VecFields x = { .reg = f->reg < 0 ? 0 : (uint8_t)f->reg, .rm = f->rm < 0 ? 2 : (uint8_t)f->rm, .mod = f->mem ? 2 : 3 };
    VecCase c;
    Insn insn;
    Decoded d;

    if (run->only && (!f->name || strcmp(f->name, run->only))) {
        return;
    }
    if (walk_is_escape(f) || (!f->isa && f->map > 0)) { /* vec-native-test tries what is undefined in the other maps */
        return;
    }
    if (!f->isa) {
        run_form(run, f);
        return;
    }
    vec_put_insn(&c, f, &x);
    row = walk_kind(f->compat, f->isa, f->name, c.code);
    if (row->kind == WALK_RUN) {
        run_form(run, f);
    } else if (row->kind == WALK_NEVER && emulator_has(&c, f->compat, &insn, &d)) {
        fprintf(stderr, "%s (%s): listed as shown by no model, but the emulator has it\n", f->name, f->isa);
        run->gaps++;
    } else if (row->kind == WALK_GAP) {
        fprintf(stderr, "GAP: %s (%s), map %u opcode %02x: neither run nor listed\n", f->name, f->isa, f->map, f->op);
        run->gaps++;
    }
}

static void print_table(Run *run)
{
    GList *names = g_list_sort(g_hash_table_get_keys(run->rows), (GCompareFunc)strcmp);

    fprintf(stderr, "%-14s %6s %8s %8s %6s\n", "instruction", "forms", "cases", "faults", "failed");
    for (GList *l = names; l; l = l->next) {
        const Count *row = g_hash_table_lookup(run->rows, l->data);
        fprintf(stderr, "%-14s %6u %8u %8u %6u\n", (const char *)l->data, row->forms, row->cases, row->faults, row->bad);
    }
    g_list_free(names);
}

static void walk(VecFamily family, bool compat)
{
    const char *env = getenv("CASES");
    Run run = { .cases = env ? (unsigned)atoi(env) : 1000, .only = getenv("FORM") };

    if (!native_setup()) {
        TEST_SKIP("needs an x86-64 host with free addresses at 0x10000000");
    }
    for (unsigned k = 0; k < NATIVE_DATA_SIZE; k += 8) {
        st_le64(native_data() + k, native_value());
    }
    run.rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    vec_walk(family, compat, visit, &run);
    print_table(&run);
    g_hash_table_destroy(run.rows);
    CHECK_EQ(run.failed, 0);
    CHECK_EQ(run.gaps, 0);
}

TEST(one_byte) { walk(VEC_BASE, false); }
TEST(two_bytes) { walk(VEC_LEGACY, false); }
TEST(vex) { walk(VEC_VEX, false); }
TEST(one_byte_32bit) { walk(VEC_BASE, true); }
TEST(two_bytes_32bit) { walk(VEC_LEGACY, true); }
TEST(vex_32bit) { walk(VEC_VEX, true); }

TEST(listed_exist)
{
    if (!native_setup() || getenv("FORM")) {
        TEST_SKIP("needs the walks before");
    }
    CHECK_EQ(walk_check_listed(), 0);
}
