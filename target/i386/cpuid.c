/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU models put to use: parsing -cpu, filtering by what the engine does.  The leaves are in cpuid-leaves.c.  See cpuid.h. */
#include "util/osdep.h"
#include "target/i386/cpuid-int.h"
#include "target/i386/native.h"
#include "util/keyval.h"

#define B(feature) (1u << ((feature) & 31))

/* Where the host's own CPU shows a word: leaf, sub-leaf, register. */
static const struct {
    uint32_t leaf, subleaf;
    uint8_t reg;
} words[FEAT_WORDS] = {
    [FEAT_1_EDX] = { 1, 0, 3 },           [FEAT_1_ECX] = { 1, 0, 2 },           [FEAT_7_EBX] = { 7, 0, 1 },
    [FEAT_7_ECX] = { 7, 0, 2 },           [FEAT_7_EDX] = { 7, 0, 3 },           [FEAT_7_1_EAX] = { 7, 1, 0 },
    [FEAT_X1_EDX] = { 0x80000001, 0, 3 }, [FEAT_X1_ECX] = { 0x80000001, 0, 2 }, [FEAT_X7_EDX] = { 0x80000007, 0, 3 },
    [FEAT_X8_EBX] = { 0x80000008, 0, 1 }, [FEAT_6_EAX] = { 6, 0, 0 },           [FEAT_D1_EAX] = { 13, 1, 0 },
    [FEAT_KVM] = { 0x40000001, 0, 0 },
};

/* What semantics files implement. */
static const uint32_t implemented[FEAT_WORDS] = {
    [FEAT_1_EDX] = B(CPUID_FPU) | B(CPUID_VME) | B(CPUID_DE) | B(CPUID_PSE) | B(CPUID_TSC) | B(CPUID_MSR) | B(CPUID_PAE) | B(CPUID_MCE) |
                   B(CPUID_CX8) | B(CPUID_APIC) | B(CPUID_SEP) | B(CPUID_MTRR) | B(CPUID_PGE) | B(CPUID_MCA) | B(CPUID_CMOV) |
                   B(CPUID_PAT) | B(CPUID_PSE36) | B(CPUID_CLFLUSH) | B(CPUID_MMX) | B(CPUID_FXSR) | B(CPUID_SSE) |
                   B(CPUID_SSE2) | B(CPUID_HT),
    [FEAT_1_ECX] = B(CPUID_SSE3) | B(CPUID_PCLMULQDQ) | B(CPUID_MONITOR) | B(CPUID_SSSE3) | B(CPUID_FMA) | B(CPUID_CX16) |
                   B(CPUID_SSE41) | B(CPUID_SSE42) | B(CPUID_X2APIC) | B(CPUID_MOVBE) | B(CPUID_POPCNT) | B(CPUID_TSC_DEADLINE) |
                   B(CPUID_AES) | B(CPUID_XSAVE) | B(CPUID_AVX) | B(CPUID_F16C) | B(CPUID_RDRAND) | B(CPUID_HYPERVISOR) |
                   B(CPUID_PCID),
    [FEAT_7_EBX] = B(CPUID_FSGSBASE) | B(CPUID_TSC_ADJUST) | B(CPUID_BMI1) | B(CPUID_SMEP) | B(CPUID_BMI2) | B(CPUID_ERMS) |
                   B(CPUID_INVPCID) | B(CPUID_RDSEED) | B(CPUID_ADX) | B(CPUID_SMAP) | B(CPUID_CLFLUSHOPT) | B(CPUID_CLWB) |
                   B(CPUID_SHA) | B(CPUID_AVX2),
    [FEAT_7_ECX] = B(CPUID_UMIP) | B(CPUID_PKU) | B(CPUID_GFNI) | B(CPUID_VAES) | B(CPUID_VPCLMULQDQ) | B(CPUID_RDPID),
    [FEAT_X1_EDX] = B(CPUID_SYSCALL) | B(CPUID_NX) | B(CPUID_MMXEXT) | B(CPUID_PDPE1GB) | B(CPUID_RDTSCP) | B(CPUID_LM),
    [FEAT_X1_ECX] = B(CPUID_LAHF_LM) | 2 /* cmp-legacy */ | B(CPUID_CR8LEGACY) | B(CPUID_ABM) | B(CPUID_3DNOWPREFETCH) |
                    B(CPUID_SSE4A) | B(CPUID_MISALIGNSSE) | B(CPUID_TOPOEXT),
    [FEAT_X7_EDX] = B(CPUID_INVTSC),
    [FEAT_6_EAX] = B(CPUID_ARAT),
    [FEAT_D1_EAX] = B(CPUID_XSAVEOPT) | B(CPUID_XSAVEC) | B(CPUID_XGETBV1) | B(CPUID_XSAVES),
};

