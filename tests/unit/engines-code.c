/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See engines-code.h. */
#include "util/osdep.h"
#include "tests/unit/engines-code.h"
#include "target/i386/decode.h"
#include "tests/unit/guest-cpu.h"

enum { MAX_INSNS = 400, MAX_FIXES = 200, MAX_MOVES = 32, DATA_PAGES = 4 };

typedef enum FixKind { FIX_REL8, FIX_REL, FIX_ABS } FixKind;

/* A place in the code that names another instruction, filled in when all are there. */
typedef struct Fix {
    uint64_t at;
    unsigned insn; /* number of the instruction meant */
    FixKind kind;
} Fix;

typedef struct Gen {
    X86Cpu *cpu;
    uint64_t state;
    unsigned bits;           /* of the code: 16, 32, 64 */
    bool user, paged;
    uint64_t at, code, data, stack, words; /* where we write; areas */
    uint64_t insns[MAX_INSNS];
    unsigned count, wanted;
    Fix fixes[MAX_FIXES];
    unsigned fix_count;
    uint64_t movs[MAX_MOVES]; /* immediates of 32 bits that may be patched */
    unsigned mov_count;
    uint16_t good;           /* registers that point into the data */
    bool undefined;          /* flags, after the last instruction */
    GString *text;
} Gen;

static uint64_t rnd(Gen *g)
{
    g->state ^= g->state >> 12;
    g->state ^= g->state << 25;
    g->state ^= g->state >> 27;
    return (g->state * 0x2545f4914f6cdd1du) >> 11;
}

static bool chance(Gen *g, unsigned of)
{
    return rnd(g) % of == 0;
}

static void begin(Gen *g)
{
    g->insns[g->count++] = g->at;
}

static void put(Gen *g, const void *bytes, unsigned n)
{
    memcpy(guest_ram() + g->at, bytes, n);
    g->at += n;
}

#define PUT(g, ...) put(g, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void put_num(Gen *g, uint64_t v, unsigned n)
{
    st_le(guest_ram() + g->at, v, n);
    g->at += n;
}

static unsigned word(const Gen *g) /* bytes of an offset in this code */
{
    return g->bits == 16 ? 2 : 4;
}

/* ModRM for a plain address, with this reg field. */
static void put_absolute(Gen *g, unsigned reg, uint64_t at)
{
    if (g->bits == 64) {
        PUT(g, (uint8_t)(reg << 3 | 4), 0x25);
    } else {
        PUT(g, (uint8_t)(reg << 3 | (g->bits == 16 ? 6 : 5)));
    }
    put_num(g, at, word(g));
}

static void put_fix(Gen *g, FixKind kind, unsigned insn)
{
    unsigned n = kind == FIX_REL8 ? 1 : word(g);

    if (g->fix_count < MAX_FIXES) {
        g->fixes[g->fix_count++] = (Fix){ g->at, insn, kind };
    }
    put_num(g, 0, n);
}

static unsigned any_insn(Gen *g)
{
    return (unsigned)(rnd(g) % g->wanted);
}

/* mov reg, imm32 */
static void put_mov(Gen *g, unsigned reg, uint64_t v)
{
    if (reg >= 8) {
        PUT(g, 0x41);
    }
    PUT(g, (uint8_t)(0xb8 | (reg & 7)));
    put_num(g, v, word(g));
}

/* Flags that the architecture defines again, without touching anything else: cmp of two bytes. */
static void define_flags(Gen *g)
{
    if (g->undefined) {
        PUT(g, 0x38, (uint8_t)(0xc0 | (rnd(g) & 63)));
        g->undefined = false;
    }
}

/*
 * Ends the program when it has gone back too often; leaves flags and registers alone.  Counter, and a place for ecx, are the first
 * words; the end is at the begin of the code.
 */
