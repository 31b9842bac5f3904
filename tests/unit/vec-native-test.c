/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87, MMX, SSE and AVX instructions against this machine's own CPU: every encoding of the opcode maps (vec-forms.c), register and
 * memory, with random registers, numbers that floating point minds, MXCSR, control words and tags.  Encodings that are undefined,
 * or that the host lacks, must raise #UD on both sides.  In the environment: CASES=n per form (default 500); FORM=name runs only
 * the forms of that mnemonic, and reports every difference.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/vec-forms.h"
#include "target/i386/cpuid.h"
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
    if (host->vector < 0 || (host->error == emu->error && (host->vector != EXC_PF || host->cr2 == emu->cr2 || is_long_operand(f)))) {
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
    fprintf(stderr, " at +%" PRIx64 " fcw %04x fsw %04x ftw %02x mxcsr %04x rax %" PRIx64 "\n", c->at - NATIVE_DATA, ld_le16(c->in.xstate),
            ld_le16(c->in.xstate + 2), c->in.xstate[4], ld_le32(c->in.xstate + 24), c->in.regs[0]);
}

/* --- running -------------------------------------------------------------------------------------------------------- */

/*
 * What FXSAVE, XSAVE and FNSTENV may write differently: MXCSR_MASK's misaligned-SSE bit (no model shows that feature), and the
 * record of the last x87 instruction.
 */
static void forgive_memory(const VecForm *f, uint64_t at)
{
    uint64_t off = at - NATIVE_DATA;

    if (f->name && strstr(f->name, "xsave") && off < NATIVE_DATA_SIZE - 32 && ld_le32(native_data() + off + 28) == 0x2ffff) {
        native_data()[off + 30] = native_guest_data()[off + 30];
    }
}

static bool run_case(const VecForm *f, unsigned n, bool *faulted)
{
    NativeState host, emu;
    VecCase c;
    char why[400];

    vec_case(&c, f);
    native_both(c.code, c.len, &c.in, &host, &emu);
    *faulted = host.vector >= 0;
    forgive_memory(f, c.at);
    /* how many elements a faulting gather has done is up to the CPU */
    if (native_same(&host, &emu, 0, why, sizeof(why)) && same_fault(f, &host, &emu, why, sizeof(why)) && same_xstate(!(f->vsib && *faulted), why, sizeof(why))) {
        return true;
    }
    report(f, &c, n, why);
    return false;
}

/*
 * Where AMD's CPUs do other than the manuals of both say: they ignore the W bit of VPERMQ and VPERMPD, which must be 1, and mind it in
 * 32-bit VPEXTRD and VPINSRD, where it should be ignored.
 */
static bool is_vendor_specific(const VecForm *f)
{
    bool permute = f->op <= 1 && f->wide && !f->w, insert = f->compat && f->w && (f->op == 0x16 || f->op == 0x22);

    return f->vex && f->map == 3 && f->prefix == 0x66 && (permute || insert);
}

static void run_form(const VecForm *f, void *opaque)
{
    Run *run = opaque;
    int class = vec_class(f->isa);
    bool undefined = !f->isa, ok = true, faulted;

    if ((run->only && (!f->name || strcmp(f->name, run->only))) || (class < 0 && !undefined) || is_vendor_specific(f) ||
        (f->map == 1 && !f->vex && (f->op <= 1 || f->op == 0x38 || f->op == 0x3a))) {
        return; /* other tests' instructions; groups 6 and 7 are system ones */
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
        if (!vec_classes[MIN(k, 40u)].isa && !last) {
            k = MAX_CLASSES - 2;
        }
    }
}

static void run_family(VecFamily family, bool compat)
{
    const char *env = getenv("CASES");
    Run run = { .cases = env ? (unsigned)atoi(env) : 500, .only = getenv("FORM") };

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

TEST(x87) { run_family(VEC_X87, false); }
TEST(legacy) { run_family(VEC_LEGACY, false); }
TEST(vex) { run_family(VEC_VEX, false); }
TEST(x87_32bit) { run_family(VEC_X87, true); }
TEST(legacy_32bit) { run_family(VEC_LEGACY, true); }
TEST(vex_32bit) { run_family(VEC_VEX, true); }