/* Those of them that run natively, so that the host must have them too. */
static const uint32_t native_only[FEAT_WORDS] = {
    [FEAT_1_ECX] = B(CPUID_SSE3) | B(CPUID_PCLMULQDQ) | B(CPUID_SSSE3) | B(CPUID_FMA) | B(CPUID_SSE41) | B(CPUID_SSE42) |
                   B(CPUID_AES) | B(CPUID_AVX) | B(CPUID_F16C),
    [FEAT_7_EBX] = B(CPUID_SHA) | B(CPUID_AVX2),
    [FEAT_7_ECX] = B(CPUID_VAES) | B(CPUID_VPCLMULQDQ),
    [FEAT_X1_ECX] = B(CPUID_SSE4A) | B(CPUID_MISALIGNSSE),
};

static const CpuidEngine *engine; /* NULL: one in software */

void cpuid_set_engine(const CpuidEngine *e)
{
    engine = e;
}

const CpuidEngine *cpuid_engine(void)
{
    return engine;
}

unsigned cpuid_word_place(unsigned word, uint32_t *leaf, uint32_t *subleaf)
{
    *leaf = words[word].leaf;
    *subleaf = words[word].subleaf;
    return words[word].reg;
}

uint32_t cpuid_host_word(unsigned word)
{
    return native_host_cpuid(words[word].leaf, words[word].subleaf, words[word].reg);
}

uint32_t cpuid_implemented(unsigned word)
{
    if (engine) {
        return engine->supported[word];
    }
    uint32_t host = native_host_cpuid(words[word].leaf, words[word].subleaf, words[word].reg);

    return implemented[word] & (host | ~native_only[word]);
}