static void put_fuel(Gen *g)
{
    bool w = g->bits == 64;
#define PREFIX() do { if (w) { PUT(g, 0x48); } else if (g->bits == 16) { PUT(g, 0x66); } } while (0)
#define PREFIX32() do { if (g->bits == 16) { PUT(g, 0x66); } } while (0)
    PREFIX();
    PUT(g, 0x89);
    put_absolute(g, 1, g->words);
    PREFIX32();
    PUT(g, 0x8b);
    put_absolute(g, 1, g->words + 8);
    if (g->bits == 16) {
        PUT(g, 0x66, 0x67);
    }
    PUT(g, 0x8d, 0x49, 0xff); /* lea ecx, [ecx - 1] */
    PREFIX32();
    PUT(g, 0x89);
    put_absolute(g, 1, g->words + 8);
    if (g->bits != 32) {
        PUT(g, 0x67);
    }
    PUT(g, 0xe3, 0); /* jecxz */
    uint64_t patch = g->at;

    PREFIX();
    PUT(g, 0x8b);
    put_absolute(g, 1, g->words);
    PUT(g, 0xeb, (uint8_t)(1 + word(g)));
    guest_ram()[patch - 1] = (uint8_t)(g->at - patch);
    PUT(g, 0xe9);
    put_num(g, g->code - (g->at + word(g)), word(g));
}

/* --- plain instructions ------------------------------------------------------------------------------------------------ */

static const char *const never[] = { "rdtsc", "rdtscp", "rdrand", "rdseed", "rdpmc", "rdpid", "hlt", "monitor", "mwait", "rsm", "ud0",
    "ud1", "ud2", "cpuid", "xbegin", "monitorx", "mwaitx", "umonitor", "umwait", "tpause", NULL };
/* May be, but seldom: they nearly always fault, or change what the rest depends on. */
static const char *const seldom[] = { "in", "out", "insb", "insw", "insd", "outsb", "outsw", "outsd", "lgdt", "lidt", "lldt", "ltr", "lmsw",
    "wrmsr", "rdmsr", "xsetbv", "swapgs", "clts", "invd", "wbinvd", "div", "idiv", "aam",
    "bound", "les", "lds", "lss", "lfs", "lgs",
    "into", "cli", "sti", "popf", "popfd", "popfq", "enter", "leave", "std", "xrstor", "xrstors", "fldcw", "fldenv", "frstor", "ldmxcsr",
    "fxrstor", "fxrstor64", "xrstor64", "xrstors64", "fclex", "fnclex", "invlpg", "invpcid", "verr", "verw", "lar", "lsl", "arpl", NULL };

static bool among(const char *const *list, const char *name)
{
    for (; *list; list++) {
        if (!strcmp(*list, name)) {
            return true;
        }
    }
    return false;
}

static unsigned random_bytes(Gen *g, uint8_t *p)
{
    static const uint8_t often[] = { 0x01, 0x03, 0x11, 0x13, 0x29, 0x2b, 0x31, 0x33, 0x39, 0x3b, 0x84, 0x85, 0x88, 0x89, 0x8a, 0x8b, 0x8d,
                                     0xc0, 0xc1, 0xd1, 0xd3, 0xf6, 0xf7, 0xff, 0x81, 0x83, 0x63, 0x69, 0x6b, 0x50, 0x58, 0xa4, 0xab };
    unsigned n = 0, map = (unsigned)(rnd(g) % 16);

    if (chance(g, 7)) {
        p[n++] = 0x66;
    }
    if (chance(g, 16)) {
        p[n++] = chance(g, 2) ? 0xf3 : 0xf2;
    }
    if (chance(g, 40)) {
        p[n++] = 0xf0;
    }
    if (chance(g, 40)) {
        p[n++] = chance(g, 2) ? 0x64 : 0x65;
    }
    if (chance(g, 40)) {
        p[n++] = 0x67;
    }
    if (g->bits == 64 && rnd(g) % 8 < 5) {
        p[n++] = (uint8_t)(0x40 | (rnd(g) & 15));
    }
    if (map >= 13 && g->bits != 16) { /* VEX */
        p[n++] = 0xc4;
        p[n++] = (uint8_t)((rnd(g) & (g->bits == 64 ? 0xe0 : 0)) | (g->bits == 64 ? 0 : 0xe0) | (1 + rnd(g) % 3));
        p[n++] = (uint8_t)(rnd(g) | (g->bits == 64 ? 0 : 0x40));
    } else if (map >= 8) {
        p[n++] = 0x0f;
        if (chance(g, 4)) {
            p[n++] = chance(g, 3) ? 0x3a : 0x38;
        }
    } else if (map >= 4) {
        p[n++] = often[rnd(g) % G_N_ELEMENTS(often)];
    }
    while (n < 15) {
        p[n++] = (uint8_t)rnd(g);
    }
    return n;
}

