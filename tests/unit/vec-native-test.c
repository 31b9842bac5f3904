/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87, MMX, SSE and AVX instructions against this machine's own CPU: every encoding of the opcode maps (vec-forms.c), register and
 * memory, with random registers, numbers that floating point minds, MXCSR, control words and tags.  Encodings that are undefined,
 * or that the host lacks, must raise #UD on both sides.  In the environment: CASES=n per form (default 1000); FORM=name runs only
 * the forms of that mnemonic, and reports every difference.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/vec-forms.h"
#include "target/i386/cpuid.h"
#include "target/i386/fpu.h"
#include "target/i386/native.h"
#include "util/bytes.h"

#define MAX_CLASSES 64
#define UNDEFINED_CASES 2

typedef struct Run {
    unsigned cases, failed;
    unsigned forms[MAX_CLASSES], ran[MAX_CLASSES], faulted[MAX_CLASSES], bad[MAX_CLASSES]; /* by class; last: undefined encodings */
    const char *only;
} Run;

/* --- comparing ------------------------------------------------------------------------------------------------------ */

static bool same_bytes(const uint8_t *host, const uint8_t *emu, unsigned off, unsigned n, const char *what, unsigned k, char *why,
                       size_t size)
{
    if (!memcmp(host + off, emu + off, n)) {
        return true;
    }
    int len = g_snprintf(why, size, "%s%u: host ", what, k);

    for (unsigned side = 0; side < 2; side++) {
        for (unsigned b = n; b-- > 0;) {
            len += g_snprintf(why + len, size - (size_t)len, "%02x", (side ? emu : host)[off + b]);
        }
        len += g_snprintf(why + len, size - (size_t)len, side ? "" : ", emulator ");
    }
    return false;
}

static bool same_xstate(bool vectors, char *why, size_t size)
{
    const uint8_t *h = native_xstate(true), *e = native_xstate(false);
    bool same = same_bytes(h, e, 24, 4, "mxcsr", 0, why, size) && same_bytes(h, e, 0, 2, "fcw", 0, why, size) &&
                same_bytes(h, e, 2, 2, "fsw", 0, why, size) && same_bytes(h, e, 4, 1, "ftw", 0, why, size);

    if (same && (ld_le16(h + 2) & 0x80)) { /* AMD's CPUs keep a record of the instruction only then */
        same = same_bytes(h, e, 6, 2, "fop", 0, why, size) && same_bytes(h, e, 8, 8, "fip", 0, why, size) &&
               same_bytes(h, e, 16, 8, "fdp", 0, why, size);
    }

    for (unsigned k = 0; k < 8 && same; k++) {
        same = same_bytes(h, e, 32 + k * 16, 10, "st", k, why, size);
    }
    for (unsigned k = 0; k < 16 && same && vectors; k++) {
        same = same_bytes(h, e, 160 + k * 16, 16, "xmm", k, why, size) && same_bytes(h, e, 576 + k * 16, 16, "ymm high ", k, why, size);
    }
    return same;
}

/* Where several bytes fault, CPUs differ in which one is in CR2 for operands that microcode goes through. */
static bool is_long_operand(const VecForm *f)
{
    return f->name && (strstr(f->name, "save") || strstr(f->name, "rstor") || strstr(f->name, "env"));
}

static bool same_fault(const VecForm *f, const NativeState *host, const NativeState *emu, char *why, size_t size)
{
    uint64_t differ = host->error ^ emu->error;

    if (host->vector == EXC_PF && host->cr2 >> 63) {
        differ &= ~(uint64_t)1; /* the host's kernel is there */
    }
    if (host->vector < 0 || (!differ && (host->vector != EXC_PF || host->cr2 == emu->cr2 || is_long_operand(f)))) {
        return true;
    }
    g_snprintf(why, size, "exception %d: host error %" PRIx64 " cr2 %" PRIx64 ", emulator error %" PRIx64 " cr2 %" PRIx64, host->vector,
               host->error, host->cr2, emu->error, emu->cr2);
    return false;
}