/* --- names -------------------------------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
    for (; *a || *b; a++, b++) {
        char x = *a == '_' || *a == '.' ? '-' : *a, y = *b == '_' || *b == '.' ? '-' : *b;

        if (x != y) {
            return false;
        }
    }
    return true;
}

int cpuid_feature_by_name(const char *name)
{
    static const struct {
        const char *alias, *name;
    } aliases[] = { { "sse3", "pni" }, { "ffxsr", "fxsr-opt" }, { "i64", "lm" }, { "xd", "nx" }, { "lzcnt", "abm" },
                    { "sha", "sha-ni" }, { "hv-apicv", "hv-avic" } };

    for (unsigned k = 0; k < G_N_ELEMENTS(aliases); k++) {
        name = same_name(name, aliases[k].alias) ? aliases[k].name : name;
    }
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (cpuid_names[w][b] && same_name(name, cpuid_names[w][b])) {
                return (int)CPUID_BIT(w, b);
            }
        }
    }
    return -1;
}

static void suggest_feature(const char *name, Error **errp)
{
    const char *all[FEAT_WORDS * 32 + 1], *near;
    unsigned n = 0;

    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (cpuid_names[w][b]) {
                all[n++] = cpuid_names[w][b];
            }
        }
    }
    all[n] = NULL;
    near = suggest_nearest(name, all);
    error_set(errp, "unknown CPU feature or property '%s'", name);
    if (near) {
        error_add_hint(errp, "Did you mean '%s'?", near);
    } else {
        error_add_hint(errp, "'-cpu help' lists models and features.");
    }
}

static const char *resolve_alias(const char *name)
{
    for (const CpuAlias *a = cpu_aliases; a->name; a++) {
        if (!g_ascii_strcasecmp(a->name, name)) {
            return a->model;
        }
    }
    return name;
}

static const CpuModel *find_model(const char *name, Error **errp)
{
    const char *names[64], *near;
    unsigned n = 0;

    name = resolve_alias(name);
    for (const CpuModel *m = cpu_models; m->name; m++) {
        if (!g_ascii_strcasecmp(m->name, name)) {
            return m;
        }
        if (n < G_N_ELEMENTS(names) - 1) {
            names[n++] = m->name;
        }
    }
    names[n] = NULL;
    near = suggest_nearest(name, names);
    error_set(errp, "unknown CPU model '%s'", name);
    if (!g_ascii_strcasecmp(name, "host")) {
        error_add_hint(errp, "'host' needs KVM; the software engine's widest model is 'max'.");
    } else if (near) {
        error_add_hint(errp, "Did you mean '%s'? '-cpu help' lists all.", near);
    } else {
        error_add_hint(errp, "'-cpu help' lists all models.");
    }
    return NULL;
}

/* --- -cpu ---------------------------------------------------------------------------------------------------- */

typedef struct Wish {
    CpuModel *model;
    uint32_t plus[FEAT_WORDS], minus[FEAT_WORDS];
    bool check, enforce;
    bool kvm, migratable, vendor_given;
} Wish;

static bool wish_feature(Wish *w, const char *name, bool on, Error **errp)
{
    int f = cpuid_feature_by_name(name);

    if (f < 0) {
        suggest_feature(name, errp);
        return false;
    }
    (on ? w->plus : w->minus)[f >> 5] |= 1u << (f & 31);
    (on ? w->minus : w->plus)[f >> 5] &= ~(1u << (f & 31));
    return true;
}

static bool wish_number(Wish *w, const char *key, const char *value, bool *known, Error **errp)
{
    CpuModel *m = w->model;
    uint64_t v = 0;

    *known = true;
    if (!strcmp(key, "family") || !strcmp(key, "model") || !strcmp(key, "stepping")) {
        uint64_t max = *key == 'f' ? 0xff + 0xf : *key == 'm' ? 0xff : 0xf;

        if (!parse_uint(key, value, 0, max, &v, errp)) {
            return false;
        }
        *(*key == 'f' ? &m->family : *key == 'm' ? &m->model : &m->stepping) = (uint16_t)v;
    } else if (!strcmp(key, "level") || !strcmp(key, "xlevel")) {
        if (!parse_uint(key, value, 0, UINT32_MAX, &v, errp)) {
            return false;
        }
        *(*key == 'l' ? &m->level : &m->xlevel) = (uint32_t)v;
    } else if (!strcmp(key, "model-id")) {
        g_free((char *)(uintptr_t)m->brand);
        m->brand = g_strdup(value);
    } else if (!strcmp(key, "vendor")) {
        if (strcmp(value, "GenuineIntel") && strcmp(value, "AuthenticAMD")) {
            error_set(errp, "CPU vendor '%s' is not known: GenuineIntel and AuthenticAMD are", value);
            return false;
        }
        m->vendor = value[0] == 'G' ? VENDOR_INTEL : VENDOR_AMD;
        w->vendor_given = true;
    } else {
        *known = false;
    }
    return true;
}

