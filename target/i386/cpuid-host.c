/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's processor as a CPU model: what -cpu host and -cpu max mean with a hardware accelerator.  Start-up, big lock. */
#include "util/osdep.h"
#include "target/i386/cpuid-int.h"
#include "target/i386/native.h"

enum { EAX, EBX, ECX, EDX };

CpuVendor cpuid_host_vendor(void)
{
    uint32_t ebx = native_host_cpuid(0, 0, EBX);
    return ebx == ld_le32("Auth") || ebx == ld_le32("Hygo") ? VENDOR_AMD : VENDOR_INTEL;
}

static char *host_brand(void)
{
    char brand[49] = { 0 };
    for (unsigned part = 0; part < 3 && native_host_cpuid(0x80000000, 0, EAX) >= 0x80000004; part++) {
        for (unsigned reg = 0; reg < 4; reg++) {
            st_le32((uint8_t *)brand + part * 16 + reg * 4, native_host_cpuid(0x80000002 + part, 0, reg));
        }
    }
    return g_strdup(g_strstrip(brand));
}

/* Deterministic cache parameters: Intel's leaf 4, AMD's 0x8000001d. */
static void host_caches(CpuModel *m)
{
    uint32_t leaf = m->vendor == VENDOR_AMD ? 0x8000001d : 4;
    uint32_t top = native_host_cpuid(leaf & 0x80000000, 0, EAX);
    for (uint32_t n = 0; n < 8 && leaf <= top; n++) {
        uint32_t eax = native_host_cpuid(leaf, n, EAX), ebx = native_host_cpuid(leaf, n, EBX);
        unsigned type = eax & 31, level = eax >> 5 & 7, ways = (ebx >> 22) + 1;
        uint64_t bytes = (uint64_t)ways * ((ebx >> 12 & 0x3ff) + 1) * ((ebx & 0xfff) + 1) *
                         ((uint64_t)native_host_cpuid(leaf, n, ECX) + 1);
        uint32_t kib = (uint32_t)MIN(bytes / KiB, UINT32_MAX);
        if (!type) {
            break;
        }
        if (level == 1 && type == 1) {
            m->cache.l1d_kib = (uint16_t)kib, m->cache.l1d_ways = (uint8_t)ways;
        } else if (level == 1 && type == 2) {
            m->cache.l1i_kib = (uint16_t)kib, m->cache.l1i_ways = (uint8_t)ways;
        } else if (level == 2) {
            m->cache.l2_kib = (uint16_t)kib, m->cache.l2_ways = (uint8_t)ways;
        } else if (level == 3) {
            m->cache.l3_kib = kib, m->cache.l3_ways = (uint8_t)ways;
        }
    }
}

/* An AMD processor without that leaf (or as a hypervisor shows it). */
static void host_caches_amd(CpuModel *m)
{
    static const uint8_t ways[16] = { 0, 1, 2, 3, 4, 6, 8, 0, 16, 0, 32, 48, 64, 96, 128, 255 };
    uint32_t l1d = native_host_cpuid(0x80000005, 0, ECX), l1i = native_host_cpuid(0x80000005, 0, EDX);
    uint32_t l2 = native_host_cpuid(0x80000006, 0, ECX), l3 = native_host_cpuid(0x80000006, 0, EDX);
    m->cache.l1d_kib = (uint16_t)(l1d >> 24), m->cache.l1d_ways = (uint8_t)(l1d >> 16);
    m->cache.l1i_kib = (uint16_t)(l1i >> 24), m->cache.l1i_ways = (uint8_t)(l1i >> 16);
    m->cache.l2_kib = (uint16_t)(l2 >> 16), m->cache.l2_ways = ways[l2 >> 12 & 15];
    m->cache.l3_kib = (l3 >> 18) * 512, m->cache.l3_ways = ways[l3 >> 12 & 15];
}

CpuModel *cpuid_host_model(const char *name)
{
    CpuModel *m = g_new0(CpuModel, 1);
    const CpuidEngine *e = cpuid_engine();
    uint32_t eax = native_host_cpuid(1, 0, EAX), family = eax >> 8 & 15;
    m->name = !g_ascii_strcasecmp(name, "max") ? "max" : "host";
    m->desc = "the host's processor";
    m->vendor = cpuid_host_vendor();
    m->family = (uint16_t)(family + (family == 15 ? eax >> 20 & 0xff : 0));
    m->model = (uint16_t)((eax >> 4 & 15) | (family == 6 || family == 15 ? eax >> 12 & 0xf0 : 0));
    m->stepping = eax & 15;
    m->level = MIN(e->leaf(0, 0, EAX), 0x1fu);
    m->xlevel = MIN(e->leaf(0x80000000, 0, EAX), 0x8000001fu);
    memcpy(m->feat, e->supported, sizeof(m->feat));
    m->feat[FEAT_HV] = 0; /* only when asked for */
    m->brand = host_brand();
    host_caches(m);
    if (!m->cache.l1d_kib && m->vendor == VENDOR_AMD && native_host_cpuid(0x80000000, 0, EAX) >= 0x80000006) {
        host_caches_amd(m);
    }
    if (!(cpuid_host_word(FEAT_X1_ECX) & 1u << (CPUID_TOPOEXT & 31))) {
        m->feat[FEAT_X1_ECX] &= ~(1u << (CPUID_TOPOEXT & 31)); /* of named models only */
    }
    return m;
}