static void report(const VecForm *f, const VecCase *c, unsigned n, const char *why)
{
    fprintf(stderr, "%s (%s%s%s), case %u: %s\n  code", f->name ? f->name : "undefined", f->isa ? f->isa : "-", f->compat ? ", 32-bit" : "",
            f->mem ? ", memory" : "", n, why);
    for (unsigned k = 0; k < c->len; k++) {
        fprintf(stderr, " %02x", c->code[k]);
    }
    fprintf(stderr, " at +%" PRIx64 " fcw %04x fsw %04x ftw %02x mxcsr %04x rax %" PRIx64 "\n", c->at - NATIVE_DATA,
            ld_le16(c->in.xstate), ld_le16(c->in.xstate + 2), c->in.xstate[4], ld_le32(c->in.xstate + 24), c->in.regs[0]);
}

/* --- running -------------------------------------------------------------------------------------------------------- */

/* With MXCSR.MM, AMD's CPUs read only the eight bytes that these use, though the operand has sixteen: no fault from the others. */
static bool reads_half(const VecForm *f, const VecCase *c, const NativeState *host, const NativeState *emu)
{
    static const char *const starts[] = { "punpckl", "unpckl", "psrl", "psra", "psll" };
    bool found = false;

    for (unsigned k = 0; k < G_N_ELEMENTS(starts) && f->name; k++) {
        found |= !strncmp(f->name, starts[k], strlen(starts[k]));
    }
    return found && !f->vex && (ld_le32(c->in.xstate + 24) & MXCSR_MM) && host->vector < 0 && emu->vector == EXC_PF;
}

static bool run_case(const VecForm *f, unsigned n, bool *faulted)
{
    NativeState host, emu;
    VecCase c;
    char why[400];

    vec_case(&c, f);
    native_both(c.code, c.len, &c.in, &host, &emu);
    *faulted = host.vector >= 0;
    if (reads_half(f, &c, &host, &emu)) {
        return true;
    }
    /* how many elements a faulting gather has done is up to the CPU */
    if (native_same(&host, &emu, 0, why, sizeof(why)) && same_fault(f, &host, &emu, why, sizeof(why)) &&
        same_xstate(!(f->vsib && *faulted), why, sizeof(why))) {
        return true;
    }
    report(f, &c, n, why);
    return false;
}

/*
 * Where AMD's CPUs do other than the manuals of both say: they ignore the W bit of VPERMQ and VPERMPD, which must be 1, and mind it in
 * 32-bit VPEXTRD and VPINSRD, where it should be ignored; PREFETCH of a register is not a NOP there.
 */
static bool is_vendor_specific(const VecForm *f)
{
    bool nop = !f->vex && f->map == 1 && f->op == 0x0d && !f->mem;
    bool permute = f->op <= 1 && f->wide && !f->w, insert = f->compat && f->w && (f->op == 0x16 || f->op == 0x22);

    return nop || (f->vex && f->map == 3 && f->prefix == 0x66 && (permute || insert));
}

/* Other tests' instructions, and what the host may have but no model. */
static bool is_foreign(const VecForm *f, int class)
{
    bool system_group = f->map == 1 && f->op <= 1, escape = f->map == 1 && (f->op == 0x38 || f->op == 0x3a);
    bool avx512 = class >= 0 && !strncmp(f->isa, "AVX512", 6) && (native_host_cpuid(7, 0, 1) & 1u << 16);

    if (f->isa && !strcmp(f->isa, "PPRO")) {
        return f->map != 0; /* FCOMI and its kin; the rest is integer */
    }
    return (f->isa && class < 0) || avx512 || (!f->vex && (system_group || escape)) || is_vendor_specific(f);
}

static void run_form(const VecForm *f, void *opaque)
{
    Run *run = opaque;
    int class = vec_class(f->isa);
    bool undefined = !f->isa, ok = true, faulted;

    if ((run->only && (!f->name || strcmp(f->name, run->only))) || is_foreign(f, class)) {
        return;
    }
    unsigned slot = undefined ? MAX_CLASSES - 1 : (unsigned)class;

    run->forms[slot]++;
    for (unsigned n = 0; n < (undefined ? UNDEFINED_CASES : run->cases) && (ok || run->only); n++) {
        ok &= run_case(f, n, &faulted);
        run->ran[slot]++;
        run->faulted[slot] += faulted;
    }
    run->bad[slot] += !ok;
    run->failed += !ok;
}