/* Properties that mean something to a hardware accelerator only; they do no harm in software. */
static bool wish_extra_value(Wish *w, const char *key, const char *value, bool *known, Error **errp)
{
    CpuExtras *x = &w->model->extras;
    uint64_t v = 0;

    *known = true;
    if (same_name(key, "tsc-frequency")) {
        if (!parse_uint(key, value ? value : "", 1, UINT64_MAX / 2, &v, errp)) {
            return false;
        }
        x->tsc_hz = v;
    } else if (same_name(key, "hv-spinlocks")) {
        if (!parse_uint(key, value ? value : "0xffffffff", 0xfff, UINT32_MAX, &v, errp)) {
            return false;
        }
        x->hv_spinlocks = (uint32_t)v;
    } else if (same_name(key, "hv-vendor-id")) {
        if (!value || strlen(value) > 12) {
            error_set(errp, "hv-vendor-id=%s must have 1 to 12 characters", value ? value : "");
            return false;
        }
        g_strlcpy(x->hv_vendor, value, sizeof(x->hv_vendor));
    } else if (same_name(key, "hv-no-nonarch-coresharing") && !g_strcmp0(value, "auto")) {
        w->plus[FEAT_HV] |= cpuid_implemented(FEAT_HV) & 1u << HV_NO_CORESHARING;
    } else {
        *known = false;
    }
    return true;
}

static bool wish_hv_version(Wish *w, const char *key, const char *value, bool *known, Error **errp)
{
    static const struct {
        const char *name;
        uint32_t most;
    } parts[HV_VERSIONS] = {
        [HV_BUILD] = { "hv-version-id-build", UINT32_MAX },   [HV_MAJOR] = { "hv-version-id-major", UINT16_MAX },
        [HV_MINOR] = { "hv-version-id-minor", UINT16_MAX },   [HV_SPACK] = { "hv-version-id-spack", UINT32_MAX },
        [HV_SBRANCH] = { "hv-version-id-sbranch", UINT8_MAX }, [HV_SNUMBER] = { "hv-version-id-snumber", 0xffffff },
    };
    uint64_t v = 0;

    for (unsigned n = 0; n < HV_VERSIONS; n++) {
        if (same_name(key, parts[n].name)) {
            *known = w->model->extras.hv_version_said = true;
            if (!parse_uint(key, value ? value : "", 0, parts[n].most, &v, errp)) {
                return false;
            }
            w->model->extras.hv_version[n] = (uint32_t)v;
        }
    }
    return true;
}

static bool wish_extra(Wish *w, const char *key, const char *value, bool *ok, Error **errp)
{
    static const char *const harmless[] = { "pmu", "host-phys-bits", "host-cache-info", "l3-cache", "full-cpuid-auto-level",
                                            "fill-mtrr-mask", "cpuid-0xb" };
    bool on = true, known;

    *ok = wish_extra_value(w, key, value, &known, errp);
    if (!known) {
        *ok = wish_hv_version(w, key, value, &known, errp);
    }
    if (known) {
        return true;
    }
    bool *flag = same_name(key, "migratable") ? &w->migratable : same_name(key, "kvm") ? &w->kvm :
                 same_name(key, "hv-passthrough") ? &w->model->extras.hv_passthrough : NULL;
    for (unsigned k = 0; k < G_N_ELEMENTS(harmless) && !flag; k++) {
        known |= same_name(key, harmless[k]);
    }
    if (!flag && !known) {
        return false;
    }
    *ok = !value || parse_bool(key, value, &on, errp);
    if (flag) {
        *flag = on;
    }
    return true;
}

static bool wish_word(Wish *w, const char *word, Error **errp)
{
    char **kv = g_strsplit(word, "=", 2);
    bool on = true, known = false, ok;

    if (word[0] == '+' || word[0] == '-') {
        ok = wish_feature(w, word + 1, word[0] == '+', errp);
    } else if (!strcmp(kv[0], "check") || !strcmp(kv[0], "enforce")) {
        ok = !kv[1] || parse_bool(kv[0], kv[1], &on, errp);
        *(word[0] == 'c' ? &w->check : &w->enforce) = on;
    } else if (wish_extra(w, kv[0], kv[1], &ok, errp)) {
    } else {
        ok = !kv[1] || wish_number(w, kv[0], kv[1], &known, errp);
        if (ok && !known) {
            ok = (!kv[1] || parse_bool(kv[0], kv[1], &on, errp)) && wish_feature(w, kv[0], on, errp);
        }
    }
    g_strfreev(kv);
    return ok;
}