static bool is_good(const Gen *g, unsigned offset)
{
    return offset == R_ZERO * 8 || (offset < 16 * 8 && (g->good >> (offset >> 3) & 1));
}

/* The operand is likely to be there. */
static bool memory_fits(Gen *g, const Insn *i, const Decoded *d, uint8_t *p)
{
    if (!(i->flags & INSN_MEM) || i->base == R_RIP * 8) {
        return !(i->flags & INSN_MEM) || chance(g, 8);
    }
    if (!chance(g, 60) && (i->base == R_ZERO * 8 || !is_good(g, i->base) || i->index != R_ZERO * 8 || i->addrsize != (g->bits >> 3))) {
        return false;
    }
    if (d->mem_disp_len > 1) {
        st_le(p + d->disp_off, (rnd(g) & 0x7ff) - 0x400, d->mem_disp_len);
    }
    return true;
}

/* A look at bytes as code.  False: not what we want. */
static bool acceptable(Gen *g, uint8_t *p, Insn *i, Decoded *d)
{
    if (decode_insn_full(g->cpu, p, 15, 0, i, d) != DECODE_OK || !d->mnemonic || i->fn == op_ud) {
        return false;
    }
    bool string = (i->flags & INSN_BRANCH) && (d->rep || d->repne) && d->map == 0 &&
                  ((d->opcode & 0xfc) == 0xa4 || (d->opcode >= 0xaa && d->opcode <= 0xaf));
    bool touches_sp = (d->gprs_written >> R_RSP & 1) && !(d->map == 0 && (d->opcode & 0xf0) == 0x50) && strncmp(d->mnemonic, "push", 4) &&
                      strncmp(d->mnemonic, "pop", 3);

    if (among(never, d->mnemonic) || ((i->flags & INSN_BRANCH) && !string) || (touches_sp && !chance(g, 50))) {
        return false;
    }
    bool special = among(seldom, d->mnemonic);

    if (d->opsize == 2 && d->map == 1 && ((d->opcode & 0xf6) == 0xa4 || (d->opcode & 0xf8) == 0xc8)) {
        return false; /* SHLD, SHRD by more than 16, BSWAP: the result is undefined */
    }

    for (unsigned k = 0; k < d->nops; k++) {
        special |= (d->op[k].kind == OPND_SEG && d->op[k].write) || d->op[k].kind == OPND_CR || d->op[k].kind == OPND_DR;
    }
    return (!special || chance(g, 40)) && memory_fits(g, i, d, p);
}

static void put_random(Gen *g)
{
    uint8_t p[15];
    Insn i;
    Decoded d;
    unsigned tries = 0;

    do {
        random_bytes(g, p);
        if (++tries > 2000) {
            return;
        }
    } while (!acceptable(g, p, &i, &d));
    if ((d.rep || d.repne) && (i.flags & INSN_BRANCH)) { /* a few turns, in the data */
        put_mov(g, R_RCX, rnd(g) & 31);
        put_mov(g, R_RSI, g->data + (rnd(g) & 0x1fff));
        put_mov(g, R_RDI, g->data + (rnd(g) & 0x1fff));
        begin(g);
    }
    put(g, p, i.len);
    g->good &= (uint16_t)~d.gprs_written;
    g->undefined = d.flags_undefined != 0;
    define_flags(g);
}

/* --- pieces of a purpose -------------------------------------------------------------------------------------------------- */

static void put_good(Gen *g)
{
    static const uint8_t bases16[] = { R_RBX, R_RSI, R_RDI };
    unsigned reg = g->bits == 16 ? bases16[rnd(g) % 3] : (unsigned)(rnd(g) % (g->bits == 64 ? 16 : 8));
    uint64_t page = rnd(g) % (DATA_PAGES * 2), off = chance(g, 3) ? 0x1000 - (rnd(g) & 63) : rnd(g) & 0xff8;

    page = page >= DATA_PAGES - 1 && !chance(g, 4) ? 0 : page % DATA_PAGES; /* the last page is not always there */
    if (reg == R_RSP) {
        put_mov(g, reg, g->stack - (rnd(g) & 0xff8));
    } else {
        put_mov(g, reg, g->data + page * 0x1000 + off + 0x400 * (page == 0));
    }
    g->good |= (uint16_t)(1u << reg);
}