static void print_table(const Run *run)
{
    fprintf(stderr, "%-12s %6s %8s %8s %6s\n", "class", "forms", "cases", "faults", "failed");
    for (unsigned k = 0; k < MAX_CLASSES; k++) {
        bool last = k == MAX_CLASSES - 1, lacks = !last && vec_classes[k].isa && vec_classes[k].feature >= 0 &&
                                                 !x86_has_feature(native_cpu(), (unsigned)vec_classes[k].feature);
        if (run->forms[k]) {
            fprintf(stderr, "%-12s %6u %8u %8u %6u%s\n", last ? "(undefined)" : vec_classes[k].isa, run->forms[k], run->ran[k],
                    run->faulted[k], run->bad[k], lacks ? "  the host lacks it: #UD compared" : "");
        }
        if (!last && !vec_classes[k].isa) {
            k = MAX_CLASSES - 2;
        }
    }
}

static void run_family(VecFamily family, bool compat)
{
    const char *env = getenv("CASES");
    Run run = { .cases = env ? (unsigned)atoi(env) : 1000, .only = getenv("FORM") };

    if (!native_setup()) {
        TEST_SKIP("needs an x86-64 host with free addresses at 0x10000000");
    }
    if (!x86_has_feature(native_cpu(), CPUID_AVX)) {
        TEST_SKIP("needs a host with AVX");
    }
    for (unsigned k = 0; k < NATIVE_DATA_SIZE; k += 64) {
        vec_random_bytes(native_data() + k, 64);
    }
    vec_walk(family, compat, run_form, &run);
    print_table(&run);
    CHECK_EQ(run.failed, 0);
}

/* EVEX and XOP encodings: no model shows them; where the host has not them either, both sides say #UD. */
static void run_absent(uint8_t escape, bool compat)
{
    static const VecForm form = { .name = "EVEX or XOP" };
    uint8_t xstate[NATIVE_XSTATE_SIZE] __attribute__((aligned(64)));
    NativeState host, emu;
    char why[400];

    for (unsigned n = 0; n < 2000; n++) {
        VecCase c = { .len = 15, .in = { .compat = compat, .xstate = xstate } };

        vec_random_state(xstate);
        memset(c.code, 0x90, sizeof(c.code));
        for (unsigned k = 0; k < 6; k++) {
            c.code[k] = (uint8_t)(native_random() >> 40);
        }
        c.code[0] = escape;
        c.code[1] |= (uint8_t)((compat ? 0xc0 : 0) | (escape == 0x8f ? 8 : 1)); /* not BOUND, not POP; a map */
        native_both(c.code, c.len, &c.in, &host, &emu);
        if (host.vector != EXC_UD || !native_same(&host, &emu, 0, why, sizeof(why))) {
            report(&form, &c, n, host.vector != EXC_UD ? "the host runs it" : why);
            CHECK_EQ(host.vector, EXC_UD);
            CHECK_EQ(emu.vector, EXC_UD);
        }
    }
}

TEST(x87) { run_family(VEC_X87, false); }
TEST(legacy) { run_family(VEC_LEGACY, false); }
TEST(vex) { run_family(VEC_VEX, false); }
TEST(x87_32bit) { run_family(VEC_X87, true); }
TEST(legacy_32bit) { run_family(VEC_LEGACY, true); }
TEST(vex_32bit) { run_family(VEC_VEX, true); }

TEST(evex_xop)
{
    if (!native_setup()) {
        TEST_SKIP("needs an x86-64 host with free addresses at 0x10000000");
    }
    if (native_host_cpuid(7, 0, 1) & 1u << 16 || native_host_cpuid(0x80000001, 0, 2) & 1u << 11) {
        TEST_SKIP("the host has AVX-512 or XOP, the emulator not");
    }
    fprintf(stderr, "AVX-512 (EVEX), XOP: the host lacks them: #UD compared\n");
    run_absent(0x62, false);
    run_absent(0x62, true);
    run_absent(0x8f, false);
    run_absent(0x8f, true);
}