static void list_missing(GString *s, const uint32_t missing[FEAT_WORDS])
{
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (missing[w] & 1u << b) {
                g_string_append_printf(s, "%s%s", s->len ? ", " : "", cpuid_names[w][b] ? cpuid_names[w][b] : "?");
            }
        }
    }
}

/* Takes away what the engine lacks; says so, or fails with enforce. */
static bool wish_filter(Wish *w, bool first_cpu, Error **errp)
{
    uint32_t missing[FEAT_WORDS] = { 0 }, any = 0;
    /* The default models promise no processor in particular: of them only what was asked for is missed. */
    bool vague = engine && !w->enforce && g_str_has_prefix(w->model->name, "qemu");

    for (unsigned k = 0; k < FEAT_WORDS; k++) {
        uint32_t want = (w->model->feat[k] | w->plus[k]) & ~w->minus[k];

        missing[k] = (vague ? w->plus[k] & want : want) & ~cpuid_implemented(k);
        any |= missing[k];
        w->model->feat[k] = want & cpuid_implemented(k);
    }
    if (!any || !(w->check || w->enforce)) {
        return true;
    }
    GString *s = g_string_new(NULL);

    list_missing(s, missing);
    if (w->enforce) {
        error_set(errp, "CPU model '%s' has features that this engine or host lacks: %s", w->model->name, s->str);
        error_add_hint(errp, "Leave out 'enforce', or switch them off with '-feature'.");
    } else if (first_cpu) {
        warn_report("CPU model '%s': left out, because this engine or host lacks them: %s", w->model->name, s->str);
    }
    g_string_free(s, TRUE);
    return !w->enforce;
}

/* Enlightenments that are of no use without others: guests that find such a set stop early in their start. */
static bool wish_check_hyperv(const Wish *w, Error **errp)
{
    static const struct {
        uint8_t flag, needs;
    } rules[] = {
        { HV_SYNIC, HV_VPINDEX }, { HV_STIMER, HV_SYNIC }, { HV_STIMER, HV_TIME }, { HV_STIMER_DIRECT, HV_STIMER },
        { HV_TLBFLUSH, HV_VPINDEX }, { HV_TLBFLUSH_EXT, HV_TLBFLUSH }, { HV_TLBFLUSH_DIRECT, HV_VAPIC }, { HV_IPI, HV_VPINDEX },
        { HV_EVMCS, HV_VAPIC },
    };
    uint32_t have = w->model->feat[FEAT_HV];

    for (unsigned k = 0; k < G_N_ELEMENTS(rules); k++) {
        if ((have >> rules[k].flag & 1) && !(have >> rules[k].needs & 1)) {
            error_set(errp, "-cpu: %s needs %s as well", cpuid_names[FEAT_HV][rules[k].flag], cpuid_names[FEAT_HV][rules[k].needs]);
            return false;
        }
    }
    return true;
}

/* The model to begin with, as a copy that the command line may change. */
static CpuModel *copy_model(const char *name, Error **errp)
{
    bool whole = !g_ascii_strcasecmp(name, "max") || !g_ascii_strcasecmp(name, "host");

    if (whole && engine) {
        return cpuid_host_model(name);
    }
    const CpuModel *base = find_model(name, errp);

    if (!base) {
        return NULL;
    }
    CpuModel *m = g_memdup2(base, sizeof(*base));

    m->brand = g_strdup(base->brand);
    for (unsigned k = 0; whole && k < FEAT_WORDS; k++) {
        m->feat[k] = cpuid_implemented(k);
    }
    return m;
}

