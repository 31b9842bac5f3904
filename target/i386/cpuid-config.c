/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -cpu: from "model,+feat,-feat,feat=on|off,family=..." to a vCPU's features, and what the engine implements.
 * Under the big lock, at creation.
 */
#include "util/osdep.h"
#include "target/i386/cpuid-int.h"
#include "target/i386/fpu.h"
#include "target/i386/native.h"
#include "util/keyval.h"

/* ---- what the engine implements -------------------------------------------------------------------------------- */

/* By name, so that this list can be read.  Those of the second list are run by the host's own instructions. */
static const char cpuid_ours[] =
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ss ht "
    "pni monitor cx16 pcid x2apic movbe popcnt tsc-deadline xsave rdrand hypervisor "
    "fsgsbase tsc-adjust bmi1 smep bmi2 erms invpcid rdseed adx smap clflushopt clwb umip rdpid fsrm serialize "
    "syscall nx mmxext pdpe1gb rdtscp lm lahf-lm cmp-legacy cr8legacy abm misalignsse 3dnowprefetch topoext "
    "invtsc clzero wbnoinvd arat xsaveopt xsavec xgetbv1 xsaves";
static const char cpuid_by_host[] = "ssse3 sse4.1 sse4.2 aes pclmulqdq avx f16c fma avx2 sha-ni gfni vaes vpclmulqdq";

static void cpuid_set_list(uint32_t *feat, const char *list, bool on)
{
    g_auto(GStrv) names = g_strsplit(list ? list : "", " ", -1);
    for (unsigned n = 0; names[n]; n++) {
        int f = *names[n] ? cpuid_feature_by_name(names[n]) : -1;
        if (f >= 0) {
            feat[f >> 5] = on ? feat[f >> 5] | 1u << (f & 31) : feat[f >> 5] & ~(1u << (f & 31));
        }
    }
}

uint32_t cpuid_implemented(unsigned word)
{
    static uint32_t mask[FEAT_WORDS];
    static gsize done;
    if (g_once_init_enter(&done)) {
        uint32_t host[FEAT_WORDS] = { 0 };
        cpuid_set_list(host, cpuid_by_host, true);
        for (unsigned n = 0; n < FEAT_WORDS; n++) {
            const CpuidWord *w = &cpuid_words[n];
            mask[n] |= host[n] & native_host_cpuid(w->leaf, w->subleaf, w->reg);
        }
        cpuid_set_list(mask, cpuid_ours, true);
        if (!(xsave_supported() & 4)) {
            cpuid_set_list(mask, "avx f16c fma avx2 vaes vpclmulqdq", false);
        }
        g_once_init_leave(&done, 1);
    }
    return mask[word];
}

/* ---- models ------------------------------------------------------------------------------------------------------- */

static const CpuModel *cpuid_find_model(const char *name)
{
    for (const CpuModel *m = cpu_models; m->name; m++) {
        if (!strcmp(m->name, name)) {
            return m;
        }
    }
    return NULL;
}

/* "Haswell-noTSX-IBRS", "EPYC-v2": variants differ in features that no guest here is shown. */
static const CpuModel *cpuid_find_variant(const char *name)
{
    static const char *const suffixes[] = { "-noTSX", "-IBRS", "-IBPB", NULL };
    g_autofree char *base = g_strdup(name);
    for (bool cut = true; cut;) {
        const CpuModel *m = cpuid_find_model(base);
        if (m) {
            return m;
        }
        cut = false;
        for (unsigned n = 0; suffixes[n]; n++) {
            if (g_str_has_suffix(base, suffixes[n])) {
                base[strlen(base) - strlen(suffixes[n])] = 0;
                cut = true;
            }
        }
        char *version = strrchr(base, '-');
        if (!cut && version && version[1] == 'v' && g_ascii_isdigit(version[2])) {
            *version = 0;
            cut = true;
        }
    }
    return NULL;
}

static void cpuid_model_features(const CpuModel *m, uint32_t *feat)
{
    if (!strcmp(m->name, "max")) {
        for (unsigned n = 0; n < FEAT_WORDS; n++) {
            feat[n] = cpuid_implemented(n);
        }
        cpuid_set_list(feat, "monitor cmp-legacy", false);
        return;
    }
    if (m->base) {
        cpuid_model_features(cpuid_find_model(m->base), feat);
    }
    cpuid_set_list(feat, m->plus, true);
    cpuid_set_list(feat, m->minus, false);
}

/* ---- the option string ---------------------------------------------------------------------------------------------- */

typedef struct CpuidRequest {
    CpuModel *model;
    uint32_t feat[FEAT_WORDS], asked[FEAT_WORDS]; /* asked: explicitly switched on */
    bool check, enforce;
    unsigned phys_bits;
} CpuidRequest;

