/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers on their way between the kernel and X86Cpu.  The list is the kernel's own
 * (KVM_GET_MSR_INDEX_LIST) and what it leaves out (MTRRs, machine check banks); those without a field in X86Cpu are kept
 * beside it.  Only what differs from what the kernel holds is written: some have effects (the wall clock of kvmclock writes to
 * guest memory).  vCPU's thread, big lock.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "util/log.h"

#include <sys/ioctl.h>

enum { MSR_TSC = 0x10, MSR_MC0_CTL = 0x400, MSR_BANKS_MAX = 10, MSR_BATCH = 128 };

static const struct {
    uint32_t first, count, offset;
} msr_fields[] = {
    { 0x03b, 1, offsetof(X86Cpu, tsc_adjust) },     { 0x09e, 1, offsetof(X86Cpu, smbase) },
    { 0x174, 1, offsetof(X86Cpu, sysenter_cs) },    { 0x175, 1, offsetof(X86Cpu, sysenter_esp) },
    { 0x176, 1, offsetof(X86Cpu, sysenter_eip) },   { 0x17a, 1, offsetof(X86Cpu, mcg_status) },
    { 0x17b, 1, offsetof(X86Cpu, mcg_ctl) },        { 0x1a0, 1, offsetof(X86Cpu, misc_enable) },
    { 0x1d9, 1, offsetof(X86Cpu, debugctl) },       { 0x200, 16, offsetof(X86Cpu, mtrr_var) },
    { 0x250, 1, offsetof(X86Cpu, mtrr_fix) },       { 0x258, 2, offsetof(X86Cpu, mtrr_fix) + 8 },
    { 0x268, 8, offsetof(X86Cpu, mtrr_fix) + 24 },  { 0x277, 1, offsetof(X86Cpu, pat) },
    { 0x2ff, 1, offsetof(X86Cpu, mtrr_def) },       { 0x400, 40, offsetof(X86Cpu, mce_banks) },
    { 0xda0, 1, offsetof(X86Cpu, xss) },            { 0xc0000081, 1, offsetof(X86Cpu, star) },
    { 0xc0000082, 1, offsetof(X86Cpu, lstar) },     { 0xc0000083, 1, offsetof(X86Cpu, cstar) },
    { 0xc0000084, 1, offsetof(X86Cpu, sfmask) },    { 0xc0000102, 1, offsetof(X86Cpu, kernel_gs_base) },
    { 0xc0000103, 1, offsetof(X86Cpu, tsc_aux) },
};

/* Moved by other means: the time stamp counter (clock.c), the local APIC's deadline and base (irqchip.c), EFER and bases
 * (system registers). */
static const uint32_t msr_elsewhere[] = { MSR_TSC, 0x1b, 0x6e0, 0xc0000080, 0xc0000100, 0xc0000101 };

static uint32_t msr_offset(uint32_t index)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(msr_fields); i++) {
        if (index - msr_fields[i].first < msr_fields[i].count) {
            return msr_fields[i].offset + (index - msr_fields[i].first) * 8;
        }
    }
    return 0;
}

static uint64_t *msr_place(X86Cpu *cpu, KvmMsr *m)
{
    return m->offset ? (uint64_t *)(void *)((uint8_t *)cpu + m->offset) : &m->value;
}

/* Reads or writes one; false: the kernel does not do that. */
static bool msr_one(int fd, unsigned long request, uint32_t index, uint64_t *val)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } m = { .head = { .nmsrs = 1 }, .entry = { .index = index, .data = *val } };
    bool ok = kvm_ioctl(fd, request, &m) == 1;
    *val = m.entry.data;
    return ok;
}

static void msr_add(GArray *list, int fd, uint32_t index)
{
    KvmMsr m = { .index = index, .offset = msr_offset(index) };
    for (unsigned i = 0; i < G_N_ELEMENTS(msr_elsewhere); i++) {
        if (msr_elsewhere[i] == index) {
            return;
        }
    }
    for (unsigned i = 0; i < list->len; i++) {
        if (g_array_index(list, KvmMsr, i).index == index) {
            return;
        }
    }
    if (msr_one(fd, KVM_GET_MSRS, index, &m.initial)) {
        m.seen = m.value = m.initial;
        g_array_append_val(list, m);
    }
}

static void msrs_add_unlisted(GArray *list, int fd)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(msr_fields); i++) {
        unsigned count = msr_fields[i].first == MSR_MC0_CTL ? (unsigned)MIN(kvm.mcg_cap & 0xff, MSR_BANKS_MAX) * 4 : msr_fields[i].count;
        for (unsigned n = 0; n < count; n++) {
            msr_add(list, fd, msr_fields[i].first + n);
        }
    }
}