/* mov dword [abs], imm32: the operand of a mov, before or behind; or a byte of it. */
static void put_patch(Gen *g)
{
    uint64_t where = g->mov_count ? g->movs[rnd(g) % MIN(g->mov_count, MAX_MOVES)] : g->words + 16;

    if (chance(g, 2)) {
        PUT(g, 0xc6);
        put_absolute(g, 0, where + (rnd(g) & 1));
        PUT(g, (uint8_t)rnd(g));
    } else {
        PUT(g, 0xc7);
        put_absolute(g, 0, where);
        put_num(g, rnd(g), word(g));
    }
}

static void put_patched(Gen *g) /* mov reg, imm that others change */
{
    unsigned reg = (unsigned)(rnd(g) & 3);

    PUT(g, (uint8_t)(0xb8 | reg));
    g->movs[g->mov_count++ % MAX_MOVES] = g->at;
    put_num(g, rnd(g), word(g));
    g->good &= (uint16_t)~(1u << reg);
}

/* The last page of the data goes, comes, or becomes another or read-only; told by INVLPG or CR3 where that may be done. */
static void put_remap(Gen *g)
{
    uint64_t page = g->data + (DATA_PAGES - 1) * 0x1000, pte = (uint64_t)((uint8_t *)guest_pte(page) - guest_ram());
    static const uint8_t flags[] = { 0, 1, 3, 5, 7, 7, 7, 7 };
    uint64_t entry = (g->data + (rnd(g) & 7) * 0x1000) | flags[rnd(g) & 7];

    if (!g->paged || g->user) {
        return;
    }
    PUT(g, 0xc7);
    put_absolute(g, 0, pte);
    put_num(g, entry, 4);
    begin(g);
    if (chance(g, 2)) {
        PUT(g, 0x0f, 0x01);
        put_absolute(g, 7, page); /* invlpg */
    } else {
        PUT(g, 0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8); /* mov eax, cr3; mov cr3, eax */
        g->good &= 0xfffe;
    }
}

static void put_flags(Gen *g) /* push imm; popf */
{
    uint64_t fl = rnd(g) & (FL_ARITH | (chance(g, 8) ? FL_DF : 0) | (chance(g, 30) ? FL_TF | FL_AC | FL_NT : 0));

    PUT(g, 0x68);
    put_num(g, fl | 2, word(g));
    begin(g);
    PUT(g, 0x9d);
}

static void put_piece(Gen *g)
{
    begin(g);
    switch (rnd(g) % 48) {
    case 0: case 1: case 2: case 3: case 4: case 5: put_good(g); break;
    case 6: put_patch(g); break;
    case 7: put_patched(g); break;
    case 8: put_remap(g); break;
    case 9: put_flags(g); break;
    case 10: PUT(g, 0xf3, 0x90); break; /* pause */
    default: put_random(g); break;
    }
}

/* --- control flow ------------------------------------------------------------------------------------------------------------ */

static void put_far_jump(Gen *g) /* to where the program goes on: another page, or the end of this one */
{
    uint64_t to = g->code + 0x1000 + (rnd(g) & 3) * 0x1000 + (chance(g, 3) ? 0xfe0 + (rnd(g) & 31) : rnd(g) & 0xf00);

    for (unsigned k = 0; k < 512; k++) { /* not onto what is there */
        if (guest_ram()[to + k]) {
            return;
        }
    }
    PUT(g, 0xe9);
    put_num(g, to - (g->at + word(g)), word(g));
    g->at = to;
}

static void put_indirect(Gen *g)
{
    unsigned reg = (unsigned)(rnd(g) & 3);
    bool call = chance(g, 2);

    switch (rnd(g) % 3) {
    case 0: /* mov reg, target; jmp or call reg */
        PUT(g, (uint8_t)(0xb8 | reg));
        put_fix(g, FIX_ABS, any_insn(g));
        PUT(g, 0xff, (uint8_t)((call ? 0xd0 : 0xe0) | reg));
        g->good &= (uint16_t)~(1u << reg);
        break;
    case 1: /* by memory: filled with targets at the begin */
        PUT(g, 0xff);
        put_absolute(g, call ? 2 : 4, g->words + 64 + (rnd(g) & 15) * 8);
        break;
    default: /* push target; ret */
        PUT(g, 0x68);
        put_fix(g, FIX_ABS, any_insn(g));
        PUT(g, 0xc3);
        break;
    }
}