static bool cpuid_parse_number(const char *key, const char *value, uint64_t max, uint64_t *out, Error **errp)
{
    char *end;
    errno = 0;
    uint64_t v = g_ascii_strtoull(value, &end, 0);
    if (errno || end == value || *end || v > max) {
        error_set(errp, "-cpu: '%s=%s' is not a number from 0 to %" PRIu64, key, value, max);
        return false;
    }
    *out = v;
    return true;
}

static bool cpuid_parse_vendor(CpuidRequest *r, const char *value, Error **errp)
{
    if (!strcmp(value, "GenuineIntel")) {
        r->model->vendor = VENDOR_INTEL;
    } else if (!strcmp(value, "AuthenticAMD")) {
        r->model->vendor = VENDOR_AMD;
    } else {
        error_set(errp, "-cpu: vendor '%s' is not known; there are GenuineIntel and AuthenticAMD", value);
        return false;
    }
    return true;
}

/* Keys with a value that are not features.  *known tells whether it was one. */
static bool cpuid_parse_value(CpuidRequest *r, const char *key, const char *value, bool *known, Error **errp)
{
    uint64_t v;
    CpuModel *m = r->model;
    *known = true;
    if (!strcmp(key, "family")) {
        return cpuid_parse_number(key, value, 0xff + 0xf, &v, errp) && ((m->family = (uint16_t)v), true);
    }
    if (!strcmp(key, "model")) {
        return cpuid_parse_number(key, value, 0xff, &v, errp) && ((m->model = (uint16_t)v), true);
    }
    if (!strcmp(key, "stepping")) {
        return cpuid_parse_number(key, value, 0xf, &v, errp) && ((m->stepping = (uint16_t)v), true);
    }
    if (!strcmp(key, "level") || !strcmp(key, "min-level")) {
        return cpuid_parse_number(key, value, 0xff, &v, errp) && ((m->level = (uint32_t)v), true);
    }
    if (!strcmp(key, "xlevel") || !strcmp(key, "min-xlevel")) {
        return cpuid_parse_number(key, value, UINT32_MAX, &v, errp) && ((m->xlevel = (uint32_t)v), true);
    }
    if (!strcmp(key, "phys-bits")) {
        return cpuid_parse_number(key, value, 52, &v, errp) && ((r->phys_bits = v ? MAX((unsigned)v, 32) : 0), true);
    }
    if (!strcmp(key, "vendor")) {
        return cpuid_parse_vendor(r, value, errp);
    }
    if (!strcmp(key, "model-id")) {
        g_free((char *)m->brand);
        m->brand = g_strndup(value, 47);
        return true;
    }
    *known = false;
    return true;
}

/* Switches that mean something to other engines or to migration; harmless here. */
static bool cpuid_ignored_key(const char *key)
{
    static const char *const keys[] = { "migratable", "pmu", "kvm", "l3-cache", "host-phys-bits", "host-cache-info", "x-force-features",
                                        "fill-mtrr-mask", "tcg-cpuid", "kvm-no-smi-migration", "legacy-cache", "apic-id", NULL };
    return g_strv_contains(keys, key) || g_str_has_prefix(key, "kvm") || g_str_has_prefix(key, "hv-") ||
           g_str_has_prefix(key, "vmx-") || g_str_has_prefix(key, "hv_");
}

static bool cpuid_unknown_key(const char *key, Error **errp)
{
    const char *names[FEAT_WORDS * 32 + 1];
    unsigned count = 0;
    for (unsigned n = 0; n < FEAT_WORDS * 32; n++) {
        if (cpuid_words[n / 32].names[n % 32]) {
            names[count++] = cpuid_words[n / 32].names[n % 32];
        }
    }
    names[count] = NULL;
    error_set(errp, "-cpu: no feature or property is called '%s'", key);
    const char *near = suggest_nearest(key, names);
    if (near) {
        error_add_hint(errp, "Did you mean '%s'? -cpu help lists all.", near);
    }
    return false;
}

static bool cpuid_parse_item(CpuidRequest *r, const char *item, Error **errp)
{
    bool on = *item != '-', known = false;
    g_autofree char *key = g_strdup(item + (*item == '+' || *item == '-'));
    char *value = strchr(key, '=');
    if (value) {
        *value++ = 0;
        if (!cpuid_parse_value(r, key, value, &known, errp)) {
            return false;
        }
        if (known || cpuid_ignored_key(key)) {
            return true;
        }
        if (!parse_bool(key, value, &on, errp)) {
            return false;
        }
    }
    if (!strcmp(key, "check") || !strcmp(key, "enforce")) {
        *(*key == 'c' ? &r->check : &r->enforce) = on;
        return true;
    }
    int f = cpuid_feature_by_name(key);
    if (f < 0) {
        return cpuid_ignored_key(key) || cpuid_unknown_key(key, errp);
    }
    uint32_t bit = 1u << (f & 31);
    r->feat[f >> 5] = on ? r->feat[f >> 5] | bit : r->feat[f >> 5] & ~bit;
    r->asked[f >> 5] = on ? r->asked[f >> 5] | bit : r->asked[f >> 5] & ~bit;
    return true;
}