bool kvm_msrs_init(Vcpu *v, Error **errp)
{
    KvmVcpu *k = kvm_vcpu(v);
    struct kvm_msr_list size = { 0 };
    ioctl(kvm.fd, KVM_GET_MSR_INDEX_LIST, &size); /* E2BIG tells how many */
    struct kvm_msr_list *all = g_malloc0(sizeof(*all) + size.nmsrs * sizeof(uint32_t));
    all->nmsrs = size.nmsrs;
    if (kvm_ioctl(kvm.fd, KVM_GET_MSR_INDEX_LIST, all) < 0) {
        error_set_errno(errp, errno, "kvm: cannot read the list of MSRs");
        g_free(all);
        return false;
    }
    GArray *list = g_array_new(FALSE, FALSE, sizeof(KvmMsr));
    for (unsigned i = 0; i < all->nmsrs; i++) {
        msr_add(list, k->fd, all->indices[i]);
    }
    msrs_add_unlisted(list, k->fd);
    g_free(all);
    k->msr_count = list->len;
    k->msrs = (KvmMsr *)(void *)g_array_free(list, FALSE);
    return true;
}

typedef struct MsrBatch {
    struct kvm_msrs head;
    struct kvm_msr_entry entries[MSR_BATCH];
} MsrBatch;

void kvm_msrs_get(Vcpu *v)
{
    KvmVcpu *k = kvm_vcpu(v);
    X86Cpu *cpu = x86_cpu(v);
    MsrBatch *b = g_new0(MsrBatch, 1);
    for (unsigned from = 0; from < k->msr_count;) {
        unsigned n = MIN(k->msr_count - from, (unsigned)MSR_BATCH);
        for (unsigned i = 0; i < n; i++) {
            b->entries[i] = (struct kvm_msr_entry){ .index = k->msrs[from + i].index };
        }
        b->head.nmsrs = n;
        int got = kvm_ioctl(k->fd, KVM_GET_MSRS, b);
        for (int i = 0; i < got; i++) {
            KvmMsr *m = &k->msrs[from + (unsigned)i];
            m->seen = b->entries[i].data;
            *msr_place(cpu, m) = m->seen;
        }
        from += got > 0 ? (unsigned)got : 1; /* one that cannot be read now keeps its value */
    }
    g_free(b);
}

/* Writes those that are listed in @b; what the kernel refuses is said in the log, once a value. */
static void msrs_write(Vcpu *v, MsrBatch *b, KvmMsr **who, unsigned n)
{
    for (unsigned from = 0; from < n;) {
        MsrBatch *part = g_new0(MsrBatch, 1);
        part->head.nmsrs = n - from;
        memcpy(part->entries, b->entries + from, (n - from) * sizeof(b->entries[0]));
        int done = kvm_ioctl(kvm_vcpu(v)->fd, KVM_SET_MSRS, part);
        g_free(part);
        for (int i = 0; i < done; i++) {
            who[from + (unsigned)i]->seen = b->entries[from + (unsigned)i].data;
        }
        from += (unsigned)MAX(done, 0);
        if (from < n) {
            log_printf(LOG_UNIMP, "kvm: CPU %u: MSR 0x%x does not take 0x%llx\n", v->index, b->entries[from].index,
                       (unsigned long long)b->entries[from].data);
            from++;
        }
    }
}

void kvm_msrs_put(Vcpu *v, bool reset)
{
    KvmVcpu *k = kvm_vcpu(v);
    X86Cpu *cpu = x86_cpu(v);
    MsrBatch *b = g_new0(MsrBatch, 1);
    KvmMsr *who[MSR_BATCH];
    unsigned n = 0;
    for (unsigned i = 0; i < k->msr_count; i++) {
        KvmMsr *m = &k->msrs[i];
        if (reset && !m->offset) {
            m->value = m->initial;
        }
        uint64_t wanted = *msr_place(cpu, m);
        if (wanted == m->seen) {
            continue;
        }
        b->entries[n] = (struct kvm_msr_entry){ .index = m->index, .data = wanted };
        who[n++] = m;
        if (n == MSR_BATCH) {
            msrs_write(v, b, who, n);
            n = 0;
        }
    }
    msrs_write(v, b, who, n);
    uint64_t zero = 0;
    if (reset && !msr_one(k->fd, KVM_SET_MSRS, MSR_TSC, &zero)) {
        log_printf(LOG_UNIMP, "kvm: CPU %u: the time stamp counter cannot be reset\n", v->index);
    }
    g_free(b);
}