/* What guests on a hardware accelerator get without asking. */
static void wish_engine_defaults(Wish *w)
{
    static const uint32_t pv = 1u << 0 | 1u << 1 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 24;
    CpuModel *m = w->model;
    bool whole = !strcmp(m->name, "host") || !strcmp(m->name, "max");

    m->feat[FEAT_KVM] = !w->kvm ? 0 : whole ? engine->supported[FEAT_KVM] : engine->supported[FEAT_KVM] & pv;
    if (m->extras.hv_passthrough) {
        m->feat[FEAT_HV] = engine->supported[FEAT_HV] & ~(1u << HV_ENFORCE_CPUID | 1u << HV_TLBFLUSH_DIRECT);
    }
    if (!whole) {
        if (engine->x2apic) {
            m->feat[FEAT_1_ECX] |= B(CPUID_X2APIC);
        } else {
            m->feat[FEAT_1_ECX] &= ~(B(CPUID_X2APIC) | B(CPUID_TSC_DEADLINE));
        }
        m->feat[FEAT_1_ECX] &= ~B(CPUID_MONITOR);
        m->feat[FEAT_X1_ECX] &= ~B(CPUID_SVM);
        m->feat[FEAT_X7_EDX] &= ~B(CPUID_INVTSC);
        if (!w->vendor_given) {
            m->vendor = cpuid_host_vendor(); /* guests choose code by it that only this vendor's processors run */
        }
    } else if (w->migratable) {
        m->feat[FEAT_X7_EDX] &= ~B(CPUID_INVTSC);
    }
}

bool cpuid_configure(X86Cpu *cpu, const char *spec, const CpuTopology *topo, Error **errp)
{
    char **parts = g_strsplit(spec, ",", -1);
    Wish w = { .check = true, .kvm = true, .migratable = true };
    bool ok;

    w.model = copy_model(parts[0] ? parts[0] : "", errp);
    cpu->model = w.model;
    ok = w.model != NULL;
    if (ok) {
        w.model->feat[FEAT_1_ECX] |= B(CPUID_HYPERVISOR);
    }
    for (char **p = parts + 1; ok && parts[0] && *p; p++) {
        ok = wish_word(&w, *p, errp);
    }
    if (ok && engine) {
        wish_engine_defaults(&w);
    }
    ok = ok && wish_filter(&w, vcpu_count() == 0, errp) && wish_check_hyperv(&w, errp);
    g_strfreev(parts);
    if (!ok) {
        cpuid_free(cpu);
        return false;
    }
    memcpy(cpu->feat, w.model->feat, sizeof(w.model->feat));
    cpu->topo = *topo;
    if (topo->dies > 1 && w.model->vendor == VENDOR_INTEL) {
        w.model->level = MAX(w.model->level, 0x1fu); /* the leaf that tells dies */
    }
    return true;
}

void cpuid_free(X86Cpu *cpu)
{
    if (cpu->model) {
        g_free((char *)(uintptr_t)cpu->model->brand);
        g_free((CpuModel *)(uintptr_t)cpu->model);
        cpu->model = NULL;
    }
}

void cpuid_print_models(FILE *f)
{
    unsigned col = 0;

    fprintf(f, "Available CPUs:\n");
    for (const CpuModel *m = cpu_models; m->name; m++) {
        fprintf(f, "x86 %-22s %s\n", m->name, m->desc);
    }
    for (const CpuAlias *a = cpu_aliases; a->name; a++) {
        fprintf(f, "x86 %-22s (alias of %s)\n", a->name, a->model);
    }
    fprintf(f, "\nRecognized CPUID flags (those that this engine lacks are in brackets):\n");
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (!cpuid_names[w][b]) {
                continue;
            }
            bool have = cpuid_implemented(w) & 1u << b;
            int n = fprintf(f, have ? "%s%s" : "%s[%s]", col ? " " : "  ", cpuid_names[w][b]);

            col += (unsigned)MAX(n, 0);
            if (col > 70) {
                fprintf(f, "\n");
                col = 0;
            }
        }
    }
    fprintf(f, "\n");
}