static void put_branch(Gen *g)
{
    unsigned target = any_insn(g), ahead = g->count + 1 + (unsigned)(rnd(g) & 3);

    define_flags(g);
    begin(g);
    switch (rnd(g) % 10) {
    case 0: case 1: case 2:
        PUT(g, (uint8_t)(0x70 | (rnd(g) & 15)));
        put_fix(g, FIX_REL8, ahead);
        break;
    case 3: case 4:
        put_fuel(g);
        PUT(g, 0x0f, (uint8_t)(0x80 | (rnd(g) & 15)));
        put_fix(g, FIX_REL, target);
        break;
    case 5:
        put_fuel(g);
        PUT(g, chance(g, 2) ? 0xe8 : 0xe9);
        put_fix(g, FIX_REL, target);
        break;
    case 6:
        PUT(g, (uint8_t)(0xe0 | (rnd(g) & 3))); /* loopne, loope, loop, jrcxz */
        put_fix(g, FIX_REL8, ahead);
        g->good &= (uint16_t)~(1u << R_RCX);
        break;
    case 7:
        put_fuel(g);
        PUT(g, 0xc3);
        break;
    case 8:
        put_fuel(g);
        put_indirect(g);
        break;
    default:
        put_far_jump(g);
        break;
    }
}

static void fix_all(Gen *g)
{
    for (unsigned k = 0; k < g->fix_count; k++) {
        const Fix *f = &g->fixes[k];
        uint64_t to = g->insns[f->insn % g->count];
        unsigned n = f->kind == FIX_REL8 ? 1 : word(g);
        int64_t rel = (int64_t)(to - (f->at + n));

        if (f->kind != FIX_REL8 || (rel >= 0 && rel < 128)) {
            st_le(guest_ram() + f->at, f->kind == FIX_ABS ? to : (uint64_t)rel, n);
        }
    }
    for (unsigned k = 0; k < 16; k++) {
        st_le64(guest_ram() + g->words + 64 + k * 8, g->insns[rnd(g) % g->count]);
    }
    for (unsigned k = 0; k < 64; k++) { /* returns without a call go somewhere too */
        st_le(guest_ram() + g->stack + k * (g->bits >> 3), g->insns[rnd(g) % g->count], g->bits >> 3);
    }
}

/* --- the machine ----------------------------------------------------------------------------------------------------------- */

static void segment_bases(Gen *g)
{
    X86Cpu *cpu = g->cpu;

    cpu->seg[SEG_FS].base = chance(g, 2) ? rnd(g) & 0xff8 : 0;
    cpu->seg[SEG_GS].base = chance(g, 2) ? rnd(g) & 0xff8 : 0;
    if (g->bits == 32 && chance(g, 3)) { /* not flat */
        cpu->seg[SEG_DS].limit = (uint32_t)(g->data + 0x2fff);
        cpu->seg[SEG_SS].limit = (uint32_t)(g->stack + 0x1fff);
    }
}

static void set_mode(Gen *g)
{
    X86Cpu *cpu = g->cpu;
    unsigned kind = (unsigned)(rnd(g) % 16);

    *g = (Gen){ .cpu = cpu, .state = g->state, .text = g->text, .bits = 64, .code = GUEST_CODE, .data = GUEST_DATA, .stack = GUEST_STACK };
    g->user = chance(g, 3);
    if (kind < 9) {
        guest_long(cpu, g->user ? 3 : 0);
        g->paged = true;
        cpu->cr4 |= (uint32_t)rnd(g) & (CR4_PGE | CR4_FSGSBASE);
    } else if (kind < 11) { /* compatibility mode */
        guest_long(cpu, g->user ? 3 : 0);
        cpu->seg[SEG_CS].attr = (cpu->seg[SEG_CS].attr & ~(uint32_t)SEG_L) | SEG_DB;
        g->paged = true;
        g->bits = 32;
    } else if (kind < 14) {
        guest_flat32(cpu);
        g->bits = 32;
        g->user = false;
        cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
        cpu->xcr0 = 7;
    } else {
        g->bits = 16;
        g->user = false;
        g->code = 0x8000;
        g->data = 0xd000;
        g->stack = 0x7000;
        guest_real(cpu);
        cpu->cr4 |= CR4_OSFXSR;
    }
    segment_bases(g);
    x86_update_mode(cpu);
}