/* Takes away what the engine lacks; says so for what was asked by name, for all with check or enforce. */
static bool cpuid_filter(CpuidRequest *r, bool quiet, Error **errp)
{
    GString *missing = g_string_new(NULL);
    for (unsigned n = 0; n < FEAT_WORDS * 32; n++) {
        uint32_t bit = 1u << (n & 31);
        const CpuidWord *w = &cpuid_words[n / 32];
        if (!(r->feat[n / 32] & ~cpuid_implemented(n / 32) & bit)) {
            continue;
        }
        r->feat[n / 32] &= ~bit;
        if (r->check || r->enforce || (r->asked[n / 32] & bit)) {
            g_string_append_printf(missing, "%s%s (%s bit %u)", missing->len ? ", " : "", w->names[n & 31], w->text, n & 31);
        }
    }
    bool ok = true;
    if (missing->len && r->enforce) {
        error_set(errp, "-cpu %s,enforce: this engine does not have %s", r->model->name, missing->str);
        ok = false;
    } else if (missing->len && !quiet) {
        warn_report("-cpu %s: this engine does not have %s", r->model->name, missing->str);
    }
    g_string_free(missing, TRUE);
    return ok;
}

/* Features that make no sense without others. */
static void cpuid_dependencies(uint32_t *feat)
{
    static const struct {
        const char *need, *lost;
    } rules[] = {
        { "xsave", "xsaveopt xsavec xgetbv1 xsaves avx" }, { "avx", "avx2 f16c fma vaes vpclmulqdq" },
        { "lm", "lahf-lm pdpe1gb cx16 fsgsbase pcid invpcid la57 cr8legacy" }, { "apic", "x2apic tsc-deadline" },
    };
    for (unsigned n = 0; n < G_N_ELEMENTS(rules); n++) {
        int f = cpuid_feature_by_name(rules[n].need);
        if (!(feat[f >> 5] >> (f & 31) & 1)) {
            cpuid_set_list(feat, rules[n].lost, false);
        }
    }
}

static bool cpuid_apply(X86Cpu *cpu, CpuidRequest *r, const char *spec, Error **errp)
{
    g_auto(GStrv) items = g_strsplit(spec, ",", -1);
    for (unsigned n = 1; items[0] && items[n]; n++) {
        if (*items[n] && !cpuid_parse_item(r, items[n], errp)) {
            return false;
        }
    }
    if (!cpuid_filter(r, cpu->vcpu.index != 0, errp)) {
        return false;
    }
    cpuid_dependencies(r->feat);
    memcpy(cpu->feat, r->feat, sizeof(r->feat));
    cpu->phys_bits = r->phys_bits;
    return true;
}

static void cpuid_free_model(CpuModel *m)
{
    g_free((char *)m->brand);
    g_free(m);
}

bool cpuid_configure(X86Cpu *cpu, const char *spec, const CpuTopology *topo, Error **errp)
{
    spec = spec && *spec ? spec : "qemu64";
    g_autofree char *name = g_strndup(spec, strcspn(spec, ","));
    const CpuModel *found = cpuid_find_variant(name);
    if (!found) {
        const char *names[64];
        unsigned count = 0;
        for (const CpuModel *m = cpu_models; m->name && count < 63; m++) {
            names[count++] = m->name;
        }
        names[count] = NULL;
        error_set(errp, "no CPU model is called '%s'", name);
        const char *near = suggest_nearest(name, names);
        if (near) {
            error_add_hint(errp, "Did you mean '%s'? -cpu help lists all.", near);
        }
        return false;
    }
    CpuModel *copy = g_memdup2(found, sizeof(*found));
    copy->brand = g_strdup(found->brand);
    CpuidRequest r = { .model = copy };
    cpuid_model_features(found, r.feat);
    cpu->topo = *topo;
    if (!cpuid_apply(cpu, &r, spec, errp)) {
        cpuid_free_model(copy);
        return false;
    }
    cpu->model = copy;
    return true;
}

void cpuid_free(X86Cpu *cpu)
{
    cpuid_free_model((CpuModel *)cpu->model);
    cpu->model = NULL;
}

void cpuid_print_models(FILE *f)
{
    fprintf(f, "Available CPUs:\n");
    for (const CpuModel *m = cpu_models; m->name; m++) {
        fprintf(f, "x86 %-20s  %s\n", m->name, m->desc);
    }
    fprintf(f, "\nRecognized CPUID flags (a '*' follows those that this build's software CPU has):\n");
    unsigned column = 0;
    for (unsigned n = 0; n < FEAT_WORDS * 32; n++) {
        const char *name = cpuid_words[n / 32].names[n % 32];
        if (name) {
            column += (unsigned)fprintf(f, "%s%s%s", column ? " " : "  ", name, cpuid_implemented(n / 32) >> (n % 32) & 1 ? "*" : "");
            if (column > 68) {
                fputc('\n', f);
                column = 0;
            }
        }
    }
    fputc('\n', f);
}