/* --- what follows from features ------------------------------------------------------------------------------- */

uint64_t cpuid_cr4_valid(const X86Cpu *cpu)
{
    static const struct {
        uint16_t feature;
        uint32_t bits;
    } rules[] = {
        { CPUID_VME, CR4_VME | CR4_PVI }, { CPUID_TSC, CR4_TSD }, { CPUID_DE, CR4_DE }, { CPUID_PSE, CR4_PSE },
        { CPUID_PAE, CR4_PAE }, { CPUID_MCE, CR4_MCE }, { CPUID_PGE, CR4_PGE }, { CPUID_FXSR, CR4_OSFXSR },
        { CPUID_SSE, CR4_OSXMMEXCPT }, { CPUID_UMIP, CR4_UMIP }, { CPUID_LA57, CR4_LA57 }, { CPUID_FSGSBASE, CR4_FSGSBASE },
        { CPUID_PCID, CR4_PCIDE }, { CPUID_XSAVE, CR4_OSXSAVE }, { CPUID_SMEP, CR4_SMEP }, { CPUID_SMAP, CR4_SMAP },
        { CPUID_PKU, CR4_PKE },
    };
    uint64_t valid = CR4_PCE;

    for (unsigned k = 0; k < G_N_ELEMENTS(rules); k++) {
        valid |= x86_has_feature(cpu, rules[k].feature) ? rules[k].bits : 0;
    }
    return valid;
}

uint64_t cpuid_efer_valid(const X86Cpu *cpu)
{
    return (x86_has_feature(cpu, CPUID_SYSCALL) ? EFER_SCE : 0) | (x86_has_feature(cpu, CPUID_NX) ? EFER_NXE : 0) |
           (x86_has_feature(cpu, CPUID_LM) ? EFER_LME | EFER_LMA : 0) | (x86_has_feature(cpu, CPUID_FXSR_OPT) ? EFER_FFXSR : 0);
}

uint64_t cpuid_xcr0_valid(const X86Cpu *cpu)
{
    if (!x86_has_feature(cpu, CPUID_XSAVE)) {
        return 0;
    }
    uint64_t xcr0 = 3 | (x86_has_feature(cpu, CPUID_AVX) ? 4 : 0) | (x86_has_feature(cpu, CPUID_PKU) ? 1u << 9 : 0);

    if (engine) {
        xcr0 |= x86_has_feature(cpu, CPUID_BIT(FEAT_7_EBX, 14)) ? 0x18 : 0; /* MPX */
        xcr0 |= x86_has_feature(cpu, CPUID_AVX512F) ? 0xe0 : 0;
        xcr0 |= x86_has_feature(cpu, CPUID_BIT(FEAT_7_EDX, 24)) ? 3u << 17 : 0; /* AMX */
        xcr0 &= engine->xcr0;
    }
    return xcr0;
}

unsigned cpuid_phys_bits(const X86Cpu *cpu)
{
    unsigned wide = engine && engine->phys_bits ? MIN(engine->phys_bits, 40u) : 40;

    return x86_has_feature(cpu, CPUID_LM) ? wide : x86_has_feature(cpu, CPUID_PAE) || x86_has_feature(cpu, CPUID_PSE36) ? 36 : 32;
}

uint32_t cpuid_signature(const X86Cpu *cpu)
{
    const CpuModel *m = cpu->model;
    uint32_t family = MIN(m->family, 15u), ext = m->family - family;

    return m->stepping | (m->model & 0xfu) << 4 | family << 8 | (m->model >> 4 & 0xfu) << 16 | ext << 20;
}