static void random_state(Gen *g)
{
    X86Cpu *cpu = g->cpu;
    uint8_t *ram = guest_ram();

    for (unsigned r = 0; r < 16; r++) {
        uint64_t v = rnd(g);
        cpu->regs[r] = r == R_RSP ? g->stack : g->bits == 64 ? v >> (v & 63) : (uint32_t)v;
    }
    for (unsigned k = 0; k < 16 * 8; k++) {
        cpu->vec[k / 8].q[k % 4] = rnd(g) << 11 ^ rnd(g);
    }
    cpu->eflags = 2;
    cpu->mxcsr = chance(g, 8) ? 0x1f80 & (uint32_t)rnd(g) : 0x1f80 | ((uint32_t)rnd(g) & 0xe040);
    cpu->x87.fcw = chance(g, 8) ? 0x340 : (uint16_t)(0x37f | (rnd(g) & 0xc00));
    for (unsigned k = 0; k < DATA_PAGES * 0x1000; k += 8) {
        uint64_t v = rnd(g);
        st_le64(ram + g->data + k, v & 3 ? v << 11 ^ rnd(g) : (v >> 8) % 3 ? 0x3ff0000000000000u + (v & 0xffffff00) : v >> (v >> 2 & 63));
    }
}

static void log_program(Gen *g)
{
    g_string_append_printf(g->text, "%u-bit code%s, %u instructions\n", g->bits, g->user ? ", user" : "", g->count);
    for (unsigned k = 0; k < g->count; k++) {
        char text[128];
        uint64_t at = g->insns[k], end = k + 1 < g->count && g->insns[k + 1] > at ? g->insns[k + 1] : at + 15;

        while (at < end && at < g->insns[k] + 90) {
            unsigned len = decode_text(g->cpu->mode, at, guest_ram() + at, 15, text, sizeof(text));

            g_string_append_printf(g->text, "  %3u %06" PRIx64 "  %s\n", k, at, text);
            at += MAX(len, 1);
            if (end == g->insns[k] + 15) {
                break;
            }
        }
    }
}

void engines_program(X86Cpu *cpu, uint64_t seed, CodeArea areas[CODE_AREAS], GString *text)
{
    Gen gen = { .cpu = cpu, .state = 0x9e3779b97f4a7c15u * (seed + 1), .text = text }, *g = &gen;

    rnd(g);
    rnd(g);
    set_mode(g);
    g->words = g->data; /* 64 + 128 bytes of the first page */
    random_state(g);
    st_le64(guest_ram() + g->words + 8, 30 + rnd(g) % 200);
    guest_ram()[g->code] = g->user ? 0xcc : 0xf4;
    g->at = g->code + 16;
    cpu->regs[R_RIP] = g->at;
    g->wanted = 20 + (unsigned)(rnd(g) % 100);
    for (unsigned k = 0; k < 4; k++) {
        begin(g);
        put_good(g);
    }
    while (g->count < g->wanted && g->at < g->code + 0x4f00) {
        if (chance(g, 7)) {
            put_branch(g);
        } else {
            put_piece(g);
        }
    }
    begin(g);
    PUT(g, 0xe9);
    put_num(g, g->code - (g->at + word(g)), word(g));
    fix_all(g);
    ram_written(address_space_lookup(cpu->vcpu.as_mem, 0).ram, 0, 16 * MiB);
    if (text) {
        log_program(g);
    }
    uint64_t low = g->bits == 16 ? 0 : 0x6000, stack = g->stack - 0x2000;

    memcpy(areas, (CodeArea[CODE_AREAS]){ { low, 0x2000 }, { g->code, 0x5000 }, { g->data, DATA_PAGES * 0x1000 }, { stack, 0x4000 },
                                          { 0x27f000, 0x2000 } }, CODE_AREAS * sizeof(*areas));
}
